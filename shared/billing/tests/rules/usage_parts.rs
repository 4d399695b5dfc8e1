//! Usage of a part of a period: what it has of what is agreed for a full one, and units that are billed for the time that they
//! are there. Buckets must come to what the pure rule makes of the readings, and spans that meet to what one span costs.

use billing::{
    calendar::{Instant, Period, recurrence::Span},
    catalog::{Catalog, Plan, Policy},
    invoice::{Invoice, LineKind, compute, explain},
    pricing::{Aggregation, BelowZero, Meter, PriceModel, Reading, UsagePrice, Window},
    proration::ProrationUnit,
    subscription::{Input, Order, Subscription, When, open},
    terms::Terms,
    usage::{Running, UsageAccount, UsageItem, accept},
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::sample::{applied, at, order};
use crate::usage::{Days, event, plan};

/// Calls at 0.10, then 0.05, with what `more` says on top.
fn item(more: &Value) -> Value {
    let mut item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "price": {"model": "graduated", "tiers": [{"up_to": "620", "unit_amount": "0.10"}, {"unit_amount": "0.05"}]}});
    item.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    item
}

fn seats(more: &Value) -> Value {
    let mut item = item(&json!({"proration": "day", "price": {"model": "per-seat", "unit_amount": "31"}}));
    item.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    item
}

