//! The demo's customers: rows of the Telco sample, read into what a merchant would know about each.
//!
//! Exists apart from the script so that the recount can start from the same input without touching our own records.

use rust_decimal::{Decimal, prelude::ToPrimitive};

/// The sample, with its origin in `data/README.md`.
const CSV: &str = include_str!("../../data/telco_churn.csv");

/// One customer of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The sample's row number.
    pub number: u32,
    /// Completed months at the snapshot.
    pub tenure: u32,
    /// The plan named after the contract.
    pub plan: &'static str,
    /// Monthly charge in cents.
    pub price_minor: i64,
    /// Whether the customer left in the month before the snapshot.
    pub left: bool,
    /// Whether invoices are collected from a stored method; else paid by transfer.
    pub automatic: bool,
    /// card or bank_debit, for automatic ones.
    pub method: &'static str,
    /// How the customer was won: the sample has no channel, the internet service stands in for it.
    pub channel: &'static str,
}

/// Why the sample cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the sample's line {line} has no valid {column}")]
pub(crate) struct BadSample {
    line: usize,
    column: &'static str,
}

/// All rows, in the order of the file.
pub(crate) fn rows() -> Result<Vec<Row>, BadSample> {
    let mut lines = CSV.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    lines.enumerate().map(|(i, line)| row(i + 2, &header, &line.split(',').collect::<Vec<_>>())).collect()
}

fn row(line: usize, header: &[&str], cells: &[&str]) -> Result<Row, BadSample> {
    let cell = |column: &'static str| {
        let at = header.iter().position(|h| *h == column);
        at.and_then(|i| cells.get(i)).map(|c| c.trim_matches('"')).ok_or(BadSample { line, column })
    };
    let number = |column| cell(column)?.parse().map_err(|_| BadSample { line, column });
    let price: Decimal = cell("monthly_charges")?.parse().map_err(|_| BadSample { line, column: "monthly_charges" })?;
    let price_minor = (price * Decimal::ONE_HUNDRED).to_i64().ok_or(BadSample { line, column: "monthly_charges" })?;
    let plan = match cell("contract")? {
        "Month-to-month" => "month-to-month",
        "One year" => "one-year",
        "Two year" => "two-year",
        _ => return Err(BadSample { line, column: "contract" }),
    };
    let (automatic, method) = match cell("payment_method")? {
        "Credit card (automatic)" => (true, "card"),
        "Bank transfer (automatic)" => (true, "bank_debit"),
        _ => (false, "transfer"),
    };
    let channel = match cell("internet_service")? {
        "Fiber optic" => "fiber",
        "DSL" => "dsl",
        _ => "phone",
    };
    let left = cell("churn")? == "Yes";
    Ok(Row {
        number: number("rownames")?,
        tenure: number("tenure")?,
        plan,
        price_minor,
        left,
        automatic,
        method,
        channel,
    })
}

/// `count` rows spread evenly over the sample (its order is random); all of them when there are fewer.
pub(crate) fn spread(rows: &[Row], count: usize) -> Vec<Row> {
    let count = count.clamp(1, rows.len());
    (0..count).map(|i| rows[i * rows.len() / count].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_known_figures() {
        let rows = rows().unwrap();
        assert_eq!(rows.len(), 7_043);
        assert_eq!(rows.iter().filter(|r| r.left).count(), 1_869);
        assert_eq!(rows.iter().filter(|r| r.tenure == 0).count(), 11);
        assert_eq!(rows.iter().filter(|r| !r.left).map(|r| r.price_minor).sum::<i64>(), 31_698_575);
    }

    #[test]
    fn a_spread_takes_different_rows_from_the_whole_sample() {
        let rows = rows().unwrap();
        let some = spread(&rows, 500);
        assert_eq!(some.len(), 500);
        assert!(some.windows(2).all(|w| w[0].number < w[1].number));
        assert_eq!(spread(&rows, 9_999).len(), 7_043);
    }
}
