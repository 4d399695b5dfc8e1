//! The invariants of what is stored: what must hold of every record that was ever committed.
//!
//! Exists so that "nothing is charged twice, no renewal is lost" is a question that can be asked of a live table or of an
//! export, every night (DESIGN section 5.8). A check repeats no decision: it looks at what decisions left behind, and
//! computes again what can be computed. To add one: a variant of [`Invariant`], and a function beside those here.

mod balances;
mod contracts;
mod documents;
mod gateway;
mod invoices;
mod numbers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use chrono::TimeDelta;

use crate::{
    calendar::{Instant, WallTime},
    fact::{Fact, Happening},
    ids::{InvoiceId, SubscriptionId},
    invoice::Invoice,
    journal::JournalEntry,
    subscription::Subscription,
};

pub use gateway::{GatewayMovement, LedgerCheck};
pub use numbers::NumbersCheck;

/// What must hold.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Invariant {
    /// The lines of an invoice add up to its total, come out the same, byte for byte, when they are computed again from
    /// what they were decided from, and have all that its discounts take off.
    Lines,
    /// An invoice is captured at most once, and no attempt ends twice.
    OneCapture,
    /// What an invoice received is told by facts: each capture by one, and a paid invoice got its total. So is what went back.
    Booked,
    /// A document of several contracts is the sum of its items, which stand as it stands and are on no other.
    Documents,
    /// Billed periods follow each other without gap and overlap, but for pauses and ends.
    Periods,
    /// Everything that is due is done in time: elapsed periods are invoiced, invoices are collected.
    InTime,
    /// No attempt stays without an answer.
    NoStuckAttempt,
    /// The facts tell the run-rate that the contract has.
    RunRate,
    /// Credit is what was given less what was used, in each currency; prepaid credit is what was granted less what was used,
    /// expired and given back.
    Balances,
    /// No two facts have the same id.
    EventIds,
    /// Every item can be read, and is what its key says.
    Readable,
    /// The place in the due index that is stored is the one that the item has.
    DueKey,
    /// Legal numbers have no gap and no twin, and every issued invoice has one.
    Numbers,
    /// What the gateway captured and sent back is what the invoices say.
    Gateway,
}

impl Invariant {
    /// What holds, for people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Lines => "lines add up, and are computed again byte for byte",
            Self::OneCapture => "each invoice was captured at most once",
            Self::Booked => "what was received is told by facts, once",
            Self::Documents => "documents are the sum of their items, which stand as they do",
            Self::Periods => "periods follow each other without gap and overlap",
            Self::InTime => "what was due is done",
            Self::NoStuckAttempt => "no attempt is without an answer",
            Self::RunRate => "the facts tell the contracts' run-rate",
            Self::Balances => "credit is what was given less what was used",
            Self::EventIds => "every fact has an id of its own",
            Self::Readable => "every item is what its key says",
            Self::DueKey => "items stand in the due index where they belong",
            Self::Numbers => "legal numbers are gapless, and every issued invoice has one",
            Self::Gateway => "the gateway captured and sent back what the invoices say",
        }
    }
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What should hold.
    pub invariant: Invariant,
    /// Of which item: a contract, an invoice, a series, a key of the gateway.
    pub item: String,
    /// What is there instead.
    pub detail: String,
}

impl Finding {
    /// A finding about `item`.
    #[must_use]
    pub fn new(invariant: Invariant, item: &(impl Display + ?Sized), detail: impl Into<String>) -> Self {
        Self { invariant, item: item.to_string(), detail: detail.into() }
    }
}

/// Everything stored of one customer that is checked together.
#[derive(Clone, Debug, Default)]
pub struct Records<'a> {
    /// All contracts.
    pub subscriptions: Vec<&'a Subscription>,
    /// All invoices, with their facts.
    pub invoices: Vec<&'a Invoice>,
    /// All entries that are items of their own.
    pub journal: Vec<&'a JournalEntry>,
}

/// When it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Business time.
    pub now: Instant,
    /// Wall time.
    pub wall: WallTime,
    /// How long after it is due something may still wait for its worker.
    pub grace: TimeDelta,
}

/// All that does not hold of one customer's records. Numbers, the due index and the gateway are checked apart, because they
/// are known elsewhere.
#[must_use]
pub fn customer(records: &Records<'_>, moment: &Moment) -> Vec<Finding> {
    let mut found = Vec::new();
    let facts = facts(records);
    event_ids(&facts, &mut found);
    let mut of_invoices: BTreeMap<&InvoiceId, Vec<&Happening>> = BTreeMap::new();
    let mut of_contracts: BTreeMap<&SubscriptionId, Vec<&Happening>> = BTreeMap::new();
    for what in facts.iter().map(|fact| &fact.what) {
        of_contracts.entry(&what.subscription_id).or_default().push(what);
        if let Some(invoice) = &what.invoice_id {
            of_invoices.entry(invoice).or_default().push(what);
        }
    }
    for invoice in &records.invoices {
        let told = of_invoices.remove(&invoice.id).unwrap_or_default();
        invoices::check(invoice, &told, moment, &mut found);
    }
    documents::check(&records.invoices, &mut found);
    for held in &records.subscriptions {
        let own: Vec<_> = records.invoices.iter().copied().filter(|i| i.is_of(&held.id)).collect();
        let told = of_contracts.remove(&held.id).unwrap_or_default();
        balances::check(held, &own, &told, &mut found);
        contracts::check(held, &own, &told, moment, &mut found);
    }
    found
}

/// All facts of a customer, in the order of recording.
fn facts<'a>(records: &Records<'a>) -> Vec<&'a Fact> {
    let on_invoices = records.invoices.iter().flat_map(|invoice| &invoice.facts);
    let mut facts: Vec<&Fact> = on_invoices.chain(records.journal.iter().flat_map(|entry| &entry.facts)).collect();
    facts.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    facts
}

fn event_ids(facts: &[&Fact], found: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for fact in facts.iter().filter(|fact| !seen.insert(&fact.event_id)) {
        found.push(Finding::new(Invariant::EventIds, &fact.event_id, "two facts have this id"));
    }
}
