//! The rules as a whole, in one binary: what holds for all inputs, every state against every input, and what was ever stored.
//!
//! Exists beside the unit tests because these say what the rules promise, not how a part of them works.

// `cfg(test)` is always on here; it tells the linter that helpers may panic as tests do.
#[cfg(test)]
mod adjusted;
mod anchors;
mod billing_dates;
mod calc;
mod collecting;
mod contracts;
mod credit_notes;
mod dates;
mod destinations;
mod discount_tax_cases;
mod dividing;
mod documents;
mod dunning_cases;
mod golden;
mod items;
mod lifecycle;
mod migration;
mod minimums;
mod money;
mod once;
mod paid_trials;
mod price_cases;
mod pricing;
mod proration;
mod proration_cases;
mod returns;
mod sample;
mod schedules;
mod stubs;
mod usage;
