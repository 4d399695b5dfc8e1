//! The subscription's table: every state × every input.

use super::{
    change,
    due::{DueKind, next_event},
    facts::{fact, run_rate},
    input::{Input, When},
    state::{CancelReason, Scheduled, State, Subscription},
};
use crate::{
    calendar::{Anchor, Instant},
    fact::{EventType, Happening},
    ids::InvoiceId,
    invoice::{NewInvoice, Purpose},
    refusal::Refusal,
    tax::Taxes,
    usage::UsageRecord,
};

/// What the shell must do, in the same commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Issue this invoice; the entry of this decision rides on it.
    Issue(Box<NewInvoice>),
    /// Withdraw the invoices that still wait for money.
    VoidOpenInvoices,
    /// Tell a person.
    Alarm(String),
}

/// What a transition makes of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing new: a second delivery, or not yet due.
    AlreadyApplied,
    /// The next state.
    Applied {
        /// The subscription after.
        next: Box<Subscription>,
        /// What to do.
        effects: Vec<Effect>,
        /// What happened.
        facts: Vec<Happening>,
    },
}

/// What is known beside the contract when it is decided: what the shell read for the decision.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Which tax holds, for every day that the decision bills.
    pub taxes: Taxes,
    /// What is stored of the contract's usage; none: the decision was not given any, and refuses to bill usage. What it
    /// comes to goes into the invoices' bases, so that they are computed again without it.
    pub usage: Option<UsageRecord>,
}

impl From<Taxes> for Known {
    fn from(taxes: Taxes) -> Self {
        Self { taxes, usage: None }
    }
}

impl From<UsageRecord> for Known {
    fn from(record: UsageRecord) -> Self {
        Self { taxes: Taxes::default(), usage: Some(record) }
    }
}

/// [`transition_with`], for contracts without tax and usage.
///
/// # Errors
/// As [`transition_with`].
pub fn transition(subscription: &Subscription, version: u64, input: Input, now: Instant) -> Result<Outcome, Refusal> {
    transition_with(subscription, version, input, now, &Known::default())
}

/// Decides. Same arguments, same answer, for ever. `version` is the version that the decision will make: the cause
/// of a change's invoice.
///
/// # Errors
/// A [`Refusal`] when the state does not allow the input or an amount cannot be computed.
pub fn transition_with(
    subscription: &Subscription,
    version: u64,
    input: Input,
    now: Instant,
    known: &Known,
) -> Result<Outcome, Refusal> {
    let (effects, facts) = (Vec::new(), Vec::new());
    let mut step = Step { next: subscription.clone(), version, known: known.clone(), effects, facts };
    let applied = step.apply(input, now)?;
    if !applied {
        return Ok(Outcome::AlreadyApplied);
    }
    Ok(Outcome::Applied { next: Box::new(step.next), effects: step.effects, facts: step.facts })
}

/// Most due events applied before a command, in its own commit: with the command's own writes they stay below the 100
/// writes of a transaction. Beyond that many missed events the worker has to come by first.
const CATCH_UP_MAX: usize = 60;

fn check_end_of_pause(resume_at: Option<Instant>, from: Instant) -> Result<(), Refusal> {
    if resume_at.is_some_and(|at| at <= from) {
        let detail = "the pause must end after it begins";
        return Err(Refusal::DateOutOfRange { field: "resume_at", detail });
    }
    Ok(())
}

/// What was captured with the sign-up. Money that came without an attempt of ours has a fact of its own.
fn captured_with(signup: Happening, captured: (i64, i64), claim: Option<&crate::invoice::Claim>) -> Happening {
    let Some(claim) = claim else { return signup };
    let (amount, tax) = captured;
    Happening {
        amount_minor: amount - tax,
        tax_minor: (tax != 0).then_some(tax),
        attempt: (claim.attempt == 1).then_some(1),
        gateway: Some(claim.method.gateway.clone()),
        method: Some(claim.method.kind.clone()),
        invoice_id: crate::invoice::parse_key(&claim.key).map(|(invoice, _)| invoice),
        ..signup
    }
}

/// The outcome while it is being decided; every method says whether anything changed.
pub(super) struct Step {
    pub(super) next: Subscription,
    pub(super) version: u64,
    pub(super) known: Known,
    pub(super) effects: Vec<Effect>,
    pub(super) facts: Vec<Happening>,
}

impl Step {
    fn apply(&mut self, input: Input, now: Instant) -> Result<bool, Refusal> {
        let action = input.action();
        let caught_up = input.is_command() && self.catch_up(now)?;
        let state = self.next.state.clone();
        Ok(self.decide(state, input, action, now)? || caught_up)
    }

