//! The run-rate of a state: `mrr12`, what it earns in a year, in minor units.
//!
//! Twelfths of a minor unit of MRR, so that every sum is exact and MRR is `mrr12 / 12` (DESIGN section 4).

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};

use crate::{calendar::Unit, money::MoneyError, terms::Terms};

/// `round_half_even(net recurring price of one full period × factor)`, rounded once.
/// Factors: year 1, month 12, week 52, day 365, divided by the count of the interval.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn mrr12(terms: &Terms) -> Result<i64, MoneyError> {
    let factor = match terms.price.interval.unit() {
        Unit::Year => 1,
        Unit::Month => 12,
        Unit::Week => 52,
        Unit::Day => 365,
    };
    let count = Decimal::from(terms.price.interval.count());
    let exact = terms.full_period()?.times(Decimal::from(factor), count)?;
    let whole = exact.minor().round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
    whole.to_i64().ok_or(MoneyError::Overflow)
}

#[cfg(test)]
mod tests {
    use crate::{
        catalog::{Plan, Policy},
        terms::Terms,
    };

    fn of(interval: &str, unit_amount: &str, quantity: i64) -> i64 {
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "id": "p", "version": 1, "title": "P",
            "prices": [{"currency": "USD", "interval": interval, "model": "per-seat", "unit_amount": unit_amount}]
        }))
        .unwrap();
        super::mrr12(&Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, quantity).unwrap()).unwrap()
    }

    #[test]
    fn a_year_is_twelve_months_four_quarters_and_fifty_two_weeks() {
        assert_eq!(of("month", "10", 3), 36_000);
        assert_eq!(of("quarter", "10", 1), 4_000);
        assert_eq!(of("half-year", "10", 1), 2_000);
        assert_eq!(of("year", "100", 1), 10_000);
        assert_eq!(of("week", "1", 1), 5_200);
        assert_eq!(of("2-weeks", "1", 1), 2_600);
        assert_eq!(of("day", "1", 1), 36_500);
    }

    #[test]
    fn it_is_rounded_once_after_the_factor() {
        assert_eq!(of("month", "0.0125", 1), 15);
        assert_eq!(of("5-months", "0.01", 1), 2);
    }
}
