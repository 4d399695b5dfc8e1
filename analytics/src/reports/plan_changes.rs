//! Upgrades and downgrades, from the plan a subscription had to the plan it got.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, is, sorted};

pub(crate) const COLUMNS: &[&str] = &["month", "from_plan", "to_plan", "n", "delta_mrr12"];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let keys = &COLUMNS[..3];
    sorted(changes(cubes).group_by(columns(keys)).agg([col("n").sum(), col("delta_mrr12").sum()]), keys)
}

/// The changes of plan, seats and price in the movement cube.
pub(crate) fn changes(cubes: &Cubes) -> LazyFrame {
    let changed = is("event_type", "upgrade").or(is("event_type", "downgrade"));
    cubes.movements.clone().filter(changed).rename(["plan"], ["to_plan"], true)
}
