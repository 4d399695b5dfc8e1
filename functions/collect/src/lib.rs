//! Queue: first attempts to collect an invoice.
//!
//! Exists as the thin edge of [`usecases::collect`], with a queue of its own that is paced by the gateway account.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_kit::sqs;
use usecases::{
    collect::collect,
    ports::{Gateways, Ledger},
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
    /// The payment gateways.
    pub gateways: Gateways,
}

/// Does the batch's jobs; the answer names those that failed.
pub async fn handle(deps: &Deps, event: SqsEvent) -> SqsBatchResponse {
    sqs::each(event, |job| async move { collect(&deps.ledger, &deps.gateways, &job).await }).await
}
