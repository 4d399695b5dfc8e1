//! What part of a period a change leaves: proration as policy data.
//!
//! Exists so that "why 23.57?" has one answer: the factor is a fraction of two whole numbers that a person can count.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Instant, Period, local_days},
    money::Rounding,
};

/// What a period is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProrationUnit {
    /// Local calendar days in the customer's zone; the day of the change belongs to the new terms.
    #[default]
    Day,
    /// Seconds; the second of the change belongs to the new terms.
    Second,
}

/// How a change in the middle of a period is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProrationPolicy {
    /// What the period is measured in.
    #[serde(default)]
    pub unit: ProrationUnit,
    /// How each line is rounded.
    #[serde(default)]
    pub rounding: Rounding,
}

/// `left ÷ whole`, both counted in the policy's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Units from the change to the end of the period.
    pub left: i64,
    /// Units of the whole period.
    pub whole: i64,
}

impl Share {
    /// The part of `period` that lies at or after `at`.
    #[must_use]
    pub fn left_of(period: &Period, at: Instant, zone: Tz, unit: ProrationUnit) -> Self {
        let at = at.clamp(period.start, period.end);
        let between = |from: Instant, to: Instant| match unit {
            ProrationUnit::Day => local_days(from, to, zone),
            ProrationUnit::Second => (to - from).num_seconds(),
        };
        Self { left: between(at, period.end), whole: between(period.start, period.end) }
    }

    /// Numerator and denominator, for exact multiplication.
    #[must_use]
    pub fn parts(self) -> (Decimal, Decimal) {
        (Decimal::from(self.left), Decimal::from(self.whole.max(1)))
    }
}
