//! Exact money: integers in minor units, decimals for rates, one named rounding.
//!
//! Exists so that a wrong sum cannot be written down: sums are checked, currencies do not mix, and an
//! unrounded amount becomes money only through [`Unrounded::round`].

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency. Its number of decimals comes from the ISO list, not from a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The currency with this three-letter code.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] when ISO 4217 has no such code (codes are upper case).
    pub fn try_new(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(8).collect()))
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of the minor unit: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::try_new(&code)
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let code = String::deserialize(d)?;
        Self::try_new(&code).map_err(serde::de::Error::custom)
    }
}

/// Why an amount could not be computed. A failed computation is an error, never zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The code is not in ISO 4217.
    #[error("currency {0:?} is not an ISO 4217 code")]
    UnknownCurrency(String),
    /// Two currencies met in one sum.
    #[error("{0} and {1} cannot be added")]
    MixedCurrencies(Currency, Currency),
    /// The result does not fit into 64 bits of minor units, or a decimal lost digits.
    #[error("the amount is too large to be computed exactly")]
    Overflow,
    /// There is nothing to split an amount over.
    #[error("an amount cannot be split over weights that add up to zero")]
    NoWeights,
    /// The price model cannot say what the units cost; the text says why and what to do.
    #[error("{0}")]
    Unpriced(String),
}

/// An amount of money in minor units of one currency (cents of USD, yen of JPY).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative amounts are credits.
    pub minor: i64,
    /// The currency of the minor units.
    pub currency: Currency,
}

impl Money {
    /// `minor` minor units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// `self + other`.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`] or [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// `-self`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the one amount that has no opposite.
    pub fn negated(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The sum of `amounts`, zero when there are none.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    /// Splits the amount in proportion to `weights` so that the parts add up to it: every part is cut
    /// toward zero, and the minor units left over go one by one to the largest remainders (earlier first).
    ///
    /// # Errors
    /// [`MoneyError::NoWeights`] when the weights add up to zero.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: i128 = weights.iter().map(|w| i128::from(*w)).sum();
        if total == 0 {
            return Err(MoneyError::NoWeights);
        }
        let amount = i128::from(self.minor);
        let mut parts: Vec<i128> = weights.iter().map(|w| amount * i128::from(*w) / total).collect();
        let left = amount - parts.iter().sum::<i128>();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse((amount * i128::from(weights[*i]) % total).abs()), *i));
        let count = usize::try_from(left.unsigned_abs()).map_err(|_| MoneyError::Overflow)?;
        for i in order.into_iter().take(count) {
            parts[i] += left.signum();
        }
        parts
            .into_iter()
            .map(|p| i64::try_from(p).map(|minor| Self::new(minor, self.currency)).map_err(|_| MoneyError::Overflow))
            .collect()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.exponent();
        write!(f, "{} {}", Decimal::new(self.minor, decimals), self.currency)
    }
}

/// How an unrounded amount becomes whole minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, a half to the even neighbour (the default: no drift over many lines).
    #[default]
    HalfEven,
    /// To the nearest, a half away from zero.
    HalfUp,
    /// Toward zero.
    Down,
}

impl Rounding {
    const fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::Down => RoundingStrategy::ToZero,
        }
    }
}

/// An exact amount that is not yet money: minor units with any number of decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrounded {
    minor: Decimal,
    currency: Currency,
}

impl Unrounded {
    /// `amount` in major units (19.90 USD), as catalogs write prices.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn from_major(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let scale = Decimal::from(10_i64.checked_pow(currency.exponent()).ok_or(MoneyError::Overflow)?);
        let minor = amount.checked_mul(scale).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency })
    }

    /// The exact sum of two amounts in the same currency.
    ///
    /// # Errors
    /// [`MoneyError`] when currencies meet or the sum is too large.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The exact value of a rounded amount.
    #[must_use]
    pub fn from_money(money: Money) -> Self {
        Self { minor: Decimal::from(money.minor), currency: money.currency }
    }

    /// `minor` minor units with all their decimals.
    #[must_use]
    pub const fn from_minor(minor: Decimal, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// `self × numerator ÷ denominator`, multiplied first so that a whole result stays whole.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], also for a denominator of zero.
    pub fn times(self, numerator: Decimal, denominator: Decimal) -> Result<Self, MoneyError> {
        let product = self.minor.checked_mul(numerator).ok_or(MoneyError::Overflow)?;
        let minor = product.checked_div(denominator).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The exact minor units, for explanations.
    #[must_use]
    pub fn minor(self) -> Decimal {
        self.minor
    }

    /// The currency of the minor units.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The one place where an amount is rounded to whole minor units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it does not fit into 64 bits.
    pub fn round(self, mode: Rounding) -> Result<Money, MoneyError> {
        let whole = self.minor.round_dp_with_strategy(0, mode.strategy());
        let minor = whole.to_i64().ok_or(MoneyError::Overflow)?;
        Ok(Money::new(minor, self.currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        Currency::try_new("USD").unwrap()
    }

    #[test]
    fn currencies_do_not_mix() {
        let eur = Currency::try_new("EUR").unwrap();
        let sum = Money::new(1, usd()).plus(Money::new(1, eur));
        assert_eq!(sum, Err(MoneyError::MixedCurrencies(usd(), eur)));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_an_error_and_not_zero() {
        assert_eq!(Money::new(i64::MAX, usd()).plus(Money::new(1, usd())), Err(MoneyError::Overflow));
    }

    #[test]
    fn halves_go_to_the_even_neighbour_by_default() {
        let round =
            |major: &str| Unrounded::from_major(major.parse().unwrap(), usd()).unwrap().round(Rounding::default());
        assert_eq!(round("0.005").unwrap().minor, 0);
        assert_eq!(round("0.015").unwrap().minor, 2);
        assert_eq!(round("-0.025").unwrap().minor, -2);
    }

    #[test]
    fn the_decimals_of_a_currency_come_from_iso() {
        let show = |minor, code| Money::new(minor, Currency::try_new(code).unwrap()).to_string();
        assert_eq!(show(2357, "USD"), "23.57 USD");
        assert_eq!(show(2357, "JPY"), "2357 JPY");
        assert_eq!(show(-2357, "KWD"), "-2.357 KWD");
    }

    #[test]
    fn splitting_loses_no_cent() {
        let parts = Money::new(100, usd()).allocate(&[1, 1, 1]).unwrap();
        assert_eq!(parts.iter().map(|p| p.minor).collect::<Vec<_>>(), [34, 33, 33]);
        let parts = Money::new(-5, usd()).allocate(&[1, 0, 3]).unwrap();
        assert_eq!(parts.iter().map(|p| p.minor).collect::<Vec<_>>(), [-1, 0, -4]);
        assert_eq!(Money::new(5, usd()).allocate(&[0]), Err(MoneyError::NoWeights));
    }
}
