//! DynamoDB exports: a good one gives the figures of its facts, a damaged one is refused with its place.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use analytics::{Input, Options, ReportError};
use billing::fact::COLUMNS;
use common::Fact;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde_json::{Value, json};

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod common;

/// An export while it is made: one list of lines per shard.
struct Export {
    folder: tempfile::TempDir,
    shards: Vec<Vec<String>>,
}

impl Export {
    fn new(shards: Vec<Vec<String>>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), shards }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("AWSDynamoDB/01700000000000-abcdef")
    }

    fn shard(&self, number: usize) -> PathBuf {
        self.path().join(format!("data/shard{number}.json.gz"))
    }

    /// Writes shards and manifests; `counts` replaces the manifest's counts.
    fn write(&self, counts: Option<&[usize]>) {
        std::fs::create_dir_all(self.path().join("data")).unwrap();
        let mut manifest = String::new();
        for (number, lines) in self.shards.iter().enumerate() {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
            let bytes = encoder.finish().unwrap();
            let md5: String = Md5::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            std::fs::write(self.shard(number), bytes).unwrap();
            let items = counts.map_or(lines.len(), |counts| counts[number]);
            let key = format!("AWSDynamoDB/01700000000000-abcdef/data/shard{number}.json.gz");
            let line = json!({"itemCount": items, "md5Checksum": md5, "etag": "x", "dataFileS3Key": key});
            let _ = writeln!(manifest, "{line}");
        }
        std::fs::write(self.path().join("manifest-files.json"), manifest).unwrap();
        let items: usize = self.shards.iter().map(Vec::len).sum();
        let summary = json!({"version": "2020-06-30", "itemCount": items, "outputFormat": "DYNAMODB_JSON"});
        std::fs::write(self.path().join("manifest-summary.json"), summary.to_string()).unwrap();
    }

    fn run(&self) -> Result<analytics::Summary, ReportError> {
        analytics::run(&Options::new(self.folder.path(), self.folder.path().join("out")))
    }
}

fn stored(fact: &Fact) -> Value {
    let micros = chrono::DateTime::parse_from_rfc3339(&fact.at).unwrap().timestamp_micros();
    let text = |value: &str| json!({"S": value});
    let number = |value: i64| json!({"N": value.to_string()});
    let mut map = json!({
        "e": text(&fact.event_id), "s": text(&fact.subscription), "c": text(&fact.customer), "t": text(&fact.event_type),
        "o": number(micros), "p": text(&fact.plan), "i": text("month"), "q": number(1), "u": text(&fact.currency),
        "a": number(fact.amount), "m": number(fact.mrr12), "R": number(micros),
    });
    if let Some(invoice) = &fact.invoice {
        map["n"] = text(invoice);
    }
    if let Some(attempt) = fact.attempt {
        map["k"] = number(attempt.into());
    }
    if let Some(reason) = &fact.reason {
        map["r"] = text(reason);
    }
    json!({ "M": map })
}

/// A journal item with facts, and attributes that analytics does not know.
fn item(customer: &str, sort: &str, facts: &[&Fact]) -> String {
    let facts: Vec<Value> = facts.iter().map(|fact| stored(fact)).collect();
    json!({"Item": {
        "pk": {"S": customer}, "sk": {"S": sort}, "w": {"S": "2025-01-01#renew"}, "vv": {"BOOL": true}, "ns": {"NS": ["1", "2"]},
        "d": {"M": {"lines": {"L": [{"M": {"text": {"S": "Pro \u{2013} \"monthly\""}}}]}, "channel": {"N": "7"}}},
        "f": {"L": facts},
    }})
    .to_string()
}

fn profile(customer: &str, channel: Option<&str>) -> String {
    let mut document = json!({"currency": {"S": "USD"}, "acquired_at": {"S": "2025-01-01T09:30:00.5+01:00"}, "tax": {"M": {"id": {"S": "x"}}}});
    if let Some(channel) = channel {
        document["channel"] = json!({"S": channel});
    }
    json!({"Item": {"sk": {"S": "C"}, "pk": {"S": customer}, "d": {"M": document}}}).to_string()
}

