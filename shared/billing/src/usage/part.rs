//! Parts of a full period: what they have of the units, tiers and amounts that are agreed for a full one.
//!
//! Exists because a first month that is cut short, a change and an early end bill usage of less than a period, and merchants
//! differ on whether a customer then has all of what is included or a part. It is data of each usage price; by default all of
//! it stays whole.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::minimum::Least;
use crate::{
    calendar::{Instant, recurrence::Span},
    money::{Money, MoneyError, Rounding, Unrounded},
    pricing::Proportion,
    proration::{ProrationUnit, Share},
};

/// How much of something that is agreed for a full period a part of one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InPart {
    /// All of it.
    #[default]
    Whole,
    /// In proportion to the full period, counted in the policy's unit.
    Share,
}

/// What a usage price is for a part of a full period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRules {
    /// The units that are included.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub included: InPart,
    /// The ends of the price's tiers, and units that it gives free.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub tiers: InPart,
    /// Amounts that do not follow from units: flat amounts, the least and the most of a tier or a commitment.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub amounts: InPart,
}

impl PartRules {
    /// Whether a part has all that a full period has.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// A span as a part of a full period, both counted in `unit`. More than the whole where the span is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanPart {
    /// How much of it.
    pub share: Share,
    /// Counted in what.
    pub unit: ProrationUnit,
}

impl SpanPart {
    /// What `rules` make of the figures of a price. Units are never none: a span shorter than one counts as one, so that no
    /// price starts in its last tier. Amounts are: two spans that meet on a day are charged for that day once.
    pub(super) fn proportion(self, rules: PartRules) -> Proportion {
        let (left, whole) = self.share.parts();
        let of = |rule: InPart, left: Decimal| (rule == InPart::Share).then_some((left, whole));
        Proportion { units: of(rules.tiers, left.max(Decimal::ONE)), amounts: of(rules.amounts, left) }
    }

    /// How many parts of how many it has of the units that are included.
    pub(super) fn of_included(self, rules: PartRules) -> (Decimal, Decimal) {
        let rules = PartRules { tiers: rules.included, ..rules };
        self.proportion(rules).units.unwrap_or((Decimal::ONE, Decimal::ONE))
    }

    /// So many of the `included` units.
    pub(super) fn included(self, rules: PartRules, included: Decimal) -> Result<Decimal, MoneyError> {
        let rules = PartRules { tiers: rules.included, ..rules };
        self.proportion(rules).of_units(included)
    }
}

/// The period that usage is billed for, and how parts of it are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The period itself.
    pub period: Span,
    /// The full period that it is a stub of, else the same.
    pub full: Span,
    /// Whose local days.
    pub zone: Tz,
    /// What parts are counted in.
    pub unit: ProrationUnit,
    /// The least that was agreed, if that was.
    pub least: Option<Least>,
}

impl Running {
    /// A whole period, without a minimum.
    #[must_use]
    pub const fn whole(period: Span, zone: Tz, unit: ProrationUnit) -> Self {
        Self { period, full: period, zone, unit, least: None }
    }

    /// How long the full period is, in milliseconds.
    pub(super) fn full_milliseconds(&self) -> i64 {
        (self.full.end - self.full.start).num_milliseconds()
    }

    /// Which part of the full period the span from `start` to `end` is; none where it is all of it.
    pub(super) fn part(&self, start: Instant, end: Instant) -> Option<SpanPart> {
        let share = Share::of_span(Span::new(start, end), self.full, self.zone, self.unit);
        (!share.is_whole()).then_some(SpanPart { share, unit: self.unit })
    }

    /// The minimum for the span from `start` to `end`, rounded half to even; none where none was agreed.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn minimum(&self, start: Instant, end: Instant) -> Result<Option<Money>, MoneyError> {
        let Some(Least { amount, part }) = self.least else { return Ok(None) };
        let of = match part {
            // What was agreed before there was a choice: the running period has all of it, also where that is a stub.
            None => self.period,
            Some(InPart::Share) => self.full,
            Some(InPart::Whole) => return Ok(Some(amount)),
        };
        let (left, whole) = Share::of_span(Span::new(start, end), of, self.zone, self.unit).parts();
        Unrounded::from_money(amount).times(left, whole)?.round(Rounding::HalfEven).map(Some)
    }
}
