//! What the use cases need from the world, as traits without vendor names.
//!
//! To add an adapter: implement the trait, then run the functions of [`crate::contract`] against it; they are the
//! promise, in tests.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use billing::{
    calendar::{Instant, WallTime},
    catalog::{Plan, Policy, VersionRef},
    check::Records,
    customer::{ContractPrice, Customer},
    discount::{Coupon, CouponCode},
    document::{InvoiceNumber, Series},
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup, RefundOutcome},
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::{Claim, Invoice, RefundClaim},
    journal::JournalEntry,
    subscription::Subscription,
    tax::TaxSettings,
    usage::Chunk,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Something stored, with the version that a write must still find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What.
    pub value: T,
    /// From 1; every commit adds one.
    pub version: u64,
}

/// A write: the value, and the version it replaces (0: it must not exist).
#[derive(Clone, Debug)]
pub struct Save<T> {
    /// The new value.
    pub value: T,
    /// The version that must be there.
    pub replaces: u64,
}

/// Everything that one decision writes: all of it, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The customer's profile.
    pub customer: Option<Save<Customer>>,
    /// Changed subscriptions, each once. Most decisions are about one; what becomes of a document is about all on it.
    pub subscriptions: Vec<Save<Subscription>>,
    /// New and changed invoices.
    pub invoices: Vec<Save<Invoice>>,
    /// The entries of the decisions about those subscriptions, unless they ride on invoices.
    pub journal: Vec<JournalEntry>,
    /// Counters of coupons that grow with it; each must stay within its limit.
    pub redemptions: Vec<CountRedemption>,
    /// Coupons, by id, of which one redemption comes back; the counter has it.
    pub returned: Vec<String>,
    /// Remembers the request, so that a repetition is recognised.
    pub idempotency: Option<IdempotencyRecord>,
}

/// Most writes of a commit: those of a DynamoDB transaction.
pub const WRITES_MAX: usize = 100;

impl Commit {
    /// How many items it writes, if each contract has an entry of its own.
    #[must_use]
    pub fn writes(&self) -> usize {
        let single = usize::from(self.customer.is_some()) + usize::from(self.idempotency.is_some());
        let counters = self.redemptions.len() + self.returned.len();
        single + 2 * self.subscriptions.len() + self.invoices.len() + counters
    }
}

/// One more redemption of a coupon, if there is one left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRedemption {
    /// Which coupon, by id.
    pub coupon: String,
    /// How many there may be in all.
    pub limit: u32,
}

/// What a repeated request is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Whose key: the storefront.
    pub scope: String,
    /// The Idempotency-Key.
    pub key: String,
    /// SHA-256 of the verb and the body.
    pub fingerprint: String,
    /// What the request made or changed.
    pub customer: CustomerId,
    /// What the request made or changed.
    pub subscription: SubscriptionId,
    /// When it may be forgotten (wall time).
    pub expires_at: WallTime,
}

/// Everything kept about one customer: one partition, one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerFile {
    /// The profile.
    pub customer: Versioned<Customer>,
    /// All contracts, by id.
    pub subscriptions: Vec<Versioned<Subscription>>,
    /// All invoices, by id.
    pub invoices: Vec<Versioned<Invoice>>,
    /// All entries that are items of their own.
    pub journal: Vec<JournalEntry>,
    /// The legal numbers of the invoices that have one.
    pub numbers: BTreeMap<InvoiceId, InvoiceNumber>,
}

impl CustomerFile {
    /// What is checked of it.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records {
            subscriptions: self.subscriptions.iter().map(|held| &held.value).collect(),
            invoices: self.invoices.iter().map(|invoice| &invoice.value).collect(),
            journal: self.journal.iter().collect(),
        }
    }
}

/// The three lanes of the due index. Contract events and money wait apart, so that paced collections never hold up
/// renewals; questions to the gateway wait on wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Contract events of subscriptions, on business time.
    Renew,
    /// First collections, refunds and rungs of invoices, on business time.
    Collect,
    /// Unknown payments and refunds to ask about, on wall time.
    Ask,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 3] = [Self::Renew, Self::Collect, Self::Ask];
}

/// What a due entry is; decides the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// A contract event.
    Renew,
    /// A first collection, or a refund.
    Collect,
    /// A rung of a ladder.
    Retry,
    /// A question to the gateway.
    Reconcile,
}

impl DueKind {
    /// All kinds, in the order that they sort within an instant: what follows from an earlier kind sorts after it.
    pub const ALL: [Self; 4] = [Self::Renew, Self::Collect, Self::Retry, Self::Reconcile];
}

/// One entry of the due index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    /// When (business or wall time, as its lane says).
    pub at: Instant,
    /// What.
    pub kind: DueKind,
    /// The job that does it.
    pub job: Job,
    /// The entry's sort key: a sweep continues after it.
    pub position: String,
}

/// A message to a worker: which item to look after. It carries no decision; the worker loads and decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The partition.
    pub customer: CustomerId,
    /// The subscription or invoice id.
    pub item: String,
}

