//! Volume prices: all units at the price of the tier that the whole quantity reaches.
//!
//! Exists beside `graduated.rs`; with flat amounts only it is a stair-step price, one amount for a range.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, exact,
    priced::Step,
    tiers::{self, Overflow, Tier, ZeroUnits},
    units::Units,
};
use crate::money::Currency;

/// All units at the price of the tier reached, plus its flat amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// In ascending order.
    pub tiers: Vec<Tier>,
    /// Which tier a quantity exactly at an end reaches.
    #[serde(default, skip_serializing_if = "AtEnd::is_default")]
    pub at_end: AtEnd,
    /// What zero units pay.
    #[serde(default, skip_serializing_if = "ZeroUnits::is_default")]
    pub zero_units: ZeroUnits,
    /// What happens beyond the last tier; needed exactly when it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

/// Which tier a quantity exactly at the end of one reaches. (For graduated prices this makes no difference: no unit
/// lies in the next one yet.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtEnd {
    /// The tier that ends there: `1-10, 11-20` (Stripe, Lago, Polar).
    #[default]
    ThisTier,
    /// The one that starts there: tiers written by their first unit, half open (Meteroid).
    NextTier,
}

impl AtEnd {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Volume {
    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        let billable = tiers::billable(&self.tiers, self.overflow, units.quantity)?;
        let index = self.tiers.iter().position(|tier| self.is_in(tier, billable));
        let index = index.unwrap_or_else(|| self.tiers.len().saturating_sub(1));
        if units.movements().is_some() && self.tiers.iter().any(|t| t.package_size.is_some()) {
            return Err(PriceError::NotProrated("packages"));
        }
        let carrying = units.carrying()?;
        if units.quantity.is_zero() && carrying.is_zero() {
            return tiers::of_zero(&self.tiers, self.zero_units);
        }
        let not_billed = exact::sub(units.quantity, billable)?;
        let carrying = if not_billed.is_zero() {
            carrying
        } else {
            exact::quotient(exact::mul(carrying, billable)?, units.quantity)?
        };
        let mut steps = tiers::steps(&self.tiers, index, carrying.max(Decimal::ZERO))?;
        if !not_billed.is_zero() {
            steps.push(Step::free(not_billed));
        }
        Ok(steps)
    }

    fn is_in(&self, tier: &Tier, units: Decimal) -> bool {
        match (tier.up_to, self.at_end) {
            (Some(end), AtEnd::ThisTier) => units <= end,
            (Some(end), AtEnd::NextTier) => units < end,
            (None, _) => true,
        }
    }

    pub(super) fn check(&self, currency: Currency) -> Result<(), String> {
        tiers::check_tiers(&self.tiers, self.overflow, currency)
    }
}
