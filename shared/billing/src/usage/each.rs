//! Events one by one, for prices that look at each of them: whose amounts are kept, in which order they come, and what they
//! come to.
//!
//! Exists because a least, a most or free events do not follow from a total. Only meters with such a price keep amounts, and
//! an invoice keeps what the price made of them, never the list: its item stays small and is computed again from that.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{event::VALUE_DECIMALS_MAX, item::UsageItem, part::SpanPart, record::UsageRecord};
use crate::{
    calendar::{Instant, recurrence::Span},
    money::MoneyError,
    pricing::{PaidEvents, exact},
    subscription::Subscription,
};

/// What the events of a span came to under a price that looks at each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EachEvent {
    /// What the price follows from.
    pub paid: PaidEvents,
    /// How many of them were counted without their amounts, because no price of their meter looked at each then: those of an
    /// hour count as equally large.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub averaged: u64,
}

/// Whether events of `meter` that come now are kept one by one: a price that the contract has, will have, or had where
/// something may still come late looks at each.
pub(super) fn is_kept(subscription: &Subscription, meter: &str) -> bool {
    let Subscription { terms, scheduled, usage, .. } = subscription;
    let change = scheduled.change.as_ref().map(|(_, terms)| &terms.usage);
    let moved = scheduled.moved.as_ref().map(|(_, to)| &to.terms.usage);
    let after_both = scheduled.change_moved.as_ref().map(|to| &to.terms.usage);
    let earlier = usage.earlier.iter().filter_map(|terms| terms.items.as_ref());
    let mut all = [Some(&terms.usage), change, moved, after_both].into_iter().flatten().chain(earlier).flatten();
    all.any(|item| item.meter.id == meter && item.looks_at_each())
}

/// `quantity` in so many events of one size, as fine as a value may be; the last one has what is left over. A quantity below
/// zero is none.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub(super) fn equal(quantity: Decimal, events: u64) -> Result<Vec<Decimal>, MoneyError> {
    let Some(others) = events.checked_sub(1) else { return Ok(Vec::new()) };
    let quantity = quantity.max(Decimal::ZERO);
    let size = exact::quotient(quantity, Decimal::from(events))?.trunc_with_scale(VALUE_DECIMALS_MAX).normalize();
    let last = exact::sub(quantity, exact::mul(size, Decimal::from(others))?)?;
    Ok((0..others).map(|_| size).chain([last]).collect())
}

impl UsageItem {
    /// Whether its price looks at each event.
    pub(super) fn looks_at_each(&self) -> bool {
        self.price.of_each_event().is_some()
    }

    /// What `quantity` in so many `events` of one size come to in a `part` of a full period; none for a price of totals.
    ///
    /// # Errors
    /// [`MoneyError`] when they cannot be computed exactly.
    pub(super) fn averaged(
        &self,
        part: Option<SpanPart>,
        quantity: Decimal,
        events: u64,
    ) -> Result<Option<EachEvent>, MoneyError> {
        if !self.looks_at_each() {
            return Ok(None);
        }
        let paid = self.paid_events(part, &equal(quantity, events)?)?;
        Ok(paid.map(|paid| EachEvent { paid, averaged: events }))
    }
}

impl UsageRecord {
    /// What the events of `span`, a `part` of a full period, come to one by one; none for a price of totals. One below zero,
    /// taken when no price looked at it, pays nothing and gives nothing back.
    ///
    /// # Errors
    /// [`MoneyError`] when they cannot be computed exactly.
    pub(super) fn each(
        &self,
        item: &UsageItem,
        span: Span,
        part: Option<SpanPart>,
    ) -> Result<Option<EachEvent>, MoneyError> {
        if !item.looks_at_each() {
            return Ok(None);
        }
        let (amounts, averaged) = self.amounts(&item.meter.id, span)?;
        let amounts: Vec<Decimal> = amounts.into_iter().filter(|amount| *amount >= Decimal::ZERO).collect();
        Ok(item.paid_events(part, &amounts)?.map(|paid| EachEvent { paid, averaged }))
    }

    /// The amounts of the meter's events in order of time, of those at one instant the smaller ones first; and of how many
    /// only totals are known. These count as equally large, at the start of their hour.
    fn amounts(&self, meter: &str, span: Span) -> Result<(Vec<Decimal>, u64), MoneyError> {
        let mut events: Vec<(Instant, Decimal)> = Vec::new();
        let mut unknown: BTreeMap<Instant, (u64, Decimal)> = BTreeMap::new();
        for held in self.buckets(meter, span) {
            let (start, bucket) = (held.start, &held.bucket);
            events.extend(
                bucket.each.iter().map(|(offset, amount)| (start + TimeDelta::milliseconds((*offset).into()), *amount)),
            );
            let known = u64::try_from(bucket.each.len()).unwrap_or(u64::MAX);
            let missing = bucket.count.saturating_sub(known);
            if missing > 0 {
                let left = exact::sub(bucket.sum, exact::sum(bucket.each.iter().map(|(_, amount)| *amount))?)?;
                let (count, sum) = unknown.entry(start).or_default();
                (*count, *sum) = (count.saturating_add(missing), exact::add(*sum, left)?);
            }
        }
        for (start, (count, sum)) in &unknown {
            events.extend(equal(*sum, *count)?.into_iter().map(|amount| (*start, amount)));
        }
        events.sort_unstable();
        Ok((events.into_iter().map(|(_, amount)| amount).collect(), unknown.values().map(|(count, _)| count).sum()))
    }
}
