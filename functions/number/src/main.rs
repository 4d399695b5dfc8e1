//! Wiring of `number`: configuration, clients, handler.

use std::{process::ExitCode, sync::Arc};

use lambda_kit::{
    config::{self, Seller, Tables},
    start,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let (tables, Seller(seller)) = config::from_env::<(Tables, Seller)>()?;
        let numbers = Arc::new(wiring::store(&wiring::sdk_config().await, &tables));
        let deps = number::Deps { numbers, seller };
        start::batches(|event| number::handle(&deps, event)).await
    })
    .await
}
