//! Billing periods cut from an anchor in the customer's zone.
//!
//! Exists because dates drift when they are derived from each other: 31 January, 28 February, 28 March.
//! Here boundary *n* is always computed from the anchor: 31 January, 28 February, 31 March.

pub mod alignment;
pub mod daycount;
mod first_anchor;
pub mod group;
pub mod periods;
pub mod recurrence;
pub mod schedule;
pub mod trial;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Days, Months, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A point in business time: periods, ladders, the instant a fact is about.
pub type Instant = DateTime<Utc>;

/// A point in wall time: deadlines, leases, key lifetimes, signatures. A test clock never moves it,
/// so it has a type of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub DateTime<Utc>);

impl WallTime {
    /// `seconds` later.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + TimeDelta::seconds(seconds))
    }
}

/// The unit that an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Local calendar days.
    Day,
    /// Seven local calendar days.
    Week,
    /// Calendar months; quarter and half-year are three and six of them.
    Month,
    /// Twelve calendar months.
    Year,
}

/// How long a period is: `count` units. Written `month`, `quarter`, `half-year`, `year`, `week`, `day`, or `5-weeks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval {
    unit: Unit,
    count: u32,
}

/// Longest interval, in its unit; far beyond any contract, small enough that no date overflows.
pub const INTERVAL_COUNT_MAX: u32 = 120;

/// Why a text is not an interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an interval is day, week, month, quarter, half-year, year, or a count of 1 to {INTERVAL_COUNT_MAX} such as 2-weeks"
)]
pub struct BadInterval;

impl Interval {
    /// `count` units; equal lengths are equal values (12 months are a year).
    ///
    /// # Errors
    /// [`BadInterval`] for a count of 0 or beyond [`INTERVAL_COUNT_MAX`].
    pub fn try_new(unit: Unit, count: u32) -> Result<Self, BadInterval> {
        if !(1..=INTERVAL_COUNT_MAX).contains(&count) {
            return Err(BadInterval);
        }
        Ok(match (unit, count) {
            (Unit::Month, n) if n % 12 == 0 => Self { unit: Unit::Year, count: n / 12 },
            _ => Self { unit, count },
        })
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        self.unit
    }

    /// How many units.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.unit {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        match (self.unit, self.count) {
            (Unit::Month, 3) => f.write_str("quarter"),
            (Unit::Month, 6) => f.write_str("half-year"),
            (_, 1) => f.write_str(name),
            (_, n) => write!(f, "{n}-{name}s"),
        }
    }
}

impl FromStr for Interval {
    type Err = BadInterval;
    fn from_str(text: &str) -> Result<Self, BadInterval> {
        // What other systems call a month of fixed length; here it is 30 local days like any others.
        if text == "thirty-days" {
            return Self::try_new(Unit::Day, 30);
        }
        let (count, unit) = match text.split_once('-') {
            Some((count, unit)) if text != "half-year" => {
                (count.parse().map_err(|_| BadInterval)?, unit.strip_suffix('s').unwrap_or(unit))
            }
            _ => (1, text),
        };
        let (unit, factor) = match unit {
            "day" => (Unit::Day, 1),
            "week" => (Unit::Week, 1),
            "month" => (Unit::Month, 1),
            "quarter" => (Unit::Month, 3),
            "half-year" => (Unit::Month, 6),
            "year" => (Unit::Year, 1),
            _ => return Err(BadInterval),
        };
        Self::try_new(unit, factor * count.min(INTERVAL_COUNT_MAX + 1))
    }
}

impl TryFrom<String> for Interval {
    type Error = BadInterval;
    fn try_from(text: String) -> Result<Self, BadInterval> {
        text.parse()
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> Self {
        interval.to_string()
    }
}

/// A date that the calendar cannot express (beyond the year 262,000).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the date lies outside the calendar")]
pub struct OutOfCalendar;

/// Where periods are cut: a local date and time in the customer's zone. Never moved by short months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    local: NaiveDateTime,
    zone: Tz,
}

impl Anchor {
    /// The anchor of a contract that starts at `instant`, seen in `zone`. Fractions of a second are dropped.
    #[must_use]
    pub fn at(instant: Instant, zone: Tz) -> Self {
        let local = instant.with_timezone(&zone).naive_local();
        Self { local: local - TimeDelta::nanoseconds(i64::from(local.and_utc().timestamp_subsec_nanos())), zone }
    }

