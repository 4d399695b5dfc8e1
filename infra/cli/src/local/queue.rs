//! Queues of a stack in one process: at least once, with a limit of tries and a dead-letter list, as SQS has.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use usecases::{
    error::Error,
    ports::{DueKind, Job, Queue},
};

/// How often a message is delivered before it is set aside; the template's `maxReceiveCount`.
const RECEIVES_MAX: u32 = 5;

/// Most messages of a batch; SQS's limit.
const BATCH_MAX: usize = 10;

/// A message with its number of deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Names it in a batch response.
    pub id: String,
    /// What to do.
    pub job: Job,
    receives: u32,
}

#[derive(Default)]
struct Queues {
    waiting: BTreeMap<DueKind, VecDeque<Message>>,
    dead: Vec<(DueKind, Job)>,
    sent: u64,
}

/// All queues.
#[derive(Default)]
pub(crate) struct LocalQueue(Mutex<Queues>);

impl LocalQueue {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits in one queue, in batches of at most ten and enough of them for every worker: of each customer the first
    /// item, the others the next time. Two rungs of one instant then have an order, and the same demo the same facts.
    pub(crate) fn receive(&self, kind: DueKind, workers: usize) -> Vec<Vec<Message>> {
        let mut queues = self.queues();
        let mut waiting: Vec<_> = std::mem::take(queues.waiting.entry(kind).or_default()).into();
        waiting.sort_by(|a, b| a.job.cmp(&b.job));
        let (mut now, mut later) = (Vec::with_capacity(waiting.len()), VecDeque::new());
        for of_customer in waiting.chunk_by(|a, b| a.job.customer == b.job.customer) {
            let Some((first, others)) = of_customer.split_first() else { continue };
            now.push(Message { receives: first.receives + 1, ..first.clone() });
            later.extend(others.iter().cloned());
        }
        queues.waiting.insert(kind, later);
        let size = now.len().div_ceil(workers.max(1)).clamp(1, BATCH_MAX);
        now.chunks(size).map(<[Message]>::to_vec).collect()
    }

    /// Puts back what failed; what failed too often is set aside.
    pub(crate) fn give_back(&self, kind: DueKind, failed: Vec<Message>) {
        let mut queues = self.queues();
        for message in failed {
            if message.receives >= RECEIVES_MAX {
                queues.dead.push((kind, message.job));
            } else {
                queues.waiting.entry(kind).or_default().push_back(message);
            }
        }
    }

    /// Jobs that were set aside.
    pub(crate) fn dead_letters(&self) -> Vec<(DueKind, Job)> {
        self.queues().dead.clone()
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, kind: DueKind, jobs: Vec<Job>) -> Result<(), Error> {
        let mut queues = self.queues();
        for job in jobs {
            queues.sent += 1;
            let message = Message { id: format!("msg-{}", queues.sent), job, receives: 0 };
            queues.waiting.entry(kind).or_default().push_back(message);
        }
        Ok(())
    }
}
