//! The reference adapters keep the contract that real adapters are held to.

use std::sync::Arc;

use futures::future::BoxFuture;
use usecases::{
    contract::{self, GatewaySubject, Subject, Work},
    error::Error,
    memory::MemoryStore,
    ports::Gateways,
    sandbox::Sandbox,
};

/// Shards of each lane.
const SHARDS: u16 = 4;

fn subject() -> Subject {
    let store = Arc::new(MemoryStore::new(SHARDS));
    Subject::new(store, SHARDS, "mem")
}

/// Every piece of work in a task of its own.
fn threads(work: Vec<Work>) -> BoxFuture<'static, Vec<Result<u32, Error>>> {
    Box::pin(async move {
        let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())));
        }
        results
    })
}

#[tokio::test]
async fn memory_keeps_the_promises_of_a_store() {
    contract::store(&subject()).await.unwrap();
}

#[tokio::test]
async fn memory_keeps_the_promises_of_operations() {
    contract::operations(&Subject { together: threads, ..subject() }).await.unwrap();
}

#[tokio::test]
async fn the_sandbox_keeps_the_promises_of_a_gateway() {
    let sandbox = Arc::new(Sandbox::default());
    let gateways = Gateways::new([sandbox.clone() as Arc<dyn usecases::ports::Gateway>]);
    let captures = |key: &str| {
        let log = sandbox.log();
        let captured = log.iter().filter(|entry| entry.request.key == key);
        captured.filter(|entry| matches!(entry.outcome, billing::gateway::ChargeOutcome::Succeeded { .. })).count()
    };
    let refunded = |key: &str| {
        let log = sandbox.refunds();
        let done = log.iter().filter(|e| matches!(e.outcome, billing::gateway::RefundOutcome::Succeeded { .. }));
        done.filter(|entry| entry.request.key == key).map(|entry| entry.request.amount.minor).sum()
    };
    let gateway = gateways.get("sandbox").unwrap();
    contract::gateway(&GatewaySubject::sandbox(gateway, &captures, &refunded, "mem")).await.unwrap();
}
