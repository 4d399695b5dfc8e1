//! Which exports an event is about.

use aws_lambda_events::s3::S3Event;
use serde::Deserialize;

/// The file that says an export is complete.
const MANIFEST: &str = "manifest-files.json";

/// An export in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The bucket.
    pub bucket: String,
    /// `…/AWSDynamoDB/<id>`.
    pub prefix: String,
}

/// Why an event names no export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Neither an S3 event nor a direct request.
    #[error("expected an S3 event or {{\"bucket\": …, \"prefix\": …}}")]
    Shape,
    /// A key that is no export's manifest, or a prefix that is no export.
    #[error("expected …/<export id>/manifest-files.json, the id in letters, digits and dashes")]
    Name,
}

impl Export {
    fn try_new(bucket: String, prefix: &str) -> Result<Self, BadEvent> {
        let export = Self { bucket, prefix: prefix.trim_end_matches('/').to_owned() };
        let id = export.id();
        // The id becomes the name of a folder, here and in the bucket.
        let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain && !export.bucket.is_empty() { Ok(export) } else { Err(BadEvent::Name) }
    }

    /// The export's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.prefix.rsplit('/').next().unwrap_or_default()
    }

    /// The key of one of its files.
    #[must_use]
    pub fn key(&self, file: &str) -> String {
        format!("{}/{file}", self.prefix)
    }
}

/// The exports that `event` is about.
///
/// # Errors
/// [`BadEvent`].
pub(crate) fn exports(event: serde_json::Value) -> Result<Vec<Export>, BadEvent> {
    if event.get("Records").is_none() {
        let direct: Export = serde_json::from_value(event).map_err(|_| BadEvent::Shape)?;
        return Ok(vec![Export::try_new(direct.bucket, &direct.prefix)?]);
    }
    let event: S3Event = serde_json::from_value(event).map_err(|_| BadEvent::Shape)?;
    let exports = event.records.into_iter().map(|record| {
        let (bucket, object) = (record.s3.bucket.name, record.s3.object);
        // Keys of exports have no character that would be encoded, so the plain one is as good as the decoded one.
        let key = object.key.unwrap_or_default();
        let prefix = key.strip_suffix(MANIFEST).ok_or(BadEvent::Name)?;
        Export::try_new(bucket.unwrap_or_default(), prefix)
    });
    exports.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EVENT: &str = include_str!("../../../infra/events/run-reports.json");

    #[test]
    fn the_sample_event_names_its_export() {
        let found = exports(serde_json::from_str(EVENT).unwrap()).unwrap();
        assert_eq!(found[0].id(), "01802657400000-0a1b2c3d");
        assert_eq!(found[0].key("x"), "exports/AWSDynamoDB/01802657400000-0a1b2c3d/x");
    }

    #[test]
    fn an_export_can_be_named_directly() {
        let found = exports(json!({"bucket": "b", "prefix": "exports/AWSDynamoDB/01-a/"})).unwrap();
        assert_eq!(found, [Export { bucket: "b".into(), prefix: "exports/AWSDynamoDB/01-a".into() }]);
    }

    #[test]
    fn what_names_no_export_is_refused() {
        assert_eq!(exports(json!({})), Err(BadEvent::Shape));
        assert_eq!(exports(json!({"bucket": "b", "prefix": "exports/.."})), Err(BadEvent::Name));
        assert_eq!(exports(json!({"bucket": "", "prefix": "exports/1"})), Err(BadEvent::Name));
        let mut event: serde_json::Value = serde_json::from_str(EVENT).unwrap();
        event["Records"][0]["s3"]["object"]["key"] = json!("exports/AWSDynamoDB/01-a/data/x.json.gz");
        assert_eq!(exports(event), Err(BadEvent::Name));
    }
}
