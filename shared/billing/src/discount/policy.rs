//! How discounts are taken off.
//!
//! Exists because peers differ in three questions that decide single cents: in which order discounts are taken, whether a
//! percentage is rounded once or line by line, and how an amount is split over lines. All three are policy here.

use serde::{Deserialize, Serialize};

use crate::{allocation::Split, money::Rounding};

/// How discounts are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountPolicy {
    /// In which order.
    #[serde(default)]
    pub order: DiscountOrder,
    /// What a percentage is taken of.
    #[serde(default)]
    pub percent_of: PercentBase,
    /// How an amount is split over lines.
    #[serde(default)]
    pub split: Split,
    /// How a percentage becomes whole minor units.
    #[serde(default)]
    pub rounding: Rounding,
}

/// In which order discounts are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscountOrder {
    /// Percentages first, multiplied with each other and rounded once, then fixed amounts: whatever order they are given
    /// in, the sum is the same (Meteroid).
    #[default]
    PercentFirst,
    /// One after the other as they are given, each of what the one before left (Lago).
    AsGiven,
}

/// What a percentage is taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PercentBase {
    /// The sum of the lines that the same percentages apply to; rounded once, then split over them.
    #[default]
    Sum,
    /// Every line on its own; the sum may drift by a minor unit from the percentage of the sum (Polar).
    Line,
}
