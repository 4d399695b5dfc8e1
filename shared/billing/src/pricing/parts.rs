//! Prices of parts of units: what is counted in parts (unit-days, unit-milliseconds) is multiplied first and divided once.
//!
//! Exists because a part that is cut before it is multiplied moves exact halves of a cent: 7/30 of 19.95 are 4.655. So a price
//! is asked in as many parts as a unit is divided into, with its fixed amounts that many times, and the answer is divided.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    PriceError, PriceModel, Priced, Proportion, exact,
    priced::Step,
    tiers::{Overflow, Tier},
    units::Units,
};
use crate::money::{Currency, MoneyError};

/// Decimals of an amount that no decimal ends for: enough that none of them passes for a half of a cent.
const AMOUNT_DECIMALS: u32 = 18;

/// From here on an amount has as many decimals as other quotients.
const LARGE: i64 = 10_000_000;

impl PriceModel {
    /// What `units`, which are counted in parts, cost in a part of a full period. Exact up to one division, unless the model
    /// sells something whole, or the figures are too long: then every part is cut first.
    pub(crate) fn price_in_part(
        &self,
        units: &Units,
        part: Proportion,
        currency: Currency,
    ) -> Result<Priced, PriceError> {
        if self.is_proportional()
            && let Ok(steps) = self.multiplied(units, part, currency)
        {
            return Ok(Priced::of(steps, currency)?);
        }
        // What cannot be priced says so in units, and not in parts of them.
        Ok(Priced::of(self.in_part(part)?.steps(&units.cut()?, currency)?, currency)?)
    }

    fn multiplied(&self, units: &Units, part: Proportion, currency: Currency) -> Result<Vec<Step>, PriceError> {
        let per = units.per.unwrap_or(Decimal::ONE);
        let whole = part.units.or(part.amounts).map_or(Decimal::ONE, |(_, whole)| whole);
        // What both can be counted in.
        let is_within = per.checked_rem(whole).is_some_and(|left| left.is_zero());
        let parts = if is_within { per } else { exact::mul(per, whole)? };
        let share = |of: Option<(Decimal, Decimal)>| match of {
            None => Ok(Some((parts, Decimal::ONE))),
            Some((left, whole)) => {
                Ok::<_, MoneyError>(Some((exact::quotient(exact::mul(parts, left)?, whole)?, Decimal::ONE)))
            }
        };
        // Where units come and go, whole ones choose the tier.
        let of_units = if units.movements().is_some() { part.units } else { share(part.units)? };
        let model = self.in_part(Proportion { units: of_units, amounts: share(part.amounts)? })?;
        let units = units.times(exact::quotient(parts, per)?)?;
        divided(model.steps(&units, currency)?, parts)
    }

    /// Whether so many times the units cost so many times the amount, fixed amounts included.
    fn is_proportional(&self) -> bool {
        let open = |tiers: &[Tier]| tiers.iter().all(|tier| tier.package_size.is_none());
        match self {
            Self::Flat { .. } | Self::PerSeat { .. } | Self::GraduatedPercentage(_) => true,
            Self::Graduated(price) => open(&price.tiers),
            // Units that are not billed are told as whole ones.
            Self::Volume(price) => open(&price.tiers) && price.overflow != Some(Overflow::NotBilled),
            Self::Percentage(price) => price.fixed_amount.is_zero() && !price.needs_each_event(),
            Self::Commitment(price) => price.price.is_proportional(),
            Self::Usage(price) => price.price.is_proportional(),
            Self::Package(_) | Self::BlockTiers(_) | Self::PercentOf(_) => false,
        }
    }
}

/// What the steps of so many `parts` are for one. Each amount is what all up to it come to, less what all before it do, so they
/// add up to the one quotient of all.
fn divided(steps: Vec<Step>, parts: Decimal) -> Result<Vec<Step>, PriceError> {
    let (mut sum, mut before) = (Decimal::ZERO, Decimal::ZERO);
    let mut told = Vec::with_capacity(steps.len());
    for step in steps {
        sum = exact::add(sum, step.amount)?;
        let through = amount(sum, parts)?;
        let counted = Step::counted(step.units, parts)?;
        let flat_amount = amount(step.flat_amount, parts)?;
        let of_step = exact::sub(through, before)?;
        told.push(Step { units: counted.units, fraction: counted.fraction, flat_amount, amount: of_step, ..step });
        before = through;
    }
    Ok(told)
}

