//! Contracts under policies other than the default: what a change and an end put on their invoices.
//!
//! Exists beside the cases of `proration` because a policy is worth nothing before a contract is billed by it.

use billing::{
    calendar::Period,
    catalog::Catalog,
    invoice::{Basis, LineKind, compute, explain},
    proration::{ChangeLines, DayOwner, LineRule, Profile, ProrationPolicy, ProrationUnit, TerminationCredit},
    subscription::{Input, Subscription, When},
    terms::Terms,
};
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::sample::{active, at, give, proration, terms};

const START: &str = "2023-05-15T00:00:00Z";

fn under(policy: ProrationPolicy, terms: Terms) -> Subscription {
    Subscription { proration: policy, ..active(terms, at(START)) }
}

fn change_to(terms: Terms, policy: ProrationPolicy) -> Input {
    Input::Change { terms: Box::new(terms), proration: policy, when: When::Now }
}

fn cancel() -> Input {
    Input::Cancel { when: When::Now, reason: None, comment: None }
}

#[test]
fn an_end_gives_back_what_the_profile_says_and_can_say_why() {
    // Kill Bill's published figures: 19.95 from 15 May to 15 June, cancelled on 23 May, every month having 30 days.
    let contract = under(Profile::Killbill30.policy(), terms("gold", "month", "19.95", 1));
    let (ended, invoices) = give(&contract, cancel(), at("2023-05-23T00:00:00Z"));
    let [invoice] = invoices.as_slice() else { panic!("{invoices:?}") };
    let amounts: Vec<_> = invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!(amounts, [(LineKind::ProrationCredit, -1463), (LineKind::CreditKept, 1463)]);
    assert_eq!(ended.credit_minor, 1463);
    assert!(!invoice.is_open() && invoice.total.minor == 0, "nothing is owed");
    let why = &invoice.lines[0].why;
    assert_eq!(why.part, Some(LineRule::UnusedPrice));
    assert_eq!(why.unit, Some(ProrationUnit::FixedMonth));
    assert_eq!(why.factor.unwrap().to_string(), "0.733333333");
    let share = why.share.unwrap();
    assert_eq!((share.left, share.whole), (22, 30));
    let words = explain(invoice).unwrap();
    for said in [
        "the end of gold@1 × 1 at 2023-05-23 00:00 UTC",
        "per-seat: the unused part of 19.95, 22 of 30 days of months that are all as long = 0.733333333",
        "-14.62999999335 before rounding, a half away from zero",
        "under rules version 3: the same lines",
    ] {
        assert!(words.contains(said), "{said:?} is not in\n{words}");
    }
}

#[test]
fn a_credit_and_its_tax_are_rounded_as_one_where_the_policy_says_so() {
    use billing::proration::CreditTax;
    let taxes = crate::adjusted::taxes(false);
    let lines = |credit_tax, rules| {
        let policy = ProrationPolicy { credit_tax, ..Profile::Lago.policy() };
        let order = billing::subscription::Order {
            proration: policy,
            ..crate::sample::order(crate::adjusted::taxed(terms("s", "month", "99.99", 1)))
        };
        let opened = billing::subscription::open_with(order, at("2027-03-05T00:00:00Z"), &taxes).expect("an order");
        let held = crate::adjusted::applied(opened).0;
        let now = at("2027-03-19T00:00:00Z");
        let ended = billing::subscription::transition_with(&held, 2, cancel(), now, &taxes.clone().into());
        let (_, invoices, _) = crate::adjusted::applied(ended.expect("an end"));
        let told = explain(&invoices[0]).expect("words");
        let lines = compute(rules, &invoices[0].basis).expect("lines");
        (lines.iter().map(|l| (l.kind, l.amount.minor)).collect::<Vec<_>>(), told)
    };
    let of = |tax, kept| vec![(LineKind::ProrationCredit, -5_161), (LineKind::Tax, tax), (LineKind::CreditKept, kept)];
    let (together, told) = lines(CreditTax::Together, 3);
    assert_eq!(together, of(-980, 6_141));
    assert!(told.contains("rounded with its tax, line by line"), "{told}");
    assert_eq!(lines(CreditTax::Apart, 3).0, of(-981, 6_142));
    assert_eq!(lines(CreditTax::Together, 2).0, of(-981, 6_142), "what was issued stays");
}

const IN_MAY: &str = "2023-05-20T12:00:00Z";

#[test]
fn a_difference_is_one_line_also_where_the_interval_changes() {
    let policy = Profile::PolarSeats.policy();
    let order =
        billing::subscription::Order { proration: policy, ..crate::sample::order(terms("s", "month", "99.99", 1)) };
    let (held, _) =
        crate::sample::applied(billing::subscription::open(order, at("2027-03-05T00:00:00Z")).expect("an order"));
    let (_, invoices) = give(&held, change_to(terms("s", "year", "1099.89", 1), policy), at("2027-03-19T06:20:00Z"));
    let lines: Vec<_> = invoices[0].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    // 1,446,000 of 2,678,400 seconds are left: 53.98..., cut toward zero only in the end.
    assert_eq!(lines, [(LineKind::ProrationCharge, 104_590)]);
    let told = explain(&invoices[0]).expect("words");
    assert!(told.contains("less the unused part of 99.99, 1446000 of 2678400 seconds"), "{told}");
    // All of the new period; within one the line says its part.
    assert!(told.contains("1099.89 for the full period"), "{told}");
    let earlier = compute(2, &invoices[0].basis).expect("lines");
    assert_eq!(earlier.len(), 2, "what was issued stays");
    let net = ProrationPolicy { lines: ChangeLines::Net, ..ProrationPolicy::default() };
    let (_, invoices) =
        give(&under(net, terms("s", "month", "31", 1)), change_to(terms("s", "month", "62", 1), net), at(IN_MAY));
    let told = explain(&invoices[0]).expect("words");
    assert!(told.contains("the difference for the rest of the period of 31, 26 of 31 days"), "{told}");
}

