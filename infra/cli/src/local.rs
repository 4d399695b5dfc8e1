//! A whole stack in one process: the same handlers and the same DynamoDB adapter, over embedded parts.
//!
//! Exists so that a laptop runs what AWS runs. Queues, bus and clocks are this process's; the table is a file; the
//! gateway is the sandbox, spoken to over HTTP on the loopback interface as a real one would be.

mod bus;
mod clock;
mod functions;
mod queue;
mod sandbox;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aws::{AwsStore, RandomIds};
use aws_sdk_dynamodb::Client;
use billing::{
    calendar::Instant,
    ids::{CustomerId, InvoiceId},
};
use embedded::Embedded;
use serde_json::Value;
use usecases::{
    authorize::sha256_hex,
    ports::{Clocks, Lane, Ledger, Operations, Store},
    sandbox::{LogEntry, SeededDeclines},
    sweep::{SweepSettings, Swept},
};

pub(crate) use clock::{LocalClocks, wall};
pub(crate) use functions::{Body, Request, Response};

use crate::failure::Failure;

/// The embedded table's name.
pub(crate) const TABLE: &str = "perennial";
/// The embedded operations table's name.
pub(crate) const OPERATIONS_TABLE: &str = "perennial-operations";

/// The storefront of the demo's and the laptop's key.
const STOREFRONT: &str = "web";

/// Ticks at one instant after which a stack that never gets quiet is taken for faulty: a ladder has at most 30 rungs.
const ROUNDS_MAX: usize = 200;

/// Records of the stream that are read at once; fewer say that there are no more for now.
const STREAM_PAGE: usize = 500;

/// How a local stack is set up.
pub(crate) struct Settings {
    /// Folder of the table and of the sandbox's log.
    pub data: PathBuf,
    /// Shards of each lane; one is enough for one process.
    pub shards: u16,
    /// Seed and declines of 1,000 first and later attempts, if the sandbox draws any.
    pub declines: Option<(u64, (u32, u32))>,
    /// Whether the data can be made again: then nothing waits for the disk.
    pub disposable: bool,
    /// Where the sandbox sends its news, when a server is there to take them.
    pub webhook_url: Option<String>,
}

/// A running local stack.
pub(crate) struct Local {
    embedded: Embedded,
    client: Client,
    store: Arc<AwsStore>,
    clocks: Arc<LocalClocks>,
    queue: Arc<queue::LocalQueue>,
    bus: Arc<bus::LocalBus>,
    sandbox: sandbox::Hosted,
    functions: Arc<functions::Functions>,
    key: String,
    shards: u16,
    working: tokio::sync::Mutex<()>,
    relaying: tokio::sync::Mutex<()>,
}

/// Opens the tables of a folder, and makes them when they are not there.
pub(crate) async fn open_tables(data: &Path) -> Result<Embedded, Failure> {
    let file = data.join("perennial.db");
    let embedded = Embedded::open(&file).map_err(|e| Failure::because(format!("open {}", file.display()), e))?;
    let made = aws::tables::ensure(&embedded.client(), TABLE, OPERATIONS_TABLE).await;
    made.map_err(|e| Failure::because("make the tables", e))?;
    Ok(embedded)
}

impl Local {
    /// Starts a stack on the files of `settings.data`.
    pub(crate) async fn open(settings: Settings) -> Result<Self, Failure> {
        let mut embedded = open_tables(&settings.data).await?;
        if settings.disposable {
            embedded = embedded.disposable().map_err(|e| Failure::because("open the tables", e))?;
        }
        let client = embedded.client();
        let store = Arc::new(AwsStore::new(client.clone(), TABLE, OPERATIONS_TABLE, settings.shards));
        let clocks = LocalClocks::open(store.clone()).await.map_err(|e| Failure::because("read the test clock", e))?;
        let clocks = Arc::new(clocks);
        let (queue, bus) = (Arc::new(queue::LocalQueue::default()), Arc::new(bus::LocalBus::open(&settings.data)?));
        let declines = settings.declines.map(|(seed, (first_per_mille, later_per_mille))| SeededDeclines {
            seed,
            first_per_mille,
            later_per_mille,
        });
        let sandbox = sandbox::Hosted::start(&settings.data, declines, settings.webhook_url).await?;
        let ledger = Ledger {
            store: store.clone(),
            operations: store.clone(),
            clocks: clocks.clone(),
            ids: Arc::new(RandomIds),
        };
        let sweep = SweepSettings {
            shards: settings.shards,
            collections_per_minute: None,
            gateway: usecases::sandbox::NAME.into(),
            pass_seconds: 0,
        };
        let functions =
            Arc::new(functions::Functions::new(&ledger, &sandbox, queue.clone(), bus.clone(), store.clone(), sweep)?);
        let key = local_key(&settings.data, store.as_ref()).await?;
        let (working, relaying) = <(tokio::sync::Mutex<()>, tokio::sync::Mutex<()>)>::default();
        let shards = settings.shards;
        Ok(Self { embedded, client, store, clocks, queue, bus, sandbox, functions, key, shards, working, relaying })
    }

