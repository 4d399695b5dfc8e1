//! Percentages: of a volume with fees for each event, of a volume by tiers, of what other items cost.
//!
//! Exists because payments, marketplaces and support are sold so. Volumes are in major units of the price's currency.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, PriceModel, check, exact,
    graduated::Graduated,
    priced::{Step, StepKind},
    tiers::{self, Overflow, Tier, ZeroUnits},
    units::{Events, Units},
};
use crate::money::{Currency, MoneyError};

/// A rate on the volume of events, and a fee for each.
///
/// The free allowance ends with whichever of `free_units` and `free_events` is used up first. An event that lies
/// within it is free; the one that uses up the free units pays its fee and the rate on what lies beyond; all later
/// ones pay in full. (The rule of Lago's percentage charges.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentage {
    /// In percent (2.9).
    pub rate: Decimal,
    /// For each paid event.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub fixed_amount: Decimal,
    /// Volume that costs nothing; 0 for no such limit.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub free_units: Decimal,
    /// Events that cost nothing; 0 for no such limit.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub free_events: u64,
    /// The least for one paid event, its fee included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_per_event: Option<Decimal>,
    /// The most for one paid event, its fee included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_per_event: Option<Decimal>,
    /// What events pay whose volume comes to nothing.
    #[serde(default, skip_serializing_if = "ZeroVolume::is_default")]
    pub zero_volume: ZeroVolume,
}

/// What events pay whose volume comes to nothing altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroVolume {
    /// Nothing (Lago).
    #[default]
    Nothing,
    /// The fee of each event, as any other volume.
    EventFees,
}

impl ZeroVolume {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What events come to under a price that looks at each of them: enough to price them again without their list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidEvents {
    /// How many of them pay.
    pub count: u64,
    /// The volume that pays the rate, in major units.
    pub volume: Decimal,
    /// What the least and the most for one event add and take away, over all of them, in major units.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub limits: Decimal,
}

impl PriceModel {
    /// The first field that looks at each event by itself; none: the price follows from how much, and in how many events.
    pub(crate) fn of_each_event(&self) -> Option<&'static str> {
        match self {
            Self::Percentage(price) => price.of_each_event(),
            Self::Commitment(commitment) => commitment.price.of_each_event(),
            _ => None,
        }
    }

    /// What `amounts`, one for each event in order of time, come to under a price that looks at each of them; none under
    /// any other.
    ///
    /// # Errors
    /// [`PriceError::NegativeUnits`]; [`PriceError::Money`] when they cannot be computed exactly.
    pub(crate) fn paid_events(&self, amounts: &[Decimal]) -> Result<Option<PaidEvents>, PriceError> {
        match self {
            Self::Percentage(price) if price.needs_each_event() => price.paid_events(amounts).map(Some),
            Self::Commitment(commitment) => commitment.price.paid_events(amounts),
            _ => Ok(None),
        }
    }

    /// Whether one event of `amount`, free units taken off or not, can be priced exactly where each is looked at.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(crate) fn check_event(&self, amount: Decimal) -> Result<(), MoneyError> {
        match self {
            Self::Percentage(price) => {
                price.paid(amount)?;
                price.paid(exact::sub(amount, price.free_units.min(amount))?).map(|_| ())
            }
            Self::Commitment(commitment) => commitment.price.check_event(amount),
            _ => Ok(()),
        }
    }
}

/// What one event pays.
#[derive(Clone, Copy, Default)]
struct Paid {
    is_paid: bool,
    volume: Decimal,
    /// What the least and the most for an event add and take away.
    limits: Decimal,
    amount: Decimal,
}

impl Percentage {
    /// Whether the price depends on how large each event was.
    #[must_use]
    pub fn needs_each_event(&self) -> bool {
        self.of_each_event().is_some()
    }

