//! Usage prices: a meter says how many units, a price model says what they cost.
//!
//! Exists so that usage is not one more family of prices: every model can be metered.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, PriceModel, exact,
    meter::{Aggregation, Meter, Reading},
    priced::Step,
    units::{Movement, Units},
};
use crate::{
    calendar::Period,
    catalog::is_name,
    money::Currency,
    proration::{ProrationUnit, Share},
};

/// A price for what a meter counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsagePrice {
    /// The meter, by name.
    pub meter: String,
    /// Units that come or go within the period are billed for the rest of it, counted in this; none: in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proration: Option<ProrationUnit>,
    /// What a total below zero pays.
    #[serde(default, skip_serializing_if = "BelowZero::is_default")]
    pub below_zero: BelowZero,
    /// What the units cost.
    pub price: Box<PriceModel>,
}

/// What a total below zero pays. Corrections may take a meter there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BelowZero {
    /// It is an error, for a person to look at.
    #[default]
    Refused,
    /// Nothing, no flat amount either (Lago).
    Nothing,
}

impl BelowZero {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What readings are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The period; half open, so that every reading lies in one period only.
    pub period: Period,
    /// The zone that days are counted in.
    pub zone: Tz,
    /// Units that were there when the period began; 0 for a meter that starts afresh.
    pub carried: Decimal,
}

impl UsagePrice {
    /// What `readings` of `meter` come to in `window`, ready to be priced.
    ///
    /// # Errors
    /// [`PriceError::BadModel`] for another meter, for one that cannot be prorated, or for a reading without the key
    /// that it needs; [`PriceError::Money`] when units cannot be added exactly.
    pub fn units(&self, meter: &Meter, readings: &[Reading], window: &Window) -> Result<Units, PriceError> {
        if meter.id != self.meter {
            return Err(PriceError::BadModel(format!("it is for the meter {}, not for {}", self.meter, meter.id)));
        }
        let inside = meter.inside(readings, &window.period);
        if let Some(unit) = self.proration {
            return prorated(meter, &inside, window, unit);
        }
        let needs_each = matches!(&*self.price, PriceModel::Percentage(p) if p.needs_each_event());
        if needs_each && meter.aggregation == Aggregation::Sum && window.carried.is_zero() {
            return Units::each(inside.iter().map(|r| r.value).collect());
        }
        let count = u64::try_from(inside.len()).unwrap_or(u64::MAX);
        let units = meter.units(readings, &window.period, window.carried)?;
        Ok(Units { per: units.per, ..Units::counted(units.quantity, count) })
    }

    pub(super) fn steps(&self, units: &Units, currency: Currency) -> Result<Vec<Step>, PriceError> {
        if units.quantity < Decimal::ZERO {
            return match self.below_zero {
                BelowZero::Refused => Err(PriceError::NegativeUnits(units.quantity)),
                BelowZero::Nothing => Ok(Vec::new()),
            };
        }
        self.price.steps(units, currency)
    }

    pub(super) fn check(&self, currency: Currency) -> Result<(), String> {
        if !is_name(&self.meter) {
            return Err("meter must be a name (lower case letters, digits, - and _)".into());
        }
        match &*self.price {
            PriceModel::Usage(_) | PriceModel::PercentOf(_) => {
                return Err(format!("a price by {} cannot be metered", self.price.name()));
            }
            PriceModel::Commitment(_) => {
                return Err("write the commitment around the usage price, not within it".into());
            }
            PriceModel::PerSeat { .. } | PriceModel::Graduated(_) | PriceModel::Volume(_) => {}
            other if self.proration.is_some() => {
                return Err(format!("a price by {} cannot be prorated: leave out proration", other.name()));
            }
            _ => {}
        }
        self.price.check(currency).map_err(|problem| format!("price: {problem}"))
    }
}

