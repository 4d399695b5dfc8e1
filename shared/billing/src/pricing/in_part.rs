//! What a price for a full period is for a part of one: the ends of its tiers, and its fixed amounts, in proportion.
//!
//! Exists apart from the models, because a part is a model of the same kind with other figures: it is priced, explained and
//! computed again as every other.

use rust_decimal::Decimal;

use super::{Commitment, Graduated, GraduatedPercentage, PercentTier, PriceModel, Tier, Volume, exact};
use crate::money::MoneyError;

/// Which figures of a price are in proportion to the part: `left` of `whole`, none where they stay whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proportion {
    /// Of counts of units: ends of tiers, free units.
    pub(crate) units: Option<(Decimal, Decimal)>,
    /// Of amounts that do not follow from units: flat amounts, the least and the most.
    pub(crate) amounts: Option<(Decimal, Decimal)>,
}

fn part(of: Decimal, share: Option<(Decimal, Decimal)>) -> Result<Decimal, MoneyError> {
    let Some((left, whole)) = share else { return Ok(of) };
    exact::quotient(exact::mul(of, left)?, whole)
}

fn part_of(of: Option<Decimal>, share: Option<(Decimal, Decimal)>) -> Result<Option<Decimal>, MoneyError> {
    of.map(|of| part(of, share)).transpose()
}

impl Proportion {
    /// So many of `units`, at most 12 decimals.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(crate) fn of_units(self, units: Decimal) -> Result<Decimal, MoneyError> {
        part(units, self.units)
    }

    fn tier(self, tier: &Tier) -> Result<Tier, MoneyError> {
        Ok(Tier {
            up_to: part_of(tier.up_to, self.units)?,
            flat_amount: part(tier.flat_amount, self.amounts)?,
            cap: part_of(tier.cap, self.amounts)?,
            ..tier.clone()
        })
    }

    fn tiers(self, tiers: &[Tier]) -> Result<Vec<Tier>, MoneyError> {
        tiers.iter().map(|tier| self.tier(tier)).collect()
    }
}

