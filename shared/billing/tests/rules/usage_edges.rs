//! Usage at its limits: the first and the last instant that counts, the largest number, and what a meter may be.
//!
//! Exists because events lie in the middle of periods elsewhere, and their values are small.

use billing::{
    catalog::Policy,
    invoice::{Invoice, LineKind},
    subscription::{State, Subscription},
    terms::Terms,
    usage::{UsageEvent, UsageItem, accept, current},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    sample::{active, at},
    usage::{Days, event, plan},
    usage_exact::{add, renew},
};

fn item(aggregation: &str) -> Value {
    json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": aggregation},
        "price": {"model": "per-seat", "unit_amount": "1"}})
}

/// A contract of the first of February at half past nine, so that its boundaries lie within an hour.
fn held(aggregation: &str) -> Subscription {
    let plan = plan("api", &json!([item(aggregation)]));
    let terms = Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms");
    active(terms, at("2027-02-01T09:30:00Z"))
}

fn usage(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    let of_usage = |kind| matches!(kind, LineKind::Usage | LineKind::UsageLate);
    invoice.lines.iter().filter(|l| of_usage(l.kind)).map(|l| (l.kind, l.amount.minor)).collect()
}

#[test]
fn a_value_has_nine_decimals_and_a_million_millions_and_no_more() {
    let (held, now) = (held("sum"), at("2027-02-10T00:00:00Z"));
    let takes = |value: &str| accept(&held, &event("e", now, value), now).map(|reading| reading.value.to_string());
    for (value, taken) in [
        ("0.000000001", "0.000000001"),
        ("-0.000000001", "-0.000000001"),
        ("1000000000000", "1000000000000"),
        ("-1000000000000", "-1000000000000"),
        ("1.50", "1.5"),
    ] {
        assert_eq!(takes(value).as_deref(), Ok(taken));
    }
    // The last one is a one, in more digits than any number needs.
    let long = format!("1.{}", "0".repeat(31));
    for value in ["0.0000000001", "1000000000000.1", "-1000000000000.1", "1e3", "", "-", long.as_str()] {
        assert_eq!(takes(value).expect_err(value).field(), Some("value"), "{value}");
    }
}

#[test]
fn a_text_is_plain_and_has_its_length() {
    let (held, now) = (held("sum"), at("2027-02-10T00:00:00Z"));
    let takes = |id: &str| accept(&held, &UsageEvent { id: id.into(), ..event("e", now, "1") }, now).is_ok();
    assert!(takes(&"x".repeat(128)) && takes("é"));
    for id in ["", "a\nb", "a\u{7f}", &"x".repeat(129)] {
        assert!(!takes(id), "{id:?}");
    }
}

#[test]
fn the_first_and_the_last_instant_of_usage_are_taken() {
    let (held, now) = (held("sum"), at("2027-03-20T00:00:00Z"));
    let (renewed, _) = renew(&Days::default(), &held);
    let (began, renewal) = (at("2027-02-01T09:30:00Z"), at("2027-03-01T09:30:00Z"));
    let moment = TimeDelta::milliseconds(1);
    let paused = Subscription { state: State::Paused { since: renewal, resume_at: None }, ..held.clone() };
    let mut leaving = held.clone();
    leaving.scheduled.cancel = Some(renewal);
    let mut resting = held.clone();
    resting.scheduled.pause = Some((renewal, None));
    let cases = [
        ("when it began", &held, began, began, true),
        ("before it", &held, began - moment, began, false),
        ("34 days back", &held, now - TimeDelta::days(34), now, true),
        ("more than that", &held, now - TimeDelta::days(34) - moment, now, false),
        ("300 seconds on", &held, now + TimeDelta::seconds(300), now, true),
        ("more than that", &held, now + TimeDelta::seconds(300) + moment, now, false),
        ("before a pause", &paused, renewal - moment, renewal, true),
        ("in it", &paused, renewal, renewal, false),
        ("before an agreed end", &leaving, renewal - moment, renewal, true),
        ("at it", &leaving, renewal, renewal, false),
        ("before an agreed pause", &resting, renewal - moment, renewal, true),
        ("at it", &resting, renewal, renewal, false),
        ("late for the first period", &renewed, began, at("2027-03-05T00:00:00Z"), true),
    ];
    for (name, held, when, now, taken) in cases {
        let found = accept(held, &event("e", when, "1"), now);
        assert_eq!(found.is_ok(), taken, "{name}: {found:?}");
    }
    let (mut short, _) = renew(&Days::default(), &renewed);
    short.usage.billed.remove(0);
    assert!(accept(&short, &event("e", renewal, "1"), at("2027-04-02T00:00:00Z")).is_ok());
    assert!(accept(&short, &event("e", renewal - moment, "1"), at("2027-04-02T00:00:00Z")).is_err());
}

