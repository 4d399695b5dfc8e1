//! What a customer may use right now.
//!
//! Exists so that access has one rule, asked by the API today and pushed by the bus later.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    catalog::Plan,
    subscription::{State, Subscription},
};

/// Features, limits and roles in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entitlements {
    /// What may be used.
    pub features: BTreeSet<String>,
    /// How much; several subscriptions add up.
    pub limits: BTreeMap<String, i64>,
    /// As what.
    pub roles: BTreeSet<String>,
    /// The highest tier of the plans that give access; none where they have no tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<u32>,
}

/// Whether the subscription gives access: trialing or active, and not suspended. A subscription to be cancelled at
/// the end of its period gives access until then; an unpaid invoice alone takes none away (its ladder does).
#[must_use]
pub fn gives_access(subscription: &Subscription) -> bool {
    matches!(subscription.state, State::Trialing { .. } | State::Active) && subscription.suspended_by.is_none()
}

/// The sum of what `held` subscriptions give, each with the plan version it was bought on: the plan's features and limits,
/// and its add-ons', whose limits count for every unit.
pub fn entitlements<'a>(held: impl IntoIterator<Item = (&'a Subscription, &'a Plan)>) -> Entitlements {
    let mut sum = Entitlements::default();
    for (subscription, plan) in held.into_iter().filter(|(s, _)| gives_access(s)) {
        sum.features.extend(plan.features.iter().cloned());
        sum.roles.extend(plan.roles.iter().cloned());
        sum.tier = sum.tier.max(plan.tier);
        sum.add(&plan.limits, 1);
        for bought in &subscription.terms.add_ons {
            let Some(add_on) = plan.add_on(&bought.id) else { continue };
            sum.features.extend(add_on.features.iter().cloned());
            sum.add(&add_on.limits, bought.quantity.into());
        }
    }
    sum
}

impl Entitlements {
    fn add(&mut self, limits: &BTreeMap<String, i64>, times: i64) {
        for (name, limit) in limits {
            let total = self.limits.entry(name.clone()).or_default();
            *total = total.saturating_add(limit.saturating_mul(times));
        }
    }
}
