//! Payments and dunning.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use super::chart::{Lines, Series, StackedBars};
use super::view::{Cell, Chart, Section, Table, rate_label, rate_text};
use crate::calendar::Month;
use crate::error::ReportError;
use crate::figures::Ratio;
use crate::format::{amount, short, thousands};
use crate::marts::Mart;
use crate::tables::{Tables, by_month, integers, months, texts};

/// Sums of a mart by month, all channels together.
struct Sums {
    months: Vec<Month>,
    columns: BTreeMap<&'static str, Vec<i128>>,
}

impl Sums {
    fn of(frame: &DataFrame, names: &[&'static str], months: Vec<Month>) -> Result<Self, ReportError> {
        let mut columns = BTreeMap::new();
        for name in names {
            let sums = by_month(frame, name)?;
            columns.insert(*name, months.iter().map(|month| sums.get(&Some(*month)).copied().unwrap_or(0)).collect());
        }
        Ok(Self { months, columns })
    }

    fn value(&self, name: &str, month: usize) -> i128 {
        self.columns.get(name).and_then(|column: &Vec<i128>| column.get(month)).copied().unwrap_or(0)
    }

    fn rate(&self, part: &str, whole: &str, month: usize) -> Option<f64> {
        Ratio { numerator: self.value(part, month), denominator: self.value(whole, month) }.value()
    }

    fn rates(&self, name: &str, class: &'static str, part: &str, whole: &str) -> Series {
        let values = (0..self.months.len()).map(|month| self.rate(part, whole, month)).collect();
        Series { name: name.to_owned(), class, values }
    }

    #[expect(clippy::cast_precision_loss, reason = "a drawing: exact figures are in the table")]
    fn counts(&self, name: &str, class: &'static str, column: &str) -> Series {
        let values = (0..self.months.len()).map(|month| Some(self.value(column, month) as f64)).collect();
        Series { name: name.to_owned(), class, values }
    }
}

fn all_months(tables: &Tables) -> Result<Vec<Month>, ReportError> {
    Ok(months(tables.mart(Mart::MrrMonthly)?, "month")?.into_iter().flatten().collect())
}

const PAYMENTS: [&str; 6] =
    ["attempts", "succeeded", "first_attempts", "first_succeeded", "collected_minor", "declined_minor"];

/// Success of payment attempts.
pub(crate) fn payments(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let sums = Sums::of(tables.mart(Mart::Payments)?, &PAYMENTS, all_months(tables)?)?;
    let series = vec![
        sums.rates("First attempts", "c1", "first_succeeded", "first_attempts"),
        sums.rates("All attempts", "c2", "succeeded", "attempts"),
    ];
    let label = "Lines by month: share of first attempts and of all attempts that succeeded.".to_owned();
    let chart = Lines { label, series, format: rate_label, second: None, from_zero: false };
    let rows = (0..sums.months.len()).rev().map(|month| {
        let count = |name| thousands(sums.value(name, month));
        [
            sums.months[month].to_string(),
            count("attempts"),
            count("succeeded"),
            rate_text(sums.rate("succeeded", "attempts", month)),
            count("first_attempts"),
            count("first_succeeded"),
            rate_text(sums.rate("first_succeeded", "first_attempts", month)),
            amount(sums.value("collected_minor", month), currency),
            amount(sums.value("declined_minor", month), currency),
        ]
        .map(Cell::new)
        .to_vec()
    });
    let head =
        ["Month", "Attempts", "Succeeded", "Rate", "First attempts", "Succeeded", "Rate", "Collected", "Declined"];
    let table = Table::new(format!("Payment attempts by month, amounts in {currency}"), &head, rows.collect());
    Ok(Section {
        id: "payments",
        title: "Payment success",
        lead: "Share of attempts that were captured. The axis does not begin at zero.".to_owned(),
        charts: vec![Chart::lines("", &chart, &sums.months)],
        tables: vec![codes(tables, &sums.months, currency)?, table],
    })
}

/// Decline codes of the last twelve months.
fn codes(tables: &Tables, all: &[Month], currency: &str) -> Result<Table, ReportError> {
    let frame = tables.mart(Mart::DeclineCodes)?;
    let since = all.last().map_or(Month(0), |last| Month(last.0 - 11));
    let (months_of, names) = (months(frame, "month")?, texts(frame, "code")?);
    let columns = ["declined_attempts", "declined_minor", "failed_invoices", "recovered_invoices"]
        .into_iter()
        .map(|name| integers(frame, name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sums: BTreeMap<&str, [i128; 4]> = BTreeMap::new();
    for row in (0..names.len()).filter(|row| months_of[*row] >= Some(since)) {
        let entry = sums.entry(&names[row]).or_default();
        entry.iter_mut().zip(&columns).for_each(|(sum, column)| *sum += i128::from(column[row]));
    }
    let mut ranked: Vec<_> = sums.into_iter().collect();
    ranked.sort_by_key(|(code, values)| (-values[0], *code));
    let rows = ranked.into_iter().take(15).map(|(code, [attempts, minor, failed, recovered])| {
        let rate = Ratio { numerator: recovered, denominator: failed }.value();
        [
            code.to_owned(),
            thousands(attempts),
            amount(minor, currency),
            thousands(failed),
            thousands(recovered),
            rate_text(rate),
        ]
        .map(Cell::new)
        .to_vec()
    });
    let caption = format!(
        "Declines by code in the last twelve months, amounts in {currency}; invoices by the code of their first decline"
    );
    let head = ["Code", "Declines", "Amount", "Failed invoices", "Recovered", "Rate"];
    Ok(Table::new(caption, &head, rows.collect()).shown(&format!("Why attempts were declined since {since}")))
}

const DUNNING: [&str; 8] = [
    "failed_invoices",
    "recovered_invoices",
    "unrecovered_invoices",
    "recovered_attempt_2",
    "recovered_attempt_3",
    "recovered_attempt_4_up",
    "failed_minor",
    "recovered_minor",
];

/// What dunning brings back.
pub(crate) fn dunning(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let sums = Sums::of(tables.mart(Mart::Dunning)?, &DUNNING, all_months(tables)?)?;
    let bars = StackedBars {
        label: "Stacked bars by month of the first failure: invoices recovered at the second, third and later attempts, and not recovered.".to_owned(),
        series: vec![
            sums.counts("Recovered at attempt 2", "c2", "recovered_attempt_2"),
            sums.counts("at attempt 3", "c1", "recovered_attempt_3"),
            sums.counts("at attempt 4 or later", "c6", "recovered_attempt_4_up"),
            sums.counts("Not recovered (yet)", "c5", "unrecovered_invoices"),
        ],
        format: short, counts: true,
    };
    let lines = Lines {
        label: "Lines by month of the first failure: share of invoices and of their amount that was recovered."
            .to_owned(),
        series: vec![
            sums.rates("By invoices", "c2", "recovered_invoices", "failed_invoices"),
            sums.rates("By amount", "c1", "recovered_minor", "failed_minor"),
        ],
        format: rate_label,
        second: None,
        from_zero: true,
    };
    let rows = (0..sums.months.len()).rev().map(|month| {
        let count = |name| thousands(sums.value(name, month));
        [
            sums.months[month].to_string(),
            count("failed_invoices"),
            count("recovered_invoices"),
            rate_text(sums.rate("recovered_invoices", "failed_invoices", month)),
            amount(sums.value("failed_minor", month), currency),
            amount(sums.value("recovered_minor", month), currency),
            rate_text(sums.rate("recovered_minor", "failed_minor", month)),
        ]
        .map(Cell::new)
        .to_vec()
    });
    let head = ["Month", "Failed", "Recovered", "Rate", "Failed amount", "Recovered amount", "Rate"];
    let table = Table::new(
        format!("Failed invoices by month of the first failure, amounts in {currency}"),
        &head,
        rows.collect(),
    );
    Ok(Section {
        id: "dunning",
        title: "Dunning",
        lead: "Invoices whose collection failed at least once, by the month of the first failure. The newest months are still being worked on.".to_owned(),
        charts: vec![Chart::bars("Failed invoices", &bars, &sums.months), Chart::lines("Share recovered", &lines, &sums.months)],
        tables: vec![table],
    })
}
