//! Coming back after the end: the same contract, with a new period, while it is not long ago.
//!
//! Exists beside pauses, because an end gave things up (what was agreed, the rest of the period) that do not come back.

use chrono::TimeDelta;

use super::{
    facts::fact,
    state::{CancelReason, State},
    transition::Step,
};
use crate::{calendar::Instant, fact::EventType, invoice::Purpose, money::Money, refusal::Refusal};

/// Days after its end within which a contract may be started again.
pub const REACTIVATION_DAYS_MAX: i64 = 90;

/// The reason of the fact that credit paid what was given up.
pub const DEBT: &str = "debt";

/// Starts an ended contract again: a new period from `now` on, on the terms that it had. `debts` are what its given-up
/// invoices come to, one for each currency; money that came for them since is credit, and pays them now.
pub(super) fn reactivate(
    step: &mut Step,
    (ended, reason): (Instant, CancelReason),
    debts: &[Money],
    now: Instant,
) -> Result<bool, Refusal> {
    let refuse = |detail: &str| Err(Refusal::InvalidField { field: "action", detail: detail.into() });
    if reason == CancelReason::Expired {
        return refuse("the contract never began: its first payment did not come; sign up again");
    }
    if now > ended + TimeDelta::days(REACTIVATION_DAYS_MAX) {
        return refuse("the contract ended more than 90 days ago; sign up again");
    }
    if debts.iter().any(|debt| debt.minor > step.next.credit_in(debt.currency)) {
        return refuse("an invoice of the contract was given up and is not paid; pay it first, or sign up again");
    }
    step.next.state = State::Active;
    for debt in debts.iter().filter(|debt| debt.minor != 0) {
        settle(step, *debt, now)?;
    }
    step.next.cut_from(now, step.next.terms.price.interval)?;
    let invoice = step.next.start_period(0, Purpose::Period, now, &step.known.taxes)?;
    step.issue(invoice);
    if step.next.started_at.is_some() {
        return step.write(EventType::Reactivation, now, None);
    }
    // It ended within its trial: this is the first instant that it earns.
    if step.run_rate()? > 0 {
        step.next.started_at = Some(now);
        step.write(EventType::Signup, now, None)?;
    }
    Ok(true)
}

/// What was given up is paid by the credit that the late money became.
fn settle(step: &mut Step, debt: Money, now: Instant) -> Result<(), Refusal> {
    step.next.add_credit(debt.negated()?)?;
    let mut used = fact(&step.next, EventType::Credit, now)?;
    (used.amount_minor, used.currency) = (-debt.minor, debt.currency.to_string());
    used.reason = Some(DEBT.into());
    step.facts.push(used);
    Ok(())
}