    /// The SDK client of the embedded tables.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The store port.
    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The laptop's storefront key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Business time.
    pub(crate) async fn business(&self) -> Result<Instant, Failure> {
        self.clocks.business().await.map_err(|e| Failure::because("read the clock", e))
    }

    /// The sandbox gateway.
    pub(crate) fn sandbox(&self) -> &sandbox::Hosted {
        &self.sandbox
    }

    /// Every charge that the gateway knows of.
    pub(crate) fn gateway_log(&self) -> Vec<LogEntry> {
        self.sandbox.log()
    }

    /// Events announced so far by this process.
    pub(crate) fn announced(&self) -> usize {
        self.bus.announced()
    }

    /// The newest events, oldest first.
    pub(crate) fn events(&self) -> Vec<usecases::relay::BusEvent> {
        self.bus.recent()
    }

    /// Messages that were set aside.
    pub(crate) fn dead_letters(&self) -> usize {
        self.queue.dead_letters().len()
    }

    /// Answers a request as the function URLs would.
    pub(crate) async fn call(&self, request: Request) -> Response {
        self.functions.http(request).await
    }

    /// Posts JSON with the laptop's key.
    pub(crate) async fn post(&self, path: &str, idempotency_key: &str, body: &Value) -> Result<(u16, Value), Failure> {
        let request = functions::post(path, &self.key, idempotency_key, body)?;
        let reply = self.call(request).await;
        let text: &[u8] = reply.body();
        let value = serde_json::from_slice(text).unwrap_or(Value::Null);
        Ok((reply.status().as_u16(), value))
    }

    /// A transfer arrives: the sandbox signs its news, the webhook function takes it.
    pub(crate) async fn receive_transfer(
        &self,
        customer: &CustomerId,
        invoice: &InvoiceId,
        minor: i64,
        at: Instant,
    ) -> Result<(), Failure> {
        let request = self.sandbox.transfer_notice(customer, invoice, minor, at)?;
        let reply = self.call(request).await;
        if reply.status().is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        Err(Failure::because(format!("take the transfer for {invoice}"), text))
    }

    /// Steps the test clock to `target`, from one due instant to the next, and does all work on the way: 72 months are
    /// 72 renewals at their own dates.
    pub(crate) async fn advance_to(&self, target: Instant) -> Result<(), Failure> {
        self.step_to(target).await?;
        let _one_at_a_time = self.working.lock().await;
        self.tick(&[Lane::Ask]).await?;
        self.clocks.keep().await.map_err(|e| Failure::because("write the test clock down", e))
    }

    /// As [`Local::advance_to`], for a story that goes on at once: the clock is not written down, and payments that wait on
    /// wall time go on waiting.
    pub(crate) async fn step_to(&self, target: Instant) -> Result<(), Failure> {
        let _one_at_a_time = self.working.lock().await;
        let mut rounds = 0;
        while let Some((at, lanes)) = self.next_due(target).await? {
            let now = self.business().await?;
            rounds = if at > now { 0 } else { rounds + 1 };
            if rounds > ROUNDS_MAX {
                return Err(Failure::because("get on", format!("work that is due at {at} does not get done")));
            }
            self.clocks.set(at.max(now));
            self.tick(&lanes).await?;
            if lanes == [Lane::Renew] {
                // What a renewal makes is due at once; looking for the next instant first would cost more.
                self.tick(&[Lane::Collect]).await?;
            }
        }
        self.clocks.set(target.max(self.business().await?));
        Ok(())
    }

