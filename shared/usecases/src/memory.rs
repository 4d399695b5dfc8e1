//! Reference adapters in memory: what every real adapter must behave like.
//!
//! Exists for tests and as the model in comparisons; one lock, so every commit is atomic by construction.

mod numbers;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use billing::{
    calendar::{Instant, WallTime},
    catalog::{Plan, Policy, VersionRef},
    customer::{ContractPrice, Customer},
    discount::{Coupon, CouponCode},
    document::InvoiceNumber,
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::Invoice,
    journal::JournalEntry,
    subscription::Subscription,
    tax::TaxSettings,
    usage::Chunk,
};

use crate::{
    due::{self, Place},
    error::Error,
    ports::{
        Bus, ChunkKey, Clocks, Commit, CustomerFile, DueEntry, DueKind, IdempotencyRecord, Ids, Job, Lane, Operations,
        Queue, Save, Store, SweepPosition, Versioned, WRITES_MAX,
    },
    relay::BusEvent,
};

type Key = (CustomerId, String);

#[derive(Default)]
struct Tables {
    customers: BTreeMap<CustomerId, Versioned<Customer>>,
    subscriptions: BTreeMap<Key, Versioned<Subscription>>,
    invoices: BTreeMap<Key, Versioned<Invoice>>,
    journal: BTreeMap<Key, JournalEntry>,
    plans: BTreeMap<VersionRef, Plan>,
    policies: BTreeMap<VersionRef, Policy>,
    on_sale: BTreeMap<String, VersionRef>,
    contracts: Vec<ContractPrice>,
    coupons: BTreeMap<String, Coupon>,
    codes: BTreeMap<CouponCode, String>,
    redemptions: BTreeMap<String, u32>,
    taxes: BTreeMap<VersionRef, TaxSettings>,
    due: BTreeMap<(Lane, u16, String), Job>,
    idempotency: HashMap<(String, String), IdempotencyRecord>,
    positions: HashMap<(Lane, u16), SweepPosition>,
    buckets: HashMap<String, u32>,
    keys: HashMap<String, String>,
    usage: BTreeMap<ChunkKey, Versioned<Chunk>>,
    numbers: BTreeMap<Key, InvoiceNumber>,
    clock: Option<Instant>,
}

impl Tables {
    /// Makes a version current, unless a higher one is.
    fn point(&mut self, shelf: String, to: VersionRef) {
        let current = self.on_sale.entry(shelf).or_insert_with(|| to.clone());
        if current.version < to.version {
            *current = to;
        }
    }
}

