//! What must hold before anything is written. Each check compares figures that came about on different ways.
//!
//! A failed *gate* means that the figures contradict each other: no report is written. A failed *notice* says that the facts are odd
//! (a customer without a profile, say): the reports are right for these facts, and the reader is told.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;
use serde::Serialize;

use crate::calendar::Month;
use crate::cube::Seen;
use crate::error::ReportError;
use crate::format::thousands;
use crate::input::Input;
use crate::marts::Mart;
use crate::reports::Report;
use crate::tables::{Tables, by_month, integers, months, texts};

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What must hold.
    pub name: &'static str,
    /// Whether it does.
    pub passed: bool,
    /// Whether the run ends if it does not.
    pub gate: bool,
    /// What was compared, or the first contradiction.
    pub detail: String,
}

/// Collects checks.
#[derive(Default)]
struct Checks(Vec<Check>);

type Done = Result<(), ReportError>;

/// All checks of a run.
pub(crate) fn all(tables: &Tables, seen: &Seen, input: &Input) -> Result<Vec<Check>, ReportError> {
    let mut checks = Checks::default();
    checks.input(seen, input);
    checks.roll_forward(tables, seen)?;
    checks.plans(tables)?;
    checks.cohorts(tables)?;
    checks.segments(tables)?;
    checks.reasons(tables)?;
    checks.money(tables)?;
    checks.comparison(tables)?;
    checks.facts(seen);
    Ok(checks.0)
}

/// The gates that failed, in words.
pub(crate) fn failures(checks: &[Check]) -> Vec<String> {
    let failed = checks.iter().filter(|check| check.gate && !check.passed);
    failed.map(|check| format!("{} ({})", check.name, check.detail)).collect()
}

impl Checks {
    fn gate(&mut self, name: &'static str, passed: bool, detail: String) {
        self.0.push(Check { name, passed, gate: true, detail });
    }

    /// Two sums are the same.
    fn equal(&mut self, name: &'static str, left: i128, right: i128) {
        self.gate(name, left == right, format!("{} and {}", thousands(left), thousands(right)));
    }

    /// Nothing odd was counted.
    fn none(&mut self, name: &'static str, gate: bool, count: u64) {
        self.0.push(Check { name, passed: count == 0, gate, detail: format!("{} found", thousands(count.into())) });
    }

    /// Two columns by month are the same in every month.
    fn same_months(
        &mut self,
        name: &'static str,
        left: &BTreeMap<Option<Month>, i128>,
        right: &BTreeMap<Option<Month>, i128>,
    ) {
        let value = |side: &BTreeMap<Option<Month>, i128>, month| side.get(&month).copied().unwrap_or(0);
        let months = left.keys().chain(right.keys()).copied();
        let differs = months.into_iter().find(|month| value(left, *month) != value(right, *month));
        let detail = match differs {
            Some(month) => {
                format!("{}: {} and {}", label(month), thousands(value(left, month)), thousands(value(right, month)))
            }
            None => format!("{} months", left.len()),
        };
        self.gate(name, differs.is_none(), detail);
    }

    fn input(&mut self, seen: &Seen, input: &Input) {
        match input {
            Input::Export { items, facts, .. } => {
                self.gate(
                    "every item of the manifest was read",
                    true,
                    format!("{} items, counted shard by shard", thousands((*items).into())),
                );
                self.equal("every decoded fact is in facts.parquet", i128::from(*facts), seen.facts_in_input.into());
            }
            Input::Parquet { files } => {
                self.gate(
                    "every file of facts was opened",
                    !files.is_empty(),
                    format!("files: {}, facts: {}", files.len(), thousands(seen.facts_in_input.into())),
                );
            }
        }
    }

    fn roll_forward(&mut self, tables: &Tables, seen: &Seen) -> Done {
        let churn = tables.mart(Mart::ChurnMonthly)?;
        let ends = |name: &str| Ok::<_, ReportError>(i128::from(integers(churn, name)?.last().copied().unwrap_or(0)));
        self.equal("run-rate rolls forward to the customers' totals", ends("end_mrr12")?, seen.totals.mrr12.into());
        self.equal("customers roll forward to those active now", ends("customers_end")?, seen.totals.active.into());
        self.equal(
            "run-rate without pauses rolls forward, too",
            ends("end_mrr12_excl_pause")?,
            seen.totals.held_mrr12.into(),
        );
        self.equal(
            "customers without pauses roll forward, too",
            ends("customers_end_excl_pause")?,
            seen.totals.held_active.into(),
        );
        let monthly = tables.mart(Mart::MrrMonthly)?;
        self.identity("start + movements = end in every month", monthly, &PLUS, &MINUS, "start_mrr12", "end_mrr12")?;
        self.identity(
            "start + movements = end for customers",
            churn,
            &PLUS_CUSTOMERS,
            &MINUS_CUSTOMERS,
            "customers_start",
            "customers_end",
        )?;
        let (starts, ends) = (integers(monthly, "start_mrr12")?, integers(monthly, "end_mrr12")?);
        let broken = starts.iter().skip(1).zip(&ends).filter(|(start, end)| start != end).count();
        self.none("every month starts where the last one ended", true, broken as u64);
        let negative = ends.iter().filter(|end| **end < 0).count();
        self.none("no month ends with negative run-rate", true, negative as u64);
        Ok(())
    }

