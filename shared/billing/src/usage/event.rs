//! Which events a contract takes: each is judged alone, and a refusal says what to do about that one.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{LATE_DAYS, SKEW_SECONDS, chain::shortened, each, item::UsageItem};
use crate::{
    calendar::{Instant, to_instant},
    pricing::Aggregation,
    refusal::Refusal,
    subscription::{State, Subscription},
};

/// Longest id or key of an event, in bytes.
const TEXT_BYTES_MAX: usize = 128;

/// Largest value of an event, either way.
pub(super) const VALUE_MAX: i64 = 1_000_000_000_000;

/// Decimals of a value: with the milliseconds of an hour and a day's events they fit into a decimal exactly.
pub(super) const VALUE_DECIMALS_MAX: u32 = 9;

/// Boundaries looked at beyond the period that is billed now, while its renewal is on its way.
const BOUNDARIES_MAX: u32 = 400;

/// Something that was used, as a request says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageEvent {
    /// Whose.
    pub customer: String,
    /// Which contract.
    pub subscription: String,
    /// Which meter of its plan.
    pub meter: String,
    /// The sender's id: the same one on the same day (UTC) is the same event.
    pub id: String,
    /// When, in business time, RFC 3339.
    pub at: String,
    /// How much, as a decimal in text; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is counted once, for meters that count `unique`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// An event that its contract takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The sender's id.
    pub id: String,
    /// Which meter.
    pub meter: String,
    /// Where its bucket starts.
    pub start: Instant,
    /// When.
    pub at: Instant,
    /// How much.
    pub value: Decimal,
    /// What is counted once, shortened.
    pub key: Option<String>,
    /// Whether its amount is kept by itself, because a price looks at each event.
    pub each: bool,
}

impl Reading {
    /// The day that its id is known on.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.at.date_naive()
    }
}

fn invalid(field: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field, detail: detail.into() }
}

fn out_of_range(detail: &'static str) -> Refusal {
    Refusal::DateOutOfRange { field: "at", detail }
}

/// What `subscription` makes of an event of its own that arrives at `now`.
///
/// # Errors
/// A [`Refusal`] of this event alone.
pub fn accept(subscription: &Subscription, event: &UsageEvent, now: Instant) -> Result<Reading, Refusal> {
    let id = text("id", &event.id)?;
    let at = DateTime::parse_from_rfc3339(&event.at);
    let at = at.map_err(|_| invalid("at", "must be an RFC 3339 instant such as 2027-01-31T09:00:00Z"))?;
    // Milliseconds are what weights are counted in.
    let at = at.with_timezone(&Utc);
    let at = at.with_nanosecond(at.nanosecond() / 1_000_000 % 1_000 * 1_000_000).unwrap_or(at);
    let item = item_at(subscription, &event.meter, at)?;
    check_time(subscription, at, now)?;
    let counts_keys = item.meter.aggregation == Aggregation::Unique;
    let key = match (&event.key, counts_keys) {
        (Some(key), true) => Some(shortened(text("key", key)?)),
        (None, true) => return Err(invalid("key", "is what this meter counts; every event needs one")),
        (Some(_), false) => return Err(invalid("key", "is for meters that count unique keys; leave it out")),
        (None, false) => None,
    };
    let start = bucket_start(subscription, at, item.proration.is_some())?;
    let value = value(event.value.as_deref())?;
    check_sign(subscription, item, at, value)?;
    let each = each::is_kept(subscription, &event.meter);
    Ok(Reading { id: id.into(), meter: event.meter.clone(), start, at, value, key, each })
}

/// A price that looks at each event has no meaning for one below zero: neither its own nor that of the day it lies on.
fn check_sign(subscription: &Subscription, item: &UsageItem, at: Instant, value: Decimal) -> Result<(), Refusal> {
    if value >= Decimal::ZERO {
        return Ok(());
    }
    let mut then = subscription.terms_at(at).usage.iter().filter(|then| then.meter.id == item.meter.id);
    if item.looks_at_each() || then.any(UsageItem::looks_at_each) {
        let detail = "must not be below zero: the price of this meter looks at each event; give back what it cost by a \
                      credit note";
        return Err(invalid("value", detail));
    }
    Ok(())
}

