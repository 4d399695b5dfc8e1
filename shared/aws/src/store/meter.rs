//! What the calls of a store consumed, as DynamoDB reports it.
//!
//! Exists for the budget test (DESIGN section 6): the design's price per renewal is counted, not estimated.

use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use super::AwsStore;

/// Capacity units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Units read.
    pub read: f64,
    /// Units written, the index included.
    pub write: f64,
    /// The part of `write` that the due index took.
    pub index_write: f64,
}

/// Sums what a store consumes.
#[derive(Debug, Default)]
pub struct CapacityMeter(Mutex<Units>);

impl CapacityMeter {
    /// The sum since the last call, which it begins anew.
    pub fn take(&self) -> Units {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, part: impl FnOnce(&mut Units)) {
        part(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl AwsStore {
    /// What calls ask for: nothing, unless a meter wants to know.
    pub(super) fn metering(&self) -> Option<ReturnConsumedCapacity> {
        self.meter.as_ref().map(|_| ReturnConsumedCapacity::Indexes)
    }

    pub(super) fn read(&self, consumed: Option<&ConsumedCapacity>) {
        if let (Some(meter), Some(consumed)) = (&self.meter, consumed) {
            meter.add(|units| units.read += consumed.capacity_units().unwrap_or_default());
        }
    }

    pub(super) fn wrote<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let Some(meter) = &self.meter else { return };
        for consumed in consumed {
            let indexes = consumed.global_secondary_indexes().into_iter().flatten();
            let index_units: f64 = indexes.filter_map(|(_, capacity)| capacity.capacity_units()).sum();
            meter.add(|units| {
                units.write += consumed.capacity_units().unwrap_or_default();
                units.index_write += index_units;
            });
        }
    }
}
