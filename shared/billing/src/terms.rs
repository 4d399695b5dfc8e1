//! What was bought: a frozen snapshot of plan, price and quantity.
//!
//! Exists because a subscriber stays on what was bought until moved: nothing here points at something
//! that can change.

mod conditions;

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Plan, Policy, Price, VersionRef},
    money::{Money, MoneyError, Rounding, Unrounded},
    refusal::Refusal,
};

pub use conditions::{Conditions, TaxBinding};

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
    /// What stands beside the price: discounts of the plan, tax settings, their order.
    #[serde(default, skip_serializing_if = "Conditions::is_none")]
    pub conditions: Box<Conditions>,
}

impl Terms {
    /// The terms of `quantity` units of `plan` at `price`.
    ///
    /// # Errors
    /// [`Refusal::QuantityOutOfRange`].
    pub fn try_new(
        plan: &Plan,
        policy: &Policy,
        price: &Price,
        contract: bool,
        quantity: i64,
    ) -> Result<Self, Refusal> {
        let quantity = u32::try_from(quantity).ok().filter(|q| (1..=QUANTITY_MAX).contains(q));
        let quantity = quantity.ok_or(Refusal::QuantityOutOfRange)?;
        let conditions = Box::new(Conditions::new(plan, policy, price.interval, contract));
        let (plan, policy) = (plan.reference(), policy.reference());
        Ok(Self { plan, policy, price: price.clone(), contract, quantity, conditions })
    }

    /// The exact price of one full period.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn full_period(&self) -> Result<Unrounded, MoneyError> {
        self.price.model.amount(self.quantity, self.price.currency)
    }

    /// The price of one full period, rounded as an invoice line is.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn full_period_money(&self) -> Result<Money, MoneyError> {
        self.full_period()?.round(Rounding::HalfEven)
    }
}
