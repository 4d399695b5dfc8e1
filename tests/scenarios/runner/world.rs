//! One stack in memory: clocks, store, queues, workers, gateway and bus, and the transcript of what they do.
//!
//! Time moves as a test clock moves it: to the next due instant, work until nothing is due, then on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use billing::{
    calendar::Instant,
    catalog::Catalog,
    check::{self, LedgerCheck, Moment},
    gateway::ChargeOutcome,
    ids::CustomerId,
    invoice::InvoiceState,
    money::Money,
};
use usecases::{
    error::Error,
    gateway_event::{Notice, gateway_event},
    interposed::Interposed,
    memory::{CountingIds, ManualClocks, MemoryBus, MemoryQueue, MemoryStore},
    ports::{Clocks, CustomerFile, DueKind, Gateway, Gateways, Job, Lane, Ledger, Store},
    relay::relay,
    sandbox::{LogEntry, RefundEntry, Sandbox},
    sweep::{SweepSettings, sweep},
};

use crate::{
    adapters::{Line, Log, Meeting, WatchedGateway},
    changes, news, show,
};

const SHARDS: u16 = 4;

/// Rounds of sweeping at one instant, before the story is called endless.
const ROUNDS_MAX: usize = 100;

/// What a worker got last.
#[derive(Clone)]
pub(crate) enum Delivery {
    Job(DueKind, Job),
    Webhook(Notice),
}

