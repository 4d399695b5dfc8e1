//! The stream as Lambda delivers it: new facts only, poison alone, a bus that is down.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::{Arc, Mutex};

use aws_lambda_events::dynamodb::Event;
use lambda_kit::testing::{House, stream_record as record};
use relay::{Deps, handle};
use serde_json::{Value, json};
use usecases::{
    error::Error,
    memory::MemoryBus,
    ports::{Bus, Lane, Save, Store},
    relay::BusEvent,
};

const RENEWAL: &str = "2027-02-15T09:00:00Z";
const EVENT: &str = include_str!("../../../infra/events/relay.json");

/// A month of Ana's: her renewal's invoice before its payment and after, and the journal entry of her start.
async fn images() -> (Value, Value, Value) {
    let house = House::open().await;
    house.sign_up("cus_ana", "pm_card_visa").await;
    house.clocks.set_business(RENEWAL.parse().unwrap());
    for job in house.due(Lane::Renew, RENEWAL).await {
        usecases::renew::renew(&house.ledger, &job).await.unwrap();
    }
    let ana = serde_json::from_value(json!("cus_ana")).unwrap();
    let stored = || async { house.store.file(&ana).await.unwrap().unwrap() };
    let image = |value| serde_json::to_value(aws::item::invoice(&Save { value, replaces: 1 }, 64).unwrap().attributes);
    let before = image(stored().await.invoices.pop().unwrap().value).unwrap();
    let job = house.due(Lane::Collect, RENEWAL).await.remove(0);
    usecases::collect::collect(&house.ledger, &house.gateways, &job).await.unwrap();
    let file = stored().await;
    let after = image(file.invoices.last().unwrap().value.clone()).unwrap();
    let started = file.journal.iter().find(|entry| !entry.facts.is_empty()).unwrap();
    let started = serde_json::to_value(aws::item::journal(&ana, started).unwrap().attributes).unwrap();
    (before, after, started)
}

fn batch(records: &[Value]) -> Event {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn run(bus: Arc<dyn Bus>, event: Event) -> Vec<String> {
    let response = handle(&Deps { bus }, event).await;
    response.batch_item_failures.into_iter().map(|f| f.item_identifier.unwrap()).collect()
}

#[tokio::test]
async fn the_sample_event_announces_what_is_new_in_it() {
    let (before, after, started) = images().await;
    let sample = json!({"Records": [record("111", &json!({}), &started), record("222", &before, &after)]});
    if std::option_env!("UPDATE_EXPECT").is_some() {
        std::fs::write("../../infra/events/relay.json", format!("{sample:#}\n")).unwrap();
    }
    let bus = Arc::new(MemoryBus::default());
    assert!(run(bus.clone(), serde_json::from_str(EVENT).unwrap()).await.is_empty());
    let events = bus.events();
    let types: Vec<_> = events.iter().map(|e| e.detail_type.as_str()).collect();
    assert_eq!(types, ["subscription.started", "invoice.paid"]);
    assert_eq!(events[0].detail["customer_id"], "cus_ana");
}

#[tokio::test]
async fn facts_that_were_there_before_are_not_announced_again() {
    let (_, after, _) = images().await;
    let bus = Arc::new(MemoryBus::default());
    assert!(run(bus.clone(), batch(&[record("1", &after, &after), record("2", &after, &json!({}))])).await.is_empty());
    assert!(bus.events().is_empty());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_alone() {
    let (before, after, _) = images().await;
    let mut poison = after.clone();
    poison["f"] = json!({"L": [{"M": {"x": {"S": "?"}}}]});
    let records = [record("1", &before, &poison), record("2", &before, &after)];
    let bus = Arc::new(MemoryBus::default());
    assert_eq!(run(bus.clone(), batch(&records)).await, ["1"]);
    assert_eq!(bus.events().len(), 1);
}

/// A bus that takes nothing the first time.
#[derive(Default)]
struct Down(Mutex<usize>, MemoryBus);

#[async_trait::async_trait]
impl Bus for Down {
    async fn publish(&self, events: Vec<BusEvent>) -> Result<Vec<BusEvent>, Error> {
        let calls = {
            let mut calls = self.0.lock().unwrap();
            *calls += 1;
            *calls
        };
        if calls == 1 { Ok(events) } else { self.1.publish(events).await }
    }
}

#[tokio::test]
async fn what_the_bus_did_not_take_comes_again_and_arrives() {
    let (before, after, _) = images().await;
    let records = [record("1", &json!({}), &before), record("2", &before, &after)];
    let bus = Arc::new(Down::default());
    assert_eq!(run(bus.clone(), batch(&records)).await, ["2"], "the first had nothing to say");
    assert!(run(bus.clone(), batch(&records)).await.is_empty());
    assert_eq!(bus.1.events().len(), 1);
}
