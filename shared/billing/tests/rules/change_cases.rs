//! Changes in the middle of a period, each under one policy: one line or two, which sides, and what is capped.
//!
//! Exists beside the properties, because they hold for every policy, and these say what one setting does and what it leaves.

use billing::{
    calendar::Period,
    invoice::{Adjustment, Adjustments, Basis, Charged, Kept, LineKind, compute},
    proration::{ChangeLines, CreditCap, IntervalChange, ProratedSides, ProrationPolicy},
    terms::Terms,
};
use chrono::TimeDelta;

use crate::{
    explained::stored,
    sample::{at, terms},
};

/// What a change of three units at 9.90 a month, half way through the period, comes to: kinds, amounts, and whether a line is
/// one amount for both periods. A `next` interval starts a period of so many days.
fn changed(
    to: Terms,
    next_days: Option<i64>,
    proration: ProrationPolicy,
    with: &Adjustments,
) -> Vec<(LineKind, i64, bool)> {
    let Basis::Change { from, .. } = stored("rules-3-change").basis else { panic!("a change") };
    from_to(*from, to, next_days, proration, with)
}

fn from_to(
    from: Terms,
    to: Terms,
    next_days: Option<i64>,
    proration: ProrationPolicy,
    with: &Adjustments,
) -> Vec<(LineKind, i64, bool)> {
    let Basis::Change { period, at, zone, .. } = stored("rules-3-change").basis else { panic!("a change") };
    let next = next_days.map(|days| Period { ordinal: 2, index: 0, start: at, end: at + TimeDelta::days(days) });
    let (stub, next_stub, adjustments) = (None, None, Box::new(with.clone()));
    let (from, to) = (Box::new(from), Box::new(to));
    let basis =
        Basis::Change { from, to, period, stub, at, zone, proration, next, next_stub, credit_minor: 0, adjustments };
    let both =
        |line: &billing::invoice::Line| matches!(line.why.adjustment.as_deref(), Some(Adjustment::LessUnused { .. }));
    let lines = compute(3, &basis).expect("lines");
    let moved = lines.iter().filter(|line| !matches!(line.kind, LineKind::CreditKept | LineKind::Tax));
    moved.map(|line| (line.kind, line.amount.minor, both(line))).collect()
}

fn other(unit_amount: &str) -> Terms {
    terms("business", "month", unit_amount, 3)
}

fn every_two_weeks(unit_amount: &str) -> Terms {
    terms("business", "2-weeks", unit_amount, 3)
}

const CREDIT: (LineKind, i64, bool) = (LineKind::ProrationCredit, -1_485, false);

#[test]
fn a_new_period_and_the_unused_part_are_one_amount_where_nothing_tells_them_apart() {
    let net = ProrationPolicy { lines: ChangeLines::Net, ..ProrationPolicy::default() };
    let none = Adjustments::default();
    let one = |unit_amount: &str| changed(every_two_weeks(unit_amount), Some(14), net, &none);
    assert_eq!(one("10"), [(LineKind::ProrationCharge, 1_515, true)]);
    assert_eq!(one("4.95"), [(LineKind::ProrationCharge, 0, true)], "nothing is no credit");
    assert_eq!(one("4.94"), [(LineKind::ProrationCredit, -3, true)]);
    let of = stored("rules-3-discounted-change").basis.adjustments().clone();
    let (tax, kept) = (of.tax.clone(), Some(Kept { minor: 2_970, noted_minor: 0, taken_minor: 0 }));
    let cases = [
        ("a discount", Adjustments { discounts: of.discounts.clone(), ..none.clone() }),
        ("one before", Adjustments { earlier_discounts: of.discounts, ..none.clone() }),
        ("a tax", Adjustments { tax: tax.clone(), ..none.clone() }),
        ("one before", Adjustments { earlier_tax: tax.clone(), ..none.clone() }),
        ("a note", Adjustments { kept, ..none.clone() }),
    ];
    for (name, with) in cases {
        let lines = changed(every_two_weeks("10"), Some(14), net, &with);
        assert!(lines.len() >= 2 && lines.iter().all(|line| !line.2), "{name}: {lines:?}");
    }
    let same = Adjustments { tax: tax.clone(), earlier_tax: tax, ..none };
    assert_eq!(changed(every_two_weeks("10"), Some(14), net, &same), [(LineKind::ProrationCharge, 1_515, true)]);
}

#[test]
fn a_policy_says_which_sides_a_change_has() {
    let by = |sides, interval_change| ProrationPolicy { sides, interval_change, ..ProrationPolicy::default() };
    let (restart, without) = (IntervalChange::Restart, IntervalChange::RestartWithoutCredit);
    let (charge, anew) = ((LineKind::ProrationCharge, 1_500, false), (LineKind::Recurring, 3_000, false));
    let cases = [
        ("both sides", other("10"), None, by(ProratedSides::Both, restart), vec![CREDIT, charge]),
        ("the charge", other("10"), None, by(ProratedSides::Charge, restart), vec![charge]),
        ("neither", other("10"), None, by(ProratedSides::Neither, restart), vec![]),
        ("another interval", every_two_weeks("10"), Some(14), by(ProratedSides::Both, restart), vec![CREDIT, anew]),
        ("without credit", every_two_weeks("10"), Some(14), by(ProratedSides::Both, without), vec![anew]),
        // A moved anchor takes nothing from what was paid.
        ("the anchor", other("10"), Some(28), by(ProratedSides::Charge, without), vec![CREDIT, anew]),
    ];
    for (name, to, next, policy, lines) in cases {
        assert_eq!(changed(to, next, policy, &Adjustments::default()), lines, "{name}");
    }
}

#[test]
fn a_change_of_the_number_alone_is_not_capped_where_the_policy_says_so() {
    let policy = ProrationPolicy { cap: CreditCap::PaidExceptQuantity, ..ProrationPolicy::default() };
    let charged: Charged = serde_json::from_value(serde_json::json!([{"debits": [{
        "span": {"start": at("2027-01-31T09:00:00Z"), "end": at("2027-02-28T09:00:00Z")},
        "amount": {"minor": 100, "currency": "USD"}
    }]}]))
    .expect("what was charged");
    let with = Adjustments { charged: Some(Box::new(charged)), ..Adjustments::default() };
    let back = |to| changed(to, None, policy, &with).first().map(|line| line.1);
    assert_eq!(back(terms("team", "month", "9.90", 1)), Some(-1_485), "the number");
    assert_eq!(back(terms("business", "month", "9.90", 1)), Some(-100), "the plan");
    assert_eq!(back(terms("team", "month", "5", 3)), Some(-100), "the price");
}

#[test]
fn half_a_cent_is_given_back_or_charged_also_where_it_rounds_to_nothing() {
    let [team, business] = ["team", "business"].map(|plan| terms(plan, "month", "0.01", 1));
    let lines = from_to(team, business, None, ProrationPolicy::default(), &Adjustments::default());
    assert_eq!(lines, [(LineKind::ProrationCredit, 0, false), (LineKind::ProrationCharge, 0, false)]);
}
