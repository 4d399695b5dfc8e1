//! The run-rate of a state: `mrr12`, what it earns in a year, in minor units.
//!
//! Twelfths of a minor unit of MRR, so that every sum is exact and MRR is `mrr12 / 12` (DESIGN section 4).

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};

use crate::{
    calendar::Unit,
    discount::{Discount, net_of_lasting},
    money::{MoneyError, Unrounded},
    refusal::Refusal,
    tax::TaxTreatment,
    terms::Terms,
};

/// `round_half_even(recurring price of one full period × factor)` at list price, rounded once.
/// Factors: year 1, month 12, week 52, day 365, divided by the count of the interval.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn mrr12(terms: &Terms) -> Result<i64, MoneyError> {
    yearly(terms, terms.full_period()?, Decimal::ONE)
}

/// [`mrr12`] after the discounts that last and without the tax that is in the price; rounded once, too.
///
/// # Errors
/// [`Refusal::Money`]; [`Refusal::InvalidField`] for a discount that cannot be computed.
pub fn mrr12_net(terms: &Terms, discounts: &[Discount], tax: Option<&TaxTreatment>) -> Result<i64, Refusal> {
    let items =
        terms.items().map(|item| Ok((item.name(), item.full_period()?))).collect::<Result<Vec<_>, MoneyError>>()?;
    let net = net_of_lasting(&items, terms.price.currency, discounts)?;
    let gross = tax.map_or(Ok(Decimal::ONE), TaxTreatment::gross_of_one)?;
    Ok(yearly(terms, net, gross)?)
}

/// How many of it a year has, as run-rate counts them.
pub(crate) const fn in_a_year(unit: Unit) -> u32 {
    match unit {
        Unit::Year => 1,
        Unit::Month => 12,
        Unit::Week => 52,
        Unit::Day => 365,
    }
}

fn yearly(terms: &Terms, price: Unrounded, divisor: Decimal) -> Result<i64, MoneyError> {
    let factor = in_a_year(terms.price.interval.unit());
    let count = Decimal::from(terms.price.interval.count());
    let divisor = count.checked_mul(divisor).ok_or(MoneyError::Overflow)?;
    let exact = price.times(Decimal::from(factor), divisor)?;
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
