//! DynamoDB exports to S3 as they lie in a folder: where the newest one is, and what its manifests promise.
//!
//! Layout (as AWS and `perennial export` write it): `AWSDynamoDB/<id>/manifest-summary.json`, `manifest-files.json` with one JSON
//! object per line, and `data/*.json.gz`. An export without both manifests is still being written and is passed over.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{At, ReportError};

/// How deep below the given folder an export may lie (bucket, prefix, year, month, `AWSDynamoDB`, id).
const DEPTH: usize = 6;

/// A finished export.
#[derive(Debug)]
pub struct Export {
    /// Its id: milliseconds since 1970, a dash, something random.
    pub id: String,
    /// Its data files.
    pub shards: Vec<Shard>,
    /// Items in all shards, if the summary says so.
    pub items: Option<u64>,
}

/// One data file of an export.
#[derive(Debug, PartialEq, Eq)]
pub struct Shard {
    /// Where it lies.
    pub path: PathBuf,
    /// Items in it, by the manifest.
    pub items: u64,
    /// Base64 or hexadecimal MD5 of the compressed file.
    pub md5: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    item_count: Option<u64>,
    output_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileLine {
    item_count: u64,
    md5_checksum: Option<String>,
    data_file_s3_key: String,
}

/// The newest finished export at or below `folder`; none where there is no finished one.
///
/// # Errors
/// [`ReportError`] for a folder or a manifest that cannot be read.
pub fn find(folder: &Path) -> Result<Option<Export>, ReportError> {
    let mut found = Vec::new();
    search(folder, DEPTH, &mut found)?;
    // Ids begin with the time of the export, but the number of digits may differ.
    let newest = found.into_iter().max_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name.split('-').next().and_then(|millis| millis.parse::<u64>().ok()), name)
    });
    newest.map(|path| read(&path)).transpose()
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ReportError> {
    if folder.join("manifest-files.json").is_file() && folder.join("manifest-summary.json").is_file() {
        // Canonical, because the id is the folder's name even if the caller said `.`.
        found.push(folder.canonicalize().at(folder)?);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        if entry.file_type().at(folder)?.is_dir() && entry.file_name() != "data" {
            search(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Export, ReportError> {
    let path = folder.join("manifest-summary.json");
    let summary: Summary = serde_json::from_str(&std::fs::read_to_string(&path).at(&path)?).at(&path)?;
    if let Some(format) = summary.output_format.filter(|format| format != "DYNAMODB_JSON") {
        return Err(ReportError::Setting(format!(
            "{}: this is an export in {format}; export in DYNAMODB_JSON",
            path.display()
        )));
    }
    let path = folder.join("manifest-files.json");
    let text = std::fs::read_to_string(&path).at(&path)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let shards = lines
        .map(|line| Ok(shard(folder, serde_json::from_str(line).at(&path)?)))
        .collect::<Result<_, ReportError>>()?;
    let id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Export { id, shards, items: summary.item_count })
}

/// The key names the file in the bucket; here it lies in the export's `data` folder under the same last name.
fn shard(folder: &Path, line: FileLine) -> Shard {
    let name = line.data_file_s3_key.rsplit('/').next().unwrap_or_default();
    let md5 = line.md5_checksum.filter(|sum| !sum.is_empty());
    Shard { path: folder.join("data").join(name), items: line.item_count, md5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, id: &str, finished: bool) {
        let folder = folder.join("exports/AWSDynamoDB").join(id);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let line = format!(
            r#"{{"itemCount":3,"md5Checksum":"","etag":"x","dataFileS3Key":"p/AWSDynamoDB/{id}/data/a.json.gz"}}"#
        );
        std::fs::write(folder.join("manifest-files.json"), line + "\n").unwrap();
        if finished {
            std::fs::write(folder.join("manifest-summary.json"), r#"{"itemCount":3,"outputFormat":"DYNAMODB_JSON"}"#)
                .unwrap();
        }
    }

    #[test]
    fn the_newest_finished_export_below_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "999-old", true);
        write(folder.path(), "01700000000000-b", true);
        write(folder.path(), "01700000000001-a", false);
        let export = find(folder.path()).unwrap().unwrap();
        assert_eq!((export.id.as_str(), export.items), ("01700000000000-b", Some(3)));
        assert_eq!(export.shards[0].items, 3);
        assert_eq!(export.shards[0].md5, None);
        assert!(export.shards[0].path.ends_with("01700000000000-b/data/a.json.gz"));
    }

    #[test]
    fn a_folder_without_an_export_holds_none() {
        assert!(find(tempfile::tempdir().unwrap().path()).unwrap().is_none());
    }
}
