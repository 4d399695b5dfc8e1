//! Who pays: what is kept about a customer, and the prices negotiated with one.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::Instant,
    catalog::Price,
    ids::CustomerId,
    invoice::Method,
    money::Currency,
    tax::{TaxCustomer, VatId},
};

/// A customer: owns currency, zone, payment method and acquisition data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Which.
    pub id: CustomerId,
    /// What the next contract is in. All that run are in one currency; the profile follows when they change it.
    pub currency: Currency,
    /// The zone that periods and days are counted in.
    pub time_zone: Tz,
    /// For notices; never in logs, facts or index keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For notices (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// How the customer was won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// ISO 3166 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where the first sign-up came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<String>,
    /// The arm of an experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// What is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// What decides the customer's taxes, beside the country.
    #[serde(default, skip_serializing_if = "TaxData::is_none")]
    pub tax: TaxData,
    /// How often the customer redeemed coupons that a customer may redeem only so often, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redeemed: BTreeMap<String, u32>,
    /// Whether what contracts bill by themselves, of those agreed from now on, comes on one document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consolidate: bool,
    /// First sign-up.
    pub acquired_at: Instant,
}

/// What decides a customer's taxes, beside the country.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxData {
    /// State or province, for the merchant's own use: the built-in table has no rates below countries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A business with this VAT number, checked by form and check digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<VatId>,
    /// Exempt for this reason, as it stands on invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
}

impl TaxData {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Customer {
    /// The customer as tax sees it; none while the country is not known.
    #[must_use]
    pub fn for_tax(&self) -> Option<TaxCustomer> {
        let country = self.country.clone()?;
        Some(TaxCustomer { country, vat_id: self.tax.vat_id.clone(), exempt: self.tax.exempt.clone() })
    }
}

/// A price negotiated for one customer; takes the place of the plan's price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractPrice {
    /// For whom.
    pub customer: CustomerId,
    /// For which plan (any version).
    pub plan: String,
    /// What is paid.
    pub price: Price,
}

impl ContractPrice {
    /// Whether both are for the same customer, plan, currency and interval: only one of them can be agreed on.
    #[must_use]
    pub fn stands_for(&self, other: &Self) -> bool {
        let what = |of: &Self| (of.customer.clone(), of.plan.clone(), of.price.currency, of.price.interval);
        what(self) == what(other)
    }
}
