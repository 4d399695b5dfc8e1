//! Levels weighted by how long they stood, as part of a full period.
//!
//! Exists so that a unit that was there for three days of thirty costs a tenth, also where only these three days are billed,
//! and so that the tenth is divided once, by the price.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{money::MoneyError, pricing::exact};

/// What a weighted quantity is the quotient of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Each level times the milliseconds that it stood, added up.
    pub sum: Decimal,
    /// Milliseconds of a full period.
    pub whole: i64,
}

impl Weight {
    /// The quantity, cut at 12 decimals.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn quantity(self) -> Result<Decimal, MoneyError> {
        exact::quotient(self.sum, Decimal::from(self.whole.max(1)))
    }

    /// The quantity as so many parts, and how many of these are a unit.
    pub(super) fn parts(self) -> (Decimal, Decimal) {
        exact::lowest(self.sum, Decimal::from(self.whole.max(1)))
    }
}
