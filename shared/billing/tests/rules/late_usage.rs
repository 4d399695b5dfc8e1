//! What comes late: together with what was invoiced before it costs what the whole span costs, by the prices of that span.

use billing::{
    calendar::recurrence::Span,
    catalog::{Plan, Policy},
    invoice::{Invoice, LineKind, compute},
    proration::ProrationUnit,
    subscription::{Input, Subscription},
    terms::Terms,
    usage::{Running, UsageAccount},
};
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::sample::{active, at};
use crate::usage::{Days, event, plan};

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

fn renew(days: &Days, held: &Subscription) -> (Subscription, Invoice) {
    let (next, mut invoices) = days.decide(held, Input::Wake, held.period.expect("a period").end);
    (next, invoices.remove(0))
}

fn use_on(days: &mut Days, held: &Subscription, when: &str, units: &str, now: &str) {
    days.record_events(held, &[event(&format!("{when} {now}"), at(when), units)], at(now));
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
    use_on(&mut days, &held, "2027-02-10T00:00:00Z", "3", "2027-03-05T00:00:00Z");
    let (_, invoice) = renew(&days, &held);
    assert_eq!(usage(&invoice), [(LineKind::UsageLate, 300)]);
    let told = serde_json::to_string(&invoice).expect("JSON");
    assert!(!told.contains(r#""-0""#), "{told}");
}

#[test]
fn what_was_invoiced_is_taken_off_and_not_what_it_was_before_rounding() {
    let (held, mut days) = (held(&json!([item("0.015")])), Days::default());
    use_on(&mut days, &held, "2027-02-10T00:00:00Z", "1001", "2027-02-10T00:00:00Z");
    let (held, first) = renew(&days, &held);
    assert_eq!(usage(&first), [(LineKind::Usage, 1_502)]);
    use_on(&mut days, &held, "2027-02-11T00:00:00Z", "1", "2027-03-05T00:00:00Z");
    let (_, second) = renew(&days, &held);
    // 1,002 units cost 15.03.
    assert_eq!(usage(&second), [(LineKind::UsageLate, 1)]);
    let steps = &second.lines.last().expect("a line").why.steps;
    assert_eq!(steps.last().map(|step| step.amount.to_string()).as_deref(), Some("-15.02"));
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
            use_on(&mut days, &held, "2027-02-10T00:00:00Z", &units.to_string(), &format!("2027-02-1{n}T00:00:00Z"));
            let running = Running::whole(Span::new(period.start, at(end)), Tz::UTC, ProrationUnit::Day);
            let closed = account.close(&held.terms.usage, &days.stored(), &running, at(end)).expect("charges");
            charged += closed.usage.iter().map(|charge| charge.amount().expect("an amount").minor).sum::<i64>();
        }
        let whole = Decimal::new(price * parts.iter().sum::<i64>(), 2);
        let whole = whole.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
        prop_assert_eq!(Decimal::from(charged), whole);
    }
}
