//! Money that came for an invoice, by an attempt of ours or by another way, and credit that goes back when nothing is owed.
//!
//! Exists beside the table, because one thing holds for all of it: money never vanishes. What settles nothing is credit, and a
//! person is told.

use super::{
    consolidated::shares,
    state::{Attempt, Claim, InvoiceState, PaidBy, Purpose},
    transition::{Answer, InvoiceEffect, Next, parse_key},
};
use crate::{calendar::Instant, fact::EventType, gateway::ChargeOutcome, money::Money, subscription::Input};

impl Next {
    /// News about an attempt that is not under way. A capture must not vanish; anything else is old.
    pub(super) fn stray(&mut self, answer: &Answer) -> bool {
        let ChargeOutcome::Succeeded { reference, at } = &answer.outcome else { return false };
        if self.knows(reference) || !answer.key.starts_with(self.invoice.id.as_str()) {
            return false;
        }
        let amount = self.sent(&answer.key);
        self.received(amount, reference.clone(), *at)
    }

    /// What the attempt with this key was to collect; an attempt that never ended was to collect what is owed now.
    fn sent(&self, key: &str) -> Money {
        let number = parse_key(key).map(|(_, number)| number);
        let ended = self.invoice.attempts.iter().find(|attempt| Some(attempt.attempt) == number);
        ended.map_or_else(|| self.invoice.payable(), |attempt| attempt.amount.unwrap_or(self.invoice.total))
    }

    /// The amount of an attempt, where it is not the invoice's total.
    pub(super) fn other_amount(&self, claim: &Claim) -> Option<Money> {
        Some(claim.amount).filter(|amount| *amount != self.invoice.total)
    }

    fn knows(&self, reference: &str) -> bool {
        self.invoice.attempts.iter().any(|a| a.code.is_none() && a.reference.as_deref() == Some(reference))
    }

    pub(super) fn captured(&mut self, claim: &Claim, reference: String, at: Instant) -> bool {
        let paid_by = Some(PaidBy { gateway: claim.method.gateway.clone(), kind: claim.method.kind.clone() });
        let amount = self.other_amount(claim);
        let attempt = Attempt { attempt: claim.attempt, at, code: None, reference: Some(reference), amount, paid_by };
        self.invoice.attempts.push(attempt);
        if self.invoice.purpose.opens() && self.invoice.withdrawn {
            // The contract was given up before its money came: the money belongs to the customer.
            self.invoice.state = InvoiceState::Void;
            self.attempt_fact(|_| EventType::Payment, claim, at, None);
            self.credit(claim.amount, "late", at);
            return true;
        }
        self.invoice.state = InvoiceState::Paid { at };
        if self.invoice.purpose.opens() {
            let (amount, tax_minor) = (claim.amount, self.invoice.payable_tax_minor());
            let opened = Input::OpeningPaid { amount, tax_minor, claim: Some(Box::new(claim.clone())), at };
            self.effects.push(InvoiceEffect::Subscription(opened));
        }
        if self.invoice.purpose == Purpose::Opening {
            // The contract's `signup` carries the money.
            return true;
        }
        let event = |purpose| match (purpose, claim.attempt) {
            (Purpose::Period, 1) => EventType::Renewal,
            (Purpose::Trial, _) | (_, 1) => EventType::Payment,
            _ => EventType::PaymentRecovered,
        };
        self.attempt_fact(event, claim, at, None);
        self.restore();
        self.topped_up(at);
        true
    }

    /// What a top-up sold is the contract's from its payment on, by whichever way the money came.
    fn topped_up(&mut self, at: Instant) {
        if let Some(top_up) = self.invoice.basis.top_up().copied() {
            let invoice = self.invoice.id.clone();
            self.effects.push(InvoiceEffect::Subscription(Input::TopUpPaid { invoice, top_up, at }));
        }
    }

    pub(super) fn restore(&mut self) {
        if self.invoice.suspends {
            self.invoice.suspends = false;
            self.tell(Input::Restore { invoice: self.invoice.id.clone() });
        }
    }

    pub(super) fn received(&mut self, amount: Money, reference: String, at: Instant) -> bool {
        if self.knows(&reference) {
            return false;
        }
        let attempt = Attempt { attempt: 0, at, code: None, reference: Some(reference), amount: None, paid_by: None };
        self.invoice.attempts.push(attempt);
        let total = self.invoice.payable();
        // While an attempt is under way its answer may still take the money: what comes by another way is credit.
        let waits = matches!(self.invoice.state, InvoiceState::Due { .. } | InvoiceState::Waiting { .. });
        let settles = (waits || self.invoice.is_written_off())
            && amount.currency == total.currency
            && amount.minor >= total.minor;
        if settles {
            self.fact(EventType::Payment, at, amount, |f, _| f.reason = Some("transfer".into()));
            self.invoice.state = InvoiceState::Paid { at };
            self.invoice.resend = None;
            self.restore();
            self.topped_up(at);
            if self.invoice.purpose.opens() {
                let tax_minor = self.invoice.payable_tax_minor();
                let opened = Input::OpeningPaid { amount: total, tax_minor, claim: None, at };
                self.effects.push(InvoiceEffect::Subscription(opened));
            }
            if amount.minor > total.minor {
                self.credit(Money::new(amount.minor - total.minor, amount.currency), "overpaid", at);
            }
        } else {
            self.note_of(EventType::Payment, at, amount, "transfer");
            let text = format!("{amount} arrived for {} and could not settle it: kept as credit", self.invoice.id);
            self.effects.push(InvoiceEffect::Alarm(text));
            self.credit_everyone(amount, "unallocated", at);
        }
        true
    }

    fn credit(&mut self, amount: Money, reason: &'static str, at: Instant) {
        self.effects.push(InvoiceEffect::Subscription(Input::Credit { amount, tax_minor: 0, reason, at }));
    }

    /// Credit of all contracts on a document, each up to what its items come to, in their order; what is more is the first's.
    fn credit_everyone(&mut self, amount: Money, reason: &'static str, at: Instant) {
        let Some(items) = self.invoice.basis.items() else { return self.credit(amount, reason, at) };
        let credits: Vec<_> = shares(items, amount).map(|(item, part)| (item.subscription.clone(), part)).collect();
        for (contract, amount) in credits {
            let input = Input::Credit { amount, tax_minor: 0, reason, at };
            self.effects.push(InvoiceEffect::Contract(contract, input));
        }
    }

    /// Nothing is owed any more. What credit had paid of it is credit again; what prepaid credit paid was used.
    pub(super) fn withdraw(&mut self, at: Instant) {
        self.invoice.state = InvoiceState::Void;
        self.invoice.resend = None;
        let back = self.invoice.paid_by_credit();
        if back.minor > 0 {
            self.credit(back, "withdrawn", at);
        }
    }
}
