//! Add-ons of the terms: what was bought beside the plan, frozen with it.
//!
//! Exists so that a set of wanted add-ons becomes terms in one place: at sign-up, with every change of plan, interval or
//! quantity, and when subscribers are moved to another version.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Terms;
use crate::{
    catalog::{Plan, Price, add_on_name, offered},
    pricing::PriceModel,
    refusal::Refusal,
};

/// Most add-ons of a plan, and so of a contract: a contract is one small item of a table.
pub const ADD_ONS_MAX: usize = 20;

/// An add-on that a contract has. Currency and interval are those of its terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtAddOn {
    /// Which of the plan version.
    pub id: String,
    /// Units, from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quantity: u32,
    /// What one full period costs.
    pub price: PriceModel,
    /// Charged once, in major units, with the first invoice that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_fee: Option<Decimal>,
}

/// An add-on that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedAddOn {
    /// Which of the plan version.
    pub id: String,
    /// Units, from 1.
    #[serde(default = "one_wanted")]
    pub quantity: i64,
}

const fn one() -> u32 {
    1
}

const fn one_wanted() -> i64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

fn refused(detail: String) -> Refusal {
    Refusal::InvalidField { field: "add_ons", detail }
}

impl From<&BoughtAddOn> for WantedAddOn {
    fn from(bought: &BoughtAddOn) -> Self {
        Self { id: bought.id.clone(), quantity: bought.quantity.into() }
    }
}

impl Terms {
    /// These terms with exactly the `wanted` add-ons of `plan`, at its list prices: a price that was negotiated for the plan
    /// says nothing about its add-ons.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] for `add_ons`: one that the plan version does not have in this currency and interval, one
    /// that is written twice, a quantity that cannot be.
    pub fn with_add_ons(mut self, plan: &Plan, wanted: &[WantedAddOn]) -> Result<Self, Refusal> {
        let mut bought: Vec<BoughtAddOn> = Vec::with_capacity(wanted.len().min(ADD_ONS_MAX));
        for one in wanted {
            let next = bought_of(plan, &self.price, one)?;
            if bought.iter().any(|b| b.id == next.id) {
                return Err(refused(format!("{} is written twice; say its quantity once", next.id)));
            }
            bought.push(next);
        }
        // In one order, so that the same set is the same terms.
        bought.sort_by(|a, b| a.id.cmp(&b.id));
        self.add_ons = bought;
        Ok(self)
    }
}

fn bought_of(plan: &Plan, beside: &Price, wanted: &WantedAddOn) -> Result<BoughtAddOn, Refusal> {
    let (currency, interval) = (beside.currency, beside.interval);
    let found = plan.add_on(&wanted.id).and_then(|a| Some((a, a.price(currency, interval)?)));
    let Some((add_on, price)) = found else {
        let name: String = add_on_name(&plan.reference(), &wanted.id).chars().take(120).collect();
        let there = offered(plan, currency, interval);
        return Err(refused(format!(
            "there is no {name} in {currency} per {interval}; there is: {there}. Say in add_ons which ones the contract shall have"
        )));
    };
    let max = add_on.quantity_max;
    let quantity = u32::try_from(wanted.quantity).ok().filter(|quantity| (1..=max).contains(quantity));
    let quantity = quantity.ok_or_else(|| refused(format!("the quantity of {} must be 1 to {max}", add_on.id)))?;
    let setup_fee = price.setup_fee;
    Ok(BoughtAddOn { id: add_on.id.clone(), quantity, price: price.model.clone(), setup_fee })
}
