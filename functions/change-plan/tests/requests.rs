//! Changing a contract as storefronts meet it: changes, previews, versions, dates and every bad input.

use change_plan::{Deps, handle};
use lambda_kit::testing::{CARD, House, Logs, read, request};
use serde_json::{Value, json};

const EVENT: &str = include_str!("../../../infra/events/change-plan.json");

fn deps(house: &House) -> Deps {
    Deps { ledger: house.ledger.clone(), gateways: house.gateways.clone() }
}

async fn ana() -> House {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    house
}

async fn post(house: &House, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    read(&handle(&deps(house), request("POST", "/change-plan", headers, body.to_string().as_bytes())).await)
}

fn change(more: &[(&str, Value)]) -> Value {
    let mut body = json!({"customer": "cus_ana", "subscription": "sub_ana", "action": "change", "plan": "business"});
    more.iter().for_each(|(name, value)| body[*name] = value.clone());
    body
}

#[tokio::test]
async fn the_sample_event_moves_ana_to_business() {
    let house = ana().await;
    let reply = handle(&deps(&house), lambda_http::request::from_str(EVENT).unwrap()).await;
    let version = reply.headers()["etag"].to_str().unwrap().to_owned();
    let (status, body) = read(&reply);
    assert_eq!((status, &body["subscription"]["plan"]), (200, &json!("business@1")), "{body}");
    assert_eq!(version, format!("\"{}\"", body["subscription"]["version"]));
    assert!(body["invoice"]["total"]["minor"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_preview_is_the_change_without_changing_anything_and_needs_no_key() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    let preview = change(&[("preview", json!(true))]);
    let (status, shown) = post(&house, &[("idempotency-key", "")], &preview).await;
    assert_eq!((status, &shown["preview"]), (200, &json!(true)), "{shown}");
    assert_eq!(house.snapshot("key-1").await, before);
    let (_, done) = post(&house, &[], &change(&[])).await;
    assert_eq!(done["invoice"]["total"], shown["invoice"]["total"]);
}

#[tokio::test]
async fn a_stale_version_is_refused_and_a_fresh_one_is_not() {
    let house = ana().await;
    let version = house.version_of("cus_ana", "sub_ana").await;
    let before = house.snapshot("key-1").await;
    let stale = format!("\"{}\"", version - 1);
    let (status, problem) = post(&house, &[("if-match", &stale)], &change(&[])).await;
    assert_eq!((status, &problem["code"]), (412, &json!("version_mismatch")));
    let (status, problem) = post(&house, &[("if-match", "W/\"1\"")], &change(&[])).await;
    assert_eq!((status, &problem["field"]), (422, &json!("If-Match")));
    assert_eq!(house.snapshot("key-1").await, before);
    let (status, _) = post(&house, &[("if-match", &version.to_string())], &change(&[])).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn bad_fields_are_refused_by_name_and_change_nothing() {
    let pause = |date: &str| change(&[("action", json!("pause")), ("plan", json!(null)), ("resume_at", json!(date))]);
    let cases = [
        (pause("2027-02-30"), 422, "invalid_field", "resume_at"),
        (pause("tomorrow"), 422, "invalid_field", "resume_at"),
        (pause("2020-01-01"), 422, "date_out_of_range", "resume_at"),
        (change(&[("plan", json!("gold"))]), 422, "unknown_plan", "plan"),
        (change(&[("plan", json!("team"))]), 422, "nothing_to_change", "plan"),
        (change(&[("quantity", json!(0))]), 422, "quantity_out_of_range", "quantity"),
        (change(&[("quantity", json!(-3))]), 422, "quantity_out_of_range", "quantity"),
        (change(&[("quantity", json!(2.5))]), 400, "invalid_body", "quantity"),
        (change(&[("quantity", json!(9_000_000_000_i64))]), 422, "quantity_out_of_range", "quantity"),
        (change(&[("interval", json!("fortnight"))]), 422, "invalid_field", "interval"),
        (change(&[("interval", json!("year"))]), 422, "no_such_price", "interval"),
        (change(&[("action", json!("destroy"))]), 400, "invalid_body", "action"),
        (change(&[("when", json!("yesterday"))]), 422, "invalid_field", "when"),
        (change(&[("when", json!("2020-01-01"))]), 422, "date_out_of_range", "when"),
        (change(&[("customer", json!("ana"))]), 422, "invalid_field", "customer"),
        (change(&[("refund", json!(true))]), 422, "invalid_field", "refund"),
        (change(&[("amount", json!("5"))]), 422, "invalid_field", "amount"),
        (change(&[("action", json!("cancel"))]), 422, "invalid_field", "plan"),
        (change(&[("refund", json!("yes"))]), 400, "invalid_body", "refund"),
        (
            change(&[("action", json!("cancel")), ("plan", json!(null)), ("comment", json!("x".repeat(2_001)))]),
            422,
            "invalid_field",
            "comment",
        ),
    ];
    for (body, status, code, field) in cases {
        let house = ana().await;
        let before = house.snapshot("key-1").await;
        let (got, problem) = post(&house, &[], &body).await;
        assert_eq!((got, &problem["code"], &problem["field"]), (status, &json!(code), &json!(field)), "{body}");
        assert_eq!(house.snapshot("key-1").await, before, "{body}");
    }
}

#[tokio::test]
async fn unknown_customers_and_contracts_are_not_found() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    for (name, id) in [("customer", "cus_nobody"), ("subscription", "sub_nobody")] {
        let (status, problem) = post(&house, &[], &change(&[(name, json!(id))])).await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    }
    // Somebody else's contract cannot be named, either.
    house.sign_up("cus_ben", "pm_card_visa").await;
    let (status, _) = post(&house, &[], &change(&[("subscription", json!("sub_ben"))])).await;
    assert_eq!(status, 404);
    let ben = house.snapshot("key-1").await;
    assert_ne!(ben, before, "Ben signed up");
}

#[tokio::test]
async fn a_repeated_change_is_done_once_and_its_key_serves_nothing_else() {
    let house = ana().await;
    let first = post(&house, &[], &change(&[])).await;
    let after = house.snapshot("key-1").await;
    let second = post(&house, &[], &change(&[])).await;
    assert_eq!((first.0, &first.1["subscription"]), (second.0, &second.1["subscription"]));
    let (status, problem) = post(&house, &[], &change(&[("quantity", json!(7))])).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(house.snapshot("key-1").await, after);
}

#[tokio::test]
async fn callers_without_a_good_key_change_nothing() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    for sent in ["", "Bearer sk_wrong"] {
        assert_eq!(post(&house, &[("authorization", sent)], &change(&[])).await.0, 401);
    }
    assert_eq!(post(&house, &[("idempotency-key", "")], &change(&[])).await.0, 400);
    assert_eq!(house.snapshot("key-1").await, before);
}

#[tokio::test]
async fn a_card_number_in_a_comment_is_neither_stored_nor_logged() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    let comment = json!(format!("please refund {CARD}, thanks"));
    let logs = Logs::default();
    let body = change(&[("action", json!("cancel")), ("plan", json!(null)), ("comment", comment)]);
    let (status, problem) = logs.of(post(&house, &[], &body)).await;
    assert_eq!((status, &problem["code"], &problem["field"]), (422, &json!("card_number_refused"), &json!("comment")));
    assert!(!format!("{problem} {}", logs.text()).contains(CARD));
    assert_eq!(house.snapshot("key-1").await, before);
}

