//! What a change of terms does: now (the period is divided), or at its end (agreed for later).

use super::{
    currency,
    cut::{self, Cuts},
    input::When,
    moving,
    state::{MovedTerms, State, Subscription},
    transition::Step,
};
use crate::{
    calendar::{Instant, Period},
    discount::start_period,
    fact::EventType,
    ids::Cause,
    invoice::{Adjustments, Basis, LineKind, NewInvoice, Purpose, compute, tax_not_in_credit, tax_of_kept},
    proration::{IntervalChange, ProrationPolicy, TerminationCredit},
    refusal::Refusal,
    terms::Terms,
    usage::Closed,
};

/// A change asked for at `now`.
pub(super) fn change(
    step: &mut Step,
    terms: Terms,
    proration: ProrationPolicy,
    when: When,
    now: Instant,
) -> Result<bool, Refusal> {
    let trial_ends = match step.next.state {
        State::Trialing { ends_at, .. } => Some(ends_at),
        _ => None,
    };
    let period_end = step.next.period.map(|p| p.end).filter(|end| *end > now);
    let from = match when {
        When::At(at) => {
            let detail = "must lie after the end of the trial: within it a change costs nothing, so ask for it now";
            check_after(at, now, NOT_IN_THE_PAST)?;
            check_after(at, trial_ends.unwrap_or(now), detail)?;
            Some(at)
        }
        When::PeriodEnd => period_end.filter(|_| trial_ends.is_none()),
        When::Now => None,
    };
    let current = &step.next.terms;
    if current.price.currency != terms.price.currency {
        currency::check(&step.next, &terms)?;
    }
    let carried = moving::carried(step, &terms)?;
    let wanted = Wanted { terms, proration, carried };
    if let Some(from) = from {
        return later(step, from, wanted);
    }
    if *current == wanted.terms {
        return take_back(step);
    }
    let Wanted { terms, proration, carried } = wanted;
    if trial_ends.is_some() {
        step.next.take_terms(terms, proration)?;
        return Ok(true);
    }
    let done = at_once(step, terms, proration, now, step.version)?;
    moving::go_on(&mut step.next, carried, now);
    Ok(done)
}

/// What a customer asks for.
struct Wanted {
    terms: Terms,
    proration: ProrationPolicy,
    /// What an announced move makes of it.
    carried: Option<MovedTerms>,
}

/// A change asked for, for `from`. From the day of an announced move on it is a change of what that made.
fn later(step: &mut Step, from: Instant, wanted: Wanted) -> Result<bool, Refusal> {
    let Wanted { terms, proration, carried } = wanted;
    let moved = step.next.scheduled.moved.as_ref();
    let after = moved.filter(|(at, _)| *at <= from).map(|(_, to)| &to.terms);
    let is_carried = carried.is_some() && after.is_some();
    let (terms, proration, carried) = match carried {
        Some(to) if is_carried => (to.terms, to.proration, None),
        other => (terms, proration, other),
    };
    let has = if is_carried { after.unwrap_or(&step.next.terms) } else { &step.next.terms };
    if *has == terms {
        return take_back(step);
    }
    agree(step, from, terms, proration)?;
    step.next.scheduled.change_moved = carried.map(Box::new);
    Ok(true)
}

/// What the customer agreed to for later is taken back; without that there is nothing to do.
fn take_back(step: &mut Step) -> Result<bool, Refusal> {
    let agreed = step.next.scheduled.change.take();
    forget(&mut step.next);
    agreed.map(|_| true).ok_or(Refusal::NothingToChange)
}

/// The running period is divided, or, where the terms are in another currency, ends. `version` asked for it.
fn at_once(
    step: &mut Step,
    terms: Terms,
    proration: ProrationPolicy,
    at: Instant,
    version: u64,
) -> Result<bool, Refusal> {
    if step.next.terms.price.currency != terms.price.currency {
        return currency::switch(step, terms, proration, at, version);
    }
    let (before, old) = (step.run_rate()?, step.next.terms.clone());
    let division = Division::of(step, &terms, version);
    divide(step, &terms, proration, at, division)?;
    changed(step, &old, before, at)
}

/// What a date asked for must be.
pub(super) const NOT_IN_THE_PAST: &str = "must be now, period_end, or a date or instant that is still to come";

/// That what is agreed for `at` comes after `bound`.
pub(super) fn check_after(at: Instant, bound: Instant, detail: &'static str) -> Result<(), Refusal> {
    if at > bound { Ok(()) } else { Err(Refusal::DateOutOfRange { field: "when", detail }) }
}

