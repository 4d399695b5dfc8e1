//! The two tables behind the ports [`Store`] and [`usecases::ports::Operations`].
//!
//! Exists as one handle that a function makes once: the client, the table names and what this process may remember for
//! ever (catalog versions are immutable). Writing is in `commit`, the port's reads here, the operations table in
//! `operations`.

mod call;
mod catalog;
mod commit;
mod meter;
mod numbers;
mod operations;
mod usage;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
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
use usecases::{
    due,
    error::Error,
    ports::{Commit, CustomerFile, DueEntry, Job, Lane, Store, Versioned},
};

pub use meter::{CapacityMeter, Units};
pub use usage::{chunk_item, read_chunk};

use crate::{
    item::{self, Attributes, ItemError},
    keys::{self, Shelf},
};

/// DynamoDB as store and operations.
pub struct AwsStore {
    client: Client,
    table: String,
    operations_table: String,
    shards: u16,
    meter: Option<Arc<CapacityMeter>>,
    // Published versions never change, so what was read once is kept for ever.
    plans: Mutex<HashMap<VersionRef, Plan>>,
    policies: Mutex<HashMap<VersionRef, Policy>>,
    taxes: Mutex<HashMap<VersionRef, TaxSettings>>,
}

impl AwsStore {
    /// The store over two tables. `shards` is the number of shards of each lane of the due index.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, operations_table: impl Into<String>, shards: u16) -> Self {
        let (table, operations_table) = (table.into(), operations_table.into());
        let (plans, policies, taxes) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { client, table, operations_table, shards, meter: None, plans, policies, taxes }
    }

    /// The same store, which asks for consumed capacity and adds it to `meter`.
    #[must_use]
    pub fn with_meter(self, meter: Arc<CapacityMeter>) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Reads a partition page by page; `begins` narrows it to sort keys that begin so.
    async fn partition(
        &self,
        operation: &'static str,
        customer: &CustomerId,
        begins: Option<&str>,
    ) -> Result<Vec<Attributes>, Error> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let mut query = self.client.query().table_name(&self.table).consistent_read(true);
            query = match begins {
                Some(prefix) => query
                    .key_condition_expression("pk = :p AND begins_with(sk, :s)")
                    .expression_attribute_values(":s", AttributeValue::S(prefix.into())),
                None => query.key_condition_expression("pk = :p"),
            };
            let query = query.expression_attribute_values(":p", AttributeValue::S(customer.to_string()));
            let query = query.set_exclusive_start_key(start).set_return_consumed_capacity(self.metering());
            let page = query.send().await.map_err(|e| Error::unavailable(operation, e))?;
            self.read(page.consumed_capacity());
            items.extend(page.items.unwrap_or_default().into_iter().map(call::from_sdk));
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

fn unreadable(error: ItemError) -> Error {
    Error::unavailable("read an item", error)
}

/// Sorts the items of a partition into a file. None without a profile.
fn sort(items: Vec<Attributes>) -> Result<Option<CustomerFile>, ItemError> {
    let mut profile = None;
    let (mut subscriptions, mut invoices, mut journal) = (Vec::new(), Vec::new(), Vec::new());
    let mut numbers = BTreeMap::new();
    for attributes in items {
        let key = item::key_of(&attributes)?;
        match key.sk.as_str() {
            keys::PROFILE => profile = Some(item::read_customer(attributes)?),
            sk if sk.starts_with(keys::SUBSCRIPTION_PREFIX) => subscriptions.push(item::read_subscription(attributes)?),
            sk if sk.starts_with(keys::INVOICE_PREFIX) => invoices.push(item::read_invoice(attributes)?),
            sk if sk.starts_with(keys::JOURNAL_PREFIX) => journal.push(item::read_journal(attributes)?),
            sk if sk.starts_with(keys::NUMBER_PREFIX) => numbers.extend([item::read_number(attributes)?]),
            sk if sk.starts_with(keys::CONTRACT_PREFIX) => {}
            _ => return Err(ItemError { pk: key.pk, sk: key.sk, why: "is of no kind that this build knows".into() }),
        }
    }
    Ok(profile.map(|customer| CustomerFile { customer, subscriptions, invoices, journal, numbers }))
}

