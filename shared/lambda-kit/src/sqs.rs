//! The SQS batch loop: every record alone, failures by name.
//!
//! Exists because one bad message must never block or dead-letter its neighbours (DESIGN section 5.7): a panic is caught
//! per record, and the answer names exactly the records that failed, with ids from the input. A failed record comes
//! again until the queue's receive limit puts it aside.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};
use serde::de::DeserializeOwned;
use tracing::Instrument;
use usecases::{error::Error, ports::Job, record_usage::UsageRequest};

use crate::logs::chain;

/// Records worked on at the same time.
const AT_ONCE: usize = 10;

/// Gives every job of the batch to `work`, and answers with the records that failed.
pub async fn each<F, Fut>(event: SqsEvent, work: F) -> SqsBatchResponse
where
    F: Fn(Job) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    each_message(event, work).await
}

/// What a record's body says.
pub trait Message: DeserializeOwned {
    /// What it is about, for the log.
    fn item(&self) -> String;
}

impl Message for Job {
    fn item(&self) -> String {
        self.item.clone()
    }
}

impl Message for UsageRequest {
    fn item(&self) -> String {
        format!("{} events", self.events.len())
    }
}

/// As [`each`], for messages of another kind.
pub async fn each_message<M, F, Fut>(event: SqsEvent, work: F) -> SqsBatchResponse
where
    M: Message,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let outcomes: Vec<_> =
        stream::iter(event.records).map(|record| one(record, &work)).buffered(AT_ONCE).collect().await;
    let mut response = SqsBatchResponse::default();
    response.set_failures(outcomes.into_iter().flatten());
    response
}

/// One record; its id if it failed.
async fn one<M, F, Fut>(record: SqsMessage, work: &F) -> Option<String>
where
    M: Message,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    // A failed record without an id makes Lambda bring back the whole batch: too much work, but nothing is lost.
    let id = record.message_id.unwrap_or_default();
    let received = record.attributes.get("ApproximateReceiveCount").map_or("1", String::as_str);
    let span = tracing::info_span!("record", message_id = id, received, item = tracing::field::Empty);
    let done = attempt(record.body.as_deref().unwrap_or_default(), work).instrument(span).await;
    (!done).then_some(id)
}

async fn attempt<M, F, Fut>(body: &str, work: &F) -> bool
where
    M: Message,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let job: M = match serde_json::from_str(body) {
        Ok(job) => job,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            tracing::error!(line, column, "the message is not one of this queue; it will end in the dead-letter queue");
            return false;
        }
    };
    tracing::Span::current().record("item", job.item());
    match AssertUnwindSafe(async { work(job).await }).catch_unwind().await {
        Ok(Ok(())) => true,
        Ok(Err(error @ Error::Refused(_))) => {
            tracing::error!(cause = chain(&error), "the job is refused; it will end in the dead-letter queue");
            false
        }
        Ok(Err(error)) => {
            tracing::warn!(cause = chain(&error), "the job did not succeed; the queue brings it again");
            false
        }
        Err(_) => {
            tracing::error!("the job panicked; the queue brings it again, then puts it aside");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn batch(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(i, body)| serde_json::json!({ "messageId": format!("m{i}"), "body": body, "attributes": {} }))
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    fn failed(response: &SqsBatchResponse) -> Vec<&str> {
        response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect()
    }

    #[tokio::test]
    async fn a_panic_in_one_of_ten_fails_that_one_alone() {
        let bodies: Vec<_> = (0..10).map(|i| format!(r#"{{"customer":"cus_a","item":"sub_{i}"}}"#)).collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        let done = AtomicUsize::new(0);
        let response = each(batch(&bodies), |job| {
            assert_ne!(job.item, "sub_3", "this one panics before it has a future");
            let done = &done;
            async move {
                assert_ne!(job.item, "sub_7", "this one panics inside");
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        })
        .await;
        assert_eq!(failed(&response), ["m3", "m7"]);
        assert_eq!(done.into_inner(), 8);
    }

    #[tokio::test]
    async fn poison_fails_alone_and_is_not_quoted() {
        let good = r#"{"customer":"cus_a","item":"sub_a"}"#;
        let strange = r#"{"customer":"cus_a","item":"sub_a","surprise":true}"#;
        let response = each(batch(&["not json", good, strange, "", good]), |_| async { Ok(()) }).await;
        assert_eq!(failed(&response), ["m0", "m2", "m3"]);
    }

    #[tokio::test]
    async fn refused_conflicting_and_unavailable_jobs_all_come_back() {
        let good = r#"{"customer":"cus_a","item":"sub_a"}"#;
        let calls = AtomicUsize::new(0);
        let response = each(batch(&[good, good, good]), |_| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            async move {
                Err(match call {
                    0 => billing::refusal::Refusal::NothingToChange.into(),
                    1 => Error::Conflict("sub_a".into()),
                    _ => Error::unavailable("read", "no answer"),
                })
            }
        })
        .await;
        assert_eq!(failed(&response), ["m0", "m1", "m2"]);
    }

    #[tokio::test]
    async fn a_failed_record_without_an_id_brings_the_batch_back() {
        let event = serde_json::json!({ "Records": [{ "body": "not json", "attributes": {} }] });
        let response = each(serde_json::from_value(event).unwrap(), |_| async { Ok(()) }).await;
        assert_eq!(failed(&response), [""]);
    }

    #[tokio::test]
    async fn an_answer_without_failures_is_an_empty_list() {
        let response = each(batch(&[]), |_| async { Ok(()) }).await;
        assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
}
