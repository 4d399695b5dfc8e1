//! Where the periods of a contract are cut: alignment as policy data.
//!
//! Exists because sellers, and the systems they come from, answer differently: on the day the contract began, on the first of
//! the month, on the customer's day; and what happens before the first such day. A policy is resolved once, when a contract
//! starts, to a [`Recurrence`] whose boundary 0 is the **first anchor**; from there on only whole intervals follow.

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Instant, Interval, OutOfCalendar, Unit,
    first_anchor::{Axis, Known, Pattern, Start},
    recurrence::{DayOfMonth, Recurrence, Step, local, month_number, whole_second},
};

/// Why a number is not a month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month is a whole number from 1 (January) to 12 (December)")]
pub struct BadMonth;

/// A month of the year, 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct MonthOfYear(u32);

impl MonthOfYear {
    /// January, where calendar years begin.
    pub const JANUARY: Self = Self(1);

    /// The month with this number.
    ///
    /// # Errors
    /// [`BadMonth`] outside 1 to 12.
    pub fn try_new(month: u32) -> Result<Self, BadMonth> {
        if (1..=12).contains(&month) { Ok(Self(month)) } else { Err(BadMonth) }
    }
}

impl TryFrom<u32> for MonthOfYear {
    type Error = BadMonth;
    fn try_from(month: u32) -> Result<Self, BadMonth> {
        Self::try_new(month)
    }
}

impl From<MonthOfYear> for u32 {
    fn from(month: MonthOfYear) -> Self {
        month.0
    }
}

/// What boundaries are aligned to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Alignment {
    /// The start of the contract is the anchor: no leading stub.
    #[default]
    Anniversary,
    /// The calendar's own periods: local days, weeks, months, quarters from January, half-years, years. An interval of several
    /// units that does not divide a year begins at the next unit.
    Calendar {
        /// The day that weeks begin on, `Mon` to `Sun`.
        #[serde(default = "monday", skip_serializing_if = "is_monday")]
        first_weekday: Weekday,
    },
    /// A day of the month (a bill cycle day). It says nothing about which month a longer period begins in.
    DayOfMonth {
        /// Which day.
        day: DayOfMonth,
    },
    /// A day of a month: enough for any interval of months or years. Shorter intervals keep step with that month.
    MonthDay {
        /// Which month.
        month: MonthOfYear,
        /// Which day; in a month without it, the last one.
        day: DayOfMonth,
    },
    /// A weekday, for intervals of weeks.
    Weekday {
        /// Which one, `Mon` to `Sun`.
        weekday: Weekday,
    },
    /// The local date and time at an instant, past or future: enough for any interval.
    Anchor {
        /// The instant.
        at: Instant,
    },
}

/// Which of the days that fit the alignment is the first anchor, when the contract starts on none of them. The calendar and a
/// month with a day say the month themselves and stay in step with it under every rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstAnchor {
    /// The next one in step with the anchor: a quarter anchored in June also begins in September, December and March. An
    /// alignment that does not say the step is refused. (Stripe, OpenMeter.)
    #[default]
    InStep,
    /// The next one, whatever its month or week; whole intervals from there.
    Next,
    /// The anchor's day in the month of the start; if that has passed, one whole interval later. Days and weeks know no day
    /// of the month and begin at the start. An anchor keeps its month where the interval is years. (Kill Bill; Meteroid; Flexprice for intervals of months.)
    StartMonth,
    /// The last one that leaves the first period no longer than one interval. (Flexprice for intervals of weeks and of several
    /// years.)
    LongestStub,
}

/// What makes a start lie *on* an anchor, so that the first period is whole and there is no stub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnAnchor {
    /// The same local day: the local day decides, and nobody is billed a stub of hours.
    #[default]
    LocalDay,
    /// The same second.
    Instant,
}

/// At which local time of day boundaries lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum BoundaryTime {
    /// As the alignment has it: the start's for an anniversary, the anchor's own for an anchor, else midnight.
    #[default]
    OfAlignment,
    /// The start of the local day.
    Midnight,
    /// The time of day at which the contract starts.
    OfStart,
    /// This time of day.
    At {
        /// Local; fractions of a second are dropped.
        time: NaiveTime,
    },
}

