//! The table's stream, as Lambda would deliver it: for the local relay.

use aws_lambda_events::event::dynamodb::EventRecord;
use dynoxide::actions::{
    describe_table::DescribeTableRequest,
    get_records::GetRecordsRequest,
    get_shard_iterator::{GetShardIteratorRequest, decode_shard_iterator},
};
use rusqlite::Connection;

use crate::{Embedded, EmbeddedError};

/// How long forgetting waits for a write that is under way.
const BUSY: std::time::Duration = std::time::Duration::from_secs(2);

/// Records in the order of their writes.
#[derive(Clone, Debug)]
pub struct StreamPage {
    /// What was written.
    pub records: Vec<EventRecord>,
    /// Where the next page begins, also after a restart. Keep it only when the records are dealt with.
    pub next: String,
}

impl Embedded {
    /// Up to `limit` (at most 1,000) records of a table's stream from `position` on; from the oldest without one.
    ///
    /// # Errors
    /// [`EmbeddedError::Engine`] when the table has no stream or the position is of another one.
    pub fn stream(&self, table: &str, position: Option<&str>, limit: usize) -> Result<StreamPage, EmbeddedError> {
        let fail = |e: dynoxide::DynoxideError| EmbeddedError::engine("read the stream", e);
        let shard_iterator = match position {
            Some(position) => position.to_owned(),
            None => self.oldest(table)?,
        };
        let request = GetRecordsRequest { shard_iterator, limit: Some(limit) };
        let page = self.database.get_records(request).map_err(fail)?;
        let lost = || EmbeddedError::engine("read the stream", "it ended");
        let next = page.next_shard_iterator.ok_or_else(lost)?;
        // Through JSON, the form in which Lambda hands a record over.
        let records = serde_json::to_vec(&page.records).and_then(|json| serde_json::from_slice(&json));
        let records = records.map_err(|e| EmbeddedError::engine("read the stream", e))?;
        Ok(StreamPage { records, next })
    }

    fn oldest(&self, table: &str) -> Result<String, EmbeddedError> {
        let fail = |e: dynoxide::DynoxideError| EmbeddedError::engine("find the stream", e);
        let table_name = table.to_owned();
        let described = self.database.describe_table(DescribeTableRequest { table_name });
        let arn = described.map_err(fail)?.table.latest_stream_arn;
        let stream_arn = arn.ok_or_else(|| EmbeddedError::engine("find the stream", format!("{table} has none")))?;
        let request = GetShardIteratorRequest {
            stream_arn,
            shard_id: dynoxide::streams::shard_id(table),
            shard_iterator_type: "TRIM_HORIZON".into(),
            sequence_number: None,
        };
        let iterator = self.database.get_shard_iterator(request).map_err(fail)?.shard_iterator;
        iterator.ok_or_else(|| EmbeddedError::engine("find the stream", format!("{table} has none")))
    }

    /// Forgets the records before `position` (a page's `next`): AWS does so after a day, the engine never, and records
    /// are the greater part of its file.
    ///
    /// # Errors
    /// [`EmbeddedError::Engine`] when the position is none, or the file is busy; trying again later is enough.
    pub fn forget_stream(&self, position: &str) -> Result<usize, EmbeddedError> {
        let fail = |e: rusqlite::Error| EmbeddedError::engine("forget stream records", e);
        let (table, shard, last) = decode_shard_iterator(position)
            .ok_or_else(|| EmbeddedError::engine("forget stream records", "that is no position"))?;
        let connection = Connection::open(&self.path).map_err(fail)?;
        connection.busy_timeout(BUSY).map_err(fail)?;
        // As the engine's own connection: what is forgotten need not wait for the disk.
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fail)?;
        let sql = "DELETE FROM _stream_records \
             WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) <= ?3 \
               AND CAST(sequence_number AS INTEGER) < \
                   (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1)";
        // The newest stays: the next sequence number is counted from it.
        connection.execute(sql, rusqlite::params![table, shard, last]).map_err(fail)
    }
}
