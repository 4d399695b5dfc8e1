//! Wiring of `signup`: configuration, clients, handler.

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
        let gateways = wiring::gateways(&gateway)?;
        let deps = signup::Deps { ledger, gateways, default_gateway: gateway.name };
        start::http(|request| signup::handle(&deps, request)).await
    })
    .await
}
