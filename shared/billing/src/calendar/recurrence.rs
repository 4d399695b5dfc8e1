//! Where periods can be cut at all: one anchor, repeated every interval, in both directions and without end.
//!
//! Exists beside [`super::Anchor`] because a contract need not begin on its anchor. A recurrence also looks back before the
//! start (the whole period that a stub is a part of) and finds the boundary next to any instant without walking there.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Anchor, Instant, Interval, OutOfCalendar, Period, Unit, to_instant};

/// A half-open span of time: `start` lies inside, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First instant inside.
    pub start: Instant,
    /// First instant after.
    pub end: Instant,
}

impl Span {
    /// From `start` to `end`.
    #[must_use]
    pub const fn new(start: Instant, end: Instant) -> Self {
        Self { start, end }
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn holds(&self, at: Instant) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether nothing lies inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

impl From<&Period> for Span {
    fn from(period: &Period) -> Self {
        Self::new(period.start, period.end)
    }
}

/// Why a number is not a day of the month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day of the month is a whole number from 1 to 31; in a month without it, the last day is meant")]
pub struct BadDayOfMonth;

/// A day of the month, 1 to 31. In a shorter month its last day is meant, and the day is not lost by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct DayOfMonth(u32);

impl DayOfMonth {
    /// The first of the month, where calendar periods begin.
    pub const FIRST: Self = Self(1);

    /// The day with this number.
    ///
    /// # Errors
    /// [`BadDayOfMonth`] outside 1 to 31.
    pub fn try_new(day: u32) -> Result<Self, BadDayOfMonth> {
        if (1..=31).contains(&day) { Ok(Self(day)) } else { Err(BadDayOfMonth) }
    }

    /// The day that `date` is.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        Self(date.day())
    }
}

impl TryFrom<u32> for DayOfMonth {
    type Error = BadDayOfMonth;
    fn try_from(day: u32) -> Result<Self, BadDayOfMonth> {
        Self::try_new(day)
    }
}

impl From<DayOfMonth> for u32 {
    fn from(day: DayOfMonth) -> Self {
        day.0
    }
}

/// One anchor, repeated: boundary *n* is the anchor moved by *n* intervals, for every whole *n*, also below zero.
/// Each boundary is computed from the anchor (README, "Periods"), so none drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    interval: Interval,
    date: NaiveDate,
    day: DayOfMonth,
    time: NaiveTime,
    zone: Tz,
}

impl Recurrence {
    /// The recurrence of `interval` through the local date and time `local`, whose day is the day to keep.
    #[must_use]
    pub fn through(local: NaiveDateTime, interval: Interval, zone: Tz) -> Self {
        let time = whole_second(local.time());
        Self { interval, date: local.date(), day: DayOfMonth::of(local.date()), time, zone }
    }

    /// The recurrence that [`Anchor::boundary`] counts along.
    #[must_use]
    pub fn of_anchor(anchor: &Anchor, interval: Interval) -> Self {
        Self::through(anchor.local, interval, anchor.zone)
    }

    /// The same anchor with another day to keep: 28 February as the 31st of its month. Only months know days.
    #[must_use]
    pub fn keeping(self, day: DayOfMonth) -> Self {
        Self { day, ..self }
    }

    /// How far apart boundaries are.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The zone that local dates are computed in.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The local time of day of every boundary.
    #[must_use]
    pub fn time(&self) -> NaiveTime {
        self.time
    }

    /// The day of the month that boundaries keep.
    #[must_use]
    pub fn day(&self) -> DayOfMonth {
        self.day
    }

