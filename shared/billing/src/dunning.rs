//! The ladder: what happens, and when, while an invoice stays unpaid. Policy as data.
//!
//! Exists so that "when will it be tried again?" is a look-up in a table and not a computation in a worker.

mod budget;
mod campaign;
mod codes;
mod waits;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub use budget::{Budget, Pulled, Trigger, pulled};
pub use campaign::{Campaign, CampaignDay, CampaignInvoice, DAYS_BETWEEN_MAX};
pub use codes::{class_of, is_known};
pub use waits::{BadWaits, WAITS_MAX, Waits};

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
    /// Days after what `from` says: the first failure (for `unpaid`: the due date) unless it is written.
    #[serde(default)]
    pub after_days: u32,
    /// Hours on top of the days.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub after_hours: u32,
    /// Seconds on top of days and hours.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub after_seconds: u32,
    /// From where they are counted.
    #[serde(default, skip_serializing_if = "CountedFrom::is_default")]
    pub from: CountedFrom,
    /// What to do.
    pub action: RungAction,
}

/// From where the time of a rung is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountedFrom {
    /// The first failure, whatever was tried since.
    #[default]
    FirstFailure,
    /// The retry that stands before it in the list, at its planned time; without one, the first failure. (Kill Bill, Polar.)
    PreviousAttempt,
}

impl CountedFrom {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Rung {
    /// A rung so many days after the first failure.
    #[must_use]
    pub const fn after_days(days: u32, action: RungAction) -> Self {
        Self { after_days: days, after_hours: 0, after_seconds: 0, from: CountedFrom::FirstFailure, action }
    }

    /// How long after what `from` says.
    fn delay(&self) -> TimeDelta {
        TimeDelta::days(self.after_days.into())
            + TimeDelta::hours(self.after_hours.into())
            + TimeDelta::seconds(self.after_seconds.into())
    }
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
        let rungs =
            |list: &[(u32, RungAction)]| list.iter().map(|(days, action)| Rung::after_days(*days, *action)).collect();
        use RungAction::{End, Notify, Retry, Suspend};
        Self(BTreeMap::from([
            (DeclineClass::Soft, rungs(&[(3, Retry), (8, Retry), (15, Retry), (15, Suspend), (21, End)])),
            (DeclineClass::Hard, rungs(&[(0, Notify), (7, Suspend), (21, End)])),
            (DeclineClass::Unpaid, rungs(&[(0, Notify), (7, Notify), (14, Notify), (21, Suspend), (45, End)])),
        ]))
    }

    /// The rungs of a class, each with the time after the first failure that it is planned at.
    fn planned(&self, class: DeclineClass) -> impl Iterator<Item = (&Rung, TimeDelta)> {
        let rungs = self.0.get(&class).map_or(&[][..], Vec::as_slice);
        rungs.iter().scan(TimeDelta::zero(), |attempt, rung| {
            let after = match rung.from {
                CountedFrom::FirstFailure => rung.delay(),
                CountedFrom::PreviousAttempt => *attempt + rung.delay(),
            };
            if rung.action == RungAction::Retry {
                *attempt = after;
            }
            Some((rung, after))
        })
    }

    /// The step after `done` rungs of this class were climbed, counted from `first_failed_at`. A class without
    /// rungs ends at once: an invoice must never wait for nothing.
    #[must_use]
    pub fn step(&self, class: DeclineClass, done: usize, first_failed_at: Instant) -> Step {
        match self.planned(class).nth(done) {
            Some((rung, after)) => Step { rung: done, at: first_failed_at + after, action: rung.action },
            None => Step { rung: done, at: first_failed_at, action: RungAction::End },
        }
    }

    /// All steps of a class, in order; one that ends at once for a class without rungs.
    #[must_use]
    pub fn steps(&self, class: DeclineClass, first_failed_at: Instant) -> Vec<Step> {
        let count = self.0.get(&class).map_or(0, Vec::len).max(1);
        (0..count).map(|done| self.step(class, done, first_failed_at)).collect()
    }

    /// Where to go on in `class` when an attempt fails into it at `now`: reminders and retries that lie in the past are
    /// skipped, a suspension or an end is not. A hard decline must not be treated more mildly than the soft ones before it.
    #[must_use]
    pub fn passed(&self, class: DeclineClass, first_failed_at: Instant, now: Instant) -> usize {
        let skipped = |(rung, after): &(&Rung, TimeDelta)| {
            first_failed_at + *after < now && matches!(rung.action, RungAction::Notify | RungAction::Retry)
        };
        self.planned(class).take_while(skipped).count()
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
            let planned: Vec<TimeDelta> = self.planned(class).map(|(_, after)| after).collect();
            if planned.windows(2).any(|w| w[1] < w[0]) {
                found.push(format!("ladder {class}: after_days must not go back"));
            }
            if planned.last().is_some_and(|after| *after > TimeDelta::days(365)) || rungs.len() > 30 {
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
    fn rungs_may_be_counted_from_the_attempt_before_them() {
        let json = r#"{"soft":[{"after_days":1,"from":"previous-attempt","action":"retry"},
            {"after_hours":36,"from":"previous-attempt","action":"retry"},{"after_days":3,"action":"notify"},
            {"after_seconds":60,"from":"previous-attempt","action":"end"}]}"#;
        let ladder: Ladder = serde_json::from_str(json).unwrap();
        let first = "2027-01-01T00:00:00Z".parse().unwrap();
        let seconds: Vec<_> =
            ladder.steps(DeclineClass::Soft, first).iter().map(|s| (s.at - first).num_seconds()).collect();
        assert_eq!(seconds, [86_400, 216_000, 259_200, 216_060]);
        assert!(ladder.problems().iter().any(|p| p.contains("soft: after_days must not go back")));
        let stored = r#"{"soft":[{"after_days":1,"action":"end"}]}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Ladder>(stored).unwrap()).unwrap(), stored);
    }

    #[test]
    fn a_class_without_rungs_ends_at_once_instead_of_waiting_for_nothing() {
        let first = "2027-01-01T00:00:00Z".parse().unwrap();
        let step = Ladder(BTreeMap::new()).step(DeclineClass::Hard, 0, first);
        assert_eq!((step.at, step.action), (first, RungAction::End));
    }
}
