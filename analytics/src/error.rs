//! What can go wrong in a run, said so that the reader knows what to do next.
//!
//! Every message names the file, the line or the option it is about. Nothing in this crate prints or exits: callers decide.

use std::path::{Path, PathBuf};

use polars::error::PolarsError;

/// Why a run of the reports ended without its files.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The folder holds neither Parquet facts nor a finished export.
    #[error(
        "{path} holds no facts: expected `events/*.parquet` with `customers.parquet`, or a finished DynamoDB export \
         (`AWSDynamoDB/<id>/manifest-files.json`). Point --facts at such a folder"
    )]
    NoInput {
        /// The folder that was searched.
        path: PathBuf,
    },
    /// The input is there, but empty, or everything in it is later than the report's date.
    #[error("no facts to report: {why}")]
    NoFacts {
        /// What was looked at.
        why: String,
    },
    /// A shard of an export cannot be decoded.
    #[error("{shard}, line {line}: {why}. The export is damaged: fetch the shard again or make a new export")]
    Corrupt {
        /// File name of the shard.
        shard: String,
        /// Line in the uncompressed shard, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A shard or the export as a whole is not what its manifest says.
    #[error(
        "{what}: the manifest says {expected}, found {found}. The export is incomplete: fetch it again or make a new one"
    )]
    Manifest {
        /// Which count or sum.
        what: String,
        /// What the manifest says.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A setting or a side file does not make sense.
    #[error("{0}")]
    Setting(String),
    /// Facts in a currency that cannot be converted.
    #[error(
        "no rate for {currency}: {facts} facts are in it, and the reports are in {reporting}. Give a file with the columns \
         currency,rate_ppm by --fx (minor units of {reporting} for a million minor units of the currency)"
    )]
    NoRate {
        /// The currency without a rate.
        currency: String,
        /// How many facts are in it, at least.
        facts: u64,
        /// The currency of the reports.
        reporting: String,
    },
    /// A sum left the range of 64-bit integers, so no figure of the run could be trusted.
    #[error("the sum of {what} does not fit 64 bits: look for a fact with an absurd amount")]
    Overflow {
        /// Which sum.
        what: &'static str,
    },
    /// A fact misses a value the reports cannot do without.
    #[error("a fact without {column} in {place}: the core columns of a fact must be filled")]
    MissingValue {
        /// The column.
        column: &'static str,
        /// Where it was read.
        place: String,
    },
    /// The figures contradict each other; no report was written.
    #[error("the reports contradict themselves, so none was written: {}", .0.join("; "))]
    Checks(Vec<String>),
    /// Polars refused.
    #[error("while {doing}: {source}")]
    Frame {
        /// What was being done.
        doing: String,
        /// What Polars said.
        source: PolarsError,
    },
    /// The page could not be rendered.
    #[error("report.html: {0}")]
    Page(#[from] minijinja::Error),
    /// A JSON file could not be written or understood.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What serde said.
        source: serde_json::Error,
    },
}

/// Says what was being done when an error passes by.
pub(crate) trait Doing<T> {
    /// Turns an error into a [`ReportError`] that names `doing`.
    fn doing(self, doing: &str) -> Result<T, ReportError>;
}

impl<T> Doing<T> for Result<T, PolarsError> {
    fn doing(self, doing: &str) -> Result<T, ReportError> {
        self.map_err(|source| ReportError::Frame { doing: doing.to_owned(), source })
    }
}

/// Says which file an input or output error is about.
pub(crate) trait At<T> {
    /// Turns an error into a [`ReportError`] that names `path`.
    fn at(self, path: &Path) -> Result<T, ReportError>;
}

impl<T> At<T> for Result<T, std::io::Error> {
    fn at(self, path: &Path) -> Result<T, ReportError> {
        self.map_err(|source| ReportError::Io { path: path.to_owned(), source })
    }
}

impl<T> At<T> for Result<T, serde_json::Error> {
    fn at(self, path: &Path) -> Result<T, ReportError> {
        self.map_err(|source| ReportError::Json { path: path.to_owned(), source })
    }
}
