//! What one full period costs: one `match` over the price models, each an exact amount.
//!
//! To add a model: a variant here with its documentation, an arm in [`PriceModel::amount`] and one in
//! [`PriceModel::check`]; the compiler lists both.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, MoneyError, Unrounded};

/// How the price of one full period follows from the quantity. Amounts are in major units of the
/// price's currency (19.90), written as text so that no float ever holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum PriceModel {
    /// The same amount whatever the quantity.
    Flat {
        /// For the whole period; at most the currency's decimals.
        amount: Decimal,
    },
    /// Quantity × unit price.
    PerSeat {
        /// For one unit and period; may be below the currency's minor unit (0.0025).
        unit_amount: Decimal,
    },
}

/// Largest price accepted, in major units: leaves room for any quantity within 64 bits of minor units.
pub const PRICE_MAX: i64 = 10_000_000;

impl PriceModel {
    /// The exact amount of one full period for `quantity` units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn amount(&self, quantity: u32, currency: Currency) -> Result<Unrounded, MoneyError> {
        match self {
            Self::Flat { amount } => Unrounded::from_major(*amount, currency),
            Self::PerSeat { unit_amount } => {
                Unrounded::from_major(*unit_amount, currency)?.times(Decimal::from(quantity), Decimal::ONE)
            }
        }
    }

    /// The model's name, as catalogs write it and explanations quote it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flat { .. } => "flat",
            Self::PerSeat { .. } => "per-seat",
        }
    }

    /// Whether the model may be published in `currency`.
    ///
    /// # Errors
    /// What to mend.
    pub fn check(&self, currency: Currency) -> Result<(), String> {
        match self {
            Self::Flat { amount } if amount.normalize().scale() > currency.exponent() => {
                Err(format!("amount has more decimals than {currency}"))
            }
            Self::Flat { amount } => check_size("amount", *amount),
            Self::PerSeat { unit_amount } if unit_amount.normalize().scale() > 12 => {
                Err("unit_amount has more than 12 decimals".into())
            }
            Self::PerSeat { unit_amount } => check_size("unit_amount", *unit_amount),
        }
    }
}

fn check_size(field: &str, amount: Decimal) -> Result<(), String> {
    if amount.is_sign_negative() && !amount.is_zero() {
        return Err(format!("{field} must not be negative"));
    }
    if amount > Decimal::from(PRICE_MAX) {
        return Err(format!("{field} must be at most {PRICE_MAX}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rounding;

    #[test]
    fn unit_prices_below_a_cent_are_exact_until_the_one_rounding() {
        let usd = Currency::try_new("USD").unwrap();
        let model = PriceModel::PerSeat { unit_amount: "0.0025".parse().unwrap() };
        let amount = model.amount(1001, usd).unwrap();
        assert_eq!(amount.minor().to_string(), "250.2500");
        assert_eq!(amount.round(Rounding::HalfEven).unwrap().minor, 250);
    }

    #[test]
    fn negative_and_huge_prices_are_refused() {
        let usd = Currency::try_new("USD").unwrap();
        let flat = |text: &str| PriceModel::Flat { amount: text.parse().unwrap() }.check(usd);
        assert!(flat("-0.01").is_err() && flat("10000000.01").is_err() && flat("0.001").is_err());
        assert!(flat("0").is_ok() && flat("10000000").is_ok());
    }
}
