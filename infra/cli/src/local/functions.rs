//! The deployed handlers, called in process: requests as function URLs give them, batches as SQS gives them.

use std::sync::Arc;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    sqs::{SqsBatchResponse, SqsEvent, SqsMessage},
    streams::DynamoDbEventResponse,
};
use lambda_kit::http::Reply;
use serde_json::Value;
use usecases::{
    ports::{Bus, DueKind, Gateways, Lane, Ledger, Numbers, Queue},
    sweep::{SweepSettings, Swept},
};

use super::{
    queue::{LocalQueue, Message},
    sandbox::Hosted,
};
use crate::failure::Failure;

pub(crate) use lambda_kit::http::{Body, Request};
/// What a handler answers.
pub(crate) type Response = Reply;

/// Batches worked on at the same time.
const WORKERS: usize = 4;

/// Every handler with what it works with.
pub(crate) struct Functions {
    signup: signup::Deps,
    change_plan: change_plan::Deps,
    get: get::Deps,
    gateway_event: gateway_event::Deps,
    sweep: sweep::Deps,
    renew: renew::Deps,
    collect: collect::Deps,
    retry_payment: retry_payment::Deps,
    reconcile: reconcile::Deps,
    record_usage: record_usage::Deps,
    relay: relay::Deps,
    number: number::Deps,
}

impl Functions {
    /// Wires the handlers to this process's parts.
    pub(crate) fn new(
        ledger: &Ledger,
        sandbox: &Hosted,
        queue: Arc<dyn Queue>,
        bus: Arc<dyn Bus>,
        numbers: Arc<dyn Numbers>,
        settings: SweepSettings,
    ) -> Result<Self, Failure> {
        let gateways = Gateways::new([sandbox.adapter()?]);
        let ledger = || ledger.clone();
        let gateways = || gateways.clone();
        Ok(Self {
            signup: signup::Deps {
                ledger: ledger(),
                gateways: gateways(),
                default_gateway: usecases::sandbox::NAME.into(),
            },
            change_plan: change_plan::Deps { ledger: ledger(), gateways: gateways() },
            get: get::Deps { ledger: ledger() },
            gateway_event: gateway_event::Deps { ledger: ledger(), secrets: vec![sandbox.secret()] },
            sweep: sweep::Deps { ledger: ledger(), queue, settings },
            renew: renew::Deps { ledger: ledger() },
            collect: collect::Deps { ledger: ledger(), gateways: gateways() },
            retry_payment: retry_payment::Deps { ledger: ledger(), gateways: gateways() },
            reconcile: reconcile::Deps { ledger: ledger(), gateways: gateways() },
            record_usage: record_usage::Deps { ledger: ledger() },
            relay: relay::Deps { bus },
            number: number::Deps { numbers, seller: chrono_tz::UTC },
        })
    }

    /// Routes a request by its path, as the function URLs are apart by theirs. Unknown paths go to `get`, which refuses.
    pub(crate) async fn http(&self, request: Request) -> Response {
        match request.uri().path() {
            "/signup" => signup::handle(&self.signup, request).await,
            "/change-plan" => change_plan::handle(&self.change_plan, request).await,
            "/record-usage" => record_usage::handle(&self.record_usage, request).await,
            "/gateway-event" => gateway_event::handle(&self.gateway_event, request).await,
            _ => get::handle(&self.get, request).await,
        }
    }

    /// One tick over `lanes`: the function's own is over all of them.
    pub(crate) async fn sweep(&self, lanes: &[Lane]) -> Result<Swept, Failure> {
        let sweep::Deps { ledger, queue, settings } = &self.sweep;
        let swept = usecases::sweep::sweep(ledger, queue.as_ref(), settings, lanes).await;
        swept.map_err(|e| Failure::because("sweep", e))
    }

    /// Delivers what waits in the queues until they are empty, batches side by side; failed records come again.
    pub(crate) async fn work_off(self: &Arc<Self>, queue: &LocalQueue) -> Result<(), Failure> {
        for kind in DueKind::ALL {
            loop {
                let batches = queue.receive(kind, WORKERS);
                if batches.is_empty() {
                    break;
                }
                let mut running = tokio::task::JoinSet::new();
                for batch in batches {
                    let functions = self.clone();
                    running.spawn(async move { (functions.deliver(kind, event(&batch)).await, batch) });
                }
                while let Some(done) = running.join_next().await {
                    let (response, batch) = done.map_err(|e| Failure::because("run a batch", e))?;
                    queue.give_back(kind, failed(&response, batch));
                }
            }
        }
        Ok(())
    }

    async fn deliver(&self, kind: DueKind, event: SqsEvent) -> SqsBatchResponse {
        match kind {
            DueKind::Renew => renew::handle(&self.renew, event).await,
            DueKind::Collect => collect::handle(&self.collect, event).await,
            DueKind::Retry => retry_payment::handle(&self.retry_payment, event).await,
            DueKind::Reconcile => reconcile::handle(&self.reconcile, event).await,
        }
    }

    /// Hands stream records to both functions that follow the record.
    pub(crate) async fn follow(&self, records: Vec<EventRecord>) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let mut event = Event::default();
        event.records = records;
        taken("number invoices", &number::handle(&self.number, event.clone()).await)?;
        taken("announce what happened", &relay::handle(&self.relay, event).await)
    }
}

fn taken(what: &str, response: &DynamoDbEventResponse) -> Result<(), Failure> {
    match response.batch_item_failures.len() {
        0 => Ok(()),
        failed => Err(Failure::because(what, format!("{failed} stream records were not taken"))),
    }
}

fn failed(response: &SqsBatchResponse, batch: Vec<Message>) -> Vec<Message> {
    let ids: Vec<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
    batch.into_iter().filter(|m| ids.contains(&m.id.as_str())).collect()
}

fn event(batch: &[Message]) -> SqsEvent {
    let records = batch.iter().map(|message| {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id.clone());
        record.body = serde_json::to_string(&message.job).ok();
        record
    });
    let mut event = SqsEvent::default();
    event.records = records.collect();
    event
}

/// A POST as a storefront sends it.
pub(crate) fn post(path: &str, key: &str, idempotency_key: &str, body: &Value) -> Result<Request, Failure> {
    lambda_http::http::Request::post(path)
        .header("authorization", format!("Bearer {key}"))
        .header("idempotency-key", idempotency_key)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|e| Failure::because("write a request", e))
}
