//! Trials: how long a contract is free, and whether the trial moves its anchor.
//!
//! Exists because sellers differ: with some the first paid day is the anchor, with others the day of the signup stays the
//! anchor and what is left of that period after the trial is a stub.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Instant, Interval,
    alignment::AlignmentPolicy,
    recurrence::{Span, instant_of, local, plus_days, whole_second},
    schedule::{Schedule, ScheduleError},
};

/// How long a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TrialLength {
    /// Local calendar days, to the local time of day of the start. 0 is no trial.
    Days {
        /// How many.
        days: u32,
    },
    /// Up to a local date: the first day that is not free, from its beginning.
    Until {
        /// The day.
        date: NaiveDate,
    },
}

/// From where the anchor is counted when a contract begins with a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialAnchor {
    /// From the end of the trial: it moves the anchor.
    #[default]
    End,
    /// From the start of the contract: the first paid period may be a stub.
    Start,
}

/// A trial at the beginning of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// How long it is.
    pub length: TrialLength,
    /// Whether it moves the anchor.
    #[serde(default)]
    pub anchor: TrialAnchor,
}

/// A contract with a trial: what is free, and the periods after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trialed {
    /// What is free; empty without a trial.
    pub trial: Span,
    /// The paid periods, from the end of the trial on.
    pub schedule: Schedule,
}

impl Trial {
    /// First instant that is not free any more.
    ///
    /// # Errors
    /// [`ScheduleError::TrialEndsTooEarly`] for a date that is not after the day of the start;
    /// [`ScheduleError::OutOfCalendar`].
    pub fn ends_at(&self, start: Instant, zone: Tz) -> Result<Instant, ScheduleError> {
        let start = whole_second(start);
        let today = local(start, zone)?;
        match self.length {
            TrialLength::Days { days } => {
                let end = instant_of(plus_days(today.date(), days.into())?, today.time(), zone)?;
                // 0 days end where they begin, also in an hour that the clock repeats.
                Ok(end.max(start))
            }
            TrialLength::Until { date } if date <= today.date() => Err(ScheduleError::TrialEndsTooEarly { date }),
            TrialLength::Until { date } => Ok(instant_of(date, NaiveTime::MIN, zone)?),
        }
    }

    /// The trial of a contract that starts at `start`, and its paid periods.
    ///
    /// # Errors
    /// As [`Trial::ends_at`] and [`Schedule::try_new`].
    pub fn schedule(
        &self,
        start: Instant,
        interval: Interval,
        policy: &AlignmentPolicy,
        zone: Tz,
    ) -> Result<Trialed, ScheduleError> {
        let start = whole_second(start);
        let end = self.ends_at(start, zone)?;
        let schedule = match self.anchor {
            TrialAnchor::End => Schedule::try_new(end, interval, policy, zone)?,
            TrialAnchor::Start => {
                let signup = Schedule::try_new(start, interval, policy, zone)?;
                Schedule::along(end, *signup.recurrence(), policy.on_anchor)
            }
        };
        Ok(Trialed { trial: Span { start, end }, schedule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn trialed(trial: &str, policy: &str, zone: Tz) -> Trialed {
        let (trial, policy): (Trial, _) = (serde_json::from_str(trial).unwrap(), serde_json::from_str(policy).unwrap());
        trial.schedule(at("2027-01-31T09:00:00Z"), "month".parse().unwrap(), &policy, zone).unwrap()
    }

    fn first_two(trialed: &Trialed) -> [String; 3] {
        [0, 1, 2].map(|i| trialed.schedule.boundary(i).unwrap().date_naive().to_string())
    }

    #[test]
    fn a_trial_moves_the_anchor_to_its_end_or_leaves_it_at_the_start() {
        let moved = trialed(r#"{"length": {"days": {"days": 14}}}"#, "{}", Tz::UTC);
        assert_eq!(first_two(&moved), ["2027-02-14", "2027-03-14", "2027-04-14"]);
        let kept = trialed(r#"{"length": {"days": {"days": 14}}, "anchor": "start"}"#, "{}", Tz::UTC);
        assert_eq!(first_two(&kept), ["2027-02-14", "2027-02-28", "2027-03-31"]);
        assert!(kept.schedule.period(0).unwrap().unwrap().is_stub());
    }

    #[test]
    fn a_trial_that_ends_on_the_anchor_leaves_no_stub() {
        let kept = trialed(r#"{"length": {"until": {"date": "2027-02-28"}}, "anchor": "start"}"#, "{}", Tz::UTC);
        let first = kept.schedule.period(0).unwrap().unwrap();
        assert_eq!((first.is_stub(), first.span.end), (false, at("2027-03-31T09:00:00Z")));
        let calendar = trialed(r#"{"length": {"days": {"days": 29}}}"#, r#"{"to": {"calendar": {}}}"#, Tz::UTC);
        assert_eq!(first_two(&calendar), ["2027-03-01", "2027-04-01", "2027-05-01"]);
        assert!(!calendar.schedule.period(0).unwrap().unwrap().is_stub());
    }

    #[test]
    fn trial_days_are_local_days_and_dates_begin_at_local_midnight() {
        let days = trialed(r#"{"length": {"days": {"days": 60}}}"#, "{}", Tz::Europe__Berlin);
        assert_eq!(days.trial.end, at("2027-04-01T08:00:00Z"));
        let until = trialed(r#"{"length": {"until": {"date": "2027-04-01"}}}"#, "{}", Tz::Europe__Berlin);
        assert_eq!(until.trial.end, at("2027-03-31T22:00:00Z"));
        assert_eq!(until.schedule.start(), until.trial.end);
    }

    #[test]
    fn no_trial_is_a_trial_of_no_days() {
        let none = trialed(r#"{"length": {"days": {"days": 0}}}"#, "{}", Tz::Europe__Berlin);
        assert!(none.trial.is_empty());
        assert_eq!(none.schedule.start(), at("2027-01-31T09:00:00Z"));
        // The second half past two of the night in which clocks go back.
        let again = at("2027-10-31T01:30:00Z");
        let trial = Trial { length: TrialLength::Days { days: 0 }, anchor: TrialAnchor::End };
        assert_eq!(trial.ends_at(again, Tz::Europe__Berlin).unwrap(), again);
    }

    #[test]
    fn a_trial_that_ends_too_early_or_beyond_the_calendar_is_refused() {
        let end = |length| Trial { length, anchor: TrialAnchor::End }.ends_at(at("2027-01-31T09:00:00Z"), Tz::UTC);
        let error = end(TrialLength::Until { date: "2027-01-31".parse().unwrap() }).unwrap_err();
        assert!(error.to_string().contains("choose a later day"), "{error}");
        assert!(end(TrialLength::Days { days: u32::MAX }).is_err());
        assert!(end(TrialLength::Until { date: NaiveDate::MAX }).is_err());
    }
}
