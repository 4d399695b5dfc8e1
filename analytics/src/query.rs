//! The few expressions that all reports are written in.

use polars::prelude::*;

/// A ratio of exact integers: both become doubles in this one division, and the result is empty where the denominator is 0.
pub(crate) fn ratio(numerator: Expr, denominator: Expr) -> Expr {
    let quotient = numerator.cast(DataType::Float64) / denominator.clone().cast(DataType::Float64);
    when(denominator.neq(lit(0))).then(quotient).otherwise(lit(NULL))
}

/// The sum of a column over the rows where `rows` holds; 0 if there is none.
pub(crate) fn sum_where(column: &str, rows: Expr) -> Expr {
    when(rows).then(col(column)).otherwise(lit(0_i64)).sum()
}

/// The column equals the text; false where it is null.
pub(crate) fn is(column: &str, text: &str) -> Expr {
    col(column).eq(lit(text.to_owned())).fill_null(lit(false))
}

/// Rows in the order of these columns, with nulls last.
pub(crate) fn sorted(frame: LazyFrame, by: &[&str]) -> LazyFrame {
    let options = SortMultipleOptions::default().with_nulls_last(true).with_maintain_order(true);
    frame.sort(by.iter().copied(), options)
}

/// An outer "spine": every row of `spine`, with the columns of `frame` where it has the month; other numbers are 0.
pub(crate) fn on_spine(spine: LazyFrame, frame: LazyFrame, keys: &[&str]) -> LazyFrame {
    let keys: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
    spine.join(frame, &keys, &keys, JoinArgs::new(JoinType::Left))
}

/// The last value of `complete` months only, for figures that must not show a half month.
pub(crate) fn columns(names: &[&str]) -> Vec<Expr> {
    names.iter().map(|name| col(*name)).collect()
}
