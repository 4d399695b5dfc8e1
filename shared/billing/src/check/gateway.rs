//! What a gateway captured against what the invoices say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Invariant};
use crate::{
    invoice::{Invoice, key},
    money::Money,
};

/// A capture as the gateway tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayCapture {
    /// Our key of the attempt.
    pub key: String,
    /// The gateway's id of the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
}

/// Compares one gateway's captures with all invoices, one after the other.
#[derive(Clone, Debug, Default)]
pub struct LedgerCheck {
    /// What no invoice spoke of yet, by key.
    captures: BTreeMap<String, GatewayCapture>,
    /// References of money that could not settle its invoice any more and was kept as credit: no attempt's.
    credited: BTreeSet<String>,
    found: Vec<Finding>,
}

impl LedgerCheck {
    /// A comparison with everything that the gateway captured.
    #[must_use]
    pub fn new(captures: impl IntoIterator<Item = GatewayCapture>) -> Self {
        let captures = captures.into_iter().map(|capture| (capture.key.clone(), capture)).collect();
        Self { captures, ..Self::default() }
    }

    /// An invoice is stored.
    pub fn invoice(&mut self, invoice: &Invoice) {
        for attempt in invoice.attempts.iter().filter(|attempt| attempt.code.is_none()) {
            if attempt.attempt == 0 {
                self.credited.extend(attempt.reference.clone());
                continue;
            }
            let key = key(&invoice.id, attempt.attempt);
            let capture = self.captures.remove(&key);
            let detail = differs(capture.as_ref(), attempt.reference.as_deref(), invoice.total);
            self.found.extend(detail.map(|detail| Finding::new(Invariant::Gateway, &key, detail)));
        }
    }

    /// What does not hold, once every invoice was told.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        let Self { captures, credited, mut found } = self;
        for capture in captures.into_values().filter(|capture| !credited.contains(&capture.reference)) {
            let detail = format!("the gateway captured {}, and no invoice says so", capture.amount);
            found.push(Finding::new(Invariant::Gateway, &capture.key, detail));
        }
        found
    }
}

fn differs(capture: Option<&GatewayCapture>, reference: Option<&str>, total: Money) -> Option<String> {
    match capture {
        None => Some("the invoice says it was captured, and the gateway does not know it".into()),
        Some(GatewayCapture { reference: theirs, .. }) if reference != Some(theirs) => {
            Some(format!("the gateway calls it {theirs}, the invoice {}", reference.unwrap_or("nothing")))
        }
        Some(GatewayCapture { amount, .. }) if *amount != total => {
            Some(format!("the gateway captured {amount}, the invoice is {total}"))
        }
        Some(_) => None,
    }
}
