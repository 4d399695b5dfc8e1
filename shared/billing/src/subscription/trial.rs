//! Trials of contracts: until when they are free, whether they move the anchor, and how they end without a payment method.
//!
//! Exists beside `calendar::trial`, which counts the days: here is what a plan says about them, and what becomes of the
//! contract.

use chrono::Days;
use serde::{Deserialize, Serialize};

use super::{
    aligned,
    open::{Collection, Order},
    state::{CancelReason, State},
    transition::Step,
};
use crate::{
    calendar::{
        Instant,
        alignment::{Alignment, AlignmentPolicy},
        plus_local_days,
        trial::{Trial, TrialAnchor, TrialLength},
    },
    catalog::TRIAL_DAYS_MAX,
    invoice::Purpose,
    refusal::Refusal,
};

/// What becomes of a contract whose trial ends while the customer has no payment method, and which is to be collected
/// from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutMethod {
    /// It becomes paid as any other; its invoice waits for a method on its ladder.
    #[default]
    Convert,
    /// It ends.
    Cancel,
    /// It rests until it is resumed.
    Pause,
}

impl WithoutMethod {
    /// Whether nothing special is done.
    #[must_use]
    pub fn is_convert(&self) -> bool {
        *self == Self::Convert
    }
}

/// What a plan says about its trials, beside their length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRules {
    /// Whether the trial moves the anchor to its end (the default), or the anchor stays at the start of the contract and the
    /// first paid period may be a stub.
    #[serde(default)]
    pub anchor: TrialAnchor,
    /// What happens at its end when there is no payment method.
    #[serde(default)]
    pub without_method: WithoutMethod,
    /// Whether a sign-up needs no payment method.
    #[serde(default)]
    pub method_optional: bool,
}

/// The first instant that is not free any more; none without a trial.
pub(super) fn ends_at(order: &Order, starts: Instant) -> Result<Option<Instant>, Refusal> {
    let Some(date) = order.trial_until else {
        let days = Some(order.trial_days).filter(|days| *days > 0);
        return Ok(days.map(|days| plus_local_days(starts, days, order.zone)).transpose()?);
    };
    let trial = Trial { length: TrialLength::Until { date }, anchor: TrialAnchor::End };
    let latest = starts.with_timezone(&order.zone).date_naive().checked_add_days(Days::new(TRIAL_DAYS_MAX.into()));
    if latest.is_none_or(|latest| date > latest) {
        return Err(Refusal::DateOutOfRange { field: "trial", detail: "must end at most 730 days after the start" });
    }
    trial.ends_at(starts, order.zone).map(Some).map_err(|e| aligned::refused(e, "trial"))
}

/// How the contract is aligned: where the trial does not move the anchor, and nothing else says where it is, the start of
/// the contract is a boundary.
pub(super) fn alignment(order: &Order, trials: bool, starts: Instant) -> Option<AlignmentPolicy> {
    let stays = trials && order.trial.anchor == TrialAnchor::Start;
    let at_start = || AlignmentPolicy::to(Alignment::Anchor { at: starts });
    order.alignment.or_else(|| stays.then(at_start))
}

/// The trial is over: the contract becomes paid, or what was agreed for customers without a payment method.
pub(super) fn end(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    let missing = step.known.without_method && step.next.collection == Collection::Automatic;
    match step.next.without_method {
        WithoutMethod::Cancel if missing => return step.end(at, CancelReason::NoMethod),
        WithoutMethod::Pause if missing => {
            // It never earned, so there is no run-rate to lose and no fact of a pause.
            step.next.state = State::Paused { since: at, resume_at: None };
            return Ok(true);
        }
        WithoutMethod::Convert | WithoutMethod::Cancel | WithoutMethod::Pause => {}
    }
    step.next.cut_from(at, step.next.terms.price.interval)?;
    let invoice = step.next.start_period(0, Purpose::Period, at, &step.known.taxes)?;
    let signup = step.next.start(at)?;
    step.issue(invoice);
    step.facts.extend(signup);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_say_nothing_are_the_usual_ones() {
        let rules: TrialRules = serde_json::from_str("{}").unwrap();
        assert_eq!(rules, TrialRules::default());
        assert!(rules.without_method.is_convert() && !rules.method_optional);
    }
}
