//! Cubes as Polars frames: codes become text, month numbers become dates.

use polars::prelude::*;

use super::customers::Segments;
use super::invoices::Invoices;
use super::ledger::{Ledger, Movement};
use super::money::Money;
use super::{Cubes, Customers, Seen};
use crate::calendar::{Month, months_between};
use crate::error::{Doing, ReportError};

/// Everything as lazy frames.
pub(crate) fn frames(
    ledger: &Ledger,
    money: &Money,
    invoices: &Invoices,
    (customers, segments): (&Customers, &Segments),
    seen: Seen,
) -> Result<Cubes, ReportError> {
    let doing = "building the cubes";
    let first = seen.first_month.unwrap_or_else(|| Month::of_micros(seen.first_instant));
    let last_change = seen.last_change.unwrap_or(first);
    let last = Month::of_micros(seen.as_of).max(first);
    Ok(Cubes {
        movements: dated(movements(ledger, customers).doing(doing)?, &["month"]),
        held: dated(held(ledger).doing(doing)?, &["month"]),
        cohorts: dated(cohorts(ledger, money, (customers, segments)).doing(doing)?, &["cohort", "month"]),
        money: dated(money_frame(money, customers).doing(doing)?, &["month"]),
        invoices: dated(invoice_frame(invoices, customers).doing(doing)?, &["month"]),
        months: dated(spine(first, last_change, seen.as_of).doing(doing)?, &["month"]).drop(cols(["complete"])),
        calendar: dated(spine(first, last, seen.as_of).doing(doing)?, &["month"]),
        seen,
    })
}

/// Days since 1970 as dates.
fn dated(frame: DataFrame, names: &[&str]) -> LazyFrame {
    frame.lazy().with_columns(names.iter().map(|name| col(*name).cast(DataType::Date)).collect::<Vec<_>>())
}

fn movements(ledger: &Ledger, customers: &Customers) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = ledger.movements.iter().collect();
    let number =
        |get: fn(&super::ledger::MovementSums) -> i64| rows.iter().map(|(_, sums)| get(sums)).collect::<Vec<i64>>();
    df!(
        "month" => rows.iter().map(|(key, _)| key.month.first_day()).collect::<Vec<_>>(),
        "event_type" => rows.iter().map(|(key, _)| key.event_type.to_string()).collect::<Vec<_>>(),
        "movement" => rows.iter().map(|(key, _)| key.movement.map(Movement::name)).collect::<Vec<_>>(),
        "plan" => rows.iter().map(|(key, _)| ledger.plans.word(key.plan)).collect::<Vec<_>>(),
        "from_plan" => rows.iter().map(|(key, _)| ledger.plans.word(key.from_plan)).collect::<Vec<_>>(),
        "channel" => rows.iter().map(|(key, _)| customers.channel_name(key.channel)).collect::<Vec<_>>(),
        "reason" => rows.iter().map(|(key, _)| ledger.reasons.word(key.reason)).collect::<Vec<_>>(),
        "n" => number(|sums| sums.n),
        "delta_mrr12" => number(|sums| sums.delta),
        "moved_mrr12" => number(|sums| sums.moved),
        "subscriptions" => number(|sums| sums.subscriptions),
        "moved_subscriptions" => number(|sums| sums.moved_subscriptions),
    )
}

fn held(ledger: &Ledger) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = ledger.held.iter().collect();
    df!(
        "month" => rows.iter().map(|(key, _)| key.month.first_day()).collect::<Vec<_>>(),
        "movement" => rows.iter().map(|(key, _)| key.movement.name()).collect::<Vec<_>>(),
        "event_type" => rows.iter().map(|(key, _)| key.event_type.to_string()).collect::<Vec<_>>(),
        "reason" => rows.iter().map(|(key, _)| ledger.reasons.word(key.reason)).collect::<Vec<_>>(),
        "n" => rows.iter().map(|(_, sums)| sums.0).collect::<Vec<_>>(),
        "delta_mrr12" => rows.iter().map(|(_, sums)| sums.1).collect::<Vec<_>>(),
    )
}

/// One row of the cohort frame, whether it comes from the ledger or from the money.
struct CohortRow<'a> {
    cohort: i32,
    month: i32,
    plan: Option<&'a str>,
    channel: &'a str,
    /// Customers begun, change of active ones, churns, change of run-rate, collected, captured.
    values: [i64; 6],
}

