//! What comes late: together with what was invoiced before it costs what the whole span costs, by the prices of that span.

use billing::{
    calendar::recurrence::Span,
    catalog::{Plan, Policy},
    invoice::{Invoice, Line, LineKind, compute},
    pricing::StepKind,
    proration::ProrationUnit,
    subscription::{Input, Subscription, When},
    terms::Terms,
    usage::{Running, UsageAccount, UsageEvent, accept},
};
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::sample::{active, at};
use crate::usage::{Days, event, plan};
use crate::usage_exact::{add, renew};

fn item(price: &str) -> Value {
    json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "price": {"model": "per-seat", "unit_amount": price}})
}

fn terms(id: &str, usage: &Value) -> Terms {
    let plan: Plan = plan(id, usage);
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

fn held(usage: &Value) -> Subscription {
    active(terms("us", usage), at("2027-02-01T00:00:00Z"))
}

/// The lines of usage; what is stored gives the same bytes again.
fn usage(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    let again = compute(stored.rules, &stored.basis).expect("lines");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), serde_json::to_string(&stored.lines).expect("JSON"));
    let of_usage = |kind| matches!(kind, LineKind::Usage | LineKind::UsageLate | LineKind::TrueUp);
    invoice.lines.iter().filter(|l| of_usage(l.kind)).map(|l| (l.kind, l.amount.minor)).collect()
}

