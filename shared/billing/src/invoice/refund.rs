//! Refunds: money of a paid invoice on its way back to the payment that brought it.
//!
//! Exists because a credit note only says what is given back. The money moves by the protocol of the charges: it is decided
//! and stored first, claimed before the gateway is called under a key of its own, and what nobody knows is never failed.
//! The refund stands beside the invoice's state, which stays paid.

mod transition;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    basis::Basis,
    credit::{Parts, note, written},
    state::{Invoice, InvoiceWake, PaidBy},
};
use crate::{
    calendar::{Instant, WallTime},
    document::{CreditNote, CreditRequest, DocumentStatus, SettlementWish, settle},
    gateway::RefundDeclaration,
    ids::InvoiceId,
    money::{Money, MoneyError, Rounding, Unrounded},
    refusal::Refusal,
};

pub use transition::RefundNews;

/// What the gateway is asked for: everything but `at` is frozen when the refund is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundClaim {
    /// `<invoice>:r<n>`, the gateway's idempotency key; never another one for the same refund.
    pub key: String,
    /// How much goes back, tax included.
    pub amount: Money,
    /// Through what the payment came.
    pub paid_by: PaidBy,
    /// The gateway's id of that payment.
    pub payment: String,
    /// Business time of the call; of the decision before the first.
    pub at: Instant,
}

/// One refund, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// What the gateway is asked for.
    pub claim: RefundClaim,
    /// The tax in its amount, in minor units.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub tax_minor: i64,
    /// Where it stands.
    pub state: RefundState,
}

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum RefundState {
    /// Decided; waits for a worker.
    Due {
        /// Since when (business time).
        at: Instant,
    },
    /// Somebody claimed it and calls the gateway.
    Calling {
        /// The business instant that its place in the index had and keeps.
        since: Instant,
        /// When the worker that claimed is given up, in wall time.
        deadline: WallTime,
    },
    /// Nobody knows what became of it, or the gateway has not decided; the gateway is asked again and again.
    Unknown {
        /// The deadline of the last call: it tells when that was sent.
        deadline: WallTime,
        /// How often the gateway was asked.
        asked: u8,
        /// When it is asked next, in wall time.
        ask_at: WallTime,
    },
    /// The money went back.
    Done {
        /// When, by the gateway's clock.
        at: Instant,
        /// The gateway's id of the refund.
        reference: String,
    },
    /// It did not, or came back from the customer's bank: it is credit of the contract.
    Failed {
        /// When, by the gateway's clock.
        at: Instant,
        /// The gateway's code.
        code: String,
    },
}

