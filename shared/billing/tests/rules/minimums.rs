//! Minimums of usage: what is missing is billed with the usage, in proportion to the part of a period, and late usage takes its
//! place.

use billing::{
    catalog::{Catalog, Policy},
    invoice::{Invoice, LineKind, compute, explain},
    subscription::{Input, Subscription, When},
    terms::Terms,
};
use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use crate::sample::{active, at};
use crate::usage::{Days, event, plan};

/// A flat 20 a month, calls at 0.10, and at least `least` for them.
fn terms(id: &str, least: Option<i64>) -> Terms {
    let item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "price": {"model": "per-seat", "unit_amount": "0.10"}});
    let mut plan = plan(id, &json!([item]));
    plan.prices[0].usage_minimum = least.map(Decimal::from);
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

fn held(least: i64) -> Subscription {
    active(terms("api", Some(least)), at("2027-02-01T00:00:00Z"))
}

fn end(held: &Subscription) -> billing::calendar::Instant {
    held.period.expect("a period").end
}

fn used(days: &mut Days, held: &Subscription, id: &str, when: &str, calls: &str, now: &str) {
    days.record_events(held, &[event(id, at(when), calls)], at(now));
}

fn minor(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    assert_eq!(compute(invoice.rules, &invoice.basis).expect("lines"), invoice.lines);
    invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect()
}

use LineKind::{Recurring, TrueUp, Usage, UsageLate};

#[test]
fn what_is_missing_is_a_line_beside_the_usage_and_nothing_where_enough_was_used() {
    let (held, mut days) = (held(50), Days::default());
    used(&mut days, &held, "feb", "2027-02-10T00:00:00Z", "300", "2027-02-10T00:00:00Z");
    let (held, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (Usage, 3_000), (TrueUp, 2_000)]);
    let told = explain(&invoices[0]).unwrap();
    assert!(told.contains("at least 50.00 USD for the usage of 2027-02-01 00:00 UTC to 2027-03-01"), "{told}");
    used(&mut days, &held, "mar", "2027-03-10T00:00:00Z", "700", "2027-03-10T00:00:00Z");
    let (_, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (Usage, 7_000)]);
}

#[test]
fn late_usage_takes_the_place_of_a_true_up() {
    let (held, mut days) = (held(50), Days::default());
    let (next, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (TrueUp, 5_000)]);
    used(&mut days, &held, "late", "2027-02-20T00:00:00Z", "600", "2027-03-02T00:00:00Z");
    let (_, invoices) = days.decide(&next, Input::Wake, end(&next));
    let all = [(Recurring, 2_000), (UsageLate, 6_000), (TrueUp, -5_000), (TrueUp, 5_000)];
    assert_eq!(minor(&invoices[0]), all);
}

#[test]
fn a_part_of_a_period_has_that_part_of_the_minimum() {
    let (held, days) = (held(28), Days::default());
    let cancel = Input::Cancel { when: When::Now, reason: None, comment: None };
    let (_, invoices) = days.decide(&held, cancel, at("2027-02-11T00:00:00Z"));
    assert_eq!(minor(&invoices[0]), [(TrueUp, 1_000)]);
}

#[test]
fn an_end_that_is_taken_back_leaves_one_minimum_for_both_parts_of_its_period() {
    let (held, days) = (held(31), Days::default());
    let cancel = Input::Cancel { when: When::At(at("2027-03-11T00:00:00Z")), reason: None, comment: None };
    let (held, _) = days.decide(&held, cancel, at("2027-02-10T00:00:00Z"));
    let (held, _) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(end(&held), at("2027-03-11T00:00:00Z"));
    let (held, _) = days.decide(&held, Input::Keep, at("2027-03-05T00:00:00Z"));
    let (held, invoices) = days.decide(&held, Input::Wake, end(&held));
    // Ten of 31 days, and the other 21.
    assert_eq!(minor(&invoices[0]).last(), Some(&(TrueUp, 1_000)));
    let stored: Subscription =
        serde_json::from_str(&serde_json::to_string(&held).expect("JSON")).expect("a subscription");
    let (held, invoices) = days.decide(&stored, Input::Wake, end(&stored));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (TrueUp, 2_100)]);
    let (_, invoices) = days.decide(&held, Input::Wake, end(&held));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (TrueUp, 3_100)]);
}

