//! A small house in memory for handler tests: catalog, storefront key, clocks, sandbox, and what its logs said.
//!
//! Exists so that every function is tested over the reference adapters, and so that "nothing was changed" is one
//! comparison. Compiled only with the feature `testing`.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use billing::{
    calendar::Instant,
    catalog::Catalog,
    ids::{CustomerId, InvoiceId, SubscriptionId},
};
use lambda_http::{Body, Request};
use serde_json::{Value, json};
use usecases::{
    authorize::sha256_hex,
    memory::{CountingIds, ManualClocks, MemoryStore},
    ports::{DueEntry, Gateways, IdempotencyRecord, Job, Lane, Ledger, Operations, Store},
    publish::publish,
    sandbox::{LogEntry, Sandbox},
    signup::{Caller, SignupReply},
};

use crate::http::Reply;

/// The storefront's key.
pub const KEY: &str = "sk_test_storefront";

/// A card number that must never come back.
pub const CARD: &str = "4242424242424242";

/// Shards of the house.
const SHARDS: u16 = 2;

/// Customers that a snapshot looks at, beside those that are due.
const CUSTOMERS: [&str; 3] = ["cus_ana", "cus_ben", "cus_new"];

/// The house.
pub struct House {
    /// The store, and the operations.
    pub store: Arc<MemoryStore>,
    /// Both clocks.
    pub clocks: Arc<ManualClocks>,
    /// The gateway.
    pub sandbox: Arc<Sandbox>,
    /// All of it, as use cases take it.
    pub ledger: Ledger,
    /// The sandbox, as use cases take it.
    pub gateways: Gateways,
}

/// What is kept, as far as a request could change it.
#[derive(Debug, PartialEq)]
pub struct Snapshot {
    files: Vec<Option<usecases::ports::CustomerFile>>,
    due: Vec<DueEntry>,
    charges: Vec<LogEntry>,
    remembered: Option<IdempotencyRecord>,
}

impl House {
    /// A house with two plans (`team` in EUR and USD, `business` in EUR), a key and a date: 15 January 2027.
    ///
    /// # Panics
    /// When the house cannot be set up, which is a mistake in this file.
    pub async fn open() -> Self {
        let start: Instant = "2027-01-15T09:00:00Z".parse().expect("a date");
        let (store, clocks) = (Arc::new(MemoryStore::new(SHARDS)), Arc::new(ManualClocks::at(start)));
        let sandbox = Arc::new(Sandbox::default());
        let plan = |id: &str, eur: &str, usd: Option<&str>| {
            let price = |currency, amount| json!({"currency": currency, "interval": "month", "model": "per-seat", "unit_amount": amount});
            let mut prices = vec![price("EUR", eur)];
            prices.extend(usd.map(|amount| price("USD", amount)));
            json!({"id": id, "version": 1, "title": id, "features": ["api"], "prices": prices})
        };
        let catalog = json!({"plans": [plan("team", "12.00", Some("14.00")), plan("business", "30.00", None)]});
        let catalog: Catalog = serde_json::from_value(catalog).expect("a catalog");
        publish(store.as_ref(), &catalog).await.expect("published");
        store.put_storefront_key(&sha256_hex(KEY), "web").await.expect("a key");
        let ids = Arc::new(CountingIds::default());
        let ledger = Ledger { store: store.clone(), operations: store.clone(), clocks: clocks.clone(), ids };
        let gateways = Gateways::new([sandbox.clone() as Arc<dyn usecases::ports::Gateway>]);
        Self { store, clocks, sandbox, ledger, gateways }
    }

    /// Signs `customer` up for five seats of `team`, paying with `token`.
    ///
    /// # Panics
    /// When the sign-up is refused.
    pub async fn sign_up(&self, customer: &str, token: &str) -> SignupReply {
        let request = serde_json::from_value(signup_body(customer, token)).expect("a request");
        let caller = Caller::new("web".into(), format!("setup-{customer}"), "signup", b"");
        let signed = usecases::signup::signup(&self.ledger, &self.gateways, "sandbox", &caller, request).await;
        signed.expect("signed up")
    }

    /// All jobs that are due at business time `at`, of one lane.
    ///
    /// # Panics
    /// Never: memory always answers.
    pub async fn due(&self, lane: Lane, at: &str) -> Vec<Job> {
        let until = at.parse().expect("an instant");
        let mut jobs = Vec::new();
        for shard in 0..SHARDS {
            let entries = self.store.due(lane, shard, until, None, 1_000).await.expect("memory answers");
            jobs.extend(entries.into_iter().map(|e| e.job));
        }
        jobs
    }

