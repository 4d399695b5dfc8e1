//! DynamoDB, SQS and EventBridge adapters of the ports.
//!
//! Exists so that the use cases never see an attribute value: keys, items and retries are decided here and nowhere else.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]

pub mod bus;
pub mod client;
pub mod clocks;
pub mod ids;
pub mod item;
pub mod keys;
pub mod names;
pub mod queue;
pub mod record;
pub mod size;
pub mod store;
pub mod stream;
pub mod tables;

pub use bus::EventBus;
pub use clocks::AwsClocks;
pub use ids::RandomIds;
pub use queue::SqsQueue;
pub use store::{AwsStore, CapacityMeter};
