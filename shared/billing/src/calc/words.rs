//! The words that questions and answers share: dates, numbers, amounts, zones.
//!
//! Exists so that a date or an amount is written, read and refused in one way, whatever is asked.

use std::{fmt, marker::PhantomData, str::FromStr};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::CalcError;
use crate::{
    calendar::{Instant, to_instant},
    money::{Currency, Money, MoneyError, Rounding, Unrounded},
};

/// First and last year that may be asked about: beyond them a date is a typing error.
const YEARS: std::ops::RangeInclusive<i32> = 1800..=2999;

/// A date (the beginning of the local day), a local date and time, or an instant with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Local(NaiveDateTime),
    At(Instant),
}

impl When {
    /// The instant that is meant in `zone`.
    pub(super) fn at(self, zone: Tz) -> Instant {
        match self {
            Self::Local(local) => to_instant(local, zone),
            Self::At(at) => at,
        }
    }

    /// The local day that is meant in `zone`.
    pub(super) fn day(self, zone: Tz) -> NaiveDate {
        match self {
            Self::Local(local) => local.date(),
            Self::At(at) => at.with_timezone(&zone).date_naive(),
        }
    }
}

/// Why a text is not a date.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a date: write 2026-01-31, 2026-01-31T09:00 (local) or 2026-01-31T09:00:00Z, from 1800 to 2999")]
pub(super) struct BadDate(String);

impl FromStr for When {
    type Err = BadDate;
    fn from_str(text: &str) -> Result<Self, BadDate> {
        let local = |format| NaiveDateTime::parse_from_str(text, format).ok();
        let date = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN));
        let instant = || {
            let to_the_minute = text.strip_suffix('Z').filter(|t| t.len() == "2026-01-31T09:00".len());
            let full = to_the_minute.map_or_else(|| text.to_owned(), |minute| format!("{minute}:00Z"));
            DateTime::parse_from_rfc3339(&full).ok().map(|at| Self::At(at.to_utc()))
        };
        let is_written_out = text.as_bytes().get(4) == Some(&b'-') && text.len() >= "2026-01-31".len();
        date()
            .or_else(|| local("%Y-%m-%dT%H:%M:%S"))
            .or_else(|| local("%Y-%m-%dT%H:%M"))
            .map(Self::Local)
            .or_else(instant)
            .filter(|when| is_written_out && YEARS.contains(&when.day(Tz::UTC).year()))
            .ok_or_else(|| BadDate(text.chars().take(40).collect()))
    }
}

/// A decimal number: text, or a whole JSON number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Decimal);

/// An amount in major units: text only, so that 1990 cannot be taken for 19.90 or the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Major(pub(super) Decimal);

fn decimal(text: &str) -> Result<Decimal, BadNumber> {
    Decimal::from_str_exact(text).map_err(|_| BadNumber(text.chars().take(40).collect()))
}

/// Why a text is not a number.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a decimal number of at most 28 digits, such as 12.5")]
pub(super) struct BadNumber(String);

impl FromStr for Number {
    type Err = BadNumber;
    fn from_str(text: &str) -> Result<Self, BadNumber> {
        decimal(text).map(Self)
    }
}

impl FromStr for Major {
    type Err = BadNumber;
    fn from_str(text: &str) -> Result<Self, BadNumber> {
        decimal(text).map(Self)
    }
}

/// What a text is expected to be, for the message where something else is written.
trait Written: FromStr {
    const EXPECTED: &'static str;

    fn whole(_number: i64) -> Option<Self> {
        None
    }
}

impl Written for When {
    const EXPECTED: &'static str = "a date as text, such as \"2026-01-31\" or \"2026-01-31T09:00:00Z\"";
}

impl Written for Number {
    const EXPECTED: &'static str = "a number as text, such as \"2.5\", or a whole number";

    fn whole(number: i64) -> Option<Self> {
        Some(Self(Decimal::from(number)))
    }
}

impl Written for Major {
    const EXPECTED: &'static str =
        "an amount as text in major units, such as \"19.90\" (whole minor units go into the field that ends in _minor)";
}

struct Reader<T>(PhantomData<T>);

impl<T: Written> de::Visitor<'_> for Reader<T>
where
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::whole(number).ok_or_else(|| E::invalid_type(de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        let whole = i64::try_from(number).ok().and_then(T::whole);
        whole.ok_or_else(|| E::invalid_type(de::Unexpected::Unsigned(number), &self))
    }
}

macro_rules! read_by_visitor {
    ($($word:ty),+) => {
        $(impl<'de> Deserialize<'de> for $word {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any(Reader(PhantomData))
            }
        })+
    };
}

