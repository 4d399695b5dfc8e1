//! MRR and ARR by month: start + new + reactivation + expansion - contraction - churn = end.

use polars::prelude::*;

use super::monthly;
use crate::cube::Cubes;
use crate::query::ratio;
use crate::reports::churn_monthly::{gained, lost, roll_forward};

pub(crate) const VALUES: &[&str] = &[
    "complete",
    "start_mrr12",
    "new_mrr12",
    "reactivation_mrr12",
    "expansion_mrr12",
    "contraction_mrr12",
    "churn_mrr12",
    "end_mrr12",
    "net_new_mrr12",
    "mrr_minor",
    "arr_minor",
    "customers_end",
    "arpa_minor",
    "growth_rate",
    "quick_ratio",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    roll_forward(cubes.movements.clone(), cubes.calendar.clone()).with_columns([
        (gained() - lost()).alias("net_new_mrr12"),
        monthly("end_mrr12").alias("mrr_minor"),
        col("end_mrr12").alias("arr_minor"),
        ratio(col("end_mrr12"), lit(12_i64) * col("customers_end")).alias("arpa_minor"),
        ratio(gained() - lost(), col("start_mrr12")).alias("growth_rate"),
        ratio(gained(), lost()).alias("quick_ratio"),
    ])
}