fn fact(id: &str, customer: &str, event_type: &str, at: &str, mrr12: i64) -> Fact {
    let paid = ["signup", "renewal"].contains(&event_type);
    Fact {
        event_id: id.to_owned(),
        subscription: format!("sub_{customer}"),
        customer: customer.to_owned(),
        event_type: event_type.to_owned(),
        at: at.to_owned(),
        plan: "pro".to_owned(),
        currency: "USD".to_owned(),
        amount: if paid { mrr12 / 12 } else { 0 },
        mrr12,
        invoice: paid.then(|| format!("inv_{id}")),
        attempt: paid.then_some(1),
        reason: (event_type == "cancel").then(|| "voluntary".to_owned()),
        code: None,
    }
}

fn facts() -> Vec<Fact> {
    vec![
        fact("e1", "ana", "signup", "2025-01-10T00:00:00Z", 12_000),
        fact("e2", "a-customer-id-that-is-longer-than-sixteen-bytes", "signup", "2025-01-20T00:00:00Z", 24_000),
        fact("e3", "ana", "trial_started", "2025-01-21T00:00:00Z", 0),
        fact("e4", "ana", "renewal", "2025-02-10T00:00:00Z", 12_000),
        fact("e5", "ana", "cancel", "2025-03-10T00:00:00Z", 0),
        fact("e6", "ana", "a_type_of_tomorrow", "2025-03-11T00:00:00Z", 99),
    ]
}

fn good() -> Export {
    let facts = facts();
    let long = &facts[1].customer;
    Export::new(vec![
        vec![
            profile("ana", Some("partner")),
            item("ana", "J#1", &[&facts[0], &facts[2]]),
            item("ana", "I#2", &[&facts[3]]),
            item("ana", "S#1", &[]),
            json!({"Item": {"pk": {"S": "#catalog"}, "sk": {"S": "pro@1"}, "d": {"S": "no document"}}}).to_string(),
        ],
        vec![profile(long, None), item(long, "J#1", &[&facts[1]]), item("ana", "J#3", &[&facts[4], &facts[5]])],
    ])
}

#[test]
fn an_export_gives_the_same_reports_as_its_facts() {
    let export = good();
    export.write(None);
    let summary = export.run().unwrap();
    assert!(
        matches!(summary.input, Input::Export { shards: 2, items: 8, facts: 6, profiles: 2, .. }),
        "{:?}",
        summary.input
    );
    let notices: Vec<&str> = summary.checks.iter().filter(|check| !check.passed).map(|check| check.name).collect();
    assert_eq!(notices, ["every type of fact is known"]);

    let plain = tempfile::tempdir().unwrap();
    let facts = facts();
    let mut customers = common::customers(&[("ana", "partner"), (&facts[1].customer, "unknown")]);
    common::layout(plain.path(), &mut common::frame(&facts), &mut customers, None);
    let out = plain.path().join("out");
    let expected = analytics::run(&Options::new(plain.path(), &out)).unwrap();
    assert_eq!(summary.figures, expected.figures);
    for file in expected.files.iter().filter(|file| file.path.ends_with(".csv")) {
        let [left, right] = [export.folder.path().join("out"), out.clone()]
            .map(|folder| std::fs::read_to_string(folder.join(&file.path)).unwrap());
        assert_eq!(left, right, "{}", file.path);
    }
}

