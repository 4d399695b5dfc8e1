//! What a merchant sells and by which rules: plans, prices, policies, as data in one file.
//!
//! Exists so that a price is a value with a version and never a branch in code. A published
//! `plan@version` or `policy@version` is immutable; a subscriber stays on what was bought.

mod add_ons;
mod changes;
mod offers;
mod policy;
mod prices;
mod trials;

use std::{collections::BTreeMap, fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Interval, alignment::AlignmentPolicy},
    discount::{Coupon, LongTerm, Loyalty},
    money::Currency,
    prepaid::PrepaidRules,
    pricing::PriceModel,
    refusal::Refusal,
    subscription::TrialRules,
    tax::TaxSettings,
    usage::{InPart, UsageItem},
};

pub(crate) use add_ons::offered;
pub use add_ons::{AddOn, add_on_name};
pub use changes::{ChangeTime, ChangeTimes, Ranked};
pub use policy::Policy;

/// Longest name of a plan, policy, feature or limit, in bytes.
pub const NAME_BYTES_MAX: usize = 48;

/// Longest trial, in days.
pub const TRIAL_DAYS_MAX: u32 = 730;

/// `name@version` of something immutable in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionRef {
    /// Which plan or policy.
    pub name: String,
    /// Which of its versions, from 1.
    pub version: u32,
}

/// Why a text is not `name@version`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a catalog reference is name@version, the name in lower case letters, digits, - and _ (at most {NAME_BYTES_MAX})"
)]
pub struct BadRef;

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for VersionRef {
    type Err = BadRef;
    fn from_str(text: &str) -> Result<Self, BadRef> {
        let (name, version) = text.split_once('@').ok_or(BadRef)?;
        let version = version.parse().map_err(|_| BadRef)?;
        if version == 0 || !is_name(name) {
            return Err(BadRef);
        }
        Ok(Self { name: name.into(), version })
    }
}

impl TryFrom<String> for VersionRef {
    type Error = BadRef;
    fn try_from(text: String) -> Result<Self, BadRef> {
        text.parse()
    }
}

impl From<VersionRef> for String {
    fn from(r: VersionRef) -> Self {
        r.to_string()
    }
}

/// Whether `text` may name a plan, a policy, a feature or a limit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// One price of a plan version. A contract price is one of these, negotiated for one customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Billed and collected in.
    pub currency: Currency,
    /// Billed every.
    pub interval: Interval,
    /// Charged once, in major units, whatever the quantity: for a plan with the contract's first invoice, for an add-on with
    /// the first one that it is on. Not divided, not given back, not discounted; taxed as the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_fee: Option<Decimal>,
    /// The least that the usage of one full period comes to, all meters together, in major units: what is missing is billed
    /// with the usage. Only for the price of a plan with usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_minimum: Option<Decimal>,
    /// What a part of a full period has of the usage minimum. None: a stub has all of it, and a part of the running period its
    /// part of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_minimum_part: Option<InPart>,
    /// How the amount follows from the quantity.
    #[serde(flatten, deserialize_with = "model")]
    pub model: PriceModel,
}

/// A price model; where it does not know a field, the price's own fields are named, too: one of them may be meant.
fn model<'de, D: serde::Deserializer<'de>>(fields: D) -> Result<PriceModel, D::Error> {
    PriceModel::deserialize(fields).map_err(|error| {
        let text = error.to_string();
        if !text.contains("unknown field") {
            return error;
        }
        let own = "beside those of its model a price may have setup_fee, usage_minimum and usage_minimum_part";
        serde::de::Error::custom(format!("{text}; {own}"))
    })
}

impl Price {
    /// Whether the price may be published.
    ///
    /// # Errors
    /// What to mend.
    pub fn check(&self) -> Result<(), String> {
        self.model.check(self.currency)?;
        for (field, amount) in [("setup_fee", self.setup_fee), ("usage_minimum", self.usage_minimum)] {
            let checked = amount.map_or(Ok(()), |amount| PriceModel::Flat { amount }.check(self.currency));
            checked.map_err(|problem| problem.replacen("amount", field, 1))?;
        }
        Ok(())
    }
}

/// One version of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The plan's name in every interface and report.
    pub id: String,
    /// From 1; raised with every change of anything below.
    pub version: u32,
    /// For people.
    pub title: String,
    /// Its rank among the seller's plans, from 1, the lowest: which of two is more, where prices alone do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u32>,
    /// What a subscriber may use.
    #[serde(default)]
    pub features: Vec<String>,
    /// How much of it.
    #[serde(default)]
    pub limits: BTreeMap<String, i64>,
    /// As what.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Days of trial before the first period; 0 for none.
    #[serde(default)]
    pub trial_days: u32,
    /// What else holds for its trials: what they cost, and how they end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialRules>,
    /// How its periods are aligned, where the sign-up does not say; none: on the day a contract begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentPolicy>,
    /// The billing policy, by name: the version current at publication is what subscribers get.
    #[serde(default = "Policy::standard_name")]
    pub policy: String,
    /// Discounts for staying, by billed periods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loyalty: Option<Loyalty>,
    /// Reductions for long billing intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_term: Option<LongTerm>,
    /// The product class that its tax is looked up by; `standard` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_class: Option<String>,
    /// At most one for each currency and interval.
    pub prices: Vec<Price>,
    /// What usage costs beside those, billed at the end of each period; for each meter one of every price's currency
    /// and interval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageItem>,
    /// What holds for the prepaid credit of its contracts; only where a price of usage is paid from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepaid: Option<PrepaidRules>,
    /// What its contracts may have beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<AddOn>,
}

