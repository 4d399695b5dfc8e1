//! Wiring of `record-usage`: configuration, clients, both handlers.

use std::process::ExitCode;

use lambda_kit::{
    config::{self, Tables},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let tables = config::from_env::<Tables>()?;
        let deps = record_usage::Deps { ledger: wiring::ledger(&wiring::sdk_config().await, &tables) };
        let batch = |event| record_usage::handle_batch(&deps, event);
        start::http_and_batches(|request| record_usage::handle(&deps, request), batch).await
    })
    .await
}
