//! All periods of a contract as one value: where it starts, where it is cut, and where it ends, if it does.
//!
//! Exists so that "which periods are due, which have gone by, in which one are we?" are questions to a value and not to a
//! clock or to a row that somebody advanced. Nothing is stored per period; any of them is computed from the anchor.
//!
//! The first period runs from the start to the first boundary after it; it is a **leading stub** unless the start lies on an
//! anchor. The last period of a contract that ends between boundaries is a **trailing stub**. All others are whole.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Instant, Interval, OutOfCalendar,
    alignment::{AlignmentError, AlignmentPolicy, OnAnchor},
    periods::{Cut, CutPeriod, Periods},
    recurrence::{Recurrence, Span, local, whole_second},
};

/// Why a schedule cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The alignment does not fit.
    #[error(transparent)]
    Alignment(#[from] AlignmentError),
    /// A date lies outside the calendar.
    #[error(transparent)]
    OutOfCalendar(#[from] OutOfCalendar),
    /// The end is not after the start.
    #[error("the contract would end at {end}, which is not after its start at {start}: choose a later end")]
    EndsTooEarly {
        /// Where it starts.
        start: Instant,
        /// The end asked for.
        end: Instant,
    },
    /// The instant is not one at which the schedule runs.
    #[error("the contract does not run at {at}: choose an instant after its start and before its end")]
    NotRunning {
        /// The instant.
        at: Instant,
    },
    /// The trial is over before it begins.
    #[error("the trial would end on {date}, which is not after the day of its start: choose a later day")]
    TrialEndsTooEarly {
        /// The day.
        date: NaiveDate,
    },
    /// Contracts in different zones share no local days.
    #[error("contracts in the zones {one} and {other} have no common local day: align those of one zone")]
    DifferentZones {
        /// One zone.
        one: Tz,
        /// Another.
        other: Tz,
    },
    /// Months and days have no common boundaries.
    #[error(
        "periods of {one} and of {other} have no common boundaries: align days and weeks apart from months and years"
    )]
    DifferentKinds {
        /// One interval.
        one: Interval,
        /// Another.
        other: Interval,
    },
}

/// All periods of a contract: without gap or overlap from the start to the end, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Schedule {
    start: Instant,
    recurrence: Recurrence,
    on_anchor: OnAnchor,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Instant>,
}

impl Schedule {
    /// The schedule of a contract that starts at `start`; fractions of a second are dropped.
    ///
    /// # Errors
    /// [`ScheduleError::Alignment`], [`ScheduleError::OutOfCalendar`].
    pub fn try_new(
        start: Instant,
        interval: Interval,
        policy: &AlignmentPolicy,
        zone: Tz,
    ) -> Result<Self, ScheduleError> {
        let start = whole_second(start);
        Ok(Self::along(start, policy.resolve(start, interval, zone)?, policy.on_anchor))
    }

    /// The schedule that starts at `start` and is cut along a recurrence that is known already.
    #[must_use]
    pub fn along(start: Instant, recurrence: Recurrence, on_anchor: OnAnchor) -> Self {
        Self { start: whole_second(start), recurrence, on_anchor, end: None }
    }

    /// The same schedule, over at `end` (an end that was agreed before is replaced).
    ///
    /// # Errors
    /// [`ScheduleError::EndsTooEarly`].
    pub fn ending(self, end: Instant) -> Result<Self, ScheduleError> {
        let end = whole_second(end);
        if end <= self.start {
            return Err(ScheduleError::EndsTooEarly { start: self.start, end });
        }
        Ok(Self { end: Some(end), ..self })
    }

