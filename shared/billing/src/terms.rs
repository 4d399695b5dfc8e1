//! What was bought: a frozen snapshot of plan, price and quantity.
//!
//! Exists because a subscriber stays on what was bought until moved: nothing here points at something
//! that can change.

mod add_ons;
mod conditions;
mod items;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Plan, Policy, Price, VersionRef},
    money::{Money, MoneyError, Rounding, Unrounded},
    refusal::Refusal,
    usage::{InPart, UsageItem},
};

pub use add_ons::{ADD_ONS_MAX, BoughtAddOn, WantedAddOn};
pub use conditions::{Conditions, TaxBinding};
pub use items::Item;

/// Largest quantity of one subscription.
pub const QUANTITY_MAX: u32 = 100_000;

/// What one subscription buys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The plan version.
    pub plan: VersionRef,
    /// The policy version in force.
    pub policy: VersionRef,
    /// The price; of the plan version, or negotiated.
    pub price: Price,
    /// Whether the price is a contract price of this customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contract: bool,
    /// Units (seats), from 1.
    pub quantity: u32,
    /// What usage costs, billed at the end of each period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageItem>,
    /// What is bought beside the plan, in the order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<BoughtAddOn>,
    /// What stands beside the price: discounts of the plan, tax settings, their order.
    #[serde(default, skip_serializing_if = "Conditions::is_none")]
    pub conditions: Conditions,
}

impl Terms {
    /// The terms of `quantity` units of `plan` at `price`.
    ///
    /// # Errors
    /// [`Refusal::QuantityOutOfRange`]; [`Refusal::NoSuchPrice`] when the plan has usage and none of it for `price`.
    pub fn try_new(
        plan: &Plan,
        policy: &Policy,
        price: &Price,
        contract: bool,
        quantity: i64,
    ) -> Result<Self, Refusal> {
        let quantity = u32::try_from(quantity).ok().filter(|q| (1..=QUANTITY_MAX).contains(q));
        let quantity = quantity.ok_or(Refusal::QuantityOutOfRange)?;
        let conditions = Conditions::new(plan, policy, price.interval, contract);
        let mut usage = plan.usage_of(price)?;
        for item in usage.iter_mut().filter(|_| policy.price_rounding != Rounding::default()) {
            item.rounding.get_or_insert(policy.price_rounding);
        }
        let (plan, policy) = (plan.reference(), policy.reference());
        Ok(Self { plan, policy, price: price.clone(), contract, quantity, usage, add_ons: Vec::new(), conditions })
    }

    /// What decides what usage costs: where it changes, what was used so far is billed by the old terms.
    pub(crate) fn usage_terms(&self) -> (&[UsageItem], Option<Decimal>, Option<InPart>) {
        (&self.usage, self.price.usage_minimum, self.price.usage_minimum_part)
    }

    /// Whether prepaid credit pays for some of the usage.
    #[must_use]
    pub fn has_prepaid_usage(&self) -> bool {
        self.usage.iter().any(|item| item.prepaid)
    }

    /// The least that the usage of one full period comes to, if that was agreed.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn usage_minimum(&self) -> Result<Option<Money>, MoneyError> {
        let exact = |amount| Unrounded::from_major(amount, self.price.currency)?.round(Rounding::HalfEven);
        self.price.usage_minimum.map(exact).transpose()
    }

    /// The exact price of one full period: the plan and its add-ons.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn full_period(&self) -> Result<Unrounded, MoneyError> {
        let plan = self.plan_item().full_period()?;
        self.items().skip(1).try_fold(plan, |sum, item| sum.plus(item.full_period()?))
    }

    /// The price of one full period as an invoice adds it up: every item rounded as its line is.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn full_period_money(&self) -> Result<Money, MoneyError> {
        let items = self.items().map(|item| item.full_period_money()).collect::<Result<Vec<_>, _>>()?;
        Money::sum(self.price.currency, items)
    }
}
