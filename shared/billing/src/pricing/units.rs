//! What a price is asked for: units, the events they came in, and the amount that a percentage is of.
//!
//! Exists so that every price model takes one value, which can be stored and priced again.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{PriceError, exact};
use crate::money::Money;

/// What is to be priced. Most models look at `quantity` only; a model that needs more says so in its error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Units: seats, calls, gigabytes, or for percentages the volume in major units of the currency.
    pub quantity: Decimal,
    /// How the quantity came about, for models that price events or parts of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// What other items cost, for a price that is a percentage of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Money>,
}

/// How a quantity came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Events {
    /// In so many events; how large each was does not matter or is not known.
    Count(u64),
    /// The units of each event, in order of time. They add up to the quantity.
    Amounts(Vec<Decimal>),
    /// Additions and removals in order of time, each with the part of the period that it is for. Their units add
    /// up to the quantity.
    Prorated(Vec<Movement>),
}

/// Units that came or went within the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// Added (above 0) or removed (below 0): these decide the tier.
    pub units: Decimal,
    /// The same for the part of the period that is left: these carry the money.
    pub prorated: Decimal,
}

impl Units {
    /// `quantity` units, whatever they came in.
    #[must_use]
    pub const fn of(quantity: Decimal) -> Self {
        Self { quantity, events: None, base: None }
    }

    /// `quantity` units in `count` events.
    #[must_use]
    pub const fn counted(quantity: Decimal, count: u64) -> Self {
        Self { quantity, events: Some(Events::Count(count)), base: None }
    }

    /// The sum of `amounts`, one for each event in order of time.
    ///
    /// # Errors
    /// [`PriceError::Money`] when they cannot be added exactly.
    pub fn each(amounts: Vec<Decimal>) -> Result<Self, PriceError> {
        let quantity = exact::sum(amounts.iter().copied())?;
        Ok(Self { quantity, events: Some(Events::Amounts(amounts)), base: None })
    }

    /// What additions and removals, in order of time, add up to.
    ///
    /// # Errors
    /// [`PriceError::Money`] when they cannot be added exactly.
    pub fn prorated(movements: Vec<Movement>) -> Result<Self, PriceError> {
        let quantity = exact::sum(movements.iter().map(|m| m.units))?;
        Ok(Self { quantity, events: Some(Events::Prorated(movements)), base: None })
    }

    /// Nothing but the amount that a percentage is of.
    #[must_use]
    pub const fn base(base: Money) -> Self {
        Self { quantity: Decimal::ZERO, events: None, base: Some(base) }
    }

    /// The movements, where the units are prorated.
    pub(super) fn movements(&self) -> Option<&[Movement]> {
        match &self.events {
            Some(Events::Prorated(movements)) => Some(movements),
            _ => None,
        }
    }

    /// The units that carry the money: the prorated ones where there are such, else all.
    pub(super) fn carrying(&self) -> Result<Decimal, PriceError> {
        match self.movements() {
            Some(movements) => Ok(exact::sum(movements.iter().map(|m| m.prorated))?),
            None => Ok(self.quantity),
        }
    }

    /// Whether the events add up to the quantity. Stored units may have been written by hand.
    pub(super) fn check(&self) -> Result<(), PriceError> {
        let total = match &self.events {
            Some(Events::Amounts(amounts)) => exact::sum(amounts.iter().copied())?,
            Some(Events::Prorated(movements)) => exact::sum(movements.iter().map(|m| m.units))?,
            Some(Events::Count(_)) | None => return Ok(()),
        };
        if total == self.quantity {
            return Ok(());
        }
        Err(PriceError::EventsDisagree { quantity: self.quantity, events: total })
    }
}
