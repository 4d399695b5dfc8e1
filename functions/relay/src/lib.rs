//! The table's stream: facts that a change added, to the bus.
//!
//! Exists as the thin edge of [`usecases::relay`]. A record that cannot be read fails alone and does not hold up the
//! others; consumers dedupe by `event_id`, so what comes again does no harm.

use std::{collections::HashSet, panic, sync::Arc};

use aws::stream::facts_of_image;
use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use billing::fact::Fact;
use lambda_kit::logs::chain;
use usecases::{
    ports::Bus,
    relay::{added, relay},
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// The bus that the world listens to.
    pub bus: Arc<dyn Bus>,
}

/// Announces the batch's facts; the answer names the records that Lambda has to bring again.
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let mut failed = HashSet::new();
    let mut facts = Vec::new();
    for (i, record) in event.records.iter().enumerate() {
        // Reading is pure; a panic in it is this record's alone.
        match panic::catch_unwind(|| facts_added(record)) {
            Ok(Ok(new)) => facts.extend(new.into_iter().map(|fact| (i, fact))),
            Ok(Err(cause)) => {
                tracing::error!(event_id = record.event_id, cause, "the stream record cannot be read");
                failed.insert(i);
            }
            Err(_) => {
                failed.insert(i);
            }
        }
    }
    announce(deps, facts, &mut failed).await;
    let mut response = DynamoDbEventResponse::default();
    let records = event.records.into_iter().enumerate().filter(|(i, _)| failed.contains(i));
    response.batch_item_failures = records.map(|(_, record)| failure(record)).collect();
    response
}

/// A record always has a sequence number; without one, the empty name brings the whole batch again.
fn failure(record: EventRecord) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(record.change.sequence_number.unwrap_or_default());
    failure
}

/// Everything in one call, because the bus takes ten events at a time. Which were taken is not known when it fails, so
/// every record with facts comes again.
async fn announce(deps: &Deps, facts: Vec<(usize, Fact)>, failed: &mut HashSet<usize>) {
    let (records, facts): (Vec<_>, Vec<_>) = facts.into_iter().unzip();
    match relay(deps.bus.as_ref(), &facts).await {
        Ok(()) => tracing::info!(facts = facts.len(), "relayed"),
        Err(error) => {
            tracing::warn!(cause = chain(&error), facts = facts.len(), "the bus did not take all; they come again");
            failed.extend(records);
        }
    }
}

fn facts_added(record: &EventRecord) -> Result<Vec<Fact>, String> {
    let read = |image: &serde_dynamo::Item| facts_of_image(image.clone()).map_err(|e| e.to_string());
    Ok(added(&read(&record.change.old_image)?, &read(&record.change.new_image)?))
}
