//! Billing policy: how changes, documents and unpaid invoices of a plan's contracts are dealt with, as a version in the catalog.
//!
//! Exists apart because a policy is written in another way than it is stored: a profile fills what is not written.

use serde::{Deserialize, Serialize};

use super::{VersionRef, changes::ChangeTimes};
use crate::{
    allocation::Split,
    discount::{DiscountOrder, DiscountPolicy, PercentBase},
    document::{CreditStage, DocumentPolicy},
    dunning::Ladder,
    invoice::GatheringTime,
    money::Rounding,
    profile::Profile,
    proration::{ProrationPolicy, WrittenProration},
    tax::{TaxLevel, TaxPolicy},
};

/// Billing policy as data: how changes are prorated and how unpaid invoices are pursued.
/// Written either as single fields or as `profile` with fields on top; stored as single fields, so that a profile that changes
/// moves nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Policy {
    /// The policy's name.
    pub id: String,
    /// From 1; raised with every change of anything below.
    pub version: u32,
    /// How a change in the middle of a period is divided.
    pub proration: ProrationPolicy,
    /// What happens while an invoice stays unpaid.
    pub ladder: Ladder,
    /// Days a customer who pays by invoice has, before the ladder's `unpaid` rungs count.
    pub days_until_due: u32,
    /// When changes take effect whose request does not say when.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub changes: ChangeTimes,
    /// Hours that the invoices of a customer's contracts wait for each other, where they come on one document.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub gathering_hours: GatheringTime,
    /// In which order discounts and taxes are computed, and where they are rounded.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub document: DocumentPolicy,
    /// How the price of a full period, and of what was used, becomes whole minor units.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub price_rounding: Rounding,
    /// The tax settings, by name: their current version is used for every invoice; none: no tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<String>,
}

const fn default_days_until_due() -> u32 {
    14
}

impl Policy {
    /// The policy of catalogs that name none: proration by day, retries after 3, 8 and 15 days, end after 21.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            id: Self::standard_name(),
            version: 1,
            proration: ProrationPolicy::default(),
            ladder: Ladder::standard(),
            days_until_due: default_days_until_due(),
            changes: ChangeTimes::default(),
            gathering_hours: GatheringTime::default(),
            document: DocumentPolicy::default(),
            price_rounding: Rounding::default(),
            tax: None,
        }
    }

    pub(super) fn standard_name() -> String {
        "standard".into()
    }

    /// `id@version`.
    #[must_use]
    pub fn reference(&self) -> VersionRef {
        VersionRef { name: self.id.clone(), version: self.version }
    }
}

/// The policy as it is written. A profile fills proration, documents and the rounding of prices; each field is on top of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    version: u32,
    profile: Option<Profile>,
    proration: Option<WrittenProration>,
    #[serde(default = "Ladder::standard")]
    ladder: Ladder,
    #[serde(default = "default_days_until_due")]
    days_until_due: u32,
    #[serde(default)]
    changes: ChangeTimes,
    #[serde(default)]
    gathering_hours: GatheringTime,
    document: Option<WrittenDocument>,
    price_rounding: Option<Rounding>,
    tax: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDocument {
    discount: Option<WrittenDiscount>,
    tax: Option<WrittenTax>,
    credit: Option<CreditStage>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDiscount {
    order: Option<DiscountOrder>,
    percent_of: Option<PercentBase>,
    split: Option<Split>,
    rounding: Option<Rounding>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTax {
    level: Option<TaxLevel>,
    rounding: Option<Rounding>,
}

impl WrittenDocument {
    fn on(self, base: DocumentPolicy) -> DocumentPolicy {
        let (discount, tax) = (self.discount.unwrap_or_default(), self.tax.unwrap_or_default());
        DocumentPolicy {
            discount: DiscountPolicy {
                order: discount.order.unwrap_or(base.discount.order),
                percent_of: discount.percent_of.unwrap_or(base.discount.percent_of),
                split: discount.split.unwrap_or(base.discount.split),
                rounding: discount.rounding.unwrap_or(base.discount.rounding),
            },
            tax: TaxPolicy {
                level: tax.level.unwrap_or(base.tax.level),
                rounding: tax.rounding.unwrap_or(base.tax.rounding),
            },
            credit: self.credit.unwrap_or(base.credit),
        }
    }
}

impl TryFrom<Written> for Policy {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let profile = written.profile.unwrap_or_default();
        // A policy is read with every sign-up and change, and the table of documents only where one is written by its profile.
        let document = match written.profile {
            Some(profile) => profile.documents().map_err(|e| e.to_string())?.document,
            None => DocumentPolicy::default(),
        };
        let proration = written.proration.unwrap_or_default();
        // Without a profile a price has always been rounded half to even, whatever its proration says.
        let price_rounding = written.price_rounding.unwrap_or_else(|| profile.price_rounding());
        Ok(Self {
            id: written.id,
            version: written.version,
            proration: proration.on(profile.proration()).map_err(|e| e.to_string())?,
            ladder: written.ladder,
            days_until_due: written.days_until_due,
            changes: written.changes,
            gathering_hours: written.gathering_hours,
            document: written.document.unwrap_or_default().on(document),
            price_rounding,
            tax: written.tax,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Policy, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"id":"moved","version":1{fields}}}"#))
    }

    #[test]
    fn a_profile_is_proration_documents_and_the_rounding_of_prices() {
        for profile in Profile::all() {
            let policy = read(&format!(r#","profile":"{profile}""#)).unwrap();
            assert_eq!(policy.proration, profile.proration(), "{profile}");
            assert_eq!(policy.document, profile.documents().unwrap().document, "{profile}");
            assert_eq!(policy.price_rounding, profile.proration().rounding, "{profile}");
            let stored = serde_json::to_string(&policy).unwrap();
            assert!(!stored.contains("profile"), "stored as fields: {stored}");
            assert_eq!(serde_json::from_str::<Policy>(&stored).unwrap(), policy);
        }
        assert_eq!(read("").unwrap(), Policy { id: "moved".into(), ..Policy::standard() });
    }

    #[test]
    fn single_fields_are_on_top_of_a_profile_and_one_of_proration_is_of_proration_alone() {
        let lago = "lago".parse::<Profile>().unwrap();
        let text = r#","profile":"lago","proration":{"termination":"none"},"document":{"tax":{"level":"line"}},"price_rounding":"down""#;
        let policy = read(text).unwrap();
        let mut wanted = read(r#","profile":"lago""#).unwrap();
        wanted.proration.termination = crate::proration::TerminationCredit::None;
        (wanted.document.tax.level, wanted.price_rounding) = (TaxLevel::Line, Rounding::Down);
        assert_eq!(policy, wanted);
        let alone = read(r#","proration":{"profile":"lago"}"#).unwrap();
        assert_eq!((alone.proration, alone.document), (lago.proration(), DocumentPolicy::default()));
        assert_eq!(alone.price_rounding, Rounding::HalfEven);
        assert!(read(r#","profile":"stripe""#).unwrap_err().to_string().contains("there are: default, stripe-classic"));
        assert!(read(r#","document":{"taxes":{}}"#).unwrap_err().to_string().contains("unknown field `taxes`"));
    }
}
