//! Periods are cut from the anchor: no day of the month drifts in 400 years, in any zone.

use billing::calendar::{Anchor, Interval, plus_local_days, to_instant};
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;

use crate::sample::at;

/// Months after which the Gregorian calendar repeats itself.
const MONTHS_OF_400_YEARS: u32 = 4_800;

/// No change of clocks, one in each half of the year on both sides of the equator, odd offsets, half-hour changes, and a
/// change at midnight.
const ZONES: [Tz; 7] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Asia__Kathmandu,
    Tz::Australia__Lord_Howe,
    Tz::America__Havana,
    Tz::Pacific__Apia,
];

fn last_day(date: NaiveDate) -> u32 {
    let next = date.with_day(1).expect("day 1").checked_add_months(chrono::Months::new(1)).expect("a month");
    next.pred_opt().expect("a day").day()
}

fn monthly(day: u32, zone: Tz, months: u32) {
    let local = NaiveDate::from_ymd_opt(2027, 1, day).expect("a date").and_hms_opt(0, 30, 0).expect("a time");
    let anchor = Anchor::at(to_instant(local, zone), zone);
    let month: Interval = "month".parse().expect("an interval");
    let mut before = None;
    for index in 0..months {
        let boundary = anchor.boundary(month, index).expect("within the calendar");
        let date = boundary.with_timezone(&zone).date_naive();
        assert_eq!(date.day(), day.min(last_day(date)), "anchor {day} in {zone}, month {index}");
        assert_eq!((date.year() * 12 + date.month0() as i32) as u32, 2027 * 12 + index, "a month was lost in {zone}");
        assert!(before < Some(boundary), "boundary {index} of {day} in {zone} does not follow the one before");
        before = Some(boundary);
    }
}

#[test]
fn no_day_of_the_month_drifts_in_400_years() {
    for day in 1..=31 {
        monthly(day, Tz::UTC, MONTHS_OF_400_YEARS);
    }
}

#[test]
fn month_ends_do_not_drift_in_zones_whose_clocks_change() {
    for zone in ZONES {
        for day in [1, 14, 28, 29, 30, 31] {
            monthly(day, zone, 600);
        }
        monthly(31, zone, MONTHS_OF_400_YEARS);
    }
}

#[test]
fn the_29_of_february_comes_back_in_every_leap_year() {
    let anchor = Anchor::at(at("2028-02-29T12:00:00Z"), Tz::UTC);
    let year: Interval = "year".parse().expect("an interval");
    for index in 0..400 {
        let date = anchor.boundary(year, index).expect("within the calendar").date_naive();
        assert_eq!((date.month(), date.day()), (2, if date.leap_year() { 29 } else { 28 }), "{date}");
    }
}

#[test]
fn days_and_weeks_are_local_calendar_days() {
    for zone in ZONES {
        let start = to_instant("2027-01-01T02:30:00".parse().expect("a time"), zone);
        let anchor = Anchor::at(start, zone);
        for index in 0..800_u32 {
            let expected = NaiveDate::from_ymd_opt(2027, 1, 1).expect("a date") + Days::new(u64::from(index));
            let day = anchor.boundary("day".parse().expect("an interval"), index).expect("within the calendar");
            assert_eq!(day.with_timezone(&zone).date_naive(), expected, "{zone}");
            assert_eq!(plus_local_days(start, index, zone), Ok(day), "{zone}");
        }
    }
}
