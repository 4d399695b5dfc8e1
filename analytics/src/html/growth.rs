//! MRR, its movements, the plans, and changes between plans.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::{Lines, Series, StackedBars};
use super::view::{Cell, Chart, Columns, Section, Table, mrr, whole};
use crate::calendar::Month;
use crate::error::ReportError;
use crate::figures::Figures;
use crate::format::{percent, short, thousands};
use crate::marts::Mart;
use crate::tables::{Tables, integers, months, texts};

/// Colours of stacked parts, in their order.
const CLASSES: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];

/// MRR with ARR.
pub(crate) fn run_rate(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let columns = Columns { frame: tables.mart(Mart::MrrMonthly)?, currency };
    let series = vec![columns.series("MRR", "c1", columns.monthly("end_mrr12", 1.0)?)];
    let label = "Line: MRR at the end of every month; the right axis reads the same line as ARR.".to_owned();
    let chart = Lines { label, series, format: short, second: Some(12.0), from_zero: true };
    let names = ["month", "mrr_minor", "arr_minor", "customers_end", "net_new_mrr12", "growth_rate"];
    let head = ["Month", "MRR", "ARR", "Customers", "Net new MRR", "Growth"];
    Ok(Section {
        id: "mrr",
        title: "MRR and ARR",
        lead: "Monthly run-rate at the end of each month on the left axis, yearly run-rate on the right. Plan prices per period, not invoices.".to_owned(),
        charts: vec![Chart::lines("", &chart, &columns.months()?)],
        tables: vec![Table::new(format!("MRR and ARR at the end of the month, {currency}"), &head, columns.rows(&names)?)],
    })
}

/// What moved MRR.
pub(crate) fn movements(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let columns = Columns { frame: tables.mart(Mart::MrrMonthly)?, currency };
    let part = |name: &str, class, column: &str, sign| {
        Ok::<_, ReportError>(columns.series(name, class, columns.monthly(column, sign)?))
    };
    let series = vec![
        part("New", "c1", "new_mrr12", 1.0)?,
        part("Reactivation", "c2", "reactivation_mrr12", 1.0)?,
        part("Expansion", "c3", "expansion_mrr12", 1.0)?,
        part("Contraction", "c4", "contraction_mrr12", -1.0)?,
        part("Churn", "c5", "churn_mrr12", -1.0)?,
    ];
    let label = "Stacked bars by month: MRR won by new customers, reactivation and expansion upwards, lost by contraction and churn downwards.";
    let chart = StackedBars { label: label.to_owned(), series, format: short, counts: false };
    let names = [
        "month",
        "start_mrr12",
        "new_mrr12",
        "reactivation_mrr12",
        "expansion_mrr12",
        "contraction_mrr12",
        "churn_mrr12",
        "end_mrr12",
    ];
    let head = ["Month", "Start", "New", "Reactivation", "Expansion", "Contraction", "Churn", "End"];
    Ok(Section {
        id: "movements",
        title: "MRR movements",
        lead: "Start + new + reactivation + expansion − contraction − churn = end, to the minor unit, for every month. A movement is a change of a customer's total.".to_owned(),
        charts: vec![Chart::bars("", &chart, &columns.months()?)],
        tables: vec![Table::new(format!("Roll-forward of MRR, {currency}"), &head, columns.rows(&names)?)],
    })
}

