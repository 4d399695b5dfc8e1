//! `dates`: where the periods of a contract are cut, and what follows from that at an instant.
//!
//! Exists so that "when is the next invoice, and why then?" has an answer that anybody can check on a wall calendar.

mod ask;

use serde::Serialize;

use self::ask::{DaysAsked, Question, TrialAsked};
use super::{
    Answered, CalcError,
    words::{Stretch, shown},
};
use crate::{
    calendar::{
        Instant, OutOfCalendar,
        alignment::AlignmentPolicy,
        daycount::DayCount,
        local_days,
        periods::{Cut, CutPeriod},
        recurrence::{Recurrence, Span},
        schedule::Schedule,
        trial::{Trial, TrialLength},
    },
    profile::{Profile, Rules},
};
use chrono_tz::Tz;

/// An answer by dates.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    profile: Answered,
    zone: &'static str,
    interval: String,
    /// How the periods are aligned, every field.
    alignment: AlignmentPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<Stretch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_anchor: Option<String>,
    periods: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<AtInstant>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<DaysBetween>,
}

/// One period.
#[derive(Debug, Serialize)]
struct Row {
    index: i64,
    start: String,
    end: String,
    cut: Cut,
    /// The whole period that a stub is cut from.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<Stretch>,
    days: i64,
}

/// What holds at an instant.
#[derive(Debug, Serialize)]
struct AtInstant {
    at: String,
    /// None before the start and after the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<Row>,
    /// Periods that are over, stubs among them: what a backdated start owes.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_billing_day: Option<bool>,
}

/// What one run of the biller finds.
#[derive(Debug, Serialize)]
struct Run {
    at: String,
    /// The periods that begin since the run before.
    due: Vec<Row>,
}

/// Days between two dates.
#[derive(Debug, Serialize)]
struct DaysBetween {
    convention: DayCount,
    days: i64,
}

pub(super) fn answer(question: &Question, profile: Profile) -> Result<Answer, CalcError> {
    let profile = question.profile.unwrap_or(profile);
    let (zone, interval) = (question.zone.0, question.interval()?);
    let policy = question.alignment(profile)?;
    let mut answer = Answer {
        id: question.id.clone(),
        profile: Answered::by(profile, Rules::Dates),
        zone: zone.name(),
        interval: interval.to_string(),
        alignment: policy,
        trial: None,
        first_anchor: None,
        periods: Vec::new(),
        at: None,
        runs: Vec::new(),
        days: question.days.map(|days| between(days, zone)),
    };
    match (question.start, question.anchor) {
        (Some(start), _) => answer.contract(question, start.at(zone))?,
        (None, Some(anchor)) => answer.recurrence(question, anchor.at(zone))?,
        (None, None) if question.days.is_none() => {
            return Err(CalcError::field("start", "is missing: give the start of the contract, or days to be counted"));
        }
        (None, None) => {}
    }
    Ok(answer)
}

fn between(asked: DaysAsked, zone: Tz) -> DaysBetween {
    let days = asked.count.days(asked.from.day(zone), asked.to.day(zone));
    DaysBetween { convention: asked.count, days }
}

impl Answer {
    /// A contract: trial, periods, and what holds at the instants that are asked about.
    fn contract(&mut self, question: &Question, start: Instant) -> Result<(), CalcError> {
        let (zone, interval) = (question.zone.0, question.interval()?);
        let mut schedule = match question.trial {
            Some(asked) => {
                let trialed = trial(asked, zone).schedule(start, interval, &self.alignment, zone)?;
                self.trial = Some(Stretch::new(trialed.trial.start, trialed.trial.end, zone));
                trialed.schedule
            }
            None => Schedule::try_new(start, interval, &self.alignment, zone)?,
        };
        if let Some(end) = question.end {
            schedule = schedule.ending(end.at(zone))?;
        }
        self.first_anchor = Some(shown(schedule.first_anchor()?, zone));
        let until = question.until.map(|when| when.at(zone));
        for period in schedule.periods()?.take(question.count()?) {
            let period = period?;
            if until.is_some_and(|until| until < period.span.start) {
                break;
            }
            self.periods.push(row(&period, zone));
        }
        self.at = question.at.map(|when| at_instant(&schedule, when.at(zone), zone)).transpose()?;
        self.runs = runs(&schedule, question, zone)?;
        Ok(())
    }

