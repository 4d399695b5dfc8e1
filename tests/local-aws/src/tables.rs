//! Two fresh tables, embedded or at an endpoint.

use std::path::Path;

use aws::{AwsStore, tables};
use aws_sdk_dynamodb::Client;
use embedded::{Embedded, EmbeddedError};

/// The main table's name.
pub const TABLE: &str = "perennial";
/// The operations table's name.
pub const OPERATIONS: &str = "perennial-operations";
/// Shards of each lane.
pub const SHARDS: u16 = 4;

/// Why there are no tables.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The embedded database did not open.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// It, or the endpoint, did not make the tables.
    #[error(transparent)]
    Tables(#[from] tables::TableError),
}

/// An embedded database with both tables; on a file if a path is given.
///
/// # Errors
/// [`Failure`].
pub async fn embedded(path: Option<&Path>) -> Result<Embedded, Failure> {
    let database = match path {
        Some(path) => Embedded::open(path)?,
        None => Embedded::memory()?,
    };
    tables::ensure(&database.client(), TABLE, OPERATIONS).await?;
    Ok(database)
}

/// A client of whatever speaks DynamoDB at `endpoint`; credentials and region from the environment.
pub async fn at(endpoint: &str) -> Client {
    let config = aws::client::sdk_config().await.into_builder().endpoint_url(endpoint).build();
    aws::client::dynamodb(&config)
}

/// The store over both tables.
#[must_use]
pub fn store(client: Client) -> AwsStore {
    AwsStore::new(client, TABLE, OPERATIONS, SHARDS)
}
