//! What the verbs consume, counted by DynamoDB's own rules on the embedded database.
//!
//! Exists because the price of a renewal is a promise of the design (section 6): a test fails when it grows, and the
//! example `capacity` prints the table.

use std::sync::Arc;

use aws::{CapacityMeter, store::Units};
use billing::{
    calendar::Instant,
    ids::{Cause, CustomerId, InvoiceId, SubscriptionId},
    invoice::{Invoice, InvoiceState, wake_at},
};
use usecases::{
    change_plan::change_plan,
    collect::collect,
    error::Error,
    memory::{CountingIds, ManualClocks, MemoryQueue},
    number,
    ports::{Clocks, Gateway, Gateways, Job, Lane, Ledger, Numbers},
    publish::publish,
    record_usage::{UsageRequest, record_usage},
    renew::renew,
    sandbox::{Sandbox, SeededDeclines},
    signup::{Caller, signup},
    sweep::{SweepSettings, sweep},
};

use crate::tables::{self, SHARDS};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub what: &'static str,
    /// What it consumed.
    pub units: Units,
}

/// A stack of one merchant over a database of its own.
struct Stack {
    ledger: Ledger,
    gateways: Gateways,
    clocks: Arc<ManualClocks>,
    numbers: Arc<dyn Numbers>,
    meter: Arc<CapacityMeter>,
    rows: Vec<Row>,
}

const CATALOG: &str = r#"{"plans":[
    {"id":"team","version":1,"title":"Team","prices":[
        {"currency":"USD","interval":"month","model":"per-seat","unit_amount":"9.90"}]},
    {"id":"business","version":1,"title":"Business","prices":[
        {"currency":"USD","interval":"month","model":"per-seat","unit_amount":"19.90"}]}]}"#;

const SIGNUP: &str = r#"{"customer":{"currency":"USD","time_zone":"Europe/Berlin","email":"ana@example.com",
    "channel":"organic","country":"DE"},"plan":"team","quantity":3,"arm":"a",
    "payment_method":{"token":"pm_card_visa"}}"#;

impl Stack {
    async fn new(sandbox: Sandbox) -> Result<Self, Failure> {
        let meter = Arc::new(CapacityMeter::default());
        let database = tables::embedded(None).await?;
        let store = Arc::new(tables::store(database.client()).with_meter(Arc::clone(&meter)));
        let clocks = Arc::new(ManualClocks::at("2027-01-31T09:00:00.123456Z".parse()?));
        let ids = Arc::new(CountingIds::default());
        let numbers = store.clone();
        let ledger = Ledger { store: store.clone(), operations: store, clocks: clocks.clone(), ids };
        publish(&*ledger.store, &serde_json::from_str(CATALOG)?).await?;
        meter.take();
        let gateways = Gateways::new([Arc::new(sandbox) as Arc<dyn Gateway>]);
        Ok(Self { ledger, gateways, clocks, numbers, meter, rows: Vec::new() })
    }

    fn note(&mut self, what: &'static str) {
        self.rows.push(Row { what, units: self.meter.take() });
    }

    async fn sign_up(&self) -> Result<(CustomerId, SubscriptionId), Failure> {
        let caller = Caller::new("web".into(), "key-1".into(), "signup", SIGNUP.as_bytes());
        let request = serde_json::from_str(SIGNUP)?;
        let reply = signup(&self.ledger, &self.gateways, "sandbox", &caller, request).await?;
        let (customer, id) = (reply.subscription.customer, reply.subscription.id);
        Ok((CustomerId::try_new(customer)?, SubscriptionId::try_new(id)?))
    }

    async fn period_end(&self, customer: &CustomerId, id: &SubscriptionId) -> Result<Instant, Failure> {
        let held = self.ledger.store.subscription(customer, id).await?.ok_or("no subscription")?;
        self.meter.take();
        Ok(held.value.period.ok_or("no period")?.end)
    }

    async fn state(&self, customer: &CustomerId, invoice: &InvoiceId) -> Result<InvoiceState, Failure> {
        let held = self.ledger.store.invoice(customer, invoice).await?.ok_or("no invoice")?;
        self.meter.take();
        Ok(held.value.state)
    }

