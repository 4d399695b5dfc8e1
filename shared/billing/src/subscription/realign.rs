//! Moving the anchor of a contract that runs: at once, with a stub up to the new anchor, or from its next period on.
//!
//! Exists beside changes of terms, because nothing that is bought changes: what was paid beyond the move is given back, and
//! the stub is charged. Which moves are possible is `calendar::group`'s to say.

use super::{
    aligned, change, cut::Cuts, discounts::reason, input::When, moving::Agreed, state::State, transition::Step,
};
use crate::{
    calendar::{
        Instant,
        alignment::AlignmentPolicy,
        group::{RealignWhen, Realignment},
    },
    refusal::Refusal,
};

/// The field of requests that it is about.
const FIELD: &str = "billing_anchor";

/// An alignment asked for at `now`.
pub(super) fn realign(step: &mut Step, policy: AlignmentPolicy, when: When, now: Instant) -> Result<bool, Refusal> {
    let interval = step.next.terms.price.interval;
    aligned::check(&policy, interval, now, step.next.anchor.zone(), FIELD)?;
    let wanted = Some(policy).filter(|policy| *policy != AlignmentPolicy::default());
    let is_trial = matches!(step.next.state, State::Trialing { .. });
    if step.next.alignment == wanted && (wanted.is_some() || is_trial) {
        // What was agreed for later is taken back; without that there is nothing to do.
        let agreed = step.next.scheduled.anchor.take();
        return agreed.map(|_| true).ok_or_else(|| refuse("the contract has this anchor already"));
    }
    match when {
        When::At(_) => Err(Refusal::DateOutOfRange {
            field: "when",
            detail: "must be now or period_end: an anchor is moved at once or between two periods",
        }),
        _ if is_trial => {
            // Nothing is cut before the trial ends.
            step.next.alignment = wanted;
            Ok(true)
        }
        When::PeriodEnd => {
            if step.next.scheduled.anchor == Some(policy) {
                return Err(refuse("the contract has this anchor from its next period on already"));
            }
            step.next.scheduled.anchor = Some(policy);
            Ok(true)
        }
        When::Now => at_once(step, policy, now),
    }
}

/// The running period ends here, and a stub, or a whole period on the new anchor, begins.
fn at_once(step: &mut Step, policy: AlignmentPolicy, now: Instant) -> Result<bool, Refusal> {
    let interval = step.next.terms.price.interval;
    let request = Realignment { interval, policy, when: RealignWhen::Now };
    step.next.running_schedule()?.realign(now, &request).map_err(|e| aligned::refused(e, FIELD))?;
    let (before, had) = (step.run_rate()?, step.next.discounts_now()?);
    step.next.scheduled.anchor = Some(policy);
    let agreed = Agreed::take(&mut step.next.scheduled);
    let old_end = step.next.period.map(|p| p.end);
    let (terms, proration, own) = (step.next.terms.clone(), step.next.proration, step.version);
    change::divide(step, &terms, proration, now, change::Division { cuts: Cuts::Anew, version: own })?;
    // A change that was agreed for the end of the period takes place at the end of the one that runs now.
    let end = step.next.period.map(|p| p.end);
    let moved = |from: Instant| if Some(from) == old_end { end.unwrap_or(from) } else { from };
    agreed.put_back(&mut step.next.scheduled, moved);
    let after = step.run_rate()?;
    if before != after {
        let has = step.next.discounts_now()?;
        step.moved(before, after, now, reason(&had, &has))?;
    }
    Ok(true)
}

fn refuse(detail: &str) -> Refusal {
    Refusal::InvalidField { field: FIELD, detail: detail.into() }
}
