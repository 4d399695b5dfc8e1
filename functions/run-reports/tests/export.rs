//! From the event to the filed report, over buckets that are folders.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};
use run_reports::{Deps, Error, Filed, Storage, StorageError, handle};
use serde_json::{Value, json};

const EVENT: &str = include_str!("../../../infra/events/run-reports.json");
const BUCKET: &str = "perennial-reports-123456789012-eu-central-1";
const ID: &str = "01802657400000-0a1b2c3d";

/// Buckets as folders; remembers the order of uploads.
struct Folders {
    root: PathBuf,
    uploads: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Storage for Folders {
    async fn download(&self, bucket: &str, key: &str, to: &Path) -> Result<(), StorageError> {
        let copied = std::fs::copy(self.root.join(bucket).join(key), to);
        copied.map(|_| ()).map_err(|e| StorageError::new("download", key, e))
    }

    async fn upload(&self, bucket: &str, key: &str, from: &Path) -> Result<(), StorageError> {
        self.uploads.lock().unwrap().push(key.to_owned());
        let to = self.root.join(bucket).join(key);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).map(|_| ()).map_err(|e| StorageError::new("upload", key, e))
    }
}

struct Place {
    _folder: tempfile::TempDir,
    storage: Arc<Folders>,
    deps: Deps,
}

/// A bucket with one export of `lines`, and a scratch folder where an earlier try left something.
fn place(lines: &[Value], claimed: usize) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join(BUCKET).join("exports/AWSDynamoDB").join(ID);
    std::fs::create_dir_all(export.join("data")).unwrap();
    let mut shard = GzEncoder::new(Vec::new(), Compression::fast());
    lines.iter().for_each(|line| writeln!(shard, "{line}").unwrap());
    std::fs::write(export.join("data/a.json.gz"), shard.finish().unwrap()).unwrap();
    let key = format!("exports/AWSDynamoDB/{ID}/data/a.json.gz");
    let file = json!({"itemCount": claimed, "md5Checksum": "", "etag": "x", "dataFileS3Key": key});
    std::fs::write(export.join("manifest-files.json"), format!("{file}\n")).unwrap();
    let summary = json!({"itemCount": claimed, "outputFormat": "DYNAMODB_JSON"});
    std::fs::write(export.join("manifest-summary.json"), summary.to_string()).unwrap();
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(scratch.join(ID).join("reports/left-over")).unwrap();
    let storage = Arc::new(Folders { root: folder.path().to_owned(), uploads: Mutex::default() });
    let deps = Deps { storage: storage.clone(), bucket: BUCKET.into(), currency: Some("EUR".into()), scratch };
    Place { _folder: folder, storage, deps }
}

/// A profile and a journal entry with one sign-up, as the table holds them.
fn items() -> Vec<Value> {
    let at = 1_800_003_600_000_000_u64.to_string();
    let fact = json!({"M": {
        "e": {"S": "01802657400000-1"}, "R": {"N": at}, "s": {"S": "sub_ana"}, "c": {"S": "cus_ana"},
        "t": {"S": "signup"}, "o": {"N": at}, "p": {"S": "team"}, "i": {"S": "month"}, "q": {"N": "5"},
        "u": {"S": "EUR"}, "a": {"N": "6000"}, "m": {"N": "72000"}, "k": {"N": "1"}, "n": {"S": "inv_ana-p1"}
    }});
    let profile = json!({"M": {
        "id": {"S": "cus_ana"}, "currency": {"S": "EUR"}, "channel": {"S": "search"},
        "acquired_at": {"S": "2027-01-15T09:00:00Z"}, "time_zone": {"S": "Europe/Berlin"}
    }});
    vec![
        json!({"Item": {"pk": {"S": "cus_ana"}, "sk": {"S": "C"}, "v": {"N": "1"}, "d": profile}}),
        json!({"Item": {"pk": {"S": "cus_ana"}, "sk": {"S": "J#sub_ana#0000000001"}, "v": {"N": "1"}, "f": {"L": [fact]}}}),
    ]
}

async fn run(place: &Place) -> Result<Vec<Filed>, Error> {
    handle(&place.deps, serde_json::from_str(EVENT).unwrap()).await
}

#[tokio::test]
async fn the_sample_event_files_the_reports_with_the_page_last() {
    let place = place(&items(), 2);
    let filed = run(&place).await.unwrap();
    let uploads = place.storage.uploads.lock().unwrap().clone();
    assert_eq!((filed[0].facts, filed[0].files), (1, uploads.len()));
    assert_eq!(uploads.last().unwrap(), &format!("reports/{ID}/report.html"));
    assert!(uploads.iter().all(|key| key.starts_with(&format!("reports/{ID}/")) && !key.contains("left-over")));
    assert!(!place.deps.scratch.join(ID).exists(), "the working folder is cleared");
}

#[tokio::test]
async fn nothing_is_filed_of_an_export_that_is_not_whole() {
    let place = place(&items(), 3);
    assert!(matches!(run(&place).await, Err(Error::Report(_))));
    assert!(place.storage.uploads.lock().unwrap().is_empty());
    assert!(!place.deps.scratch.join(ID).exists());
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_never_comes_is_given_up() {
    let place = place(&items(), 2);
    let summary = format!("{BUCKET}/exports/AWSDynamoDB/{ID}/manifest-summary.json");
    std::fs::remove_file(place.storage.root.join(summary)).unwrap();
    assert!(matches!(run(&place).await, Err(Error::Storage(_))));
}
