//! Finds the facts below a folder: the generator's Parquet layout, or the newest finished DynamoDB export.

mod columns;
mod decode;
mod export;
mod ingest;
mod rates;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use export::{Export, Shard, find as find_export};
pub(crate) use rates::Rates;

use crate::error::{At, ReportError};

/// Facts as Parquet files, ready to be scanned.
#[derive(Debug)]
pub(crate) struct Source {
    /// One or more files of facts.
    pub(crate) facts: Vec<PathBuf>,
    /// `customer_id, channel, ...`, one row per profile.
    pub(crate) customers: PathBuf,
    /// Rates that came with the facts.
    pub(crate) rates: Option<PathBuf>,
    /// What was read, for the manifest.
    pub(crate) input: Input,
}

/// What a run was made from.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "layout", rename_all = "snake_case")]
pub enum Input {
    /// `events/*.parquet` beside `customers.parquet`.
    Parquet {
        /// The files of facts, by name.
        files: Vec<String>,
    },
    /// A DynamoDB export in DYNAMODB_JSON.
    Export {
        /// The export's id.
        id: String,
        /// Shards read.
        shards: u64,
        /// Items read; equal to the manifest's count.
        items: u64,
        /// Facts found in the items.
        facts: u64,
        /// Customer profiles found.
        profiles: u64,
    },
}

/// Finds the facts and, if they are an export, decodes them into `out` (`facts.parquet`, `customers.parquet`).
pub(crate) fn open(folder: &Path, out: &Path) -> Result<Source, ReportError> {
    if let Some(source) = parquet_layout(folder)? {
        return Ok(source);
    }
    match export::find(folder)? {
        Some(export) => ingest::ingest(&export, out),
        None => Err(ReportError::NoInput { path: folder.to_owned() }),
    }
}

fn parquet_layout(folder: &Path) -> Result<Option<Source>, ReportError> {
    let (events, customers) = (folder.join("events"), folder.join("customers.parquet"));
    if !events.is_dir() || !customers.is_file() {
        return Ok(None);
    }
    let mut facts: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&events).at(&events)? {
        let path = entry.at(&events)?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            facts.push(path);
        }
    }
    facts.sort();
    if facts.is_empty() {
        return Ok(None);
    }
    let files =
        facts.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
    let rates = Some(folder.join("fx.parquet")).filter(|path| path.is_file());
    Ok(Some(Source { facts, customers, rates, input: Input::Parquet { files } }))
}