    /// The name of the state that an invoice is in.
    ///
    /// # Panics
    /// When there is no such invoice.
    pub async fn invoice_state(&self, job: &Job) -> &'static str {
        let id = InvoiceId::try_new(job.item.as_str()).expect("an invoice id");
        let found = self.store.invoice(&job.customer, &id).await.expect("memory answers");
        found.expect("the invoice").value.state.name()
    }

    /// The version that a contract is stored at.
    ///
    /// # Panics
    /// When there is no such contract.
    pub async fn version_of(&self, customer: &str, subscription: &str) -> u64 {
        let customer = CustomerId::try_new(customer).expect("an id");
        let id = SubscriptionId::try_new(subscription).expect("an id");
        let held = self.store.subscription(&customer, &id).await.expect("memory answers");
        held.expect("the contract").version
    }

    /// What is kept now; `key` is the Idempotency-Key that a request would leave behind.
    ///
    /// # Panics
    /// Never: memory always answers.
    pub async fn snapshot(&self, key: &str) -> Snapshot {
        let far = "2100-01-01T00:00:00Z".parse().expect("a date");
        let (mut files, mut due) = (Vec::new(), Vec::new());
        for customer in CUSTOMERS {
            let id = CustomerId::try_new(customer).expect("an id");
            files.push(self.store.file(&id).await.expect("memory answers"));
        }
        for lane in Lane::ALL {
            for shard in 0..SHARDS {
                due.extend(self.store.due(lane, shard, far, None, 1_000).await.expect("memory answers"));
            }
        }
        let remembered = self.store.idempotency("web", key).await.expect("memory answers");
        Snapshot { files, due, charges: self.sandbox.log(), remembered }
    }
}

/// The body of a good sign-up.
#[must_use]
pub fn signup_body(customer: &str, token: &str) -> Value {
    json!({
        "customer": {"id": customer, "currency": "EUR", "time_zone": "Europe/Berlin", "channel": "search"},
        "plan": "team", "quantity": 5, "payment_method": {"token": token}, "subscription": customer.replace("cus_", "sub_")
    })
}

/// A request with the storefront's key, `Idempotency-Key: key-1` and more or other `headers` (an empty value takes a
/// header away).
///
/// # Panics
/// When a header cannot be one.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let authorization = format!("Bearer {KEY}");
    let mut all = vec![("authorization", authorization.as_str()), ("idempotency-key", "key-1")];
    all.retain(|(name, _)| !headers.iter().any(|(n, _)| n == name));
    all.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
    let builder = lambda_http::http::Request::builder().method(method).uri(path);
    let builder = all.into_iter().fold(builder, |b, (n, v)| b.header(n, v));
    builder.body(Body::Binary(body.to_vec())).expect("a request")
}

/// Status and JSON of a reply (null when it has no body).
///
/// # Panics
/// When the body is not JSON.
#[must_use]
pub fn read(reply: &Reply) -> (u16, Value) {
    let body: &[u8] = reply.body().as_ref();
    let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).expect("JSON") };
    (reply.status().as_u16(), value)
}

/// An SQS event with these bodies; message ids are `m0`, `m1` ...
///
/// # Panics
/// Never.
#[must_use]
pub fn sqs_event(bodies: impl IntoIterator<Item = String>) -> aws_lambda_events::sqs::SqsEvent {
    let record = |(i, body)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {}});
    let records: Vec<_> = bodies.into_iter().enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).expect("an event")
}

/// The ids of the records that failed.
#[must_use]
pub fn failed(response: &aws_lambda_events::sqs::SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect()
}

/// A place that logs go to in a test.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Everything logged so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Logs all of `work` here, at the most talkative level.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        use tracing::instrument::WithSubscriber;
        let here = self.clone();
        let level = tracing::level_filters::LevelFilter::TRACE;
        // Without a listener of the whole process, a test beside this one may switch a line off for all.
        let _ = tracing::subscriber::set_global_default(crate::logs::subscriber("beside".into(), level, io::sink));
        work.with_subscriber(crate::logs::subscriber("test".into(), level, move || here.clone())).await
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A record of the table's stream as Lambda delivers it; an empty image stands for "no item".
#[must_use]
pub fn stream_record(sequence: &str, old: &Value, new: &Value) -> Value {
    let none = json!({});
    let (name, item) = if *old == none {
        ("INSERT", new)
    } else if *new == none {
        ("REMOVE", old)
    } else {
        ("MODIFY", new)
    };
    json!({
        "eventID": format!("event-{sequence}"), "eventName": name, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/perennial/stream/2027-01-01T00:00:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_800_003_600, "Keys": {"pk": item["pk"], "sk": item["sk"]},
            "OldImage": old, "NewImage": new, "SequenceNumber": sequence, "SizeBytes": 900,
            "StreamViewType": "NEW_AND_OLD_IMAGES"
        }
    })
}
