//! The rules as a whole, in one binary: what holds for all inputs, every state against every input, and what was ever stored.
//!
//! Exists beside the unit tests because these say what the rules promise, not how a part of them works.

mod anchors;
mod collecting;
mod contracts;
mod golden;
mod lifecycle;
mod money;
mod sample;
