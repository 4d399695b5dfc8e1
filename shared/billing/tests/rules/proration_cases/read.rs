//! How a case is read: dates, amounts and intervals as the pages write them.
//!
//! Exists apart so that the computations beside it are only computations.

use billing::{
    calendar::{Instant, Interval, recurrence::Span},
    money::{Currency, Money, Unrounded},
};
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A date, a date without its year (the common year 2023), or an instant.
pub(super) fn at(value: &Value) -> Instant {
    let text = text(value).split(' ').next().unwrap();
    let full = if text.len() == 5 { format!("2023-{text}") } else { text.to_owned() };
    match full.len() {
        10 => midnight(full.parse().unwrap()),
        // To the minute: 2024-05-01T08:00Z.
        17 => full.replace('Z', ":00Z").parse().unwrap(),
        _ => full.parse().unwrap(),
    }
}

pub(super) fn midnight(date: NaiveDate) -> Instant {
    date.and_time(chrono::NaiveTime::MIN).and_utc()
}

pub(super) fn span(value: &Value) -> Span {
    Span::new(at(&value[0]), at(&value[1]))
}

/// A page's dates with both ends inside, as the half-open period that they mean.
pub(super) fn inclusive(value: &Value) -> Span {
    Span::new(at(&value[0]), at(&value[1]) + Days::new(1))
}

pub(super) fn usd() -> Currency {
    Currency::try_new("USD").unwrap()
}

pub(super) fn cents(value: &Value) -> Unrounded {
    Unrounded::from_money(Money::new(value.as_i64().unwrap(), usd()))
}

pub(super) fn major(value: &Value) -> Unrounded {
    Unrounded::from_major(text(value).parse().unwrap(), usd()).unwrap()
}

/// An amount under the first of `keys` that the case has: whole cents, or text in major units.
pub(super) fn amount(input: &Value, keys: &[&str]) -> Unrounded {
    let value = keys.iter().map(|key| &input[*key]).find(|value| !value.is_null()).unwrap();
    if value.is_i64() { cents(value) } else { major(value) }
}

/// Cents as the page writes them: `-27.42`, or null for no amount.
pub(super) fn shown(money: Money) -> Value {
    if money.minor == 0 { Value::Null } else { json!(Decimal::new(money.minor, 2).to_string()) }
}

pub(super) fn interval(input: &Value) -> Interval {
    match text(&input["interval"]) {
        "quarterly" => "quarter",
        "yearly" | "annual" => "year",
        _ => "month",
    }
    .parse()
    .unwrap()
}

pub(super) fn ratio(value: &Value) -> (i64, i64) {
    let (n, d) = text(value).split_once('/').unwrap();
    (n.parse().unwrap(), d.parse().unwrap())
}

/// The calendar month of `date`.
pub(super) fn month_of(date: Instant) -> Span {
    let first = chrono::Datelike::with_day(&date.date_naive(), 1).unwrap();
    Span::new(midnight(first), midnight(first + chrono::Months::new(1)))
}
