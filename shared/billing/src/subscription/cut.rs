//! The period that starts with a change: where it is cut, and what moves along with its end.
//!
//! Exists beside `change`, because a period may begin anew, keep the cut of the one before, or end where bought time ends; in all
//! three what was agreed for the end of the old period follows to the end of the new one.

use chrono::NaiveDateTime;

use super::{open::first_start, state::Subscription};
use crate::{
    calendar::{
        Anchor, Instant, Interval, Period, Unit,
        alignment::OnAnchor,
        plus_local_days,
        recurrence::{DayOfMonth, Recurrence, Span},
        schedule::Schedule,
    },
    invoice::{Basis, StubOf, ceil_to_second, time_bought},
    proration::IntervalChange,
    refusal::Refusal,
    terms::Terms,
};

/// Whether a period starts with a change, and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cuts {
    /// The running period goes on.
    Not,
    /// From the change on, or along the contract's alignment.
    Anew,
    /// Where the running period is cut, in steps of the new interval.
    Kept,
    /// Where the time ends that is bought with what is unused; anew where nothing is bought.
    Bought,
}

/// A cut that later periods keep: a boundary in local time, and the day that it stands for: 28 February for the 31st.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    boundary: NaiveDateTime,
    day: DayOfMonth,
}

/// The period of `terms` that starts at `now`, in place of the running one.
pub(super) fn open(next: &mut Subscription, terms: &Terms, cuts: Cuts, now: Instant) -> Result<Period, Refusal> {
    let interval = terms.price.interval;
    match cuts {
        Cuts::Kept => {
            let kept = next.kept_day()?;
            next.cut_along(kept, now, interval)?;
        }
        Cuts::Not | Cuts::Anew | Cuts::Bought => next.cut_from(now, interval)?,
    }
    let (mut period, whole) = next.period_from(0, interval)?;
    period.start = first_start(now);
    next.stub = next.stub_of(whole, &period);
    next.next_ordinal += 1;
    Ok(period)
}

/// The cut that the contract's policy keeps where the interval changes at the end of a period.
pub(super) fn kept_by_policy(next: &Subscription) -> Result<Option<Kept>, Refusal> {
    let keeps = next.proration.interval_change == IntervalChange::KeepAnchor;
    if keeps { next.kept_day().map(Some) } else { Ok(None) }
}

/// Periods of the contract's terms from `at` on: along the cut that is kept, or anew.
pub(super) fn begin(next: &mut Subscription, kept: Option<Kept>, at: Instant) -> Result<(), Refusal> {
    let interval = next.terms.price.interval;
    match kept {
        Some(kept) => next.cut_along(kept, at, interval),
        None => next.cut_from(at, interval),
    }
}

/// The period as it begins: one in which the contract is known to end reaches to that end, a trailing stub.
pub(super) fn begun(next: &Subscription, period: Period, whole: Option<Span>) -> (Period, Option<Box<StubOf>>) {
    let end = next.scheduled.cancel.map(ceil_to_second).filter(|end| period.start < *end && *end < period.end);
    let Some(end) = end else { return (period, next.stub_of(whole, &period)) };
    let whole = whole.unwrap_or_else(|| (&period).into());
    let stub = StubOf::trailing(whole, next.anchor.zone(), next.proration);
    (Period { end, ..period }, Some(Box::new(stub)))
}

/// What was agreed for the end of the old period moves to the end of the new one: nobody loses a year that was just paid for.
/// An end on a date stays on that date: `dated`, where the old period reached to it and not the other way round.
pub(super) fn follow_end(next: &mut Subscription, old: &Period, new: &Period, dated: bool) {
    if next.scheduled.cancel == Some(old.end) && !dated {
        next.scheduled.cancel = Some(new.end);
    }
    if let Some((from, _)) = next.scheduled.moved.as_mut().filter(|(from, _)| *from == old.end) {
        *from = new.end;
    }
    if let Some((from, until)) = next.scheduled.pause.filter(|(from, _)| *from == old.end) {
        // A pause that would end before it begins is no pause.
        let still = until.is_none_or(|until| until > new.end);
        next.scheduled.pause = still.then_some((new.end.max(from), until));
    }
}

/// The running period, and with it the change of `basis`, ends with the time that is bought; the next one is cut from there.
/// Where nothing is bought, both stay as they are.
pub(super) fn buy_time(next: &mut Subscription, mut basis: Basis) -> Result<Basis, Refusal> {
    // No money moves, so the tax is the one that was paid.
    let taxed_now = basis.clone();
    let Basis::Change { to, at, zone, proration, next: opens, next_stub, adjustments, .. } = &mut basis else {
        return Ok(basis);
    };
    adjustments.tax.clone_from(&adjustments.earlier_tax);
    let (at, zone, interval, policy) = (*at, *zone, to.price.interval, *proration);
    let Some(extra) = time_bought(&taxed_now)? else { return Ok(taxed_now) };
    let Some(period) = opens else { return Ok(taxed_now) };
    period.end = plus_local_days(at, extra.days, zone)?;
    period.index = 0;
    let whole = Span::new(period.start, plus_local_days(at, extra.of, zone)?);
    *next_stub = Some(Box::new(StubOf::bought(whole, zone, policy, extra.charge)));
    next.cut_from(period.end, interval)?;
    (next.period, next.stub) = (Some(*period), next_stub.clone());
    Ok(basis)
}

/// A change went on with the running period: bought time is worth what the new terms are charged for it.
pub(super) fn reprice(next: &mut Subscription) -> Result<(), Refusal> {
    if let (Some(stub), Some(period)) = (next.stub.clone(), next.period) {
        next.stub = Some(Box::new(stub.repriced(&next.terms, &next.discounts_now()?, &period)?));
    }
    Ok(())
}

impl Subscription {
    /// Where the running period is cut, with the day that its boundaries keep.
    pub(super) fn kept_day(&self) -> Result<Kept, Refusal> {
        let schedule = self.running_schedule()?;
        let along = schedule.recurrence();
        let end = self.period.map_or_else(|| schedule.start(), |period| self.cut_end(&period));
        let date = end.with_timezone(&along.zone()).date_naive();
        let of_months = matches!(along.interval().unit(), Unit::Month | Unit::Year);
        let day = if of_months { along.day() } else { DayOfMonth::of(date) };
        Ok(Kept { boundary: date.and_time(along.time()), day })
    }

    /// Cuts periods anew from `at` on, in steps of `interval` through a boundary that is kept.
    pub(super) fn cut_along(&mut self, kept: Kept, at: Instant, interval: Interval) -> Result<(), Refusal> {
        let zone = self.anchor.zone();
        let along = Recurrence::through(kept.boundary, interval, zone).keeping(kept.day);
        self.anchor = Anchor::at(at, zone);
        self.schedule = Some(Box::new(Schedule::along(at, along, OnAnchor::LocalDay)));
        Ok(())
    }

    /// Where the running `period` is cut; one that was to end with the contract is cut after that.
    fn cut_end(&self, period: &Period) -> Instant {
        self.stub.as_ref().filter(|stub| stub.trailing).map_or(period.end, |stub| stub.whole.end)
    }

    /// Whether the running period ends where the contract was to end when it began.
    pub(super) fn ends_early(&self) -> bool {
        self.stub.as_ref().is_some_and(|stub| stub.trailing)
    }

    /// Whether the running period ends where bought time ends, so that the next one begins boundaries of its own.
    pub(crate) fn runs_on_bought_time(&self) -> bool {
        self.stub.as_ref().is_some_and(|stub| stub.bought.is_some())
    }
}
