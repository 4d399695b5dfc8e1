//! Questions as the queue delivers them: about answers that got lost, and about charges that never were.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use lambda_kit::testing::{House, failed, sqs_event};
use reconcile::{Deps, handle};
use usecases::ports::Job;

const EVENT: &str = include_str!("../../../infra/events/reconcile.json");

async fn unknown_house(token: &str) -> (House, Deps, Job) {
    let house = House::open().await;
    house.sign_up("cus_ana", token).await;
    let job: Job = serde_json::from_str(r#"{"customer":"cus_ana","item":"inv_ana-p1"}"#).unwrap();
    assert_eq!(house.invoice_state(&job).await, "pending");
    let deps = Deps { ledger: house.ledger.clone(), gateways: house.gateways.clone() };
    (house, deps, job)
}

#[tokio::test]
async fn the_sample_event_finds_the_payment_whose_answer_got_lost() {
    let (house, deps, job) = unknown_house("pm_sandbox_answerLost").await;
    let early = house.snapshot("none").await;
    assert!(failed(&handle(&deps, serde_json::from_str(EVENT).unwrap()).await).is_empty());
    assert_eq!(house.snapshot("none").await, early, "it is not time to ask");
    house.clocks.pass_seconds(301);
    assert!(failed(&handle(&deps, serde_json::from_str(EVENT).unwrap()).await).is_empty());
    assert_eq!(house.invoice_state(&job).await, "paid");
    assert_eq!(house.sandbox.log().len(), 1, "asked, not charged again");
    let after = house.snapshot("none").await;
    assert!(failed(&handle(&deps, serde_json::from_str(EVENT).unwrap()).await).is_empty());
    assert_eq!(house.snapshot("none").await, after);
}

#[tokio::test]
async fn poison_fails_alone_and_a_gateway_that_is_gone_is_tried_again() {
    let (house, _, job) = unknown_house("pm_sandbox_unreachable").await;
    house.clocks.pass_seconds(301);
    let deps = Deps { ledger: house.ledger.clone(), gateways: usecases::ports::Gateways::default() };
    let bodies = ["poison".to_owned(), serde_json::to_string(&job).unwrap()];
    assert_eq!(failed(&handle(&deps, sqs_event(bodies)).await), ["m0", "m1"]);
}
