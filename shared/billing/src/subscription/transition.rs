//! The subscription's table: every state × every input.

use super::{
    change,
    due::{DueKind, next_event},
    facts::{fact, run_rate},
    input::{Input, When},
    moving, reactivate, realign, rest,
    state::{CancelReason, MovedTerms, Scheduled, State, Subscription},
    trial,
};
use crate::{
    calendar::{Instant, recurrence::Span},
    fact::{EventType, Happening},
    ids::{Cause, InvoiceId},
    invoice::{Basis, Claim, Kept, NewInvoice, Purpose},
    money::Money,
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
    /// Withdraw these invoices, where they still wait for money.
    Void(Vec<InvoiceId>),
    /// One redemption of each of these coupons comes back: the sign-up that took it came to nothing.
    ReturnRedemptions(Vec<String>),
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
    /// What the announced move comes to with the terms that are asked for, where it goes on beside them.
    pub moved: Option<Box<MovedTerms>>,
    /// Whether the customer has no stored payment method; only asked where the end of a trial depends on it.
    pub without_method: bool,
}

impl From<Taxes> for Known {
    fn from(taxes: Taxes) -> Self {
        Self { taxes, ..Self::default() }
    }
}

impl From<UsageRecord> for Known {
    fn from(record: UsageRecord) -> Self {
        Self { usage: Some(record), ..Self::default() }
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
    let (next, known) = (subscription.clone(), known.clone());
    let mut step = Step { next, version, known, by_itself: false, effects, facts };
    let applied = step.apply(input, now)?;
    if !applied {
        return Ok(Outcome::AlreadyApplied);
    }
    Ok(Outcome::Applied { next: Box::new(step.next), effects: step.effects, facts: step.facts })
}

/// Most due events applied before a command, in its own commit: with the command's own writes they stay below the 100
/// writes of a transaction. Beyond that many missed events the worker has to come by first.
const CATCH_UP_MAX: usize = 60;

/// What was captured with the sign-up. Money that came without an attempt of ours has a fact of its own.
fn captured_with(signup: Happening, captured: (i64, i64), claim: Option<&Claim>) -> Happening {
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
    /// Whether a due event is applied: nobody asked for what it bills.
    by_itself: bool,
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

            (state, Input::OpeningPaid { amount, tax_minor, claim, at }) => {
                self.opening_paid(&state, (amount, tax_minor), claim.as_deref(), at)
            }

            (State::Active | State::Trialing { .. }, Input::Change { terms, proration, when }) => {
                change::change(self, *terms, proration, when, now)
            }

            (state, Input::Move { terms, proration }) if state.is_running() => {
                moving::announce(self, *terms, proration, now)
            }

            (state, Input::Charge { charge, when }) if state.is_running() => self.charge_once(charge, when, now),
            (state, Input::Gather { gathering }) if state.is_running() => {
                Ok(std::mem::replace(&mut self.next.gathering, gathering) != gathering)
            }
            (
                state,
                input @ (Input::TopUp { .. } | Input::Grant { .. } | Input::TopUpPaid { .. } | Input::TopUpVoid { .. }),
            ) => self.prepaid(&state, input, action, now),
            (state, Input::ApplyCoupon { coupon }) if state.is_running() => self.apply_coupon(*coupon),
            (state, Input::RemoveCoupon { coupon }) if state.is_running() => self.remove_coupon(&coupon),
            (state, Input::Cancel { when, reason, .. }) if state.is_running() => {
                self.cancel_requested(when, reason.as_deref(), now)
            }
            (State::Canceled { .. }, Input::Cancel { .. }) => Ok(false),

            (state, Input::Keep) if state.is_running() => Ok(self.next.scheduled.keep()),

            (
                state,
                input @ (Input::Realign { .. } | Input::Pause { .. } | Input::Resume | Input::Reactivate { .. }),
            ) => self.cut_or_rest(state, input, action, now),
            (state, Input::Suspend { invoice }) if state.is_running() => self.suspend(invoice, now),
            (_, Input::Restore { invoice }) => self.restore(&invoice, now),
            (State::Canceled { .. }, Input::Suspend { .. } | Input::EndForNonPayment { .. }) => Ok(false),
            (_, Input::EndForNonPayment { at, .. }) => self.end(at, CancelReason::Involuntary),

            (_, Input::Credit { amount, tax_minor, reason, at }) => self.credit(amount, tax_minor, reason, at),
            (_, Input::CreditNote { basis, reason, kept, .. }) => self.credit_note(basis.because(reason), kept, now),
            (_, Input::GiveCredit { amount, .. }) => self.give_credit(amount, now),
            (state, Input::TakeCredit { amount, .. }) if state.is_running() => self.take_credit(amount, now),
            (
                state,
                input @ (Input::VoidInvoice { .. }
                | Input::WriteOff { .. }
                | Input::PayInvoice { .. }
                | Input::PrepaidBack { .. }
                | Input::HandOver { .. }),
            ) => self.invoice_corrected(&state, input, action, now),

            (
                state,
                Input::Change { .. }
                | Input::Move { .. }
                | Input::Charge { .. }
                | Input::Gather { .. }
                | Input::ApplyCoupon { .. }
                | Input::RemoveCoupon { .. }
                | Input::Cancel { .. }
                | Input::Keep
                | Input::TakeCredit { .. }
                | Input::Suspend { .. },
            ) => Err(Refusal::WrongState { state: state.name(), action }),
        }
    }

    /// The document of a credit note. What it gave back of the running period, no change and no end gives back again.
    fn credit_note(&mut self, basis: Basis, kept: Kept, now: Instant) -> Result<bool, Refusal> {
        let running = self.next.period.as_ref().map(Span::from);
        if kept.noted_minor > 0 && running == Some(basis.period().into()) {
            let taken_minor = self.next.kept.map_or(0, |before| before.taken_minor);
            self.next.kept = Some(Kept { taken_minor, ..kept });
        }
        self.bill_only(Cause::CreditNote(self.version), basis, now)?;
        Ok(true)
    }

    /// The money that a contract waits for came, to one that waits for it or to one that was given up.
    fn opening_paid(
        &mut self,
        state: &State,
        (amount, tax_minor): (Money, i64),
        claim: Option<&Claim>,
        at: Instant,
    ) -> Result<bool, Refusal> {
        match state {
            State::Incomplete { trial: Some(trial), .. } => trial::paid(self, *trial, at),
            State::Incomplete { .. } => self.opened((amount.minor, tax_minor), claim, at),
            // The money came after it was given up: it must not vanish.
            _ => self.credit(amount, 0, "late", at),
        }
    }

    /// The first money came: the contract runs. Where no run-rate begins with it (a set-up fee of what is billed by usage
    /// only) its capture is a fact of its own; money without an attempt of ours has one already.
    fn opened(&mut self, captured: (i64, i64), claim: Option<&Claim>, at: Instant) -> Result<bool, Refusal> {
        let told = match self.next.start(self.next.opened_at(at))? {
            Some(signup) => Some(signup),
            None => claim.map(|_| fact(&self.next, EventType::Payment, at)).transpose()?,
        };
        self.facts.extend(told.map(|told| captured_with(told, captured, claim)));
        Ok(true)
    }

    /// The part of the table about where periods are cut, where they pause, and where they begin again.
    fn cut_or_rest(&mut self, state: State, input: Input, action: &'static str, now: Instant) -> Result<bool, Refusal> {
        match (state, input) {
            (State::Active | State::Trialing { .. }, Input::Realign { alignment, when }) => {
                realign::realign(self, alignment, when, now)
            }
            (State::Active, Input::Pause { when, resume_at, credit }) => {
                rest::pause_requested(self, when, resume_at, credit, now)
            }
            (State::Paused { since, resume_at }, Input::Pause { resume_at: until, .. }) => {
                rest::check_end_of_pause(until, now)?;
                self.next.state = State::Paused { since, resume_at: until };
                Ok(resume_at != until)
            }
            (State::Paused { .. }, Input::Resume) => rest::resume(self, now),
            (State::Active, Input::Resume) => Ok(false),
            (State::Canceled { at, reason }, Input::Reactivate { debt_minor, debts }) => {
                let own = Money::new(debt_minor, self.next.terms.price.currency);
                let debts: Vec<Money> = std::iter::once(own).chain(debts).collect();
                reactivate::reactivate(self, (at, reason), &debts, now)
            }
            (state, _) => Err(Refusal::WrongState { state: state.name(), action }),
        }
    }

    fn suspend(&mut self, invoice: InvoiceId, now: Instant) -> Result<bool, Refusal> {
        if self.next.suspended_by.is_some() {
            return Ok(false);
        }
        self.next.suspended_by = Some(invoice);
        self.write(EventType::Suspended, now, None)
    }

    fn restore(&mut self, invoice: &InvoiceId, now: Instant) -> Result<bool, Refusal> {
        if self.next.suspended_by.as_ref() != Some(invoice) {
            return Ok(false);
        }
        self.next.suspended_by = None;
        self.write(EventType::Restored, now, None)
    }

    fn wake(&mut self, now: Instant) -> Result<bool, Refusal> {
        let Some((at, kind)) = next_event(&self.next).filter(|(at, _)| *at <= now) else { return Ok(false) };
        self.by_itself = true;
        let applied = self.due(at, kind);
        self.by_itself = false;
        applied
    }

    fn due(&mut self, at: Instant, kind: DueKind) -> Result<bool, Refusal> {
        match kind {
            DueKind::Cancel => {
                let version = self.next.scheduled.cancel_version.unwrap_or(self.version);
                change::give_back(self, at, version)?;
                self.end(at, CancelReason::Voluntary)
            }
            DueKind::Expire => {
                self.next.state = State::Canceled { at, reason: CancelReason::Expired };
                self.effects.push(Effect::VoidOpenInvoices);
                self.return_redemptions();
                Ok(true)
            }
            DueKind::Pause => {
                let resume_at = self.next.scheduled.pause.and_then(|(_, until)| until);
                let credit = self.next.scheduled.pause_credit_version;
                rest::pause(self, at, resume_at, credit)
            }
            DueKind::Change => change::due(self, at),
            DueKind::Resume => rest::resume(self, at),
            DueKind::PrepaidExpiry => self.prepaid_expires(at),
            DueKind::TrialEnd => trial::end(self, at),
            DueKind::Renewal => {
                if self.next.scheduled.anchor.is_some() || self.next.runs_on_bought_time() {
                    // An anchor that was agreed for the next period, or the end of bought time: boundaries of its own.
                    self.next.cut_from(at, self.next.terms.price.interval)?;
                    return self.renew(0, at);
                }
                if self.next.ends_early() {
                    // The end was taken back or put off: the rest of the period follows, on the cut that there is.
                    let kept = self.next.kept_day()?;
                    self.next.cut_along(kept, at, self.next.terms.price.interval)?;
                    let done = self.renew(0, at)?;
                    self.next.stub.iter_mut().for_each(|stub| stub.rest = true);
                    return Ok(done);
                }
                let index = self.next.period.map_or(0, |p| p.index + 1);
                self.renew(index, at)
            }
        }
    }

    /// Asks for an invoice. What periods and usage come to by themselves waits for the customer's other contracts, where
    /// that was agreed; what somebody asked for, also for a date, is an invoice of its own.
    pub(super) fn issue(&mut self, mut invoice: NewInvoice) {
        let billed = matches!(invoice.cause, Cause::Usage(_))
            || matches!((invoice.cause, invoice.purpose), (Cause::Period(_), Purpose::Period));
        let gathers = self.by_itself && billed;
        let gathering = self.next.gathering.filter(|_| gathers);
        invoice.gathers_until = gathering.map(|time| time.after(invoice.at));
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
            let version = self.version;
            change::give_back(self, now, version)?;
            return self.end(now, CancelReason::Voluntary);
        }
        if let When::At(at) = when {
            change::check_after(at, now, change::NOT_IN_THE_PAST)?;
        }
        let at = match when {
            When::At(at) => Some(at),
            When::Now | When::PeriodEnd => self.end_of_paid_time(),
        };
        let Some(at) = at.filter(|at| *at > now) else {
            let usage = self.close_usage(now)?;
            self.issue_last(usage, now)?;
            return self.end(now, CancelReason::Voluntary);
        };
        if self.next.scheduled.cancel == Some(at) {
            return Ok(false);
        }
        self.next.scheduled.cancel = Some(at);
        self.next.scheduled.cancel_version = matches!(when, When::At(_)).then_some(self.version);
        self.write(EventType::CancelRequested, now, reason)
    }

    pub(super) fn end_of_paid_time(&self) -> Option<Instant> {
        match self.next.state {
            State::Trialing { ends_at, .. } => Some(ends_at),
            _ => self.next.period.map(|p| p.end),
        }
    }

    /// Ends the contract. Only run-rate that was there can be lost: a trial ends without a `cancel` fact.
    pub(super) fn end(&mut self, at: Instant, reason: CancelReason) -> Result<bool, Refusal> {
        let had_run_rate = self.next.started_at.is_some();
        self.end_prepaid(at)?;
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

    /// The run-rate of the state decided so far.
    pub(super) fn run_rate(&self) -> Result<i64, Refusal> {
        run_rate(&self.next)
    }
}
