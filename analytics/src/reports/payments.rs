//! Payment attempts and their success. An attempt is a fact with an attempt number; it succeeded unless it is a `payment_failed`.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, is, ratio, sorted, sum_where};

pub(crate) const COLUMNS: &[&str] = &[
    "month",
    "channel",
    "attempts",
    "succeeded",
    "first_attempts",
    "first_succeeded",
    "success_rate",
    "first_success_rate",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    by(cubes.money.clone(), &COLUMNS[..2], &[])
}

/// Attempts by any keys of the money cube, with further sums beside them.
pub(crate) fn by(money: LazyFrame, keys: &[&str], more: &[Expr]) -> LazyFrame {
    let succeeded = || is("event_type", "payment_failed").not();
    let first = || col("attempt").eq(lit(1_i64));
    let mut sums = vec![
        col("n").sum().alias("attempts"),
        sum_where("n", succeeded()).alias("succeeded"),
        sum_where("n", first()).alias("first_attempts"),
        sum_where("n", first().and(succeeded())).alias("first_succeeded"),
    ];
    sums.extend_from_slice(more);
    let attempts = money.filter(col("attempt").gt(lit(0_i64)));
    sorted(attempts.group_by(columns(keys)).agg(sums), keys).with_columns([
        ratio(col("succeeded"), col("attempts")).alias("success_rate"),
        ratio(col("first_succeeded"), col("first_attempts")).alias("first_success_rate"),
    ])
}
