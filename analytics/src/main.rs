//! `perennial-report`: the reports from a folder of facts, without AWS. For laptops, cron jobs and benchmarks.

use std::path::PathBuf;
use std::process::ExitCode;

use analytics::{AsOf, Options};
use clap::Parser;

/// MRR, churn, cohorts, lifetime value, dunning and payments from a folder of facts.
#[derive(Parser)]
#[command(name = "perennial-report", version)]
struct Arguments {
    /// Folder with events/*.parquet and customers.parquet, or a DynamoDB export at or below it.
    #[arg(long, value_name = "DIR")]
    facts: PathBuf,
    /// Folder for the reports; made if missing.
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Leave out facts after this date (to its end, UTC) or instant (RFC 3339).
    #[arg(long, value_name = "DATE")]
    as_of: Option<AsOf>,
    /// Rates: CSV or Parquet with the columns currency,rate_ppm.
    #[arg(long, value_name = "FILE")]
    fx: Option<PathBuf>,
    /// Reporting currency (ISO 4217).
    #[arg(long, default_value = "USD")]
    currency: String,
}

fn main() -> ExitCode {
    let Arguments { facts, out, as_of, fx, currency } = Arguments::parse();
    match analytics::run(&Options { facts, out, as_of, fx, currency }) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("perennial-report: {error}");
            ExitCode::FAILURE
        }
    }
}
