//! What must hold of one contract and its invoices together.

use super::{Finding, Invariant, Moment};
use crate::{
    calendar::{Instant, Period},
    fact::{EventType, Happening},
    invoice::{BY_MERCHANT, Basis, Invoice, Purpose},
    subscription::{Subscription, wake_at},
};

pub(super) fn check(
    held: &Subscription,
    invoices: &[&Invoice],
    own: &[&Happening],
    moment: &Moment,
    found: &mut Vec<Finding>,
) {
    let mut say = |invariant, detail: String| found.push(Finding::new(invariant, &held.id, detail));
    if let Some(detail) = wrong_run_rate(held, own) {
        say(Invariant::RunRate, detail);
    }
    if let Some(at) = wake_at(held).filter(|at| *at + moment.grace < moment.now) {
        say(Invariant::InTime, format!("it is {} and was to be looked after at {at}", held.state.name()));
    }
    for detail in wrong_periods(held, invoices, own) {
        say(Invariant::Periods, detail);
    }
}

/// The last fact that changes run-rate tells the state after it.
fn wrong_run_rate(held: &Subscription, own: &[&Happening]) -> Option<String> {
    let told = own.iter().rfind(|what| what.event_type.changes_run_rate()).map_or(0, |what| what.mrr12_minor);
    match held.mrr12() {
        Ok(is) if is == told => None,
        Ok(is) => Some(format!("its run-rate is {is} twelfths of a minor unit, its facts tell {told}")),
        Err(refusal) => Some(format!("its run-rate cannot be computed: {refusal}")),
    }
}

/// A period that was billed, by what, and what it earns.
struct Billed {
    period: Period,
    purpose: Purpose,
    mrr12: i64,
}

fn billed(invoice: &Invoice) -> Option<Billed> {
    let period = match invoice.basis.decision() {
        Basis::Period { period, .. } | Basis::Change { next: Some(period), .. } => *period,
        _ => return None,
    };
    Some(Billed { period, purpose: invoice.purpose, mrr12: invoice.mrr12 })
}

fn wrong_periods(held: &Subscription, invoices: &[&Invoice], own: &[&Happening]) -> Vec<String> {
    let mut periods: Vec<Billed> = invoices.iter().copied().filter_map(billed).collect();
    periods.sort_by_key(|billed| billed.period.ordinal);
    // Credit note and invoice of one change bill one period.
    periods.dedup_by_key(|billed| billed.period);
    let mut wrong: Vec<String> = periods.windows(2).filter_map(|pair| does_not_follow(pair, own)).collect();
    for Billed { period, .. } in periods.iter().filter(|billed| billed.period.end <= billed.period.start) {
        wrong.push(format!("period {} ends before it starts", period.ordinal));
    }
    let last = periods.last().map(|billed| billed.period.ordinal);
    let now = held.period.map(|period| period.ordinal);
    if last != now {
        wrong.push(format!("it is in period {now:?}, and the last that was billed is {last:?}"));
    }
    wrong
}

fn does_not_follow(pair: &[Billed], own: &[&Happening]) -> Option<String> {
    let [before, after] = pair else { return None };
    let (last, next) = (&before.period, &after.period);
    let text = || format!("period {} ({} .. {})", next.ordinal, next.start, next.end);
    if next.ordinal != last.ordinal + 1 {
        return Some(format!("{} was billed, and none between it and period {}", text(), last.ordinal));
    }
    let cut = after.purpose == Purpose::Change && (last.start..last.end).contains(&next.start);
    if next.start == last.end || cut || (last.start..=last.end).contains(&next.start) && ended_within(last, next, own) {
        return None;
    }
    (next.start < last.end || !rested(last.end, after, own))
        .then(|| format!("{} does not follow {} .. {}", text(), last.start, last.end))
}

/// What takes a contract out of a period. One that earns nothing ends without a `cancel`: its customer asked, or did not pay.
const LEAVES: [EventType; 4] = [EventType::Pause, EventType::Cancel, EventType::CancelRequested, EventType::WrittenOff];

/// When it was taken out of a period. An invoice that the merchant gave up takes it out of none.
fn left_at(own: &[&Happening]) -> impl Iterator<Item = Instant> {
    let goes_on = |what: &Happening| what.reason.as_deref() == Some(BY_MERCHANT);
    own.iter().filter(move |what| LEAVES.contains(&what.event_type) && !goes_on(what)).map(|what| what.occurred_at)
}

/// Whether the contract rested or had ended between two periods. One that was free until then comes back with a `signup`,
/// one that is still free without a fact.
fn rested(from: Instant, next: &Billed, own: &[&Happening]) -> bool {
    let returns = [EventType::Resume, EventType::Reactivation, EventType::Signup];
    let until = next.period.start + chrono::TimeDelta::seconds(1);
    let mut back = own.iter().filter(|what| returns.contains(&what.event_type)).map(|what| what.occurred_at);
    left_at(own).any(|left| left <= from) && (next.mrr12 == 0 || back.any(|back| from <= back && back <= until))
}

/// Whether a period was left before its end, and the next began after that.
fn ended_within(last: &Period, next: &Period, own: &[&Happening]) -> bool {
    left_at(own).any(|left| last.start <= left && left <= next.start)
}
