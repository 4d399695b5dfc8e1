//! Customer lifetime value by first plan and channel. `collected_minor` counts every capture, less what was refunded.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::reports::cltv_segments::segments;

pub(crate) const VALUES: &[&str] = &[
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
    segments(cubes, cubes.calendar.clone(), "captured_minor")
}
