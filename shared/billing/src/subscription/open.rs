//! How a subscription begins: incomplete until its first money, in a trial, or at once on account.

use chrono::{NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    aligned, cut,
    facts::fact,
    state::{Scheduled, State, Subscription},
    transition::{Effect, Outcome},
    trial::{self, TrialRules},
};
use crate::{
    calendar::{Anchor, Instant, alignment::AlignmentPolicy},
    discount::{Coupon, Discount, Held, discounts, start_period},
    fact::EventType,
    ids::{Cause, CustomerId, SubscriptionId},
    invoice::{Adjustments, Basis, GatheringTime, LineKind, NewInvoice, Purpose, compute},
    money::Money,
    proration::ProrationPolicy,
    refusal::Refusal,
    tax::{TaxTreatment, Taxes},
    terms::Terms,
};

/// Days that the start of a contract may lie back.
pub const BACKDATED_DAYS_MAX: i64 = 366;

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
    /// How long what it bills by itself waits for other contracts; none: its invoices stand alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gathering: Option<GatheringTime>,
    /// Since when it runs, where that is in the past; none: since it is agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Instant>,
    /// Days of trial first.
    pub trial_days: u32,
    /// A trial up to this local date instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_until: Option<NaiveDate>,
    /// What the plan says about trials, their prices included.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub trial: TrialRules,
    /// How its periods are aligned; none: on the day it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentPolicy>,
    /// The customer's zone.
    pub zone: Tz,
    /// Redeemed with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<Coupon>,
    /// Where it is sold.
    pub storefront: Option<String>,
    /// The arm of an experiment.
    pub arm: Option<String>,
}

/// [`open_with`], without tax.
///
/// # Errors
/// As [`open_with`].
pub fn open(order: Order, now: Instant) -> Result<Outcome, Refusal> {
    open_with(order, now, &Taxes::default())
}

/// Opens a subscription at `now`. A free trial starts at once; on account it runs at once, too; else it is incomplete until
/// its first invoice, of its trial or of its first period, is paid. One that started in the past owes the periods since then: the first one now, the others as
/// soon as it wakes, each with an invoice of its own and with facts as of its own instant.
///
/// # Errors
/// [`Refusal::DateOutOfRange`] for a start in the future or more than [`BACKDATED_DAYS_MAX`] days back;
/// [`Refusal::InvalidField`] for an alignment that does not fit, and for a currency that a paid trial has no price in; [`Refusal::Money`] or [`Refusal::Calendar`] when amounts or dates cannot be computed; what [`Taxes::treatment`]
/// refuses.
pub fn open_with(order: Order, now: Instant, taxes: &Taxes) -> Result<Outcome, Refusal> {
    let starts = start_of(order.starts_at, now)?;
    let trial_end = trial::ends_at(&order, starts)?;
    let alignment = trial::alignment(&order, trial_end.is_some(), starts);
    let begins = trial_end.unwrap_or(starts);
    if let Some(policy) = &alignment {
        aligned::check(policy, order.terms.price.interval, begins, order.zone, "billing_anchor")?;
    }
    let mut next = Subscription {
        id: order.subscription,
        customer: order.customer,
        state: State::Incomplete { expires_at: now + TimeDelta::hours(INCOMPLETE_HOURS), trial: None },
        terms: order.terms,
        proration: order.proration,
        anchor: Anchor::at(begins, order.zone),
        alignment,
        schedule: None,
        period: None,
        stub: None,
        next_ordinal: 1,
        scheduled: Scheduled::default(),
        without_method: order.trial.without_method,
        collection: order.collection,
        gathering: order.gathering,
        credit_minor: 0,
        credits: Vec::new(),
        usage: crate::usage::UsageAccount::default(),
        prepaid: crate::prepaid::PrepaidAccount::default(),
        once: super::once::OnceAccount::default(),
        discounts: order.coupons.into_iter().map(Held::new).collect(),
        tax: None,
        pending: Vec::new(),
        charged: None,
        kept: None,
        suspended_by: None,
        created_at: now,
        started_at: None,
        storefront: order.storefront,
        arm: order.arm,
    };
    if let Some(ends_at) = trial_end {
        let price = order.trial.price(next.terms.price.currency)?;
        return trial::begin(next, price, (starts, ends_at), taxes);
    }
    let on_account = next.collection != Collection::Automatic;
    let purpose = if on_account { Purpose::Period } else { Purpose::Opening };
    next.cut_from(starts, next.terms.price.interval)?;
    let invoice = next.start_period(0, purpose, starts, taxes)?;
    let owed = compute(crate::RULES_VERSION, &invoice.basis)?;
    let free = Money::sum(next.terms.price.currency, owed.iter().map(|l| l.amount))?.minor == 0;
    let mut facts = Vec::new();
    if on_account || free {
        facts.extend(next.start(starts)?);
    }
    Ok(Outcome::Applied { next: Box::new(next), effects: vec![Effect::Issue(Box::new(invoice))], facts })
}

