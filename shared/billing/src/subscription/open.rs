//! How a subscription begins: incomplete until its first money, in a trial, or at once on account.

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    facts::fact,
    state::{Scheduled, State, Subscription},
    transition::{Effect, Outcome},
};
use crate::{
    calendar::{Anchor, Instant, plus_local_days},
    fact::EventType,
    ids::{Cause, CustomerId, SubscriptionId},
    invoice::{Basis, NewInvoice, Purpose},
    proration::ProrationPolicy,
    refusal::Refusal,
    terms::Terms,
};

/// Hours that a subscription waits for its first money.
const INCOMPLETE_HOURS: i64 = 23;

/// How the invoices of a subscription are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Collection {
    /// From the customer's stored method.
    Automatic,
    /// The customer pays by transfer.
    Invoice {
        /// Days until it is late (of the policy version in the terms).
        days_until_due: u32,
    },
}

impl Collection {
    pub(super) fn days_until_due(self) -> Option<u32> {
        match self {
            Self::Automatic => None,
            Self::Invoice { days_until_due } => Some(days_until_due),
        }
    }
}

/// What a customer ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The new subscription's id.
    pub subscription: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// What is bought.
    pub terms: Terms,
    /// How changes are divided.
    pub proration: ProrationPolicy,
    /// How invoices are collected.
    pub collection: Collection,
    /// Free days first.
    pub trial_days: u32,
    /// The customer's zone.
    pub zone: Tz,
    /// Where it is sold.
    pub storefront: Option<String>,
    /// The arm of an experiment.
    pub arm: Option<String>,
}

/// Opens a subscription at `now`. A trial starts free; on account it is active at once; else it is incomplete until
/// its first invoice is paid.
///
/// # Errors
/// [`Refusal::Money`] or [`Refusal::Calendar`] when amounts or dates cannot be computed.
pub fn open(order: Order, now: Instant) -> Result<Outcome, Refusal> {
    let trial_end = match order.trial_days {
        0 => None,
        days => Some(plus_local_days(now, days, order.zone)?),
    };
    let mut next = Subscription {
        id: order.subscription,
        customer: order.customer,
        state: State::Incomplete { expires_at: now + TimeDelta::hours(INCOMPLETE_HOURS) },
        terms: order.terms,
        proration: order.proration,
        anchor: Anchor::at(trial_end.unwrap_or(now), order.zone),
        period: None,
        next_ordinal: 1,
        scheduled: Scheduled::default(),
        collection: order.collection,
        credit_minor: 0,
        usage: crate::usage::UsageAccount::default(),
        suspended_by: None,
        created_at: now,
        started_at: None,
        storefront: order.storefront,
        arm: order.arm,
    };
    if let Some(ends_at) = trial_end {
        next.state = State::Trialing { ends_at };
        let facts = vec![fact(&next, EventType::TrialStarted, now)?];
        return Ok(Outcome::Applied { next: Box::new(next), effects: Vec::new(), facts });
    }
    let on_account = next.collection != Collection::Automatic;
    let purpose = if on_account { Purpose::Period } else { Purpose::Opening };
    let invoice = next.start_period(0, purpose, now)?;
    let free = invoice.basis.terms().full_period_money()?.minor == 0;
    let mut facts = Vec::new();
    if on_account || free {
        facts.extend(next.start(now)?);
    }
    Ok(Outcome::Applied { next: Box::new(next), effects: vec![Effect::Issue(Box::new(invoice))], facts })
}

impl Subscription {
    /// Moves to the period at boundary `index` of the anchor and asks for its invoice.
    pub(super) fn start_period(&mut self, index: u32, purpose: Purpose, at: Instant) -> Result<NewInvoice, Refusal> {
        let mut period = self.anchor.period(self.terms.price.interval, index, self.next_ordinal)?;
        if index == 0 {
            period.start = first_start(at);
        }
        self.period = Some(period);
        self.next_ordinal += 1;
        let basis = Basis::Period { terms: self.terms.clone(), period, credit_minor: self.credit_minor };
        let full = self.terms.full_period_money()?.minor;
        self.credit_minor -= self.credit_minor.min(full);
        Ok(NewInvoice {
            cause: Cause::Period(period.ordinal),
            purpose,
            basis,
            at,
            days_until_due: self.collection.days_until_due(),
        })
    }

    /// The contract runs. Where run-rate begins with it, the `signup` fact without money (paid starts add what was
    /// captured); what is free has none before its first change to something that is not.
    pub(super) fn start(&mut self, at: Instant) -> Result<Option<crate::fact::Happening>, Refusal> {
        self.state = State::Active;
        let signup = fact(self, EventType::Signup, at)?;
        if signup.mrr12_minor == 0 {
            return Ok(None);
        }
        self.started_at = Some(at);
        Ok(Some(signup))
    }
}

/// Where the first period of an anchor starts: at its instant, in whole seconds. The anchor knows only the local time,
/// and in the hour that a clock change repeats that would mean the first one, an hour before.
pub(super) fn first_start(at: Instant) -> Instant {
    at.with_nanosecond(0).unwrap_or(at)
}
