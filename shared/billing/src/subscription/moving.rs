//! A move to another version of the plan that the merchant announced, beside what the customer agrees to.
//!
//! Exists apart from the customer's changes, because the customer's next word takes the place of his last one and must not
//! take the place of the merchant's: one more seat would keep the old price for ever.

use super::{
    state::{MovedTerms, Scheduled, State, Subscription},
    transition::Step,
};
use crate::{calendar::Instant, proration::ProrationPolicy, refusal::Refusal, terms::Terms};

/// Announces a move: it holds from the end of the period that runs, or from the first period after a pause. A trial, which
/// has charged nothing, has the new terms at once.
pub(super) fn announce(
    step: &mut Step,
    terms: Terms,
    proration: ProrationPolicy,
    now: Instant,
) -> Result<bool, Refusal> {
    if matches!(step.next.state, State::Trialing { .. }) {
        step.next.take_terms(terms, proration)?;
        return Ok(true);
    }
    let at = step.next.period.map_or(now, |period| period.end);
    let moved = Some((at, Box::new(MovedTerms { terms, proration })));
    Ok(std::mem::replace(&mut step.next.scheduled.moved, moved.clone()) != moved)
}

/// What an announced move makes of the terms that the customer asks for: none where nothing is announced, or where the
/// customer chooses another plan or a newer version, with which it is over.
pub(super) fn carried(step: &Step, terms: &Terms) -> Result<Option<MovedTerms>, Refusal> {
    if !step.next.scheduled.carries(terms) {
        return Ok(None);
    }
    let to = step.next.scheduled.moved.as_ref().map(|(_, to)| to.terms.plan.to_string()).unwrap_or_default();
    match &step.known.moved {
        Some(moved) => Ok(Some((**moved).clone())),
        None => Err(Refusal::NotFound { what: "plan", id: to }),
    }
}

/// The customer's change took place at once, or on its day: the move waits on with what it makes of the new terms, or is
/// over.
pub(super) fn go_on(next: &mut Subscription, carried: Option<MovedTerms>, at: Instant) {
    let from = next.scheduled.moved.take().map(|(from, _)| from).filter(|from| *from > at);
    next.scheduled.moved = from.zip(carried.map(Box::new));
}

/// The move is due before what the customer agreed to: it takes its place, and that is put aside.
pub(super) fn step_in(next: &mut Subscription, at: Instant) -> Option<Agreed> {
    let scheduled = &mut next.scheduled;
    let chosen = scheduled.change.as_ref().map(|(from, _)| *from);
    let due = scheduled.moved.take_if(|(from, _)| *from <= at && chosen.is_none_or(|chosen| chosen > *from));
    let (from, to) = due?;
    let agreed = Agreed::take(scheduled);
    (scheduled.change, scheduled.change_proration) = (Some((from, Box::new(to.terms))), Some(to.proration));
    Some(agreed)
}

/// Days of a move and of a change that passed in a pause: the first period after it begins with what they come to.
pub(super) fn passed(next: &mut Subscription, at: Instant) -> Result<(), Refusal> {
    let scheduled = &mut next.scheduled;
    let chosen = scheduled.change.as_ref().map(|(from, _)| *from).filter(|from| *from <= at);
    let Some((from, to)) = scheduled.moved.take() else { return Ok(()) };
    match chosen {
        None if from <= at => next.take_terms(to.terms, to.proration)?,
        None => scheduled.moved = Some((from, to)),
        // The customer chose for a day after it, when the plan had that version.
        Some(chosen) if from <= chosen => {}
        Some(chosen) => match scheduled.change_moved.take() {
            Some(to) if from <= at => {
                scheduled.change_proration = Some(to.proration);
                scheduled.change = Some((chosen, Box::new(to.terms)));
            }
            to => scheduled.moved = to.map(|to| (from, to)),
        },
    }
    Ok(())
}

/// What a customer agreed to for later, while something else is done.
pub(super) struct Agreed(Scheduled);

impl Agreed {
    /// Puts it aside.
    pub(super) fn take(scheduled: &mut Scheduled) -> Self {
        Self(Scheduled {
            change: scheduled.change.take(),
            change_proration: scheduled.change_proration.take(),
            change_version: scheduled.change_version.take(),
            change_moved: scheduled.change_moved.take(),
            ..Scheduled::default()
        })
    }

    /// Agrees on it again, for what `moved` makes of its day.
    pub(super) fn put_back(self, scheduled: &mut Scheduled, moved: impl Fn(Instant) -> Instant) {
        let Scheduled { change, change_proration, change_version, change_moved, .. } = self.0;
        scheduled.change = change.map(|(from, terms)| (moved(from), terms));
        (scheduled.change_proration, scheduled.change_version) = (change_proration, change_version);
        scheduled.change_moved = change_moved;
    }
}

impl Scheduled {
    /// Takes back what the customer agreed to; what the merchant announced is not the customer's to take back. Says whether
    /// there was anything.
    pub(super) fn keep(&mut self) -> bool {
        let moved = self.moved.take();
        let agreed = std::mem::replace(self, Self { moved, ..Self::default() });
        agreed != Self::default()
    }

    /// Whether a move is announced that a contract with these terms would still make: to a later version of its plan.
    #[must_use]
    pub fn carries(&self, terms: &Terms) -> bool {
        let later = |to: &Terms| to.plan.name == terms.plan.name && to.plan.version > terms.plan.version;
        self.moved.as_ref().is_some_and(|(_, to)| later(&to.terms))
    }
}

impl Subscription {
    /// The terms that hold at `now`: what was agreed or announced for a day that came counts, though no worker came by yet.
    #[must_use]
    pub fn terms_at(&self, now: Instant) -> &Terms {
        let runs = self.state == State::Active;
        let change = self.scheduled.change.as_ref().filter(|(at, _)| runs && *at <= now);
        let moved = self.scheduled.moved.as_ref().filter(|(at, _)| runs && *at <= now);
        match (change, moved) {
            (Some((chosen, terms)), Some((from, _))) if chosen < from => {
                self.scheduled.change_moved.as_ref().map_or(terms, |to| &to.terms)
            }
            (Some((_, terms)), _) => terms,
            (None, Some((_, to))) => &to.terms,
            (None, None) => &self.terms,
        }
    }
}
