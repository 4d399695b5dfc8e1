//! `perennial`: the command for merchants and developers.
//!
//! A thin table of subcommands; what each does stands in the file of its name.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]

mod calc;
mod catalog;
mod check;
mod clock;
mod demo;
mod explain;
mod export;
mod failure;
mod keys;
mod local;
mod prices;
mod report;
mod serve;
mod target;

use clap::{Parser, Subcommand};

/// The demo and the reports make and drop millions of small values; this allocator takes a third less time for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Subscription management that scales to zero.
#[derive(Parser, Debug)]
#[command(name = "perennial", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Replay real customers through the whole product, and check the reports.
    Demo(demo::Args),
    /// Run the functions on one localhost port, over a file.
    Serve(serve::Args),
    /// Turn facts (Parquet or an export) into reports.
    Report(report::Args),
    /// Write a table as DynamoDB's export does.
    Export(export::Args),
    /// Check that the books hold: nothing charged twice, no renewal lost, sums, numbers, the due index.
    ///
    /// Ends with exit code 1 when something does not hold, and says what.
    Check(check::Args),
    /// Say why an invoice has its amount.
    Explain(explain::Args),
    /// Ask the rules: what a price, a change, an invoice comes to, and when.
    ///
    /// One JSON question a line in, one JSON answer a line out. Questions come from files or from standard input; blank
    /// lines are skipped. A question that cannot be answered ends the run with exit code 2, after the answers to those
    /// before it.
    ///
    ///     perennial calc prorate --example | head -n 1 | perennial calc prorate
    #[command(verbatim_doc_comment)]
    Calc(calc::Args),
    /// Check and publish a catalog.
    #[command(subcommand)]
    Catalog(catalog::Command),
    /// Agree on prices with customers, show and withdraw them.
    #[command(subcommand)]
    Prices(prices::Command),
    /// Give a storefront a key.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Show or move the test clock of a running `perennial serve`.
    Clock(clock::Args),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Report(args) => report::run(args),
        Command::Export(args) => export::run(args).await,
        Command::Check(args) => match check::run(args).await {
            Ok(true) => Ok(()),
            Ok(false) => return std::process::ExitCode::FAILURE,
            Err(failure) => Err(failure),
        },
        Command::Explain(args) => explain::run(args).await,
        // What is wrong with a question is said on the spot; it is bad usage, as an unknown option is.
        Command::Calc(args) => match calc::run(args) {
            Ok(true) => Ok(()),
            Ok(false) => return std::process::ExitCode::from(2),
            Err(failure) => Err(failure),
        },
        Command::Catalog(command) => catalog::run(command).await,
        Command::Prices(command) => prices::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Clock(args) => clock::run(args).await,
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            std::process::ExitCode::FAILURE
        }
    }
}
