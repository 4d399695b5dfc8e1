//! Splitting amounts over lines and rounding several amounts together, so that lines always add up to their total.
//!
//! Exists beside [`Money::allocate`] because taxes and credits are exact parts that have to be rounded to one sum, also
//! where some of them are negative, and because one peer keeps shares finer than a cent (DESIGN section 4).

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money, MoneyError, Rounding, Unrounded};

/// Decimals that a fine share keeps: a hundred-thousandth of a minor unit.
pub const SHARE_DECIMALS: u32 = 5;

/// How an amount is split over lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Whole minor units; what is left over goes one by one to the largest remainders (Meteroid, Polar).
    #[default]
    LargestRemainder,
    /// What is computed from the lines afterwards (tax) sees shares of [`SHARE_DECIMALS`] decimals, each rounded half up on
    /// its own (Lago). The whole minor units of the lines still add up, by largest remainder.
    FineShares,
}

/// Rounds exact parts (minor units) so that they add up to their exact sum rounded by `mode`: every part is cut down, and
/// the minor units left over go to the largest remainders, earlier first. A part that is whole never changes, and none
/// moves by a whole minor unit. Parts whose sum is negative are rounded as their opposites are.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn round_together(parts: &[Decimal], currency: Currency, mode: Rounding) -> Result<Vec<Money>, MoneyError> {
    let sum = sum(parts.iter().copied())?;
    if sum.is_sign_negative() && !sum.is_zero() {
        let opposites: Vec<Decimal> = parts.iter().map(|p| -*p).collect();
        return round_together(&opposites, currency, mode)?.into_iter().map(Money::negated).collect();
    }
    spread(parts, Unrounded::from_minor(sum, currency).round(mode)?)
}

/// Rounds exact parts (minor units) so that they add up to `total`: every part is cut down, and the minor units left over go
/// to the largest remainders, earlier first. Where more or less is left than one for each part, all get the same first.
///
/// # Errors
/// [`MoneyError::Overflow`]; [`MoneyError::NoWeights`] for an amount and no part.
pub(crate) fn spread(parts: &[Decimal], total: Money) -> Result<Vec<Money>, MoneyError> {
    if total.minor < 0 {
        let opposites: Vec<Decimal> = parts.iter().map(|p| -*p).collect();
        return spread(&opposites, total.negated()?)?.into_iter().map(Money::negated).collect();
    }
    let currency = total.currency;
    let mut cells = Vec::with_capacity(parts.len());
    for (place, part) in parts.iter().enumerate() {
        let floor = part.round_dp_with_strategy(0, RoundingStrategy::ToNegativeInfinity);
        let minor = floor.to_i64().ok_or(MoneyError::Overflow)?;
        let rest = part.checked_sub(floor).ok_or(MoneyError::Overflow)?;
        cells.push((place, Money::new(minor, currency), rest));
    }
    let floors = Money::sum(currency, cells.iter().map(|c| c.1))?;
    let left = total.plus(floors.negated()?)?.minor;
    let count = i64::try_from(cells.len()).map_err(|_| MoneyError::Overflow)?;
    if count == 0 {
        return if left == 0 { Ok(Vec::new()) } else { Err(MoneyError::NoWeights) };
    }
    cells.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    let (each, mut more) = (left.div_euclid(count), left.rem_euclid(count));
    for cell in &mut cells {
        cell.1 = cell.1.plus(Money::new(each + i64::from(more > 0), currency))?;
        more -= 1;
    }
    cells.sort_by_key(|c| c.0);
    Ok(cells.into_iter().map(|c| c.1).collect())
}

/// Splits `total` in proportion to `weights`, exactly ([`Money::allocate`]); a weight below zero counts as zero, and nothing
/// splits into nothing. While `total` is at most the sum of the weights, no part is larger than its weight.
///
/// # Errors
/// [`MoneyError::NoWeights`] for an amount and no weight above zero; [`MoneyError::Overflow`].
pub fn by_amounts(total: Money, weights: &[Money]) -> Result<Vec<Money>, MoneyError> {
    if total.minor == 0 {
        return Ok(vec![total; weights.len()]);
    }
    // What is negative does not fit and becomes zero, which is what is meant.
    let weights: Vec<u64> = weights.iter().map(|w| u64::try_from(w.minor).unwrap_or(0)).collect();
    total.allocate(&weights)
}

