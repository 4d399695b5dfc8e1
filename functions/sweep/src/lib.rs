//! The tick: admits due work to the queues.
//!
//! Exists as the thin edge of [`usecases::sweep`]; the schedule calls it every minute, whatever the event says.

use std::sync::Arc;

use usecases::{
    error::Error,
    ports::{Lane, Ledger, Queue},
    sweep::{SweepSettings, Swept, sweep},
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
    /// The queues of the workers.
    pub queue: Arc<dyn Queue>,
    /// Shards and pace.
    pub settings: SweepSettings,
}

/// One tick over all lanes; the event carries nothing that matters.
///
/// # Errors
/// As [`sweep`]; the next tick does what this one did not.
pub async fn handle(deps: &Deps, _event: serde_json::Value) -> Result<Swept, Error> {
    let swept = sweep(&deps.ledger, deps.queue.as_ref(), &deps.settings, &Lane::ALL).await?;
    let Swept { renewals, collections, questions, held_back } = swept;
    tracing::info!(renewals, collections, questions, held_back, "swept");
    Ok(swept)
}
