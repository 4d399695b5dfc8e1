//! Days that people choose: one day for several contracts, a moved anchor, a start in the past, a change, an end or a pause on
//! a date.

use billing::{
    fact::EventType,
    invoice::{Invoice, LineKind},
    proration::{ProratedSides, ProrationPolicy, TerminationCredit},
    subscription::{Input, Order, Outcome, State, Subscription, When, follow, open, transition, wake_at},
    terms::Terms,
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::{
    sample::{active, applied, day, give, order, terms},
    stubs::{aligned, opened},
};

fn team(price: &str) -> Terms {
    terms("team", "month", price, 1)
}

fn fair() -> ProrationPolicy {
    ProrationPolicy { termination: TerminationCredit::Unused, ..ProrationPolicy::default() }
}

fn amounts(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect()
}

fn realign(json: &str, when: When) -> Input {
    Input::Realign { alignment: aligned(json).expect("an alignment"), when }
}

const FIRST: &str = r#"{"to": {"day-of-month": {"day": 1}}, "first": "next"}"#;

#[test]
fn a_contract_that_follows_another_keeps_a_day_that_the_month_of_its_start_has_not() {
    let last = r#"{"to": {"day-of-month": {"day": 31}}, "first": "next"}"#;
    let (leader, _) = opened(team("10"), last, ProrationPolicy::default(), day("2027-02-10"));
    let with = |interval: &str| {
        let interval = interval.parse().expect("an interval");
        follow(&leader, day("2027-02-15"), interval, Tz::UTC).expect("a common day")
    };
    let ends = |interval| {
        let order = Order { alignment: Some(with(interval)), ..order(terms("fleet", interval, "100", 1)) };
        let mut held = applied(open(order, day("2027-02-15")).expect("an order")).0;
        let mut ends = Vec::new();
        for _ in 0..3 {
            let end = held.period.expect("a period").end;
            ends.push(end.date_naive().to_string());
            held = give(&held, Input::Wake, end).0;
        }
        ends
    };
    assert_eq!(ends("month"), ["2027-02-28", "2027-03-31", "2027-04-30"]);
    assert_eq!(ends("year"), ["2027-02-28", "2028-02-29", "2029-02-28"]);
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let leader = active(team("10"), day("2027-01-31"));
    let ask = |leader: &Subscription, interval: &str, zone| {
        let asked = follow(leader, day("2027-02-15"), interval.parse().expect("an interval"), zone);
        asked.expect_err("it was followed").to_string()
    };
    assert!(ask(&leader, "week", Tz::UTC).starts_with("align_with: periods of month and of week have no common"));
    assert!(ask(&leader, "month", Tz::Asia__Kolkata).contains("align those of one zone"));
    let cancel = Input::Cancel { when: When::Now, reason: None, comment: None };
    let (ended, _) = give(&leader, cancel, day("2027-02-10"));
    assert!(ask(&ended, "month", Tz::UTC).contains("is canceled; choose a contract that runs"));
}

#[test]
fn a_moved_anchor_gives_the_paid_rest_back_and_charges_the_stub() {
    let mut held = active(team("31"), day("2027-01-20"));
    // What a policy says about the sides of a change is about terms: time that is paid is never billed twice.
    held.proration.sides = ProratedSides::Charge;
    let (moved, invoices) = give(&held, realign(FIRST, When::Now), day("2027-02-05"));
    // 5 to 20 February: 15 of 31 days. 5 February to 1 March: 24 of the 28 days of February.
    assert_eq!(amounts(&invoices[0]), [(LineKind::ProrationCredit, -1_500), (LineKind::ProrationCharge, 2_657)]);
    let period = moved.period.expect("a period");
    assert_eq!((period.ordinal, period.start, period.end), (2, day("2027-02-05"), day("2027-03-01")));
    let (next, invoices) = give(&moved, Input::Wake, period.end);
    assert_eq!((next.stub, amounts(&invoices[0])), (None, vec![(LineKind::Recurring, 3_100)]));
}

#[test]
fn an_anchor_moved_at_the_end_of_the_period_divides_nothing_and_is_taken_back_with_keep() {
    let held = active(team("31"), day("2027-01-20"));
    let (agreed, invoices) = give(&held, realign(FIRST, When::PeriodEnd), day("2027-02-05"));
    assert!(invoices.is_empty());
    let (kept, _) = give(&agreed, Input::Keep, day("2027-02-06"));
    assert_eq!(kept, held);
    let (next, invoices) = give(&agreed, Input::Wake, day("2027-02-20"));
    // 20 February to 1 March: 9 of 28 days.
    assert_eq!((next.stub.is_some(), amounts(&invoices[0])), (true, vec![(LineKind::ProrationCharge, 996)]));
}

#[test]
fn what_was_agreed_for_the_end_of_the_period_moves_with_the_anchor() {
    let held = active(team("31"), day("2027-01-20"));
    let gold = Input::Change {
        terms: Box::new(terms("gold", "month", "62", 1)),
        proration: held.proration,
        when: When::PeriodEnd,
    };
    let (agreed, _) = give(&held, gold, day("2027-02-01"));
    let cancel = Input::Cancel { when: When::PeriodEnd, reason: None, comment: None };
    let (agreed, _) = give(&agreed, cancel, day("2027-02-01"));
    let (moved, _) = give(&agreed, realign(FIRST, When::Now), day("2027-02-05"));
    assert_eq!(moved.scheduled.change.map(|(from, _)| from), Some(day("2027-03-01")));
    assert_eq!(moved.scheduled.cancel, Some(day("2027-03-01")));
}

#[test]
fn a_start_in_the_past_owes_a_period_each_as_of_its_own_instant() {
    let now = day("2027-03-20");
    let backdated = |starts_at| open(Order { starts_at: Some(day(starts_at)), ..order(team("10")) }, now);
    let Ok(Outcome::Applied { next, facts, .. }) = backdated("2027-01-15") else { unreachable!("a contract") };
    assert_eq!((facts[0].event_type, facts[0].occurred_at), (EventType::Signup, day("2027-01-15")));
    let (mut held, mut starts) = (*next, vec![day("2027-01-15")]);
    while wake_at(&held).is_some_and(|at| at <= now) {
        let (next, invoices) = give(&held, Input::Wake, now);
        // Nobody is late with what was agreed on afterwards: 14 days count from the agreement.
        assert!(!invoices[0].is_past_due(day("2027-04-02")) && invoices[0].is_past_due(day("2027-04-03")));
        starts.push(invoices[0].issued_at);
        held = next;
    }
    assert_eq!(starts, ["2027-01-15", "2027-02-15", "2027-03-15"].map(day));
    assert!(backdated("2027-03-20").is_ok(), "now is no other day than none");
    assert!(backdated("2026-03-19").is_ok());
    for bad in ["2027-03-21", "2026-03-18"] {
        let refusal = backdated(bad).expect_err("it began");
        assert_eq!((refusal.code(), refusal.field()), ("date_out_of_range", Some("starts_at")));
    }
}

#[test]
fn a_pause_gives_the_rest_back_when_it_is_asked_to_and_the_policy_does() {
    let pause = |credit| Input::Pause { when: When::Now, resume_at: None, credit };
    let held = Subscription { proration: fair(), ..active(team("31"), day("2027-01-01")) };
    let (paused, _) = give(&held, pause(true), day("2027-01-16"));
    assert_eq!(paused.credit_minor, 1_600);
    let (back, invoices) = give(&paused, Input::Resume, day("2027-01-20"));
    assert_eq!(amounts(&invoices[0]), [(LineKind::Recurring, 3_100), (LineKind::CreditUsed, -1_600)]);
    assert_eq!(back.period.map(|p| (p.ordinal, p.start)), Some((2, day("2027-01-20"))));
    let refusal = transition(&active(team("31"), day("2027-01-01")), 7, pause(true), day("2027-01-16"));
    assert!(refusal.expect_err("it gave back").to_string().starts_with("credit: the policy"));
}

#[test]
fn a_date_is_still_to_come() {
    let (held, now) = (active(team("31"), day("2027-01-01")), day("2027-01-11"));
    let refused = |input| transition(&held, 8, input, now).expect_err("it is not to come").field().map(str::to_owned);
    let change = Input::Change { terms: Box::new(team("62")), proration: fair(), when: When::At(now) };
    assert_eq!(refused(change).as_deref(), Some("when"));
    let cancel = Input::Cancel { when: When::At(now), reason: None, comment: None };
    assert_eq!(refused(cancel).as_deref(), Some("when"));
    let pause = Input::Pause { when: When::At(now), resume_at: None, credit: false };
    assert_eq!(refused(pause).as_deref(), Some("when"));
}

#[test]
fn one_decision_that_catches_up_with_several_dates_makes_an_invoice_each() {
    let held = Subscription { proration: fair(), ..active(team("31"), day("2027-01-01")) };
    let give_at = |held: &Subscription, version, input, now| {
        let outcome = transition(held, version, input, now).expect("allowed");
        applied(outcome)
    };
    let change = |price, when| Input::Change { terms: Box::new(team(price)), proration: fair(), when };
    let (agreed, _) = give_at(&held, 8, change("62", When::At(day("2027-01-11"))), day("2027-01-02"));
    let cancel = Input::Cancel { when: When::At(day("2027-01-21")), reason: None, comment: None };
    let (agreed, _) = give_at(&agreed, 9, cancel, day("2027-01-02"));
    let again = Input::Cancel { when: When::Now, reason: None, comment: None };
    let (ended, invoices) = give_at(&agreed, 10, again, day("2027-01-25"));
    let ids: Vec<&str> = invoices.iter().map(|i| i.id.as_str()).collect();
    assert_eq!(ids, ["inv_ana-c8", "inv_ana-c9"]);
    assert!(matches!(ended.state, State::Canceled { at, .. } if at == day("2027-01-21")));
    assert_eq!(ended.credit_minor, 2_200);
}

proptest! {
    /// Asked for a date, or asked on that date: the same contract and the same lines.
    #[test]
    fn a_change_on_a_date_is_the_change_of_that_date(hours in 1_i64..31 * 24, price in 0_i64..9_999, year in any::<bool>()) {
        let held = Subscription { proration: fair(), ..active(team("31"), day("2027-01-01")) };
        let when = day("2027-01-01") + TimeDelta::hours(hours);
        prop_assume!(when < held.period.expect("a period").end);
        let to = terms("gold", if year { "year" } else { "month" }, &format!("{}.{:02}", price / 100, price % 100), 1);
        let change = |when| Input::Change { terms: Box::new(to.clone()), proration: fair(), when };
        let (agreed, none) = give(&held, change(When::At(when)), day("2027-01-01"));
        prop_assert!(none.is_empty());
        let (later, agreed) = give(&agreed, Input::Wake, when + TimeDelta::days(1));
        let (now, asked) = give(&held, change(When::Now), when);
        prop_assert_eq!(later, now);
        prop_assert_eq!(&agreed[0].lines, &asked[0].lines);
    }
}
