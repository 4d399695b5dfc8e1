//! Usage whose price looks at each event: a contract is billed what `calc price` says of the same list, however the events
//! were delivered, and whatever is not known of them, a renewal has a price.

use billing::{
    calc::{Kind, answer},
    calendar::{Instant, recurrence::Span},
    catalog::{Plan, Policy, Price},
    invoice::{Invoice, Line, LineKind, compute, explain},
    money::Currency,
    pricing::{PriceModel, Step, StepKind, Units},
    profile::Profile,
    proration::ProrationUnit,
    subscription::{Input, Subscription, When},
    terms::Terms,
    usage::{Bucket, Chunk, HourBucket, Running, UsageAccount, UsageRecord, accept},
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::sample::{active, at, cases};
use crate::usage::{Days, event, plan};
use crate::usage_exact::{add, renew};
use crate::usage_parts::held_in;

/// 1.5 % and 0.25 an event, at least 0.50 and at most 10.00; the first two are free.
fn platform() -> Value {
    json!({"model": "percentage", "rate": "1.5", "fixed_amount": "0.25", "minimum_per_event": "0.50",
        "maximum_per_event": "10.00", "free_events": 2})
}

fn item(price: &Value) -> Value {
    json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"}, "price": price})
}

fn totals() -> Value {
    item(&json!({"model": "per-seat", "unit_amount": "0.10"}))
}

fn terms(id: &str, items: &Value) -> Terms {
    let plan: Plan = plan(id, items);
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

/// A contract of June.
fn held(items: &Value) -> Subscription {
    active(terms("pay", items), at("2027-06-01T00:00:00Z"))
}

fn change(held: &Subscription, to: Terms, when: When) -> Input {
    Input::Change { terms: Box::new(to), proration: held.proration, when }
}

/// The lines of usage; what is stored gives the same bytes again.
fn usage(invoice: &Invoice) -> Vec<&Line> {
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    let again = compute(stored.rules, &stored.basis).expect("lines");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), serde_json::to_string(&invoice.lines).expect("JSON"));
    let of_usage = |kind| matches!(kind, LineKind::Usage | LineKind::UsageLate | LineKind::TrueUp);
    invoice.lines.iter().filter(|l| of_usage(l.kind)).collect()
}

fn minor(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    usage(invoice).iter().map(|line| (line.kind, line.amount.minor)).collect()
}

fn told(line: &Line) -> Vec<(StepKind, String, String)> {
    line.why.steps.iter().map(|s| (s.kind, s.units.to_string(), s.amount.to_string())).collect()
}

fn step(kind: StepKind, units: &str, amount: &str) -> (StepKind, String, String) {
    (kind, units.into(), amount.into())
}

const MONTH: [(&str, &str); 5] = [("02", "10"), ("03", "20"), ("04", "10"), ("05", "100"), ("06", "1000")];

/// A month of five payments.
fn a_month(days: &mut Days, held: &Subscription) {
    for (day, amount) in MONTH {
        let when = format!("2027-06-{day}T10:00:00Z");
        add(days, held, &when, amount, &when);
    }
}

/// A contract after a renewal that one payment came late to, and the invoice of that.
pub(crate) fn late() -> (Subscription, Invoice) {
    let (held, mut days) = (held(&json!([item(&platform())])), Days::default());
    a_month(&mut days, &held);
    let (held, _) = renew(&days, &held);
    add(&mut days, &held, "2027-06-01T08:00:00.250Z", "40", "2027-07-02T00:00:00Z");
    renew(&days, &held)
}

