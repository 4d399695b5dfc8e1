//! What the page's template is given: sections of charts and tables, as text that is already formatted.

use minijinja::Value;
use polars::prelude::DataFrame;
use serde::Serialize;

use super::chart::{Lines, Ranks, Series, Size, StackedBars};
use crate::calendar::Month;
use crate::error::ReportError;
use crate::figures::Ratio;
use crate::format::{amount, decimals, thousands};
use crate::tables;

/// A part of the page.
#[derive(Serialize)]
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What to see in it, and how it is defined.
    pub(crate) lead: String,
    pub(crate) charts: Vec<Chart>,
    pub(crate) tables: Vec<Table>,
}

/// A drawing in two sizes, with its legend.
#[derive(Serialize)]
pub(crate) struct Chart {
    title: String,
    legend: Vec<Legend>,
    wide: Value,
    narrow: Value,
}

#[derive(Serialize)]
struct Legend {
    class: &'static str,
    name: String,
    last: String,
}

impl Chart {
    /// Lines; the legend says the newest values.
    pub(crate) fn lines(title: &str, chart: &Lines, months: &[Month]) -> Self {
        let newest =
            |series: &Series| series.values.iter().rev().find_map(|value| *value).map(chart.format).unwrap_or_default();
        Self::new(title, legend(&chart.series, newest), |size| chart.draw(size, months))
    }

    /// Stacked bars.
    pub(crate) fn bars(title: &str, chart: &StackedBars, months: &[Month]) -> Self {
        Self::new(title, legend(&chart.series, |_| String::new()), |size| chart.draw(size, months))
    }

    /// Ranked bars; their names stand beside them.
    pub(crate) fn ranks(title: &str, chart: &Ranks) -> Self {
        Self::new(title, Vec::new(), |size| chart.draw(size))
    }

    fn new(title: &str, legend: Vec<Legend>, draw: impl Fn(Size) -> String) -> Self {
        // The drawings escape all text themselves.
        let [wide, narrow] = [Size::Wide, Size::Narrow].map(|size| Value::from_safe_string(draw(size)));
        Self { title: title.to_owned(), legend, wide, narrow }
    }
}

fn legend(series: &[Series], last: impl Fn(&Series) -> String) -> Vec<Legend> {
    // One line needs no key: the title says what it is.
    if series.len() < 2 {
        return Vec::new();
    }
    series.iter().map(|series| Legend { class: series.class, name: series.name.clone(), last: last(series) }).collect()
}

/// A table. The first cell of a row is its head.
#[derive(Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) caption: String,
    pub(crate) head: Vec<Head>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Shown at once, not behind a click.
    pub(crate) open: bool,
    /// Cells are coloured by their value.
    pub(crate) heat: bool,
}

/// The head of a column.
#[derive(Serialize)]
pub(crate) struct Head {
    name: String,
    text: bool,
}

/// A cell.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) class: &'static str,
    /// Share of the accent colour, in percent.
    pub(crate) heat: Option<u32>,
    pub(crate) title: String,
}

impl Cell {
    /// A number or a name.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A name in a column that is not the first.
    pub(crate) fn name(text: impl Into<String>) -> Self {
        Self { class: "text", ..Self::new(text) }
    }
}

impl Table {
    /// A table behind a click. Names that begin with `<` head a column of text.
    pub(crate) fn new(caption: impl Into<String>, head: &[&str], rows: Vec<Vec<Cell>>) -> Self {
        let head = head.iter().enumerate().map(|(position, name)| match name.strip_prefix('<') {
            Some(name) => Head { name: name.to_owned(), text: true },
            None => Head { name: (*name).to_owned(), text: position == 0 },
        });
        let (title, caption) = ("As a table".to_owned(), caption.into());
        Self { title, caption, head: head.collect(), rows, open: false, heat: false }
    }

    /// The same, shown at once under a title.
    pub(crate) fn shown(self, title: &str) -> Self {
        Self { title: title.to_owned(), open: true, ..self }
    }
}

