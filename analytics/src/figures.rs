//! The ten figures at a glance, as exact integers, and how they are written.

use std::fmt;

use polars::prelude::DataFrame;
use serde::{Serialize, Serializer};

use crate::error::{Doing, ReportError};
use crate::format::{Money, percent, thousands};
use crate::marts::Mart;
use crate::tables::Tables;

/// A ratio of exact integers, divided only when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i128,
    /// Below the line; the ratio is empty where this is 0.
    pub denominator: i128,
}

impl Ratio {
    /// The quotient as a double; `None` where the denominator is 0.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the last step of the ratio: exact until here")]
    pub fn value(self) -> Option<f64> {
        (self.denominator != 0).then(|| self.numerator as f64 / self.denominator as f64)
    }

    /// The quotient rounded half to even; `None` where the denominator is 0.
    #[must_use]
    pub fn rounded(self) -> Option<i128> {
        if self.denominator == 0 {
            return None;
        }
        let (quotient, rest) =
            (self.numerator.div_euclid(self.denominator), self.numerator.rem_euclid(self.denominator));
        let twice = (2 * rest).cmp(&self.denominator.abs());
        let up = twice.is_gt() || (twice.is_eq() && quotient % 2 != 0);
        Some(quotient + i128::from(up) * self.denominator.signum())
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut ratio = serializer.serialize_struct("Ratio", 3)?;
        ratio.serialize_field("numerator", &self.numerator.to_string())?;
        ratio.serialize_field("denominator", &self.denominator.to_string())?;
        ratio.serialize_field("value", &self.value())?;
        ratio.end()
    }
}

/// The ten headline figures. Definitions: the crate's documentation, "The ten figures".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Currency of all amounts (ISO 4217).
    pub currency: String,
    /// First and last month of the window, as `YYYY-MM`; `None` without a full month.
    pub window: Option<(String, String)>,
    /// Everyone who ever paid.
    pub customers: i64,
    /// Customers with run-rate now.
    pub active: i64,
    /// Run-rate in twelfths of a minor unit a month: ARR in minor units; MRR is a twelfth of it.
    pub mrr12: i64,
    /// Churned customers per customer at the start of a month of the window.
    pub customer_churn: Ratio,
    /// Lost run-rate (churn and contraction) per run-rate at the start of a month of the window.
    pub revenue_churn: Ratio,
    /// Run-rate per active customer and month, in minor units.
    pub arpa: Ratio,
    /// ARPA / customer churn, in minor units; empty without churn.
    pub ltv: Ratio,
    /// Succeeded per attempted, of all first attempts.
    pub first_attempt_success: Ratio,
    /// Recovered per failed invoice.
    pub recovered: Ratio,
}

/// One figure in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What it is called.
    pub label: &'static str,
    /// Its value with unit; a dash if it is empty.
    pub value: String,
    /// What it is made of.
    pub note: String,
}

impl Figures {
    /// Takes the figures from the marts.
    pub(crate) fn of(tables: &Tables, currency: &str) -> Result<Self, ReportError> {
        let churn = tables.mart(Mart::ChurnMonthly)?;
        let window = Window::of(churn)?;
        let (active, mrr12) = (last(churn, "customers_end")?, last(churn, "end_mrr12")?);
        let churned = window.sum(churn, &["customers_churned"])?;
        let at_start = window.sum(churn, &["customers_start"])?;
        let payments = tables.mart(Mart::Payments)?;
        let dunning = tables.mart(Mart::Dunning)?;
        let ratio = |numerator, denominator| Ratio { numerator, denominator };
        Ok(Self {
            currency: currency.to_owned(),
            window: window.names(churn)?,
            customers: total(churn, "customers_new")?,
            active,
            mrr12,
            customer_churn: ratio(churned, at_start),
            revenue_churn: ratio(
                window.sum(churn, &["churn_mrr12", "contraction_mrr12"])?,
                window.sum(churn, &["start_mrr12"])?,
            ),
            arpa: ratio(i128::from(mrr12), 12 * i128::from(active)),
            ltv: ratio(i128::from(mrr12) * at_start, 12 * i128::from(active) * churned),
            first_attempt_success: ratio(
                total(payments, "first_succeeded")?.into(),
                total(payments, "first_attempts")?.into(),
            ),
            recovered: ratio(total(dunning, "recovered_invoices")?.into(), total(dunning, "failed_invoices")?.into()),
        })
    }

