//! Credit notes on invoices that were paid: what is given back of which line, and the document that says so.
//!
//! Exists because an issued invoice is never edited. How much may be given back is the rule of `document::credit_note`; here
//! an invoice becomes what that rule looks at, and its answer becomes a document of the contract.

use rust_decimal::Decimal;

use super::{
    adjust::{of_terms, plain, tax_lines},
    lines::{Basis, Line, LineKind, creditable},
    state::{Invoice, InvoiceState},
};
use crate::{
    document::{CreditNote, CreditNotePolicy, CreditRequest, Creditable, CreditedLine, credit_note},
    money::{Money, MoneyError, Rounding},
    refusal::Refusal,
    tax::TaxTotal,
    terms::Terms,
};

/// Most credit notes on one invoice: an item of the table has an end.
const NOTES_MAX: usize = 10;

/// Gives back what `request` asks for of a paid `invoice`: the invoice with the note, and the basis of its document. Lines
/// are named by their place on the invoice, from 1.
///
/// # Errors
/// [`Refusal::InvalidField`] for an invoice that is not paid, is a document of several or a credit note itself, or sold prepaid
/// credit, for lines that cannot be credited
/// and for more than is left of them; [`Refusal::Money`].
pub fn credit(invoice: &Invoice, request: &CreditRequest) -> Result<(Invoice, Basis), Refusal> {
    let note = note(invoice, request)?;
    Ok(written(invoice, note, Money::zero(invoice.total.currency)))
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
    if !matches!(invoice.state, InvoiceState::Paid { .. }) {
        return refuse(
            "invoice",
            "is not paid; only what was paid can be given back: credit it when its money is there",
        );
    }
    if invoice.credits.len() >= NOTES_MAX {
        return refuse("invoice", "has as many credit notes as it can have; credit the rest another way");
    }
    let lines = creditable(invoice.rules, &invoice.basis)?;
    let total = Money::sum(invoice.total.currency, lines.iter().map(|line| line.gross))?;
    let document = Creditable { lines: &lines, total };
    let note = credit_note(document, &invoice.credits, request, CreditNotePolicy::default());
    note.map_err(|e| Refusal::InvalidField { field: "lines", detail: e.to_string() })
}

/// The invoice with the note, and the basis of its document; `refund` of it goes back to the payment.
pub(super) fn written(invoice: &Invoice, note: CreditNote, refund: Money) -> (Invoice, Basis) {
    let basis = Basis::CreditNote {
        terms: Box::new(invoice.basis.terms().clone()),
        period: *invoice.basis.period(),
        invoice: invoice.id.clone(),
        note: Box::new(note.clone()),
        refund_minor: refund.minor,
        adjustments: Box::default(),
    };
    let mut credited = invoice.clone();
    credited.credits.push(note);
    (credited, basis)
}

/// The lines of a credit note: one for each line that it gives back, one for each rate of tax, and one for what goes back
/// to the payment. What is left becomes credit, as on every document.
pub(super) fn lines(terms: &Terms, note: &CreditNote, refund_minor: i64) -> Result<Vec<Line>, MoneyError> {
    let mut lines: Vec<Line> = note.lines.iter().map(|line| of_line(terms, line)).collect::<Result<_, _>>()?;
    lines.extend(tax_lines(&breakdown(note)?, terms, Rounding::HalfUp)?);
    if refund_minor != 0 {
        let minor = Decimal::from(refund_minor);
        let why = plain("refund", minor, minor, Rounding::HalfUp);
        lines.push(of_terms(LineKind::Refunded, terms, Money::new(refund_minor, note.total.currency), why));
    }
    Ok(lines)
}

/// What is given back of each rate, below zero as everything on a credit note.
fn breakdown(note: &CreditNote) -> Result<Vec<TaxTotal>, MoneyError> {
    let mut totals: Vec<TaxTotal> = Vec::new();
    for line in &note.lines {
        for tax in &line.taxes {
            let (net, back) = (line.net.negated()?, tax.amount.negated()?);
            let exact_minor = Decimal::from(back.minor);
            match totals.iter_mut().find(|total| total.rate.as_ref() == Some(&tax.rate)) {
                Some(total) => {
                    (total.net, total.tax) = (total.net.plus(net)?, total.tax.plus(back)?);
                    total.exact_minor = Decimal::from(total.tax.minor);
                }
                None => {
                    totals.push(TaxTotal { rate: Some(tax.rate.clone()), note: None, net, tax: back, exact_minor });
                }
            }
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
