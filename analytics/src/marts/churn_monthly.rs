//! Churn by month: customers and run-rate, by kind of reason, with pauses and without.

use polars::prelude::*;

use super::churn_reasons::reason;
use crate::cube::Cubes;
use crate::query::{is, on_spine, ratio, sum_where};
use crate::reports::churn_monthly::{gained, lost, roll_forward};

pub(crate) const VALUES: &[&str] = &[
    "complete",
    "customers_start",
    "customers_new",
    "customers_reactivated",
    "customers_churned",
    "churned_voluntary",
    "churned_involuntary",
    "churned_pause",
    "churned_other",
    "customers_end",
    "start_mrr12",
    "new_mrr12",
    "reactivation_mrr12",
    "expansion_mrr12",
    "contraction_mrr12",
    "churn_mrr12",
    "churn_voluntary_mrr12",
    "churn_involuntary_mrr12",
    "churn_pause_mrr12",
    "churn_other_mrr12",
    "end_mrr12",
    "customer_churn_rate",
    "gross_mrr_churn_rate",
    "net_mrr_churn_rate",
    "quick_ratio",
    "involuntary_share",
    "customers_start_excl_pause",
    "customers_churned_excl_pause",
    "customers_end_excl_pause",
    "start_mrr12_excl_pause",
    "churn_mrr12_excl_pause",
    "contraction_mrr12_excl_pause",
    "end_mrr12_excl_pause",
    "customer_churn_rate_excl_pause",
    "gross_mrr_churn_rate_excl_pause",
    "net_mrr_churn_rate_excl_pause",
];

/// Columns that both ledgers have.
const SHARED: [&str; 8] = [
    "customers_start",
    "customers_churned",
    "customers_end",
    "start_mrr12",
    "churn_mrr12",
    "contraction_mrr12",
    "end_mrr12",
    "customer_churn_rate",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let all = with_rates(roll_forward(cubes.movements.clone(), cubes.calendar.clone()));
    let reasons = by_kind(cubes.movements.clone());
    let spine = cubes.calendar.clone().select([col("month")]);
    let held = with_rates(roll_forward(cubes.held.clone(), spine));
    let held = held.select(
        std::iter::once(col("month"))
            .chain(
                SHARED
                    .iter()
                    .chain(&["gross_mrr_churn_rate", "net_mrr_churn_rate"])
                    .map(|name| col(*name).alias(format!("{name}_excl_pause"))),
            )
            .collect::<Vec<_>>(),
    );
    let kinds = KINDS.iter().flat_map(|(kind, _)| [format!("churned_{kind}"), format!("churn_{kind}_mrr12")]);
    let filled: Vec<Expr> = kinds.map(|name| col(name).fill_null(lit(0_i64))).collect();
    on_spine(on_spine(all, reasons, &["month"]).with_columns(filled), held, &["month"]).with_columns([ratio(
        col("churned_involuntary"),
        col("customers_churned"),
    )
    .alias("involuntary_share")])
}

fn with_rates(frame: LazyFrame) -> LazyFrame {
    frame.with_columns([
        ratio(col("customers_churned"), col("customers_start")).alias("customer_churn_rate"),
        ratio(lost(), col("start_mrr12")).alias("gross_mrr_churn_rate"),
        ratio(lost() - col("expansion_mrr12") - col("reactivation_mrr12"), col("start_mrr12"))
            .alias("net_mrr_churn_rate"),
        ratio(gained(), lost()).alias("quick_ratio"),
    ])
}

/// The kinds of reasons, and whether a kind takes what the others leave.
const KINDS: [(&str, bool); 4] = [("voluntary", false), ("involuntary", false), ("pause", false), ("other", true)];

fn by_kind(movements: LazyFrame) -> LazyFrame {
    let named = || is("reason", "voluntary").or(is("reason", "involuntary")).or(is("reason", "pause"));
    let rows = |kind: &str, rest: bool| if rest { named().not() } else { is("reason", kind) };
    let sums: Vec<Expr> = KINDS
        .iter()
        .flat_map(|(kind, rest)| {
            [
                sum_where("n", rows(kind, *rest)).alias(format!("churned_{kind}")),
                (lit(0_i64) - sum_where("delta_mrr12", rows(kind, *rest))).alias(format!("churn_{kind}_mrr12")),
            ]
        })
        .collect();
    movements.filter(is("movement", "churn")).with_columns([reason()]).group_by([col("month")]).agg(sums)
}
