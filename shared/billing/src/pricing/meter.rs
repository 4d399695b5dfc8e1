//! Meters: how the readings of a period become one quantity.
//!
//! Exists so that what is counted is data of the merchant, and the same readings always count the same. Readings are
//! handed in once each: telling deliveries apart that come twice is the work of whoever stores them.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{PriceError, exact, units::Units};
use crate::{
    calendar::{Instant, Period},
    catalog::is_name,
    money::MoneyError,
};

/// What is counted, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// The name that prices call it by.
    pub id: String,
    /// How readings become a quantity.
    pub aggregation: Aggregation,
}

/// How the readings of a period become a quantity. *Carried* is the level at its start, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// How many readings there are.
    Count,
    /// Carried, and the values added to it; a negative value is a correction or a removal.
    Sum,
    /// The largest of the values and of what is carried.
    Max,
    /// The value of the last reading; without one, what is carried. Of readings at one instant the later in the list.
    Last,
    /// How many different keys there are.
    Unique,
    /// The level that changes make, weighted by how long it stood: carried and each value from its instant on.
    WeightedChanges,
    /// The level that readings say, weighted by how long it stood: carried until the first reading, then each value
    /// until the next.
    WeightedLevels,
}

/// One reading of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// When, in business time.
    pub at: Instant,
    /// How much; of no meaning to `count` and `unique`.
    #[serde(default)]
    pub value: Decimal,
    /// What is counted once, for `unique`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Meter {
    /// The quantity that `readings` come to in `period`. Those outside it belong to another period and do not count.
    ///
    /// # Errors
    /// [`PriceError::BadModel`] for a reading without a key where keys are counted, or a period without length where
    /// time counts; [`PriceError::Money`] when values cannot be added exactly. A weighted quantity is cut at 12
    /// decimals.
    pub fn aggregate(&self, readings: &[Reading], period: &Period, carried: Decimal) -> Result<Decimal, PriceError> {
        let inside = self.inside(readings, period);
        let values = || inside.iter().map(|r| r.value);
        match self.aggregation {
            Aggregation::Count => Ok(Decimal::from(inside.len())),
            Aggregation::Sum => Ok(exact::add(carried, exact::sum(values())?)?),
            Aggregation::Max => Ok(values().fold(carried, Decimal::max)),
            Aggregation::Last => Ok(values().next_back().unwrap_or(carried)),
            Aggregation::Unique => self.unique(&inside),
            Aggregation::WeightedChanges | Aggregation::WeightedLevels => {
                let (sum, whole) = self.weight(&inside, period, carried)?;
                Ok(exact::quotient(sum, whole)?)
            }
        }
    }

    /// The same as units that can be priced: those that are weighted in parts, so that nothing is cut before it is multiplied.
    ///
    /// # Errors
    /// As [`Meter::aggregate`].
    pub fn units(&self, readings: &[Reading], period: &Period, carried: Decimal) -> Result<Units, PriceError> {
        if !matches!(self.aggregation, Aggregation::WeightedChanges | Aggregation::WeightedLevels) {
            return Ok(Units::of(self.aggregate(readings, period, carried)?));
        }
        let (sum, whole) = self.weight(&self.inside(readings, period), period, carried)?;
        let (parts, per) = exact::lowest(sum, whole);
        Ok(Units::of(parts).in_parts(per))
    }

    /// Levels times the milliseconds that each stood, and the milliseconds of the period.
    fn weight(&self, inside: &[&Reading], period: &Period, carried: Decimal) -> Result<(Decimal, Decimal), PriceError> {
        match self.aggregation {
            Aggregation::WeightedLevels => weighted(inside, period, carried, |_, value| Ok(value)),
            _ => weighted(inside, period, carried, exact::add),
        }
    }

    /// The readings within `period`, in order of time.
    pub(super) fn inside<'a>(&self, readings: &'a [Reading], period: &Period) -> Vec<&'a Reading> {
        let mut inside: Vec<_> = readings.iter().filter(|r| r.at >= period.start && r.at < period.end).collect();
        inside.sort_by_key(|r| r.at);
        inside
    }

    fn unique(&self, inside: &[&Reading]) -> Result<Decimal, PriceError> {
        let mut keys = BTreeSet::new();
        for reading in inside {
            let key = reading.key.as_deref().ok_or_else(|| {
                PriceError::BadModel(format!("a reading of {} has no key, and its keys are what is counted", self.id))
            })?;
            keys.insert(key);
        }
        Ok(Decimal::from(keys.len()))
    }

    /// Whether the meter may be published.
    ///
    /// # Errors
    /// What to mend.
    pub fn check(&self) -> Result<(), String> {
        if is_name(&self.id) {
            return Ok(());
        }
        Err(format!("meter {:?} is not a name (lower case letters, digits, - and _)", self.id))
    }
}

