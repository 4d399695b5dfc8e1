//! Rates into the reporting currency: one constant table per run, so that no movement can come from a moving rate.

use std::path::Path;

use polars::prelude::*;
use serde::Serialize;

use crate::error::{Doing, ReportError};
use crate::scan::FactFiles;

/// One part in a million.
const MILLION: i64 = 1_000_000;

/// Rates of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rates {
    /// The currency of the reports.
    pub(crate) reporting: String,
    /// Currency and minor units of the reporting currency per million minor units of it.
    pub(crate) rate_ppm: Vec<(String, i64)>,
}

impl Rates {
    /// Reads `currency, rate_ppm` from Parquet or CSV.
    pub(crate) fn read(path: &Path, reporting: &str) -> Result<Self, ReportError> {
        let doing = format!("reading the rates of {}", path.display());
        let file = PlRefPath::try_from_path(path).doing(&doing)?;
        let scan = match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => LazyCsvReader::new(file).with_has_header(true).finish(),
            _ => LazyFrame::scan_parquet(file, ScanArgsParquet { glob: false, ..Default::default() }),
        };
        let columns = [col("currency").cast(DataType::String), col("rate_ppm").strict_cast(DataType::Int64)];
        let frame = scan.doing(&doing)?.select(columns).collect().doing(&doing)?;
        let currencies = frame.column("currency").and_then(|column| column.str()).doing(&doing)?;
        let numbers = frame.column("rate_ppm").and_then(|column| column.i64()).doing(&doing)?;
        let pairs = currencies.iter().zip(numbers.iter());
        let rate_ppm = pairs.filter_map(|(currency, rate)| Some((currency?.to_owned(), rate?))).collect();
        Self::try_new(reporting, rate_ppm, path)
    }

    fn try_new(reporting: &str, mut rate_ppm: Vec<(String, i64)>, path: &Path) -> Result<Self, ReportError> {
        rate_ppm.sort();
        for (currency, rate) in &rate_ppm {
            if *rate <= 0 || (currency == reporting && *rate != MILLION) {
                return Err(ReportError::Setting(format!(
                    "{}: a rate of {rate} for {currency} does not convert into {reporting}; the reporting currency has the rate 1000000. \
                     Is the table meant for another --currency?",
                    path.display()
                )));
            }
        }
        if let Some(twice) = rate_ppm.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(ReportError::Setting(format!("{}: two rates for {}", path.display(), twice[0].0)));
        }
        if !rate_ppm.iter().any(|(currency, _)| currency == reporting) {
            rate_ppm.push((reporting.to_owned(), MILLION));
        }
        Ok(Self { reporting: reporting.to_owned(), rate_ppm })
    }

    /// Without a table: the one currency of all facts is the reporting currency.
    pub(crate) fn of_facts(facts: &FactFiles, asked: &str) -> Result<Self, ReportError> {
        let counts = facts.currencies()?;
        let reporting = match counts.as_slice() {
            [] => asked.to_owned(),
            [(only, _)] => only.clone(),
            several => {
                let (currency, facts) =
                    several.iter().find(|(currency, _)| currency != asked).cloned().unwrap_or_default();
                return Err(ReportError::NoRate { currency, facts, reporting: asked.to_owned() });
            }
        };
        Ok(Self { rate_ppm: vec![(reporting.clone(), MILLION)], reporting })
    }

    /// A converter for one batch.
    pub(crate) fn cached(&self) -> Converter<'_> {
        Converter { rates: self, currency: "", rate_ppm: MILLION }
    }
}

/// Converts amounts, remembering the last currency: neighbouring facts mostly share it.
pub(crate) struct Converter<'a> {
    rates: &'a Rates,
    currency: &'a str,
    rate_ppm: i64,
}

impl Converter<'_> {
    /// `amount * rate_ppm // 1000000`, rounded towards minus infinity: the same sum for every peer.
    pub(crate) fn convert(&mut self, amount: i64, currency: &str) -> Result<i64, ReportError> {
        if currency != self.currency {
            let found = self.rates.rate_ppm.iter().find(|(name, _)| name == currency);
            let Some((name, rate)) = found else {
                return Err(ReportError::NoRate {
                    currency: currency.to_owned(),
                    facts: 1,
                    reporting: self.rates.reporting.clone(),
                });
            };
            (self.currency, self.rate_ppm) = (name, *rate);
        }
        if self.rate_ppm == MILLION {
            return Ok(amount);
        }
        match amount.checked_mul(self.rate_ppm) {
            Some(product) => Ok(product.div_euclid(MILLION)),
            None => i64::try_from((i128::from(amount) * i128::from(self.rate_ppm)).div_euclid(i128::from(MILLION)))
                .map_err(|_| ReportError::Overflow { what: "an amount in the reporting currency" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates::try_new("USD", vec![("EUR".to_owned(), 1_085_000), ("USD".to_owned(), MILLION)], Path::new("fx.csv"))
            .unwrap()
    }

    #[test]
    fn amounts_are_rounded_down_once_and_large_ones_do_not_overflow() {
        let rates = rates();
        let mut rate = rates.cached();
        assert_eq!(rate.convert(901, "EUR").unwrap(), 977); // 977.585
        assert_eq!(rate.convert(-901, "EUR").unwrap(), -978);
        assert_eq!(rate.convert(901, "USD").unwrap(), 901);
        assert_eq!(rate.convert(8_000_000_000_000, "EUR").unwrap(), 8_680_000_000_000);
        assert_eq!(rate.convert(8_000_000_000_000_000_000, "EUR").unwrap(), 8_680_000_000_000_000_000);
        assert!(rate.convert(i64::MAX, "EUR").is_err());
    }

    #[test]
    fn a_currency_without_a_rate_is_named_together_with_the_option() {
        let message = rates().cached().convert(1, "GBP").unwrap_err().to_string();
        assert!(message.contains("GBP") && message.contains("--fx"), "{message}");
    }

    #[test]
    fn a_table_for_another_reporting_currency_is_refused() {
        let table = vec![("EUR".to_owned(), 1_085_000)];
        assert!(Rates::try_new("EUR", table.clone(), Path::new("fx.csv")).is_err());
        assert!(Rates::try_new("USD", [table.clone(), table].concat(), Path::new("fx.csv")).is_err());
    }
}
