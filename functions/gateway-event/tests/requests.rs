//! News as a gateway sends it: true, repeated, forged, stale, early and about somebody else.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use billing::calendar::WallTime;
use gateway_event::{Deps, handle};
use gateways::webhook::{Secret, sign};
use lambda_kit::testing::{House, Logs, read, request};
use serde_json::{Value, json};
use usecases::ports::Job;

const EVENT: &str = include_str!("../../../infra/events/gateway-event.json");
const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn secret(text: &str) -> Secret {
    text.parse().unwrap()
}

fn deps(house: &House) -> Deps {
    Deps { ledger: house.ledger.clone(), secrets: vec![secret(NEW), secret(OLD)] }
}

/// Ana, whose first payment got no answer.
async fn waiting_ana() -> House {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_sandbox_unreachable").await;
    house
}

fn settled(outcome: &Value) -> Value {
    let mut event = json!({"type": "settled", "key": "inv_ana-p1:1", "at": "2027-01-15T09:00:01Z"});
    outcome.as_object().unwrap().iter().for_each(|(k, v)| event[k] = v.clone());
    json!({"customer": "cus_ana", "event": event})
}

fn succeeded() -> Value {
    settled(&json!({"outcome": "succeeded", "reference": "ch_1"}))
}

async fn send(house: &House, signer: &str, seconds_off: i64, body: &str) -> (u16, Value) {
    let sent = WallTime("2027-01-15T09:00:00Z".parse().unwrap()).plus_seconds(seconds_off);
    let signed = sign(&secret(signer), "msg_1", sent, body.as_bytes());
    let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    read(&handle(&deps(house), request("POST", "/gateway-event", &headers, body.as_bytes())).await)
}

fn first_invoice() -> Job {
    serde_json::from_value(json!({"customer": "cus_ana", "item": "inv_ana-p1"})).unwrap()
}

#[tokio::test]
async fn the_sample_event_settles_anas_first_invoice() {
    let house = waiting_ana().await;
    assert_eq!(house.invoice_state(&first_invoice()).await, "pending");
    let reply = handle(&deps(&house), lambda_http::request::from_str(EVENT).unwrap()).await;
    assert_eq!(read(&reply), (204, Value::Null));
    assert_eq!(house.invoice_state(&first_invoice()).await, "paid");
}

#[tokio::test]
async fn the_same_news_three_times_is_applied_once_under_either_secret() {
    let house = waiting_ana().await;
    let body = succeeded().to_string();
    assert_eq!(send(&house, OLD, 0, &body).await.0, 204);
    let after = house.snapshot("none").await;
    assert_eq!(send(&house, NEW, 1, &body).await.0, 204);
    assert_eq!(send(&house, OLD, 2, &body).await.0, 204);
    // Old news does not take a payment back.
    let declined = settled(&json!({"outcome": "declined", "reference": null, "code": "lost_card", "class": "hard"}));
    assert_eq!(send(&house, NEW, 3, &declined.to_string()).await.0, 204);
    assert_eq!(house.snapshot("none").await, after);
}

#[tokio::test]
async fn what_is_not_believed_changes_nothing() {
    let house = waiting_ana().await;
    let before = house.snapshot("none").await;
    let body = succeeded().to_string();
    let stranger = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (signer, seconds_off) in [(stranger, 0), (OLD, -400), (OLD, 400)] {
        let (status, problem) = send(&house, signer, seconds_off, &body).await;
        assert_eq!((status, &problem["code"]), (401, &json!("bad_signature")));
    }
    let unsigned = request("POST", "/gateway-event", &[], body.as_bytes());
    assert_eq!(read(&handle(&deps(&house), unsigned).await).0, 401);
    // Signed, then changed on the way: shortened, and with another amount of whitespace.
    let sent = WallTime("2027-01-15T09:00:00Z".parse().unwrap());
    let signed = sign(&secret(OLD), "msg_1", sent, body.as_bytes());
    let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for changed in [&body[..body.len() - 1], &format!("{body} ")] {
        let request = request("POST", "/gateway-event", &headers, changed.as_bytes());
        assert_eq!(read(&handle(&deps(&house), request).await).0, 401);
    }
    assert_eq!(house.snapshot("none").await, before);
}

