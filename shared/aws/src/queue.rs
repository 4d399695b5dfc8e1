//! Queues on SQS: a job is the body of a message, as JSON.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use usecases::{
    error::Error,
    ports::{DueKind, Job, Queue},
};

/// Most messages that SQS takes at once.
const BATCH: usize = 10;

/// One queue for each kind of work.
pub struct SqsQueue {
    client: Client,
    urls: BTreeMap<DueKind, String>,
}

impl SqsQueue {
    /// The queues at `urls`.
    #[must_use]
    pub fn new(client: Client, urls: BTreeMap<DueKind, String>) -> Self {
        Self { client, urls }
    }

    /// Sends up to [`BATCH`] entries; returns those that were not taken, and why the first was not.
    async fn send_batch(
        &self,
        url: &str,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<(Vec<SendMessageBatchRequestEntry>, String), Error> {
        let sent = self.client.send_message_batch().queue_url(url).set_entries(Some(entries.clone())).send().await;
        let answer = sent.map_err(|e| Error::unavailable("send to the queue", e))?;
        let failed = answer.failed();
        let why = failed.first().map_or_else(String::new, |f| format!("{} {}", f.code(), f.message().unwrap_or("")));
        let left = entries.into_iter().filter(|e| failed.iter().any(|f| f.id() == e.id())).collect();
        Ok((left, why))
    }
}

fn entry(number: usize, job: &Job) -> Result<SendMessageBatchRequestEntry, Error> {
    let body = serde_json::to_string(job).map_err(|e| Error::unavailable("write a job", e))?;
    let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build();
    entry.map_err(|e| Error::unavailable("write a job", e))
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, kind: DueKind, jobs: Vec<Job>) -> Result<(), Error> {
        let url = self.urls.get(&kind);
        let url =
            url.ok_or_else(|| Error::unavailable("send to the queue", format!("no queue is set for {kind:?}")))?;
        for batch in jobs.chunks(BATCH) {
            let entries = batch.iter().enumerate().map(|(i, job)| entry(i, job)).collect::<Result<_, _>>()?;
            let (left, _) = self.send_batch(url, entries).await?;
            if left.is_empty() {
                continue;
            }
            // Once more; what then is left goes with the whole page at the next tick, which is harmless: a job that
            // comes twice finds nothing to do.
            let (left, why) = self.send_batch(url, left).await?;
            if !left.is_empty() {
                return Err(Error::unavailable(
                    "send to the queue",
                    format!("{} jobs were refused: {why}", left.len()),
                ));
            }
        }
        Ok(())
    }
}