/// Where a contract starts that is agreed at `now`.
fn start_of(asked: Option<Instant>, now: Instant) -> Result<Instant, Refusal> {
    let refuse = |detail| Err(Refusal::DateOutOfRange { field: "starts_at", detail });
    match asked {
        Some(at) if at > now => {
            refuse("must not lie in the future; sign up when it starts, or with a trial until then")
        }
        Some(at) if at < now - TimeDelta::days(BACKDATED_DAYS_MAX) => refuse("must lie at most 366 days back"),
        other => Ok(other.unwrap_or(now)),
    }
}

impl Subscription {
    /// Since when the contract runs, in whole seconds: when it was agreed, or before that where its start was put back.
    #[must_use]
    pub fn began_at(&self) -> Instant {
        let agreed = first_start(self.created_at);
        self.period.map_or(agreed, |period| agreed.min(period.start))
    }

    /// From when on the opening counts that was paid at `paid`: a start that was put back is not moved by the payment.
    pub(super) fn opened_at(&self, paid: Instant) -> Instant {
        match self.period {
            Some(period) if period.start < first_start(self.created_at) => period.start,
            _ => paid,
        }
    }

    /// Moves to the period at boundary `index` of the anchor and asks for its invoice.
    pub(super) fn start_period(
        &mut self,
        index: u32,
        purpose: Purpose,
        at: Instant,
        taxes: &Taxes,
    ) -> Result<NewInvoice, Refusal> {
        let (mut period, whole) = self.period_from(index, self.terms.price.interval)?;
        if index == 0 {
            period.start = first_start(at);
        }
        let (period, stub) = cut::begun(self, period, whole);
        (self.period, self.stub) = (Some(period), stub);
        (self.charged, self.kept) = (None, None);
        self.next_ordinal += 1;
        start_period(&mut self.discounts);
        self.tax = self.treatment(period.start, taxes)?.map(Box::new);
        let adjustments = Box::new(Adjustments {
            discounts: self.discounts_now()?,
            tax: self.tax.as_deref().cloned(),
            policy: self.terms.conditions.document,
            ..Adjustments::default()
        });
        let basis = Basis::Period {
            terms: Box::new(self.terms.clone()),
            period,
            stub: self.stub.clone(),
            credit_minor: self.credit_minor,
            adjustments,
        };
        let basis = self.with_set_up(basis)?;
        let lines = compute(crate::RULES_VERSION, &basis)?;
        let used = lines.iter().filter(|l| l.kind == LineKind::CreditUsed).map(|l| l.amount);
        // What is used is negative, and never more than there is.
        self.credit_minor += Money::sum(self.terms.price.currency, used)?.minor;
        Ok(NewInvoice {
            cause: Cause::Period(period.ordinal),
            purpose,
            basis,
            at,
            days_until_due: self.collection.days_until_due(),
            gathers_until: None,
        })
    }

    /// The discounts that hold in the running period; its ordinal says how many were billed before it.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] for a coupon without an amount in the terms' currency.
    pub fn discounts_now(&self) -> Result<Vec<Discount>, Refusal> {
        self.discounts_of(&self.terms)
    }

    /// The discounts that other terms would have in the running period.
    pub(super) fn discounts_of(&self, terms: &Terms) -> Result<Vec<Discount>, Refusal> {
        let paid = self.period.map_or(0, |p| p.ordinal.saturating_sub(1));
        Ok(discounts(terms, &self.discounts, paid)?)
    }

    /// How the terms are taxed from `at` on: by the customer's local day.
    pub(super) fn treatment(&self, at: Instant, taxes: &Taxes) -> Result<Option<TaxTreatment>, Refusal> {
        self.treatment_of(&self.terms, at, taxes)
    }

    /// How other terms would be taxed from `at` on.
    pub(super) fn treatment_of(
        &self,
        terms: &Terms,
        at: Instant,
        taxes: &Taxes,
    ) -> Result<Option<TaxTreatment>, Refusal> {
        let day = at.with_timezone(&self.anchor.zone()).date_naive();
        taxes.treatment(terms.conditions.tax.as_ref(), day)
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
