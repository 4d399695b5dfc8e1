//! How this house talks to AWS: retries and timeouts, set once and on purpose.
//!
//! Exists because the SDK's defaults move with its versions, and because a call without a deadline holds a function
//! until Lambda kills it, with the rest of its batch.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Tries of a call, the first included.
const TRIES: u32 = 3;
/// Tries of a DynamoDB call: its throttles pass within milliseconds.
const DYNAMODB_TRIES: u32 = 4;

/// Region, credentials and endpoint from the environment; retries and deadlines from here.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(12))
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts)
        .load()
        .await
}

/// A DynamoDB client.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(DYNAMODB_TRIES)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(2));
    let config = aws_sdk_dynamodb::config::Builder::from(config).retry_config(retries);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// An SQS client.
#[must_use]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// An EventBridge client.
#[must_use]
pub fn eventbridge(config: &SdkConfig) -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::new(config)
}