/// The fine shares of `total` in proportion to `weights` (minor units, not negative), each rounded half up to
/// [`SHARE_DECIMALS`] and never larger than its weight.
///
/// # Errors
/// [`MoneyError::NoWeights`] for an amount and no weight; [`MoneyError::Overflow`].
pub fn fine_shares(total: Money, weights: &[Decimal]) -> Result<Vec<Decimal>, MoneyError> {
    let whole = sum(weights.iter().copied())?;
    if total.minor == 0 {
        return Ok(vec![Decimal::ZERO; weights.len()]);
    }
    if whole.is_zero() {
        return Err(MoneyError::NoWeights);
    }
    let share = |weight: &Decimal| {
        let product = Decimal::from(total.minor).checked_mul(*weight)?;
        let share = product.checked_div(whole)?;
        Some(share.round_dp_with_strategy(SHARE_DECIMALS, RoundingStrategy::MidpointAwayFromZero).min(*weight))
    };
    weights.iter().map(|w| share(w).ok_or(MoneyError::Overflow)).collect()
}

/// The sum of exact amounts.
pub(crate) fn sum(parts: impl IntoIterator<Item = Decimal>) -> Result<Decimal, MoneyError> {
    parts.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add).ok_or(MoneyError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::try_new("EUR").unwrap()
    }

    fn together(parts: &[&str], mode: Rounding) -> Vec<i64> {
        let parts: Vec<Decimal> = parts.iter().map(|p| p.parse().unwrap()).collect();
        round_together(&parts, eur(), mode).unwrap().iter().map(|m| m.minor).collect()
    }

    #[test]
    fn parts_are_rounded_to_their_rounded_sum() {
        assert_eq!(together(&["33.3", "33.3", "33.3"], Rounding::HalfUp), [34, 33, 33]);
        assert_eq!(together(&["0.5", "0.5", "0.5"], Rounding::HalfEven), [1, 1, 0]);
        assert_eq!(together(&["0.9", "0.9"], Rounding::Down), [1, 0]);
        assert_eq!(together(&[], Rounding::HalfUp), [0; 0]);
    }

    #[test]
    fn parts_are_spread_to_any_total() {
        let spread = |parts: &[&str], total| {
            let parts: Vec<Decimal> = parts.iter().map(|p| p.parse().unwrap()).collect();
            spread(&parts, Money::new(total, eur())).unwrap().iter().map(|m| m.minor).collect::<Vec<_>>()
        };
        assert_eq!(spread(&["646.6"], 645), [645]);
        assert_eq!(spread(&["1.2", "1.7"], 1), [0, 1]);
        assert_eq!(spread(&["1.2", "1.7"], 5), [2, 3]);
        assert_eq!(spread(&[], 0), [0; 0]);
    }

    #[test]
    fn credits_are_rounded_as_charges_are() {
        assert_eq!(together(&["-33.3", "-33.3", "-33.3"], Rounding::HalfUp), [-34, -33, -33]);
        assert_eq!(together(&["-10.5", "20.7"], Rounding::HalfUp), [-11, 21]);
        // Also where they come to less than half a unit together: the first of two halves is the one that moves.
        assert_eq!(together(&["0.5", "0.5", "-0.6"], Rounding::HalfUp), [1, 0, -1]);
        assert_eq!(together(&["-0.5", "-0.5", "0.6"], Rounding::HalfUp), [-1, 0, 1]);
    }

    #[test]
    fn fine_shares_keep_five_decimals_and_never_exceed_their_line() {
        let shares = fine_shares(Money::new(100, eur()), &[Decimal::from(100); 3]).unwrap();
        assert!(shares.iter().all(|s| s.to_string() == "33.33333"));
        let shares = fine_shares(Money::new(200, eur()), &[Decimal::ONE; 2]).unwrap();
        assert_eq!(shares, [Decimal::ONE; 2]);
    }

    #[test]
    fn an_amount_without_anything_to_split_it_over_is_an_error() {
        assert_eq!(by_amounts(Money::new(1, eur()), &[Money::new(-5, eur())]), Err(MoneyError::NoWeights));
        assert_eq!(fine_shares(Money::new(1, eur()), &[Decimal::ZERO]), Err(MoneyError::NoWeights));
        assert_eq!(by_amounts(Money::new(0, eur()), &[]), Ok(vec![]));
    }
}
