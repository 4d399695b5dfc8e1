//! What a change of terms does: now (the period is divided), or at its end (agreed for later).

use super::{input::When, state::State, transition::Step};
use crate::{
    calendar::{Anchor, Instant},
    fact::EventType,
    ids::Cause,
    invoice::{Basis, LineKind, NewInvoice, Purpose, compute},
    proration::ProrationPolicy,
    refusal::Refusal,
    terms::Terms,
};

/// A change asked for at `now`.
pub(super) fn change(
    step: &mut Step,
    terms: Terms,
    proration: ProrationPolicy,
    when: When,
    now: Instant,
) -> Result<bool, Refusal> {
    let current = &step.next.terms;
    if current.price.currency != terms.price.currency {
        return Err(Refusal::WrongCurrency {
            customer: current.price.currency.to_string(),
            requested: terms.price.currency.to_string(),
        });
    }
    let agreed = step.next.scheduled.change.as_ref().map(|(_, terms)| terms.as_ref());
    if agreed == Some(&terms) || (agreed.is_none() && *current == terms) {
        return Err(Refusal::NothingToChange);
    }
    let period_end = step.next.period.map(|p| p.end).filter(|end| *end > now);
    match (&step.next.state, when, period_end) {
        (State::Trialing { .. }, _, _) => {
            step.next.terms = terms;
            step.next.proration = proration;
            Ok(true)
        }
        (_, When::PeriodEnd, Some(end)) => {
            step.next.scheduled.change = (*current != terms).then(|| (end, Box::new(terms)));
            Ok(true)
        }
        _ => divide(step, terms, proration, now),
    }
}

/// The agreed change takes place at the end of its period: nothing to divide.
pub(super) fn take_over(step: &mut Step, terms: Terms, at: Instant) -> Result<bool, Refusal> {
    let before = step.run_rate()?;
    let new_interval = step.next.terms.price.interval != terms.price.interval;
    step.next.terms = terms;
    if new_interval {
        // The renewal that follows at this instant starts at boundary 0 of a new anchor.
        step.next.anchor = Anchor::at(at, step.next.anchor.zone());
        let invoice = step.next.start_period(0, Purpose::Period, at)?;
        step.issue(invoice);
    }
    changed(step, before, at)
}

/// A change within the period: the old terms' unused part is given back, the new terms' part is charged.
fn divide(step: &mut Step, terms: Terms, proration: ProrationPolicy, now: Instant) -> Result<bool, Refusal> {
    let before = step.run_rate()?;
    let Some(period) = step.next.period else {
        return Err(Refusal::WrongState { state: step.next.state.name(), action: "change its plan" });
    };
    let zone = step.next.anchor.zone();
    let next = if step.next.terms.price.interval == terms.price.interval {
        None
    } else {
        step.next.anchor = Anchor::at(now, zone);
        let ordinal = step.next.next_ordinal;
        step.next.next_ordinal += 1;
        Some(step.next.anchor.period(terms.price.interval, 0, ordinal)?)
    };
    let basis = Basis::Change {
        from: Box::new(step.next.terms.clone()),
        to: Box::new(terms.clone()),
        period,
        at: now,
        zone,
        proration: step.next.proration,
        next,
        credit_minor: step.next.credit_minor,
    };
    settle_credit(step, &basis, now)?;
    step.next.terms = terms;
    step.next.proration = proration;
    step.next.scheduled.change = None;
    step.next.period = Some(next.unwrap_or(period));
    step.issue(NewInvoice {
        cause: Cause::Change(step.version),
        purpose: Purpose::Change,
        basis,
        at: now,
        days_until_due: step.next.collection.days_until_due(),
    });
    changed(step, before, now)
}

/// The customer's credit after the change's invoice: what it keeps is added, what it uses is taken.
fn settle_credit(step: &mut Step, basis: &Basis, now: Instant) -> Result<(), Refusal> {
    for line in compute(crate::RULES_VERSION, basis)? {
        match line.kind {
            LineKind::CreditKept => {
                step.next.credit_minor += line.amount.minor;
                let mut credit = super::facts::fact(&step.next, EventType::Credit, now)?;
                credit.amount_minor = line.amount.minor;
                credit.reason = Some("proration".into());
                step.facts.push(credit);
            }
            LineKind::CreditUsed => step.next.credit_minor += line.amount.minor,
            LineKind::Recurring | LineKind::ProrationCharge | LineKind::ProrationCredit => {}
        }
    }
    Ok(())
}

fn changed(step: &mut Step, before: i64, at: Instant) -> Result<bool, Refusal> {
    let after = step.run_rate()?;
    let event = if after < before { EventType::Downgrade } else { EventType::Upgrade };
    step.write(event, at, None)
}