/// Store and operations in memory.
pub struct MemoryStore {
    shards: u16,
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store with `shards` shards a lane.
    #[must_use]
    pub fn new(shards: u16) -> Self {
        Self { shards, tables: Mutex::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic in one test thread must not hide behind a poisoned lock in another.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check<T>(stored: Option<&Versioned<T>>, replaces: u64, what: impl Fn() -> String) -> Result<(), Error> {
    if stored.map_or(0, |s| s.version) == replaces { Ok(()) } else { Err(Error::Conflict(what())) }
}

impl Tables {
    fn check(&self, commit: &Commit) -> Result<(), Error> {
        if commit.writes() > WRITES_MAX {
            return Err(Error::unavailable("commit", format!("{} writes are more than {WRITES_MAX}", commit.writes())));
        }
        if let Some(save) = &commit.customer {
            check(self.customers.get(&save.value.id), save.replaces, || save.value.id.to_string())?;
        }
        for save in &commit.subscriptions {
            let key = (save.value.customer.clone(), save.value.id.to_string());
            check(self.subscriptions.get(&key), save.replaces, || save.value.id.to_string())?;
        }
        for save in &commit.invoices {
            let key = (save.value.customer.clone(), save.value.id.to_string());
            check(self.invoices.get(&key), save.replaces, || save.value.id.to_string())?;
        }
        for entry in &commit.journal {
            if self.journal.contains_key(&journal_key(owner(commit, entry)?, entry)) {
                return Err(Error::Conflict(format!("{} version {}", entry.subscription, entry.version)));
            }
        }
        for count in &commit.redemptions {
            if self.redemptions.get(&count.coupon).copied().unwrap_or(0) >= count.limit {
                return Err(Error::Conflict(format!("coupon {}", count.coupon)));
            }
        }
        let remembered = commit.idempotency.as_ref().map(|record| (record.scope.clone(), record.key.clone()));
        if remembered.is_some_and(|request| self.idempotency.contains_key(&request)) {
            return Err(Error::Conflict("the idempotency key".into()));
        }
        Ok(())
    }

    fn apply(&mut self, commit: Commit, shards: u16) {
        for entry in &commit.journal {
            if let Ok(owner) = owner(&commit, entry) {
                self.journal.insert(journal_key(owner, entry), entry.clone());
            }
        }
        if let Some(Save { value, replaces }) = commit.customer {
            self.customers.insert(value.id.clone(), Versioned { value, version: replaces + 1 });
        }
        for Save { value, replaces } in commit.subscriptions {
            let key = (value.customer.clone(), value.id.to_string());
            let before = self.subscriptions.get(&key).and_then(|s| due::of_subscription(&s.value, shards));
            self.move_place(before, due::of_subscription(&value, shards), &key);
            self.subscriptions.insert(key, Versioned { value, version: replaces + 1 });
        }
        for Save { value, replaces } in commit.invoices {
            let key = (value.customer.clone(), value.id.to_string());
            let before = self.invoices.get(&key).and_then(|i| due::of_invoice(&i.value, shards));
            self.move_place(before, due::of_invoice(&value, shards), &key);
            self.invoices.insert(key, Versioned { value, version: replaces + 1 });
        }
        for count in commit.redemptions {
            *self.redemptions.entry(count.coupon).or_default() += 1;
        }
        for coupon in commit.returned {
            self.redemptions.entry(coupon).and_modify(|count| *count = count.saturating_sub(1));
        }
        if let Some(record) = commit.idempotency {
            self.idempotency.insert((record.scope.clone(), record.key.clone()), record);
        }
    }

    fn move_place(&mut self, before: Option<Place>, after: Option<Place>, (customer, item): &Key) {
        if let Some(place) = before {
            self.due.remove(&(place.lane, place.shard, place.position));
        }
        if let Some(place) = after {
            let job = Job { customer: customer.clone(), item: item.clone() };
            self.due.insert((place.lane, place.shard, place.position), job);
        }
    }
}

/// Whose subscription an entry is about: the commit writes that too.
fn owner<'a>(commit: &'a Commit, entry: &JournalEntry) -> Result<&'a CustomerId, Error> {
    let about = commit.subscriptions.iter().find(|save| save.value.id == entry.subscription);
    let owner = about.map(|save| &save.value.customer);
    owner.ok_or_else(|| Error::unavailable("commit", "a journal entry without its subscription"))
}

fn journal_key(customer: &CustomerId, entry: &JournalEntry) -> Key {
    (customer.clone(), format!("{}#{:010}", entry.subscription, entry.version))
}

fn of_customer<'a, T>(table: &'a BTreeMap<Key, T>, customer: &'a CustomerId) -> impl Iterator<Item = &'a T> {
    table.iter().filter(move |((owner, _), _)| owner == customer).map(|(_, value)| value)
}

#[async_trait]
impl Store for MemoryStore {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        Ok(self.tables().customers.get(id).cloned())
    }

    async fn subscription(
        &self,
        customer: &CustomerId,
        id: &SubscriptionId,
    ) -> Result<Option<Versioned<Subscription>>, Error> {
        Ok(self.tables().subscriptions.get(&(customer.clone(), id.to_string())).cloned())
    }

