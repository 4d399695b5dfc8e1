//! The seller's tax settings as versioned data of the catalog, and the answer that follows from them for one customer.
//!
//! Exists apart from the table of rates because merchants write these: where they sit, where they are registered, whether
//! their prices have the tax in them, and the rates that they know better than the table that comes with the build.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{CountryTax, Registration, Seller, TaxCustomer, TaxEngine, TaxError, TaxQuestion, TaxTable, TaxTreatment};
use crate::{
    catalog::{VersionRef, is_name},
    refusal::Refusal,
    terms::TaxBinding,
};

/// One version of a seller's tax settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxSettings {
    /// The name that policies give.
    pub id: String,
    /// From 1; raised with every change of anything below. The newest version holds for all invoices from then on.
    pub version: u32,
    /// ISO 3166 code of the establishment.
    pub country: String,
    /// Where else the seller is registered for tax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registrations: Vec<Registration>,
    /// Whether prices have the tax in them.
    #[serde(default)]
    pub prices: Prices,
    /// Product classes beside those of the built-in table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Countries with rates of the merchant's own, each in place of the built-in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<CountryTax>,
}

/// Whether prices have the tax in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prices {
    /// Tax comes on top.
    #[default]
    Exclusive,
    /// Tax is in the price.
    Inclusive,
}

impl TaxSettings {
    /// `id@version`.
    #[must_use]
    pub fn reference(&self) -> VersionRef {
        VersionRef { name: self.id.clone(), version: self.version }
    }

    /// The built-in table with the merchant's classes and countries in it.
    ///
    /// # Errors
    /// [`TaxError::Table`].
    pub fn table(&self) -> Result<TaxTable, TaxError> {
        let mut table = TaxTable::built_in()?;
        for class in &self.classes {
            if !table.classes.contains(class) {
                table.classes.push(class.clone());
            }
        }
        table.countries.retain(|c| self.countries.iter().all(|own| own.country != c.country));
        table.countries.extend(self.countries.iter().cloned());
        Ok(table)
    }

    /// How a product of `class` is treated for `customer` on a day.
    ///
    /// # Errors
    /// As [`TaxEngine::treatment`].
    pub fn treatment(&self, customer: &TaxCustomer, class: &str, on: NaiveDate) -> Result<TaxTreatment, TaxError> {
        let seller = Seller { country: self.country.clone(), registrations: self.registrations.clone() };
        let inclusive = self.prices == Prices::Inclusive;
        self.table()?.treatment(&TaxQuestion { seller: &seller, customer, class, on, inclusive })
    }

    /// Everything that is wrong, each with what to mend; empty when it may be published.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !is_name(&self.id) || self.version == 0 {
            found.push("id and version must make a reference such as home@1".into());
        }
        let table = match self.table() {
            Ok(table) => table,
            Err(problem) => return vec![problem.to_string()],
        };
        found.extend(table.problems().iter().map(ToString::to_string));
        if !table.countries.iter().any(|c| c.country == self.country) {
            found.push(format!("country: there are no rates for {:?}; write them under countries", self.country));
        }
        for registration in &self.registrations {
            let (known, name) = match registration {
                Registration::OneStopShop { union } => {
                    (table.countries.iter().any(|c| c.union.as_ref() == Some(union)), union)
                }
                Registration::Country { country } => {
                    let main = table.belongs_to.get(country).unwrap_or(country);
                    (table.countries.iter().any(|c| c.country == *main), country)
                }
            };
            if !known {
                found.push(format!("registrations: there are no rates for {name:?}; write them under countries"));
            }
        }
        found
    }
}

/// All that decides the tax of one customer's invoices: the settings that contracts may name, and the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taxes {
    /// The current version of each.
    pub settings: Vec<TaxSettings>,
    /// Who buys; none while the country is not known.
    pub customer: Option<TaxCustomer>,
}

