//! Renewals as the queue delivers them: once, twice, among poison.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use lambda_kit::testing::{House, failed, sqs_event};
use renew::{Deps, handle};
use usecases::ports::Lane;

const EVENT: &str = include_str!("../../../infra/events/renew.json");
const ANA: &str = r#"{"customer":"cus_ana","item":"sub_ana"}"#;

/// Ana and Ben, a month after they signed up.
async fn due_house() -> (House, Deps) {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    house.sign_up("cus_ben", "pm_card_visa").await;
    house.clocks.set_business("2027-02-15T09:00:00Z".parse().unwrap());
    let deps = Deps { ledger: house.ledger.clone() };
    (house, deps)
}

#[tokio::test]
async fn the_sample_event_renews_both() {
    let (house, deps) = due_house().await;
    let response = handle(&deps, serde_json::from_str(EVENT).unwrap()).await;
    assert!(failed(&response).is_empty());
    let waiting = house.due(Lane::Collect, "2027-02-15T09:00:00Z").await;
    let mut items: Vec<_> = waiting.iter().map(|job| job.item.as_str()).collect();
    items.sort_unstable();
    assert_eq!(items, ["inv_ana-p2", "inv_ben-p2"]);
    assert_eq!(house.sandbox.log().len(), 2, "the sign-ups only: renewing calls no gateway");
}

#[tokio::test]
async fn a_second_delivery_and_one_before_its_time_change_nothing() {
    let (house, deps) = due_house().await;
    assert!(failed(&handle(&deps, sqs_event([ANA.into(), ANA.into()])).await).is_empty());
    let after = house.snapshot("none").await;
    for _ in 0..3 {
        assert!(failed(&handle(&deps, sqs_event([ANA.into()])).await).is_empty());
    }
    assert_eq!(house.snapshot("none").await, after);
}

#[tokio::test]
async fn poison_fails_alone_with_its_own_id() {
    let (house, deps) = due_house().await;
    let unknown = r#"{"customer":"cus_ana","item":"sub_nobody"}"#;
    let strange = r#"{"customer":"cus_ana","item":"inv_ana-p1"}"#;
    let bodies = ["not json", ANA, unknown, r#"{"customer":"#, strange, "[]"];
    let response = handle(&deps, sqs_event(bodies.map(Into::into))).await;
    assert_eq!(failed(&response), ["m0", "m2", "m3", "m4", "m5"]);
    assert_eq!(house.due(Lane::Collect, "2027-02-15T09:00:00Z").await.len(), 1, "Ana was renewed");
}