fn agree(step: &mut Step, at: Instant, terms: Terms, proration: ProrationPolicy) -> Result<(), Refusal> {
    // Within a period, or to another currency, it makes an invoice of its own, whose cause is the version that agreed on it.
    let divides = step.next.period.is_none_or(|p| at != p.end);
    let exchanges = step.next.terms.price.currency != terms.price.currency;
    let agreed = Some((at, Box::new(terms)));
    if step.next.scheduled.change == agreed {
        return Err(Refusal::NothingToChange);
    }
    if step.next.scheduled.cancel.is_some_and(|end| end <= at) {
        let detail = "the contract ends at or before that; keep it first, or choose an earlier date";
        return Err(Refusal::DateOutOfRange { field: "when", detail });
    }
    let scheduled = &mut step.next.scheduled;
    scheduled.change = agreed;
    scheduled.change_proration = Some(proration);
    scheduled.change_version = (divides || exchanges).then_some(step.version);
    Ok(())
}

/// Takes back what was agreed beside the terms of a change.
pub(super) fn forget(next: &mut Subscription) {
    next.scheduled.change_proration = None;
    next.scheduled.change_version = None;
    next.scheduled.change_moved = None;
}

/// The agreed change is due, or the announced move.
pub(super) fn due(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    if let Some(agreed) = moving::step_in(&mut step.next, at) {
        let done = take_place(step, at)?;
        agreed.put_back(&mut step.next.scheduled, |from| from);
        return Ok(done);
    }
    let carried = step.next.scheduled.change_moved.take();
    let done = take_place(step, at)?;
    moving::go_on(&mut step.next, carried.map(|to| *to), at);
    Ok(done)
}

/// It divides the period that it lies in, or takes place at its end.
fn take_place(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    let inside = step.next.period.is_some_and(|p| p.start <= at && at < p.end);
    let version = step.next.scheduled.change_version.unwrap_or(step.version);
    let Some((_, terms)) = step.next.scheduled.change.take_if(|_| inside) else { return take_over(step, at) };
    let proration = step.next.scheduled.change_proration.unwrap_or(step.next.proration);
    at_once(step, *terms, proration, at, version)
}

/// Takes the agreed terms, if they were agreed for `at` or before.
pub(super) fn adopt(next: &mut Subscription, at: Instant) -> Result<(), Refusal> {
    let Some((_, terms)) = next.scheduled.change.take_if(|(from, _)| *from <= at) else { return Ok(()) };
    let proration = next.scheduled.change_proration.unwrap_or(next.proration);
    next.take_terms(*terms, proration)?;
    forget(next);
    Ok(())
}

/// The agreed change takes place at the end of its period: nothing to divide.
fn take_over(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    let old = step.next.terms.clone();
    let agreed = step.next.scheduled.change.as_ref();
    if agreed.is_some_and(|(_, terms)| terms.price.currency != old.price.currency) {
        return currency::take_over(step, at);
    }
    let before = step.run_rate()?;
    let agreed = step.next.scheduled.change.as_ref();
    let agreed = agreed.map(|(_, terms)| (terms.usage_terms() == old.usage_terms(), terms.plan == old.plan));
    // What was used under the old terms is billed by them. The same prices of usage wait for the renewal that follows.
    let restarts = restarts(&step.next);
    let closes = restarts || agreed.is_some_and(|(same_prices, _)| !same_prices);
    let usage = if closes { step.close_usage(at)? } else { Closed::default() };
    if agreed == Some((true, false)) && !restarts {
        step.next.usage.leave_plan(&old, at);
    }
    let usage = if restarts { usage } else { step.issue_arrears(usage, at).map(|()| Closed::default())? };
    let credit = step.next.credit_minor;
    if let Some(invoice) = begin_agreed(step, at)? {
        step.issue_with_usage(invoice, usage, credit)?;
    }
    changed(step, &old, before, at)
}

/// Whether the agreed terms are billed by another interval.
fn restarts(next: &Subscription) -> bool {
    next.scheduled.change.as_ref().is_some_and(|(_, terms)| terms.price.interval != next.terms.price.interval)
}

