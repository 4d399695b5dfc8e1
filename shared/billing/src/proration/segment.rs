//! A contract as segments: which parts are billed up to a date, where the anchor day may change on the way.
//!
//! Exists so that stubs, full periods and changes of the anchor come out of one walk along the calendar.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    factor::{Factor, countable, in_calendar},
    policy::ProrationPolicy,
    stub::{Direction, Stub, leading, moved, trailing},
};
use crate::{
    calendar::{Instant, Interval, OutOfCalendar, Unit, recurrence::Span, to_instant},
    refusal::Refusal,
};

/// Most parts of one segment that are computed at once: a century of months.
pub const PARTS_MAX: usize = 1200;

/// One stretch of a contract with one anchor day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// First instant inside.
    pub start: Instant,
    /// First instant after; open where nothing ends it.
    pub end: Option<Instant>,
    /// The day of the month that periods are cut at, 1 to 31; cut to the last day of shorter months.
    pub anchor_day: u32,
}

/// When a period is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// When it starts.
    #[default]
    Advance,
    /// When it has ended.
    Arrears,
}

/// What all segments have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long a period is. Days and weeks are cut from the segment's start: they have no anchor day.
    pub interval: Interval,
    /// Whose local days.
    pub zone: Tz,
    /// When a period is billed.
    pub timing: Timing,
}

/// One part of a segment that is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// For when.
    pub span: Span,
    /// How much of a full period it costs.
    pub factor: Factor,
}

impl Part {
    /// Whether it is a full period.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.factor.numerator() == self.factor.denominator()
    }
}

/// The first anchor of a segment: its anchor day in the month of the start, if that is not before the start; else one
/// whole interval after that day.
///
/// # Errors
/// [`Refusal::InvalidField`] for an anchor day that no month has; [`Refusal::Calendar`].
pub fn first_anchor(start: Instant, anchor_day: u32, schedule: &Schedule) -> Result<Instant, Refusal> {
    if !(1..=31).contains(&anchor_day) {
        let detail = format!("{anchor_day} is not a day of a month; give 1 to 31 (31 for the last day)");
        return Err(Refusal::InvalidField { field: "anchor_day", detail });
    }
    in_calendar(start)?;
    if months_of(schedule.interval).is_none() {
        return Ok(start);
    }
    let local = start.with_timezone(&schedule.zone).naive_local();
    let here = on_day(local.date(), anchor_day)?;
    let date = if here >= local.date() { here } else { moved(here, schedule.interval, Direction::Forward)? };
    Ok(to_instant(date.and_time(local.time()), schedule.zone))
}

/// The parts of `segment` that are due when it is billed up to and including `target`, in order.
///
/// # Errors
/// As [`first_anchor`]; [`Refusal::InvalidField`] for a segment that ends before it starts or has more than
/// [`PARTS_MAX`] parts.
pub fn parts(
    policy: &ProrationPolicy,
    segment: &Segment,
    schedule: &Schedule,
    target: Instant,
) -> Result<Vec<Part>, Refusal> {
    if let Some(end) = segment.end {
        countable(Span::new(segment.start, end), "segment")?;
    }
    in_calendar(target)?;
    let first = first_anchor(segment.start, segment.anchor_day, schedule)?;
    let due = |span: Span| match schedule.timing {
        Timing::Advance => span.start <= target,
        Timing::Arrears => span.end <= target,
    };
    let mut found = Vec::new();
    let (mut from, mut to, mut index) = (segment.start, first, 0_u32);
    loop {
        let cut = segment.end.map_or(to, |end| end.min(to));
        let span = Span::new(from, cut);
        if from < cut && due(span) {
            found.push(Part { span, factor: part_factor(policy, span, (to, index), schedule)? });
        }
        if cut < to || segment.end == Some(to) || !due(Span::new(to, to)) {
            return Ok(found);
        }
        if found.len() >= PARTS_MAX {
            let detail = format!("the segment has more than {PARTS_MAX} parts until then; bill it in steps");
            return Err(Refusal::InvalidField { field: "target", detail });
        }
        index = index.checked_add(1).ok_or(OutOfCalendar)?;
        (from, to) = (to, boundary(first, segment.anchor_day, schedule, index)?);
    }
}

