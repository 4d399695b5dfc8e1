//! Stubs: parts before the first anchor and after the last one, and what they are divided by.
//!
//! Exists because this is where billing systems differ most, and each is right by its own rule: so the rule is data.

use chrono::{Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    ProrationUnit,
    factor::{Factor, countable, in_calendar, inclusive, units, whole_months, whole_units},
    policy::{BeyondWhole, Denominator, FirstPeriod, ProrationPolicy},
};
use crate::{
    calendar::{Anchor, Instant, Interval, OutOfCalendar, Unit, recurrence::Span, to_instant},
    refusal::Refusal,
};

/// A part of a scheduled period, with what its denominator may be asked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stub {
    /// What is billed.
    pub span: Span,
    /// The scheduled period that it lies in: before a first anchor, the one that ends there.
    pub period: Span,
    /// What the price is for; needed by every denominator but `period`.
    pub interval: Option<Interval>,
    /// When the contract began; needed by the denominator `anniversary`.
    pub contract_start: Option<Instant>,
}

impl Stub {
    /// The stub from `start` to the first anchor `until`, in a schedule of `interval`.
    ///
    /// # Errors
    /// [`Refusal::Calendar`].
    pub fn leading(start: Instant, until: Instant, interval: Interval, zone: Tz) -> Result<Self, Refusal> {
        let period = Span::new(shifted(until, interval, Direction::Back, zone)?, until);
        Ok(Self { span: Span::new(start, until), period, interval: Some(interval), contract_start: Some(start) })
    }

    /// The stub from the last anchor `from` to `end`, in a schedule of `interval`.
    ///
    /// # Errors
    /// [`Refusal::Calendar`].
    pub fn trailing(from: Instant, end: Instant, interval: Interval, zone: Tz) -> Result<Self, Refusal> {
        let period = Span::new(from, shifted(from, interval, Direction::Forward, zone)?);
        Ok(Self { span: Span::new(from, end), period, interval: Some(interval), contract_start: None })
    }
}

/// What a stub before the first anchor costs of a full period: its part, or all of it where the policy bills first
/// periods in full.
///
/// # Errors
/// [`Refusal::InvalidField`] when the denominator needs something that the stub does not say; [`Refusal::Calendar`].
pub fn leading(policy: &ProrationPolicy, stub: &Stub, zone: Tz) -> Result<Factor, Refusal> {
    match policy.first_period {
        FirstPeriod::Full => Ok(Factor::WHOLE),
        FirstPeriod::Prorated => divided(policy, policy.leading, stub, zone),
    }
}

/// What a stub after the last anchor costs of a full period.
///
/// # Errors
/// As [`leading`].
pub fn trailing(policy: &ProrationPolicy, stub: &Stub, zone: Tz) -> Result<Factor, Refusal> {
    divided(policy, policy.trailing, stub, zone)
}

/// The stub's units over those of the whole that `rule` names.
pub(super) fn divided(policy: &ProrationPolicy, rule: Denominator, stub: &Stub, zone: Tz) -> Result<Factor, Refusal> {
    countable(stub.span, "span")?;
    let whole = denominator(policy, rule, stub, zone)?;
    if is_lengthened(policy, stub, zone)? {
        let part = units(policy, stub.span.start, stub.span.end, zone) + i64::from(inclusive(policy));
        return Ok(Factor::counted(part, whole.units(policy, zone), policy.precision));
    }
    let covers = |period: Span| stub.span.start <= period.start && stub.span.end >= period.end;
    if matches!(whole, Whole::Span(period) if covers(period)) {
        return Ok(Factor::clamped(1, 1, policy.precision));
    }
    let part = units(policy, stub.span.start, stub.span.end, zone) + i64::from(inclusive(policy));
    Ok(Factor::clamped(part, whole.units(policy, zone), policy.precision))
}

/// Whether the part lies in a period longer than its interval, and counts as more than all of it. A month of 31 days is not
/// longer than a month, whatever it is divided by.
pub(super) fn is_lengthened(policy: &ProrationPolicy, stub: &Stub, zone: Tz) -> Result<bool, OutOfCalendar> {
    let Some(interval) = stub.interval.filter(|_| policy.beyond == BeyondWhole::Counted) else { return Ok(false) };
    let period = Span::new(stub.period.start, stub.period.end.max(stub.span.end));
    let months = match interval.unit() {
        Unit::Month => Some(i64::from(interval.count())),
        Unit::Year => Some(i64::from(interval.count()) * 12),
        Unit::Day | Unit::Week => None,
    };
    // From 28 February to 31 March is a month, where the 31st is billed on.
    if months.is_some() && whole_months(period, zone) == months {
        return Ok(false);
    }
    Ok(period.end > shifted(period.start, interval, Direction::Forward, zone)?)
}

