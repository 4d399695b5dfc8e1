//! Record usage: a batch of events, each judged and counted alone, each once however often it comes.

use std::collections::{BTreeMap, BTreeSet};

use billing::{
    calendar::Instant,
    ids::{CustomerId, SubscriptionId},
    refusal::Refusal,
    subscription::Subscription,
    usage::{BATCH_MAX, Reading, UsageEvent, accept},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    ports::Ledger,
    usage::{Owner, Recorded, write_day},
    view::parse_field,
};

/// The body of a request, and of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRequest {
    /// 1 to 100 events, of any contracts.
    pub events: Vec<UsageEvent>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It counts.
    Recorded,
    /// It counted before; nothing was changed.
    Duplicate,
    /// It does not count; the rest says why.
    Refused,
}

/// The answer to one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventAnswer {
    /// The event's id.
    pub id: String,
    /// What became of it.
    pub status: EventStatus,
    /// The refusal's stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The field that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl EventAnswer {
    fn plain(event: &UsageEvent, status: EventStatus) -> Self {
        Self { id: event.id.clone(), status, code: None, field: None, detail: None }
    }

    fn refused(event: &UsageEvent, refusal: &Refusal) -> Self {
        Self {
            code: Some(refusal.code()),
            field: refusal.field().map(Into::into),
            detail: Some(refusal.to_string()),
            ..Self::plain(event, EventStatus::Refused)
        }
    }
}

/// The answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageReply {
    /// How many events count now that did not before.
    pub recorded: usize,
    /// How many counted before.
    pub duplicates: usize,
    /// How many do not count.
    pub refused: usize,
    /// One answer for each event, in their order.
    pub events: Vec<EventAnswer>,
}

/// Records a batch. An event that is refused takes no other along. After an error the same batch may be sent again: what
/// was counted already is a duplicate then.
///
/// # Errors
/// [`Refusal::InvalidField`] for a batch that is empty or too large; [`Error::Conflict`] where so many write to one
/// contract's day that none gets through; the store's errors.
pub async fn record_usage(ledger: &Ledger, request: &UsageRequest) -> Result<UsageReply, Error> {
    let events = &request.events;
    if events.is_empty() || events.len() > BATCH_MAX {
        let detail = format!("must be 1 to {BATCH_MAX} events");
        return Err(Refusal::InvalidField { field: "events", detail }.into());
    }
    let now = ledger.clocks.business().await?;
    let mut owners: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        owners.entry((&event.customer, &event.subscription)).or_default().push(i);
    }
    let mut answers: Vec<Option<EventAnswer>> = vec![None; events.len()];
    for ((customer, subscription), indexes) in owners {
        match owner(ledger, customer, subscription).await {
            Ok(owner) => of_owner(ledger, &owner, now, (events, &indexes), &mut answers).await?,
            Err(Error::Refused(refusal)) => {
                indexes.iter().for_each(|i| answers[*i] = Some(EventAnswer::refused(&events[*i], &refusal)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(reply(answers.into_iter().flatten().collect()))
}

fn reply(events: Vec<EventAnswer>) -> UsageReply {
    let count = |status| events.iter().filter(|e| e.status == status).count();
    UsageReply {
        recorded: count(EventStatus::Recorded),
        duplicates: count(EventStatus::Duplicate),
        refused: count(EventStatus::Refused),
        events,
    }
}

async fn owner(ledger: &Ledger, customer: &str, subscription: &str) -> Result<Subscription, Error> {
    let customer = parse_field("customer", CustomerId::try_new(customer))?;
    let id = parse_field("subscription", SubscriptionId::try_new(subscription))?;
    let held = ledger.store.subscription(&customer, &id).await?;
    Ok(held.ok_or_else(|| Refusal::NotFound { what: "subscription", id: id.to_string() })?.value)
}

/// Judges and counts the events at `indexes`, all of one contract.
async fn of_owner(
    ledger: &Ledger,
    owner: &Subscription,
    now: Instant,
    (events, indexes): (&[UsageEvent], &[usize]),
    answers: &mut [Option<EventAnswer>],
) -> Result<(), Error> {
    let mut taken: Vec<(usize, Reading)> = Vec::with_capacity(indexes.len());
    for i in indexes.iter().copied() {
        match accept(owner, &events[i], now) {
            Ok(reading) => taken.push((i, reading)),
            Err(refusal) => answers[i] = Some(EventAnswer::refused(&events[i], &refusal)),
        }
    }
    let days: BTreeSet<_> = taken.iter().map(|(_, reading)| reading.day()).collect();
    for day in days {
        let of_day = taken.iter().filter(|(_, reading)| reading.day() == day).cloned();
        let (places, readings): (Vec<usize>, Vec<Reading>) = of_day.unzip();
        let (operations, wall) = (ledger.operations.as_ref(), ledger.clocks.wall());
        let recorded = write_day(operations, &Owner::of(owner), day, &readings, wall).await?;
        for (i, recorded) in places.into_iter().zip(recorded) {
            answers[i] = Some(match recorded {
                Recorded::New => EventAnswer::plain(&events[i], EventStatus::Recorded),
                Recorded::Duplicate => EventAnswer::plain(&events[i], EventStatus::Duplicate),
                Recorded::Refused(refusal) => EventAnswer::refused(&events[i], &refusal),
            });
        }
    }
    Ok(())
}

/// Records a message's batch. Nobody waits for its answers, so one refused event makes the message fail: it ends in the
/// dead-letter queue, where a person finds it; its other events count once all the same.
///
/// # Errors
/// As [`record_usage`]; [`Error::Refused`] with the first event's refusal.
pub async fn record_message(ledger: &Ledger, request: &UsageRequest) -> Result<(), Error> {
    let reply = record_usage(ledger, request).await?;
    let Some(first) = reply.events.iter().find(|e| e.status == EventStatus::Refused) else { return Ok(()) };
    let detail = first.detail.clone().unwrap_or_default();
    let detail = format!("{} of {} events are refused, the first because {detail}", reply.refused, reply.events.len());
    Err(Refusal::InvalidField { field: "events", detail }.into())
}
