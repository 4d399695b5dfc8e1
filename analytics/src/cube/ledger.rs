//! The movement ledger: one walk over the sorted state changes, with running totals per customer.
//!
//! A movement is a change of the customer's total, not of a subscription (`README.md`, "Movements"). The walk keeps two totals: the
//! run-rate as it is, and the run-rate held, in which a paused subscription counts on until it is resumed or ended. The second one
//! gives churn "without pauses" the same exact identity as the first.

use billing::fact::EventType;
use polars::prelude::PlHashMap;

use super::changes::{Change, Changes};
use super::customers::Customers;
use crate::calendar::Month;
use crate::error::ReportError;
use crate::intern::{Code, NONE, Names};

/// What a state change did to its customer's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Movement {
    /// The first time ever above zero.
    New,
    /// From zero, after an earlier time above zero.
    Reactivation,
    /// To zero.
    Churn,
    /// Up, from above zero.
    Expansion,
    /// Down, and still above zero.
    Contraction,
}

impl Movement {
    /// The name in the reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reactivation => "reactivation",
            Self::Churn => "churn",
            Self::Expansion => "expansion",
            Self::Contraction => "contraction",
        }
    }

    /// The movement from one total to another; `None` if nothing changed.
    pub(crate) fn between(before: i64, after: i64, was_active: bool) -> Option<Self> {
        match (before, after) {
            _ if after == before => None,
            _ if after > 0 && !was_active => Some(Self::New),
            (0, _) if after > 0 => Some(Self::Reactivation),
            (_, 0) if before > 0 => Some(Self::Churn),
            _ if after > before => Some(Self::Expansion),
            _ => Some(Self::Contraction),
        }
    }

    /// How the number of active customers changes.
    pub(crate) fn active(self) -> i64 {
        match self {
            Self::New | Self::Reactivation => 1,
            Self::Churn => -1,
            Self::Expansion | Self::Contraction => 0,
        }
    }
}

/// How a customer began: month and plan of the `new` movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Birth {
    pub(crate) month: Month,
    pub(crate) plan: Code,
}

/// Key of the movement cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MovementKey {
    pub(crate) month: Month,
    pub(crate) event_type: EventType,
    pub(crate) movement: Option<Movement>,
    pub(crate) plan: Code,
    pub(crate) from_plan: Code,
    pub(crate) channel: Code,
    pub(crate) reason: Code,
}

/// Sums of the movement cube.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MovementSums {
    pub(crate) n: i64,
    pub(crate) delta: i64,
    /// Run-rate that the subscriptions brought along from another plan.
    pub(crate) moved: i64,
    /// Change of the number of subscriptions with run-rate.
    pub(crate) subscriptions: i64,
    /// Subscriptions with run-rate that came from another plan.
    pub(crate) moved_subscriptions: i64,
}

/// Key of the cube with held pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HeldKey {
    pub(crate) month: Month,
    pub(crate) movement: Movement,
    pub(crate) event_type: EventType,
    pub(crate) reason: Code,
}

/// Key of the cohort cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CohortKey {
    pub(crate) birth: Birth,
    pub(crate) channel: Code,
    pub(crate) month: Month,
}

/// Sums of the cohort cube.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CohortSums {
    pub(crate) customers: i64,
    pub(crate) active: i64,
    pub(crate) churns: i64,
    pub(crate) delta: i64,
}

/// The customers' totals after their last change, added up customer by customer: what the roll-forward must arrive at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) mrr12: i64,
    pub(crate) active: i64,
    pub(crate) held_mrr12: i64,
    pub(crate) held_active: i64,
}

/// What the walk found.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) movements: PlHashMap<MovementKey, MovementSums>,
    pub(crate) held: PlHashMap<HeldKey, (i64, i64)>,
    pub(crate) cohorts: PlHashMap<CohortKey, CohortSums>,
    /// By customer number.
    pub(crate) births: Vec<Option<Birth>>,
    pub(crate) plans: Names,
    pub(crate) reasons: Names,
    pub(crate) changes: u64,
    pub(crate) without_profile: u64,
    pub(crate) negative_states: u64,
    pub(crate) duplicates: u64,
    pub(crate) shared_subscriptions: u64,
    pub(crate) totals: Totals,
    pub(crate) first_month: Option<Month>,
    pub(crate) last_month: Option<Month>,
}

impl Totals {
    fn close(&mut self, account: &Account) -> Result<(), ReportError> {
        self.mrr12 = add(self.mrr12, account.total)?;
        self.active += i64::from(account.total > 0);
        self.held_mrr12 = add(self.held_mrr12, account.held)?;
        self.held_active += i64::from(account.held > 0);
        Ok(())
    }
}

/// A subscription as its last event left it.
#[derive(Clone, Copy)]
struct Subscription {
    after: i64,
    held: i64,
    owner: u32,
    plan: Code,
    paused: bool,
}

const UNSEEN: Subscription = Subscription { after: 0, held: 0, owner: u32::MAX, plan: NONE, paused: false };

/// A customer while its changes go by.
#[derive(Default)]
struct Account {
    total: i64,
    held: i64,
    birth: Option<Birth>,
    was_held: bool,
}

