//! Discounts and taxes of contracts: what is promised about every contract that has them.

use billing::{
    calendar::Instant,
    discount::{Coupon, CouponDuration},
    fact::{EventType, Happening},
    invoice::{Invoice, LineKind, compute, tax_of},
    money::Money,
    subscription::{Effect, Input, Order, Outcome, Subscription, When, open_with, transition_with},
    tax::{TaxCustomer, Taxes},
    terms::{TaxBinding, Terms},
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::sample::{at, order, terms};

pub(crate) fn coupon(percent: u32, duration: &str) -> Coupon {
    let json =
        format!(r#"{{"id":"spring","benefit":{{"kind":"percent","percent":"{percent}"}},"duration":{duration}}}"#);
    serde_json::from_str(&json).expect("a coupon")
}

fn fixed(minor: i64) -> Coupon {
    let amount = rust_decimal::Decimal::new(minor, 2);
    let json = format!(
        r#"{{"id":"fixed","benefit":{{"kind":"fixed","amounts":[{{"currency":"USD","amount":"{amount}"}}]}},
            "duration":{{"is":"forever"}}}}"#
    );
    serde_json::from_str(&json).expect("a coupon")
}

pub(crate) fn taxes(inclusive: bool) -> Taxes {
    let prices = if inclusive { "inclusive" } else { "exclusive" };
    let settings = format!(r#"{{"id":"home","version":1,"country":"DE","prices":"{prices}"}}"#);
    Taxes {
        settings: vec![serde_json::from_str(&settings).expect("settings")],
        customer: Some(TaxCustomer { country: "DE".into(), vat_id: None, exempt: None }),
    }
}

pub(crate) fn taxed(mut terms: Terms) -> Terms {
    terms.conditions.tax = Some(TaxBinding { settings: "home".into(), class: "standard".into() });
    terms
}

pub(crate) fn start() -> Instant {
    at("2027-01-31T09:00:00Z")
}

pub(crate) type Applied = (Subscription, Vec<Invoice>, Vec<Happening>);

pub(crate) fn applied(outcome: Outcome) -> Applied {
    let Outcome::Applied { next, effects, facts } = outcome else { panic!("nothing was applied") };
    let issued = effects.into_iter().filter_map(|effect| match effect {
        Effect::Issue(new) => Some(Invoice::issue(&next, *new).expect("an invoice")),
        _ => None,
    });
    let issued = issued.collect();
    (*next, issued, facts)
}

pub(crate) fn opened(terms: Terms, coupons: Vec<Coupon>, taxes: &Taxes) -> Applied {
    applied(open_with(Order { coupons, ..order(terms) }, start(), taxes).expect("an order"))
}

fn change(to: Terms, of: &Subscription) -> Input {
    Input::Change { terms: Box::new(to), proration: of.proration, when: When::Now }
}

fn any_coupons() -> impl Strategy<Value = Vec<Coupon>> {
    prop_oneof![
        Just(Vec::new()),
        (0_u32..=100).prop_map(|p| vec![coupon(p, r#"{"is":"repeating","periods":3}"#)]),
        (0_u32..=100).prop_map(|p| vec![coupon(p, r#"{"is":"once"}"#)]),
        (1_i64..20_000).prop_map(|minor| vec![fixed(minor)]),
        (0_u32..=100, 1_i64..20_000).prop_map(|(p, minor)| vec![fixed(minor), coupon(p, r#"{"is":"forever"}"#)]),
    ]
}

fn price(cents: i64) -> String {
    rust_decimal::Decimal::new(cents, 2).to_string()
}

fn adds_up(invoice: &Invoice) {
    let sum = Money::sum(invoice.total.currency, invoice.lines.iter().map(|l| l.amount)).expect("a sum");
    assert_eq!(sum, invoice.total);
    assert!(invoice.total.minor >= 0, "{invoice:#?}");
    assert!((0..=invoice.total.minor).contains(&invoice.tax_minor), "{invoice:#?}");
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    assert_eq!(stored, *invoice);
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines);
}

proptest! {
    /// Whatever the discount and the tax: a change and the change back at the same instant leave nothing owed, and every
    /// invoice adds up, is never below zero, and is computed again from what is stored.
    #[test]
    fn there_and_back_owes_nothing(
        prices in (0_i64..100_000, 0_i64..100_000), seconds in 0_i64..2_419_200, coupons in any_coupons(),
        inclusive: bool, after: bool,
    ) {
        let taxes = taxes(inclusive);
        let team = taxed(terms("team", "month", &price(prices.0), 1));
        let business = taxed(terms("business", "month", &price(prices.1), 1));
        let (mut held, first, _) = opened(team.clone(), coupons, &taxes);
        if after {
            held.proration.discount = billing::proration::DiscountOrder::AfterProration;
        }
        let now = start() + TimeDelta::seconds(seconds);
        let there = transition_with(&held, 2, change(business, &held), now, &taxes.clone().into()).expect("a change");
        let (there, one, _) = applied(there);
        let back = transition_with(&there, 3, change(team, &there), now, &taxes.into()).expect("a change");
        let (back, other, _) = applied(back);
        for invoice in first.iter().chain(&one).chain(&other) {
            adds_up(invoice);
        }
        // What one of them charges, the other gives back as credit.
        let charged: i64 = one.iter().chain(&other).map(|i| i.total.minor).sum();
        let gave = one[0].lines.iter().chain(&other[0].lines).filter(|l| l.kind == LineKind::CreditKept);
        let kept: i64 = gave.map(|l| l.amount.minor).sum();
        let used = one[0].lines.iter().chain(&other[0].lines).filter(|l| l.kind == LineKind::CreditUsed);
        let used: i64 = used.map(|l| l.amount.minor).sum();
        prop_assert_eq!(charged - kept - used, 0);
        prop_assert_eq!(back.credit_minor, kept + used);
        prop_assert_eq!(back.mrr12(), held.mrr12());
    }

    /// Renewal after renewal: run-rate is what the facts said last, and the tax of the lines is what the invoice says.
    #[test]
    fn facts_tell_every_move_of_the_run_rate(cents in 1_i64..100_000, coupons in any_coupons(), inclusive: bool) {
        let taxes = taxes(inclusive);
        let (mut held, _, mut told) = opened(taxed(terms("team", "month", &price(cents), 1)), coupons, &taxes);
        for version in 2..8 {
            let end = held.period.expect("a period").end;
            let renewed = transition_with(&held, version, Input::Wake, end, &taxes.clone().into()).expect("a renewal");
            let (next, invoices, facts) = applied(renewed);
            adds_up(&invoices[0]);
            prop_assert_eq!(invoices[0].tax_minor, tax_of(&invoices[0].lines, invoices[0].total.currency).unwrap().minor);
            prop_assert!(facts.iter().all(|f| f.event_type.changes_run_rate() && f.occurred_at == end));
            told.extend(facts);
            let last = told.iter().rev().find(|f| f.event_type.changes_run_rate()).map_or(0, |f| f.mrr12_minor);
            prop_assert_eq!(last, next.mrr12().unwrap());
            held = next;
        }
    }
}

#[test]
fn a_discount_that_ends_raises_the_run_rate_at_the_renewal_without_it() {
    let taxes = Taxes::default();
    let two = coupon(25, r#"{"is":"repeating","periods":2}"#);
    let (mut held, _, facts) = opened(terms("team", "month", "10", 1), vec![two], &taxes);
    let mut told: Vec<_> = facts.iter().map(|f| (f.event_type, f.mrr12_minor, f.reason.clone())).collect();
    assert_eq!((facts[0].list12_minor, facts[0].coupon.as_deref()), (Some(12_000), Some("spring")));
    for version in 2..5 {
        let end = held.period.unwrap().end;
        let (next, _, facts) =
            applied(transition_with(&held, version, Input::Wake, end, &taxes.clone().into()).unwrap());
        told.extend(facts.iter().map(|f| (f.event_type, f.mrr12_minor, f.reason.clone())));
        held = next;
    }
    let ended = Some("discount_end".to_owned());
    assert_eq!(told, [(EventType::Signup, 9_000, None), (EventType::Upgrade, 12_000, ended)]);
    assert_eq!(held.discounts, []);
}

#[test]
fn a_rate_that_changes_taxes_what_is_charged_and_not_what_is_given_back() {
    let taxes = taxes(false);
    let own = r#"{"id":"home","version":2,"country":"DE","countries":[{"country":"DE","name":"VAT DE","rates":[
        {"class":"standard","percent":"10","from":"2000-01-01"},{"class":"standard","percent":"20","from":"2027-02-10"}]}]}"#;
    let taxes = Taxes { settings: vec![serde_json::from_str(own).unwrap()], ..taxes };
    let (held, first, _) = opened(taxed(terms("team", "month", "28", 1)), Vec::new(), &taxes);
    assert_eq!(first[0].tax_minor, 280);
    let now = start() + TimeDelta::days(14);
    let business = taxed(terms("business", "month", "56", 1));
    let (_, changed, _) = applied(transition_with(&held, 2, change(business, &held), now, &taxes.into()).unwrap());
    let taxes: Vec<_> = changed[0].lines.iter().filter(|l| l.kind == LineKind::Tax).map(|l| l.amount.minor).collect();
    assert_eq!(taxes, [-140, 560]);
}

#[test]
fn an_unpaid_question_about_tax_is_refused_and_opens_nothing() {
    let nobody = Taxes { customer: None, ..taxes(false) };
    let refused = open_with(order(taxed(terms("team", "month", "28", 1))), start(), &nobody).unwrap_err();
    assert_eq!((refused.code(), refused.field()), ("invalid_field", Some("customer.country")));
    let mut trial = order(taxed(terms("team", "month", "28", 1)));
    trial.trial_days = 14;
    assert_eq!(open_with(trial, start(), &nobody).unwrap_err().field(), Some("customer.country"));
}

#[test]
fn once_is_not_counted_for_the_run_rate() {
    let once = coupon(100, r#"{"is":"once"}"#);
    assert_eq!(once.duration, CouponDuration::Once);
    let (held, invoices, facts) = opened(terms("team", "month", "10", 1), vec![once], &Taxes::default());
    assert_eq!((invoices[0].total.minor, held.mrr12()), (0, Ok(12_000)));
    assert_eq!((facts[0].event_type, facts[0].amount_minor, facts[0].attempt), (EventType::Signup, 0, None));
}