#[test]
fn a_month_of_payments_costs_what_each_of_them_costs() {
    let (held, mut days) = (held(&json!([item(&platform())])), Days::default());
    a_month(&mut days, &held);
    let (_, invoice) = renew(&days, &held);
    // 10 and 20 are free; 10 pays 0.50 at least, 100 pays 1.75, 1,000 pays 10.00 at most.
    assert_eq!(minor(&invoice), [(LineKind::Usage, 1_225)]);
    assert_eq!(
        told(usage(&invoice)[0]),
        [
            step(StepKind::Free, "30", "0"),
            step(StepKind::Percent, "1110", "16.65"),
            step(StepKind::PerEvent, "3", "0.75"),
            step(StepKind::EventLimits, "0", "-5.15"),
        ]
    );
    let words = explain(&invoice).expect("words");
    assert!(words.contains("1140 of calls in 5 events") && words.contains("the same lines"), "{words}");
    assert!(!words.contains("without their amounts"), "{words}");
    let stored = serde_json::to_value(&invoice.basis).expect("JSON");
    let charge = &stored["usage"][0];
    assert_eq!(charge["each"], json!({"paid": {"count": 3, "volume": "1110", "limits": "-5.15"}}));
}

#[test]
fn what_comes_late_is_walked_with_the_rest_and_takes_a_free_place_if_it_was_earlier() {
    let (_, invoice) = late();
    // 40 and 10 are free now, and 20 pays 0.55.
    assert_eq!(minor(&invoice), [(LineKind::UsageLate, 55)]);
    assert_eq!(told(usage(&invoice)[0]).last(), Some(&step(StepKind::Invoiced, "0", "-12.25")));
    assert!(explain(&invoice).expect("words").contains("calls of 2027-06-01 00:00 UTC"));
}

#[test]
fn only_a_meter_whose_price_looks_at_each_event_keeps_them() {
    let chunk = |held: &Subscription, now: &str| {
        let reading = accept(held, &event("e", at(now), "2.50"), at(now)).expect("taken");
        let (_, chunk) = billing::usage::Chain::default().plan(&[&reading]).write.expect("a chunk");
        serde_json::to_value(&chunk.buckets[0].bucket).expect("JSON")
    };
    let (plain, each) = (held(&json!([totals()])), held(&json!([item(&platform())])));
    let (early, late) = ("2027-06-10T10:00:01.500Z", "2027-07-02T00:00:00Z");
    assert_eq!(chunk(&each, early)["each"], json!([[1500, "2.5"]]));
    let old = json!({"count": 1, "last": "2.5", "last_at": "2027-06-10T10:00:01.500Z", "max": "2.5", "moment": "3750", "sum": "2.5"});
    assert_eq!(chunk(&plain, early), old, "as it always was");
    // A price that was agreed for later, one that the merchant announced, and one that something may still come late to.
    let now = at("2027-06-02T00:00:00Z");
    let to = || terms("pay", &json!([item(&platform())]));
    let (agreed, _) = Days::default().decide(&plain, change(&plain, to(), When::PeriodEnd), now);
    assert_eq!(chunk(&agreed, early)["each"], json!([[1500, "2.5"]]));
    let mut version = to();
    version.plan.version = 2;
    let input = Input::Move { terms: Box::new(version), proration: plain.proration };
    let (announced, _) = Days::default().decide(&plain, input, now);
    assert_eq!(chunk(&announced, early)["each"], json!([[1500, "2.5"]]));
    let days = Days::default();
    let (left, _) = days.decide(&each, change(&each, terms("plain", &json!([totals()])), When::PeriodEnd), now);
    let (left, _) = days.decide(&left, Input::Wake, at("2027-07-01T00:00:00Z"));
    let (left, _) = renew(&days, &left);
    assert_eq!(chunk(&left, late)["each"], json!([[0, "2.5"]]));
    let (left, _) = renew(&days, &renew(&days, &left).0);
    assert_eq!(chunk(&left, "2027-09-02T00:00:00Z").get("each"), None, "nothing can come late to it any more");
}

