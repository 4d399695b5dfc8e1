//! Wiring of `get`: configuration, clients, handler.

use std::process::ExitCode;

use lambda_kit::{
    config::{self, Tables},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let tables = config::from_env::<Tables>()?;
        let deps = get::Deps { ledger: wiring::ledger(&wiring::sdk_config().await, &tables) };
        start::http(|request| get::handle(&deps, request)).await
    })
    .await
}
