//! A stack in memory whose store and gateway stop at every step, fail on request, and can be stepped by hand.

use std::{
    collections::VecDeque,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use billing::{
    calendar::Instant,
    catalog::Catalog,
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, RefundClaim},
};
use usecases::{
    error::Error,
    interposed::{Interposed, Interposer},
    memory::{CountingIds, ManualClocks, MemoryQueue, MemoryStore},
    ports::{Commit, CustomerFile, DueKind, Gateway, Gateways, Job, Lane, Ledger, Store},
    publish::publish,
    sandbox::Sandbox,
    signup::{Caller, SignupReply, signup},
    sweep::{SweepSettings, sweep},
};

/// What the next commit does instead of succeeding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It goes through.
    None,
    /// Somebody else was first.
    Conflict,
    /// It is written, and the answer gets lost.
    AnswerLost,
}

/// Where a worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Never,
    BeforeTheCall,
    AfterTheCall,
}

/// Gives way once.
#[derive(Default)]
struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What the next commits do, in their order.
#[derive(Default)]
pub(crate) struct Faults(Mutex<VecDeque<Fault>>);

#[async_trait]
impl Interposer for Faults {
    async fn after_read(&self) {
        GiveWay::default().await;
    }
    async fn commit(&self, inner: &dyn Store, commit: Commit) -> Result<(), Error> {
        GiveWay::default().await;
        let fault = self.0.lock().unwrap().pop_front();
        match fault.unwrap_or(Fault::None) {
            Fault::None => inner.commit(commit).await,
            Fault::Conflict => Err(Error::Conflict("it".into())),
            Fault::AnswerLost => {
                inner.commit(commit).await?;
                Err(Error::unavailable("commit", "the answer got lost"))
            }
        }
    }
}

pub(crate) struct StagedGateway {
    sandbox: Arc<Sandbox>,
    death: Mutex<Death>,
    refund_calls: AtomicUsize,
}

#[async_trait]
impl Gateway for StagedGateway {
    fn declaration(&self) -> GatewayDeclaration {
        self.sandbox.declaration()
    }
    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        let death = *self.death.lock().unwrap();
        GiveWay::default().await;
        if death == Death::BeforeTheCall {
            std::future::pending::<()>().await;
        }
        let outcome = self.sandbox.charge(claim, customer).await;
        GiveWay::default().await;
        if death == Death::AfterTheCall {
            std::future::pending::<()>().await;
        }
        outcome
    }
    async fn look_up(&self, claim: &Claim) -> Lookup {
        let found = self.sandbox.look_up(claim).await;
        GiveWay::default().await;
        found
    }
    async fn refund(&self, claim: &RefundClaim, customer: &CustomerId) -> RefundOutcome {
        let death = *self.death.lock().unwrap();
        GiveWay::default().await;
        if death == Death::BeforeTheCall {
            std::future::pending::<()>().await;
        }
        self.refund_calls.fetch_add(1, Ordering::Relaxed);
        let outcome = self.sandbox.refund(claim, customer).await;
        GiveWay::default().await;
        if death == Death::AfterTheCall {
            std::future::pending::<()>().await;
        }
        outcome
    }
    async fn look_up_refund(&self, claim: &RefundClaim) -> Lookup<RefundOutcome> {
        let found = self.sandbox.look_up_refund(claim).await;
        GiveWay::default().await;
        found
    }
}

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) gateways: Gateways,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) clocks: Arc<ManualClocks>,
    pub(crate) queue: MemoryQueue,
    store: Arc<Interposed<Faults>>,
    gateway: Arc<StagedGateway>,
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Runs a future to its end; everything here is always ready to go on.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for something that never comes")
}

/// Runs a future until nothing moves any more, and drops it there: the worker dies.
pub(crate) fn run_until_it_dies<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        assert!(future.as_mut().poll(&mut context).is_pending(), "it was to die and came to its end");
    }
}

