//! What the function needs from a bucket.

use std::path::Path;

use async_trait::async_trait;

/// Why a file could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("{action} {key}")]
pub struct StorageError {
    /// `download` or `upload`.
    pub action: &'static str,
    /// Which file.
    pub key: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StorageError {
    /// An error of `action` on `key`.
    pub fn new(action: &'static str, key: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { action, key: key.to_owned(), source: source.into() }
    }
}

/// A bucket.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Copies an object into a file.
    async fn download(&self, bucket: &str, key: &str, to: &Path) -> Result<(), StorageError>;
    /// Copies a file into an object.
    async fn upload(&self, bucket: &str, key: &str, from: &Path) -> Result<(), StorageError>;
}
