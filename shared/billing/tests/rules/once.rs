//! What is charged once: set-up fees and one-off charges, on exactly one invoice each.

use billing::{
    discount::Coupon,
    invoice::{Invoice, LineKind, OneOff, compute, explain},
    subscription::{Input, Outcome, Subscription, WAITING_MAX, When, open, transition, transition_with},
    tax::Taxes,
    terms::Terms,
};
use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::adjusted::{applied as adjusted, coupon, opened, start, taxed, taxes};
use crate::items::{bought, change};
use crate::sample::{active, applied, give, order, usd};

/// Terms whose plan costs 50 to set up, and storage 20.
fn with_fees(seats: i64, add_ons: &[(&str, i64)]) -> Terms {
    let mut terms = bought("month", seats, add_ons);
    terms.price.setup_fee = Some(Decimal::from(50));
    for add_on in terms.add_ons.iter_mut().filter(|a| a.id == "storage") {
        add_on.setup_fee = Some(Decimal::from(20));
    }
    terms
}

fn training(when: When) -> Input {
    Input::Charge { charge: OneOff { description: "training".into(), amount: usd(4_990) }, when }
}

/// What is charged once on an invoice.
fn once(invoice: &Invoice) -> Vec<(&str, i64)> {
    let those = invoice.lines.iter().filter(|l| matches!(l.kind, LineKind::SetUp | LineKind::OneOff));
    those.map(|l| (l.add_on.as_deref().or(l.description.as_deref()).unwrap_or("plan"), l.amount.minor)).collect()
}

fn renew(held: &Subscription) -> (Subscription, Vec<Invoice>) {
    give(held, Input::Wake, held.period.expect("a period").end)
}

#[test]
fn set_up_fees_are_on_the_first_invoice_and_on_no_other() {
    let (held, invoices) = applied(open(order(with_fees(2, &[("storage", 1)])), start()).unwrap());
    assert_eq!(once(&invoices[0]), [("plan", 5_000), ("storage", 2_000)]);
    assert_eq!((invoices[0].total.minor, held.mrr12()), (2_000 + 400 + 7_000, Ok(12 * 2_400)));
    let told = explain(&invoices[0]).unwrap();
    assert!(told.contains("a full period, in advance, and what is charged once") && told.contains("the same lines"));
    let (held, invoices) = renew(&held);
    assert_eq!((once(&invoices[0]), invoices[0].total.minor), (vec![], 2_400));
    let (_, invoices) =
        give(&held, change(with_fees(3, &[("storage", 1)]), &held, When::Now), start() + TimeDelta::days(40));
    assert_eq!(once(&invoices[0]), []);
}

#[test]
fn a_trial_pays_its_set_up_fees_when_it_ends() {
    let mut trial = order(with_fees(1, &[]));
    trial.trial_days = 14;
    let (held, invoices) = applied(open(trial, start()).unwrap());
    assert!(invoices.is_empty());
    let (_, invoices) = give(&held, Input::Wake, start() + TimeDelta::days(14));
    assert_eq!(once(&invoices[0]), [("plan", 5_000)]);
}

#[test]
fn an_add_on_pays_its_fee_with_the_invoice_that_brings_it_and_not_again_when_it_comes_back() {
    let now = start() + TimeDelta::days(7);
    let held = active(with_fees(1, &[]), start());
    let (held, invoices) = give(&held, change(with_fees(1, &[("storage", 1)]), &held, When::Now), now);
    assert_eq!(once(&invoices[0]), [("storage", 2_000)]);
    let (held, invoices) = give(&held, change(with_fees(1, &[]), &held, When::Now), now);
    assert!(once(&invoices[0]).is_empty(), "a fee is not given back");
    let (_, invoices) = give(&held, change(with_fees(1, &[("storage", 2)]), &held, When::Now), now);
    assert!(once(&invoices[0]).is_empty());
}

#[test]
fn an_add_on_agreed_for_the_end_of_the_period_pays_its_fee_with_the_renewal() {
    let held = active(with_fees(1, &[]), start());
    let later = change(with_fees(1, &[("storage", 1)]), &held, When::PeriodEnd);
    let (held, _) = give(&held, later, start() + TimeDelta::days(7));
    let (held, _) = renew(&held);
    let (_, invoices) = give(&held, Input::Wake, held.period.unwrap().end);
    assert_eq!(once(&invoices[0]), [("storage", 2_000)]);
}

