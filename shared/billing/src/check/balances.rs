//! What a contract holds of the customer's money, against the facts that gave it and the invoices that used it.

use std::collections::BTreeMap;

use super::{Finding, Invariant};
use crate::{
    fact::{EventType, Happening},
    invoice::{Invoice, LineKind},
    prepaid::PrepaidGrant,
    subscription::Subscription,
};

pub(super) fn check(held: &Subscription, invoices: &[&Invoice], own: &[&Happening], found: &mut Vec<Finding>) {
    let mut say = |detail: String| found.push(Finding::new(Invariant::Balances, &held.id, detail));
    let (is, was) = (credit(held), given_and_used(invoices, own));
    if is != was {
        say(format!("its credit is {is:?}, what was given and used comes to {was:?} (minor units)"));
    }
    let (is, was) = (prepaid(held), granted_and_used(own));
    if is != was {
        say(format!("its prepaid credit is {is}, what was granted and used comes to {was} minor units"));
    }
}

fn credit(held: &Subscription) -> BTreeMap<String, i64> {
    let own = (held.terms.price.currency.to_string(), held.credit_minor);
    let others = held.credits.iter().map(|credit| (credit.currency.to_string(), credit.minor));
    std::iter::once(own).chain(others).filter(|(_, minor)| *minor != 0).collect()
}

fn given_and_used(invoices: &[&Invoice], own: &[&Happening]) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for what in own.iter().filter(|what| what.event_type == EventType::Credit) {
        *sums.entry(what.currency.clone()).or_default() += what.gross_minor();
    }
    for line in invoices.iter().flat_map(|invoice| &invoice.lines).filter(|line| line.kind == LineKind::CreditUsed) {
        *sums.entry(line.amount.currency.to_string()).or_default() += line.amount.minor;
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn prepaid(held: &Subscription) -> i64 {
    let left: i64 = held.prepaid.grants.iter().map(PrepaidGrant::left_minor).sum();
    left + held.prepaid.held.iter().map(|source| source.most().minor).sum::<i64>()
}

fn granted_and_used(own: &[&Happening]) -> i64 {
    let amounts = own.iter().map(|what| match what.event_type {
        EventType::PrepaidGranted => what.amount_minor,
        EventType::PrepaidUsed | EventType::PrepaidExpired => -what.amount_minor,
        EventType::Credit if what.reason.as_deref() == Some(crate::prepaid::UNUSED) => -what.amount_minor,
        _ => 0,
    });
    amounts.sum()
}