/// Two futures, stepped in the order of the bits of `schedule`, then each to its end.
pub(crate) fn interleave<A, B>(schedule: u32, one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut context = Context::from_waker(Waker::noop());
    let (mut a, mut b) = (None, None);
    for bit in 0..SCHEDULE_BITS {
        if schedule >> bit & 1 == 0 {
            if a.is_none()
                && let Poll::Ready(value) = one.as_mut().poll(&mut context)
            {
                a = Some(value);
            }
        } else if b.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(&mut context)
        {
            b = Some(value);
        }
    }
    (a.unwrap_or_else(|| run(one)), b.unwrap_or_else(|| run(other)))
}

/// Steps whose order is tried out in full.
pub(crate) const SCHEDULE_BITS: u32 = 12;

/// Every order where `PERENNIAL_DEPTH=full` (as the whole run has it), else every eleventh, so that `cargo test` answers soon.
pub(crate) fn schedules() -> impl Iterator<Item = u32> {
    let all = std::env::var_os("PERENNIAL_DEPTH").is_some_and(|depth| depth == "full");
    (0..1 << SCHEDULE_BITS).step_by(if all { 1 } else { 11 })
}

const CATALOG: &str = r#"{"coupons": [
    {"id": "last", "code": "LAST", "benefit": {"kind": "percent", "percent": "50"}, "redemptions_max": 1},
    {"id": "own", "code": "OWN", "benefit": {"kind": "percent", "percent": "50"}, "redemptions_per_customer_max": 1}],
  "plans": [
    {"id": "team", "version": 1, "title": "Team", "prices": [
        {"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "10"},
        {"currency": "EUR", "interval": "month", "model": "per-seat", "unit_amount": "9"},
        {"currency": "USD", "interval": "year", "model": "per-seat", "unit_amount": "100"}]}]}"#;

impl World {
    /// A stack on 1 January with one plan on sale.
    pub(crate) fn new() -> Self {
        let inner = Arc::new(MemoryStore::new(2));
        let clocks = Arc::new(ManualClocks::at(at("2027-01-01T00:00:00Z")));
        let sandbox = Arc::new(Sandbox::default());
        let gateway = Arc::new(StagedGateway {
            sandbox: sandbox.clone(),
            death: Mutex::new(Death::Never),
            refund_calls: AtomicUsize::new(0),
        });
        let store = Arc::new(Interposed { inner: inner.clone(), with: Faults::default() });
        let ledger = Ledger {
            store: store.clone(),
            operations: inner,
            clocks: clocks.clone(),
            ids: Arc::new(CountingIds::default()),
        };
        let catalog: Catalog = serde_json::from_str(CATALOG).unwrap();
        run(publish(&*store, &catalog)).unwrap();
        let gateways = Gateways::new([gateway.clone() as Arc<dyn Gateway>]);
        Self { ledger, gateways, sandbox, clocks, queue: MemoryQueue::default(), store, gateway }
    }

    /// The same with Ana on it, and her renewal due on 1 February.
    pub(crate) fn with_ana() -> Self {
        let world = Self::new();
        run(world.sign_up("ana", "k1")).unwrap();
        world.clocks.set_business(at("2027-02-01T00:00:00Z"));
        world
    }

    /// The same with the renewal done, and its invoice due.
    pub(crate) fn with_invoice_due() -> Self {
        let world = Self::with_ana();
        run(usecases::renew::renew(&world.ledger, &job("sub_ana"))).unwrap();
        world
    }

    /// Ana with two contracts that come on one document: both are renewed, and their invoices have waited long enough.
    pub(crate) fn with_two_gathering() -> Self {
        let world = Self::new();
        for id in ["sub_ana", "sub_anas"] {
            let body = serde_json::json!({
                "customer": {"id": "cus_ana", "currency": "USD", "consolidate": true}, "plan": "team",
                "subscription": id, "payment_method": {"token": "pm_card_visa"},
            });
            run(world.send(body, id)).unwrap();
        }
        world.clocks.set_business(at("2027-02-01T01:00:00Z"));
        for id in ["sub_ana", "sub_anas"] {
            run(usecases::renew::renew(&world.ledger, &job(id))).unwrap();
        }
        world
    }