/// How the periods of a contract are aligned. The default: on the anniversary of the start, at its time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignmentPolicy {
    /// To what.
    #[serde(default)]
    pub to: Alignment,
    /// Which day is the first anchor.
    #[serde(default)]
    pub first: FirstAnchor,
    /// When a start lies on an anchor.
    #[serde(default)]
    pub on_anchor: OnAnchor,
    /// At which time of day.
    #[serde(default)]
    pub time: BoundaryTime,
}

/// Why an alignment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlignmentError {
    /// The alignment does not say in which month or week a period begins.
    #[error(
        "{alignment} does not say when periods of {interval} begin: give {instead}, or choose first anchor \"next\" or \
         \"start-month\""
    )]
    Vague {
        /// What was given.
        alignment: &'static str,
        /// The interval.
        interval: Interval,
        /// What would be enough.
        instead: &'static str,
    },
    /// The alignment is of another kind than the interval.
    #[error("{alignment} cannot align periods of {interval}: use {instead}")]
    Unsuited {
        /// What was given.
        alignment: &'static str,
        /// The interval.
        interval: Interval,
        /// What fits.
        instead: &'static str,
    },
    /// A date lies outside the calendar.
    #[error(transparent)]
    OutOfCalendar(#[from] OutOfCalendar),
}

impl AlignmentPolicy {
    /// The default of every other question, with this alignment.
    #[must_use]
    pub fn to(to: Alignment) -> Self {
        Self { to, ..Self::default() }
    }

    /// The recurrence of a contract that starts at `start`: boundary 0 is its first anchor, on or after the start, and at
    /// most one interval after it.
    ///
    /// # Errors
    /// [`AlignmentError`].
    pub fn resolve(&self, start: Instant, interval: Interval, zone: Tz) -> Result<Recurrence, AlignmentError> {
        let local_start = local(start, zone)?;
        let time = self.time_of_day(local_start.time(), zone)?;
        let start = Start { at: start, date: local_start.date(), on_anchor: self.on_anchor, time, zone };
        match self.pattern(start.date, interval, zone)? {
            Some(pattern) => pattern.first_anchor(self.first, interval, &start),
            None => Ok(Recurrence::through(start.date.and_time(time), interval, zone)),
        }
    }

    fn time_of_day(&self, of_start: NaiveTime, zone: Tz) -> Result<NaiveTime, OutOfCalendar> {
        Ok(whole_second(match (self.time, self.to) {
            (BoundaryTime::At { time }, _) => time,
            (BoundaryTime::OfStart, _) | (BoundaryTime::OfAlignment, Alignment::Anniversary) => of_start,
            (BoundaryTime::OfAlignment, Alignment::Anchor { at }) => local(at, zone)?.time(),
            (BoundaryTime::OfAlignment | BoundaryTime::Midnight, _) => NaiveTime::MIN,
        }))
    }

    /// The days that fit the alignment; none when the day of the start does.
    fn pattern(&self, start: NaiveDate, interval: Interval, zone: Tz) -> Result<Option<Pattern>, AlignmentError> {
        let unsuited = |instead| AlignmentError::Unsuited { alignment: self.to.name(), interval, instead };
        let in_year = |month: MonthOfYear, day| {
            let through = month_number(start).div_euclid(12) * 12 + i64::from(month.0) - 1;
            Some(Pattern { axis: Axis::Months(day), through, known: Known::Cycle })
        };
        let weekly = |weekday: Weekday, known| {
            Some(Pattern { axis: Axis::Days, through: i64::from(weekday.number_from_monday()), known })
        };
        let is_day = interval.unit() == Unit::Day;
        let months = matches!(Step::of(interval), Step::Months(_));
        Ok(match self.to {
            Alignment::Anniversary => None,
            Alignment::Calendar { .. } if months => in_year(MonthOfYear::JANUARY, DayOfMonth::FIRST),
            Alignment::Calendar { .. } if is_day => None,
            Alignment::Calendar { first_weekday } => weekly(first_weekday, Known::Cycle),
            Alignment::DayOfMonth { day } if months => {
                Some(Pattern { axis: Axis::Months(day), through: month_number(start), known: Known::Unit })
            }
            Alignment::MonthDay { month, day } if months => in_year(month, day),
            Alignment::Weekday { weekday } if !months && !is_day => weekly(weekday, Known::Unit),
            Alignment::Anchor { at } if months => {
                let date = local(at, zone)?.date();
                let axis = Axis::Months(DayOfMonth::of(date));
                Some(Pattern { axis, through: month_number(date), known: Known::Exactly })
            }
            _ if !months && self.first == FirstAnchor::StartMonth => None,
            Alignment::Anchor { at } => {
                let through = i64::from(local(at, zone)?.date().num_days_from_ce());
                Some(Pattern { axis: Axis::Days, through, known: Known::Exactly })
            }
            Alignment::Weekday { .. } => {
                return Err(unsuited("a day of the month for months, an interval of weeks, or an anchor"));
            }
            Alignment::DayOfMonth { .. } | Alignment::MonthDay { .. } => {
                return Err(unsuited("a weekday, or an anchor"));
            }
        })
    }
}