fn terms(item: &Value) -> Terms {
    let plan: Plan = plan("api", &json!([item]));
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

pub(crate) fn held_in(item: &Value, start: &str, zone: Tz, aligned: bool) -> Subscription {
    let calendar = || serde_json::from_str(r#"{"to": {"calendar": {}}}"#).expect("an alignment");
    let order = Order { zone, alignment: aligned.then(calendar), ..order(terms(item)) };
    applied(open(order, at(start)).expect("an order")).0
}

fn held(item: &Value, start: &str) -> Subscription {
    held_in(item, start, Tz::UTC, false)
}

fn used(days: &mut Days, held: &Subscription, id: &str, when: &str, units: &str) {
    days.record_events(held, &[event(id, at(when), units)], at(when));
}

/// The lines of usage; every line is computed again from what is stored.
fn usage(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines);
    let of_usage = |kind| matches!(kind, LineKind::Usage | LineKind::UsageLate | LineKind::TrueUp);
    invoice.lines.iter().filter(|l| of_usage(l.kind)).map(|l| (l.kind, l.amount.minor)).collect()
}

fn end(held: &Subscription) -> Instant {
    held.period.expect("a period").end
}

fn cancel() -> Input {
    Input::Cancel { when: When::Now, reason: None, comment: None }
}

#[test]
fn a_stub_and_an_early_end_have_their_part_of_what_is_included_and_of_tiers() {
    let share = json!({"included": "310", "part": {"included": "share", "tiers": "share"}});
    for (more, stub, last) in [(share, 4_550, 1_000), (json!({"included": "310"}), 3_900, 0)] {
        let held = held_in(&item(&more), "2027-01-11T00:00:00Z", Tz::UTC, true);
        let mut days = Days::default();
        used(&mut days, &held, "jan", "2027-01-20T00:00:00Z", "700");
        let (held, invoices) = days.decide(&held, Input::Wake, end(&held));
        // 21 of 31 days: 210 are included, 420 at 0.10 and 70 at half of that; or all 310, and 390 at 0.10.
        assert_eq!(usage(&invoices[0]), [(LineKind::Usage, stub)], "{more}");
        let (held, _) = days.decide(&held, Input::Wake, end(&held));
        used(&mut days, &held, "mar", "2027-03-10T00:00:00Z", "250");
        let (_, invoices) = days.decide(&held, cancel(), at("2027-03-16T00:00:00Z"));
        // 15 of 31 days: 150 are included.
        assert_eq!(usage(&invoices[0]), [(LineKind::Usage, last)], "{more}");
        let told = explain(&invoices[0]).expect("words");
        assert_eq!(told.contains("15 of 31 days of a full period"), last > 0, "{told}");
    }
}

#[test]
fn a_full_period_is_billed_and_stored_as_if_nothing_were_in_proportion() {
    let rules = json!({"included": "310", "part": {"included": "share", "tiers": "share", "amounts": "share"}});
    let (held, mut days) = (held(&item(&rules), "2027-01-01T00:00:00Z"), Days::default());
    used(&mut days, &held, "jan", "2027-01-20T00:00:00Z", "1000");
    let (next, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(usage(&invoices[0]), [(LineKind::Usage, 6_200 + 350)]);
    let line = invoices[0].lines.last().expect("a line");
    assert_eq!(line.used.as_ref().and_then(|used| used.part), None);
    assert!(!serde_json::to_string(&next.usage).expect("JSON").contains("part"));
}

#[test]
fn what_comes_late_to_a_part_is_priced_as_that_part() {
    let rules = json!({"included": "310", "part": {"included": "share", "tiers": "share"}});
    let held = held_in(&item(&rules), "2027-01-11T00:00:00Z", Tz::UTC, true);
    let mut days = Days::default();
    used(&mut days, &held, "jan", "2027-01-20T00:00:00Z", "700");
    let (next, _) = days.decide(&held, Input::Wake, end(&held));
    days.record_events(&next, &[event("late", at("2027-01-25T00:00:00Z"), "100")], at("2027-02-02T00:00:00Z"));
    let (_, invoices) = days.decide(&next, Input::Wake, end(&next));
    assert_eq!(usage(&invoices[0]), [(LineKind::UsageLate, 500)]);
}

#[test]
fn amounts_are_in_proportion_and_a_day_is_charged_once() {
    let price = json!({"model": "commitment", "minimum_amount": "31", "price": {"model": "flat", "amount": "0"}});
    let (rules, other) = (json!({"price": price, "part": {"amounts": "share"}}), json!({"included": "1"}));
    let held = held(&item(&rules), "2027-01-01T00:00:00Z");
    let days = Days::default();
    let to = |held: &Subscription, more: &Value| Input::Change {
        terms: Box::new(terms(&item(more))),
        proration: held.proration,
        when: When::Now,
    };
    // There and back on the 11th: ten days, nothing, and the other 21.
    let (held, first) = days.decide(&held, to(&held, &other), at("2027-01-11T08:00:00Z"));
    let (held, none) = days.decide(&held, to(&held, &rules), at("2027-01-11T09:00:00Z"));
    let (held, second) = days.decide(&held, to(&held, &other), at("2027-01-11T10:00:00Z"));
    let (held, _) = days.decide(&held, to(&held, &rules), at("2027-01-11T11:00:00Z"));
    let (_, last) = days.decide(&held, Input::Wake, end(&held));
    let amounts = [first, none, second, last].map(|i| usage(&i[0]).iter().map(|l| l.1).sum::<i64>());
    assert_eq!(amounts, [1_000, 0, 0, 2_100]);
}

#[test]
fn the_least_of_a_part_is_what_its_price_says() {
    let mut plan: Plan = plan("api", &json!([item(&json!({}))]));
    plan.prices[0].usage_minimum = Some(Decimal::from(31));
    for (part, stub, early) in [("null", 3_100, 1_500), (r#""share""#, 2_100, 1_500), (r#""whole""#, 3_100, 3_100)] {
        plan.prices[0].usage_minimum_part = serde_json::from_str(part).expect("a rule");
        let terms = Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms");
        let alignment = serde_json::from_str(r#"{"to": {"calendar": {}}}"#).expect("an alignment");
        let order = Order { alignment: Some(alignment), ..order(terms) };
        let held = applied(open(order, at("2027-01-11T00:00:00Z")).expect("an order")).0;
        let (held, invoices) = Days::default().decide(&held, Input::Wake, end(&held));
        assert_eq!(usage(&invoices[0]), [(LineKind::TrueUp, stub)], "{part}");
        let (held, _) = Days::default().decide(&held, Input::Wake, end(&held));
        let (_, invoices) = Days::default().decide(&held, cancel(), at("2027-03-16T00:00:00Z"));
        assert_eq!(usage(&invoices[0]), [(LineKind::TrueUp, early)], "{part}");
    }
}

/// A contract with units that are billed for their days, in a stub with its part of the rest, and the invoice after a late event.
pub(crate) fn prorated() -> (Subscription, Invoice) {
    let price = json!({"model": "graduated", "tiers": [{"up_to": "2", "unit_amount": "31", "flat_amount": "3"},
        {"unit_amount": "15.50"}]});
    let held =
        held_in(&seats(&json!({"price": price, "part": {"amounts": "share"}})), "2027-01-11T09:00:00Z", Tz::UTC, true);
    let mut days = Days::default();
    used(&mut days, &held, "three", "2027-01-13T00:00:00Z", "3");
    let (next, _) = days.decide(&held, Input::Wake, end(&held));
    days.record_events(&next, &[event("late", at("2027-01-27T00:00:00Z"), "-1")], at("2027-02-03T00:00:00Z"));
    let (next, mut invoices) = days.decide(&next, Input::Wake, end(&next));
    usage(&invoices[0]);
    (next, invoices.remove(0))
}

#[test]
fn units_are_billed_for_their_days_and_go_on_into_the_next_period() {
    let (held, mut days) = (held(&seats(&json!({"included": "2"})), "2027-01-01T00:00:00Z"), Days::default());
    used(&mut days, &held, "three", "2027-01-10T12:00:00Z", "3");
    used(&mut days, &held, "come", "2027-01-15T06:00:00Z", "5");
    used(&mut days, &held, "go", "2027-01-15T09:00:00Z", "-5");
    used(&mut days, &held, "less", "2027-01-22T12:00:00Z", "-1");
    let (next, invoices) = days.decide(&held, Input::Wake, end(&held));
    // One beyond the two for 22 days of 31, less ten of those when it goes; what came and went on the 15th is nothing.
    assert_eq!(usage(&invoices[0]), [(LineKind::Usage, 1_200)]);
    let told = explain(&invoices[0]).expect("words");
    assert!(told.contains("of 31 days: 3 for 22, -1 for 10"), "{told}");
    days.record_events(&next, &[event("late", at("2027-01-27T00:00:00Z"), "1")], at("2027-02-03T00:00:00Z"));
    let (held, invoices) = days.decide(&next, Input::Wake, end(&next));
    // The third is five days of January, and all of February.
    assert_eq!(usage(&invoices[0]), [(LineKind::UsageLate, 500), (LineKind::Usage, 3_100)]);
    let (_, invoices) = days.decide(&held, cancel(), at("2027-03-11T08:00:00Z"));
    assert_eq!(usage(&invoices[0]), [(LineKind::Usage, 1_000)]);
}

#[test]
fn another_price_takes_over_what_is_there_and_no_day_is_billed_twice() {
    let (held, mut days) = (held(&seats(&json!({})), "2027-01-01T00:00:00Z"), Days::default());
    used(&mut days, &held, "two", "2027-01-02T00:00:00Z", "2");
    used(&mut days, &held, "more", "2027-01-11T07:00:00Z", "1");
    let dearer = terms(&seats(&json!({"price": {"model": "per-seat", "unit_amount": "62"}})));
    let change = Input::Change { terms: Box::new(dearer), proration: held.proration, when: When::Now };
    let (held, invoices) = days.decide(&held, change, at("2027-01-11T08:00:00Z"));
    // Two for nine days (the 2nd to the 10th); the one of the 11th belongs to the new price with the rest of that day.
    assert_eq!(usage(&invoices[0]), [(LineKind::Usage, 1_800)]);
    let (_, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(usage(&invoices[0]), [(LineKind::Usage, 3 * 21 * 200)]);
}

#[test]
fn a_catalog_says_which_meters_and_parts_cannot_be() {
    let problem = |item: Value| {
        let catalog = Catalog { plans: vec![plan("api", &json!([item]))], ..Catalog::default() };
        catalog.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(problem(seats(&json!({"included": "2"}))), "");
    assert_eq!(problem(item(&json!({"part": {"included": "share", "tiers": "share", "amounts": "share"}}))), "");
    let of = |aggregation: &str| seats(&json!({"meter": {"id": "calls", "aggregation": aggregation}}));
    let blocks = json!({"model": "block-tiers", "policy": "all-tiers", "tiers": [{"block_size": "5", "amount": "1"}]});
    let package = json!({"model": "package", "size": "10", "amount": "1"});
    let least = json!({"model": "package", "size": "10", "amount": "1", "minimum_packages": "2"});
    let tiers = json!({"tiers": "share"});
    for (item, said) in [
        (of("count"), "an event is not there for a time"),
        (of("max"), "send changes, and use sum"),
        (of("last"), "send changes, and use sum"),
        (of("unique"), "nobody says when a key goes"),
        (of("weighted-changes"), "weighted by how long a level stood already"),
        (seats(&json!({"proration": "second"})), "usage is kept by hours"),
        (seats(&json!({"part": {"included": "share"}})), "count their time already"),
        (seats(&json!({"price": package})), "a price by packages cannot be prorated"),
        (item(&json!({"price": blocks, "part": tiers})), "sells whole blocks"),
        (item(&json!({"price": least, "part": tiers})), "minimum_packages are whole"),
        (item(&json!({"included": "123456789012.123456789", "part": {"included": "share"}})), "too many digits"),
    ] {
        let problems = problem(item.clone());
        assert!(problems.contains(said), "{item}: {problems}");
    }
    let mut plan = plan("api", &json!([item(&json!({}))]));
    plan.prices[0].usage_minimum_part = serde_json::from_str(r#""share""#).expect("a rule");
    let problems = Catalog { plans: vec![plan], ..Catalog::default() }.problems();
    assert!(problems[0].to_string().contains("the price has no usage_minimum"), "{problems:?}");
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![Tz::UTC, Tz::Asia__Kolkata, Tz::Australia__Lord_Howe, Tz::America__Sao_Paulo])
}

/// Minutes of a period of 28 days, and what came or went.
fn moves() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0_i64..40_320, -9_i64..10), 0..40)
}

fn stored(held: &Subscription, moves: &[(i64, i64)], start: Instant) -> Days {
    let mut days = Days::default();
    for (i, (minute, value)) in moves.iter().enumerate() {
        let one = event(&format!("e{i}"), start + TimeDelta::minutes(*minute), &value.to_string());
        let now = start + TimeDelta::days(29);
        assert!(accept(held, &one, now).is_ok());
        days.record_events(held, &[one], now);
    }
    days
}

/// What the spans between `cuts` cost, exactly, in minor units.
fn costs(item: &UsageItem, days: &Days, period: &Period, zone: Tz, cuts: &[Instant]) -> Decimal {
    let running = Running::whole(Span::from(period), zone, ProrationUnit::Day);
    let mut account = UsageAccount::default();
    let mut sum = Decimal::ZERO;
    for cut in cuts {
        let closed = account.close(std::slice::from_ref(item), &days.stored(), &running, *cut).expect("charges");
        sum += closed.usage.iter().map(|charge| charge.priced().expect("a price").amount.minor()).sum::<Decimal>();
    }
    sum
}

fn near(a: Decimal, b: Decimal) -> bool {
    // A division is cut at 12 decimals, some hundred times.
    (a - b).abs() < Decimal::new(1, 6)
}

proptest! {
    /// Buckets come to what the pure rule makes of the readings, in every zone.
    #[test]
    fn time_from_buckets_is_time_from_readings(zone in zone(), moves in moves(), carried in 0_i64..20) {
        let item_json = seats(&json!({}));
        let held = held_in(&item_json, "2027-02-01T09:30:00Z", zone, false);
        let (item, period) = (&held.terms.usage[0], held.period.expect("a period"));
        // What is carried into a first period is an event at its start.
        let mut all = vec![(0, carried)];
        all.extend(moves.iter().map(|(minute, units)| (*minute, units.abs())));
        let days = stored(&held, &all, period.start);
        let readings = |(minute, value): &(i64, i64)| Reading {
            at: period.start + TimeDelta::minutes(*minute), value: Decimal::from(*value), key: None,
        };
        let readings: Vec<Reading> = all.iter().map(readings).collect();
        let price = UsagePrice {
            meter: "calls".into(), proration: Some(ProrationUnit::Day), below_zero: BelowZero::default(),
            price: Box::new(item.price.clone()),
        };
        let meter = Meter { id: "calls".into(), aggregation: Aggregation::Sum };
        let window = Window { period, zone, carried: Decimal::ZERO };
        let units = price.units(&meter, &readings, &window).expect("units");
        let expected = PriceModel::Usage(price).price(&units, item.currency).expect("a price").amount.minor();
        let found = costs(item, &days, &period, zone, &[period.end]);
        prop_assert!(near(found, expected), "{found} and {expected}");
    }

    /// However a period is cut, its spans together cost what it costs as one: no day is billed twice or never.
    #[test]
    fn spans_that_meet_cost_what_one_span_costs(
        zone in zone(), moves in moves(), mut minutes in prop::collection::vec(1_i64..40_319, 0..4), included in 0_i64..9,
    ) {
        minutes.sort_unstable();
        minutes.dedup();
        let held = held_in(&seats(&json!({"included": included.to_string()})), "2027-02-01T09:30:00Z", zone, false);
        let (item, period) = (&held.terms.usage[0], held.period.expect("a period"));
        // Levels below zero count as none in each span apart, so this is about units that are there.
        let moves: Vec<(i64, i64)> = std::iter::once((0, 400)).chain(moves).collect();
        // Events of an hour that is cut are cut there too, as they are where a change is agreed.
        let mut known = held.clone();
        let mut days = Days::default();
        for (i, (minute, value)) in moves.iter().enumerate() {
            let when = period.start + TimeDelta::minutes(*minute);
            let cut = minutes.iter().rev().find(|m| *m <= minute);
            known.scheduled.change =
                cut.map(|m| (period.start + TimeDelta::minutes(*m), Box::new(held.terms.clone())));
            days.record_events(&known, &[event(&format!("e{i}"), when, &value.to_string())], period.end);
        }
        let mut cuts: Vec<Instant> = minutes.iter().map(|m| period.start + TimeDelta::minutes(*m)).collect();
        cuts.push(period.end);
        let (apart, whole) = (costs(item, &days, &period, zone, &cuts), costs(item, &days, &period, zone, &[period.end]));
        prop_assert!(near(apart, whole), "{apart} and {whole}");
    }
}