    async fn collect(&self, customer: &CustomerId, item: &InvoiceId) -> Result<(), Error> {
        let job = Job { customer: customer.clone(), item: item.to_string() };
        collect(&self.ledger, &self.gateways, &job).await
    }

    async fn renew(&self, customer: &CustomerId, id: &SubscriptionId) -> Result<(), Error> {
        renew(&self.ledger, &Job { customer: customer.clone(), item: id.to_string() }).await
    }

    async fn tick(&self) -> Result<(), Error> {
        let settings = SweepSettings {
            shards: SHARDS,
            collections_per_minute: Some(1_000),
            gateway: "sandbox".into(),
            pass_seconds: usecases::sweep::PASS_SECONDS,
        };
        sweep(&self.ledger, &MemoryQueue::default(), &settings, &Lane::ALL).await.map(|_| ())
    }
}

fn invoice(id: &SubscriptionId, cause: &str) -> Result<InvoiceId, Failure> {
    Ok(InvoiceId::try_new(format!("inv_{}-{cause}", id.body()))?)
}

/// What legal numbers consume: the first two invoices of a customer one by one, then a hundred more of them together.
///
/// # Errors
/// When not all of them got one.
pub async fn numbers_path() -> Result<Vec<Row>, Failure> {
    let mut stack = Stack::new(Sandbox::default()).await?;
    let (customer, id) = stack.sign_up().await?;
    let found = stack.ledger.store.invoice(&customer, &invoice(&id, "p1")?).await?.ok_or("no invoice")?.value;
    let nth = |n: usize| Invoice { id: InvoiceId::derive(&id, Cause::Change(n as u64), 0), ..found.clone() };
    let issued: Vec<_> = (0..100).filter_map(|n| number::issued(None, Some(&nth(n)), chrono_tz::UTC)).collect();
    stack.meter.take();
    let mut done = number::number(stack.numbers.as_ref(), &issued[..1]).await?;
    stack.note("a legal number by itself");
    done += number::number(stack.numbers.as_ref(), &issued[1..]).await?;
    stack.note("99 legal numbers together");
    if done != issued.len() {
        return Err(format!("{done} of {} invoices got a number", issued.len()).into());
    }
    Ok(stack.rows)
}

/// What each verb consumes on the good path.
///
/// # Errors
/// When a verb does not do what it should: then its figure would be of something else.
pub async fn good_path() -> Result<Vec<Row>, Failure> {
    let mut stack = Stack::new(Sandbox::default()).await?;
    let (customer, id) = stack.sign_up().await?;
    stack.note("sign-up, first payment included");
    stack.clocks.set_business(stack.period_end(&customer, &id).await?);
    stack.renew(&customer, &id).await?;
    stack.note("renewal");
    let second = invoice(&id, "p2")?;
    stack.collect(&customer, &second).await?;
    stack.note("its collection");
    if !matches!(stack.state(&customer, &second).await?, InvoiceState::Paid { .. }) {
        return Err("the renewal was not paid".into());
    }
    stack.collect(&customer, &second).await?;
    stack.note("its collection, delivered again");
    let now = stack.clocks.business().await? + chrono::TimeDelta::days(9);
    stack.clocks.set_business(now);
    let body = format!(r#"{{"customer":"{customer}","subscription":"{id}","action":"change","plan":"business"}}"#);
    let caller = Caller::new("web".into(), "key-2".into(), "change-plan", body.as_bytes());
    let reply = change_plan(&stack.ledger, &stack.gateways, &caller, None, &serde_json::from_str(&body)?).await?;
    stack.note("plan change");
    let changed = InvoiceId::try_new(reply.documents.invoice.ok_or("the change made no invoice")?.id)?;
    stack.collect(&customer, &changed).await?;
    stack.note("its collection");
    if !matches!(stack.state(&customer, &changed).await?, InvoiceState::Paid { .. }) {
        return Err("the change was not paid".into());
    }
    stack.tick().await?;
    stack.note("an idle tick of the sweep, 3 lanes of 4 shards");
    Ok(stack.rows)
}

/// A renewal whose first attempt is declined and whose second one is not.
///
/// # Errors
/// As [`good_path`].
pub async fn declined_path() -> Result<Vec<Row>, Failure> {
    // With this seed the invoice is declined for a reason that a retry may mend; checked below.
    let declines = SeededDeclines { seed: 1, first_per_mille: 1_000, later_per_mille: 0 };
    let mut stack = Stack::new(Sandbox::with_declines(declines)).await?;
    let (customer, id) = stack.sign_up().await?;
    stack.clocks.set_business(stack.period_end(&customer, &id).await?);
    stack.renew(&customer, &id).await?;
    stack.meter.take();
    let second = invoice(&id, "p2")?;
    stack.collect(&customer, &second).await?;
    stack.note("first decline (its claim included)");
    let held = stack.ledger.store.invoice(&customer, &second).await?.ok_or("no invoice")?;
    let rung = match wake_at(&held.value) {
        Some(billing::invoice::InvoiceWake::Rung(at)) => at,
        other => return Err(format!("the declined invoice waits for {other:?}").into()),
    };
    stack.meter.take();
    stack.clocks.set_business(rung);
    stack.collect(&customer, &second).await?;
    stack.note("recovery (its claim included)");
    match stack.state(&customer, &second).await? {
        InvoiceState::Paid { .. } => Ok(stack.rows),
        other => Err(format!("the retry left the invoice {}", other.name()).into()),
    }
}

const METERED: &str = r#"{"plans":[{"id":"team","version":2,"title":"Team","prices":[
        {"currency":"USD","interval":"month","model":"per-seat","unit_amount":"9.90"}],
    "usage":[{"currency":"USD","interval":"month","meter":{"id":"calls","aggregation":"sum"},
        "price":{"model":"per-seat","unit_amount":"0.01"}}]}]}"#;

