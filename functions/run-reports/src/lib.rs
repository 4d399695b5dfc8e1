//! An export has arrived: fetch it, compute the reports, file them.
//!
//! Exists as the thin edge of [`analytics::run`], which reads and writes folders only. An export is fetched as its
//! manifest lists it (the function may not list the bucket), and `report.html` is filed last, so that whoever finds it
//! finds everything it links to.

mod event;
mod s3;
mod storage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::{fs, time};

pub use event::{BadEvent, Export};
pub use s3::S3;
pub use storage::{Storage, StorageError};

/// Files moved at the same time.
const AT_ONCE: usize = 8;

/// How often, and how far apart, the summary is looked for: the manifests of an export arrive one after the other.
const SUMMARY_TRIES: u32 = 10;
const SUMMARY_WAIT: time::Duration = time::Duration::from_secs(3);

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Where exports come from and reports go.
    pub storage: Arc<dyn Storage>,
    /// The bucket of the reports.
    pub bucket: String,
    /// The reports' currency; the analytics crate's default when absent.
    pub currency: Option<String>,
    /// A folder to work in, with room for the export and the reports.
    pub scratch: PathBuf,
}

/// What was filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filed {
    /// The export's id.
    pub export: String,
    /// `reports/<export id>`.
    pub prefix: String,
    /// Files filed.
    pub files: usize,
    /// Facts read.
    pub facts: u64,
}

/// Why there are no reports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event names no export.
    #[error("the event names no export")]
    Event(#[from] BadEvent),
    /// The bucket did not give or take a file.
    #[error("the bucket did not play along")]
    Storage(#[from] StorageError),
    /// The manifest is not one.
    #[error("the manifest of the export cannot be read")]
    Manifest(#[from] serde_json::Error),
    /// The working folder cannot be used.
    #[error("the working folder cannot be used")]
    Scratch(#[from] std::io::Error),
    /// The reports could not be made.
    #[error("the reports could not be made")]
    Report(#[from] analytics::ReportError),
    /// The computation ended without an answer.
    #[error("the computation of the reports broke off")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// Makes the reports of every export that the event names: an S3 event about `manifest-files.json`, or
/// `{"bucket": …, "prefix": "exports/AWSDynamoDB/<id>"}`.
///
/// # Errors
/// [`Error`]; nothing is filed of an export whose reports fail.
pub async fn handle(deps: &Deps, event: serde_json::Value) -> Result<Vec<Filed>, Error> {
    let mut filed = Vec::new();
    for export in event::exports(event)? {
        filed.push(one(deps, &export).await?);
    }
    Ok(filed)
}

async fn one(deps: &Deps, export: &Export) -> Result<Filed, Error> {
    let work = deps.scratch.join(export.id());
    // Lambda keeps the folder between invocations; an earlier try may have left half an export.
    clear(&work).await?;
    let done = make(deps, export, &work).await;
    clear(&work).await?;
    let filed = done?;
    tracing::info!(export = filed.export, files = filed.files, facts = filed.facts, "reports filed");
    Ok(filed)
}

async fn clear(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

async fn make(deps: &Deps, export: &Export, work: &Path) -> Result<Filed, Error> {
    let (facts, out) = (work.join("AWSDynamoDB").join(export.id()), work.join("reports"));
    fetch(deps.storage.as_ref(), export, &facts).await?;
    let mut options = analytics::Options::new(&facts, &out);
    if let Some(currency) = &deps.currency {
        options.currency.clone_from(currency);
    }
    // Computing takes every core there is and must not hold up the runtime.
    let summary = tokio::task::spawn_blocking(move || analytics::run(&options)).await??;
    let prefix = format!("reports/{}", export.id());
    let files = file(deps, &out, &prefix).await?;
    Ok(Filed { export: export.id().to_owned(), prefix, files, facts: summary.facts })
}

/// The line of the manifest about one data file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataFile {
    data_file_s3_key: String,
}

/// Brings the export into `folder`, as [`analytics`] expects it; that crate checks counts and sums.
async fn fetch(storage: &dyn Storage, export: &Export, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder.join("data")).await?;
    let manifest = folder.join("manifest-files.json");
    storage.download(&export.bucket, &export.key("manifest-files.json"), &manifest).await?;
    fetch_summary(storage, export, &folder.join("manifest-summary.json")).await?;
    let text = fs::read_to_string(&manifest).await?;
    let lines = text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
    let files: Vec<DataFile> = lines.collect::<Result<_, _>>()?;
    stream::iter(files.iter().map(Ok))
        .try_for_each_concurrent(AT_ONCE, |file| async move {
            let key = &file.data_file_s3_key;
            // Only the last part of a key becomes a file's name, so no key leads out of the folder.
            let name = key.rsplit('/').next().unwrap_or_default();
            storage.download(&export.bucket, key, &folder.join("data").join(name)).await
        })
        .await?;
    Ok(())
}

async fn fetch_summary(storage: &dyn Storage, export: &Export, to: &Path) -> Result<(), StorageError> {
    let key = export.key("manifest-summary.json");
    for _ in 1..SUMMARY_TRIES {
        if storage.download(&export.bucket, &key, to).await.is_ok() {
            return Ok(());
        }
        time::sleep(SUMMARY_WAIT).await;
    }
    storage.download(&export.bucket, &key, to).await
}

/// Files everything below `out`, the report to open last.
async fn file(deps: &Deps, out: &Path, prefix: &str) -> Result<usize, Error> {
    let mut found = Vec::new();
    let mut folders = vec![out.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(&folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let list = if entry.file_type().await?.is_dir() { &mut folders } else { &mut found };
            list.push(entry.path());
        }
    }
    let (last, first): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.ends_with("report.html"));
    for files in [&first, &last] {
        let uploads = files.iter().filter_map(|path| {
            let name = path.strip_prefix(out).ok()?.to_str()?.replace('\\', "/");
            Some((path, format!("{prefix}/{name}")))
        });
        stream::iter(uploads)
            .map(|(path, key)| async move { deps.storage.upload(&deps.bucket, &key, path).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
    Ok(first.len() + last.len())
}
