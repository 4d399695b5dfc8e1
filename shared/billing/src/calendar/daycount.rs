//! How days are counted between two local dates.
//!
//! Exists because contracts disagree about what a month has: its own days, or 30 whatever the calendar says.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A convention for counting days, half-open: the day of `from` counts, the day of `to` does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayCount {
    /// The days on a wall calendar.
    #[default]
    Actual,
    /// Every month has 30 days: for each month end that is crossed, 30 minus the length of that month is added. No date is
    /// moved for it, so counts of adjoining spans add up; the day from the 31st to the 1st counts as none.
    /// (Kill Bill, "fixed days in month"; it corrects for the month of the start only, which is the same up to one month.)
    Thirty,
}

impl DayCount {
    /// Days from `from` up to `to`; negative when `to` is earlier.
    #[must_use]
    pub fn days(self, from: NaiveDate, to: NaiveDate) -> i64 {
        match self {
            Self::Actual => (to - from).num_days(),
            Self::Thirty => days_of_equal_months(from, to, 30),
        }
    }
}

/// Days from `from` up to `to` in a calendar whose months all have `month_days` days: each crossed month end contributes
/// `month_days` minus the length of its month, without walking over the months.
#[must_use]
pub fn days_of_equal_months(from: NaiveDate, to: NaiveDate, month_days: i64) -> i64 {
    let position =
        |date: NaiveDate| (i64::from(date.year()) * 12 + i64::from(date.month())) * month_days + i64::from(date.day());
    position(to) - position(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thirty(from: &str, to: &str) -> i64 {
        DayCount::Thirty.days(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn within_a_month_both_conventions_agree() {
        assert_eq!(thirty("2023-05-15", "2023-05-23"), 8);
        assert_eq!(DayCount::Actual.days("2023-05-15".parse().unwrap(), "2023-05-23".parse().unwrap()), 8);
    }

    #[test]
    fn a_crossed_month_end_is_adjusted_by_30_minus_the_length_of_the_month() {
        // 26 real days, January has 31; 21 real days, February has 28; 24 real days, April has 30.
        assert_eq!(thirty("2024-01-20", "2024-02-15"), 25);
        assert_eq!(thirty("2023-02-20", "2023-03-13"), 23);
        assert_eq!(thirty("2023-04-20", "2023-05-14"), 24);
        assert_eq!(thirty("2023-12-20", "2024-01-15"), 25);
    }

    #[test]
    fn every_month_from_a_day_to_the_same_day_has_30_days() {
        for month in 1..12 {
            let [from, to] = [month, month + 1].map(|m| format!("2023-{m:02}-15"));
            assert_eq!(thirty(&from, &to), 30, "{from}");
        }
        assert_eq!(thirty("2023-03-23", "2024-03-23"), 360);
    }

    #[test]
    fn the_31st_counts_as_no_day_and_no_count_is_negative() {
        assert_eq!(thirty("2023-05-31", "2023-06-01"), 0);
        assert_eq!(thirty("2023-02-28", "2023-03-01"), 3);
    }
}
