//! The record of one contract's usage on one day: a chain of chunks, each a small item that is filled and then never
//! touched again.
//!
//! Exists so that the same batch twice counts once and two batches at the same time both count, at two write units for
//! a hundred events. Ids and buckets change in one conditional write. A chunk is only begun when the one before it is
//! full, so two writers who read the same chain always meet at the same chunk, and one of them reads again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    CHUNK_IDS_MAX, CHUNKS_MAX, UNIQUE_KEYS_MAX,
    bucket::{Bucket, HourBucket},
    event::Reading,
};
use crate::{calendar::Instant, ids::base32, refusal::Refusal};

/// Characters of a shortened id.
const HASH_CHARS: usize = 16;

/// Up to [`CHUNK_IDS_MAX`] events: their ids, and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The shortened ids, one after the other.
    pub ids: String,
    /// What was counted, by hour and meter.
    pub buckets: Vec<HourBucket>,
}

impl Chunk {
    fn len(&self) -> usize {
        self.ids.len() / HASH_CHARS
    }

    /// Whether it holds all that it may: it is never written again, and only then is there a next one.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= CHUNK_IDS_MAX
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|i| self.ids.get(i * HASH_CHARS..(i + 1) * HASH_CHARS))
    }

    fn bucket(&mut self, start: Instant, meter: &str) -> Option<&mut HourBucket> {
        self.buckets.iter_mut().find(|b| b.start == start && b.meter == meter)
    }

    fn count(&mut self, hash: &str, reading: &Reading, key: Option<String>) -> Result<(), Refusal> {
        let Reading { start, at, value, .. } = *reading;
        let bucket = if reading.each { Bucket::of_each(start, at, value)? } else { Bucket::of(start, at, value, key)? };
        match self.bucket(start, &reading.meter) {
            Some(held) => held.bucket = held.bucket.clone().merge(bucket)?,
            None => self.buckets.push(HourBucket { start, meter: reading.meter.clone(), bucket }),
        }
        self.ids.push_str(hash);
        Ok(())
    }
}

/// A text as 80 bits of its SHA-256: 25,000 ids a day share one in 4 × 10¹⁵ days.
pub(super) fn shortened(text: &str) -> String {
    let bits = Sha256::digest(text).iter().take(10).fold(0_u128, |n, b| n << 8 | u128::from(*b));
    base32(bits, 16)
}

/// All chunks of a contract and day, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub Vec<Chunk>);

/// What becomes of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is in the chunk that the plan writes.
    Recorded,
    /// It was counted before.
    Duplicate,
    /// It is beyond a limit.
    Refused(Refusal),
    /// The chunk is full: it comes with the next one.
    Next,
}

/// The next write of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One for each reading, in order.
    pub placed: Vec<Placed>,
    /// The chunk to write and its number; none when nothing is new.
    pub write: Option<(usize, Chunk)>,
}

/// What the chain knows while readings are placed.
struct Known {
    ids: HashSet<String>,
    /// Keys by meter.
    keys: BTreeMap<String, BTreeSet<String>>,
    /// Keys by meter and bucket: a key is kept once in each.
    held: HashSet<(Instant, String, String)>,
}

impl Known {
    fn of(chain: &Chain) -> Self {
        let ids = chain.0.iter().flat_map(Chunk::ids).map(Into::into).collect();
        let mut known = Self { ids, keys: BTreeMap::new(), held: HashSet::new() };
        for held in chain.0.iter().flat_map(|c| &c.buckets) {
            for key in &held.bucket.keys {
                known.add_key(held.start, &held.meter, key);
            }
        }
        known
    }

    fn add_key(&mut self, start: Instant, meter: &str, key: &str) {
        self.keys.entry(meter.into()).or_default().insert(key.into());
        self.held.insert((start, meter.into(), key.into()));
    }

    /// Whether one more key would be beyond what is counted exactly.
    fn is_beyond(&self, meter: &str, key: &str) -> bool {
        self.keys.get(meter).is_some_and(|keys| keys.len() >= UNIQUE_KEYS_MAX && !keys.contains(key))
    }
}

impl Chain {
    /// Places `readings`, which are all of this chain's day: into the last chunk as far as it has room, else into a new one.
    #[must_use]
    pub fn plan(&self, readings: &[&Reading]) -> Plan {
        let mut known = Known::of(self);
        let open = self.0.last().filter(|last| !last.is_full());
        let number = if open.is_some() { self.0.len() - 1 } else { self.0.len() };
        let mut chunk = open.cloned().unwrap_or_default();
        let before = chunk.len();
        let mut placed = Vec::with_capacity(readings.len());
        for reading in readings {
            let hash = shortened(&reading.id);
            placed.push(match place(&mut chunk, &mut known, number, reading, &hash) {
                Ok(how) => how,
                Err(refusal) => Placed::Refused(refusal),
            });
        }
        let write = (chunk.len() > before).then_some((number, chunk));
        Plan { placed, write }
    }
}

fn place(
    chunk: &mut Chunk,
    known: &mut Known,
    number: usize,
    reading: &Reading,
    hash: &str,
) -> Result<Placed, Refusal> {
    if known.ids.contains(hash) {
        return Ok(Placed::Duplicate);
    }
    if number >= CHUNKS_MAX {
        let what = "events of one subscription and day; add them up before sending";
        return Err(Refusal::UsageLimit { field: "events", what, limit: CHUNKS_MAX * CHUNK_IDS_MAX });
    }
    if chunk.is_full() {
        return Ok(Placed::Next);
    }
    let key = reading.key.as_deref();
    if key.is_some_and(|key| known.is_beyond(&reading.meter, key)) {
        let what = "different keys of one meter and day; they would not be counted exactly";
        return Err(Refusal::UsageLimit { field: "key", what, limit: UNIQUE_KEYS_MAX });
    }
    let new = key.filter(|key| !known.held.contains(&(reading.start, reading.meter.clone(), (*key).to_owned())));
    chunk.count(hash, reading, new.map(Into::into))?;
    if let Some(key) = new {
        known.add_key(reading.start, &reading.meter, key);
    }
    known.ids.insert(hash.to_owned());
    Ok(Placed::Recorded)
}