    /// start + plus - minus = end, row by row.
    fn identity(
        &mut self,
        name: &'static str,
        frame: &DataFrame,
        plus: &[&str],
        minus: &[&str],
        start: &str,
        end: &str,
    ) -> Done {
        let mut sums = integers(frame, start)?;
        for (columns, sign) in [(plus, 1), (minus, -1)] {
            for column in columns {
                sums.iter_mut().zip(integers(frame, column)?).for_each(|(sum, value)| *sum += sign * value);
            }
        }
        let ends = integers(frame, end)?;
        let broken = sums.iter().zip(&ends).position(|(sum, end)| sum != end);
        let detail = broken.map_or_else(
            || format!("{} rows", ends.len()),
            |row| format!("row {}: {} and {}", row + 1, sums[row], ends[row]),
        );
        self.gate(name, broken.is_none(), detail);
        Ok(())
    }

    fn plans(&mut self, tables: &Tables) -> Done {
        let (plans, monthly) = (tables.mart(Mart::MrrByPlan)?, tables.mart(Mart::MrrMonthly)?);
        let (plus, minus) =
            ([&PLUS[..], &["transfer_in_mrr12"]].concat(), [&MINUS[..], &["transfer_out_mrr12"]].concat());
        self.identity(
            "start + movements + transfers = end for every plan",
            plans,
            &plus,
            &minus,
            "start_mrr12",
            "end_mrr12",
        )?;
        self.same_months(
            "the plans add up to the total",
            &by_month(plans, "end_mrr12")?,
            &by_month(monthly, "end_mrr12")?,
        );
        let transfers = (by_month(plans, "transfer_in_mrr12")?, by_month(plans, "transfer_out_mrr12")?);
        self.same_months("transfers between plans add up to nothing", &transfers.0, &transfers.1);
        let negative = integers(plans, "end_mrr12")?
            .iter()
            .chain(&integers(plans, "subscriptions_end")?)
            .filter(|end| **end < 0)
            .count();
        self.none("no plan has negative run-rate or subscriptions", true, negative as u64);
        Ok(())
    }

    fn cohorts(&mut self, tables: &Tables) -> Done {
        let (cohorts, churn) = (tables.mart(Mart::CohortRetention)?, tables.mart(Mart::ChurnMonthly)?);
        let (names, ages) = (months(cohorts, "cohort")?, integers(cohorts, "age")?);
        let (sizes, customers, run_rates) =
            (integers(cohorts, "cohort_size")?, integers(cohorts, "customers")?, integers(cohorts, "mrr12")?);
        let (mut begun, mut active, mut run_rate) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut negative = 0;
        for row in 0..ages.len() {
            let month = names[row].and_then(|cohort| Some(Month(cohort.0 + i32::try_from(ages[row]).ok()?)));
            if ages[row] == 0 {
                begun.insert(month, i128::from(sizes[row]));
            }
            *active.entry(month).or_insert(0) += i128::from(customers[row]);
            *run_rate.entry(month).or_insert(0) += i128::from(run_rates[row]);
            negative += u64::from(customers[row] < 0 || customers[row] > sizes[row] || run_rates[row] < 0);
        }
        self.same_months(
            "cohorts begin with the new customers of their month",
            &begun,
            &by_month(churn, "customers_new")?,
        );
        self.same_months("the cohorts' customers add up to the total", &active, &by_month(churn, "customers_end")?);
        self.same_months("the cohorts' run-rate adds up to the total", &run_rate, &by_month(churn, "end_mrr12")?);
        self.none("no cohort is larger than it began, or negative", true, negative);
        Ok(())
    }

    fn segments(&mut self, tables: &Tables) -> Done {
        let (segments, churn) = (tables.mart(Mart::CltvSegments)?, tables.mart(Mart::ChurnMonthly)?);
        let last = |name: &str| Ok::<_, ReportError>(i128::from(integers(churn, name)?.last().copied().unwrap_or(0)));
        self.equal("the segments' run-rate adds up to the total", total(segments, "mrr12_end")?, last("end_mrr12")?);
        self.equal(
            "the segments' customers add up to all new ones",
            total(segments, "customers")?,
            total(churn, "customers_new")?,
        );
        self.equal(
            "the segments' active months are the months' starts",
            total(segments, "active_months")?,
            total(churn, "customers_start")?,
        );
        self.equal(
            "the segments' churns add up to the total",
            total(segments, "churns")?,
            total(churn, "customers_churned")?,
        );
        let cohorts = tables.mart(Mart::CohortRetention)?;
        let (names, ages, cash) =
            (months(cohorts, "cohort")?, integers(cohorts, "age")?, integers(cohorts, "collected_minor")?);
        let mut oldest = BTreeMap::new();
        for row in 0..ages.len() {
            oldest.insert(names[row], i128::from(cash[row]));
        }
        self.equal(
            "the cohorts' cash is the segments' cash",
            oldest.values().sum(),
            total(segments, "collected_minor")?,
        );
        Ok(())
    }

