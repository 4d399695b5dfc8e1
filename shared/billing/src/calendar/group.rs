//! New anchors for contracts that run: one that is moved, and several of a customer that are brought together.
//!
//! Exists so that moving an anchor is two schedules that meet, one that ends and one that starts, and never a date that is
//! edited: what was billed stays as it was, and no time is billed twice or not at all.

use chrono::{Datelike, TimeDelta};
use serde::{Deserialize, Serialize};

use super::{
    Instant, Interval,
    alignment::{AlignmentPolicy, FirstAnchor},
    first_anchor::{Axis, Known, Pattern, Start},
    periods::CutPeriod,
    recurrence::{Recurrence, Step, local, month_number, whole_second},
    schedule::{Schedule, ScheduleError},
};

/// When a new anchor applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RealignWhen {
    /// At the instant of the request: the period then is cut off.
    #[default]
    Now,
    /// At the end of the period then: no closing stub.
    PeriodEnd,
}

/// A contract whose anchor was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realigned {
    /// The old schedule, which ends where the new one starts.
    pub closed: Schedule,
    /// Its last period: a trailing stub, or whole when the change falls on a boundary.
    pub closing: CutPeriod,
    /// The new schedule.
    pub opened: Schedule,
    /// Its first period: a leading stub, or whole when the change falls on the new anchor.
    pub opening: CutPeriod,
}

/// What a running contract gets instead of its old alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realignment {
    /// The interval from then on.
    pub interval: Interval,
    /// How its periods are aligned.
    pub policy: AlignmentPolicy,
    /// When.
    #[serde(default)]
    pub when: RealignWhen,
}

impl Schedule {
    /// Gives the contract another anchor, and perhaps another interval. An end that was agreed stays agreed.
    ///
    /// # Errors
    /// [`ScheduleError::NotRunning`] when the contract has not run at the change, or is over by then; an alignment that does
    /// not fit.
    pub fn realign(&self, at: Instant, to: &Realignment) -> Result<Realigned, ScheduleError> {
        let zone = self.recurrence().zone();
        self.hand_over(at, to.when, |start| Schedule::try_new(start, to.interval, &to.policy, zone))
    }

    /// The schedule of another contract of the customer, from `start` on, on the anchor of this one. `first` says which of
    /// the common days it begins with: in step, a year keeps this contract's month; with `next`, it begins at this
    /// contract's next boundary.
    ///
    /// # Errors
    /// [`ScheduleError::DifferentKinds`] for days or weeks beside months or years; [`ScheduleError::OutOfCalendar`].
    pub fn follow(&self, start: Instant, interval: Interval, first: FirstAnchor) -> Result<Schedule, ScheduleError> {
        let leader = self.recurrence();
        let (one, other) = (leader.interval(), interval);
        let (axis, through) = match (Step::of(one), Step::of(other)) {
            (Step::Months(_), Step::Months(_)) => (Axis::Months(leader.day()), month_number(leader.date(0)?)),
            (Step::Days(_), Step::Days(_)) => (Axis::Days, i64::from(leader.date(0)?.num_days_from_ce())),
            _ => return Err(ScheduleError::DifferentKinds { one, other }),
        };
        let (start, on_anchor) = (whole_second(start), self.on_anchor());
        let zone = leader.zone();
        let at = Start { at: start, date: local(start, zone)?.date(), on_anchor, time: leader.time(), zone };
        let recurrence = Pattern { axis, through, known: Known::Exactly }.first_anchor(first, interval, &at)?;
        Ok(Schedule::along(start, recurrence, on_anchor))
    }

    /// The same end and start for the old schedule and for the one that `open` makes from the instant of the change.
    fn hand_over(
        &self,
        at: Instant,
        when: RealignWhen,
        open: impl Fn(Instant) -> Result<Schedule, ScheduleError>,
    ) -> Result<Realigned, ScheduleError> {
        let at = whole_second(at);
        let not_running = ScheduleError::NotRunning { at };
        let Some(running) = self.period_at(at)? else { return Err(not_running) };
        let change = match when {
            RealignWhen::Now => at,
            RealignWhen::PeriodEnd => running.span.end,
        };
        if change <= self.start() || self.end().is_some_and(|end| end <= change) {
            return Err(not_running);
        }
        let closed = self.ending(change)?;
        let mut opened = open(change)?;
        if let Some(end) = self.end() {
            opened = opened.ending(end)?;
        }
        let last = closed.period_at(change - TimeDelta::seconds(1))?;
        match (last, opened.period(0)?) {
            (Some(closing), Some(opening)) => Ok(Realigned { closed, closing, opened, opening }),
            _ => Err(not_running),
        }
    }
}

/// Brings contracts of one customer together on one anchor, each with its own interval. The boundaries of a longer interval
/// are then boundaries of every shorter one that divides it.
///
/// # Errors
/// [`ScheduleError::DifferentZones`], [`ScheduleError::DifferentKinds`], and as [`Schedule::realign`]; then none is moved.
pub fn align_together(
    schedules: &[Schedule],
    at: Instant,
    policy: &AlignmentPolicy,
    when: RealignWhen,
) -> Result<Vec<Realigned>, ScheduleError> {
    if let Some(first) = schedules.first() {
        for schedule in schedules {
            common(first.recurrence(), schedule.recurrence())?;
        }
    }
    let moved = schedules.iter().map(|schedule| {
        let interval = schedule.recurrence().interval();
        schedule.realign(at, &Realignment { interval, policy: *policy, when })
    });
    moved.collect()
}

