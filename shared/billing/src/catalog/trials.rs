//! What is wrong with the trials of a plan.
//!
//! Exists beside the checks of prices, because a price of a trial stands for every price of its currency: without it a paid
//! trial would be free for some.

use super::{CatalogProblem, Plan, report};
use crate::pricing::PriceModel;

pub(super) fn problems(plan: &Plan, place: &str, found: &mut Vec<CatalogProblem>) {
    let Some(rules) = plan.trial.as_ref().filter(|rules| !rules.prices.is_empty()) else { return };
    if rules.method_optional {
        report(found, place, "trial: its price is collected from a payment method; leave out method_optional");
    }
    for (i, price) in rules.prices.iter().enumerate() {
        let what = format!("{place} trial prices[{i}] ({})", price.currency);
        if rules.prices[..i].iter().any(|earlier| earlier.currency == price.currency) {
            report(found, &what, "there is an earlier price for this currency");
        }
        if plan.prices.iter().all(|p| p.currency != price.currency) {
            report(found, &what, "the plan itself has no price in this currency, so nobody can have it");
        }
        if price.amount.is_zero() {
            report(found, &what, "amount must be above zero; leave out all prices of a free trial");
        } else if let Err(problem) = (PriceModel::Flat { amount: price.amount }).check(price.currency) {
            report(found, &what, &problem);
        }
    }
    let mut missing: Vec<String> = plan.prices.iter().map(|price| price.currency.to_string()).collect();
    missing.retain(|currency| rules.prices.iter().all(|price| price.currency.to_string() != *currency));
    missing.dedup();
    for currency in missing {
        report(
            found,
            place,
            &format!("trial: has no price in {currency}, and the plan has; a trial is paid in all or none"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn problems_name_the_price_and_what_to_mend() {
        let catalog: Catalog = serde_json::from_str(
            r#"{"plans":[{"id":"team","version":1,"title":"Team","trial_days":14,
                "trial":{"method_optional":true,"prices":[{"currency":"EUR","amount":"1"},{"currency":"EUR","amount":"0"},
                    {"currency":"JPY","amount":"9.5"}]},
                "prices":[{"currency":"USD","interval":"month","model":"flat","amount":"9"},
                    {"currency":"USD","interval":"year","model":"flat","amount":"90"},
                    {"currency":"EUR","interval":"month","model":"flat","amount":"9"}]}]}"#,
        )
        .unwrap();
        let text: Vec<String> = catalog.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "team@1: trial: its price is collected from a payment method; leave out method_optional",
                "team@1 trial prices[1] (EUR): there is an earlier price for this currency",
                "team@1 trial prices[1] (EUR): amount must be above zero; leave out all prices of a free trial",
                "team@1 trial prices[2] (JPY): the plan itself has no price in this currency, so nobody can have it",
                "team@1 trial prices[2] (JPY): amount has more decimals than JPY",
                "team@1: trial: has no price in USD, and the plan has; a trial is paid in all or none",
            ]
        );
    }
}
