//! The sandbox server as its callers see it: through the real adapter, over a socket.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use billing::{
    gateway::{ChargeOutcome, GatewayEvent, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, Method, PaidBy, RefundClaim},
    money::{Currency, Money},
};
use gateways::{
    http::client,
    sandbox::SandboxGateway,
    webhook::{self, Headers, NoticeBody, Secret},
};
use sandbox_gateway::{Log, SandboxState, Webhook, serve};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use usecases::{
    contract::{self, GatewaySubject},
    ports::Gateway,
    sandbox::{LogEntry, RefundEntry, Sandbox},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn cus_ana() -> CustomerId {
    CustomerId::try_new("cus_ana").unwrap()
}

fn claim(key: &str, token: &str, minor: i64) -> Claim {
    let at: billing::calendar::Instant = "2027-01-15T09:00:00Z".parse().unwrap();
    let method = Method { gateway: "sandbox".into(), token: token.into(), kind: "card".into() };
    let amount = Money::new(minor, Currency::try_new("EUR").unwrap());
    let wall = billing::calendar::WallTime(at);
    Claim { attempt: 1, key: key.into(), amount, method, at, sent_at: wall, deadline: wall }
}

/// Starts a sandbox; the adapter, and its address.
async fn start(log: Option<&Path>, webhook_url: Option<String>) -> (SandboxGateway, String) {
    let secret: Secret = SECRET.parse().unwrap();
    let webhook = webhook_url.map(|url| Webhook { url, secret, delay: Duration::from_millis(20) });
    let state = SandboxState::open(Sandbox::default(), log, webhook).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Arc::new(state)));
    (SandboxGateway::new(&url, client(Duration::from_secs(2)).unwrap()), url)
}