pub(crate) struct World {
    pub(crate) store: Arc<Interposed<Meeting>>,
    pub(crate) ledger: Ledger,
    pub(crate) gateways: Gateways,
    pub(crate) gateway: Arc<WatchedGateway>,
    pub(crate) clocks: Arc<ManualClocks>,
    pub(crate) catalog: Catalog,
    pub(crate) sweeping: bool,
    pub(crate) last_delivery: Option<Delivery>,
    pub(crate) customers: Vec<CustomerId>,
    pub(crate) now: Instant,
    pub(crate) last_usage: Option<usecases::record_usage::UsageRequest>,
    transferred: BTreeMap<String, i64>,
    queue: MemoryQueue,
    bus: MemoryBus,
    log: Arc<Log>,
    seen: BTreeMap<CustomerId, CustomerFile>,
    heading: Option<String>,
    out: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = Instant::UNIX_EPOCH + chrono::TimeDelta::days(20_819);
        let log = Arc::new(Log::default());
        let inner = Arc::new(MemoryStore::new(SHARDS));
        let meeting = Meeting { meet: AtomicBool::new(false), log: log.clone() };
        let store = Interposed { inner: inner.clone(), with: meeting };
        let store = Arc::new(store);
        let clocks = Arc::new(ManualClocks::at(now));
        let sandbox = Arc::new(Sandbox::default());
        let gateway = Arc::new(WatchedGateway {
            sandbox,
            line: Mutex::new(Line::Works),
            refunds: AtomicBool::new(true),
            log: log.clone(),
        });
        let ledger = Ledger {
            store: store.clone(),
            operations: inner,
            clocks: clocks.clone(),
            ids: Arc::new(CountingIds::default()),
        };
        Self {
            gateways: Gateways::new([gateway.clone() as Arc<dyn Gateway>]),
            catalog: Catalog::default(),
            sweeping: true,
            last_delivery: None,
            customers: Vec::new(),
            last_usage: None,
            transferred: BTreeMap::new(),
            queue: MemoryQueue::default(),
            bus: MemoryBus::default(),
            seen: BTreeMap::new(),
            heading: None,
            out: String::new(),
            store,
            ledger,
            gateway,
            clocks,
            now,
            log,
        }
    }

    pub(crate) fn transcript(self) -> String {
        self.out
    }

    /// A line of the story itself.
    pub(crate) fn quote(&mut self, line: &str) {
        self.heading = None;
        self.out += line;
        self.out.push('\n');
    }

    /// A line about what happened.
    pub(crate) fn say(&mut self, line: &str) {
        if let Some(heading) = self.heading.take() {
            self.out += &format!("  {heading}\n");
        }
        self.out += &format!("    {line}\n");
    }

    pub(crate) fn remember_transfer(&mut self, amount: Money) {
        *self.transferred.entry(amount.currency.to_string()).or_default() += amount.minor;
    }

    /// Tells what changed since the last telling; false when nothing did.
    pub(crate) async fn tell(&mut self) -> Result<bool, String> {
        for line in self.log.take() {
            self.say(&line);
        }
        let mut changed = false;
        for id in self.customers.clone() {
            let Some(file) = self.store.file(&id).await.map_err(|e| e.to_string())? else { continue };
            let before = self.seen.get(&id);
            changed |= before != Some(&file);
            let facts = changes::new_facts(before, &file);
            let lines = changes::lines(before, &file);
            relay(&self.bus, &facts).await.map_err(|e| e.to_string())?;
            for line in lines.into_iter().chain(changes::fact_lines(&facts, self.now).collect::<Vec<_>>()) {
                self.say(&line);
            }
            self.seen.insert(id, file);
        }
        Ok(changed)
    }

    /// Moves business time to `until`, stopping at every instant where something is due.
    pub(crate) async fn advance(&mut self, until: Instant) -> Result<(), String> {
        if until < self.now {
            return Err("time does not run backwards".into());
        }
        while self.sweeping {
            let Some(next) = self.next_due().await?.filter(|at| *at <= until) else { break };
            self.now = next;
            self.clocks.set_business(next);
            self.heading = Some(format!("{}:", show::when(next)));
            self.work().await?;
            self.heading = None;
        }
        self.now = until;
        self.clocks.set_business(until);
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Instant>, String> {
        let far = self.now + chrono::TimeDelta::days(36_500);
        let mut next = None;
        for lane in [Lane::Renew, Lane::Collect] {
            for shard in 0..SHARDS {
                let due = self.store.due(lane, shard, far, None, usize::MAX).await.map_err(|e| e.to_string())?;
                next = due.into_iter().map(|e| e.at).filter(|at| *at > self.now).chain(next).min();
            }
        }
        Ok(next)
    }

    /// Sweeps and works until nothing is due that can be done now.
    pub(crate) async fn work(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            let mut progress = false;
            for (kind, job) in self.take_jobs().await? {
                self.deliver(kind, &job).await;
                progress |= self.tell().await?;
            }
            if !progress {
                return Ok(());
            }
        }
        Err("the workers never come to rest".into())
    }

    /// One tick, and what it put into the queues.
    pub(crate) async fn take_jobs(&mut self) -> Result<Vec<(DueKind, Job)>, String> {
        let settings = SweepSettings {
            shards: SHARDS,
            collections_per_minute: None,
            gateway: usecases::sandbox::NAME.into(),
            pass_seconds: 0,
        };
        sweep(&self.ledger, &self.queue, &settings, &Lane::ALL).await.map_err(|e| e.to_string())?;
        Ok(DueKind::ALL
            .into_iter()
            .flat_map(|kind| self.queue.take(kind).into_iter().map(move |j| (kind, j)))
            .collect())
    }

    pub(crate) async fn deliver(&mut self, kind: DueKind, job: &Job) {
        self.last_delivery = Some(Delivery::Job(kind, job.clone()));
        let done = do_job(&self.ledger, &self.gateways, kind, job).await;
        self.report(done);
    }

    pub(crate) async fn webhook(&mut self, notice: Notice) {
        self.last_delivery = Some(Delivery::Webhook(notice.clone()));
        let done = gateway_event(&self.ledger, notice).await;
        self.report(done);
    }

    pub(crate) fn report(&mut self, done: Result<(), Error>) {
        if let Err(error) = done {
            self.say(&refused(&error));
        }
    }

    /// The recount at the end of every story: what the gateway and the bank say against what the invoices say.
    pub(crate) async fn close(&mut self) -> Result<(), String> {
        self.tell().await?;
        self.invariants_hold()?;
        let mut got = self.transferred.clone();
        let mut captures: BTreeMap<String, u32> = BTreeMap::new();
        for entry in self.gateway.sandbox.log() {
            if let ChargeOutcome::Succeeded { .. } = entry.outcome {
                *got.entry(entry.request.amount.currency.to_string()).or_default() += entry.request.amount.minor;
                let invoice = entry.request.key.rsplit_once(':').map(|(i, _)| i.to_owned()).unwrap_or_default();
                *captures.entry(invoice).or_default() += 1;
            }
        }
        let back = news::sent_back(self)?;
        for (code, minor) in &back {
            *got.entry(code.clone()).or_default() -= minor;
        }
        let booked = self.booked();
        if let Some((invoice, times)) = captures.iter().find(|(_, times)| **times > 1) {
            return Err(format!("{invoice} was captured {times} times"));
        }
        got.retain(|_, minor| *minor != 0);
        if got != booked {
            return Err(format!("received {got:?}, booked {booked:?} (minor units)"));
        }
        self.heading = None;
        let back_again = if back.is_empty() { String::new() } else { format!("{} sent back and ", sums(back)?) };
        let kept = if back_again.is_empty() { "received" } else { "kept" };
        let sums = sums(got)?;
        self.out +=
            &format!("# recount: {back_again}{sums} {kept}, each invoice captured at most once, all of it booked\n");
        Ok(())
    }

    /// What must hold of everything that was ever stored, as `perennial check` asks it. A story may end while something
    /// waits, so nothing is late here.
    fn invariants_hold(&self) -> Result<(), String> {
        let moment = Moment { now: self.now, wall: self.clocks.wall(), grace: chrono::TimeDelta::days(36_500) };
        let (charges, refunds) = (self.gateway.sandbox.log(), self.gateway.sandbox.refunds());
        let captured = charges.iter().filter_map(LogEntry::movement);
        let mut ledger = LedgerCheck::new(captured.chain(refunds.iter().filter_map(RefundEntry::movement)));
        self.seen.values().flat_map(|file| &file.invoices).for_each(|invoice| ledger.invoice(&invoice.value));
        let mut found = ledger.findings();
        found.extend(self.seen.values().flat_map(|file| check::customer(&file.records(), &moment)));
        let said = found.into_iter().map(|f| format!("{} {}: {}", f.invariant, f.item, f.detail)).collect::<Vec<_>>();
        if said.is_empty() { Ok(()) } else { Err(said.join("; ")) }
    }

    /// What the books say was received: paid invoices, and money that became credit.
    fn booked(&self) -> BTreeMap<String, i64> {
        let mut booked: BTreeMap<String, i64> = BTreeMap::new();
        for file in self.seen.values() {
            for invoice in file.invoices.iter().map(|i| &i.value) {
                if let InvoiceState::Paid { .. } = invoice.state {
                    // What is on a document was received with that, and goes back by itself.
                    let received = if invoice.gathered { 0 } else { invoice.payable().minor };
                    let kept = received - news::booked_back(invoice);
                    *booked.entry(invoice.total.currency.to_string()).or_default() += kept;
                }
            }
            for fact in changes::new_facts(None, file) {
                let from_money = matches!(fact.what.reason.as_deref(), Some("overpaid" | "unallocated" | "late"));
                if fact.what.event_type == billing::fact::EventType::Credit && from_money {
                    *booked.entry(fact.what.currency.clone()).or_default() += fact.what.amount_minor;
                }
            }
        }
        booked.retain(|_, minor| *minor != 0);
        booked
    }
}

/// Amounts by currency, for people.
fn sums(minors: BTreeMap<String, i64>) -> Result<String, String> {
    let one = |(code, minor): (String, i64)| {
        let currency = billing::money::Currency::try_new(&code).map_err(|e| e.to_string())?;
        Ok(Money::new(minor, currency).to_string())
    };
    let sums: Vec<String> = minors.into_iter().map(one).collect::<Result<_, String>>()?;
    Ok(if sums.is_empty() { "nothing".into() } else { sums.join(", ") })
}

/// What a worker does with a job of this kind.
pub(crate) async fn do_job(ledger: &Ledger, gateways: &Gateways, kind: DueKind, job: &Job) -> Result<(), Error> {
    match kind {
        DueKind::Renew => usecases::renew::renew(ledger, job).await,
        DueKind::Collect | DueKind::Retry => usecases::collect::collect(ledger, gateways, job).await,
        DueKind::Reconcile => usecases::reconcile::reconcile(ledger, gateways, job).await,
    }
}

pub(crate) fn refused(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => format!("refused    {} {}: {refusal}", refusal.status(), refusal.code()),
        other => format!("error      {other}"),
    }
}
