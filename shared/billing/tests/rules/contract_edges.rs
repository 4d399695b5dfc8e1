//! Contracts at the turning points of their rules: two things on one day, a day that passed in a pause, an end far ahead, a
//! run-rate that stays as it is.
//!
//! Exists beside the properties of `contracts.rs` because those say what must hold everywhere; these say what happens there.

use billing::{
    calendar::{Instant, alignment::FirstAnchor},
    discount::Coupon,
    fact::{EventType, Happening},
    ids::{Cause, InvoiceId},
    invoice::{Claim, GatheringTime, LineKind},
    proration::TerminationCredit,
    subscription::{
        Collection, Effect, Input, Known, MovedTerms, Order, Outcome, State, Subscription, When, follow, open,
        transition_with, wake_at,
    },
    tax::Taxes,
    terms::Terms,
};
use chrono_tz::Tz;

use crate::{
    adjusted::{applied as adjusted, coupon, opened},
    items::bought,
    paid_trials::one_dollar,
    sample::{active, applied, at, day, give, method, order, terms, usd, wall},
    stubs::aligned,
};

fn team() -> Subscription {
    active(terms("team", "month", "31", 1), day("2027-01-01"))
}

fn change(held: &Subscription, to: Terms, when: When) -> Input {
    Input::Change { terms: Box::new(to), proration: held.proration, when }
}

fn cancel(when: When) -> Input {
    Input::Cancel { when, reason: None, comment: None }
}

/// The contract after `input`, and what was told of it.
fn told(held: &Subscription, input: Input, now: Instant) -> (Subscription, Vec<Happening>) {
    let outcome = transition_with(held, 7, input, now, &Known::default()).expect("allowed");
    let (next, _, facts) = adjusted(outcome);
    (next, facts)
}

/// Event, run-rate and reason of what was told.
fn in_short(facts: &[Happening]) -> Vec<(EventType, i64, Option<&str>)> {
    facts.iter().map(|fact| (fact.event_type, fact.mrr12_minor, fact.reason.as_deref())).collect()
}

/// Lets everything happen that is due by `now`.
fn awake(held: &Subscription, now: Instant) -> Subscription {
    let mut held = held.clone();
    while wake_at(&held).is_some_and(|due| due <= now) {
        held = give(&held, Input::Wake, now).0;
    }
    held
}

/// Version `version` of the plan, with so many seats.
fn version(version: u32, amount: &str, seats: i64) -> Terms {
    let mut terms = terms("team", "month", amount, seats);
    terms.plan.version = version;
    terms
}

const NOW: &str = "2027-01-05";

/// A contract of January whose move to version 2 is announced for 1 February.
fn announced() -> Subscription {
    let held = active(version(1, "10", 3), day("2027-01-01"));
    let input = Input::Move { terms: Box::new(version(2, "12", 3)), proration: held.proration };
    give(&held, input, day(NOW)).0
}

/// The customer asks for seats of the version that is held; the move makes the same seats of version 2 of them.
fn seats(held: &Subscription, seats: i64, when: When) -> Subscription {
    let moved = Some(Box::new(MovedTerms { terms: version(2, "12", seats), proration: held.proration }));
    let input = change(held, version(1, "10", seats), when);
    let outcome = transition_with(held, 9, input, day(NOW), &Known { moved, ..Known::default() });
    applied(outcome.expect("allowed")).0
}

fn has(held: &Subscription) -> (u32, u32) {
    (held.terms.plan.version, held.terms.quantity)
}

