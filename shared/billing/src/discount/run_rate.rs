//! What a recurring price is worth after the discounts that last: the net price that the run-rate is counted from.
//!
//! Exists because the run-rate is rounded once per state (DESIGN section 4): here nothing is rounded, and nothing is split.

use rust_decimal::Decimal;

use super::{
    DiscountError,
    apply::{Cut, Discount},
};
use crate::money::{MoneyError, Unrounded};

/// The exact net price of one full period of `item` after the discounts that count for the run-rate (repeating and forever;
/// `once` is ignored): percentages multiplied, then fixed amounts, never below zero.
///
/// A fixed discount that is for several items is counted in full here; where a contract has several, give the sum of their
/// prices and the discounts for all.
///
/// # Errors
/// [`DiscountError::Negative`]; [`DiscountError::Money`] when currencies meet or an amount is too large.
pub fn net_of_lasting(full: Unrounded, item: &str, discounts: &[Discount]) -> Result<Unrounded, DiscountError> {
    let currency = full.currency();
    let is_for = |d: &&Discount| d.counts_for_run_rate() && (d.only.is_empty() || d.only.iter().any(|o| o == item));
    let mut net = full.minor();
    let mut percents = Vec::new();
    let mut fixed = crate::money::Money::zero(currency);
    for discount in discounts.iter().filter(is_for) {
        match discount.cut {
            Cut::Percent { percent } => percents.push(percent),
            Cut::Fixed { amount } if amount.minor < 0 => return Err(DiscountError::Negative(discount.source.clone())),
            Cut::Fixed { amount } => fixed = fixed.plus(amount)?,
        }
    }
    // In one order, so that digits beyond the 28th do not depend on how the discounts were given.
    percents.sort();
    for percent in percents {
        net = net.checked_mul(percent.kept()?).ok_or(MoneyError::Overflow)?;
    }
    let net = net.checked_sub(Decimal::from(fixed.minor)).ok_or(MoneyError::Overflow)?;
    Ok(Unrounded::from_minor(net.max(Decimal::ZERO), currency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Currency, Money};

    fn net(discounts: &str) -> Result<String, DiscountError> {
        let full = Unrounded::from_money(Money::new(1999, Currency::try_new("USD").unwrap()));
        let discounts: Vec<Discount> = serde_json::from_str(discounts).unwrap();
        net_of_lasting(full, "team", &discounts).map(|n| n.minor().normalize().to_string())
    }

    #[test]
    fn what_lasts_counts_and_what_is_for_once_does_not() {
        let quarter = r#"{"source":"q","cut":{"kind":"percent","percent":"25"},"duration":{"is":"forever"}}"#;
        let once = r#"{"source":"o","cut":{"kind":"percent","percent":"50"},"duration":{"is":"once"}}"#;
        let other =
            r#"{"source":"x","cut":{"kind":"percent","percent":"50"},"only":["solo"],"duration":{"is":"forever"}}"#;
        let fixed = r#"{"source":"f","cut":{"kind":"fixed","amount":{"minor":500,"currency":"USD"}},
            "duration":{"is":"repeating","periods":3}}"#;
        assert_eq!(net(&format!("[{once}]")).unwrap(), "1999");
        assert_eq!(net(&format!("[{fixed},{once},{quarter},{other}]")).unwrap(), "999.25");
        assert_eq!(net(&format!("[{fixed},{fixed},{fixed},{fixed}]")).unwrap(), "0");
    }

    #[test]
    fn an_amount_in_another_currency_is_an_error() {
        let foreign = r#"[{"source":"f","cut":{"kind":"fixed","amount":{"minor":500,"currency":"EUR"}},
            "duration":{"is":"forever"}}]"#;
        assert!(net(foreign).is_err());
    }
}
