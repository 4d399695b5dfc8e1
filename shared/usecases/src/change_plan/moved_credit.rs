//! Credit that goes from one contract of a customer to another, as two decisions of one commit.
//!
//! Exists because credit pays the invoices of the contract that it lies on: who ends one and keeps another would have it in vain.

use billing::{
    calendar::Instant,
    ids::SubscriptionId,
    refusal::Refusal,
    subscription::{Input, Subscription},
};

use super::{amount, request::ChangeRequest};
use crate::{currency, error::Error, ports::Ledger, view::parse_field};

/// What the contract gives: the amount is in the currency that the other one is billed in.
///
/// # Errors
/// [`Refusal::InvalidField`] for `to` and `amount`; [`Refusal::NotFound`] where the customer has no such contract.
pub(super) async fn given(
    ledger: &Ledger,
    held: &Subscription,
    request: &ChangeRequest,
    now: Instant,
) -> Result<Input, Error> {
    let refuse = |detail: &str| Refusal::InvalidField { field: "to", detail: detail.into() };
    let named = request.to.as_deref().ok_or_else(|| refuse("is needed: the contract that gets the credit"))?;
    let to = parse_field("to", SubscriptionId::try_new(named))?;
    if to == held.id {
        return Err(refuse("names the contract itself; name another one of the customer").into());
    }
    let other = ledger.store.subscription(&held.customer, &to).await?;
    let other = other.ok_or_else(|| Refusal::NotFound { what: "subscription", id: to.to_string() })?;
    let amount = amount(request, currency::present(&other.value, now))?;
    Ok(Input::GiveCredit { amount, to })
}

/// What the other contract is told of it, and which that is.
pub(super) fn received(given: &Input, from: &SubscriptionId) -> Option<(SubscriptionId, Input)> {
    let Input::GiveCredit { amount, to } = given else { return None };
    Some((to.clone(), Input::TakeCredit { amount: *amount, from: from.clone() }))
}