#[test]
fn what_was_decoded_stays_as_parquet_with_the_contracts_columns() {
    use polars::prelude::*;
    let export = good();
    export.write(None);
    export.run().unwrap();
    let read = |name: &str| {
        ParquetReader::new(std::fs::File::open(export.folder.path().join("out").join(name)).unwrap()).finish().unwrap()
    };
    let facts = read("facts.parquet");
    let names: Vec<&str> = facts.get_column_names().into_iter().map(|name| name.as_str()).collect();
    assert_eq!(names, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    assert_eq!(facts.height(), 6);
    let customers = read("customers.parquet");
    assert_eq!(customers.column("channel").unwrap().null_count(), 1);
    let acquired = customers.column("acquired_at").unwrap().cast(&DataType::Int64).unwrap();
    assert_eq!(acquired.i64().unwrap().get(0), Some(1_735_720_200_500_000));
}

#[test]
fn a_count_that_differs_from_the_manifest_is_refused() {
    let export = good();
    export.write(Some(&[5, 4]));
    let error = export.run().unwrap_err();
    assert!(matches!(error, ReportError::Manifest { .. }));
    let message = error.to_string();
    assert!(
        message.contains("shard1.json.gz") && message.contains("says 4") && message.contains("found 3"),
        "{message}"
    );
}

#[test]
fn a_truncated_shard_is_refused() {
    let export = good();
    export.write(None);
    let bytes = std::fs::read(export.shard(0)).unwrap();
    std::fs::write(export.shard(0), &bytes[..bytes.len() / 2]).unwrap();
    let error = export.run().unwrap_err();
    assert!(matches!(&error, ReportError::Corrupt { shard, .. } if shard == "shard0.json.gz"), "{error}");
}

#[test]
fn a_changed_shard_is_refused_by_its_checksum() {
    let export = good();
    export.write(None);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all((export.shards[1].join("\n\n") + "\n").as_bytes()).unwrap();
    std::fs::write(export.shard(1), encoder.finish().unwrap()).unwrap();
    let message = export.run().unwrap_err().to_string();
    assert!(message.contains("MD5 of shard1.json.gz"), "{message}");
}

#[test]
fn a_broken_line_is_named_by_shard_and_line() {
    let mut export = good();
    export.shards[1][2] = export.shards[1][2].replace(r#"{"S":"cancel"}"#, r#"{"S":"cancel""#);
    export.write(None);
    let error = export.run().unwrap_err();
    assert!(matches!(&error, ReportError::Corrupt { shard, line: 3, .. } if shard == "shard1.json.gz"), "{error}");
}

#[test]
fn a_fact_without_a_core_column_is_named_by_line_and_column() {
    let mut export = good();
    export.shards[0][2] = export.shards[0][2].replace(r#""u":{"S":"USD"}"#, r#""u":{"NULL":true}"#);
    export.write(None);
    let message = export.run().unwrap_err().to_string();
    assert!(message.contains("shard0.json.gz, line 3") && message.contains("currency (u)"), "{message}");
}

#[test]
fn several_currencies_need_rates_and_one_currency_is_its_own() {
    let mut list = facts();
    list.iter_mut().for_each(|fact| fact.currency = "CHF".to_owned());
    let all: Vec<&Fact> = list.iter().collect();
    let export = Export::new(vec![vec![item("ana", "J#1", &all)]]);
    export.write(None);
    assert_eq!(export.run().unwrap().figures.currency, "CHF");

    list[1].currency = "JPY".to_owned();
    let all: Vec<&Fact> = list.iter().collect();
    let export = Export::new(vec![vec![item("ana", "J#1", &all)]]);
    export.write(None);
    let message = export.run().unwrap_err().to_string();
    assert!(message.contains("no rate for CHF") && message.contains("--fx"), "{message}");

    let rates = export.folder.path().join("fx.csv");
    std::fs::write(&rates, "currency,rate_ppm\nCHF,1100000\nJPY,700000\n").unwrap();
    let options = Options { fx: Some(rates), ..Options::new(export.folder.path(), export.folder.path().join("out")) };
    let figures = analytics::run(&options).unwrap().figures;
    // 24,000 yen a year at 0.7 cents; Ana has left.
    assert_eq!((figures.currency.as_str(), figures.mrr12), ("USD", 16_800));
}

#[test]
fn a_folder_without_facts_says_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let message = analytics::run(&Options::new(folder.path(), folder.path().join("out"))).unwrap_err().to_string();
    assert!(message.contains("customers.parquet") && message.contains("manifest-files.json"), "{message}");
    let missing = analytics::run(&Options::new(Path::new("/nowhere"), folder.path().join("out")));
    assert!(missing.is_err());
}
