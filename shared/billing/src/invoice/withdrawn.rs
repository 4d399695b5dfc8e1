//! Open invoices that the merchant withdraws or gives up, and open invoices that credit of their own period lowers.
//!
//! Exists because what a period gave back may never have been paid: with the invoice of a period goes the credit that the
//! period was given back as, and while that invoice is open such credit lowers it before anybody can use it.

use rust_decimal::Decimal;

use super::{
    adjust::{Adjustment, tax_of_kept},
    basis::Basis,
    kept::{Kept, Left, charges, left},
    lines::LineKind,
    owed::{By, check_event, lower},
    state::{Invoice, InvoiceState},
    transition::Next,
};
use crate::{
    calendar::{Instant, Period, recurrence::Span},
    document::DocumentEvent,
    fact::EventType,
    money::{Money, MoneyError, Rounding, Unrounded},
    prepaid::PrepaidSource,
    refusal::Refusal,
    subscription::{Input, Subscription},
};

/// The reason of facts about what the merchant gave up, and not a ladder.
pub(crate) const BY_MERCHANT: &str = "merchant";

/// What follows for its contract when an invoice is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// What is left of the money for its period; none where it charges nothing for one.
    pub kept: Option<Kept>,
    /// Credit that is taken back: what the period was given back as without having been paid, as far as it is there.
    pub taken: Money,
    /// The tax in it, in minor units.
    pub taken_tax_minor: i64,
    /// The same without tax that came on top, in minor units: [`Invoice::taken_back_minor`].
    pub taken_net_minor: i64,
    /// What is not taken back, because it was used already. Nobody is asked for it.
    pub used: Money,
}

/// What withdrawing `invoice` does to its contract `held`, whose invoices are `all`.
///
/// # Errors
/// [`Refusal::InvalidField`] for an invoice that is paid, has credit notes, is a document or on one, is the first of a
/// contract that waits for it, or that an attempt is under way for, with what to do instead; [`Refusal::Money`].
pub fn withdrawal(invoice: &Invoice, held: &Subscription, all: &[&Invoice]) -> Result<Withdrawal, Refusal> {
    check_event(invoice, DocumentEvent::Void)?;
    if !invoice.credits.is_empty() {
        let detail = "has credit notes, which stand; credit what is left of it with another one".into();
        return Err(Refusal::InvalidField { field: "invoice", detail });
    }
    let currency = invoice.total.currency;
    let (nothing, period) = (Money::zero(currency), Span::from(invoice.basis.period()));
    let none = Withdrawal { kept: None, taken: nothing, taken_tax_minor: 0, taken_net_minor: 0, used: nothing };
    if !charges(invoice.basis.decision(), |other| Span::from(other) == period) {
        return Ok(none);
    }
    let others: Vec<&Invoice> = all.iter().copied().filter(|other| other.id != invoice.id).collect();
    let Left { charged, noted } = left(period, currency, &others)?;
    let kept = charged.plus(noted.negated()?)?;
    let unpaid = Unpaid::of(&others, period, kept)?;
    let there = held.credit_in(currency).saturating_add(invoice.paid_by_credit().minor).max(0);
    let taken = Money::new(unpaid.gross.minor.min(there), currency);
    let part = |of: Money| part_of(of, taken, unpaid.gross);
    let (net, tax) = (part(unpaid.net)?, part(unpaid.tax)?);
    let minor = kept.plus(net)?.minor;
    let taken_minor = held.kept.map_or(0, |before| before.taken_minor);
    Ok(Withdrawal {
        kept: Some(Kept { minor, noted_minor: noted.minor, taken_minor }),
        taken,
        taken_tax_minor: tax.minor,
        taken_net_minor: net.minor,
        used: unpaid.gross.plus(taken.negated()?)?,
    })
}

