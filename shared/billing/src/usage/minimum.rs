//! The least that a contract pays for what it uses in a period, all meters together: the true-up, and what late usage takes off
//! it again.
//!
//! Exists beside commitments of one price, because a minimum that covers several meters is known when all of them are, and
//! stands on a line of its own.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Instant, Period},
    money::{Money, MoneyError, Rounding, Unrounded},
    pricing::true_up,
    proration::{ProrationUnit, Share},
};

/// The minimum of a full period, and how a part of one is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// For a full period.
    pub amount: Money,
    /// The period that usage is billed for.
    pub period: Period,
    /// Whose local days.
    pub zone: Tz,
    /// What parts of the period are counted in.
    pub unit: ProrationUnit,
}

impl Least {
    /// The part of the minimum for the span from `start` to `end` of the period, rounded half to even; all of it for a full
    /// period.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn of_span(&self, start: Instant, end: Instant) -> Result<Money, MoneyError> {
        let left = |at| Share::left_of(&self.period, at, self.zone, self.unit);
        let (from, to) = (left(start), left(end));
        let (_, whole) = from.parts();
        let part = Decimal::from(from.left.saturating_sub(to.left).max(0));
        Unrounded::from_money(self.amount).times(part, whole)?.round(Rounding::HalfEven)
    }
}

/// What a billed span remembers of its minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BilledMinimum {
    /// The minimum of the span.
    pub minimum: Money,
    /// What was charged for its usage so far.
    pub used: Money,
}

/// A minimum on an invoice: enough to compute its line again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageMinimum {
    /// First instant of the span that it is for.
    pub start: Instant,
    /// First instant after it.
    pub end: Instant,
    /// The minimum of the span.
    pub minimum: Money,
    /// What its usage comes to, this invoice included.
    pub used: Money,
    /// What its usage came to when its true-up was invoiced; what is charged is the difference. Only for what came late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoiced: Option<Money>,
}

impl UsageMinimum {
    /// What is missing to the minimum, less what was invoiced for that before: below zero where late usage takes the place of
    /// a true-up.
    ///
    /// # Errors
    /// [`MoneyError`] when the amounts cannot be added.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        let missing = true_up(self.minimum, &[self.used])?;
        match self.invoiced {
            None => Ok(missing),
            Some(before) => missing.plus(true_up(self.minimum, &[before])?.negated()?),
        }
    }
}
