//! What an item of the main table is, whatever it is: for readers of the whole table.
//!
//! Exists for the nightly check (DESIGN section 5.8), which reads items as a scan or an export brings them, in no order.

use billing::{
    document::InvoiceNumber, ids::InvoiceId, invoice::Invoice, journal::JournalEntry, subscription::Subscription,
};
use serde_dynamo::AttributeValue;
use usecases::due::{self, Place};

use crate::{
    item::{self, Attributes, ItemError},
    keys,
};

/// One item.
#[derive(Clone, Debug)]
pub enum Record {
    /// A contract.
    Subscription(Box<Subscription>),
    /// An invoice with its facts.
    Invoice(Box<Invoice>),
    /// A journal entry that is an item of its own.
    Journal(Box<JournalEntry>),
    /// A legal number, and whose it is.
    Number(InvoiceId, InvoiceNumber),
    /// The counter of a series of legal numbers.
    Counter {
        /// The series.
        series: String,
        /// The number that was given last.
        last: u64,
    },
    /// Anything else: profiles, prices, the catalog.
    Other,
}

/// An item and what is wrong with its place.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its partition: the customer, where it is a customer's.
    pub partition: String,
    /// What it is.
    pub record: Record,
    /// How its stored place in the due index differs from the one that it has.
    pub misplaced: Option<String>,
}

/// Reads an item. `shards` is how many the due index has.
///
/// # Errors
/// [`ItemError`] when the item is not what its key says.
pub fn stored(attributes: Attributes, shards: u16) -> Result<Stored, ItemError> {
    let key = item::key_of(&attributes)?;
    let place = place(&attributes);
    let (record, belongs) = if key.sk.starts_with(keys::SUBSCRIPTION_PREFIX) {
        let held = item::read_subscription(attributes)?.value;
        let belongs = due::of_subscription(&held, shards);
        (Record::Subscription(Box::new(held)), belongs)
    } else if key.sk.starts_with(keys::INVOICE_PREFIX) {
        let invoice = item::read_invoice(attributes)?.value;
        let belongs = due::of_invoice(&invoice, shards);
        (Record::Invoice(Box::new(invoice)), belongs)
    } else if key.sk.starts_with(keys::JOURNAL_PREFIX) {
        (Record::Journal(Box::new(item::read_journal(attributes)?)), None)
    } else if key.sk.starts_with(keys::NUMBER_PREFIX) {
        let (invoice, number) = item::read_number(attributes)?;
        (Record::Number(invoice, number), None)
    } else if let Some(series) = key.pk.strip_prefix(keys::SERIES_PREFIX) {
        (Record::Counter { series: series.to_owned(), last: item::read_count(attributes)? }, None)
    } else {
        (Record::Other, None)
    };
    let misplaced = (place != belongs.as_ref().map(text)).then(|| {
        let say = |place: Option<String>| place.unwrap_or_else(|| "nowhere".into());
        format!("it stands at {}, and belongs at {}", say(place), say(belongs.as_ref().map(text)))
    });
    Ok(Stored { partition: key.pk, record, misplaced })
}

fn text(place: &Place) -> String {
    format!("{} {}", keys::due_partition_of(place), place.position)
}

/// The place that is stored, as [`text`] writes it.
fn place(attributes: &Attributes) -> Option<String> {
    let part = |name| match attributes.get(name) {
        Some(AttributeValue::S(text)) => text.as_str(),
        _ => "",
    };
    let stored = [keys::DUE_PARTITION, keys::DUE_POSITION].iter().any(|name| attributes.contains_key(*name));
    stored.then(|| format!("{} {}", part(keys::DUE_PARTITION), part(keys::DUE_POSITION)))
}
