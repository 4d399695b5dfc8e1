//! Packages: units are sold in packs of a size, at a price for the pack.
//!
//! Exists apart from tiers because free units and what a started package costs belong to it alone.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, check, exact,
    priced::{Step, StepKind},
    units::Units,
};

/// Units in packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Units of one package.
    pub size: Decimal,
    /// For one package.
    pub amount: Decimal,
    /// Units that cost nothing, before the first package.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub free_units: Decimal,
    /// What a package that is not used up costs.
    #[serde(default, skip_serializing_if = "Started::is_default")]
    pub started: Started,
    /// Packages that are billed in any case, also for no units at all.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub minimum_packages: Decimal,
}

/// What a package that is not used up costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// All of it (Lago, Meteroid, Flexprice, Chargebee; Stripe rounding up).
    #[default]
    InFull,
    /// Nothing (Stripe rounding down).
    Free,
}

impl Started {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Package {
    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        if units.movements().is_some() {
            return Err(PriceError::NotProrated("packages"));
        }
        let free = self.free_units.min(units.quantity);
        let paid = exact::sub(units.quantity, free)?;
        let (full, left) = exact::packages(paid, self.size)?;
        let packages = match self.started {
            Started::InFull if !left.is_zero() => exact::add(full, Decimal::ONE)?,
            Started::InFull | Started::Free => full,
        };
        let packages = packages.max(self.minimum_packages);
        let mut steps = Vec::new();
        if !free.is_zero() {
            steps.push(Step::free(free));
        }
        if !packages.is_zero() || !paid.is_zero() {
            let step = Step::units(StepKind::Package, packages, self.amount)?;
            steps.push(Step { units: paid, packages: Some(packages), ..step });
        }
        Ok(steps)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check::some_units("size", self.size)?;
        check::unit_amount("amount", self.amount)?;
        check::units("free_units", self.free_units)?;
        check::units("minimum_packages", self.minimum_packages)?;
        if self.minimum_packages != self.minimum_packages.trunc() {
            return Err("minimum_packages must be a whole number of packages".into());
        }
        Ok(())
    }
}
