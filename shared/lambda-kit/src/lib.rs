//! What every deployed function shares and no use case knows: start-up, typed configuration, the loops over batches, HTTP.
//!
//! Exists so that a handler is a translation of a few lines, and so that sizes, headers, problems, panics and logs are
//! treated alike by all of them. It knows neither AWS clients nor gateways.
#![cfg_attr(not(any(test, feature = "testing")), deny(clippy::unwrap_used, clippy::panic))]

pub mod config;
pub mod http;
pub mod logs;
pub mod sqs;
pub mod start;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