    fn reasons(&mut self, tables: &Tables) -> Done {
        let (reasons, churn) = (tables.mart(Mart::ChurnReasons)?, tables.mart(Mart::ChurnMonthly)?);
        let kinds = ["churned_voluntary", "churned_involuntary", "churned_pause", "churned_other"];
        let sum = kinds.iter().map(|kind| total(churn, kind)).sum::<Result<i128, _>>()?;
        self.equal("the kinds of reasons add up to all churned customers", sum, total(churn, "customers_churned")?);
        self.same_months(
            "the reasons' run-rate adds up to churn",
            &by_month(reasons, "churn_mrr12")?,
            &by_month(churn, "churn_mrr12")?,
        );
        Ok(())
    }

    fn money(&mut self, tables: &Tables) -> Done {
        let (dunning, codes) = (tables.mart(Mart::Dunning)?, tables.mart(Mart::DeclineCodes)?);
        for (name, column) in [
            ("failed invoices by code and by channel agree", "failed_invoices"),
            ("recovered invoices by code and by channel agree", "recovered_invoices"),
        ] {
            self.equal(name, total(codes, column)?, total(dunning, column)?);
        }
        let pairs = integers(dunning, "recovered_invoices")?.into_iter().zip(integers(dunning, "failed_invoices")?);
        self.none(
            "nothing is recovered that did not fail",
            true,
            pairs.filter(|(recovered, failed)| recovered > failed).count() as u64,
        );
        let payments = tables.mart(Mart::Payments)?;
        let pairs = integers(payments, "succeeded")?.into_iter().zip(integers(payments, "attempts")?);
        self.none(
            "no more attempts succeed than are made",
            true,
            pairs.filter(|(succeeded, attempts)| succeeded > attempts).count() as u64,
        );
        Ok(())
    }

    fn comparison(&mut self, tables: &Tables) -> Done {
        let (marts, bench) = (tables.mart(Mart::ChurnMonthly)?, tables.report(Report::ChurnMonthly)?);
        let seen = by_month(bench, "end_mrr12")?;
        let mut ours = by_month(marts, "end_mrr12")?;
        ours.retain(|month, _| seen.contains_key(month));
        self.same_months("marts and comparison reports agree on run-rate", &ours, &seen);
        let (marts, bench) = (tables.mart(Mart::PlanChanges)?, tables.report(Report::PlanChanges)?);
        self.equal(
            "marts and comparison reports agree on plan changes",
            total(marts, "delta_mrr12")?,
            total(bench, "delta_mrr12")?,
        );
        let movements = tables.report(Report::MrrMovements)?;
        let net = by_month(movements, "delta_mrr12")?;
        let monthly = by_month(tables.mart(Mart::MrrMonthly)?, "net_new_mrr12")?;
        self.same_months("movements by channel add up to the net of the month", &net, &monthly);
        self.none(
            "every movement has a name",
            true,
            texts(movements, "movement")?.iter().filter(|name| name.is_empty()).count() as u64,
        );
        Ok(())
    }

    fn facts(&mut self, seen: &Seen) {
        self.none("no state has negative run-rate", true, seen.negative_states);
        self.none("no state change is there twice", true, seen.duplicate_changes);
        self.none("every subscription belongs to one customer", true, seen.shared_subscriptions);
        self.none("every customer has one profile", false, seen.duplicate_customers);
        self.none("every state change has a customer with a profile", false, seen.changes_without_profile);
        self.none("every recovered invoice has failed before", false, seen.recovered_without_failure);
        self.none("every type of fact is known", false, seen.unknown_types);
    }
}

const PLUS: [&str; 3] = ["new_mrr12", "reactivation_mrr12", "expansion_mrr12"];
const MINUS: [&str; 2] = ["contraction_mrr12", "churn_mrr12"];
const PLUS_CUSTOMERS: [&str; 2] = ["customers_new", "customers_reactivated"];
const MINUS_CUSTOMERS: [&str; 1] = ["customers_churned"];

fn total(frame: &DataFrame, name: &str) -> Result<i128, ReportError> {
    Ok(integers(frame, name)?.into_iter().map(i128::from).sum())
}

fn label(month: Option<Month>) -> String {
    month.map_or_else(|| "without a month".to_owned(), |month| month.to_string())
}