read_by_visitor!(When, Number, Major);

/// A time zone by its name; UTC where none is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone(pub(super) Tz);

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        name.parse()
            .map(Self)
            .map_err(|_| de::Error::custom(format!("{name:?} is not a time zone: write such as Europe/Berlin or UTC")))
    }
}

/// Two dates.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dates {
    /// First inside.
    pub(super) start: When,
    /// First after.
    pub(super) end: When,
}

impl Dates {
    /// Both instants, of which the second is later.
    pub(super) fn at(self, field: &str, zone: Tz) -> Result<(Instant, Instant), CalcError> {
        let (start, end) = (self.start.at(zone), self.end.at(zone));
        if start < end {
            return Ok((start, end));
        }
        Err(CalcError::field(field, "ends before it starts, or at once: give a later end"))
    }
}

/// An instant in words: with the zone's offset, so that its date is the local one.
pub(super) fn shown(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A half-open span in words.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Stretch {
    start: String,
    end: String,
}

impl Stretch {
    pub(super) fn new(start: Instant, end: Instant, zone: Tz) -> Self {
        Self { start: shown(start, zone), end: shown(end, zone) }
    }
}

/// An amount in words: major units as text, and whole minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Amount {
    amount: String,
    minor: i64,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: Decimal::new(money.minor, money.currency.exponent()).to_string(), minor: money.minor }
    }
}

/// The amount under `field`, or under the same name with `_minor`; none where both are left out.
pub(super) fn unrounded(
    field: &str,
    major: Option<Major>,
    minor: Option<i64>,
    currency: Currency,
) -> Result<Option<Unrounded>, CalcError> {
    match (major, minor) {
        (Some(_), Some(_)) => {
            Err(CalcError::field(field, format!("is given twice: keep either {field} or {field}_minor")))
        }
        (Some(major), None) => Ok(Some(Unrounded::from_major(major.0, currency)?)),
        (None, Some(minor)) => Ok(Some(Unrounded::from_money(Money::new(minor, currency)))),
        (None, None) => Ok(None),
    }
}

/// As [`unrounded`], in whole minor units.
pub(super) fn money(
    field: &str,
    major: Option<Major>,
    minor: Option<i64>,
    currency: Currency,
) -> Result<Option<Money>, CalcError> {
    let Some(exact) = unrounded(field, major, minor, currency)? else { return Ok(None) };
    if !exact.minor().fract().is_zero() {
        return Err(CalcError::field(field, format!("has more decimals than {currency}")));
    }
    Ok(Some(exact.round(Rounding::Down)?))
}

/// The sum of what is given, for lists of amounts.
pub(super) fn total(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, MoneyError> {
    Money::sum(currency, amounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn a_date_is_a_local_midnight_a_local_time_or_an_instant() {
        let berlin = Tz::Europe__Berlin;
        let at = |json: &str| shown(read::<When>(json).unwrap().at(berlin), berlin);
        assert_eq!(at("\"2026-03-01\""), "2026-03-01T00:00:00+01:00");
        assert_eq!(at("\"2026-03-01T09:30\""), "2026-03-01T09:30:00+01:00");
        assert_eq!(at("\"2026-02-28T23:00:00Z\""), "2026-03-01T00:00:00+01:00");
        assert_eq!(at("\"2026-02-28T23:00Z\""), "2026-03-01T00:00:00+01:00");
    }

    #[test]
    fn what_is_no_date_is_answered_with_what_is() {
        for bad in ["\"2026-02-31\"", "\"31.01.2026\"", "\"\"", "\"12026-01-01\"", "\"+2026-01-01\"", "\"1600-01-01\""]
        {
            let said = read::<When>(bad).unwrap_err();
            assert!(said.contains("is not a date: write 2026-01-31"), "{bad}: {said}");
        }
        assert!(read::<When>("20260131").unwrap_err().contains("expected a date as text"));
    }

    #[test]
    fn amounts_are_text_and_numbers_may_be_whole() {
        assert_eq!(read::<Number>("12").unwrap().0, Decimal::from(12));
        assert_eq!(read::<Number>("\"2.50\"").unwrap().0, Decimal::new(250, 2));
        assert!(read::<Number>("2.5").unwrap_err().contains("a number as text, such as \"2.5\""));
        assert!(read::<Major>("1990").unwrap_err().contains("ends in _minor"));
        assert!(read::<Number>("\"1e5\"").is_err());
        assert!(read::<Number>("\"0.12345678901234567890123456789\"").is_err());
        assert!(read::<Number>("18446744073709551615").is_err());
    }
}
