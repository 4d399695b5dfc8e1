//! Prints what the verbs consume as a markdown table: `cargo run -p local-aws --example capacity`.

use std::error::Error;

use local_aws::capacity::{declined_path, good_path, markdown, numbers_path, usage_path};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut rows = Box::pin(good_path()).await?;
    rows.extend(declined_path().await?);
    rows.extend(usage_path().await?);
    rows.extend(numbers_path().await?);
    println!("{}", markdown(&rows));
    println!("Counted by DynamoDB's rules on the embedded database; the bill is AWS's.");
    Ok(())
}
