//! Queue: makes the invoice of a period that ended and moves the contract to the next.
//!
//! Exists as the thin edge of [`usecases::renew`]; no gateway is called here, so access does not wait for money.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_kit::sqs;
use usecases::{ports::Ledger, renew::renew};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
}

/// Does the batch's jobs; the answer names those that failed.
pub async fn handle(deps: &Deps, event: SqsEvent) -> SqsBatchResponse {
    sqs::each(event, |job| async move { renew(&deps.ledger, &job).await }).await
}
