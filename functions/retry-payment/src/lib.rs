//! Queue: the rungs of an unpaid invoice's ladder: retries, notices, suspension, the end.
//!
//! Exists beside `collect` so that retries and first attempts have separate queues, alarms and limits; what is due is the
//! invoice's to say, so both are [`usecases::collect`].

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
