//! `POST /record-usage` and its queue: usage events in batches of up to 100, each counted once however often it comes.
//!
//! Exists as the thin edge of [`usecases::record_usage`]. The reply says of each event what became of it; a message
//! with an event that is refused ends in the dead-letter queue, because nobody waits for its answer.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_kit::{
    http::{self, Problem, Reply, Request},
    sqs,
};
use usecases::{
    ports::Ledger,
    record_usage::{UsageRequest, record_message, record_usage},
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
}

/// Answers a request; whatever happens is a reply. No Idempotency-Key is needed: the events' own ids are that.
pub async fn handle(deps: &Deps, request: Request) -> Reply {
    // Boxed: what a use case keeps while it waits is too large for its callers' stacks.
    http::answer(&request, Box::pin(respond(deps, &request))).await
}

async fn respond(deps: &Deps, request: &Request) -> Result<Reply, Problem> {
    http::route(request, "POST", "/record-usage")?;
    http::storefront(deps.ledger.operations.as_ref(), request).await?;
    let batch: UsageRequest = http::parse(http::json_bytes(request)?)?;
    http::json(200, &record_usage(&deps.ledger, &batch).await?)
}

/// Records the batch's messages; the answer names those that failed.
pub async fn handle_batch(deps: &Deps, event: SqsEvent) -> SqsBatchResponse {
    let work = |batch: UsageRequest| async move { Box::pin(record_message(&deps.ledger, &batch)).await };
    sqs::each_message(event, work).await
}
