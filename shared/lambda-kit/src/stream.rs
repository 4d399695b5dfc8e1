//! The loop over a batch of the table's stream: what each record says, and which records have to come again.
//!
//! Exists so that the functions that follow the record treat poison alike: a record that cannot be read fails alone. What
//! comes again comes with everything behind it, so whoever uses this does the same thing twice without harm.

use std::{
    collections::HashSet,
    panic::{self, RefUnwindSafe},
};

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};

/// A batch while it is worked on.
pub struct Batch {
    records: Vec<EventRecord>,
    failed: HashSet<usize>,
}

impl Batch {
    /// Reads every record by itself. Returns what they say, each with its record's place in the batch.
    pub fn read<T>(
        event: Event,
        read: impl Fn(&EventRecord) -> Result<Vec<T>, String> + RefUnwindSafe,
    ) -> (Self, Vec<(usize, T)>) {
        let (mut said, mut failed) = (Vec::new(), HashSet::new());
        for (place, record) in event.records.iter().enumerate() {
            // Reading is pure; a panic in it is this record's alone.
            match panic::catch_unwind(|| read(record)) {
                Ok(Ok(new)) => said.extend(new.into_iter().map(|new| (place, new))),
                Ok(Err(cause)) => {
                    tracing::error!(event_id = record.event_id, cause, "the stream record cannot be read");
                    failed.insert(place);
                }
                Err(_) => {
                    failed.insert(place);
                }
            }
        }
        (Self { records: event.records, failed }, said)
    }

    /// Has Lambda bring the records at these places again.
    pub fn bring_again(&mut self, places: impl IntoIterator<Item = usize>) {
        self.failed.extend(places);
    }

    /// The answer that names the records that have to come again.
    #[must_use]
    pub fn response(self) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        let again = self.records.into_iter().enumerate().filter(|(place, _)| self.failed.contains(place));
        response.batch_item_failures = again.map(|(_, record)| failure(record)).collect();
        response
    }
}

/// A record always has a sequence number; without one, the empty name brings the whole batch again.
fn failure(record: EventRecord) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(record.change.sequence_number.unwrap_or_default());
    failure
}
