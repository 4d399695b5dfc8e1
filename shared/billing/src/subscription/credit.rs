//! Credit that no invoice of the contract gives: late money, what failed to go back, and what moves between two contracts of a
//! customer.
//!
//! Exists because credit lies on a contract (decision 2), and a customer's money must not stay on one that has ended while
//! another one is billed.

use super::{
    facts::fact,
    transition::{Effect, Step},
};
use crate::{calendar::Instant, fact::EventType, money::Money, refusal::Refusal};

/// The reason of the `credit` facts of both contracts where credit moves: below zero where it was.
const MOVED: &str = "moved";

impl Step {
    /// The customer gets credit, and a person is told.
    pub(super) fn credit(&mut self, amount: Money, tax_minor: i64, reason: &str, at: Instant) -> Result<bool, Refusal> {
        self.effects.push(Effect::Alarm(format!("{} has {amount} of credit: {reason}", self.next.id)));
        self.book(amount, tax_minor, reason, at)
    }

    /// `amount` of its credit goes to another contract.
    pub(super) fn give_credit(&mut self, amount: Money, now: Instant) -> Result<bool, Refusal> {
        let has = Money::new(self.next.credit_in(amount.currency), amount.currency);
        if amount.minor <= 0 || amount.minor > has.minor {
            let detail = format!("must be above zero and at most {has}, the credit of {}", self.next.id);
            return Err(Refusal::InvalidField { field: "amount", detail });
        }
        self.book(amount.negated()?, 0, MOVED, now)
    }

    /// `amount` of another contract's credit comes here.
    pub(super) fn take_credit(&mut self, amount: Money, now: Instant) -> Result<bool, Refusal> {
        self.book(amount, 0, MOVED, now)
    }

    /// Credit comes, or (below zero) goes, and a fact says so.
    pub(super) fn book(&mut self, amount: Money, tax_minor: i64, reason: &str, at: Instant) -> Result<bool, Refusal> {
        self.next.add_credit(amount)?;
        let mut happening = fact(&self.next, EventType::Credit, at)?;
        (happening.amount_minor, happening.currency) = (amount.minor - tax_minor, amount.currency.to_string());
        happening.tax_minor = (tax_minor != 0).then_some(tax_minor);
        happening.reason = Some(reason.into());
        self.facts.push(happening);
        Ok(true)
    }
}
