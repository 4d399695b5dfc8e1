//! An embedded DynamoDB, on a file or in memory, behind a real `aws_sdk_dynamodb::Client`.
//!
//! Exists so that `perennial demo`, `perennial serve` and tests run the very adapter that a deployed stack runs, without a
//! container and without a socket: the SDK's transport is replaced by a call into the engine (`dynoxide`).

mod connector;
mod dispatch;
mod engine;
mod stream;

use std::path::Path;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};

pub use stream::StreamPage;

/// What can go wrong with the database itself. What goes wrong with a call is the SDK's error, as on AWS.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The file cannot be opened, or holds something else.
    #[error("cannot open the embedded database {path}")]
    Open {
        /// Which.
        path: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine refused an operation that is not part of DynamoDB's API.
    #[error("the embedded database did not {operation}: {why}")]
    Engine {
        /// What was tried.
        operation: &'static str,
        /// Its words.
        why: String,
    },
}

impl EmbeddedError {
    fn engine(operation: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Engine { operation, why: why.to_string() }
    }
}

/// An embedded DynamoDB. Clones share it.
#[derive(Clone)]
pub struct Embedded {
    database: dynoxide::Database,
    path: String,
}

impl Embedded {
    /// Opens or makes the database file at `path`. What a call has answered survives a killed process; the last instants
    /// before a power cut may be lost, but never half of a transaction.
    ///
    /// # Errors
    /// [`EmbeddedError::Open`] when the file cannot be opened, is not such a database, or is newer than this build.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EmbeddedError> {
        engine::open(&path.as_ref().to_string_lossy())
    }

    /// From now on nothing waits for the disk, and more is kept in memory: for a database that can be made again. A killed
    /// process still loses nothing; a machine that stops may leave a file that cannot be read.
    ///
    /// # Errors
    /// [`EmbeddedError::Engine`].
    pub fn disposable(self) -> Result<Self, EmbeddedError> {
        let refused = |e: dynoxide::DynoxideError| EmbeddedError::Engine {
            operation: "stop waiting for the disk",
            why: e.to_string(),
        };
        self.database.enable_bulk_loading().map_err(refused)?;
        Ok(self)
    }

    /// A database that ends with its last clone: for tests.
    ///
    /// # Errors
    /// [`EmbeddedError::Open`] when the engine does not start.
    pub fn memory() -> Result<Self, EmbeddedError> {
        engine::memory()
    }

    /// A client of this database. It signs nothing, waits for nothing and does not retry: there is nothing between.
    #[must_use]
    pub fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://embedded.invalid")
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .allow_no_auth()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .http_client(connector::InProcess::new(self.database.clone()))
            .build();
        Client::from_conf(config)
    }

    /// Deletes what has expired; returns how many items. The engine does not do it by itself, so a host calls this now
    /// and then.
    ///
    /// # Errors
    /// [`EmbeddedError::Engine`].
    pub fn sweep_ttl(&self) -> Result<usize, EmbeddedError> {
        self.database.sweep_ttl().map_err(|e| EmbeddedError::engine("delete what has expired", e))
    }
}