    /// Stands the test clock of a new stack at `at`, the past included: nothing has happened yet.
    pub(crate) fn begin_at(&self, at: Instant) {
        self.clocks.set(at);
    }

    /// Works until nothing is due now, and announces what happened.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        let _one_at_a_time = self.working.lock().await;
        for _ in 0..ROUNDS_MAX {
            if self.tick(&Lane::ALL).await? == Swept::default() {
                break;
            }
        }
        self.relay().await
    }

    /// The earliest instant up to `until` at which something falls due, and in which lanes.
    async fn next_due(&self, until: Instant) -> Result<Option<(Instant, Vec<Lane>)>, Failure> {
        let mut reading = tokio::task::JoinSet::new();
        for lane in [Lane::Renew, Lane::Collect] {
            for shard in 0..self.shards {
                let store = self.store.clone();
                reading.spawn(async move { (lane, store.due(lane, shard, until, None, 1).await) });
            }
        }
        let mut heads = Vec::new();
        while let Some(read) = reading.join_next().await {
            let (lane, head) = read.map_err(|e| Failure::because("read what is due", e))?;
            let head = head.map_err(|e| Failure::because("read what is due", e))?;
            heads.extend(head.first().map(|e| (e.at, lane)));
        }
        heads.sort_unstable();
        let Some(earliest) = heads.iter().map(|(at, _)| *at).min() else { return Ok(None) };
        let mut lanes: Vec<_> = heads.into_iter().filter(|(at, _)| *at == earliest).map(|(_, lane)| lane).collect();
        lanes.dedup();
        Ok(Some((earliest, lanes)))
    }

    /// One tick: admits what is due in `lanes` and works the queues off.
    async fn tick(&self, lanes: &[Lane]) -> Result<Swept, Failure> {
        let swept = self.functions.sweep(lanes).await?;
        self.functions.work_off(&self.queue).await?;
        let dead = self.queue.dead_letters();
        if dead.is_empty() {
            return Ok(swept);
        }
        let letters: Vec<String> = dead.iter().map(|(kind, job)| format!("{kind:?} {}", job.item)).collect();
        Err(Failure::because("do all jobs; set aside after five tries", letters.join(", ")))
    }

    /// Hands the stream's new records to whoever follows it, as its event sources do; one reader at a time.
    pub(crate) async fn relay(&self) -> Result<(), Failure> {
        let _one_at_a_time = self.relaying.lock().await;
        loop {
            let page = self.embedded.stream(TABLE, self.bus.position().as_deref(), STREAM_PAGE);
            let page = page.map_err(|e| Failure::because("read the stream", e))?;
            let is_last = page.records.len() < STREAM_PAGE;
            self.functions.follow(page.records).await?;
            self.bus.keep_position(&page.next)?;
            if !is_last {
                continue;
            }
            // Once for all pages: forgetting is a write, and holds up the others.
            if let Err(error) = self.embedded.forget_stream(&page.next) {
                tracing::debug!(%error, "relayed records stay for now");
            }
            return Ok(());
        }
    }

    /// Deletes what has expired in the operations table.
    pub(crate) fn sweep_ttl(&self) {
        if let Err(error) = self.embedded.sweep_ttl() {
            tracing::warn!(%error, "expired records stay for now");
        }
    }
}

/// The laptop's storefront key: made once, kept beside the table (a local secret for local data).
async fn local_key(data: &Path, operations: &dyn Operations) -> Result<String, Failure> {
    let file = data.join("storefront.key");
    let key = match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => {
            let key = crate::keys::new_key();
            std::fs::write(&file, format!("{key}\n")).map_err(|e| Failure::io("write", &file, e))?;
            key
        }
    };
    let stored = operations.put_storefront_key(&sha256_hex(&key), STOREFRONT).await;
    stored.map_err(|e| Failure::because("store the storefront key", e))?;
    Ok(key)
}
