//! Upgrades and downgrades by month, from the plan a subscription had to the plan it got; the same plan means seats, add-ons or price.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, is, sum_where};
use crate::reports::plan_changes::changes;

pub(crate) const VALUES: &[&str] = &["n", "upgrades", "downgrades", "delta_mrr12"];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    changes(cubes).group_by(columns(&["month", "from_plan", "to_plan"])).agg([
        col("n").sum(),
        sum_where("n", is("event_type", "upgrade")).alias("upgrades"),
        sum_where("n", is("event_type", "downgrade")).alias("downgrades"),
        col("delta_mrr12").sum(),
    ])
}
