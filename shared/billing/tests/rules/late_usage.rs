//! What comes late: together with what was invoiced before it costs what the whole span costs, by the prices of that span.

use billing::{
    catalog::{Plan, Policy},
    invoice::{Invoice, LineKind, compute},
    subscription::{Input, Subscription},
    terms::Terms,
};
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
