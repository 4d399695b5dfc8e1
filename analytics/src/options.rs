//! What a run is asked to do.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::calendar::MICROS_PER_DAY;
use crate::error::ReportError;

/// What to report, from where, to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Folder of the facts: the Parquet layout or a DynamoDB export (see the crate's documentation).
    pub facts: PathBuf,
    /// Folder for the reports; it is made if it is missing, and files of an earlier run are replaced.
    pub out: PathBuf,
    /// The instant of the reports; later facts are left out. The last instant of the facts if `None`.
    pub as_of: Option<AsOf>,
    /// Rates, as CSV or Parquet with `currency, rate_ppm` (minor units per million minor units). The Parquet layout brings its own as `fx.parquet`.
    pub fx: Option<PathBuf>,
    /// Reporting currency (ISO 4217). Without rates, the one currency of all facts is taken instead.
    pub currency: String,
}

impl Options {
    /// Reports of `facts` into `out`, in US dollars or the one currency of the facts, up to the last fact.
    #[must_use]
    pub fn new(facts: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self { facts: facts.into(), out: out.into(), as_of: None, fx: None, currency: "USD".to_owned() }
    }
}

/// An instant, given as a date (to the end of that day, UTC) or in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AsOf(i64);

impl AsOf {
    /// From microseconds since 1970.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }
}

impl FromStr for AsOf {
    type Err = ReportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(instant.timestamp_micros()));
        }
        let date: NaiveDate = text.parse().map_err(|_| {
            ReportError::Setting(format!(
                "`{text}` is no date: write 2026-03-31, or 2026-03-31T12:00:00Z for an instant"
            ))
        })?;
        let days = i64::from(date.to_epoch_days());
        Ok(Self((days + 1) * MICROS_PER_DAY - 1))
    }
}

impl std::fmt::Display for AsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} microseconds since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_last_microsecond_and_an_instant_itself() {
        let end: AsOf = "2024-02-29".parse().unwrap();
        assert_eq!(end.to_string(), "2024-02-29T23:59:59.999999Z");
        let instant: AsOf = "2024-03-01T00:00:00+01:00".parse().unwrap();
        assert_eq!(instant.to_string(), "2024-02-29T23:00:00Z");
        assert!("29.02.2024".parse::<AsOf>().unwrap_err().to_string().contains("2026-03-31"));
    }
}
