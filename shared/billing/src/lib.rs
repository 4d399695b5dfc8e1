#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic, clippy::float_arithmetic))]

pub mod allocation;
pub mod calc;
pub mod calendar;
pub mod catalog;
pub mod check;
pub mod customer;
pub mod discount;
pub mod document;
pub mod dunning;
pub mod entitlement;
pub mod fact;
pub mod gateway;
pub mod ids;
pub mod invoice;
pub mod journal;
pub mod migration;
pub mod money;
pub mod percent;
pub mod prepaid;
pub mod pricing;
pub mod profile;
pub mod proration;
pub mod refusal;
pub mod run_rate;
mod stored;
pub mod subscription;
pub mod tax;
pub mod terms;
pub mod usage;

/// The version of the rules in this build. Every decision records it; when a rule changes, the number
/// grows and the old rule stays callable, so that an old invoice can be recomputed byte for byte.
pub const RULES_VERSION: u16 = 3;
