//! The table's stream: facts that a change added, to the bus.
//!
//! Exists as the thin edge of [`usecases::relay`]. A record that cannot be read fails alone and does not hold up the
//! others; consumers dedupe by `event_id`, so what comes again does no harm.

use std::sync::Arc;

use aws::stream::facts_of_image;
use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use billing::fact::Fact;
use lambda_kit::{logs::chain, stream::Batch};
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

/// Announces the batch's facts; the answer names the records that Lambda has to bring again. Everything in one call,
/// because the bus takes ten events at a time. Which were taken is not known when it fails, so every record with facts
/// comes again.
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let (mut batch, facts) = Batch::read(event, facts_added);
    let (records, facts): (Vec<_>, Vec<_>) = facts.into_iter().unzip();
    match relay(deps.bus.as_ref(), &facts).await {
        Ok(()) => tracing::info!(facts = facts.len(), "relayed"),
        Err(error) => {
            tracing::warn!(cause = chain(&error), facts = facts.len(), "the bus did not take all; they come again");
            batch.bring_again(records);
        }
    }
    batch.response()
}

fn facts_added(record: &EventRecord) -> Result<Vec<Fact>, String> {
    let read = |image: &serde_dynamo::Item| facts_of_image(image.clone()).map_err(|e| e.to_string());
    Ok(added(&read(&record.change.old_image)?, &read(&record.change.new_image)?))
}
