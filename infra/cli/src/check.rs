//! `perennial check`: do the books hold? Every invariant, over a live table or an export.
//!
//! A thin reader: what must hold is `billing::check`'s, where an item belongs is `aws`'s. Meant for every night, and for the
//! minute after something went wrong.

mod audit;
mod source;

use std::path::{Path, PathBuf};

use billing::{
    calendar::Instant,
    check::{Finding, GatewayMovement, Invariant, Moment},
};
use chrono::TimeDelta;
use strum::IntoEnumIterator;
use usecases::sandbox::{LogEntry, RefundEntry};

use crate::failure::Failure;
use audit::{Audit, Counts};
use source::Source;

/// Findings that are printed; the rest is counted.
const FINDINGS_SHOWN: usize = 50;

/// Arguments of `perennial check`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Folder with a DynamoDB export (the newest finished one is read), instead of a table.
    #[arg(long, conflicts_with_all = ["data", "table"])]
    export: Option<PathBuf>,
    /// The sandbox gateway's log (`sandbox.jsonl`), to compare what it captured and sent back with the invoices.
    #[arg(long)]
    gateway_log: Option<PathBuf>,
    /// How long after it is due something may wait for its worker.
    #[arg(long, default_value_t = 60)]
    grace_minutes: u32,
    /// Business time, as RFC 3339: what is late is judged by it. The table's test clock when absent, else now.
    #[arg(long)]
    at: Option<Instant>,
    #[command(flatten)]
    target: crate::target::Target,
}

/// Runs the command. False: something does not hold.
pub(crate) async fn run(args: Args) -> Result<bool, Failure> {
    let wall = crate::local::wall();
    let moved = args.gateway_log.as_deref().map(movements).transpose()?;
    let (source, clock, shards) = match &args.export {
        Some(folder) => (Source::export(folder)?, None, args.target.shards()),
        None => Source::table(args.target.open().await?).await?,
    };
    let grace = TimeDelta::minutes(args.grace_minutes.into());
    let now = args.at.or(clock).unwrap_or(wall.0);
    let compared = moved.is_some();
    let (findings, counts) = Audit::run(&source, (Moment { now, wall, grace }, shards), moved).await?;
    let Counts { items, subscriptions, invoices, facts } = counts;
    println!("{items} items: {subscriptions} contracts, {invoices} invoices, {facts} facts, looked at as of {now}");
    print_verdicts(&findings, compared);
    print_findings(&findings);
    Ok(findings.is_empty())
}

/// What does not hold in an export of this machine's own making, with its sandbox's money.
pub(crate) async fn own_export(
    folder: &Path,
    shards: u16,
    now: Instant,
    moved: Vec<GatewayMovement>,
) -> Result<Vec<Finding>, Failure> {
    let moment = Moment { now, wall: crate::local::wall(), grace: TimeDelta::hours(1) };
    let (findings, _) = Audit::run(&Source::export(folder)?, (moment, shards), Some(moved)).await?;
    Ok(findings)
}

/// What the sandbox captured and sent back.
fn movements(path: &Path) -> Result<Vec<GatewayMovement>, Failure> {
    let log = sandbox_gateway::read_log(path);
    let log = log.map_err(|e| Failure::because(format!("read {}", path.display()), e))?;
    let captures = log.charges.iter().filter_map(LogEntry::movement);
    Ok(captures.chain(log.refunds.iter().filter_map(RefundEntry::movement)).collect())
}

fn print_verdicts(findings: &[Finding], compared: bool) {
    for invariant in Invariant::iter() {
        let count = findings.iter().filter(|finding| finding.invariant == invariant).count();
        let verdict = match count {
            0 if invariant == Invariant::Gateway && !compared => "not compared (--gateway-log)".into(),
            0 => "holds".into(),
            1 => "1 finding".into(),
            many => format!("{many} findings"),
        };
        println!("  {:<62} {verdict}", invariant.says());
    }
}

/// Prints what does not hold, one a line.
pub(crate) fn print_findings(findings: &[Finding]) {
    for finding in findings.iter().take(FINDINGS_SHOWN) {
        println!("{} {}: {}", finding.invariant, finding.item, finding.detail);
    }
    if findings.len() > FINDINGS_SHOWN {
        println!("... and {} more", findings.len() - FINDINGS_SHOWN);
    }
}