impl PriceModel {
    /// The model for a part of a period. What is paid for a unit, a package or an event is the same; a package stays whole.
    /// Every figure is cut at 12 decimals, as all divisions of prices are.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(crate) fn in_part(&self, of: Proportion) -> Result<Self, MoneyError> {
        Ok(match self {
            Self::Flat { amount } => Self::Flat { amount: part(*amount, of.amounts)? },
            Self::PerSeat { unit_amount, included } => {
                Self::PerSeat { unit_amount: *unit_amount, included: of.of_units(*included)? }
            }
            Self::Package(package) => {
                Self::Package(super::Package { free_units: of.of_units(package.free_units)?, ..package.clone() })
            }
            Self::Graduated(price) => Self::Graduated(Graduated { tiers: of.tiers(&price.tiers)?, ..price.clone() }),
            Self::Volume(price) => Self::Volume(Volume { tiers: of.tiers(&price.tiers)?, ..price.clone() }),
            Self::Percentage(price) => {
                Self::Percentage(super::Percentage { free_units: of.of_units(price.free_units)?, ..price.clone() })
            }
            Self::GraduatedPercentage(price) => {
                let tier = |tier: &PercentTier| {
                    let flat_amount = part(tier.flat_amount, of.amounts)?;
                    Ok(PercentTier { up_to: part_of(tier.up_to, of.units)?, flat_amount, rate: tier.rate })
                };
                let tiers = price.tiers.iter().map(tier).collect::<Result<Vec<_>, MoneyError>>()?;
                Self::GraduatedPercentage(GraduatedPercentage { tiers, ..price.clone() })
            }
            Self::Commitment(price) => Self::Commitment(Commitment {
                minimum_amount: part_of(price.minimum_amount, of.amounts)?,
                maximum_amount: part_of(price.maximum_amount, of.amounts)?,
                overage_factor: price.overage_factor,
                price: Box::new(price.price.in_part(of)?),
            }),
            Self::Usage(price) => {
                Self::Usage(super::UsagePrice { price: Box::new(price.price.in_part(of)?), ..price.clone() })
            }
            // Blocks are whole; a percentage of other items is no price of units.
            Self::BlockTiers(_) | Self::PercentOf(_) => self.clone(),
        })
    }

    /// What of the model cannot be a part, where ends of tiers and free units are asked to be; none where all can.
    pub(crate) fn whole_only(&self) -> Option<&'static str> {
        match self {
            Self::BlockTiers(_) => Some("block-tiers sells whole blocks"),
            Self::Package(package) if !package.minimum_packages.is_zero() => {
                Some("minimum_packages are whole packages; a commitment's minimum_amount can be a part")
            }
            Self::Percentage(price) if price.free_events > 0 => {
                Some("free_events are whole events; free_units can be a part")
            }
            Self::Commitment(commitment) => commitment.price.whole_only(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenth(json: &str) -> String {
        let share = Some((Decimal::ONE, Decimal::TEN));
        let model: PriceModel = serde_json::from_str(json).unwrap();
        serde_json::to_string(&model.in_part(Proportion { units: share, amounts: share }).unwrap()).unwrap()
    }

    #[test]
    fn what_follows_from_a_unit_stays_and_the_rest_is_in_proportion() {
        for (full, part) in [
            (r#"{"model":"flat","amount":"5"}"#, r#"{"model":"flat","amount":"0.5"}"#),
            (
                r#"{"model":"per-seat","unit_amount":"4","included":"3"}"#,
                r#"{"model":"per-seat","unit_amount":"4","included":"0.3"}"#,
            ),
            (
                r#"{"model":"package","size":"100","amount":"5","free_units":"10"}"#,
                r#"{"model":"package","size":"100","amount":"5","free_units":"1"}"#,
            ),
            (
                r#"{"model":"graduated","tiers":[{"up_to":"10","unit_amount":"5","flat_amount":"2","cap":"40"},{"unit_amount":"1"}]}"#,
                r#"{"model":"graduated","tiers":[{"up_to":"1","unit_amount":"5","flat_amount":"0.2","cap":"4"},{"unit_amount":"1"}]}"#,
            ),
            (
                r#"{"model":"percentage","rate":"2.9","free_units":"50"}"#,
                r#"{"model":"percentage","rate":"2.9","free_units":"5"}"#,
            ),
            (
                r#"{"model":"commitment","minimum_amount":"100","price":{"model":"volume","tiers":[{"up_to":"10","unit_amount":"5"},{}]}}"#,
                r#"{"model":"commitment","minimum_amount":"10","price":{"model":"volume","tiers":[{"up_to":"1","unit_amount":"5"},{}]}}"#,
            ),
        ] {
            assert_eq!(tenth(full), part);
        }
    }

    #[test]
    fn amounts_and_units_are_asked_for_apart() {
        let model: PriceModel = serde_json::from_str(
            r#"{"model":"graduated-percentage","tiers":[{"up_to":"10","rate":"5","flat_amount":"2"},{"rate":"1"}]}"#,
        )
        .unwrap();
        let third = Some((Decimal::ONE, Decimal::from(3)));
        let json = |of| serde_json::to_value(model.in_part(of).unwrap()).unwrap()["tiers"][0].clone();
        let units = json(Proportion { units: third, amounts: None });
        assert_eq!((&units["up_to"], &units["flat_amount"]), (&"3.333333333333".into(), &"2".into()));
        let amounts = json(Proportion { units: None, amounts: third });
        assert_eq!((&amounts["up_to"], &amounts["flat_amount"]), (&"10".into(), &"0.666666666667".into()));
    }

    #[test]
    fn only_what_is_sold_whole_cannot_be_a_part() {
        let free_events = r#"{"model":"percentage","rate":"1","free_events":2}"#;
        let committed = format!(r#"{{"model":"commitment","minimum_amount":"1","price":{free_events}}}"#);
        let table = [
            (r#"{"model":"package","size":"5","amount":"1"}"#, None),
            (r#"{"model":"package","size":"5","amount":"1","minimum_packages":"1"}"#, Some("minimum_packages")),
            (r#"{"model":"percentage","rate":"1","free_units":"5"}"#, None),
            (free_events, Some("free_events")),
            (&committed, Some("free_events")),
            (r#"{"model":"commitment","minimum_amount":"1","price":{"model":"flat","amount":"1"}}"#, None),
            (
                r#"{"model":"block-tiers","policy":"all-tiers","tiers":[{"block_size":"5","amount":"1"}]}"#,
                Some("block-tiers"),
            ),
            (r#"{"model":"graduated","tiers":[{}]}"#, None),
        ];
        for (json, field) in table {
            let model: PriceModel = serde_json::from_str(json).unwrap();
            let found = model.whole_only();
            assert_eq!(found.and_then(|text| text.split(' ').next()), field, "{json}");
        }
    }
}
