//! Stubs in contracts: what the part before the first anchor costs, and what a change or an end within it divides.

use billing::{
    calendar::{Instant, alignment::AlignmentPolicy},
    catalog::Catalog,
    invoice::{Invoice, LineKind, compute, explain},
    proration::{Denominator, FirstPeriod, ProrationPolicy, TerminationCredit},
    subscription::{Input, Order, Subscription, When, open},
    terms::Terms,
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::{
    money::any_policy,
    sample::{applied, at, give, order, terms},
};

pub(crate) fn aligned(json: &str) -> Option<AlignmentPolicy> {
    Some(serde_json::from_str(json).expect("an alignment"))
}

const DAY_15: &str = r#"{"to": {"day-of-month": {"day": 15}}, "first": "next"}"#;
const CALENDAR: &str = r#"{"to": {"calendar": {}}}"#;

pub(crate) fn opened(
    terms: Terms,
    alignment: &str,
    proration: ProrationPolicy,
    now: Instant,
) -> (Subscription, Vec<Invoice>) {
    let order = Order { alignment: aligned(alignment), proration, ..order(terms) };
    applied(open(order, now).expect("an order"))
}

fn team() -> Terms {
    terms("team", "month", "10", 1)
}

fn change(to: Terms, of: &Subscription) -> Input {
    Input::Change { terms: Box::new(to), proration: of.proration, when: When::Now }
}

fn amounts(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect()
}

#[test]
fn the_first_period_is_a_stub_that_says_how_it_came_about() {
    let (held, invoices) = opened(team(), DAY_15, ProrationPolicy::default(), at("2027-01-31T09:00:00Z"));
    let line = &invoices[0].lines[0];
    // 31 January to 15 February: 15 of the 31 days from 15 January on.
    let share = line.why.share.expect("a share");
    assert_eq!((line.amount.minor, share.left, share.whole), (484, 15, 31));
    let text = explain(&invoices[0]).expect("words");
    assert!(text.contains("a stub of 2027-01-15 00:00 UTC to 2027-02-15 00:00 UTC"), "{text}");
    assert!(text.contains("the same lines"), "{text}");
    let (next, invoices) = give(&held, Input::Wake, at("2027-02-15T00:00:00Z"));
    assert_eq!((next.stub, amounts(&invoices[0])), (None, vec![(LineKind::Recurring, 1_000)]));
}

#[test]
fn days_that_a_month_has_not_are_not_lost_and_leap_days_come_back() {
    let start = at("2027-12-10T00:00:00Z");
    let (mut held, _) =
        opened(team(), r#"{"to": {"day-of-month": {"day": 31}}, "first": "next"}"#, ProrationPolicy::default(), start);
    let mut ends = Vec::new();
    for _ in 0..4 {
        let end = held.period.expect("a period").end;
        ends.push(end.date_naive().to_string());
        held = give(&held, Input::Wake, end).0;
    }
    assert_eq!(ends, ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]);
    assert_eq!(held.period.expect("a period").ordinal, 5);
}

#[test]
fn a_start_on_the_anchor_has_no_stub() {
    let (held, invoices) = opened(team(), CALENDAR, ProrationPolicy::default(), at("2027-02-01T15:00:00Z"));
    assert_eq!((held.stub, amounts(&invoices[0])), (None, vec![(LineKind::Recurring, 1_000)]));
}

#[test]
fn the_policy_says_what_the_first_period_costs() {
    let of = |policy: ProrationPolicy| {
        let (_, invoices) = opened(team(), CALENDAR, policy, at("2027-02-15T00:00:00Z"));
        invoices[0].total.minor
    };
    let base = ProrationPolicy::default();
    assert_eq!(of(base), 500);
    assert_eq!(of(ProrationPolicy { first_period: FirstPeriod::Full, ..base }), 1_000);
    assert_eq!(of(ProrationPolicy { leading: Denominator::Nominal, ..base }), 467);
}

#[test]
fn a_full_first_period_is_the_first_one_only() {
    let full = ProrationPolicy { first_period: FirstPeriod::Full, ..ProrationPolicy::default() };
    let (held, _) = opened(team(), CALENDAR, full, at("2027-02-15T00:00:00Z"));
    let pause = Input::Pause { when: When::Now, resume_at: None, credit: false };
    let (held, _) = give(&held, pause, at("2027-02-20T00:00:00Z"));
    let (held, invoices) = give(&held, Input::Resume, at("2027-04-16T00:00:00Z"));
    assert_eq!((held.stub.is_some(), invoices[0].total.minor), (true, 500));
}

#[test]
fn a_change_within_a_stub_divides_what_the_stub_was_charged() {
    let (held, _) = opened(team(), CALENDAR, ProrationPolicy::default(), at("2027-02-15T00:00:00Z"));
    let (next, invoices) = give(&held, change(terms("business", "month", "25", 1), &held), at("2027-02-22T00:00:00Z"));
    // Half of 5.00 back, half of 12.50 charged.
    assert_eq!(amounts(&invoices[0]), [(LineKind::ProrationCredit, -250), (LineKind::ProrationCharge, 625)]);
    assert_eq!(next.period, held.period);
}

#[test]
fn what_a_stub_was_charged_is_divided_by_its_own_days_whatever_a_whole_period_is_divided_by() {
    use billing::proration::Profile;
    let (s, b) = (terms("s", "month", "33.33", 3), terms("b", "month", "77.77", 3));
    let start = at("2027-02-10T00:00:00Z");
    for (profile, stub, other) in [(Profile::Recurly, 6_333, 14_776), (Profile::Meteroid, 6_785, 15_832)] {
        let (held, invoices) = opened(s.clone(), CALENDAR, profile.policy(), start);
        assert_eq!(invoices[0].total.minor, stub, "{profile}");
        let (_, invoices) = give(&held, change(b.clone(), &held), start);
        let lines = [(LineKind::ProrationCredit, -stub), (LineKind::ProrationCharge, other)];
        assert_eq!(amounts(&invoices[0])[..2], lines, "{profile}");
        // What was issued by version 2 is computed again as it was.
        let earlier = compute(2, &invoices[0].basis).expect("lines");
        assert!(earlier[0].amount.minor > -stub && earlier[1].amount.minor < other, "{earlier:?}");
    }
}

#[test]
fn a_period_that_begins_with_its_end_known_costs_its_part() {
    use billing::proration::Profile;
    let plan = || terms("s", "month", "33.33", 3);
    for profile in [Profile::Default, Profile::Killbill, Profile::Recurly, Profile::StripeClassic] {
        let order = Order { proration: profile.policy(), ..order(plan()) };
        let (held, _) = applied(open(order, at("2027-03-05T00:00:00Z")).expect("an order"));
        let cancel = Input::Cancel { when: When::At(at("2027-04-15T00:00:00Z")), reason: None, comment: None };
        let (held, _) = give(&held, cancel, at("2027-03-10T00:00:00Z"));
        let (held, invoices) = give(&held, Input::Wake, at("2027-04-05T00:00:00Z"));
        // 5 to 15 April: ten of the thirty days up to 5 May.
        assert_eq!(amounts(&invoices[0]), [(LineKind::ProrationCharge, 3_333)], "{profile}");
        assert_eq!(held.period.expect("a period").end, at("2027-04-15T00:00:00Z"));
        let told = explain(&invoices[0]).expect("words");
        assert!(told.contains("a stub up to the end of the contract, of 2027-04-05 00:00 UTC to 2027-05-05"), "{told}");
        let (ended, invoices) = give(&held, Input::Wake, at("2027-04-15T00:00:00Z"));
        assert_eq!((ended.state.name(), invoices.len(), ended.credit_minor), ("canceled", 0, 0), "{profile}");
    }
}

#[test]
fn an_end_that_is_taken_back_lets_the_rest_of_the_period_follow_on_the_same_cut() {
    let start = at("2027-01-31T00:00:00Z");
    let (held, _) = applied(open(order(terms("s", "month", "30", 1)), start).expect("an order"));
    let cancel = |held: &Subscription, day: &str, now: &str| {
        let when = When::At(at(&format!("{day}T00:00:00Z")));
        give(held, Input::Cancel { when, reason: None, comment: None }, at(now)).0
    };
    let held = cancel(&held, "2027-03-10", "2027-02-10T00:00:00Z");
    let (held, invoices) = give(&held, Input::Wake, at("2027-02-28T00:00:00Z"));
    // Ten of 31 days, then another day is agreed: five more.
    assert_eq!(invoices[0].total.minor, 968);
    let held = cancel(&held, "2027-03-15", "2027-03-05T00:00:00Z");
    let (held, invoices) = give(&held, Input::Wake, at("2027-03-10T00:00:00Z"));
    assert_eq!(invoices[0].total.minor, 484);
    let (held, _) = give(&held, Input::Keep, at("2027-03-12T00:00:00Z"));
    let (held, invoices) = give(&held, Input::Wake, at("2027-03-15T00:00:00Z"));
    assert_eq!(invoices[0].total.minor, 1_548);
    let mut ends = vec![held.period.expect("a period").end];
    let mut held = held;
    for _ in 0..2 {
        let (next, invoices) = give(&held, Input::Wake, ends[ends.len() - 1]);
        assert_eq!((next.stub.clone(), invoices[0].total.minor), (None, 3_000));
        ends.push(next.period.expect("a period").end);
        held = next;
    }
    let days: Vec<_> = ends.iter().map(|end| end.date_naive().to_string()).collect();
    assert_eq!(days, ["2027-03-31", "2027-04-30", "2027-05-31"]);
}

#[test]
fn an_end_within_a_stub_gives_back_a_part_of_what_was_charged() {
    for (first_period, back) in [(FirstPeriod::Prorated, 250), (FirstPeriod::Full, 500)] {
        let policy =
            ProrationPolicy { termination: TerminationCredit::Unused, first_period, ..ProrationPolicy::default() };
        let (held, _) = opened(team(), CALENDAR, policy, at("2027-02-15T00:00:00Z"));
        let cancel = Input::Cancel { when: When::Now, reason: None, comment: None };
        let (ended, _) = give(&held, cancel, at("2027-02-22T00:00:00Z"));
        assert_eq!(ended.credit_minor, back, "{first_period:?}");
    }
}

#[test]
fn another_interval_begins_with_a_stub_up_to_the_alignment() {
    let (held, _) = opened(team(), CALENDAR, ProrationPolicy::default(), at("2027-02-01T00:00:00Z"));
    let (next, invoices) = give(&held, change(terms("team", "year", "100", 1), &held), at("2027-02-15T00:00:00Z"));
    // 15 February to 1 January: 320 of 365 days.
    assert_eq!(amounts(&invoices[0]), [(LineKind::ProrationCredit, -500), (LineKind::ProrationCharge, 8_767)]);
    assert_eq!(next.period.map(|p| (p.ordinal, p.end)), Some((2, at("2028-01-01T00:00:00Z"))));
    // Calendar weeks begin on Monday.
    let (weekly, _) = give(&next, change(terms("team", "week", "3", 1), &next), at("2027-03-03T12:00:00Z"));
    assert_eq!(weekly.period.map(|p| p.end), Some(at("2027-03-08T00:00:00Z")));
}

#[test]
fn an_alignment_that_does_not_fit_the_interval_is_refused() {
    let wanted = |json, interval| {
        let order = Order { alignment: aligned(json), ..order(terms("team", interval, "10", 1)) };
        open(order, at("2027-02-15T00:00:00Z")).expect_err("it was accepted").to_string()
    };
    assert!(wanted(DAY_15, "week").starts_with("billing_anchor: a day of the month cannot align"));
    assert!(wanted(r#"{"to": {"weekday": {"weekday": "Fri"}}}"#, "month").contains("a day of the month for months"));
}

#[test]
fn a_plan_whose_alignment_does_not_fit_its_prices_is_not_published() {
    let catalog: Catalog = serde_json::from_str(
        r#"{"plans":[{"id":"team","version":1,"title":"Team","alignment":{"to":{"day-of-month":{"day":15}}},"prices":[
            {"currency":"USD","interval":"month","model":"flat","amount":"9"},
            {"currency":"USD","interval":"year","model":"flat","amount":"90"}]}]}"#,
    )
    .expect("a catalog");
    let text: Vec<String> = catalog.problems().iter().map(ToString::to_string).collect();
    assert!(
        matches!(text.as_slice(), [one] if one.starts_with("team@1 prices[1] (USD per year): alignment: ")),
        "{text:?}"
    );
}

