//! Buckets: all events of one meter and hour as a few numbers that can be merged.
//!
//! Exists so that storage grows with hours and not with events. Merging is commutative and associative, and every
//! aggregation of a meter that contracts are billed by follows from it exactly: a property in `tests/rules/usage.rs`.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{calendar::Instant, money::MoneyError, pricing::exact};

/// What the events of one meter in a span of at most an hour come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// How many events.
    pub count: u64,
    /// Their values, added up.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub sum: Decimal,
    /// The largest value.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub max: Decimal,
    /// When the last event was.
    pub last_at: Instant,
    /// The value of the last event; of several at one instant the largest, so that the order of delivery is of no account.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub last: Decimal,
    /// Each value times the milliseconds from the bucket's start to it, added up: what a weighted level follows from.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub moment: Decimal,
    /// The different keys, shortened by a hash.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
    /// The events one by one, where the price of their meter looks at each: milliseconds from the bucket's start, and how
    /// much; in that order. Events that were counted while no price did are in the numbers above only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<(u32, Decimal)>,
}

impl Bucket {
    /// The bucket of one event: `value` at `at`, in a bucket that starts at `start`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn of(start: Instant, at: Instant, value: Decimal, key: Option<String>) -> Result<Self, MoneyError> {
        let moment = exact::mul(value, Decimal::from((at - start).num_milliseconds()))?;
        let value = value.normalize();
        let keys = key.into_iter().collect();
        Ok(Self { count: 1, sum: value, max: value, last_at: at, last: value, moment, keys, each: Vec::new() })
    }

    /// The bucket of one event, which keeps it by itself too.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], also for an event that lies before its bucket or weeks after it.
    pub fn of_each(start: Instant, at: Instant, value: Decimal) -> Result<Self, MoneyError> {
        let offset = u32::try_from((at - start).num_milliseconds()).map_err(|_| MoneyError::Overflow)?;
        Ok(Self { each: vec![(offset, value.normalize())], ..Self::of(start, at, value, None)? })
    }

    /// The same without its events: they are many, and no total needs them.
    pub(super) fn totals(&self) -> Self {
        let Self { count, sum, max, last_at, last, moment, ref keys, .. } = *self;
        Self { count, sum, max, last_at, last, moment, keys: keys.clone(), each: Vec::new() }
    }

    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when values cannot be added exactly.
    pub fn merge(self, other: Self) -> Result<Self, MoneyError> {
        let (last_at, last) = (self.last_at, self.last).max((other.last_at, other.last));
        let mut keys = self.keys;
        keys.extend(other.keys);
        let mut each = self.each;
        each.extend(other.each);
        each.sort_unstable();
        Ok(Self {
            count: self.count.checked_add(other.count).ok_or(MoneyError::Overflow)?,
            sum: exact::add(self.sum, other.sum)?,
            max: self.max.max(other.max),
            last_at,
            last,
            moment: exact::add(self.moment, other.moment)?,
            keys,
            each,
        })
    }
}

/// A bucket with what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourBucket {
    /// The hour's first instant, or the boundary of a period within that hour: no bucket lies in two periods.
    pub start: Instant,
    /// Which meter.
    pub meter: String,
    /// What was counted.
    pub bucket: Bucket,
}