#[test]
fn an_event_below_zero_is_refused_where_each_is_looked_at() {
    let negative = |held: &Subscription, when: &str| accept(held, &event("e", at(when), "-1"), at(when));
    let each = held(&json!([item(&platform())]));
    let refused = negative(&each, "2027-06-10T00:00:00Z").expect_err("below zero");
    assert_eq!((refused.code(), refused.field()), ("invalid_field", Some("value")));
    assert!(refused.to_string().contains("give back what it cost by a credit note"), "{refused}");
    assert!(accept(&each, &event("e", at("2027-06-10T00:00:00Z"), "-0"), at("2027-06-10T00:00:00Z")).is_ok());
    // Under a price of totals it is a correction, up to the day from which each is looked at.
    let plain = held(&json!([totals()]));
    let to = terms("pay", &json!([item(&platform())]));
    let on = When::At(at("2027-06-20T00:00:00Z"));
    let (plain, _) = Days::default().decide(&plain, change(&plain, to, on), at("2027-06-02T00:00:00Z"));
    assert!(negative(&plain, "2027-06-19T23:59:59Z").is_ok());
    assert_eq!(negative(&plain, "2027-06-20T00:00:00Z").expect_err("below zero").field(), Some("value"));
}

#[test]
fn events_that_were_counted_without_their_amounts_count_as_equally_large_and_the_line_says_so() {
    let (plain, mut days) = (held(&json!([totals()])), Days::default());
    // Their sender's clock is ahead: they lie after a change that nobody knows of yet.
    let (now, when) = (at("2027-06-10T10:58:00Z"), at("2027-06-10T11:01:00Z"));
    for (id, amount) in [("a", "10"), ("b", "90"), ("c", "-1000")] {
        days.record_events(&plain, &[event(id, when + TimeDelta::minutes(i64::from(id == "c")), amount)], now);
    }
    days.record_events(&plain, &[event("d", when, "1000.01")], now);
    let to = terms("pay", &json!([item(&platform())]));
    let (held, _) = days.decide(&plain, change(&plain, to, When::Now), at("2027-06-10T10:59:00Z"));
    add(&mut days, &held, "2027-06-10T12:00:00Z", "2000", "2027-06-10T12:00:00Z");
    let (_, invoice) = renew(&days, &held);
    // Four of 25.0025: two are free, the others pay 0.6250375 each; 2,000 pays 10.00.
    assert_eq!(minor(&invoice), [(LineKind::Usage, 1_125)]);
    assert_eq!(usage(&invoice)[0].used.as_ref().map(|used| (used.events, used.averaged)), Some((5, 4)));
    let words = explain(&invoice).expect("words");
    assert!(words.contains("4 of the events were counted without their amounts"), "{words}");
}

#[test]
fn a_part_of_a_period_has_its_part_of_the_free_units_and_an_event_pays_the_same() {
    let mut priced = item(&json!({"model": "percentage", "rate": "1", "fixed_amount": "0.10", "free_units": "300"}));
    priced["part"] = json!({"tiers": "share", "amounts": "share"});
    // From the 16th on: 15 of 30 days.
    let (held, mut days) = (held_in(&priced, "2027-06-16T00:00:00Z", Tz::UTC, true), Days::default());
    for (id, amount) in [("a", "100"), ("b", "80"), ("c", "50")] {
        days.record_events(&held, &[event(id, at("2027-06-20T00:00:00Z"), amount)], at("2027-06-20T00:00:00Z"));
    }
    let (_, invoice) = renew(&days, &held);
    // In order of size, as they are at one instant: 50 and 80 lie within 150; of the 100, 80 pay 0.80 and 0.10.
    assert_eq!(minor(&invoice), [(LineKind::Usage, 90)]);
    assert_eq!(told(usage(&invoice)[0])[0], step(StepKind::Free, "150", "0"));
}

