//! Folders of facts for tests: CSV in, the Parquet layout out, and CSV files read back.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::*;

/// The columns of `facts.csv`, with the types of the contract.
fn fact_schema() -> Schema {
    let instant = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    let text = ["event_id", "subscription_id", "customer_id", "event_type"].map(|name| (name, DataType::String));
    let middle = [
        ("occurred_at", instant),
        ("plan", DataType::String),
        ("interval", DataType::String),
        ("quantity", DataType::Int32),
        ("currency", DataType::String),
        ("amount_minor", DataType::Int64),
        ("mrr12_minor", DataType::Int64),
        ("invoice_id", DataType::String),
        ("attempt", DataType::Int8),
        ("reason", DataType::String),
        ("code", DataType::String),
    ];
    text.into_iter().chain(middle).map(|(name, dtype)| Field::new(name.into(), dtype)).collect()
}

/// A fact of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fact {
    pub(crate) event_id: String,
    pub(crate) subscription: String,
    pub(crate) customer: String,
    pub(crate) event_type: String,
    /// RFC 3339.
    pub(crate) at: String,
    pub(crate) plan: String,
    pub(crate) currency: String,
    pub(crate) amount: i64,
    pub(crate) mrr12: i64,
    pub(crate) invoice: Option<String>,
    pub(crate) attempt: Option<i8>,
    pub(crate) reason: Option<String>,
    pub(crate) code: Option<String>,
}

/// Facts as a frame of the contract's types.
pub(crate) fn frame(facts: &[Fact]) -> DataFrame {
    let text = |get: fn(&Fact) -> &str| facts.iter().map(|fact| get(fact).to_owned()).collect::<Vec<_>>();
    let at: Vec<i64> =
        facts.iter().map(|fact| chrono::DateTime::parse_from_rfc3339(&fact.at).unwrap().timestamp_micros()).collect();
    let frame = df!(
        "event_id" => text(|fact| &fact.event_id),
        "subscription_id" => text(|fact| &fact.subscription),
        "customer_id" => text(|fact| &fact.customer),
        "event_type" => text(|fact| &fact.event_type),
        "occurred_at" => at,
        "plan" => text(|fact| &fact.plan),
        "interval" => vec!["month"; facts.len()],
        "quantity" => vec![1_i32; facts.len()],
        "currency" => text(|fact| &fact.currency),
        "amount_minor" => facts.iter().map(|fact| fact.amount).collect::<Vec<_>>(),
        "mrr12_minor" => facts.iter().map(|fact| fact.mrr12).collect::<Vec<_>>(),
        "invoice_id" => facts.iter().map(|fact| fact.invoice.clone()).collect::<Vec<_>>(),
        "attempt" => facts.iter().map(|fact| fact.attempt).collect::<Vec<_>>(),
        "reason" => facts.iter().map(|fact| fact.reason.clone()).collect::<Vec<_>>(),
        "code" => facts.iter().map(|fact| fact.code.clone()).collect::<Vec<_>>(),
    );
    let instant = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    frame.unwrap().lazy().with_column(col("occurred_at").cast(instant)).collect().unwrap()
}

/// Reads a CSV; `schema` gives the types of the columns where text is not meant.
pub(crate) fn csv(path: &Path, facts: bool) -> DataFrame {
    let schema = facts.then(fact_schema);
    let parse = CsvParseOptions::default().with_try_parse_dates(true);
    let options = CsvReadOptions::default()
        .with_has_header(true)
        .with_parse_options(parse)
        .with_schema_overwrite(schema.map(Arc::new))
        .with_infer_schema_length(Some(100));
    options.try_into_reader_with_file_path(Some(PathBuf::from(path))).unwrap().finish().unwrap()
}

/// Writes the Parquet layout: facts, customers, rates.
pub(crate) fn layout(folder: &Path, facts: &mut DataFrame, customers: &mut DataFrame, rates: Option<&mut DataFrame>) {
    std::fs::create_dir_all(folder.join("events")).unwrap();
    parquet(facts, &folder.join("events/events-00000.parquet"));
    parquet(customers, &folder.join("customers.parquet"));
    if let Some(rates) = rates {
        parquet(rates, &folder.join("fx.parquet"));
    }
}

/// Writes one Parquet file.
pub(crate) fn parquet(frame: &mut DataFrame, path: &Path) {
    ParquetWriter::new(File::create(path).unwrap()).finish(frame).unwrap();
}

/// Customers of a test: id and channel.
pub(crate) fn customers(pairs: &[(&str, &str)]) -> DataFrame {
    df!(
        "customer_id" => pairs.iter().map(|pair| pair.0).collect::<Vec<_>>(),
        "channel" => pairs.iter().map(|pair| pair.1).collect::<Vec<_>>(),
    )
    .unwrap()
}

/// A CSV as rows of cells, header first. Test data has no quoted cells.
pub(crate) fn cells(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The named column of rows read by [`cells`].
pub(crate) fn column<'a>(rows: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let position = rows[0].iter().position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}"));
    rows[1..].iter().map(|row| row[position].as_str()).collect()
}
