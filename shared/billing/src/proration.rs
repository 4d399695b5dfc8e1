//! What part of a period a change leaves, and what that is worth: proration as policy data with named profiles.
//!
//! Exists so that "why 23.57?" has one answer: the factor is a fraction of two whole numbers that a person can count, and
//! every question on which billing systems differ is a field of [`ProrationPolicy`].
#![doc = include_str!("proration/PROFILES.md")]

mod binary;
mod change;
mod credit;
mod extra;
mod factor;
mod policy;
mod profiles;
mod rounding;
mod segment;
mod settle;
mod stub;

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Instant, Period, recurrence::Span},
    money::{Money, MoneyError, Unrounded},
};

pub use change::{
    Cadence, ChangeInput, ChangeKind, ChangeOutcome, Debit, History, ItemChange, LineRule, ProratedLine, Reach, Side,
    change,
};
pub use extra::CONTRACT_DAYS_MAX;
pub(crate) use extra::{ExtraTime, extra_time};
pub use factor::{Factor, factor, unused, used};
pub(crate) use policy::Written as WrittenProration;
pub use policy::{
    BadProration, BeyondWhole, ChangeLines, CreditBase, CreditCap, CreditTax, DayOwner, Denominator, Destination,
    DiscountOrder, FACTOR_DECIMALS_MAX, FactorPrecision, FirstPeriod, IntervalChange, MonthDays, PeriodEnd,
    ProratedSides, ProrationPolicy, RoundAt, TerminationCredit,
};
pub use profiles::Profile;
pub use segment::{PARTS_MAX, Part, Schedule, Segment, Timing, first_anchor, parts};
pub use settle::{EXTRA_DAYS_MAX, SetOff, Settlement, TaxedCredit, set_off, taxed_credit};
pub use stub::{Stub, leading, trailing};

/// What a period is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProrationUnit {
    /// Local calendar days in the customer's zone; the day of the change belongs to the new terms.
    #[default]
    Day,
    /// Seconds; the second of the change belongs to the new terms.
    Second,
    /// Minutes.
    Minute,
    /// Milliseconds.
    Millisecond,
    /// Local calendar days, every month with the same number of them: the thirty-day convention.
    FixedMonth,
}

impl ProrationUnit {
    /// How many of it a usual day has.
    const fn per_day(self) -> i64 {
        match self {
            Self::Day | Self::FixedMonth => 1,
            Self::Minute => 1440,
            Self::Second => 86_400,
            Self::Millisecond => 86_400_000,
        }
    }

    /// Units from `from` to `to`.
    pub(crate) fn between(self, from: Instant, to: Instant, zone: Tz) -> i64 {
        let policy = ProrationPolicy { unit: self, ..ProrationPolicy::default() };
        match self {
            // What was billed by the second before stays: whole seconds between, however they lie.
            Self::Second => (to - from).num_seconds(),
            _ => factor::units(&policy, from, to, zone),
        }
    }
}

/// `left ÷ whole`, both counted in the policy's unit: the share of rules version 1.
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
        Self { left: unit.between(at, period.end, zone), whole: unit.between(period.start, period.end, zone) }
    }

    /// The part of `whole` that `span` is, which may reach beyond it: then it is more than all of it.
    #[must_use]
    pub fn of_span(span: Span, whole: Span, zone: Tz, unit: ProrationUnit) -> Self {
        // Counted from one end, so that spans that meet add up also where a part of a second is cut off.
        let left = unit.between(span.start, whole.end, zone) - unit.between(span.end, whole.end, zone);
        Self { left: left.max(0), whole: unit.between(whole.start, whole.end, zone) }
    }

    /// Whether it is neither more nor less than the whole.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.left == self.whole
    }

    /// Numerator and denominator, for exact multiplication.
    #[must_use]
    pub fn parts(self) -> (Decimal, Decimal) {
        (Decimal::from(self.left), Decimal::from(self.whole.max(1)))
    }
}

/// A part of an amount: exact, and as money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prorated {
    /// Before rounding.
    pub unrounded: Unrounded,
    /// Rounded as the policy says.
    pub amount: Money,
}

/// The part of `amount` that `factor` is, rounded as the policy says.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn prorate(policy: &ProrationPolicy, amount: Unrounded, factor: Factor) -> Result<Prorated, MoneyError> {
    let unrounded = factor.of(amount)?;
    Ok(Prorated { unrounded, amount: unrounded.round(policy.rounding)? })
}
