//! Moves one subscriber to another version of the plan, or says what would become of it; and what an announced move makes of
//! what the customer asks for meanwhile.

use billing::{
    catalog::{Plan, Policy},
    ids::{CustomerId, SubscriptionId},
    migration::{Verdict, verdict},
    refusal::Refusal,
    subscription::{Input, MovedTerms, Subscription},
    terms::WantedAddOn,
};

use crate::{
    decide::{Draft, on_subscription},
    error::{CONFLICT_TRIES, Error},
    ports::Ledger,
    signup::{Selection, Wanted, offer},
};

/// Announces the move of the contract to this version of its plan, under `policy`, for its next renewal; answers with what was
/// decided, none when there is no such contract.
///
/// # Errors
/// The store's; a refusal where amounts cannot be computed.
pub async fn migrate(
    ledger: &Ledger,
    (customer, id): (&CustomerId, &SubscriptionId),
    (plan, policy): (&Plan, &Policy),
) -> Result<Option<Verdict>, Error> {
    let mut tries = 0;
    loop {
        let Some(current) = ledger.store.subscription(customer, id).await? else { return Ok(None) };
        let decided = verdict(&current.value, plan, policy)?;
        let Verdict::Moves(moved) = &decided else { return Ok(Some(decided)) };
        let now = ledger.clocks.business().await?;
        let mut draft = Draft::new(now, ledger.clocks.wall());
        if !on_subscription(ledger, &mut draft, &current, (**moved).clone().input(), now).await? {
            return Ok(Some(decided));
        }
        match draft.commit(ledger).await {
            Ok(_) => return Ok(Some(decided)),
            Err(Error::Conflict(_)) if tries < CONFLICT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// What an announced move makes of the terms that `input` asks for, where it goes on beside them: the same quantity, add-ons
/// and interval of the other version. What that does not have is refused, so that nothing keeps the old price by it.
pub(crate) async fn carried(
    ledger: &Ledger,
    held: &Subscription,
    input: &Input,
) -> Result<Option<Box<MovedTerms>>, Error> {
    let (Input::Change { terms, .. }, Some((_, to))) = (input, &held.scheduled.moved) else { return Ok(None) };
    if !held.scheduled.carries(terms) {
        return Ok(None);
    }
    let missing = || Refusal::NotFound { what: "customer", id: held.customer.to_string() };
    let customer = ledger.store.customer(&held.customer).await?.ok_or_else(missing)?.value;
    let add_ons: Vec<WantedAddOn> = terms.add_ons.iter().map(Into::into).collect();
    let selection = Selection {
        currency: terms.price.currency,
        interval: &terms.price.interval.to_string(),
        quantity: terms.quantity.into(),
        add_ons: &add_ons,
    };
    let offer = offer(ledger, &customer, Wanted::Held(&to.terms.plan), &selection).await?;
    Ok(Some(Box::new(MovedTerms { terms: offer.terms, proration: offer.policy.proration })))
}