    /// The local date of boundary `n`; 0 is the anchor's.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn date(&self, n: i64) -> Result<NaiveDate, OutOfCalendar> {
        let date = match Step::of(self.interval) {
            Step::Days(days) => plus_days(self.date, n.checked_mul(days).ok_or(OutOfCalendar)?)?,
            Step::Months(months) => {
                let month = n.checked_mul(months).and_then(|m| m.checked_add(month_number(self.date)));
                day_in_month(month.ok_or(OutOfCalendar)?, self.day)?
            }
        };
        within_calendar(date)
    }

    /// The instant of boundary `n`: its local date at the local time of day, a skipped or doubled time resolved by
    /// [`to_instant`].
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn boundary(&self, n: i64) -> Result<Instant, OutOfCalendar> {
        instant_of(self.date(n)?, self.time, self.zone)
    }

    /// The whole span from boundary `n` to the next one. It is empty when the zone left out the day between them, as
    /// Apia left out 30 December 2011.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn span(&self, n: i64) -> Result<Span, OutOfCalendar> {
        let next = n.checked_add(1).ok_or(OutOfCalendar)?;
        Ok(Span { start: self.boundary(n)?, end: self.boundary(next)? })
    }

    /// The number of the last boundary at or before `at`; `at` lies in the span that begins there.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn index_at(&self, at: Instant) -> Result<i64, OutOfCalendar> {
        let date = local(at, self.zone)?.date();
        let mut n = match Step::of(self.interval) {
            Step::Days(days) => (date - self.date).num_days().div_euclid(days),
            Step::Months(months) => (month_number(date) - month_number(self.date)).div_euclid(months),
        };
        // The guess is at most one boundary too far, and where a day was repeated, at most two too near.
        while self.boundary(n)? > at {
            n -= 1;
        }
        while self.boundary(n + 1)? <= at {
            n += 1;
        }
        Ok(n)
    }

    /// The whole span that holds `at`.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn span_at(&self, at: Instant) -> Result<Span, OutOfCalendar> {
        self.span(self.index_at(at)?)
    }
}

/// What an interval adds to a local date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many local days.
    Days(i64),
    /// So many months, the day kept.
    Months(i64),
}

impl Step {
    pub(super) fn of(interval: Interval) -> Self {
        let count = i64::from(interval.count());
        match interval.unit() {
            Unit::Day => Self::Days(count),
            Unit::Week => Self::Days(7 * count),
            Unit::Month => Self::Months(count),
            Unit::Year => Self::Months(12 * count),
        }
    }
}

/// Months since January of the year 0.
pub(super) fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// The day in the month with this number, or the month's last day.
pub(super) fn day_in_month(month: i64, day: DayOfMonth) -> Result<NaiveDate, OutOfCalendar> {
    let year = i32::try_from(month.div_euclid(12)).map_err(|_| OutOfCalendar)?;
    let month = u32::try_from(month.rem_euclid(12) + 1).map_err(|_| OutOfCalendar)?;
    // A month has at least 28 days, so at most three are taken off.
    (0..4).find_map(|off| NaiveDate::from_ymd_opt(year, month, day.0.checked_sub(off)?)).ok_or(OutOfCalendar)
}

/// `days` later, or earlier.
pub(super) fn plus_days(date: NaiveDate, days: i64) -> Result<NaiveDate, OutOfCalendar> {
    let count = Days::new(days.unsigned_abs());
    let moved = if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) };
    moved.ok_or(OutOfCalendar)
}

/// The local date and time at `at`.
pub(super) fn local(at: Instant, zone: Tz) -> Result<NaiveDateTime, OutOfCalendar> {
    within_calendar(at.date_naive())?;
    Ok(at.with_timezone(&zone).naive_local())
}

/// The instant of a local date and time; a skipped or doubled time is resolved by [`to_instant`].
pub(super) fn instant_of(date: NaiveDate, time: NaiveTime, zone: Tz) -> Result<Instant, OutOfCalendar> {
    Ok(to_instant(within_calendar(date)?.and_time(time), zone))
}

/// Fractions of a second are dropped, as [`Anchor::at`] does.
pub(super) fn whole_second<T: Timelike + Copy>(time: T) -> T {
    // 0 is a number of nanoseconds that every time has, so nothing is kept by mistake.
    time.with_nanosecond(0).unwrap_or(time)
}

