//! What a catalog may say, at the edges: names, references, meters, and which price is one of which.
//!
//! Exists beside the checks because those are told by example; here each condition is met alone.

use billing::{
    catalog::{Catalog, NAME_BYTES_MAX, Plan, Policy, is_name},
    money::Currency,
};
use serde_json::{Value, json};

fn flat(currency: &str, interval: &str) -> Value {
    json!({"currency": currency, "interval": interval, "model": "flat", "amount": "9"})
}

fn plan(id: &str, version: u32) -> Value {
    let prices = [flat("USD", "month"), flat("USD", "year"), flat("EUR", "month")];
    json!({"id": id, "version": version, "title": "Team", "prices": prices})
}

/// A catalog of one plan.
fn catalog(plan: &Value) -> Catalog {
    serde_json::from_value(json!({"plans": [plan]})).expect("a catalog")
}

fn problems(catalog: &Catalog) -> Vec<String> {
    catalog.problems().into_iter().map(|found| found.problem).collect()
}

#[test]
fn a_name_has_48_bytes_at_most() {
    assert!(is_name(&"x".repeat(NAME_BYTES_MAX)) && is_name("a_b-c1"));
    assert!(!is_name(&"x".repeat(NAME_BYTES_MAX + 1)) && !is_name(""));
}

#[test]
fn of_a_reference_neither_part_may_be_wrong() {
    for (id, version, wrong) in [("ours", 1, 0), ("ours", 0, 1), ("A b", 1, 1), ("A b", 0, 1)] {
        let of_plan = catalog(&plan(id, version));
        let policy = Policy { id: id.into(), version, ..Policy::standard() };
        let of_policy = Catalog { policies: vec![policy], ..catalog(&plan("team", 1)) };
        for catalog in [of_plan, of_policy] {
            let found = problems(&catalog);
            assert_eq!(found.iter().filter(|p| p.contains("a reference")).count(), wrong, "{id}@{version}: {found:?}");
        }
    }
}

#[test]
fn a_price_is_one_of_its_currency_and_its_interval() {
    let add_on = json!({"id": "sso", "title": "SSO", "prices": [flat("USD", "month")]});
    let plan: Plan = serde_json::from_value(json!({"id": "team", "version": 1, "title": "Team",
        "prices": [flat("USD", "month")], "add_ons": [add_on]}))
    .expect("a plan");
    let asked = [("USD", "month", true), ("USD", "year", false), ("EUR", "month", false)];
    for (currency, interval, there) in asked {
        let (code, every) = (Currency::try_new(currency).expect("a currency"), interval.parse().expect("an interval"));
        assert_eq!(plan.price(code, every).is_some(), there, "{currency} per {interval}");
        assert_eq!(plan.add_ons[0].price(code, every).is_some(), there, "an add-on in {currency} per {interval}");
    }
}

/// A meter that is counted in two ways would give two numbers for one thing.
#[test]
fn a_meter_is_counted_in_one_way_and_priced_once_for_each_currency_and_interval() {
    let item = |currency: &str, interval: &str, meter: &str, aggregation: &str| {
        json!({"currency": currency, "interval": interval, "meter": {"id": meter, "aggregation": aggregation},
            "price": {"model": "per-seat", "unit_amount": "1"}})
    };
    let all = |meter: &str, of_euros: &str| {
        vec![
            item("USD", "month", meter, "sum"),
            item("USD", "year", meter, "sum"),
            item("EUR", "month", meter, of_euros),
        ]
    };
    let found = |usage: Vec<Value>| {
        let mut plan = plan("team", 1);
        plan["usage"] = Value::from(usage);
        problems(&catalog(&plan))
    };
    assert_eq!(found(all("calls", "sum")), [""; 0]);
    assert_eq!(found([all("calls", "sum"), all("files", "sum")].concat()), [""; 0]);
    assert_eq!(found(all("calls", "max")), ["the same meter is counted in another way above"]);
    let twice = [all("calls", "sum"), vec![item("EUR", "month", "calls", "sum")]].concat();
    assert_eq!(found(twice), ["there is an earlier price of this meter for this currency and interval"]);
}

#[test]
fn tax_settings_are_written_once_and_checked_as_the_rest() {
    let found = |taxes: Value| {
        let mut catalog = catalog(&plan("team", 1));
        catalog.taxes = serde_json::from_value(taxes).expect("tax settings");
        catalog.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let home = |version: u32| json!({"id": "home", "version": version, "country": "DE"});
    assert_eq!(found(json!([home(1), home(2)])), [""; 0]);
    assert_eq!(found(json!([home(1), home(1)])), ["taxes home@1: is written twice"]);
    let nowhere = json!({"id": "away", "version": 1, "country": "US"});
    assert_eq!(
        found(json!([nowhere])),
        ["taxes away@1: country: there are no rates for \"US\"; write them under countries"]
    );
}
