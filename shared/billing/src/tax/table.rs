//! Which tax holds between a seller and a customer: a table of rates as data, and the port that it is one answer of.
//!
//! Exists so that the common case (services and digital goods, sold from or to the EU, GB, CH and NO) needs no service, and
//! that another engine can take its place. The rates that come with it are a starting point: merchants must check them.
//!
//! Rules: supplies at home are taxed at home. Across a border inside a union (the EU), businesses with a VAT number owe the tax
//! themselves (reverse charge); consumers pay the rate where they live when the seller uses the one-stop shop or is registered
//! there, else the seller's (small sellers below the union's threshold). Beyond the union, tax is due where the seller is registered;
//! elsewhere the supply is out of scope. (Directive 2006/112/EC, articles 44, 45, 58, 59c, 196.) Goods, special territories
//! (Canary Islands, Madeira ...) and the sales taxes of the USA are not covered.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{TaxBase, TaxError, TaxRate, TaxTreatment, country::is_country, vat_id::VatId};
use crate::percent::Percent;

/// Answers which tax holds; pure, so that an invoice can be computed again from what it answered.
pub trait TaxEngine {
    /// How one line is treated.
    ///
    /// # Errors
    /// [`TaxError`] when the question cannot be answered; never "no tax" instead.
    fn treatment(&self, question: &TaxQuestion<'_>) -> Result<TaxTreatment, TaxError>;
}

/// What decides the tax of one line.
#[derive(Clone, Debug)]
pub struct TaxQuestion<'a> {
    /// Who sells.
    pub seller: &'a Seller,
    /// Who buys.
    pub customer: &'a TaxCustomer,
    /// The product class, as the table names it (`standard`).
    pub class: &'a str,
    /// The day of supply.
    pub on: NaiveDate,
    /// Whether prices have the tax in them.
    pub inclusive: bool,
}

/// The seller, as tax sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seller {
    /// ISO 3166 code of the establishment.
    pub country: String,
    /// Where else it is registered for tax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registrations: Vec<Registration>,
}

/// One registration for tax abroad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Registration {
    /// The one-stop shop for consumers of a whole union.
    OneStopShop {
        /// `EU`.
        union: String,
    },
    /// One country.
    Country {
        /// ISO 3166 code.
        country: String,
    },
}

/// The customer, as tax sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxCustomer {
    /// ISO 3166 code of the address.
    pub country: String,
    /// A business with this VAT number; none: taxed as a consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<VatId>,
    /// Exempt for this reason, as it stands on the invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
}

/// Rates by country, class and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxTable {
    /// Where the rates are from, for people.
    pub about: String,
    /// Product classes; `standard` must be one. A class without a rate in a country has its standard rate.
    pub classes: Vec<String>,
    /// Codes and territories that are taxed as another country (Monaco as France).
    #[serde(default)]
    pub belongs_to: BTreeMap<String, String>,
    /// The countries that are known.
    pub countries: Vec<CountryTax>,
}

/// The rates of one country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountryTax {
    /// ISO 3166 code.
    pub country: String,
    /// The union that it is in (`EU`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union: Option<String>,
    /// What businesses owe to sellers from abroad.
    #[serde(default)]
    pub business: BusinessFromAbroad,
    /// The rate's name on invoices.
    pub name: String,
    /// In any order; at most one for each class and day.
    pub rates: Vec<ClassRate>,
}

/// How a business with a VAT number is taxed by a seller from abroad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusinessFromAbroad {
    /// It owes the tax itself, always.
    #[default]
    ReverseCharge,
    /// It is taxed by sellers who are registered there (Switzerland), else it owes the tax itself.
    TaxedWhenRegistered,
}

/// A rate and since when it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRate {
    /// Of which class.
    pub class: String,
    /// Of the net amount.
    pub percent: Percent,
    /// First day; holds until the class's next rate.
    pub from: NaiveDate,
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct TaxTableProblem {
    /// The country or field.
    pub place: String,
    /// What to mend.
    pub problem: String,
}

const STANDARD: &str = "standard";

impl TaxTable {
    /// The table that comes with this build: standard VAT rates of the EU, GB, CH and NO with the days they hold from.
    /// **A starting point, to be checked by the merchant**, not tax advice.
    ///
    /// # Errors
    /// [`TaxError::Table`], which a test rules out.
    pub fn built_in() -> Result<Self, TaxError> {
        serde_json::from_str(include_str!("rates.json")).map_err(|e| TaxError::Table(e.to_string()))
    }

