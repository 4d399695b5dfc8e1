//! Graduated prices: each unit at the price of the tier it lies in.
//!
//! Exists beside `volume.rs` because the two are mixed up so often; the words are those of Stripe and Lago.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, exact,
    priced::{Step, StepKind},
    tiers::{self, Overflow, Tier, ZeroUnits},
    units::{Movement, Units},
};
use crate::money::Currency;

/// Each unit at the price of its tier; the flat amount of every tier that a unit lies in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graduated {
    /// In ascending order.
    pub tiers: Vec<Tier>,
    /// What zero units pay.
    #[serde(default, skip_serializing_if = "ZeroUnits::is_default")]
    pub zero_units: ZeroUnits,
    /// What happens beyond the last tier; needed exactly when it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

impl Graduated {
    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        match units.movements() {
            Some(movements) => self.prorated(movements),
            None => self.of(units.quantity),
        }
    }

    pub(super) fn of(&self, quantity: Decimal) -> Result<Vec<Step>, PriceError> {
        let billable = tiers::billable(&self.tiers, self.overflow, quantity)?;
        if quantity.is_zero() {
            return tiers::of_zero(&self.tiers, self.zero_units);
        }
        let mut steps = Vec::new();
        for (index, units) in tiers::parts(&self.tiers, Decimal::ZERO, billable)? {
            steps.extend(tiers::steps(&self.tiers, index, units)?);
        }
        if billable < quantity {
            steps.push(Step::free(exact::sub(quantity, billable)?));
        }
        Ok(steps)
    }

    pub(super) fn check(&self, currency: Currency) -> Result<(), String> {
        tiers::check_tiers(&self.tiers, self.overflow, currency)
    }

    /// Running units choose the tier, prorated units carry the money: an addition fills the tiers upwards from the
    /// level it finds, a removal empties them downwards, each spread evenly over what it moved. Flat amounts are due
    /// in full for every tier that the highest level reached. (The rule of Lago's prorated graduated charges.)
    fn prorated(&self, movements: &[Movement]) -> Result<Vec<Step>, PriceError> {
        if self.tiers.iter().any(|t| t.package_size.is_some()) {
            return Err(PriceError::NotProrated("packages"));
        }
        let mut carried = vec![Decimal::ZERO; self.tiers.len()];
        let (mut level, mut peak) = (Decimal::ZERO, Decimal::ZERO);
        for movement in movements {
            let next = exact::add(level, movement.units)?;
            // What carries nothing came before the period and went before it: an addition takes no room in the
            // tiers, and its removal, which would go below zero, empties none.
            let counts_nothing =
                movement.prorated.is_zero() && (movement.units > Decimal::ZERO || next < Decimal::ZERO);
            if !counts_nothing {
                self.spread(movement, (level, next), &mut carried)?;
                (level, peak) = (next, peak.max(next));
            }
        }
        if level < Decimal::ZERO {
            return Ok(Vec::new());
        }
        self.reached(&carried, peak)
    }

    /// Adds what `movement` carries to the tiers between the two levels.
    fn spread(
        &self,
        movement: &Movement,
        (from, to): (Decimal, Decimal),
        carried: &mut [Decimal],
    ) -> Result<(), PriceError> {
        if movement.units.is_zero() && !movement.prorated.is_zero() {
            return Err(PriceError::BadModel("a movement of no units cannot carry any: leave it out".into()));
        }
        let from = tiers::billable(&self.tiers, self.overflow, from)?;
        let to = tiers::billable(&self.tiers, self.overflow, to)?;
        let parts = tiers::parts(&self.tiers, from.min(to), from.max(to))?;
        let moved = exact::sum(parts.iter().map(|(_, units)| *units))?;
        let mut left = movement.prorated;
        let is_whole = moved == movement.units.abs();
        for (i, (index, units)) in parts.iter().enumerate() {
            // The last part takes what is left, so that no division loses any of a movement.
            let part = if is_whole && i + 1 == parts.len() {
                left
            } else {
                exact::quotient(exact::mul(movement.prorated, *units)?, movement.units.abs())?
            };
            left = exact::sub(left, part)?;
            if let Some(sum) = carried.get_mut(*index) {
                *sum = exact::add(*sum, part)?;
            }
        }
        Ok(())
    }

    /// The steps of all tiers that `peak` reached, with what they carry. Removals give back at most what was charged.
    fn reached(&self, carried: &[Decimal], peak: Decimal) -> Result<Vec<Step>, PriceError> {
        if peak.is_zero() {
            return tiers::of_zero(&self.tiers, self.zero_units);
        }
        let mut steps = Vec::new();
        let mut charged = Decimal::ZERO;
        for (index, _) in tiers::parts(&self.tiers, Decimal::ZERO, peak)? {
            let units = carried.get(index).copied().unwrap_or_default();
            let price = self.tiers.get(index).map_or(Decimal::ZERO, |t| t.unit_amount);
            charged = exact::add(charged, exact::mul(units, price)?)?;
            steps.extend(tiers::steps(&self.tiers, index, units)?);
        }
        if charged < Decimal::ZERO {
            steps.push(Step::correction(StepKind::Floor, -charged));
        }
        Ok(steps)
    }
}