#[test]
fn up_to_an_announced_move_a_change_is_one_of_the_version_that_is_held() {
    let held = announced();
    let before = seats(&held, 4, When::At(day("2027-01-20")));
    let agreed = |held: &Subscription| held.scheduled.change.as_ref().map(|(_, to)| to.plan.version);
    assert_eq!(agreed(&before), Some(1));
    assert_eq!(has(&awake(&before, day("2027-01-20"))), (1, 4));
    assert_eq!(has(&awake(&before, day("2027-02-01"))), (2, 4));
    // From its day on it is a change of what the move made.
    for when in [When::PeriodEnd, When::At(day("2027-02-10"))] {
        assert_eq!(agreed(&seats(&held, 4, when)), Some(2), "{when:?}");
    }
    assert_eq!(has(&awake(&seats(&held, 4, When::At(day("2027-02-10"))), day("2027-02-01"))), (2, 3));
}

#[test]
fn a_change_and_a_move_of_one_day_are_one_change() {
    let both = seats(&announced(), 4, When::PeriodEnd);
    let (next, facts) = told(&both, Input::Wake, day("2027-02-01"));
    assert_eq!(in_short(&facts), [(EventType::Upgrade, 57_600, None)]);
    assert_eq!((has(&next), next.scheduled.moved), ((2, 4), None));
}

#[test]
fn a_moved_anchor_between_a_change_and_a_move_loses_neither() {
    let agreed = seats(&announced(), 4, When::At(day("2027-01-20")));
    let tenth = r#"{"to": {"day-of-month": {"day": 10}}, "first": "next"}"#;
    let realign = Input::Realign { alignment: aligned(tenth).expect("an alignment"), when: When::Now };
    let (moved, _) = give(&agreed, realign, day("2027-01-15"));
    let end = moved.period.expect("a period").end;
    assert_eq!(end, day("2027-02-10"));
    assert_eq!(has(&awake(&moved, day("2027-01-20"))), (1, 4));
    assert_eq!(has(&awake(&moved, day("2027-02-01"))), (1, 4));
    assert_eq!(has(&awake(&moved, end)), (2, 4));
}

#[test]
fn the_terms_of_a_day_are_those_that_were_agreed_for_it_though_no_worker_came_by() {
    let version_at = |held: &Subscription, when: &str| {
        let terms = held.terms_at(day(when));
        (terms.plan.version, terms.quantity)
    };
    let held = announced();
    assert_eq!([version_at(&held, "2027-01-31"), version_at(&held, "2027-02-01")], [(1, 3), (2, 3)]);
    let both = seats(&held, 4, When::At(day("2027-01-20")));
    let days = ["2027-01-19", "2027-01-20", "2027-01-31", "2027-02-01"];
    assert_eq!(days.map(|when| version_at(&both, when)), [(1, 3), (1, 4), (1, 4), (2, 4)]);
    // The other way round: the move, then the change of what it made.
    let later = seats(&held, 4, When::At(day("2027-02-10")));
    let days = ["2027-01-31", "2027-02-01", "2027-02-10"];
    assert_eq!(days.map(|when| version_at(&later, when)), [(1, 3), (2, 3), (2, 4)]);
    // A contract that rests has what it had, whatever day comes.
    let (rests, _) = give(&both, pause(When::Now, None, false), day("2027-01-10"));
    assert_eq!(["2027-01-20", "2027-02-01"].map(|when| version_at(&rests, when)), [(1, 3), (1, 3)]);
}

#[test]
fn an_end_far_ahead_cuts_the_period_that_it_lies_in_and_no_other() {
    let held = team();
    let ends = |when: &str| give(&held, cancel(When::At(day(when))), day(NOW)).0;
    let second = |held: &Subscription| {
        let (next, invoices) = give(held, Input::Wake, day("2027-02-01"));
        (next.period.expect("a period").end, next.stub.is_some(), invoices[0].total.minor)
    };
    let table = [
        ("2027-02-15", day("2027-02-15"), true, 1_550),
        // At its end, or in the one after it.
        ("2027-03-01", day("2027-03-01"), false, 3_100),
        ("2027-03-10", day("2027-03-01"), false, 3_100),
    ];
    for (when, end, is_stub, minor) in table {
        assert_eq!(second(&ends(when)), (end, is_stub, minor), "{when}");
    }
}

