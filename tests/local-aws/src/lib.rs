//! What the tests and measurements against embedded and emulated AWS share.
//!
//! Exists so that a contract, a budget and a measurement run on the same two tables, made the same way, wherever those
//! tables are.

pub mod capacity;
pub mod contract;
pub mod tables;
