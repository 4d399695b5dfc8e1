//! The bucket on S3.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    primitives::ByteStream,
};

use crate::storage::{Storage, StorageError};

/// For one upload: reports are megabytes, not kilobytes.
const UPLOAD: Duration = Duration::from_secs(120);

/// Buckets behind an S3 client.
#[derive(Clone, Debug)]
pub struct S3(Client);

impl S3 {
    /// Buckets with the region and credentials of `sdk`, and with time for whole files.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).operation_timeout(UPLOAD);
        Self(Client::from_conf(Builder::from(sdk).timeout_config(timeouts.build()).build()))
    }
}

#[async_trait]
impl Storage for S3 {
    async fn download(&self, bucket: &str, key: &str, to: &Path) -> Result<(), StorageError> {
        let failed = |source| StorageError { action: "download", key: key.to_owned(), source };
        let object = self.0.get_object().bucket(bucket).key(key).send().await.map_err(|e| failed(e.into()))?;
        let mut file = tokio::fs::File::create(to).await.map_err(|e| failed(e.into()))?;
        let mut body = object.body.into_async_read();
        tokio::io::copy(&mut body, &mut file).await.map_err(|e| failed(e.into()))?;
        // Closing a file does not wait for what was not written yet.
        file.sync_all().await.map_err(|e| failed(e.into()))
    }

    async fn upload(&self, bucket: &str, key: &str, from: &Path) -> Result<(), StorageError> {
        let failed = |source| StorageError { action: "upload", key: key.to_owned(), source };
        let body = ByteStream::from_path(from).await.map_err(|e| failed(e.into()))?;
        let request = self.0.put_object().bucket(bucket).key(key).content_type(content_type(key)).body(body);
        request.send().await.map(|_| ()).map_err(|e| failed(e.into()))
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("csv") => "text/csv; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
