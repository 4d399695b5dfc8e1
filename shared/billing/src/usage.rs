//! Usage of contracts: events become buckets, buckets become what a meter counts, and that is billed in arrears.
//!
//! Exists so that what a customer used is counted once and for ever the same way, however its events were delivered: in
//! batches, twice, late, or side by side. Nothing here is kept of an event but its id, and its amount where a price looks at
//! that. `event` says which events a contract takes, `bucket` and `chain` what becomes of them, `record` what of that a
//! decision is given, `item` what they cost, `each` what single events come to, `part` what holds for a part of a period,
//! `time` which units count only while they are there, `weight` for how much of a full period a level stood, `minimum` the
//! least that all of it costs, `account` what a contract remembers of what it was billed for, `earlier` by which prices.

mod account;
mod bucket;
mod chain;
mod each;
mod earlier;
mod event;
mod item;
mod minimum;
mod part;
mod record;
mod time;
mod weight;

pub use account::{BilledMeter, BilledSpan, Closed, MeterUsage, UsageAccount, UsageCharge, current};
pub use bucket::{Bucket, HourBucket};
pub use chain::{Chain, Chunk, Placed, Plan};
pub use each::EachEvent;
pub use earlier::EarlierTerms;
pub use event::{Reading, UsageEvent, accept};
pub use item::{Counted, UsageItem};
pub use minimum::{BilledMinimum, Least, UsageMinimum};
pub use part::{InPart, PartRules, Running, SpanPart};
pub use record::UsageRecord;
pub use time::UnitTime;
pub use weight::Weight;

/// Most events of one request or message.
pub const BATCH_MAX: usize = 100;

/// Days after which an event is refused. What is kept of a day's ids outlives this, so an event that comes again is
/// either recognised or refused, however late a queue delivers it.
pub const LATE_DAYS: i64 = 34;

/// Seconds that an event may lie in the future: clocks of senders differ.
pub const SKEW_SECONDS: i64 = 300;

/// Days that buckets are kept: two periods of at most a year, and what may come late to them.
pub const KEPT_DAYS: i64 = 800;

/// Ids of one chunk: a full one takes two kilobytes, so a full batch costs two write units; with the amounts of its events four.
pub const CHUNK_IDS_MAX: usize = 100;

/// Chunks of one contract and day: 25,000 events. Whoever has more adds them up before sending.
pub const CHUNKS_MAX: usize = 250;

/// Different keys that a meter counts exactly, for one contract and day.
pub const UNIQUE_KEYS_MAX: usize = 1_000;
