//! Facts out of a DynamoDB stream image.
//!
//! Exists because the stream is the outbox: what `relay` announces is what the commit wrote, and nothing else.

use billing::fact::Fact;

use crate::item::{self, ItemError};

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
