//! The roll-forward by plan. Between start and end a plan also wins and loses the run-rate of subscriptions that change plan.

use polars::prelude::*;

use super::monthly;
use crate::cube::Cubes;
use crate::query::{columns, is, on_spine, sorted, sum_where};

pub(crate) const VALUES: &[&str] = &[
    "complete",
    "start_mrr12",
    "new_mrr12",
    "reactivation_mrr12",
    "expansion_mrr12",
    "contraction_mrr12",
    "churn_mrr12",
    "transfer_in_mrr12",
    "transfer_out_mrr12",
    "end_mrr12",
    "mrr_minor",
    "subscriptions_end",
];

/// What the sums of a month are called before they become running totals.
const SUMS: [&str; 8] = [
    "new_mrr12",
    "reactivation_mrr12",
    "expansion_mrr12",
    "contraction_mrr12",
    "churn_mrr12",
    "transfer_in_mrr12",
    "transfer_out_mrr12",
    "subscriptions",
];

pub(crate) fn frame(cubes: &Cubes) -> PolarsResult<LazyFrame> {
    let keys = ["month", "plan"];
    let moves = cubes.movements.clone();
    let plans = moves.clone().group_by([col("plan")]).agg([col("month").min().alias("first")]);
    // A plan appears in the month in which it first had a subscription.
    let spine = plans.cross_join(cubes.calendar.clone(), None).filter(col("month").gt_eq(col("first")));
    let leaving = moves
        .clone()
        .filter(col("from_plan").is_not_null().and(col("from_plan").neq(col("plan"))))
        .group_by([col("month"), col("from_plan").alias("plan")])
        .agg([col("moved_mrr12").sum().alias("transfer_out_mrr12"), col("moved_subscriptions").sum().alias("left")]);
    let filled: Vec<Expr> =
        SUMS.iter().chain(&["arrived", "left"]).map(|name| col(*name).fill_null(lit(0_i64))).collect();
    let rows = on_spine(on_spine(spine, arriving(moves), &keys), leaving, &keys).with_columns(filled);
    let net = col("new_mrr12") + col("reactivation_mrr12") + col("expansion_mrr12") + col("transfer_in_mrr12")
        - col("contraction_mrr12")
        - col("churn_mrr12")
        - col("transfer_out_mrr12");
    let subscriptions = col("subscriptions") + col("arrived") - col("left");
    let rows = sorted(rows, &["plan", "month"]).with_columns([
        net.clone().cum_sum(false).over([col("plan")])?.alias("end_mrr12"),
        subscriptions.cum_sum(false).over([col("plan")])?.alias("subscriptions_end"),
    ]);
    Ok(rows.with_columns([(col("end_mrr12") - net).alias("start_mrr12"), monthly("end_mrr12").alias("mrr_minor")]))
}

/// What happened to the plans that the events name: movements, and run-rate brought along from other plans.
fn arriving(moves: LazyFrame) -> LazyFrame {
    let delta = |movement: &str| sum_where("delta_mrr12", is("movement", movement));
    moves.group_by(columns(&["month", "plan"])).agg([
        delta("new").alias("new_mrr12"),
        delta("reactivation").alias("reactivation_mrr12"),
        delta("expansion").alias("expansion_mrr12"),
        (lit(0_i64) - delta("contraction")).alias("contraction_mrr12"),
        (lit(0_i64) - delta("churn")).alias("churn_mrr12"),
        col("moved_mrr12").sum().alias("transfer_in_mrr12"),
        col("subscriptions").sum(),
        col("moved_subscriptions").sum().alias("arrived"),
    ])
}