/// The price that an event of `meter` at `at` is for: of the span that it is late for, else of the day.
fn item_at<'a>(subscription: &'a Subscription, meter: &str, at: Instant) -> Result<&'a UsageItem, Refusal> {
    let terms = &subscription.terms;
    let (span, (plan, items)) =
        subscription.usage.late_for(at).map_or((None, (None, None)), |(span, then)| (Some(span), then));
    let (plan, items) = (plan.unwrap_or(&terms.plan), items.unwrap_or(&terms.usage));
    let item = items.iter().find(|item| item.meter.id == meter).ok_or_else(|| {
        let known: Vec<&str> = items.iter().map(|i| i.meter.id.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        invalid("meter", format!("is not a meter of {plan}; its meters are: {known}"))
    })?;
    if span.is_some_and(|span| !span.meters.contains_key(meter)) {
        // It would be counted and never billed.
        return Err(invalid("meter", "was not billed in the period that the event lies in"));
    }
    Ok(item)
}

fn text<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Refusal> {
    let plain = (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    plain.then_some(text).ok_or_else(|| invalid(field, format!("must be 1 to {TEXT_BYTES_MAX} bytes of plain text")))
}

fn value(text: Option<&str>) -> Result<Decimal, Refusal> {
    let Some(text) = text else { return Ok(Decimal::ONE) };
    let must = || {
        let detail = format!("must be a decimal in text, at most {VALUE_MAX} and {VALUE_DECIMALS_MAX} decimals");
        invalid("value", detail)
    };
    // A text longer than any such number is none: parsing it could round. Neither is one with an exponent.
    let plain = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    let value: Decimal = plain.then(|| text.parse().ok()).flatten().ok_or_else(must)?;
    let value = value.normalize();
    if value.scale() > VALUE_DECIMALS_MAX || value.abs() > Decimal::from(VALUE_MAX) {
        return Err(must());
    }
    Ok(value)
}

fn check_time(subscription: &Subscription, at: Instant, now: Instant) -> Result<(), Refusal> {
    match subscription.state {
        State::Active | State::Trialing { .. } => {}
        State::Paused { since, .. } if at < since => {}
        ref state => return Err(Refusal::WrongState { state: state.name(), action: "record usage" }),
    }
    if at < subscription.began_at() {
        return Err(out_of_range("lies before the subscription began"));
    }
    if subscription.scheduled.cancel.is_some_and(|end| at >= end) {
        return Err(out_of_range("lies at or after the agreed end of the subscription"));
    }
    if subscription.scheduled.pause.is_some_and(|(from, _)| at >= from) {
        return Err(out_of_range("lies at or after the agreed pause of the subscription"));
    }
    if at > now + TimeDelta::seconds(SKEW_SECONDS) {
        return Err(out_of_range("lies more than 300 seconds in the future"));
    }
    if at < now - TimeDelta::days(LATE_DAYS) {
        return Err(out_of_range("lies more than 34 days back"));
    }
    if subscription.usage.billed.last().is_some_and(|billed| at < billed.start) {
        return Err(out_of_range(
            "lies before the period that was invoiced last; late usage is taken for that one only",
        ));
    }
    Ok(())
}

/// The hour that `at` lies in, or the latest boundary of the contract within that hour; where units are billed `by_day`, also
/// the start of the local day: in some zones it lies within an hour of UTC.
fn bucket_start(subscription: &Subscription, at: Instant, by_day: bool) -> Result<Instant, Refusal> {
    let hour = at - TimeDelta::seconds(at.timestamp().rem_euclid(3_600));
    let hour = hour.with_nanosecond(0).unwrap_or(hour);
    let mut boundaries = vec![hour];
    if by_day {
        let zone = subscription.anchor.zone();
        boundaries.push(to_instant(at.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN), zone));
    }
    boundaries.extend(subscription.usage.billed.iter().flat_map(|b| [b.start, b.end]));
    // A change that is agreed for an instant divides the period there.
    boundaries.extend(subscription.scheduled.change.iter().map(|(at, _)| *at));
    boundaries.extend(subscription.scheduled.moved.iter().map(|(at, _)| *at));
    // So does prepaid credit that expires.
    boundaries.extend(subscription.prepaid.grants.iter().filter_map(|grant| grant.expires_at));
    if let Some(period) = subscription.period {
        boundaries.extend([period.start, period.end]);
        // The worker has not come by yet: the boundaries that it will cut at.
        // After bought time boundary 0 is the end of the period itself.
        let first = if subscription.runs_on_bought_time() { 1 } else { 2 };
        for index in first..BOUNDARIES_MAX {
            let next = period.index.checked_add(index).ok_or(crate::calendar::OutOfCalendar)?;
            let boundary = subscription.boundary(next)?;
            if boundary > at {
                break;
            }
            boundaries.push(boundary);
        }
    }
    Ok(boundaries.into_iter().filter(|b| *b <= at).max().unwrap_or(hour))
}