proptest! {
    /// There and back at one instant is worth nothing, and a stub never costs more than a period, whatever the policy.
    #[test]
    fn a_stub_is_at_most_a_period_and_there_and_back_is_worth_nothing(
        policy in any_policy(), start in 0_i64..400 * 86_400, later in 1_i64..40 * 86_400, price in 0_i64..100_000,
        whole in prop_oneof![
            Just(Denominator::Period), Just(Denominator::Nominal), Just(Denominator::PeriodOrNominal)
        ],
    ) {
        let policy = ProrationPolicy { denominator: whole, leading: whole, ..policy };
        let start = at("2027-01-01T00:00:00Z") + TimeDelta::seconds(start);
        let team = terms("team", "month", &format!("{}.{:02}", price / 100, price % 100), 1);
        let (held, invoices) = opened(team.clone(), DAY_15, policy, start);
        prop_assert!((0..=price).contains(&invoices[0].total.minor));
        prop_assert_eq!(&compute(invoices[0].rules, &invoices[0].basis).expect("lines"), &invoices[0].lines);
        let now = start + TimeDelta::seconds(later);
        prop_assume!(now < held.period.expect("a period").end);
        let (there, one) = give(&held, change(terms("business", "month", "77.77", 1), &held), now);
        let (back, other) = give(&there, change(team, &there), now);
        prop_assert_eq!(one[0].total.minor + other[0].total.minor - back.credit_minor, 0);
        // At its very start nothing of it was used, so all that it cost comes back.
        if held.stub.is_some() && policy.change_day == billing::proration::DayOwner::New {
            let (_, at_once) = give(&held, change(terms("free", "month", "0", 1), &held), start);
            // What cost nothing has no line.
            let back = at_once[0].lines.first().map_or(0, |line| line.amount.minor);
            prop_assert_eq!(back, -invoices[0].total.minor);
        }
    }
}
