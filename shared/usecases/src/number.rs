//! Number: give issued invoices their legal numbers, gapless within a series.
//!
//! Exists apart from issuing, because a counter that every sign-up and renewal had to move would be the one place where all
//! customers wait for each other. Numbers follow the record: whoever reads its stream calls this, once or again.

use std::collections::BTreeMap;

use billing::{
    document::{NUMBERED_AT_ONCE, Series, is_final},
    ids::{CustomerId, InvoiceId},
    invoice::Invoice,
};
use chrono_tz::Tz;

use crate::{
    error::Error,
    ports::{Assigned, Numbers},
};

/// How often the next numbers are taken again because another writer took them first.
const TRIES: usize = 10;

/// An invoice that was issued and has no number yet, as far as its writer saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Whose.
    pub customer: CustomerId,
    /// Which.
    pub invoice: InvoiceId,
    /// Where its number comes from.
    pub series: Series,
}

/// What a change of the record from `before` to `after` issued. `seller` is the zone that decides in which year.
#[must_use]
pub fn issued(before: Option<&Invoice>, after: Option<&Invoice>, seller: Tz) -> Option<Issued> {
    let after = after.filter(|invoice| is_final(invoice) && !before.is_some_and(is_final))?;
    let (customer, invoice) = (after.customer.clone(), after.id.clone());
    Some(Issued { customer, invoice, series: Series::of(after, seller) })
}

/// Gives each of `issued` the next number of its series, in their order; one that has a number keeps it. Returns how many
/// got one.
///
/// # Errors
/// [`Error::Conflict`] when other writers took the next numbers again and again; the port's errors. What was numbered
/// before the error stays numbered, and the same call again goes on.
pub async fn number(numbers: &dyn Numbers, issued: &[Issued]) -> Result<usize, Error> {
    let mut series: BTreeMap<&Series, Vec<&Issued>> = BTreeMap::new();
    for invoice in issued {
        let of_series = series.entry(&invoice.series).or_default();
        // A batch may bring one invoice twice; a transaction may not name it twice.
        if of_series.iter().all(|other| other.invoice != invoice.invoice) {
            of_series.push(invoice);
        }
    }
    let mut done = 0;
    for (series, invoices) in series {
        for together in invoices.chunks(NUMBERED_AT_ONCE) {
            done += number_together(numbers, series, together.to_vec()).await?;
        }
    }
    Ok(done)
}

async fn number_together(numbers: &dyn Numbers, series: &Series, mut invoices: Vec<&Issued>) -> Result<usize, Error> {
    let mut tries = 0;
    while !invoices.is_empty() {
        let after = numbers.last_number(series).await?;
        let named: Vec<_> = invoices.iter().map(|i| (i.customer.clone(), i.invoice.clone())).collect();
        match numbers.assign_numbers(series, after, &named).await {
            Ok(Assigned::All) => return Ok(invoices.len()),
            Ok(Assigned::None { numbered }) if !numbered.is_empty() => {
                invoices.retain(|i| !numbered.contains(&i.invoice));
            }
            Err(Error::Conflict(_)) if tries < TRIES => tries += 1,
            Ok(Assigned::None { .. }) => return Err(Error::Conflict(format!("series {series}"))),
            Err(error) => return Err(error),
        }
    }
    Ok(0)
}
