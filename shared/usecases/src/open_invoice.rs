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

/// Those of them that charge or give back for the contract itself.
pub(crate) fn own<'a>(contract: &Subscription, all: &'a [Versioned<Invoice>]) -> Vec<&'a Invoice> {
    all.iter().map(|i| &i.value).filter(|i| i.is_of(&contract.id)).collect()
}

/// Withdraws an invoice, and what follows for its contract. None: nothing was to be taken back, or it was withdrawn before.
pub(crate) async fn void(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    found: &Versioned<Invoice>,
    reason: Option<String>,
) -> Result<Option<TakenBackView>, Error> {
    let all = all(ledger, &current.value).await?;
    let withdrawal = withdrawal(&found.value, &current.value, &own(&current.value, &all))?;
    let view = TakenBackView::of(&withdrawal);
    let (invoice, period) = (found.value.id.clone(), *found.value.basis.period());
    let asked = InvoiceInput::Withdraw { taken_back_minor: withdrawal.taken_net_minor };
    let input = Input::VoidInvoice { invoice, reason, withdrawal: Box::new(withdrawal), period };
    let is_new = settle(ledger, draft, (current, found, &all), asked, input).await?;
    Ok(view.filter(|_| is_new))
}

/// Gives an invoice up; its contract goes on. Nothing happens to one that was given up before.
pub(crate) async fn write_off(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    found: &Versioned<Invoice>,
    reason: Option<String>,
) -> Result<(), Error> {
    check_write_off(&found.value)?;
    let all = all(ledger, &current.value).await?;
    let input = Input::WriteOff { invoice: found.value.id.clone(), reason };
    settle(ledger, draft, (current, found, &all), InvoiceInput::WriteOff, input).await.map(|_| ())
}

/// What is asked of an invoice and then of its contract. False: the invoice was asked before. Access is
/// handed over first, because the end of the invoice gives back what it took away.
async fn settle(
    ledger: &Ledger,
    draft: &mut Draft,
    (current, found, all): (&Versioned<Subscription>, &Versioned<Invoice>, &[Versioned<Invoice>]),
    asked: InvoiceInput,
    input: Input,
) -> Result<bool, Error> {
    let (contract, now) = (&current.value, draft.now);
    hand_over(ledger, draft, current, &found.value, all).await?;
    if !on_invoice(ledger, draft, found, asked, now).await? {
        return Ok(false);
    }
    let contract = held(ledger, draft, &contract.customer, &contract.id).await?;
    on_subscription(ledger, draft, &contract, input, now).await
}

/// Access that `before` took away and that it does not any more: it stays away for another invoice, or it comes back.
pub(crate) async fn relieve(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    before: &Invoice,
    all: &[Versioned<Invoice>],
) -> Result<(), Error> {
    if hand_over(ledger, draft, current, before, all).await? {
        return Ok(());
    }
    let (input, now) = (Input::Restore { invoice: before.id.clone() }, draft.now);
    Box::pin(on_subscription(ledger, draft, current, input, now)).await.map(|_| ())
}

/// Hands the access that `invoice` took away over to another open invoice of the contract that takes it away, too; false: there
/// is none. The other one goes along at its version: it must not be settled at the same moment.
async fn hand_over(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    invoice: &Invoice,
    all: &[Versioned<Invoice>],
) -> Result<bool, Error> {
    let takes_access =
        |other: &&Versioned<Invoice>| other.value.suspends && other.value.is_open() && other.value.id != invoice.id;
    let mut others = all.iter().filter(takes_access).filter(|other| other.value.concerns(&current.value.id));
    let Some(other) = others.next().filter(|_| invoice.suspends) else { return Ok(false) };
    if draft.invoice_after(&other.value.id).is_none() {
        draft.invoice(other.value.clone(), Vec::new(), other.version);
    }
    let (input, now) = (Input::HandOver { invoice: invoice.id.clone(), to: other.value.id.clone() }, draft.now);
    Box::pin(on_subscription(ledger, draft, current, input, now)).await?;
    Ok(true)
}
