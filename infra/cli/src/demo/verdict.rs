//! The demo's last word: ten figures, and whether an independent recount confirms them.

use std::sync::Arc;

use analytics::{Figures, Ratio, Summary};
use billing::{
    calendar::WallTime,
    check::{Finding, Invariant},
};
use strum::IntoEnumIterator;

use super::{
    perform::{customer_id, subscription_body},
    recount::{Recount, recount},
    script::Line,
    telco::Row,
};
use crate::{check::print_findings, export::Exported, failure::Failure, local::Local};

/// When the parts of the run ended.
pub(crate) struct Timing {
    /// The start.
    pub began: WallTime,
    /// The record was complete.
    pub lived: WallTime,
    /// The reports were written.
    pub ended: WallTime,
}

/// One comparison.
struct Check {
    what: &'static str,
    ours: String,
    recounted: String,
}

/// All comparisons.
pub(crate) struct Verdict {
    checks: Vec<Check>,
    /// What does not hold in the record.
    books: Vec<Finding>,
    involuntary: i64,
    renewals: u64,
    events: usize,
}

/// Compares the reports with the recount, and the ledger with the gateway.
pub(crate) fn check(
    local: &Local,
    rows: &[Row],
    lines: &[Line],
    figures: &Figures,
    ledger: &Ledger,
    books: Vec<Finding>,
) -> Verdict {
    let log = local.gateway_log();
    let expected = recount(rows, lines, &log, subscription_body);
    let checks = comparisons(figures, &expected, ledger, local);
    let (involuntary, renewals, events) = (expected.involuntary, ledger.renewals, local.announced());
    Verdict { checks, books, involuntary, renewals, events }
}

/// Sums of our own facts.
#[derive(Default)]
pub(crate) struct Ledger {
    collected_minor: i64,
    renewals: u64,
    facts: usize,
}

/// Reads every customer's file.
pub(crate) async fn ledger(local: Arc<Local>, rows: Arc<Vec<Row>>) -> Result<Ledger, Failure> {
    let mut sum = Ledger::default();
    for row in rows.iter() {
        let id =
            billing::ids::CustomerId::try_new(customer_id(row)).map_err(|e| Failure::because("name a customer", e))?;
        let file = local.store().file(&id).await.map_err(|e| Failure::because("read a customer", e))?;
        let Some(file) = file else { continue };
        let on_invoices = file.invoices.iter().flat_map(|i| &i.value.facts);
        for fact in on_invoices.chain(file.journal.iter().flat_map(|j| &j.facts)) {
            sum.facts += 1;
            if fact.what.event_type.is_receipt() {
                sum.collected_minor += fact.what.amount_minor;
            }
        }
        sum.renewals += file.invoices.len() as u64;
    }
    Ok(sum)
}

fn comparisons(figures: &Figures, expected: &Recount, ledger: &Ledger, local: &Local) -> Vec<Check> {
    let of = |r: Ratio| format!("{} of {}", r.numerator, r.denominator);
    let cents = |minor: i64| rust_decimal::Decimal::new(minor, 2).to_string();
    let mrr = figures.mrr().rounded().and_then(|minor| i64::try_from(minor).ok()).map_or_else(String::new, cents);
    let (first, first_ok) = expected.first_attempts;
    let (failed, recovered) = expected.failed_recovered;
    let check = |what, ours: String, recounted: String| Check { what, ours, recounted };
    vec![
        check("customers", figures.customers.to_string(), expected.customers.to_string()),
        check("active", figures.active.to_string(), expected.active.to_string()),
        check("MRR", mrr, cents(expected.mrr_minor)),
        check("first attempts paid", of(figures.first_attempt_success), format!("{first_ok} of {first}")),
        check("recovered invoices", of(figures.recovered), format!("{recovered} of {failed}")),
        check("money collected", cents(ledger.collected_minor), cents(expected.collected_minor)),
        check("captured twice", "0".into(), expected.captured_twice.to_string()),
        check("messages set aside", local.dead_letters().to_string(), "0".into()),
        check("events announced", local.announced().to_string(), ledger.facts.to_string()),
    ]
}

impl Check {
    fn holds(&self) -> bool {
        self.ours == self.recounted
    }
}

impl Verdict {
    /// Whether everything agrees.
    pub(crate) fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds) && self.books.is_empty()
    }

    /// Prints figures, recount, places and timing.
    pub(crate) fn print(&self, reported: &Summary, exported: &Exported, timing: &Timing) {
        println!("\n{}", reported.figures);
        println!("Recounted from the script and the gateway's log ({} ended unpaid):", self.involuntary);
        for c in &self.checks {
            let mark = if c.holds() { "ok" } else { "DIFFERS" };
            println!("  {mark:<8}{:<22}{:>18}{:>18}", c.what, c.ours, c.recounted);
        }
        let failed = reported.checks.iter().filter(|c| !c.passed).count();
        println!("\n{} of {} checks of the reports passed.", reported.checks.len() - failed, reported.checks.len());
        let of = Invariant::iter().count();
        let broken = Invariant::iter().filter(|i| self.books.iter().any(|found| found.invariant == *i)).count();
        println!("{} of {of} invariants hold in the record (perennial check).", of - broken);
        print_findings(&self.books);
        let seconds = |from: WallTime, to: WallTime| (to.0 - from.0).num_milliseconds().max(1);
        let (lived, all) = (seconds(timing.began, timing.lived), seconds(timing.began, timing.ended));
        let rate = self.renewals * 1_000 / u64::try_from(lived).unwrap_or(1);
        println!(
            "{} invoices in {}.{:01} s ({rate} a second), {} events announced, {} items exported to {}; {}.{:01} s in all.",
            self.renewals,
            lived / 1000,
            lived % 1000 / 100,
            self.events,
            exported.items,
            exported.folder.display(),
            all / 1000,
            all % 1000 / 100,
        );
        println!("Report: {}", reported.report.display());
    }
}
