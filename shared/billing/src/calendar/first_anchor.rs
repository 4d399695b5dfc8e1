//! How the first anchor of a contract is found.
//!
//! Exists so that the rules that systems disagree about differ in one number only: how many months, or days, lie between two
//! candidates for the first anchor.

use chrono::{Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::{
    Instant, Interval, OutOfCalendar, Unit,
    alignment::{AlignmentError, FirstAnchor, OnAnchor},
    recurrence::{DayOfMonth, Recurrence, Step, day_in_month, instant_of, month_number, plus_days},
};

/// Months after which a month of the year comes back.
const MONTHS_OF_YEAR: i64 = 12;

/// Days after which a weekday comes back.
const DAYS_OF_WEEK: i64 = 7;

/// When and where a contract starts, and what lies on its start.
pub(super) struct Start {
    pub(super) at: Instant,
    /// Its local date.
    pub(super) date: NaiveDate,
    pub(super) on_anchor: OnAnchor,
    /// The time of day of boundaries.
    pub(super) time: NaiveTime,
    pub(super) zone: Tz,
}

impl Start {
    fn is_not_after(&self, date: NaiveDate) -> Result<bool, OutOfCalendar> {
        match self.on_anchor {
            OnAnchor::LocalDay => Ok(self.date <= date),
            OnAnchor::Instant => Ok(self.at <= instant_of(date, self.time, self.zone)?),
        }
    }
}

/// What candidates are numbered by.
#[derive(Clone, Copy)]
pub(super) enum Axis {
    /// Months since the year 0; the candidate is this day in the month.
    Months(DayOfMonth),
    /// Days since the year 1, which began on a Monday.
    Days,
}

/// How much an alignment says about where periods begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The day in a month, or in a week, and not which.
    Unit,
    /// The month in a year, or the day in a week, as a calendar on the wall says it.
    Cycle,
    /// One date.
    Exactly,
}

/// The days that an alignment fits: one of them has the number `through`.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    pub(super) axis: Axis,
    pub(super) through: i64,
    pub(super) known: Known,
}

impl Pattern {
    /// The recurrence whose boundary 0 is the first anchor by this rule.
    pub(super) fn first_anchor(
        self,
        rule: FirstAnchor,
        interval: Interval,
        start: &Start,
    ) -> Result<Recurrence, AlignmentError> {
        let step = match Step::of(interval) {
            Step::Days(days) => days,
            Step::Months(months) => months,
        };
        let keeps_month = self.keeps_month(rule, interval);
        let apart = if keeps_month { Some(MONTHS_OF_YEAR) } else { self.apart(rule, step) };
        let apart = apart.ok_or_else(|| self.vague(interval))?;
        let number = match rule {
            FirstAnchor::StartMonth if self.known != Known::Cycle && !keeps_month => {
                self.in_start_month(step, start)?
            }
            FirstAnchor::LongestStub => self.last_within(step, apart, start)?,
            _ => self.next(apart, start)?,
        };
        let recurrence = Recurrence::through(self.date(number)?.and_time(start.time), interval, start.zone);
        Ok(match self.axis {
            Axis::Months(day) => recurrence.keeping(day),
            Axis::Days => recurrence,
        })
    }

    /// How far apart candidates are; none when the alignment does not say enough for the rule.
    fn apart(self, rule: FirstAnchor, step: i64) -> Option<i64> {
        let (unit, cycle) = match self.axis {
            Axis::Months(_) => (1, MONTHS_OF_YEAR),
            Axis::Days => (greatest_common_divisor(step, DAYS_OF_WEEK), DAYS_OF_WEEK),
        };
        match (self.known, rule) {
            (Known::Cycle, _) => Some(greatest_common_divisor(step, cycle)),
            (Known::Exactly, FirstAnchor::InStep) => Some(step),
            (Known::Unit, FirstAnchor::InStep) => (step == unit).then_some(unit),
            (_, FirstAnchor::Next | FirstAnchor::StartMonth | FirstAnchor::LongestStub) => Some(unit),
        }
    }

    /// Whether the rule leaves the anchor its month: an interval of years is billed in one month, and an anchor says which.
    fn keeps_month(self, rule: FirstAnchor, interval: Interval) -> bool {
        matches!(rule, FirstAnchor::StartMonth | FirstAnchor::LongestStub)
            && matches!(self.axis, Axis::Months(_))
            && self.known == Known::Exactly
            && interval.unit() == Unit::Year
    }

    fn vague(self, interval: Interval) -> AlignmentError {
        let (alignment, instead) = match self.axis {
            Axis::Months(_) => ("a day of the month", "a month and a day, or an anchor"),
            Axis::Days => ("a weekday", "an anchor"),
        };
        AlignmentError::Vague { alignment, interval, instead }
    }

    fn date(self, number: i64) -> Result<NaiveDate, OutOfCalendar> {
        match self.axis {
            Axis::Months(day) => day_in_month(number, day),
            Axis::Days => {
                let number = i32::try_from(number).map_err(|_| OutOfCalendar)?;
                NaiveDate::from_num_days_from_ce_opt(number).ok_or(OutOfCalendar)
            }
        }
    }

    fn number(self, date: NaiveDate) -> i64 {
        match self.axis {
            Axis::Months(_) => month_number(date),
            Axis::Days => i64::from(date.num_days_from_ce()),
        }
    }

    /// The first candidate that is not before the start.
    fn next(self, apart: i64, start: &Start) -> Result<i64, OutOfCalendar> {
        let back = (self.number(start.date) - self.through).rem_euclid(apart);
        let mut number = self.number(start.date) - back;
        while !start.is_not_after(self.date(number)?)? {
            number += apart;
        }
        Ok(number)
    }

    fn in_start_month(self, step: i64, start: &Start) -> Result<i64, OutOfCalendar> {
        let number = self.number(start.date);
        Ok(if start.is_not_after(self.date(number)?)? { number } else { number + step })
    }

    /// The last candidate within one interval of the start; the start's own day, if that is one.
    fn last_within(self, step: i64, apart: i64, start: &Start) -> Result<i64, OutOfCalendar> {
        let mut number = self.next(apart, start)?;
        if self.date(number)? == start.date {
            return Ok(number);
        }
        let latest = match self.axis {
            Axis::Months(_) => day_in_month(self.number(start.date) + step, DayOfMonth::of(start.date))?,
            Axis::Days => plus_days(start.date, step)?,
        };
        while self.date(number + apart)? <= latest {
            number += apart;
        }
        Ok(number)
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
