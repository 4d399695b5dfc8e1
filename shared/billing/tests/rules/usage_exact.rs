//! Usage that is there for a part of a period: exact up to the one rounding, and the part of the full period that it was there.

use billing::{
    calendar::recurrence::Span,
    invoice::{Invoice, LineKind, compute, explain},
    proration::ProrationUnit,
    subscription::{Input, Subscription},
    usage::{Running, UsageAccount},
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sample::at;
use crate::usage::{Days, event};
use crate::usage_parts::held_in;

fn item(aggregation: &str, price: &str) -> Value {
    let mut item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": aggregation},
        "price": {"model": "per-seat", "unit_amount": price}});
    if aggregation == "sum" {
        item["proration"] = json!("day");
    }
    item
}

pub(crate) fn renew(days: &Days, held: &Subscription) -> (Subscription, Invoice) {
    let (next, mut invoices) = days.decide(held, Input::Wake, held.period.expect("a period").end);
    (next, invoices.remove(0))
}

pub(crate) fn add(days: &mut Days, held: &Subscription, when: &str, units: &str, now: &str) {
    days.record_events(held, &[event(&format!("{when} {now}"), at(when), units)], at(now));
}

fn usage(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    let of_usage = |kind| matches!(kind, LineKind::Usage | LineKind::UsageLate);
    invoice.lines.iter().filter(|l| of_usage(l.kind)).map(|l| (l.kind, l.amount.minor)).collect()
}

/// One unit from `when` on, in June.
fn june(aggregation: &str, price: &str, when: &str) -> Invoice {
    let (held, mut days) =
        (held_in(&item(aggregation, price), "2027-06-01T00:00:00Z", Tz::UTC, false), Days::default());
    add(&mut days, &held, when, "1", when);
    let (_, invoice) = renew(&days, &held);
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(&invoice).expect("JSON")).expect("an invoice");
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines);
    invoice
}

/// A contract with a weighted level, and the invoice of its stub.
pub(crate) fn weighted() -> (Subscription, Invoice) {
    let (item, start) = (item("weighted-changes", "30"), "2027-04-28T00:00:00Z");
    let (held, mut days) = (held_in(&item, start, Tz::UTC, true), Days::default());
    add(&mut days, &held, start, "1", start);
    renew(&days, &held)
}

#[test]
fn an_exact_half_of_a_cent_goes_to_the_even_neighbour() {
    for aggregation in ["sum", "weighted-changes"] {
        for (price, from, cents) in [("9.99", 26, 166), ("19.95", 24, 466), ("0.045", 21, 2)] {
            let invoice = june(aggregation, price, &format!("2027-06-{from}T00:00:00Z"));
            assert_eq!(usage(&invoice), [(LineKind::Usage, cents)], "{aggregation} {price}");
        }
    }
    let told = explain(&june("sum", "19.95", "2027-06-24T00:00:00Z")).expect("words");
    assert!(told.contains("units: 7/30 × 19.95 = 4.655"), "{told}");
}

/// What a basis says of exact parts is taken out of it: it was stored before there were any.
fn before(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.retain(|key, _| !["exact", "weight", "charged_minor"].contains(&key.as_str()));
            map.values_mut().for_each(|value| *value = before(value.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| *value = before(value.take())),
        _ => {}
    }
    value
}

#[test]
fn a_charge_that_was_stored_before_is_computed_as_it_was() {
    for aggregation in ["sum", "weighted-changes"] {
        let invoice = june(aggregation, "9.99", "2027-06-26T00:00:00Z");
        let basis = serde_json::to_value(&invoice.basis).expect("JSON");
        let old = serde_json::from_value(before(basis.clone())).expect("a basis");
        assert_ne!(before(basis.clone()), basis);
        let lines = compute(invoice.rules, &old).expect("lines");
        let line = lines.last().expect("a line");
        assert_eq!((line.amount.minor, line.why.unrounded_minor.to_string().as_str()), (167, "166.500000000333"));
        assert_eq!(line.why.steps[0].units.to_string(), "0.166666666667");
    }
}

#[test]
fn a_weighted_unit_costs_the_part_of_the_full_period_that_it_was_there() {
    let (item, start) = (item("weighted-changes", "30"), "2027-04-28T00:00:00Z");
    let (held, mut days) = (held_in(&item, start, Tz::UTC, true), Days::default());
    add(&mut days, &held, start, "1", start);
    let (held, stub) = renew(&days, &held);
    assert_eq!(usage(&stub), [(LineKind::Usage, 300)]);
    let (held, may) = renew(&days, &held);
    assert_eq!(usage(&may), [(LineKind::Usage, 3_000)]);
    // Ten days of June.
    let end = Input::Cancel { when: billing::subscription::When::Now, reason: None, comment: None };
    let (_, last) = days.decide(&held, end, at("2027-06-11T00:00:00Z"));
    assert_eq!(usage(&last[0]), [(LineKind::Usage, 1_000)]);
}

