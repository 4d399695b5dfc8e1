//! Sign-up as storefronts meet it: every ending, every bad input, every repetition.

use lambda_kit::testing::{CARD, House, Logs, read, request, signup_body};
use serde_json::{Value, json};
use signup::{Deps, handle};

const EVENT: &str = include_str!("../../../infra/events/signup.json");

fn deps(house: &House) -> Deps {
    let (ledger, gateways) = (house.ledger.clone(), house.gateways.clone());
    Deps { ledger, gateways, default_gateway: "sandbox".into() }
}

async fn post(house: &House, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    read(&handle(&deps(house), request("POST", "/signup", headers, body.to_string().as_bytes())).await)
}

/// A house with Ana in it, and a good body for somebody new with `change` made to it.
async fn with_ana(change: impl FnOnce(&mut Value)) -> (House, Value) {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    let mut body = signup_body("cus_new", "pm_card_visa");
    change(&mut body);
    (house, body)
}

#[tokio::test]
async fn the_sample_event_signs_ana_up() {
    let house = House::open().await;
    let event = lambda_http::request::from_str(EVENT).unwrap();
    let reply = handle(&deps(&house), event).await;
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let version = reply.headers()["etag"].to_str().unwrap().to_owned();
    let (status, body) = read(&reply);
    assert_eq!((status, &body["status"], &body["subscription"]["state"]), (201, &json!("active"), &json!("active")));
    assert_eq!(version, format!("\"{}\"", body["subscription"]["version"]));
    assert_eq!(house.sandbox.log().len(), 1);
}