/// MRR by plan.
pub(crate) fn plans(tables: &Tables, figures: &Figures) -> Result<Section, ReportError> {
    let currency = figures.currency.as_str();
    let frame = tables.mart(Mart::MrrByPlan)?;
    let months_of = months(frame, "month")?;
    let (plans, ends) = (texts(frame, "plan")?, integers(frame, "end_mrr12")?);
    let mut by_plan: BTreeMap<&str, BTreeMap<Month, i64>> = BTreeMap::new();
    for row in 0..plans.len() {
        if let Some(month) = months_of[row] {
            by_plan.entry(&plans[row]).or_default().insert(month, ends[row]);
        }
    }
    let all: Vec<Month> = months_of.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let newest = |values: &BTreeMap<Month, i64>| values.values().next_back().copied().unwrap_or(0);
    let mut ranked: Vec<(&str, &BTreeMap<Month, i64>)> = by_plan.iter().map(|(plan, values)| (*plan, values)).collect();
    ranked.sort_by_key(|(plan, values)| (std::cmp::Reverse(newest(values)), *plan));
    let chart = StackedBars {
        label: "Stacked bars by month: MRR at the end of the month, by plan.".to_owned(),
        series: plan_series(&ranked, &all, currency),
        format: short,
        counts: false,
    };
    Ok(Section {
        id: "plans",
        title: "MRR by plan",
        lead: "Run-rate of each plan at the end of the month. A subscription that changes plan takes its run-rate along; such transfers add up to nothing.".to_owned(),
        charts: vec![Chart::bars("", &chart, &all)],
        tables: vec![plan_table(frame, &ranked, figures)?],
    })
}

/// The largest plans by name, the others together.
fn plan_series(ranked: &[(&str, &BTreeMap<Month, i64>)], all: &[Month], currency: &str) -> Vec<Series> {
    let value = |values: &BTreeMap<Month, i64>, month| values.get(month).copied().unwrap_or(0);
    let named = if ranked.len() > CLASSES.len() { CLASSES.len() - 1 } else { ranked.len() };
    let points = |plans: &[(&str, &BTreeMap<Month, i64>)]| -> Vec<Option<f64>> {
        let sum = |month| plans.iter().map(|(_, values)| value(values, month)).sum::<i64>();
        all.iter().map(|month| Some(whole(sum(month), currency) / 12.0)).collect()
    };
    let mut series: Vec<Series> = (0..named)
        .map(|i| Series { name: ranked[i].0.to_owned(), class: CLASSES[i], values: points(&ranked[i..=i]) })
        .collect();
    if named < ranked.len() {
        series.push(Series {
            name: format!("{} others", ranked.len() - named),
            class: "muted",
            values: points(&ranked[named..]),
        });
    }
    series
}

fn plan_table(
    frame: &polars::prelude::DataFrame,
    ranked: &[(&str, &BTreeMap<Month, i64>)],
    figures: &Figures,
) -> Result<Table, ReportError> {
    let mut subscriptions = BTreeMap::new();
    for (plan, count) in texts(frame, "plan")?.into_iter().zip(integers(frame, "subscriptions_end")?) {
        subscriptions.insert(plan, count);
    }
    let row = |(plan, values): &(&str, &BTreeMap<Month, i64>)| {
        let newest = values.iter().next_back();
        let end = newest.map_or(0, |(_, end)| *end);
        let before = newest.and_then(|(month, _)| values.get(&Month(month.0 - 12))).copied().unwrap_or(0);
        let ratio =
            |part: i64, whole: i64| crate::figures::Ratio { numerator: part.into(), denominator: whole.into() }.value();
        let growth = ratio(end - before, before).map_or_else(|| "–".to_owned(), |growth| percent(growth, 1));
        let share = ratio(end, figures.mrr12).map_or_else(|| "–".to_owned(), |share| percent(share, 1));
        let count = subscriptions.get(*plan).copied().unwrap_or(0);
        [(*plan).to_owned(), mrr(end, &figures.currency), share, thousands(count.into()), growth]
            .map(Cell::new)
            .to_vec()
    };
    let head = ["Plan", "MRR", "Share", "Subscriptions", "In 12 months"];
    Ok(Table::new(format!("Plans now, {}", figures.currency), &head, ranked.iter().map(row).collect()))
}

