//! What must hold of one contract and its invoices together.

use super::{Finding, Invariant, Moment};
use crate::{
    calendar::{Instant, Period},
    fact::{EventType, Fact},
    invoice::{Basis, Invoice, Purpose},
    subscription::{Subscription, wake_at},
};

pub(super) fn check(
    held: &Subscription,
    invoices: Vec<&Invoice>,
    facts: &[&Fact],
    moment: &Moment,
    found: &mut Vec<Finding>,
) {
    let own: Vec<&Fact> = facts.iter().copied().filter(|fact| fact.what.subscription_id == held.id).collect();
    let mut say = |invariant, detail: String| found.push(Finding::new(invariant, &held.id, detail));
    if let Some(detail) = wrong_run_rate(held, &own) {
        say(Invariant::RunRate, detail);
    }
    if let Some(at) = wake_at(held).filter(|at| *at + moment.grace < moment.now) {
        say(Invariant::InTime, format!("it is {} and was to be looked after at {at}", held.state.name()));
    }
    for detail in wrong_periods(held, invoices, &own) {
        say(Invariant::Periods, detail);
    }
}

/// The last fact that changes run-rate tells the state after it.
fn wrong_run_rate(held: &Subscription, own: &[&Fact]) -> Option<String> {
    let told = own.iter().rfind(|fact| fact.what.event_type.changes_run_rate()).map_or(0, |fact| fact.what.mrr12_minor);
    match held.mrr12() {
        Ok(is) if is == told => None,
        Ok(is) => Some(format!("its run-rate is {is} twelfths of a minor unit, its facts tell {told}")),
        Err(refusal) => Some(format!("its run-rate cannot be computed: {refusal}")),
    }
}

/// A period that was billed, and by what.
struct Billed {
    period: Period,
    purpose: Purpose,
}

fn billed(invoice: &Invoice) -> Option<Billed> {
    let period = match invoice.basis.decision() {
        Basis::Period { period, .. } | Basis::Change { next: Some(period), .. } => *period,
        _ => return None,
    };
    Some(Billed { period, purpose: invoice.purpose })
}

fn wrong_periods(held: &Subscription, invoices: Vec<&Invoice>, own: &[&Fact]) -> Vec<String> {
    let mut periods: Vec<Billed> = invoices.into_iter().filter_map(billed).collect();
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

fn does_not_follow(pair: &[Billed], own: &[&Fact]) -> Option<String> {
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
    (next.start < last.end || !rested(last.end, next.start, own))
        .then(|| format!("{} does not follow {} .. {}", text(), last.start, last.end))
}

/// Whether the contract rested or had ended between two periods. One that was free until then comes back with a `signup`.
fn rested(from: Instant, until: Instant, own: &[&Fact]) -> bool {
    let told = |events: &[EventType], range: std::ops::RangeInclusive<Instant>| {
        own.iter().any(|fact| events.contains(&fact.what.event_type) && range.contains(&fact.what.occurred_at))
    };
    told(&[EventType::Pause, EventType::Cancel], Instant::MIN_UTC..=from)
        && told(
            &[EventType::Resume, EventType::Reactivation, EventType::Signup],
            from..=until + chrono::TimeDelta::seconds(1),
        )
}

/// Whether a period was left before its end, by a pause or an end, and the next began after that.
fn ended_within(last: &Period, next: &Period, own: &[&Fact]) -> bool {
    let at = |event: EventType| own.iter().filter(move |f| f.what.event_type == event).map(|f| f.what.occurred_at);
    let mut left = at(EventType::Pause).chain(at(EventType::Cancel));
    left.any(|left| last.start <= left && left <= next.start)
}
