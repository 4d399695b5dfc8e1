//! Lower: what a change, a pause or an end gives back of a period whose invoices are open comes off those first.
//!
//! Exists because a customer who ends an unpaid period half-way owes half of it, and not all of it beside a credit that
//! nobody can use. It looks at invoices only where a decision gave credit, so that other decisions read nothing more.

use billing::{
    calendar::Instant,
    invoice::{GivenBack, Invoice, given_back, pay_from_credit},
    money::Money,
    subscription::{Input, Subscription},
};

use crate::{
    decide::{Draft, held, on_subscription},
    error::Error,
    open_invoice::{all, own, relieve},
    ports::{Ledger, Versioned},
};

/// Lowers open invoices of `before`, the contract before a decision, by what the decision gave back: the invoices of the draft
/// from the one at `made` on are its own.
///
/// # Errors
/// A refusal where an amount cannot be computed, or the store's errors.
pub(crate) async fn lower(
    ledger: &Ledger,
    draft: &mut Draft,
    before: &Subscription,
    made: usize,
    now: Instant,
) -> Result<(), Error> {
    let own = draft.commit.invoices.iter().skip(made).map(|saved| given_back(&saved.value));
    let given: Vec<GivenBack> = own.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    for given in given {
        lower_by(ledger, draft, before, &given, now).await?;
    }
    Ok(())
}

async fn lower_by(
    ledger: &Ledger,
    draft: &mut Draft,
    before: &Subscription,
    given: &GivenBack,
    now: Instant,
) -> Result<(), Error> {
    let (customer, currency) = (&before.customer, given.credit.currency);
    let after = held(ledger, draft, customer, &before.id).await?;
    // What the decision's other documents used of it is not there any more.
    let there = after.value.credit_in(currency).saturating_sub(before.credit_in(currency)).max(0);
    let invoices = as_drafted(draft, all(ledger, before).await?);
    for paid in pay_from_credit(given, Money::new(there, currency), &own(before, &invoices), now)? {
        let Some(was) = invoices.iter().find(|i| i.value.id == paid.invoice.id) else { continue };
        let settled = was.value.suspends && !paid.invoice.suspends;
        let input = Input::PayInvoice { invoice: was.value.id.clone(), amount: paid.amount, tax_minor: paid.tax_minor };
        draft.invoice(paid.invoice, Vec::new(), was.version);
        let contract = held(ledger, draft, customer, &before.id).await?;
        Box::pin(on_subscription(ledger, draft, &contract, input, now)).await?;
        if settled {
            let contract = held(ledger, draft, customer, &before.id).await?;
            // As they are by now: another one of them may be settled, too.
            let invoices = as_drafted(draft, invoices.clone());
            relieve(ledger, draft, &contract, &was.value, &invoices).await?;
        }
    }
    Ok(())
}

/// The invoices as the draft leaves them so far, those that it makes included.
pub(crate) fn as_drafted(draft: &Draft, stored: Vec<Versioned<Invoice>>) -> Vec<Versioned<Invoice>> {
    let drafted = || draft.commit.invoices.iter();
    let untouched = stored.into_iter().filter(|i| drafted().all(|saved| saved.value.id != i.value.id));
    let saved = drafted().map(|saved| Versioned { value: saved.value.clone(), version: saved.replaces });
    untouched.chain(saved).collect()
}
