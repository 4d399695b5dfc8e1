//! What a recurring price is worth after the discounts that last: the net price that the run-rate is counted from.
//!
//! Exists because the run-rate is rounded once per state (DESIGN section 4): here nothing is rounded, and nothing is split.

use rust_decimal::Decimal;

use super::{
    DiscountError,
    apply::{Cut, Discount},
};
use crate::money::{Currency, Money, MoneyError, Unrounded};

/// The exact net price of one full period of `items` (name and list price) after the discounts that count for the run-rate
/// (repeating and forever; `once` is ignored): percentages multiplied, then fixed amounts, those for named items first, never
/// below zero.
///
/// # Errors
/// [`DiscountError::Negative`]; [`DiscountError::Money`] when currencies meet or an amount is too large.
pub fn net_of_lasting(
    items: &[(String, Unrounded)],
    currency: Currency,
    discounts: &[Discount],
) -> Result<Unrounded, DiscountError> {
    let lasting: Vec<&Discount> = discounts.iter().filter(|d| d.counts_for_run_rate()).collect();
    let mut nets = items
        .iter()
        .map(|(name, full)| Ok((name.as_str(), after_percents(*full, name, &lasting)?)))
        .collect::<Result<Vec<_>, MoneyError>>()?;
    let mut fixed = Vec::new();
    for discount in lasting {
        match discount.cut {
            Cut::Percent { .. } => {}
            Cut::Fixed { amount } if amount.minor < 0 => return Err(DiscountError::Negative(discount.source.clone())),
            Cut::Fixed { amount } => fixed.push((discount, amount.plus(Money::zero(currency))?)),
        }
    }
    // Those for few items first, as invoices have it: the others can still be used elsewhere.
    fixed.sort_by_key(|(discount, _)| discount.only.is_empty());
    for (discount, amount) in fixed {
        let mut left = Decimal::from(amount.minor);
        for (_, net) in nets.iter_mut().filter(|(name, _)| is_for(discount, name)) {
            let taken = left.min(*net);
            (left, *net) = (left - taken, *net - taken);
        }
    }
    let sum = nets.iter().try_fold(Decimal::ZERO, |sum, (_, net)| sum.checked_add(*net)).ok_or(MoneyError::Overflow)?;
    Ok(Unrounded::from_minor(sum, currency))
}

fn is_for(discount: &Discount, item: &str) -> bool {
    discount.only.is_empty() || discount.only.iter().any(|only| only == item)
}

fn after_percents(full: Unrounded, item: &str, discounts: &[&Discount]) -> Result<Decimal, MoneyError> {
    let percent_of = |d: &&Discount| match d.cut {
        Cut::Percent { percent } if is_for(d, item) => Some(percent),
        _ => None,
    };
    let mut percents: Vec<_> = discounts.iter().filter_map(percent_of).collect();
    // In one order, so that digits beyond the 28th do not depend on how the discounts were given.
    percents.sort();
    let mut net = full.minor();
    for percent in percents {
        net = net.checked_mul(percent.kept()?).ok_or(MoneyError::Overflow)?;
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(discounts: &str) -> Result<String, DiscountError> {
        let full = Unrounded::from_money(Money::new(1999, Currency::try_new("USD").unwrap()));
        let discounts: Vec<Discount> = serde_json::from_str(discounts).unwrap();
        net_of_lasting(&[("team".into(), full)], full.currency(), &discounts).map(|n| n.minor().normalize().to_string())
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
    fn an_amount_for_one_item_stops_at_that_item_and_one_for_all_goes_on() {
        let usd = |minor| Unrounded::from_money(Money::new(minor, Currency::try_new("USD").unwrap()));
        let items = [("team".to_owned(), usd(500)), ("team+support".to_owned(), usd(1000))];
        let net = |only: &str| {
            let discounts = format!(
                r#"[{{"source":"f","cut":{{"kind":"fixed","amount":{{"minor":800,"currency":"USD"}}}},{only}
                "duration":{{"is":"forever"}}}}]"#
            );
            let discounts: Vec<Discount> = serde_json::from_str(&discounts).unwrap();
            net_of_lasting(&items, usd(0).currency(), &discounts).unwrap().minor()
        };
        assert_eq!((net(r#""only":["team"],"#), net("")), (Decimal::from(1000), Decimal::from(700)));
    }

    #[test]
    fn an_amount_below_nothing_is_refused_and_nothing_is_an_amount() {
        let fixed = |minor: i64| {
            format!(
                r#"[{{"source":"f","cut":{{"kind":"fixed","amount":{{"minor":{minor},"currency":"USD"}}}},
                "duration":{{"is":"forever"}}}}]"#
            )
        };
        assert_eq!(net(&fixed(0)).unwrap(), "1999");
        assert_eq!(net(&fixed(-1)), Err(DiscountError::Negative("f".into())));
    }

    #[test]
    fn an_amount_in_another_currency_is_an_error() {
        let foreign = r#"[{"source":"f","cut":{"kind":"fixed","amount":{"minor":500,"currency":"EUR"}},
            "duration":{"is":"forever"}}]"#;
        assert!(net(foreign).is_err());
    }
}
