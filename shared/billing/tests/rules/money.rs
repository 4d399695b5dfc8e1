//! No cent is lost: splitting, lines, and changes there and back.

use billing::{
    calendar::{Anchor, Instant},
    invoice::{Basis, Invoice, LineKind, compute},
    money::{Money, Rounding},
    proration::{ProrationPolicy, ProrationUnit},
    subscription::{Input, Subscription, When},
    terms::Terms,
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::sample::{active, at, give, proration, terms, usd};

pub(crate) fn any_policy() -> impl Strategy<Value = ProrationPolicy> {
    let unit = prop_oneof![Just(ProrationUnit::Day), Just(ProrationUnit::Second)];
    let rounding = prop_oneof![Just(Rounding::HalfEven), Just(Rounding::HalfUp), Just(Rounding::Down)];
    (unit, rounding).prop_map(|(unit, rounding)| proration(unit, rounding))
}

fn any_terms(interval: &'static str) -> impl Strategy<Value = Terms> {
    // Unit prices below a cent are the ones that round.
    (0_u32..2_000_000, 1_i64..500, "[a-c]").prop_map(move |(price, quantity, plan)| {
        terms(&plan, interval, &format!("{}.{:04}", price / 10_000, price % 10_000), quantity)
    })
}

fn change(terms: &Terms, policy: ProrationPolicy) -> Input {
    Input::Change { terms: Box::new(terms.clone()), proration: policy, when: When::Now }
}

/// What `invoice` asks for and what it puts aside, together: what the change was worth.
fn worth(before: &Subscription, after: &Subscription, invoices: &[Invoice]) -> i64 {
    let owed: i64 = invoices.iter().map(|i| i.total.minor).sum();
    owed - (after.credit_minor - before.credit_minor)
}

fn line(invoices: &[Invoice], kind: LineKind) -> i64 {
    let lines = invoices.iter().flat_map(|i| &i.lines);
    lines.filter(|l| l.kind == kind).map(|l| l.amount.minor).sum()
}

fn start() -> Instant {
    at("2027-01-31T09:00:00Z")
}

proptest! {
    #[test]
    fn splitting_conserves_the_amount(minor: i64, weights in proptest::collection::vec(0..u64::MAX / 64, 1..12)) {
        prop_assume!(weights.iter().any(|w| *w > 0));
        let parts = usd(minor).allocate(&weights).unwrap();
        prop_assert_eq!(parts.iter().map(|p| i128::from(p.minor)).sum::<i128>(), i128::from(minor));
        let total: i128 = weights.iter().map(|w| i128::from(*w)).sum();
        for (part, weight) in parts.iter().zip(&weights) {
            // Nobody gets more than one minor unit away from the exact share, and nobody with no weight gets anything.
            let exact = i128::from(minor) * i128::from(*weight) / total;
            prop_assert!((i128::from(part.minor) - exact).abs() <= 1);
            prop_assert!(*weight > 0 || part.minor == 0);
        }
    }

    #[test]
    fn lines_add_up_to_what_is_owed_and_nobody_owes_less_than_nothing(
        from in any_terms("month"), to in any_terms("month"), policy in any_policy(),
        credit_minor in 0_i64..10_000_000, seconds in 0_i64..2_419_200,
    ) {
        let period = Anchor::at(start(), Tz::UTC).period("month".parse().unwrap(), 0, 1).unwrap();
        let at = start() + TimeDelta::seconds(seconds);
        let basis = Basis::Change {
            from: Box::new(from), to: Box::new(to), period, stub: None, at, zone: Tz::UTC, proration: policy, next: None, next_stub: None,
            credit_minor, adjustments: Box::default(),
        };
        let lines = compute(1, &basis).unwrap();
        let total = Money::sum(lines[0].amount.currency, lines.iter().map(|l| l.amount)).unwrap();
        prop_assert!(total.minor >= 0);
        prop_assert_eq!(&lines, &compute(1, &basis).unwrap(), "the same basis has the same lines");
        // Credit is used only as far as it goes, and never used and kept at once.
        let used: i64 = lines.iter().filter(|l| l.kind == LineKind::CreditUsed).map(|l| -l.amount.minor).sum();
        let kept: i64 = lines.iter().filter(|l| l.kind == LineKind::CreditKept).map(|l| l.amount.minor).sum();
        prop_assert!((0..=credit_minor).contains(&used) && kept >= 0 && (used == 0 || kept == 0));
    }

    /// Exactly nothing, whatever the rounding: both changes round the same two amounts, once up and once down.
    #[test]
    fn a_change_there_and_back_at_one_instant_is_worth_nothing(
        from in any_terms("month"), to in any_terms("month"), policy in any_policy(), seconds in 0_i64..2_419_200,
    ) {
        prop_assume!(from != to);
        let mut held = active(from.clone(), start());
        held.proration = policy;
        let now = start() + TimeDelta::seconds(seconds);
        let (there, first) = give(&held, change(&to, policy), now);
        let (back, second) = give(&there, change(&from, policy), now);
        prop_assert_eq!(worth(&held, &back, &[first, second].concat()), 0);
        prop_assert_eq!((&back.terms, back.period, back.anchor), (&held.terms, held.period, held.anchor));
    }

    /// Another interval starts a new period; there and back costs one full period, less what was unused of the old one.
    #[test]
    fn another_interval_there_and_back_costs_a_new_period_less_the_unused_one(
        from in any_terms("month"), to in any_terms("year"), policy in any_policy(), seconds in 0_i64..2_419_200,
    ) {
        let mut held = active(from.clone(), start());
        held.proration = policy;
        let now = start() + TimeDelta::seconds(seconds);
        let (there, first) = give(&held, change(&to, policy), now);
        let (back, second) = give(&there, change(&from, policy), now);
        let unused = line(&first, LineKind::ProrationCredit);
        let expected = from.full_period_money().unwrap().minor + unused;
        prop_assert_eq!(worth(&held, &back, &[first, second].concat()), expected);
        prop_assert_eq!(back.period.unwrap().start, now);
    }
}