impl RefundState {
    /// The state in a word, as the API shows it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Due { .. } => "due",
            Self::Calling { .. } => "calling",
            Self::Unknown { .. } => "pending",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Gives back what `request` asks for of a paid `invoice`, as [`super::credit`] does, and sends the money back to the
/// payment that brought it, as far as that goes; what credit had paid becomes credit again. `payer` is whose attempt was
/// captured: the document that the invoice is on, or the invoice itself. `gateway`: what the adapter named by
/// [`Invoice::paid_by`] of the payer declares; none when it declares no refunds or is not set up. The answer is the
/// invoice with the note and the refund, and the basis of the note's document.
///
/// # Errors
/// As [`super::credit`]; [`Refusal::InvalidField`] where there is no payment to send it back to, where the gateway cannot,
/// or where nothing of the payment is left.
pub fn refund(
    invoice: &Invoice,
    payer: &Invoice,
    request: &CreditRequest,
    gateway: Option<RefundDeclaration>,
    now: Instant,
) -> Result<(Invoice, Basis), Refusal> {
    if invoice.status() == DocumentStatus::Open || invoice.status() == DocumentStatus::Uncollectible {
        return Err(refused("the invoice is not paid, and nothing can go back; refund it when its money is there"));
    }
    let note = note(invoice, request)?;
    let (payment, paid_by) = payment(payer)?;
    let Some(gateway) = gateway else {
        let can_not =
            format!("gateway {} makes no refunds here; send the money back on its own pages", paid_by.gateway);
        return Err(refused(&can_not));
    };
    // Of a document's payment an invoice brought what it owed.
    let left = invoice.payable().plus(returned(invoice)?.negated()?)?;
    let parts = settle(note.total, Money::zero(left.currency), left, SettlementWish::Refund);
    let amount = parts.map_err(|e| Refusal::InvalidField { field: "lines", detail: e.to_string() })?.refund;
    if amount.minor == 0 {
        return Err(refused("all that this payment brought is refunded, or is on its way"));
    }
    if !gateway.partial && amount != payer.payable() {
        let whole = if payer.is_document() { "this one is for several invoices" } else { "refund all lines" };
        return Err(refused(&format!("gateway {} refunds whole payments only; {whole}", paid_by.gateway)));
    }
    let key = refund_key(&invoice.id, invoice.refunds.len() + 1);
    let claim = RefundClaim { key, amount, paid_by: paid_by.clone(), payment: payment.to_owned(), at: now };
    let tax_minor = refunded_tax(&note, amount)?.minor;
    let (mut credited, basis) =
        written(invoice, note, Parts { refund: amount, against_due: Money::zero(left.currency) }, now)?;
    credited.refunds.push(Refund { claim, tax_minor, state: RefundState::Due { at: now } });
    Ok((credited, basis))
}

fn refused(why: &str) -> Refusal {
    Refusal::InvalidField { field: "refund", detail: format!("{why}, or leave refund out to give credit") }
}

impl Invoice {
    /// Through what the invoice was paid, if it was captured by an attempt of ours.
    #[must_use]
    pub fn paid_by(&self) -> Option<&PaidBy> {
        payment(self).ok().map(|(_, paid_by)| paid_by)
    }
}

/// The payment that paid the invoice, and the way back.
fn payment(invoice: &Invoice) -> Result<(&str, &PaidBy), Refusal> {
    // Attempt 0 is money that came without an attempt of ours: nobody knows where it could go back to.
    let capture = invoice.attempts.iter().find(|a| a.attempt > 0 && a.code.is_none());
    let Some(capture) = capture else {
        let why =
            "the invoice was paid by transfer or credit, and not by a payment that can be sent back; send a transfer";
        return Err(refused(why));
    };
    match (&capture.reference, &capture.paid_by) {
        (Some(reference), Some(paid_by)) => Ok((reference, paid_by)),
        _ => Err(refused("the payment is of old, without its gateway; send it back on the gateway's own pages")),
    }
}

/// What of the payment went back or is on its way: all but what failed for good.
fn returned(invoice: &Invoice) -> Result<Money, MoneyError> {
    let counted = invoice.refunds.iter().filter(|r| !matches!(r.state, RefundState::Failed { .. }));
    Money::sum(invoice.total.currency, counted.map(|r| r.claim.amount))
}

/// The tax in what a note sends back to a payment or takes off what is due, in minor units.
pub(crate) fn tax_not_in_credit(basis: &Basis) -> Result<i64, MoneyError> {
    match basis {
        Basis::CreditNote { note, refund_minor, due_minor, .. } if *refund_minor != 0 || *due_minor != 0 => {
            let elsewhere = refund_minor.checked_add(*due_minor).ok_or(MoneyError::Overflow)?;
            Ok(refunded_tax(note, Money::new(elsewhere, note.total.currency))?.minor)
        }
        _ => Ok(0),
    }
}

/// The tax in what is refunded of a note: its share, rounded half to even. The rest of the note's tax is in what becomes
/// credit.
fn refunded_tax(note: &CreditNote, amount: Money) -> Result<Money, MoneyError> {
    let share = Unrounded::from_money(note.tax);
    share.times(Decimal::from(amount.minor), Decimal::from(note.total.minor))?.round(Rounding::HalfEven)
}

/// The gateway's idempotency key of an invoice's refund, from 1.
#[must_use]
pub fn refund_key(invoice: &InvoiceId, number: usize) -> String {
    format!("{invoice}:r{number}")
}

/// The invoice that the key of a refund belongs to, and which of its refunds it is, from 1.
#[must_use]
pub fn parse_refund_key(key: &str) -> Option<(InvoiceId, u8)> {
    let (invoice, number) = key.rsplit_once(":r")?;
    Some((InvoiceId::try_new(invoice).ok()?, number.parse().ok()?))
}

/// When refunds next need work. What waits for a call comes before what waits for a question: the two are on different
/// clocks, and a call ends by itself. A claim keeps the place that it had.
pub(super) fn wake_at(refunds: &[Refund]) -> Option<InvoiceWake> {
    let to_call = refunds.iter().filter_map(|refund| match refund.state {
        RefundState::Due { at } | RefundState::Calling { since: at, .. } => Some(at),
        _ => None,
    });
    let to_ask = refunds.iter().filter_map(|refund| match refund.state {
        RefundState::Unknown { ask_at, .. } => Some(ask_at),
        _ => None,
    });
    to_call.min().map(InvoiceWake::Collect).or_else(|| to_ask.min().map(InvoiceWake::Ask))
}