/// The levels of the period, each weighted by the milliseconds that it stood, and how many the period has.
fn weighted(
    inside: &[&Reading],
    period: &Period,
    carried: Decimal,
    level_after: impl Fn(Decimal, Decimal) -> Result<Decimal, MoneyError>,
) -> Result<(Decimal, Decimal), PriceError> {
    let milliseconds = |span: TimeDelta| Decimal::from(span.num_milliseconds());
    let whole = milliseconds(period.end - period.start);
    if whole <= Decimal::ZERO {
        return Err(PriceError::BadModel("a period without length has no average level".into()));
    }
    let (mut level, mut since, mut sum) = (carried, period.start, Decimal::ZERO);
    for reading in inside {
        sum = exact::add(sum, exact::mul(level, milliseconds(reading.at - since))?)?;
        level = level_after(level, reading.value)?;
        since = reading.at;
    }
    sum = exact::add(sum, exact::mul(level, milliseconds(period.end - since))?)?;
    Ok((sum, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period() -> Period {
        let at = |text: &str| text.parse().unwrap();
        Period { ordinal: 1, index: 0, start: at("2027-06-01T00:00:00Z"), end: at("2027-06-11T00:00:00Z") }
    }

    fn of(aggregation: Aggregation, readings: &[(&str, &str)], carried: &str) -> String {
        let reading = |(day, value): &(&str, &str)| Reading {
            at: format!("2027-{day}T00:00:00Z").parse().unwrap(),
            value: value.parse().unwrap(),
            key: Some(format!("key {value}")),
        };
        let readings: Vec<_> = readings.iter().map(reading).collect();
        let meter = Meter { id: "m".into(), aggregation };
        meter.aggregate(&readings, &period(), carried.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn each_aggregation_counts_what_its_name_says() {
        // Out of order, one outside the half-open period, one value twice.
        let readings = [("06-06", "4"), ("06-01", "10"), ("06-09", "-2"), ("06-11", "100"), ("06-07", "4")];
        assert_eq!(of(Aggregation::Count, &readings, "0"), "4");
        assert_eq!(of(Aggregation::Sum, &readings, "1"), "17");
        assert_eq!(of(Aggregation::Max, &readings, "0"), "10");
        assert_eq!(of(Aggregation::Max, &readings, "12"), "12");
        assert_eq!(of(Aggregation::Last, &readings, "0"), "-2");
        assert_eq!(of(Aggregation::Last, &[], "7"), "7");
        assert_eq!(of(Aggregation::Unique, &readings, "0"), "3");
    }

    #[test]
    fn a_level_is_weighted_by_how_long_it_stood() {
        // 2 for 3 days, then 12 for 5, then 8 for 2.
        assert_eq!(of(Aggregation::WeightedChanges, &[("06-04", "10"), ("06-09", "-4")], "2"), "8.2");
        assert_eq!(of(Aggregation::WeightedLevels, &[("06-04", "12"), ("06-09", "8")], "2"), "8.2");
        assert_eq!(of(Aggregation::WeightedLevels, &[], "3.5"), "3.5");
    }

    #[test]
    fn a_reading_without_the_key_that_is_counted_is_an_error() {
        let meter = Meter { id: "users".into(), aggregation: Aggregation::Unique };
        let reading = Reading { at: period().start, value: Decimal::ZERO, key: None };
        let error = meter.aggregate(&[reading], &period(), Decimal::ZERO).unwrap_err().to_string();
        assert!(error.contains("a reading of users has no key"), "{error}");
    }
}
