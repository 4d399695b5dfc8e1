//! Commitments: the least that a price comes to, the most, and what lies beyond the commitment.
//!
//! Exists because negotiated usage prices nearly always have one, whatever the model under it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, PriceModel, check, exact,
    priced::{Step, StepKind, total},
    units::Units,
};
use crate::money::{Currency, Money, MoneyError};

/// A price with a minimum, a maximum, or both, for one full period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The least that is due; what is missing to it is the true-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_amount: Option<Decimal>,
    /// The most that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_amount: Option<Decimal>,
    /// What the amount beyond the minimum is multiplied with (1.5: half as dear again).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage_factor: Option<Decimal>,
    /// What is committed to.
    pub price: Box<PriceModel>,
}

/// Largest factor for what lies beyond a commitment.
const FACTOR_MAX: i64 = 100;

/// What is missing to `minimum` when `billed` was charged: for a commitment that covers several lines of an invoice.
/// Rounded amounts, because what was charged is rounded; for a part of a period the caller prorates the minimum.
///
/// # Errors
/// [`MoneyError`] when the amounts cannot be added.
pub fn true_up(minimum: Money, billed: &[Money]) -> Result<Money, MoneyError> {
    let billed = Money::sum(minimum.currency, billed.iter().copied())?;
    let missing = minimum.plus(billed.negated()?)?;
    Ok(Money::new(missing.minor.max(0), missing.currency))
}

impl Commitment {
    pub(super) fn steps(&self, units: &Units, currency: Currency) -> Result<Vec<Step>, PriceError> {
        let mut steps = self.price.steps(units, currency)?;
        steps.extend(self.beyond_or_missing(total(&steps)?)?);
        if let Some(maximum) = self.maximum_amount {
            let over = exact::sub(total(&steps)?, maximum)?;
            if over > Decimal::ZERO {
                steps.push(Step::correction(StepKind::Cap, -over));
            }
        }
        Ok(steps)
    }

    /// What the minimum adds to `billed`: the rest of it, or what lies beyond it once more dearly.
    fn beyond_or_missing(&self, billed: Decimal) -> Result<Option<Step>, MoneyError> {
        let Some(minimum) = self.minimum_amount else { return Ok(None) };
        let beyond = exact::sub(billed, minimum)?;
        if beyond < Decimal::ZERO {
            return Ok(Some(Step::correction(StepKind::TrueUp, -beyond)));
        }
        let dearer = exact::mul(beyond, exact::sub(self.overage_factor.unwrap_or(Decimal::ONE), Decimal::ONE)?)?;
        Ok((!dearer.is_zero()).then(|| Step::correction(StepKind::Overage, dearer)))
    }

    pub(super) fn check(&self, currency: Currency) -> Result<(), String> {
        if matches!(*self.price, PriceModel::Commitment(_)) {
            return Err("a commitment cannot be to another commitment: write one with both amounts".into());
        }
        for (field, amount) in [("minimum_amount", self.minimum_amount), ("maximum_amount", self.maximum_amount)] {
            amount.map_or(Ok(()), |amount| check::flat_amount(field, amount, currency))?;
        }
        match (self.minimum_amount, self.maximum_amount) {
            (None, None) => return Err("a commitment needs a minimum_amount, a maximum_amount or both".into()),
            (Some(least), Some(most)) if most < least => {
                return Err("maximum_amount must not be below minimum_amount".into());
            }
            _ => {}
        }
        if let Some(factor) = self.overage_factor {
            check::units("overage_factor", factor)?;
            if self.minimum_amount.is_none() {
                return Err("overage_factor needs a minimum_amount: it is for what lies beyond that".into());
            }
            if !(Decimal::ONE..=Decimal::from(FACTOR_MAX)).contains(&factor) {
                return Err(format!("overage_factor must be 1 to {FACTOR_MAX}"));
            }
        }
        self.price.check(currency).map_err(|problem| format!("price: {problem}"))
    }
}