    async fn invoice(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<Versioned<Invoice>>, Error> {
        Ok(self.tables().invoices.get(&(customer.clone(), id.to_string())).cloned())
    }

    async fn number(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<InvoiceNumber>, Error> {
        Ok(self.tables().numbers.get(&(customer.clone(), id.to_string())).cloned())
    }

    async fn file(&self, customer: &CustomerId) -> Result<Option<CustomerFile>, Error> {
        let tables = self.tables();
        let Some(profile) = tables.customers.get(customer).cloned() else { return Ok(None) };
        Ok(Some(CustomerFile {
            customer: profile,
            subscriptions: of_customer(&tables.subscriptions, customer).cloned().collect(),
            invoices: of_customer(&tables.invoices, customer).cloned().collect(),
            journal: of_customer(&tables.journal, customer).cloned().collect(),
            numbers: tables.numbers_of(customer),
        }))
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        let mut tables = self.tables();
        tables.check(&commit)?;
        tables.apply(commit, self.shards);
        Ok(())
    }

    async fn due(
        &self,
        lane: Lane,
        shard: u16,
        until: Instant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DueEntry>, Error> {
        let tables = self.tables();
        let bound = due::bound(until);
        let waiting = tables.due.iter().filter(|((l, s, _), _)| *l == lane && *s == shard);
        let due = waiting.filter(|((_, _, p), _)| *p < bound && after.is_none_or(|a| p.as_str() > a));
        let entries = due.filter_map(|((_, _, position), job)| {
            let (at, kind, _) = due::parse(position)?;
            Some(DueEntry { at, kind, job: job.clone(), position: position.clone() })
        });
        Ok(entries.take(limit).collect())
    }

    async fn plan(&self, reference: &VersionRef) -> Result<Option<Plan>, Error> {
        Ok(self.tables().plans.get(reference).cloned())
    }

    async fn policy(&self, reference: &VersionRef) -> Result<Option<Policy>, Error> {
        Ok(self.tables().policies.get(reference).cloned())
    }

    async fn current_plan(&self, name: &str) -> Result<Option<Plan>, Error> {
        let tables = self.tables();
        Ok(tables.on_sale.get(&format!("plan#{name}")).and_then(|r| tables.plans.get(r)).cloned())
    }

    async fn contract_price(&self, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Error> {
        let tables = self.tables();
        Ok(tables.contracts.iter().filter(|c| c.customer == *customer && c.plan == plan).cloned().collect())
    }

    async fn publish_plan(&self, plan: &Plan) -> Result<bool, Error> {
        let mut tables = self.tables();
        let reference = plan.reference();
        if tables.plans.get(&reference).is_some_and(|p| p != plan) {
            return Ok(false);
        }
        tables.plans.insert(reference.clone(), plan.clone());
        tables.point(format!("plan#{}", plan.id), reference);
        Ok(true)
    }

    async fn publish_policy(&self, policy: &Policy) -> Result<bool, Error> {
        let mut tables = self.tables();
        let reference = policy.reference();
        if tables.policies.get(&reference).is_some_and(|p| p != policy) {
            return Ok(false);
        }
        tables.policies.insert(reference.clone(), policy.clone());
        tables.point(format!("policy#{}", policy.id), reference);
        Ok(true)
    }

    async fn current_policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        let tables = self.tables();
        Ok(tables.on_sale.get(&format!("policy#{name}")).and_then(|r| tables.policies.get(r)).cloned())
    }

    async fn put_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        self.remove_contract_price(price).await?;
        self.tables().contracts.push(price.clone());
        Ok(())
    }

    async fn remove_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        self.tables().contracts.retain(|held| !held.stands_for(price));
        Ok(())
    }

    async fn coupon(&self, id: &str) -> Result<Option<Coupon>, Error> {
        Ok(self.tables().coupons.get(id).cloned())
    }

    async fn coupon_of(&self, code: &CouponCode) -> Result<Option<Coupon>, Error> {
        let tables = self.tables();
        Ok(tables.codes.get(code).and_then(|id| tables.coupons.get(id)).cloned())
    }

    async fn publish_coupon(&self, coupon: &Coupon) -> Result<bool, Error> {
        let mut tables = self.tables();
        if tables.coupons.get(&coupon.id).is_some_and(|c| c != coupon) {
            return Ok(false);
        }
        tables.coupons.insert(coupon.id.clone(), coupon.clone());
        if let Some(code) = &coupon.code {
            tables.codes.insert(code.clone(), coupon.id.clone());
        }
        Ok(true)
    }

    async fn redemptions(&self, coupon: &str) -> Result<u32, Error> {
        Ok(self.tables().redemptions.get(coupon).copied().unwrap_or(0))
    }

    async fn tax_settings(&self, reference: &VersionRef) -> Result<Option<TaxSettings>, Error> {
        Ok(self.tables().taxes.get(reference).cloned())
    }

    async fn current_tax_settings(&self, name: &str) -> Result<Option<TaxSettings>, Error> {
        let tables = self.tables();
        Ok(tables.on_sale.get(&format!("tax#{name}")).and_then(|r| tables.taxes.get(r)).cloned())
    }

    async fn publish_tax_settings(&self, settings: &TaxSettings) -> Result<bool, Error> {
        let mut tables = self.tables();
        let reference = settings.reference();
        if tables.taxes.get(&reference).is_some_and(|s| s != settings) {
            return Ok(false);
        }
        tables.taxes.insert(reference.clone(), settings.clone());
        tables.point(format!("tax#{}", settings.id), reference);
        Ok(true)
    }
}

#[async_trait]
impl Operations for MemoryStore {
    async fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRecord>, Error> {
        Ok(self.tables().idempotency.get(&(scope.to_owned(), key.to_owned())).cloned())
    }

