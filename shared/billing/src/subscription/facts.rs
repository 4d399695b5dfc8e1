//! Facts about a subscription, filled from its state.

use super::state::Subscription;
use crate::{
    calendar::Instant,
    fact::{EventType, Happening},
    invoice::coupon_of,
    refusal::Refusal,
    run_rate::mrr12_net,
};

/// Run-rate of the subscription in its present state: 0 unless it is active.
pub(super) fn run_rate(subscription: &Subscription) -> Result<i64, Refusal> {
    match subscription.state {
        super::State::Active => {
            mrr12_net(&subscription.terms, &subscription.discounts_now()?, subscription.tax.as_deref())
        }
        _ => Ok(0),
    }
}

impl Subscription {
    /// Run-rate in twelfths of a minor unit of MRR, after the discounts that last and without tax: 0 unless it is active.
    ///
    /// # Errors
    /// [`Refusal::Money`] when it cannot be computed.
    pub fn mrr12(&self) -> Result<i64, Refusal> {
        run_rate(self)
    }
}

/// A fact about `subscription` as it is after the event.
pub(super) fn fact(subscription: &Subscription, event_type: EventType, at: Instant) -> Result<Happening, Refusal> {
    let terms = &subscription.terms;
    let discounts = subscription.discounts_now()?;
    let mrr12_minor = run_rate(subscription)?;
    let list12_minor = if discounts.is_empty() {
        None
    } else {
        Some(mrr12_net(terms, &[], subscription.tax.as_deref())?)
            .filter(|list| mrr12_minor != 0 && *list != mrr12_minor)
    };
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
        mrr12_minor,
        invoice_id: None,
        attempt: None,
        reason: None,
        list12_minor,
        tax_minor: None,
        gateway: None,
        method: None,
        code: None,
        coupon: coupon_of(&discounts),
        storefront: subscription.storefront.clone(),
        period_end: subscription.period.map(|p| p.end),
        sku: None,
        arm: subscription.arm.clone(),
    })
}
