//! The tick: read the heads of the due index and admit work to the queues.
//!
//! The index is the waiting room (DESIGN section 6): renewals are admitted freely, collections at the gateway account's
//! pace and none while its circuit is open. A position per shard keeps what waits from being sent every minute; the whole
//! head is gone over again every 15 minutes, so that nothing whose worker died is forgotten.

use billing::calendar::WallTime;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::{
    error::Error,
    ports::{DueEntry, DueKind, Lane, Ledger, Queue, SweepPosition},
};

/// Seconds after which a pass starts at the head again, in a deployed stack.
pub const PASS_SECONDS: i64 = 900;

/// Entries read at once from one shard.
const PAGE: usize = 200;

/// Pages read from one shard in one tick; the next tick goes on.
const PAGES_MAX: usize = 25;

/// Shards read at the same time.
const SHARDS_AT_ONCE: usize = 16;

/// Unknown answers within a minute that open the circuit of a gateway for the rest of it and the next one.
pub const CIRCUIT_LIMIT: u32 = 10;

/// How a stack sweeps.
#[derive(Clone, Debug)]
pub struct SweepSettings {
    /// Shards of each lane.
    pub shards: u16,
    /// Collections admitted each minute for the gateway account; none: as many as are due.
    pub collections_per_minute: Option<u32>,
    /// The gateway account that the pace belongs to.
    pub gateway: String,
    /// [`PASS_SECONDS`]; 0 where the workers are known to be done before the next tick (one process).
    pub pass_seconds: i64,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Contract events sent to their queue.
    pub renewals: usize,
    /// First collections and rungs sent.
    pub collections: usize,
    /// Questions sent.
    pub questions: usize,
    /// Entries that wait for the pace or the circuit.
    pub held_back: usize,
}

/// One tick over all shards of `lanes` ([`Lane::ALL`], unless the caller knows that nothing is due in the others).
///
/// # Errors
/// The store's or the queue's; positions move only after their work was sent, so the next tick repeats it.
pub async fn sweep(
    ledger: &Ledger,
    queue: &dyn Queue,
    settings: &SweepSettings,
    lanes: &[Lane],
) -> Result<Swept, Error> {
    let wall = ledger.clocks.wall();
    let business = ledger.clocks.business().await?;
    let mut total = Swept::default();
    for lane in lanes.iter().copied() {
        let until = if lane == Lane::Ask { wall.0 } else { business };
        let tick = Tick { ledger, queue, settings, lane, until, wall };
        let sums: Vec<Swept> = stream::iter((0..settings.shards).map(|shard| tick.shard(shard)))
            .buffer_unordered(SHARDS_AT_ONCE)
            .try_collect()
            .await?;
        for sum in sums {
            total.renewals += sum.renewals;
            total.collections += sum.collections;
            total.questions += sum.questions;
            total.held_back += sum.held_back;
        }
    }
    Ok(total)
}

/// Counts an unknown answer of the gateway toward its circuit.
///
/// # Errors
/// The store's.
pub async fn count_unknown(ledger: &Ledger, gateway: &str) -> Result<(), Error> {
    let wall = ledger.clocks.wall();
    let bucket = circuit_bucket(gateway, minute(wall));
    ledger.operations.take_permits(&bucket, 1, u32::MAX, wall.plus_seconds(PASS_SECONDS)).await.map(|_| ())
}

async fn circuit_is_open(ledger: &Ledger, settings: &SweepSettings, wall: WallTime) -> Result<bool, Error> {
    let minutes = [minute(wall) - 1, minute(wall)];
    let buckets = minutes.map(|minute| circuit_bucket(&settings.gateway, minute));
    Ok(ledger.operations.permits_taken(&buckets).await? >= CIRCUIT_LIMIT)
}

fn minute(wall: WallTime) -> i64 {
    wall.0.timestamp().div_euclid(60)
}

fn circuit_bucket(gateway: &str, minute: i64) -> String {
    format!("circuit#{gateway}#{minute}")
}

struct Tick<'a> {
    ledger: &'a Ledger,
    queue: &'a dyn Queue,
    settings: &'a SweepSettings,
    lane: Lane,
    until: billing::calendar::Instant,
    wall: WallTime,
}

impl Tick<'_> {
    async fn shard(&self, shard: u16) -> Result<Swept, Error> {
        let stored = self.stored_position(shard).await?;
        let mut position = match &stored {
            Some(p) if p.pass_began.plus_seconds(self.settings.pass_seconds) > self.wall => p.clone(),
            _ => SweepPosition { after: None, pass_began: self.wall },
        };
        let mut sum = Swept::default();
        for _ in 0..PAGES_MAX {
            let after = position.after.as_deref();
            let page = self.ledger.store.due(self.lane, shard, self.until, after, PAGE).await?;
            let last_page = page.len() < PAGE;
            let admitted = self.admit(&page).await?;
            sum.held_back += page.len() - admitted;
            self.send(&page[..admitted], &mut sum).await?;
            if let Some(last) = page[..admitted].last() {
                position.after = Some(last.position.clone());
            }
            if last_page || admitted < page.len() {
                break;
            }
        }
        self.keep_position(shard, stored, &position).await?;
        Ok(sum)
    }

    async fn stored_position(&self, shard: u16) -> Result<Option<SweepPosition>, Error> {
        if self.settings.pass_seconds == 0 {
            return Ok(None);
        }
        self.ledger.operations.sweep_position(self.lane, shard).await
    }

    /// Remembers where the sweep stands. An idle shard costs its read and nothing more.
    async fn keep_position(&self, shard: u16, stored: Option<SweepPosition>, now: &SweepPosition) -> Result<(), Error> {
        let was_idle = stored.as_ref().is_none_or(|s| s.after.is_none()) && now.after.is_none();
        if self.settings.pass_seconds == 0 || was_idle || stored.as_ref() == Some(now) {
            return Ok(());
        }
        self.ledger.operations.put_sweep_position(self.lane, shard, now).await
    }

    /// How many entries from the front of `page` may go now.
    async fn admit(&self, page: &[DueEntry]) -> Result<usize, Error> {
        if self.lane != Lane::Collect || page.is_empty() {
            return Ok(page.len());
        }
        if circuit_is_open(self.ledger, self.settings, self.wall).await? {
            return Ok(0);
        }
        let Some(limit) = self.settings.collections_per_minute else { return Ok(page.len()) };
        let bucket = format!("pace#{}#{}", self.settings.gateway, minute(self.wall));
        let wanted = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let granted = self.ledger.operations.take_permits(&bucket, wanted, limit, self.wall.plus_seconds(120)).await?;
        Ok(granted as usize)
    }

    async fn send(&self, entries: &[DueEntry], sum: &mut Swept) -> Result<(), Error> {
        for kind in DueKind::ALL {
            let jobs: Vec<_> = entries.iter().filter(|e| e.kind == kind).map(|e| e.job.clone()).collect();
            if jobs.is_empty() {
                continue;
            }
            match kind {
                DueKind::Renew => sum.renewals += jobs.len(),
                DueKind::Collect | DueKind::Retry => sum.collections += jobs.len(),
                DueKind::Reconcile => sum.questions += jobs.len(),
            }
            self.queue.send(kind, jobs).await?;
        }
        Ok(())
    }
}
