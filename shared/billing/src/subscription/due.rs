//! When a subscription wakes by itself.
//!
//! `wake_at` (its place in the due index) and the worker's `Wake` use one function, so that an index entry without
//! work, or work without an entry, cannot come from two computations that differ.

use super::state::{State, Subscription};
use crate::calendar::Instant;

/// What is due. The order is the order in which events of one instant are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum DueKind {
    /// The agreed end.
    Cancel,
    /// The agreed pause.
    Pause,
    /// The agreed change, or the announced move.
    Change,
    /// The end of a pause.
    Resume,
    /// The end of the trial.
    TrialEnd,
    /// Nobody paid the first invoice.
    Expire,
    /// The end of the period.
    Renewal,
    /// Prepaid credit expires: after the renewal, whose invoice has the usage that it still pays.
    PrepaidExpiry,
}

/// The earliest event that will be due, whatever the time is now.
#[must_use]
pub fn next_event(subscription: &Subscription) -> Option<(Instant, DueKind)> {
    let scheduled = &subscription.scheduled;
    let active = matches!(subscription.state, State::Active);
    let ended = matches!(subscription.state, State::Canceled { .. } | State::Incomplete { .. });
    let own = match subscription.state {
        State::Incomplete { expires_at, .. } => Some((expires_at, DueKind::Expire)),
        State::Trialing { ends_at, .. } => Some((ends_at, DueKind::TrialEnd)),
        State::Active => subscription.period.map(|p| (p.end, DueKind::Renewal)),
        State::Paused { resume_at, .. } => resume_at.map(|at| (at, DueKind::Resume)),
        State::Canceled { .. } => None,
    };
    [
        scheduled.cancel.filter(|_| !ended).map(|at| (at, DueKind::Cancel)),
        scheduled.pause.filter(|_| active).map(|(at, _)| (at, DueKind::Pause)),
        scheduled.change.as_ref().filter(|_| active).map(|(at, _)| (*at, DueKind::Change)),
        scheduled.moved.as_ref().filter(|_| active).map(|(at, _)| (*at, DueKind::Change)),
        own,
        subscription.prepaid.next_expiry().filter(|_| !ended).map(|at| (at, DueKind::PrepaidExpiry)),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// The subscription's place in the due index: contract events only.
#[must_use]
pub fn wake_at(subscription: &Subscription) -> Option<Instant> {
    next_event(subscription).map(|(at, _)| at)
}
