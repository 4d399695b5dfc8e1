//! In which currency a customer is billed: one for all contracts that run.
//!
//! Exists because a contract may change its currency, and the customer's profile says in which one the next sign-up is: it
//! follows in the commit of the change, however late a worker makes it.

use billing::{
    calendar::Instant,
    customer::Customer,
    money::Currency,
    refusal::Refusal,
    subscription::{State, Subscription},
};

use crate::{
    decide::Draft,
    error::Error,
    ports::{CustomerFile, Ledger, Save},
    view::parse_field,
};

/// The currency that a change of `held` is to be in: the one asked for, else the one that it is billed in at `now`. Where it is
/// another one the profile goes into the draft, so that a sign-up at the same moment and this change cannot both be
/// committed.
///
/// # Errors
/// [`Refusal::InvalidField`] for `currency`: none, or one that another running contract of the customer is not in.
pub(crate) async fn wanted(
    ledger: &Ledger,
    draft: &mut Draft,
    held: &Subscription,
    asked: Option<&str>,
    now: Instant,
) -> Result<Currency, Error> {
    let Some(text) = asked else { return Ok(present(held, now)) };
    let currency = parse_field("currency", Currency::try_new(text))?;
    if currency == present(held, now) {
        return Ok(currency);
    }
    let Some(file) = ledger.store.file(&held.customer).await? else { return Ok(currency) };
    if let Some(other) = others(&file, held).find(|other| present(other, now) != currency) {
        let (id, theirs) = (&other.id, present(other, now));
        let detail = format!(
            "{id} of the same customer is billed in {theirs}, and a customer is billed in one currency: end it first, or \
             sign up in {currency} as another customer"
        );
        return Err(Refusal::InvalidField { field: "currency", detail }.into());
    }
    draft.commit.customer = Some(Save { value: file.customer.value, replaces: file.customer.version });
    Ok(currency)
}

/// The currency that the contract is in at `now`: a change that is due counts, though no worker came by yet.
pub(crate) fn present(held: &Subscription, now: Instant) -> Currency {
    held.terms_at(now).price.currency
}

/// That an ended contract may come back: in the currency that its customer is billed in now.
pub(crate) fn check_return(held: &Subscription, customer: &Customer) -> Result<(), Refusal> {
    let currency = held.terms.price.currency;
    if currency == customer.currency {
        return Ok(());
    }
    Err(Refusal::WrongCurrency { customer: customer.currency.to_string(), requested: currency.to_string() })
}

/// The profile follows a contract into another currency, unless another contract still runs in the old one.
pub(crate) async fn follow(ledger: &Ledger, draft: &mut Draft, before: &Subscription) -> Result<(), Error> {
    let saved = draft.commit.subscriptions.iter().find(|saved| saved.value.id == before.id);
    let after = saved.map(|saved| saved.value.terms.price.currency);
    let (old, Some(new)) = (before.terms.price.currency, after) else { return Ok(()) };
    if old == new {
        return Ok(());
    }
    let Some(file) = ledger.store.file(&before.customer).await? else { return Ok(()) };
    if others(&file, before).any(|other| other.terms.price.currency == old) {
        return Ok(());
    }
    match &mut draft.commit.customer {
        Some(saved) => saved.value.currency = new,
        none => {
            let value = Customer { currency: new, ..file.customer.value };
            *none = Some(Save { value, replaces: file.customer.version });
        }
    }
    Ok(())
}

/// The customer's other contracts that are not over.
fn others<'a>(file: &'a CustomerFile, held: &'a Subscription) -> impl Iterator<Item = &'a Subscription> {
    let contracts = file.subscriptions.iter().map(|found| &found.value);
    contracts.filter(|other| other.id != held.id && !matches!(other.state, State::Canceled { .. }))
}