    /// A command finds the contract as it is at `now`, even where the worker has not come by yet: what is decided does
    /// not depend on the lag of a sweep.
    fn catch_up(&mut self, now: Instant) -> Result<bool, Refusal> {
        for done in 0..CATCH_UP_MAX {
            if !self.wake(now)? {
                return Ok(done > 0);
            }
        }
        Ok(true)
    }

    fn decide(&mut self, state: State, input: Input, action: &'static str, now: Instant) -> Result<bool, Refusal> {
        match (state, input) {
            (_, Input::Wake) => self.wake(now),

            (State::Incomplete { .. }, Input::OpeningPaid { amount, tax_minor, claim, at }) => {
                let signup = self.next.start(at)?;
                self.facts.extend(signup.map(|fact| captured_with(fact, (amount.minor, tax_minor), claim.as_deref())));
                Ok(true)
            }
            // The money came after it was given up: it must not vanish.
            (_, Input::OpeningPaid { amount, at, .. }) => self.credit(amount, "late", at),

            (State::Active | State::Trialing { .. }, Input::Change { terms, proration, when }) => {
                change::change(self, *terms, proration, when, now)
            }

            (state, Input::Charge { charge, when }) if state.is_running() => self.charge_once(charge, when, now),
            (state, Input::ApplyCoupon { coupon }) if state.is_running() => Ok(self.apply_coupon(*coupon)),
            (state, Input::RemoveCoupon { coupon }) if state.is_running() => self.remove_coupon(&coupon),
            (State::Active | State::Trialing { .. } | State::Paused { .. }, Input::Cancel { when, reason, .. }) => {
                self.cancel_requested(when, reason.as_deref(), now)
            }
            (State::Canceled { .. }, Input::Cancel { .. }) => Ok(false),

            (State::Active | State::Trialing { .. } | State::Paused { .. }, Input::Keep) => {
                let agreed = std::mem::take(&mut self.next.scheduled);
                Ok(agreed != Scheduled::default())
            }

            (State::Active, Input::Pause { when, resume_at }) => self.pause_requested(when, resume_at, now),
            (State::Paused { since, resume_at }, Input::Pause { resume_at: until, .. }) => {
                check_end_of_pause(until, now)?;
                self.next.state = State::Paused { since, resume_at: until };
                Ok(resume_at != until)
            }
            (State::Paused { .. }, Input::Resume) => self.resume(now),
            (State::Active, Input::Resume) => Ok(false),

            (state, Input::Suspend { invoice }) if state.is_running() => self.suspend(invoice, now),
            (_, Input::Restore { invoice }) => {
                if self.next.suspended_by.as_ref() != Some(&invoice) {
                    return Ok(false);
                }
                self.next.suspended_by = None;
                self.write(EventType::Restored, now, None)
            }
            (State::Canceled { .. }, Input::Suspend { .. } | Input::EndForNonPayment { .. }) => Ok(false),
            (_, Input::EndForNonPayment { at, .. }) => self.end(at, CancelReason::Involuntary),

            (_, Input::Credit { amount, reason, at }) => self.credit(amount, reason, at),

            (
                state,
                Input::Change { .. }
                | Input::Charge { .. }
                | Input::ApplyCoupon { .. }
                | Input::RemoveCoupon { .. }
                | Input::Cancel { .. }
                | Input::Keep
                | Input::Pause { .. }
                | Input::Resume
                | Input::Suspend { .. },
            ) => Err(Refusal::WrongState { state: state.name(), action }),
        }
    }

    fn suspend(&mut self, invoice: InvoiceId, now: Instant) -> Result<bool, Refusal> {
        if self.next.suspended_by.is_some() {
            return Ok(false);
        }
        self.next.suspended_by = Some(invoice);
        self.write(EventType::Suspended, now, None)
    }

    fn wake(&mut self, now: Instant) -> Result<bool, Refusal> {
        let Some((at, kind)) = next_event(&self.next).filter(|(at, _)| *at <= now) else { return Ok(false) };
        match kind {
            DueKind::Cancel => {
                let usage = self.close_usage(at)?;
                self.issue_last(usage, at)?;
                self.end(at, CancelReason::Voluntary)
            }
            DueKind::Expire => {
                self.next.state = State::Canceled { at, reason: CancelReason::Expired };
                self.effects.push(Effect::VoidOpenInvoices);
                Ok(true)
            }
            DueKind::Pause => {
                let resume_at = self.next.scheduled.pause.take().and_then(|(_, until)| until);
                self.pause(at, resume_at)
            }
            DueKind::Change => change::take_over(self, at),
            DueKind::Resume => self.resume(at),
            DueKind::TrialEnd => {
                let invoice = self.next.start_period(0, Purpose::Period, at, &self.known.taxes)?;
                let signup = self.next.start(at)?;
                self.issue(invoice);
                self.facts.extend(signup);
                Ok(true)
            }
            DueKind::Renewal => {
                let index = self.next.period.map_or(0, |p| p.index + 1);
                self.renew(index, at)
            }
        }
    }