/// Dates next to the end of the calendar are refused, because a change of zone could leave it there.
fn within_calendar(date: NaiveDate) -> Result<NaiveDate, OutOfCalendar> {
    if date.year().unsigned_abs() <= 262_000 { Ok(date) } else { Err(OutOfCalendar) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn recurrence(local: &str, interval: &str, zone: Tz) -> Recurrence {
        Recurrence::through(local.parse().unwrap(), interval.parse().unwrap(), zone)
    }

    #[test]
    fn boundaries_before_the_anchor_keep_its_day() {
        let month = recurrence("2025-01-31T15:00:00", "month", Tz::UTC);
        let dates: Vec<_> = (-3..2).map(|n| month.date(n).unwrap().to_string()).collect();
        assert_eq!(dates, ["2024-10-31", "2024-11-30", "2024-12-31", "2025-01-31", "2025-02-28"]);
    }

    #[test]
    fn a_short_anchor_month_does_not_lose_the_day_to_keep() {
        let month = recurrence("2027-02-28T00:00:00", "month", Tz::UTC);
        assert_eq!(month.date(1).unwrap().to_string(), "2027-03-28");
        let kept = month.keeping(DayOfMonth::try_new(31).unwrap());
        assert_eq!([0, 1, 2].map(|n| kept.date(n).unwrap().to_string()), ["2027-02-28", "2027-03-31", "2027-04-30"]);
    }

    #[test]
    fn a_span_holds_its_start_and_not_its_end() {
        let seconds = |n| Instant::UNIX_EPOCH + TimeDelta::seconds(n);
        let span = Span::new(seconds(10), seconds(20));
        assert_eq!([9, 10, 19, 20, 21].map(|n| span.holds(seconds(n))), [false, true, true, false, false]);
        assert!(!Span::new(seconds(10), seconds(10)).holds(seconds(10)), "an empty one holds nothing");
    }

    #[test]
    fn the_span_of_an_instant_is_half_open() {
        let month = recurrence("2025-01-31T15:00:00", "month", Tz::UTC);
        let edge = month.boundary(8).unwrap();
        assert_eq!(month.span_at(edge).unwrap(), month.span(8).unwrap());
        assert_eq!(month.span_at(edge - TimeDelta::seconds(1)).unwrap(), month.span(7).unwrap());
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_an_empty_span() {
        let day = recurrence("2011-12-28T00:00:00", "day", Tz::Pacific__Apia);
        let empty: Vec<_> = (0..5).map(|n| day.span(n).unwrap().is_empty()).collect();
        assert_eq!(empty, [false, false, true, false, false]);
    }

    /// On 18 October 1867, at 15:33 on the 19th by its own count, Juneau began the 18th again.
    #[test]
    fn a_day_that_a_zone_had_twice_is_found_from_every_hour_of_it() {
        let day = recurrence("1867-10-10T00:00:00", "day", Tz::America__Juneau);
        let noon: Instant = "1867-10-17T00:00:00Z".parse().unwrap();
        let mut dates = std::collections::BTreeSet::new();
        for hours in 0..96 {
            let at = noon + TimeDelta::hours(hours);
            let n = day.index_at(at).unwrap();
            let span = day.span(n).unwrap();
            assert!(span.start <= at && at < span.end, "{at} is not in {span:?}");
            dates.insert(day.date(n).unwrap().to_string());
        }
        assert!(dates.contains("1867-10-19"), "{dates:?}");
    }

    #[test]
    fn what_lies_outside_the_calendar_is_an_error_and_no_panic() {
        for interval in ["day", "120-years", "120-months"] {
            let far = recurrence("2027-01-31T15:00:00", interval, Tz::Pacific__Apia);
            for n in [i64::MAX, i64::MIN, 99_000_000_000] {
                assert!(far.boundary(n).is_err(), "{interval} {n}");
                assert!(far.span(n).is_err(), "{interval} {n}");
            }
        }
        let month = recurrence("2027-01-31T15:00:00", "month", Tz::Asia__Kolkata);
        assert!(month.index_at(Instant::MAX_UTC).is_err());
        assert!(month.index_at(Instant::MIN_UTC).is_err());
    }

    #[test]
    fn days_of_the_month_are_1_to_31() {
        for day in [0, 32, 99] {
            assert!(serde_json::from_value::<DayOfMonth>(day.into()).is_err(), "{day}");
        }
        assert_eq!(serde_json::to_string(&DayOfMonth::try_new(31).unwrap()).unwrap(), "31");
    }
}
