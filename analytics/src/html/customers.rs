//! Customers won and lost, churn rates, cohorts and lifetime value.

use std::collections::BTreeMap;

use super::chart::{Lines, Rank, Ranks, StackedBars};
use super::view::{Cell, Chart, Columns, Section, Table, mrr, rate_label, rate_text, whole};
use crate::calendar::Month;
use crate::error::ReportError;
use crate::format::{amount, short, thousands};
use crate::marts::Mart;
use crate::tables::{Tables, doubles, integers, months, texts};

/// New against churned.
pub(crate) fn customers(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let columns = Columns { frame: tables.mart(Mart::ChurnMonthly)?, currency };
    let part = |name: &str, class, column: &str, sign| {
        Ok::<_, ReportError>(columns.series(name, class, columns.counts(column, sign)?))
    };
    let mut series = vec![
        part("New", "c1", "customers_new", 1.0)?,
        part("Reactivated", "c2", "customers_reactivated", 1.0)?,
        part("Churned, voluntary", "c5", "churned_voluntary", -1.0)?,
        part("Churned, involuntary", "c4", "churned_involuntary", -1.0)?,
        part("Paused", "muted", "churned_pause", -1.0)?,
    ];
    let other = part("Churned, other reasons", "c6", "churned_other", -1.0)?;
    if other.values.iter().flatten().any(|value| *value != 0.0) {
        series.push(other);
    }
    let label = "Stacked bars by month: new and reactivated customers upwards, churned customers by reason downwards."
        .to_owned();
    let chart = StackedBars { label, series, format: short, counts: true };
    let names = [
        "month",
        "customers_start",
        "customers_new",
        "customers_reactivated",
        "churned_voluntary",
        "churned_involuntary",
        "churned_pause",
        "churned_other",
        "customers_end",
    ];
    let head = ["Month", "Start", "New", "Reactivated", "Voluntary", "Involuntary", "Paused", "Other", "End"];
    Ok(Section {
        id: "customers",
        title: "Customers won and lost",
        lead: "Customers whose total goes above zero or back to zero. A pause takes a customer out and the resumption brings it back; both are shown apart.".to_owned(),
        charts: vec![Chart::bars("", &chart, &columns.months()?)],
        tables: vec![Table::new("Customers by month", &head, columns.rows(&names)?)],
    })
}

/// Churn rates.
pub(crate) fn churn(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let columns = Columns { frame: tables.mart(Mart::ChurnMonthly)?, currency };
    let line =
        |name: &str, class, column: &str| Ok::<_, ReportError>(columns.series(name, class, columns.rates(column)?));
    let rates = vec![
        line("Customers", "c5", "customer_churn_rate")?,
        line("Customers, without pauses", "c4", "customer_churn_rate_excl_pause")?,
        line("Revenue, gross", "c1", "gross_mrr_churn_rate")?,
        line("Revenue, gross, without pauses", "c6", "gross_mrr_churn_rate_excl_pause")?,
    ];
    let label = "Lines by month: churn rate of customers and of run-rate, each with and without pauses.".to_owned();
    let chart = Lines { label, series: rates, format: rate_label, second: None, from_zero: true };
    let names = [
        "month",
        "customer_churn_rate",
        "customer_churn_rate_excl_pause",
        "gross_mrr_churn_rate",
        "gross_mrr_churn_rate_excl_pause",
        "net_mrr_churn_rate",
        "net_mrr_churn_rate_excl_pause",
        "involuntary_share",
    ];
    let head = [
        "Month",
        "Customers",
        "without pauses",
        "Revenue, gross",
        "without pauses",
        "Revenue, net",
        "without pauses",
        "Involuntary share",
    ];
    Ok(Section {
        id: "churn",
        title: "Churn rates",
        lead: "Lost in the month per what was there at its start. Gross revenue churn counts churn and contraction; net takes expansion and reactivation off. Without pauses, a paused subscription counts on until it is resumed or cancelled.".to_owned(),
        charts: vec![Chart::lines("", &chart, &columns.months()?)],
        tables: vec![Table::new("Churn rates by month", &head, columns.rows(&names)?)],
    })
}

/// Cohorts and ages shown; all of them are in the file.
const SHOWN: i32 = 24;

/// One cohort while its ages go by.
struct Cohort {
    size: i64,
    cells: Vec<Cell>,
}

/// The heat map of cohorts.
pub(crate) fn cohorts(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let frame = tables.mart(Mart::CohortRetention)?;
    let names = months(frame, "cohort")?;
    let last = names.iter().flatten().max().copied().unwrap_or(Month(0));
    let tables = [("customers", "retention", "customers"), ("run-rate", "revenue_retention", "mrr12")]
        .into_iter()
        .map(|(what, rate, value)| heat_map(frame, &names, last, (what, rate, value), currency))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Section {
        id: "cohorts",
        title: "Cohort retention",
        lead: format!(
            "Customers by the month of their first payment, and what was left at the end of each later month, in percent. Age 0 is the end of the first \
             month. The latest {SHOWN} cohorts and ages are shown; cohort_retention.csv has all of them."
        ),
        charts: Vec::new(),
        tables,
    })
}

