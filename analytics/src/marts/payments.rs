//! Payment attempts by month and channel: how many succeeded, and what they were about.

use polars::prelude::*;

use crate::cube::Cubes;
use crate::query::{is, ratio, sum_where};
use crate::reports::payments::by;

pub(crate) const VALUES: &[&str] = &[
    "attempts",
    "succeeded",
    "first_attempts",
    "first_succeeded",
    "collected_minor",
    "declined_minor",
    "success_rate",
    "first_success_rate",
    "success_rate_amount",
];

pub(crate) fn frame(cubes: &Cubes) -> LazyFrame {
    let declined = || is("event_type", "payment_failed");
    let sums = [
        sum_where("amount_minor", declined().not()).alias("collected_minor"),
        sum_where("amount_minor", declined()).alias("declined_minor"),
    ];
    let collected = col("collected_minor");
    by(cubes.money.clone(), &["month", "channel"], &sums).with_columns([ratio(
        collected.clone(),
        collected + col("declined_minor"),
    )
    .alias("success_rate_amount")])
}