#[test]
fn another_minimum_closes_the_part_that_had_the_old_one() {
    let (held, days) = (held(28), Days::default());
    let to = |least, held: &Subscription, when| Input::Change {
        terms: Box::new(terms("other", least)),
        proration: held.proration,
        when,
    };
    let (next, invoices) = days.decide(&held, to(Some(56), &held, When::Now), at("2027-02-15T00:00:00Z"));
    assert_eq!(minor(&invoices[0]).last(), Some(&(TrueUp, 1_400)));
    assert_eq!(invoices[0].lines.last().map(|line| &*line.plan), Some(&*held.terms.plan.to_string()));
    let (_, invoices) = days.decide(&next, Input::Wake, end(&next));
    assert_eq!(minor(&invoices[0]), [(Recurring, 2_000), (TrueUp, 2_800)]);
    let (agreed, _) = days.decide(&held, to(None, &held, When::PeriodEnd), at("2027-02-15T00:00:00Z"));
    let (_, invoices) = days.decide(&agreed, Input::Wake, end(&held));
    assert_eq!(minor(&invoices[0]), [(TrueUp, 2_800)]);
}

#[test]
fn a_minimum_is_no_run_rate_and_needs_usage() {
    assert_eq!(held(50).mrr12(), Ok(24_000));
    let catalog: Catalog = serde_json::from_value(json!({"plans": [{"id": "p", "version": 1, "title": "P", "prices": [
        {"currency": "USD", "interval": "month", "model": "flat", "amount": "9", "usage_minimum": "50.001"}]}]}))
    .unwrap();
    let text: Vec<String> = catalog.problems().iter().map(ToString::to_string).collect();
    let expected = [
        "p@1 prices[0] (USD per month): usage_minimum has more decimals than USD",
        "p@1 prices[0] (USD per month): usage_minimum: the plan has no usage that it could be the least of",
    ];
    assert_eq!(text, expected);
}

proptest! {
    /// However usage is spread over two periods, and whatever of it comes late: each period costs the larger of its usage and
    /// its minimum.
    #[test]
    fn every_period_costs_its_usage_or_its_minimum(calls in proptest::collection::vec((0_i64..59, 1_i64..400, any::<bool>()), 0..12)) {
        let (first, mut days) = (held(50), Days::default());
        let begin = at("2027-02-01T00:00:00Z");
        let moment = |day: i64| begin + TimeDelta::days(day);
        let (mut sums, mut total) = ([0_i64, 0], 0);
        let mut subscription = first.clone();
        let ends = [end(&first), at("2027-04-01T00:00:00Z"), at("2027-05-01T00:00:00Z")];
        for (period, until) in ends.into_iter().enumerate() {
            for (n, (day, value, late)) in calls.iter().enumerate() {
                let own = usize::from(moment(*day) >= ends[0]);
                // Late ones arrive in the period after their own, before it is invoiced.
                if own + usize::from(*late) == period {
                    sums[own] += value * 10;
                    let one = event(&format!("e{n}"), moment(*day), &value.to_string());
                    let now = until.min(moment(*day) + TimeDelta::days(33)) - TimeDelta::minutes(1);
                    prop_assume!(now >= moment(*day));
                    days.record_events(&subscription, &[one], now);
                }
            }
            let (next, invoices) = days.decide(&subscription, Input::Wake, until);
            total += minor(&invoices[0]).iter().filter(|l| l.0 != Recurring).map(|l| l.1).sum::<i64>();
            subscription = next;
        }
        // The third period used nothing.
        prop_assert_eq!(total, sums[0].max(5_000) + sums[1].max(5_000) + 5_000);
    }
}
