//! Prepaid credit: grants that expire, used up in a stated order.
//!
//! Exists so that customers lose as little as possible: what expires first is used first, then what is oldest.

use serde::{Deserialize, Serialize};

use super::DocumentError;
use crate::{
    calendar::Instant,
    money::{Currency, Money, MoneyError},
};

/// One grant of credit: bought, given away, or from a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Which.
    pub id: String,
    /// What was granted, not negative.
    pub amount: Money,
    /// What of it is used up.
    pub used: Money,
    /// From when it may be used.
    pub granted_at: Instant,
    /// The first instant at which it may not be used any more; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
}

/// What is taken from one grant, or what it loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantUse {
    /// Which grant.
    pub grant: String,
    /// How much.
    pub amount: Money,
}

/// What is taken from all grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// From which, in the order of use.
    pub uses: Vec<GrantUse>,
    /// In all.
    pub covered: Money,
    /// What no grant covers.
    pub missing: Money,
}

impl Grant {
    fn left(&self) -> Result<Money, MoneyError> {
        let left = self.amount.plus(self.used.negated()?)?;
        Ok(Money::new(left.minor.max(0), left.currency))
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    fn is_usable(&self, now: Instant) -> bool {
        self.granted_at <= now && !self.has_expired(now)
    }
}

/// What may be used now.
///
/// # Errors
/// [`MoneyError`], also for a grant in another currency.
pub fn available(grants: &[Grant], currency: Currency, now: Instant) -> Result<Money, MoneyError> {
    let mut usable = grants.iter().filter(|g| g.is_usable(now));
    usable.try_fold(Money::zero(currency), |sum, g| sum.plus(g.left()?))
}

/// Takes `amount` from the grants, as far as they go: what expires first, then what is oldest, then by id.
///
/// # Errors
/// [`DocumentError::Negative`] for an amount below zero; [`DocumentError::Money`], also for a grant in another currency.
pub fn draw(grants: &[Grant], amount: Money, now: Instant) -> Result<Drawn, DocumentError> {
    if amount.minor < 0 {
        return Err(DocumentError::Negative { what: "what is taken from grants" });
    }
    let usable = in_order(grants.iter().filter(|g| g.is_usable(now)).collect());
    let lefts = usable.into_iter().map(|g| Ok((g.id.as_str(), g.left()?))).collect::<Result<Vec<_>, MoneyError>>()?;
    Ok(take(lefts, amount)?)
}

/// Grants in the order of use: what expires first, then what is oldest, then by id.
pub(crate) fn in_order(mut grants: Vec<&Grant>) -> Vec<&Grant> {
    grants.sort_by_key(|g| (g.expires_at.is_none(), g.expires_at, g.granted_at, &g.id));
    grants
}

/// Takes `amount`, not negative, from what is left of each grant, in the order given, as far as they go.
pub(crate) fn take<'a>(lefts: impl IntoIterator<Item = (&'a str, Money)>, amount: Money) -> Result<Drawn, MoneyError> {
    let mut drawn = Drawn { uses: Vec::new(), covered: Money::zero(amount.currency), missing: amount };
    for (grant, left) in lefts {
        let taken = Money::new(left.minor.min(drawn.missing.minor), left.currency);
        drawn.covered = drawn.covered.plus(taken)?;
        drawn.missing = drawn.missing.plus(taken.negated()?)?;
        if taken.minor > 0 {
            drawn.uses.push(GrantUse { grant: grant.to_owned(), amount: taken });
        }
    }
    Ok(drawn)
}

/// What is lost because it was not used in time.
///
/// # Errors
/// [`MoneyError`].
pub fn expired(grants: &[Grant], now: Instant) -> Result<Vec<GrantUse>, MoneyError> {
    let mut lost = Vec::new();
    for grant in grants.iter().filter(|g| g.has_expired(now)) {
        let amount = grant.left()?;
        if amount.minor > 0 {
            lost.push(GrantUse { grant: grant.id.clone(), amount });
        }
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("USD").unwrap())
    }

    fn at(day: &str) -> Instant {
        format!("{day}T00:00:00Z").parse().unwrap()
    }

    fn grant(id: &str, minor: i64, granted: &str, expires: Option<&str>) -> Grant {
        let (amount, used) = (usd(minor), usd(0));
        Grant { id: id.into(), amount, used, granted_at: at(granted), expires_at: expires.map(at) }
    }

    #[test]
    fn what_expires_first_is_used_first_then_what_is_oldest() {
        let grants = [
            grant("never", 100, "2026-01-01", None),
            grant("young", 100, "2026-03-01", Some("2027-01-01")),
            grant("old", 100, "2026-02-01", Some("2027-01-01")),
            grant("soon", 50, "2026-05-01", Some("2026-12-01")),
            grant("gone", 70, "2026-01-01", Some("2026-06-01")),
            grant("later", 70, "2026-07-01", None),
        ];
        let drawn = draw(&grants, usd(230), at("2026-06-01")).unwrap();
        let uses: Vec<_> = drawn.uses.iter().map(|u| (u.grant.as_str(), u.amount.minor)).collect();
        assert_eq!(uses, [("soon", 50), ("old", 100), ("young", 80)]);
        assert_eq!(available(&grants, usd(0).currency, at("2026-06-01")).unwrap().minor, 350);
        assert_eq!(expired(&grants, at("2026-06-01")).unwrap(), [GrantUse { grant: "gone".into(), amount: usd(70) }]);
    }

    #[test]
    fn what_no_grant_covers_is_missing() {
        let mut half = grant("a", 100, "2026-01-01", None);
        half.used = usd(60);
        let drawn = draw(&[half], usd(100), at("2026-02-01")).unwrap();
        assert_eq!((drawn.covered.minor, drawn.missing.minor), (40, 60));
        assert!(draw(&[], usd(-1), at("2026-02-01")).is_err());
    }

    #[test]
    fn a_grant_of_another_currency_is_an_error() {
        let mut foreign = grant("a", 100, "2026-01-01", None);
        foreign.amount.currency = Currency::try_new("EUR").unwrap();
        foreign.used.currency = foreign.amount.currency;
        assert!(draw(&[foreign], usd(1), at("2026-02-01")).is_err());
    }

    #[test]
    fn nothing_is_taken_and_nothing_is_lost_without_a_trace() {
        let mut used = grant("used", 100, "2026-01-01", Some("2026-06-01"));
        used.used = usd(100);
        let grants = [used, grant("one", 1, "2026-01-01", Some("2026-06-01"))];
        let drawn = draw(&grants, usd(0), at("2026-02-01")).unwrap();
        assert_eq!((drawn.uses, drawn.covered, drawn.missing), (vec![], usd(0), usd(0)));
        assert_eq!(expired(&grants, at("2026-06-01")).unwrap(), [GrantUse { grant: "one".into(), amount: usd(1) }]);
    }
}