#[test]
fn discounts_do_not_touch_what_is_charged_once_and_taxes_do() {
    let half = coupon(50, r#"{"is":"forever"}"#);
    let (held, invoices, _) = opened(taxed(with_fees(1, &[])), vec![half], &taxes(false));
    assert_eq!(once(&invoices[0]), [("plan", 5_000)]);
    // 10.00 less half, 50.00, and 19 % of both.
    assert_eq!((invoices[0].total.minor, invoices[0].tax_minor), (6_545, 1_045));
    assert_eq!(held.mrr12(), Ok(6_000));
    let charged = transition_with(&held, 2, training(When::Now), start(), &taxes(false).into()).unwrap();
    let (_, invoices, _) = adjusted(charged);
    assert_eq!((invoices[0].total.minor, invoices[0].tax_minor), (5_938, 948));
}

#[test]
fn a_charge_has_an_invoice_of_its_own_at_once_or_waits_for_the_next() {
    let held = active(bought("month", 1, &[]), start());
    let now = start() + TimeDelta::days(7);
    let (charged, invoices) = give(&held, training(When::Now), now);
    assert_eq!((once(&invoices[0]), invoices[0].total.minor), (vec![("training", 4_990)], 4_990));
    assert_eq!(charged, held);
    assert!(explain(&invoices[0]).unwrap().contains("for       what is charged once"));
    let (waits, invoices) = give(&held, training(When::PeriodEnd), now);
    assert!(invoices.is_empty());
    let (after, invoices) = renew(&waits);
    assert_eq!((once(&invoices[0]), invoices[0].total.minor), (vec![("training", 4_990)], 5_990));
    assert!(after.once.is_empty());
    assert_eq!(once(&renew(&after).1[0]), []);
}

#[test]
fn a_change_takes_what_waits_and_so_does_the_end() {
    let held = active(bought("month", 1, &[]), start());
    let now = start() + TimeDelta::days(7);
    let (waits, _) = give(&held, training(When::PeriodEnd), now);
    let (_, invoices) = give(&waits, change(bought("month", 2, &[]), &waits, When::Now), now);
    assert_eq!(once(&invoices[0]), [("training", 4_990)]);
    let cancel = |when| Input::Cancel { when, reason: None, comment: None };
    let (ended, invoices) = give(&waits, cancel(When::Now), now);
    assert_eq!((once(&invoices[0]), ended.once.is_empty()), (vec![("training", 4_990)], true));
    let (ends, _) = give(&waits, cancel(When::PeriodEnd), now);
    let (_, invoices) = renew(&ends);
    assert_eq!((once(&invoices[0]), invoices[0].id.as_str()), (vec![("training", 4_990)], "inv_ana-u1"));
    let mut gives_back = waits;
    gives_back.proration.termination = billing::proration::TerminationCredit::Unused;
    let (_, invoices) = give(&gives_back, cancel(When::Now), now);
    assert_eq!(once(&invoices[0]), [("training", 4_990)]);
}

#[test]
fn charges_that_cannot_be_are_refused() {
    let held = active(bought("month", 1, &[]), start());
    let refused = |description: &str, minor, held: &Subscription, when| {
        let charge = OneOff { description: description.into(), amount: usd(minor) };
        let refusal = transition(held, 2, Input::Charge { charge, when }, start()).unwrap_err();
        (refusal.code(), refusal.field().unwrap_or_default().to_owned())
    };
    let field = |name: &str| ("invalid_field", name.to_owned());
    assert_eq!(refused(" ", 100, &held, When::Now), field("description"));
    assert_eq!(refused("a\nb", 100, &held, When::Now), field("description"));
    assert_eq!(refused("a", 0, &held, When::Now), field("amount"));
    assert_eq!(refused("a", 1_000_000_001, &held, When::PeriodEnd), field("amount"));
    let mut full = held;
    for _ in 0..WAITING_MAX {
        full = give(&full, training(When::PeriodEnd), start()).0;
    }
    assert_eq!(refused("a", 100, &full, When::PeriodEnd), field("when"));
    let mut trial = order(bought("month", 1, &[]));
    trial.trial_days = 14;
    let (trial, _) = applied(open(trial, start()).unwrap());
    assert_eq!(refused("a", 100, &trial, When::Now), ("wrong_state", String::new()));
}

fn any_input() -> impl Strategy<Value = (Input, bool)> {
    let add_ons = proptest::sample::select(vec![vec![], vec![("storage", 1)], vec![("storage", 2), ("sso", 1)]]);
    let when = || prop_oneof![Just(When::Now), Just(When::PeriodEnd)];
    let proration = billing::proration::ProrationPolicy::default();
    prop_oneof![
        (add_ons, 1_i64..3, when()).prop_map(move |(add_ons, seats, when)| {
            (Input::Change { terms: Box::new(with_fees(seats, &add_ons)), proration, when }, false)
        }),
        when().prop_map(|when| (training(when), true)),
        Just((Input::Wake, false)),
    ]
}

proptest! {
    /// Whatever is asked for: every charge is on one invoice, no set-up fee on two, and each invoice is computed again.
    #[test]
    fn what_is_charged_once_is_charged_once(
        steps in proptest::collection::vec((0_i64..20, any_input()), 1..20), coupons in 0_u32..2,
    ) {
        let coupons: Vec<Coupon> = (0..coupons).map(|_| coupon(100, r#"{"is":"forever"}"#)).collect();
        let (mut held, mut invoices, _) = opened(with_fees(1, &[]), coupons, &Taxes::default());
        let (mut now, mut asked, mut version) = (start(), 0, 1);
        let end = Input::Cancel { when: When::Now, reason: None, comment: None };
        for (days, (input, charges)) in steps.into_iter().chain([(0, (end, false))]) {
            now += TimeDelta::days(days);
            version += 1;
            let outcome = transition(&held, version, input, now);
            let Ok(outcome @ Outcome::Applied { .. }) = outcome else { continue };
            asked += i64::from(charges);
            let (next, issued, _) = adjusted(outcome);
            invoices.extend(issued);
            held = next;
        }
        let all: Vec<_> = invoices.iter().flat_map(once).collect();
        let count = |name: &str| i64::try_from(all.iter().filter(|(n, _)| *n == name).count()).expect("a number");
        prop_assert_eq!(count("training"), asked);
        prop_assert_eq!(count("plan"), 1);
        prop_assert!(count("storage") <= 1);
        for invoice in &invoices {
            prop_assert_eq!(&compute(invoice.rules, &invoice.basis).expect("lines"), &invoice.lines);
        }
    }
}
