//! Payment providers over HTTP: pure mappings of requests and answers, and one client.
//!
//! Exists because everything a provider says is hostile until it is read: what cannot be read is unknown, never failed
//! (DESIGN section 5.5). To add a provider: an adapter like [`sandbox`], its declaration, and the contract tests.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]

pub mod http;
pub mod sandbox;
pub mod webhook;