    /// An anchor without a contract: it has periods before itself, too.
    fn recurrence(&mut self, question: &Question, anchor: Instant) -> Result<(), CalcError> {
        let (zone, interval) = (question.zone.0, question.interval()?);
        if question.trial.is_some() || question.end.is_some() || !question.runs.is_empty() {
            return Err(CalcError::field("start", "is missing: a trial, an end and runs belong to a contract"));
        }
        let recurrence = Recurrence::through(anchor.with_timezone(&zone).naive_local(), interval, zone);
        self.first_anchor = Some(shown(recurrence.boundary(0)?, zone));
        let until = question.until.map(|when| when.at(zone));
        let count = i64::try_from(question.count()?).map_err(|_| OutOfCalendar)?;
        for index in 0..count {
            let span = recurrence.span(index)?;
            if until.is_some_and(|until| until < span.start) {
                break;
            }
            self.periods.push(whole(index, span, zone));
        }
        if let Some(when) = question.at {
            let at = when.at(zone);
            let index = recurrence.index_at(at)?;
            let span = recurrence.span(index)?;
            let (period, next) = (Some(whole(index, span, zone)), Some(shown(span.end, zone)));
            self.at = Some(AtInstant { at: shown(at, zone), period, completed: None, next, is_billing_day: None });
        }
        Ok(())
    }
}

fn trial(asked: TrialAsked, zone: Tz) -> Trial {
    let (length, anchor) = match asked {
        TrialAsked::Days { days, anchor } => (TrialLength::Days { days }, anchor),
        TrialAsked::Until { until, anchor } => (TrialLength::Until { date: until.day(zone) }, anchor),
    };
    Trial { length, anchor }
}

fn row(period: &CutPeriod, zone: Tz) -> Row {
    let (span, full) = (period.span, period.whole);
    Row {
        index: period.index.into(),
        start: shown(span.start, zone),
        end: shown(span.end, zone),
        cut: period.cut,
        whole: period.is_stub().then(|| Stretch::new(full.start, full.end, zone)),
        days: local_days(span.start, span.end, zone),
    }
}

fn whole(index: i64, span: Span, zone: Tz) -> Row {
    let days = local_days(span.start, span.end, zone);
    Row { index, start: shown(span.start, zone), end: shown(span.end, zone), cut: Cut::Whole, whole: None, days }
}

fn at_instant(schedule: &Schedule, at: Instant, zone: Tz) -> Result<AtInstant, OutOfCalendar> {
    Ok(AtInstant {
        at: shown(at, zone),
        period: schedule.period_at(at)?.map(|period| row(&period, zone)),
        completed: Some(schedule.completed(at)?),
        next: schedule.next_boundary(at)?.map(|next| shown(next, zone)),
        is_billing_day: Some(schedule.is_billing_day(at)?),
    })
}

/// Runs in the order given: what begins at the start is billed when the contract is made, not by a run.
fn runs(schedule: &Schedule, question: &Question, zone: Tz) -> Result<Vec<Run>, CalcError> {
    let (mut last, most) = (schedule.start(), question.count()?);
    let mut runs = Vec::with_capacity(question.runs.len());
    for when in &question.runs {
        let at = when.at(zone);
        if at < last {
            return Err(CalcError::field("runs", "go forward: give them in order of time, from the start on"));
        }
        let mut due = Vec::new();
        for period in schedule.due_between(last, at)? {
            if due.len() >= most {
                return Err(CalcError::field("runs", format!("find more than {most} periods: raise count")));
            }
            due.push(row(&period?, zone));
        }
        runs.push(Run { at: shown(at, zone), due });
        last = at;
    }
    Ok(runs)
}