fn common(one: &Recurrence, other: &Recurrence) -> Result<(), ScheduleError> {
    if one.zone() != other.zone() {
        return Err(ScheduleError::DifferentZones { one: one.zone(), other: other.zone() });
    }
    let is_months = |recurrence: &Recurrence| matches!(Step::of(recurrence.interval()), Step::Months(_));
    if is_months(one) == is_months(other) {
        Ok(())
    } else {
        Err(ScheduleError::DifferentKinds { one: one.interval(), other: other.interval() })
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::{
        super::{alignment::Alignment, periods::Cut, recurrence::Span},
        *,
    };

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn starting(start: &str, interval: &str) -> Schedule {
        Schedule::try_new(at(start), interval.parse().unwrap(), &AlignmentPolicy::default(), Tz::UTC).unwrap()
    }

    fn day(day: u32) -> AlignmentPolicy {
        AlignmentPolicy::to(Alignment::DayOfMonth { day: day.try_into().unwrap() })
    }

    fn moved(
        schedule: &Schedule,
        now: &str,
        policy: AlignmentPolicy,
        when: RealignWhen,
    ) -> Result<Realigned, ScheduleError> {
        let interval = schedule.recurrence().interval();
        schedule.realign(at(now), &Realignment { interval, policy, when })
    }

    #[test]
    fn a_moved_anchor_closes_one_stub_and_opens_another() {
        let old = starting("2027-01-20T00:00:00Z", "month");
        let new = moved(&old, "2027-03-05T00:00:00Z", day(15), RealignWhen::Now).unwrap();
        let span = |from, to| Span { start: at(from), end: at(to) };
        assert_eq!(new.closing.span, span("2027-02-20T00:00:00Z", "2027-03-05T00:00:00Z"));
        assert_eq!(new.opening.span, span("2027-03-05T00:00:00Z", "2027-03-15T00:00:00Z"));
        assert_eq!((new.closing.cut, new.opening.cut), (Cut::TrailingStub, Cut::LeadingStub));
        let later = moved(&old, "2027-03-05T00:00:00Z", day(15), RealignWhen::PeriodEnd).unwrap();
        assert_eq!((later.closing.cut, later.opening.cut), (Cut::Whole, Cut::LeadingStub));
        assert_eq!(later.opening.span, span("2027-03-20T00:00:00Z", "2027-04-15T00:00:00Z"));
    }

    #[test]
    fn a_change_on_both_boundaries_leaves_no_stub() {
        let old = starting("2027-01-20T00:00:00Z", "month");
        let new = moved(&old, "2027-03-20T00:00:00Z", AlignmentPolicy::default(), RealignWhen::Now).unwrap();
        assert_eq!((new.closing.cut, new.opening.cut), (Cut::Whole, Cut::Whole));
    }

    #[test]
    fn an_anchor_moves_only_while_the_contract_runs() {
        let old = starting("2027-01-20T00:00:00Z", "month").ending(at("2027-03-20T00:00:00Z")).unwrap();
        for (now, when) in [
            ("2027-01-20T00:00:00Z", RealignWhen::Now),
            ("2027-01-19T00:00:00Z", RealignWhen::PeriodEnd),
            ("2027-03-20T00:00:00Z", RealignWhen::Now),
            ("2027-03-01T00:00:00Z", RealignWhen::PeriodEnd),
        ] {
            assert!(matches!(moved(&old, now, day(15), when), Err(ScheduleError::NotRunning { .. })), "{now}");
        }
        let new = moved(&old, "2027-03-01T00:00:00Z", day(15), RealignWhen::Now).unwrap();
        assert_eq!(new.opened.end(), old.end());
    }

    #[test]
    fn contracts_of_a_customer_come_together_on_one_anchor() {
        let contracts = ["month", "quarter", "year"].map(|interval| starting("2027-01-20T07:00:00Z", interval));
        let anchor = AlignmentPolicy::to(Alignment::Anchor { at: at("2026-08-31T00:00:00Z") });
        let moved = align_together(&contracts, at("2027-03-05T00:00:00Z"), &anchor, RealignWhen::Now).unwrap();
        let first = |i: usize| moved[i].opening.span.end;
        assert_eq!(
            [first(0), first(1), first(2)],
            ["2027-03-31", "2027-05-31", "2027-08-31"].map(|d| at(&format!("{d}T00:00:00Z")))
        );
    }

    #[test]
    fn contracts_with_nothing_in_common_are_not_aligned() {
        let [month, week] = ["month", "week"].map(|interval| starting("2027-01-20T07:00:00Z", interval));
        let away = Schedule::try_new(month.start(), "month".parse().unwrap(), &day(1), Tz::Asia__Kolkata).unwrap();
        let align = |other| align_together(&[month, other], at("2027-03-05T00:00:00Z"), &day(1), RealignWhen::Now);
        assert!(align(week).unwrap_err().to_string().contains("apart from months"));
        assert!(align(away).unwrap_err().to_string().contains("align those of one zone"));
        assert!(month.follow(month.start(), "week".parse().unwrap(), FirstAnchor::InStep).is_err());
    }

    #[test]
    fn a_new_contract_follows_the_anchor_of_another_and_keeps_its_day() {
        let leader =
            Schedule::try_new(at("2027-02-10T08:00:00Z"), "month".parse().unwrap(), &day(31), Tz::UTC).unwrap();
        let follow = |first| {
            let year = leader.follow(at("2027-05-10T08:00:00Z"), "year".parse().unwrap(), first).unwrap();
            [0, 1, 2].map(|i| year.boundary(i).unwrap().date_naive().to_string())
        };
        assert_eq!(follow(FirstAnchor::InStep), ["2027-05-10", "2028-02-29", "2029-02-28"]);
        assert_eq!(follow(FirstAnchor::Next), ["2027-05-10", "2027-05-31", "2028-05-31"]);
    }
}
