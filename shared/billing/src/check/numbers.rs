//! Legal numbers of all customers together: no gap, no twin, none missing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Invariant, Moment};
use crate::{
    document::{InvoiceNumber, Series, is_final},
    ids::InvoiceId,
    invoice::Invoice,
};

/// Gathers numbers and issued invoices of any number of customers.
#[derive(Clone, Debug, Default)]
pub struct NumbersCheck {
    given: BTreeMap<Series, BTreeSet<u64>>,
    numbered: BTreeSet<InvoiceId>,
    unnumbered: BTreeSet<InvoiceId>,
    counters: BTreeMap<String, u64>,
    found: Vec<Finding>,
}

impl NumbersCheck {
    /// An invoice has this number.
    pub fn number(&mut self, invoice: &InvoiceId, number: &InvoiceNumber) {
        if !self.given.entry(number.series.clone()).or_default().insert(number.sequence) {
            self.found.push(Finding::new(Invariant::Numbers, number, format!("it was given twice, last to {invoice}")));
        }
        self.numbered.insert(invoice.clone());
    }

    /// An invoice is stored: where it is issued longer than the grace, it must have a number.
    pub fn invoice(&mut self, invoice: &Invoice, moment: &Moment) {
        if is_final(invoice) && invoice.issued_at + moment.grace < moment.now {
            self.unnumbered.insert(invoice.id.clone());
        }
    }

    /// The counter of a series (by its name) stands at `last`.
    pub fn counter(&mut self, series: &str, last: u64) {
        self.counters.insert(series.to_owned(), last);
    }

    /// What does not hold, once everything was told.
    #[must_use]
    pub fn findings(mut self) -> Vec<Finding> {
        let mut say = |item: &dyn std::fmt::Display, detail| {
            self.found.push(Finding::new(Invariant::Numbers, item, detail));
        };
        for (series, given) in &self.given {
            let (last, count) = (given.last().copied().unwrap_or(0), given.len() as u64);
            if last != count {
                say(series, format!("{} of the numbers up to {last} are missing", last - count));
            }
            let counter = self.counters.get(series.as_str()).copied();
            if counter != Some(last) {
                say(series, format!("its last number is {last}, its counter says {counter:?}"));
            }
        }
        for invoice in self.unnumbered.difference(&self.numbered) {
            say(invoice, "it is issued and has no number".into());
        }
        self.found
    }
}
