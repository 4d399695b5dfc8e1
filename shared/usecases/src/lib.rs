#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]

pub mod anchor;
pub mod authorize;
pub mod change_plan;
pub mod collect;
pub mod contract;
pub mod credit_note;
mod currency;
pub mod decide;
pub mod due;
pub mod error;
pub mod explain;
pub mod gateway_event;
mod gather;
pub mod get;
pub mod interposed;
mod lower;
pub mod memory;
pub mod migrate;
pub mod number;
pub mod open_invoice;
pub mod ports;
pub mod publish;
pub mod reconcile;
pub mod record_usage;
mod redeem;
mod refund;
pub mod relay;
pub mod renew;
pub mod sandbox;
pub mod signup;
pub mod sweep;
mod taxes;
mod usage;
pub mod view;
