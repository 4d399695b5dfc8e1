//! The tick: what is due goes to its queue, once, at the pace.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;

use lambda_kit::testing::House;
use sweep::{Deps, handle};
use usecases::{
    memory::MemoryQueue,
    ports::DueKind,
    sweep::{PASS_SECONDS, SweepSettings, Swept},
};

const EVENT: &str = include_str!("../../../infra/events/sweep.json");

fn deps(house: &House, queue: &Arc<MemoryQueue>, collections_per_minute: u32) -> Deps {
    let (gateway, pass_seconds) = ("sandbox".into(), PASS_SECONDS);
    let collections_per_minute = Some(collections_per_minute);
    let settings = SweepSettings { shards: 2, collections_per_minute, gateway, pass_seconds };
    Deps { ledger: house.ledger.clone(), queue: queue.clone(), settings }
}

async fn tick(deps: &Deps) -> Swept {
    handle(deps, serde_json::from_str(EVENT).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_sample_event_sends_what_is_due_and_nothing_twice() {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    house.sign_up("cus_ben", "pm_sandbox_answerLost").await;
    let queue = Arc::new(MemoryQueue::default());
    let deps = deps(&house, &queue, 100);
    assert_eq!(tick(&deps).await, Swept::default());
    house.clocks.set_business("2027-02-15T09:01:00Z".parse().unwrap());
    house.clocks.pass_seconds(301);
    // Ana's renewal, and the end of the wait for Ben's first money.
    assert_eq!(tick(&deps).await, Swept { renewals: 2, questions: 1, ..Swept::default() });
    let mut renewals: Vec<_> = queue.take(DueKind::Renew).into_iter().map(|job| job.item).collect();
    renewals.sort();
    assert_eq!(renewals, ["sub_ana", "sub_ben"]);
    assert_eq!(queue.take(DueKind::Reconcile)[0].item, "inv_ben-p1");
    assert_eq!(tick(&deps).await, Swept::default(), "it is under way");
    house.clocks.pass_seconds(PASS_SECONDS);
    assert_eq!(tick(&deps).await.renewals, 2, "its worker may have died");
}

#[tokio::test]
async fn collections_wait_for_their_pace() {
    let house = House::open().await;
    for customer in ["cus_ana", "cus_ben", "cus_new"] {
        house.sign_up(customer, "pm_card_visa").await;
    }
    house.clocks.set_business("2027-02-15T09:00:00Z".parse().unwrap());
    for job in house.due(usecases::ports::Lane::Renew, "2027-02-15T09:00:00Z").await {
        usecases::renew::renew(&house.ledger, &job).await.unwrap();
    }
    let queue = Arc::new(MemoryQueue::default());
    let deps = deps(&house, &queue, 2);
    let first = tick(&deps).await;
    assert_eq!((first.collections, first.held_back), (2, 1));
    house.clocks.pass_seconds(60);
    assert_eq!(tick(&deps).await.collections, 1);
    assert_eq!(queue.take(DueKind::Collect).len(), 3);
}
