//! The operations table: what churns, and what may be forgotten after a while.
//!
//! Exists apart from the main table so that a sweep position or a permit costs neither a stream record nor an index
//! write. Every item is one key; reads are consistent, because permits and requests are decided on them.

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use billing::{
    calendar::{Instant, WallTime},
    usage::Chunk,
};
use serde::{Serialize, de::DeserializeOwned};
use usecases::{
    error::Error,
    ports::{ChunkKey, IdempotencyRecord, Lane, Operations, Save, SweepPosition, Versioned},
};

use super::{AwsStore, call};
use crate::{item::Attributes, keys, names};

/// Tries to take what is left of a bucket while others take from it. Nothing granted is always safe: the work stays in
/// the index and the next tick asks again.
const PERMIT_TRIES: usize = 8;

/// An item of the operations table that holds `value`.
pub(super) fn record_item<T: Serialize>(pk: String, value: &T) -> Result<Attributes, Error> {
    let data = serde_dynamo::to_attribute_value(value).map_err(|e| Error::unavailable("write an item", e))?;
    Ok(Attributes::from([
        (keys::PK.to_owned(), serde_dynamo::AttributeValue::S(pk)),
        (keys::DATA.to_owned(), names::shorten_all(data)),
    ]))
}

/// When an item may be deleted.
pub(super) fn expiry(at: WallTime) -> serde_dynamo::AttributeValue {
    serde_dynamo::AttributeValue::N(at.0.timestamp().to_string())
}

impl AwsStore {
    pub(super) async fn operations_item(&self, operation: &'static str, pk: &str) -> Result<Option<Attributes>, Error> {
        let get = self.client.get_item().table_name(&self.operations_table);
        let get = get.set_key(Some(call::pk_of(pk.into()))).consistent_read(true);
        let sent = get.set_return_consumed_capacity(self.metering()).send().await;
        let answer = sent.map_err(|e| Error::unavailable(operation, e))?;
        self.read(answer.consumed_capacity());
        Ok(answer.item.map(call::from_sdk))
    }

    async fn record<T: DeserializeOwned>(&self, operation: &'static str, pk: &str) -> Result<Option<T>, Error> {
        let Some(mut item) = self.operations_item(operation, pk).await? else { return Ok(None) };
        let unreadable = |why: String| Error::unavailable(operation, format!("item {pk}: {why}"));
        let data = item.remove(keys::DATA).ok_or_else(|| unreadable("has no data".into()))?;
        let value = serde_dynamo::from_attribute_value(names::lengthen_all(data));
        value.map(Some).map_err(|e: serde_dynamo::Error| unreadable(e.to_string()))
    }

    async fn put_record<T: Serialize + Sync>(
        &self,
        operation: &'static str,
        pk: String,
        value: &T,
    ) -> Result<(), Error> {
        let item = record_item(pk, value)?;
        let put = self.client.put_item().table_name(&self.operations_table).set_item(Some(call::to_sdk(item)));
        let sent = put.set_return_consumed_capacity(self.metering()).send().await;
        let answer = sent.map_err(|e| Error::unavailable(operation, e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }

    /// Adds `wanted` to a bucket, if `limit` allows all of it. Else how many are taken already.
    async fn take(&self, pk: &str, wanted: u32, limit: u32, ends: WallTime) -> Result<Result<(), u32>, Error> {
        let number = |n: u32| AttributeValue::N(n.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.operations_table)
            .set_key(Some(call::pk_of(pk.into())))
            .update_expression("ADD #n :w SET #x = :x")
            .condition_expression("attribute_not_exists(#n) OR #n <= :most")
            .expression_attribute_names("#n", keys::COUNT)
            .expression_attribute_names("#x", keys::EXPIRES)
            .expression_attribute_values(":w", number(wanted))
            .expression_attribute_values(":most", number(limit - wanted))
            .expression_attribute_values(":x", AttributeValue::N(ends.0.timestamp().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(self.metering());
        let error = match update.send().await {
            Ok(answer) => {
                self.wrote(answer.consumed_capacity());
                return Ok(Ok(()));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(item) => Ok(Err(count(pk, &call::from_sdk(item.clone()))?)),
                // An endpoint that does not return the item.
                None => Ok(Err(self.taken(pk).await?)),
            },
            _ => Err(Error::unavailable("take permits", error)),
        }
    }

    async fn taken(&self, pk: &str) -> Result<u32, Error> {
        let item = self.operations_item("count permits", pk).await?;
        item.map_or(Ok(0), |item| count(pk, &item))
    }
}

fn count(pk: &str, item: &Attributes) -> Result<u32, Error> {
    let number = match item.get(keys::COUNT) {
        Some(serde_dynamo::AttributeValue::N(n)) => n.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| Error::unavailable("count permits", format!("item {pk} has no count")))
}

#[async_trait]
impl Operations for AwsStore {
    async fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRecord>, Error> {
        self.record("look for the request", &keys::idempotency(scope, key)).await
    }

    async fn sweep_position(&self, lane: Lane, shard: u16) -> Result<Option<SweepPosition>, Error> {
        self.record("load the sweep's position", &keys::sweep(lane, shard)).await
    }

    async fn put_sweep_position(&self, lane: Lane, shard: u16, position: &SweepPosition) -> Result<(), Error> {
        self.put_record("move the sweep", keys::sweep(lane, shard), position).await
    }

    async fn take_permits(&self, bucket: &str, wanted: u32, limit: u32, window_ends: WallTime) -> Result<u32, Error> {
        let pk = keys::permits(bucket);
        let mut asked = wanted.min(limit);
        for _ in 0..PERMIT_TRIES {
            if asked == 0 {
                return Ok(0);
            }
            match self.take(&pk, asked, limit, window_ends).await? {
                Ok(()) => return Ok(asked),
                Err(taken) => asked = asked.min(limit.saturating_sub(taken)),
            }
        }
        Ok(0)
    }

    async fn permits_taken(&self, buckets: &[String]) -> Result<u32, Error> {
        let keys = buckets.iter().map(|bucket| call::pk_of(keys::permits(bucket)));
        let items = self.get_together("count permits", &self.operations_table, keys.collect()).await?;
        items.iter().map(|item| count("of permits", item)).sum()
    }

    async fn storefront_of(&self, key_sha256: &str) -> Result<Option<String>, Error> {
        self.record("look for the key", &keys::storefront_key(key_sha256)).await
    }

    async fn put_storefront_key(&self, key_sha256: &str, storefront: &str) -> Result<(), Error> {
        self.put_record("give a storefront its key", keys::storefront_key(key_sha256), &storefront).await
    }

    async fn usage_chunk(&self, key: &ChunkKey) -> Result<Option<Versioned<Chunk>>, Error> {
        self.chunk(key).await
    }

    async fn put_usage_chunk(&self, key: &ChunkKey, save: Save<Chunk>, expires_at: WallTime) -> Result<(), Error> {
        self.put_chunk(key, &save, expires_at).await
    }

    async fn test_clock(&self) -> Result<Option<Instant>, Error> {
        self.record("read the test clock", keys::CLOCK).await
    }

    async fn set_test_clock(&self, at: Instant) -> Result<(), Error> {
        self.put_record("move the test clock", keys::CLOCK.into(), &at).await
    }
}
