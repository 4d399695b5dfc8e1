//! What a contract is billed for what was used: at the end of a period, of the contract, and where its price changes.

use super::{change::settle_credit, state::Subscription, transition::Step};
use crate::{
    calendar::{Instant, recurrence::Span},
    ids::Cause,
    invoice::{Adjustments, Basis, NewInvoice},
    money::MoneyError,
    refusal::Refusal,
    usage::{Closed, InPart, Least, Running, UsageRecord},
};

impl Step {
    /// Bills the usage of the period that runs, up to `end`. None where the contract has no usage.
    pub(super) fn close_usage(&mut self, end: Instant) -> Result<Closed, Refusal> {
        let Some(running) = self.next.running_usage()? else { return Ok(Closed::default()) };
        let record = self.usage_record()?.clone();
        let end = end.min(running.period.end);
        let mut closed = self.next.usage.close(&self.next.terms.usage, &record, &running, end)?;
        // The invoice may be for the plan that comes next.
        for plan in closed.plans() {
            plan.get_or_insert_with(|| self.next.terms.plan.clone());
        }
        Ok(closed)
    }

    /// What is stored of the contract's usage: a decision that bills it must have been given that.
    pub(super) fn usage_record(&self) -> Result<&UsageRecord, Refusal> {
        self.known.usage.as_ref().ok_or_else(|| {
            let detail = "the contract has usage, and the decision was not given its record".to_owned();
            Refusal::InvalidField { field: "usage", detail }
        })
    }

    /// Issues the invoice of a period that begins, with the usage of what ended and what waited for it. `credit_before` is
    /// the customer's credit before that period took from it.
    pub(super) fn issue_with_usage(
        &mut self,
        invoice: NewInvoice,
        usage: Closed,
        credit_before: i64,
    ) -> Result<(), Refusal> {
        if usage.is_empty() && self.next.pending.is_empty() {
            self.issue(invoice);
            return Ok(());
        }
        let basis = self.metered(invoice.basis, usage, invoice.at)?;
        let basis = self.with_pending(basis);
        self.next.credit_minor = credit_before;
        settle_credit(self, &basis, invoice.at)?;
        self.issue(NewInvoice { basis, ..invoice });
        Ok(())
    }

    /// An invoice for nothing but `usage`, if there is any.
    pub(super) fn issue_arrears(&mut self, usage: Closed, at: Instant) -> Result<(), Refusal> {
        let Some(base) = self.next.arrears(at).filter(|_| !usage.is_empty()) else { return Ok(()) };
        let cause = Cause::Usage(base.period().ordinal);
        self.bill(cause, base, usage, at)
    }
}

impl Subscription {
    /// Whether usage may be billed: what is used now, or what comes late to terms that had usage.
    #[must_use]
    pub fn has_usage(&self) -> bool {
        !self.terms.usage.is_empty() || self.usage.has_earlier_prices()
    }

    /// The period that usage is billed for; none before the first, and for contracts without usage.
    pub(crate) fn running_usage(&self) -> Result<Option<Running>, MoneyError> {
        let Some(period) = self.period.filter(|_| self.has_usage()) else { return Ok(None) };
        let full = self.stub.as_ref().map_or_else(|| Span::from(&period), |stub| stub.whole);
        let (part, zone, unit) = (self.terms.price.usage_minimum_part, self.anchor.zone(), self.proration.unit);
        // A period that ends with the contract has the part of a minimum that every end leaves of it; where that end is taken
        // back, the rest has the other part.
        let is_part = self.stub.as_ref().is_some_and(|stub| stub.trailing || stub.rest);
        let part = if is_part { part.or(Some(InPart::Share)) } else { part };
        let least = self.terms.usage_minimum()?.map(|amount| Least { amount, part });
        Ok(Some(Running { period: (&period).into(), full, zone, unit, least }))
    }

    /// The basis of an invoice that is for nothing by itself; none before the first period.
    pub(super) fn arrears(&self, at: Instant) -> Option<Basis> {
        Some(Basis::Arrears {
            terms: Box::new(self.terms.clone()),
            period: self.period?,
            at,
            credit_minor: self.credit_minor,
            adjustments: Box::new(Adjustments {
                tax: self.tax.as_deref().cloned(),
                policy: self.terms.conditions.document,
                ..Adjustments::default()
            }),
        })
    }
}

/// `base` with `usage` beside it.
pub(super) fn metered(base: Basis, closed: Closed) -> Basis {
    if closed.is_empty() {
        return base;
    }
    let mut closed = closed;
    for plan in closed.plans() {
        plan.take_if(|plan| *plan == base.terms().plan);
    }
    let Closed { usage, minimums } = closed;
    Basis::Metered { base: Box::new(base), usage, minimums }
}
