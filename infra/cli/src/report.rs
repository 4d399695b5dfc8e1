//! `perennial report`: facts to reports.

use std::path::{Path, PathBuf};

use analytics::{AsOf, Options, Summary};
use billing::calendar::Instant;

use crate::failure::Failure;

/// Arguments of `perennial report`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Folder with facts: Parquet (`events/`, `customers.parquet`) or a DynamoDB export.
    #[arg(long)]
    facts: PathBuf,
    /// Folder for the reports.
    #[arg(long)]
    out: PathBuf,
    /// Report as of this date (to its end, UTC) or RFC 3339 instant; the last fact when absent.
    #[arg(long)]
    as_of: Option<AsOf>,
    /// Rates, as CSV or Parquet with `currency, rate_ppm`.
    #[arg(long)]
    fx: Option<PathBuf>,
    /// Reporting currency.
    #[arg(long, default_value = "USD")]
    currency: String,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let Args { facts, out, as_of, fx, currency } = args;
    let options = Options { as_of, fx, currency, ..Options::new(facts, out) };
    let summary = analytics::run(&options).map_err(|e| Failure::because("write the reports", e))?;
    print(&summary);
    Ok(())
}

fn print(summary: &Summary) {
    println!("{}", summary.figures);
    for check in summary.checks.iter().filter(|c| !c.passed) {
        println!("check failed: {check:?}");
    }
    println!("{} facts, {} checks, as of {}", summary.facts, summary.checks.len(), summary.as_of);
    println!("Report: {}", summary.report.display());
}

/// Writes the reports of `facts` as of the last microsecond before `end`.
pub(crate) fn write(facts: &Path, out: &Path, end: Instant) -> Result<Summary, Failure> {
    let mut options = Options::new(facts, out);
    options.as_of = Some(AsOf::from_micros(end.timestamp_micros() - 1));
    analytics::run(&options).map_err(|e| Failure::because("write the reports", e))
}