/// `numerator ÷ denominator` for an amount in major units.
fn amount(numerator: Decimal, denominator: Decimal) -> Result<Decimal, MoneyError> {
    let quotient = numerator.checked_div(denominator).ok_or(MoneyError::Overflow)?;
    let is_large = quotient.abs() >= Decimal::from(LARGE);
    let decimals = if is_large { exact::QUOTIENT_DECIMALS } else { AMOUNT_DECIMALS };
    Ok(quotient.round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        money::Rounding,
        pricing::{Movement, StepKind},
    };

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn priced(price: &str, units: &Units) -> Priced {
        let model: PriceModel = serde_json::from_str(price).unwrap();
        model.price(units, Currency::try_new("USD").unwrap()).unwrap()
    }

    fn moved(units: &str, days: &str, of: &str) -> Units {
        let units = d(units);
        let movement = Movement { units, prorated: units * d(days) };
        Units::prorated(vec![movement]).unwrap().in_parts(d(of))
    }

    fn half_even(priced: &Priced) -> i64 {
        priced.amount.round(Rounding::HalfEven).unwrap().minor
    }

    #[test]
    fn a_half_of_a_cent_stays_a_half() {
        let price = |amount: &str| format!(r#"{{"model":"per-seat","unit_amount":"{amount}"}}"#);
        for (amount, days, exact, cents) in
            [("9.99", "5", "166.5", 166), ("19.95", "7", "465.5", 466), ("0.045", "10", "1.5", 2)]
        {
            let priced = priced(&price(amount), &moved("1", days, "30"));
            assert_eq!((priced.amount.minor().normalize(), half_even(&priced)), (d(exact), cents), "{amount}");
        }
        // A third of a cent is no half, however long it is.
        assert_eq!(half_even(&priced(&price("0.046"), &moved("1", "10", "30"))), 2);
        assert_eq!(half_even(&priced(&price("0.044999"), &moved("1", "10", "30"))), 1);
    }

    #[test]
    fn steps_say_the_part_and_add_up_to_what_is_divided_once() {
        let json =
            r#"{"model":"graduated","tiers":[{"up_to":"1","unit_amount":"1","flat_amount":"5"},{"unit_amount":"2"}]}"#;
        let priced = priced(json, &moved("3", "1", "7"));
        let steps: Vec<_> = priced.steps.iter().map(|s| (s.fraction, s.flat_amount, s.amount.to_string())).collect();
        assert_eq!(
            steps,
            [
                (Some((d("1"), d("7"))), d("5"), "5.142857142857142857".into()),
                (Some((d("2"), d("7"))), d("0"), "0.571428571428571429".into())
            ]
        );
        assert_eq!(priced.amount.minor().normalize(), d("571.4285714285714286"));
    }

    #[test]
    fn a_weighted_quantity_is_priced_by_its_tiers_and_what_is_sold_whole_is_counted_whole() {
        // 12 and a third units.
        let units = Units::counted(d("37"), 1).in_parts(d("3"));
        let tiers = r#""tiers":[{"up_to":"10","unit_amount":"0.03"},{"unit_amount":"0.045"}]}"#;
        assert_eq!(priced(&format!(r#"{{"model":"graduated",{tiers}"#), &units).amount.minor(), d("40.5"));
        assert_eq!(priced(&format!(r#"{{"model":"volume",{tiers}"#), &units).amount.minor(), d("55.5"));
        let least = r#"{"model":"commitment","minimum_amount":"1","price":{"model":"per-seat","unit_amount":"0.045","included":"2"}}"#;
        let kinds: Vec<_> = priced(least, &units).steps.iter().map(|s| (s.kind, s.amount)).collect();
        assert_eq!(kinds, [(StepKind::Free, d("0")), (StepKind::PerUnit, d("0.465")), (StepKind::TrueUp, d("0.535"))]);
        assert_eq!(priced(r#"{"model":"package","size":"5","amount":"1"}"#, &units).amount.minor(), d("300"));
        let bounded = r#"{"model":"graduated","tiers":[{"up_to":"10","unit_amount":"1"}],"overflow":"refused"}"#;
        let bounded: PriceModel = serde_json::from_str(bounded).unwrap();
        let refused = bounded.price(&units, Currency::try_new("USD").unwrap()).unwrap_err().to_string();
        assert!(refused.starts_with("12.333333333333 units are more than the 10"), "{refused}");
    }
}
