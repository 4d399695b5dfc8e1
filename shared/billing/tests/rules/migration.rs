//! Moving subscribers to another version of their plan: who, when, and what it does to run-rate.

use billing::{
    catalog::{Plan, Policy},
    migration::{Move, Stay, Verdict, verdict},
    subscription::{Input, Subscription, When},
};
use chrono::TimeDelta;

use crate::sample::{active, applied, at, give, order, terms};

fn version(version: u32, interval: &str, amount: &str) -> Plan {
    serde_json::from_value(serde_json::json!({
        "id": "team", "version": version, "title": "Team",
        "prices": [{"currency": "USD", "interval": interval, "model": "per-seat", "unit_amount": amount}]
    }))
    .expect("a plan")
}

fn held() -> Subscription {
    active(terms("team", "month", "9.90", 3), at("2027-01-31T00:00:00Z"))
}

fn decided(held: &Subscription, plan: &Plan) -> Verdict {
    verdict(held, plan, &Policy::standard()).expect("a verdict")
}

fn moved(held: &Subscription, plan: &Plan) -> Move {
    match decided(held, plan) {
        Verdict::Moves(moved) => *moved,
        Verdict::Stays(why) => unreachable!("it stays: {why}"),
    }
}

#[test]
fn a_price_change_holds_from_the_next_renewal_and_run_rate_says_what_it_brings() {
    let held = held();
    let moved = moved(&held, &version(2, "month", "12.00"));
    assert_eq!(moved.at, Some(at("2027-02-28T00:00:00Z")));
    assert_eq!((moved.before_mrr12, moved.after_mrr12), (35_640, 43_200));
    let now = at("2027-02-10T12:00:00Z");
    let (agreed, invoices) = give(&held, moved.input(), now);
    assert!(invoices.is_empty(), "nothing is charged when it is agreed");
    assert_eq!(agreed.terms, held.terms, "the running period stays as it was bought");
    let (after, invoices) = give(&agreed, Input::Wake, at("2027-02-28T00:00:00Z"));
    let (after, invoices) =
        if invoices.is_empty() { give(&after, Input::Wake, at("2027-02-28T00:00:00Z")) } else { (after, invoices) };
    assert_eq!(invoices[0].total.minor, 3_600);
    assert_eq!(after.mrr12().unwrap(), 43_200);
    assert_eq!(decided(&after, &version(2, "month", "12.00")), Verdict::Stays(Stay::AlreadyThere));
}

#[test]
fn who_has_a_price_of_his_own_or_something_agreed_or_another_interval_stays() {
    let plan = version(2, "month", "12.00");
    let mut negotiated = held();
    negotiated.terms.contract = true;
    assert_eq!(decided(&negotiated, &plan), Verdict::Stays(Stay::ContractPrice));
    let yearly = active(terms("team", "year", "99", 1), at("2027-01-31T00:00:00Z"));
    assert!(matches!(decided(&yearly, &plan), Verdict::Stays(Stay::NoPrice(..))));
    let other = active(terms("solo", "month", "5", 1), at("2027-01-31T00:00:00Z"));
    assert_eq!(decided(&other, &plan), Verdict::Stays(Stay::NotConcerned));
    let now = at("2027-02-10T12:00:00Z");
    let leaves = Input::Cancel { when: When::PeriodEnd, reason: None, comment: None };
    assert_eq!(decided(&give(&held(), leaves, now).0, &plan), Verdict::Stays(Stay::Ending));
    let business = Box::new(terms("business", "month", "24", 3));
    let chosen = Input::Change { terms: business, proration: held().proration, when: When::PeriodEnd };
    assert!(matches!(decided(&give(&held(), chosen, now).0, &plan), Verdict::Stays(Stay::ChangeAgreed(_))));
}

#[test]
fn a_trial_moves_at_its_end_and_earns_nothing_before() {
    let mut trial = order(terms("team", "month", "9.90", 3));
    trial.trial_days = 14;
    let start = at("2027-01-31T00:00:00Z");
    let (held, _) = applied(billing::subscription::open(trial, start).expect("an order"));
    let moved = moved(&held, &version(2, "month", "12.00"));
    assert_eq!(moved.at, Some(start + TimeDelta::days(14)));
    assert_eq!((moved.before_mrr12, moved.after_mrr12), (0, 0));
}