/// Upgrades and downgrades.
pub(crate) fn changes(tables: &Tables, currency: &str) -> Result<Section, ReportError> {
    let frame = tables.mart(Mart::PlanChanges)?;
    let all = Columns { frame: tables.mart(Mart::MrrMonthly)?, currency }.months()?;
    let (months_of, deltas) = (months(frame, "month")?, integers(frame, "delta_mrr12")?);
    let mut up: BTreeMap<Month, i64> = all.iter().map(|month| (*month, 0)).collect();
    let mut down = up.clone();
    for (month, delta) in months_of.iter().zip(&deltas) {
        let side = if *delta > 0 { &mut up } else { &mut down };
        *side.entry(month.unwrap_or(Month(0))).or_insert(0) += delta;
    }
    let points = |side: &BTreeMap<Month, i64>| {
        all.iter().map(|month| side.get(month).map(|delta| whole(*delta, currency) / 12.0)).collect()
    };
    let series = vec![
        Series { name: "Moves that raised MRR".to_owned(), class: "c3", values: points(&up) },
        Series { name: "Moves that lowered MRR".to_owned(), class: "c4", values: points(&down) },
    ];
    let label = "Bars by month: MRR won by moves from one plan to another upwards, lost downwards.".to_owned();
    let chart = StackedBars { label, series, format: short, counts: false };
    let since = all.last().map_or(Month(0), |last| Month(last.0 - 11));
    let matrix = matrix(frame, since, currency)?.shown(&format!("From plan to plan since {since}"));
    Ok(Section {
        id: "changes",
        title: "Plan changes",
        lead: "Upgrades and downgrades from the plan before to the plan after; the same plan twice means seats, add-ons or price.".to_owned(),
        charts: vec![Chart::bars("", &chart, &all)],
        tables: vec![matrix, by_month(&all, frame, currency)?],
    })
}

/// Pairs of plans, the most frequent first.
fn matrix(frame: &polars::prelude::DataFrame, since: Month, currency: &str) -> Result<Table, ReportError> {
    let (from, to, months_of) = (texts(frame, "from_plan")?, texts(frame, "to_plan")?, months(frame, "month")?);
    let (up, down, deltas) =
        (integers(frame, "upgrades")?, integers(frame, "downgrades")?, integers(frame, "delta_mrr12")?);
    let mut pairs: BTreeMap<(&str, &str), [i64; 3]> = BTreeMap::new();
    for row in (0..from.len()).filter(|row| months_of[*row] >= Some(since)) {
        let sums = pairs.entry((&from[row], &to[row])).or_default();
        sums.iter_mut().zip([up[row], down[row], deltas[row]]).for_each(|(sum, value)| *sum += value);
    }
    let mut ranked: Vec<_> = pairs.into_iter().collect();
    ranked.sort_by_key(|(pair, [up, down, _])| (-(up + down), *pair));
    let rows = ranked.into_iter().take(20).map(|((from, to), [up, down, delta])| {
        let counts = [up, down].map(|count| Cell::new(thousands(count.into())));
        let [up, down] = counts;
        vec![Cell::new(from), Cell::name(to), up, down, Cell::new(mrr(delta, currency))]
    });
    let caption = format!("Plan changes in the last twelve months, MRR in {currency}; at most 20 pairs");
    Ok(Table::new(caption, &["From", "<To", "Upgrades", "Downgrades", "Net MRR"], rows.collect()))
}

fn by_month(all: &[Month], frame: &polars::prelude::DataFrame, currency: &str) -> Result<Table, ReportError> {
    let sums = |name: &str| crate::tables::by_month(frame, name);
    let (up, down, delta) = (sums("upgrades")?, sums("downgrades")?, sums("delta_mrr12")?);
    let value = |side: &BTreeMap<Option<Month>, i128>, month: &Month| side.get(&Some(*month)).copied().unwrap_or(0);
    let rows = all.iter().rev().map(|month| {
        let net = i64::try_from(value(&delta, month)).unwrap_or(i64::MAX);
        [month.to_string(), thousands(value(&up, month)), thousands(value(&down, month)), mrr(net, currency)]
            .map(Cell::new)
            .to_vec()
    });
    Ok(Table::new(
        format!("Plan changes by month, MRR in {currency}"),
        &["Month", "Upgrades", "Downgrades", "Net MRR"],
        rows.collect(),
    ))
}