/// The agreed terms hold from `at` on. With another interval periods are cut anew, or along the cut that the policy keeps:
/// the invoice of the first one, to be issued. Else the renewal that follows at this instant bills them.
pub(super) fn begin_agreed(step: &mut Step, at: Instant) -> Result<Option<NewInvoice>, Refusal> {
    let restarts = restarts(&step.next);
    let kept = if restarts { cut::kept_by_policy(&step.next)? } else { None };
    adopt(&mut step.next, at)?;
    if !restarts {
        return Ok(None);
    }
    cut::begin(&mut step.next, kept, at)?;
    step.next.start_period(0, Purpose::Period, at, &step.known.taxes).map(Some)
}

/// How a period is divided.
#[derive(Clone, Copy)]
pub(super) struct Division {
    /// Whether a period starts with the change, and how it is cut.
    pub(super) cuts: Cuts,
    /// The version that asked for it: the cause of the invoice.
    pub(super) version: u64,
}

impl Division {
    /// As a change to `terms` asks for: another interval starts a new period, and so does time that is bought.
    fn of(step: &Step, terms: &Terms, version: u64) -> Self {
        let same = step.next.terms.price.interval == terms.price.interval;
        let cuts = match step.next.proration {
            policy if policy.buys_time() => Cuts::Bought,
            _ if same => Cuts::Not,
            policy if policy.interval_change == IntervalChange::KeepAnchor => Cuts::Kept,
            _ => Cuts::Anew,
        };
        Self { cuts, version }
    }
}

/// A change within the period: the old terms' unused part is given back, the new terms' part is charged.
pub(super) fn divide(
    step: &mut Step,
    terms: &Terms,
    proration: ProrationPolicy,
    now: Instant,
    Division { cuts, version }: Division,
) -> Result<(), Refusal> {
    let Some(period) = step.next.period else {
        return Err(Refusal::WrongState { state: step.next.state.name(), action: "change its plan" });
    };
    let restarts = cuts != Cuts::Not;
    // Other prices of usage, or a period that is cut here: what was used so far is billed by the old terms.
    let closes = restarts || step.next.terms.usage_terms() != terms.usage_terms();
    let usage = if closes { step.close_usage(now)? } else { Closed::default() };
    let mut adjustments = before_change(step)?;
    let stub = step.next.stub.clone();
    let ends_early = step.next.ends_early();
    let next = if restarts { Some(cut::open(&mut step.next, terms, cuts, now)?) } else { None };
    let next_stub = if restarts { step.next.stub.clone() } else { None };
    if next.is_some() {
        // A new period starts: the coupons count it, and loyalty is counted up to it.
        start_period(&mut step.next.discounts);
    }
    step.next.period = Some(next.unwrap_or(period));
    adjustments.discounts = step.next.discounts_of(terms)?;
    adjustments.tax = step.next.treatment_of(terms, now, &step.known.taxes)?;
    adjustments.policy = terms.conditions.document;
    let (policy, charged) = (step.next.proration, adjustments.charged.clone());
    let basis = Basis::Change {
        from: Box::new(step.next.terms.clone()),
        to: Box::new(terms.clone()),
        period,
        stub,
        at: now,
        zone: step.next.anchor.zone(),
        proration: step.next.proration,
        next,
        next_stub,
        credit_minor: step.next.credit_minor,
        adjustments,
    };
    let basis = if cuts == Cuts::Bought { cut::buy_time(&mut step.next, basis)? } else { basis };
    if let (true, Some(running)) = (restarts, step.next.period) {
        cut::follow_end(&mut step.next, &period, &running, ends_early);
    }
    let tax = basis.adjustments().tax.clone();
    let noted = charged.is_some() || step.next.kept.is_some();
    let lines = if noted { compute(crate::RULES_VERSION, &basis)? } else { Vec::new() };
    step.bill(Cause::Change(version), basis, usage, now)?;
    step.next.note_charges(&policy, charged, &lines, now)?;
    // A new period was charged whole.
    let kept = step.next.kept.filter(|_| !restarts);
    step.next.kept = kept.map(|kept| kept.after(&lines, terms.price.currency)).transpose()?;
    let old = std::mem::replace(&mut step.next.terms, terms.clone());
    step.next.usage.take_terms(&old, terms);
    if !restarts {
        cut::reprice(&mut step.next)?;
    }
    step.next.proration = proration;
    step.next.scheduled.change = None;
    forget(&mut step.next);
    step.next.tax = tax.map(Box::new);
    Ok(())
}