#[test]
fn what_comes_late_to_a_period_of_nothing_is_stored_as_it_is_computed_again() {
    let (held, mut days) = (held(&json!([item("1.00")])), Days::default());
    let (held, _) = renew(&days, &held);
    add(&mut days, &held, "2027-02-10T00:00:00Z", "3", "2027-03-05T00:00:00Z");
    let (_, invoice) = renew(&days, &held);
    assert_eq!(usage(&invoice), [(LineKind::UsageLate, 300)]);
    let told = serde_json::to_string(&invoice).expect("JSON");
    assert!(!told.contains(r#""-0""#), "{told}");
}

#[test]
fn what_was_invoiced_is_taken_off_and_not_what_it_was_before_rounding() {
    let (held, mut days) = (held(&json!([item("0.015")])), Days::default());
    add(&mut days, &held, "2027-02-10T00:00:00Z", "1001", "2027-02-10T00:00:00Z");
    let (held, first) = renew(&days, &held);
    assert_eq!(usage(&first), [(LineKind::Usage, 1_502)]);
    add(&mut days, &held, "2027-02-11T00:00:00Z", "1", "2027-03-05T00:00:00Z");
    let (_, second) = renew(&days, &held);
    // 1,002 units cost 15.03.
    assert_eq!(usage(&second), [(LineKind::UsageLate, 1)]);
    let steps = &second.lines.last().expect("a line").why.steps;
    assert_eq!(steps.last().map(|step| step.amount.to_string()).as_deref(), Some("-15.02"));
}

fn change(held: &Subscription, id: &str, items: &Value, when: When) -> Input {
    Input::Change { terms: Box::new(terms(id, items)), proration: held.proration, when }
}

/// The plan, the amount and what was invoiced before of each line of usage.
fn told(invoice: &Invoice) -> Vec<(String, i64, Option<String>)> {
    assert!(!usage(invoice).is_empty(), "{:?}", invoice.lines);
    let lines = invoice.lines.iter().filter(|line| line.used.is_some());
    let before = |line: &Line| {
        let step = line.why.steps.iter().find(|step| step.kind == StepKind::Invoiced);
        step.map(|step| step.amount.to_string())
    };
    lines.map(|line| (line.plan.clone(), line.amount.minor, before(line))).collect()
}

fn late_line(plan: &str, minor: i64, before: &str) -> (String, i64, Option<String>) {
    (plan.into(), minor, Some(before.into()))
}

/// 200 units of February were invoiced at 10.00, and from March on other terms hold.
fn moved(to: &str, items: &Value) -> (Subscription, Days) {
    let mut first = item("0.10");
    first["included"] = json!("100");
    let (held, mut days) = (held(&json!([first])), Days::default());
    add(&mut days, &held, "2027-02-10T00:00:00Z", "200", "2027-02-10T00:00:00Z");
    let now = at("2027-02-20T00:00:00Z");
    let (held, _) = days.decide(&held, change(&held, to, items, When::PeriodEnd), now);
    let (held, invoices) = days.decide(&held, Input::Wake, held.period.expect("a period").end);
    assert_eq!(told(&invoices[0]), [("us@1".into(), 1_000, None)]);
    // The renewal that follows at the same instant.
    let (held, _) = renew(&days, &held);
    (held, days)
}

/// A contract that has other terms now, and the invoice of what came late to the earlier ones.
pub(crate) fn late_after_a_change() -> (Subscription, Invoice) {
    let (held, mut days) = moved("gone", &json!([]));
    add(&mut days, &held, "2027-02-11T00:00:00Z", "10", "2027-03-05T00:00:00Z");
    let (_, invoice) = renew(&days, &held);
    (held, invoice)
}

#[test]
fn what_comes_late_is_priced_by_the_terms_of_its_span() {
    let mut dearer = item("0.20");
    dearer["included"] = json!("10");
    let (held, mut days) = moved("dear", &json!([dearer]));
    add(&mut days, &held, "2027-02-11T00:00:00Z", "10", "2027-03-05T00:00:00Z");
    let (held, invoice) = renew(&days, &held);
    assert_eq!(told(&invoice), [late_line("us@1", 100, "-10")]);
    let (held, _) = renew(&days, &held);
    // Nothing of then can come any more, and its prices are forgotten.
    assert!(!held.usage.has_earlier_prices());
}

#[test]
fn what_comes_late_to_a_meter_that_the_plan_has_no_more_is_billed() {
    let (held, mut days) = moved("gone", &json!([]));
    add(&mut days, &held, "2027-02-11T00:00:00Z", "10", "2027-03-05T00:00:00Z");
    let now = at("2027-03-05T00:00:00Z");
    let refused = accept(&held, &event("new", now, "1"), now).expect_err("no meter of the day");
    assert_eq!(refused.to_string(), "meter: is not a meter of gone@1; its meters are: none");
    let (held, invoice) = renew(&days, &held);
    assert_eq!(told(&invoice), [late_line("us@1", 100, "-10")]);
    let stored: Subscription =
        serde_json::from_str(&serde_json::to_string(&held).expect("JSON")).expect("a subscription");
    assert_eq!(stored, held);
    let (held, invoice) = renew(&days, &held);
    assert_eq!(usage(&invoice), []);
    assert!(!held.has_usage());
}

#[test]
fn what_comes_late_to_a_meter_is_billed_also_where_the_plan_has_another_now() {
    let mut bytes = item("0.20");
    bytes["meter"]["id"] = json!("bytes");
    let (held, mut days) = moved("other", &json!([bytes]));
    add(&mut days, &held, "2027-02-11T00:00:00Z", "10", "2027-03-05T00:00:00Z");
    let (_, invoice) = renew(&days, &held);
    assert_eq!(told(&invoice), [late_line("us@1", 100, "-10")]);
}

#[test]
fn an_event_of_then_is_refused_where_only_the_new_plan_has_its_meter() {
    let mut bytes = item("0.20");
    bytes["meter"]["id"] = json!("bytes");
    let (held, _) = moved("more", &json!([item("0.10"), bytes]));
    let of_bytes = |when: &str| UsageEvent { meter: "bytes".into(), ..event("b", at(when), "1") };
    let now = at("2027-03-05T00:00:00Z");
    let refused = accept(&held, &of_bytes("2027-02-11T00:00:00Z"), now).expect_err("no meter of then");
    assert_eq!(refused.to_string(), "meter: is not a meter of us@1; its meters are: calls");
    assert!(accept(&held, &of_bytes("2027-03-02T00:00:00Z"), now).is_ok());
}

#[test]
fn what_was_used_up_to_a_change_names_the_plan_that_it_was_used_under() {
    let (held, mut days) = (held(&json!([item("1.00")])), Days::default());
    add(&mut days, &held, "2027-02-10T00:00:00Z", "10", "2027-02-10T00:00:00Z");
    let now = at("2027-02-15T00:00:00Z");
    let (held, invoices) = days.decide(&held, change(&held, "basic", &json!([item("2.00")]), When::Now), now);
    assert_eq!(told(&invoices[0]), [("us@1".into(), 1_000, None)]);
    add(&mut days, &held, "2027-02-11T00:00:00Z", "1", "2027-02-16T00:00:00Z");
    add(&mut days, &held, "2027-02-16T00:00:00Z", "1", "2027-02-16T00:00:00Z");
    let (_, invoice) = renew(&days, &held);
    assert_eq!(told(&invoice), [late_line("us@1", 100, "-10"), ("basic@1".into(), 200, None)]);
}

#[test]
fn what_waits_for_the_renewal_names_the_plan_that_it_was_used_under() {
    let (first, now) = (held(&json!([item("1.00")])), at("2027-02-10T00:00:00Z"));
    let chosen = change(&first, "same", &json!([item("1.00")]), When::PeriodEnd);
    let mut next = terms("us", &json!([item("1.00")]));
    next.plan.version = 2;
    let moved = Input::Move { terms: Box::new(next), proration: first.proration };
    for (input, name) in [(chosen, "same@1"), (moved, "us@2")] {
        let mut days = Days::default();
        add(&mut days, &first, "2027-02-10T00:00:00Z", "10", "2027-02-10T00:00:00Z");
        let (held, _) = days.decide(&first, input, now);
        let (held, none) = days.decide(&held, Input::Wake, at("2027-03-01T00:00:00Z"));
        assert!(none.is_empty(), "the same prices wait for the renewal");
        let stored: Subscription =
            serde_json::from_str(&serde_json::to_string(&held).expect("JSON")).expect("a subscription");
        assert_eq!(stored, held);
        let (held, invoices) = days.decide(&stored, Input::Wake, at("2027-03-01T00:00:00Z"));
        assert_eq!((told(&invoices[0]), &*invoices[0].lines[0].plan), (vec![("us@1".into(), 1_000, None)], name));
        add(&mut days, &held, "2027-02-11T00:00:00Z", "1", "2027-03-05T00:00:00Z");
        add(&mut days, &held, "2027-03-05T00:00:00Z", "1", "2027-03-05T00:00:00Z");
        let (_, invoice) = renew(&days, &held);
        assert_eq!(told(&invoice), [late_line("us@1", 100, "-10"), (name.into(), 100, None)]);
    }
}

proptest! {
    /// However much comes late and how often, together it is the rounded price of the whole.
    #[test]
    fn late_lines_add_up_to_the_price_of_the_whole(parts in proptest::collection::vec(0_i64..400, 1..4), price in 1_i64..400) {
        let mut account = UsageAccount::default();
        let held = held(&json!([item(&format!("0.{price:04}"))]));
        let period: Span = (&held.period.expect("a period")).into();
        let mut days = Days::default();
        let mut charged = 0;
        // The span is looked at again twice.
        let ends = ["2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z"];
        for ((units, end), n) in parts.iter().zip(ends).zip(0..) {
            add(&mut days, &held, "2027-02-10T00:00:00Z", &units.to_string(), &format!("2027-02-1{n}T00:00:00Z"));
            let running = Running::whole(Span::new(period.start, at(end)), Tz::UTC, ProrationUnit::Day);
            let closed = account.close(&held.terms.usage, &days.stored(), &running, at(end)).expect("charges");
            charged += closed.usage.iter().map(|charge| charge.amount().expect("an amount").minor).sum::<i64>();
        }
        let whole = Decimal::new(price * parts.iter().sum::<i64>(), 2);
        let whole = whole.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
        prop_assert_eq!(Decimal::from(charged), whole);
    }
}