    /// MRR in minor units, as an exact ratio.
    #[must_use]
    pub fn mrr(&self) -> Ratio {
        Ratio { numerator: self.mrr12.into(), denominator: 12 }
    }

    /// The ten figures in words, in their order.
    #[must_use]
    pub fn list(&self) -> [Figure; 10] {
        let money =
            |ratio: Ratio| ratio.rounded().map_or_else(dash, |minor| Money::new(minor, &self.currency).to_string());
        let rate = |ratio: Ratio| ratio.value().map_or_else(dash, |value| percent(value, 2));
        let of = |ratio: Ratio, what: &str, whole: &str| {
            format!("{} {what} of {} {whole}", thousands(ratio.numerator), thousands(ratio.denominator))
        };
        let window = match &self.window {
            Some((first, last)) if first == last => format!("a month, {first}"),
            Some((first, last)) => format!("a month, {first} to {last}"),
            None => "no full month yet".to_owned(),
        };
        let figure = |label, value, note| Figure { label, value, note };
        [
            figure("Customers", thousands(self.customers.into()), "ever paying".to_owned()),
            figure("Active customers", thousands(self.active.into()), "with run-rate now".to_owned()),
            figure("MRR", money(self.mrr()), "monthly run-rate".to_owned()),
            figure("ARR", Money::new(self.mrr12.into(), &self.currency).to_string(), "yearly run-rate".to_owned()),
            figure("Customer churn", rate(self.customer_churn), window.clone()),
            figure("Revenue churn", rate(self.revenue_churn), window),
            figure("ARPA", money(self.arpa), "per active customer and month".to_owned()),
            figure("LTV", money(self.ltv), "ARPA / customer churn".to_owned()),
            figure(
                "First-attempt success",
                rate(self.first_attempt_success),
                of(self.first_attempt_success, "paid", "first attempts"),
            ),
            figure("Recovered after decline", rate(self.recovered), of(self.recovered, "recovered", "failed invoices")),
        ]
    }
}

fn dash() -> String {
    "–".to_owned()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figure in self.list() {
            writeln!(f, "{:<24} {:>20}  {}", figure.label, figure.value, figure.note)?;
        }
        Ok(())
    }
}

/// The last six full months of the data, as rows of a monthly mart.
struct Window {
    rows: Vec<usize>,
}

/// Months of the window.
const WINDOW: usize = 6;

impl Window {
    fn of(monthly: &DataFrame) -> Result<Self, ReportError> {
        let complete = monthly.column("complete").and_then(|column| column.bool()).doing("reading the months")?;
        let full: Vec<usize> =
            complete.iter().enumerate().filter(|(_, complete)| *complete == Some(true)).map(|(row, _)| row).collect();
        Ok(Self { rows: full[full.len().saturating_sub(WINDOW)..].to_vec() })
    }

    fn sum(&self, monthly: &DataFrame, names: &[&str]) -> Result<i128, ReportError> {
        let mut sum = 0;
        for name in names {
            let values = monthly.column(name).and_then(|column| column.i64()).doing("reading a monthly mart")?;
            sum += self.rows.iter().filter_map(|row| values.get(*row)).map(i128::from).sum::<i128>();
        }
        Ok(sum)
    }

    fn names(&self, monthly: &DataFrame) -> Result<Option<(String, String)>, ReportError> {
        let months = crate::tables::months(monthly, "month")?;
        let name = |row: &usize| months.get(*row).copied().flatten().map(|month| month.to_string());
        Ok(self.rows.first().and_then(name).zip(self.rows.last().and_then(name)))
    }
}

fn total(frame: &DataFrame, name: &str) -> Result<i64, ReportError> {
    let values = frame.column(name).and_then(|column| column.i64()).doing("reading a mart")?;
    Ok(values.iter().flatten().sum())
}

fn last(frame: &DataFrame, name: &str) -> Result<i64, ReportError> {
    let values = frame.column(name).and_then(|column| column.i64()).doing("reading a mart")?;
    Ok(values.iter().next_back().flatten().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_rounded_half_to_even_and_empty_over_nothing() {
        let rounded = |numerator, denominator| Ratio { numerator, denominator }.rounded();
        assert_eq!(
            [rounded(5, 2), rounded(7, 2), rounded(-5, 2), rounded(8, 3)],
            [Some(2), Some(4), Some(-2), Some(3)]
        );
        assert_eq!(rounded(1, 0), None);
        assert_eq!(Ratio { numerator: 1, denominator: 0 }.value(), None);
    }
}
