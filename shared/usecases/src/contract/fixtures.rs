//! Small worlds for the contract: a plan, customers, contracts and their invoices, all with the run's prefix.

use billing::{
    calendar::{Instant, WallTime},
    catalog::{Plan, Policy},
    customer::{Customer, TaxData},
    fact::{Happening, stamp},
    ids::{CustomerId, SubscriptionId},
    invoice::{
        Attempt, Claim, Invoice, InvoiceState, Method, PaidBy, Refund, RefundClaim, RefundState, key, refund_key,
    },
    refusal::Refusal,
    subscription::{Collection, Effect, Order, Outcome, Subscription, open},
    terms::Terms,
};
use chrono::{DateTime, TimeDelta};

use super::Subject;
use crate::{
    error::Error,
    ports::{Commit, IdempotencyRecord, Save, Versioned},
};

/// Noon on 1 January 2031: later than any wall clock, so that a shared table has no entries of others around it.
pub(super) fn new_year() -> Instant {
    DateTime::from_timestamp(1_924_948_800, 0).unwrap_or_default()
}

pub(super) fn days_later(days: i64) -> Instant {
    new_year() + TimeDelta::days(days)
}

/// A customer with one contract and its first invoice, not stored yet.
pub(super) struct World {
    pub(super) customer: Customer,
    pub(super) subscription: Subscription,
    pub(super) invoice: Invoice,
}

fn refused(refusal: Refusal) -> Error {
    Error::Refused(refusal)
}

fn bad(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unavailable("make the contract's fixtures", error)
}

impl Subject {
    pub(super) fn customer_id(&self, name: &str) -> Result<CustomerId, Error> {
        CustomerId::try_new(format!("cus_{}-{name}", self.prefix)).map_err(bad)
    }

    pub(super) fn subscription_id(&self, name: &str) -> Result<SubscriptionId, Error> {
        SubscriptionId::try_new(format!("sub_{}-{name}", self.prefix)).map_err(bad)
    }

    pub(super) fn plan(&self, version: u32, amount: &str) -> Result<Plan, Error> {
        let json = serde_json::json!({
            "id": format!("{}-team", self.prefix), "version": version, "title": "Team", "features": ["reports"],
            // Names that an adapter which shortens names must give back as they are.
            "limits": { "a": 1, "at": 2, "amount": 3, "seats": 4, "customer": 5 },
            "prices": [{ "currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": amount }],
        });
        serde_json::from_value(json).map_err(bad)
    }

    /// A contract that begins at `now`.
    pub(super) fn world(&self, name: &str, now: Instant) -> Result<World, Error> {
        let plan = self.plan(1, "9.90")?;
        let terms = Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 3).map_err(refused)?;
        let customer = Customer {
            id: self.customer_id(name)?,
            currency: plan.prices[0].currency,
            time_zone: chrono_tz(),
            email: None,
            locale: Some("de".into()),
            channel: Some("organic".into()),
            country: None,
            storefront: Some("web".into()),
            arm: None,
            method: Some(method()),
            tax: TaxData::default(),
            redeemed: std::collections::BTreeMap::new(),
            consolidate: false,
            acquired_at: now,
        };
        let order = Order {
            subscription: self.subscription_id(name)?,
            customer: customer.id.clone(),
            terms,
            proration: Policy::standard().proration,
            collection: Collection::Automatic,
            gathering: None,
            starts_at: None,
            trial_days: 0,
            trial_until: None,
            trial: billing::subscription::TrialRules::default(),
            alignment: None,
            coupons: Vec::new(),
            zone: customer.time_zone,
            storefront: customer.storefront.clone(),
            arm: None,
        };
        let Outcome::Applied { next, effects, .. } = open(order, now).map_err(refused)? else {
            return Err(Error::unavailable("make the contract's fixtures", "nothing was opened"));
        };
        let issued = effects.into_iter().find_map(|effect| match effect {
            Effect::Issue(new) => Some(new),
            _ => None,
        });
        let issued = issued.ok_or_else(|| Error::unavailable("make the contract's fixtures", "no invoice"))?;
        let invoice = Invoice::issue(&next, *issued).map_err(refused)?;
        Ok(World { customer, subscription: *next, invoice })
    }

    /// Stores a new world.
    pub(super) async fn stored(&self, name: &str, now: Instant) -> Result<World, Error> {
        let world = self.world(name, now)?;
        self.store.commit(world.commit()).await?;
        Ok(world)
    }

    pub(super) async fn invoice(&self, world: &World) -> Result<Versioned<Invoice>, Error> {
        let found = self.store.invoice(&world.customer.id, &world.invoice.id).await?;
        found.ok_or_else(|| Error::unavailable("read what was written", world.invoice.id.to_string()))
    }

    pub(super) async fn subscription(&self, world: &World) -> Result<Versioned<Subscription>, Error> {
        let found = self.store.subscription(&world.customer.id, &world.subscription.id).await?;
        found.ok_or_else(|| Error::unavailable("read what was written", world.subscription.id.to_string()))
    }
}

