//! A store with something between it and the use cases: for tests that let workers meet, fail or be told of.
//!
//! Exists so that a new method of the port is passed on in one place, and a test says only what it does differently.

use std::sync::Arc;

use async_trait::async_trait;
use billing::{
    calendar::Instant,
    catalog::{Plan, Policy, VersionRef},
    customer::{ContractPrice, Customer},
    discount::{Coupon, CouponCode},
    document::InvoiceNumber,
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::Invoice,
    subscription::Subscription,
    tax::TaxSettings,
};

use crate::{
    error::Error,
    ports::{Commit, CustomerFile, DueEntry, Lane, Store, Versioned},
};

/// What happens between the use cases and the store.
#[async_trait]
pub trait Interposer: Send + Sync {
    /// After something was read that a decision is made on: a contract, an invoice, how often a coupon was redeemed.
    async fn after_read(&self);
    /// Instead of a commit to `inner`.
    async fn commit(&self, inner: &dyn Store, commit: Commit) -> Result<(), Error>;
}

/// `inner`, with `with` in between.
pub struct Interposed<I> {
    /// The store behind.
    pub inner: Arc<dyn Store>,
    /// What is in between.
    pub with: I,
}

#[async_trait]
impl<I: Interposer> Store for Interposed<I> {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        self.inner.customer(id).await
    }

    async fn subscription(
        &self,
        customer: &CustomerId,
        id: &SubscriptionId,
    ) -> Result<Option<Versioned<Subscription>>, Error> {
        let found = self.inner.subscription(customer, id).await;
        self.with.after_read().await;
        found
    }

    async fn invoice(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<Versioned<Invoice>>, Error> {
        let found = self.inner.invoice(customer, id).await;
        self.with.after_read().await;
        found
    }

    async fn number(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<InvoiceNumber>, Error> {
        self.inner.number(customer, id).await
    }

    async fn file(&self, customer: &CustomerId) -> Result<Option<CustomerFile>, Error> {
        self.inner.file(customer).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        self.with.commit(self.inner.as_ref(), commit).await
    }

    async fn due(
        &self,
        lane: Lane,
        shard: u16,
        until: Instant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DueEntry>, Error> {
        self.inner.due(lane, shard, until, after, limit).await
    }

    async fn plan(&self, reference: &VersionRef) -> Result<Option<Plan>, Error> {
        self.inner.plan(reference).await
    }

    async fn policy(&self, reference: &VersionRef) -> Result<Option<Policy>, Error> {
        self.inner.policy(reference).await
    }

    async fn current_plan(&self, name: &str) -> Result<Option<Plan>, Error> {
        self.inner.current_plan(name).await
    }

    async fn contract_price(&self, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Error> {
        self.inner.contract_price(customer, plan).await
    }

    async fn publish_plan(&self, plan: &Plan) -> Result<bool, Error> {
        self.inner.publish_plan(plan).await
    }

    async fn publish_policy(&self, policy: &Policy) -> Result<bool, Error> {
        self.inner.publish_policy(policy).await
    }

    async fn current_policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        self.inner.current_policy(name).await
    }

    async fn put_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        self.inner.put_contract_price(price).await
    }

    async fn remove_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        self.inner.remove_contract_price(price).await
    }

    async fn coupon(&self, id: &str) -> Result<Option<Coupon>, Error> {
        self.inner.coupon(id).await
    }

    async fn coupon_of(&self, code: &CouponCode) -> Result<Option<Coupon>, Error> {
        self.inner.coupon_of(code).await
    }

    async fn publish_coupon(&self, coupon: &Coupon) -> Result<bool, Error> {
        self.inner.publish_coupon(coupon).await
    }

    async fn redemptions(&self, coupon: &str) -> Result<u32, Error> {
        let found = self.inner.redemptions(coupon).await;
        self.with.after_read().await;
        found
    }

    async fn tax_settings(&self, reference: &VersionRef) -> Result<Option<TaxSettings>, Error> {
        self.inner.tax_settings(reference).await
    }

    async fn current_tax_settings(&self, name: &str) -> Result<Option<TaxSettings>, Error> {
        self.inner.current_tax_settings(name).await
    }

    async fn publish_tax_settings(&self, settings: &TaxSettings) -> Result<bool, Error> {
        self.inner.publish_tax_settings(settings).await
    }
}