#[tokio::test]
async fn signed_nonsense_is_refused_and_quoted_nowhere() {
    let house = waiting_ana().await;
    let before = house.snapshot("none").await;
    let mut unknown = succeeded();
    unknown["event"]["key"] = json!("inv_other-p1:1");
    let mut no_key = succeeded();
    no_key["event"]["key"] = json!("canary");
    let cases = [
        (unknown.to_string(), 404),
        (no_key.to_string(), 422),
        (json!({"customer": "cus_nobody", "event": succeeded()["event"]}).to_string(), 404),
        (r#"{"customer":"cus_ana","event":{"type":"canary"}}"#.into(), 400),
        ("canary".into(), 400),
        ("x".repeat(100_000), 413),
    ];
    let logs = Logs::default();
    for (body, status) in cases {
        let (got, problem) = logs.of(send(&house, OLD, 0, &body)).await;
        assert_eq!(got, status, "{problem}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    assert!(!logs.text().contains("canary"), "{}", logs.text());
    assert_eq!(house.snapshot("none").await, before);
}

#[tokio::test]
async fn a_transfer_that_arrives_twice_counts_once() {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    let event = json!({"type": "received", "customer": "cus_ana", "invoice": "inv_ana-p1",
        "amount": {"minor": 500, "currency": "EUR"}, "reference": "tr_1", "at": "2027-01-16T09:00:00Z"});
    let body = json!({"customer": "cus_ana", "event": event}).to_string();
    assert_eq!(send(&house, OLD, 0, &body).await.0, 204);
    let after = house.snapshot("none").await;
    assert_eq!(send(&house, OLD, 0, &body).await.0, 204);
    assert_eq!(house.snapshot("none").await, after);
    // News whose parts disagree about whose money it is.
    let mut torn: Value = serde_json::from_str(&body).unwrap();
    torn["event"]["customer"] = json!("cus_ben");
    assert_eq!(send(&house, OLD, 0, &torn.to_string()).await.0, 422);
}

#[tokio::test]
async fn news_about_a_refund_count_once_and_others_are_refused() {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    let change = json!({"customer": "cus_ana", "subscription": "sub_ana", "action": "credit_note", "invoice": "inv_ana-p1", "refund": true});
    let caller = usecases::signup::Caller::new("web".into(), "refund".into(), "change-plan", b"refund");
    let change = serde_json::from_value(change).unwrap();
    usecases::change_plan::change_plan(&house.ledger, &house.gateways, &caller, None, &change).await.unwrap();
    let refunded = |key: &str| {
        let event = json!({"type": "refunded", "key": key, "outcome": "succeeded", "reference": "re_1", "at": "2027-01-15T09:00:01Z"});
        json!({"customer": "cus_ana", "event": event}).to_string()
    };
    let state = async || {
        let shown = usecases::get::invoice(&house.ledger, "cus_ana", "inv_ana-p1").await.unwrap();
        shown.refunds.iter().map(|refund| (refund.state, refund.amount.minor)).collect::<Vec<_>>()
    };
    assert_eq!(state().await, [("due", 6_000)]);
    let (status, problem) = send(&house, NEW, 0, &refunded("inv_ana-p1:1")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("key")));
    assert_eq!(send(&house, NEW, 0, &refunded("inv_ana-p1:r2")).await.0, 204, "nobody knows that one");
    assert_eq!(state().await, [("due", 6_000)]);
    assert_eq!(send(&house, NEW, 1, &refunded("inv_ana-p1:r1")).await.0, 204);
    assert_eq!(state().await, [("done", 6_000)]);
    let after = house.snapshot("none").await;
    assert_eq!(send(&house, OLD, 2, &refunded("inv_ana-p1:r1")).await.0, 204);
    assert_eq!(house.snapshot("none").await, after);
}