/// A contract ends, or rests, within its period: what its policy gives back of it becomes the customer's credit. `version`
/// asked for it.
pub(super) fn give_back(step: &mut Step, now: Instant, version: u64) -> Result<(), Refusal> {
    let usage = step.close_usage(now)?;
    let running = step.next.period.filter(|p| p.start <= now && now < p.end);
    let gives_back = step.next.state == State::Active && step.next.proration.termination != TerminationCredit::None;
    let Some(period) = running.filter(|_| gives_back) else { return step.issue_last(usage, now) };
    let basis = end_of(step, period, now, step.next.proration)?;
    step.bill(Cause::Change(version), basis, usage, now)
}

/// The end of the running `period` at `at`, divided by `proration`.
pub(super) fn end_of(step: &Step, period: Period, at: Instant, proration: ProrationPolicy) -> Result<Basis, Refusal> {
    Ok(Basis::End {
        terms: Box::new(step.next.terms.clone()),
        period,
        stub: step.next.stub.clone(),
        at,
        zone: step.next.anchor.zone(),
        proration,
        credit_minor: step.next.credit_minor,
        adjustments: Box::new(Adjustments { tax: step.next.tax.as_deref().cloned(), ..*before_change(step)? }),
    })
}

/// The discounts and the tax that the running period was charged with: what is given back of it has them, too.
fn before_change(step: &Step) -> Result<Box<Adjustments>, Refusal> {
    Ok(Box::new(Adjustments {
        earlier_discounts: step.next.discounts_now()?,
        earlier_tax: step.next.tax.as_deref().cloned(),
        charged: step.next.charged_so_far(&step.next.proration)?,
        kept: step.next.kept,
        policy: step.next.terms.conditions.document,
        ..Adjustments::default()
    }))
}

/// The customer's credit after the change's invoice: what it keeps is added, what it uses is taken.
pub(super) fn settle_credit(step: &mut Step, basis: &Basis, now: Instant) -> Result<(), Refusal> {
    let lines = compute(crate::RULES_VERSION, basis)?;
    for line in &lines {
        match line.kind {
            LineKind::CreditKept => {
                // What goes back to the payment takes its tax along; its fact is written when it is there. So does what
                // is not asked for any more.
                let tax = tax_of_kept(&lines, line.amount)?.minor - tax_not_in_credit(basis)?;
                // A note on an invoice from before a change of currency gives back what was paid then.
                step.next.add_credit(line.amount)?;
                let mut credit = super::facts::fact(&step.next, EventType::Credit, now)?;
                credit.currency = line.amount.currency.to_string();
                // As all facts about money: without the tax that is given back with it.
                credit.amount_minor = line.amount.minor - tax;
                credit.tax_minor = (tax != 0).then_some(tax);
                let is_note = matches!(basis, Basis::CreditNote { .. });
                credit.reason = Some(if is_note { "credit_note" } else { "proration" }.into());
                step.facts.push(credit);
            }
            LineKind::CreditUsed => step.next.credit_minor += line.amount.minor,
            LineKind::Recurring
            | LineKind::ProrationCharge
            | LineKind::Item
            | LineKind::ProrationCredit
            | LineKind::Usage
            | LineKind::UsageLate
            | LineKind::TrueUp
            | LineKind::SetUp
            | LineKind::Trial
            | LineKind::OneOff
            | LineKind::TopUp
            | LineKind::PrepaidUsed
            | LineKind::Discount
            | LineKind::Credited
            | LineKind::Refunded
            | LineKind::AgainstDue
            | LineKind::Tax => {}
        }
    }
    Ok(())
}

/// The fact of a change from the `old` terms. Amounts of two currencies are neither more nor less: a change of currency is
/// told as an `upgrade` with its reason, and readers compare what they converted.
pub(super) fn changed(step: &mut Step, old: &Terms, before: i64, at: Instant) -> Result<bool, Refusal> {
    let after = step.run_rate()?;
    if step.next.started_at.is_none() && after > 0 {
        // What was free begins to earn: the first instant with run-rate.
        step.next.started_at = Some(at);
        return step.write(EventType::Signup, at, None);
    }
    let exchanged = old.price.currency != step.next.terms.price.currency;
    let event = if after < before && !exchanged { EventType::Downgrade } else { EventType::Upgrade };
    // Where the plan stays as it is, readers of the facts want to know what moved.
    let new = &step.next.terms;
    let only = (&old.plan, &old.price, old.quantity) == (&new.plan, &new.price, new.quantity);
    let add_on = (only && old.add_ons != new.add_ons).then_some("add_on");
    step.write(event, at, if exchanged { Some("currency") } else { add_on })
}
