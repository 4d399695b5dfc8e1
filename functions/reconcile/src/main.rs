//! Wiring of `reconcile`: configuration, clients, handler.

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
        let deps = reconcile::Deps { ledger, gateways: wiring::gateways(&gateway)? };
        start::batches(|event| reconcile::handle(&deps, event)).await
    })
    .await
}
