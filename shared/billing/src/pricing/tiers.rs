//! Tiers: where one price ends and the next begins.
//!
//! Exists because vendors write the same bounds in three ways: `0-10, 11-20` in whole units, `0-10, 10-20` half open,
//! or only the ends. Here a tier has its end, and covers what lies above the end before it up to and including its
//! own. That is right for whole units, and a fraction above a bound belongs to the next tier.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    PriceError, check, exact,
    priced::{Step, StepKind},
};
use crate::money::{Currency, MoneyError};

/// One tier. It covers the units above the `up_to` before it (0 for the first), up to and including its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its last unit; none only in the last tier, which then has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Decimal>,
    /// For one unit, or for one package where there is a package size.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub unit_amount: Decimal,
    /// Once, when the tier is reached.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub flat_amount: Decimal,
    /// Units of one package; a started one is paid in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_size: Option<Decimal>,
    /// The most that this tier comes to, its flat amount included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Decimal>,
}

/// What zero units pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroUnits {
    /// Nothing: no tier is reached (Polar; Lago for percentages).
    #[default]
    Nothing,
    /// The flat amount of the first tier (Lago).
    FirstFlatAmount,
}

impl ZeroUnits {
    /// Whether this is the default, which is not written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to units beyond a last tier that has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// They cannot be bought (Polar, volume).
    Refused,
    /// They are not billed (Polar, graduated; Kill Bill, all tiers).
    NotBilled,
    /// The last tier goes on (Kill Bill, top tier).
    LastTier,
}

/// The ends of tiers that are written as ranges, in either style: a range starts where the one before it ended
/// (`0-0.1, 0.1-1`) or one unit later (`0-10, 11-20`); the first starts at 0 or 1.
///
/// # Errors
/// Which range leaves a gap, overlaps, or goes on after one without an end.
pub fn ends_of_ranges(ranges: &[(Decimal, Option<Decimal>)]) -> Result<Vec<Option<Decimal>>, String> {
    let mut ends: Vec<Option<Decimal>> = Vec::with_capacity(ranges.len());
    for (i, (from, to)) in ranges.iter().enumerate() {
        let before = match ends.last() {
            None => Decimal::ZERO,
            Some(Some(end)) => *end,
            Some(None) => {
                return Err(format!("range {} follows one without an end: only the last may have none", i + 1));
            }
        };
        if *from != before && from.checked_sub(before) != Some(Decimal::ONE) {
            return Err(format!("range {} must start at {before} or one unit later, and starts at {from}", i + 1));
        }
        ends.push(*to);
    }
    Ok(ends)
}

/// What lies in each tier of the units above `from` up to `to`: its index and so many units. The first tier reaches
/// down without end and the last one up, so the parts always add up.
pub(super) fn parts(tiers: &[Tier], from: Decimal, to: Decimal) -> Result<Vec<(usize, Decimal)>, MoneyError> {
    let last = tiers.len().saturating_sub(1);
    let mut parts = Vec::new();
    let mut at = from;
    for (index, tier) in tiers.iter().enumerate() {
        let end = tier.up_to.filter(|_| index < last).map_or(to, |bound| bound.min(to));
        if end > at {
            parts.push((index, exact::sub(end, at)?));
            at = end;
        }
    }
    Ok(parts)
}

/// How many of `units` the tiers bill.
pub(super) fn billable(tiers: &[Tier], overflow: Option<Overflow>, units: Decimal) -> Result<Decimal, PriceError> {
    let last = tiers.last().ok_or_else(|| PriceError::BadModel("it needs at least one tier".into()))?;
    match (last.up_to, overflow) {
        (Some(bound), Some(Overflow::NotBilled)) => Ok(units.min(bound)),
        (Some(_), Some(Overflow::LastTier)) | (None, _) => Ok(units),
        (Some(bound), Some(Overflow::Refused) | None) if units > bound => {
            Err(PriceError::BeyondLastTier { units, bound })
        }
        (Some(_), Some(Overflow::Refused) | None) => Ok(units),
    }
}

/// What `units` cost in tier `index`, its flat amount included, and what its cap takes away again.
pub(super) fn steps(tiers: &[Tier], index: usize, units: Decimal) -> Result<Vec<Step>, PriceError> {
    let Some(tier) = tiers.get(index) else { return Ok(Vec::new()) };
    let number = u32::try_from(index).ok().and_then(|i| i.checked_add(1));
    let mut step = match tier.package_size {
        Some(size) => {
            let (full, left) = exact::packages(units, size)?;
            let started = if left.is_zero() { full } else { exact::add(full, Decimal::ONE)? };
            let of_packages = Step::units(StepKind::Tier, started, tier.unit_amount)?;
            Step { units, packages: Some(started), ..of_packages }
        }
        None => Step::units(StepKind::Tier, units, tier.unit_amount)?,
    };
    step.tier = number;
    step.flat_amount = tier.flat_amount;
    step.amount = exact::add(step.amount, tier.flat_amount)?;
    let over = match tier.cap {
        Some(cap) if step.amount > cap => Some(exact::sub(cap, step.amount)?),
        _ => None,
    };
    let cap = over.map(|amount| Step { tier: number, ..Step::correction(StepKind::Cap, amount) });
    Ok([Some(step), cap].into_iter().flatten().collect())
}