#[test]
fn a_pause_that_would_end_with_the_longer_period_is_no_pause() {
    let held = team();
    let after = |resume: &str| {
        let (agreed, _) = give(&held, pause(When::PeriodEnd, Some(day(resume)), false), day(NOW));
        let year = change(&held, terms("team", "year", "310", 1), When::Now);
        give(&agreed, year, day("2027-01-11")).0.scheduled.pause
    };
    assert_eq!([after("2027-06-01"), after("2028-01-11")], [None, None]);
    assert_eq!(after("2028-01-12"), Some((day("2028-01-11"), Some(day("2028-01-12")))));
}

#[test]
fn a_change_that_moves_no_run_rate_is_no_downgrade_and_one_of_plan_and_add_ons_is_not_of_an_add_on() {
    let held = team();
    let same = change(&held, terms("gold", "month", "31", 1), When::Now);
    assert_eq!(in_short(&told(&held, same, day(NOW)).1), [(EventType::Upgrade, 37_200, None)]);
    let less = change(&held, terms("gold", "month", "30.99", 1), When::Now);
    let (_, facts) = told(&held, less, day(NOW));
    assert_eq!(in_short(&facts).last(), Some(&(EventType::Downgrade, 37_188, None)), "after the credit that is kept");
    // What is free stays without a signup.
    let free = active(terms("free", "month", "0", 1), day("2027-01-01"));
    let (next, facts) = told(&free, change(&free, terms("hobby", "month", "0", 1), When::Now), day(NOW));
    assert_eq!((in_short(&facts), next.started_at), (vec![(EventType::Upgrade, 0, None)], None));
    let held = active(bought("month", 1, &[]), day("2027-01-01"));
    let more = |to: Terms| told(&held, change(&held, to, When::Now), day(NOW)).1;
    assert_eq!(in_short(&more(bought("month", 1, &[("sso", 1)]))), [(EventType::Upgrade, 20_400, Some("add_on"))]);
    assert_eq!(in_short(&more(bought("month", 2, &[("sso", 1)]))), [(EventType::Upgrade, 32_400, None)]);
    assert_eq!(in_short(&more(bought("month", 2, &[]))), [(EventType::Upgrade, 24_000, None)]);
}

