//! Conditions of the terms: what stands beside the price, frozen with what was bought.
//!
//! Exists so that loyalty steps, reductions for long terms, the order of discounts and taxes, and the name of the tax
//! settings travel with the terms, also with those agreed for later, and no contract depends on a newer catalog.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Plan, Policy},
    discount::{Cut, Loyalty},
    document::DocumentPolicy,
    money::Rounding,
    percent::Percent,
    prepaid::PrepaidRules,
};

/// What stands beside the price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Discounts for staying; of the plan, not for negotiated prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loyalty: Option<Loyalty>,
    /// The reduction for the length of the interval; of the plan, not for negotiated prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_term: Option<Percent>,
    /// How discounts and taxes are ordered and rounded; of the policy.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub document: DocumentPolicy,
    /// How the price of a full period becomes whole minor units; of the policy.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub price_rounding: Rounding,
    /// By which settings it is taxed; none: without tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxBinding>,
    /// What holds for prepaid credit; of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepaid: Option<PrepaidRules>,
}

/// The tax settings of the seller, by name: the version that is current on the day of an invoice is used, because
/// registrations and rates do not ask contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxBinding {
    /// Which settings.
    pub settings: String,
    /// The product class, as their table names it.
    pub class: String,
}

impl Conditions {
    /// The conditions of `plan` under `policy`, billed every `interval`. A negotiated price has what was negotiated and
    /// no reductions of the plan beside it.
    #[must_use]
    pub fn new(plan: &Plan, policy: &Policy, interval: crate::calendar::Interval, negotiated: bool) -> Self {
        let reduction = plan.long_term.as_ref().and_then(|l| l.discount(interval)).map(|d| d.cut);
        let long_term = reduction.and_then(|cut| match cut {
            Cut::Percent { percent } => Some(percent),
            Cut::Fixed { .. } => None,
        });
        let class = || plan.tax_class.clone().unwrap_or_else(|| "standard".into());
        Self {
            loyalty: plan.loyalty.clone().filter(|_| !negotiated),
            long_term: long_term.filter(|_| !negotiated),
            document: policy.document,
            price_rounding: policy.price_rounding,
            tax: policy.tax.clone().map(|settings| TaxBinding { settings, class: class() }),
            prepaid: plan.prepaid.clone(),
        }
    }

    /// Whether nothing stands beside the price.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
