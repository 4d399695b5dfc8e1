//! Wiring of `relay`: configuration, clients, handler.

use std::{process::ExitCode, sync::Arc};

use lambda_kit::{
    config::{self, BusName},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let name = config::from_env::<BusName>()?;
        let deps = relay::Deps { bus: Arc::new(wiring::bus(&wiring::sdk_config().await, name)) };
        start::batches(|event| relay::handle(&deps, event)).await
    })
    .await
}
