//! Facts and invoices out of a DynamoDB stream image.
//!
//! Exists because the stream is the outbox: what `relay` announces and `number` numbers is what the commit wrote, and
//! nothing else.

use billing::{fact::Fact, invoice::Invoice};

use crate::{
    item::{self, ItemError},
    keys,
};

/// The facts that an image carries: those of an invoice or a journal entry; none of any other item, and none of the
/// empty image that stands for "no item".
///
/// # Errors
/// [`ItemError`] naming the item whose facts cannot be read: never an empty list in their place.
pub fn facts_of_image(image: serde_dynamo::Item) -> Result<Vec<Fact>, ItemError> {
    let mut attributes = image.into_inner();
    match item::facts(&mut attributes) {
        Ok(facts) => Ok(facts),
        Err(error) => {
            let key = item::key_of(&attributes)?;
            Err(ItemError { pk: key.pk, sk: key.sk, why: format!("facts: {error}") })
        }
    }
}

/// The invoice that an image is; none for any other item, and for the empty image that stands for "no item".
///
/// # Errors
/// [`ItemError`] naming the item that should be one and cannot be read.
pub fn invoice_of_image(image: serde_dynamo::Item) -> Result<Option<Invoice>, ItemError> {
    let attributes = image.into_inner();
    if attributes.is_empty() || !item::key_of(&attributes)?.sk.starts_with(keys::INVOICE_PREFIX) {
        return Ok(None);
    }
    item::read_invoice(attributes).map(|read| Some(read.value))
}