/// A whole, before it is counted.
#[derive(Clone, Copy)]
pub(super) enum Whole {
    Span(Span),
    Units(i64),
}

impl Whole {
    pub(super) fn units(self, policy: &ProrationPolicy, zone: Tz) -> i64 {
        match self {
            Self::Span(span) => whole_units(policy, span, zone),
            Self::Units(count) => count,
        }
    }
}

pub(super) fn denominator(
    policy: &ProrationPolicy,
    rule: Denominator,
    stub: &Stub,
    zone: Tz,
) -> Result<Whole, Refusal> {
    countable(stub.period, "period")?;
    let forward = |from: Instant| -> Result<Whole, Refusal> {
        Ok(Whole::Span(Span::new(from, shifted(from, needed(stub)?, Direction::Forward, zone)?)))
    };
    match rule {
        Denominator::Period => Ok(Whole::Span(stub.period)),
        Denominator::EndingAtAnchor => {
            let start = shifted(stub.period.end, needed(stub)?, Direction::Back, zone)?;
            Ok(Whole::Span(Span::new(start, stub.period.end)))
        }
        Denominator::StartingAtAnchor => forward(stub.period.start),
        Denominator::StartingAtStart => forward(stub.span.start),
        Denominator::Anniversary => anniversary(stub, zone).map(Whole::Span),
        Denominator::Nominal => Ok(Whole::Units(nominal_units(policy, needed(stub)?))),
        Denominator::PeriodOrNominal => Ok(period_or_nominal(policy, stub, zone)),
    }
}

fn needed(stub: &Stub) -> Result<Interval, Refusal> {
    stub.interval.ok_or_else(|| Refusal::InvalidField {
        field: "interval",
        detail: "the policy divides by an interval: say which interval the price is for".into(),
    })
}

fn period_or_nominal(policy: &ProrationPolicy, stub: &Stub, zone: Tz) -> Whole {
    let Some(interval) = stub.interval else { return Whole::Span(stub.period) };
    let (period, usual) = (whole_units(policy, stub.period, zone), nominal_units(policy, interval));
    let near = period.abs_diff(usual).saturating_mul(4) <= usual.unsigned_abs();
    if near { Whole::Span(stub.period) } else { Whole::Units(usual) }
}

/// An interval's usual length in the policy's unit: months are twelfths of 365 days, cut to days (30, 91, 182, 365).
pub(super) fn nominal_units(policy: &ProrationPolicy, interval: Interval) -> i64 {
    let count = i64::from(interval.count());
    let months = match interval.unit() {
        Unit::Month => Some(count),
        Unit::Year => Some(count * 12),
        Unit::Day | Unit::Week => None,
    };
    let days = match (interval.unit(), months) {
        (_, Some(months)) if policy.unit == ProrationUnit::FixedMonth => months * policy.month_days.days(),
        (_, Some(months)) => months * 365 / 12,
        (Unit::Week, None) => count * 7,
        (_, None) => count,
    };
    days * policy.unit.per_day()
}

/// The period, cut from the contract's own start, that the stub begins in.
fn anniversary(stub: &Stub, zone: Tz) -> Result<Span, Refusal> {
    let start = stub.contract_start.ok_or_else(|| Refusal::InvalidField {
        field: "contract_start",
        detail: "the policy divides by anniversary periods: say when the contract began".into(),
    })?;
    in_calendar(start)?;
    let (interval, anchor) = (needed(stub)?, Anchor::at(start, zone));
    // A first guess that is never too late, from the longest that the interval can be; then step by step.
    let longest = i64::from(interval.count())
        * match interval.unit() {
            Unit::Day => 1,
            Unit::Week => 7,
            Unit::Month => 31,
            Unit::Year => 366,
        };
    let days = (stub.span.start - start).num_days().max(1) - 1;
    let mut index = u32::try_from(days / longest.max(1)).map_err(|_| OutOfCalendar)?;
    loop {
        let period = anchor.period(interval, index, 0)?;
        if stub.span.start < period.end {
            return Ok(Span::from(&period));
        }
        index = index.checked_add(1).ok_or(OutOfCalendar)?;
    }
}

/// Which way time is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Back,
    Forward,
}

/// The same local time one interval away, the day cut to the month's last.
pub(super) fn shifted(at: Instant, interval: Interval, to: Direction, zone: Tz) -> Result<Instant, OutOfCalendar> {
    in_calendar(at)?;
    let local = at.with_timezone(&zone).naive_local();
    let date = moved(local.date(), interval, to)?;
    let shifted = to_instant(date.and_time(local.time()), zone);
    in_calendar(shifted)?;
    Ok(shifted)
}

