//! Prepaid credit of contracts: what a plan says about it, and what a contract holds of it.
//!
//! Exists apart from the customer's credit, because prepaid credit is bought (or given) for usage alone, may expire, and is
//! no money that was given back. In which order it is used is `document::grants`' to say; when, `subscription::prepaid`'s.

use serde::{Deserialize, Serialize};

use crate::{
    calendar::Instant,
    document::{Grant, in_order},
    ids::InvoiceId,
    money::{Currency, Money, MoneyError},
};

/// Most grants that a contract holds, with the top-ups that wait for their money: a contract is one small item of a table.
pub const GRANTS_MAX: usize = 20;

/// The reason of the `credit` fact where bought credit was left at the end of its contract.
pub(crate) const UNUSED: &str = "prepaid_unused";

/// Longest validity that a plan may give prepaid credit, in days.
pub const VALID_DAYS_MAX: u32 = 3_650;

/// What a plan says about the prepaid credit of its contracts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepaidRules {
    /// Local days that credit is valid for, from the instant it may be used, where a request says nothing; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// What becomes of bought credit that is left when the contract ends.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub unused: Unused,
}

impl PrepaidRules {
    /// What is wrong with them; none when they may be published.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let bad = self.valid_days.is_some_and(|days| !(1..=VALID_DAYS_MAX).contains(&days));
        bad.then(|| {
            format!("prepaid: valid_days must be 1 to {VALID_DAYS_MAX}; leave it out for credit without expiry")
        })
    }
}

/// What becomes of bought credit that is left at the end of a contract. What was given away is lost in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unused {
    /// It becomes the customer's credit.
    #[default]
    Credit,
    /// It is lost.
    Forfeit,
}

/// A purchase of prepaid credit, as it stands on its invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// How much, above zero: what is paid is what is granted.
    pub amount: Money,
    /// The first instant at which it may not be used any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Instead of that: local days from the payment on. Neither: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
}

/// Where prepaid credit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum GrantSource {
    /// The customer paid for it.
    Bought,
    /// The merchant gave it away.
    Given,
}

/// Prepaid credit of a contract. One of which nothing is left is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepaidGrant {
    /// Which: the invoice that it was bought with, or `grant-` and the version that gave it.
    pub id: String,
    /// Bought or given.
    pub source: GrantSource,
    /// What was granted, in minor units of the contract's currency, above zero.
    pub amount_minor: i64,
    /// What of it is used up.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub used_minor: i64,
    /// From when it may be used.
    pub granted_at: Instant,
    /// The first instant at which it may not be used any more; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Why it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PrepaidGrant {
    /// What is left, in minor units.
    #[must_use]
    pub const fn left_minor(&self) -> i64 {
        self.amount_minor.saturating_sub(self.used_minor)
    }

    fn as_grant(&self, currency: Currency) -> Grant {
        Grant {
            id: self.id.clone(),
            amount: Money::new(self.amount_minor, currency),
            used: Money::new(self.used_minor, currency),
            granted_at: self.granted_at,
            expires_at: self.expires_at,
        }
    }

    /// One that expires at `at` still pays for what was used before that instant.
    fn may_pay(&self, at: Instant) -> bool {
        self.granted_at <= at && self.expires_at.is_none_or(|end| at <= end)
    }
}

/// Credit that may pay for usage on an invoice: enough to compute its line again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepaidSource {
    /// Which grant.
    pub grant: String,
    /// What was left of it before.
    pub left: Money,
    /// When it expires or expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// What it pays at most, where it expired before the invoice: what usage up to then came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Money>,
}

impl PrepaidSource {
    /// What it can pay.
    #[must_use]
    pub fn most(&self) -> Money {
        self.held.unwrap_or(self.left)
    }
}

/// What a contract holds of prepaid credit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepaidAccount {
    /// The grants of which something is left, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<PrepaidGrant>,
    /// What expired grants pay of usage that is not invoiced yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<PrepaidSource>,
    /// Top-ups that wait for their money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<InvoiceId>,
}