    /// The first field that depends on how large each event was.
    fn of_each_event(&self) -> Option<&'static str> {
        let both = !self.free_units.is_zero() && !self.fixed_amount.is_zero();
        let fields = [
            (self.minimum_per_event.is_some(), "minimum_per_event"),
            (self.maximum_per_event.is_some(), "maximum_per_event"),
            (self.free_events > 0, "free_events"),
            (both, "free_units beside fixed_amount"),
        ];
        fields.into_iter().find_map(|(is_used, field)| is_used.then_some(field))
    }

    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        if units.quantity.is_zero() && self.zero_volume == ZeroVolume::Nothing {
            return Ok(Vec::new());
        }
        match &units.events {
            Some(Events::Amounts(amounts)) => self.of_events(units.quantity, &self.paid_events(amounts)?),
            Some(Events::Paid(paid)) => self.of_events(units.quantity, paid),
            Some(Events::Prorated(_)) => Err(PriceError::NotProrated("percentage")),
            _ if self.needs_each_event() => Err(PriceError::EventsNeeded("the amount of each event")),
            Some(Events::Count(count)) => self.of_volume(units.quantity, Decimal::from(*count)),
            None if !self.fixed_amount.is_zero() => Err(PriceError::EventsNeeded("the number of events")),
            None => self.of_volume(units.quantity, Decimal::ZERO),
        }
    }

    /// What each of `amounts` pays, in major units.
    pub(super) fn each(&self, amounts: &[Decimal]) -> Result<Vec<Decimal>, PriceError> {
        let is_nothing = exact::sum(amounts.iter().copied())?.is_zero() && self.zero_volume == ZeroVolume::Nothing;
        let paid = self.walk(amounts)?;
        Ok(paid.iter().map(|p| if is_nothing { Decimal::ZERO } else { p.amount }).collect())
    }

    fn walk(&self, amounts: &[Decimal]) -> Result<Vec<Paid>, PriceError> {
        let (mut free_units, mut free_events) = (self.free_units, self.free_events);
        let mut is_open = !free_units.is_zero() || free_events > 0;
        let mut walked = Vec::with_capacity(amounts.len());
        for amount in amounts {
            if *amount < Decimal::ZERO {
                return Err(PriceError::NegativeUnits(*amount));
            }
            is_open &= self.free_events == 0 || free_events > 0;
            if is_open && (self.free_units.is_zero() || *amount < free_units) {
                free_units = exact::sub(free_units, (*amount).min(free_units))?;
                free_events = free_events.saturating_sub(1);
                walked.push(Paid::default());
                continue;
            }
            let volume = if is_open { exact::sub(*amount, free_units)? } else { *amount };
            is_open = false;
            walked.push(self.paid(volume)?);
        }
        Ok(walked)
    }

    fn paid(&self, volume: Decimal) -> Result<Paid, MoneyError> {
        let plain = exact::add(exact::percent(volume, self.rate)?, self.fixed_amount)?;
        let least = self.minimum_per_event.map_or(plain, |least| plain.max(least));
        let amount = self.maximum_per_event.map_or(least, |most| least.min(most));
        Ok(Paid { is_paid: true, volume, limits: exact::sub(amount, plain)?, amount })
    }

    /// What `amounts`, in order of time, come to.
    fn paid_events(&self, amounts: &[Decimal]) -> Result<PaidEvents, PriceError> {
        let walked = self.walk(amounts)?;
        let count = u64::try_from(walked.iter().filter(|p| p.is_paid).count()).map_err(|_| MoneyError::Overflow)?;
        let volume = exact::sum(walked.iter().map(|p| p.volume))?;
        Ok(PaidEvents { count, volume, limits: exact::sum(walked.iter().map(|p| p.limits))? })
    }

    fn of_events(&self, volume: Decimal, paid: &PaidEvents) -> Result<Vec<Step>, PriceError> {
        let PaidEvents { count, volume: paid, limits } = *paid;
        // Where corrections took the total below what pays, nothing is free.
        let free = exact::sub(volume, paid)?.max(Decimal::ZERO);
        let mut steps = self.fees(free, paid, Decimal::from(count))?;
        if !limits.is_zero() {
            steps.push(Step::correction(StepKind::EventLimits, limits));
        }
        Ok(steps)
    }

    fn of_volume(&self, volume: Decimal, events: Decimal) -> Result<Vec<Step>, PriceError> {
        let free = self.free_units.min(volume);
        self.fees(free, exact::sub(volume, free)?, events)
    }

    fn fees(&self, free: Decimal, paid: Decimal, events: Decimal) -> Result<Vec<Step>, PriceError> {
        let mut steps = Vec::new();
        if !free.is_zero() {
            steps.push(Step::free(free));
        }
        if !paid.is_zero() {
            steps.push(Step::percent(paid, self.rate)?);
        }
        if !self.fixed_amount.is_zero() && !events.is_zero() {
            steps.push(Step::units(StepKind::PerEvent, events, self.fixed_amount)?);
        }
        Ok(steps)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check::percent("rate", self.rate, check::PERCENT_MAX)?;
        check::unit_amount("fixed_amount", self.fixed_amount)?;
        check::units("free_units", self.free_units)?;
        let limits = [("minimum_per_event", self.minimum_per_event), ("maximum_per_event", self.maximum_per_event)];
        for (field, limit) in limits {
            limit.map_or(Ok(()), |limit| check::unit_amount(field, limit))?;
        }
        match (self.minimum_per_event, self.maximum_per_event) {
            (Some(least), Some(most)) if most < least => {
                Err("maximum_per_event must not be below minimum_per_event".into())
            }
            _ => Ok(()),
        }
    }
}

