//! Runs the contract against an endpoint: `cargo run -p local-aws --example contract -- http://127.0.0.1:4566`.
//! Makes the tables if they are not there; credentials and region come from the environment. Without an endpoint it runs
//! on the embedded database.

use std::error::Error;

use local_aws::{contract, tables};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = match std::env::args().nth(1) {
        Some(endpoint) => {
            let client = tables::at(&endpoint).await;
            aws::tables::ensure(&client, tables::TABLE, tables::OPERATIONS).await?;
            client
        }
        None => tables::embedded(None).await?.client(),
    };
    let prefix = contract::fresh_prefix();
    contract::run(tables::store(client), &prefix).await?;
    println!("every promise was kept (prefix {prefix})");
    Ok(())
}
