//! Where the money of a decision goes: an invoice now, the next one, or a credit note beside the invoice.
//!
//! Exists as the one place where the policy's destination is read, so that a decision says what it comes to and not where
//! that is written. A destination never changes what is owed in the end.

use super::{change::settle_credit, state::Subscription, transition::Step};
use crate::{
    calendar::{Instant, recurrence::Span},
    ids::Cause,
    invoice::{Basis, Charged, DocumentSide, Line, LineKind, NewInvoice, Purpose, compute},
    proration::{Destination, ProrationPolicy},
    refusal::Refusal,
    usage::Closed,
};

/// Most changes that wait for one invoice. One more is invoiced at once, with all that wait: an item of the table has an
/// end.
const PENDING_MAX: usize = 12;

impl Step {
    /// Issues the invoice of a decision within a period, and books the credit that it keeps or uses.
    pub(super) fn bill(&mut self, cause: Cause, basis: Basis, usage: Closed, at: Instant) -> Result<(), Refusal> {
        match destination(&basis) {
            Destination::NextInvoice if self.next.pending.len() < PENDING_MAX => {
                let basis = self.with_once(basis)?;
                let basis = self.metered(basis, usage, at)?;
                self.next.pending.push(basis);
                Ok(())
            }
            Destination::CreditNote => {
                let note = self.side(&basis, DocumentSide::Credit);
                // A decision that was agreed for a date is of the version that agreed on it.
                let version = if let Cause::Change(version) = cause { version } else { self.version };
                self.unless_empty(Cause::CreditNote(version), note, at)?;
                let charge = self.side(&basis, DocumentSide::Charge);
                let charge = self.with_once(charge)?;
                let charge = self.metered(charge, usage, at)?;
                let charge = self.with_pending(charge);
                self.unless_empty(cause, charge, at)
            }
            _ => {
                let basis = self.with_once(basis)?;
                let basis = self.metered(basis, usage, at)?;
                let basis = self.with_pending(basis);
                self.bill_only(cause, basis, at)
            }
        }
    }

    /// One side of a decision, with the customer's credit as it is now.
    fn side(&self, of: &Basis, side: DocumentSide) -> Basis {
        Basis::Side { of: Box::new(of.clone()), side, credit_minor: self.next.credit_minor }
    }

    /// A document, if there is anything on it.
    fn unless_empty(&mut self, cause: Cause, basis: Basis, at: Instant) -> Result<(), Refusal> {
        if compute(crate::RULES_VERSION, &basis)?.is_empty() { Ok(()) } else { self.bill_only(cause, basis, at) }
    }

    /// Issues the document of exactly this basis, and books the credit that it keeps or uses.
    pub(super) fn bill_only(&mut self, cause: Cause, basis: Basis, at: Instant) -> Result<(), Refusal> {
        settle_credit(self, &basis, at)?;
        let days_until_due = self.next.collection.days_until_due();
        self.issue(NewInvoice { cause, purpose: Purpose::Change, basis, at, days_until_due, gathers_until: None });
        Ok(())
    }

    /// `base`, and the decisions that waited for an invoice.
    pub(super) fn with_pending(&mut self, base: Basis) -> Basis {
        let earlier = std::mem::take(&mut self.next.pending);
        if earlier.is_empty() { base } else { Basis::Carried { base: Box::new(base), earlier } }
    }
}

/// Where the money of a decision goes by its policy. What starts a period or ends the contract has no next invoice to wait
/// for.
fn destination(basis: &Basis) -> Destination {
    match basis {
        Basis::Change { proration, next, .. } => match proration.destination {
            Destination::NextInvoice if next.is_some() => Destination::InvoiceNow,
            destination => destination,
        },
        Basis::End { proration, .. } if proration.destination == Destination::CreditNote => Destination::CreditNote,
        _ => Destination::InvoiceNow,
    }
}

impl Subscription {
    /// What was charged for the running period so far, where `policy` gives back by that: what is noted, else the price.
    pub(super) fn charged_so_far(&self, policy: &ProrationPolicy) -> Result<Option<Box<Charged>>, Refusal> {
        let Some(period) = self.period.filter(|_| policy.looks_at_charges()) else { return Ok(None) };
        if self.charged.is_some() {
            return Ok(self.charged.clone());
        }
        Ok(Some(Box::new(Charged::in_advance(&self.terms, &self.discounts_now()?, &period, self.stub.as_deref())?)))
    }

    /// Notes what a change charged, where its policy looks at that.
    pub(super) fn note_charges(
        &mut self,
        policy: &ProrationPolicy,
        before: Option<Box<Charged>>,
        lines: &[Line],
        at: Instant,
    ) -> Result<(), Refusal> {
        self.charged = match (before, self.period) {
            (Some(before), Some(period)) => {
                let span = Span::new(at.max(period.start), period.end);
                Some(Box::new(before.after(lines, span, policy, self.terms.price.currency)?))
            }
            _ => None,
        };
        Ok(())
    }

    /// The lines that wait for the next invoice, taxes included; none where nothing waits.
    ///
    /// # Errors
    /// As [`compute`].
    pub fn pending_lines(&self) -> Result<Vec<Line>, Refusal> {
        let at = self.period.filter(|_| !self.pending.is_empty()).map(|period| period.end);
        let Some(base) = at.and_then(|at| self.arrears(at)) else { return Ok(Vec::new()) };
        let basis = Basis::Carried { base: Box::new(base), earlier: self.pending.clone() };
        let mut lines = compute(crate::RULES_VERSION, &basis)?;
        // What credit pays, and whether anything is left over, is decided by the invoice that carries them.
        lines.retain(|line| !matches!(line.kind, LineKind::CreditUsed | LineKind::CreditKept));
        Ok(lines)
    }
}