#[test]
fn run_rate_that_a_discount_takes_to_nothing_is_lost_and_comes_back_with_its_end() {
    let ten = || terms("team", "month", "10", 1);
    let all = |duration: &str| coupon(100, duration);
    // Free at first by a discount of two periods: the contract begins to earn when that ends.
    let (mut held, _, facts) = opened(ten(), vec![all(r#"{"is":"repeating","periods":2}"#)], &Taxes::default());
    let mut seen = facts;
    for _ in 0..3 {
        let (next, facts) = told(&held, Input::Wake, held.period.expect("a period").end);
        seen.extend(facts);
        held = next;
    }
    assert_eq!(in_short(&seen), [(EventType::Signup, 12_000, None)]);
    assert_eq!(held.started_at, Some(seen[0].occurred_at));
    // A discount that comes later takes it away, and its end gives it back.
    let (held, _) =
        give(&held, Input::ApplyCoupon { coupon: Box::new(all(r#"{"is":"forever"}"#)) }, seen[0].occurred_at);
    let (held, facts) = told(&held, Input::Wake, held.period.expect("a period").end);
    assert_eq!(in_short(&facts), [(EventType::Cancel, 0, Some("discount"))]);
    let (held, _) = give(&held, Input::RemoveCoupon { coupon: "spring".into() }, facts[0].occurred_at);
    let (_, facts) = told(&held, Input::Wake, held.period.expect("a period").end);
    assert_eq!(in_short(&facts), [(EventType::Reactivation, 12_000, Some("discount_end"))]);
}

#[test]
fn credit_is_told_without_its_tax_and_a_tax_of_nothing_is_not_told() {
    let credit = |tax_minor| {
        let input = Input::Credit { amount: usd(1_190), tax_minor, reason: "late", at: day(NOW) };
        let (next, facts) = told(&team(), input, day(NOW));
        (next.credit_minor, facts[0].amount_minor, facts[0].tax_minor)
    };
    assert_eq!([credit(190), credit(0)], [(1_190, 1_000, Some(190)), (1_190, 1_190, None)]);
    // What is used of it, below zero.
    let mut held = team();
    held.credit_minor = 1_190;
    let invoice = InvoiceId::derive(&held.id, Cause::Period(1), 0);
    let (next, facts) = told(&held, Input::PayInvoice { invoice, amount: usd(595), tax_minor: 95 }, day(NOW));
    assert_eq!((next.credit_minor, facts[0].amount_minor, facts[0].tax_minor), (595, -500, Some(-95)));
}

#[test]
fn who_follows_a_contract_that_is_not_billed_every_month_is_in_step_with_it() {
    let first = |leader: &str, follower: &str| {
        let leader = active(terms("team", leader, "10", 1), day("2027-01-31"));
        let interval = follower.parse().expect("an interval");
        follow(&leader, day("2027-02-15"), interval, Tz::UTC).expect("a common day").first
    };
    assert_eq!(first("month", "year"), FirstAnchor::Next);
    assert_eq!(first("quarter", "year"), FirstAnchor::InStep);
    assert_eq!(first("day", "day"), FirstAnchor::InStep);
}

#[test]
fn periods_are_cut_from_where_the_first_one_began_also_in_the_hour_that_comes_twice() {
    let held = team();
    let starts = |held: &Subscription| held.running_schedule().expect("a schedule").start();
    assert_eq!(starts(&held), day("2027-01-01"));
    assert_eq!(starts(&awake(&held, day("2027-03-01"))), day("2027-01-01"));
    // 2:30 in Berlin for the second time; the anchor alone knows the local time, and means the first.
    let twice = at("2027-10-31T01:30:00Z");
    let order = Order { zone: Tz::Europe__Berlin, ..order(terms("team", "month", "31", 1)) };
    let Ok(Outcome::Applied { next, .. }) = open(order, twice) else { unreachable!("it opens") };
    assert_eq!(starts(&next), twice);
}

#[test]
fn a_set_up_fee_of_nothing_is_no_line() {
    let mut to = terms("team", "month", "31", 1);
    to.price.setup_fee = Some(rust_decimal::Decimal::ZERO);
    let (_, invoices) = applied(open(order(to), day("2027-01-01")).expect("an order"));
    assert_eq!(invoices[0].lines.iter().map(|line| line.kind).collect::<Vec<_>>(), [LineKind::Recurring]);
}

fn pause(when: When, resume_at: Option<Instant>, credit: bool) -> Input {
    Input::Pause { when, resume_at, credit }
}

#[test]
fn what_was_agreed_and_announced_for_days_of_a_pause_holds_when_it_is_over() {
    let back = |agreed: &Subscription, resumed: &str| {
        let (rests, _) = give(agreed, pause(When::Now, None, false), day("2027-01-10"));
        let (back, invoices) = give(&rests, Input::Resume, day(resumed));
        let lines: Vec<_> = invoices.iter().map(|invoice| invoice.total.minor).collect();
        (has(&back), back.scheduled.moved.is_some(), lines)
    };
    let announced = announced();
    // A change before the move, and the move: what the move made of the change.
    let before = seats(&announced, 4, When::At(day("2027-01-20")));
    assert_eq!(back(&before, "2027-02-10"), ((2, 4), false, vec![4_800]));
    // A change after the move, agreed on as one of the new version.
    let after = seats(&announced, 4, When::At(day("2027-02-10")));
    assert_eq!(back(&after, "2027-02-20"), ((2, 4), false, vec![4_800]));
    assert_eq!(back(&announced, "2027-02-10"), ((2, 3), false, vec![3_600]));
    // Neither is due before the paid period is over; a change whose day passed divides what is left of it.
    assert_eq!(back(&announced, "2027-01-20"), ((1, 3), true, vec![]));
    let (rests, _) = give(&before, pause(When::Now, None, false), day("2027-01-10"));
    let due = |resumed: &str| give(&rests, Input::Resume, day(resumed)).0.scheduled.change.map(|(from, _)| from);
    assert_eq!(["2027-01-15", "2027-01-25"].map(due), [Some(day("2027-01-20")), Some(day("2027-01-25"))]);
    // What was given back ends the period: what was agreed for its end waits for the next one only.
    let of_next = |held: &Subscription| {
        let mut fair = held.clone();
        fair.proration.termination = TerminationCredit::Unused;
        let (rests, _) = give(&fair, pause(When::Now, None, true), day("2027-01-10"));
        give(&rests, Input::Resume, day("2027-01-15")).0
    };
    assert_eq!(has(&of_next(&announced)), (2, 3));
    let five = change(&team(), terms("team", "month", "31", 5), When::PeriodEnd);
    assert_eq!(has(&of_next(&give(&team(), five, day(NOW)).0)), (1, 5));
}

#[test]
fn a_version_that_the_customer_chooses_is_not_moved_to_once_more() {
    let held = announced();
    let (chosen, _) = give(&held, change(&held, version(2, "12", 5), When::Now), day(NOW));
    assert_eq!((has(&chosen), chosen.scheduled.moved), ((2, 5), None));
    let refused = transition_with(&held, 7, change(&held, version(1, "10", 5), When::Now), day(NOW), &Known::default());
    assert_eq!(refused.expect_err("nobody said what the move makes of it").code(), "not_found");
}

#[test]
fn a_pause_that_is_agreed_already_is_nothing_new_and_with_credit_it_is_another() {
    let mut held = team();
    held.proration.termination = TerminationCredit::Unused;
    let on = When::At(day("2027-01-16"));
    let ask = |held: &Subscription, resume_at, credit| {
        let asked = transition_with(held, 8, pause(on, resume_at, credit), day(NOW), &Known::default());
        match asked.expect("allowed") {
            Outcome::Applied { next, .. } => Some(*next),
            Outcome::AlreadyApplied => None,
        }
    };
    let agreed = ask(&held, None, false).expect("something new");
    assert_eq!(ask(&agreed, None, false), None);
    assert!(ask(&agreed, Some(day("2027-02-16")), false).is_some());
    let with_credit = ask(&agreed, None, true).expect("something new");
    assert_eq!(ask(&with_credit, None, true), None);
    let credit = |held: &Subscription| awake(held, day("2027-01-16")).credit_minor;
    assert_eq!([credit(&agreed), credit(&with_credit)], [0, 1_600]);
}

#[test]
fn a_start_that_was_put_back_is_not_moved_by_the_payment_and_another_start_is_the_payment() {
    let (agreed, paid) = (at("2027-01-05T10:00:00Z"), at("2027-01-05T10:07:00Z"));
    let signed_up = |starts_at, tax_minor| {
        let order = Order { starts_at, collection: Collection::Automatic, ..order(terms("team", "month", "31", 1)) };
        let held = applied(open(order, agreed).expect("an order")).0;
        let claim = Claim {
            attempt: 1,
            key: billing::invoice::key(&InvoiceId::derive(&held.id, Cause::Period(1), 0), 1),
            amount: usd(3_100),
            method: method(),
            at: agreed,
            sent_at: wall("2027-01-05T10:00:00Z"),
            deadline: wall("2027-01-05T10:01:00Z"),
        };
        let input = Input::OpeningPaid { amount: usd(3_100), tax_minor, claim: Some(Box::new(claim)), at: paid };
        let (next, facts) = told(&held, input, paid);
        assert_eq!((in_short(&facts), facts[0].attempt), (vec![(EventType::Signup, 37_200, None)], Some(1)));
        (next.started_at, facts[0].occurred_at, facts[0].amount_minor, facts[0].tax_minor)
    };
    assert_eq!(signed_up(None, 0), (Some(paid), paid, 3_100, None));
    assert_eq!(signed_up(Some(agreed), 495), (Some(paid), paid, 2_605, Some(495)));
    let start = day("2027-01-02");
    assert_eq!(signed_up(Some(start), 0), (Some(start), start, 3_100, None));
}

#[test]
fn what_ended_in_its_trial_and_is_free_comes_back_without_a_signup() {
    let back = |amount: &str| {
        let order = Order { trial_days: 14, ..order(terms("team", "month", amount, 1)) };
        let held = applied(open(order, day("2027-01-01")).expect("an order")).0;
        let (ended, _) = give(&held, cancel(When::Now), day(NOW));
        let input = Input::Reactivate { debt_minor: 0, debts: Vec::new() };
        let (next, facts) = told(&ended, input, day("2027-01-10"));
        (next.started_at, facts.iter().map(|fact| fact.event_type).collect::<Vec<_>>())
    };
    assert_eq!(back("0"), (None, vec![]));
    assert_eq!(back("31"), (Some(day("2027-01-10")), vec![EventType::Signup]));
}

#[test]
fn a_trial_begins_with_its_price_unless_its_start_was_put_back() {
    let began = |starts_at, paid: Instant| {
        let mut order = Order { trial_days: 14, starts_at, ..order(terms("team", "month", "31", 1)) };
        (order.collection, order.trial.prices) = (Collection::Automatic, one_dollar());
        let held = applied(open(order, day("2027-01-05")).expect("an order")).0;
        let input = Input::OpeningPaid { amount: usd(100), tax_minor: 0, claim: None, at: paid };
        let (next, facts) = told(&held, input, paid);
        (facts[0].event_type, facts[0].occurred_at, next.state)
    };
    let trial = |began: Instant, ends: &str| {
        (EventType::TrialStarted, began, State::Trialing { ends_at: day(ends), price: Some(usd(100)) })
    };
    let paid = at("2027-01-05T09:00:00Z");
    assert_eq!(began(None, paid), trial(paid, "2027-01-19"));
    assert_eq!(began(Some(day("2027-01-02")), paid), trial(day("2027-01-02"), "2027-01-16"));
    assert_eq!(began(None, day("2027-01-20")), trial(day("2027-01-19"), "2027-01-19"), "never after its end");
}

#[test]
fn what_somebody_asked_for_waits_for_no_other_contract() {
    let gathers = |held: &Subscription, input: Input, now: &str| {
        let Ok(Outcome::Applied { effects, .. }) = transition_with(held, 7, input, day(now), &Known::default()) else {
            unreachable!("it is decided")
        };
        let waits = effects.iter().map(|effect| match effect {
            Effect::Issue(invoice) => invoice.gathers_until.is_some(),
            _ => false,
        });
        waits.collect::<Vec<_>>()
    };
    let order = Order { gathering: Some(GatheringTime::default()), ..order(terms("team", "month", "31", 1)) };
    let held = applied(open(order, day("2027-01-01")).expect("an order")).0;
    assert_eq!(gathers(&held, Input::Wake, "2027-02-01"), [true], "a renewal waits");
    let gold = |when| change(&held, terms("gold", "month", "62", 1), when);
    assert_eq!(gathers(&held, gold(When::Now), NOW), [false]);
    let (agreed, _) = give(&held, gold(When::At(day("2027-01-16"))), day(NOW));
    assert_eq!(gathers(&agreed, Input::Wake, "2027-01-16"), [false], "asked for a date, it is asked for");
    // A new period that somebody asked for, and one that comes by itself.
    let (ended, _) = give(&held, cancel(When::Now), day(NOW));
    assert_eq!(gathers(&ended, Input::Reactivate { debt_minor: 0, debts: Vec::new() }, "2027-01-10"), [false]);
    let (rests, _) = give(&held, pause(When::Now, Some(day("2027-02-10")), false), day(NOW));
    assert_eq!(gathers(&rests, Input::Wake, "2027-02-10"), [true]);
    assert_eq!(gathers(&rests, Input::Resume, "2027-02-05"), [false]);
}

#[test]
fn a_discount_that_comes_lowers_run_rate_and_the_list_is_told_where_it_is_another() {
    let told_of = |percent, duration: &str| {
        let coupon = Box::new(coupon(percent, duration));
        let (held, _) = give(&team(), Input::ApplyCoupon { coupon }, day(NOW));
        told(&held, Input::Wake, day("2027-02-01")).1
    };
    let facts = told_of(25, r#"{"is":"forever"}"#);
    assert_eq!(in_short(&facts), [(EventType::Downgrade, 27_900, Some("discount_start"))]);
    assert_eq!(facts[0].list12_minor, Some(37_200));
    // To nothing it is lost, and what is not counted moves nothing.
    assert_eq!(told_of(100, r#"{"is":"forever"}"#)[0].list12_minor, None);
    assert_eq!(told_of(25, r#"{"is":"once"}"#), []);
    let once = coupon(25, r#"{"is":"once"}"#);
    let (_, _, facts) = opened(terms("team", "month", "31", 1), vec![once], &Taxes::default());
    assert_eq!((facts[0].list12_minor, facts[0].coupon.as_deref()), (None, Some("spring")));
}

#[test]
fn an_anchor_that_the_contract_has_already_is_refused_and_one_that_was_agreed_is_taken_back() {
    let on = |day: u32| {
        let json = format!(r#"{{"to": {{"day-of-month": {{"day": {day}}}}}, "first": "next"}}"#);
        aligned(&json).expect("an alignment")
    };
    let realign = |day, when| Input::Realign { alignment: on(day), when };
    let order = Order { alignment: Some(on(10)), ..order(terms("team", "month", "31", 1)) };
    let held = applied(open(order, day("2027-01-01")).expect("an order")).0;
    for when in [When::Now, When::PeriodEnd] {
        let refused = transition_with(&held, 7, realign(10, when), day(NOW), &Known::default());
        assert!(refused.expect_err("it has it").to_string().contains("has this anchor already"), "{when:?}");
    }
    let (agreed, _) = give(&held, realign(20, When::PeriodEnd), day(NOW));
    let again = transition_with(&agreed, 7, realign(20, When::PeriodEnd), day(NOW), &Known::default());
    assert!(again.expect_err("it is agreed").to_string().contains("from its next period on already"));
    let (taken_back, _) = give(&agreed, realign(10, When::PeriodEnd), day(NOW));
    assert_eq!(taken_back, held);
}

#[test]
fn another_coupon_is_held_beside_the_first_and_the_same_one_is_not_held_twice() {
    let apply = |coupon: &Coupon| Input::ApplyCoupon { coupon: Box::new(coupon.clone()) };
    let spring = coupon(10, r#"{"is":"forever"}"#);
    let autumn = Coupon { id: "autumn".into(), ..spring.clone() };
    let (one, _) = give(&team(), apply(&spring), day(NOW));
    let (both, _) = give(&one, apply(&autumn), day(NOW));
    let ids = |held: &Subscription| held.discounts.iter().map(|held| held.coupon.id.clone()).collect::<Vec<_>>();
    assert_eq!([ids(&one), ids(&both)], [vec!["spring".to_owned()], vec!["spring".into(), "autumn".into()]]);
    let again = transition_with(&both, 7, apply(&spring), day(NOW), &Known::default()).expect("allowed");
    assert_eq!(again, Outcome::AlreadyApplied);
}