/// A receiver of news that refuses the first delivery and verifies all.
async fn receiver() -> (String, UnboundedReceiver<NoticeBody>) {
    let (sender, news) = unbounded_channel();
    let refused = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let take = move |headers: HeaderMap, body: Bytes| async move {
        if !refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return 503;
        }
        let text = |name: &str| headers[name].to_str().unwrap();
        let timestamp: i64 = text(webhook::TIMESTAMP).parse().unwrap();
        let signed =
            Headers { id: text(webhook::ID), timestamp: text(webhook::TIMESTAMP), signature: text(webhook::SIGNATURE) };
        // "Now" is the sender's second: the test is about the signature.
        let now = billing::calendar::WallTime("1970-01-01T00:00:00Z".parse().unwrap()).plus_seconds(timestamp);
        webhook::verify(signed, &body, &[SECRET.parse().unwrap()], now).unwrap();
        sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
        204
    };
    let answer = |code: u16| axum::http::StatusCode::from_u16(code).unwrap();
    let app = Router::new().route("/hook", post(move |h: HeaderMap, b: Bytes| async move { answer(take(h, b).await) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, news)
}

async fn post_json(url: String, body: serde_json::Value) -> u16 {
    client(Duration::from_secs(2)).unwrap().post(url).json(&body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_adapter_keeps_the_promises_of_a_gateway() {
    let state = Arc::new(SandboxState::open(Sandbox::default(), None, None).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, state.clone()));
    let gateway = SandboxGateway::new(url, client(Duration::from_secs(2)).unwrap());
    let captures = |key: &str| {
        let captured = |e: &&LogEntry| e.request.key == key && matches!(e.outcome, ChargeOutcome::Succeeded { .. });
        state.log().charges.iter().filter(captured).count()
    };
    let refunded = |key: &str| {
        let done = |e: &&RefundEntry| e.request.key == key && matches!(e.outcome, RefundOutcome::Succeeded { .. });
        state.log().refunds.iter().filter(done).map(|e| e.request.amount.minor).sum()
    };
    contract::gateway(&GatewaySubject::sandbox(&gateway, &captures, &refunded, "http")).await.unwrap();
}

#[tokio::test]
async fn charges_are_answered_repeated_refused_and_found() {
    let (gateway, _) = start(None, None).await;
    let good = claim("inv_ana-p1:1", "pm_card_visa", 6_000);
    let first = gateway.charge(&good, &cus_ana()).await;
    assert!(matches!(first, ChargeOutcome::Succeeded { .. }), "{first:?}");
    assert_eq!(gateway.charge(&good, &cus_ana()).await, first);
    assert_eq!(gateway.look_up(&good).await, Lookup::Found(first));

    let other = claim("inv_ana-p1:1", "pm_card_visa", 7_000);
    let reused = ChargeOutcome::Unknown { why: "the key was used with another request".into() };
    assert_eq!(gateway.charge(&other, &cus_ana()).await, reused);

    let poor = claim("inv_ana-p2:1", "pm_card_visa_chargeDeclinedInsufficientFunds", 6_000);
    let declined = gateway.charge(&poor, &cus_ana()).await;
    assert!(matches!(&declined, ChargeOutcome::Declined { code, .. } if code == "insufficient_funds"), "{declined:?}");
    assert_eq!(gateway.look_up(&poor).await, Lookup::Found(declined));
    let never = claim("inv_ana-p9:1", "pm_card_visa", 1);
    assert_eq!(gateway.look_up(&never).await, Lookup::NotFound { authoritative: true });
}

#[tokio::test]
async fn a_lost_answer_is_unknown_then_found_and_told_until_it_is_taken() {
    let (url, mut news) = receiver().await;
    let (gateway, _) = start(None, Some(url)).await;
    let lost = claim("inv_ana-p1:1", "pm_sandbox_answerLost", 6_000);
    let heard = gateway.charge(&lost, &cus_ana()).await;
    assert!(matches!(heard, ChargeOutcome::Unknown { .. }), "{heard:?}");
    let Lookup::Found(truth @ ChargeOutcome::Succeeded { .. }) = gateway.look_up(&lost).await else { panic!() };
    let told = news.recv().await.unwrap();
    assert_eq!(told.event, GatewayEvent::Settled { key: lost.key, outcome: truth });
    assert_eq!(told.customer, cus_ana());
}

#[tokio::test]
async fn an_unreachable_provider_took_no_money() {
    let (gateway, _) = start(None, None).await;
    let silent = claim("inv_ana-p1:1", "pm_sandbox_unreachable", 6_000);
    assert!(matches!(gateway.charge(&silent, &cus_ana()).await, ChargeOutcome::Unknown { .. }));
    assert_eq!(gateway.look_up(&silent).await, Lookup::NotFound { authoritative: true });
}

#[tokio::test]
async fn a_customer_who_agrees_settles_the_payment() {
    let (hook, mut news) = receiver().await;
    let (gateway, url) = start(None, Some(hook)).await;
    let asked = claim("inv_ana-p1:1", "pm_card_authenticationRequired", 6_000);
    assert!(matches!(gateway.charge(&asked, &cus_ana()).await, ChargeOutcome::ActionRequired { .. }));
    let body = serde_json::json!({"agreed": true});
    assert_eq!(post_json(format!("{url}/charges/inv_ana-p1:1/complete"), body.clone()).await, 200);
    assert_eq!(post_json(format!("{url}/charges/inv_none:1/complete"), body).await, 404);
    assert!(matches!(gateway.look_up(&asked).await, Lookup::Found(ChargeOutcome::Succeeded { .. })));
    let told = news.recv().await.unwrap();
    assert!(matches!(told.event, GatewayEvent::Settled { outcome: ChargeOutcome::Succeeded { .. }, .. }));
}

/// A refund of all that the claim brought.
fn back(claim: &Claim, outcome: ChargeOutcome) -> RefundClaim {
    let ChargeOutcome::Succeeded { reference, .. } = outcome else { unreachable!("{outcome:?}") };
    let paid_by = PaidBy { gateway: "sandbox".into(), kind: "card".into() };
    RefundClaim { key: "inv_ana-p1:r1".into(), amount: claim.amount, paid_by, payment: reference, at: claim.at }
}

#[tokio::test]
async fn a_bank_that_takes_its_time_and_returns_a_refund_is_told_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let (hook, mut news) = receiver().await;
    let (gateway, url) = start(Some(&path), Some(hook)).await;
    let charged = claim("inv_ana-p1:1", "pm_card_pendingRefund", 6_000);
    let back = back(&charged, gateway.charge(&charged, &cus_ana()).await);
    let pending = gateway.refund(&back, &cus_ana()).await;
    assert!(matches!(pending, RefundOutcome::Pending { .. }), "{pending:?}");
    assert_eq!(gateway.look_up_refund(&back).await, Lookup::Found(pending));
    let complete = format!("{url}/refunds/inv_ana-p1:r1/complete");
    assert_eq!(post_json(complete.clone(), serde_json::json!({"agreed": true})).await, 200);
    let told = news.recv().await.unwrap();
    let done = gateway.refund(&back, &cus_ana()).await;
    assert!(matches!(done, RefundOutcome::Succeeded { .. }), "{done:?}");
    assert_eq!(told.event, GatewayEvent::Refunded { key: back.key.clone(), outcome: done });
    assert_eq!(post_json(complete, serde_json::json!({"agreed": false})).await, 402);
    let other = format!("{url}/refunds/inv_none:r1/complete");
    assert_eq!(post_json(other, serde_json::json!({"agreed": true})).await, 404);

    let (gateway, _) = start(Some(&path), None).await;
    let found = gateway.look_up_refund(&back).await;
    assert!(matches!(found, Lookup::Found(RefundOutcome::Failed { .. })), "{found:?}");
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_found_and_told() {
    let (url, mut news) = receiver().await;
    let (gateway, _) = start(None, Some(url)).await;
    let charged = claim("inv_ana-p1:1", "pm_sandbox_refundAnswerLost", 6_000);
    let back = back(&charged, gateway.charge(&charged, &cus_ana()).await);
    assert!(matches!(gateway.refund(&back, &cus_ana()).await, RefundOutcome::Unknown { .. }));
    let Lookup::Found(truth @ RefundOutcome::Succeeded { .. }) = gateway.look_up_refund(&back).await else { panic!() };
    assert_eq!(news.recv().await.unwrap().event, GatewayEvent::Refunded { key: back.key, outcome: truth });
}

#[tokio::test]
async fn transfers_and_charges_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.jsonl");
    let (hook, mut news) = receiver().await;
    let (gateway, url) = start(Some(&path), Some(hook)).await;
    let good = claim("inv_ana-p1:1", "pm_card_visa", 6_000);
    let first = gateway.charge(&good, &cus_ana()).await;
    let transfer = serde_json::json!({
        "customer": "cus_ana", "invoice": "inv_ana-p2", "amount": {"minor": 6000, "currency": "EUR"},
        "reference": "tr_1", "at": "2027-02-15T09:00:00Z"
    });
    assert_eq!(post_json(format!("{url}/transfers"), transfer.clone()).await, 202);
    assert!(matches!(news.recv().await.unwrap().event, GatewayEvent::Received { .. }));

    let (gateway, url) = start(Some(&path), None).await;
    assert_eq!(gateway.charge(&good, &cus_ana()).await, first, "the key is remembered");
    let text = reqwest::get(format!("{url}/log")).await.unwrap().bytes().await.unwrap();
    let log: Log = serde_json::from_slice(&text).unwrap();
    assert_eq!((log.charges.len(), log.transfers.len()), (1, 1));
    assert_eq!(post_json(format!("{url}/transfers"), transfer).await, 503, "nobody to tell");
}

#[tokio::test]
async fn nobody_outside_the_machine_is_served() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let state = SandboxState::open(Sandbox::default(), None, None).unwrap();
    assert!(serve(listener, Arc::new(state)).await.is_err());
}
