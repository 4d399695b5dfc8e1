//! Queue: asks the gateway what became of an attempt that nobody knows about.
//!
//! Exists as the thin edge of [`usecases::reconcile`]: an unknown payment is asked about until it is known.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_kit::sqs;
use usecases::{
    ports::{Gateways, Ledger},
    reconcile::reconcile,
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
    sqs::each(event, |job| async move { reconcile(&deps.ledger, &deps.gateways, &job).await }).await
}
