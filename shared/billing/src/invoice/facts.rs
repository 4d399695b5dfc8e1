//! Facts about an invoice's money, filled from what it was decided from.
//!
//! Exists beside the table, because a document has one charge and a fact for each contract on it: reports count what each
//! contract paid, and their sum is what was captured.

use super::{
    consolidated::{DocumentItem, shares},
    state::{Claim, Invoice, Purpose},
    transition::Next,
};
use crate::{
    calendar::Instant,
    fact::{EventType, Happening},
    money::Money,
};

impl Next {
    /// What became of an attempt; `event` says it by what the invoice is for.
    pub(super) fn attempt_fact(
        &mut self,
        event: impl Fn(Purpose) -> EventType,
        claim: &Claim,
        at: Instant,
        code: Option<&str>,
    ) {
        // The type is told with each invoice's own purpose.
        self.fact(EventType::Payment, at, claim.amount, |f, purpose| {
            f.event_type = event(purpose);
            f.attempt = Some(claim.attempt);
            f.gateway = Some(claim.method.gateway.clone());
            f.method = Some(claim.method.kind.clone());
            f.code = code.map(Into::into);
            f.reason = match purpose {
                Purpose::Opening => Some("signup".into()),
                Purpose::Trial => Some("trial".into()),
                Purpose::Period | Purpose::Change => None,
            };
        });
    }

    /// A notice about all that is owed: one, also for a document, because the customer is told once.
    pub(super) fn note(&mut self, event: EventType, at: Instant, reason: &str) {
        self.note_of(event, at, self.invoice.payable(), reason);
    }

    /// One fact about `amount`, also for a document.
    pub(super) fn note_of(&mut self, event: EventType, at: Instant, amount: Money, reason: &str) {
        let reason = Some(reason.into());
        self.facts.push(Happening { reason, ..about(&self.invoice, event, at, amount) });
    }

    /// A fact about `amount`; for a document that it covers, one for each item.
    pub(super) fn fact(
        &mut self,
        event: EventType,
        at: Instant,
        amount: Money,
        fill: impl Fn(&mut Happening, Purpose),
    ) {
        let invoice = &self.invoice;
        let whole = about(invoice, event, at, amount);
        let mut facts: Vec<(Happening, Purpose)> = match invoice.basis.items() {
            Some(items) if amount.minor >= invoice.payable().minor => {
                let facts = shares(items, amount).map(|(item, part)| (about_item(item, &whole, part), item.purpose));
                facts.collect()
            }
            _ => vec![(whole, invoice.purpose)],
        };
        for (happening, purpose) in &mut facts {
            fill(happening, *purpose);
        }
        self.facts.extend(facts.into_iter().map(|(happening, _)| happening));
    }
}

/// A fact about an item of a document; `whole` is the one about the document.
fn about_item(item: &DocumentItem, whole: &Happening, amount: Money) -> Happening {
    Happening {
        subscription_id: item.subscription.clone(),
        plan: item.plan.name.clone(),
        interval: item.interval.to_string(),
        quantity: item.quantity,
        amount_minor: amount.minor - item.tax_minor,
        mrr12_minor: item.mrr12,
        invoice_id: Some(item.invoice.clone()),
        tax_minor: (item.tax_minor != 0).then_some(item.tax_minor),
        coupon: item.coupon.clone(),
        period_end: Some(item.period_end),
        arm: item.arm.clone(),
        ..whole.clone()
    }
}

fn about(invoice: &Invoice, event_type: EventType, at: Instant, amount: Money) -> Happening {
    let terms = invoice.basis.terms();
    // What does not cover the invoice is nobody's tax yet: it becomes credit as a whole.
    let tax = if amount.minor >= invoice.payable().minor { invoice.payable_tax_minor() } else { 0 };
    Happening {
        subscription_id: invoice.subscription.clone(),
        customer_id: invoice.customer.clone(),
        event_type,
        occurred_at: at,
        plan: terms.plan.name.clone(),
        interval: terms.price.interval.to_string(),
        quantity: terms.quantity,
        currency: amount.currency.to_string(),
        amount_minor: amount.minor - tax,
        mrr12_minor: invoice.mrr12,
        invoice_id: Some(invoice.id.clone()),
        attempt: None,
        reason: None,
        list12_minor: None,
        tax_minor: (tax != 0).then_some(tax),
        gateway: None,
        method: None,
        code: None,
        coupon: invoice.basis.adjustments().coupon(),
        storefront: invoice.storefront.clone(),
        period_end: Some(invoice.basis.period().end),
        sku: None,
        arm: invoice.arm.clone(),
    }
}
