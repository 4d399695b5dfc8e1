//! Void and write off: withdraw an issued invoice that is not paid, or give it up.
//!
//! Exists as actions of `change-plan`, beside credit notes, so that support sees what follows before it is done, and one
//! commit has the invoice, the contract and the reason.

use billing::{
    ids::InvoiceId,
    invoice::{Invoice, InvoiceInput, Withdrawal, check_write_off, withdrawal},
    refusal::Refusal,
    subscription::{Input, Subscription},
};
use serde::Serialize;

use crate::{
    decide::{Draft, held, on_invoice, on_subscription},
    error::Error,
    ports::{Ledger, Versioned},
    view::{MoneyView, parse_field},
};

/// What becomes of credit that the period of a withdrawn invoice was given back as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenBackView {
    /// Taken back: it is credit no more.
    pub taken: MoneyView,
    /// Used before, and left to the customer: nobody is asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<MoneyView>,
}

impl TakenBackView {
    fn of(withdrawal: &Withdrawal) -> Option<Self> {
        let used = Some(withdrawal.used).filter(|used| used.minor != 0);
        let is_some = used.is_some() || withdrawal.taken.minor != 0;
        is_some.then(|| Self { taken: withdrawal.taken.into(), used: used.map(Into::into) })
    }
}

/// The invoice of the contract that a request names.
///
/// # Errors
/// [`Refusal::InvalidField`] without one, [`Refusal::NotFound`]; the store's errors.
pub(crate) async fn named(
    ledger: &Ledger,
    contract: &Subscription,
    invoice: Option<&str>,
) -> Result<Versioned<Invoice>, Error> {
    let detail = "needs the id of an invoice of this subscription".into();
    let named = invoice.ok_or(Refusal::InvalidField { field: "invoice", detail })?;
    let id = parse_field("invoice", InvoiceId::try_new(named))?;
    let found = ledger.store.invoice(&contract.customer, &id).await?.filter(|i| i.value.concerns(&contract.id));
    Ok(found.ok_or_else(|| Refusal::NotFound { what: "invoice of this subscription", id: id.to_string() })?)
}

/// All invoices of the customer.
pub(crate) async fn all(ledger: &Ledger, contract: &Subscription) -> Result<Vec<Versioned<Invoice>>, Error> {
    Ok(ledger.store.file(&contract.customer).await?.map(|file| file.invoices).unwrap_or_default())
}

/// Another invoice of the contract that takes access away beside `invoice`.
pub(crate) fn suspends_too<'a>(
    invoice: &Invoice,
    contract: &Subscription,
    all: &'a [Versioned<Invoice>],
) -> Option<&'a Versioned<Invoice>> {
    let mut others = all.iter().filter(|other| other.value.id != invoice.id && other.value.concerns(&contract.id));
    others.find(|other| other.value.suspends && other.value.is_open())
}

/// What hands the access that `invoice` took away over to `other`, which goes along at its version: it must not be settled at
/// the same moment.
fn over(draft: &mut Draft, invoice: &InvoiceId, other: &Versioned<Invoice>) -> Input {
    if draft.invoice_after(&other.value.id).is_none() {
        draft.invoice(other.value.clone(), Vec::new(), other.version);
    }
    Input::HandOver { invoice: invoice.clone(), to: other.value.id.clone() }
}

/// Withdraws an invoice, and what follows for its contract. None: it was withdrawn before.
pub(crate) async fn void(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    found: &Versioned<Invoice>,
    reason: Option<String>,
) -> Result<Option<TakenBackView>, Error> {
    let (contract, now) = (&current.value, draft.now);
    let all = all(ledger, contract).await?;
    let own: Vec<&Invoice> = all.iter().map(|i| &i.value).filter(|i| i.is_of(&contract.id)).collect();
    let withdrawal = withdrawal(&found.value, contract, &own)?;
    let taken_back_minor = withdrawal.taken_net_minor;
    hand_over(ledger, draft, current, &found.value, &all).await?;
    if !on_invoice(ledger, draft, found, InvoiceInput::Withdraw { taken_back_minor }, now).await? {
        return Ok(None);
    }
    let view = TakenBackView::of(&withdrawal);
    let (invoice, period) = (found.value.id.clone(), *found.value.basis.period());
    let input = Input::VoidInvoice { invoice, reason, withdrawal: Box::new(withdrawal), period };
    let contract = held(ledger, draft, &contract.customer, &contract.id).await?;
    on_subscription(ledger, draft, &contract, input, now).await?;
    Ok(view)
}

/// Gives an invoice up; its contract goes on. False: it was given up before.
pub(crate) async fn write_off(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    found: &Versioned<Invoice>,
    reason: Option<String>,
) -> Result<bool, Error> {
    let (contract, now) = (&current.value, draft.now);
    check_write_off(&found.value)?;
    hand_over(ledger, draft, current, &found.value, &all(ledger, contract).await?).await?;
    if !on_invoice(ledger, draft, found, InvoiceInput::WriteOff, now).await? {
        return Ok(false);
    }
    let input = Input::WriteOff { invoice: found.value.id.clone(), reason };
    let contract = held(ledger, draft, &contract.customer, &contract.id).await?;
    on_subscription(ledger, draft, &contract, input, now).await
}

/// Where another invoice takes access away, too, it stays away for that: the invoice's own end gives nothing back then.
async fn hand_over(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    invoice: &Invoice,
    all: &[Versioned<Invoice>],
) -> Result<(), Error> {
    let other = suspends_too(invoice, &current.value, all).filter(|_| invoice.suspends);
    let Some(other) = other else { return Ok(()) };
    let (input, now) = (over(draft, &invoice.id, other), draft.now);
    on_subscription(ledger, draft, current, input, now).await.map(|_| ())
}

/// Access that `before` took away and `after`, which is settled, does not: it comes back, or stays away for another invoice.
pub(crate) async fn relieve(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    before: &Invoice,
    all: &[Versioned<Invoice>],
) -> Result<(), Error> {
    let (invoice, now) = (before.id.clone(), draft.now);
    let input = match suspends_too(before, &current.value, all) {
        Some(other) => over(draft, &invoice, other),
        None => Input::Restore { invoice },
    };
    Box::pin(on_subscription(ledger, draft, current, input, now)).await.map(|_| ())
}
