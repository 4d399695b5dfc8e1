//! What a contract does when one of its open invoices is withdrawn, given up, or paid from credit.
//!
//! Exists apart from the table, because the contract itself goes on: only its credit, what is left of its period, and its
//! access follow the invoice.

use super::{
    input::Input,
    state::{State, Subscription},
    transition::Step,
};
use crate::{
    calendar::{Instant, Period, recurrence::Span},
    ids::InvoiceId,
    invoice::{Withdrawal, keep_pending},
    money::Money,
    refusal::Refusal,
};

impl Step {
    /// The part of the table about open invoices that are corrected. Every decision of the merchant is applied, also where
    /// nothing of the contract changes: the journal says who asked, and why.
    pub(super) fn invoice_corrected(
        &mut self,
        state: &State,
        input: Input,
        action: &'static str,
        now: Instant,
    ) -> Result<bool, Refusal> {
        match input {
            Input::PrepaidBack { sources, at, .. } => self.prepaid_back(sources, at),
            Input::PayInvoice { amount, tax_minor, .. } => {
                self.credit_off(amount, tax_minor, "applied", now)?;
                Ok(true)
            }
            Input::HandOver { invoice, to } => Ok(self.next.hand_over(&invoice, to)),
            _ if matches!(state, State::Incomplete { .. }) => Err(Refusal::WrongState { state: state.name(), action }),
            Input::VoidInvoice { withdrawal, period, .. } => self.invoice_voided(&withdrawal, &period, now),
            _ => Ok(true),
        }
    }

    /// The money for a period is gone with its invoice: what is left of it nobody gives back again, and credit that it was
    /// given back as is taken back.
    fn invoice_voided(&mut self, withdrawal: &Withdrawal, period: &Period, now: Instant) -> Result<bool, Refusal> {
        self.credit_off(withdrawal.taken, withdrawal.taken_tax_minor, "voided", now)?;
        if let Some(kept) = withdrawal.kept {
            let span = Span::from(period);
            let kept = keep_pending(&mut self.next.pending, span, kept)?;
            if self.next.period.as_ref().map(Span::from) == Some(span) {
                self.next.kept = Some(kept);
            }
        }
        Ok(true)
    }

    /// Credit that is used or taken back; nothing where it is none. Its fact is below zero.
    fn credit_off(&mut self, amount: Money, tax_minor: i64, reason: &str, at: Instant) -> Result<(), Refusal> {
        if amount.minor != 0 {
            self.book(amount.negated()?, -tax_minor, reason, at)?;
        }
        Ok(())
    }
}

impl Subscription {
    /// Access that `invoice` took away stays away for the invoice `to`; false: it was not that which took it away.
    fn hand_over(&mut self, invoice: &InvoiceId, to: InvoiceId) -> bool {
        let is_its = self.suspended_by.as_ref() == Some(invoice);
        if is_its {
            self.suspended_by = Some(to);
        }
        is_its
    }
}
