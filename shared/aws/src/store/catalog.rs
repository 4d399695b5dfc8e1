//! Plans and policies: immutable versions, remembered for ever, and a pointer to the current one, read every time.
//!
//! The pointer is not remembered: a price that was taken off sale must not be sold for another minute because a warm
//! function has not looked.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_dynamodb::types::AttributeValue;
use billing::catalog::VersionRef;
use usecases::error::{CONFLICT_TRIES, Error};

use super::{AwsStore, call, unreadable};
use crate::{
    item::{self, Attributes, ItemError, Keyed},
    keys::{self, Shelf},
};

impl AwsStore {
    /// A published version, from memory or from the table.
    pub(super) async fn published<T: Clone>(
        &self,
        shelf: Shelf,
        reference: &VersionRef,
        known: &Mutex<HashMap<VersionRef, T>>,
        read: fn(Attributes) -> Result<T, ItemError>,
    ) -> Result<Option<T>, Error> {
        if let Some(value) = known.lock().unwrap_or_else(PoisonError::into_inner).get(reference) {
            return Ok(Some(value.clone()));
        }
        let Some(found) = self.get("load the catalog", &keys::published(shelf, reference)).await? else {
            return Ok(None);
        };
        let value = read(found).map_err(unreadable)?;
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(reference.clone(), value.clone());
        Ok(Some(value))
    }

    /// Which version of `name` is current.
    pub(super) async fn current(&self, shelf: Shelf, name: &str) -> Result<Option<VersionRef>, Error> {
        let found = self.get("load the catalog", &keys::current(shelf, name)).await?;
        found.map(|item| item::read_current(shelf, item)).transpose().map_err(unreadable)
    }

    /// Puts a version. False: it is there already, and what it holds stays.
    pub(super) async fn publish(&self, item: Keyed) -> Result<bool, Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(call::to_sdk(item.attributes)))
            .condition_expression("attribute_not_exists(pk)")
            .set_return_consumed_capacity(self.metering());
        match put.send().await {
            Ok(answer) => {
                self.wrote(answer.consumed_capacity());
                Ok(true)
            }
            Err(error) => match call::put_refused("publish", "the catalog", error) {
                Error::Conflict(_) => Ok(false),
                other => Err(other),
            },
        }
    }

    /// Makes a version current, unless a higher one is. After its item, so that a pointer never leads nowhere.
    pub(super) async fn point(&self, shelf: Shelf, reference: &VersionRef) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let before = self.current(shelf, &reference.name).await?;
            if before.as_ref().is_some_and(|before| before.version >= reference.version) {
                return Ok(());
            }
            match self.move_pointer(shelf, before.as_ref(), reference).await {
                Err(Error::Conflict(_)) if tries < CONFLICT_TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// Moves the pointer from the version that it was read with, so that of two publishers the higher version wins.
    async fn move_pointer(&self, shelf: Shelf, from: Option<&VersionRef>, to: &VersionRef) -> Result<(), Error> {
        let item = item::current(shelf, to).map_err(unreadable)?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(call::to_sdk(item.attributes)));
        let put = match from {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(from) => put
                .condition_expression("#data = :from")
                .expression_attribute_names("#data", keys::DATA)
                .expression_attribute_values(":from", AttributeValue::S(from.to_string())),
        };
        let answer = put.set_return_consumed_capacity(self.metering()).send().await;
        let answer = answer.map_err(|e| call::put_refused("publish", "the catalog", e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }
}
