//! Single reads and writes, and what an answer of DynamoDB means to a caller.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::AttributeValue,
};
use serde_dynamo::Item;
use usecases::error::Error;

use super::AwsStore;
use crate::{
    item::Attributes,
    keys::{self, Key},
};

/// An item as the SDK holds it.
pub(super) type SdkItem = HashMap<String, AttributeValue>;

pub(super) fn from_sdk(item: SdkItem) -> Attributes {
    Item::from(item).into_inner()
}

pub(super) fn to_sdk(item: Attributes) -> SdkItem {
    Item::from(item).into()
}

impl AwsStore {
    /// One item of the main table, as it is now.
    pub(super) async fn get(&self, operation: &'static str, key: &Key) -> Result<Option<Attributes>, Error> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(keys::PK, AttributeValue::S(key.pk.clone()))
            .key(keys::SK, AttributeValue::S(key.sk.clone()));
        let get = get.consistent_read(true).set_return_consumed_capacity(self.metering());
        let answer = get.send().await.map_err(|e| Error::unavailable(operation, e))?;
        self.read(answer.consumed_capacity());
        Ok(answer.item.map(from_sdk))
    }

    /// Puts an item of the main table, whatever is there.
    pub(super) async fn put(&self, operation: &'static str, item: Attributes) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_sdk(item)));
        let put = put.set_return_consumed_capacity(self.metering());
        let answer = put.send().await.map_err(|e| Error::unavailable(operation, e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }
}

/// What a refused put means: somebody was first, or the service did not do it.
pub(super) fn put_refused(operation: &'static str, what: &str, error: SdkError<PutItemError>) -> Error {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(_)) => Error::Conflict(what.to_owned()),
        _ => Error::unavailable(operation, error),
    }
}

/// What a refused transaction means. `whats` name its items in their order.
pub(super) fn transaction_refused<'a>(
    whats: impl IntoIterator<Item = &'a str>,
    error: SdkError<TransactWriteItemsError>,
) -> Error {
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
