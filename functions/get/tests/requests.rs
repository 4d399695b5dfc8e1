//! Reading as storefronts meet it: every route, and everything that is none.

use get::{Deps, handle};
use lambda_kit::testing::{House, read, request};
use serde_json::json;

const EVENT: &str = include_str!("../../../infra/events/get.json");

async fn ana() -> (House, Deps) {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    let deps = Deps { ledger: house.ledger.clone() };
    (house, deps)
}

#[tokio::test]
async fn the_sample_event_lists_anas_invoices() {
    let (_, deps) = ana().await;
    let (status, invoices) = read(&handle(&deps, lambda_http::request::from_str(EVENT).unwrap()).await);
    assert_eq!((status, &invoices[0]["id"], &invoices[0]["state"]), (200, &json!("inv_ana-p1"), &json!("paid")));
}

#[tokio::test]
async fn every_route_answers() {
    let (_, deps) = ana().await;
    let cases = [
        ("/customers/cus_ana", "/subscriptions/0/id", json!("sub_ana")),
        ("/customers/cus_ana/history", "/0/event_type", json!("signup")),
        ("/customers/cus_ana/invoices", "/0/total/minor", json!(6_000)),
        ("/customers/cus_ana/invoices/inv_ana-p1", "/total/display", json!("60.00 EUR")),
        ("/customers/cus_ana/entitlements", "/features/0", json!("api")),
    ];
    for (path, pointer, expected) in cases {
        let (status, body) = read(&handle(&deps, request("GET", path, &[], b"")).await);
        assert_eq!((status, body.pointer(pointer)), (200, Some(&expected)), "{path}: {body}");
        assert!(!body.to_string().contains("pm_card_visa"), "{path} shows the token");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (_, deps) = ana().await;
    let cases = [
        ("/customers/cus_nobody", 404),
        ("/customers/cus_nobody/entitlements", 404),
        ("/customers/cus_ana/invoices/inv_none", 404),
        ("/customers/cus_ana/secrets", 404),
        ("/customers/cus_ana/invoices/inv_ana-p1/pdf", 404),
        ("/customers/", 404),
        ("/customers", 404),
        ("/", 404),
        ("/customers/ana", 422),
        ("/customers/cus_ana%23C", 422),
        ("/customers/cus_ana/invoices/sub_ana", 422),
    ];
    for (path, expected) in cases {
        let (status, problem) = read(&handle(&deps, request("GET", path, &[], b"")).await);
        assert_eq!(status, expected, "{path}: {problem}");
    }
}

#[tokio::test]
async fn only_callers_with_a_key_may_read() {
    let (_, deps) = ana().await;
    for sent in ["", "Bearer sk_wrong"] {
        for path in ["/customers/cus_ana", "/customers/cus_nobody"] {
            let (status, _) = read(&handle(&deps, request("GET", path, &[("authorization", sent)], b"")).await);
            assert_eq!(status, 401);
        }
    }
    let reply = handle(&deps, request("DELETE", "/customers/cus_ana", &[], b"")).await;
    assert_eq!(reply.status(), 405);
    assert_eq!(reply.headers()["allow"], "GET");
}
