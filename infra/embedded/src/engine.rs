//! Opening the engine so that it is fast enough and safe enough.
//!
//! Exists because two things must be done to it as shipped: every write looks for the highest stream position of its
//! table without an index, which grows with the table; and every commit waits for the disk.

use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::Database;
use rusqlite::Connection;

use crate::{Embedded, EmbeddedError};

/// Makes looking for the last stream position logarithmic. It touches an internal table, so the engine's version is
/// pinned and a test asks SQLite whether the index is used.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS perennial_stream_sequence \
     ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Numbers the databases in memory of this process, which SQLite tells apart by name.
static MEMORY: AtomicU64 = AtomicU64::new(0);

pub(crate) fn open(path: &str) -> Result<Embedded, EmbeddedError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| EmbeddedError::Open { path: path.into(), source };
    let database = Database::new(path).map_err(|e| failed(e.into()))?;
    index(path).map_err(|e| failed(e.into()))?;
    // Despite its name this sets what the engine sets nowhere else: synchronous = NORMAL. With a write-ahead log a
    // killed process then loses nothing, and a commit no longer waits for the disk.
    database.disable_bulk_loading().map_err(|e| failed(e.into()))?;
    Ok(Embedded { database, path: path.into() })
}

pub(crate) fn memory() -> Result<Embedded, EmbeddedError> {
    // A shared cache lets the index be made from outside; the engine's own memory database has no way in.
    let number = MEMORY.fetch_add(1, Ordering::Relaxed);
    open(&format!("file:perennial-{number}?mode=memory&cache=shared"))
}

fn index(path: &str) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(STREAM_INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_looks_for_the_last_stream_position_through_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db").to_string_lossy().into_owned();
        let _database = open(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        // The statement as the pinned version has it.
        let sql = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 \
                   FROM _stream_records WHERE table_name = 'main'";
        let plan: String = connection.query_row(sql, [], |row| row.get(3)).unwrap();
        assert!(plan.contains("perennial_stream_sequence"), "{plan}");
    }

    #[test]
    fn two_databases_in_memory_are_two() {
        let (one, two) = (memory().unwrap(), memory().unwrap());
        assert_ne!(one.path, two.path);
    }
}
