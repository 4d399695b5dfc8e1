//! Collections as the queue delivers them: once, twice, among poison, with a gateway that panics.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;

use billing::{
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup},
    ids::CustomerId,
    invoice::Claim,
};
use collect::{Deps, handle};
use lambda_kit::testing::{House, failed, sqs_event};
use usecases::{
    ports::{Gateway, Gateways, Job, Lane},
    renew::renew,
    sandbox::Sandbox,
};

const EVENT: &str = include_str!("../../../infra/events/collect.json");
const RENEWAL: &str = "2027-02-15T09:00:00Z";

/// These customers with their second invoice due.
async fn due_house(customers: &[&str]) -> (House, Vec<Job>) {
    let house = House::open().await;
    for customer in customers {
        house.sign_up(customer, "pm_card_visa").await;
    }
    house.clocks.set_business(RENEWAL.parse().unwrap());
    for job in house.due(Lane::Renew, RENEWAL).await {
        renew(&house.ledger, &job).await.unwrap();
    }
    let mut jobs = house.due(Lane::Collect, RENEWAL).await;
    jobs.sort();
    (house, jobs)
}

fn deps(house: &House) -> Deps {
    Deps { ledger: house.ledger.clone(), gateways: house.gateways.clone() }
}

fn text(job: &Job) -> String {
    serde_json::to_string(job).unwrap()
}

#[tokio::test]
async fn the_sample_event_collects_anas_renewal() {
    let (house, jobs) = due_house(&["cus_ana"]).await;
    let response = handle(&deps(&house), serde_json::from_str(EVENT).unwrap()).await;
    assert!(failed(&response).is_empty());
    assert_eq!(house.invoice_state(&jobs[0]).await, "paid");
}

#[tokio::test]
async fn ten_deliveries_of_one_job_charge_once() {
    let (house, jobs) = due_house(&["cus_ana"]).await;
    let charges = house.sandbox.log().len();
    let ten = std::iter::repeat_n(text(&jobs[0]), 10);
    assert!(failed(&handle(&deps(&house), sqs_event(ten)).await).is_empty());
    assert!(failed(&handle(&deps(&house), sqs_event([text(&jobs[0])])).await).is_empty());
    assert_eq!(house.sandbox.log().len(), charges + 1);
    assert_eq!(house.invoice_state(&jobs[0]).await, "paid");
}

/// The sandbox, but for one customer it panics in the middle of the call.
struct Panicking(Arc<Sandbox>);

#[async_trait::async_trait]
impl Gateway for Panicking {
    fn declaration(&self) -> GatewayDeclaration {
        self.0.declaration()
    }

    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        assert_ne!(customer.as_str(), "cus_3", "this one panics after its claim was stored");
        self.0.charge(claim, customer).await
    }

    async fn look_up(&self, claim: &Claim) -> Lookup {
        self.0.look_up(claim).await
    }
}

#[tokio::test]
async fn a_panic_in_one_of_ten_leaves_nine_paid_and_one_to_be_asked_about() {
    let names: Vec<_> = (0..10).map(|i| format!("cus_{i}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (house, jobs) = due_house(&names).await;
    let panicking: Arc<dyn Gateway> = Arc::new(Panicking(house.sandbox.clone()));
    let deps = Deps { ledger: house.ledger.clone(), gateways: Gateways::new([panicking]) };
    let response = handle(&deps, sqs_event(jobs.iter().map(text))).await;
    assert_eq!(failed(&response), ["m3"]);
    for (i, job) in jobs.iter().enumerate() {
        assert_eq!(house.invoice_state(job).await, if i == 3 { "collecting" } else { "paid" }, "{}", job.item);
    }
    // The claim stands: a second delivery may not charge, and after the deadline the gateway is asked.
    assert!(failed(&handle(&deps, sqs_event([text(&jobs[3])])).await).is_empty());
    assert_eq!(house.invoice_state(&jobs[3]).await, "collecting");
    house.clocks.pass_seconds(billing::invoice::CLAIM_SECONDS + 1);
    assert!(failed(&handle(&deps, sqs_event([text(&jobs[3])])).await).is_empty());
    assert_eq!(house.invoice_state(&jobs[3]).await, "pending");
}

#[tokio::test]
async fn poison_fails_alone_with_its_own_id() {
    let (house, jobs) = due_house(&["cus_ana"]).await;
    let bodies = ["{}".into(), text(&jobs[0]), r#"{"customer":"cus_ana","item":"inv_none"}"#.into(), "\u{0}".into()];
    assert_eq!(failed(&handle(&deps(&house), sqs_event(bodies)).await), ["m0", "m2", "m3"]);
    assert_eq!(house.invoice_state(&jobs[0]).await, "paid");
}