impl PrepaidAccount {
    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is left of all grants, in `currency`, the contract's; what usage that is not invoiced yet will take is still in it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn balance(&self, currency: Currency) -> Result<Money, MoneyError> {
        Money::sum(currency, self.grants.iter().map(|g| Money::new(g.left_minor(), currency)))
    }

    /// The next instant at which credit expires.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.grants.iter().filter_map(|g| g.expires_at).min()
    }

    /// Whether one more grant has room.
    pub(crate) fn has_room(&self) -> bool {
        self.grants.len() + self.waiting.len() < GRANTS_MAX
    }

    /// What may pay for usage up to `at`, in the order of use: what expires first, then what is oldest.
    pub(crate) fn sources(&self, at: Instant, currency: Currency) -> Vec<PrepaidSource> {
        let usable: Vec<Grant> = self.grants.iter().filter(|g| g.may_pay(at)).map(|g| g.as_grant(currency)).collect();
        let source = |grant: &Grant| PrepaidSource {
            grant: grant.id.clone(),
            left: Money::new(grant.amount.minor.saturating_sub(grant.used.minor), currency),
            expires_at: grant.expires_at,
            held: None,
        };
        in_order(usable.iter().collect()).into_iter().map(source).collect()
    }

    /// Takes `minor` from a grant; one of which nothing is left is forgotten.
    pub(crate) fn take(&mut self, grant: &str, minor: i64) {
        for held in self.grants.iter_mut().filter(|held| held.id == grant) {
            held.used_minor = held.used_minor.saturating_add(minor);
        }
        self.grants.retain(|held| held.left_minor() > 0);
    }

    /// Gives `minor` of what was taken from a grant back at `at`; one that was forgotten is there again with that.
    pub(crate) fn give_back(&mut self, source: PrepaidSource, minor: i64, at: Instant) {
        if let Some(held) = self.grants.iter_mut().find(|held| held.id == source.grant) {
            held.used_minor = held.used_minor.saturating_sub(minor);
            return;
        }
        let given = source.grant.starts_with("grant-");
        self.grants.push(PrepaidGrant {
            source: if given { GrantSource::Given } else { GrantSource::Bought },
            id: source.grant,
            amount_minor: minor,
            used_minor: 0,
            granted_at: at,
            expires_at: source.expires_at,
            reason: None,
        });
    }

    /// The grants that have expired at `at`: they are the contract's no more.
    pub(crate) fn expire(&mut self, at: Instant) -> Vec<PrepaidGrant> {
        let (gone, kept) =
            std::mem::take(&mut self.grants).into_iter().partition(|g| g.expires_at.is_some_and(|end| end <= at));
        self.grants = kept;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> Instant {
        format!("{day}T00:00:00Z").parse().unwrap()
    }

    fn grant(id: &str, minor: i64, expires: Option<&str>) -> PrepaidGrant {
        PrepaidGrant {
            id: id.into(),
            source: GrantSource::Bought,
            amount_minor: minor,
            used_minor: 0,
            granted_at: at("2027-01-01"),
            expires_at: expires.map(at),
            reason: None,
        }
    }

    #[test]
    fn credit_pays_up_to_its_expiry_in_the_order_of_loss() {
        let grants =
            vec![grant("never", 5, None), grant("march", 7, Some("2027-03-01")), grant("may", 9, Some("2027-05-01"))];
        let account = PrepaidAccount { grants, ..PrepaidAccount::default() };
        let usd = Currency::try_new("USD").unwrap();
        let of = |day| account.sources(at(day), usd).into_iter().map(|s| s.grant).collect::<Vec<_>>();
        assert_eq!(of("2027-03-01"), ["march", "may", "never"], "what was used before the expiry is paid at it");
        assert_eq!(of("2027-03-02"), ["may", "never"]);
        assert_eq!(of("2026-12-31"), Vec::<String>::new(), "and nothing before it was granted");
        assert_eq!(account.balance(usd).unwrap().minor, 21);
        assert_eq!(account.next_expiry(), Some(at("2027-03-01")));
    }

    #[test]
    fn a_grant_of_which_nothing_is_left_is_forgotten() {
        let mut account = PrepaidAccount {
            grants: vec![grant("a", 5, None), grant("b", 5, Some("2027-02-01"))],
            ..PrepaidAccount::default()
        };
        account.take("a", 4);
        assert_eq!(account.grants[0].left_minor(), 1);
        account.take("a", 1);
        assert_eq!(account.expire(at("2027-01-31")).len(), 0);
        assert_eq!(account.expire(at("2027-02-01"))[0].id, "b");
        assert!(account.is_empty());
    }

    #[test]
    fn a_validity_of_no_days_is_named() {
        let rules: PrepaidRules = serde_json::from_str(r#"{"valid_days": 0}"#).unwrap();
        assert!(rules.problem().is_some_and(|problem| problem.starts_with("prepaid: valid_days")));
        assert_eq!(serde_json::from_str::<PrepaidRules>("{}").unwrap().problem(), None);
    }

    #[test]
    fn what_comes_back_comes_back_to_its_own_grant() {
        let grants = vec![grant("a", 5, None), grant("b", 5, None)];
        let mut account = PrepaidAccount { grants, ..PrepaidAccount::default() };
        account.take("a", 2);
        account.take("b", 4);
        let usd = Currency::try_new("USD").unwrap();
        let source =
            |id: &str| PrepaidSource { grant: id.into(), left: Money::zero(usd), expires_at: None, held: None };
        account.give_back(source("b"), 3, at("2027-01-02"));
        account.give_back(source("grant-7"), 1, at("2027-01-02"));
        let left: Vec<_> = account.grants.iter().map(|g| (g.id.as_str(), g.left_minor(), g.source)).collect();
        assert_eq!(
            left,
            [("a", 3, GrantSource::Bought), ("b", 4, GrantSource::Bought), ("grant-7", 1, GrantSource::Given)]
        );
    }
}