fn prorated(meter: &Meter, inside: &[&Reading], window: &Window, unit: ProrationUnit) -> Result<Units, PriceError> {
    if meter.aggregation != Aggregation::Sum {
        let problem =
            format!("only a meter that adds up can be prorated, and {} does not: leave out proration", meter.id);
        return Err(PriceError::BadModel(problem));
    }
    let mut movements = Vec::with_capacity(inside.len() + 1);
    let (_, whole) = Share::left_of(&window.period, window.period.start, window.zone, unit).parts();
    if !window.carried.is_zero() {
        movements.push(Movement { units: window.carried, prorated: exact::mul(window.carried, whole)? });
    }
    for reading in inside.iter().filter(|r| !r.value.is_zero()) {
        let (left, _) = Share::left_of(&window.period, reading.at, window.zone, unit).parts();
        movements.push(Movement { units: reading.value, prorated: exact::mul(reading.value, left)? });
    }
    Ok(Units::prorated(movements)?.in_parts(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calendar::Anchor, money::Rounding};

    fn window(carried: &str) -> Window {
        let period = Anchor::at("2027-06-01T00:00:00Z".parse().unwrap(), Tz::UTC);
        let period = period.period("month".parse().unwrap(), 0, 1).unwrap();
        Window { period, zone: Tz::UTC, carried: carried.parse().unwrap() }
    }

    fn seats(proration: &str, price: &str) -> UsagePrice {
        serde_json::from_str(&format!(r#"{{"meter":"seats",{proration}"price":{price}}}"#)).unwrap()
    }

    fn reading(day: u32, value: &str) -> Reading {
        let at = format!("2027-06-{day:02}T12:00:00Z").parse().unwrap();
        Reading { at, value: value.parse().unwrap(), key: None }
    }

    fn minor(price: UsagePrice, units: &Units) -> i64 {
        let usd = Currency::try_new("USD").unwrap();
        let priced = PriceModel::Usage(price).price(units, usd).unwrap();
        priced.amount.round(Rounding::HalfUp).unwrap().minor
    }

    #[test]
    fn seats_that_come_and_go_are_billed_for_the_days_that_are_left() {
        let price = seats(r#""proration":"day","#, r#"{"model":"per-seat","unit_amount":"30"}"#);
        let meter = Meter { id: "seats".into(), aggregation: Aggregation::Sum };
        let units = price.units(&meter, &[reading(11, "3"), reading(21, "-2")], &window("10")).unwrap();
        assert_eq!(units.quantity, Decimal::from(11));
        // 10 for 30 days, 3 for 20, less 2 for 10.
        assert_eq!(minor(price, &units), 30_000 + 6_000 - 2_000);
    }

    #[test]
    fn a_meter_that_does_not_add_up_cannot_be_prorated_and_another_meter_is_refused() {
        let price = seats(r#""proration":"day","#, r#"{"model":"per-seat","unit_amount":"30"}"#);
        let meter = |id: &str, aggregation| Meter { id: id.into(), aggregation };
        let refused = |meter| price.units(&meter, &[], &window("0")).unwrap_err().to_string();
        assert!(refused(meter("seats", Aggregation::Max)).contains("only a meter that adds up can be prorated"));
        assert!(refused(meter("calls", Aggregation::Sum)).contains("the meter seats, not for calls"));
    }

    #[test]
    fn a_total_below_zero_is_refused_or_pays_nothing_as_the_price_says() {
        let usd = Currency::try_new("USD").unwrap();
        let flat = r#"{"model":"volume","tiers":[{"unit_amount":"1","flat_amount":"5"}]}"#;
        let units = Units::of(Decimal::from(-3));
        let refused = PriceModel::Usage(seats("", flat)).price(&units, usd).unwrap_err();
        assert_eq!(refused, PriceError::NegativeUnits(Decimal::from(-3)));
        let forgiving = seats(r#""below_zero":"nothing","#, flat);
        assert_eq!(minor(forgiving.clone(), &units), 0);
        let each = PriceModel::Usage(forgiving).each(&[2, -5, 4].map(Decimal::from), usd).unwrap();
        assert_eq!(each.iter().map(|a| a.minor().normalize()).collect::<Vec<_>>(), [700, -700, 600].map(Decimal::from));
    }

    #[test]
    fn events_are_handed_on_only_where_their_sizes_matter() {
        let meter = Meter { id: "seats".into(), aggregation: Aggregation::Sum };
        let readings = [reading(1, "10"), reading(2, "80")];
        let units = |price: &str| seats("", price).units(&meter, &readings, &window("0")).unwrap();
        let plain = units(r#"{"model":"percentage","rate":"1","fixed_amount":"0.10"}"#);
        assert_eq!(plain, Units::counted(Decimal::from(90), 2));
        let least = units(r#"{"model":"percentage","rate":"1","minimum_per_event":"0.50"}"#);
        assert_eq!(least, Units::each(vec![Decimal::from(10), Decimal::from(80)]).unwrap());
    }
}