    pub(super) fn issue(&mut self, invoice: NewInvoice) {
        self.effects.push(Effect::Issue(Box::new(invoice)));
    }

    pub(super) fn write(&mut self, event: EventType, at: Instant, reason: Option<&str>) -> Result<bool, Refusal> {
        let mut happening = fact(&self.next, event, at)?;
        happening.reason = reason.map(Into::into);
        self.facts.push(happening);
        Ok(true)
    }

    fn cancel_requested(&mut self, when: When, reason: Option<&str>, now: Instant) -> Result<bool, Refusal> {
        if when == When::Now {
            self.write(EventType::CancelRequested, now, reason)?;
            change::give_back(self, now)?;
            return self.end(now, CancelReason::Voluntary);
        }
        let at = self.end_of_paid_time();
        let Some(at) = at.filter(|at| *at > now) else {
            let usage = self.close_usage(now)?;
            self.issue_last(usage, now)?;
            return self.end(now, CancelReason::Voluntary);
        };
        if self.next.scheduled.cancel == Some(at) {
            return Ok(false);
        }
        self.next.scheduled.cancel = Some(at);
        self.write(EventType::CancelRequested, now, reason)
    }

    fn end_of_paid_time(&self) -> Option<Instant> {
        match self.next.state {
            State::Trialing { ends_at } => Some(ends_at),
            _ => self.next.period.map(|p| p.end),
        }
    }

    /// Ends the contract. Only run-rate that was there can be lost: a trial ends without a `cancel` fact.
    fn end(&mut self, at: Instant, reason: CancelReason) -> Result<bool, Refusal> {
        let had_run_rate = self.next.started_at.is_some();
        self.next.state = State::Canceled { at, reason };
        self.next.scheduled = Scheduled::default();
        self.next.suspended_by = None;
        if reason == CancelReason::Involuntary {
            self.effects.push(Effect::VoidOpenInvoices);
        }
        if had_run_rate {
            self.write(EventType::Cancel, at, Some(&reason.to_string()))?;
        }
        Ok(true)
    }

    fn pause_requested(&mut self, when: When, resume_at: Option<Instant>, now: Instant) -> Result<bool, Refusal> {
        let from = match when {
            When::Now => now,
            When::PeriodEnd => self.end_of_paid_time().unwrap_or(now),
        };
        check_end_of_pause(resume_at, from)?;
        if from <= now {
            return self.pause(now, resume_at);
        }
        let agreed = Some((from, resume_at));
        let new = self.next.scheduled.pause != agreed;
        self.next.scheduled.pause = agreed;
        Ok(new)
    }

    fn pause(&mut self, at: Instant, resume_at: Option<Instant>) -> Result<bool, Refusal> {
        self.next.state = State::Paused { since: at, resume_at };
        self.next.scheduled.pause = None;
        self.write(EventType::Pause, at, None)
    }

    /// Comes back: within the paid period for nothing, else with a new period from now on.
    fn resume(&mut self, at: Instant) -> Result<bool, Refusal> {
        self.next.state = State::Active;
        if self.next.period.is_none_or(|p| p.end <= at) {
            let (usage, credit) = (self.close_usage(at)?, self.next.credit_minor);
            // A change agreed for the end of that period waited for the end of the pause: the new period is its first.
            change::adopt(&mut self.next, at);
            self.next.anchor = Anchor::at(at, self.next.anchor.zone());
            let invoice = self.next.start_period(0, Purpose::Period, at, &self.known.taxes)?;
            self.issue_with_usage(invoice, usage, credit)?;
        }
        self.write(EventType::Resume, at, None)
    }

    fn credit(&mut self, amount: crate::money::Money, reason: &str, at: Instant) -> Result<bool, Refusal> {
        if amount.currency != self.next.terms.price.currency {
            let text = format!("{amount} cannot become credit of {} in another currency", self.next.id);
            self.effects.push(Effect::Alarm(text));
            return Ok(true);
        }
        let sum = self.next.credit_minor.checked_add(amount.minor).ok_or(crate::money::MoneyError::Overflow)?;
        self.next.credit_minor = sum;
        self.effects.push(Effect::Alarm(format!("{} has {amount} of credit: {reason}", self.next.id)));
        let mut happening = fact(&self.next, EventType::Credit, at)?;
        happening.amount_minor = amount.minor;
        happening.reason = Some(reason.into());
        self.facts.push(happening);
        Ok(true)
    }

    /// The run-rate of the state decided so far.
    pub(super) fn run_rate(&self) -> Result<i64, Refusal> {
        run_rate(&self.next)
    }
}
