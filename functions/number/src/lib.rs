//! The table's stream: invoices that a change issued get their legal numbers.
//!
//! Exists as the thin edge of [`usecases::number`]. One reader of the stream works at a time for each of its shards, and the
//! conditions of the transaction keep those apart; an invoice that comes again keeps its number.

use std::sync::Arc;

use aws::stream::invoice_of_image;
use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use chrono_tz::Tz;
use lambda_kit::{logs::chain, stream::Batch};
use usecases::{
    number::{Issued, issued, number},
    ports::Numbers,
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Counters and numbers.
    pub numbers: Arc<dyn Numbers>,
    /// The zone that decides in which year an invoice was issued.
    pub seller: Tz,
}

/// Numbers the batch's invoices; the answer names the records that Lambda has to bring again.
pub async fn handle(deps: &Deps, event: Event) -> DynamoDbEventResponse {
    let seller = deps.seller;
    let (mut batch, invoices) = Batch::read(event, move |record| issued_by(record, seller));
    let (records, invoices): (Vec<_>, Vec<_>) = invoices.into_iter().unzip();
    match number(deps.numbers.as_ref(), &invoices).await {
        Ok(numbered) => tracing::info!(numbered, issued = invoices.len(), "numbered"),
        Err(error) => {
            tracing::warn!(
                cause = chain(&error),
                issued = invoices.len(),
                "not all got their numbers; they come again"
            );
            batch.bring_again(records);
        }
    }
    batch.response()
}

fn issued_by(record: &EventRecord, seller: Tz) -> Result<Vec<Issued>, String> {
    let read = |image: &serde_dynamo::Item| invoice_of_image(image.clone()).map_err(|e| e.to_string());
    let (before, after) = (read(&record.change.old_image)?, read(&record.change.new_image)?);
    Ok(issued(before.as_ref(), after.as_ref(), seller).into_iter().collect())
}