#[test]
fn an_end_gives_nothing_back_where_the_policy_says_so() {
    let contract = under(ProrationPolicy::default(), terms("gold", "month", "19.95", 1));
    let (ended, invoices) = give(&contract, cancel(), at("2023-05-23T00:00:00Z"));
    assert_eq!((invoices.len(), ended.credit_minor), (0, 0));
}

#[test]
fn the_day_of_the_change_belongs_to_whom_the_policy_says() {
    let credit = |owner| {
        let policy = ProrationPolicy { change_day: owner, ..ProrationPolicy::default() };
        let contract = under(policy, terms("gold", "month", "31", 1));
        let (_, invoices) =
            give(&contract, change_to(terms("silver", "month", "62", 1), policy), at("2023-05-20T12:00:00Z"));
        invoices[0].lines.iter().map(|l| l.amount.minor).collect::<Vec<_>>()
    };
    assert_eq!(credit(DayOwner::New), [-2600, 5200]);
    assert_eq!(credit(DayOwner::Old), [-2500, 5000]);
}

#[test]
fn a_price_in_tiers_says_its_steps_on_the_line() {
    let mut tiered = terms("gold", "month", "1", 15);
    tiered.price = serde_json::from_str(
        r#"{"currency":"USD","interval":"month","model":"graduated","tiers":[
            {"up_to":"10","unit_amount":"2"},{"unit_amount":"1"}]}"#,
    )
    .unwrap();
    let period = Period { ordinal: 1, index: 0, start: at(START), end: at("2023-06-15T00:00:00Z") };
    let basis =
        Basis::Period { terms: Box::new(tiered), period, stub: None, credit_minor: 0, adjustments: Box::default() };
    let lines = compute(2, &basis).unwrap();
    assert_eq!(lines[0].amount.minor, 2500);
    assert_eq!(lines[0].why.steps.len(), 2);
}

#[test]
fn a_catalog_may_name_a_profile_that_contracts_can_be_billed_by_and_no_other() {
    let with = |proration: &str| {
        let catalog: Catalog = serde_json::from_str(&format!(
            r#"{{"plans":[{{"id":"team","version":1,"title":"Team","policy":"ours","prices":[
                {{"currency":"USD","interval":"month","model":"flat","amount":"9"}}]}}],
                "policies":[{{"id":"ours","version":1,"proration":{proration}}}]}}"#
        ))
        .unwrap();
        catalog.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(with(r#"{"profile":"killbill-30"}"#), [""; 0]);
    assert_eq!(with(r#"{"profile":"chargebee-day","rounding":"half-even"}"#), [""; 0]);
    assert_eq!(with(r#"{"profile":"polar"}"#), [""; 0]);
    assert_eq!(with(r#"{"profile":"samsung"}"#), [""; 0]);
    assert_eq!(
        with(r#"{"denominator":"anniversary"}"#),
        ["ours@1: proration: contracts are not billed yet with denominator: anniversary (period, nominal ... are)"]
    );
}

proptest! {
    /// Version 2 is version 1 where version 1 had an answer, but for lines of nothing.
    #[test]
    fn by_unit_and_rounding_the_amounts_are_those_of_version_one(
        prices in (0_i64..100_000, 0_i64..100_000),
        seconds in 0_i64..2_678_400,
        second: bool,
        restarts: bool,
        credit_minor in 0_i64..5_000,
    ) {
        let price = |cents: i64| rust_decimal::Decimal::new(cents, 2).to_string();
        let unit = if second { ProrationUnit::Second } else { ProrationUnit::Day };
        let period = Period { ordinal: 1, index: 0, start: at(START), end: at("2023-06-15T00:00:00Z") };
        let next = Period { ordinal: 2, index: 0, start: at(START), end: at("2024-05-15T00:00:00Z") };
        let basis = Basis::Change {
            from: Box::new(terms("gold", "month", &price(prices.0), 3)),
            to: Box::new(terms("silver", if restarts { "year" } else { "month" }, &price(prices.1), 2)),
            period,
            stub: None,
            at: at(START) + chrono::TimeDelta::seconds(seconds),
            zone: Tz::Europe__Berlin,
            proration: proration(unit, billing::money::Rounding::HalfUp),
            next: restarts.then_some(next),
            next_stub: None,
            credit_minor,
            adjustments: Box::default(),
        };
        let of = |rules| -> Vec<_> {
            compute(rules, &basis).unwrap().iter().map(|l| (l.kind, l.amount.minor)).filter(|l| l.1 != 0).collect()
        };
        prop_assert_eq!(of(1), of(2));
    }

    /// A contract that ends gives back no more than it cost, and in all as much as it did not use.
    #[test]
    fn what_an_end_gives_back_is_within_the_price(seconds in 0_i64..2_678_399, cents in 0_i64..100_000) {
        let policy = ProrationPolicy { termination: TerminationCredit::Unused, ..ProrationPolicy::default() };
        let contract = under(policy, terms("gold", "month", &rust_decimal::Decimal::new(cents, 2).to_string(), 1));
        let (ended, _) = give(&contract, cancel(), at(START) + chrono::TimeDelta::seconds(seconds));
        prop_assert!((0..=cents).contains(&ended.credit_minor));
    }
}