/// That `invoice` may be given up.
///
/// # Errors
/// [`Refusal::InvalidField`] as [`withdrawal`], but for credit notes, and for a top-up.
pub fn check_write_off(invoice: &Invoice) -> Result<(), Refusal> {
    if invoice.basis.top_up().is_some() {
        let detail = "is a top-up, and nothing is owed for what was not sold; void it".into();
        return Err(Refusal::InvalidField { field: "invoice", detail });
    }
    check_event(invoice, DocumentEvent::GiveUp)
}

/// Credit that a period was given back as, and that nobody had paid for.
struct Unpaid {
    gross: Money,
    tax: Money,
    net: Money,
}

impl Unpaid {
    /// Of what `invoices` gave back as credit for `period`, the part below zero of what is `left`.
    fn of(invoices: &[&Invoice], period: Span, left: Money) -> Result<Self, Refusal> {
        let zero = Money::zero(left.currency);
        let (mut gross, mut tax, mut net) = (zero, zero, zero);
        let those = invoices.iter().filter(|i| i.state != InvoiceState::Void && i.total.currency == left.currency);
        for invoice in those {
            let Some(given) = given_back(invoice)?.filter(|given| Span::from(&given.period) == period) else {
                continue;
            };
            gross = gross.plus(given.credit)?;
            tax = tax.plus(Money::new(given.tax_minor, zero.currency))?;
            net = net.plus(given.net)?;
        }
        let over = Money::new((-left.minor).clamp(0, net.minor.max(0)), zero.currency);
        Ok(Self { gross: part_of(gross, over, net)?, tax: part_of(tax, over, net)?, net: over })
    }
}

/// The `part` of `whole` of an amount, rounded half to even; nothing of nothing.
fn part_of(of: Money, part: Money, whole: Money) -> Result<Money, MoneyError> {
    if whole.minor == 0 {
        return Ok(Money::zero(of.currency));
    }
    let share = Unrounded::from_money(of).times(Decimal::from(part.minor), Decimal::from(whole.minor))?;
    share.round(Rounding::HalfEven)
}

/// What a change, a pause or an end gave back of a period as credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// Of which period.
    pub period: Period,
    /// How much became credit, tax included.
    pub credit: Money,
    /// The tax in it, in minor units.
    pub tax_minor: i64,
    /// What was given back without tax that came on top, also where a part of it paid for something else on the document.
    pub(super) net: Money,
}

/// What the document of a decision gave back as credit, by itself or for decisions that waited for it; none where it gave
/// none.
///
/// # Errors
/// [`Refusal::Money`].
pub fn given_back(made: &Invoice) -> Result<Option<GivenBack>, Refusal> {
    let kept = made.lines.iter().find(|line| line.kind == LineKind::CreditKept).map(|line| line.amount);
    let Some((credit, period)) = kept.zip(period_given_back(&made.basis)) else { return Ok(None) };
    let net = left(Span::from(&period), credit.currency, &[made])?.charged.negated()?;
    Ok(Some(GivenBack { period, credit, tax_minor: tax_of_kept(&made.lines, credit)?.minor, net }))
}

/// The period that a change or an end on a document gives back of; what waits for a document is of one period.
fn period_given_back(basis: &Basis) -> Option<Period> {
    if let Basis::Carried { base, earlier } = basis {
        return earlier.iter().find_map(period_given_back).or_else(|| period_given_back(base));
    }
    let (Basis::Change { period, .. } | Basis::End { period, .. }) = basis.decision() else { return None };
    Some(*period)
}

/// An open invoice that credit lowers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidByCredit {
    /// The invoice after.
    pub invoice: Invoice,
    /// How much of it.
    pub amount: Money,
    /// The tax in that credit, in minor units.
    pub tax_minor: i64,
}

