//! Who pays: what is kept about a customer, and the prices negotiated with one.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{calendar::Instant, catalog::Price, ids::CustomerId, invoice::Method, money::Currency};

/// A customer: owns currency, zone, payment method and acquisition data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Which.
    pub id: CustomerId,
    /// All contracts of a customer are in one currency.
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
    /// First sign-up.
    pub acquired_at: Instant,
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