/// A mart, read column by column, with the currency of its amounts.
pub(crate) struct Columns<'a> {
    pub(crate) frame: &'a DataFrame,
    pub(crate) currency: &'a str,
}

impl Columns<'_> {
    /// The months of a monthly mart.
    pub(crate) fn months(&self) -> Result<Vec<Month>, ReportError> {
        Ok(tables::months(self.frame, "month")?.into_iter().flatten().collect())
    }

    /// Integers.
    pub(crate) fn integers(&self, name: &str) -> Result<Vec<i64>, ReportError> {
        tables::integers(self.frame, name)
    }

    /// Counts as values of a chart, times `sign`.
    #[expect(clippy::cast_precision_loss, reason = "a drawing: exact figures are in the table")]
    pub(crate) fn counts(&self, name: &str, sign: f64) -> Result<Vec<Option<f64>>, ReportError> {
        Ok(self.integers(name)?.into_iter().map(|count| Some(sign * count as f64)).collect())
    }

    /// Run-rate as MRR in whole currency units, as values of a chart, times `sign`.
    pub(crate) fn monthly(&self, name: &str, sign: f64) -> Result<Vec<Option<f64>>, ReportError> {
        Ok(self.integers(name)?.into_iter().map(|mrr12| Some(sign * whole(mrr12, self.currency) / 12.0)).collect())
    }

    /// Rates as values of a chart.
    pub(crate) fn rates(&self, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
        tables::doubles(self.frame, name)
    }

    /// A series of a chart.
    pub(crate) fn series(&self, name: &str, class: &'static str, values: Vec<Option<f64>>) -> Series {
        Series { name: name.to_owned(), class, values }
    }

    /// Cells of a column: what it holds is told by its name.
    pub(crate) fn cells(&self, name: &str) -> Result<Vec<Cell>, ReportError> {
        if name == "month" {
            return Ok(self.months()?.into_iter().map(|month| Cell::new(month.to_string())).collect());
        }
        if name.ends_with("rate")
            || name.ends_with("share")
            || name.ends_with("rate_amount")
            || name.ends_with("rate_excl_pause")
        {
            return Ok(self.rates(name)?.into_iter().map(|rate| Cell::new(rate_text(rate))).collect());
        }
        let text = |value: i64| match name {
            _ if name.contains("mrr12") => mrr(value, self.currency),
            _ if name.ends_with("_minor") => amount(value.into(), self.currency),
            _ => thousands(value.into()),
        };
        Ok(self.integers(name)?.into_iter().map(|value| Cell::new(text(value))).collect())
    }

    /// Rows of the named columns, newest first where they are months.
    pub(crate) fn rows(&self, names: &[&str]) -> Result<Vec<Vec<Cell>>, ReportError> {
        let columns = names.iter().map(|name| self.cells(name)).collect::<Result<Vec<_>, _>>()?;
        let rows = (0..self.frame.height()).rev();
        Ok(rows.map(|row| columns.iter().filter_map(|column| column.get(row).cloned()).collect()).collect())
    }
}

/// Run-rate as MRR with the decimals of its currency.
pub(crate) fn mrr(mrr12: i64, currency: &str) -> String {
    let ratio = Ratio { numerator: mrr12.into(), denominator: 12 };
    ratio.rounded().map_or_else(String::new, |minor| amount(minor, currency))
}

/// Minor units as whole currency units, for drawings.
#[expect(clippy::cast_precision_loss, reason = "a drawing: exact figures are in the table")]
pub(crate) fn whole(minor: i64, currency: &str) -> f64 {
    minor as f64 / f64::from(10_u32.pow(decimals(currency)))
}

/// A rate with two decimals, or a dash.
pub(crate) fn rate_text(rate: Option<f64>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| crate::format::percent(rate, 2))
}

/// A rate of an axis.
pub(crate) fn rate_label(rate: f64) -> String {
    let text = format!("{:.2}", rate * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{} %", if text == "-0" { "0" } else { text })
}