fn cohorts(ledger: &Ledger, money: &Money, (customers, segments): (&Customers, &Segments)) -> PolarsResult<DataFrame> {
    let mut rows: Vec<CohortRow<'_>> = Vec::new();
    for (key, sums) in &ledger.cohorts {
        rows.push(CohortRow {
            cohort: key.birth.month.first_day(),
            month: key.month.first_day(),
            plan: ledger.plans.word(key.birth.plan),
            channel: customers.channel_name(key.channel),
            values: [sums.customers, sums.active, sums.churns, sums.delta, 0, 0],
        });
    }
    for ((segment, month), (collected, captured)) in &money.collected {
        let segment = segments.list()[*segment as usize];
        let Some(birth) = segment.birth else { continue };
        rows.push(CohortRow {
            cohort: birth.month.first_day(),
            month: month.first_day(),
            plan: ledger.plans.word(birth.plan),
            channel: customers.channel_name(segment.channel),
            values: [0, 0, 0, 0, *collected, *captured],
        });
    }
    let value = |i: usize| rows.iter().map(|row| row.values[i]).collect::<Vec<_>>();
    df!(
        "cohort" => rows.iter().map(|row| row.cohort).collect::<Vec<_>>(),
        "month" => rows.iter().map(|row| row.month).collect::<Vec<_>>(),
        "plan" => rows.iter().map(|row| row.plan).collect::<Vec<_>>(),
        "channel" => rows.iter().map(|row| row.channel).collect::<Vec<_>>(),
        "customers" => value(0),
        "active" => value(1),
        "churns" => value(2),
        "delta_mrr12" => value(3),
        "collected_minor" => value(4),
        "captured_minor" => value(5),
    )
}

fn money_frame(money: &Money, customers: &Customers) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = money.cube.iter().collect();
    let detail = |i: usize| rows.iter().map(|(key, _)| key.4[i].as_deref()).collect::<Vec<_>>();
    df!(
        "month" => rows.iter().map(|(key, _)| key.0.first_day()).collect::<Vec<_>>(),
        "channel" => rows.iter().map(|(key, _)| customers.channel_name(key.1)).collect::<Vec<_>>(),
        "event_type" => rows.iter().map(|(key, _)| key.2.as_str()).collect::<Vec<_>>(),
        "attempt" => rows.iter().map(|(key, _)| i64::from(key.3)).collect::<Vec<_>>(),
        "code" => detail(0),
        "gateway" => detail(1),
        "method" => detail(2),
        "n" => rows.iter().map(|(_, sums)| sums.0).collect::<Vec<_>>(),
        "amount_minor" => rows.iter().map(|(_, sums)| sums.1).collect::<Vec<_>>(),
    )
}

fn invoice_frame(invoices: &Invoices, customers: &Customers) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = invoices.cube.iter().collect();
    df!(
        "month" => rows.iter().map(|(key, _)| key.month.map(Month::first_day)).collect::<Vec<_>>(),
        "channel" => rows.iter().map(|(key, _)| customers.channel_name(key.channel)).collect::<Vec<_>>(),
        "code" => rows.iter().map(|(key, _)| invoices.codes.word(key.code)).collect::<Vec<_>>(),
        "attempts" => rows.iter().map(|(key, _)| key.attempts).collect::<Vec<_>>(),
        "recovered_attempt" => rows.iter().map(|(key, _)| key.recovered_attempt).collect::<Vec<_>>(),
        "invoices" => rows.iter().map(|(_, sums)| sums.invoices).collect::<Vec<_>>(),
        "amount_minor" => rows.iter().map(|(_, sums)| sums.amount).collect::<Vec<_>>(),
        "recovery_micros" => rows.iter().map(|(_, sums)| sums.recovery_micros).collect::<Vec<_>>(),
    )
}

/// Months with their ordinal; a month is complete when its last instant is not after the date of the reports.
fn spine(first: Month, last: Month, as_of: i64) -> PolarsResult<DataFrame> {
    let months: Vec<Month> = months_between(first, last).collect();
    df!(
        "month" => months.iter().map(|month| month.first_day()).collect::<Vec<_>>(),
        "i" => months.iter().map(|month| i64::from(month.0 - first.0)).collect::<Vec<_>>(),
        "complete" => months.iter().map(|month| month.next().first_instant() - 1 <= as_of).collect::<Vec<_>>(),
    )
}
