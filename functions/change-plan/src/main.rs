//! Wiring of `change-plan`: configuration, clients, handler.

use std::process::ExitCode;

use lambda_kit::{
    config::{self, Tables},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let tables = config::from_env::<Tables>()?;
        let deps = change_plan::Deps { ledger: wiring::ledger(&wiring::sdk_config().await, &tables) };
        start::http(|request| change_plan::handle(&deps, request)).await
    })
    .await
}
