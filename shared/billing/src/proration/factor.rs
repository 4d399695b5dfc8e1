//! Counting units, and the factor: which part of a period something is, as two whole numbers that a person can count.
//!
//! Exists so that used and unused parts are made in one place: what one side counts, the other does not.

use std::fmt;

use chrono::Datelike;
use chrono_tz::Tz;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::{
    ProrationUnit, binary,
    policy::{DayOwner, FactorPrecision, PeriodEnd, ProrationPolicy},
};
use crate::{
    calendar::{Instant, OutOfCalendar, daycount::days_of_equal_months, local_days, recurrence::Span},
    money::{MoneyError, Unrounded},
    refusal::Refusal,
};

/// That a span can be counted: it ends after it starts, in the years 1 to 9999. (Its end is the last day inside, where
/// the policy's period end is inclusive.)
///
/// # Errors
/// [`Refusal::InvalidField`] or [`Refusal::Calendar`].
pub(super) fn countable(span: Span, field: &'static str) -> Result<(), Refusal> {
    in_calendar(span.start)?;
    in_calendar(span.end)?;
    if span.is_empty() {
        let detail = format!("ends at {}, which is not after its start {}", span.end, span.start);
        return Err(Refusal::InvalidField { field, detail });
    }
    Ok(())
}

/// Beyond these years local dates cannot be counted without care, and nobody bills there.
pub(super) fn in_calendar(at: Instant) -> Result<(), OutOfCalendar> {
    if (1..=9999).contains(&at.year()) { Ok(()) } else { Err(OutOfCalendar) }
}

/// A part of a whole, between nothing and all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    numerator: i64,
    denominator: i64,
    precision: FactorPrecision,
}

impl Factor {
    /// All of it.
    pub const WHOLE: Self = Self { numerator: 1, denominator: 1, precision: FactorPrecision::Exact };

    /// `numerator` of `denominator` units, cut to what is between nothing and all of it. Of a whole without units
    /// (shorter than one) any part that reaches its end is all of it.
    #[must_use]
    pub fn clamped(numerator: i64, denominator: i64, precision: FactorPrecision) -> Self {
        if denominator < 1 {
            return Self { numerator: i64::from(numerator > 0), denominator: 1, precision };
        }
        Self { numerator: numerator.clamp(0, denominator), denominator, precision }
    }

    /// As [`Factor::clamped`], also more than all of it.
    pub(super) fn counted(numerator: i64, denominator: i64, precision: FactorPrecision) -> Self {
        let clamped = Self::clamped(numerator, denominator, precision);
        if denominator < 1 { clamped } else { Self { numerator: numerator.max(0), ..clamped } }
    }

    /// `days` of `of` days, also more than all of them.
    pub(super) fn of_days(days: u32, of: u32) -> Self {
        Self { numerator: days.into(), denominator: i64::from(of).max(1), precision: FactorPrecision::Exact }
    }

    /// Units of the part.
    #[must_use]
    pub fn numerator(self) -> i64 {
        self.numerator
    }

    /// Units of the whole, at least 1.
    #[must_use]
    pub fn denominator(self) -> i64 {
        self.denominator
    }

