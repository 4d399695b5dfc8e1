//! Failed invoices by month of the first failure and channel, and the attempt at which they were recovered.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, on_spine, sum_where};
use crate::reports::dunning::by;

pub(crate) const VALUES: &[&str] = &[
    "failed_invoices",
    "recovered_invoices",
    "unrecovered_invoices",
    "recovered_attempt_2",
    "recovered_attempt_3",
    "recovered_attempt_4_up",
    "failed_minor",
    "recovered_minor",
    "recovery_seconds",
    "recovery_rate",
    "recovery_rate_amount",
    "mean_days",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let keys = ["month", "channel"];
    let invoices = cubes.invoices.clone().filter(col("month").is_not_null());
    // Attempt 0 is a recovery whose fact has no attempt number: money that came by another way, after the ladder began.
    let attempt = |rows: Expr| sum_where("invoices", rows.fill_null(lit(false)));
    let attempts = invoices.clone().group_by(columns(&keys)).agg([
        attempt(col("recovered_attempt").eq(lit(2_i64))).alias("recovered_attempt_2"),
        attempt(col("recovered_attempt").eq(lit(3_i64))).alias("recovered_attempt_3"),
        attempt(col("recovered_attempt").gt_eq(lit(4_i64))).alias("recovered_attempt_4_up"),
    ]);
    on_spine(by(invoices, &keys), attempts, &keys)
        .with_columns([(col("failed_invoices") - col("recovered_invoices")).alias("unrecovered_invoices")])
}
