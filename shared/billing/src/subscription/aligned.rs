//! Where a contract's periods are cut: along the alignment that it was sold with, or from the day it began.
//!
//! Exists as the one place that turns a boundary's number into a period, so that contracts without an alignment stay exactly
//! as they were, and every start (sign-up, end of a trial, of a pause, a new interval) cuts in the same way.

use chrono_tz::Tz;

use super::state::{State, Subscription};
use crate::{
    calendar::{
        Anchor, Instant, Interval, OutOfCalendar, Period, Unit,
        alignment::{Alignment, AlignmentError, AlignmentPolicy, FirstAnchor, OnAnchor},
        recurrence::{DayOfMonth, Recurrence, Span},
        schedule::{Schedule, ScheduleError},
    },
    invoice::StubOf,
    refusal::Refusal,
};

/// Days that a zone may leave out in a row; Apia left out one.
const LEFT_OUT_MAX: u32 = 3;

/// That periods of `interval` can be cut along `policy`, from `at` on.
///
/// # Errors
/// [`Refusal::InvalidField`] about `field` with what would fit; [`Refusal::Calendar`].
pub(super) fn check(
    policy: &AlignmentPolicy,
    interval: Interval,
    at: Instant,
    zone: Tz,
    field: &'static str,
) -> Result<(), Refusal> {
    Schedule::try_new(at, interval, policy, zone).map(|_| ()).map_err(|e| refused(e, field))
}

/// A schedule that cannot be, as a refusal about `field`.
pub(super) fn refused(error: ScheduleError, field: &'static str) -> Refusal {
    match error {
        ScheduleError::OutOfCalendar(error) | ScheduleError::Alignment(AlignmentError::OutOfCalendar(error)) => {
            error.into()
        }
        other => Refusal::InvalidField { field, detail: other.to_string() },
    }
}

impl Subscription {
    /// Cuts periods anew from `at` on, boundary 0 being `at`. An alignment that does not fit the interval (a weekday, and
    /// months) was refused when it was asked for; where the interval changed since, the contract has its own anchor.
    pub(super) fn cut_from(&mut self, at: Instant, interval: Interval) -> Result<(), Refusal> {
        let zone = self.anchor.zone();
        self.anchor = Anchor::at(at, zone);
        self.schedule = None;
        if let Some(agreed) = self.scheduled.anchor.take() {
            // The day of the start needs no alignment: it is stored as contracts are that have none.
            self.alignment = Some(agreed).filter(|policy| *policy != AlignmentPolicy::default());
        }
        let Some(policy) = self.alignment else { return Ok(()) };
        match Schedule::try_new(at, interval, &policy, zone) {
            Ok(schedule) => self.schedule = Some(Box::new(schedule)),
            Err(ScheduleError::Alignment(AlignmentError::Vague { .. } | AlignmentError::Unsuited { .. })) => {}
            Err(error) => return Err(refused(error, "interval")),
        }
        Ok(())
    }

    /// The instant of boundary `index`; 0 is where the contract's periods began.
    ///
    /// # Errors
    /// [`OutOfCalendar`].
    pub fn boundary(&self, index: u32) -> Result<Instant, OutOfCalendar> {
        match &self.schedule {
            Some(schedule) => schedule.boundary(index),
            None => self.anchor.boundary(self.terms.price.interval, index),
        }
    }

    /// The period from boundary `index` on, with the next ordinal, and the whole period that it is a stub of.
    pub(super) fn period_from(&self, index: u32, interval: Interval) -> Result<(Period, Option<Span>), OutOfCalendar> {
        let Some(schedule) = &self.schedule else {
            return Ok((self.anchor.period(interval, index, self.next_ordinal)?, None));
        };
        for index in index..=index.saturating_add(LEFT_OUT_MAX) {
            if let Some(cut) = schedule.period(index)? {
                return Ok((cut.numbered(self.next_ordinal), cut.is_stub().then_some(cut.whole)));
            }
        }
        Err(OutOfCalendar)
    }

    /// What the period is a stub of, as invoices store it.
    pub(super) fn stub_of(&self, whole: Option<Span>, period: &Period) -> Option<Box<StubOf>> {
        whole.map(|whole| Box::new(StubOf::new(whole, self.anchor.zone(), self.proration, period)))
    }
}

/// Boundaries among which one has the day that is kept: of a year those of the eight between two leap years.
const DAY_COMES_BACK: i64 = 12;

/// The alignment that puts a contract of the same customer on the anchor of `leader`: its boundaries are those of the leader
/// wherever the intervals allow it. A longer interval begins at the leader's next boundary where the leader is billed every
/// month, else in step with it.
///
/// # Errors
/// [`Refusal::InvalidField`] for `align_with`: a leader that is over or not begun, lives in another zone, or counts days
/// where `interval` counts months; [`Refusal::Calendar`].
pub fn follow(leader: &Subscription, start: Instant, interval: Interval, zone: Tz) -> Result<AlignmentPolicy, Refusal> {
    let refuse = |detail: String| Refusal::InvalidField { field: "align_with", detail };
    if !leader.state.is_running() {
        return Err(refuse(format!("{} is {}; choose a contract that runs", leader.id, leader.state.name())));
    }
    let schedule = leader.running_schedule()?;
    let anchor = schedule.recurrence();
    if anchor.zone() != zone {
        return Err(refused(ScheduleError::DifferentZones { one: anchor.zone(), other: zone }, "align_with"));
    }
    let monthly = anchor.interval().unit() == Unit::Month && anchor.interval().count() == 1;
    let first = if monthly { FirstAnchor::Next } else { FirstAnchor::InStep };
    schedule.follow(start, interval, first).map_err(|e| refused(e, "align_with"))?;
    Ok(AlignmentPolicy {
        first,
        on_anchor: schedule.on_anchor(),
        ..AlignmentPolicy::to(Alignment::Anchor { at: kept(anchor)? })
    })
}

/// A boundary that has the day which the recurrence keeps; 28 February does not say that the 31st is meant.
fn kept(anchor: &Recurrence) -> Result<Instant, OutOfCalendar> {
    for n in 0..DAY_COMES_BACK {
        if DayOfMonth::of(anchor.date(n)?) == anchor.day() {
            return anchor.boundary(n);
        }
    }
    anchor.boundary(0)
}

impl Subscription {
    /// The contract's periods since they were last cut anew; of a trial, those that follow it.
    ///
    /// # Errors
    /// [`Refusal::Calendar`].
    pub fn running_schedule(&self) -> Result<Schedule, Refusal> {
        let interval = self.terms.price.interval;
        if let Some(period) = self.period.filter(|_| self.runs_on_bought_time()) {
            let anchor = Anchor::at(period.end, self.anchor.zone());
            return Ok(Schedule::along(period.start, Recurrence::of_anchor(&anchor, interval), OnAnchor::LocalDay));
        }
        if let Some(schedule) = &self.schedule {
            return Ok(**schedule);
        }
        if let (State::Trialing { ends_at, .. }, Some(policy)) = (&self.state, &self.alignment)
            && let Ok(schedule) = Schedule::try_new(*ends_at, interval, policy, self.anchor.zone())
        {
            return Ok(schedule);
        }
        let start = match self.period {
            Some(period) if period.index == 0 => period.start,
            _ => self.anchor.boundary(interval, 0)?,
        };
        Ok(Schedule::along(start, Recurrence::of_anchor(&self.anchor, interval), OnAnchor::LocalDay))
    }
}