    /// Whether the fraction itself meets the amount; else a decimal does ([`Factor::value`]).
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.precision == FactorPrecision::Exact
    }

    /// What is left: the whole less this part, in the same units.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { numerator: self.denominator.saturating_sub(self.numerator), ..self }
    }

    /// The factor as a decimal: as many places as the policy keeps, else 28 digits. For explanations; amounts of
    /// exact factors are never computed from it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn value(self) -> Result<Decimal, MoneyError> {
        let (n, d) = (Decimal::from(self.numerator), Decimal::from(self.denominator));
        match self.precision {
            FactorPrecision::Exact => n.checked_div(d).ok_or(MoneyError::Overflow),
            FactorPrecision::Decimals(places) => {
                let quotient = n.checked_div(d).ok_or(MoneyError::Overflow)?;
                Ok(quotient.round_dp_with_strategy(u32::from(places), RoundingStrategy::MidpointAwayFromZero))
            }
            FactorPrecision::Binary => binary::product(1, self.numerator, self.denominator),
        }
    }

    /// This part of `amount`, not yet rounded.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn of(self, amount: Unrounded) -> Result<Unrounded, MoneyError> {
        match self.precision {
            FactorPrecision::Exact => amount.times(Decimal::from(self.numerator), Decimal::from(self.denominator)),
            FactorPrecision::Decimals(_) => amount.times(self.value()?, Decimal::ONE),
            FactorPrecision::Binary => {
                let whole = amount.round(crate::money::Rounding::HalfUp)?;
                let product = binary::product(whole.minor, self.numerator, self.denominator)?;
                Ok(Unrounded::from_minor(product, whole.currency))
            }
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// Units from `from` to `to` (negative when `to` is before): the unit an instant lies in begins it, so parts that meet
/// add up.
#[must_use]
pub(super) fn units(policy: &ProrationPolicy, from: Instant, to: Instant, zone: Tz) -> i64 {
    match policy.unit {
        ProrationUnit::Day => local_days(from, to, zone),
        ProrationUnit::FixedMonth => fixed_month_days(from, to, zone, policy.month_days.days()),
        ProrationUnit::Minute => to.timestamp().div_euclid(60) - from.timestamp().div_euclid(60),
        ProrationUnit::Second => to.timestamp() - from.timestamp(),
        ProrationUnit::Millisecond => to.timestamp_millis() - from.timestamp_millis(),
    }
}

/// Whether the policy counts calendar days, which may be inclusive at both ends.
pub(super) fn inclusive(policy: &ProrationPolicy) -> bool {
    let days = matches!(policy.unit, ProrationUnit::Day | ProrationUnit::FixedMonth);
    days && policy.period_end == PeriodEnd::Inclusive
}

/// Local days where every month that ends on the way counted `month_days`.
pub(super) fn fixed_month_days(from: Instant, to: Instant, zone: Tz, month_days: i64) -> i64 {
    let date = |at: Instant| at.with_timezone(&zone).date_naive();
    days_of_equal_months(date(from), date(to), month_days)
}

fn months_between(from: chrono::NaiveDate, to: chrono::NaiveDate) -> i64 {
    (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month()) - i64::from(from.month())
}

/// Units of a whole period. Where months have a fixed length, a period of whole months has as many of them, however its
/// day was cut in a short month.
pub(super) fn whole_units(policy: &ProrationPolicy, whole: Span, zone: Tz) -> i64 {
    match whole_months(whole, zone) {
        Some(months) if policy.unit == ProrationUnit::FixedMonth => months * policy.month_days.days(),
        _ => units(policy, whole.start, whole.end, zone) + i64::from(inclusive(policy)),
    }
}

/// How many whole months a period is, its day possibly cut to the last of a short month; none when it is not.
pub(super) fn whole_months(period: Span, zone: Tz) -> Option<i64> {
    let date = |at: Instant| at.with_timezone(&zone).date_naive();
    let (start, end) = (date(period.start), date(period.end));
    let cut = |short: chrono::NaiveDate, long: chrono::NaiveDate| {
        long.day() > short.day() && short.day() == u32::from(short.num_days_in_month())
    };
    let whole = start.day() == end.day() || cut(end, start) || cut(start, end);
    Some(months_between(start, end)).filter(|months| whole && *months > 0)
}

/// The part of `whole` that `span` is, by the policy's unit and inclusivity. A span that covers the whole is all of it.
///
/// # Errors
/// [`Refusal::InvalidField`] when one of them does not end after it starts; [`Refusal::Calendar`].
pub fn factor(policy: &ProrationPolicy, span: Span, whole: Span, zone: Tz) -> Result<Factor, Refusal> {
    countable(span, "span")?;
    countable(whole, "period")?;
    if span.start <= whole.start && span.end >= whole.end {
        let all = whole_units(policy, whole, zone).max(1);
        return Ok(Factor::clamped(all, all, policy.precision));
    }
    let part = units(policy, span.start, span.end, zone) + i64::from(inclusive(policy));
    Ok(Factor::clamped(part, whole_units(policy, whole, zone), policy.precision))
}

/// The part of `period` that is left when something happens at `at`. `owner` pays for the unit in which it happens:
/// with [`DayOwner::New`] that unit is left, with [`DayOwner::Old`] it was used.
///
/// # Errors
/// As [`factor`].
pub fn unused(
    policy: &ProrationPolicy,
    owner: DayOwner,
    at: Instant,
    period: Span,
    zone: Tz,
) -> Result<Factor, Refusal> {
    countable(period, "period")?;
    in_calendar(at)?;
    let whole = whole_units(policy, period, zone);
    Ok(Factor::clamped(unused_units(policy, owner, at, period, zone), whole, policy.precision))
}

/// The part of `period` that was used when something happens at `at`: exactly what [`unused`] leaves.
///
/// # Errors
/// As [`factor`].
pub fn used(policy: &ProrationPolicy, owner: DayOwner, at: Instant, period: Span, zone: Tz) -> Result<Factor, Refusal> {
    unused(policy, owner, at, period, zone).map(Factor::rest)
}

/// Units left, before they are set against a denominator.
pub(super) fn unused_units(policy: &ProrationPolicy, owner: DayOwner, at: Instant, period: Span, zone: Tz) -> i64 {
    if at < period.start || (at == period.start && owner == DayOwner::New) {
        // Before it began nothing was used, and the whole is the whole however it is counted.
        return whole_units(policy, period, zone).max(1);
    }
    // Where months have a fixed length days do not run in step with the calendar: what is over is over all the same.
    let is_over = if inclusive(policy) { local_days(period.end, at, zone) > 0 } else { at >= period.end };
    if is_over {
        return 0;
    }
    let taken = i64::from(owner == DayOwner::Old);
    (units(policy, at, period.end, zone) + i64::from(inclusive(policy)) - taken).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Instant {
        at(&format!("{text}T00:00:00Z"))
    }

    fn span(start: &str, end: &str) -> Span {
        Span::new(day(start), day(end))
    }

    fn by(unit: ProrationUnit) -> ProrationPolicy {
        ProrationPolicy { unit, ..ProrationPolicy::default() }
    }

    #[test]
    fn a_change_at_the_start_leaves_all_and_at_the_end_nothing() {
        let march = span("2026-03-01", "2026-04-01");
        for unit in [ProrationUnit::Day, ProrationUnit::Second, ProrationUnit::Minute, ProrationUnit::FixedMonth] {
            let left = |when| unused(&by(unit), DayOwner::New, when, march, Tz::UTC).unwrap();
            assert_eq!(left(march.start).numerator(), left(march.start).denominator());
            assert_eq!(left(march.end).numerator(), 0);
        }
    }

    #[test]
    fn the_day_of_the_change_belongs_to_whom_the_policy_says() {
        let march = span("2026-03-01", "2026-04-01");
        let left = |owner| unused(&by(ProrationUnit::Day), owner, at("2026-03-11T15:00:00Z"), march, Tz::UTC).unwrap();
        assert_eq!(left(DayOwner::New).to_string(), "21/31");
        assert_eq!(left(DayOwner::Old).to_string(), "20/31");
        assert_eq!(left(DayOwner::Old).rest().to_string(), "11/31");
    }

    #[test]
    fn an_inclusive_end_counts_the_last_day_on_both_sides() {
        let policy = ProrationPolicy { period_end: PeriodEnd::Inclusive, ..ProrationPolicy::default() };
        let march = span("2026-03-01", "2026-03-31");
        let left = |when: &str| unused(&policy, DayOwner::New, day(when), march, Tz::UTC).unwrap().to_string();
        assert_eq!([left("2026-03-15"), left("2026-03-31"), left("2026-04-01")], ["17/31", "1/31", "0/31"]);
        let part = |start, end| factor(&policy, span(start, end), march, Tz::UTC).unwrap().to_string();
        assert_eq!([part("2026-03-15", "2026-03-31"), part("2026-03-01", "2026-03-14")], ["17/31", "14/31"]);
        let second = ProrationPolicy { unit: ProrationUnit::Second, ..policy };
        assert_eq!(whole_units(&second, march, Tz::UTC), 30 * 86_400, "instants are half-open");
    }

    #[test]
    fn every_month_counts_thirty_days_where_the_convention_says_so() {
        let policy = by(ProrationUnit::FixedMonth);
        let part = |part: Span, whole: Span| factor(&policy, part, whole, Tz::UTC).unwrap().to_string();
        let month = span("2023-02-15", "2023-03-15");
        assert_eq!(part(span("2023-02-23", "2023-03-15"), month), "22/30");
        assert_eq!(part(span("2023-01-31", "2023-02-10"), span("2023-01-31", "2023-02-28")), "9/30");
        assert_eq!(part(span("2023-01-15", "2023-03-15"), span("2023-01-15", "2023-04-15")), "60/90");
        let short = ProrationPolicy { month_days: super::super::policy::MonthDays::try_new(28).unwrap(), ..policy };
        assert_eq!(units(&short, day("2023-05-23"), day("2023-06-15"), Tz::UTC), 20);
    }

    #[test]
    fn a_factor_of_nine_decimals_is_cut_before_it_meets_the_price() {
        let nine = Factor::clamped(20, 28, FactorPrecision::Decimals(9));
        assert_eq!(nine.value().unwrap().to_string(), "0.714285714");
        let usd = crate::money::Currency::try_new("USD").unwrap();
        let price = Unrounded::from_money(Money::new(100_000_000_000, usd));
        let rounded = |factor: Factor| factor.of(price).unwrap().round(crate::money::Rounding::HalfUp).unwrap().minor;
        assert_eq!(rounded(nine), 71_428_571_400);
        assert_eq!(rounded(Factor::clamped(20, 28, FactorPrecision::Exact)), 71_428_571_429);
    }

    #[test]
    fn a_counted_factor_is_more_than_all_and_never_less_than_nothing() {
        let counted =
            |numerator, denominator| Factor::counted(numerator, denominator, FactorPrecision::Exact).to_string();
        assert_eq!([counted(51, 30), counted(3, 1), counted(-1, 30)], ["51/30", "3/1", "0/30"]);
        assert_eq!([counted(3, 0), counted(0, 0)], ["1/1", "0/1"]);
    }

    #[test]
    fn local_days_are_counted_over_clock_changes() {
        let berlin = Tz::Europe__Berlin;
        let march = Span::new(at("2026-02-28T23:00:00Z"), at("2026-03-31T22:00:00Z"));
        let left = unused(&by(ProrationUnit::Day), DayOwner::New, at("2026-03-29T22:30:00Z"), march, berlin).unwrap();
        assert_eq!(left.to_string(), "2/31");
    }

    #[test]
    fn a_period_that_ends_before_it_starts_is_refused() {
        let bad = factor(
            &by(ProrationUnit::Day),
            span("2026-03-02", "2026-03-01"),
            span("2026-03-01", "2026-04-01"),
            Tz::UTC,
        );
        assert!(bad.unwrap_err().to_string().contains("not after its start"));
        let beyond = Span::new(Instant::MIN_UTC, Instant::MAX_UTC);
        assert_eq!(factor(&by(ProrationUnit::Day), beyond, beyond, Tz::UTC), Err(Refusal::Calendar(OutOfCalendar)));
    }
}
