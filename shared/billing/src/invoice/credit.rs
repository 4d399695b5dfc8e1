//! Credit notes on issued invoices: what is given back of which line, and the document that says so.
//!
//! Exists because an issued invoice is never edited. How much may be given back is the rule of `document::credit_note`, and
//! where it goes that of `document::settle`: first off what is still owed. Here an invoice becomes what those rules look at,
//! and their answer becomes a document of the contract.

use rust_decimal::Decimal;

use super::{
    adjust::{of_terms, plain, tax_lines},
    basis::Basis,
    lines::{Line, LineKind, creditable},
    owed::{By, check_changeable, lower},
    state::Invoice,
};
use crate::{
    calendar::Instant,
    document::{
        CreditNote, CreditNotePolicy, CreditRequest, Creditable, CreditedLine, DocumentStatus, SettlementWish,
        credit_note, settle,
    },
    money::{Money, MoneyError, Rounding},
    refusal::Refusal,
    tax::TaxTotal,
    terms::Terms,
};

/// Most credit notes on one invoice: an item of the table has an end.
const NOTES_MAX: usize = 10;

/// Gives back what `request` asks for of an issued `invoice`: the invoice with the note, and the basis of its document. What
/// is still owed is lowered first, and an invoice of which nothing is owed any more is settled at `at`; the rest becomes
/// credit. Lines are named by their place on the invoice, from 1.
///
/// # Errors
/// [`Refusal::InvalidField`] for an invoice that was withdrawn, that an attempt is under way for, that is on a document
/// which is not paid, is a document of several or a credit note itself, or sold prepaid credit, for lines that cannot be
/// credited and for more than is left of them; [`Refusal::Money`].
pub fn credit(invoice: &Invoice, request: &CreditRequest, at: Instant) -> Result<(Invoice, Basis), Refusal> {
    let note = note(invoice, request)?;
    let nothing = Money::zero(invoice.total.currency);
    let parts = settle(note.total, invoice.amount_due(), nothing, SettlementWish::Credit);
    let parts = parts.map_err(|e| Refusal::InvalidField { field: "lines", detail: e.to_string() })?;
    written(invoice, note, Parts { refund: nothing, against_due: parts.against_due }, at)
}

/// What is given back, line by line.
pub(super) fn note(invoice: &Invoice, request: &CreditRequest) -> Result<CreditNote, Refusal> {
    let refuse = |field, detail: &str| Err(Refusal::InvalidField { field, detail: detail.into() });
    if invoice.basis.is_credit_note() {
        return refuse("invoice", "is a credit note itself; name the invoice");
    }
    if invoice.basis.top_up().is_some() {
        return refuse("invoice", "is a top-up: what it sold pays for usage; give credit for another invoice");
    }
    if invoice.is_document() {
        return refuse("invoice", "is a document of several invoices; name the one on it that is to be credited");
    }
    if invoice.status() == DocumentStatus::Void {
        return refuse("invoice", "was withdrawn, and nothing is owed on it; credit another invoice");
    }
    check_changeable(invoice)?;
    if invoice.credits.len() >= NOTES_MAX {
        return refuse("invoice", "has as many credit notes as it can have; credit the rest another way");
    }
    let lines = creditable(invoice.rules, &invoice.basis)?;
    let total = Money::sum(invoice.total.currency, lines.iter().map(|line| line.gross))?;
    let document = Creditable { lines: &lines, total };
    let note = credit_note(document, &invoice.credits, request, CreditNotePolicy::default());
    note.map_err(|e| Refusal::InvalidField { field: "lines", detail: e.to_string() })
}

/// What of a note does not become credit.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// Goes back to the payment.
    pub(super) refund: Money,
    /// Lowers what is still owed.
    pub(super) against_due: Money,
}

/// The invoice with the note, and the basis of its document.
pub(super) fn written(
    invoice: &Invoice,
    note: CreditNote,
    parts: Parts,
    at: Instant,
) -> Result<(Invoice, Basis), Refusal> {
    let basis = Basis::CreditNote {
        terms: Box::new(invoice.basis.terms().clone()),
        period: *invoice.basis.period(),
        invoice: invoice.id.clone(),
        note: Box::new(note.clone()),
        refund_minor: parts.refund.minor,
        due_minor: parts.against_due.minor,
        reason: None,
        adjustments: Box::default(),
    };
    let mut credited = invoice.clone();
    credited.credits.push(note);
    lower(&mut credited, By::Note, parts.against_due, at)?;
    Ok((credited, basis))
}

/// The lines of a credit note: one for each line that it gives back, one for each rate of tax, one for what goes back to the
/// payment, and one for what is not owed any more. What is left becomes credit, as on every document.
pub(super) fn lines(
    terms: &Terms,
    note: &CreditNote,
    refund_minor: i64,
    due_minor: i64,
) -> Result<Vec<Line>, MoneyError> {
    let mut lines: Vec<Line> = note.lines.iter().map(|line| of_line(terms, line)).collect::<Result<_, _>>()?;
    lines.extend(tax_lines(&breakdown(note)?, terms, Rounding::HalfUp)?);
    let elsewhere = [(LineKind::Refunded, "refund", refund_minor), (LineKind::AgainstDue, "due", due_minor)];
    for (kind, rule, amount) in elsewhere.into_iter().filter(|(_, _, amount)| *amount != 0) {
        let minor = Decimal::from(amount);
        let why = plain(rule, minor, minor, Rounding::HalfUp);
        lines.push(of_terms(kind, terms, Money::new(amount, note.total.currency), why));
    }
    Ok(lines)
}

/// What is given back of each rate, below zero as everything on a credit note.
fn breakdown(note: &CreditNote) -> Result<Vec<TaxTotal>, MoneyError> {
    let mut totals: Vec<TaxTotal> = Vec::new();
    for line in &note.lines {
        for tax in &line.taxes {
            let (rate, net, back) = (Some(tax.rate.clone()), line.net.negated()?, tax.amount.negated()?);
            let exact_minor = Decimal::from(back.minor);
            TaxTotal { rate, note: None, net, tax: back, exact_minor }.add_to(&mut totals)?;
        }
    }
    Ok(totals)
}

fn of_line(terms: &Terms, line: &CreditedLine) -> Result<Line, MoneyError> {
    // Tax that is in the price is given back with it, as it was charged.
    let amount = line.amount()?.negated()?;
    let minor = Decimal::from(amount.minor);
    let why = plain(&format!("line {}", line.line), minor, minor, Rounding::HalfUp);
    Ok(of_terms(LineKind::Credited, terms, amount, why))
}
