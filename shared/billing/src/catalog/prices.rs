//! What is wrong with a price of a plan: one of its own, or one that was negotiated for a customer.
//!
//! Exists so that both are held to the same: a negotiated price that cannot be billed would be found out at a renewal.

use super::{Plan, Price};
use crate::{calendar::Instant, customer::ContractPrice};

/// What is wrong with `price` for `plan`; empty when it can be billed.
pub(super) fn problems(plan: &Plan, price: &Price) -> Vec<String> {
    let mut found = Vec::new();
    if !price.model.is_by_quantity() {
        let model = price.model.name();
        found.push(format!("contracts cannot be billed by {model} yet; use a price by quantity"));
    }
    found.extend(price.check().err());
    if price.usage_minimum.is_some() && plan.usage.is_empty() {
        found.push("usage_minimum: the plan has no usage that it could be the least of".into());
    }
    if price.usage_minimum_part.is_some() && price.usage_minimum.is_none() {
        found.push("usage_minimum_part: the price has no usage_minimum that a part could have".into());
    }
    // Whether an alignment fits an interval does not depend on the day.
    let fits = plan.alignment.map(|a| a.resolve(Instant::UNIX_EPOCH, price.interval, chrono_tz::Tz::UTC));
    if let Some(Err(problem)) = fits {
        found.push(format!("alignment: {problem}"));
    }
    if let Err(refusal) = plan.usage_of(price) {
        found.push(format!("every meter needs a price for every currency and interval: {refusal}"));
    }
    found
}

impl ContractPrice {
    /// What is wrong with it for `plan`; empty when the customer can be billed by it.
    #[must_use]
    pub fn problems(&self, plan: &Plan) -> Vec<String> {
        problems(plan, &self.price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = r#"{"id": "team", "version": 1, "title": "Team",
            "prices": [{"currency": "EUR", "interval": "month", "model": "flat", "amount": "9"}],
            "usage": [{"currency": "EUR", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
                "price": {"model": "per-seat", "unit_amount": "0.01"}}]}"#;
        serde_json::from_str(text).unwrap()
    }

    fn agreed(price: &str) -> Vec<String> {
        let text = format!(r#"{{"customer": "cus_ana", "plan": "team", "price": {price}}}"#);
        serde_json::from_str::<ContractPrice>(&text).unwrap().problems(&plan())
    }

    #[test]
    fn a_negotiated_price_is_held_to_what_a_plans_own_is() {
        let none: [String; 0] = [];
        assert_eq!(agreed(r#"{"currency": "EUR", "interval": "month", "model": "flat", "amount": "7.50"}"#), none);
        let cases = [
            (r#"{"currency": "EUR", "interval": "month", "model": "percentage", "rate": "2"}"#, "billed by percentage"),
            (
                r#"{"currency": "EUR", "interval": "year", "model": "flat", "amount": "70"}"#,
                "every meter needs a price",
            ),
            (r#"{"currency": "EUR", "interval": "month", "model": "flat", "amount": "-1"}"#, ""),
        ];
        for (price, problem) in cases {
            let found = agreed(price);
            assert!(found.iter().any(|f| f.contains(problem)), "{price}: {found:?}");
        }
    }
}
