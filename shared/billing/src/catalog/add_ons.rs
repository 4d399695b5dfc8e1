//! Add-ons: what a plan version can have beside it, each with its own price, features and limits.
//!
//! Exists on the plan version and not beside it, so that what was bought is one immutable `plan@version`: a contract that
//! holds it knows what its add-ons cost and bring, and which of them it may still take.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CatalogProblem, Plan, Price, VersionRef, is_name, report};
use crate::{
    calendar::Interval,
    money::Currency,
    pricing::PriceModel,
    terms::{ADD_ONS_MAX, QUANTITY_MAX},
};

/// Something that contracts of a plan version may have beside the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOn {
    /// Its name within the plan.
    pub id: String,
    /// For people.
    pub title: String,
    /// What it lets its holder use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// How much more of it, for each unit of the add-on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, i64>,
    /// Most units of one contract.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quantity_max: u32,
    /// At most one for each currency and interval. By quantity, or a percentage of what the contract pays for the rest.
    pub prices: Vec<Price>,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

impl AddOn {
    /// The price in `currency` for `interval`.
    #[must_use]
    pub fn price(&self, currency: Currency, interval: Interval) -> Option<&Price> {
        self.prices.iter().find(|p| p.currency == currency && p.interval == interval)
    }
}

impl Plan {
    /// The add-on with this id.
    #[must_use]
    pub fn add_on(&self, id: &str) -> Option<&AddOn> {
        self.add_ons.iter().find(|a| a.id == id)
    }
}

/// What is wrong with the add-ons of a plan.
pub(super) fn problems(plan: &Plan, place: &str, found: &mut Vec<CatalogProblem>) {
    if plan.add_ons.len() > ADD_ONS_MAX {
        report(found, place, &format!("add_ons: a plan has at most {ADD_ONS_MAX}"));
    }
    let mut ids = BTreeSet::new();
    for add_on in &plan.add_ons {
        let place = format!("{place} add-on {}", add_on.id);
        if !is_name(&add_on.id) {
            report(found, &place, "id must be a name (lower case letters, digits, - and _)");
        }
        if !ids.insert(&add_on.id) {
            report(found, &place, "is written twice");
        }
        if !(1..=QUANTITY_MAX).contains(&add_on.quantity_max) {
            report(found, &place, &format!("quantity_max must be 1 to {QUANTITY_MAX}"));
        }
        for name in add_on.features.iter().chain(add_on.limits.keys()).filter(|name| !is_name(name)) {
            report(found, &place, &format!("{name:?} is not a name (lower case letters, digits, - and _)"));
        }
        prices(add_on, &place, plan, found);
    }
}

fn prices(add_on: &AddOn, place: &str, plan: &Plan, found: &mut Vec<CatalogProblem>) {
    if add_on.prices.is_empty() {
        report(found, place, "an add-on needs at least one price");
    }
    for (i, price) in add_on.prices.iter().enumerate() {
        let what = format!("{place} prices[{i}] ({} per {})", price.currency, price.interval);
        if add_on.prices[..i].iter().any(|p| p.currency == price.currency && p.interval == price.interval) {
            report(found, &what, "there is an earlier price for this currency and interval");
        }
        if plan.price(price.currency, price.interval).is_none() {
            report(found, &what, "the plan itself has no price for this currency and interval, so nobody can have it");
        }
        if price.usage_minimum.is_some() {
            report(found, &what, "usage_minimum: belongs to a price of the plan, whose usage it is the least of");
        }
        if let Err(problem) = model(add_on, &price.model) {
            report(found, &what, &problem);
        }
        if let Err(problem) = price.check() {
            report(found, &what, &problem);
        }
    }
}

fn model(add_on: &AddOn, model: &PriceModel) -> Result<(), String> {
    if model.is_of_items() {
        if add_on.quantity_max == 1 {
            return Ok(());
        }
        return Err("a percentage of the other items does not grow with a quantity: leave out quantity_max".into());
    }
    if model.is_by_quantity() {
        return Ok(());
    }
    let model = model.name();
    Err(format!("add-ons cannot be billed by {model}; use a price by quantity, or percent-of"))
}

