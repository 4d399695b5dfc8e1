//! The charge contract against a server that misbehaves: whatever it does, the answer is an outcome, in time.
//!
//! The server writes raw bytes, because no honest HTTP library lets one tell half an answer.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::{Duration, Instant};

use billing::{
    gateway::{ChargeOutcome, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, Method, PaidBy, RefundClaim},
    money::{Currency, Money},
};
use gateways::{http::client, sandbox::SandboxGateway};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use usecases::ports::Gateway;

const DEADLINE: Duration = Duration::from_millis(700);
const PAID: &str = r#"{"outcome":"succeeded","reference":"ch_1","at":"2027-01-15T09:00:00Z"}"#;

fn http(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A server that answers every connection with `bytes`, after `wait`, and then hangs up. Counts its connections.
async fn server(bytes: Vec<u8>, wait: Duration) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 16_384];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let _ = sender.send(String::from_utf8_lossy(&request[..read]).into_owned());
            tokio::time::sleep(wait).await;
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
        }
    });
    (url, receiver)
}

fn claim() -> Claim {
    let at: billing::calendar::Instant = "2027-01-15T09:00:00Z".parse().unwrap();
    let method = Method { gateway: "sandbox".into(), token: "pm_card_visa".into(), kind: "card".into() };
    let amount = Money::new(6_000, Currency::try_new("EUR").unwrap());
    let wall = billing::calendar::WallTime(at);
    Claim { attempt: 1, key: "inv_ana-p1:1".into(), amount, method, at, sent_at: wall, deadline: wall }
}

async fn charge(bytes: Vec<u8>, wait: Duration) -> (ChargeOutcome, Vec<String>) {
    let (url, mut requests) = server(bytes, wait).await;
    let gateway = SandboxGateway::new(url, client(DEADLINE).unwrap());
    let began = Instant::now();
    let outcome = gateway.charge(&claim(), &CustomerId::try_new("cus_ana").unwrap()).await;
    assert!(began.elapsed() < DEADLINE * 3, "the deadline was not kept");
    let mut seen = Vec::new();
    while let Ok(request) = requests.try_recv() {
        seen.push(request);
    }
    (outcome, seen)
}

#[tokio::test]
async fn an_honest_answer_is_read_and_the_request_carries_its_key_once() {
    let (outcome, requests) = charge(http(200, PAID), Duration::ZERO).await;
    assert!(matches!(outcome, ChargeOutcome::Succeeded { .. }), "{outcome:?}");
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("POST /charges HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("idempotency-key: inv_ana-p1:1"), "{}", requests[0]);
}

#[tokio::test]
async fn whatever_is_not_an_answer_is_unknown_and_sent_only_once() {
    let headers = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";
    let huge = http(200, &format!("{{\"pad\":\"{}\"}}", "x".repeat(1_000_000)));
    let redirect = b"HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_vec();
    let cases = [
        ("hangs up", Vec::new()),
        ("lost after the headers", headers.into()),
        ("lost in the body", format!("{headers}{}", &PAID[..30]).into_bytes()),
        ("503", http(503, "{}")),
        ("a stored 500 with a good body", http(500, PAID)),
        ("409", http(409, "{}")),
        ("429", http(429, "{}")),
        ("not JSON", http(200, "<html>")),
        ("another JSON", http(200, r#"{"outcome":"settled"}"#)),
        ("a megabyte", huge),
        ("a redirect", redirect),
        ("not HTTP", b"\x16\x03\x01 garbage\r\n\r\n".to_vec()),
    ];
    for (name, bytes) in cases {
        let (outcome, requests) = charge(bytes, Duration::ZERO).await;
        assert!(matches!(outcome, ChargeOutcome::Unknown { .. }), "{name}: {outcome:?}");
        assert_eq!(requests.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_unknown_when_the_deadline_passes() {
    let (outcome, _) = charge(http(200, PAID), DEADLINE * 4).await;
    assert_eq!(outcome, ChargeOutcome::Unknown { why: "no answer within the deadline".into() });
}

#[tokio::test]
async fn nobody_there_is_unknown_and_cannot_be_asked() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = SandboxGateway::new(format!("http://{free}/"), client(DEADLINE).unwrap());
    let outcome = gateway.charge(&claim(), &CustomerId::try_new("cus_ana").unwrap()).await;
    assert_eq!(outcome, ChargeOutcome::Unknown { why: "no connection".into() });
    assert_eq!(gateway.look_up(&claim()).await, Lookup::Unavailable);
}

#[tokio::test]
async fn a_look_up_believes_only_the_gateway_itself() {
    let cases = [
        (http(200, PAID), "Found"),
        (http(404, r#"{"error":"no_such_charge"}"#), "NotFound"),
        (http(404, "<html>nothing here</html>"), "Unavailable"),
        (http(503, "{}"), "Unavailable"),
        (Vec::new(), "Unavailable"),
    ];
    for (bytes, expected) in cases {
        let (url, mut requests) = server(bytes, Duration::ZERO).await;
        let found = SandboxGateway::new(url, client(DEADLINE).unwrap()).look_up(&claim()).await;
        assert!(format!("{found:?}").starts_with(expected), "{expected}: {found:?}");
        assert!(requests.recv().await.unwrap().starts_with("GET /charges/inv_ana-p1:1 HTTP/1.1"));
    }
}

fn refund_claim() -> RefundClaim {
    let Claim { method, amount, at, .. } = claim();
    let paid_by = PaidBy { gateway: method.gateway, kind: method.kind };
    RefundClaim { key: "inv_ana-p1:r1".into(), amount, paid_by, payment: "ch_1".into(), at }
}

#[tokio::test]
async fn a_refund_is_sent_once_with_its_key_and_only_a_readable_answer_counts() {
    let cases = [
        (http(200, PAID), "Succeeded"),
        (http(402, r#"{"outcome":"failed","reference":null,"code":"x","at":"2027-01-15T09:00:00Z"}"#), "Failed"),
        (http(503, "{}"), "Unknown"),
        (http(200, "<html>"), "Unknown"),
        (http(200, r#"{"outcome":"declined"}"#), "Unknown"),
        (Vec::new(), "Unknown"),
    ];
    for (bytes, expected) in cases {
        let (url, mut requests) = server(bytes, Duration::ZERO).await;
        let gateway = SandboxGateway::new(url, client(DEADLINE).unwrap());
        let outcome = gateway.refund(&refund_claim(), &CustomerId::try_new("cus_ana").unwrap()).await;
        assert!(format!("{outcome:?}").starts_with(expected), "{expected}: {outcome:?}");
        let request = requests.recv().await.unwrap();
        assert!(request.starts_with("POST /refunds HTTP/1.1"), "{request}");
        assert!(request.contains("idempotency-key: inv_ana-p1:r1"), "{request}");
        assert!(requests.try_recv().is_err(), "sent twice");
    }
    let (url, mut requests) = server(http(404, r#"{"error":"no_such_refund"}"#), Duration::ZERO).await;
    let found = SandboxGateway::new(url, client(DEADLINE).unwrap()).look_up_refund(&refund_claim()).await;
    assert_eq!(found, Lookup::<RefundOutcome>::NotFound { authoritative: true });
    assert!(requests.recv().await.unwrap().starts_with("GET /refunds/inv_ana-p1:r1 HTTP/1.1"));
}
