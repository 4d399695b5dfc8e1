//! Wiring of `retry-payment`: configuration, clients, handler.

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
        let deps = retry_payment::Deps { ledger, gateways: wiring::gateways(&gateway)? };
        start::batches(|event| retry_payment::handle(&deps, event)).await
    })
    .await
}
