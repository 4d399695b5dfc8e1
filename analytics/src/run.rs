//! One run: facts in, checked reports out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::checks::{self, Check};
use crate::cube::{self, Cubes};
use crate::error::{At, ReportError};
use crate::figures::Figures;
use crate::html;
use crate::input::{self, Input, Rates, Source};
use crate::manifest::Manifest;
use crate::options::{AsOf, Options};
use crate::scan::FactFiles;
use crate::tables::Tables;
use crate::write::{self, Reader};

/// What a run made.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The ten headline figures.
    pub figures: Figures,
    /// The instant of the reports.
    pub as_of: AsOf,
    /// What was read.
    pub input: Input,
    /// Facts up to `as_of`.
    pub facts: u64,
    /// All checks; gates have passed, or there would be no summary.
    pub checks: Vec<Check>,
    /// The files written, with their rows.
    pub files: Vec<Written>,
    /// The report to open.
    pub report: PathBuf,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Its path below the folder of the run, with `/`.
    pub path: String,
    /// Rows without the header; `None` for what has no rows.
    pub rows: Option<u64>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} facts up to {}", crate::format::thousands(self.facts.into()), self.as_of)?;
        write!(f, "{}", self.figures)?;
        let failed: Vec<&Check> = self.checks.iter().filter(|check| !check.passed).collect();
        writeln!(f, "{} checks passed, {} notices", self.checks.len() - failed.len(), failed.len())?;
        for check in failed {
            writeln!(f, "  not so: {} ({})", check.name, check.detail)?;
        }
        write!(f, "{} files; open {}", self.files.len(), self.report.display())
    }
}

/// Makes all reports of `options.facts` in `options.out`. Nothing is printed.
///
/// # Errors
/// If the facts cannot be read, a currency has no rate, or the figures contradict each other. The error says what to do.
pub fn run(options: &Options) -> Result<Summary, ReportError> {
    let out = &options.out;
    std::fs::create_dir_all(out.join("bench")).at(out)?;
    let source = input::open(&options.facts, out)?;
    let rates = rates(options, &source)?;
    let cubes = cube::build(&source, &rates, options.as_of.map(AsOf::micros))?;
    let mut tables = Tables::compute(&cubes, &rates.reporting)?;
    let checks = checks::all(&tables, &cubes.seen, &source.input)?;
    let failures = checks::failures(&checks);
    if !failures.is_empty() {
        return Err(ReportError::Checks(failures));
    }
    let figures = Figures::of(&tables, &rates.reporting)?;
    let page = html::page(&tables, &figures, &checks, &cubes.seen, &source.input)?;
    let files = write_all(&mut tables, &page, out, &source)?;
    let made =
        Made { source: &source, rates: &rates, cubes: &cubes, figures: &figures, checks: &checks, files: &files };
    made.manifest().write(&out.join("manifest.json"))?;
    Ok(Summary {
        figures,
        as_of: AsOf::from_micros(cubes.seen.as_of),
        facts: cubes.seen.facts,
        input: source.input,
        checks,
        files,
        report: out.join("report.html"),
    })
}

fn rates(options: &Options, source: &Source) -> Result<Rates, ReportError> {
    match options.fx.as_ref().or(source.rates.as_ref()) {
        Some(path) => Rates::read(path, &options.currency),
        None => Rates::of_facts(&FactFiles::open(&source.facts, options.as_of.map(AsOf::micros))?, &options.currency),
    }
}

fn write_all(tables: &mut Tables, page: &str, out: &Path, source: &Source) -> Result<Vec<Written>, ReportError> {
    let mut files = Vec::new();
    let mut note = |path: String, rows: Option<usize>| files.push(Written { path, rows: rows.map(|rows| rows as u64) });
    for (report, frame) in tables.reports_mut() {
        let name = format!("bench/{}.csv", report.name());
        write::csv(frame, &out.join(&name), Reader::Machine)?;
        note(name, Some(frame.height()));
    }
    for (mart, frame) in tables.marts_mut() {
        let (csv, parquet) = (format!("{}.csv", mart.name()), format!("{}.parquet", mart.name()));
        write::csv(frame, &out.join(&csv), Reader::Spreadsheet)?;
        write::parquet(frame, &out.join(&parquet))?;
        note(csv, Some(frame.height()));
        note(parquet, Some(frame.height()));
    }
    if let Input::Export { facts, profiles, .. } = &source.input {
        note("facts.parquet".to_owned(), usize::try_from(*facts).ok());
        note("customers.parquet".to_owned(), usize::try_from(*profiles).ok());
    }
    write::text(page, &out.join("report.html"))?;
    note("report.html".to_owned(), None);
    note("manifest.json".to_owned(), None);
    Ok(files)
}

/// Everything the manifest speaks of.
struct Made<'a> {
    source: &'a Source,
    rates: &'a Rates,
    cubes: &'a Cubes,
    figures: &'a Figures,
    checks: &'a [Check],
    files: &'a [Written],
}

impl<'a> Made<'a> {
    fn manifest(&self) -> Manifest<'a> {
        let seen = &self.cubes.seen;
        Manifest {
            version: env!("CARGO_PKG_VERSION"),
            input: &self.source.input,
            facts_in_input: seen.facts_in_input,
            facts: seen.facts,
            state_changes: seen.state_changes,
            customers_with_profile: seen.customers,
            first_fact: AsOf::from_micros(seen.first_instant).to_string(),
            as_of: AsOf::from_micros(seen.as_of).to_string(),
            rates: self.rates,
            figures: self.figures,
            checks: self.checks,
            files: self.files,
        }
    }
}
