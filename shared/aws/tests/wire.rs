//! Queue, bus and batches of reads against scripted answers: what is sent, and what becomes of what was not taken.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
};

use aws::{AwsStore, EventBus, SqsQueue};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use usecases::{
    ports::{Bus, DueKind, Job, Operations, Queue},
    relay::BusEvent,
};

/// Answers requests from a script and keeps what was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Value>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Value>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("a lock").clone()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        self.asked.lock().expect("a lock").push(body);
        let answer = self.answers.lock().expect("a lock").pop_front().expect("one answer a request");
        let status = StatusCode::try_from(200).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn queue(script: &Script) -> SqsQueue {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(script.clone())
        .build();
    let urls = BTreeMap::from([(DueKind::Renew, "https://sqs.invalid/1/renewals".to_owned())]);
    SqsQueue::new(aws_sdk_sqs::Client::from_conf(config), urls)
}

fn bus(script: &Script) -> EventBus {
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(script.clone())
        .build();
    EventBus::new(aws_sdk_eventbridge::Client::from_conf(config), "perennial-bus")
}

fn jobs(count: usize) -> Vec<Job> {
    let customer = billing::ids::CustomerId::try_new("cus_ana").expect("an id");
    (0..count).map(|n| Job { customer: customer.clone(), item: format!("sub_{n}") }).collect()
}

/// The answer to a batch in which the messages of these ids were not taken.
fn sent(of: usize, failed: &[usize]) -> Value {
    let ok: Vec<_> = (0..of)
        .filter(|n| !failed.contains(n))
        .map(|n| json!({ "Id": n.to_string(), "MessageId": "m", "MD5OfMessageBody": "0" }))
        .collect();
    let failed: Vec<_> = failed
        .iter()
        .map(|n| json!({ "Id": n.to_string(), "SenderFault": false, "Code": "InternalError", "Message": "again" }))
        .collect();
    json!({ "Successful": ok, "Failed": failed })
}

fn bodies(request: &Value) -> Vec<String> {
    let entries = request["Entries"].as_array().expect("entries");
    entries.iter().map(|e| e["MessageBody"].as_str().expect("a body").to_owned()).collect()
}

#[tokio::test]
async fn jobs_go_ten_at_a_time_and_what_failed_goes_once_more() {
    let script = Script::new([sent(10, &[3, 7]), sent(2, &[]), sent(2, &[])]);
    queue(&script).send(DueKind::Renew, jobs(12)).await.expect("sent");
    let asked = script.asked();
    assert_eq!(asked.iter().map(|a| bodies(a).len()).collect::<Vec<_>>(), [10, 2, 2]);
    assert_eq!(bodies(&asked[1])[0], r#"{"customer":"cus_ana","item":"sub_3"}"#);
    assert_eq!(bodies(&asked[1])[1], r#"{"customer":"cus_ana","item":"sub_7"}"#);
    assert_eq!(asked[0]["QueueUrl"], "https://sqs.invalid/1/renewals");
}

#[tokio::test]
async fn jobs_that_fail_twice_are_an_error_with_the_reason() {
    let script = Script::new([sent(2, &[0, 1]), sent(2, &[1])]);
    let error = queue(&script).send(DueKind::Renew, jobs(2)).await.expect_err("it was sent");
    let why = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(why, "1 jobs were refused: InternalError again");
}

#[tokio::test]
async fn a_kind_without_a_queue_is_an_error_and_nothing_is_sent() {
    let script = Script::default();
    queue(&script).send(DueKind::Collect, jobs(1)).await.expect_err("it was sent");
    assert_eq!(script.asked(), Vec::<Value>::new());
}

fn events(count: usize) -> Vec<BusEvent> {
    let event = |n| BusEvent {
        event_id: format!("evt_{n}"),
        detail_type: "invoice.paid".into(),
        detail: json!({ "amount_minor": n }),
    };
    (0..count).map(event).collect()
}

#[tokio::test]
async fn events_that_the_bus_did_not_take_come_back() {
    let taken = |n: usize| -> Vec<Value> { (0..n).map(|i| json!({ "EventId": i.to_string() })).collect() };
    let mut first = taken(10);
    first[4] = json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "slow down" });
    let answers =
        [json!({ "FailedEntryCount": 1, "Entries": first }), json!({ "FailedEntryCount": 0, "Entries": taken(1) })];
    let script = Script::new(answers);
    let left = bus(&script).publish(events(11)).await.expect("published");
    assert_eq!(left.iter().map(|e| e.event_id.as_str()).collect::<Vec<_>>(), ["evt_4"]);
    let entry = &script.asked()[1]["Entries"][0];
    assert_eq!(entry["Source"], "perennial");
    assert_eq!(entry["EventBusName"], "perennial-bus");
    assert_eq!((&entry["DetailType"], &entry["Detail"]), (&json!("invoice.paid"), &json!(r#"{"amount_minor":10}"#)));
}

#[tokio::test]
async fn a_bus_that_answers_for_other_events_is_not_believed() {
    let script = Script::new([json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] })]);
    bus(&script).publish(events(2)).await.expect_err("believed");
}

fn store(script: &Script) -> AwsStore {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(script.clone())
        .build();
    AwsStore::new(aws_sdk_dynamodb::Client::from_conf(config), "main", "operations", 1)
}

/// The answer to a batch of reads: these buckets with their counts, and those that the table had no time for.
fn buckets(found: &[(&str, u32)], left: &[&str]) -> Value {
    let items: Vec<_> = found.iter().map(|(pk, n)| json!({ "pk": { "S": pk }, "n": { "N": n.to_string() } })).collect();
    let keys: Vec<_> = left.iter().map(|pk| json!({ "pk": { "S": pk } })).collect();
    let left = if keys.is_empty() { json!({}) } else { json!({ "operations": { "Keys": keys } }) };
    json!({ "Responses": { "operations": items }, "UnprocessedKeys": left })
}

#[tokio::test]
async fn what_a_busy_table_left_out_is_asked_for_again() {
    let script = Script::new([buckets(&[("a", 3)], &["b"]), buckets(&[("b", 4)], &[])]);
    let taken = store(&script).permits_taken(&["a".into(), "b".into()]).await.expect("counted");
    assert_eq!(taken, 7);
    let asked = script.asked();
    assert_eq!(asked[1]["RequestItems"]["operations"]["Keys"], json!([{ "pk": { "S": "b" } }]));
    assert_eq!(asked[1]["RequestItems"]["operations"]["ConsistentRead"], true);
}

#[tokio::test]
async fn a_table_that_stays_busy_is_an_error_and_not_a_smaller_number() {
    let script = Script::new(std::iter::repeat_n(buckets(&[], &["b"]), 4));
    let error = store(&script).permits_taken(&["b".into()]).await.expect_err("it was counted");
    let why = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(why, "the table did not answer for 1 of the items");
}