/// Walks the sorted changes of all customers.
pub(crate) fn walk(changes: Changes, customers: &Customers) -> Result<Ledger, ReportError> {
    let duplicates = changes.duplicates()?;
    let mut subscriptions = vec![UNSEEN; changes.subscriptions];
    let mut ledger = Ledger {
        births: vec![None; customers.len()],
        changes: changes.rows.len() as u64,
        without_profile: changes.without_profile,
        duplicates,
        ..Ledger::default()
    };
    for group in changes.rows.chunk_by(|a, b| a.customer == b.customer) {
        let mut account = Account::default();
        let channel = customers.channel(group.first().map(|change| change.customer));
        for change in group {
            let subscription = &mut subscriptions[change.subscription as usize];
            ledger.step(change, subscription, &mut account, channel)?;
        }
        if let Some(change) = group.first() {
            ledger.births[change.customer as usize] = account.birth;
        }
        ledger.totals.close(&account)?;
    }
    ledger.plans = changes.plans;
    ledger.reasons = changes.reasons;
    Ok(ledger)
}

impl Ledger {
    fn step(
        &mut self,
        change: &Change,
        subscription: &mut Subscription,
        account: &mut Account,
        channel: Code,
    ) -> Result<(), ReportError> {
        let month = Month::of_micros(change.at);
        self.first_month = Some(self.first_month.map_or(month, |first| first.min(month)));
        self.last_month = Some(self.last_month.map_or(month, |last| last.max(month)));
        self.negative_states += u64::from(change.after < 0);
        self.shared_subscriptions += u64::from(subscription.owner != u32::MAX && subscription.owner != change.customer);
        let before = *subscription;
        *subscription = next_state(&before, change);
        self.count_held(change, &before, subscription, account, month)?;
        let after = add(account.total, change.after - before.after)?;
        let movement = Movement::between(account.total, after, account.birth.is_some());
        account.total = after;
        if movement == Some(Movement::New) {
            account.birth = Some(Birth { month, plan: change.plan });
        }
        self.count_movement(change, &before, movement, channel, month)?;
        self.count_cohort(change.after - before.after, movement, account, channel, month)
    }

    fn count_movement(
        &mut self,
        change: &Change,
        before: &Subscription,
        movement: Option<Movement>,
        channel: Code,
        month: Month,
    ) -> Result<(), ReportError> {
        let (plan, from_plan, event_type) = (change.plan, before.plan, change.event_type);
        let key = MovementKey { month, event_type, movement, plan, from_plan, channel, reason: change.reason };
        let sums = self.movements.entry(key).or_default();
        sums.n += 1;
        sums.delta = add(sums.delta, change.after - before.after)?;
        sums.subscriptions += i64::from(change.after > 0) - i64::from(before.after > 0);
        if from_plan != NONE && from_plan != plan {
            sums.moved = add(sums.moved, before.after)?;
            sums.moved_subscriptions += i64::from(before.after > 0);
        }
        Ok(())
    }

    fn count_cohort(
        &mut self,
        delta: i64,
        movement: Option<Movement>,
        account: &Account,
        channel: Code,
        month: Month,
    ) -> Result<(), ReportError> {
        let (Some(birth), Some(movement)) = (account.birth, movement) else { return Ok(()) };
        let sums = self.cohorts.entry(CohortKey { birth, channel, month }).or_default();
        sums.customers += i64::from(movement == Movement::New);
        sums.active += movement.active();
        sums.churns += i64::from(movement == Movement::Churn);
        sums.delta = add(sums.delta, delta)?;
        Ok(())
    }

    fn count_held(
        &mut self,
        change: &Change,
        before: &Subscription,
        now: &Subscription,
        account: &mut Account,
        month: Month,
    ) -> Result<(), ReportError> {
        let delta = now.held - before.held;
        let after = add(account.held, delta)?;
        let movement = Movement::between(account.held, after, account.was_held);
        account.held = after;
        account.was_held |= after > 0;
        if let Some(movement) = movement {
            let key = HeldKey { month, movement, event_type: change.event_type, reason: change.reason };
            let (n, sum) = self.held.entry(key).or_default();
            *n += 1;
            *sum = add(*sum, delta)?;
        }
        Ok(())
    }
}

/// The subscription after a change. Held run-rate stays through a pause, and through changes to a paused subscription.
fn next_state(before: &Subscription, change: &Change) -> Subscription {
    let ended = change.event_type == EventType::Cancel;
    let paused = !ended && change.after == 0 && (change.event_type == EventType::Pause || before.paused);
    let held = if paused { before.held } else { change.after };
    Subscription { after: change.after, held, owner: change.customer, plan: change.plan, paused }
}

/// A sum that is an error rather than a wrong figure.
pub(crate) fn add(sum: i64, value: i64) -> Result<i64, ReportError> {
    sum.checked_add(value).ok_or(ReportError::Overflow { what: "run-rate or money" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_totals_is_one_movement_and_only_equal_ones_are_none() {
        let cases = [
            (0, 5, false, Some(Movement::New)),
            (0, 5, true, Some(Movement::Reactivation)),
            (5, 0, true, Some(Movement::Churn)),
            (5, 7, true, Some(Movement::Expansion)),
            (7, 5, true, Some(Movement::Contraction)),
            (5, 5, true, None),
            (0, 0, false, None),
        ];
        for (before, after, was_active, expected) in cases {
            assert_eq!(Movement::between(before, after, was_active), expected, "{before} -> {after}");
        }
    }

    #[test]
    fn a_paused_subscription_is_held_until_it_is_resumed_or_ended() {
        let change = |event_type, after| Change::for_test(event_type, after);
        let running = next_state(&UNSEEN, &change(EventType::Signup, 1_200));
        let paused = next_state(&running, &change(EventType::Pause, 0));
        assert_eq!((paused.after, paused.held), (0, 1_200));
        let changed = next_state(&paused, &change(EventType::Downgrade, 0));
        assert_eq!((changed.after, changed.held), (0, 1_200));
        assert_eq!(next_state(&changed, &change(EventType::Resume, 600)).held, 600);
        assert_eq!(next_state(&changed, &change(EventType::Cancel, 0)).held, 0);
    }
}