fn heat_map(
    frame: &polars::prelude::DataFrame,
    names: &[Option<Month>],
    last: Month,
    (what, rate, value): (&str, &str, &str),
    currency: &str,
) -> Result<Table, ReportError> {
    let (ages, rates) = (integers(frame, "age")?, doubles(frame, rate)?);
    let (values, sizes) = (integers(frame, value)?, integers(frame, "cohort_size")?);
    let mut rows: BTreeMap<Month, Cohort> = BTreeMap::new();
    for row in 0..ages.len() {
        let Some(cohort) = names[row].filter(|cohort| cohort.0 > last.0 - SHOWN && ages[row] <= i64::from(SHOWN))
        else {
            continue;
        };
        let shown = if value == "mrr12" {
            format!("MRR {currency} {}", mrr(values[row], currency))
        } else {
            format!("{} customers", thousands(values[row].into()))
        };
        let title = format!("{cohort}, age {}: {shown}, {}", ages[row], rate_text(rates[row]));
        let cell = Cell {
            title,
            heat: rates[row].map(heat),
            ..Cell::new(rates[row].map_or_else(|| "–".to_owned(), |rate| format!("{:.0}", rate * 100.0)))
        };
        rows.entry(cohort).or_insert(Cohort { size: sizes[row], cells: Vec::new() }).cells.push(cell);
    }
    let widest = rows.values().map(|cohort| cohort.cells.len()).max().unwrap_or(0);
    let head: Vec<String> =
        ["Cohort".to_owned(), "Size".to_owned()].into_iter().chain((0..widest).map(|age| age.to_string())).collect();
    let rows = rows.into_iter().map(|(cohort, Cohort { size, cells })| {
        let size = Cell { class: "size", ..Cell::new(thousands(size.into())) };
        [vec![Cell::new(cohort.to_string()), size], cells].concat()
    });
    let caption = format!("Percent of the cohort's {what} left, by age in months");
    let table = Table::new(caption, &head.iter().map(String::as_str).collect::<Vec<_>>(), rows.collect());
    Ok(Table { heat: true, ..table.shown(if value == "mrr12" { "Run-rate" } else { "Customers" }) })
}

/// The share of the accent colour of a cell: at most two thirds, so that the number stays readable.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=66")]
fn heat(rate: f64) -> u32 {
    (rate.clamp(0.0, 1.1) * 60.0).round() as u32
}

/// Lifetime value by plan and channel.
pub(crate) fn lifetime(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let frame = tables.mart(Mart::CltvSegments)?;
    let (plans, channels) = (texts(frame, "plan")?, texts(frame, "channel")?);
    let (ltv, arpa, churn) =
        (doubles(frame, "ltv_minor")?, doubles(frame, "arpa_mrr12")?, doubles(frame, "churn_rate")?);
    let (count, active) = (integers(frame, "customers")?, integers(frame, "active_end")?);
    let (collected, per_customer) = (integers(frame, "collected_minor")?, doubles(frame, "collected_per_customer")?);
    let mut order: Vec<usize> = (0..plans.len()).collect();
    order.sort_by_key(|row| std::cmp::Reverse(count[*row]));
    let mut shown: Vec<usize> = order.into_iter().take(SHOWN.unsigned_abs() as usize).collect();
    shown.sort_by(|a, b| {
        plans[*a].cmp(&plans[*b]).then_with(|| ltv[*b].partial_cmp(&ltv[*a]).unwrap_or(std::cmp::Ordering::Equal))
    });
    let names: Vec<&str> =
        plans.iter().map(String::as_str).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let class =
        |plan: &str| ["c1", "c2", "c6", "c4", "c3", "c5"][names.iter().position(|name| *name == plan).unwrap_or(0) % 6];
    let minor = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| amount(nearest(value), currency));
    let rows = shown.iter().map(|row| {
        let value = ltv[*row].map(|value| whole(i64::try_from(nearest(value)).unwrap_or(i64::MAX), currency));
        Rank {
            name: format!("{} · {}", plans[*row], channels[*row]),
            class: class(&plans[*row]),
            value,
            words: minor(ltv[*row]),
        }
    });
    let label = format!("Bars: lifetime value in {currency} by first plan and channel.");
    let chart = Ranks { label, rows: rows.collect(), format: short };
    let cells = (0..plans.len()).map(|row| {
        let monthly = arpa[row].map(|arpa| arpa / 12.0);
        let counts = [count[row], active[row]].map(|count| Cell::new(thousands(count.into())));
        let [all, now] = counts;
        let money = [
            minor(monthly),
            rate_text(churn[row]),
            minor(ltv[row]),
            minor(per_customer[row]),
            amount(collected[row].into(), currency),
        ];
        [
            vec![Cell::new(plans[row].clone()), Cell::name(channels[row].clone()), all, now],
            money.map(Cell::new).to_vec(),
        ]
        .concat()
    });
    let head = ["First plan", "<Channel", "Customers", "Active", "ARPA", "Churn", "LTV", "Collected each", "Collected"];
    Ok(Section {
        id: "ltv",
        title: "Lifetime value by plan and channel",
        lead: format!(
            "What a customer of the segment pays a month now, divided by the segment's churn over its whole history, in {currency} before costs. Empty where nobody has churned."
        ),
        charts: vec![Chart::ranks("", &chart)],
        tables: vec![Table::new(format!("Segments, {currency}"), &head, cells.collect())],
    })
}

/// A value of minor units, to the nearest one.
#[expect(clippy::cast_possible_truncation, reason = "a lifetime value is far inside 128 bits")]
fn nearest(minor: f64) -> i128 {
    minor.round_ties_even() as i128
}
