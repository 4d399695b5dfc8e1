//! Wiring of `change-plan`: configuration, clients, handler.

use std::process::ExitCode;

use lambda_kit::{
    config::{self, GatewaySettings, Tables},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let (tables, gateway) = config::from_env::<(Tables, GatewaySettings)>()?;
        let ledger = wiring::ledger(&wiring::sdk_config().await, &tables);
        let deps = change_plan::Deps { ledger, gateways: wiring::gateways(&gateway)? };
        start::http(|request| change_plan::handle(&deps, request)).await
    })
    .await
}