/// Lowers the invoices of a period that are open by what the period gave back, `most` of it at most: the oldest first. One
/// that an attempt is under way for, or that is on a document, is left as it is.
///
/// # Errors
/// [`Refusal::Money`].
pub fn pay_from_credit(
    given: &GivenBack,
    most: Money,
    open: &[&Invoice],
    at: Instant,
) -> Result<Vec<PaidByCredit>, Refusal> {
    let span = Span::from(&given.period);
    let is_of = |i: &&&Invoice| {
        charges(i.basis.decision(), |other| Span::from(other) == span) && i.total.currency == given.credit.currency
    };
    let mut those: Vec<&Invoice> = open.iter().filter(is_of).copied().filter(|i| i.can_be_lowered()).collect();
    those.sort_by(|a, b| (a.issued_at, &a.id).cmp(&(b.issued_at, &b.id)));
    let mut left = Money::new(most.minor.min(given.credit.minor), given.credit.currency);
    let mut paid = Vec::new();
    for invoice in those.into_iter().filter(|i| !i.is_document() && i.basis.top_up().is_none()) {
        let amount = Money::new(invoice.amount_due().minor.min(left.minor), left.currency);
        if amount.minor <= 0 {
            break;
        }
        left = left.plus(amount.negated()?)?;
        let tax = part_of(Money::new(given.tax_minor, amount.currency), amount, given.credit)?;
        let mut invoice = invoice.clone();
        lower(&mut invoice, By::Credit, amount, at)?;
        paid.push(PaidByCredit { invoice, amount, tax_minor: tax.minor });
    }
    Ok(paid)
}

impl Invoice {
    /// What credit of its contract paid of it, when it was issued and since.
    #[must_use]
    pub fn paid_by_credit(&self) -> Money {
        let used = self.lines.iter().filter(|line| line.kind == LineKind::CreditUsed).map(|line| line.amount.minor);
        Money::new(self.lowered.credit_minor - used.sum::<i64>(), self.total.currency)
    }

    /// Whether the merchant gave it up, so that its contract goes on.
    #[must_use]
    pub fn is_written_off(&self) -> bool {
        self.written_off && !self.debt_paid && self.state == InvoiceState::Uncollectible
    }

    /// The prepaid credit that paid usage on it.
    fn paid_by_prepaid(&self) -> Vec<(PrepaidSource, Money)> {
        let of_line = |line: &super::lines::Line| match line.why.adjustment.as_deref() {
            Some(Adjustment::Prepaid(source)) if line.kind == LineKind::PrepaidUsed => {
                Some((source.clone(), Money::new(-line.amount.minor, line.amount.currency)))
            }
            _ => None,
        };
        self.lines.iter().filter_map(of_line).collect()
    }
}

impl Next {
    /// The merchant withdraws it. What credit and prepaid credit paid of it goes back, and access comes back.
    pub(super) fn withdraw_asked(&mut self, taken_back_minor: i64, now: Instant) -> bool {
        let is_void = self.invoice.state == InvoiceState::Void;
        if is_void || !self.invoice.credits.is_empty() || check_event(&self.invoice, DocumentEvent::Void).is_err() {
            return false;
        }
        let owed = self.invoice.amount_due();
        self.fact(EventType::Voided, now, owed, |_, _| {});
        let invoice = self.invoice.id.clone();
        if self.invoice.basis.top_up().is_some() {
            self.tell(Input::TopUpVoid { invoice: invoice.clone() });
        }
        let sources = self.invoice.paid_by_prepaid();
        if !sources.is_empty() {
            self.tell(Input::PrepaidBack { invoice, sources, at: now });
        }
        self.invoice.taken_back_minor = taken_back_minor;
        self.restore();
        self.withdraw(now);
        true
    }

    /// The merchant gives it up: nobody asks for it any more, and the contract goes on with access.
    pub(super) fn write_off(&mut self, now: Instant) -> bool {
        if self.invoice.state == InvoiceState::Uncollectible || check_write_off(&self.invoice).is_err() {
            return false;
        }
        let owed = self.invoice.amount_due();
        self.fact(EventType::WrittenOff, now, owed, |fact, _| fact.reason = Some(BY_MERCHANT.into()));
        self.invoice.state = InvoiceState::Uncollectible;
        (self.invoice.written_off, self.invoice.gathered) = (true, false);
        self.restore();
        true
    }
}
