//! Wiring of `gateway-event`: configuration, clients, handler.

use std::process::ExitCode;

use lambda_kit::{
    config::{self, Tables},
    start,
};
use wiring::WebhookSecrets;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let (tables, WebhookSecrets(secrets)) = config::from_env::<(Tables, WebhookSecrets)>()?;
        let deps = gateway_event::Deps { ledger: wiring::ledger(&wiring::sdk_config().await, &tables), secrets };
        start::http(|request| gateway_event::handle(&deps, request)).await
    })
    .await
}