/// What zero units cost.
pub(super) fn of_zero(tiers: &[Tier], zero: ZeroUnits) -> Result<Vec<Step>, PriceError> {
    match zero {
        ZeroUnits::Nothing => Ok(Vec::new()),
        ZeroUnits::FirstFlatAmount => steps(tiers, 0, Decimal::ZERO),
    }
}

/// Whether the ends ascend and only the last may be missing; with an end of the last, whether `overflow` is stated.
pub(super) fn check_ends(ends: &[Option<Decimal>], overflow: Option<Overflow>) -> Result<(), String> {
    let Some((last, bounded)) = ends.split_last() else {
        return Err("a price by tiers needs at least one tier".into());
    };
    if ends.len() > check::TIERS_MAX {
        return Err(format!("a price has at most {} tiers", check::TIERS_MAX));
    }
    let mut before = Decimal::ZERO;
    for (i, end) in bounded.iter().chain(last.is_some().then_some(last)).enumerate() {
        let field = format!("tiers[{i}].up_to");
        let Some(end) = end else {
            return Err(format!("{field} is missing: only the last tier may have no end"));
        };
        check::some_units(&field, *end)?;
        if *end <= before {
            return Err(format!("{field} must be above {before}, the end of the tier before it"));
        }
        before = *end;
    }
    match (last, overflow) {
        (Some(end), None) => Err(format!(
            "the last tier ends at {end}: say in overflow whether units beyond it are refused, not-billed or last-tier, \
             or leave out its up_to"
        )),
        (None, Some(_)) => Err("overflow is never used, because the last tier has no end: leave it out".into()),
        _ => Ok(()),
    }
}

/// Whether `tiers` may be published.
pub(super) fn check_tiers(tiers: &[Tier], overflow: Option<Overflow>, currency: Currency) -> Result<(), String> {
    let ends: Vec<_> = tiers.iter().map(|t| t.up_to).collect();
    check_ends(&ends, overflow)?;
    for (i, tier) in tiers.iter().enumerate() {
        check::unit_amount(&format!("tiers[{i}].unit_amount"), tier.unit_amount)?;
        check::flat_amount(&format!("tiers[{i}].flat_amount"), tier.flat_amount, currency)?;
        if let Some(size) = tier.package_size {
            check::some_units(&format!("tiers[{i}].package_size"), size)?;
        }
        if let Some(cap) = tier.cap {
            check::flat_amount(&format!("tiers[{i}].cap"), cap, currency)?;
            if cap < tier.flat_amount {
                return Err(format!("tiers[{i}].cap is below its flat_amount, which could never be charged"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn range(from: &str, to: &str) -> (Decimal, Option<Decimal>) {
        (d(from), to.parse().ok())
    }

    #[test]
    fn both_styles_of_ranges_have_the_same_ends() {
        let ends = Ok(vec![Some(d("10")), Some(d("20")), None]);
        assert_eq!(ends_of_ranges(&[range("0", "10"), range("11", "20"), range("21", "")]), ends);
        assert_eq!(ends_of_ranges(&[range("0", "10"), range("10", "20"), range("20", "")]), ends);
        assert_eq!(ends_of_ranges(&[range("1", "10"), range("11", "20"), range("21", "")]), ends);
    }

    #[test]
    fn gaps_overlaps_and_ranges_without_an_end_are_named() {
        let gap = ends_of_ranges(&[range("0", "10"), range("12", "")]).unwrap_err();
        assert_eq!(gap, "range 2 must start at 10 or one unit later, and starts at 12");
        assert!(ends_of_ranges(&[range("0", "10"), range("8", "")]).is_err());
        assert!(ends_of_ranges(&[range("5", "10")]).is_err());
        let open = ends_of_ranges(&[range("0", ""), range("11", "20")]).unwrap_err();
        assert_eq!(open, "range 2 follows one without an end: only the last may have none");
    }

    #[test]
    fn the_parts_of_a_span_add_up_below_zero_and_beyond_the_last_end() {
        let tier = |up_to: &str| Tier { up_to: up_to.parse().ok(), ..Tier::default() };
        let tiers = [tier("5"), tier("15")];
        let found = parts(&tiers, d("-2"), d("20.5")).unwrap();
        assert_eq!(found, [(0, d("7")), (1, d("15.5"))]);
        assert_eq!(parts(&tiers, d("3"), d("3")).unwrap(), []);
    }
}
