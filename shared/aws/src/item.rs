//! Domain structs to items of the main table and back: pure, so that it is tested without a database.
//!
//! An item is its key, its version `v`, its place in the due index (`gp`, `gs`, absent while it waits for nothing), the
//! struct `d` and its facts `f`. Reading checks everything it relies on: an item that does not say what its key says is
//! an error and never a default.

use std::{collections::HashMap, str::FromStr};

use billing::{
    catalog::{Plan, Policy, VersionRef},
    customer::{ContractPrice, Customer},
    discount::{Coupon, CouponCode},
    document::InvoiceNumber,
    fact::Fact,
    ids::{CustomerId, InvoiceId},
    invoice::Invoice,
    journal::JournalEntry,
    subscription::Subscription,
    tax::TaxSettings,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::AttributeValue;
use usecases::{
    due::{self, Place},
    ports::{Save, Versioned},
};

use crate::{
    keys::{self, Key, Shelf},
    names,
};

/// An item as DynamoDB holds it.
pub type Attributes = HashMap<String, AttributeValue>;

/// An item as the SDK holds it.
pub type SdkItem = HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// An item that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("item {pk} {sk}: {why}")]
pub struct ItemError {
    /// Its partition key.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// What is wrong with it.
    pub why: String,
}

impl ItemError {
    fn at(key: &Key, why: impl std::fmt::Display) -> Self {
        Self { pk: key.pk.clone(), sk: key.sk.clone(), why: why.to_string() }
    }
}

/// An item with its key, ready to be put.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyed {
    /// Where it goes.
    pub key: Key,
    /// All its attributes, the key included.
    pub attributes: Attributes,
}

/// The profile. Its `d` keeps full names: the export's reader takes segment columns from it.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn customer(save: &Save<Customer>) -> Result<Keyed, ItemError> {
    let mut item = write(keys::customer(&save.value.id), &save.value, &[], names::keep_all)?;
    item.version(save.replaces + 1);
    Ok(item)
}

/// A subscription, with its place in the due index.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn subscription(save: &Save<Subscription>, shards: u16) -> Result<Keyed, ItemError> {
    let key = keys::subscription(&save.value.customer, &save.value.id);
    let mut item = write(key, &save.value, &[], names::shorten_all)?;
    item.version(save.replaces + 1);
    item.place(due::of_subscription(&save.value, shards));
    Ok(item)
}

/// An invoice, with its facts and its place in the due index.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn invoice(save: &Save<Invoice>, shards: u16) -> Result<Keyed, ItemError> {
    let key = keys::invoice(&save.value.customer, &save.value.id);
    let mut item = write(key, &save.value, &save.value.facts, names::shorten_all)?;
    item.version(save.replaces + 1);
    item.place(due::of_invoice(&save.value, shards));
    Ok(item)
}

/// A journal entry, with its facts.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn journal(customer: &CustomerId, entry: &JournalEntry) -> Result<Keyed, ItemError> {
    let key = keys::journal(customer, &entry.subscription, entry.version);
    let mut item = write(key, entry, &entry.facts, names::shorten_all)?;
    item.version(1);
    Ok(item)
}

/// A contract price.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn contract(contract: &ContractPrice) -> Result<Keyed, ItemError> {
    let price = &contract.price;
    let key = keys::contract(&contract.customer, &contract.plan, price.currency, price.interval);
    write(key, contract, &[], names::shorten_all)
}

/// A published plan version.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn plan(plan: &Plan) -> Result<Keyed, ItemError> {
    write(keys::published(Shelf::Plan, &plan.reference()), plan, &[], names::shorten_all)
}

/// A published policy version.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn policy(policy: &Policy) -> Result<Keyed, ItemError> {
    write(keys::published(Shelf::Policy, &policy.reference()), policy, &[], names::shorten_all)
}

/// A published version of tax settings.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn tax_settings(settings: &TaxSettings) -> Result<Keyed, ItemError> {
    write(keys::published(Shelf::Tax, &settings.reference()), settings, &[], names::shorten_all)
}

/// A coupon or offer.
///
/// # Errors
/// [`ItemError`] when the struct cannot be written as an item.
pub fn coupon(coupon: &Coupon) -> Result<Keyed, ItemError> {
    write(keys::coupon(&coupon.id), coupon, &[], names::shorten_all)
}

/// A legal number, beside its invoice.
///
/// # Errors
/// [`ItemError`] when it cannot be written as an item.
pub fn number(customer: &CustomerId, invoice: &InvoiceId, number: &InvoiceNumber) -> Result<Keyed, ItemError> {
    write(keys::number(customer, invoice), number, &[], names::shorten_all)
}

