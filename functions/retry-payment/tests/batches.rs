//! Retries as the queue delivers them: at their time, before it, twice.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use billing::ids::InvoiceId;
use lambda_kit::testing::{House, failed, sqs_event};
use retry_payment::{Deps, handle};
use usecases::ports::{Job, Lane, Store};

const EVENT: &str = include_str!("../../../infra/events/retry-payment.json");
const RENEWAL: &str = "2027-02-15T09:00:00Z";

/// Ana, whose method works once and never again, with a declined renewal.
async fn declined_house() -> (House, Deps, Job) {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_chargeCustomerFail").await;
    house.clocks.set_business(RENEWAL.parse().unwrap());
    for job in house.due(Lane::Renew, RENEWAL).await {
        usecases::renew::renew(&house.ledger, &job).await.unwrap();
    }
    let job = house.due(Lane::Collect, RENEWAL).await.remove(0);
    usecases::collect::collect(&house.ledger, &house.gateways, &job).await.unwrap();
    assert_eq!(house.invoice_state(&job).await, "past_due");
    let deps = Deps { ledger: house.ledger.clone(), gateways: house.gateways.clone() };
    (house, deps, job)
}

async fn attempts(house: &House, job: &Job) -> usize {
    let id = InvoiceId::try_new(job.item.as_str()).unwrap();
    house.store.invoice(&job.customer, &id).await.unwrap().unwrap().value.attempts.len()
}

#[tokio::test]
async fn the_sample_event_tries_again_when_the_rung_is_due() {
    let (house, deps, job) = declined_house().await;
    house.clocks.set_business("2027-02-18T09:00:00Z".parse().unwrap());
    let response = handle(&deps, serde_json::from_str(EVENT).unwrap()).await;
    assert!(failed(&response).is_empty());
    assert_eq!(attempts(&house, &job).await, 2, "the retry was declined, too");
}

#[tokio::test]
async fn early_and_repeated_deliveries_try_nothing() {
    let (house, deps, job) = declined_house().await;
    let again = || sqs_event([serde_json::to_string(&job).unwrap()]);
    assert!(failed(&handle(&deps, again()).await).is_empty());
    assert_eq!(attempts(&house, &job).await, 1);
    house.clocks.set_business("2027-02-18T09:00:00Z".parse().unwrap());
    for _ in 0..3 {
        assert!(failed(&handle(&deps, again()).await).is_empty());
    }
    assert_eq!(attempts(&house, &job).await, 2);
}
