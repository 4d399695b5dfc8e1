//! Every movement: month, plan of the event, channel of the customer, class.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{columns, sorted};

pub(crate) const COLUMNS: &[&str] = &["month", "plan", "channel", "movement", "n", "delta_mrr12"];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let keys = &COLUMNS[..4];
    let moved = cubes.movements.clone().filter(col("movement").is_not_null());
    sorted(moved.group_by(columns(keys)).agg([col("n").sum(), col("delta_mrr12").sum()]), keys)
}