/// The pointer that says which coupon a code belongs to.
///
/// # Errors
/// [`ItemError`] when the id cannot be written as an item.
pub fn coupon_code(code: &CouponCode, id: &str) -> Result<Keyed, ItemError> {
    write(keys::coupon_code(code), &id, &[], names::shorten_all)
}

/// The pointer that says which version is current.
///
/// # Errors
/// [`ItemError`] when the reference cannot be written as an item.
pub fn current(shelf: Shelf, reference: &VersionRef) -> Result<Keyed, ItemError> {
    write(keys::current(shelf, &reference.name), reference, &[], names::shorten_all)
}

/// Reads a profile.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_customer(item: Attributes) -> Result<Versioned<Customer>, ItemError> {
    let mut read = Read::new(item)?;
    let value: Customer = read.data(names::keep_all)?;
    read.expect(&keys::customer(&value.id))?;
    Ok(Versioned { version: read.version()?, value })
}

/// Reads a subscription.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_subscription(item: Attributes) -> Result<Versioned<Subscription>, ItemError> {
    let mut read = Read::new(item)?;
    let value: Subscription = read.data(names::lengthen_all)?;
    read.expect(&keys::subscription(&value.customer, &value.id))?;
    Ok(Versioned { version: read.version()?, value })
}

/// An item as a read of the table brings it.
pub(crate) fn from_sdk(item: SdkItem) -> Attributes {
    serde_dynamo::Item::from(item).into_inner()
}

/// Reads such an item, if it is a contract.
///
/// # Errors
/// As [`read_subscription`].
pub fn subscription_of(item: SdkItem) -> Result<Option<Versioned<Subscription>>, ItemError> {
    let attributes = from_sdk(item);
    let is_one = key_of(&attributes)?.sk.starts_with(keys::SUBSCRIPTION_PREFIX);
    is_one.then(|| read_subscription(attributes)).transpose()
}

/// Reads an invoice with its facts.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_invoice(item: Attributes) -> Result<Versioned<Invoice>, ItemError> {
    let mut read = Read::new(item)?;
    let mut value: Invoice = read.data(names::lengthen_all)?;
    read.expect(&keys::invoice(&value.customer, &value.id))?;
    value.facts = read.facts()?;
    Ok(Versioned { version: read.version()?, value })
}

/// Reads a journal entry with its facts.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_journal(item: Attributes) -> Result<JournalEntry, ItemError> {
    let mut read = Read::new(item)?;
    let mut value: JournalEntry = read.data(names::lengthen_all)?;
    let owner = CustomerId::try_new(read.key.pk.as_str()).map_err(|e| ItemError::at(&read.key, e))?;
    read.expect(&keys::journal(&owner, &value.subscription, value.version))?;
    value.facts = read.facts()?;
    Ok(value)
}

/// Reads a contract price.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_contract(item: Attributes) -> Result<ContractPrice, ItemError> {
    let mut read = Read::new(item)?;
    let value: ContractPrice = read.data(names::lengthen_all)?;
    let price = &value.price;
    read.expect(&keys::contract(&value.customer, &value.plan, price.currency, price.interval))?;
    Ok(value)
}

/// Reads a plan version.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_plan(item: Attributes) -> Result<Plan, ItemError> {
    let mut read = Read::new(item)?;
    let value: Plan = read.data(names::lengthen_all)?;
    read.expect(&keys::published(Shelf::Plan, &value.reference()))?;
    Ok(value)
}

/// Reads a policy version.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_policy(item: Attributes) -> Result<Policy, ItemError> {
    let mut read = Read::new(item)?;
    let value: Policy = read.data(names::lengthen_all)?;
    read.expect(&keys::published(Shelf::Policy, &value.reference()))?;
    Ok(value)
}

/// Reads a version of tax settings.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_tax_settings(item: Attributes) -> Result<TaxSettings, ItemError> {
    let mut read = Read::new(item)?;
    let value: TaxSettings = read.data(names::lengthen_all)?;
    read.expect(&keys::published(Shelf::Tax, &value.reference()))?;
    Ok(value)
}

/// Reads a coupon.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_coupon(item: Attributes) -> Result<Coupon, ItemError> {
    let mut read = Read::new(item)?;
    let value: Coupon = read.data(names::lengthen_all)?;
    read.expect(&keys::coupon(&value.id))?;
    Ok(value)
}

/// Reads the id of the coupon that a code belongs to.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_coupon_code(code: &CouponCode, item: Attributes) -> Result<String, ItemError> {
    let mut read = Read::new(item)?;
    read.expect(&keys::coupon_code(code))?;
    read.data(names::lengthen_all)
}

