//! Cohorts by the month of the `new` movement: what is active, and what it is worth, at the end of every later month.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, on_spine, ratio, sorted};

pub(crate) const COLUMNS: &[&str] =
    &["cohort", "age", "customers", "mrr12", "cohort_size", "cohort_mrr12_0", "retention", "revenue_retention"];

pub(crate) fn frame(cubes: &Cubes) -> PolarsResult<LazyFrame> {
    grid(cubes, cubes.months.clone())
}

/// Every cohort at every age up to the last month of the spine; ages without a change keep the values of the age before.
pub(crate) fn grid(cubes: &Cubes, spine: LazyFrame) -> PolarsResult<LazyFrame> {
    let changes = cubes.cohorts.clone().group_by(columns(&["cohort", "month"])).agg([
        col("customers").sum().alias("begun"),
        col("active").sum(),
        col("delta_mrr12").sum(),
        col("captured_minor").sum(),
    ]);
    let sizes = changes.clone().group_by([col("cohort")]).agg([col("begun").sum().alias("cohort_size")]);
    let ordinals = spine.clone().select([col("month").alias("cohort"), col("i").alias("born")]);
    let cells = sizes
        .join(ordinals, [col("cohort")], [col("cohort")], JoinArgs::new(JoinType::Inner))
        .cross_join(spine, None)
        .filter(col("i").gt_eq(col("born")));
    let filled = ["active", "delta_mrr12", "captured_minor"].map(|name| col(name).fill_null(lit(0_i64)));
    let cells = sorted(
        on_spine(cells, changes.drop(cols(["begun"])), &["cohort", "month"]).with_columns(filled),
        &["cohort", "month"],
    );
    let total = |name: &str| col(name).cum_sum(false).over([col("cohort")]);
    let grid = cells
        .with_columns([
            (col("i") - col("born")).alias("age"),
            total("active")?.alias("customers"),
            total("delta_mrr12")?.alias("mrr12"),
            total("captured_minor")?.alias("collected_minor"),
        ])
        .with_columns([col("mrr12").first().over([col("cohort")])?.alias("cohort_mrr12_0")]);
    Ok(grid.with_columns([
        ratio(col("customers"), col("cohort_size")).alias("retention"),
        ratio(col("mrr12"), col("cohort_mrr12_0")).alias("revenue_retention"),
    ]))
}
