//! Moves one subscriber to another version of the plan, or says what would become of it.

use billing::{
    catalog::{Plan, Policy},
    ids::{CustomerId, SubscriptionId},
    migration::{Verdict, verdict},
};

use crate::{
    decide::{Draft, on_subscription},
    error::{CONFLICT_TRIES, Error},
    ports::Ledger,
};

/// Moves the contract to this version of its plan, under `policy`, from its next renewal on; answers with what was
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