impl Plan {
    /// `id@version`.
    #[must_use]
    pub fn reference(&self) -> VersionRef {
        VersionRef { name: self.id.clone(), version: self.version }
    }

    /// The price in `currency` for `interval`.
    #[must_use]
    pub fn price(&self, currency: Currency, interval: Interval) -> Option<&Price> {
        self.prices.iter().find(|p| p.currency == currency && p.interval == interval)
    }

    /// What usage costs beside `price`, by meter.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPrice`] when a meter of the plan has no price in that currency and interval: what is used must
    /// not be free by accident.
    pub fn usage_of(&self, price: &Price) -> Result<Vec<UsageItem>, Refusal> {
        let fits = |item: &&UsageItem| item.currency == price.currency && item.interval == price.interval;
        let found: Vec<UsageItem> = self.usage.iter().filter(fits).cloned().collect();
        let priced = |item: &UsageItem| found.iter().any(|f| f.meter.id == item.meter.id);
        if self.usage.iter().all(priced) {
            return Ok(found);
        }
        let offered = self.usage.iter().map(|i| format!("{} per {}", i.currency, i.interval)).collect::<Vec<_>>();
        Err(Refusal::NoSuchPrice {
            plan: format!("{} (usage)", self.id),
            currency: price.currency.to_string(),
            interval: price.interval.to_string(),
            offered: offered.join(", "),
            field: "interval",
        })
    }
}

/// The catalog file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// What is sold.
    pub plans: Vec<Plan>,
    /// By which policies; `standard@1` is there when none is written.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// What may be redeemed. A coupon's id is its version: another promise needs another id, and may take over the code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<Coupon>,
    /// The seller's tax settings, as policies name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxSettings>,
}

/// What is wrong with a catalog, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CatalogProblem {
    /// The plan or policy, and the field.
    pub place: String,
    /// What to mend.
    pub problem: String,
}

impl Catalog {
    /// The policy that `plan` names; [`Policy::standard`] when it names that and none is written.
    #[must_use]
    pub fn policy_of(&self, plan: &Plan) -> Option<Policy> {
        let written = self.policies.iter().filter(|p| p.id == plan.policy).max_by_key(|p| p.version).cloned();
        written.or_else(|| (plan.policy == Policy::standard_name()).then(Policy::standard))
    }

    /// Everything that is wrong with the catalog; empty when it may be published.
    #[must_use]
    pub fn problems(&self) -> Vec<CatalogProblem> {
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for plan in &self.plans {
            let place = plan.reference().to_string();
            if !seen.insert(place.clone()) {
                report(&mut found, &place, "is written twice");
            }
            if self.policy_of(plan).is_none() {
                report(&mut found, &place, &format!("policy {:?} is not in the catalog", plan.policy));
            }
            plan_problems(plan, &place, &mut found);
        }
        if self.plans.is_empty() {
            report(&mut found, "plans", "a catalog needs at least one plan");
        }
        for policy in &self.policies {
            let place = policy.reference().to_string();
            if !is_name(&policy.id) || policy.version == 0 {
                report(&mut found, &place, "id and version must make a reference such as standard@1");
            }
            for what in policy.proration.not_billed_yet() {
                report(&mut found, &place, &format!("proration: contracts are not billed yet with {what}"));
            }
            for problem in policy.ladder.problems() {
                report(&mut found, &place, &problem);
            }
        }
        offers::problems(self, &mut found);
        found
    }
}

fn report(found: &mut Vec<CatalogProblem>, place: &str, problem: &str) {
    found.push(CatalogProblem { place: place.into(), problem: problem.into() });
}

fn plan_problems(plan: &Plan, place: &str, found: &mut Vec<CatalogProblem>) {
    if !is_name(&plan.id) || plan.version == 0 {
        report(found, place, "id and version must make a reference such as team@1");
    }
    if plan.trial_days > TRIAL_DAYS_MAX {
        report(found, place, &format!("trial_days is at most {TRIAL_DAYS_MAX}"));
    }
    if plan.tier == Some(0) {
        report(found, place, "tier counts from 1, the lowest; leave it out for a plan without a rank");
    }
    if plan.prices.is_empty() {
        report(found, place, "a plan needs at least one price");
    }
    for (i, price) in plan.prices.iter().enumerate() {
        let what = format!("{place} prices[{i}] ({} per {})", price.currency, price.interval);
        if plan.prices[..i].iter().any(|p| p.currency == price.currency && p.interval == price.interval) {
            report(found, &what, "there is an earlier price for this currency and interval");
        }
        for problem in prices::problems(plan, price) {
            report(found, &what, &problem);
        }
    }
    usage_problems(plan, place, found);
    trials::problems(plan, place, found);
    add_ons::problems(plan, place, found);
    for name in plan.features.iter().chain(plan.limits.keys()).chain(&plan.roles) {
        if !is_name(name) {
            report(found, place, &format!("{name:?} is not a name (lower case letters, digits, - and _)"));
        }
    }
}