    /// The zone that local dates are computed in.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Boundary `index` (0 is the anchor itself): the anchor's local date moved by `index` intervals, its day
    /// clamped to the month's last, at the anchor's local time.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn boundary(&self, interval: Interval, index: u32) -> Result<Instant, OutOfCalendar> {
        let n = interval.count().checked_mul(index).ok_or(OutOfCalendar)?;
        let date = self.local.date();
        let date = match interval.unit() {
            Unit::Day => date.checked_add_days(Days::new(u64::from(n))),
            Unit::Week => date.checked_add_days(Days::new(7 * u64::from(n))),
            Unit::Month => date.checked_add_months(Months::new(n)),
            Unit::Year => n.checked_mul(12).and_then(|m| date.checked_add_months(Months::new(m))),
        };
        Ok(to_instant(date.ok_or(OutOfCalendar)?.and_time(self.local.time()), self.zone))
    }

    /// The half-open span from boundary `index` to the next one.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn period(&self, interval: Interval, index: u32, ordinal: u32) -> Result<Period, OutOfCalendar> {
        let next = index.checked_add(1).ok_or(OutOfCalendar)?;
        Ok(Period { ordinal, index, start: self.boundary(interval, index)?, end: self.boundary(interval, next)? })
    }
}

/// A half-open span that is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The subscription's counter of billed periods, from 1, never reused: the cause of the period's invoice.
    pub ordinal: u32,
    /// Which boundary of the anchor the period starts at.
    pub index: u32,
    /// First instant inside.
    pub start: Instant,
    /// First instant after.
    pub end: Instant,
}

/// A local time as an instant. A time that a clock change skips is moved forward by the gap; one that
/// happens twice means the first. (The stated rule of DESIGN section 4.)
#[must_use]
pub fn to_instant(local: NaiveDateTime, zone: Tz) -> Instant {
    use chrono::offset::LocalResult;
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        // Gaps are at most a day (zones that crossed the date line): the offset in force a day before still holds.
        LocalResult::None => {
            let before = zone.from_utc_datetime(&(local - TimeDelta::days(2)));
            let offset = before.naive_local() - before.naive_utc();
            (local - offset).and_utc()
        }
    }
}

/// The same local time `days` local calendar days later: what a person means by "in 14 days".
///
/// # Errors
/// [`OutOfCalendar`].
pub fn plus_local_days(at: Instant, days: u32, zone: Tz) -> Result<Instant, OutOfCalendar> {
    let local = at.with_timezone(&zone).naive_local();
    let local = local.checked_add_days(Days::new(u64::from(days))).ok_or(OutOfCalendar)?;
    Ok(to_instant(local, zone))
}

/// Local calendar days between two instants: what a customer counts on a wall calendar.
#[must_use]
pub fn local_days(from: Instant, to: Instant, zone: Tz) -> i64 {
    let date = |at: Instant| at.with_timezone(&zone).date_naive();
    (date(to) - date(from)).num_days()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_end_is_never_lost_in_short_months() {
        let anchor = Anchor::at(at("2027-01-31T09:00:00Z"), Tz::UTC);
        let dates: Vec<_> =
            (0..5).map(|i| anchor.boundary("month".parse().unwrap(), i).unwrap().date_naive().to_string()).collect();
        assert_eq!(dates, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]);
    }

    #[test]
    fn leap_day_anniversaries_come_back_on_the_29th() {
        let anchor = Anchor::at(at("2028-02-29T00:00:00Z"), Tz::UTC);
        let year = |i| anchor.boundary("year".parse().unwrap(), i).unwrap().date_naive().to_string();
        assert_eq!([year(1), year(4)], ["2029-02-28", "2032-02-29"]);
    }

    #[test]
    fn local_midnight_stays_midnight_over_clock_changes() {
        let anchor = Anchor::at(at("2026-03-01T05:00:00Z"), Tz::America__New_York);
        assert_eq!(anchor.boundary("month".parse().unwrap(), 1).unwrap(), at("2026-04-01T04:00:00Z"));
    }

    #[test]
    fn a_skipped_time_moves_forward_and_a_double_one_means_the_first() {
        let zone = Tz::Europe__Berlin;
        let gap = "2026-03-29T02:30:00".parse().unwrap();
        assert_eq!(to_instant(gap, zone), at("2026-03-29T01:30:00Z"));
        let fold = "2026-10-25T02:30:00".parse().unwrap();
        assert_eq!(to_instant(fold, zone), at("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn intervals_are_read_as_they_are_written() {
        for text in ["day", "week", "month", "quarter", "half-year", "year", "2-weeks", "5-months", "3-years"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        assert_eq!("12-months".parse::<Interval>().unwrap().to_string(), "year");
        assert_eq!("thirty-days".parse::<Interval>().unwrap().to_string(), "30-days");
        for bad in ["", "fortnight", "0-months", "121-days", "-1-day", "1.5-months"] {
            assert!(bad.parse::<Interval>().is_err(), "{bad:?}");
        }
    }
}