/// Reads a legal number, and whose it is.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_number(item: Attributes) -> Result<(InvoiceId, InvoiceNumber), ItemError> {
    let mut read = Read::new(item)?;
    let id = read.key.sk.strip_prefix(keys::NUMBER_PREFIX).map(InvoiceId::try_new);
    let id = id.and_then(Result::ok).ok_or_else(|| ItemError::at(&read.key, "is no number of an invoice"))?;
    Ok((id, read.data(names::lengthen_all)?))
}

/// Reads a counter.
///
/// # Errors
/// [`ItemError`] when the item has no count.
pub fn read_count<N: FromStr>(item: Attributes) -> Result<N, ItemError> {
    let read = Read::new(item)?;
    let number = match read.attributes.get(keys::COUNT) {
        Some(AttributeValue::N(n)) => n.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| ItemError::at(&read.key, "has no count"))
}

/// Reads a pointer.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn read_current(shelf: Shelf, item: Attributes) -> Result<VersionRef, ItemError> {
    let mut read = Read::new(item)?;
    let value: VersionRef = read.data(names::lengthen_all)?;
    read.expect(&keys::current(shelf, &value.name))?;
    Ok(value)
}

/// The facts on an item of any kind, of this table or another; none where there is no `f`.
///
/// # Errors
/// Why `f` is not a list of facts.
pub fn facts(attributes: &mut Attributes) -> Result<Vec<Fact>, serde_dynamo::Error> {
    attributes.remove(keys::FACTS).map_or_else(|| Ok(Vec::new()), serde_dynamo::from_attribute_value)
}

fn write<T: Serialize>(
    key: Key,
    value: &T,
    facts: &[Fact],
    rename: fn(AttributeValue) -> AttributeValue,
) -> Result<Keyed, ItemError> {
    let bad = |e: serde_dynamo::Error| ItemError::at(&key, e);
    let data: AttributeValue = serde_dynamo::to_attribute_value(value).map_err(bad)?;
    let mut attributes = Attributes::from([
        (keys::PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (keys::SK.to_owned(), AttributeValue::S(key.sk.clone())),
        (keys::DATA.to_owned(), rename(data)),
    ]);
    if !facts.is_empty() {
        let facts: AttributeValue = serde_dynamo::to_attribute_value(facts).map_err(bad)?;
        attributes.insert(keys::FACTS.to_owned(), names::keep_all(facts));
    }
    Ok(Keyed { key, attributes })
}

impl Keyed {
    fn version(&mut self, version: u64) {
        self.attributes.insert(keys::VERSION.to_owned(), AttributeValue::N(version.to_string()));
    }

    fn place(&mut self, place: Option<Place>) {
        let Some(place) = place else { return };
        self.attributes.insert(keys::DUE_PARTITION.to_owned(), AttributeValue::S(keys::due_partition_of(&place)));
        self.attributes.insert(keys::DUE_POSITION.to_owned(), AttributeValue::S(place.position));
    }
}

/// An item that is being read: what is wrong with it is reported with its key.
struct Read {
    key: Key,
    attributes: Attributes,
}

impl Read {
    fn new(attributes: Attributes) -> Result<Self, ItemError> {
        let key = key_of(&attributes)?;
        Ok(Self { key, attributes })
    }

    fn data<T: DeserializeOwned>(&mut self, rename: fn(AttributeValue) -> AttributeValue) -> Result<T, ItemError> {
        let data = self.attributes.remove(keys::DATA).ok_or_else(|| ItemError::at(&self.key, "has no data"))?;
        serde_dynamo::from_attribute_value(rename(data)).map_err(|e| ItemError::at(&self.key, e))
    }

    fn facts(&mut self) -> Result<Vec<Fact>, ItemError> {
        facts(&mut self.attributes).map_err(|e| ItemError::at(&self.key, format!("facts: {e}")))
    }

    fn version(&self) -> Result<u64, ItemError> {
        match self.attributes.get(keys::VERSION) {
            Some(AttributeValue::N(n)) => n.parse().ok().filter(|v| *v > 0),
            _ => None,
        }
        .ok_or_else(|| ItemError::at(&self.key, "has no version"))
    }

    /// What is stored must belong where it lies.
    fn expect(&self, key: &Key) -> Result<(), ItemError> {
        if self.key == *key { Ok(()) } else { Err(ItemError::at(&self.key, format!("holds what belongs at {key}"))) }
    }
}

/// The key of an item of the main table.
///
/// # Errors
/// [`ItemError`] when one of its two parts is not there.
pub fn key_of(attributes: &Attributes) -> Result<Key, ItemError> {
    let part = |name| match attributes.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    match (part(keys::PK), part(keys::SK)) {
        (Some(pk), Some(sk)) => Ok(Key { pk, sk }),
        (pk, sk) => Err(ItemError {
            pk: pk.unwrap_or_default(),
            sk: sk.unwrap_or_default(),
            why: "has no key of the main table".into(),
        }),
    }
}
