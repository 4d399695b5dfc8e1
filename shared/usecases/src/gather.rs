//! Gather: put what a customer's contracts owe on one document.
//!
//! Exists apart from collecting, because nothing is called: the document is written, its items become part of it in the same
//! commit, and it then waits in the index as every invoice does. Whoever comes second finds the items taken.

use billing::{
    calendar::Instant,
    ids::{CustomerId, InvoiceId},
    invoice::{Invoice, InvoiceInput, InvoiceOutcome, consolidate, transition},
};

use crate::{
    decide::{Draft, ladder_of},
    error::Error,
    ports::{Ledger, Versioned},
};

/// Puts the invoice on a document, with all that go with it. False: it is not due, or is on one.
///
/// # Errors
/// As the store's; [`Error::Conflict`] when somebody else was first with any of the items.
pub(crate) async fn gather(ledger: &Ledger, customer: &CustomerId, id: &InvoiceId) -> Result<bool, Error> {
    let Some(file) = ledger.store.file(customer).await? else { return Ok(false) };
    let now = ledger.clocks.business().await?;
    let Some(document) = consolidate(id, file.invoices.iter().map(|i| &i.value), now)? else { return Ok(false) };
    let mut draft = Draft::new(now, ledger.clocks.wall());
    put_on(ledger, &mut draft, &document, &file.invoices, now).await?;
    draft.invoice(document, Vec::new(), 0);
    draft.commit(ledger).await?;
    Ok(true)
}

/// Its items become part of the document. Their versions are the guard: an item that changed since it was read is a conflict.
async fn put_on(
    ledger: &Ledger,
    draft: &mut Draft,
    document: &Invoice,
    stored: &[Versioned<Invoice>],
    now: Instant,
) -> Result<(), Error> {
    let ladder = ladder_of(ledger, document).await?;
    for item in document.basis.items().unwrap_or_default() {
        let Some(found) = stored.iter().find(|i| i.value.id == item.invoice) else { continue };
        let input = InvoiceInput::Grouped { document: document.id.clone() };
        if let InvoiceOutcome::Applied { next, facts, .. } = transition(&found.value, &ladder, input, now) {
            draft.invoice(*next, facts, found.version);
        }
    }
    Ok(())
}
