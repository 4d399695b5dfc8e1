//! Where a contract's usage is kept: chains of chunks by day in the operations table, read whole and written chunk by chunk.
//!
//! Exists for both sides: `record_usage` writes chains, decisions that bill usage and `get` read them. One item holds up
//! to a hundred events, so nothing here is an item per event (decision 0020).

use billing::{
    calendar::{Instant, WallTime},
    ids::{CustomerId, SubscriptionId},
    refusal::Refusal,
    subscription::{Input, Subscription, next_event},
    usage::{Chain, Chunk, KEPT_DAYS, Placed, Reading, SKEW_SECONDS, UsageRecord},
};
use chrono::{Days, NaiveDate, TimeDelta};
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};

use crate::{
    error::Error,
    ports::{ChunkKey, Ledger, Operations, Save, Versioned},
};

/// Days read at the same time.
const DAYS_AT_ONCE: usize = 16;

/// Chunks of a chain read at the same time, at most.
const CHUNKS_AT_ONCE: usize = 32;

/// How often a chain is read again because somebody else wrote to it first.
const TRIES: usize = 24;

/// Whose chains.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) customer: CustomerId,
    pub(crate) subscription: SubscriptionId,
}

impl Owner {
    pub(crate) fn of(subscription: &Subscription) -> Self {
        Self { customer: subscription.customer.clone(), subscription: subscription.id.clone() }
    }

    fn key(&self, day: NaiveDate, number: usize) -> ChunkKey {
        ChunkKey { customer: self.customer.clone(), subscription: self.subscription.clone(), day, number }
    }
}

/// A chain with the versions of its chunks.
#[derive(Debug, Default)]
struct Held {
    chain: Chain,
    versions: Vec<u64>,
}

impl Held {
    /// Reads until a chunk has room or is missing, in widening steps.
    ///
    /// What comes after a chunk with room was written after that chunk was read: together they are no state that ever was.
    /// Taken together, the events that came into the chunk meanwhile would be unknown, and count again behind it. Alone,
    /// the chunk is the end of an earlier state, and a write to it meets a newer version.
    async fn read(operations: &dyn Operations, owner: &Owner, day: NaiveDate) -> Result<Self, Error> {
        let (mut held, mut width) = (Self::default(), 1);
        loop {
            let from = held.versions.len();
            let keys: Vec<ChunkKey> = (from..from + width).map(|n| owner.key(day, n)).collect();
            let found = try_join_all(keys.iter().map(|key| operations.usage_chunk(key))).await?;
            for chunk in found {
                let Some(Versioned { value, version }) = chunk else { return Ok(held) };
                let is_full = value.is_full();
                held.chain.0.push(value);
                held.versions.push(version);
                if !is_full {
                    return Ok(held);
                }
            }
            width = (width * 2).min(CHUNKS_AT_ONCE);
        }
    }

    fn version(&self, number: usize) -> u64 {
        self.versions.get(number).copied().unwrap_or(0)
    }

    fn wrote(&mut self, number: usize, chunk: Chunk) {
        let version = self.version(number) + 1;
        self.chain.0.truncate(number);
        self.versions.truncate(number);
        self.chain.0.push(chunk);
        self.versions.push(version);
    }
}

/// What became of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    New,
    Duplicate,
    Refused(Refusal),
}

