//! Moving subscribers to another version of their plan: who, when, and what it does to run-rate.

use billing::{
    catalog::{Plan, Policy},
    migration::{Move, Stay, Verdict, verdict},
    refusal::Refusal,
    subscription::{Input, Known, MovedTerms, State, Subscription, When, transition, transition_with},
    terms::Terms,
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

const NOW: &str = "2027-02-10T12:00:00Z";
const END: &str = "2027-02-28T00:00:00Z";

fn announced(held: &Subscription) -> Subscription {
    give(held, moved(held, &version(2, "month", "12.00")).input(), at(NOW)).0
}

/// The terms of this version with so many seats.
fn seats(of: u32, amount: &str, seats: i64) -> Terms {
    let plan = version(of, "month", amount);
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, seats).expect("terms")
}

/// The customer asks for seats of the version that is held, and the shell says what the move makes of them.
fn asked(held: &Subscription, wanted: i64, when: When) -> Result<Subscription, Refusal> {
    let proration = held.proration;
    let moved = Some(Box::new(MovedTerms { terms: seats(2, "12.00", wanted), proration }));
    let terms = Box::new(Terms { price: held.terms.price.clone(), ..seats(1, "9.90", wanted) });
    let input = Input::Change { terms, proration, when };
    transition_with(held, 9, input, at(NOW), &Known { moved, ..Known::default() }).map(|outcome| applied(outcome).0)
}

/// What the contract has once its period is over.
fn at_its_end(held: &Subscription) -> (u32, u32) {
    let mut held = held.clone();
    while billing::subscription::wake_at(&held).is_some_and(|due| due <= at(END)) {
        held = give(&held, Input::Wake, at(END)).0;
    }
    (held.terms.plan.version, held.terms.quantity)
}

#[test]
fn a_paused_contract_is_moved_when_it_comes_back() {
    let pause = Input::Pause { when: When::Now, resume_at: None, credit: false };
    let paused = give(&held(), pause, at(NOW)).0;
    assert_eq!(moved(&paused, &version(2, "month", "12.00")).at, None);
    let waits = announced(&paused);
    assert!(matches!(waits.state, State::Paused { .. }));
    let (back, invoices) = give(&waits, Input::Resume, at("2027-03-15T00:00:00Z"));
    assert_eq!((back.terms.plan.version, invoices[0].total.minor), (2, 3_600));
    // Within the paid period it goes on with that, and moves at its end.
    let (back, invoices) = give(&waits, Input::Resume, at("2027-02-20T00:00:00Z"));
    assert_eq!((back.terms.plan.version, invoices.len()), (1, 0));
    assert_eq!(at_its_end(&back), (2, 3));
}

#[test]
fn whatever_the_customer_agrees_to_meanwhile_the_move_comes() {
    let held = announced(&held());
    let date = When::At(at("2027-02-20T00:00:00Z"));
    for when in [When::Now, date, When::PeriodEnd] {
        let changed = asked(&held, 4, when).unwrap();
        assert_eq!(at_its_end(&changed), (2, 4), "{when:?}");
        let taken_back = if when == When::Now { changed } else { asked(&changed, 3, When::Now).unwrap() };
        let seats = taken_back.terms.quantity;
        assert_eq!(at_its_end(&taken_back), (2, seats), "{when:?}");
    }
    let cancel = Input::Cancel { when: When::PeriodEnd, reason: None, comment: None };
    let kept = give(&give(&held, cancel, at(NOW)).0, Input::Keep, at(NOW)).0;
    assert_eq!(kept, held);
    assert_eq!(asked(&held, 3, When::Now).unwrap_err(), Refusal::NothingToChange);
    // Another plan is another matter.
    let business = Box::new(terms("business", "month", "24", 3));
    let chosen = Input::Change { terms: business, proration: held.proration, when: When::Now };
    assert_eq!(give(&held, chosen, at(NOW)).0.scheduled.moved, None);
}

#[test]
fn a_move_that_did_not_come_yet_gives_way_to_the_next_version() {
    let held = announced(&held());
    assert!(matches!(decided(&held, &version(2, "month", "12.00")), Verdict::Stays(Stay::Announced(_))));
    let next = moved(&held, &version(3, "month", "11.00")).input();
    assert_eq!(at_its_end(&give(&held, next, at(NOW)).0), (3, 3));
}

#[test]
fn a_day_that_passed_or_comes_after_the_end_is_refused_whatever_is_asked_for() {
    let held = held();
    let gold = Box::new(terms("gold", "month", "20", 1));
    let change = |terms, when| Input::Change { terms, proration: held.proration, when: When::At(at(when)) };
    let agreed = give(&held, change(gold.clone(), "2027-02-20T00:00:00Z"), at(NOW)).0;
    // What is in force already, for a day that passed: it took back what was agreed.
    let past = change(Box::new(held.terms.clone()), "2027-02-01T00:00:00Z");
    assert_eq!(transition(&agreed, 9, past, at(NOW)).unwrap_err().field(), Some("when"));
    let cancel = Input::Cancel { when: When::PeriodEnd, reason: None, comment: None };
    let ends = give(&held, cancel, at(NOW)).0;
    for day in [END, "2027-03-10T00:00:00Z"] {
        let refusal = transition(&ends, 9, change(gold.clone(), day), at(NOW)).unwrap_err();
        assert_eq!((refusal.code(), refusal.field()), ("date_out_of_range", Some("when")), "{day}");
    }
    assert!(transition(&ends, 9, change(gold, "2027-02-20T00:00:00Z"), at(NOW)).is_ok());
}
