//! Failed invoices by the month of their first failure, and what came in after all.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, ratio, sorted, sum_where};

pub(crate) const COLUMNS: &[&str] = &[
    "month",
    "channel",
    "failed_invoices",
    "recovered_invoices",
    "failed_minor",
    "recovered_minor",
    "recovery_seconds",
    "recovery_rate",
    "recovery_rate_amount",
    "mean_days",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    by(cubes.invoices.clone(), &COLUMNS[..2])
}

/// Failures and recoveries by any keys of the invoice cube.
pub(crate) fn by(invoices: LazyFrame, keys: &[&str]) -> LazyFrame {
    let recovered = || col("recovered_attempt").is_not_null();
    let sums = invoices.group_by(columns(keys)).agg([
        col("invoices").sum().alias("failed_invoices"),
        sum_where("invoices", recovered()).alias("recovered_invoices"),
        col("amount_minor").sum().alias("failed_minor"),
        sum_where("amount_minor", recovered()).alias("recovered_minor"),
        col("recovery_micros").sum().floor_div(lit(1_000_000_i64)).alias("recovery_seconds"),
    ]);
    sorted(sums, keys).with_columns([
        ratio(col("recovered_invoices"), col("failed_invoices")).alias("recovery_rate"),
        ratio(col("recovered_minor"), col("failed_minor")).alias("recovery_rate_amount"),
        ratio(col("recovery_seconds"), lit(86_400_i64) * col("recovered_invoices")).alias("mean_days"),
    ])
}
