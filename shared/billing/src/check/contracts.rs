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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn after(seconds: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// A period from one second to another.
    fn period(ordinal: u32, (start, end): (i64, i64), purpose: Purpose, mrr12: i64) -> Billed {
        Billed { period: Period { ordinal, index: ordinal, start: after(start), end: after(end) }, purpose, mrr12 }
    }

    /// "event second", or "event second reason".
    fn fact(text: &str) -> Happening {
        let mut words = text.split(' ');
        let (event, second) = (words.next().unwrap(), words.next().unwrap().parse::<i64>().unwrap());
        let json = serde_json::json!({"s": "sub_ana", "c": "cus_ana", "t": event, "o": second * 1_000_000, "p": "team@1",
            "i": "month", "q": 1, "u": "EUR", "a": 0, "m": 0, "r": words.next()});
        serde_json::from_value(json).unwrap()
    }

    /// Whether it follows, from when to when, what for, its run-rate, and what is told.
    type Case<'a> = (bool, (i64, i64), Purpose, i64, &'a [&'a str]);

    /// What follows a period from second 0 to 30 without a finding, and what does not: `earns` is the run-rate after it.
    #[test]
    fn a_period_follows_the_one_before_or_a_change_within_it_or_a_rest() {
        let (renewed, changed, earns, free) = (Purpose::Period, Purpose::Change, 12, 0);
        let cases: &[Case<'_>] = &[
            (true, (30, 60), renewed, earns, &[]),
            // A change cuts the period that runs, and nothing else does.
            (true, (29, 60), changed, earns, &[]),
            (true, (0, 60), changed, earns, &[]),
            (false, (29, 60), renewed, earns, &[]),
            (false, (31, 60), changed, earns, &[]),
            (false, (-5, 60), changed, earns, &[]),
            // But for one that was left before, within it.
            (true, (20, 60), renewed, earns, &["cancel 10"]),
            (true, (20, 60), renewed, earns, &["pause 0"]),
            (true, (20, 60), renewed, earns, &["cancel_requested 20"]),
            (false, (20, 60), renewed, earns, &["cancel -1"]),
            (false, (20, 60), renewed, earns, &["cancel 21"]),
            (false, (20, 60), renewed, earns, &["signup 10"]),
            (false, (20, 60), renewed, earns, &["written_off 10 merchant"]),
            (true, (20, 60), renewed, earns, &["written_off 10 involuntary"]),
            // Between two periods a contract rests: it left, and came back when the next one began.
            (false, (40, 60), renewed, earns, &[]),
            (true, (40, 60), renewed, earns, &["pause 10", "resume 40"]),
            (true, (40, 60), renewed, earns, &["pause 30", "resume 30"]),
            (true, (40, 60), renewed, earns, &["cancel 30", "reactivation 41"]),
            (true, (40, 60), renewed, earns, &["cancel 30", "signup 40"]),
            (false, (40, 60), renewed, earns, &["pause 31", "resume 40"]),
            (false, (40, 60), renewed, earns, &["pause 10"]),
            (false, (40, 60), renewed, earns, &["pause 10", "resume 29"]),
            (false, (40, 60), renewed, earns, &["pause 10", "resume 42"]),
            (false, (40, 60), renewed, earns, &["resume 40"]),
            (false, (40, 60), renewed, earns, &["resume 20", "resume 40"]),
            (false, (40, 60), renewed, earns, &["written_off 10 merchant", "resume 40"]),
            // What is free comes back without a word, and rests as others do.
            (true, (40, 60), renewed, free, &["pause 10"]),
            (false, (40, 60), renewed, free, &[]),
            (false, (20, 60), renewed, free, &["cancel 25"]),
        ];
        for (follows, span, purpose, mrr12, facts) in cases {
            let pair = [period(1, (0, 30), Purpose::Period, 12), period(2, *span, *purpose, *mrr12)];
            let told: Vec<Happening> = facts.iter().map(|text| fact(text)).collect();
            let found = does_not_follow(&pair, &told.iter().collect::<Vec<_>>());
            assert_eq!(found.is_none(), *follows, "{span:?} {purpose:?} {mrr12} {facts:?}: {found:?}");
        }
        let skipped = [period(1, (0, 30), Purpose::Period, 12), period(3, (30, 60), Purpose::Period, 12)];
        assert!(does_not_follow(&skipped, &[]).unwrap().contains("none between it and period 1"));
    }
}
