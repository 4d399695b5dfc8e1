//! Credit note: give back a paid invoice, or some of its lines, as the customer's credit or to the payment that paid it.
//!
//! Exists as an action of `change-plan`, so that support sees the note before it is written, and one commit writes the note,
//! the invoice that remembers it, and the credit or the refund. The money of a refund moves later, by `collect`.

use std::borrow::Cow;

use billing::{
    document::{CreditAmount, CreditRequest, LineCredit},
    ids::InvoiceId,
    invoice::{Invoice, Kept, credit, keep, refund},
    refusal::Refusal,
    subscription::{Input, Subscription},
};
use serde::{Deserialize, Serialize};

use crate::{
    decide::Draft,
    error::Error,
    ports::{Gateways, Ledger},
    view::{parse_field, parse_money},
};

/// One line of an invoice that is to be credited.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedCredit {
    /// The line's place on the invoice, from 1.
    pub line: u32,
    /// How much of it, tax included, as a decimal in the invoice's currency; all that is left when absent.
    #[serde(default)]
    pub amount: Option<String>,
}

/// What a request asks to credit.
pub(crate) struct Asked<'a> {
    pub(crate) invoice: Option<&'a str>,
    pub(crate) lines: Option<&'a [WantedCredit]>,
    pub(crate) reason: Option<String>,
    pub(crate) refund: bool,
}

/// The decision's input; the invoice with its note goes into the draft.
pub(crate) async fn input(
    ledger: &Ledger,
    gateways: &Gateways,
    draft: &mut Draft,
    held: &Subscription,
    asked: Asked<'_>,
) -> Result<Input, Error> {
    let named = asked.invoice.ok_or_else(|| needed("invoice", "the id of the invoice to credit"))?;
    let id = parse_field("invoice", InvoiceId::try_new(named))?;
    let found = ledger.store.invoice(&held.customer, &id).await?;
    let found = found.filter(|i| i.value.concerns(&held.id));
    let found = found.ok_or_else(|| Refusal::NotFound { what: "invoice of this subscription", id: id.to_string() })?;
    let request = request(&found.value, asked.lines)?;
    let (credited, basis) = if asked.refund {
        let payer = payer(ledger, &found.value).await?;
        let gateway = payer.paid_by().and_then(|paid_by| gateways.get(&paid_by.gateway));
        refund(&found.value, &payer, &request, gateway.and_then(|g| g.declaration().refunds), draft.now)?
    } else {
        credit(&found.value, &request)?
    };
    let kept = kept(ledger, held, &found.value, &credited).await?;
    draft.invoice(credited, Vec::new(), found.version);
    Ok(Input::CreditNote { basis: Box::new(basis), invoice: id, reason: asked.reason, kept })
}

/// What the note leaves of the money for its period; all of the contract's invoices have a say in that.
async fn kept(ledger: &Ledger, held: &Subscription, before: &Invoice, credited: &Invoice) -> Result<Kept, Error> {
    let file = ledger.store.file(&held.customer).await?;
    let invoices = file.iter().flat_map(|file| &file.invoices).map(|invoice| &invoice.value);
    let own: Vec<&Invoice> = invoices.filter(|invoice| invoice.is_of(&held.id)).collect();
    let note = credited.credits.last().ok_or_else(|| needed("invoice", "a note on it"))?;
    Ok(keep(before, note, &own, &held.pending)?)
}

/// Whose attempts paid `invoice`: the document that it is on, or itself.
async fn payer<'a>(ledger: &Ledger, invoice: &'a Invoice) -> Result<Cow<'a, Invoice>, Error> {
    let Some(id) = &invoice.document else { return Ok(Cow::Borrowed(invoice)) };
    let document = ledger.store.invoice(&invoice.customer, id).await?;
    let document =
        document.ok_or_else(|| Refusal::NotFound { what: "document of this invoice", id: id.to_string() })?;
    Ok(Cow::Owned(document.value))
}

fn request(invoice: &Invoice, lines: Option<&[WantedCredit]>) -> Result<CreditRequest, Refusal> {
    let Some(lines) = lines else { return Ok(CreditRequest::Whole) };
    if lines.is_empty() {
        return Err(needed("lines", "at least one line; leave them out to credit the whole invoice"));
    }
    let line = |wanted: &WantedCredit| {
        let amount = match wanted.amount.as_deref() {
            None => CreditAmount::Rest,
            Some(text) => CreditAmount::Gross { amount: parse_money("lines", text, invoice.total.currency)? },
        };
        Ok(LineCredit { line: wanted.line.to_string(), amount })
    };
    Ok(CreditRequest::Lines { lines: lines.iter().map(line).collect::<Result<_, Refusal>>()? })
}

fn needed(field: &'static str, what: &str) -> Refusal {
    Refusal::InvalidField { field, detail: format!("needs {what}") }
}