#[tokio::test]
async fn every_ending_has_its_status() {
    let cases = [
        ("pm_card_visa", 201, "active"),
        ("pm_sandbox_answerLost", 202, "pending"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", 402, "declined"),
        ("pm_card_authenticationRequired", 200, "action_required"),
    ];
    for (token, status, word) in cases {
        let house = House::open().await;
        let reply = post(&house, &[], &signup_body("cus_new", token)).await;
        assert_eq!((reply.0, &reply.1["status"]), (status, &json!(word)), "{token}: {}", reply.1);
    }
    let house = House::open().await;
    let (_, declined) = post(&house, &[], &signup_body("cus_new", "pm_card_visa_chargeDeclined")).await;
    assert_eq!(declined["decline_code"], "generic_decline");
}

#[tokio::test]
async fn bad_fields_are_refused_by_name_and_change_nothing() {
    let cases: [(&str, Value, u16, &str, &str); 17] = [
        ("/plan", json!("gold"), 422, "unknown_plan", "plan"),
        ("/plan", json!("../team"), 422, "unknown_plan", "plan"),
        ("/customer/currency", json!("JPY"), 422, "no_such_price", "currency"),
        ("/customer/currency", json!("EURO"), 422, "invalid_field", "currency"),
        ("/quantity", json!(-1), 422, "quantity_out_of_range", "quantity"),
        ("/quantity", json!(0), 422, "quantity_out_of_range", "quantity"),
        ("/quantity", json!(100_001), 422, "quantity_out_of_range", "quantity"),
        ("/quantity", json!(i64::MAX), 422, "quantity_out_of_range", "quantity"),
        ("/quantity", json!(1e30), 400, "invalid_body", "quantity"),
        ("/quantity", json!(1.5), 400, "invalid_body", "quantity"),
        ("/quantity", json!("five"), 400, "invalid_body", "quantity"),
        ("/quantity", json!(null), 400, "invalid_body", "quantity"),
        ("/customer/id", json!("ana#1"), 422, "invalid_field", "customer.id"),
        ("/customer/time_zone", json!("Mars/Base"), 422, "invalid_field", "customer.time_zone"),
        ("/customer/email", json!("a".repeat(300)), 422, "invalid_field", "customer.email"),
        ("/payment_method", json!({"token": ""}), 422, "invalid_field", "payment_method.token"),
        ("/payment_method", json!(null), 422, "method_needed", "payment_method"),
    ];
    for (pointer, value, status, code, field) in cases {
        let (house, body) = with_ana(|body| {
            body["customer"]["email"] = json!("new@example.com");
            *body.pointer_mut(pointer).unwrap() = value.clone();
        })
        .await;
        let before = house.snapshot("key-1").await;
        let (got, problem) = post(&house, &[], &body).await;
        assert_eq!((got, &problem["code"], &problem["field"]), (status, &json!(code), &json!(field)), "{value}");
        assert_eq!(problem["type"], format!("urn:perennial:problem:{code}"));
        assert_eq!(house.snapshot("key-1").await, before, "{pointer} {value}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_sign_up_are_refused_and_change_nothing() {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    let megabyte = json!({"plan": "x".repeat(1_000_000)}).to_string();
    let good = signup_body("cus_new", "pm_card_visa").to_string();
    let deep = "[".repeat(60_000);
    let cases: [(&str, &str, u16, &str); 9] = [
        (&megabyte, "application/json", 413, "body_too_large"),
        (&good[..good.len() / 2], "application/json", 400, "invalid_body"),
        ("", "application/json", 400, "invalid_body"),
        ("null", "application/json", 400, "invalid_body"),
        ("[\"cus_new\"]", "application/json", 400, "invalid_body"),
        (&deep, "application/json", 400, "invalid_body"),
        (r#"{"plan":"team","surprise":true}"#, "application/json", 400, "invalid_body"),
        ("plan=team", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (&good, "text/plain", 415, "unsupported_media_type"),
    ];
    let before = house.snapshot("key-1").await;
    for (body, kind, status, code) in cases {
        let request = request("POST", "/signup", &[("content-type", kind)], body.as_bytes());
        let (got, problem) = read(&handle(&deps(&house), request).await);
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{}", &body[..body.len().min(60)]);
        assert_eq!(house.snapshot("key-1").await, before);
    }
}

#[tokio::test]
async fn a_customer_has_one_currency() {
    let (house, mut body) = with_ana(|_| {}).await;
    body["customer"] = json!({"id": "cus_ana", "currency": "USD"});
    let before = house.snapshot("key-1").await;
    let (status, problem) = post(&house, &[], &body).await;
    assert_eq!((status, &problem["code"]), (422, &json!("wrong_currency")));
    assert_eq!(house.snapshot("key-1").await, before);
}

#[tokio::test]
async fn callers_without_a_good_key_learn_nothing_and_change_nothing() {
    let (house, body) = with_ana(|_| {}).await;
    let before = house.snapshot("key-1").await;
    for sent in ["", "Bearer ", "Bearer sk_wrong", "Basic c2s6", "sk_test_storefront"] {
        // Even what is not readable at all is answered with 401 only.
        for text in [body.to_string(), "x".repeat(100_000)] {
            let request = request("POST", "/signup", &[("authorization", sent)], text.as_bytes());
            let (status, problem) = read(&handle(&deps(&house), request).await);
            assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{sent}");
        }
    }
    for (sent, status, code) in [("", 400, "missing_header"), ("two words", 422, "invalid_field")] {
        let (got, problem) = post(&house, &[("idempotency-key", sent)], &body).await;
        assert_eq!((got, &problem["code"], &problem["field"]), (status, &json!(code), &json!("Idempotency-Key")));
    }
    assert_eq!(house.snapshot("key-1").await, before);
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_and_done_once() {
    let house = House::open().await;
    let body = signup_body("cus_new", "pm_card_visa");
    let first = post(&house, &[], &body).await;
    let after = house.snapshot("key-1").await;
    let second = post(&house, &[], &body).await;
    assert_eq!((first.0, &first.1), (second.0, &second.1));
    let mut other = body.clone();
    other["quantity"] = json!(6);
    let (status, problem) = post(&house, &[], &other).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(house.snapshot("key-1").await, after);
    assert_eq!(house.sandbox.log().len(), 1, "one charge");
}

#[tokio::test]
async fn a_card_number_is_refused_wherever_it_is_and_never_repeated() {
    let spaced = "4242 4242 4242 4242";
    let places = ["/payment_method/token", "/customer/id", "/customer/channel", "/plan", "/quantity", "/subscription"];
    for (place, text) in places.into_iter().flat_map(|p| [(p, CARD), (p, spaced)]) {
        let number = if place == "/quantity" { json!(4_242_424_242_424_242_u64) } else { json!(text) };
        let (house, body) = with_ana(|body| *body.pointer_mut(place).unwrap() = number).await;
        let before = house.snapshot("key-1").await;
        let logs = Logs::default();
        let (status, problem) = logs.of(post(&house, &[], &body)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("card_number_refused")), "{place}");
        assert_eq!(problem["field"], place[1..].replace('/', "."));
        let said = format!("{problem} {}", logs.text());
        assert!(!said.contains(CARD) && !said.contains(spaced), "{said}");
        assert!(logs.text().contains("card_number_refused"), "the refusal itself is logged: {}", logs.text());
        assert_eq!(house.snapshot("key-1").await, before);
    }
}

#[tokio::test]
async fn tokens_and_addresses_are_not_logged() {
    let house = House::open().await;
    let mut body = signup_body("cus_new", "pm_canary_token");
    body["customer"]["email"] = json!("canary@example.com");
    let logs = Logs::default();
    assert_eq!(logs.of(post(&house, &[("x-request-id", "req-1")], &body)).await.0, 201);
    assert!(logs.text().contains("\"correlation_id\":\"req-1\""), "{}", logs.text());
    assert!(!logs.text().contains("canary"), "{}", logs.text());
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let house = House::open().await;
    for (method, path, status) in [("GET", "/signup", 405), ("POST", "/", 404), ("POST", "/signup/x", 404)] {
        let reply = handle(&deps(&house), request(method, path, &[], b"")).await;
        assert_eq!(read(&reply).0, status, "{method} {path}");
        assert_eq!(reply.headers().contains_key("allow"), status == 405);
    }
}