/// Which add-ons `plan` has in `currency` per `interval`, for refusals.
pub(crate) fn offered(plan: &Plan, currency: Currency, interval: Interval) -> String {
    let fits = plan.add_ons.iter().filter(|a| a.price(currency, interval).is_some());
    let names = fits.map(|a| a.id.as_str()).collect::<Vec<_>>().join(", ");
    if names.is_empty() { "none".into() } else { names }
}

/// `plan@version` and its add-on, as refusals and lines name it.
#[must_use]
pub fn add_on_name(plan: &VersionRef, id: &str) -> String {
    format!("{plan} + {id}")
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn a_plan_has_as_many_add_ons_as_may_be_and_not_one_more() {
        let catalog = |count: usize| {
            let add_on = |n: usize| {
                serde_json::json!({"id": format!("a{n}"), "title": "A",
                    "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "9"}]})
            };
            let add_ons: Vec<_> = (0..count).map(add_on).collect();
            let plan = serde_json::json!({"id": "team", "version": 1, "title": "Team", "add_ons": add_ons,
                "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "9"}]});
            serde_json::from_value::<Catalog>(serde_json::json!({"plans": [plan]})).unwrap()
        };
        assert_eq!(catalog(crate::terms::ADD_ONS_MAX).problems(), []);
        assert_eq!(catalog(crate::terms::ADD_ONS_MAX + 1).problems().len(), 1);
        let add_on = &catalog(1).plans[0].add_ons[0];
        let find = |currency: &str, interval: &str| {
            add_on.price(crate::money::Currency::try_new(currency).unwrap(), interval.parse().unwrap()).is_some()
        };
        assert_eq!([find("USD", "month"), find("USD", "year"), find("EUR", "month")], [true, false, false]);
    }

    #[test]
    fn problems_name_the_add_on_the_price_and_what_to_mend() {
        let catalog: Catalog = serde_json::from_str(
            r#"{"plans":[{"id":"team","version":1,"title":"Team",
                "prices":[{"currency":"USD","interval":"month","model":"flat","amount":"9"}],
                "add_ons":[
                    {"id":"support","title":"Support","quantity_max":3,"prices":[
                        {"currency":"USD","interval":"month","model":"percent-of","rate":"20"},
                        {"currency":"USD","interval":"year","model":"flat","amount":"9.005"},
                        {"currency":"USD","interval":"week","model":"flat","amount":"9","setup_fee":"-1"}]},
                    {"id":"support","title":"Support","features":["A b"],"quantity_max":0,"prices":[]},
                    {"id":"Big one","title":"Big","prices":[
                        {"currency":"USD","interval":"month","model":"percentage","rate":"2"},
                        {"currency":"USD","interval":"month","model":"commitment","minimum_amount":"5",
                            "price":{"model":"percent-of","rate":"20"}}]}]}]}"#,
        )
        .unwrap();
        let text: Vec<String> = catalog.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "team@1 add-on support prices[0] (USD per month): a percentage of the other items does not grow with a \
                 quantity: leave out quantity_max",
                "team@1 add-on support prices[1] (USD per year): the plan itself has no price for this currency and \
                 interval, so nobody can have it",
                "team@1 add-on support prices[1] (USD per year): amount has more decimals than USD",
                "team@1 add-on support prices[2] (USD per week): the plan itself has no price for this currency and \
                 interval, so nobody can have it",
                "team@1 add-on support prices[2] (USD per week): setup_fee must not be negative",
                "team@1 add-on support: is written twice",
                "team@1 add-on support: quantity_max must be 1 to 100000",
                "team@1 add-on support: \"A b\" is not a name (lower case letters, digits, - and _)",
                "team@1 add-on support: an add-on needs at least one price",
                "team@1 add-on Big one: id must be a name (lower case letters, digits, - and _)",
                "team@1 add-on Big one prices[0] (USD per month): add-ons cannot be billed by percentage; use a price by \
                 quantity, or percent-of",
                "team@1 add-on Big one prices[1] (USD per month): there is an earlier price for this currency and interval",
            ]
        );
    }
}