    /// First instant of the contract.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.start
    }

    /// First instant after the contract, if it ends.
    #[must_use]
    pub fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Where periods are cut.
    #[must_use]
    pub fn recurrence(&self) -> &Recurrence {
        &self.recurrence
    }

    /// When a start lies on an anchor.
    #[must_use]
    pub fn on_anchor(&self) -> OnAnchor {
        self.on_anchor
    }

    /// Boundary `index`: 0 is the start, 1 the end of the first period, whole or stub. The end of the contract is ignored.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn boundary(&self, index: u32) -> Result<Instant, OutOfCalendar> {
        self.boundary_after(self.first_boundary()?, index)
    }

    /// The first anchor on or after the start: the start, or the end of the leading stub.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn first_anchor(&self) -> Result<Instant, OutOfCalendar> {
        let first = self.first_boundary()?;
        if self.starts_on(first - 1)? { Ok(self.start) } else { self.recurrence.boundary(first) }
    }

    /// Period `index`; none when the contract is over by then, or when the zone left out that day.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn period(&self, index: u32) -> Result<Option<CutPeriod>, OutOfCalendar> {
        self.cut(self.first_boundary()?, index)
    }

    /// The period that holds `at`; none before the start and from the end on.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn period_at(&self, at: Instant) -> Result<Option<CutPeriod>, OutOfCalendar> {
        if at < self.start || self.end.is_some_and(|end| end <= at) {
            return Ok(None);
        }
        let first = self.first_boundary()?;
        self.cut(first, self.index_at(first, at)?)
    }

    /// The first boundary after `at`, the start and the end of the contract among them; none from the end on.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn next_boundary(&self, at: Instant) -> Result<Option<Instant>, OutOfCalendar> {
        if at < self.start {
            return Ok(Some(self.start));
        }
        Ok(self.period_at(at)?.map(|period| period.span.end))
    }

    /// All periods in order.
    ///
    /// # Errors
    /// [`OutOfCalendar`], now or in place of a period; nothing follows it.
    pub fn periods(&self) -> Result<Periods, OutOfCalendar> {
        Ok(Periods::starting(*self, self.first_boundary()?, 0))
    }

    /// The periods that begin after `last_run` and not after `now`: what a run bills in advance. However often it runs, each
    /// period begins in exactly one run.
    ///
    /// # Errors
    /// As [`Schedule::periods`].
    pub fn due_between(
        &self,
        last_run: Instant,
        now: Instant,
    ) -> Result<impl Iterator<Item = Result<CutPeriod, OutOfCalendar>> + use<>, OutOfCalendar> {
        let first = self.first_boundary()?;
        let next = if last_run < self.start { 0 } else { self.index_at(first, last_run)?.saturating_add(1) };
        let periods = Periods::starting(*self, first, next);
        Ok(periods.take_while(move |period| period.as_ref().map_or(true, |p| p.span.start <= now)))
    }

    /// The periods that are over at `now`, the stub among them: what a backdated start owes already, and what a run bills in
    /// arrears.
    ///
    /// # Errors
    /// As [`Schedule::periods`].
    pub fn elapsed(
        &self,
        now: Instant,
    ) -> Result<impl Iterator<Item = Result<CutPeriod, OutOfCalendar>> + use<>, OutOfCalendar> {
        Ok(self.periods()?.take_while(move |period| period.as_ref().map_or(true, |p| p.span.end <= now)))
    }

    /// How many periods are over at `now`; a stub counts as one. The time it takes grows with the answer.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn completed(&self, now: Instant) -> Result<usize, OutOfCalendar> {
        self.elapsed(now)?.try_fold(0, |count, period| period.map(|_| count + 1))
    }

    /// Whether a period begins on the local day of `at`. The local day decides: at any instant of that day, the whole day.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn is_billing_day(&self, at: Instant) -> Result<bool, OutOfCalendar> {
        let day = self.local_date(at)?;
        if let Some(period) = self.period_at(at)?
            && self.local_date(period.span.start)? == day
        {
            return Ok(true);
        }
        match self.next_boundary(at)? {
            Some(next) if self.end != Some(next) => Ok(self.local_date(next)? == day),
            _ => Ok(false),
        }
    }

    fn local_date(&self, at: Instant) -> Result<NaiveDate, OutOfCalendar> {
        Ok(local(at, self.recurrence.zone())?.date())
    }

    /// The number, along the recurrence, of the first boundary after the start.
    fn first_boundary(&self) -> Result<i64, OutOfCalendar> {
        let next = self.recurrence.index_at(self.start)? + 1;
        // An anchor later on the day of the start is the one that the start lies on, where the local day decides.
        Ok(if self.starts_on(next)? { next + 1 } else { next })
    }

    /// Whether the start lies on anchor `n`.
    fn starts_on(&self, n: i64) -> Result<bool, OutOfCalendar> {
        match self.on_anchor {
            OnAnchor::LocalDay => Ok(self.recurrence.date(n)? == self.local_date(self.start)?),
            OnAnchor::Instant => Ok(self.recurrence.boundary(n)? == self.start),
        }
    }

    pub(super) fn boundary_after(&self, first: i64, index: u32) -> Result<Instant, OutOfCalendar> {
        if index == 0 { Ok(self.start) } else { self.recurrence.boundary(first + i64::from(index) - 1) }
    }

    /// The index of the period that holds `at`, which is not before the start.
    fn index_at(&self, first: i64, at: Instant) -> Result<u32, OutOfCalendar> {
        let index = self.recurrence.index_at(at)? - first + 1;
        // Below the first boundary after the start there is only period 0.
        u32::try_from(index.max(0)).map_err(|_| OutOfCalendar)
    }

    /// Period `index`, where `first` is the first boundary after the start.
    pub(super) fn cut(&self, first: i64, index: u32) -> Result<Option<CutPeriod>, OutOfCalendar> {
        let n = first + i64::from(index) - 1;
        let start = self.boundary_after(first, index)?;
        let full_end = self.boundary_after(first, index.checked_add(1).ok_or(OutOfCalendar)?)?;
        let end = self.end.map_or(full_end, |end| end.min(full_end));
        let span = Span { start, end };
        if span.is_empty() {
            return Ok(None);
        }
        let leading = index == 0 && !self.starts_on(n)?;
        let whole_start = if leading { self.recurrence.boundary(n)? } else { start };
        let cut = match (leading, end < full_end) {
            (false, false) => Cut::Whole,
            (true, false) => Cut::LeadingStub,
            (false, true) => Cut::TrailingStub,
            (true, true) => Cut::BothEnds,
        };
        Ok(Some(CutPeriod { index, span, whole: Span { start: whole_start, end: full_end }, cut }))
    }
}

