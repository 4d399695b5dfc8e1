//! The bus on EventBridge.

use async_trait::async_trait;
use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use usecases::{error::Error, ports::Bus, relay::BusEvent};

/// Most events that EventBridge takes at once.
const BATCH: usize = 10;

/// What every event says it comes from.
pub const SOURCE: &str = "perennial";

/// An event bus.
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// The bus of this name.
    #[must_use]
    pub fn new(client: Client, bus_name: impl Into<String>) -> Self {
        Self { client, name: bus_name.into() }
    }

    fn entry(&self, event: &BusEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(&event.detail_type)
            .detail(event.detail.to_string())
            .build()
    }
}

#[async_trait]
impl Bus for EventBus {
    async fn publish(&self, events: Vec<BusEvent>) -> Result<Vec<BusEvent>, Error> {
        let mut left = Vec::new();
        for batch in events.chunks(BATCH) {
            let entries = batch.iter().map(|event| self.entry(event)).collect();
            let sent = self.client.put_events().set_entries(Some(entries)).send().await;
            let answer = sent.map_err(|e| Error::unavailable("announce events", e))?;
            if answer.entries().len() != batch.len() {
                return Err(Error::unavailable("announce events", "the bus answered for another number of events"));
            }
            // Answers come in the order of the entries; one without an id was not taken.
            let refused = batch.iter().zip(answer.entries()).filter(|(_, result)| result.event_id().is_none());
            for (event, result) in refused {
                let code = result.error_code().unwrap_or("no reason given");
                tracing::warn!(event.id = event.event_id, code, "the bus did not take an event");
                left.push(event.clone());
            }
        }
        Ok(left)
    }
}
