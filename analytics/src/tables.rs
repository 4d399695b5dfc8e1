//! All reports and marts of a run, computed, before anything is written.

use std::collections::BTreeMap;

use polars::prelude::*;
use strum::IntoEnumIterator;

use crate::calendar::Month;
use crate::cube::Cubes;
use crate::error::{Doing, ReportError};
use crate::marts::Mart;
use crate::reports::Report;

/// The frames of a run.
pub(crate) struct Tables {
    marts: BTreeMap<Mart, DataFrame>,
    reports: Vec<(Report, DataFrame)>,
}

impl Tables {
    /// Computes them.
    pub(crate) fn compute(cubes: &Cubes, currency: &str) -> Result<Self, ReportError> {
        let mut tables = Self { marts: BTreeMap::new(), reports: Vec::new() };
        for report in Report::iter() {
            let frame = report.frame(cubes).and_then(LazyFrame::collect).doing(report.name())?;
            tables.reports.push((report, frame));
        }
        for mart in Mart::iter() {
            let frame = mart.frame(cubes, currency).and_then(LazyFrame::collect).doing(mart.name())?;
            tables.marts.insert(mart, frame);
        }
        Ok(tables)
    }

    /// A mart.
    pub(crate) fn mart(&self, mart: Mart) -> Result<&DataFrame, ReportError> {
        self.marts.get(&mart).ok_or_else(|| ReportError::Setting(format!("the mart {} was not computed", mart.name())))
    }

    /// All marts.
    pub(crate) fn marts_mut(&mut self) -> impl Iterator<Item = (Mart, &mut DataFrame)> {
        self.marts.iter_mut().map(|(mart, frame)| (*mart, frame))
    }

    /// A comparison report.
    pub(crate) fn report(&self, report: Report) -> Result<&DataFrame, ReportError> {
        let found = self.reports.iter().find(|(name, _)| *name == report).map(|(_, frame)| frame);
        found.ok_or_else(|| ReportError::Setting(format!("the report {} was not computed", report.name())))
    }

    /// All comparison reports.
    pub(crate) fn reports_mut(&mut self) -> impl Iterator<Item = (Report, &mut DataFrame)> {
        self.reports.iter_mut().map(|(report, frame)| (*report, frame))
    }
}

/// Integers of a column; null is 0.
pub(crate) fn integers(frame: &DataFrame, name: &str) -> Result<Vec<i64>, ReportError> {
    let values = frame.column(name).and_then(|column| column.i64()).doing(name)?;
    Ok(values.iter().map(|value| value.unwrap_or(0)).collect())
}

/// Doubles of a column.
pub(crate) fn doubles(frame: &DataFrame, name: &str) -> Result<Vec<Option<f64>>, ReportError> {
    let values = frame.column(name).and_then(|column| column.f64()).doing(name)?;
    Ok(values.iter().collect())
}

/// Texts of a column; null is empty.
pub(crate) fn texts(frame: &DataFrame, name: &str) -> Result<Vec<String>, ReportError> {
    let values = frame.column(name).and_then(|column| column.str()).doing(name)?;
    Ok(values.iter().map(|value| value.unwrap_or_default().to_owned()).collect())
}

/// Months of a date column.
pub(crate) fn months(frame: &DataFrame, name: &str) -> Result<Vec<Option<Month>>, ReportError> {
    let days = frame.column(name).and_then(|column| column.cast(&DataType::Int32)).doing(name)?;
    let days = days.i32().doing(name)?;
    Ok(days.iter().map(|day| day.map(Month::of_days)).collect())
}

/// Integers of a column added up by month, in the order of the months.
pub(crate) fn by_month(frame: &DataFrame, name: &str) -> Result<BTreeMap<Option<Month>, i128>, ReportError> {
    let mut sums = BTreeMap::new();
    for (month, value) in months(frame, "month")?.into_iter().zip(integers(frame, name)?) {
        *sums.entry(month).or_insert(0) += i128::from(value);
    }
    Ok(sums)
}
