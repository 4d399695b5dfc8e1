//! What a customer owes over all contracts, and the credit against it.
//!
//! Exists because credit lies on contracts (decision 2) and invoices belong to them: who asks what the customer owes wants one
//! figure.

use std::collections::BTreeMap;

use super::state::{Invoice, InvoiceState};
use crate::{
    document::DocumentStatus,
    money::{Currency, Money, MoneyError},
    subscription::Subscription,
};

/// What a customer owes in one currency, and the credit against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerBalance {
    /// What is owed on open invoices and on those that were given up. What is on a document is owed with that, what waits for
    /// one is not owed yet, and nothing is owed for a top-up or for a contract that has not begun.
    pub owed: Money,
    /// Credit of all contracts, those that ended included; without prepaid credit for usage.
    pub credit: Money,
    /// What is owed less the credit.
    pub balance: Money,
}

/// A balance for each currency that something is owed in or that there is credit in, by the currency's code.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn customer_balances<'a>(
    invoices: impl IntoIterator<Item = &'a Invoice>,
    contracts: impl IntoIterator<Item = &'a Subscription>,
) -> Result<Vec<CustomerBalance>, MoneyError> {
    let mut sums: BTreeMap<String, (Money, Money)> = BTreeMap::new();
    let of = |currency: Currency| move || (Money::zero(currency), Money::zero(currency));
    let counts = |invoice: &&Invoice| {
        let waits = matches!(invoice.state, InvoiceState::Gathering { .. });
        let opens = invoice.purpose.opens() && invoice.status() == DocumentStatus::Open;
        !waits && !opens && invoice.document.is_none() && invoice.basis.top_up().is_none()
    };
    for due in invoices.into_iter().filter(counts).map(Invoice::amount_due).filter(|due| due.minor != 0) {
        let (owed, _) = sums.entry(due.currency.to_string()).or_insert_with(of(due.currency));
        *owed = owed.plus(due)?;
    }
    for held in contracts {
        let own = Money::new(held.credit_minor, held.terms.price.currency);
        for given in std::iter::once(&own).chain(&held.credits).filter(|credit| credit.minor != 0) {
            let (_, credit) = sums.entry(given.currency.to_string()).or_insert_with(of(given.currency));
            *credit = credit.plus(*given)?;
        }
    }
    let balance =
        |(owed, credit): (Money, Money)| Ok(CustomerBalance { owed, credit, balance: owed.plus(credit.negated()?)? });
    sums.into_values().map(balance).collect()
}