/// A schedule as it is stored, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    start: Instant,
    recurrence: Recurrence,
    on_anchor: OnAnchor,
    #[serde(default)]
    end: Option<Instant>,
}

impl TryFrom<Stored> for Schedule {
    type Error = ScheduleError;
    fn try_from(stored: Stored) -> Result<Self, ScheduleError> {
        let schedule = Self::along(stored.start, stored.recurrence, stored.on_anchor);
        schedule.first_boundary()?;
        match stored.end {
            Some(end) => schedule.ending(end),
            None => Ok(schedule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::alignment::Alignment, *};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn schedule(start: &str, interval: &str, policy: &str, zone: Tz) -> Schedule {
        Schedule::try_new(at(start), interval.parse().unwrap(), &serde_json::from_str(policy).unwrap(), zone).unwrap()
    }

    const CALENDAR: &str = r#"{"to": {"calendar": {}}}"#;

    #[test]
    fn a_stub_knows_the_whole_period_that_it_is_cut_from() {
        let month = schedule("2024-03-10T15:30:00Z", "month", CALENDAR, Tz::UTC);
        let stub = month.period(0).unwrap().unwrap();
        assert_eq!(stub.span, Span { start: at("2024-03-10T15:30:00Z"), end: at("2024-04-01T00:00:00Z") });
        assert_eq!(stub.whole, Span { start: at("2024-03-01T00:00:00Z"), end: at("2024-04-01T00:00:00Z") });
        assert_eq!((stub.cut, month.period(1).unwrap().unwrap().cut), (Cut::LeadingStub, Cut::Whole));
        assert_eq!(month.first_anchor().unwrap(), at("2024-04-01T00:00:00Z"));
    }

    #[test]
    fn a_start_on_the_boundary_day_has_a_whole_first_period() {
        let month = schedule("2024-03-01T15:30:00Z", "month", CALENDAR, Tz::UTC);
        let period = month.period(0).unwrap().unwrap();
        assert_eq!((period.cut, period.span.end), (Cut::Whole, at("2024-04-01T00:00:00Z")));
        assert_eq!(month.first_anchor().unwrap(), month.start());
        let to_the_second = r#"{"to": {"calendar": {}}, "on_anchor": "instant"}"#;
        let month = schedule("2024-03-01T15:30:00Z", "month", to_the_second, Tz::UTC);
        assert_eq!(month.period(0).unwrap().unwrap().cut, Cut::LeadingStub);
    }

    #[test]
    fn an_anchor_later_on_the_day_of_the_start_makes_no_stub_of_hours() {
        let noon = |on_anchor| {
            format!(r#"{{"to": {{"anchor": {{"at": "2024-01-14T12:00:00Z"}}}}, "on_anchor": "{on_anchor}"}}"#)
        };
        let end = |on_anchor| {
            let month = schedule("2024-04-14T00:00:00Z", "month", &noon(on_anchor), Tz::UTC);
            month.period(0).unwrap().unwrap().span.end
        };
        assert_eq!(end("local-day"), at("2024-05-14T12:00:00Z"));
        assert_eq!(end("instant"), at("2024-04-14T12:00:00Z"));
    }

    #[test]
    fn an_end_between_boundaries_leaves_a_trailing_stub_and_nothing_after_it() {
        let ended =
            schedule("2024-01-10T00:00:00Z", "month", "{}", Tz::UTC).ending(at("2024-03-01T00:00:00Z")).unwrap();
        let cuts: Vec<_> = ended.periods().unwrap().map(|p| p.unwrap().cut).collect();
        assert_eq!(cuts, [Cut::Whole, Cut::TrailingStub]);
        assert_eq!(ended.period_at(at("2024-03-01T00:00:00Z")).unwrap(), None);
        assert_eq!(ended.next_boundary(at("2024-02-29T00:00:00Z")).unwrap(), ended.end());
        assert_eq!(ended.next_boundary(at("2024-03-01T00:00:00Z")).unwrap(), None);
        let short = ended.ending(at("2024-02-10T00:00:00Z")).unwrap();
        assert_eq!(short.periods().unwrap().map(|p| p.unwrap().cut).collect::<Vec<_>>(), [Cut::Whole]);
        let both =
            schedule("2024-03-10T00:00:00Z", "month", CALENDAR, Tz::UTC).ending(at("2024-03-20T00:00:00Z")).unwrap();
        assert_eq!(both.period(0).unwrap().unwrap().cut, Cut::BothEnds);
        let error = ended.ending(at("2024-01-10T00:00:00Z")).unwrap_err();
        assert!(error.to_string().contains("choose a later end"), "{error}");
    }

    #[test]
    fn a_contract_runs_from_its_first_instant_on() {
        let month = schedule("2024-01-10T09:00:00Z", "month", "{}", Tz::UTC);
        let index = |instant| month.period_at(at(instant)).unwrap().map(|period| period.index);
        let next = |instant| month.next_boundary(at(instant)).unwrap();
        assert_eq!((index("2024-01-10T08:59:59Z"), index("2024-01-10T09:00:00Z")), (None, Some(0)));
        assert_eq!(next("2024-01-10T08:59:59Z"), Some(month.start()));
        assert_eq!(next("2024-01-10T09:00:00Z"), Some(at("2024-02-10T09:00:00Z")));
        assert_eq!(next("2024-02-10T09:00:00Z"), Some(at("2024-03-10T09:00:00Z")));
    }

    #[test]
    fn a_backdated_start_owes_the_periods_that_are_over() {
        let month = schedule("2024-01-01T00:00:00Z", "month", r#"{"to": {"day-of-month": {"day": 10}}}"#, Tz::UTC);
        let ends = |now| month.elapsed(at(now)).unwrap().map(|p| p.unwrap().span.end.to_rfc3339()).collect::<Vec<_>>();
        assert_eq!(ends("2024-03-09T23:59:59Z").len(), 2);
        assert_eq!(ends("2024-03-10T00:00:00Z").last().unwrap(), "2024-03-10T00:00:00+00:00");
        assert_eq!(month.completed(at("2024-03-15T00:00:00Z")).unwrap(), 3);
        assert_eq!(month.completed(at("2023-03-15T00:00:00Z")).unwrap(), 0);
    }

    #[test]
    fn each_period_begins_in_exactly_one_run() {
        let month = schedule("2024-01-31T09:00:00Z", "month", "{}", Tz::UTC);
        let due =
            |last, now| month.due_between(at(last), at(now)).unwrap().map(|p| p.unwrap().index).collect::<Vec<_>>();
        assert_eq!(due("2024-01-30T00:00:00Z", "2024-02-29T08:59:59Z"), [0]);
        assert_eq!(due("2024-01-31T09:00:00Z", "2024-02-29T08:59:59Z"), [0; 0]);
        assert_eq!(due("2024-02-29T08:59:59Z", "2024-02-29T09:00:00Z"), [1]);
        assert_eq!(due("2024-02-29T09:00:00Z", "2024-04-30T10:00:00Z"), [2, 3]);
    }

    #[test]
    fn the_whole_local_day_is_the_billing_day() {
        let policy = r#"{"to": {"anchor": {"at": "2024-01-14T12:00:00Z"}}}"#;
        let month = schedule("2024-01-14T12:00:00Z", "month", policy, Tz::Asia__Kolkata);
        let is = |instant| month.is_billing_day(at(instant)).unwrap();
        assert_eq!(["2024-02-13T18:29:59Z", "2024-02-13T18:30:00Z"].map(is), [false, true]);
        assert_eq!(["2024-02-14T18:29:59Z", "2024-02-14T18:30:00Z"].map(is), [true, false]);
        let ended = month.ending(at("2024-02-14T06:30:00Z")).unwrap();
        assert!(!ended.is_billing_day(at("2024-02-14T01:00:00Z")).unwrap());
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_no_period() {
        let day = schedule("2011-12-28T10:00:00Z", "day", CALENDAR, Tz::Pacific__Apia);
        let indices: Vec<_> = day.periods().unwrap().take(4).map(|p| p.unwrap().index).collect();
        assert_eq!(indices, [0, 1, 3, 4]);
        assert_eq!(day.completed(at("2012-01-01T10:00:00Z")).unwrap(), 4);
    }

    #[test]
    fn a_stored_schedule_is_read_as_it_was_written_and_checked() {
        let policy = AlignmentPolicy::to(Alignment::DayOfMonth { day: 31.try_into().unwrap() });
        let month =
            Schedule::try_new(at("2027-02-10T08:00:00Z"), "month".parse().unwrap(), &policy, Tz::Europe__Berlin);
        let month = month.unwrap().ending(at("2028-02-10T08:00:00Z")).unwrap();
        let json = serde_json::to_string(&month).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), month);
        let early = json.replace("2028", "2026");
        assert!(serde_json::from_str::<Schedule>(&early).unwrap_err().to_string().contains("later end"));
    }

    #[test]
    fn what_lies_outside_the_calendar_is_an_error_and_no_panic() {
        let long = schedule("2024-01-31T09:00:00Z", "120-years", CALENDAR, Tz::Asia__Kolkata);
        assert!(long.boundary(u32::MAX).is_err() && long.period(u32::MAX).is_err());
        assert!(long.period_at(Instant::MAX_UTC).is_err());
        let last = long.periods().unwrap().skip_while(Result::is_ok).collect::<Vec<_>>();
        assert_eq!(last, [Err(OutOfCalendar)]);
        let policy = AlignmentPolicy::default();
        assert!(Schedule::try_new(Instant::MAX_UTC, "day".parse().unwrap(), &policy, Tz::Asia__Kolkata).is_err());
    }
}
