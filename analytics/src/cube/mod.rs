//! The facts folded to the grain of the reports: a few thousand exact integers per cube, from any number of facts.
//!
//! Why not group millions of rows once per report: seven reports over 16 million facts would hash the same ids again and again.
//! Here each fact is touched once per pass, ids are numbers, and every sum is an integer, so the order of adding cannot matter. The
//! reports themselves are lazy queries over these small frames.

mod changes;
mod customers;
mod frames;
mod invoices;
mod ledger;
mod money;

use polars::prelude::*;

use crate::calendar::Month;
use crate::error::ReportError;
use crate::input::{Rates, Source};
use crate::scan::FactFiles;

pub(crate) use customers::Customers;
pub(crate) use ledger::Totals;

/// Everything the reports and marts are made of. Columns are described at the frames.
#[derive(Clone)]
pub(crate) struct Cubes {
    /// State changes: `month, event_type, movement?, plan, from_plan?, channel, reason?` ->
    /// `n, delta_mrr12, moved_mrr12, subscriptions, moved_subscriptions`.
    pub(crate) movements: LazyFrame,
    /// The same changes if a paused subscription kept its run-rate: `month, movement, event_type, reason?` -> `n, delta_mrr12`.
    pub(crate) held: LazyFrame,
    /// Customers by the month and plan they began with: `cohort, month, plan, channel` ->
    /// `customers, active, churns, delta_mrr12, collected_minor, captured_minor`.
    pub(crate) cohorts: LazyFrame,
    /// Money: `month, channel, event_type, attempt, code?, gateway?, method?` -> `n, amount_minor`. Attempt 0 = no attempt.
    pub(crate) money: LazyFrame,
    /// Failed invoices: `month?, channel, code?, attempts, recovered_attempt?` -> `invoices, amount_minor, recovery_micros`.
    pub(crate) invoices: LazyFrame,
    /// Months from the first to the last state change: `month, i` (0, 1, 2 ...).
    pub(crate) months: LazyFrame,
    /// Months from the first state change to the date of the reports: `month, i, complete`.
    pub(crate) calendar: LazyFrame,
    /// What was seen on the way.
    pub(crate) seen: Seen,
}

/// Counts of a run that are no report, but say whether the reports can be trusted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Facts in the input.
    pub(crate) facts_in_input: u64,
    /// Facts up to the date of the reports.
    pub(crate) facts: u64,
    /// State changes among them.
    pub(crate) state_changes: u64,
    /// Customers with a profile.
    pub(crate) customers: u64,
    /// Profiles whose customer id another profile has, too.
    pub(crate) duplicate_customers: u64,
    /// State changes of customers without a profile; their channel is `unknown`.
    pub(crate) changes_without_profile: u64,
    /// State changes with a negative run-rate.
    pub(crate) negative_states: u64,
    /// State changes with the event id of another one.
    pub(crate) duplicate_changes: u64,
    /// Subscriptions that changed hands; a subscription belongs to one customer.
    pub(crate) shared_subscriptions: u64,
    /// Facts of types these reports do not know; they were skipped.
    pub(crate) unknown_types: u64,
    /// Recovered invoices without a failed attempt.
    pub(crate) recovered_without_failure: u64,
    /// The first instant of the facts, microseconds since 1970.
    pub(crate) first_instant: i64,
    /// The instant of the reports: the given date or the last instant of the facts.
    pub(crate) as_of: i64,
    /// The customers' totals at the end, summed customer by customer.
    pub(crate) totals: Totals,
    /// The month of the first state change.
    pub(crate) first_month: Option<Month>,
    /// The month of the last state change.
    pub(crate) last_change: Option<Month>,
}

/// Folds the facts of a source.
pub(crate) fn build(source: &Source, rates: &Rates, as_of: Option<i64>) -> Result<Cubes, ReportError> {
    let facts = FactFiles::open(&source.facts, as_of)?;
    let mut customers = Customers::read(&source.customers)?;
    let changes = changes::read(&facts, rates, &mut customers)?;
    let ledger = ledger::walk(changes, &customers)?;
    let segments = customers.segments(&ledger.births);
    let money = money::fold(&facts, rates, &customers, &segments)?;
    let invoices = invoices::fold(&facts, rates, &customers)?;
    if money.facts == 0 {
        return Err(ReportError::NoFacts { why: format!("{} facts in the input, none up to the date", facts.rows()) });
    }
    let seen = Seen {
        facts_in_input: facts.rows(),
        facts: money.facts,
        state_changes: ledger.changes,
        customers: customers.profiles(),
        duplicate_customers: customers.duplicates(),
        changes_without_profile: ledger.without_profile,
        negative_states: ledger.negative_states,
        duplicate_changes: ledger.duplicates,
        shared_subscriptions: ledger.shared_subscriptions,
        unknown_types: money.unknown_types,
        recovered_without_failure: invoices.without_failure(),
        totals: ledger.totals,
        first_instant: money.first_instant,
        as_of: as_of.unwrap_or(money.last_instant),
        first_month: ledger.first_month,
        last_change: ledger.last_month,
    };
    frames::frames(&ledger, &money, &invoices, (&customers, &segments), seen)
}
