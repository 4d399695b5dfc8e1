//! Usage: what buckets come to is what the readings come to; nothing counts twice or never; bad events change nothing.

use std::collections::BTreeSet;

use billing::{
    calendar::{Instant, Period},
    catalog::{Catalog, Plan, Policy},
    invoice::{Invoice, Line, LineKind, compute},
    pricing::{Aggregation, Meter, Reading as MeterReading},
    proration::ProrationUnit,
    refusal::Refusal,
    subscription::{Collection, Effect, Input, Outcome, Subscription, When, transition, transition_with},
    terms::Terms,
    usage::{BATCH_MAX, CHUNK_IDS_MAX, CHUNKS_MAX, Chain, Chunk, Placed, Reading, UNIQUE_KEYS_MAX},
    usage::{Running, UsageAccount, UsageEvent, UsageItem, UsageRecord, accept},
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::sample::{active, at, order};

fn start() -> Instant {
    at("2027-01-31T09:12:30Z")
}

/// A graduated price: 10 at 1.00, then 0.50; the first 5 are included.
fn item(aggregation: &str) -> Value {
    json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": aggregation}, "included": "5",
        "price": {"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}, {"unit_amount": "0.50"}]}})
}

pub(crate) fn plan(id: &str, usage: &Value) -> Plan {
    serde_json::from_value(json!({
        "id": id, "version": 1, "title": id, "usage": usage,
        "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "20"}]
    }))
    .expect("a plan")
}

fn terms(aggregation: &str) -> Terms {
    let plan = plan("api", &json!([item(aggregation)]));
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

fn held(aggregation: &str) -> Subscription {
    active(terms(aggregation), start())
}

pub(crate) fn event(id: &str, when: Instant, value: &str) -> UsageEvent {
    UsageEvent {
        customer: "cus_ana".into(),
        subscription: "sub_ana".into(),
        meter: "calls".into(),
        id: id.into(),
        at: when.to_rfc3339(),
        value: Some(value.into()),
        key: None,
    }
}

/// A store of chains, one a day.
#[derive(Default)]
pub(crate) struct Days(std::collections::BTreeMap<chrono::NaiveDate, Chain>);

impl Days {
    /// Records a batch as the use case does; how many were recorded and how many were duplicates.
    fn record(&mut self, readings: &[Reading]) -> (usize, usize) {
        let (mut recorded, mut duplicates) = (0, 0);
        for day in readings.iter().map(Reading::day).collect::<BTreeSet<_>>() {
            let chain = self.0.entry(day).or_default();
            let mut waiting: Vec<&Reading> = readings.iter().filter(|r| r.day() == day).collect();
            while !waiting.is_empty() {
                let plan = chain.plan(&waiting);
                if let Some((number, chunk)) = plan.write {
                    chain.0.truncate(number);
                    chain.0.push(chunk);
                }
                recorded += plan.placed.iter().filter(|p| **p == Placed::Recorded).count();
                duplicates += plan.placed.iter().filter(|p| **p == Placed::Duplicate).count();
                let next = waiting.iter().zip(&plan.placed).filter(|(_, p)| **p == Placed::Next);
                waiting = next.map(|(r, _)| *r).collect();
            }
        }
        (recorded, duplicates)
    }

    pub(crate) fn record_events(&mut self, subscription: &Subscription, events: &[UsageEvent], now: Instant) {
        let readings: Vec<Reading> = events.iter().map(|e| accept(subscription, e, now).expect("taken")).collect();
        self.record(&readings);
    }

    pub(crate) fn stored(&self) -> UsageRecord {
        UsageRecord::new(self.0.values().flat_map(|c| c.0.clone()))
    }

    /// What a decision makes of the contract with this record.
    pub(crate) fn decide(&self, held: &Subscription, input: Input, now: Instant) -> (Subscription, Vec<Invoice>) {
        crate::sample::applied(transition_with(held, 7, input, now, &self.stored().into()).expect("allowed"))
    }
}

fn usage_lines(invoice: &Invoice) -> Vec<&Line> {
    invoice.lines.iter().filter(|l| matches!(l.kind, LineKind::Usage | LineKind::UsageLate)).collect()
}

fn minor(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect()
}

#[test]
fn a_renewal_bills_the_period_that_ended_and_its_lines_are_computed_again() {
    let (held, mut days) = (held("sum"), Days::default());
    let end = held.period.expect("a period").end;
    let events: Vec<_> = (0..17).map(|i| event(&format!("e{i}"), start() + TimeDelta::hours(i), "1")).collect();
    days.record_events(&held, &events, end);
    let (next, invoices) = days.decide(&held, Input::Wake, end);
    // 5 are included, 10 at a dollar, 2 at half of it.
    assert_eq!(minor(&invoices[0]), [(LineKind::Recurring, 2_000), (LineKind::Usage, 1_100)]);
    assert_eq!(compute(invoices[0].rules, &invoices[0].basis).expect("lines"), invoices[0].lines);
    let steps: Decimal = usage_lines(&invoices[0])[0].why.steps.iter().map(|s| s.amount).sum();
    assert_eq!(steps, Decimal::from(11));
    assert_eq!(billing::run_rate::mrr12(&next.terms).expect("a run-rate"), 24_000, "usage is no run-rate");
    let text = billing::invoice::explain(&invoices[0]).expect("words");
    assert!(text.contains("17 of calls in 17 events") && text.contains("the same lines"), "{text}");
}

#[test]
fn what_comes_late_is_on_the_next_invoice_at_the_price_it_would_have_had_and_only_once() {
    let (held, mut days) = (held("sum"), Days::default());
    let end = held.period.expect("a period").end;
    days.record_events(&held, &[event("in-time", start(), "12")], end);
    let (second, first_invoice) = days.decide(&held, Input::Wake, end);
    assert_eq!(usage_lines(&first_invoice[0])[0].amount.minor, 700);
    let late = [event("late", end - TimeDelta::hours(1), "7"), event("in-time", start(), "12")];
    days.record_events(&second, &late, end + TimeDelta::days(1));
    let next_end = second.period.expect("a period").end;
    let (third, invoices) = days.decide(&second, Input::Wake, next_end);
    // 19 units cost 10 + 4 × 0.50 = 12 dollars; 7 were invoiced.
    assert_eq!(minor(&invoices[0]), [(LineKind::Recurring, 2_000), (LineKind::UsageLate, 500)]);
    assert_eq!(compute(invoices[0].rules, &invoices[0].basis).expect("lines"), invoices[0].lines);
    let steps: Decimal = usage_lines(&invoices[0])[0].why.steps.iter().map(|s| s.amount).sum();
    assert_eq!(steps, Decimal::from(5));
    let (_, invoices) = days.decide(&third, Input::Wake, third.period.expect("a period").end);
    assert_eq!(minor(&invoices[0]), [(LineKind::Recurring, 2_000)]);
}

#[test]
fn an_event_at_the_boundary_belongs_to_the_period_that_it_opens() {
    let (held, mut days) = (held("sum"), Days::default());
    let end = held.period.expect("a period").end;
    // The worker has not come by: both are taken under the old period, and lie in different buckets of one hour.
    let events = [event("last", end - TimeDelta::milliseconds(1), "6"), event("first", end, "8")];
    days.record_events(&held, &events, end + TimeDelta::minutes(2));
    let (next, invoices) = days.decide(&held, Input::Wake, end + TimeDelta::minutes(2));
    assert_eq!(usage_lines(&invoices[0])[0].used.as_ref().map(|u| u.units), Some(Decimal::from(6)));
    let (_, invoices) = days.decide(&next, Input::Wake, next.period.expect("a period").end);
    assert_eq!(usage_lines(&invoices[0])[0].used.as_ref().map(|u| u.units), Some(Decimal::from(8)));
}

#[test]
fn an_end_bills_what_was_used_and_a_decision_without_the_record_is_refused_and_not_zero() {
    let (held, mut days) = (held("sum"), Days::default());
    let now = start() + TimeDelta::days(10);
    days.record_events(&held, &[event("e", start(), "9")], now);
    let cancel = |when| Input::Cancel { when, reason: None, comment: None };
    let (ended, invoices) = days.decide(&held, cancel(When::Now), now);
    assert_eq!(minor(&invoices[0]), [(LineKind::Usage, 400)]);
    assert_eq!(invoices[0].id.as_str(), "inv_ana-u1");
    let refused = accept(&ended, &event("later", start(), "1"), now).expect_err("ended");
    assert_eq!((refused.code(), refused.status()), ("wrong_state", 409));
    let (agreed, none) = days.decide(&held, cancel(When::PeriodEnd), now);
    assert_eq!(none.len(), 0);
    let end = agreed.period.expect("a period").end;
    let (_, invoices) = days.decide(&agreed, Input::Wake, end);
    assert_eq!(minor(&invoices[0]), [(LineKind::Usage, 400)]);
    let blind = transition(&held, 7, Input::Wake, end).expect_err("no record");
    assert_eq!((blind.code(), blind.field()), ("invalid_field", Some("usage")));
    assert!(matches!(transition(&held, 7, Input::Wake, now), Ok(Outcome::AlreadyApplied)));
}

#[test]
fn a_change_of_what_usage_costs_bills_the_old_price_first_and_another_change_waits() {
    let (held, mut days) = (held("sum"), Days::default());
    let now = start() + TimeDelta::days(10);
    days.record_events(&held, &[event("e", start(), "9")], now);
    let plain = plan("plain", &json!([]));
    let to = Terms::try_new(&plain, &Policy::standard(), &plain.prices[0], false, 1).expect("terms");
    let change = |terms, when| Input::Change { terms: Box::new(terms), proration: held.proration, when };
    let (left, invoices) = days.decide(&held, change(to.clone(), When::Now), now);
    assert!(minor(&invoices[0]).contains(&(LineKind::Usage, 400)), "{:?}", minor(&invoices[0]));
    let told = billing::invoice::explain(&invoices[0]).expect("words");
    assert!(told.contains("to plain@1 × 1, and what was used before it"), "{told}");
    assert_eq!(accept(&left, &event("f", now, "1"), now).expect_err("no meter").field(), Some("meter"));
    let (agreed, _) = days.decide(&held, change(to, When::PeriodEnd), now);
    let end = agreed.period.expect("a period").end;
    let plan_at = |at| agreed.terms_at(at).plan.name.clone();
    assert_eq!([plan_at(now), plan_at(end)], ["api", "plain"]);
    let (taken, invoices) = days.decide(&agreed, Input::Wake, end);
    assert_eq!((invoices[0].id.as_str(), minor(&invoices[0])), ("inv_ana-u1", vec![(LineKind::Usage, 400)]));
    assert_eq!(taken.terms.usage, []);
    let more = Terms { quantity: 2, ..held.terms.clone() };
    let (_, invoices) = days.decide(&held, change(more, When::Now), now);
    assert!(usage_lines(&invoices[0]).is_empty());
}

#[test]
fn credit_pays_for_usage_too_and_what_is_left_of_it_is_right() {
    let (mut held, mut days) = (held("sum"), Days::default());
    held.credit_minor = 2_500;
    let end = held.period.expect("a period").end;
    days.record_events(&held, &[event("e", start(), "9")], end);
    let (next, invoices) = days.decide(&held, Input::Wake, end);
    assert_eq!((invoices[0].total.minor, next.credit_minor), (0, 100));
}

#[test]
fn the_same_batch_twice_counts_once_and_a_chunk_is_begun_only_when_the_one_before_is_full() {
    let subscription = held("sum");
    let readings: Vec<Reading> = (0..150)
        .map(|i| accept(&subscription, &event(&format!("e{i}"), start(), "1"), start()).expect("taken"))
        .collect();
    let mut days = Days::default();
    assert_eq!(days.record(&readings[..60]), (60, 0));
    assert_eq!(days.record(&readings), (90, 60));
    assert_eq!(days.record(&readings), (0, 150));
    let sizes: Vec<usize> = days.0.values().flat_map(|c| c.0.iter().map(|c| c.ids.len() / 16)).collect();
    assert_eq!(sizes, [CHUNK_IDS_MAX, 50]);
    // Two writers who read the same chain write the same chunk, so one of them reads again.
    let chain = days.0.values().next().expect("a chain");
    let other = |id: &str| accept(&subscription, &event(id, start(), "1"), start()).expect("taken");
    let (a, b) = (chain.plan(&[&other("a")]), chain.plan(&[&other("b"), &other("a")]));
    assert_eq!(a.write.map(|(n, _)| n), b.write.map(|(n, _)| n));
    const { assert!(BATCH_MAX <= CHUNK_IDS_MAX) };
}

#[test]
fn keys_are_counted_exactly_up_to_the_limit_and_refused_beyond() {
    let subscription = held("unique");
    let reading = |id: usize, key: usize| {
        let event = UsageEvent { key: Some(format!("user-{key}")), ..event(&format!("e{id}"), start(), "1") };
        accept(&subscription, &event, start()).expect("taken")
    };
    let mut days = Days::default();
    let all: Vec<Reading> = (0..UNIQUE_KEYS_MAX + 1).map(|i| reading(i, i)).collect();
    assert_eq!(days.record(&all).0, UNIQUE_KEYS_MAX);
    let chain = days.0.values().next().expect("a chain").clone();
    let (known, new) = (reading(9_001, 5), reading(9_002, 9_002));
    let plan = chain.plan(&[&known, &new]);
    assert_eq!(plan.placed[0], Placed::Recorded);
    let Placed::Refused(refusal) = &plan.placed[1] else { panic!("{:?}", plan.placed) };
    assert_eq!((refusal.code(), refusal.field()), ("usage_limit", Some("key")));
}

#[test]
fn a_day_that_is_full_refuses_and_still_knows_its_duplicates() {
    let subscription = held("sum");
    let reading = |id: &str| accept(&subscription, &event(id, start(), "1"), start()).expect("taken");
    let full = |n: usize| Chunk { ids: format!("{n:016}").repeat(CHUNK_IDS_MAX), buckets: Vec::new() };
    let mut chain = Chain((0..CHUNKS_MAX - 1).map(full).collect());
    let known = reading("known");
    let Some((_, chunk)) = chain.plan(&[&known]).write else { panic!("nothing to write") };
    chain.0.push(Chunk { ids: format!("{}{}", chunk.ids, "0".repeat(16 * (CHUNK_IDS_MAX - 1))), ..chunk });
    let plan = chain.plan(&[&known, &reading("new")]);
    assert_eq!(plan.placed[0], Placed::Duplicate);
    assert!(matches!(&plan.placed[1], Placed::Refused(refusal) if refusal.code() == "usage_limit"));
    assert_eq!(plan.write, None);
}

#[test]
fn bad_events_are_refused_by_field() {
    let subscription = held("sum");
    let now = start() + TimeDelta::days(40);
    let good = event("e", now, "1");
    let cases: Vec<(UsageEvent, &str, &str)> = vec![
        (UsageEvent { meter: "bytes".into(), ..good.clone() }, "invalid_field", "meter"),
        (UsageEvent { id: String::new(), ..good.clone() }, "invalid_field", "id"),
        (UsageEvent { id: "x".repeat(129), ..good.clone() }, "invalid_field", "id"),
        (UsageEvent { at: "yesterday".into(), ..good.clone() }, "invalid_field", "at"),
        (UsageEvent { value: Some("many".into()), ..good.clone() }, "invalid_field", "value"),
        (UsageEvent { value: Some("1e3".into()), ..good.clone() }, "invalid_field", "value"),
        (UsageEvent { value: Some("0.0000000001".into()), ..good.clone() }, "invalid_field", "value"),
        (UsageEvent { value: Some("1000000000001".into()), ..good.clone() }, "invalid_field", "value"),
        (UsageEvent { key: Some("ana".into()), ..good.clone() }, "invalid_field", "key"),
        (event("e", start() - TimeDelta::seconds(2), "1"), "date_out_of_range", "at"),
        (event("e", now + TimeDelta::seconds(301), "1"), "date_out_of_range", "at"),
        (event("e", now - TimeDelta::days(34) - TimeDelta::seconds(1), "1"), "date_out_of_range", "at"),
    ];
    assert!(accept(&subscription, &good, now).is_ok());
    assert!(accept(&subscription, &event("e", now + TimeDelta::seconds(300), "-1.5"), now).is_ok());
    for (event, code, field) in cases {
        let refusal = accept(&subscription, &event, now).expect_err(&format!("{event:?}"));
        assert_eq!((refusal.code(), refusal.field()), (code, Some(field)), "{event:?}: {refusal}");
    }
    assert_eq!(accept(&held("unique"), &good, now).expect_err("no key").field(), Some("key"));
    let mut resting = subscription.clone();
    resting.state = billing::subscription::State::Paused { since: now, resume_at: None };
    assert_eq!(accept(&resting, &good, now).expect_err("paused").code(), "wrong_state");
    let mut leaving = subscription;
    leaving.scheduled.cancel = Some(now);
    assert_eq!(accept(&leaving, &good, now).expect_err("ended").field(), Some("at"));
}

#[test]
fn a_catalog_with_usage_is_published_and_a_bad_one_says_what_to_mend() {
    let catalog = |usage: Value| -> Vec<String> {
        let catalog = Catalog { plans: vec![plan("api", &usage)], ..Catalog::default() };
        catalog.problems().iter().map(ToString::to_string).collect()
    };
    let with = |name: &str, value: Value| {
        let mut item = item("sum");
        item[name] = value;
        json!([item])
    };
    assert_eq!(catalog(json!([item("sum")])), [""; 0]);
    let each = |name: &str, value: Value| {
        let mut item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
            "price": {"model": "percentage", "rate": "2", "free_events": 2, "minimum_per_event": "0.10", "maximum_per_event": "5"}});
        item[name] = value;
        json!([item])
    };
    assert_eq!(catalog(each("prepaid", json!(true))), [""; 0]);
    let endless = json!({"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}], "overflow": "refused"});
    let cases = [
        (json!([item("sum"), item("max")]), "earlier price of this meter"),
        (json!([item("weighted-levels")]), "weighted-changes"),
        (with("included", json!("-1")), "below zero"),
        (with("interval", json!("year")), "every meter needs a price"),
        (with("interval", json!("2-years")), "at least once a year"),
        (with("price", json!({"model": "percent-of", "rate": "20"})), "cannot be priced by percent-of"),
        (
            with("price", json!({"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}]})),
            "last tier ends",
        ),
        (with("price", endless), "without an end"),
        (
            each("meter", json!({"id": "calls", "aggregation": "count"})),
            "minimum_per_event looks at the amount of each event",
        ),
        (each("included", json!("5")), "use free_units or free_events of the price"),
        (each("proration", json!("day")), "a price by percentage cannot be prorated"),
        (each("part", json!({"tiers": "share"})), "free_events are whole events; free_units can be a part"),
        (
            each("price", json!({"model": "percentage", "rate": "2.123456789", "free_events": 2})),
            "too many decimals for large events",
        ),
        (
            each(
                "price",
                json!({"model": "percentage", "rate": "2", "minimum_per_event": "2", "maximum_per_event": "1"}),
            ),
            "maximum_per_event must not be below minimum_per_event",
        ),
    ];
    for (usage, said) in cases {
        let problems = catalog(usage.clone());
        assert!(problems.iter().any(|p| p.contains(said)), "{usage}: {problems:?}");
    }
}

#[test]
fn a_negotiated_interval_without_a_price_for_usage_is_refused() {
    let plan = plan("api", &json!([item("sum")]));
    let mut price = plan.prices[0].clone();
    price.interval = "year".parse().expect("an interval");
    let refused = Terms::try_new(&plan, &Policy::standard(), &price, true, 1);
    assert!(matches!(refused, Err(Refusal::NoSuchPrice { .. })), "{refused:?}");
}

fn aggregation() -> impl Strategy<Value = Aggregation> {
    prop::sample::select(vec![
        Aggregation::Count,
        Aggregation::Sum,
        Aggregation::Max,
        Aggregation::Last,
        Aggregation::Unique,
        Aggregation::WeightedChanges,
    ])
}

/// Events of three days: minutes, a value, a key.
fn moments() -> impl Strategy<Value = Vec<(i64, i64, u8)>> {
    prop::collection::vec((0_i64..4_000, 0_i64..50, 0_u8..6), 0..160)
}

fn readings(moments: &[(i64, i64, u8)], keyed: bool) -> Vec<MeterReading> {
    let of = |(i, (minute, value, key)): (usize, &(i64, i64, u8))| MeterReading {
        // No two at one instant: which of those is the last one is said apart.
        at: start() + TimeDelta::minutes(*minute) + TimeDelta::milliseconds(i64::try_from(i).expect("small")),
        value: Decimal::from(*value),
        key: keyed.then(|| format!("user-{key}")),
    };
    moments.iter().enumerate().map(of).collect()
}

fn sent(subscription: &Subscription, readings: &[MeterReading], now: Instant) -> Vec<Reading> {
    let events = readings.iter().map(|r| UsageEvent {
        key: r.key.clone(),
        ..event(&r.at.timestamp_millis().to_string(), r.at, &r.value.to_string())
    });
    events.map(|e| accept(subscription, &e, now).expect("taken")).collect()
}

fn item_of(subscription: &Subscription) -> &UsageItem {
    &subscription.terms.usage[0]
}

proptest! {
    /// However events are cut into batches, repeated and ordered, buckets come to what the meter says of the readings.
    #[test]
    fn buckets_come_to_what_the_readings_come_to(
        aggregation in aggregation(), moments in moments(), size in 1_usize..60, reversed in any::<bool>(),
    ) {
        let name = serde_json::to_value(aggregation).expect("a name");
        let subscription = held(name.as_str().expect("text"));
        let readings = readings(&moments, aggregation == Aggregation::Unique);
        let period: Period = subscription.period.expect("a period");
        let mut taken = sent(&subscription, &readings, start() + TimeDelta::days(10));
        if reversed {
            taken.reverse();
        }
        let mut days = Days::default();
        for batch in taken.chunks(size) {
            days.record(batch);
            days.record(batch);
        }
        let expected = Meter { id: "calls".into(), aggregation }.aggregate(&readings, &period, Decimal::ZERO);
        let mut account = UsageAccount::default();
        let running = Running::whole((&period).into(), Tz::UTC, ProrationUnit::Day);
        account.close(&[item_of(&subscription).clone()], &days.stored(), &running, period.end).expect("charges");
        let billed = &account.billed[0].meters["calls"];
        prop_assert_eq!(billed.quantity, expected.expect("a quantity").normalize());
        prop_assert_eq!(billed.events, readings.len() as u64);
    }

    /// Whatever part comes late, both invoices together charge what one invoice of everything would.
    #[test]
    fn late_or_not_the_sum_is_the_same(moments in moments(), part in 0_usize..160) {
        let subscription = held("sum");
        let readings = readings(&moments, false);
        let taken = sent(&subscription, &readings, start() + TimeDelta::days(10));
        let (early, late) = taken.split_at(part.min(taken.len()));
        let end = subscription.period.expect("a period").end;
        let amount = |invoice: &Invoice| usage_lines(invoice).iter().map(|l| l.amount.minor).sum::<i64>();
        let mut days = Days::default();
        days.record(early);
        let (next, first) = days.decide(&subscription, Input::Wake, end);
        days.record(late);
        let (_, second) = days.decide(&next, Input::Wake, next.period.expect("a period").end);
        let (_, at_once) = days.decide(&subscription, Input::Wake, end);
        prop_assert_eq!(amount(&first[0]) + amount(&second[0]), amount(&at_once[0]));
    }
}

#[test]
fn on_account_or_not_nothing_of_usage_is_in_the_first_invoice() {
    let mut order = order(terms("sum"));
    order.collection = Collection::Automatic;
    let Ok(Outcome::Applied { effects, .. }) = billing::subscription::open(order, start()) else { panic!("no order") };
    let Some(Effect::Issue(new)) = effects.first() else { panic!("no invoice") };
    assert_eq!(compute(billing::RULES_VERSION, &new.basis).expect("lines").len(), 1);
}
