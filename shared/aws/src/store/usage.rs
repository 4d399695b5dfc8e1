//! Chunks of usage in the operations table: read consistently, replaced only as they were seen.

use aws_sdk_dynamodb::types::AttributeValue;
use billing::{calendar::WallTime, usage::Chunk};
use usecases::{
    error::Error,
    ports::{ChunkKey, Save, Versioned},
};

use super::{
    AwsStore, call,
    operations::{expiry, record_item},
};
use crate::{item::Attributes, keys, names};

/// The item of a chunk.
///
/// # Errors
/// [`Error::Unavailable`] when it cannot be written as an item.
pub fn chunk_item(key: &ChunkKey, save: &Save<Chunk>, expires_at: WallTime) -> Result<Attributes, Error> {
    let mut item = record_item(keys::usage_chunk(key), &save.value)?;
    let version = serde_dynamo::AttributeValue::N((save.replaces + 1).to_string());
    item.insert(keys::VERSION.to_owned(), version);
    item.insert(keys::EXPIRES.to_owned(), expiry(expires_at));
    Ok(item)
}

/// Reads a chunk.
///
/// # Errors
/// [`Error::Unavailable`] when the item is not one: usage is never taken for nothing.
pub fn read_chunk(mut item: Attributes) -> Result<Versioned<Chunk>, Error> {
    let unreadable = |why: String| Error::unavailable("read usage", why);
    let version = match item.get(keys::VERSION) {
        Some(serde_dynamo::AttributeValue::N(n)) => n.parse().ok(),
        _ => None,
    };
    let version = version.ok_or_else(|| unreadable("the item has no version".into()))?;
    let data = item.remove(keys::DATA).ok_or_else(|| unreadable("the item has no data".into()))?;
    let value = serde_dynamo::from_attribute_value(names::lengthen_all(data));
    Ok(Versioned { value: value.map_err(|e: serde_dynamo::Error| unreadable(e.to_string()))?, version })
}

impl AwsStore {
    pub(super) async fn chunk(&self, key: &ChunkKey) -> Result<Option<Versioned<Chunk>>, Error> {
        let item = self.operations_item("read usage", &keys::usage_chunk(key)).await?;
        item.map(read_chunk).transpose()
    }

    pub(super) async fn put_chunk(&self, key: &ChunkKey, save: &Save<Chunk>, expires: WallTime) -> Result<(), Error> {
        let item = chunk_item(key, save, expires)?;
        let put = self.client.put_item().table_name(&self.operations_table).set_item(Some(call::to_sdk(item)));
        let put = match save.replaces {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("v = :n")
                .expression_attribute_values(":n", AttributeValue::N(version.to_string())),
        };
        let sent = put.set_return_consumed_capacity(self.metering()).send().await;
        let answer = sent.map_err(|e| call::put_refused("record usage", &keys::usage_chunk(key), e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }
}
