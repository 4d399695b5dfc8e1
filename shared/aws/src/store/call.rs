//! Single reads and writes, and what an answer of DynamoDB means to a caller.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, KeysAndAttributes},
};
use serde_dynamo::Item;
use usecases::error::Error;

use super::AwsStore;
use crate::{
    item::Attributes,
    keys::{self, Key},
};

pub(super) use crate::item::{SdkItem, from_sdk};

/// How often what a busy table left out is asked for again.
const BATCH_TRIES: usize = 4;

/// A key of the main table.
pub(super) fn whole_key(key: Key) -> SdkItem {
    SdkItem::from([(keys::PK.to_owned(), AttributeValue::S(key.pk)), (keys::SK.to_owned(), AttributeValue::S(key.sk))])
}

/// A key of the operations table.
pub(super) fn pk_of(pk: String) -> SdkItem {
    SdkItem::from([(keys::PK.to_owned(), AttributeValue::S(pk))])
}

pub(super) fn to_sdk(item: Attributes) -> SdkItem {
    Item::from(item).into()
}

impl AwsStore {
    /// One item of the main table, as it is now.
    pub(super) async fn get(&self, operation: &'static str, key: &Key) -> Result<Option<Attributes>, Error> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(whole_key(key.clone())));
        let get = get.consistent_read(true).set_return_consumed_capacity(self.metering());
        let answer = get.send().await.map_err(|e| Error::unavailable(operation, e))?;
        self.read(answer.consumed_capacity());
        Ok(answer.item.map(from_sdk))
    }

    /// The items of `table` that these keys name (at most 100, all different), in any order; a missing one is left out.
    pub(super) async fn get_together(
        &self,
        operation: &'static str,
        table: &str,
        keys: Vec<SdkItem>,
    ) -> Result<Vec<Attributes>, Error> {
        let (mut items, mut left) = (Vec::with_capacity(keys.len()), keys);
        for _ in 0..BATCH_TRIES {
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|e| Error::unavailable(operation, e))?;
            let get = self.client.batch_get_item().request_items(table, wanted);
            let sent = get.set_return_consumed_capacity(self.metering()).send().await;
            let answer = sent.map_err(|e| Error::unavailable(operation, e))?;
            answer.consumed_capacity().iter().for_each(|consumed| self.read(Some(consumed)));
            let found = answer.responses.unwrap_or_default().into_values().flatten();
            items.extend(found.map(from_sdk));
            left = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|k| k.keys).collect();
            if left.is_empty() {
                return Ok(items);
            }
        }
        Err(Error::unavailable(operation, format!("the table did not answer for {} of the items", left.len())))
    }

    /// Puts an item of the main table, whatever is there.
    pub(super) async fn put(&self, operation: &'static str, item: Attributes) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_sdk(item)));
        let put = put.set_return_consumed_capacity(self.metering());
        let answer = put.send().await.map_err(|e| Error::unavailable(operation, e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }

    /// Removes an item of the main table, if it is there.
    pub(super) async fn remove(&self, operation: &'static str, key: &Key) -> Result<(), Error> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(whole_key(key.clone())));
        let delete = delete.set_return_consumed_capacity(self.metering());
        let answer = delete.send().await.map_err(|e| Error::unavailable(operation, e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }
}

/// What a refused put means: somebody was first, or the service did not do it.
pub(super) fn put_refused<R>(operation: &'static str, what: &str, error: SdkError<PutItemError, R>) -> Error
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(_)) => Error::Conflict(what.to_owned()),
        _ => Error::unavailable(operation, error),
    }
}

/// What a refused transaction means. `whats` name its items in their order.
pub(super) fn transaction_refused<'a, R>(
    whats: impl IntoIterator<Item = &'a str>,
    error: SdkError<TransactWriteItemsError, R>,
) -> Error
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
        return Error::unavailable("commit", error);
    };
    let reasons: Vec<_> = whats.into_iter().zip(canceled.cancellation_reasons()).collect();
    // A condition that failed is certain whatever else went wrong beside it: deciding again is what helps.
    let lost = reasons.iter().find(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    if let Some((what, _)) = lost {
        return Error::Conflict((*what).to_owned());
    }
    let why: Vec<String> = reasons
        .iter()
        .filter(|(_, reason)| !matches!(reason.code(), None | Some("None")))
        .map(|(what, reason)| format!("{what}: {} {}", reason.code().unwrap_or(""), reason.message().unwrap_or("")))
        .collect();
    if why.is_empty() {
        return Error::unavailable("commit", error);
    }
    Error::unavailable("commit", format!("the transaction was cancelled ({})", why.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use aws_sdk_dynamodb::types::{CancellationReason, error::TransactionCanceledException};

    use super::*;

    /// What a transaction of three items means when it is cancelled for these reasons.
    fn cancelled(codes: [&str; 3]) -> Error {
        let reason = |code: &&str| CancellationReason::builder().code(*code).message("because").build();
        let canceled = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(codes.iter().map(reason).collect()))
            .build();
        let error = SdkError::service_error(TransactWriteItemsError::TransactionCanceledException(canceled), ());
        transaction_refused(["cus_a", "sub_a", "inv_a-p1"], error)
    }

    #[test]
    fn a_failed_condition_is_a_conflict_that_names_the_item() {
        let error = cancelled(["None", "TransactionConflict", "ConditionalCheckFailed"]);
        assert!(matches!(&error, Error::Conflict(what) if what == "inv_a-p1"), "{error:?}");
    }

    #[test]
    fn a_busy_or_a_refusing_table_is_unavailable_with_the_reason() {
        for code in
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError", "Other"]
        {
            let error = cancelled(["None", code, "None"]);
            let Error::Unavailable { .. } = &error else { panic!("{error:?}") };
            let why = error.source().unwrap().to_string();
            assert_eq!(why, format!("the transaction was cancelled (sub_a: {code} because)"));
        }
    }

    #[test]
    fn a_cancellation_without_reasons_is_unavailable() {
        assert!(matches!(cancelled(["None"; 3]), Error::Unavailable { .. }));
    }
}
