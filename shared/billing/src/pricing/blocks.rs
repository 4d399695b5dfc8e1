//! Block tiers: each tier sells so many blocks of its own size.
//!
//! Exists because bounds can be counted in blocks instead of units (Kill Bill's consumable usage): what follows is
//! the arithmetic of tiers with packages, so it is handed to that.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, check, exact,
    graduated::Graduated,
    priced::Step,
    tiers::{self, Overflow, Tier, ZeroUnits},
    units::Units,
    volume::{AtEnd, Volume},
};
use crate::money::MoneyError;

/// Blocks by tiers; a started block is paid in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockTiers {
    /// At which tiers the blocks are billed.
    pub policy: BlockPolicy,
    /// In the order in which they are used up.
    pub tiers: Vec<BlockTier>,
    /// What happens beyond the last tier; needed exactly when it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

/// At which tiers blocks are billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockPolicy {
    /// The blocks of each tier at its price.
    AllTiers,
    /// Every block at the top tier reached, counted in its size.
    TopTier,
}

/// One tier of blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockTier {
    /// Units of one block.
    pub block_size: Decimal,
    /// How many blocks the tier sells; none only in the last tier, which then has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Decimal>,
    /// For one block.
    pub amount: Decimal,
}

impl BlockTiers {
    pub(super) fn steps(&self, units: &Units) -> Result<Vec<Step>, PriceError> {
        let (tiers, overflow, zero_units) = (self.tiers()?, self.overflow, ZeroUnits::Nothing);
        match self.policy {
            BlockPolicy::AllTiers => Graduated { tiers, zero_units, overflow }.steps(units),
            BlockPolicy::TopTier => Volume { tiers, at_end: AtEnd::ThisTier, zero_units, overflow }.steps(units),
        }
    }

    /// The same tiers with their ends in units.
    fn tiers(&self) -> Result<Vec<Tier>, MoneyError> {
        let mut end = Decimal::ZERO;
        let mut tiers = Vec::with_capacity(self.tiers.len());
        for tier in &self.tiers {
            let up_to = match tier.blocks {
                Some(blocks) => Some(exact::add(end, exact::mul(blocks, tier.block_size)?)?),
                None => None,
            };
            end = up_to.unwrap_or(end);
            let (unit_amount, package_size) = (tier.amount, Some(tier.block_size));
            tiers.push(Tier { up_to, unit_amount, package_size, ..Tier::default() });
        }
        Ok(tiers)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for (i, tier) in self.tiers.iter().enumerate() {
            check::some_units(&format!("tiers[{i}].block_size"), tier.block_size)?;
            check::unit_amount(&format!("tiers[{i}].amount"), tier.amount)?;
            match tier.blocks {
                Some(blocks) if blocks != blocks.trunc() => {
                    return Err(format!("tiers[{i}].blocks must be a whole number of blocks"));
                }
                Some(blocks) => check::some_units(&format!("tiers[{i}].blocks"), blocks)?,
                None if i + 1 < self.tiers.len() => {
                    return Err(format!("tiers[{i}].blocks is missing: only the last tier may have no end"));
                }
                None => {}
            }
        }
        let tiers = self.tiers().map_err(|e| e.to_string())?;
        let ends: Vec<_> = tiers.iter().map(|t| t.up_to).collect();
        tiers::check_ends(&ends, self.overflow)
    }
}
