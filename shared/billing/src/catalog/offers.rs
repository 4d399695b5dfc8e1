//! What is wrong with coupons, loyalty steps, long-term reductions and tax settings of a catalog.
//!
//! Exists beside the checks of plans and prices, because these name each other across the file: a coupon its plans, a
//! policy its tax settings, a plan its tax class.

use std::collections::BTreeSet;

use super::{Catalog, CatalogProblem, Policy, report};
use crate::document::CreditStage;

pub(super) fn problems(catalog: &Catalog, found: &mut Vec<CatalogProblem>) {
    coupons(catalog, found);
    taxes(catalog, found);
    for policy in &catalog.policies {
        let place = policy.reference().to_string();
        if policy.document.credit == CreditStage::BeforeTax {
            report(found, &place, "document: contracts use credit after tax; leave credit out");
        }
        let settings = policy.tax.as_ref().filter(|name| !catalog.taxes.iter().any(|t| t.id == **name));
        if let Some(name) = settings {
            report(found, &place, &format!("tax settings {name:?} are not in the catalog"));
        }
    }
    for plan in &catalog.plans {
        let place = plan.reference().to_string();
        let loyalty = plan.loyalty.iter().flat_map(crate::discount::Loyalty::problems);
        for problem in loyalty.chain(plan.long_term.iter().flat_map(crate::discount::LongTerm::problems)) {
            report(found, &place, &problem);
        }
        if let Some(class) = &plan.tax_class {
            tax_class(catalog, catalog.policy_of(plan).as_ref(), (&place, class), found);
        }
    }
}

fn coupons(catalog: &Catalog, found: &mut Vec<CatalogProblem>) {
    let (mut ids, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for coupon in &catalog.coupons {
        let place = format!("coupon {}", coupon.id);
        if !ids.insert(&coupon.id) {
            report(found, &place, "is written twice");
        }
        if let Some(code) = coupon.code.as_ref().filter(|code| !codes.insert(*code)) {
            report(found, &place, &format!("code {code} belongs to another coupon of this catalog"));
        }
        for problem in coupon.problems() {
            report(found, &place, &problem);
        }
        for plan in coupon.plans.iter().filter(|name| !catalog.plans.iter().any(|p| p.id == **name)) {
            let is_add_on = catalog.plans.iter().any(|p| p.add_on(plan).is_some());
            let why = if is_add_on { "is an add-on: a coupon is for plans" } else { "is not in the catalog" };
            report(found, &place, &format!("plans: {plan:?} {why}"));
        }
    }
}

fn taxes(catalog: &Catalog, found: &mut Vec<CatalogProblem>) {
    let mut seen = BTreeSet::new();
    for settings in &catalog.taxes {
        let place = format!("taxes {}", settings.reference());
        if !seen.insert(settings.reference()) {
            report(found, &place, "is written twice");
        }
        for problem in settings.problems() {
            report(found, &place, &problem);
        }
    }
}

fn tax_class(
    catalog: &Catalog,
    policy: Option<&Policy>,
    (place, class): (&str, &str),
    found: &mut Vec<CatalogProblem>,
) {
    let Some(name) = policy.and_then(|p| p.tax.as_ref()) else {
        report(found, place, "tax_class: its policy names no tax settings");
        return;
    };
    let known = |t: &crate::tax::TaxSettings| t.table().is_ok_and(|table| table.classes.iter().any(|c| c == class));
    if catalog.taxes.iter().any(|t| t.id == *name && !known(t)) {
        report(found, place, &format!("tax_class: {class:?} is not a class of tax settings {name:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_class_is_one_of_the_settings_that_the_policy_names() {
        let found = |policy: &str| {
            let catalog: Catalog = serde_json::from_str(&format!(
                r#"{{"plans":[{{"id":"team","version":1,"title":"Team","policy":"{policy}","tax_class":"books",
                "prices":[{{"currency":"USD","interval":"month","model":"flat","amount":"9"}}]}}],
                "policies":[{{"id":"ours","version":1,"tax":"home"}},{{"id":"theirs","version":1,"tax":"away"}},
                    {{"id":"none","version":1}}],
                "taxes":[{{"id":"home","version":1,"country":"DE","classes":["books"]}},
                    {{"id":"away","version":1,"country":"AT"}}]}}"#
            ))
            .unwrap();
            catalog.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("ours"), [""; 0]);
        assert_eq!(found("theirs"), ["team@1: tax_class: \"books\" is not a class of tax settings \"away\""]);
        assert_eq!(found("none"), ["team@1: tax_class: its policy names no tax settings"]);
    }

    #[test]
    fn problems_name_the_place_and_what_to_mend() {
        let catalog: Catalog = serde_json::from_str(
            r#"{"plans":[{"id":"team","version":1,"title":"Team","policy":"ours","tax_class":"books",
                "loyalty":{"steps":[{"after_paid_periods":3,"percent":"5"},{"after_paid_periods":3,"percent":"6"}]},
                "prices":[{"currency":"USD","interval":"month","model":"flat","amount":"9"}]}],
                "policies":[{"id":"ours","version":1,"tax":"home","document":{"credit":"before-tax"}},
                    {"id":"theirs","version":1,"tax":"away"}],
                "taxes":[{"id":"home","version":1,"country":"DE"}],
                "coupons":[{"id":"a","code":"SPRING","plans":["none"],"benefit":{"kind":"percent","percent":"0"}},
                    {"id":"b","code":"spring","benefit":{"kind":"free-periods"}}]}"#,
        )
        .unwrap();
        let text: Vec<String> = catalog.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "coupon a: benefit: 0% takes nothing off",
                "coupon a: plans: \"none\" is not in the catalog",
                "coupon b: code SPRING belongs to another coupon of this catalog",
                "ours@1: document: contracts use credit after tax; leave credit out",
                "theirs@1: tax settings \"away\" are not in the catalog",
                "team@1: loyalty: there are two steps after 3 periods; keep one",
                "team@1: tax_class: \"books\" is not a class of tax settings \"home\"",
            ]
        );
    }
}