/// The factor of the part before boundary `to.0`, which has the number `to.1`.
fn part_factor(
    policy: &ProrationPolicy,
    span: Span,
    to: (Instant, u32),
    schedule: &Schedule,
) -> Result<Factor, Refusal> {
    let (interval, zone) = (schedule.interval, schedule.zone);
    if to.1 == 0 {
        let stub = Stub { span, ..Stub::leading(span.start, to.0, interval, zone)? };
        return leading(policy, &stub, zone);
    }
    if span.end == to.0 {
        return Ok(Factor::WHOLE);
    }
    let period = Span::new(span.start, to.0);
    trailing(policy, &Stub { span, period, interval: Some(interval), contract_start: None }, zone)
}

/// Boundary `index` after the first anchor: computed from it, so that a long anchor day comes back after short months.
fn boundary(first: Instant, anchor_day: u32, schedule: &Schedule, index: u32) -> Result<Instant, OutOfCalendar> {
    let local = first.with_timezone(&schedule.zone).naive_local();
    let date = match months_of(schedule.interval) {
        Some(months) => {
            let months = chrono::Months::new(months.checked_mul(index).ok_or(OutOfCalendar)?);
            on_day(local.date().checked_add_months(months).ok_or(OutOfCalendar)?, anchor_day)?
        }
        None => {
            let days = if schedule.interval.unit() == Unit::Week { 7 } else { 1 };
            let days = u64::from(schedule.interval.count()) * days * u64::from(index);
            local.date().checked_add_days(chrono::Days::new(days)).ok_or(OutOfCalendar)?
        }
    };
    let at = to_instant(date.and_time(local.time()), schedule.zone);
    in_calendar(at)?;
    Ok(at)
}

fn months_of(interval: Interval) -> Option<u32> {
    match interval.unit() {
        Unit::Month => Some(interval.count()),
        Unit::Year => interval.count().checked_mul(12),
        Unit::Day | Unit::Week => None,
    }
}

fn on_day(date: NaiveDate, day: u32) -> Result<NaiveDate, OutOfCalendar> {
    date.with_day(day.min(u32::from(date.num_days_in_month()))).ok_or(OutOfCalendar)
}

#[cfg(test)]
mod tests {
    use super::super::profiles::Profile;
    use super::*;

    fn day(text: &str) -> Instant {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn schedule(interval: &str, timing: Timing) -> Schedule {
        Schedule { interval: interval.parse().unwrap(), zone: Tz::UTC, timing }
    }

    fn billed(segment: (&str, Option<&str>, u32), schedule: &Schedule, target: &str) -> Vec<String> {
        let segment = Segment { start: day(segment.0), end: segment.1.map(day), anchor_day: segment.2 };
        let parts = parts(&Profile::Killbill.policy(), &segment, schedule, day(target)).unwrap();
        let show = |p: &Part| format!("{} {} {}", p.span.start.date_naive(), p.span.end.date_naive(), p.factor);
        parts.iter().map(show).collect()
    }

    #[test]
    fn a_year_whose_anchor_day_has_passed_waits_for_the_next_year() {
        let year = schedule("year", Timing::Advance);
        let parts = billed(("2011-02-24", None, 10), &year, "2012-02-10");
        assert_eq!(parts, ["2011-02-24 2012-02-10 351/365", "2012-02-10 2013-02-10 1/1"]);
    }

    #[test]
    fn in_arrears_only_what_has_ended_is_billed() {
        let month = schedule("month", Timing::Arrears);
        assert_eq!(billed(("2011-02-01", None, 1), &month, "2011-02-28"), [""; 0]);
        assert_eq!(billed(("2011-02-01", None, 1), &month, "2011-03-01"), ["2011-02-01 2011-03-01 1/1"]);
    }

    #[test]
    fn a_segment_that_ends_before_its_first_anchor_is_one_stub() {
        let month = schedule("month", Timing::Advance);
        assert_eq!(
            billed(("2011-02-12", Some("2011-02-20"), 27), &month, "2011-05-01"),
            ["2011-02-12 2011-02-20 8/31"]
        );
    }

    #[test]
    fn a_long_anchor_day_comes_back_after_short_months() {
        let month = schedule("month", Timing::Advance);
        let parts = billed(("2011-01-31", None, 31), &month, "2011-03-15");
        assert_eq!(parts, ["2011-01-31 2011-02-28 1/1", "2011-02-28 2011-03-31 1/1"]);
    }

    #[test]
    fn a_day_that_no_month_has_is_refused() {
        let month = schedule("month", Timing::Advance);
        assert!(first_anchor(day("2011-01-31"), 32, &month).unwrap_err().to_string().contains("give 1 to 31"));
    }
}