/// An entry of the due index as the port shows it.
fn due_entry(item: &HashMap<String, AttributeValue>) -> Result<DueEntry, ItemError> {
    let text = |name| item.get(name).and_then(|v| v.as_s().ok()).map_or("", String::as_str);
    let (pk, sk, position) = (text(keys::PK), text(keys::SK), text(keys::DUE_POSITION));
    let bad = |why: String| ItemError { pk: pk.into(), sk: sk.into(), why };
    let (at, kind, _) = due::parse(position).ok_or_else(|| bad(format!("waits at {position:?}")))?;
    let customer = CustomerId::try_new(pk).map_err(|e| bad(e.to_string()))?;
    let id = keys::due_item(sk).ok_or_else(|| bad("waits, but is of no kind that can".into()))?;
    Ok(DueEntry { at, kind, job: Job { customer, item: id.into() }, position: position.into() })
}

#[async_trait]
impl Store for AwsStore {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        let found = self.get("load the customer", &keys::customer(id)).await?;
        found.map(item::read_customer).transpose().map_err(unreadable)
    }

    async fn subscription(
        &self,
        customer: &CustomerId,
        id: &SubscriptionId,
    ) -> Result<Option<Versioned<Subscription>>, Error> {
        let found = self.get("load the subscription", &keys::subscription(customer, id)).await?;
        found.map(item::read_subscription).transpose().map_err(unreadable)
    }

    async fn invoice(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<Versioned<Invoice>>, Error> {
        let found = self.get("load the invoice", &keys::invoice(customer, id)).await?;
        found.map(item::read_invoice).transpose().map_err(unreadable)
    }

    async fn invoice_and_customer(
        &self,
        customer: &CustomerId,
        id: &InvoiceId,
    ) -> Result<(Option<Versioned<Invoice>>, Option<Versioned<Customer>>), Error> {
        let keys = [keys::invoice(customer, id), keys::customer(customer)].map(call::whole_key);
        let (mut invoice, mut profile) = (None, None);
        for attributes in self.get_together("load the invoice", &self.table, keys.into()).await? {
            match item::key_of(&attributes).map_err(unreadable)?.sk.as_str() {
                keys::PROFILE => profile = Some(item::read_customer(attributes).map_err(unreadable)?),
                _ => invoice = Some(item::read_invoice(attributes).map_err(unreadable)?),
            }
        }
        Ok((invoice, profile))
    }

    async fn number(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<InvoiceNumber>, Error> {
        let found = self.get("load the number", &keys::number(customer, id)).await?;
        Ok(found.map(item::read_number).transpose().map_err(unreadable)?.map(|(_, number)| number))
    }

    async fn file(&self, customer: &CustomerId) -> Result<Option<CustomerFile>, Error> {
        let items = self.partition("load the customer's file", customer, None).await?;
        sort(items).map_err(unreadable)
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        self.write_all(commit).await
    }

    async fn due(
        &self,
        lane: Lane,
        shard: u16,
        until: Instant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DueEntry>, Error> {
        let (from, bound) = (keys::right_after(after.unwrap_or_default()), due::bound(until));
        if from >= bound {
            // DynamoDB refuses an empty range; there is nothing in it.
            return Ok(Vec::new());
        }
        let (mut entries, mut start) = (Vec::new(), None);
        while entries.len() < limit {
            let left = i32::try_from(limit - entries.len()).unwrap_or(i32::MAX);
            let query = self.client.query().table_name(&self.table).index_name(keys::DUE_INDEX).limit(left);
            let query = query
                .key_condition_expression("gp = :p AND gs BETWEEN :a AND :b")
                .expression_attribute_values(":p", AttributeValue::S(keys::due_partition(lane, shard)))
                .expression_attribute_values(":a", AttributeValue::S(from.clone()))
                .expression_attribute_values(":b", AttributeValue::S(bound.clone()));
            let query = query.set_exclusive_start_key(start).set_return_consumed_capacity(self.metering());
            let page = query.send().await.map_err(|e| Error::unavailable("read the due index", e))?;
            self.read(page.consumed_capacity());
            for item in page.items() {
                entries.push(due_entry(item).map_err(unreadable)?);
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(entries)
    }

    async fn plan(&self, reference: &VersionRef) -> Result<Option<Plan>, Error> {
        self.published(Shelf::Plan, reference, &self.plans, item::read_plan).await
    }

    async fn policy(&self, reference: &VersionRef) -> Result<Option<Policy>, Error> {
        self.published(Shelf::Policy, reference, &self.policies, item::read_policy).await
    }

    async fn current_plan(&self, name: &str) -> Result<Option<Plan>, Error> {
        match self.current(Shelf::Plan, name).await? {
            Some(reference) => self.plan(&reference).await,
            None => Ok(None),
        }
    }

    async fn contract_price(&self, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Error> {
        let items = self.partition("load contract prices", customer, Some(&keys::contracts(plan))).await?;
        items.into_iter().map(|i| item::read_contract(i).map_err(unreadable)).collect()
    }

    async fn publish_plan(&self, plan: &Plan) -> Result<bool, Error> {
        let item = item::plan(plan).map_err(unreadable)?;
        if !self.publish(item).await? && self.plan(&plan.reference()).await?.as_ref() != Some(plan) {
            return Ok(false);
        }
        self.point(Shelf::Plan, &plan.reference()).await?;
        Ok(true)
    }

    async fn publish_policy(&self, policy: &Policy) -> Result<bool, Error> {
        let item = item::policy(policy).map_err(unreadable)?;
        if !self.publish(item).await? && self.policy(&policy.reference()).await?.as_ref() != Some(policy) {
            return Ok(false);
        }
        self.point(Shelf::Policy, &policy.reference()).await?;
        Ok(true)
    }

    async fn current_policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        match self.current(Shelf::Policy, name).await? {
            Some(reference) => self.policy(&reference).await,
            None => Ok(None),
        }
    }

    async fn put_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        let item = item::contract(price).map_err(unreadable)?;
        self.put("agree on a price", item.attributes).await
    }

    async fn remove_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        let key = keys::contract(&price.customer, &price.plan, price.price.currency, price.price.interval);
        self.remove("withdraw a price", &key).await
    }

    async fn coupon(&self, id: &str) -> Result<Option<Coupon>, Error> {
        let found = self.get("load the coupon", &keys::coupon(id)).await?;
        found.map(item::read_coupon).transpose().map_err(unreadable)
    }

    async fn coupon_of(&self, code: &CouponCode) -> Result<Option<Coupon>, Error> {
        let Some(found) = self.get("load the coupon", &keys::coupon_code(code)).await? else { return Ok(None) };
        self.coupon(&item::read_coupon_code(code, found).map_err(unreadable)?).await
    }

    async fn publish_coupon(&self, coupon: &Coupon) -> Result<bool, Error> {
        let item = item::coupon(coupon).map_err(unreadable)?;
        if !self.publish(item).await? && self.coupon(&coupon.id).await?.as_ref() != Some(coupon) {
            return Ok(false);
        }
        if let Some(code) = &coupon.code {
            let pointer = item::coupon_code(code, &coupon.id).map_err(unreadable)?;
            self.put("publish", pointer.attributes).await?;
        }
        Ok(true)
    }

    async fn redemptions(&self, coupon: &str) -> Result<u32, Error> {
        let found = self.get("count redemptions", &keys::redemptions(coupon)).await?;
        Ok(found.map(item::read_count).transpose().map_err(unreadable)?.unwrap_or(0))
    }

    async fn tax_settings(&self, reference: &VersionRef) -> Result<Option<TaxSettings>, Error> {
        self.published(Shelf::Tax, reference, &self.taxes, item::read_tax_settings).await
    }

    async fn current_tax_settings(&self, name: &str) -> Result<Option<TaxSettings>, Error> {
        match self.current(Shelf::Tax, name).await? {
            Some(reference) => self.tax_settings(&reference).await,
            None => Ok(None),
        }
    }

    async fn publish_tax_settings(&self, settings: &TaxSettings) -> Result<bool, Error> {
        let item = item::tax_settings(settings).map_err(unreadable)?;
        let reference = settings.reference();
        if !self.publish(item).await? && self.tax_settings(&reference).await?.as_ref() != Some(settings) {
            return Ok(false);
        }
        self.point(Shelf::Tax, &reference).await?;
        Ok(true)
    }
}
