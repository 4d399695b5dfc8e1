//! Recording usage as senders meet it: by request and by queue, once, twice, and with every bad input.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use lambda_kit::testing::{House, failed, read, request, sqs_event};
use record_usage::{Deps, handle, handle_batch};
use serde_json::{Value, json};
use usecases::{publish::publish, signup::Caller};

const EVENT: &str = include_str!("../../../infra/events/record-usage.json");

/// Ana has a plan with a meter.
async fn metered() -> (House, Deps) {
    let house = House::open().await;
    let item = json!({"currency": "EUR", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "price": {"model": "per-seat", "unit_amount": "0.10"}});
    let prices = json!([{"currency": "EUR", "interval": "month", "model": "flat", "amount": "9.00"}]);
    let plan = json!({"id": "metered", "version": 1, "title": "Metered", "prices": prices, "usage": [item]});
    publish(house.store.as_ref(), &serde_json::from_value(json!({"plans": [plan]})).unwrap()).await.unwrap();
    let body = json!({"customer": {"id": "cus_ana", "currency": "EUR"}, "subscription": "sub_ana", "plan": "metered",
        "payment_method": {"token": "pm_card_visa"}});
    let caller = Caller::new("web".into(), "setup".into(), "signup", b"");
    let order = serde_json::from_value(body).unwrap();
    usecases::signup::signup(&house.ledger, &house.gateways, "sandbox", &caller, order).await.unwrap();
    let deps = Deps { ledger: house.ledger.clone() };
    (house, deps)
}

fn event(id: &str) -> Value {
    json!({"customer": "cus_ana", "subscription": "sub_ana", "meter": "calls", "id": id, "at": "2027-01-15T09:00:00Z"})
}

async fn post(deps: &Deps, body: &Value) -> (u16, Value) {
    read(&handle(deps, request("POST", "/record-usage", &[], body.to_string().as_bytes())).await)
}

async fn used(house: &House) -> String {
    let view = usecases::get::customer(&house.ledger, "cus_ana").await.unwrap();
    view.subscriptions[0].usage[0].quantity.to_string()
}

#[tokio::test]
async fn the_sample_event_counts_once_and_is_seen_by_get() {
    let (house, deps) = metered().await;
    for expected in [(2, 0), (0, 2)] {
        let (status, body) = read(&handle(&deps, lambda_http::request::from_str(EVENT).unwrap()).await);
        assert_eq!(
            (status, &body["recorded"], &body["duplicates"]),
            (200, &json!(expected.0), &json!(expected.1)),
            "{body}"
        );
    }
    assert_eq!(used(&house).await, "13.5");
}

#[tokio::test]
async fn each_event_has_an_answer_of_its_own() {
    let (house, deps) = metered().await;
    let with = |id: &str, field: &str, value: &str| {
        let mut event = event(id);
        event[field] = value.into();
        event
    };
    let events = [
        event("good"),
        with("other", "meter", "bytes"),
        event("good"),
        with("nobody", "subscription", "sub_nobody"),
        with("much", "value", "many"),
        with("soon", "at", "2027-01-16T09:00:00Z"),
        with("odd", "customer", "ana"),
    ];
    let (status, body) = post(&deps, &json!({ "events": events })).await;
    assert_eq!((status, &body["recorded"], &body["refused"]), (200, &json!(1), &json!(5)), "{body}");
    let answers: Vec<(&str, &str, &str)> = body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            let text = |name: &str| a[name].as_str().unwrap_or("-");
            (text("status"), text("code"), text("field"))
        })
        .collect();
    assert_eq!(
        answers,
        [
            ("recorded", "-", "-"),
            ("refused", "invalid_field", "meter"),
            ("duplicate", "-", "-"),
            ("refused", "not_found", "-"),
            ("refused", "invalid_field", "value"),
            ("refused", "date_out_of_range", "at"),
            ("refused", "invalid_field", "customer"),
        ]
    );
    assert_eq!(used(&house).await, "1");
}

#[tokio::test]
async fn bad_batches_are_refused_as_a_whole_and_count_nothing() {
    let (house, deps) = metered().await;
    let many: Vec<Value> = (0..101).map(|i| event(&format!("e{i}"))).collect();
    let mut unknown = event("e");
    unknown["colour"] = "red".into();
    let mut number = event("e");
    number["value"] = json!(1.5);
    let cases = [
        (json!({"events": []}), 422, "invalid_field"),
        (json!({"events": many}), 422, "invalid_field"),
        (json!({"events": [unknown]}), 400, "invalid_body"),
        (json!({"events": [number]}), 400, "invalid_body"),
        (json!({"event": event("e")}), 400, "invalid_body"),
    ];
    for (body, status, code) in cases {
        let (got, problem) = post(&deps, &body).await;
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    let other = request("POST", "/record-usage", &[("authorization", "Bearer wrong")], b"{}");
    assert_eq!(handle(&deps, other).await.status(), 401);
    assert_eq!(handle(&deps, request("GET", "/record-usage", &[], b"")).await.status(), 405);
    assert_eq!(used(&house).await, "0");
}

#[tokio::test]
async fn a_message_with_a_refused_event_fails_alone_and_its_good_events_count_once() {
    let (house, deps) = metered().await;
    let good = json!({"events": [event("a"), event("b")]}).to_string();
    let mut bad = event("c");
    bad["meter"] = "bytes".into();
    let mixed = json!({"events": [event("d"), bad]}).to_string();
    for _ in 0..2 {
        let batch = sqs_event([good.clone(), mixed.clone(), "not json".into()]);
        assert_eq!(failed(&handle_batch(&deps, batch).await).len(), 2);
    }
    assert_eq!(used(&house).await, "3");
}
