//! Wiring of `sweep`: configuration, clients, handler.

use std::{process::ExitCode, sync::Arc};

use lambda_kit::{
    config::{self, Pace, Queues, Tables},
    start,
};
use usecases::sweep::{PASS_SECONDS, SweepSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let (tables, pace, queues) = config::from_env::<(Tables, Pace, Queues)>()?;
        let Pace { collections_per_minute, gateway } = pace;
        let collections_per_minute = Some(collections_per_minute);
        let shards = tables.due_shards;
        let settings = SweepSettings { shards, collections_per_minute, gateway, pass_seconds: PASS_SECONDS };
        let sdk = wiring::sdk_config().await;
        let (ledger, queue) = (wiring::ledger(&sdk, &tables), Arc::new(wiring::queue(&sdk, queues)));
        let deps = sweep::Deps { ledger, queue, settings };
        start::events(|event| sweep::handle(&deps, event)).await
    })
    .await
}
