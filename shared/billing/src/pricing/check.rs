//! What may stand in a price: sizes, decimals, signs; each problem says what to mend.
//!
//! Exists so that all price models refuse the same nonsense with the same words, when a catalog is published and not
//! when the first customer is billed.

use rust_decimal::Decimal;

use super::{PRICE_MAX, exact::QUOTIENT_DECIMALS};
use crate::money::Currency;

/// Decimals of a unit price, of a count of units, of a rate.
pub(super) const DECIMALS_MAX: u32 = QUOTIENT_DECIMALS;

/// Largest count of units that a price may name (a bound, a package, an allowance).
pub(super) const UNITS_MAX: i64 = 1_000_000_000_000;

/// Most tiers of one price: a price is read by people.
pub(super) const TIERS_MAX: usize = 50;

/// Largest percentage of a volume.
pub(super) const PERCENT_MAX: i64 = 100;

/// An amount for one unit or event: at most [`DECIMALS_MAX`] decimals.
pub(super) fn unit_amount(field: &str, amount: Decimal) -> Result<(), String> {
    decimals(field, amount, DECIMALS_MAX)?;
    size(field, amount)
}

/// An amount that is charged once: at most the currency's decimals.
pub(super) fn flat_amount(field: &str, amount: Decimal, currency: Currency) -> Result<(), String> {
    if amount.normalize().scale() > currency.exponent() {
        return Err(format!("{field} has more decimals than {currency}"));
    }
    size(field, amount)
}

/// A count of units, from 0.
pub(super) fn units(field: &str, units: Decimal) -> Result<(), String> {
    decimals(field, units, DECIMALS_MAX)?;
    not_negative(field, units)?;
    if units > Decimal::from(UNITS_MAX) {
        return Err(format!("{field} must be at most {UNITS_MAX}"));
    }
    Ok(())
}

/// A count of units above 0.
pub(super) fn some_units(field: &str, value: Decimal) -> Result<(), String> {
    units(field, value)?;
    if value.is_zero() {
        return Err(format!("{field} must be above 0"));
    }
    Ok(())
}

/// A percentage from 0 to `most`.
pub(super) fn percent(field: &str, rate: Decimal, most: i64) -> Result<(), String> {
    // Two decimals less: the rate is a hundredth of what it says.
    decimals(field, rate, DECIMALS_MAX - 2)?;
    not_negative(field, rate)?;
    if rate > Decimal::from(most) {
        return Err(format!("{field} is in percent and must be at most {most}"));
    }
    Ok(())
}

fn decimals(field: &str, value: Decimal, most: u32) -> Result<(), String> {
    if value.normalize().scale() > most {
        return Err(format!("{field} has more than {most} decimals"));
    }
    Ok(())
}

fn not_negative(field: &str, value: Decimal) -> Result<(), String> {
    if value < Decimal::ZERO {
        return Err(format!("{field} must not be negative"));
    }
    Ok(())
}

fn size(field: &str, amount: Decimal) -> Result<(), String> {
    not_negative(field, amount)?;
    if amount > Decimal::from(PRICE_MAX) {
        return Err(format!("{field} must be at most {PRICE_MAX}"));
    }
    Ok(())
}
