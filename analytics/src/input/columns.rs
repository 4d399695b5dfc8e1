//! Decoded facts and profiles as columns: the builders that turn an export into the contract's Parquet.

use billing::fact::{COLUMNS, Column as FactColumn, ColumnKind};
use chrono::DateTime;
use polars::prelude::*;

use super::decode::{Profile, RawFact, Value};
use crate::error::{Doing, ReportError};

/// The Polars type of a column of the contract.
fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text => DataType::String,
        ColumnKind::Instant => instant_type(),
        ColumnKind::Int8 => DataType::Int8,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::Int64 => DataType::Int64,
    }
}

fn instant_type() -> DataType {
    DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
}

/// The values of one column so far.
enum Values {
    Text(StringChunkedBuilder),
    /// Integers of any width; the width is checked when they are read.
    Integers(PrimitiveChunkedBuilder<Int64Type>),
}

/// Facts, a column at a time.
pub(crate) struct FactBuilder {
    columns: Vec<Values>,
    rows: usize,
}

impl FactBuilder {
    /// An empty builder.
    pub(crate) fn new() -> Self {
        let values = |column: &FactColumn| match column.kind {
            ColumnKind::Text => Values::Text(StringChunkedBuilder::new(column.name.into(), 0)),
            _ => Values::Integers(PrimitiveChunkedBuilder::new(column.name.into(), 0)),
        };
        Self { columns: COLUMNS.iter().map(values).collect(), rows: 0 }
    }

    /// How many facts there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a fact. The error says which column is wrong and why.
    pub(crate) fn push(&mut self, fact: &RawFact<'_>) -> Result<(), String> {
        for ((column, values), value) in COLUMNS.iter().zip(&mut self.columns).zip(&fact.0) {
            let value = value.as_ref().filter(|value| **value != Value::Null);
            if value.is_none() && !column.nullable {
                return Err(format!("a fact without {} ({})", column.name, column.letter));
            }
            match (values, value) {
                (Values::Text(texts), None) => texts.append_null(),
                (Values::Text(texts), Some(Value::Text(text))) => texts.append_value(text),
                (Values::Integers(numbers), None) => numbers.append_null(),
                (Values::Integers(numbers), Some(Value::Number(digits))) => {
                    numbers.append_value(integer(column, digits)?);
                }
                (_, Some(other)) => {
                    return Err(format!("{} ({}) has the wrong type: {other:?}", column.name, column.letter));
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The facts as a frame of the contract's types.
    pub(crate) fn finish(self) -> Result<DataFrame, ReportError> {
        let mut columns = Vec::with_capacity(COLUMNS.len());
        for (column, values) in COLUMNS.iter().zip(self.columns) {
            let series = match values {
                Values::Text(texts) => texts.finish().into_series(),
                Values::Integers(numbers) => {
                    numbers.finish().into_series().cast(&data_type(column.kind)).doing("building facts")?
                }
            };
            columns.push(series.into_column());
        }
        DataFrame::new(self.rows, columns).doing("building facts")
    }
}

fn integer(column: &FactColumn, digits: &str) -> Result<i64, String> {
    let number: i64 =
        digits.parse().map_err(|_| format!("{} ({}) is no integer: {digits}", column.name, column.letter))?;
    let fits = match column.kind {
        ColumnKind::Int8 => i8::try_from(number).is_ok(),
        ColumnKind::Int32 => i32::try_from(number).is_ok(),
        ColumnKind::Int64 | ColumnKind::Instant | ColumnKind::Text => true,
    };
    if fits { Ok(number) } else { Err(format!("{} ({}) is out of range: {digits}", column.name, column.letter)) }
}

/// Profiles, a column at a time: customer, channel, currency, acquired at, country, storefront, arm.
pub(crate) struct ProfileBuilder {
    customer_id: StringChunkedBuilder,
    acquired_at: PrimitiveChunkedBuilder<Int64Type>,
    texts: [StringChunkedBuilder; 5],
    rows: usize,
}

const PROFILE_TEXTS: [&str; 5] = ["channel", "currency", "country", "storefront", "arm"];

impl ProfileBuilder {
    /// An empty builder.
    pub(crate) fn new() -> Self {
        Self {
            customer_id: StringChunkedBuilder::new("customer_id".into(), 0),
            acquired_at: PrimitiveChunkedBuilder::new("acquired_at".into(), 0),
            texts: PROFILE_TEXTS.map(|name| StringChunkedBuilder::new(name.into(), 0)),
            rows: 0,
        }
    }

    /// Appends a profile. The error says what is wrong with it.
    pub(crate) fn push(&mut self, customer: &str, profile: &Profile<'_>) -> Result<(), String> {
        let instant = match profile.acquired_at.as_deref() {
            None => None,
            Some(text) => {
                let at = DateTime::parse_from_rfc3339(text)
                    .map_err(|error| format!("acquired_at of {customer}: {error}"))?;
                Some(at.timestamp_micros())
            }
        };
        self.customer_id.append_value(customer);
        self.acquired_at.append_option(instant);
        let values = [&profile.channel, &profile.currency, &profile.country, &profile.storefront, &profile.arm];
        for (texts, value) in self.texts.iter_mut().zip(values) {
            texts.append_option(value.as_deref());
        }
        self.rows += 1;
        Ok(())
    }

    /// The profiles as a frame.
    pub(crate) fn finish(self) -> Result<DataFrame, ReportError> {
        let acquired_at = self.acquired_at.finish().into_series().cast(&instant_type()).doing("building profiles")?;
        let mut columns = vec![self.customer_id.finish().into_series().into_column(), acquired_at.into_column()];
        columns.extend(self.texts.map(|texts| texts.finish().into_series().into_column()));
        DataFrame::new(self.rows, columns).doing("building profiles")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(change: impl Fn(&FactColumn) -> Option<Value<'static>>) -> RawFact<'static> {
        RawFact(std::array::from_fn(|i| change(&COLUMNS[i])))
    }

    fn full(column: &FactColumn) -> Option<Value<'static>> {
        Some(if column.kind == ColumnKind::Text { Value::Text("x".into()) } else { Value::Number("7".into()) })
    }

    #[test]
    fn a_frame_has_the_columns_and_types_of_the_contract() {
        let mut builder = FactBuilder::new();
        builder.push(&fact(full)).unwrap();
        builder.push(&fact(|column| full(column).filter(|_| !column.nullable))).unwrap();
        let frame = builder.finish().unwrap();
        assert_eq!(frame.height(), 2);
        for (column, series) in COLUMNS.iter().zip(frame.columns()) {
            assert_eq!(series.name().as_str(), column.name);
            assert_eq!(*series.dtype(), data_type(column.kind));
            assert_eq!(series.null_count(), usize::from(column.nullable), "{}", column.name);
        }
    }

    #[test]
    fn a_missing_or_odd_value_is_named() {
        let push = |name: &'static str, value: Option<Value<'static>>| {
            let fact = fact(|column| if column.name == name { value.clone() } else { full(column) });
            FactBuilder::new().push(&fact).unwrap_err()
        };
        assert!(push("plan", None).contains("without plan (p)"));
        assert!(push("plan", Some(Value::Null)).contains("without plan"));
        assert!(push("plan", Some(Value::Number("1".into()))).contains("wrong type"));
        assert!(push("amount_minor", Some(Value::Number("1.5".into()))).contains("no integer"));
        assert!(push("attempt", Some(Value::Number("300".into()))).contains("out of range"));
    }
}
