//! Declines by the gateway's code, and how many invoices that began with it were recovered.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, is, on_spine, ratio, sum_where};

pub(crate) const VALUES: &[&str] = &[
    "declined_attempts",
    "declined_first_attempts",
    "declined_minor",
    "failed_invoices",
    "recovered_invoices",
    "recovery_rate",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let keys = ["month", "code"];
    let code = || col("code").fill_null(lit("unknown")).alias("code");
    let declines = cubes.money.clone().filter(is("event_type", "payment_failed"));
    let declines = declines.with_columns([code()]).group_by(columns(&keys)).agg([
        col("n").sum().alias("declined_attempts"),
        sum_where("n", col("attempt").eq(lit(1_i64))).alias("declined_first_attempts"),
        col("amount_minor").sum().alias("declined_minor"),
    ]);
    let invoices = cubes.invoices.clone().filter(col("month").is_not_null());
    let invoices = invoices.with_columns([code()]).group_by(columns(&keys)).agg([
        col("invoices").sum().alias("failed_invoices"),
        sum_where("invoices", col("recovered_attempt").is_not_null()).alias("recovered_invoices"),
    ]);
    let filled = ["failed_invoices", "recovered_invoices"].map(|name| col(name).fill_null(lit(0_i64)));
    on_spine(declines, invoices, &keys).with_columns(filled).with_columns([ratio(
        col("recovered_invoices"),
        col("failed_invoices"),
    )
    .alias("recovery_rate")])
}
