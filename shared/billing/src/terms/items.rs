//! Items of the terms: the plan and each add-on, with what one full period of each costs.
//!
//! Exists so that charges, credits, discounts and run-rate all see the same items in the same order: the plan first, then
//! the add-ons in the order of their ids.

use rust_decimal::Decimal;

use super::Terms;
use crate::{
    money::{Money, MoneyError, Rounding, Unrounded},
    pricing::{PriceModel, Step, Units},
};

/// One item of a contract.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    terms: &'a Terms,
    /// Which add-on; none: the plan itself.
    pub add_on: Option<&'a str>,
    /// Units, from 1.
    pub quantity: u32,
    /// What one full period costs.
    pub price: &'a PriceModel,
    fee: Option<Decimal>,
}

impl Terms {
    /// The plan as an item.
    #[must_use]
    pub fn plan_item(&self) -> Item<'_> {
        Item { terms: self, add_on: None, quantity: self.quantity, price: &self.price.model, fee: self.price.setup_fee }
    }

    /// Everything that is billed in advance.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let add_ons = self.add_ons.iter().map(|bought| Item {
            terms: self,
            add_on: Some(&bought.id),
            quantity: bought.quantity,
            price: &bought.price,
            fee: bought.setup_fee,
        });
        std::iter::once(self.plan_item()).chain(add_ons)
    }

    /// What a percentage of the other items is of: the list prices of all items that are no percentage themselves, each
    /// as it stands on the invoice.
    fn base(&self) -> Result<Money, MoneyError> {
        let plain = self.items().filter(|item| !item.price.is_of_items());
        let amounts = plain.map(|item| item.full_period_money()).collect::<Result<Vec<_>, _>>()?;
        Money::sum(self.price.currency, amounts)
    }
}

impl<'a> Item<'a> {
    /// The terms that it belongs to.
    #[must_use]
    pub const fn terms(&self) -> &'a Terms {
        self.terms
    }

    /// Its name for discounts and changes: the plan's, for an add-on `plan+id`. No plan can be called that, so a coupon
    /// for a plan takes nothing off its add-ons.
    #[must_use]
    pub fn name(&self) -> String {
        let plan = &self.terms.plan.name;
        self.add_on.map_or_else(|| plan.clone(), |id| format!("{plan}+{id}"))
    }

    /// What is charged once with its first invoice.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn setup_fee(&self) -> Result<Option<Money>, MoneyError> {
        let exact = |fee| Unrounded::from_major(fee, self.terms.price.currency)?.round(Rounding::HalfEven);
        self.fee.map(exact).transpose()
    }

    /// The exact price of one full period.
    ///
    /// # Errors
    /// [`MoneyError`]: units that the price does not cover, or an amount that cannot be computed exactly.
    pub fn full_period(&self) -> Result<Unrounded, MoneyError> {
        let currency = self.terms.price.currency;
        if self.price.is_of_items() {
            return Ok(self.price.price(&self.units()?, currency)?.amount);
        }
        self.price.amount(self.quantity, currency)
    }

    /// The price of one full period, rounded as its invoice line is.
    ///
    /// # Errors
    /// As [`Item::full_period`].
    pub fn full_period_money(&self) -> Result<Money, MoneyError> {
        self.full_period()?.round(self.rounding())
    }

    /// How it becomes whole minor units.
    #[must_use]
    pub const fn rounding(&self) -> Rounding {
        self.terms.conditions.price_rounding
    }

    /// The steps of the price, where there is more to say than one multiplication.
    ///
    /// # Errors
    /// As [`Item::full_period`].
    pub fn steps(&self) -> Result<Vec<Step>, MoneyError> {
        let steps = self.price.price(&self.units()?, self.terms.price.currency)?.steps;
        Ok(if steps.len() > 1 || self.price.is_of_items() { steps } else { Vec::new() })
    }

    fn units(&self) -> Result<Units, MoneyError> {
        Ok(if self.price.is_of_items() { Units::base(self.terms.base()?) } else { Units::of(self.quantity.into()) })
    }
}
