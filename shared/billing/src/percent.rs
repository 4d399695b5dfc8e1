//! A percentage, as data: 0 to 100 with at most six decimals.
//!
//! Exists so that a rate of 0.2 where 20 was meant, of -5 or of 120 cannot reach an amount, and so that the product of any
//! amount and a percentage has few enough digits to be exact.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::money::{Money, MoneyError, Unrounded};

/// Most decimals of a percentage: amount × percentage then fits into a decimal without loss.
pub const PERCENT_DECIMALS_MAX: u32 = 6;

/// A percentage from 0 to 100, written as text (`"8.25"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "Decimal")]
pub struct Percent(Decimal);

/// Why a number is not a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a percentage: write 0 to 100 with at most {PERCENT_DECIMALS_MAX} decimals (20 for twenty per cent)"
)]
pub struct BadPercent(Decimal);

impl Percent {
    /// All of it.
    pub const HUNDRED: Self = Self(Decimal::ONE_HUNDRED);

    /// `value` per cent.
    ///
    /// # Errors
    /// [`BadPercent`] below 0, above 100 or with too many decimals.
    pub fn try_new(value: Decimal) -> Result<Self, BadPercent> {
        let value = value.normalize();
        let fits = value.scale() <= PERCENT_DECIMALS_MAX && value >= Decimal::ZERO && value <= Decimal::ONE_HUNDRED;
        if fits { Ok(Self(value)) } else { Err(BadPercent(value)) }
    }

    /// The number, 20 for twenty per cent.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }

    /// This part of `amount`, exact.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn of(self, amount: Money) -> Result<Unrounded, MoneyError> {
        Unrounded::from_money(amount).times(self.0, Decimal::ONE_HUNDRED)
    }

    /// What is left of one after this part of it: 0.75 for 25 per cent.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], which cannot happen for a percentage that was checked.
    pub fn kept(self) -> Result<Decimal, MoneyError> {
        let left = Decimal::ONE_HUNDRED.checked_sub(self.0).ok_or(MoneyError::Overflow)?;
        left.checked_div(Decimal::ONE_HUNDRED).ok_or(MoneyError::Overflow)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader)
    }
}

/// Reads text, or a whole number: twenty is 20 however it is written, and a binary float is nobody's rate.
struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage as text, such as \"8.25\", or a whole number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Percent, E> {
        let value = <Decimal as Deserialize>::deserialize(de::value::StrDeserializer::<E>::new(text))?;
        Percent::try_new(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Percent, E> {
        Percent::try_new(whole.into()).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Percent, E> {
        Percent::try_new(whole.into()).map_err(E::custom)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl TryFrom<Decimal> for Percent {
    type Error = BadPercent;
    fn try_from(value: Decimal) -> Result<Self, BadPercent> {
        Self::try_new(value)
    }
}

impl From<Percent> for Decimal {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_nought_to_a_hundred_are_percentages() {
        for good in ["0", "8.25", "33.333333", "100", "100.0000000"] {
            assert!(Percent::try_new(good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["-0.1", "100.01", "1.1234567"] {
            let problem = Percent::try_new(bad.parse().unwrap()).unwrap_err().to_string();
            assert!(problem.contains("20 for twenty per cent"), "{problem}");
        }
    }

    #[test]
    fn a_percentage_is_read_from_text_and_never_from_a_float() {
        assert_eq!(serde_json::from_str::<Percent>("\"8.25\"").unwrap().to_string(), "8.25%");
        assert!(serde_json::from_str::<Percent>("\"820\"").is_err());
    }
}