    /// The rate of `class` in `country` on a day.
    ///
    /// # Errors
    /// [`TaxError::UnknownClass`]; [`TaxError::NoRate`] for a country or day that the table does not have.
    pub fn rate(&self, country: &str, class: &str, on: NaiveDate, inclusive: bool) -> Result<TaxRate, TaxError> {
        if !self.classes.iter().any(|c| c == class) {
            return Err(TaxError::UnknownClass { class: class.into(), known: self.classes.join(", ") });
        }
        let main = self.main(country)?;
        let entry = self.entry(main);
        let of = |class: &str| {
            let rates = entry.into_iter().flat_map(|c| &c.rates).filter(|r| r.class == class && r.from <= on);
            rates.max_by_key(|r| r.from)
        };
        let found = of(class).or_else(|| of(STANDARD)).zip(entry);
        let (rate, entry) = found.ok_or_else(|| TaxError::NoRate { country: main.into(), on })?;
        Ok(TaxRate { name: entry.name.clone(), percent: rate.percent, inclusive, on: TaxBase::Net })
    }

    /// Everything that is wrong with the table; empty when it may be used.
    #[must_use]
    pub fn problems(&self) -> Vec<TaxTableProblem> {
        let mut found = Vec::new();
        let mut report = |place: &str, problem: &str| {
            found.push(TaxTableProblem { place: place.into(), problem: problem.into() });
        };
        if !self.classes.iter().any(|c| c == STANDARD) {
            report("classes", "there must be a class named standard");
        }
        for (place, entry) in self.countries.iter().enumerate() {
            if !is_country(&entry.country) {
                report(&entry.country, "is not a country code (ISO 3166-1)");
            }
            if self.countries.iter().take(place).any(|c| c.country == entry.country) {
                report(&entry.country, "is written twice");
            }
            if !entry.rates.iter().any(|r| r.class == STANDARD) {
                report(&entry.country, "has no standard rate");
            }
            for (i, rate) in entry.rates.iter().enumerate() {
                if !self.classes.contains(&rate.class) {
                    report(&entry.country, &format!("class {:?} is not in classes", rate.class));
                }
                if entry.rates.iter().take(i).any(|r| r.class == rate.class && r.from == rate.from) {
                    report(&entry.country, &format!("has two rates of {} from {}", rate.class, rate.from));
                }
            }
        }
        found
    }

    /// The country whose rates hold for a code.
    fn main<'a>(&'a self, country: &'a str) -> Result<&'a str, TaxError> {
        let is_own = self.belongs_to.contains_key(country) || self.entry(country).is_some();
        if !is_country(country) && !is_own {
            return Err(TaxError::Country(country.chars().take(8).collect()));
        }
        Ok(self.belongs_to.get(country).map_or(country, String::as_str))
    }

    fn entry(&self, main: &str) -> Option<&CountryTax> {
        self.countries.iter().find(|c| c.country == main)
    }

    fn abroad(&self, question: &TaxQuestion<'_>, home: &str, there: &str) -> Result<TaxTreatment, TaxError> {
        let (from, to) = (self.entry(home), self.entry(there));
        let union = to.and_then(|t| t.union.as_deref());
        let inside = union.is_some() && from.and_then(|f| f.union.as_deref()) == union;
        let registrations = &question.seller.registrations;
        let shop = registrations
            .iter()
            .any(|r| matches!(r, Registration::OneStopShop { union: u } if Some(u.as_str()) == union));
        let mut there_too = false;
        for registration in registrations {
            if let Registration::Country { country } = registration {
                there_too |= self.main(country)? == there;
            }
        }
        let taxed = |country: &str| {
            let rate = self.rate(country, question.class, question.on, question.inclusive)?;
            Ok(TaxTreatment::Taxed { rates: vec![rate] })
        };
        if let (Some(vat_id), Some(to)) = (&question.customer.vat_id, to) {
            return match to.business {
                BusinessFromAbroad::TaxedWhenRegistered if there_too => taxed(there),
                _ => Ok(TaxTreatment::ReverseCharge { vat_id: vat_id.to_string() }),
            };
        }
        match (there_too || shop, inside) {
            (true, _) => taxed(there),
            (false, true) => taxed(home),
            (false, false) => {
                Ok(TaxTreatment::OutOfScope { reason: format!("Not taxable in {home}: the customer is in {there}") })
            }
        }
    }
}