/// `count` usage events from number `first` on, a second apart.
fn usage_batch(customer: &CustomerId, id: &SubscriptionId, first: i64, count: i64) -> Result<UsageRequest, Failure> {
    let start: Instant = "2027-02-01T10:00:00Z".parse()?;
    let event = |n: i64| {
        let at = (start + chrono::TimeDelta::seconds(n)).to_rfc3339();
        serde_json::json!({"customer": customer, "subscription": id, "meter": "calls", "id": format!("evt_{n:024}"), "at": at})
    };
    let events: Vec<_> = (first..first + count).map(event).collect();
    Ok(serde_json::from_value(serde_json::json!({ "events": events }))?)
}

/// What 1,000 usage events consume, by the size of their batches, and what a renewal with usage reads.
///
/// # Errors
/// As [`good_path`].
pub async fn usage_path() -> Result<Vec<Row>, Failure> {
    let mut stack = Stack::new(Sandbox::default()).await?;
    publish(&*stack.ledger.store, &serde_json::from_str(METERED)?).await?;
    let (customer, id) = stack.sign_up().await?;
    stack.clocks.set_business("2027-02-02T00:00:00Z".parse()?);
    stack.meter.take();
    let mut first = 0;
    let batches = [
        ("1,000 usage events in batches of 100", 100),
        ("the same 1,000 again", 100),
        ("1,000 usage events in batches of 60", 60),
        ("1,000 usage events one by one", 1),
    ];
    for (name, size) in batches {
        let again = name.ends_with("again");
        let from = if again { 0 } else { first };
        let mut new = 0;
        for offset in (0_i64..1_000).step_by(size) {
            let count = i64::try_from(size)?.min(1_000 - offset);
            let reply = record_usage(&stack.ledger, &usage_batch(&customer, &id, from + offset, count)?).await?;
            new += reply.recorded;
        }
        if new != if again { 0 } else { 1_000 } {
            return Err(format!("{name}: {new} were recorded").into());
        }
        stack.note(name);
        first = if again { first } else { first + 1_000 };
    }
    stack.clocks.set_business(stack.period_end(&customer, &id).await?);
    stack.renew(&customer, &id).await?;
    stack.note("renewal with 3,000 usage events of one day");
    Ok(stack.rows)
}

/// The table as markdown.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from("| what | units written | of them by the index | units read |\n|---|---:|---:|---:|\n");
    for Row { what, units } in rows {
        let Units { read, write, index_write } = units;
        text.push_str(&format!("| {what} | {write} | {index_write} | {read} |\n"));
    }
    text
}
