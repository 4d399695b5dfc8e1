//! What a gateway captured and sent back against what the invoices say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Invariant};
use crate::{
    invoice::{Invoice, InvoiceState, RefundState, key},
    money::Money,
};

/// A capture or a refund as the gateway tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayMovement {
    /// Our key of the attempt or the refund.
    pub key: String,
    /// The gateway's id of it.
    pub reference: String,
    /// How much.
    pub amount: Money,
}

/// Compares one gateway's money with all invoices, one after the other.
#[derive(Clone, Debug, Default)]
pub struct LedgerCheck {
    /// What no invoice spoke of yet, by key.
    theirs: BTreeMap<String, GatewayMovement>,
    /// References of money that could not settle its invoice any more and was kept as credit: no attempt's.
    credited: BTreeSet<String>,
    found: Vec<Finding>,
}

impl LedgerCheck {
    /// A comparison with everything that the gateway captured or sent back for good.
    #[must_use]
    pub fn new(movements: impl IntoIterator<Item = GatewayMovement>) -> Self {
        let theirs = movements.into_iter().map(|movement| (movement.key.clone(), movement)).collect();
        Self { theirs, ..Self::default() }
    }

    /// An invoice is stored.
    pub fn invoice(&mut self, invoice: &Invoice) {
        if let InvoiceState::Collecting { claim, .. } | InvoiceState::Unknown { claim, .. } = &invoice.state {
            // Its answer is on the way; whether for too long is another question.
            self.theirs.remove(&claim.key);
        }
        for attempt in invoice.attempts.iter().filter(|attempt| attempt.code.is_none()) {
            if attempt.attempt == 0 {
                self.credited.extend(attempt.reference.clone());
            } else {
                let amount = attempt.amount.unwrap_or(invoice.total);
                self.compare(&key(&invoice.id, attempt.attempt), attempt.reference.as_deref(), amount);
            }
        }
        for refund in &invoice.refunds {
            match &refund.state {
                RefundState::Done { reference, .. } => {
                    self.compare(&refund.claim.key, Some(reference), refund.claim.amount);
                }
                RefundState::Calling { .. } | RefundState::Unknown { .. } => {
                    self.theirs.remove(&refund.claim.key);
                }
                RefundState::Due { .. } | RefundState::Failed { .. } => {}
            }
        }
    }

    fn compare(&mut self, key: &str, reference: Option<&str>, amount: Money) {
        let ours = reference.unwrap_or("nothing");
        let detail = match self.theirs.remove(key) {
            None => "the invoice says that this happened, and the gateway does not know it".into(),
            Some(theirs) if ours != theirs.reference => {
                format!("the gateway calls it {}, the invoice {ours}", theirs.reference)
            }
            Some(theirs) if amount != theirs.amount => {
                format!("the gateway moved {}, the invoice says {amount}", theirs.amount)
            }
            Some(_) => return,
        };
        self.found.push(Finding::new(Invariant::Gateway, key, detail));
    }

    /// What does not hold, once every invoice was told.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        let Self { theirs, credited, mut found } = self;
        for movement in theirs.into_values().filter(|movement| !credited.contains(&movement.reference)) {
            let detail = format!("the gateway moved {}, and no invoice says so", movement.amount);
            found.push(Finding::new(Invariant::Gateway, &movement.key, detail));
        }
        found
    }
}
