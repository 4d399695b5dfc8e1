//! Facts about a subscription, filled from its state.

use super::state::Subscription;
use crate::{
    calendar::Instant,
    fact::{EventType, Happening},
    refusal::Refusal,
    run_rate::mrr12,
};

/// Run-rate of the subscription in its present state: 0 unless it is active.
pub(super) fn run_rate(subscription: &Subscription) -> Result<i64, Refusal> {
    match subscription.state {
        super::State::Active => Ok(mrr12(&subscription.terms)?),
        _ => Ok(0),
    }
}

/// A fact about `subscription` as it is after the event.
pub(super) fn fact(subscription: &Subscription, event_type: EventType, at: Instant) -> Result<Happening, Refusal> {
    let terms = &subscription.terms;
    Ok(Happening {
        subscription_id: subscription.id.clone(),
        customer_id: subscription.customer.clone(),
        event_type,
        occurred_at: at,
        plan: terms.plan.name.clone(),
        interval: terms.price.interval.to_string(),
        quantity: terms.quantity,
        currency: terms.price.currency.to_string(),
        amount_minor: 0,
        mrr12_minor: run_rate(subscription)?,
        invoice_id: None,
        attempt: None,
        reason: None,
        list12_minor: None,
        tax_minor: None,
        gateway: None,
        method: None,
        code: None,
        coupon: None,
        storefront: subscription.storefront.clone(),
        period_end: subscription.period.map(|p| p.end),
        sku: None,
        arm: subscription.arm.clone(),
    })
}
