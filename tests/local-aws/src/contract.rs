//! The contract of the ports, run against a store over DynamoDB wherever it is.

use std::{sync::Arc, time::Duration};

use aws::AwsStore;
use futures::future::BoxFuture;
use usecases::{
    contract::{self, Subject, Work},
    error::Error,
};

use crate::tables::SHARDS;

/// Every promise of store and operations.
///
/// # Errors
/// What the store answered instead of doing what was asked.
///
/// # Panics
/// When a promise is broken.
pub async fn run(store: AwsStore, prefix: &str) -> Result<(), Error> {
    let store = Arc::new(store);
    let subject = Subject { together, moment, ..Subject::new(store, SHARDS, prefix) };
    contract::store(&subject).await?;
    contract::operations(&subject).await
}

/// A prefix that no earlier run on the same tables had.
#[must_use]
pub fn fresh_prefix() -> String {
    use usecases::ports::Ids;
    format!("t{}", billing::ids::base32(aws::RandomIds.next(), 8))
}

/// Every piece of work in a task of its own, on all threads.
fn together(work: Vec<Work>) -> BoxFuture<'static, Vec<Result<u32, Error>>> {
    Box::pin(async move {
        let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())));
        }
        results
    })
}

fn moment() -> BoxFuture<'static, ()> {
    Box::pin(tokio::time::sleep(Duration::from_millis(250)))
}
