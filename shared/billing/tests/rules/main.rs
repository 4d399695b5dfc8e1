//! The rules as a whole, in one binary: what holds for all inputs, every state against every input, and what was ever stored.
//!
//! Exists beside the unit tests because these say what the rules promise, not how a part of them works.

// `cfg(test)` is always on here; it tells the linter that helpers may panic as tests do.
#[cfg(test)]
mod adjusted;
#[cfg(test)]
mod anchors;
#[cfg(test)]
mod asked;
#[cfg(test)]
mod attempts;
#[cfg(test)]
mod billing_dates;
#[cfg(test)]
mod calc;
#[cfg(test)]
mod calc_edges;
#[cfg(test)]
mod catalogs;
#[cfg(test)]
mod change_cases;
#[cfg(test)]
mod check;
#[cfg(test)]
mod check_edges;
#[cfg(test)]
mod collecting;
#[cfg(test)]
mod consolidated;
#[cfg(test)]
mod contract_edges;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod credit_notes;
#[cfg(test)]
mod currencies;
#[cfg(test)]
mod dates;
#[cfg(test)]
mod destinations;
#[cfg(test)]
mod discount_tax_cases;
#[cfg(test)]
mod discounting;
#[cfg(test)]
mod dividing;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod dunning_cases;
#[cfg(test)]
mod each_event;
#[cfg(test)]
mod explained;
#[cfg(test)]
mod extra_time;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod items;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod late_usage;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
mod migration;
#[cfg(test)]
mod minimums;
#[cfg(test)]
mod money;
#[cfg(test)]
mod note_cases;
#[cfg(test)]
mod once;
#[cfg(test)]
mod open_invoices;
#[cfg(test)]
mod paid_trials;
#[cfg(test)]
mod prepaid;
#[cfg(test)]
mod price_cases;
#[cfg(test)]
mod price_edges;
#[cfg(test)]
mod pricing;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod proration;
#[cfg(test)]
mod proration_cases;
#[cfg(test)]
mod proration_edges;
#[cfg(test)]
mod refunding;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod returns;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod stubs;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod usage_edges;
#[cfg(test)]
mod usage_exact;
#[cfg(test)]
mod usage_parts;
