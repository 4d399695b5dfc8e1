//! The roll-forward by month: start + new + reactivation + expansion - contraction - churn = end, for customers and run-rate.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{is, on_spine, ratio, sorted, sum_where};

pub(crate) const COLUMNS: &[&str] = &[
    "month",
    "customers_start",
    "customers_new",
    "customers_reactivated",
    "customers_churned",
    "customers_end",
    "start_mrr12",
    "new_mrr12",
    "expansion_mrr12",
    "contraction_mrr12",
    "churn_mrr12",
    "reactivation_mrr12",
    "end_mrr12",
    "customer_churn_rate",
    "gross_mrr_churn_rate",
    "net_mrr_churn_rate",
    "quick_ratio",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    roll_forward(cubes.movements.clone(), cubes.months.clone()).with_columns([
        ratio(col("customers_churned"), col("customers_start")).alias("customer_churn_rate"),
        ratio(lost(), col("start_mrr12")).alias("gross_mrr_churn_rate"),
        ratio(lost() - col("expansion_mrr12") - col("reactivation_mrr12"), col("start_mrr12"))
            .alias("net_mrr_churn_rate"),
        ratio(gained(), lost()).alias("quick_ratio"),
    ])
}

/// Run-rate lost in a month, as a positive number.
pub(crate) fn lost() -> Expr {
    col("churn_mrr12") + col("contraction_mrr12")
}

/// Run-rate won in a month.
pub(crate) fn gained() -> Expr {
    col("new_mrr12") + col("expansion_mrr12") + col("reactivation_mrr12")
}

/// Counts and run-rate of the five movements by month, with start and end; every month of the spine has a row.
pub(crate) fn roll_forward(movements: LazyFrame, spine: LazyFrame) -> LazyFrame {
    let sums = movements.group_by([col("month")]).agg([
        sum_where("n", is("movement", "new")).alias("customers_new"),
        sum_where("n", is("movement", "reactivation")).alias("customers_reactivated"),
        sum_where("n", is("movement", "churn")).alias("customers_churned"),
        sum_where("delta_mrr12", is("movement", "new")).alias("new_mrr12"),
        sum_where("delta_mrr12", is("movement", "expansion")).alias("expansion_mrr12"),
        (lit(0_i64) - sum_where("delta_mrr12", is("movement", "contraction"))).alias("contraction_mrr12"),
        (lit(0_i64) - sum_where("delta_mrr12", is("movement", "churn"))).alias("churn_mrr12"),
        sum_where("delta_mrr12", is("movement", "reactivation")).alias("reactivation_mrr12"),
    ]);
    let customers = col("customers_new") + col("customers_reactivated") - col("customers_churned");
    let run_rate = gained() - lost();
    sorted(
        on_spine(spine, sums, &["month"])
            .with_columns([dtype_col(&DataType::Int64).as_selector().as_expr().fill_null(lit(0_i64))]),
        &["month"],
    )
    .with_columns([
        customers.clone().cum_sum(false).alias("customers_end"),
        run_rate.clone().cum_sum(false).alias("end_mrr12"),
    ])
    .with_columns([
        (col("customers_end") - customers).alias("customers_start"),
        (col("end_mrr12") - run_rate).alias("start_mrr12"),
    ])
}