/// The table of customers, catalog and everything that is kept for ever.
#[async_trait]
pub trait Store: Send + Sync {
    /// The customer's profile.
    async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error>;
    /// One contract.
    async fn subscription(
        &self,
        customer: &CustomerId,
        id: &SubscriptionId,
    ) -> Result<Option<Versioned<Subscription>>, Error>;
    /// One invoice with its facts.
    async fn invoice(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<Versioned<Invoice>>, Error>;
    /// One invoice, and the profile of its customer. Adapters that can, read both at once: it is what a collection needs.
    async fn invoice_and_customer(
        &self,
        customer: &CustomerId,
        id: &InvoiceId,
    ) -> Result<(Option<Versioned<Invoice>>, Option<Versioned<Customer>>), Error> {
        Ok((self.invoice(customer, id).await?, self.customer(customer).await?))
    }
    /// The legal number of an invoice, once it has one.
    async fn number(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<InvoiceNumber>, Error>;
    /// Everything about one customer.
    async fn file(&self, customer: &CustomerId) -> Result<Option<CustomerFile>, Error>;
    /// Writes all of `commit` or nothing. [`Error::Conflict`] when a version is not the one expected.
    async fn commit(&self, commit: Commit) -> Result<(), Error>;
    /// Up to `limit` entries of a lane's shard that are due at `until`, after `position`, in order.
    async fn due(
        &self,
        lane: Lane,
        shard: u16,
        until: Instant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DueEntry>, Error>;
    /// A plan version. Immutable, so adapters may keep it for ever.
    async fn plan(&self, reference: &VersionRef) -> Result<Option<Plan>, Error>;
    /// A policy version. Immutable.
    async fn policy(&self, reference: &VersionRef) -> Result<Option<Policy>, Error>;
    /// The version of a plan on sale: the highest that was published.
    async fn current_plan(&self, name: &str) -> Result<Option<Plan>, Error>;
    /// The price negotiated with a customer.
    async fn contract_price(&self, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Error>;
    /// Publishes one plan version and puts it on sale, unless a higher one is. False when the same version with other contents is there.
    async fn publish_plan(&self, plan: &Plan) -> Result<bool, Error>;
    /// Publishes one policy version and makes it current, unless a higher one is. False when the same version with other contents is there.
    async fn publish_policy(&self, policy: &Policy) -> Result<bool, Error>;
    /// The current version of a policy.
    async fn current_policy(&self, name: &str) -> Result<Option<Policy>, Error>;
    /// Agrees on a price with a customer; replaces an earlier one for the same plan, currency and interval.
    async fn put_contract_price(&self, price: &ContractPrice) -> Result<(), Error>;

    /// Forgets the price that was agreed on for the plan, currency and interval of this one.
    async fn remove_contract_price(&self, price: &ContractPrice) -> Result<(), Error>;
    /// A coupon or offer, by id. Immutable.
    async fn coupon(&self, id: &str) -> Result<Option<Coupon>, Error>;
    /// The coupon that a code belongs to now.
    async fn coupon_of(&self, code: &CouponCode) -> Result<Option<Coupon>, Error>;
    /// Publishes a coupon, and gives it its code. False when the same id with other contents is there.
    async fn publish_coupon(&self, coupon: &Coupon) -> Result<bool, Error>;
    /// How often a coupon with a limit was redeemed by all customers.
    async fn redemptions(&self, coupon: &str) -> Result<u32, Error>;
    /// A version of tax settings. Immutable.
    async fn tax_settings(&self, reference: &VersionRef) -> Result<Option<TaxSettings>, Error>;
    /// The current version of tax settings.
    async fn current_tax_settings(&self, name: &str) -> Result<Option<TaxSettings>, Error>;
    /// Publishes tax settings and makes them current. False when the same version with other contents is there.
    async fn publish_tax_settings(&self, settings: &TaxSettings) -> Result<bool, Error>;
}

/// What became of invoices that were to be numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// All have the next numbers, in their order.
    All,
    /// Nothing was written.
    None {
        /// These have numbers already; at least one that is in the way.
        numbered: Vec<InvoiceId>,
    },
}

/// Legal numbers: a counter for each series, and one number for each invoice.
#[async_trait]
pub trait Numbers: Send + Sync {
    /// The number that was given last in a series; 0 before the first.
    async fn last_number(&self, series: &Series) -> Result<u64, Error>;
    /// Gives `invoices` (1 to 99, all different) the numbers after `after`, in their order: all of them and the
    /// counter, or nothing. [`Error::Conflict`] when `after` is not the last number any more.
    async fn assign_numbers(
        &self,
        series: &Series,
        after: u64,
        invoices: &[(CustomerId, InvoiceId)],
    ) -> Result<Assigned, Error>;
}

/// Where a sweep stands in one shard of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPosition {
    /// The last entry admitted; none at the head.
    pub after: Option<String>,
    /// When this pass over the head began (wall time).
    pub pass_began: WallTime,
}

/// One chunk of a contract's usage on one day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// Whose.
    pub customer: CustomerId,
    /// Which contract.
    pub subscription: SubscriptionId,
    /// The events' day, in UTC.
    pub day: NaiveDate,
    /// From 0.
    pub number: usize,
}

/// The table of what churns: idempotency, sweep positions, pace, keys, the test clock.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The record of an earlier request.
    async fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRecord>, Error>;
    /// Where the sweep stands.
    async fn sweep_position(&self, lane: Lane, shard: u16) -> Result<Option<SweepPosition>, Error>;
    /// Moves the sweep.
    async fn put_sweep_position(&self, lane: Lane, shard: u16, position: &SweepPosition) -> Result<(), Error>;
    /// Takes up to `wanted` permits of a bucket that holds `limit` for its window; returns how many were granted.
    async fn take_permits(&self, bucket: &str, wanted: u32, limit: u32, window_ends: WallTime) -> Result<u32, Error>;
    /// How many permits of these buckets together are taken.
    async fn permits_taken(&self, buckets: &[String]) -> Result<u32, Error>;
    /// The storefront that owns the key with this SHA-256.
    async fn storefront_of(&self, key_sha256: &str) -> Result<Option<String>, Error>;
    /// Gives a storefront a key.
    async fn put_storefront_key(&self, key_sha256: &str, storefront: &str) -> Result<(), Error>;
    /// A chunk of usage, as it is now.
    async fn usage_chunk(&self, key: &ChunkKey) -> Result<Option<Versioned<Chunk>>, Error>;
    /// Writes a chunk of usage. [`Error::Conflict`] when the version there is not the one that it replaces.
    async fn put_usage_chunk(&self, key: &ChunkKey, save: Save<Chunk>, expires_at: WallTime) -> Result<(), Error>;
    /// The business time that the test clock stands at.
    async fn test_clock(&self) -> Result<Option<Instant>, Error>;
    /// Moves the test clock.
    async fn set_test_clock(&self, at: Instant) -> Result<(), Error>;
}

