//! Goes through all items once, and looks at each customer's together.
//!
//! A scan brings the items of a partition one after the other, so that only one customer is held in memory. Where an export
//! scatters a partition over its files, those customers are read again, together.

use std::collections::{BTreeMap, BTreeSet};

use aws::{
    item::Attributes,
    record::{Record, stored},
};
use billing::{
    check::{self, Finding, GatewayMovement, Invariant, LedgerCheck, Moment, NumbersCheck, Records},
    invoice::Invoice,
    journal::JournalEntry,
    subscription::Subscription,
};

use super::source::Source;
use crate::failure::Failure;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) items: usize,
    pub(crate) subscriptions: usize,
    pub(crate) invoices: usize,
    pub(crate) facts: usize,
}

/// What is stored of one customer.
#[derive(Default)]
struct Partition {
    subscriptions: Vec<Subscription>,
    invoices: Vec<Invoice>,
    journal: Vec<JournalEntry>,
}

impl Partition {
    fn take(&mut self, record: Record) {
        match record {
            Record::Subscription(held) => self.subscriptions.push(*held),
            Record::Invoice(invoice) => self.invoices.push(*invoice),
            Record::Journal(entry) => self.journal.push(*entry),
            Record::Number(..) | Record::Counter { .. } | Record::Other => {}
        }
    }

    fn findings(&self, moment: &Moment) -> Vec<Finding> {
        let records = Records {
            subscriptions: self.subscriptions.iter().collect(),
            invoices: self.invoices.iter().collect(),
            journal: self.journal.iter().collect(),
        };
        check::customer(&records, moment)
    }
}

/// A check that is under way.
pub(crate) struct Audit {
    moment: Moment,
    shards: u16,
    counts: Counts,
    numbers: NumbersCheck,
    ledger: Option<LedgerCheck>,
    /// Of single items.
    found: Vec<Finding>,
    /// Of customers, by partition.
    of_customers: BTreeMap<String, Vec<Finding>>,
    open: Option<(String, Partition)>,
    closed: BTreeSet<String>,
    scattered: BTreeSet<String>,
}

impl Audit {
    /// Checks everything that `source` has; the findings, sorted.
    pub(crate) async fn run(
        source: &Source,
        (moment, shards): (Moment, u16),
        moved: Option<Vec<GatewayMovement>>,
    ) -> Result<(Vec<Finding>, Counts), Failure> {
        let mut audit = Self {
            moment,
            shards,
            counts: Counts::default(),
            numbers: NumbersCheck::default(),
            ledger: moved.map(LedgerCheck::new),
            found: Vec::new(),
            of_customers: BTreeMap::new(),
            open: None,
            closed: BTreeSet::new(),
            scattered: BTreeSet::new(),
        };
        source.each(|item| audit.item(item)).await?;
        audit.close();
        if !audit.scattered.is_empty() {
            audit.again(source).await?;
        }
        Ok(audit.finish())
    }

    fn item(&mut self, item: Attributes) {
        self.counts.items += 1;
        let stored = match stored(item, self.shards) {
            Ok(stored) => stored,
            Err(error) => {
                let item = format!("{} {}", error.pk, error.sk);
                return self.found.push(Finding::new(Invariant::Readable, &item, error.why));
            }
        };
        self.alone(&stored.record, stored.misplaced);
        if self.open.as_ref().is_none_or(|(partition, _)| *partition != stored.partition) {
            self.close();
            if self.closed.contains(&stored.partition) {
                self.scattered.insert(stored.partition.clone());
            }
            self.open = Some((stored.partition, Partition::default()));
        }
        if let Some((_, partition)) = &mut self.open {
            partition.take(stored.record);
        }
    }

    /// What can be said of an item without its neighbours.
    fn alone(&mut self, record: &Record, misplaced: Option<String>) {
        match record {
            Record::Subscription(held) => {
                self.counts.subscriptions += 1;
                self.found.extend(misplaced.map(|detail| Finding::new(Invariant::DueKey, &held.id, detail)));
            }
            Record::Invoice(invoice) => {
                self.counts.invoices += 1;
                self.counts.facts += invoice.facts.len();
                self.numbers.invoice(invoice, &self.moment);
                if let Some(ledger) = &mut self.ledger {
                    ledger.invoice(invoice);
                }
                self.found.extend(misplaced.map(|detail| Finding::new(Invariant::DueKey, &invoice.id, detail)));
            }
            Record::Journal(entry) => self.counts.facts += entry.facts.len(),
            Record::Number(invoice, number) => self.numbers.number(invoice, number),
            Record::Counter { series, last } => self.numbers.counter(series, *last),
            Record::Other => {}
        }
    }

    fn close(&mut self) {
        let Some((name, partition)) = self.open.take() else { return };
        let found = partition.findings(&self.moment);
        if !found.is_empty() {
            self.of_customers.insert(name.clone(), found);
        }
        self.closed.insert(name);
    }

    /// Customers whose items did not come together.
    async fn again(&mut self, source: &Source) -> Result<(), Failure> {
        let mut partitions: BTreeMap<&str, Partition> = BTreeMap::new();
        let (scattered, shards) = (&self.scattered, self.shards);
        source
            .each(|item| {
                // What cannot be read was said the first time.
                let Ok(stored) = stored(item, shards) else { return };
                if let Some(name) = scattered.get(&stored.partition) {
                    partitions.entry(name).or_default().take(stored.record);
                }
            })
            .await?;
        for (name, partition) in partitions {
            self.of_customers.insert(name.to_owned(), partition.findings(&self.moment));
        }
        Ok(())
    }

    fn finish(self) -> (Vec<Finding>, Counts) {
        let mut found = self.found;
        found.extend(self.of_customers.into_values().flatten());
        found.extend(self.numbers.findings());
        found.extend(self.ledger.map(LedgerCheck::findings).unwrap_or_default());
        found.sort();
        (found, self.counts)
    }
}
