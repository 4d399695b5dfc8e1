//! Churned customers and run-rate by month and reason, every reason by its own name.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, is};

pub(crate) const VALUES: &[&str] = &["customers_churned", "churn_mrr12"];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let churn = cubes.movements.clone().filter(is("movement", "churn")).with_columns([reason()]);
    churn
        .group_by(columns(&["month", "reason"]))
        .agg([col("n").sum().alias("customers_churned"), (lit(0_i64) - col("delta_mrr12").sum()).alias("churn_mrr12")])
}

/// Why: `pause` if the event was one, else the fact's reason, else `unknown`.
pub(crate) fn reason() -> Expr {
    when(is("event_type", "pause"))
        .then(lit("pause"))
        .otherwise(col("reason").fill_null(lit("unknown")))
        .alias("reason")
}