/// A payment provider. Contract: `charge` and `refund` never fail, they answer `Unknown`.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// What the adapter promises.
    fn declaration(&self) -> GatewayDeclaration;
    /// Collects the claim's amount under the claim's key. Calling again with the same claim gives the first answer.
    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome;
    /// What became of the attempt with the claim's key.
    async fn look_up(&self, claim: &Claim) -> Lookup;
    /// Sends the claim's amount back to its payment, under the claim's key. Calling again with the same claim gives the
    /// first answer. Only called where the declaration says that refunds are made.
    async fn refund(&self, claim: &RefundClaim, _customer: &CustomerId) -> RefundOutcome {
        RefundOutcome::Unknown { why: format!("gateway {} makes no refunds", claim.paid_by.gateway) }
    }
    /// What became of the refund with the claim's key.
    async fn look_up_refund(&self, _claim: &RefundClaim) -> Lookup<RefundOutcome> {
        Lookup::Unavailable
    }
}

/// The gateways of a stack, by name.
#[derive(Clone, Default)]
pub struct Gateways(BTreeMap<&'static str, Arc<dyn Gateway>>);

impl Gateways {
    /// A set of adapters.
    #[must_use]
    pub fn new(adapters: impl IntoIterator<Item = Arc<dyn Gateway>>) -> Self {
        Self(adapters.into_iter().map(|a| (a.declaration().name, a)).collect())
    }

    /// The adapter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn Gateway> {
        self.0.get(name).map(Arc::as_ref)
    }
}

/// The queues between sweep and workers.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends jobs to the queue of `kind`, at least once each.
    async fn send(&self, kind: DueKind, jobs: Vec<Job>) -> Result<(), Error>;
}

/// The bus that the world listens to.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Announces events; returns those that were not taken, to be sent again.
    async fn publish(&self, events: Vec<crate::relay::BusEvent>) -> Result<Vec<crate::relay::BusEvent>, Error>;
}

/// The two clocks (DESIGN section 3).
#[async_trait]
pub trait Clocks: Send + Sync {
    /// Business time: periods, ladders, `occurred_at`. Moved by the test clock where the stack allows it.
    async fn business(&self) -> Result<Instant, Error>;
    /// Wall time: deadlines, leases, key lifetimes, signatures. Never moved.
    fn wall(&self) -> WallTime;
}

/// Where new ids come from.
pub trait Ids: Send + Sync {
    /// 128 bits that were never given before.
    fn next(&self) -> u128;
}

/// What nearly every use case needs: store, operations, clocks, ids.
#[derive(Clone)]
pub struct Ledger {
    /// Kept for ever.
    pub store: Arc<dyn Store>,
    /// Churns.
    pub operations: Arc<dyn Operations>,
    /// Both clocks.
    pub clocks: Arc<dyn Clocks>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
}