impl TaxEngine for TaxTable {
    fn treatment(&self, question: &TaxQuestion<'_>) -> Result<TaxTreatment, TaxError> {
        let customer = question.customer;
        let (home, there) = (self.main(&question.seller.country)?, self.main(&customer.country)?);
        if let Some(reason) = &customer.exempt {
            return Ok(TaxTreatment::Exempt { reason: reason.clone() });
        }
        if home == there {
            let rate = self.rate(home, question.class, question.on, question.inclusive)?;
            return Ok(TaxTreatment::Taxed { rates: vec![rate] });
        }
        if let Some(vat_id) = &customer.vat_id
            && self.main(vat_id.area().country())? != there
        {
            let number = vat_id.area().country().into();
            return Err(TaxError::VatIdOfOtherCountry { country: customer.country.clone(), number });
        }
        self.abroad(question, home, there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(seller: &str, customer: &str) -> Result<String, TaxError> {
        let (seller, customer): (Seller, TaxCustomer) =
            (serde_json::from_str(seller).unwrap(), serde_json::from_str(customer).unwrap());
        let on = "2026-11-01".parse().unwrap();
        let question = TaxQuestion { seller: &seller, customer: &customer, class: "standard", on, inclusive: false };
        Ok(match TaxTable::built_in().unwrap().treatment(&question)? {
            TaxTreatment::Taxed { rates } => format!("{} {}", rates[0].name, rates[0].percent),
            other => other.note().unwrap(),
        })
    }

    const GERMAN: &str = r#"{"country":"DE"}"#;
    const GERMAN_SHOP: &str = r#"{"country":"DE","registrations":[{"is":"one-stop-shop","union":"EU"}]}"#;

    #[test]
    fn the_built_in_table_is_sound_and_has_every_area_of_vat_numbers() {
        use strum::IntoEnumIterator;
        let table = TaxTable::built_in().unwrap();
        assert_eq!(table.problems(), []);
        let today = "2026-11-01".parse().unwrap();
        for area in crate::tax::VatArea::iter() {
            assert!(table.rate(area.country(), "standard", today, false).is_ok(), "{area}");
        }
        assert_eq!(table.countries.iter().filter(|c| c.union.is_some()).count(), 27);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_with_its_place() {
        let table: TaxTable = serde_json::from_str(
            r#"{"about": "", "classes": ["books"], "countries": [
                {"country": "DE", "name": "USt", "rates": [
                    {"class": "standard", "percent": "19", "from": "2021-01-01"},
                    {"class": "standard", "percent": "16", "from": "2021-01-01"},
                    {"class": "standard", "percent": "16", "from": "2022-01-01"}]},
                {"country": "ZZ", "name": "?", "rates": [{"class": "books", "percent": "5", "from": "2021-01-01"}]},
                {"country": "DE", "name": "USt", "rates": [
                    {"class": "standard", "percent": "19", "from": "2021-01-01"},
                    {"class": "books", "percent": "7", "from": "2021-01-01"}]}]}"#,
        )
        .unwrap();
        let unknown = "DE: class \"standard\" is not in classes";
        assert_eq!(
            table.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "classes: there must be a class named standard",
                unknown,
                unknown,
                "DE: has two rates of standard from 2021-01-01",
                unknown,
                "ZZ: is not a country code (ISO 3166-1)",
                "ZZ: has no standard rate",
                "DE: is written twice",
                unknown,
            ]
        );
    }

    #[test]
    fn rates_hold_from_their_day_until_the_next() {
        let table = TaxTable::built_in().unwrap();
        let on = |country, day: &str| {
            table.rate(country, "standard", day.parse().unwrap(), true).map(|r| r.percent.to_string())
        };
        assert_eq!(on("DE", "2020-06-30").unwrap(), "19%");
        assert_eq!(on("DE", "2020-12-31").unwrap(), "16%");
        assert_eq!(on("EE", "2025-06-30").unwrap(), "22%");
        assert_eq!(on("EE", "2025-07-01").unwrap(), "24%");
        let none = on("CH", "1999-01-01").unwrap_err().to_string();
        assert_eq!(none, "the tax table has no rates for CH on 1999-01-01; add them to the table");
    }