impl Taxes {
    /// How what `binding` names is taxed on a day; none for contracts without tax.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] when the customer's data do not answer the question; [`Refusal::NotFound`] for settings
    /// that are not published. Never "no tax" instead.
    pub fn treatment(&self, binding: Option<&TaxBinding>, on: NaiveDate) -> Result<Option<TaxTreatment>, Refusal> {
        let Some(TaxBinding { settings, class }) = binding else { return Ok(None) };
        let found = self.settings.iter().find(|s| s.id == *settings);
        let found = found.ok_or_else(|| Refusal::NotFound { what: "tax settings", id: settings.clone() })?;
        let unknown = || Refusal::InvalidField {
            field: "customer.country",
            detail: "is needed to know which tax holds; give the two letters of ISO 3166, such as DE".into(),
        };
        let customer = self.customer.as_ref().ok_or_else(unknown)?;
        Ok(Some(found.treatment(customer, class, on)?))
    }
}

impl From<TaxError> for Refusal {
    fn from(error: TaxError) -> Self {
        let field = match &error {
            TaxError::Money(money) => return Self::Money(money.clone()),
            TaxError::VatIdOfOtherCountry { .. } => "customer.vat_id",
            TaxError::Country(_) => "customer.country",
            TaxError::NoRate { .. } | TaxError::UnknownClass { .. } | TaxError::Table(_) => "tax",
        };
        Self::InvalidField { field, detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> TaxSettings {
        serde_json::from_str(json).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn own_rates_take_the_place_of_the_built_in_ones() {
        let own = settings(
            r#"{"id":"home","version":1,"country":"DE","classes":["books"],"countries":[{"country":"DE","union":"EU",
            "name":"USt","rates":[{"class":"standard","percent":"19","from":"2021-01-01"},
            {"class":"books","percent":"7","from":"2021-01-01"}]}]}"#,
        );
        assert_eq!(own.problems(), [""; 0]);
        let customer = TaxCustomer { country: "DE".into(), vat_id: None, exempt: None };
        let treatment = own.treatment(&customer, "books", day("2027-01-01")).unwrap();
        assert_eq!(treatment.rates()[0].name, "USt");
        assert_eq!(treatment.rates()[0].percent.to_string(), "7%");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let twice = settings(
            r#"{"id":"home","version":1,"country":"DE","classes":["books","books"],"countries":[{"country":"DE","name":"USt","rates":[
            {"class":"standard","percent":"19","from":"2007-01-01"},{"class":"standard","percent":"16","from":"2007-01-01"}]}]}"#,
        );
        assert!(
            twice.problems().iter().any(|p| p.contains("has two rates of standard from 2007-01-01")),
            "{:?}",
            twice.problems()
        );
        let bad = settings(
            r#"{"id":"A b","version":0,"country":"XX","registrations":[{"is":"one-stop-shop","union":"UE"},
            {"is":"country","country":"ZZ"}]}"#,
        );
        assert_eq!(
            bad.problems(),
            [
                "id and version must make a reference such as home@1",
                "country: there are no rates for \"XX\"; write them under countries",
                "registrations: there are no rates for \"UE\"; write them under countries",
                "registrations: there are no rates for \"ZZ\"; write them under countries",
            ]
        );
    }

    #[test]
    fn an_id_and_a_version_make_the_reference_and_neither_may_be_wrong() {
        for (id, version, wrong) in [("home", 1, 0), ("home", 0, 1), ("A b", 1, 1), ("A b", 0, 1)] {
            let of = settings(&format!(r#"{{"id":"{id}","version":{version},"country":"DE"}}"#));
            assert_eq!(of.problems().len(), wrong, "{id}@{version}: {:?}", of.problems());
        }
    }

    #[test]
    fn no_answer_is_a_refusal_and_never_no_tax() {
        let binding = TaxBinding { settings: "home".into(), class: "standard".into() };
        let mut taxes = Taxes::default();
        assert_eq!(taxes.treatment(None, day("2027-01-01")), Ok(None));
        let code = |taxes: &Taxes| taxes.treatment(Some(&binding), day("2027-01-01")).unwrap_err().to_string();
        assert_eq!(code(&taxes), "there is no tax settings home");
        taxes.settings.push(settings(r#"{"id":"home","version":1,"country":"DE"}"#));
        assert!(code(&taxes).starts_with("customer.country: is needed"));
        taxes.customer = Some(TaxCustomer { country: "de".into(), vat_id: None, exempt: None });
        assert!(code(&taxes).contains("is not a country code"));
    }
}
