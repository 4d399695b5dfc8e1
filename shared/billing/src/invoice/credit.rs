//! Credit notes on invoices that were paid: what is given back of which line, and the document that says so.
//!
//! Exists because an issued invoice is never edited. How much may be given back is the rule of `document::credit_note`; here
//! an invoice becomes what that rule looks at, and its answer becomes a document of the contract.

use rust_decimal::Decimal;

use super::{
    adjust::{Adjustment, of_terms, plain},
    lines::{Basis, Explanation, Line, LineKind, creditable},
    state::{Invoice, InvoiceState},
};
use crate::{
    document::{CreditNote, CreditNotePolicy, CreditRequest, Creditable, CreditedLine, credit_note},
    money::{Money, MoneyError, Rounding},
    refusal::Refusal,
    terms::Terms,
};

/// Most credit notes on one invoice: an item of the table has an end.
const NOTES_MAX: usize = 10;

/// Gives back what `request` asks for of a paid `invoice`: the invoice with the note, and the basis of its document. Lines
/// are named by their place on the invoice, from 1.
///
/// # Errors
/// [`Refusal::InvalidField`] for an invoice that is not paid or is a credit note itself, for lines that cannot be credited
/// and for more than is left of them; [`Refusal::Money`].
pub fn credit(invoice: &Invoice, request: &CreditRequest) -> Result<(Invoice, Basis), Refusal> {
    let refuse = |field, detail: &str| Err(Refusal::InvalidField { field, detail: detail.into() });
    if invoice.basis.is_credit_note() {
        return refuse("invoice", "is a credit note itself; name the invoice");
    }
    if !matches!(invoice.state, InvoiceState::Paid { .. }) {
        return refuse("invoice", "is not paid; only what was paid can be given back");
    }
    if invoice.credits.len() >= NOTES_MAX {
        return refuse("invoice", "has as many credit notes as it can have; credit the rest another way");
    }
    let lines = creditable(invoice.rules, &invoice.basis)?;
    let total = Money::sum(invoice.total.currency, lines.iter().map(|line| line.gross))?;
    let document = Creditable { lines: &lines, total };
    let note = credit_note(document, &invoice.credits, request, CreditNotePolicy::default());
    let note = note.map_err(|e| Refusal::InvalidField { field: "lines", detail: e.to_string() })?;
    let basis = Basis::CreditNote {
        terms: Box::new(invoice.basis.terms().clone()),
        period: *invoice.basis.period(),
        invoice: invoice.id.clone(),
        note: Box::new(note.clone()),
        adjustments: Box::default(),
    };
    let mut credited = invoice.clone();
    credited.credits.push(note);
    Ok((credited, basis))
}

/// The lines of a credit note: one for each line that it gives back, one for each rate of tax.
pub(super) fn lines(terms: &Terms, note: &CreditNote) -> Result<Vec<Line>, MoneyError> {
    let mut lines: Vec<Line> = note.lines.iter().map(|line| of_line(terms, line)).collect::<Result<_, _>>()?;
    let mut rates: Vec<Line> = Vec::new();
    for line in &note.lines {
        for tax in &line.taxes {
            let same = |l: &&mut Line| matches!(l.why.adjustment.as_deref(), Some(Adjustment::Tax { rate, .. }) if *rate == tax.rate);
            match rates.iter_mut().find(same) {
                Some(found) => add_tax(found, line.net, tax.amount)?,
                None => {
                    let mut new = tax_line(terms, &tax.rate);
                    add_tax(&mut new, line.net, tax.amount)?;
                    rates.push(new);
                }
            }
        }
    }
    lines.append(&mut rates);
    Ok(lines)
}

fn of_line(terms: &Terms, line: &CreditedLine) -> Result<Line, MoneyError> {
    // Tax that is in the price is given back with it, as it was charged.
    let inside = line.taxes.iter().filter(|tax| tax.rate.inclusive).map(|tax| tax.amount);
    let amount = line.net.plus(Money::sum(line.net.currency, inside)?)?.negated()?;
    let minor = Decimal::from(amount.minor);
    let why = plain(&format!("line {}", line.line), minor, minor, Rounding::HalfUp);
    Ok(of_terms(LineKind::Credited, terms, amount, why))
}

fn tax_line(terms: &Terms, rate: &crate::tax::TaxRate) -> Line {
    let zero = Money::zero(terms.price.currency);
    let is = Adjustment::Tax { rate: rate.clone(), tax: zero };
    let why = Explanation {
        adjustment: Some(Box::new(is)),
        ..plain(&rate.name, Decimal::ZERO, Decimal::ZERO, Rounding::HalfUp)
    };
    of_terms(LineKind::Tax, terms, zero, why)
}

/// Adds what is given back of one line's tax to the line of its rate.
fn add_tax(line: &mut Line, net: Money, tax: Money) -> Result<(), MoneyError> {
    let back = tax.negated()?;
    line.why.full_minor -= Decimal::from(net.minor);
    line.why.unrounded_minor += Decimal::from(back.minor);
    if let Some(Adjustment::Tax { rate, tax }) = line.why.adjustment.as_deref_mut() {
        *tax = tax.plus(back)?;
        if !rate.inclusive {
            line.amount = line.amount.plus(back)?;
        }
    }
    Ok(())
}
