//! What a price is asked for: units, the events they came in, and the amount that a percentage is of.
//!
//! Exists so that every price model takes one value, which can be stored and priced again.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{PaidEvents, PriceError, exact};
use crate::money::{Money, MoneyError};

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
    /// Into how many parts a unit is divided, where it is counted in parts: the quantity, or of movements what is prorated, is
    /// in these, so that it can be multiplied before it is divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Decimal>,
}

/// How a quantity came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Events {
    /// In so many events; how large each was does not matter or is not known.
    Count(u64),
    /// The units of each event, in order of time. They add up to the quantity.
    Amounts(Vec<Decimal>),
    /// What the price that looks at each event made of their list, where that is not kept.
    Paid(PaidEvents),
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
        Self { quantity, events: None, base: None, per: None }
    }

    /// `quantity` units in `count` events.
    #[must_use]
    pub const fn counted(quantity: Decimal, count: u64) -> Self {
        Self { quantity, events: Some(Events::Count(count)), base: None, per: None }
    }

    /// `quantity` units in events that came to `paid` under the price.
    #[must_use]
    pub const fn paid(quantity: Decimal, paid: PaidEvents) -> Self {
        Self { quantity, events: Some(Events::Paid(paid)), base: None, per: None }
    }

    /// The sum of `amounts`, one for each event in order of time.
    ///
    /// # Errors
    /// [`PriceError::Money`] when they cannot be added exactly.
    pub fn each(amounts: Vec<Decimal>) -> Result<Self, PriceError> {
        let quantity = exact::sum(amounts.iter().copied())?;
        Ok(Self { quantity, events: Some(Events::Amounts(amounts)), base: None, per: None })
    }

    /// What additions and removals, in order of time, add up to.
    ///
    /// # Errors
    /// [`PriceError::Money`] when they cannot be added exactly.
    pub fn prorated(movements: Vec<Movement>) -> Result<Self, PriceError> {
        let quantity = exact::sum(movements.iter().map(|m| m.units))?;
        Ok(Self { quantity, events: Some(Events::Prorated(movements)), base: None, per: None })
    }

    /// Nothing but the amount that a percentage is of.
    #[must_use]
    pub const fn base(base: Money) -> Self {
        Self { quantity: Decimal::ZERO, events: None, base: Some(base), per: None }
    }

    /// The same, counted in parts, `per` of which are a unit.
    #[must_use]
    pub fn in_parts(self, per: Decimal) -> Self {
        Self { per: Some(per), ..self }
    }

    /// The same in units, every part cut at 12 decimals: to be told, and for prices that sell something whole.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn cut(&self) -> Result<Self, MoneyError> {
        match self.per {
            None => Ok(self.clone()),
            Some(per) => self.of_parts(|parts| exact::quotient(parts, per)),
        }
    }

    /// So many times the parts; how many of them are a unit is the caller's to know.
    pub(super) fn times(&self, factor: Decimal) -> Result<Self, MoneyError> {
        self.of_parts(|parts| exact::mul(parts, factor))
    }

    fn of_parts(&self, of: impl Fn(Decimal) -> Result<Decimal, MoneyError>) -> Result<Self, MoneyError> {
        let Some(movements) = self.movements() else {
            return Ok(Self { quantity: of(self.quantity)?, per: None, ..self.clone() });
        };
        let one = |m: &Movement| Ok(Movement { prorated: of(m.prorated)?, ..*m });
        let movements = movements.iter().map(one).collect::<Result<_, MoneyError>>()?;
        Ok(Self { events: Some(Events::Prorated(movements)), per: None, ..self.clone() })
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
            Some(Events::Count(_) | Events::Paid(_)) | None => return Ok(()),
        };
        if total == self.quantity {
            return Ok(());
        }
        Err(PriceError::EventsDisagree { quantity: self.quantity, events: total })
    }
}