    async fn sweep_position(&self, lane: Lane, shard: u16) -> Result<Option<SweepPosition>, Error> {
        Ok(self.tables().positions.get(&(lane, shard)).cloned())
    }

    async fn put_sweep_position(&self, lane: Lane, shard: u16, position: &SweepPosition) -> Result<(), Error> {
        self.tables().positions.insert((lane, shard), position.clone());
        Ok(())
    }

    async fn take_permits(&self, bucket: &str, wanted: u32, limit: u32, _window_ends: WallTime) -> Result<u32, Error> {
        let mut tables = self.tables();
        let taken = tables.buckets.entry(bucket.to_owned()).or_default();
        let granted = wanted.min(limit.saturating_sub(*taken));
        *taken += granted;
        Ok(granted)
    }

    async fn permits_taken(&self, buckets: &[String]) -> Result<u32, Error> {
        let tables = self.tables();
        Ok(buckets.iter().filter_map(|bucket| tables.buckets.get(bucket)).sum())
    }

    async fn storefront_of(&self, key_sha256: &str) -> Result<Option<String>, Error> {
        Ok(self.tables().keys.get(key_sha256).cloned())
    }

    async fn put_storefront_key(&self, key_sha256: &str, storefront: &str) -> Result<(), Error> {
        self.tables().keys.insert(key_sha256.to_owned(), storefront.to_owned());
        Ok(())
    }

    async fn usage_chunk(&self, key: &ChunkKey) -> Result<Option<Versioned<Chunk>>, Error> {
        Ok(self.tables().usage.get(key).cloned())
    }

    async fn put_usage_chunk(&self, key: &ChunkKey, save: Save<Chunk>, _expires_at: WallTime) -> Result<(), Error> {
        let mut tables = self.tables();
        check(tables.usage.get(key), save.replaces, || format!("usage of {} on {}", key.subscription, key.day))?;
        let Save { value, replaces } = save;
        tables.usage.insert(key.clone(), Versioned { value, version: replaces + 1 });
        Ok(())
    }

    async fn test_clock(&self) -> Result<Option<Instant>, Error> {
        Ok(self.tables().clock)
    }

    async fn set_test_clock(&self, at: Instant) -> Result<(), Error> {
        self.tables().clock = Some(at);
        Ok(())
    }
}

/// Clocks that stand still until they are moved.
pub struct ManualClocks(Mutex<(Instant, WallTime)>);

impl ManualClocks {
    /// Both clocks at `at`.
    #[must_use]
    pub fn at(at: Instant) -> Self {
        Self(Mutex::new((at, WallTime(at))))
    }

    /// Moves business time.
    pub fn set_business(&self, at: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = at;
    }

    /// Moves wall time.
    pub fn pass_seconds(&self, seconds: i64) {
        let mut clocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.1 = clocks.1.plus_seconds(seconds);
    }
}

#[async_trait]
impl Clocks for ManualClocks {
    async fn business(&self) -> Result<Instant, Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn wall(&self) -> WallTime {
        let mut clocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Every look costs a microsecond, so that facts of one story have an order.
        clocks.1 = WallTime(clocks.1.0 + chrono::TimeDelta::microseconds(1));
        clocks.1
    }
}

/// Ids from a counter: the same story has the same ids.
#[derive(Default)]
pub struct CountingIds(Mutex<u128>);

impl Ids for CountingIds {
    fn next(&self) -> u128 {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        *count
    }
}

/// Queues that hold what was sent until it is taken.
#[derive(Default)]
pub struct MemoryQueue(Mutex<BTreeMap<DueKind, Vec<Job>>>);

impl MemoryQueue {
    /// Takes all that waits in the queue of `kind`.
    pub fn take(&self, kind: DueKind) -> Vec<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&kind).unwrap_or_default()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, kind: DueKind, jobs: Vec<Job>) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().extend(jobs);
        Ok(())
    }
}

/// A bus that remembers.
#[derive(Default)]
pub struct MemoryBus(Mutex<Vec<BusEvent>>);

impl MemoryBus {
    /// All events so far.
    pub fn events(&self) -> Vec<BusEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: Vec<BusEvent>) -> Result<Vec<BusEvent>, Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
        Ok(Vec::new())
    }
}