#[test]
fn minimums_maximums_and_prepaid_credit_go_with_it() {
    let of = |more: Value, least: Option<i64>| {
        let mut priced = item(&platform());
        priced.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let plan: Plan = plan("pay", &json!([priced]));
        let price = Price { usage_minimum: least.map(Decimal::from), ..plan.prices[0].clone() };
        let terms = Terms::try_new(&plan, &Policy::standard(), &price, false, 1).expect("terms");
        let (held, mut days) = (active(terms, at("2027-06-01T00:00:00Z")), Days::default());
        a_month(&mut days, &held);
        (held, days)
    };
    let capped = json!({"price": {"model": "commitment", "maximum_amount": "12.00", "price": platform()}});
    let (held, days) = of(capped, None);
    let (_, invoice) = renew(&days, &held);
    assert_eq!(minor(&invoice), [(LineKind::Usage, 1_200)]);
    assert_eq!(told(usage(&invoice)[0]).last(), Some(&step(StepKind::Cap, "0", "-0.25")));
    let (held, days) = of(json!({}), Some(20));
    assert_eq!(minor(&renew(&days, &held).1), [(LineKind::Usage, 1_225), (LineKind::TrueUp, 775)]);
    let (held, days) = of(json!({"prepaid": true}), None);
    let grant = billing::money::Money::new(1_000, held.terms.price.currency);
    let gift = Input::Grant { amount: grant, reason: "welcome".into(), expires_at: Some(at("2027-06-05T12:00:00Z")) };
    let (held, _) = days.decide(&held, gift, at("2027-06-01T00:00:00Z"));
    // Up to the expiry 10 and 100 pay, 2.25 of it.
    let (held, _) = days.decide(&held, Input::Wake, at("2027-06-05T12:00:00Z"));
    let (_, invoice) = renew(&days, &held);
    let paid = invoice.lines.iter().find(|line| line.kind == LineKind::PrepaidUsed).map(|line| line.amount.minor);
    assert_eq!((minor(&invoice), paid), (vec![(LineKind::Usage, 1_225)], Some(-225)));
}

#[test]
fn a_change_bills_up_to_it_and_what_comes_late_in_another_currency_is_billed_by_averages() {
    let both = |price: Value| {
        let mut euros = item(&price);
        euros["currency"] = json!("EUR");
        json!([item(&price), euros])
    };
    let (held, mut days) = (held(&both(platform())), Days::default());
    a_month(&mut days, &held);
    let mut to = terms("pay", &both(platform()));
    to.price.currency = Currency::try_new("EUR").expect("a currency");
    to.usage.iter_mut().for_each(|item| item.currency = to.price.currency);
    let now = at("2027-06-06T12:00:00Z");
    let (held, invoices) = days.decide(&held, change(&held, to, When::Now), now);
    assert_eq!(minor(&invoices[0]), [(LineKind::Usage, 1_225)]);
    add(&mut days, &held, "2027-06-05T08:00:00Z", "60", "2027-06-07T00:00:00Z");
    let (next, second) = renew(&days, &held);
    // Six of 200 less five of 228: 4 × 3.25 - 3 × 3.67.
    assert_eq!(usage(&second)[0].amount.to_string(), "1.99 EUR");
    assert_eq!(usage(&second)[0].used.as_ref().map(|used| used.averaged), Some(6));
    // What was taken before that renewal, and written after it, is measured by the events themselves again.
    add(&mut days, &held, "2027-06-05T09:00:00Z", "60", "2027-07-06T00:00:00Z");
    let (_, third) = renew(&days, &next);
    assert_eq!(usage(&third)[0].amount.to_string(), "1.15 EUR");
}

/// Prices that look at each event, one way or another.
fn price() -> impl Strategy<Value = Value> {
    let amount = |most: i64| (0..most).prop_map(|cents| Decimal::new(cents, 2).to_string());
    let some = |strategy: BoxedStrategy<String>| proptest::option::of(strategy);
    let least = some(amount(300).boxed());
    let most = some((300_i64..1_500).prop_map(|cents| Decimal::new(cents, 2).to_string()).boxed());
    (0_i64..600, amount(100), 0_i64..2_000, 0_u64..5, least, most, any::<bool>()).prop_filter_map(
        "a price that looks at each event",
        |(rate, fixed, free, free_events, least, most, fees)| {
            let mut price = json!({"model": "percentage", "rate": Decimal::new(rate, 2).to_string(),
                "fixed_amount": fixed, "free_units": free.to_string(), "free_events": free_events});
            for (field, limit) in [("minimum_per_event", least), ("maximum_per_event", most)] {
                price[field] = limit.map_or(Value::Null, Value::String);
            }
            if fees {
                price["zero_volume"] = json!("event-fees");
            }
            let model: PriceModel = serde_json::from_value(price.clone()).ok()?;
            matches!(model, PriceModel::Percentage(percentage) if percentage.needs_each_event()).then_some(price)
        },
    )
}

