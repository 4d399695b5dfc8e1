//! Pauses: from now, from the end of the period, or from a date; with or without what is left of the period given back.
//!
//! Exists apart from the table, because a pause that gives back ends its period, and one that does not goes on with it.

use super::{change, currency, input::When, moving, open::first_start, state::State, transition::Step};
use crate::{calendar::Instant, fact::EventType, invoice::Purpose, proration::TerminationCredit, refusal::Refusal};

pub(super) fn check_end_of_pause(resume_at: Option<Instant>, from: Instant) -> Result<(), Refusal> {
    if resume_at.is_some_and(|at| at <= from) {
        let detail = "the pause must end after it begins";
        return Err(Refusal::DateOutOfRange { field: "resume_at", detail });
    }
    Ok(())
}

/// A pause asked for at `now`.
pub(super) fn pause_requested(
    step: &mut Step,
    when: When,
    resume_at: Option<Instant>,
    credit: bool,
    now: Instant,
) -> Result<bool, Refusal> {
    let from = match when {
        When::Now => now,
        When::PeriodEnd => step.end_of_paid_time().unwrap_or(now),
        When::At(at) => {
            change::check_after(at, now, change::NOT_IN_THE_PAST)?;
            at
        }
    };
    check_end_of_pause(resume_at, from)?;
    if credit && step.next.proration.termination == TerminationCredit::None {
        let detail = "the policy of this contract gives nothing back; pause without credit".to_owned();
        return Err(Refusal::InvalidField { field: "credit", detail });
    }
    let version = credit.then_some(step.version);
    if from <= now {
        return pause(step, now, resume_at, version);
    }
    let scheduled = &mut step.next.scheduled;
    let agreed = Some((from, resume_at));
    let new = scheduled.pause != agreed || scheduled.pause_credit_version.is_some() != credit;
    if new {
        (scheduled.pause, scheduled.pause_credit_version) = (agreed, version);
    }
    Ok(new)
}

/// The contract rests from `at` on. `credit`: the version that asked for what is left of the period.
pub(super) fn pause(
    step: &mut Step,
    at: Instant,
    resume_at: Option<Instant>,
    credit: Option<u64>,
) -> Result<bool, Refusal> {
    let gives_back = step.next.proration.termination != TerminationCredit::None;
    if let Some(version) = credit.filter(|_| gives_back) {
        change::give_back(step, at, version)?;
        end_period(step, at);
    }
    step.next.state = State::Paused { since: at, resume_at };
    step.next.scheduled.pause = None;
    step.next.scheduled.pause_credit_version = None;
    step.write(EventType::Pause, at, None)
}

/// What was given back is not the customer's any more: the period is over, and the contract resumes with a new one. What
/// was agreed for its end waits for that.
fn end_period(step: &mut Step, at: Instant) {
    let Some(period) = step.next.period.as_mut().filter(|p| at < p.end) else { return };
    let old_end = std::mem::replace(&mut period.end, first_start(at).max(period.start));
    if let Some((from, _)) = step.next.scheduled.change.as_mut().filter(|(from, _)| *from == old_end) {
        *from = at;
    }
    if let Some((from, _)) = step.next.scheduled.moved.as_mut().filter(|(from, _)| *from == old_end) {
        *from = at;
    }
}

/// Comes back: within the paid period for nothing, else with a new period from now on.
pub(super) fn resume(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    step.next.state = State::Active;
    if step.next.period.is_none_or(|p| p.end <= at) {
        let usage = step.close_usage(at)?;
        moving::passed(&mut step.next, at)?;
        let usage = currency::bill_before(step, usage, at)?;
        // A change agreed for the end of that period waited for the end of the pause: the new period is its first.
        change::adopt(&mut step.next, at)?;
        let credit = step.next.credit_minor;
        step.next.cut_from(at, step.next.terms.price.interval)?;
        let invoice = step.next.start_period(0, Purpose::Period, at, &step.known.taxes)?;
        step.issue_with_usage(invoice, usage, credit)?;
    } else if let Some((from, _)) = step.next.scheduled.change.as_mut().filter(|(from, _)| *from < at) {
        // Its day passed in the pause, when nothing was billed: it divides what is left from here on.
        *from = at;
    }
    if step.next.started_at.is_none() && step.run_rate()? > 0 {
        // It rested since the end of its trial: this is the first instant that it earns.
        step.next.started_at = Some(at);
        return step.write(EventType::Signup, at, None);
    }
    step.write(EventType::Resume, at, None)
}
