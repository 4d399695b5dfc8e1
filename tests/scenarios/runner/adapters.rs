//! Adapters that a story can meddle with: a store whose workers can be made to meet, a gateway that can fall silent.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use billing::{
    calendar::Instant,
    catalog::{Plan, Policy, VersionRef},
    customer::{ContractPrice, Customer},
    discount::{Coupon, CouponCode},
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup},
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::{Claim, Invoice},
    subscription::Subscription,
    tax::TaxSettings,
};
use usecases::{
    error::Error,
    memory::MemoryStore,
    ports::{Commit, CustomerFile, DueEntry, Gateway, Lane, Store, Versioned},
    sandbox::Sandbox,
};

/// Lines for the transcript, in the order in which things happened.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Log {
    pub(crate) fn say(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The memory store, giving way to the other worker before every read and write while `meet` is set.
pub(crate) struct MeetingStore {
    pub(crate) inner: std::sync::Arc<MemoryStore>,
    pub(crate) meet: AtomicBool,
    pub(crate) log: std::sync::Arc<Log>,
}

impl MeetingStore {
    async fn give_way(&self) {
        if self.meet.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Store for MeetingStore {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        self.inner.customer(id).await
    }

    async fn subscription(
        &self,
        customer: &CustomerId,
        id: &SubscriptionId,
    ) -> Result<Option<Versioned<Subscription>>, Error> {
        let found = self.inner.subscription(customer, id).await;
        self.give_way().await;
        found
    }

    async fn invoice(&self, customer: &CustomerId, id: &InvoiceId) -> Result<Option<Versioned<Invoice>>, Error> {
        let found = self.inner.invoice(customer, id).await;
        self.give_way().await;
        found
    }

    async fn file(&self, customer: &CustomerId) -> Result<Option<CustomerFile>, Error> {
        self.inner.file(customer).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), Error> {
        self.give_way().await;
        let done = self.inner.commit(commit).await;
        if let Err(Error::Conflict(what)) = &done {
            self.log.say(format!("conflict   somebody else changed {what} first"));
        }
        done
    }

    async fn due(
        &self,
        lane: Lane,
        shard: u16,
        until: Instant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DueEntry>, Error> {
        self.inner.due(lane, shard, until, after, limit).await
    }

    async fn plan(&self, reference: &VersionRef) -> Result<Option<Plan>, Error> {
        self.inner.plan(reference).await
    }

    async fn policy(&self, reference: &VersionRef) -> Result<Option<Policy>, Error> {
        self.inner.policy(reference).await
    }

    async fn current_plan(&self, name: &str) -> Result<Option<Plan>, Error> {
        self.inner.current_plan(name).await
    }

    async fn contract_price(&self, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Error> {
        self.inner.contract_price(customer, plan).await
    }

    async fn publish_plan(&self, plan: &Plan) -> Result<bool, Error> {
        self.inner.publish_plan(plan).await
    }

    async fn publish_policy(&self, policy: &Policy) -> Result<bool, Error> {
        self.inner.publish_policy(policy).await
    }

    async fn current_policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        self.inner.current_policy(name).await
    }

    async fn put_contract_price(&self, price: &ContractPrice) -> Result<(), Error> {
        self.inner.put_contract_price(price).await
    }

    async fn coupon(&self, id: &str) -> Result<Option<Coupon>, Error> {
        self.inner.coupon(id).await
    }

    async fn coupon_of(&self, code: &CouponCode) -> Result<Option<Coupon>, Error> {
        self.inner.coupon_of(code).await
    }

    async fn publish_coupon(&self, coupon: &Coupon) -> Result<bool, Error> {
        self.inner.publish_coupon(coupon).await
    }

    async fn redemptions(&self, coupon: &str) -> Result<u32, Error> {
        let found = self.inner.redemptions(coupon).await;
        self.give_way().await;
        found
    }

    async fn tax_settings(&self, reference: &VersionRef) -> Result<Option<TaxSettings>, Error> {
        self.inner.tax_settings(reference).await
    }

    async fn current_tax_settings(&self, name: &str) -> Result<Option<TaxSettings>, Error> {
        self.inner.current_tax_settings(name).await
    }

    async fn publish_tax_settings(&self, settings: &TaxSettings) -> Result<bool, Error> {
        self.inner.publish_tax_settings(settings).await
    }
}

/// How the line to the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// As it should be.
    Works,
    /// Requests do not arrive, and nobody can ask.
    Cut,
    /// Requests arrive, the answers get lost, and nobody can ask.
    AnswersLost,
}

/// The sandbox behind a line that can be cut; every call is told.
pub(crate) struct WatchedGateway {
    pub(crate) sandbox: std::sync::Arc<Sandbox>,
    pub(crate) line: Mutex<Line>,
    pub(crate) log: std::sync::Arc<Log>,
}

impl WatchedGateway {
    fn line(&self) -> Line {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_line(&self, line: Line) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

fn told(outcome: &ChargeOutcome) -> String {
    match outcome {
        ChargeOutcome::Succeeded { .. } => "captured".into(),
        ChargeOutcome::Declined { code, class, .. } => format!("declined: {code} ({class})"),
        ChargeOutcome::ActionRequired { .. } => "the customer must authenticate".into(),
        ChargeOutcome::Unknown { why } => format!("unknown: {why}"),
    }
}

#[async_trait]
impl Gateway for WatchedGateway {
    fn declaration(&self) -> GatewayDeclaration {
        self.sandbox.declaration()
    }

    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        let outcome = match self.line() {
            Line::Works => self.sandbox.charge(claim, customer).await,
            Line::Cut => ChargeOutcome::Unknown { why: "no answer".into() },
            Line::AnswersLost => {
                self.sandbox.charge(claim, customer).await;
                ChargeOutcome::Unknown { why: "no answer".into() }
            }
        };
        self.log.say(format!(
            "gateway    charge {} {} with {}: {}",
            claim.key,
            claim.amount,
            claim.method.token,
            told(&outcome)
        ));
        outcome
    }

    async fn look_up(&self, claim: &Claim) -> Lookup {
        let lookup = match self.line() {
            Line::Works => self.sandbox.look_up(claim).await,
            Line::Cut | Line::AnswersLost => Lookup::Unavailable,
        };
        let answer = match &lookup {
            Lookup::Found(outcome) => told(outcome),
            Lookup::NotFound { .. } => "there is no such payment".into(),
            Lookup::Unavailable => "cannot be asked".into(),
        };
        self.log.say(format!("gateway    asked for {}: {answer}", claim.key));
        lookup
    }
}