pub(super) fn moved(date: NaiveDate, interval: Interval, to: Direction) -> Result<NaiveDate, OutOfCalendar> {
    let count = interval.count();
    let (days, months) = match interval.unit() {
        Unit::Day => (count, 0),
        Unit::Week => (count.saturating_mul(7), 0),
        Unit::Month => (0, count),
        Unit::Year => (0, count.saturating_mul(12)),
    };
    let (days, months) = (Days::new(u64::from(days)), Months::new(months));
    let moved = match to {
        Direction::Back => date.checked_sub_days(days).and_then(|d| d.checked_sub_months(months)),
        Direction::Forward => date.checked_add_days(days).and_then(|d| d.checked_add_months(months)),
    };
    moved.filter(|d| (1..=9999).contains(&d.year())).ok_or(OutOfCalendar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Instant {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn with(leading: Denominator) -> ProrationPolicy {
        ProrationPolicy { leading, ..ProrationPolicy::default() }
    }

    fn month() -> Interval {
        "month".parse().unwrap()
    }

    #[test]
    fn one_stub_is_five_parts_by_five_rules() {
        let stub = Stub::leading(day("2026-02-15"), day("2026-03-01"), month(), Tz::UTC).unwrap();
        let part = |rule| leading(&with(rule), &stub, Tz::UTC).unwrap().to_string();
        assert_eq!(part(Denominator::Period), "14/28");
        assert_eq!(part(Denominator::EndingAtAnchor), "14/28");
        assert_eq!(part(Denominator::StartingAtAnchor), "14/28");
        assert_eq!(part(Denominator::Nominal), "14/30");
        assert_eq!(part(Denominator::Anniversary), "14/28");
        let stub = Stub::leading(day("2026-01-20"), day("2026-02-15"), month(), Tz::UTC).unwrap();
        assert_eq!(leading(&with(Denominator::StartingAtStart), &stub, Tz::UTC).unwrap().to_string(), "26/31");
        let full = ProrationPolicy { first_period: FirstPeriod::Full, ..ProrationPolicy::default() };
        assert_eq!(leading(&full, &stub, Tz::UTC), Ok(Factor::WHOLE));
    }

    #[test]
    fn anniversary_periods_are_cut_from_the_contracts_start() {
        let mut stub = Stub::trailing(day("2026-06-01"), day("2026-06-11"), month(), Tz::UTC).unwrap();
        stub.contract_start = Some(day("2019-01-31"));
        let policy = ProrationPolicy { trailing: Denominator::Anniversary, ..ProrationPolicy::default() };
        // 31 May to 30 June.
        assert_eq!(trailing(&policy, &stub, Tz::UTC).unwrap().to_string(), "10/30");
        // Of many intervals, too: 15 January 2025 to 15 April, and 1 to 15 January 2026.
        let cut = |interval: &str, began: &str, start: &str, end: &str| {
            let stub = Stub::trailing(day(start), day(end), interval.parse().unwrap(), Tz::UTC).unwrap();
            trailing(&policy, &Stub { contract_start: Some(day(began)), ..stub }, Tz::UTC).unwrap().to_string()
        };
        assert_eq!(cut("quarter", "2019-01-15", "2025-02-01", "2025-02-11"), "10/90");
        assert_eq!(cut("2-weeks", "2026-01-01", "2026-01-03", "2026-01-08"), "5/14");
        assert_eq!(cut("2-weeks", "2026-01-01", "2026-04-01", "2026-04-06"), "5/14");
        assert_eq!(cut("2-years", "2019-03-01", "2025-03-02", "2025-03-12"), "10/730");
    }

    #[test]
    fn usual_lengths_are_those_of_a_common_year() {
        let days = |interval: &str| nominal_units(&ProrationPolicy::default(), interval.parse().unwrap());
        assert_eq!(["week", "month", "quarter", "half-year", "year"].map(days), [7, 30, 91, 182, 365]);
    }

    #[test]
    fn what_a_denominator_needs_is_asked_for() {
        let mut stub = Stub::leading(day("2026-02-15"), day("2026-03-01"), month(), Tz::UTC).unwrap();
        stub.interval = None;
        let refused = |rule| leading(&with(rule), &stub, Tz::UTC).unwrap_err().field().unwrap().to_owned();
        assert_eq!(refused(Denominator::Nominal), "interval");
        stub.contract_start = None;
        let refused = leading(&with(Denominator::Anniversary), &stub, Tz::UTC).unwrap_err();
        assert_eq!(refused.field(), Some("contract_start"));
    }
}
