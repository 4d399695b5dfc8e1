//! Explain: an invoice in words; the document of several contracts with every invoice on it.

use billing::{
    ids::{CustomerId, InvoiceId},
    invoice::explain as in_words,
};
use futures::future::try_join_all;

use crate::{collect::found, error::Error, ports::Store};

/// The invoice in words. A document is followed by the words of its items, so that every figure on it is explained.
///
/// # Errors
/// [`billing::refusal::Refusal::NotFound`]; what [`billing::invoice::explain`] refuses; the store's errors.
pub async fn explain(store: &dyn Store, customer: &CustomerId, id: &InvoiceId) -> Result<String, Error> {
    let invoice = found(store.invoice(customer, id).await?, id)?.value;
    let mut text = in_words(&invoice)?;
    let ids = invoice.basis.items().unwrap_or_default().iter().map(|item| &item.invoice);
    let items = try_join_all(ids.map(|id| async move { found(store.invoice(customer, id).await?, id) })).await?;
    for item in items {
        text.push('\n');
        text.push_str(&in_words(&item.value)?);
    }
    Ok(text)
}
