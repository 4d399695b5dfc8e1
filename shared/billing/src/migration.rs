//! Moving the subscribers of a plan to another version of it: who moves, when, and what that does to run-rate.
//!
//! Exists because versions are immutable and a subscriber stays on what was bought until moved: before anybody is, the
//! merchant wants to see every one of them. A new price holds from the next renewal; nobody is charged twice for a period.

use crate::{
    calendar::{Instant, Interval},
    catalog::{AddOn, Plan, Policy, Price, VersionRef},
    money::Currency,
    refusal::Refusal,
    subscription::{Input, State, Subscription},
    terms::{Terms, WantedAddOn},
};

/// What a migration does with one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It moves.
    Moves(Box<Move>),
    /// It stays as it is.
    Stays(Stay),
}

/// One contract that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What it has now.
    pub from: VersionRef,
    /// What it will have.
    pub terms: Terms,
    /// From when: the end of the period or trial that runs. None: it is paused, and has them from the first period that begins
    /// after the pause.
    pub at: Option<Instant>,
    /// Its run-rate now, in twelfths of a minor unit of MRR (0 where it does not earn yet, or rests).
    pub before_mrr12: i64,
    /// The same under the new terms.
    pub after_mrr12: i64,
    /// How the policy of the new version divides periods from then on.
    pub proration: crate::proration::ProrationPolicy,
}

/// Why a contract stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stay {
    /// It is about something else, or over.
    #[error("it does not run, or has another plan")]
    NotConcerned,
    /// It has that version.
    #[error("it has that version already")]
    AlreadyThere,
    /// Its price was agreed with the customer.
    #[error("its price was negotiated with the customer: agree on another first")]
    ContractPrice,
    /// The version is not sold as the contract is paid.
    #[error("the version has no price in {0} per {1}")]
    NoPrice(Currency, Interval),
    /// The version has no such add-on as the contract has it.
    #[error("the version does not have its add-on {0} in that currency, interval and quantity")]
    NoAddOn(String),
    /// The customer chose something for the end of the period.
    #[error("a change to {0} is agreed already")]
    ChangeAgreed(VersionRef),
    /// The move is announced already.
    #[error("its move to {0} is announced already")]
    Announced(VersionRef),
    /// It ends with its period.
    #[error("it ends with its period")]
    Ending,
}

impl Move {
    /// The input that announces the move: for the end of the period, so that nothing is divided.
    #[must_use]
    pub fn input(self) -> Input {
        Input::Move { terms: Box::new(self.terms), proration: self.proration }
    }
}

/// What becomes of `held` when the subscribers of `plan` are moved to this version, under `policy`.
///
/// # Errors
/// [`Refusal::Money`] and the like where its run-rate cannot be computed.
pub fn verdict(held: &Subscription, plan: &Plan, policy: &Policy) -> Result<Verdict, Refusal> {
    match stays(held, plan) {
        Some(stay) => Ok(Verdict::Stays(stay)),
        None => moves(held, plan, policy),
    }
}

fn stays(held: &Subscription, plan: &Plan) -> Option<Stay> {
    if !held.state.is_running() || held.terms.plan.name != plan.id {
        return Some(Stay::NotConcerned);
    }
    if held.terms.plan == plan.reference() {
        return Some(Stay::AlreadyThere);
    }
    if held.terms.contract {
        return Some(Stay::ContractPrice);
    }
    if held.scheduled.cancel.is_some() {
        return Some(Stay::Ending);
    }
    // A move to an earlier version that did not come yet gives way to this one.
    let moved = held.scheduled.moved.as_ref().map(|(_, to)| &to.terms.plan);
    if let Some(moved) = moved.filter(|moved| **moved == plan.reference()) {
        return Some(Stay::Announced(moved.clone()));
    }
    held.scheduled.change.as_ref().map(|(_, terms)| Stay::ChangeAgreed(terms.plan.clone()))
}

/// Whether the add-on can be had as a contract has it.
fn has(add_on: &AddOn, price: &Price, quantity: i64) -> bool {
    add_on.price(price.currency, price.interval).is_some() && quantity <= i64::from(add_on.quantity_max)
}

fn moves(held: &Subscription, plan: &Plan, policy: &Policy) -> Result<Verdict, Refusal> {
    let price = &held.terms.price;
    let Some(new) = plan.price(price.currency, price.interval) else {
        return Ok(Verdict::Stays(Stay::NoPrice(price.currency, price.interval)));
    };
    let wanted: Vec<WantedAddOn> = held.terms.add_ons.iter().map(Into::into).collect();
    if let Some(gone) = wanted.iter().find(|w| plan.add_on(&w.id).is_none_or(|a| !has(a, price, w.quantity))) {
        return Ok(Verdict::Stays(Stay::NoAddOn(gone.id.clone())));
    }
    let terms = Terms::try_new(plan, policy, new, false, held.terms.quantity.into())?.with_add_ons(plan, &wanted)?;
    let moved = Subscription { terms: terms.clone(), ..held.clone() };
    let at = match held.state {
        State::Trialing { ends_at, .. } => Some(ends_at),
        State::Paused { .. } => None,
        _ => held.period.map(|p| p.end),
    };
    Ok(Verdict::Moves(Box::new(Move {
        from: held.terms.plan.clone(),
        at,
        before_mrr12: held.mrr12()?,
        after_mrr12: moved.mrr12()?,
        terms,
        proration: policy.proration,
    })))
}
