//! What a price model answers: an exact amount, and the steps that lead to it.
//!
//! Exists so that a line can explain itself: the steps always add up to the amount, and each can be checked by hand.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact;
use crate::money::{Currency, MoneyError, Unrounded};

/// What units cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The exact amount, to be rounded once, on the line.
    pub amount: Unrounded,
    /// How it came about, in order. Their amounts add up to `amount`; none means that nothing was due.
    pub steps: Vec<Step>,
}

/// One step of a price. Amounts are in major units of the price's currency, exact, as catalogs write prices.
///
/// `amount` is `units × unit_amount + flat_amount`; with `packages`, that many times `unit_amount`; with `percent`,
/// so many hundredths of `units`. Steps that only correct others (`cap`, `true-up` ...) have an amount and no units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Which tier it is about, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u32>,
    /// Units, events or volume that it prices.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub units: Decimal,
    /// The units as so many parts of so many, where no decimal says them exactly: `units` is cut at 12 decimals then, and the
    /// amount is that of the fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<(Decimal, Decimal)>,
    /// How many packages those units take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Decimal>,
    /// For one unit, event or package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_amount: Option<Decimal>,
    /// Percent of the units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Decimal>,
    /// Once, whatever the units.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub flat_amount: Decimal,
    /// What the step comes to; negative where it takes away.
    pub amount: Decimal,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A fixed amount.
    Flat,
    /// Units that cost nothing: included in the price, or free.
    Free,
    /// Units at one price.
    PerUnit,
    /// Units of one tier, with its flat amount.
    Tier,
    /// Packages.
    Package,
    /// A percentage of a volume or of other items.
    Percent,
    /// A fee for each event.
    PerEvent,
    /// What the least and the most for one event add and take away, over all events.
    EventLimits,
    /// What a tier or a price comes to beyond its most, taken away.
    Cap,
    /// What removals would give back beyond what was charged, taken back.
    Floor,
    /// What is dearer because it lies beyond the commitment.
    Overage,
    /// What is missing to the commitment.
    TrueUp,
    /// What an earlier invoice charged already, taken away.
    Invoiced,
}

impl Step {
    /// A step that only has an amount.
    pub(crate) const fn correction(kind: StepKind, amount: Decimal) -> Self {
        Self {
            kind,
            tier: None,
            units: Decimal::ZERO,
            fraction: None,
            packages: None,
            unit_amount: None,
            percent: None,
            flat_amount: Decimal::ZERO,
            amount,
        }
    }

    /// `units` that cost nothing.
    pub(crate) const fn free(units: Decimal) -> Self {
        Self { units, ..Self::correction(StepKind::Free, Decimal::ZERO) }
    }

    /// Nothing but units, which are so many `parts`, `per` of which are one.
    pub(super) fn counted(parts: Decimal, per: Decimal) -> Result<Self, MoneyError> {
        let units = exact::quotient(parts, per)?;
        let is_exact = exact::mul(units, per).is_ok_and(|again| again == parts);
        Ok(Self { fraction: (!is_exact).then(|| exact::lowest(parts, per)), ..Self::free(units) })
    }

    /// So many `parts` that cost nothing, `per` of which are a unit.
    pub(crate) fn free_parts(parts: Decimal, per: Decimal) -> Result<Self, MoneyError> {
        Self::counted(parts, per)
    }

    /// `units × unit_amount`.
    pub(super) fn units(kind: StepKind, units: Decimal, unit_amount: Decimal) -> Result<Self, MoneyError> {
        let amount = exact::mul(units, unit_amount)?;
        Ok(Self { units, unit_amount: Some(unit_amount), ..Self::correction(kind, amount) })
    }

    /// `rate` percent of `volume`.
    pub(super) fn percent(volume: Decimal, rate: Decimal) -> Result<Self, MoneyError> {
        let amount = exact::percent(volume, rate)?;
        Ok(Self { units: volume, percent: Some(rate), ..Self::correction(StepKind::Percent, amount) })
    }
}

/// The sum of the steps, in major units.
pub(super) fn total(steps: &[Step]) -> Result<Decimal, MoneyError> {
    exact::sum(steps.iter().map(|s| s.amount))
}

impl Priced {
    pub(super) fn of(steps: Vec<Step>, currency: Currency) -> Result<Self, MoneyError> {
        Ok(Self { amount: Unrounded::from_major(total(&steps)?, currency)?, steps })
    }
}

/// Why units have no price. Never a wrong amount, and never zero in place of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Below zero, and the price is not one of usage that corrections may take there.
    #[error("{0} units cannot be priced: units must be 0 or more (usage may say below_zero: nothing)")]
    NegativeUnits(Decimal),
    /// More units than the last tier covers, and the price does not say that this is billed in some way.
    #[error(
        "{units} units are more than the {bound} that the last tier covers: order fewer, or publish a price that goes on"
    )]
    BeyondLastTier {
        /// What was asked for.
        units: Decimal,
        /// The end of the last tier.
        bound: Decimal,
    },
    /// The model prices events, and they were not given.
    #[error("this price needs {0}: give the events, not only the quantity")]
    EventsNeeded(&'static str),
    /// The events do not add up to the quantity.
    #[error("the events add up to {events} units and the quantity is {quantity}: give one that agrees with the other")]
    EventsDisagree {
        /// The quantity that was given.
        quantity: Decimal,
        /// What the events add up to.
        events: Decimal,
    },
    /// A percentage of other items, and no amount of theirs.
    #[error("this price is a percentage of other items: give the amount that they come to as base")]
    BaseNeeded,
    /// The model has no meaning for parts of a period.
    #[error("a price by {0} cannot be prorated: give whole units, or use per-seat, graduated or volume")]
    NotProrated(&'static str),
    /// The amount is only known when the period is over.
    #[error("a price by {0} is settled for a whole period: price all its units at once")]
    WholePeriodOnly(&'static str),
    /// The amount follows from a meter, not from the quantity of the contract.
    #[error("a price by {0} does not follow from the quantity alone: price it from its meter or its base")]
    NotByQuantity(&'static str),
    /// The model or the meter is not one that may be published.
    #[error("this price cannot be computed: {0}")]
    BadModel(String),
    /// An amount cannot be computed exactly.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl From<PriceError> for MoneyError {
    fn from(error: PriceError) -> Self {
        match error {
            PriceError::Money(error) => error,
            other => Self::Unpriced(other.to_string()),
        }
    }
}
