//! The least that a contract pays for what it uses in a period, all meters together: the true-up, and what late usage takes off
//! it again.
//!
//! Exists beside commitments of one price, because a minimum that covers several meters is known when all of them are, and
//! stands on a line of its own.

use serde::{Deserialize, Serialize};

use super::part::InPart;
use crate::{
    calendar::Instant,
    catalog::VersionRef,
    money::{Money, MoneyError},
    pricing::true_up,
};

/// The minimum of a full period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// For a full period.
    pub amount: Money,
    /// What a part of a full period has of it; none: the running period has all of it, also where that is a stub, and a part
    /// of the running period its part.
    pub part: Option<InPart>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageMinimum {
    /// The plan version that it was agreed in; none: the one that the invoice is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<VersionRef>,
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
