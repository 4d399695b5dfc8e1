//! What a sign-up asks for: the body of the request, as it arrives.
//!
//! Exists apart from the verb, because the fields are the API: they grow, and what is done with them is next door.

use billing::{
    catalog::{Plan, TRIAL_DAYS_MAX},
    refusal::Refusal,
    terms::WantedAddOn,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::anchor::{AnchorRequest, local_date};

/// The body of a sign-up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignupRequest {
    /// Who signs up.
    pub customer: CustomerRequest,
    /// The plan on sale, by name.
    pub plan: String,
    /// `month`, `year` ...
    #[serde(default = "month")]
    pub interval: String,
    /// Units, from 1.
    #[serde(default = "one")]
    pub quantity: i64,
    /// What is bought beside the plan.
    #[serde(default)]
    pub add_ons: Vec<WantedAddOn>,
    /// The token to charge; needed unless the customer has one or pays by invoice.
    #[serde(default)]
    pub payment_method: Option<MethodRequest>,
    /// `automatic` (default) or `invoice`.
    #[serde(default)]
    pub collection: CollectionRequest,
    /// The merchant's own id for the contract; made up when absent.
    #[serde(default)]
    pub subscription: Option<String>,
    /// Codes of coupons to redeem; they count from the first period.
    #[serde(default)]
    pub coupons: Vec<String>,
    /// Offers (coupons without a code) that the merchant gives, by id.
    #[serde(default)]
    pub offers: Vec<String>,
    /// Another trial than the plan's.
    #[serde(default)]
    pub trial: Option<TrialRequest>,
    /// The day to be billed on; as the plan has it when absent. The first period is then a stub up to that day.
    #[serde(default)]
    pub billing_anchor: Option<AnchorRequest>,
    /// Another contract of the customer, whose anchor this one takes; instead of `billing_anchor`.
    #[serde(default)]
    pub align_with: Option<String>,
    /// Since when the contract runs: a date or an RFC 3339 instant, at most 366 days back. The periods since then are
    /// billed, each by itself.
    #[serde(default)]
    pub starts_at: Option<String>,
    /// The arm of an experiment.
    #[serde(default)]
    pub arm: Option<String>,
}

/// A trial: so many days, or until a date; exactly one of them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRequest {
    /// Local calendar days; 0 for none.
    #[serde(default)]
    pub days: Option<u32>,
    /// The first local date that is not free.
    #[serde(default, deserialize_with = "local_date")]
    pub until: Option<NaiveDate>,
}

/// How long the trial is: as the request says, else as the plan has it.
pub(super) fn trial(request: &SignupRequest, plan: &Plan) -> Result<(u32, Option<NaiveDate>), Refusal> {
    let refuse = |detail: String| Err(Refusal::InvalidField { field: "trial", detail });
    match request.trial.map(|t| (t.days, t.until)) {
        None => Ok((plan.trial_days, None)),
        Some((Some(days), None)) if days > TRIAL_DAYS_MAX => refuse(format!("is at most {TRIAL_DAYS_MAX} days")),
        Some((Some(days), None)) => Ok((days, None)),
        Some((None, Some(date))) => Ok((0, Some(date))),
        Some(_) => refuse("give exactly one of days and until".into()),
    }
}

fn month() -> String {
    "month".into()
}

const fn one() -> i64 {
    1
}

/// Who signs up. An existing id adds a contract to that customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerRequest {
    /// The merchant's own id (`cus_…`); made up when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// For notices.
    #[serde(default)]
    pub email: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// IANA name; UTC when absent.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// BCP 47.
    #[serde(default)]
    pub locale: Option<String>,
    /// How the customer was won.
    #[serde(default)]
    pub channel: Option<String>,
    /// ISO 3166; needed where the plan is taxed.
    #[serde(default)]
    pub country: Option<String>,
    /// State or province.
    #[serde(default)]
    pub region: Option<String>,
    /// VAT number of a business, with its prefix (`DE136695976`).
    #[serde(default)]
    pub vat_id: Option<String>,
    /// Whether what contracts bill by themselves, of those agreed from now on, comes on one document; as before when absent.
    #[serde(default)]
    pub consolidate: Option<bool>,
    /// Why the customer is exempt from tax, as it stands on invoices.
    #[serde(default)]
    pub tax_exempt: Option<String>,
}

/// A payment method: a token, never a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodRequest {
    /// The gateway's token.
    pub token: String,
    /// card, bank_debit ...
    #[serde(default = "card")]
    pub kind: String,
}

fn card() -> String {
    "card".into()
}

/// How invoices are to be collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionRequest {
    /// From the stored method.
    #[default]
    Automatic,
    /// The customer pays by transfer.
    Invoice,
}