/// Events of two days: milliseconds, cents, and whether each comes late.
fn events() -> impl Strategy<Value = Vec<(i64, i64, bool)>> {
    // Few different instants, so that some events are at the same one.
    let moment = prop_oneof![0_i64..172_800_000, (0_i64..40).prop_map(|n| n * 1_800_000)];
    prop::collection::vec((moment, 0_i64..60_000, any::<bool>()), 0..140).prop_shuffle()
}

/// The steps that `calc price` says, and the total in minor units.
fn by_calc(price: &Value, amounts: &[Decimal]) -> (Vec<Step>, i64) {
    let amounts: Vec<String> = amounts.iter().map(ToString::to_string).collect();
    let question = json!({"currency": "USD", "price": price, "events": {"amounts": amounts}, "rounding": "half-even"});
    let text = answer(Kind::Price, &question.to_string(), Profile::default()).expect("an answer");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let steps = serde_json::from_value(answer["steps"].clone()).expect("steps");
    (steps, answer["total"]["minor"].as_i64().expect("minor units"))
}

proptest! {
    #![proptest_config(cases(256))]

    /// However the events are ordered, cut into batches and delivered, in time or late, the lines say what `calc price` says
    /// of their list, and together they come to its total.
    #[test]
    fn a_contract_pays_what_calc_says_of_the_same_list(price in price(), events in events(), size in 1_usize..120) {
        let (held, mut days) = (held(&json!([item(&price)])), Days::default());
        let start = at("2027-06-03T00:00:00Z");
        let when = |ms: i64| start + TimeDelta::milliseconds(ms);
        let sent = |late: bool| -> Vec<_> {
            let chosen = events.iter().enumerate().filter(move |(_, event)| event.2 == late);
            chosen.map(|(n, (ms, cents, _))| event(&n.to_string(), when(*ms), &Decimal::new(*cents, 2).to_string())).collect()
        };
        let mut listed: Vec<(i64, Decimal)> = events.iter().map(|(ms, cents, _)| (*ms, Decimal::new(*cents, 2))).collect();
        listed.sort();
        let listed: Vec<Decimal> = listed.into_iter().map(|(_, amount)| amount).collect();
        let (expected, total) = by_calc(&price, &listed);
        let record = |days: &mut Days, held: &Subscription, late: bool, now: Instant| {
            for batch in sent(late).chunks(size) {
                days.record_events(held, batch, now);
                days.record_events(held, batch, now);
            }
        };
        record(&mut days, &held, false, at("2027-06-10T00:00:00Z"));
        let (next, first) = renew(&days, &held);
        record(&mut days, &next, true, at("2027-07-02T00:00:00Z"));
        let (_, second) = renew(&days, &next);
        let charged: i64 = minor(&first).iter().chain(&minor(&second)).map(|(_, minor)| minor).sum();
        prop_assert_eq!(charged, total);
        // At once, or as the late line has it before what was invoiced is taken off.
        let (_, at_once) = renew(&days, &held);
        if let [line] = usage(&at_once)[..] {
            prop_assert_eq!(&line.why.steps, &expected);
        } else {
            prop_assert_eq!(listed.len(), 0);
        }
        if let [line] = usage(&second)[..] {
            let (last, steps) = line.why.steps.split_last().expect("what was invoiced");
            prop_assert_eq!((steps, last.kind), (&expected[..], StepKind::Invoiced));
        }
    }

    /// Buckets with their events can be merged in any order and grouping.
    #[test]
    fn buckets_that_keep_their_events_merge_in_any_order(events in prop::collection::vec((0_i64..50, 0_i64..9, any::<bool>()), 3..12), cut in 1_usize..11) {
        let start = at("2027-06-03T00:00:00Z");
        let of = |(ms, value, each): &(i64, i64, bool)| {
            let (at, value) = (start + TimeDelta::milliseconds(*ms), Decimal::from(*value));
            if *each { Bucket::of_each(start, at, value) } else { Bucket::of(start, at, value, None) }.expect("a bucket")
        };
        let all = |list: &[Bucket]| list.iter().cloned().reduce(|a, b| a.merge(b).expect("merged"));
        let buckets: Vec<Bucket> = events.iter().map(of).collect();
        let backwards: Vec<Bucket> = buckets.iter().rev().cloned().collect();
        let (left, right) = buckets.split_at(cut.min(buckets.len() - 1));
        let grouped = all(left).zip(all(right)).map(|(a, b)| b.merge(a).expect("merged"));
        prop_assert_eq!(all(&buckets), all(&backwards));
        prop_assert_eq!(all(&buckets), grouped);
    }

    /// Whatever is stored, known one by one or not, above zero or below: there is a price, and it is computed again.
    #[test]
    fn a_renewal_never_waits_for_what_is_not_known(
        price in price(), stored in prop::collection::vec((0_i64..48, -90_000_i64..900_000, any::<bool>()), 0..40),
    ) {
        let held = held(&json!([item(&price)]));
        let period: Span = (&held.period.expect("a period")).into();
        let bucket = |(hour, cents, each): &(i64, i64, bool)| {
            let start = period.start + TimeDelta::hours(*hour);
            let (at, value) = (start + TimeDelta::seconds(5), Decimal::new(*cents, 4));
            let bucket = if *each { Bucket::of_each(start, at, value) } else { Bucket::of(start, at, value, None) };
            HourBucket { start, meter: "calls".into(), bucket: bucket.expect("a bucket") }
        };
        // One chunk or one for each event, in either order: it is of no account.
        let buckets: Vec<HourBucket> = stored.iter().map(bucket).collect();
        let chunk = |buckets: Vec<HourBucket>| Chunk { ids: String::new(), buckets };
        let apart: Vec<Chunk> = buckets.iter().rev().map(|one| chunk(vec![one.clone()])).collect();
        let running = Running::whole(period, Tz::UTC, ProrationUnit::Day);
        let close = |record: &UsageRecord| {
            UsageAccount::default().close(&held.terms.usage, record, &running, period.end).expect("a price").usage
        };
        let charges = close(&UsageRecord::new([chunk(buckets)]));
        prop_assert_eq!(&charges, &close(&UsageRecord::new(apart)));
        for charge in &charges {
            prop_assert!(charge.amount().expect("an amount").minor >= 0);
            let again: billing::usage::UsageCharge =
                serde_json::from_str(&serde_json::to_string(charge).expect("JSON")).expect("a charge");
            prop_assert_eq!(again.priced().expect("a price"), charge.priced().expect("a price"));
        }
    }
}

#[test]
fn the_list_is_priced_as_its_summary() {
    // What `calc` answers is no other code: a list is summed up first.
    let model: PriceModel = serde_json::from_value(platform()).expect("a model");
    let usd = Currency::try_new("USD").expect("a currency");
    let amounts = MONTH.map(|(_, amount)| amount.parse().expect("a decimal"));
    let listed = model.price(&Units::each(amounts.to_vec()).expect("units"), usd).expect("a price");
    let paid = serde_json::from_value(json!({"count": 3, "volume": "1110", "limits": "-5.15"})).expect("a summary");
    assert_eq!(model.price(&Units::paid(Decimal::from(1_140), paid), usd), Ok(listed));
}
