//! Cohorts by month of the first payment: customers, run-rate and cumulative cash at every age.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::reports::cohort_retention::grid;

pub(crate) const VALUES: &[&str] = &[
    "complete",
    "customers",
    "mrr12",
    "collected_minor",
    "cohort_size",
    "cohort_mrr12_0",
    "retention",
    "revenue_retention",
];

pub(crate) fn frame(cubes: &Cubes) -> PolarsResult<LazyFrame> {
    grid(cubes, cubes.calendar.clone())
}