/// The worker is late by more than a month: events lie at and about boundaries that it has not cut yet.
#[test]
fn a_boundary_within_an_hour_divides_its_bucket_also_where_it_is_not_cut_yet() {
    let held = held("sum");
    let start = |when: &str| accept(&held, &event("e", at(when), "1"), at(when)).expect("taken").start;
    for (when, bucket) in [
        ("2027-03-01T09:29:59Z", "2027-03-01T09:00:00Z"),
        ("2027-03-01T09:30:00Z", "2027-03-01T09:30:00Z"),
        ("2027-04-01T09:29:59Z", "2027-04-01T09:00:00Z"),
        ("2027-04-01T09:30:00Z", "2027-04-01T09:30:00Z"),
        ("2027-04-01T09:59:59Z", "2027-04-01T09:30:00Z"),
        ("2027-05-01T09:30:00Z", "2027-05-01T09:30:00Z"),
    ] {
        assert_eq!(start(when), at(bucket), "{when}");
    }
}

#[test]
fn events_that_come_to_nothing_have_their_line_and_a_meter_without_events_has_none() {
    let (held, mut days) = (held("sum"), Days::default());
    add(&mut days, &held, "2027-02-10T00:00:00Z", "2", "2027-02-12T00:00:00Z");
    add(&mut days, &held, "2027-02-11T00:00:00Z", "-2", "2027-02-12T00:00:00Z");
    let (held, invoice) = renew(&days, &held);
    assert_eq!(usage(&invoice), [(LineKind::Usage, 0)]);
    assert_eq!(usage(&renew(&days, &held).1), []);
}

#[test]
fn what_two_meters_count_in_one_hour_stays_apart() {
    let mut bytes = item("sum");
    bytes["meter"]["id"] = json!("bytes");
    let plan = plan("api", &json!([item("sum"), bytes]));
    let terms = Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms");
    let (held, mut days, now) =
        (active(terms, at("2027-02-01T09:30:00Z")), Days::default(), at("2027-02-10T00:00:00Z"));
    let of = |id: &str, meter: &str, value| UsageEvent { meter: meter.into(), ..event(id, now, value) };
    days.record_events(&held, &[of("a", "calls", "1"), of("b", "bytes", "2"), of("c", "calls", "3")], now);
    let (_, invoice) = renew(&days, &held);
    assert_eq!(usage(&invoice), [(LineKind::Usage, 400), (LineKind::Usage, 200)]);
}

#[test]
fn a_level_stays_until_another_is_told_and_a_sum_begins_anew() {
    for (aggregation, next) in [("last", vec![(LineKind::Usage, 500)]), ("sum", vec![]), ("max", vec![])] {
        let (held, mut days) = (held(aggregation), Days::default());
        add(&mut days, &held, "2027-02-10T00:00:00Z", "5", "2027-02-12T00:00:00Z");
        let (held, invoice) = renew(&days, &held);
        assert_eq!(usage(&invoice), [(LineKind::Usage, 500)], "{aggregation}");
        assert_eq!(usage(&renew(&days, &held).1), next, "{aggregation}");
    }
}

#[test]
fn a_price_of_usage_says_what_it_cannot_be() {
    let problem = |change: Value| {
        let mut item = item("sum");
        for (name, value) in change.as_object().expect("fields") {
            item[name] = value.clone();
        }
        serde_json::from_value::<UsageItem>(item).expect("an item").check().err().unwrap_or_default()
    };
    let committed = |price: Value| json!({"model": "commitment", "minimum_amount": "10", "price": price});
    let (per_unit, of_base) =
        (json!({"model": "per-seat", "unit_amount": "1"}), json!({"model": "percent-of", "rate": "20"}));
    let last = json!({"id": "calls", "aggregation": "last"});
    let sum_only = "prepaid credit pays for what adds up in a period: use sum";
    let whole_only = "prepaid credit pays for what adds up in a period: leave out proration and part";
    let cases = [
        (json!({"interval": "52-weeks"}), ""),
        (json!({"interval": "53-weeks"}), "usage is billed at least once a year"),
        (json!({"interval": "year"}), ""),
        (json!({"interval": "13-months"}), "usage is billed at least once a year"),
        (json!({"included": "0"}), ""),
        (json!({"included": "-0.1"}), "included must not be below zero"),
        (json!({"price": committed(per_unit)}), ""),
        (json!({"price": committed(of_base)}), "price: usage of contracts cannot be priced by percent-of yet"),
        (json!({"prepaid": true}), ""),
        (json!({"meter": last}), ""),
        (json!({"meter": last, "prepaid": true}), sum_only),
        (json!({"proration": "day"}), ""),
        (json!({"proration": "day", "prepaid": true}), whole_only),
        (json!({"part": {"included": "share"}}), ""),
        (json!({"part": {"included": "share"}, "prepaid": true}), whole_only),
        (json!({"proration": "day", "part": {"tiers": "share"}}), "count their time already"),
        (json!({"proration": "day", "part": {"amounts": "share"}}), ""),
    ];
    for (change, said) in cases {
        let found = problem(change.clone());
        assert!(found.contains(said) && found.is_empty() == said.is_empty(), "{change}: {found}");
    }
}

#[test]
fn what_is_used_at_this_very_instant_is_shown() {
    let (held, mut days, began) = (held("sum"), Days::default(), at("2027-02-01T09:30:00Z"));
    days.record_events(&held, &[event("e", began, "3")], began);
    let shown = current(&held, &days.stored(), began).expect("sums");
    assert_eq!(shown.iter().map(|meter| (meter.quantity, meter.events)).collect::<Vec<_>>(), [(3.into(), 1)]);
}