#[test]
fn what_comes_late_to_a_stub_is_weighted_as_that_was() {
    let (item, start) = (item("weighted-changes", "30"), "2027-04-28T00:00:00Z");
    let (held, mut days) = (held_in(&item, start, Tz::UTC, true), Days::default());
    add(&mut days, &held, start, "1", start);
    let (held, _) = renew(&days, &held);
    let old: Subscription = serde_json::from_value(
        serde_json::to_value(&held)
            .map(|mut held| {
                let meter = &mut held["usage"]["billed"][0]["meters"]["calls"];
                *meter = before(meter.take());
                meter["quantity"] = json!("1");
                held
            })
            .expect("JSON"),
    )
    .expect("a contract");
    add(&mut days, &held, "2027-04-29T00:00:00Z", "1", "2027-05-02T00:00:00Z");
    // Two days of thirty; under the old rule the average of three days, of which all had been charged.
    for (held, late) in [(held, 200), (old, 2_000)] {
        let (_, invoice) = renew(&days, &held);
        assert_eq!(usage(&invoice), [(LineKind::UsageLate, late), (LineKind::Usage, 6_000)]);
    }
}

/// `numerator ÷ denominator`, a half to the even neighbour.
fn half_even(numerator: i128, denominator: i128) -> i128 {
    let (whole, left) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    match (2 * left).cmp(&denominator) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Greater => whole + 1,
    }
}

proptest! {
    /// Units by days, or levels by minutes, in one price: what integers make of them.
    #[test]
    fn parts_are_multiplied_first_and_divided_once(
        by_day in any::<bool>(), price in 1_i64..400_000, moves in proptest::collection::vec((0_i64..30, 0_i64..1_440, 1_i64..50), 1..6),
    ) {
        let item = item(if by_day { "sum" } else { "weighted-changes" }, &format!("{}.{:04}", price / 10_000, price % 10_000));
        let held = held_in(&item, "2027-06-01T00:00:00Z", Tz::UTC, false);
        let period: Span = (&held.period.expect("a period")).into();
        let (mut days, mut parts) = (Days::default(), 0_i128);
        for (n, (day, minute, units)) in moves.iter().enumerate() {
            let when = period.start + TimeDelta::minutes(day * 1_440 + minute);
            days.record_events(&held, &[event(&n.to_string(), when, &units.to_string())], when);
            let left = if by_day { (30 - day) * 1_440 } else { 30 * 1_440 - day * 1_440 - minute };
            parts += i128::from(left * units);
        }
        let mut account = UsageAccount::default();
        let running = Running::whole(period, Tz::UTC, ProrationUnit::Day);
        let closed = account.close(&held.terms.usage, &days.stored(), &running, period.end).expect("charges");
        let found = closed.usage[0].amount().expect("an amount").minor;
        // A price has four decimals, a cent two.
        prop_assert_eq!(i128::from(found), half_even(parts * i128::from(price), 30 * 1_440 * 100));
    }

    /// However a period is cut, its weighted units cost the same together.
    #[test]
    fn weighted_spans_that_meet_cost_what_one_span_costs(cut in 1_i64..43_199, from in 0_i64..43_200, units in 1_i64..50) {
        let held = held_in(&item("weighted-changes", "7.77"), "2027-06-01T00:00:00Z", Tz::UTC, false);
        let period: Span = (&held.period.expect("a period")).into();
        let (mut days, when) = (Days::default(), period.start + TimeDelta::minutes(from));
        days.record_events(&held, &[event("one", when, &units.to_string())], when);
        let running = Running::whole(period, Tz::UTC, ProrationUnit::Day);
        let cost = |cuts: &[billing::calendar::Instant]| {
            let mut account = UsageAccount::default();
            let mut close = |cut| account.close(&held.terms.usage, &days.stored(), &running, cut).expect("charges").usage;
            let charges: Vec<_> = cuts.iter().flat_map(|cut| close(*cut)).collect();
            charges.iter().map(|charge| charge.amount().expect("an amount").minor).sum::<i64>()
        };
        // A bucket does not lie on both sides of a boundary.
        let cut = period.start + TimeDelta::hours(cut / 60);
        prop_assert!((cost(&[cut, period.end]) - cost(&[period.end])).abs() <= 1);
    }
}
