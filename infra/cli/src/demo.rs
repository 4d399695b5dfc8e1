//! `perennial demo`: real customers through the whole product, checked by an independent recount.
//!
//! Exists so that a stranger sees, within minutes and without an account, what the system does and that it is right.

mod perform;
mod recount;
mod script;
mod telco;
mod verdict;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use billing::customer::ContractPrice;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    catalog, check, export,
    failure::Failure,
    local::{Local, Settings},
    report,
};
use script::{Line, Mood};
use telco::Row;
use usecases::sandbox::LogEntry;

/// Arguments of `perennial demo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many customers of the sample (at most 7043).
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=7_043))]
    customers: u32,
    /// Exactly the sample: nobody declines, changes, rests or pays late; MRR must equal the input to the cent.
    #[arg(long)]
    faithful: bool,
    /// Seed of declines, changes and pauses.
    #[arg(long, default_value_t = 1, conflicts_with = "faithful")]
    seed: u64,
    /// Folder for the table, the export and the reports; a demo of an earlier run there is replaced.
    #[arg(long, default_value = "perennial-demo")]
    out: PathBuf,
}

/// First attempts and later attempts that the sandbox declines, of 1,000.
const DECLINES_PER_MILLE: (u32, u32) = (25, 400);

/// Shards of the due index: one process sweeps them all.
const SHARDS: u16 = 1;

/// Lines of the script between two readings of the stream.
const LINES_PER_RELAY: usize = 100;

/// Customers who do something at the same time.
const AT_ONCE: usize = 4;

/// Runs the demo.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let began = crate::local::wall();
    let sample = telco::rows().map_err(|e| Failure::because("read the sample", e))?;
    let rows = telco::spread(&sample, args.customers as usize);
    let mood = if args.faithful { Mood::Faithful } else { Mood::Lively { seed: args.seed } };
    let lines = script::write(&rows, mood);
    fresh_folder(&args.out)?;
    let declines = (!args.faithful).then_some((args.seed, DECLINES_PER_MILLE));
    let settings =
        Settings { data: args.out.join("data"), shards: SHARDS, declines, disposable: true, webhook_url: None };
    let local = Arc::new(Local::open(settings).await?);
    agree(&local, &rows).await?;
    let (rows, lines) = (Arc::new(rows), Arc::new(lines));
    play(&local, &rows, &lines).await?;
    let lived = crate::local::wall();
    let counting = tokio::spawn(verdict::ledger(local.clone(), rows.clone()));
    let exported = export::export(local.client(), crate::local::TABLE, &args.out.join("export"), lived).await?;
    let reported = report::write(&args.out.join("export"), &args.out.join("reports"), script::snapshot())?;
    let ledger = joined(counting.await)?;
    let moved = local.gateway_log().iter().filter_map(LogEntry::movement).collect();
    let books = check::own_export(&exported.folder, SHARDS, script::snapshot(), moved).await?;
    let verdict = verdict::check(&local, &rows, &lines, &reported.figures, &ledger, books);
    let timing = verdict::Timing { began, lived, ended: crate::local::wall() };
    verdict.print(&reported, &exported, &timing);
    if verdict.holds() {
        Ok(())
    } else {
        Err(Failure::because("confirm the figures", "the recount differs, see above"))
    }
}

/// A folder of our own: a demo of an earlier run is removed, anything else is left alone.
fn fresh_folder(out: &Path) -> Result<(), Failure> {
    let mark = out.join(".perennial-demo");
    if out.exists() {
        let empty = out.read_dir().map_err(|e| Failure::io("look into", out, e))?.next().is_none();
        if !mark.exists() && !empty {
            let why = "it exists and is not a demo's folder; choose another with --out";
            return Err(Failure::because(format!("use {}", out.display()), why));
        }
        std::fs::remove_dir_all(out).map_err(|e| Failure::io("replace", out, e))?;
    }
    std::fs::create_dir_all(out.join("data")).map_err(|e| Failure::io("create", out, e))?;
    std::fs::write(&mark, "made by perennial demo\n").map_err(|e| Failure::io("write", &mark, e))
}

/// Publishes the catalog and agrees with every customer on the price of the sample.
async fn agree(local: &Local, rows: &[Row]) -> Result<(), Failure> {
    let catalog = catalog::parse(catalog::STARTER)?;
    catalog::publish(local.store(), &catalog).await?;
    let contracts = rows.iter().map(contract_price).collect::<Result<Vec<_>, _>>()?;
    let agreed = usecases::publish::agree_on_prices(local.store(), &contracts).await;
    agreed.map_err(|e| Failure::because("agree on the prices of the sample", e))
}

fn contract_price(row: &Row) -> Result<ContractPrice, Failure> {
    let amount = rust_decimal::Decimal::new(row.price_minor, 2);
    let text = serde_json::json!({
        "customer": perform::customer_id(row), "plan": row.plan,
        "price": { "currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": amount.to_string() },
    });
    serde_json::from_value(text).map_err(|e| Failure::because("write a contract price", e))
}

/// Steps the test clock through the script, and does what its lines say at their instants. Now and then the stream is
/// read beside it, so that it stays short.
async fn play(local: &Arc<Local>, rows: &Arc<Vec<Row>>, lines: &Arc<Vec<Line>>) -> Result<(), Failure> {
    let bar = ProgressBar::new(lines.len() as u64);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %  {elapsed} (left: {eta})");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    local.begin_at(lines.first().map_or_else(script::snapshot, |line| line.at));
    let (mut done, mut relaying) = (0, None);
    for together in lines.chunk_by(|a, b| a.at == b.at) {
        local.step_to(together[0].at).await?;
        perform_all(local, rows, lines, done..done + together.len()).await?;
        done += together.len();
        bar.set_message(together[0].at.format("%Y-%m").to_string());
        bar.inc(together.len() as u64);
        if done / LINES_PER_RELAY > (done - together.len()) / LINES_PER_RELAY {
            relaying = Some(relay_beside(local, relaying).await?);
        }
    }
    local.advance_to(script::snapshot()).await?;
    if let Some(running) = relaying {
        joined(running.await)?;
    }
    local.relay().await?;
    bar.finish_and_clear();
    Ok(())
}

/// Reads the stream beside the work, as its event sources do; a reader that is not done yet goes on.
async fn relay_beside(local: &Arc<Local>, running: Option<Relaying>) -> Result<Relaying, Failure> {
    match running {
        Some(running) if !running.is_finished() => return Ok(running),
        Some(done) => joined(done.await)?,
        None => {}
    }
    let local = local.clone();
    Ok(tokio::spawn(async move { local.relay().await }))
}

/// A reader of the stream.
type Relaying = tokio::task::JoinHandle<Result<(), Failure>>;

/// Does what the lines of `range` say, [`AT_ONCE`] side by side: they are of one instant.
async fn perform_all(
    local: &Arc<Local>,
    rows: &Arc<Vec<Row>>,
    lines: &Arc<Vec<Line>>,
    range: std::ops::Range<usize>,
) -> Result<(), Failure> {
    let mut running = tokio::task::JoinSet::new();
    for i in range {
        if running.len() == AT_ONCE {
            running.join_next().await.map_or(Ok(()), joined)?;
        }
        let (local, rows, lines) = (local.clone(), rows.clone(), lines.clone());
        running.spawn(async move { perform::perform(&local, &rows[lines[i].row], &lines[i]).await });
    }
    while let Some(done) = running.join_next().await {
        joined(done)?;
    }
    Ok(())
}

fn joined<T>(done: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Failure> {
    done.map_err(|e| Failure::because("finish a task", e))?
}