fn usage_problems(plan: &Plan, place: &str, found: &mut Vec<CatalogProblem>) {
    for (i, item) in plan.usage.iter().enumerate() {
        let what = format!("{place} usage[{i}] ({}, {} per {})", item.meter.id, item.currency, item.interval);
        let same = |other: &UsageItem| {
            (other.currency, other.interval, &other.meter.id) == (item.currency, item.interval, &item.meter.id)
        };
        if plan.usage[..i].iter().any(same) {
            report(found, &what, "there is an earlier price of this meter for this currency and interval");
        }
        if plan.usage[..i].iter().any(|o| o.meter.id == item.meter.id && o.meter != item.meter) {
            report(found, &what, "the same meter is counted in another way above");
        }
        if let Err(problem) = item.check() {
            report(found, &what, &problem);
        }
    }
    for problem in plan.prepaid.iter().filter_map(PrepaidRules::problem) {
        report(found, place, &problem);
    }
    if plan.prepaid.is_some() && !plan.usage.iter().any(|item| item.prepaid) {
        report(
            found,
            place,
            "prepaid: no usage of the plan is paid from prepaid credit; write prepaid = true beside its price",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(json: &str) -> Catalog {
        serde_json::from_str(json).unwrap()
    }

    const TEAM: &str = r#"{"id":"team","version":1,"title":"Team","prices":[
        {"currency":"USD","interval":"month","model":"per-seat","unit_amount":"9.90"}]}"#;

    #[test]
    fn a_good_catalog_has_no_problems() {
        assert_eq!(catalog(&format!(r#"{{"plans":[{TEAM}]}}"#)).problems(), []);
        let longest = TEAM.replace(r#""title""#, r#""trial_days":730,"tier":1,"title""#);
        assert_eq!(catalog(&format!(r#"{{"plans":[{longest}]}}"#)).problems(), []);
        let unranked = TEAM.replace(r#""title""#, r#""tier":0,"title""#);
        let found = catalog(&format!(r#"{{"plans":[{unranked}]}}"#)).problems();
        assert!(found.len() == 1 && found[0].problem.contains("tier counts from 1"), "{found:?}");
    }

    #[test]
    fn problems_name_the_place_and_what_to_mend() {
        let bad = catalog(&format!(
            r#"{{"plans":[{TEAM},{TEAM},{{"id":"Big","version":1,"title":"","policy":"none","trial_days":9999,
            "features":["A b"],"prices":[{{"currency":"JPY","interval":"month","model":"flat","amount":"9.50"}}]}}]}}"#
        ));
        let text: Vec<String> = bad.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "team@1: is written twice",
                "Big@1: policy \"none\" is not in the catalog",
                "Big@1: id and version must make a reference such as team@1",
                "Big@1: trial_days is at most 730",
                "Big@1 prices[0] (JPY per month): amount has more decimals than JPY",
                "Big@1: \"A b\" is not a name (lower case letters, digits, - and _)",
            ]
        );
    }

    #[test]
    fn a_reference_is_a_name_and_a_version_from_1() {
        let is = |text: &str| text.parse::<VersionRef>().map(|r| r.to_string()).ok();
        assert_eq!(is("team-2@10").as_deref(), Some("team-2@10"));
        for bad in ["team", "team@", "team@0", "Team@1", "@1", "team@1@2", "team@-1"] {
            assert_eq!(is(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_and_not_ignored() {
        let typo = TEAM.replace("title", "titel");
        assert!(serde_json::from_str::<Catalog>(&format!(r#"{{"plans":[{typo}]}}"#)).is_err());
        let typo = TEAM.replace(r#""model""#, r#""set_up_fee":"5","model""#);
        let error = serde_json::from_str::<Catalog>(&format!(r#"{{"plans":[{typo}]}}"#)).unwrap_err().to_string();
        assert!(error.contains("set_up_fee") && error.contains("may have setup_fee"), "{error}");
    }

    #[test]
    fn a_coupon_for_an_add_on_is_told_what_coupons_are_for() {
        let team = TEAM.replace(r#""prices""#, r#""add_ons":[{"id":"sso","title":"SSO","prices":[]}],"prices""#);
        let coupon =
            r#"{"id":"ten","benefit":{"kind":"percent","percent":"10"},"duration":{"is":"once"},"plans":["sso"]}"#;
        let found = catalog(&format!(r#"{{"plans":[{team}],"coupons":[{coupon}]}}"#)).problems();
        assert!(found.iter().any(|p| p.problem == "plans: \"sso\" is an add-on: a coupon is for plans"), "{found:?}");
    }
}
