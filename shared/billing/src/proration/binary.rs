//! Binary floating point in whole numbers: what `amount × (numerator ÷ denominator)` is in numbers of 53 binary digits.
//!
//! Exists because some billing systems compute so, and a merchant who comes from one must get the same cents. No float
//! is used: both operations are rounded to the nearest number of 53 digits, a half to even, in integers. (The machine's
//! own arithmetic is the reference in tests/rules/proration.rs.)

use rust_decimal::Decimal;

use crate::money::MoneyError;

/// Digits of a number.
const DIGITS: u32 = 53;

/// `mantissa × 2^exponent`, the mantissa below 2^53.
#[derive(Clone, Copy)]
struct Number {
    mantissa: u128,
    exponent: i32,
}

/// `amount × (numerator ÷ denominator)`, each step rounded to 53 binary digits. Negative amounts mirror positive ones.
///
/// # Errors
/// [`MoneyError::Overflow`] when a part is negative or the result has no decimal.
pub(super) fn product(amount: i64, numerator: i64, denominator: i64) -> Result<Decimal, MoneyError> {
    let whole = |n: i64| u128::try_from(n).map_err(|_| MoneyError::Overflow);
    let (numerator, denominator) = (whole(numerator)?, whole(denominator)?);
    if numerator == 0 || amount == 0 {
        return Ok(Decimal::ZERO);
    }
    let factor = quotient(numerator, denominator)?;
    let amount_number = nearest(u128::from(amount.unsigned_abs()), 0, false);
    let exponent = amount_number.exponent + factor.exponent;
    let result = nearest(amount_number.mantissa * factor.mantissa, exponent, false);
    let value = decimal(result)?;
    Ok(if amount < 0 { -value } else { value })
}

/// `n ÷ d`, to the nearest; both below 2^63 and n above 0.
fn quotient(n: u128, d: u128) -> Result<Number, MoneyError> {
    // Two digits more than are kept, so that the digits that are dropped and the remainder decide the rounding.
    let shift = (DIGITS + 2 + bits(d)).saturating_sub(bits(n));
    let shifted = n.checked_shl(shift).ok_or(MoneyError::Overflow)?;
    let whole = shifted.checked_div(d).ok_or(MoneyError::Overflow)?;
    let exponent = i32::try_from(shift).map_err(|_| MoneyError::Overflow)?;
    Ok(nearest(whole, -exponent, whole.checked_mul(d) != Some(shifted)))
}

const fn bits(n: u128) -> u32 {
    128 - n.leading_zeros()
}

/// The number of 53 digits nearest to `n × 2^exponent`; `more` says that a bit was lost below `n`.
fn nearest(n: u128, exponent: i32, more: bool) -> Number {
    let dropped = bits(n).saturating_sub(DIGITS);
    if dropped == 0 {
        return Number { mantissa: n, exponent };
    }
    let kept = n >> dropped;
    let half = 1_u128 << (dropped - 1);
    let below = n & ((half << 1) - 1);
    let up = below > half || (below == half && (more || kept & 1 == 1));
    Number { mantissa: kept + u128::from(up), exponent: exponent + dropped.cast_signed() }
}

/// The number as a decimal of 28 digits: far finer than the numbers are apart, so no half appears or vanishes.
fn decimal(number: Number) -> Result<Decimal, MoneyError> {
    let mut mantissa = number.mantissa;
    let mut exponent = number.exponent;
    while mantissa & 1 == 0 && exponent < 0 {
        (mantissa, exponent) = (mantissa >> 1, exponent + 1);
    }
    let power =
        |n: u32| 1_i128.checked_shl(n).filter(|_| n < 96).and_then(|p| Decimal::try_from_i128_with_scale(p, 0).ok());
    let signed = i128::try_from(mantissa).map_err(|_| MoneyError::Overflow)?;
    let digits = Decimal::try_from_i128_with_scale(signed, 0).map_err(|_| MoneyError::Overflow)?;
    if exponent >= 0 {
        let factor = power(exponent.unsigned_abs()).ok_or(MoneyError::Overflow)?;
        return digits.checked_mul(factor).ok_or(MoneyError::Overflow);
    }
    match power(exponent.unsigned_abs()) {
        Some(divisor) => digits.checked_div(divisor).ok_or(MoneyError::Overflow),
        // Below 2^-43 of a cent.
        None => Ok(Decimal::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(amount: i64, n: i64, d: i64) -> String {
        product(amount, n, d).unwrap().to_string()
    }

    #[test]
    fn negative_amounts_mirror_positive_ones() {
        assert_eq!(cents(1050, 15, 30), "525");
        assert_eq!(cents(-1050, 15, 30), "-525");
        assert_eq!(cents(0, 15, 30), "0");
        assert!(product(1, 1, 0).is_err() && product(1, -1, 2).is_err());
    }

    #[test]
    fn the_largest_and_the_smallest_amounts_do_not_panic() {
        assert!(product(i64::MAX, 1, 1).is_ok());
        assert!(product(i64::MIN, i64::MAX, i64::MAX).is_ok());
        assert!(product(1, 1, i64::MAX).is_ok());
    }

    #[test]
    fn a_half_goes_to_the_even_neighbour() {
        // Of 54 binary digits, the last of which is a half.
        assert_eq!(cents(9_007_199_254_740_993, 1, 1), "9007199254740992");
        assert_eq!(cents(9_007_199_254_740_995, 1, 1), "9007199254740996");
        assert_eq!(cents(9_007_199_254_740_994, 1, 1), "9007199254740994");
    }
}