#[tokio::test]
async fn bodies_that_are_no_change_are_refused() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    for (body, status) in [("x".repeat(1_000_000), 413), ("{\"customer\":".into(), 400), ("7".into(), 400)] {
        let reply = handle(&deps(&house), request("POST", "/change-plan", &[], body.as_bytes())).await;
        assert_eq!(read(&reply).0, status);
    }
    assert_eq!(house.snapshot("key-1").await, before);
}

#[tokio::test]
async fn a_refund_is_previewed_and_decided_and_only_what_was_paid_by_card() {
    let house = ana().await;
    let before = house.snapshot("key-1").await;
    let refund = |more: Value| {
        let mut body = json!({"customer": "cus_ana", "subscription": "sub_ana", "action": "credit_note", "invoice": "inv_ana-p1", "refund": true});
        more.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    let (status, shown) = post(&house, &[], &refund(json!({"preview": true}))).await;
    let kinds = |note: &Value| {
        let lines = note["lines"].as_array().into_iter().flatten();
        lines.map(|line| (line["kind"].clone(), line["amount"]["minor"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(status, 200, "{shown}");
    assert_eq!(kinds(&shown["credit_note"]), [(json!("credited"), json!(-6_000)), (json!("refunded"), json!(6_000))]);
    assert_eq!(house.snapshot("key-1").await, before);
    let (status, done) = post(&house, &[], &refund(json!({}))).await;
    assert_eq!((status, &done["credit_note"]["lines"]), (200, &shown["credit_note"]["lines"]), "{done}");
    assert_eq!(done["subscription"]["credit_minor"], 0);
    let nowhere = Deps { gateways: usecases::ports::Gateways::default(), ..deps(&house) };
    let body = refund(json!({})).to_string();
    let again = request("POST", "/change-plan", &[("idempotency-key", "key-2")], body.as_bytes());
    let (status, problem) = read(&handle(&nowhere, again).await);
    assert_eq!((status, &problem["field"]), (422, &json!("lines")), "it was given back before: {problem}");
    let other = House::open().await;
    other.sign_up("cus_ana", "pm_card_visa").await;
    let nowhere = Deps { gateways: usecases::ports::Gateways::default(), ..deps(&other) };
    let first = request("POST", "/change-plan", &[], body.as_bytes());
    let (status, problem) = read(&handle(&nowhere, first).await);
    assert_eq!((status, &problem["field"]), (422, &json!("refund")), "{problem}");
}
