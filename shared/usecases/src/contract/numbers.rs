//! The promise that legal numbers rest on: whoever numbers at the same time, a series has no gap and no number twice.

use std::collections::BTreeSet;

use billing::{
    document::Series,
    ids::{CustomerId, InvoiceId},
    invoice::Invoice,
};

use super::{Subject, fixtures::new_year};
use crate::{
    error::Error,
    number::{Issued, issued, number},
};

/// Writers that run against each other, and the invoices that each is told of: half of them, the next one is told of, too.
const WRITERS: usize = 4;
const INVOICES: usize = 12;

/// Invoices beyond what one transaction may number.
const MANY: usize = 130;

fn of(invoice: &Invoice) -> Result<Issued, Error> {
    let issued = issued(None, Some(invoice), chrono_tz::UTC);
    issued.ok_or_else(|| Error::unavailable("make the contract's fixtures", "the invoice is a draft"))
}

impl Subject {
    /// `count` issued invoices of one customer, in a series of this run's own.
    fn issued(&self, name: &str, count: usize) -> Result<Vec<Issued>, Error> {
        let mut invoice = self.world(name, new_year())?.paid();
        invoice.storefront = Some(format!("{}-{name}", self.prefix));
        let id = |n: usize| InvoiceId::try_new(format!("{}-{n}", invoice.id));
        let bad = |e| Error::unavailable("make the contract's fixtures", e);
        (0..count).map(|n| of(&Invoice { id: id(n).map_err(bad)?, ..invoice.clone() })).collect()
    }

    async fn sequence(&self, (customer, invoice): (&CustomerId, &InvoiceId)) -> Result<Option<u64>, Error> {
        Ok(self.store.number(customer, invoice).await?.map(|number| number.sequence))
    }

    async fn sequences(&self, issued: &[Issued]) -> Result<Vec<u64>, Error> {
        let mut found = Vec::with_capacity(issued.len());
        for i in issued {
            found.extend(self.sequence((&i.customer, &i.invoice)).await?);
        }
        Ok(found)
    }
}

pub(super) async fn numbers_follow_each_other_whatever_comes_again(subject: &Subject) -> Result<(), Error> {
    let invoices = subject.issued("numbers", MANY)?;
    let (series, first) = (&invoices[0].series, &invoices[0]);
    assert_eq!(subject.numbers.last_number(series).await?, 0, "a series begins");
    assert_eq!(subject.sequence((&first.customer, &first.invoice)).await?, None, "a number nobody gave");
    assert_eq!(number(subject.numbers.as_ref(), &invoices[..2]).await?, 2, "the first two");
    assert_eq!(number(subject.numbers.as_ref(), &invoices).await?, MANY - 2, "the rest, the first two again");
    assert_eq!(number(subject.numbers.as_ref(), &invoices).await?, 0, "all of them again");
    let counted: Vec<u64> = (1..=MANY as u64).collect();
    assert_eq!(subject.sequences(&invoices).await?, counted, "numbers in the order of issuing");
    assert_eq!(subject.numbers.last_number(series).await?, MANY as u64, "the counter stands at the last");
    let other =
        Series::of(&Invoice { storefront: None, ..subject.world("other", new_year())?.invoice }, chrono_tz::UTC);
    assert_ne!(*series, other, "another storefront counts for itself");
    Ok(())
}

pub(super) async fn writers_at_the_same_time_leave_no_gap(subject: &Subject) -> Result<(), Error> {
    let invoices = subject.issued("numbered", WRITERS * INVOICES)?;
    let work = |writer: usize| -> super::Work {
        let numbers = subject.numbers.clone();
        let mine: Vec<Issued> =
            invoices.iter().cycle().skip(writer * INVOICES).take(INVOICES * 3 / 2).cloned().collect();
        Box::pin(async move {
            // Another writer may win every time: whoever feeds the writer brings it again.
            for _ in 0..WRITERS {
                match number(numbers.as_ref(), &mine).await {
                    Err(Error::Conflict(_)) => {}
                    other => return other.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
                }
            }
            Err(Error::Conflict("the series, again and again".into()))
        })
    };
    let done = (subject.together)((0..WRITERS).map(work).collect()).await;
    done.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let given: BTreeSet<u64> = subject.sequences(&invoices).await?.into_iter().collect();
    let all: BTreeSet<u64> = (1..=invoices.len() as u64).collect();
    assert_eq!(given, all, "every number once, and none left out");
    Ok(())
}
