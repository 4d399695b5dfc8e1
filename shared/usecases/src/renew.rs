//! Look after one subscription: apply what is due, one event and one commit at a time.
//!
//! Renewing makes the invoice and moves the period; collecting is apart (DESIGN section 5.3).

use billing::{
    ids::SubscriptionId,
    refusal::Refusal,
    subscription::{Input, wake_at},
};

use crate::{
    decide::{Draft, on_subscription},
    error::{CONFLICT_TRIES, Error},
    ports::{Job, Ledger},
};

/// Most events applied in one go: ten years of monthly renewals. What is left is still in the index.
const EVENTS_MAX: usize = 120;

/// Applies all that is due on the subscription that `job` names.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Conflict`] are worth a retry by the queue; a refusal is not.
pub async fn renew(ledger: &Ledger, job: &Job) -> Result<(), Error> {
    let id = SubscriptionId::try_new(job.item.as_str());
    let id = id.map_err(|e| Refusal::InvalidField { field: "item", detail: e.to_string() })?;
    let mut conflicts = 0;
    for _ in 0..EVENTS_MAX {
        let current = ledger.store.subscription(&job.customer, &id).await?;
        let current = current.ok_or_else(|| Refusal::NotFound { what: "subscription", id: id.to_string() })?;
        let now = ledger.clocks.business().await?;
        let mut draft = Draft::new(now, ledger.clocks.wall());
        if !on_subscription(ledger, &mut draft, &current, Input::Wake, now).await? {
            return Ok(());
        }
        let next = draft.commit.subscriptions.first().and_then(|s| wake_at(&s.value));
        match draft.commit(ledger).await {
            Ok(_) if next.is_none_or(|at| at > now) => return Ok(()),
            Ok(_) => {}
            Err(Error::Conflict(_)) if conflicts < CONFLICT_TRIES => conflicts += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
