//! Wiring of `run-reports`: configuration, clients, handler.

use std::{process::ExitCode, sync::Arc};

use lambda_kit::{
    config::{self, Reports},
    start,
};
use run_reports::{Deps, S3, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start::function(async {
        let Reports { bucket, currency } = config::from_env()?;
        let storage = Arc::new(S3::new(&Box::pin(aws::client::sdk_config()).await));
        // The one folder that a function may write to.
        let deps = Deps { storage, bucket, currency, scratch: std::env::temp_dir() };
        start::events(|event| handle(&deps, event)).await
    })
    .await
}
