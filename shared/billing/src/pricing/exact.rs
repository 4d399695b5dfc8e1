//! Decimal arithmetic that is exact or an error, for units and prices.
//!
//! Exists because the decimal type rounds a product or a sum that needs more than its 28 digits, and says nothing.
//! A price that lost a digit is a wrong price, so here it is [`MoneyError::Overflow`]. Only [`quotient`] may cut.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::money::MoneyError;

/// Decimals that a quotient keeps: as many as a unit price may have, and few enough for the products that follow.
pub(super) const QUOTIENT_DECIMALS: u32 = 12;

/// `a × b`.
///
/// # Errors
/// [`MoneyError::Overflow`] when the product needs more digits than there are.
pub(crate) fn mul(a: Decimal, b: Decimal) -> Result<Decimal, MoneyError> {
    let (a, b) = (a.normalize(), b.normalize());
    if a.is_zero() || b.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let product = a.checked_mul(b).ok_or(MoneyError::Overflow)?;
    // A product that lost digits has a smaller scale than its factors have together.
    if product.is_zero() || product.scale() < a.scale() + b.scale() {
        return Err(MoneyError::Overflow);
    }
    Ok(product.normalize())
}

/// `a + b`.
///
/// # Errors
/// [`MoneyError::Overflow`] when the sum needs more digits than there are.
pub(crate) fn add(a: Decimal, b: Decimal) -> Result<Decimal, MoneyError> {
    let (a, b) = (a.normalize(), b.normalize());
    let sum = a.checked_add(b).ok_or(MoneyError::Overflow)?;
    let is_exact = if sum.is_zero() { a == -b } else { sum.scale() >= a.scale().max(b.scale()) };
    if is_exact { Ok(sum.normalize()) } else { Err(MoneyError::Overflow) }
}

/// `a - b`.
///
/// # Errors
/// As [`add`].
pub(crate) fn sub(a: Decimal, b: Decimal) -> Result<Decimal, MoneyError> {
    add(a, -b)
}

/// The sum of `amounts`, zero when there are none.
///
/// # Errors
/// As [`add`].
pub(crate) fn sum(amounts: impl IntoIterator<Item = Decimal>) -> Result<Decimal, MoneyError> {
    amounts.into_iter().try_fold(Decimal::ZERO, add)
}

/// `amount × rate ÷ 100`.
///
/// # Errors
/// As [`mul`].
pub(super) fn percent(amount: Decimal, rate: Decimal) -> Result<Decimal, MoneyError> {
    mul(amount, mul(rate, Decimal::new(1, 2))?)
}

/// `numerator ÷ denominator`, exact where that ends within [`QUOTIENT_DECIMALS`], else the nearest (half to even).
///
/// # Errors
/// [`MoneyError::Overflow`], also for a denominator of zero.
pub(crate) fn quotient(numerator: Decimal, denominator: Decimal) -> Result<Decimal, MoneyError> {
    let quotient = numerator.checked_div(denominator).ok_or(MoneyError::Overflow)?;
    Ok(quotient.round_dp_with_strategy(QUOTIENT_DECIMALS, RoundingStrategy::MidpointNearestEven).normalize())
}

/// The fraction `numerator ÷ denominator` in lowest terms, as far as the denominator is a whole number.
pub(crate) fn lowest(numerator: Decimal, denominator: Decimal) -> (Decimal, Decimal) {
    let (numerator, denominator) = (numerator.normalize(), denominator.normalize());
    let (mut divisor, mut left) = (denominator.mantissa().unsigned_abs(), numerator.mantissa().unsigned_abs());
    while left != 0 {
        (divisor, left) = (left, divisor % left);
    }
    let by = |of: Decimal| {
        let divisor = i128::try_from(divisor).ok().filter(|_| denominator.scale() == 0)?;
        Decimal::try_from_i128_with_scale(of.mantissa().checked_div(divisor)?, of.scale()).ok()
    };
    by(numerator).zip(by(denominator)).unwrap_or((numerator, denominator))
}

/// How many packages of `size` are full, and what is left of `units` (0 or more) beyond them.
///
/// # Errors
/// [`MoneyError::Overflow`], also for a size that is not above zero.
pub(super) fn packages(units: Decimal, size: Decimal) -> Result<(Decimal, Decimal), MoneyError> {
    if size <= Decimal::ZERO {
        return Err(MoneyError::Overflow);
    }
    let left = units.checked_rem(size).ok_or(MoneyError::Overflow)?;
    // Without the rest the division is a whole number, so it cannot be rounded up into one package too many.
    let full = sub(units, left)?.checked_div(size).ok_or(MoneyError::Overflow)?;
    if full == full.trunc() { Ok((full.normalize(), left)) } else { Err(MoneyError::Overflow) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_product_or_a_sum_that_would_lose_a_digit_is_an_error() {
        assert_eq!(mul(d("0.00000000000001"), d("0.000000000000001")), Err(MoneyError::Overflow));
        assert_eq!(mul(d("12345678901234567.89"), d("1.23456789012")), Err(MoneyError::Overflow));
        assert_eq!(add(d("1000000000000000000"), d("0.000000000001")), Err(MoneyError::Overflow));
        assert_eq!(add(Decimal::MAX, Decimal::ONE), Err(MoneyError::Overflow));
        assert_eq!(sub(Decimal::MAX, Decimal::MAX), Ok(Decimal::ZERO));
        assert_eq!(mul(d("2.50"), d("0.0400")), Ok(d("0.1")));
        assert_eq!(percent(d("10000"), d("2.99")), Ok(d("299")));
    }

    #[test]
    fn a_quotient_that_ends_is_exact_and_another_is_cut() {
        assert_eq!(quotient(d("12.5"), d("8")), Ok(d("1.5625")));
        assert_eq!(quotient(d("2"), d("3")), Ok(d("0.666666666667")));
        assert_eq!(quotient(d("2"), d("0")), Err(MoneyError::Overflow));
    }

    #[test]
    fn a_fraction_is_in_lowest_terms() {
        assert_eq!(lowest(d("70"), d("300")), (d("7"), d("30")));
        assert_eq!(lowest(d("-4.5"), d("30")), (d("-0.3"), d("2")));
        assert_eq!(lowest(d("0"), d("30")), (d("0"), d("1")));
        assert_eq!(lowest(d("5"), d("0")), (d("1"), d("0")));
    }

    #[test]
    fn packages_are_counted_without_dividing_the_rest() {
        assert_eq!(packages(d("121"), d("10")), Ok((d("12"), d("1"))));
        assert_eq!(packages(d("0.3"), d("0.1")), Ok((d("3"), d("0"))));
        assert_eq!(
            packages(d("2.9999999999999999999999999999"), d("1")),
            Ok((d("2"), d("0.9999999999999999999999999999")))
        );
        assert_eq!(packages(d("1"), d("0")), Err(MoneyError::Overflow));
    }
}
