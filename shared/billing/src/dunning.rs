//! The ladder: what happens, and when, while an invoice stays unpaid. Policy as data.
//!
//! Exists so that "when will it be tried again?" is a look-up in a table and not a computation in a worker.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{calendar::Instant, gateway::DeclineClass};

/// What a rung does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RungAction {
    /// Tell the customer.
    Notify,
    /// Try to collect again.
    Retry,
    /// Take access away until the money is there.
    Suspend,
    /// Give up: the invoice is uncollectible, the subscription ends (reason involuntary).
    End,
}

/// One step of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Days after the first failure (for `unpaid`: after the due date).
    pub after_days: u32,
    /// What to do.
    pub action: RungAction,
}

/// Rungs for each class of decline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ladder(pub BTreeMap<DeclineClass, Vec<Rung>>);

/// A rung at its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Position in the class's list.
    pub rung: usize,
    /// When.
    pub at: Instant,
    /// What.
    pub action: RungAction,
}

impl Ladder {
    /// Soft declines: retries after 3, 8 and 15 days, end after 21. Hard ones: tell at once, suspend after 7, end after
    /// 21 (a retry would be refused again). Unpaid invoices: reminders after 0, 7 and 14 days, suspend after 21, end after 45.
    #[must_use]
    pub fn standard() -> Self {
        let rungs = |list: &[(u32, RungAction)]| {
            list.iter().map(|(after_days, action)| Rung { after_days: *after_days, action: *action }).collect()
        };
        use RungAction::{End, Notify, Retry, Suspend};
        Self(BTreeMap::from([
            (DeclineClass::Soft, rungs(&[(3, Retry), (8, Retry), (15, Retry), (15, Suspend), (21, End)])),
            (DeclineClass::Hard, rungs(&[(0, Notify), (7, Suspend), (21, End)])),
            (DeclineClass::Unpaid, rungs(&[(0, Notify), (7, Notify), (14, Notify), (21, Suspend), (45, End)])),
        ]))
    }

    /// The step after `done` rungs of this class were climbed, counted from `first_failed_at`. A class without
    /// rungs ends at once: an invoice must never wait for nothing.
    #[must_use]
    pub fn step(&self, class: DeclineClass, done: usize, first_failed_at: Instant) -> Step {
        let rung = self.0.get(&class).and_then(|rungs| rungs.get(done));
        match rung {
            Some(r) => {
                Step { rung: done, at: first_failed_at + TimeDelta::days(i64::from(r.after_days)), action: r.action }
            }
            None => Step { rung: done, at: first_failed_at, action: RungAction::End },
        }
    }

    /// Where to go on in `class` when an attempt fails into it at `now`: reminders and retries that lie in the past are
    /// skipped, a suspension or an end is not. A hard decline must not be treated more mildly than the soft ones before it.
    #[must_use]
    pub fn passed(&self, class: DeclineClass, first_failed_at: Instant, now: Instant) -> usize {
        let rungs = self.0.get(&class).map_or(&[][..], Vec::as_slice);
        let skipped = |r: &&Rung| {
            let over = first_failed_at + TimeDelta::days(i64::from(r.after_days)) < now;
            over && matches!(r.action, RungAction::Notify | RungAction::Retry)
        };
        rungs.iter().take_while(skipped).count()
    }

    /// What is wrong with the ladder; empty when it may be published.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        for class in [DeclineClass::Soft, DeclineClass::Hard, DeclineClass::Unpaid] {
            let rungs = self.0.get(&class).map_or(&[][..], Vec::as_slice);
            if rungs.last().map(|r| r.action) != Some(RungAction::End) {
                found.push(format!("ladder {class}: the last rung must be end"));
            }
            if rungs.iter().filter(|r| r.action == RungAction::End).count() > 1 {
                found.push(format!("ladder {class}: end is written twice"));
            }
            if rungs.windows(2).any(|w| w[1].after_days < w[0].after_days) {
                found.push(format!("ladder {class}: after_days must not go back"));
            }
            if rungs.last().is_some_and(|r| r.after_days > 365) || rungs.len() > 30 {
                found.push(format!("ladder {class}: at most 30 rungs within 365 days"));
            }
            if class == DeclineClass::Unpaid && rungs.iter().any(|r| r.action == RungAction::Retry) {
                found.push("ladder unpaid: there is no method to retry".into());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_ladder_is_publishable_and_climbs_in_order() {
        let ladder = Ladder::standard();
        assert_eq!(ladder.problems(), Vec::<String>::new());
        let first = "2027-01-01T00:00:00Z".parse().unwrap();
        let days: Vec<_> = (0..5)
            .map(|done| ladder.step(DeclineClass::Soft, done, first))
            .map(|s| format!("{} {}", (s.at - first).num_days(), s.action))
            .collect();
        assert_eq!(days, ["3 retry", "8 retry", "15 retry", "15 suspend", "21 end"]);
    }

    #[test]
    fn a_class_without_rungs_ends_at_once_instead_of_waiting_for_nothing() {
        let first = "2027-01-01T00:00:00Z".parse().unwrap();
        let step = Ladder(BTreeMap::new()).step(DeclineClass::Hard, 0, first);
        assert_eq!((step.at, step.action), (first, RungAction::End));
    }
}