impl Alignment {
    /// The alignment in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Anniversary => "an anniversary",
            Self::Calendar { .. } => "the calendar",
            Self::DayOfMonth { .. } => "a day of the month",
            Self::MonthDay { .. } => "a day of a month",
            Self::Weekday { .. } => "a weekday",
            Self::Anchor { .. } => "an anchor",
        }
    }
}

fn monday() -> Weekday {
    Weekday::Mon
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_monday(weekday: &Weekday) -> bool {
    *weekday == Weekday::Mon
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> AlignmentPolicy {
        serde_json::from_str(json).unwrap()
    }

    /// The local date of the first anchor.
    fn first(json: &str, interval: &str, start: &str) -> String {
        let start: Instant = format!("{start}T00:00:00Z").parse().unwrap();
        let resolved = policy(json).resolve(start, interval.parse().unwrap(), Tz::UTC);
        resolved.map_or_else(|e| e.to_string(), |r| r.date(0).unwrap().to_string())
    }

    #[test]
    fn the_calendar_begins_at_the_next_unit() {
        let first = |interval, start| first(r#"{"to": {"calendar": {}}}"#, interval, start);
        assert_eq!(first("day", "2024-03-10"), "2024-03-10");
        assert_eq!(first("week", "2024-03-06"), "2024-03-11");
        assert_eq!(first("month", "2024-03-06"), "2024-04-01");
        assert_eq!(first("month", "2024-03-01"), "2024-03-01");
        assert_eq!(first("quarter", "2024-02-06"), "2024-04-01");
        assert_eq!(first("half-year", "2024-10-05"), "2025-01-01");
        assert_eq!(first("year", "2024-01-02"), "2025-01-01");
        assert_eq!(first("2-months", "2024-02-01"), "2024-03-01");
        assert_eq!(first("2-weeks", "2024-03-06"), "2024-03-11");
        // A count of days is no week, even where it is as long.
        assert_eq!(["7-days", "14-days"].map(|interval| first(interval, "2024-03-06")), ["2024-03-06"; 2]);
    }

    #[test]
    fn the_week_begins_on_the_day_that_the_policy_says() {
        let sunday = r#"{"to": {"calendar": {"first_weekday": "Sun"}}}"#;
        assert_eq!(first(sunday, "week", "2024-03-06"), "2024-03-10");
        assert_eq!(first(sunday, "week", "2024-03-10"), "2024-03-10");
        assert_eq!(first(r#"{"to": {"weekday": {"weekday": "Fri"}}}"#, "week", "2022-06-01"), "2022-06-03");
    }

    #[test]
    fn peers_differ_on_the_first_anchor_of_a_long_period() {
        let first = |rule: &str, start| {
            let policy = format!(r#"{{"to": {{"day-of-month": {{"day": 15}}}}, "first": "{rule}"}}"#);
            first(&policy, "quarter", start)
        };
        assert_eq!(first("start-month", "2024-01-16"), "2024-04-15");
        assert_eq!(first("start-month", "2024-01-10"), "2024-01-15");
        assert_eq!(first("next", "2024-01-16"), "2024-02-15");
        assert_eq!(first("longest-stub", "2024-01-10"), "2024-03-15");
        let month_and_day = r#"{"to": {"month-day": {"month": 6, "day": 15}}}"#;
        assert_eq!(super::tests::first(month_and_day, "quarter", "2024-01-16"), "2024-03-15");
        assert_eq!(super::tests::first(month_and_day, "2-years", "2024-07-01"), "2025-06-15");
        // A month and a day, and the calendar, say the month themselves: no rule moves it.
        for rule in ["in-step", "next", "start-month"] {
            let first = |to: &str, interval, start| {
                super::tests::first(&format!(r#"{{"to": {to}, "first": "{rule}"}}"#), interval, start)
            };
            let june = r#"{"month-day": {"month": 6, "day": 15}}"#;
            assert_eq!(first(june, "quarter", "2024-01-16"), "2024-03-15", "{rule}");
            assert_eq!(first(june, "year", "2024-01-10"), "2024-06-15", "{rule}");
            assert_eq!(first(june, "year", "2029-01-10"), "2029-06-15", "{rule}");
            assert_eq!(first(r#"{"calendar": {}}"#, "quarter", "2024-02-01"), "2024-04-01", "{rule}");
        }
    }

    #[test]
    fn an_anchor_keeps_its_step_unless_the_policy_says_otherwise() {
        let anchor =
            |rule: &str| format!(r#"{{"to": {{"anchor": {{"at": "2024-01-14T12:00:00Z"}}}}, "first": "{rule}"}}"#);
        assert_eq!(first(&anchor("in-step"), "2-months", "2024-04-01"), "2024-05-14");
        assert_eq!(first(&anchor("start-month"), "2-months", "2024-04-01"), "2024-04-14");
        assert_eq!(first(&anchor("start-month"), "2-weeks", "2024-04-01"), "2024-04-01");
        // 14 January 2024 is a Sunday; two weeks from the start end on Monday, 15 April.
        assert_eq!(first(&anchor("longest-stub"), "2-weeks", "2024-04-01"), "2024-04-14");
        assert_eq!(first(&anchor("next"), "2-weeks", "2024-04-01"), "2024-04-07");
        assert_eq!(first(&anchor("in-step"), "2-weeks", "2024-04-08"), "2024-04-21");
        assert_eq!(first(&anchor("in-step"), "2-weeks", "2023-12-25"), "2023-12-31");
    }

    #[test]
    fn a_day_that_an_interval_has_not_is_refused_with_what_there_is_instead() {
        let says = |to: &str, interval| first(&format!(r#"{{"to": {to}}}"#), interval, "2024-03-06");
        let of_months = [r#"{"day-of-month": {"day": 15}}"#, r#"{"month-day": {"month": 6, "day": 15}}"#];
        for (to, interval) in of_months.iter().flat_map(|to| [(to, "week"), (to, "2-weeks"), (to, "day")]) {
            assert!(says(to, interval).contains("a weekday, or an anchor"), "{to} {interval}");
        }
        let weekday = r#"{"weekday": {"weekday": "Mon"}}"#;
        for interval in ["day", "month", "year"] {
            assert!(says(weekday, interval).contains("an interval of weeks"), "{interval}");
        }
        assert_eq!(says(weekday, "week"), "2024-03-11");
    }

    #[test]
    fn a_stub_is_at_most_as_long_as_the_interval_also_where_a_month_is_short() {
        let longest = r#"{"to": {"day-of-month": {"day": 31}}, "first": "longest-stub"}"#;
        // From 30 January a month lasts to 29 February, which is the last day of it.
        assert_eq!(first(longest, "month", "2024-01-30"), "2024-02-29");
        assert_eq!(first(longest, "month", "2024-03-15"), "2024-03-31");
    }

    #[test]
    fn a_start_lies_on_an_anchor_on_its_day_or_to_the_second_as_the_policy_says() {
        let first = |on_anchor: &str, start: &str| {
            let policy = policy(&format!(r#"{{"to": {{"calendar": {{}}}}, "on_anchor": "{on_anchor}"}}"#));
            let resolved = policy.resolve(start.parse().unwrap(), "month".parse().unwrap(), Tz::UTC).unwrap();
            resolved.date(0).unwrap().to_string()
        };
        assert_eq!(first("instant", "2024-03-01T00:00:00Z"), "2024-03-01");
        assert_eq!(first("instant", "2024-03-01T00:00:01Z"), "2024-04-01");
        assert_eq!(first("local-day", "2024-03-01T23:59:59Z"), "2024-03-01");
    }

    #[test]
    fn an_anchor_keeps_its_month_for_years() {
        let anchor =
            |rule: &str| format!(r#"{{"to": {{"anchor": {{"at": "2024-06-15T00:00:00Z"}}}}, "first": "{rule}"}}"#);
        assert_eq!(first(&anchor("start-month"), "year", "2024-01-10"), "2024-06-15");
        assert_eq!(first(&anchor("start-month"), "year", "2024-07-10"), "2025-06-15");
        assert_eq!(first(&anchor("start-month"), "month", "2024-07-10"), "2024-07-15");
        assert_eq!(first(&anchor("longest-stub"), "2-years", "2024-01-10"), "2025-06-15");
        assert_eq!(first(&anchor("next"), "2-years", "2024-01-10"), "2024-01-15");
        assert_eq!(first(&anchor("in-step"), "2-years", "2024-07-10"), "2026-06-15");
        assert_eq!(first(&anchor("in-step"), "2-years", "2024-06-15"), "2024-06-15");
    }

    #[test]
    fn a_short_month_clamps_the_anchor_day_and_keeps_it() {
        let last = policy(r#"{"to": {"day-of-month": {"day": 31}}}"#);
        let month = last.resolve("2027-02-10T00:00:00Z".parse().unwrap(), "month".parse().unwrap(), Tz::UTC).unwrap();
        assert_eq!([0, 1, 2].map(|n| month.date(n).unwrap().to_string()), ["2027-02-28", "2027-03-31", "2027-04-30"]);
    }

    #[test]
    fn what_cannot_be_aligned_says_what_to_do() {
        let day = r#"{"to": {"day-of-month": {"day": 10}}}"#;
        let weekday = r#"{"to": {"weekday": {"weekday": "Fri"}}}"#;
        let vague = first(day, "quarter", "2021-01-01");
        assert!(vague.contains("give a month and a day") && vague.contains("quarter"), "{vague}");
        assert!(first(weekday, "2-weeks", "2021-01-01").contains("give an anchor"));
        assert!(first(weekday, "month", "2021-01-01").contains("a day of the month for months"));
        assert!(first(weekday, "10-days", "2021-01-01").contains("an interval of weeks"));
        assert!(first(day, "week", "2021-01-01").contains("use a weekday"));
    }

    #[test]
    fn policies_are_read_as_they_are_written() {
        for json in [
            r#"{"to":"anniversary","first":"in-step","on_anchor":"local-day","time":"of-alignment"}"#,
            r#"{"to":{"calendar":{}},"first":"next","on_anchor":"instant","time":"midnight"}"#,
            r#"{"to":{"month-day":{"month":2,"day":29}},"first":"longest-stub","on_anchor":"local-day","time":"of-start"}"#,
            r#"{"to":{"weekday":{"weekday":"Sun"}},"first":"start-month","on_anchor":"local-day","time":{"at":{"time":"06:30:00"}}}"#,
        ] {
            assert_eq!(serde_json::to_string(&policy(json)).unwrap(), json);
        }
        for bad in [
            r#"{"to":{"day-of-month":{"day":32}}}"#,
            r#"{"to":{"month-day":{"month":13,"day":1}}}"#,
            r#"{"to":{"calendar":{"weekday":"Mon"}}}"#,
            r#"{"align":"anniversary"}"#,
        ] {
            assert!(serde_json::from_str::<AlignmentPolicy>(bad).is_err(), "{bad}");
        }
        assert_eq!(policy("{}"), AlignmentPolicy::default());
    }
}
