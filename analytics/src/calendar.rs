//! Months as plain numbers: the unit in which every report counts time.
//!
//! A fact belongs to the UTC calendar month of its `occurred_at`. Millions of instants are turned into months, so this is integer
//! arithmetic and not a date library; the tests hold it against chrono.

/// A calendar month: year x 12 + (month - 1), so that differences are ages in months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month(pub(crate) i32);

/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Month {
    /// The UTC month of an instant in microseconds since 1970.
    ///
    /// Days to civil date by shifted eras of 400 years (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    pub(crate) fn of_micros(micros: i64) -> Self {
        let days = micros.div_euclid(MICROS_PER_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months count from March here; moving January and February into the next year is the whole carry.
        let from_march = (5 * day_of_year + 2) / 153;
        let months = (year_of_era + era * 400) * 12 + from_march + 2;
        Self(i32::try_from(months).unwrap_or(i32::MAX))
    }

    /// Days from 1970-01-01 to the first day of the month.
    pub(crate) fn first_day(self) -> i32 {
        // A year that starts in March, so that the leap day is its last.
        let shifted = i64::from(self.0) - 2;
        let (year, from_march) = (shifted.div_euclid(12), shifted.rem_euclid(12));
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * from_march + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).unwrap_or(i32::MAX)
    }

    /// The first instant of the month, in microseconds since 1970.
    pub(crate) fn first_instant(self) -> i64 {
        i64::from(self.first_day()) * MICROS_PER_DAY
    }

    /// The month after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The month of a date counted in days from 1970-01-01.
    pub(crate) fn of_days(days: i32) -> Self {
        Self::of_micros(i64::from(days) * MICROS_PER_DAY)
    }
}

/// Turns instants into months, remembering the last month: facts of a file mostly follow each other in time.
#[derive(Debug)]
pub(crate) struct Months {
    month: Month,
    from: i64,
    until: i64,
}

impl Months {
    /// Nothing remembered yet.
    pub(crate) fn new() -> Self {
        Self { month: Month(0), from: 0, until: 0 }
    }

    /// The UTC month of an instant in microseconds since 1970.
    pub(crate) fn of_micros(&mut self, micros: i64) -> Month {
        if !(self.from..self.until).contains(&micros) {
            self.month = Month::of_micros(micros);
            (self.from, self.until) = (self.month.first_instant(), self.month.next().first_instant());
        }
        self.month
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// All months from `first` to `last`, both included.
pub(crate) fn months_between(first: Month, last: Month) -> impl Iterator<Item = Month> + Clone {
    (first.0..=last.0).map(Month)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike, Days, NaiveDate};

    use super::*;

    #[test]
    fn every_day_of_three_centuries_has_chronos_month() {
        let mut day = NaiveDate::from_ymd_opt(1899, 1, 1).unwrap();
        while day.year() < 2201 {
            let micros = day.and_hms_micro_opt(23, 59, 59, 999_999).unwrap().and_utc().timestamp_micros();
            let expected = day.year() * 12 + i32::try_from(day.month0()).unwrap();
            assert_eq!(Month::of_micros(micros), Month(expected), "{day}");
            day = day.checked_add_days(Days::new(1)).unwrap();
        }
    }

    #[test]
    fn a_remembered_month_is_the_same_as_a_computed_one() {
        let mut months = Months::new();
        for day in [0, 1, 30, 31, 30, -1, 58, 59, 20_000, 19_999] {
            for micros in [day * MICROS_PER_DAY, (day + 1) * MICROS_PER_DAY - 1] {
                assert_eq!(months.of_micros(micros), Month::of_micros(micros));
            }
        }
    }

    #[test]
    fn the_first_instant_of_a_month_belongs_to_it_and_the_one_before_does_not() {
        for number in (1899 * 12)..(2201 * 12) {
            let month = Month(number);
            let first = month.first_instant();
            assert_eq!(Month::of_micros(first), month);
            assert_eq!(Month::of_micros(first - 1).next(), month);
            let text = DateTime::from_timestamp_micros(first).unwrap().format("%Y-%m").to_string();
            assert_eq!(month.to_string(), text);
        }
    }
}
