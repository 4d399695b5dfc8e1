//! What must have come out, counted again from the script and the gateway's own log.
//!
//! Exists to catch us: it shares no code with the rules, reads none of our facts, and knows the policy only as three
//! numbers of the catalog file.

use std::collections::{BTreeMap, BTreeSet};

use billing::{calendar::Instant, gateway::ChargeOutcome};
use chrono::TimeDelta;
use usecases::sandbox::LogEntry;

use super::{
    script::{Act, Line, snapshot},
    telco::Row,
};

/// Days from the first failure of an invoice to the end, in `data/catalog.toml`.
const LADDER_DAYS: i64 = 21;
/// Days that a transfer has, and days from then to the end, in `data/catalog.toml`.
const DUE_DAYS: i64 = 14;
const UNPAID_DAYS: i64 = 45;

/// List prices per month in cents, as `data/catalog.toml` has them.
const LIST: [(&str, i64); 3] = [("month-to-month", 7_325), ("one-year", 6_875), ("two-year", 6_435)];

/// The figures that the reports must show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recount {
    /// Customers that ever started.
    pub customers: i64,
    /// Customers with run-rate at the snapshot.
    pub active: i64,
    /// Their monthly run-rate in cents.
    pub mrr_minor: i64,
    /// First attempts, and those that succeeded.
    pub first_attempts: (i64, i64),
    /// Invoices with a declined attempt, and those that were paid in the end.
    pub failed_recovered: (i64, i64),
    /// Captured by the gateway plus transferred, in cents.
    pub collected_minor: i64,
    /// Invoices that were captured twice; must be none.
    pub captured_twice: i64,
    /// Contracts that ended because nobody paid.
    pub involuntary: i64,
}

/// Counts. `subscription_of` gives the subscription body that a row's invoice ids carry.
pub(crate) fn recount(
    rows: &[Row],
    script: &[Line],
    log: &[LogEntry],
    subscription_of: impl Fn(&Row) -> String,
) -> Recount {
    let mut sum = Recount::default();
    count_log(log, &mut sum);
    let failures = failed_invoices(log);
    for (index, row) in rows.iter().enumerate() {
        let lines: Vec<&Line> = script.iter().filter(|l| l.row == index).collect();
        if lines.is_empty() {
            continue;
        }
        sum.customers += 1;
        let prefix = format!("inv_{}-", subscription_of(row));
        let own = failures.iter().filter(|(invoice, _)| invoice.starts_with(&prefix));
        let by_card = own.filter(|(_, f)| !f.paid).map(|(_, f)| f.first + TimeDelta::days(LADDER_DAYS)).min();
        let by_transfer = unpaid_transfer(row, &lines);
        let given_up = by_card.into_iter().chain(by_transfer).min();
        let left = left_at(row, &lines);
        let end = left.into_iter().chain(given_up).min().filter(|end| *end < snapshot());
        sum.involuntary += i64::from(end.is_some() && end == given_up && end != left);
        sum.collected_minor += transfers_before(row, &lines, end);
        let rate = run_rate(row, &lines, end);
        sum.active += i64::from(rate > 0);
        sum.mrr_minor += rate;
    }
    sum
}

struct Failure {
    first: Instant,
    paid: bool,
}

fn count_log(log: &[LogEntry], sum: &mut Recount) {
    let mut captured = BTreeSet::new();
    for entry in log {
        let (invoice, attempt) = entry.request.key.rsplit_once(':').unwrap_or_default();
        let ok = matches!(entry.outcome, ChargeOutcome::Succeeded { .. });
        if attempt == "1" {
            sum.first_attempts.0 += 1;
            sum.first_attempts.1 += i64::from(ok);
        }
        if ok {
            sum.collected_minor += entry.request.amount.minor;
            sum.captured_twice += i64::from(!captured.insert(invoice.to_owned()));
        }
    }
    for failure in failed_invoices(log).values() {
        sum.failed_recovered.0 += 1;
        sum.failed_recovered.1 += i64::from(failure.paid);
    }
}

fn failed_invoices(log: &[LogEntry]) -> BTreeMap<String, Failure> {
    let mut found: BTreeMap<String, Failure> = BTreeMap::new();
    for entry in log {
        let (invoice, _) = entry.request.key.rsplit_once(':').unwrap_or_default();
        if let ChargeOutcome::Declined { at, .. } = &entry.outcome {
            let failure = found.entry(invoice.to_owned()).or_insert(Failure { first: *at, paid: false });
            failure.first = failure.first.min(*at);
        }
    }
    for entry in log.iter().filter(|e| matches!(e.outcome, ChargeOutcome::Succeeded { .. })) {
        if let Some(failure) = entry.request.key.rsplit_once(':').and_then(|(invoice, _)| found.get_mut(invoice)) {
            failure.paid = true;
        }
    }
    found
}

/// When the customer left by its own wish.
fn left_at(row: &Row, lines: &[&Line]) -> Option<Instant> {
    lines.iter().find_map(|line| match line.act {
        Act::CancelNow => Some(line.at),
        Act::CancelAtPeriodEnd => Some(super::script::boundary(row, row.tenure)),
        _ => None,
    })
}

/// When a customer who pays by transfer is given up: the first period without a transfer decides.
fn unpaid_transfer(row: &Row, lines: &[&Line]) -> Option<Instant> {
    if row.automatic {
        return None;
    }
    let paid = lines.iter().filter(|l| matches!(l.act, Act::Transfer { .. })).count();
    let periods = if row.left { row.tenure } else { row.tenure + 1 };
    let first_unpaid = u32::try_from(paid).ok().filter(|n| *n < periods)?;
    Some(super::script::boundary(row, first_unpaid) + TimeDelta::days(DUE_DAYS + UNPAID_DAYS))
}

fn transfers_before(row: &Row, lines: &[&Line], end: Option<Instant>) -> i64 {
    let paid = lines
        .iter()
        .filter(|l| matches!(l.act, Act::Transfer { .. }) && end.is_none_or(|end| l.at < end || !row.automatic));
    i64::try_from(paid.count()).unwrap_or(i64::MAX) * row.price_minor
}

/// Cents a month at the snapshot; 0 when ended or resting.
fn run_rate(row: &Row, lines: &[&Line], end: Option<Instant>) -> i64 {
    if end.is_some() {
        return 0;
    }
    let (mut price, mut quantity, mut resting) = (row.price_minor, 1, false);
    for line in lines {
        match line.act {
            Act::ChangePlan(plan) => price = LIST.iter().find(|(p, _)| *p == plan).map_or(price, |(_, list)| *list),
            Act::Quantity(units) => quantity = i64::from(units),
            Act::Pause(until) => resting = until >= snapshot(),
            _ => {}
        }
    }
    if resting { 0 } else { price * quantity }
}
