//! What is stored of a contract's usage, and what a meter comes to in a span of it.
//!
//! Exists apart from the account, which remembers what of that was billed.

use chrono::TimeDelta;
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{
    bucket::{Bucket, HourBucket},
    chain::Chunk,
    time::UnitTime,
    weight::Weight,
};
use crate::{
    calendar::recurrence::Span,
    money::MoneyError,
    pricing::{Aggregation, Meter, exact},
};

/// What is stored of a contract's usage, as far as a decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageRecord(Vec<HourBucket>);

/// What a meter comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) quantity: Decimal,
    pub(super) events: u64,
    /// The level at the end, for meters whose level goes on.
    pub(super) level: Decimal,
    /// For how long units were there, for meters that are prorated.
    pub(super) time: Option<UnitTime>,
    /// What the quantity is the quotient of, for meters that are weighted.
    pub(super) weight: Option<Weight>,
}

/// What a meter is counted in.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) span: Span,
    pub(super) zone: Tz,
    /// The level that it begins with, for meters whose level goes on.
    pub(super) carried: Decimal,
    /// How time is counted, for meters that are prorated.
    pub(super) time: Option<&'a UnitTime>,
    /// Milliseconds of a full period, for meters that are weighted; none: of the span, as it once was.
    pub(super) full: Option<i64>,
}

impl UsageRecord {
    /// The record that `chunks` hold.
    #[must_use]
    pub fn new(chunks: impl IntoIterator<Item = Chunk>) -> Self {
        Self(chunks.into_iter().flat_map(|c| c.buckets).collect())
    }

    /// The buckets of a meter in `span`, in no order.
    pub(super) fn buckets(&self, meter: &str, span: Span) -> impl Iterator<Item = &HourBucket> {
        self.0.iter().filter(move |b| b.meter == meter && span.holds(b.start))
    }

    /// What the meter comes to.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when values cannot be added exactly.
    pub(super) fn tally(&self, meter: &Meter, of: &Window<'_>) -> Result<Tally, MoneyError> {
        let mut buckets: Vec<&HourBucket> = self.buckets(&meter.id, of.span).collect();
        let all = buckets.iter().map(|b| b.bucket.totals()).map(Ok).reduce(|a, b| a?.merge(b?)).transpose()?;
        let events = all.as_ref().map_or(0, |all| all.count);
        if let Some(time) = of.time {
            buckets.sort_by_key(|bucket| bucket.start);
            let time = Some(time.counted(&buckets, of.span, of.zone, of.carried)?);
            let level = exact::add(of.carried, all.map_or(Decimal::ZERO, |all| all.sum))?;
            return Ok(Tally { quantity: level, events, level, time, weight: None });
        }
        let carries = matches!(meter.aggregation, Aggregation::Last | Aggregation::WeightedChanges);
        let carried = if carries { of.carried } else { Decimal::ZERO };
        let level = match (&all, meter.aggregation) {
            (Some(all), Aggregation::Last) => all.last,
            (Some(all), Aggregation::WeightedChanges) => exact::add(carried, all.sum)?,
            _ => carried,
        };
        let mut weight = None;
        let quantity = match meter.aggregation {
            Aggregation::WeightedChanges => {
                let whole = of.full.unwrap_or_else(|| (of.span.end - of.span.start).num_milliseconds());
                let found = Weight { sum: weighted(&buckets, of.span, carried)?, whole };
                weight = of.full.map(|_| found);
                found.quantity()?
            }
            aggregation => all.as_ref().map_or(carried, |all| of_bucket(all, aggregation)),
        };
        Ok(Tally { quantity: quantity.normalize(), events, level, time: None, weight })
    }
}

fn of_bucket(all: &Bucket, aggregation: Aggregation) -> Decimal {
    match aggregation {
        Aggregation::Count => Decimal::from(all.count),
        Aggregation::Unique => Decimal::from(all.keys.len()),
        // A meter that starts afresh has seen nothing larger than nothing.
        Aggregation::Max => all.max.max(Decimal::ZERO),
        Aggregation::Last | Aggregation::WeightedLevels => all.last,
        Aggregation::Sum | Aggregation::WeightedChanges => all.sum,
    }
}

/// Levels times milliseconds: what was carried for all of the span, each change for what was left of it.
fn weighted(buckets: &[&HourBucket], span: Span, carried: Decimal) -> Result<Decimal, MoneyError> {
    let milliseconds = |length: TimeDelta| Decimal::from(length.num_milliseconds());
    let whole = milliseconds(span.end - span.start);
    let mut sum = exact::mul(carried, whole)?;
    for HourBucket { start, bucket, .. } in buckets {
        let stood = exact::sub(exact::mul(bucket.sum, milliseconds(span.end - *start))?, bucket.moment)?;
        sum = exact::add(sum, stood)?;
    }
    Ok(sum)
}
