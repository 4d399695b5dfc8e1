//! Customer lifetime value by the plan a customer began with and the channel it came from.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, ratio, sorted};

pub(crate) const COLUMNS: &[&str] = &[
    "plan",
    "channel",
    "customers",
    "collected_minor",
    "active_months",
    "churns",
    "active_end",
    "mrr12_end",
    "collected_per_customer",
    "arpa_mrr12",
    "churn_rate",
    "ltv_minor",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    segments(cubes, cubes.months.clone(), "collected_minor")
}

/// The segments with lifetimes counted on a spine of months, and `collected_minor` summed from the named column.
pub(crate) fn segments(cubes: &Cubes, spine: LazyFrame, collected: &str) -> LazyFrame {
    let last = spine.clone().select([col("i").max().alias("last")]);
    let keys = &COLUMNS[..2];
    // A change in month i counts as active at the start of every later month. Money may come in a month after the last change.
    let later = (col("last") - col("i")).fill_null(lit(0_i64));
    let months = spine.select([col("month"), col("i")]);
    let sums = cubes
        .cohorts
        .clone()
        .join(months, [col("month")], [col("month")], JoinArgs::new(JoinType::Left))
        .cross_join(last, None)
        .group_by(columns(keys))
        .agg([
            col("customers").sum(),
            col(collected).sum().alias("collected_minor"),
            (col("active") * later).sum().alias("active_months"),
            col("churns").sum(),
            col("active").sum().alias("active_end"),
            col("delta_mrr12").sum().alias("mrr12_end"),
        ]);
    sorted(sums, keys).with_columns([
        ratio(col("collected_minor"), col("customers")).alias("collected_per_customer"),
        ratio(col("mrr12_end"), col("active_end")).alias("arpa_mrr12"),
        ratio(col("churns"), col("active_months")).alias("churn_rate"),
        lifetime_value().alias("ltv_minor"),
    ])
}

/// ARPA / churn rate in one division: (`mrr12_end` x `active_months`) / (12 x `active_end` x `churns`), factors as doubles, because the
/// products of exact integers would leave 64 bits on a large base. Empty without churn or without active customers.
fn lifetime_value() -> Expr {
    let double = |name: &str| col(name).cast(DataType::Float64);
    let value = double("mrr12_end") * double("active_months") / (lit(12.0) * double("active_end") * double("churns"));
    let defined = col("active_end").neq(lit(0)).and(col("churns").neq(lit(0)));
    when(defined).then(value).otherwise(lit(NULL))
}