/// Each part of a volume at the rate of its tier; the flat amount of every tier that a part lies in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraduatedPercentage {
    /// In ascending order.
    pub tiers: Vec<PercentTier>,
    /// What no volume pays.
    #[serde(default, skip_serializing_if = "ZeroUnits::is_default")]
    pub zero_units: ZeroUnits,
    /// What happens beyond the last tier; needed exactly when it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

/// One tier of a volume. Bounds as those of [`Tier`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentTier {
    /// Its end, in major units; none only in the last tier, which then has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Decimal>,
    /// In percent.
    pub rate: Decimal,
    /// Once, when the tier is reached.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub flat_amount: Decimal,
}

impl GraduatedPercentage {
    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        if units.movements().is_some() {
            return Err(PriceError::NotProrated("graduated-percentage"));
        }
        let of_units = Graduated { tiers: self.tiers()?, zero_units: self.zero_units, overflow: self.overflow };
        let mut steps = of_units.of(units.quantity)?;
        for step in &mut steps {
            let tier = step.tier.and_then(|n| usize::try_from(n).ok()).and_then(|n| self.tiers.get(n.checked_sub(1)?));
            if let Some(tier) = tier {
                // The rate as it was written explains more than a hundredth of it.
                (step.percent, step.unit_amount) = (Some(tier.rate), None);
            }
        }
        Ok(steps)
    }

    fn tiers(&self) -> Result<Vec<Tier>, MoneyError> {
        let one = |tier: &PercentTier| {
            let unit_amount = exact::percent(Decimal::ONE, tier.rate)?;
            Ok(Tier { up_to: tier.up_to, unit_amount, flat_amount: tier.flat_amount, ..Tier::default() })
        };
        self.tiers.iter().map(one).collect()
    }

    pub(super) fn check(&self, currency: Currency) -> Result<(), String> {
        let ends: Vec<_> = self.tiers.iter().map(|t| t.up_to).collect();
        tiers::check_ends(&ends, self.overflow)?;
        for (i, tier) in self.tiers.iter().enumerate() {
            check::percent(&format!("tiers[{i}].rate"), tier.rate, check::PERCENT_MAX)?;
            check::flat_amount(&format!("tiers[{i}].flat_amount"), tier.flat_amount, currency)?;
        }
        Ok(())
    }
}

/// A percentage of what other items cost: support at 20 % of the licences. The amount is [`Units::base`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentOf {
    /// In percent; above 100 it is a mark-up.
    pub rate: Decimal,
}

/// Largest percentage of other items.
const RATE_OF_ITEMS_MAX: i64 = 1000;

impl PercentOf {
    pub(super) fn steps(&self, units: &Units, currency: Currency) -> Result<Vec<Step>, PriceError> {
        let base = units.base.ok_or(PriceError::BaseNeeded)?;
        if base.currency != currency {
            return Err(MoneyError::MixedCurrencies(base.currency, currency).into());
        }
        // A base below zero is a credit note of those items: its percentage is given back too.
        Ok(vec![Step::percent(Decimal::new(base.minor, currency.exponent()), self.rate)?])
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check::percent("rate", self.rate, RATE_OF_ITEMS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_ways(json: &str) -> [PriceModel; 2] {
        let committed = format!(r#"{{"model":"commitment","minimum_amount":"1","price":{json}}}"#);
        [json, &committed].map(|json| serde_json::from_str(json).unwrap())
    }

    #[test]
    fn events_are_summed_up_only_where_the_price_looks_at_each() {
        let amounts = [Decimal::ONE, Decimal::TEN];
        for model in both_ways(r#"{"model":"percentage","rate":"1","fixed_amount":"0.10"}"#) {
            assert_eq!((model.of_each_event(), model.paid_events(&amounts)), (None, Ok(None)));
        }
        for model in both_ways(r#"{"model":"percentage","rate":"1","free_events":1}"#) {
            let paid = PaidEvents { count: 1, volume: Decimal::TEN, limits: Decimal::ZERO };
            assert_eq!((model.of_each_event(), model.paid_events(&amounts)), (Some("free_events"), Ok(Some(paid))));
        }
    }

    #[test]
    fn an_event_that_no_price_can_be_computed_for_is_found_within_a_commitment_too() {
        let fine: Decimal = "0.123456789012".parse().unwrap();
        for model in both_ways(r#"{"model":"percentage","rate":"1.2345678901","minimum_per_event":"1"}"#) {
            assert_eq!(model.check_event(Decimal::ONE), Ok(()));
            assert_eq!(model.check_event(Decimal::from(1_000_000_000) + fine), Err(MoneyError::Overflow));
        }
    }
}
