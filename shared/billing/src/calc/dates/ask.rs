//! How dates are asked for.
//!
//! Exists apart so that the short ways to say an alignment are turned into the one value that the rules take.

use chrono::{NaiveTime, Weekday};
use serde::Deserialize;

use crate::{
    calc::{
        CalcError,
        words::{When, Zone},
    },
    calendar::{
        BadInterval, Interval,
        alignment::{Alignment, AlignmentPolicy, BoundaryTime, FirstAnchor, OnAnchor},
        daycount::DayCount,
        trial::TrialAnchor,
    },
    profile::Profile,
};

/// Most periods of one answer: a century of months.
const COUNT_MAX: usize = 1200;

/// Periods of an answer that does not say how many.
const COUNT: usize = 12;

/// A question by dates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::calc) struct Question {
    pub(super) id: Option<String>,
    pub(super) profile: Option<Profile>,
    #[serde(default)]
    pub(super) zone: Zone,
    /// A month where none is given.
    interval: Option<Interval>,
    pub(super) start: Option<When>,
    pub(super) trial: Option<TrialAsked>,
    pub(super) end: Option<When>,
    #[serde(default)]
    align: Align,
    /// An instant that periods are aligned to; without a start, they are counted from it in both directions.
    pub(super) anchor: Option<When>,
    anchor_day: Option<u32>,
    anchor_month: Option<u32>,
    weekday: Option<Weekday>,
    first: Option<FirstAnchor>,
    on_anchor: Option<OnAnchor>,
    time: Option<Time>,
    count: Option<usize>,
    pub(super) until: Option<When>,
    pub(super) at: Option<When>,
    /// Runs of the biller, in order of time.
    #[serde(default)]
    pub(super) runs: Vec<When>,
    pub(super) days: Option<DaysAsked>,
}

/// What boundaries are aligned to, where no anchor says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Align {
    /// The start of the contract.
    #[default]
    Anniversary,
    /// The calendar's own periods.
    Calendar,
}

/// At which time of day periods are cut: a word, or a time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Time(BoundaryTime);

impl TryFrom<String> for Time {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let time = || text.parse().or_else(|_| NaiveTime::parse_from_str(&text, "%H:%M")).ok();
        Ok(Self(match text.as_str() {
            "of-alignment" => BoundaryTime::OfAlignment,
            "midnight" => BoundaryTime::Midnight,
            "of-start" => BoundaryTime::OfStart,
            _ => BoundaryTime::At {
                time: time().ok_or("time is midnight, of-start, of-alignment or a time such as 09:00")?,
            },
        }))
    }
}

/// A trial: so many days, or up to a date.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a trial has either days or until, and perhaps anchor (end or start)"
)]
pub(super) enum TrialAsked {
    Days {
        days: u32,
        #[serde(default)]
        anchor: TrialAnchor,
    },
    Until {
        until: When,
        #[serde(default)]
        anchor: TrialAnchor,
    },
}

/// Days to be counted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaysAsked {
    pub(super) from: When,
    pub(super) to: When,
    #[serde(default)]
    pub(super) count: DayCount,
}

impl Question {
    pub(super) fn interval(&self) -> Result<Interval, CalcError> {
        let month = || "month".parse().map_err(|e: BadInterval| CalcError::field("interval", e.to_string()));
        self.interval.map_or_else(month, Ok)
    }

    pub(super) fn count(&self) -> Result<usize, CalcError> {
        let usual = if self.until.is_some() { COUNT_MAX } else { COUNT };
        match self.count {
            Some(count) if !(1..=COUNT_MAX).contains(&count) => {
                Err(CalcError::field("count", format!("is 1 to {COUNT_MAX}")))
            }
            count => Ok(count.unwrap_or(usual)),
        }
    }

    /// The profile's rules, what the contract is aligned to, and the fields that are given on top.
    pub(super) fn alignment(&self, profile: Profile) -> Result<AlignmentPolicy, CalcError> {
        let base = profile.alignment(self.interval()?);
        Ok(AlignmentPolicy {
            to: self.to()?,
            first: self.first.unwrap_or(base.first),
            on_anchor: self.on_anchor.unwrap_or(base.on_anchor),
            time: self.time.map_or(base.time, |time| time.0),
        })
    }

    fn to(&self) -> Result<Alignment, CalcError> {
        let day = |day: u32| {
            day.try_into()
                .map_err(|e: crate::calendar::recurrence::BadDayOfMonth| CalcError::field("anchor_day", e.to_string()))
        };
        let month = |month: u32| {
            month
                .try_into()
                .map_err(|e: crate::calendar::alignment::BadMonth| CalcError::field("anchor_month", e.to_string()))
        };
        let is_calendar = self.align == Align::Calendar;
        match (self.anchor, self.anchor_day, self.anchor_month, self.weekday) {
            (None, None, None, None) if !is_calendar => Ok(Alignment::Anniversary),
            (None, None, None, weekday) if is_calendar => {
                Ok(Alignment::Calendar { first_weekday: weekday.unwrap_or(Weekday::Mon) })
            }
            (Some(at), None, None, None) if !is_calendar => Ok(Alignment::Anchor { at: at.at(self.zone.0) }),
            (None, Some(of), None, None) if !is_calendar => Ok(Alignment::DayOfMonth { day: day(of)? }),
            (None, Some(of), Some(in_month), None) if !is_calendar => {
                Ok(Alignment::MonthDay { month: month(in_month)?, day: day(of)? })
            }
            (None, None, None, Some(weekday)) => Ok(Alignment::Weekday { weekday }),
            (None, None, Some(_), None) => Err(CalcError::field("anchor_month", "needs the anchor_day")),
            _ => Err(CalcError::field(
                "align",
                "is said twice: keep one of calendar, anchor, anchor_day (with anchor_month) and weekday",
            )),
        }
    }
}