    #[test]
    fn supplies_at_home_are_taxed_at_home_businesses_too() {
        assert_eq!(ask(GERMAN, r#"{"country":"DE"}"#).unwrap(), "VAT DE 19%");
        assert_eq!(ask(GERMAN, r#"{"country":"DE","vat_id":"DE136695976"}"#).unwrap(), "VAT DE 19%");
        assert_eq!(ask(r#"{"country":"FR"}"#, r#"{"country":"MC"}"#).unwrap(), "VAT FR 20%");
    }

    #[test]
    fn within_the_union_businesses_owe_the_tax_and_consumers_pay_where_they_live() {
        let business = r#"{"country":"AT","vat_id":"ATU13585627"}"#;
        assert_eq!(ask(GERMAN, business).unwrap(), "Reverse charge: VAT is owed by the customer (ATU13585627)");
        assert_eq!(ask(GERMAN_SHOP, r#"{"country":"FI"}"#).unwrap(), "VAT FI 25.5%");
        assert_eq!(ask(GERMAN, r#"{"country":"FI"}"#).unwrap(), "VAT DE 19%");
    }

    #[test]
    fn beyond_the_union_tax_is_due_where_the_seller_is_registered() {
        assert_eq!(ask(GERMAN_SHOP, r#"{"country":"US"}"#).unwrap(), "Not taxable in DE: the customer is in US");
        assert_eq!(ask(GERMAN_SHOP, r#"{"country":"CH"}"#).unwrap(), "Not taxable in DE: the customer is in CH");
        let swiss =
            r#"{"country":"DE","registrations":[{"is":"country","country":"CH"},{"is":"country","country":"UK"}]}"#;
        assert_eq!(ask(swiss, r#"{"country":"CH"}"#).unwrap(), "VAT CH 8.1%");
        assert_eq!(ask(swiss, r#"{"country":"CH","vat_id":"CHE-107.787.577 MWST"}"#).unwrap(), "VAT CH 8.1%");
        assert_eq!(ask(swiss, r#"{"country":"XI"}"#).unwrap(), "VAT GB 20%");
        // Who is not registered there charges nothing there, and a business owes the tax itself.
        let business = ask(GERMAN, r#"{"country":"CH","vat_id":"CHE-107.787.577 MWST"}"#).unwrap();
        assert_eq!(business, "Reverse charge: VAT is owed by the customer (CHE107787577)");
        let there = r#"{"country":"DE","registrations":[{"is":"country","country":"CH"}]}"#;
        assert_eq!(ask(there, r#"{"country":"CH"}"#).unwrap(), "VAT CH 8.1%");
        assert_eq!(ask(there, r#"{"country":"NO"}"#).unwrap(), "Not taxable in DE: the customer is in NO");
        // Two countries that are in no union are not in one union.
        for (seller, customer) in [("CH", "US"), ("CH", "NO"), ("US", "FR"), ("DE", "NO")] {
            let [from, to] = [seller, customer].map(|country| format!(r#"{{"country":"{country}"}}"#));
            let expected = format!("Not taxable in {seller}: the customer is in {customer}");
            assert_eq!(ask(&from, &to).unwrap(), expected);
        }
        let american = r#"{"country":"US","registrations":[{"is":"one-stop-shop","union":"EU"}]}"#;
        assert_eq!(ask(american, r#"{"country":"GR"}"#).unwrap(), "VAT GR 24%");
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_and_never_no_tax() {
        let home = ask(r#"{"country":"US"}"#, r#"{"country":"US"}"#).unwrap_err();
        assert!(matches!(home, TaxError::NoRate { .. }));
        let other = ask(GERMAN, r#"{"country":"FR","vat_id":"ATU13585627"}"#).unwrap_err();
        assert_eq!(
            other.to_string(),
            "the customer is in FR and the VAT number is of AT; correct the address or the number"
        );
        assert!(matches!(ask(GERMAN, r#"{"country":"Germany"}"#), Err(TaxError::Country(_))));
        for nobody in ["ZZ", "XX", "QQ", "DD"] {
            let country = format!(r#"{{"country":"{nobody}"}}"#);
            assert!(matches!(ask(GERMAN, &country), Err(TaxError::Country(_))), "{nobody} is nobody's code");
            assert!(matches!(ask(&country, r#"{"country":"DE"}"#), Err(TaxError::Country(_))), "{nobody} sells");
        }
        let table = TaxTable::built_in().unwrap();
        let class = table.rate("DE", "e-book", "2026-01-01".parse().unwrap(), false).unwrap_err();
        assert_eq!(class.to_string(), "the tax table has no product class \"e-book\"; it has: standard");
    }

    #[test]
    fn exemption_is_stated_with_its_reason() {
        let exempt = r#"{"country":"DE","exempt":"Article 151: diplomatic mission"}"#;
        assert_eq!(ask(GERMAN, exempt).unwrap(), "Article 151: diplomatic mission");
    }
}