/// Counts `readings`, all of one `day`, each once for ever. The answers are in their order. Whatever was written before
/// an error stays: the same readings again are duplicates then.
pub(crate) async fn write_day(
    operations: &dyn Operations,
    owner: &Owner,
    day: NaiveDate,
    readings: &[Reading],
    wall: WallTime,
) -> Result<Vec<Recorded>, Error> {
    let expires = wall.plus_seconds(KEPT_DAYS * 86_400);
    let mut answers: Vec<Option<Recorded>> = vec![None; readings.len()];
    let mut waiting: Vec<usize> = (0..readings.len()).collect();
    let (mut held, mut tries) = (Held::read(operations, owner, day).await?, 0);
    while !waiting.is_empty() {
        let plan = held.chain.plan(&waiting.iter().map(|i| &readings[*i]).collect::<Vec<_>>());
        if let Some((number, chunk)) = plan.write {
            let save = Save { value: chunk.clone(), replaces: held.version(number) };
            match operations.put_usage_chunk(&owner.key(day, number), save, expires).await {
                Ok(()) => held.wrote(number, chunk),
                Err(Error::Conflict(_)) if tries < TRIES => {
                    tries += 1;
                    held = Held::read(operations, owner, day).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        waiting = settle(&waiting, plan.placed, &mut answers);
    }
    let unanswered = || Error::unavailable("record usage", "an event was neither counted nor refused");
    answers.into_iter().map(|answer| answer.ok_or_else(unanswered)).collect()
}

/// Notes the answers; returns those that wait for the next chunk.
fn settle(waiting: &[usize], placed: Vec<Placed>, answers: &mut [Option<Recorded>]) -> Vec<usize> {
    let mut next = Vec::new();
    for (i, placed) in waiting.iter().copied().zip(placed) {
        answers[i] = match placed {
            Placed::Recorded => Some(Recorded::New),
            Placed::Duplicate => Some(Recorded::Duplicate),
            Placed::Refused(refusal) => Some(Recorded::Refused(refusal)),
            Placed::Next => {
                next.push(i);
                None
            }
        };
    }
    next
}

/// What is stored of a contract's usage, as far as it is not settled for ever: from the spans that are looked at again.
pub(crate) async fn record_of(
    operations: &dyn Operations,
    subscription: &Subscription,
    now: Instant,
) -> Result<UsageRecord, Error> {
    let Some(period) = subscription.period else { return Ok(UsageRecord::default()) };
    let first = subscription.usage.billed.first().map_or(period.start, |b| b.start.min(period.start));
    let last = (now + TimeDelta::seconds(SKEW_SECONDS)).date_naive();
    // A bucket may begin at the boundary and its event lie on the next day, never the other way round.
    let days = std::iter::successors(Some(first.date_naive()), |day| day.checked_add_days(Days::new(1)));
    let owner = &Owner::of(subscription);
    let chains = stream::iter(days.take_while(|day| *day <= last).map(|day| Held::read(operations, owner, day)));
    let chains: Vec<Held> = chains.buffered(DAYS_AT_ONCE).try_collect().await?;
    Ok(UsageRecord::new(chains.into_iter().flat_map(|held| held.chain.0)))
}

/// The record that a decision about `input` needs; none where it bills no usage.
pub(crate) async fn for_decision(
    ledger: &Ledger,
    subscription: &Subscription,
    input: &Input,
    now: Instant,
) -> Result<Option<UsageRecord>, Error> {
    let is_due = || next_event(subscription).is_some_and(|(at, _)| at <= now);
    let bills = input.is_command() || (*input == Input::Wake && is_due());
    if !subscription.has_usage() || !bills {
        return Ok(None);
    }
    record_of(ledger.operations.as_ref(), subscription, now).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    fn chunk(ids: usize) -> Chunk {
        Chunk { ids: (0..ids).map(|n| format!("{n:016}")).collect(), buckets: Vec::new() }
    }

    async fn held(chunks: &[Chunk]) -> Held {
        let store = MemoryStore::new(1);
        let customer = CustomerId::try_new("cus_a").unwrap();
        let owner = Owner { customer, subscription: SubscriptionId::try_new("sub_a").unwrap() };
        let at: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        for (number, value) in chunks.iter().cloned().enumerate() {
            let save = Save { value, replaces: 0 };
            store.put_usage_chunk(&owner.key(at.date_naive(), number), save, WallTime(at)).await.unwrap();
        }
        Held::read(&store, &owner, at.date_naive()).await.unwrap()
    }

    #[tokio::test]
    async fn a_chain_is_read_to_its_end() {
        let chunks = [chunk(100), chunk(100), chunk(100), chunk(7)];
        assert_eq!(held(&chunks).await.chain.0, chunks);
    }

    /// As a reader finds it that another writer overtakes: the first chunk before that write, the second after it.
    #[tokio::test]
    async fn what_was_written_after_the_reader_passed_is_not_taken_together_with_what_it_saw() {
        let torn = [chunk(100), chunk(60), chunk(20)];
        assert_eq!(held(&torn).await.chain.0, torn[..2]);
    }
}