fn chrono_tz() -> chrono_tz::Tz {
    chrono_tz::Europe::Berlin
}

fn method() -> Method {
    Method { gateway: "sandbox".into(), token: "pm_card_visa".into(), kind: "card".into() }
}

impl World {
    /// Everything new.
    pub(super) fn commit(&self) -> Commit {
        Commit {
            customer: Some(new(self.customer.clone())),
            subscriptions: vec![new(self.subscription.clone())],
            invoices: vec![new(self.invoice.clone())],
            ..Commit::default()
        }
    }

    /// A claim of the invoice's first attempt by worker `worker`: no two are equal.
    pub(super) fn claim(&self, worker: i64) -> Claim {
        let sent_at = WallTime(days_later(0)).plus_seconds(worker);
        Claim {
            attempt: 1,
            key: key(&self.invoice.id, 1),
            amount: self.invoice.total,
            method: method(),
            at: self.invoice.issued_at,
            sent_at,
            deadline: sent_at.plus_seconds(60),
        }
    }

    /// The invoice as that worker leaves it.
    pub(super) fn claimed(&self, worker: i64) -> Invoice {
        let since = self.invoice.issued_at;
        Invoice {
            state: InvoiceState::Collecting { claim: self.claim(worker), climb: None, since },
            ..self.invoice.clone()
        }
    }

    /// The invoice, paid, with a fact about it that fills every column.
    pub(super) fn paid(&self) -> Invoice {
        let at = days_later(1);
        let facts = stamp(vec![self.happening()], self.invoice.id.as_str(), 2, WallTime(at));
        Invoice { state: InvoiceState::Paid { at }, facts, ..self.invoice.clone() }
    }

    /// The invoice, paid, with one refund of all of it in this state.
    pub(super) fn refunded(&self, state: RefundState) -> Invoice {
        let paid_by = PaidBy { gateway: "sandbox".into(), kind: "card".into() };
        let attempt = Attempt {
            attempt: 1,
            at: days_later(1),
            code: None,
            reference: Some("ch_1".into()),
            amount: None,
            paid_by: Some(paid_by.clone()),
        };
        let claim = RefundClaim {
            key: refund_key(&self.invoice.id, 1),
            amount: self.invoice.total,
            paid_by,
            payment: "ch_1".into(),
            at: days_later(2),
        };
        let refunds = vec![Refund { claim, tax_minor: 7, state }];
        Invoice { attempts: vec![attempt], refunds, ..self.paid() }
    }

    pub(super) fn happening(&self) -> Happening {
        Happening {
            subscription_id: self.subscription.id.clone(),
            customer_id: self.customer.id.clone(),
            event_type: billing::fact::EventType::Renewal,
            occurred_at: days_later(1) + TimeDelta::microseconds(7),
            plan: "team".into(),
            interval: "month".into(),
            quantity: 3,
            currency: "USD".into(),
            amount_minor: 2_970,
            mrr12_minor: -35_640,
            invoice_id: Some(self.invoice.id.clone()),
            attempt: Some(1),
            reason: Some("contract".into()),
            list12_minor: Some(i64::MAX),
            tax_minor: Some(0),
            gateway: Some("sandbox".into()),
            method: Some("card".into()),
            code: Some("none".into()),
            coupon: Some("SPRING".into()),
            storefront: Some("web".into()),
            period_end: Some(days_later(31)),
            sku: Some("base".into()),
            arm: Some("b".into()),
        }
    }

    pub(super) fn record(&self, scope: &str, key: &str) -> IdempotencyRecord {
        IdempotencyRecord {
            scope: scope.into(),
            key: key.into(),
            fingerprint: "f".repeat(64),
            customer: self.customer.id.clone(),
            subscription: self.subscription.id.clone(),
            expires_at: WallTime(days_later(31)),
        }
    }
}

pub(super) fn new<T>(value: T) -> Save<T> {
    Save { value, replaces: 0 }
}
