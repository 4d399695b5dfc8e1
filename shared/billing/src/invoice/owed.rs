//! What is owed on an issued invoice: its total, less what lowered it before it was paid.
//!
//! Exists because an issued invoice is never edited. A credit note, or credit of its contract, takes off what is asked for; the
//! lines and the total stay as they were issued.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    lines::LineKind,
    state::{Invoice, InvoiceState},
    tax_of,
};
use crate::{
    calendar::Instant,
    document::{DocumentEvent, DocumentStatus},
    money::{Money, MoneyError, Rounding, Unrounded},
    refusal::Refusal,
};

/// What took off an invoice after it was issued and before it was paid, in minor units of its currency, 0 or more each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lowered {
    /// By credit notes.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub notes_minor: i64,
    /// By credit of its contract that its own period was given back as.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub credit_minor: i64,
    /// The tax in both: it is in no payment any more.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub tax_minor: i64,
}

impl Lowered {
    /// Both together.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.notes_minor.saturating_add(self.credit_minor)
    }
}

/// What lowers an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Note,
    Credit,
}

impl Invoice {
    /// What is to be paid, or was: its total less what lowered it before it was paid.
    #[must_use]
    pub fn payable(&self) -> Money {
        Money::new(self.total.minor.saturating_sub(self.lowered.minor()), self.total.currency)
    }

    /// The tax in [`Self::payable`], in minor units.
    #[must_use]
    pub fn payable_tax_minor(&self) -> i64 {
        self.tax_minor.saturating_sub(self.lowered.tax_minor)
    }

    /// What is still owed: nothing once it is paid or withdrawn. What was given up is owed as before, until credit pays it.
    #[must_use]
    pub fn amount_due(&self) -> Money {
        match self.status() {
            _ if self.debt_paid => Money::zero(self.total.currency),
            DocumentStatus::Open | DocumentStatus::Uncollectible => self.payable(),
            DocumentStatus::Draft | DocumentStatus::Paid | DocumentStatus::Void => Money::zero(self.total.currency),
        }
    }

    /// What the document is.
    #[must_use]
    pub fn status(&self) -> DocumentStatus {
        match self.state {
            InvoiceState::Due { .. }
            | InvoiceState::Waiting { .. }
            | InvoiceState::Collecting { .. }
            | InvoiceState::Unknown { .. }
            | InvoiceState::Gathering { .. }
            | InvoiceState::Grouped => DocumentStatus::Open,
            InvoiceState::Paid { .. } => DocumentStatus::Paid,
            InvoiceState::Void => DocumentStatus::Void,
            InvoiceState::Uncollectible => DocumentStatus::Uncollectible,
        }
    }

    /// Whether an attempt is under way, nobody knows what became of one, or one goes again: its amount is frozen.
    #[must_use]
    pub fn is_being_collected(&self) -> bool {
        let claimed = matches!(self.state, InvoiceState::Collecting { .. } | InvoiceState::Unknown { .. });
        claimed || self.resend.is_some()
    }

    /// Whether what is owed on it can be lowered now: it is owed by itself, and no attempt on it is under way.
    #[must_use]
    pub fn can_be_lowered(&self) -> bool {
        check_changeable(self).is_ok() && self.amount_due().minor > 0
    }
}

fn refuse(detail: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::InvalidField { field: "invoice", detail: detail.into() })
}

/// That what is owed on `invoice` may be changed now, where anything is.
pub(super) fn check_changeable(invoice: &Invoice) -> Result<(), Refusal> {
    if invoice.is_being_collected() {
        return refuse("an attempt to collect it is under way; ask again when that has its answer");
    }
    if invoice.debt_paid {
        return refuse(
            "was given up, and credit paid it when its contract came back: nothing is owed on it; give credit another way",
        );
    }
    if invoice.purpose.opens() && invoice.status() == DocumentStatus::Open {
        return refuse(
            "is the first one of a contract that waits for its money; it is withdrawn when that does not come",
        );
    }
    if let Some(document) = invoice.document.as_ref().filter(|_| invoice.status() != DocumentStatus::Paid) {
        return refuse(format!(
            "is on the document {document}, which is owed as it stands; credit it when that is paid, or give credit \
             another way"
        ));
    }
    Ok(())
}

/// That `event` may be asked for of `invoice` now.
///
/// # Errors
/// [`Refusal::InvalidField`], with what to do instead.
pub(super) fn check_event(invoice: &Invoice, event: DocumentEvent) -> Result<(), Refusal> {
    if invoice.is_document() {
        return refuse(
            "is a document of several invoices, which is owed as it stands; credit those on it when it is paid",
        );
    }
    check_changeable(invoice)?;
    match invoice.status().after(event) {
        Ok(_) => Ok(()),
        Err(error) => refuse(error.instead),
    }
}

/// Takes `amount` off what is owed, at `at`; what is owed is nothing then, it is settled. A note is among its credits
/// already.
pub(super) fn lower(invoice: &mut Invoice, by: By, amount: Money, at: Instant) -> Result<(), MoneyError> {
    if amount.minor == 0 {
        return Ok(());
    }
    let lowered = match by {
        By::Note => &mut invoice.lowered.notes_minor,
        By::Credit => &mut invoice.lowered.credit_minor,
    };
    *lowered = lowered.checked_add(amount.minor).ok_or(MoneyError::Overflow)?;
    let tax = tax_left(invoice)?;
    invoice.lowered.tax_minor = invoice.tax_minor.saturating_sub(tax.minor);
    if invoice.payable().minor <= 0 {
        // Nothing is asked for, so it is an invoice of its own, as one that owes nothing from the start.
        invoice.gathered = false;
        invoice.suspends = false;
        invoice.state = InvoiceState::Paid { at };
    }
    Ok(())
}

/// The tax in what is left to be paid: its share of what notes left of all taxes. Rounded half to even.
fn tax_left(invoice: &Invoice) -> Result<Money, MoneyError> {
    let currency = invoice.total.currency;
    let left = |whole: Money, taken: fn(&crate::document::CreditNote) -> Money| {
        whole.plus(Money::sum(currency, invoice.credits.iter().map(taken))?.negated()?)
    };
    let pays = |kind| matches!(kind, LineKind::CreditUsed | LineKind::PrepaidUsed);
    let used = Money::sum(currency, invoice.lines.iter().filter(|l| pays(l.kind)).map(|l| l.amount))?;
    let whole = left(invoice.total.plus(used.negated()?)?, |note| note.total)?;
    let tax = left(tax_of(&invoice.lines, currency)?, |note| note.tax)?;
    let payable = invoice.payable();
    if payable.minor <= 0 || whole.minor <= 0 {
        return Ok(Money::zero(currency));
    }
    let share = Unrounded::from_money(tax)
        .times(Decimal::from(payable.minor), Decimal::from(whole.minor))?
        .round(Rounding::HalfEven)?;
    Ok(Money::new(share.minor.clamp(0, payable.minor), currency))
}