    pub(crate) async fn sign_up(&self, name: &str, key: &str) -> Result<SignupReply, Error> {
        self.sign_up_with(name, key, &[]).await
    }

    /// Another contract of Ana's, on the same plan in dollars.
    pub(crate) async fn sign_up_another(&self, name: &str) -> Result<SignupReply, Error> {
        let body = serde_json::json!({
            "customer": {"id": "cus_ana", "currency": "USD"}, "plan": "team", "subscription": format!("sub_{name}"),
        });
        let caller = Caller::new("web".into(), name.into(), "signup", body.to_string().as_bytes());
        let request = serde_json::from_value(body).unwrap();
        signup(&self.ledger, &self.gateways, "sandbox", &caller, request).await
    }

    /// The same with coupons.
    pub(crate) async fn sign_up_with(&self, name: &str, key: &str, coupons: &[&str]) -> Result<SignupReply, Error> {
        let body = serde_json::json!({
            "coupons": coupons,
            "customer": {"id": format!("cus_{name}"), "currency": "USD"}, "plan": "team",
            "subscription": format!("sub_{name}"), "payment_method": {"token": "pm_card_visa"},
        });
        self.send(body, key).await
    }

    pub(crate) async fn send(&self, body: serde_json::Value, key: &str) -> Result<SignupReply, Error> {
        let caller = Caller::new("web".into(), key.into(), "signup", body.to_string().as_bytes());
        let request = serde_json::from_value(body).unwrap();
        signup(&self.ledger, &self.gateways, "sandbox", &caller, request).await
    }

    pub(crate) fn next_commits(&self, faults: impl IntoIterator<Item = Fault>) {
        self.store.with.0.lock().unwrap().extend(faults);
    }

    pub(crate) fn die(&self, death: Death) {
        *self.gateway.death.lock().unwrap() = death;
    }

    /// Ticks and works until nothing moves.
    pub(crate) fn settle(&self) {
        for _ in 0..20 {
            self.tick(u32::MAX, 0);
            for kind in DueKind::ALL {
                for job in self.queue.take(kind) {
                    run(self.work(kind, &job)).unwrap();
                }
            }
        }
    }

    pub(crate) async fn work(&self, kind: DueKind, job: &Job) -> Result<(), Error> {
        match kind {
            DueKind::Renew => usecases::renew::renew(&self.ledger, job).await,
            DueKind::Collect | DueKind::Retry => usecases::collect::collect(&self.ledger, &self.gateways, job).await,
            DueKind::Reconcile => usecases::reconcile::reconcile(&self.ledger, &self.gateways, job).await,
        }
    }

    pub(crate) fn tick(&self, collections_per_minute: u32, pass_seconds: i64) -> usecases::sweep::Swept {
        let (gateway, collections_per_minute) = ("sandbox".into(), Some(collections_per_minute));
        let settings = SweepSettings { shards: 2, collections_per_minute, gateway, pass_seconds };
        run(sweep(&self.ledger, &self.queue, &settings, &Lane::ALL)).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> CustomerFile {
        run(self.ledger.store.file(&CustomerId::try_new(format!("cus_{name}")).unwrap())).unwrap().unwrap()
    }

    pub(crate) fn state_of(&self, invoice: &str) -> &'static str {
        let file = self.file("ana");
        let found = file.invoices.iter().find(|i| i.value.id.as_str() == invoice);
        found.map_or("missing", |i| i.value.state.name())
    }

    /// How often the gateway was called for a refund.
    pub(crate) fn refund_calls(&self) -> usize {
        self.gateway.refund_calls.load(Ordering::Relaxed)
    }

    /// The keys under which money was taken.
    pub(crate) fn captured(&self) -> Vec<String> {
        let log = self.sandbox.log();
        let taken = log.into_iter().filter(|e| matches!(e.outcome, ChargeOutcome::Succeeded { .. }));
        taken.map(|e| e.request.key).collect()
    }
}

pub(crate) fn job(item: &str) -> Job {
    Job { customer: CustomerId::try_new("cus_ana").unwrap(), item: item.into() }
}
