//! The subscription and the states it can be in.

use serde::{Deserialize, Serialize};

use super::{
    once::OnceAccount,
    open::Collection,
    trial::{PaidTrial, WithoutMethod},
};
use crate::{
    calendar::{Anchor, Instant, Period, alignment::AlignmentPolicy, schedule::Schedule},
    discount::Held,
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::{Basis, Charged, GatheringTime, Kept, StubOf},
    money::Money,
    prepaid::PrepaidAccount,
    proration::ProrationPolicy,
    tax::TaxTreatment,
    terms::Terms,
    usage::UsageAccount,
};

/// Why a subscription ended; the `reason` of the `cancel` fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CancelReason {
    /// The customer asked.
    Voluntary,
    /// An invoice was not paid.
    Involuntary,
    /// The first payment never came.
    Expired,
    /// The trial ended, and there was no payment method.
    NoMethod,
}

/// The state of a subscription; each carries exactly what that state has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum State {
    /// Waits for its first money; gives no access.
    Incomplete {
        /// When it is given up.
        expires_at: Instant,
        /// The trial that begins with its first money; none: a period does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<PaidTrial>,
    },
    /// On trial until `ends_at`.
    Trialing {
        /// When the first full period starts.
        ends_at: Instant,
        /// What the trial costs, without tax that is added; none: it is free.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Money>,
    },
    /// Runs and renews.
    Active,
    /// Rests; nothing renews, nothing is owed for it.
    Paused {
        /// Since when.
        since: Instant,
        /// When it comes back by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_at: Option<Instant>,
    },
    /// Ended.
    Canceled {
        /// When.
        at: Instant,
        /// Why.
        reason: CancelReason,
    },
}

impl State {
    /// Whether the contract has begun and not ended: what is agreed about it may change.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Active | Self::Trialing { .. } | Self::Paused { .. })
    }

    /// The state in a word, as the API shows it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incomplete { .. } => "incomplete",
            Self::Trialing { .. } => "trialing",
            Self::Active => "active",
            Self::Paused { .. } => "paused",
            Self::Canceled { .. } => "canceled",
        }
    }
}

/// What a contract has under a version of its plan that the merchant moves it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTerms {
    /// What is bought.
    pub terms: Terms,
    /// How changes are divided from then on.
    pub proration: ProrationPolicy,
}

/// What is agreed for a later instant; at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Ends then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Instant>,
    /// Rests from then, until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<(Instant, Option<Instant>)>,
    /// The version that agreed on an end within a period: the cause of the invoice that gives the rest back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_version: Option<u64>,
    /// The version that agreed on a pause that gives the rest of the period back; none: it gives nothing back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_credit_version: Option<u64>,
    /// Has these terms from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<(Instant, Box<Terms>)>,
    /// How changes are divided under the terms of `change`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_proration: Option<ProrationPolicy>,
    /// The version that agreed on a change within a period: the cause of the invoice that divides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_version: Option<u64>,
    /// Has these terms from then, because the merchant moves it to another version of its plan. What the customer agrees to
    /// leaves it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<(Instant, Box<MovedTerms>)>,
    /// What the move comes to once `change` took place; none: with that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_moved: Option<Box<MovedTerms>>,
    /// Is aligned so from the next period that starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AlignmentPolicy>,
}

impl Scheduled {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One customer's contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Which.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Where it stands.
    pub state: State,
    /// What is bought.
    pub terms: Terms,
    /// How changes within a period are divided (of the policy version in the terms).
    pub proration: ProrationPolicy,
    /// Where its periods are cut.
    pub anchor: Anchor,
    /// How its periods are aligned; none: on the day it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentPolicy>,
    /// Its periods since they were last cut anew, where they are aligned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Box<Schedule>>,
    /// The period that is billed now; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// What that period is a stub of; none: it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stub: Option<Box<StubOf>>,
    /// The ordinal of the next period; never reused.
    pub next_ordinal: u32,
    /// Agreed for later.
    #[serde(default, skip_serializing_if = "Scheduled::is_empty")]
    pub scheduled: Scheduled,
    /// What happens at the end of its trial when there is no payment method.
    #[serde(default, skip_serializing_if = "WithoutMethod::is_convert")]
    pub without_method: WithoutMethod,
    /// How its invoices are collected.
    pub collection: Collection,
    /// How long what it bills by itself waits for other contracts of the customer, to come on one document; none: its
    /// invoices stand alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathering: Option<GatheringTime>,
    /// Credit of the customer on this contract, in minor units of its currency, 0 or more.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub credit_minor: i64,
    /// Credit in currencies that it is not billed in now, each above zero; used when it is billed in them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<Money>,
    /// What usage it was billed for.
    #[serde(default, skip_serializing_if = "UsageAccount::is_empty")]
    pub usage: UsageAccount,
    /// Its prepaid credit.
    #[serde(default, skip_serializing_if = "PrepaidAccount::is_empty")]
    pub prepaid: PrepaidAccount,
    /// What is charged once: what was, and what waits.
    #[serde(default, skip_serializing_if = "OnceAccount::is_empty")]
    pub once: OnceAccount,
    /// The coupons that were redeemed and are not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Held>,
    /// How the running period was taxed: what is given back of it is taxed the same. None: without tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Box<TaxTreatment>>,
    /// Changes of the running period whose lines wait for the next invoice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Basis>,
    /// What was charged for the running period, where a change made that another amount than its price and the policy
    /// gives back by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Box<Charged>>,
    /// What is left of the money for the running period, where a credit note gave back some of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// The invoice whose ladder took access away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_by: Option<InvoiceId>,
    /// When it was agreed.
    pub created_at: Instant,
    /// When run-rate began, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Instant>,
    /// Where it was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<String>,
    /// The arm of an experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}
