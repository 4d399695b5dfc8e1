//! Who may redeem a coupon, and when: one check with one clear reason.
//!
//! Exists so that "your code does not work" never has to be said: the answer names the limit, the date or the plan. The
//! counters of redemptions live elsewhere (a conditional item each); their values are arguments here.

use std::fmt;

use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::coupon::{Audience, Benefit, Coupon, Stacking};
use crate::{
    calendar::{Instant, Interval, to_instant},
    money::Currency,
    refusal::Refusal,
};

/// Shortest code; shorter ones are guessed.
pub const CODE_CHARS_MIN: usize = 3;

/// Longest code.
pub const CODE_CHARS_MAX: usize = 40;

/// A code as it is stored and compared: upper case letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CouponCode(String);

/// Why a text is not a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code has {CODE_CHARS_MIN} to {CODE_CHARS_MAX} letters (A to Z), digits, - and _")]
pub struct BadCode;

impl CouponCode {
    /// The code that a person typed or pasted: white space is dropped, case ignored, any dash is a hyphen.
    ///
    /// # Errors
    /// [`BadCode`].
    pub fn try_new(text: &str) -> Result<Self, BadCode> {
        let kept = text.chars().filter(|c| !c.is_whitespace()).take(CODE_CHARS_MAX + 1);
        let code: String =
            kept.map(|c| {
                if ('\u{2010}'..='\u{2015}').contains(&c) || c == '\u{2212}' { '-' } else { c.to_ascii_uppercase() }
            })
            .collect();
        let plain = code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_');
        let fits = (CODE_CHARS_MIN..=CODE_CHARS_MAX).contains(&code.len());
        if plain && fits { Ok(Self(code)) } else { Err(BadCode) }
    }

    /// The code in its one form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CouponCode {
    type Error = BadCode;
    fn try_from(text: String) -> Result<Self, BadCode> {
        Self::try_new(&text)
    }
}

impl From<CouponCode> for String {
    fn from(code: CouponCode) -> Self {
        code.0
    }
}

impl fmt::Display for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Local days, both ends included, in a zone: "until 31 January" holds until that day is over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First day; none: since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Last day; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// Where the days begin and end.
    pub zone: Tz,
}

impl Window {
    fn starts_at(&self) -> Option<Instant> {
        self.from.map(|day| to_instant(day.and_time(NaiveTime::MIN), self.zone))
    }

    /// The first instant that is too late; a day at the end of the calendar is never over.
    fn ends_at(&self) -> Option<Instant> {
        let after = self.until?.checked_add_days(Days::new(1))?;
        Some(to_instant(after.and_time(NaiveTime::MIN), self.zone))
    }
}

/// How often a coupon was redeemed before this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redeemed {
    /// By all customers.
    pub in_all: u32,
    /// By this customer.
    pub by_customer: u32,
}

/// What a customer wants to use a coupon for.
#[derive(Clone, Debug)]
pub struct Redemption<'a> {
    /// When.
    pub at: Instant,
    /// The plans and add-ons that are bought.
    pub items: &'a [&'a str],
    /// Billed every.
    pub interval: Interval,
    /// Billed in.
    pub currency: Currency,
    /// Invoices that this customer ever paid.
    pub paid_before: u32,
    /// The counters.
    pub redeemed: Redeemed,
    /// Coupons that already hold for the contract.
    pub beside: &'a [&'a Coupon],
}

/// Why a coupon cannot be redeemed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRedeemable {
    /// Too early.
    #[error("this offer starts on {from} ({zone} time)")]
    NotYet {
        /// First day.
        from: NaiveDate,
        /// Of which zone.
        zone: Tz,
    },
    /// Too late.
    #[error("this offer ended on {until} ({zone} time)")]
    Expired {
        /// Last day.
        until: NaiveDate,
        /// Of which zone.
        zone: Tz,
    },
    /// Nothing left.
    #[error("this offer was limited to {limit} redemptions, and all are used")]
    UsedUp {
        /// How many there were.
        limit: u32,
    },
    /// This customer had it already.
    #[error("this offer may be used {limit} times by one customer, and you have used it")]
    UsedByCustomer {
        /// How many there were.
        limit: u32,
    },
    /// Not a first-time customer.
    #[error("this offer is for new customers only")]
    NewCustomersOnly,
    /// None of what is bought.
    #[error("this offer is for {offered}; choose one of them")]
    OtherPlans {
        /// Which.
        offered: String,
    },
    /// Another interval.
    #[error("this offer is for payment per {offered}; choose such a price")]
    OtherIntervals {
        /// Which.
        offered: String,
    },
    /// Another currency.
    #[error("this offer has no amount in {currency}; it has: {offered}")]
    OtherCurrencies {
        /// The one asked for.
        currency: Currency,
        /// Which there are.
        offered: String,
    },
    /// It, or one that is there, stands alone.
    #[error("offers {one} and {other} cannot be combined; remove one of them")]
    NotCombinable {
        /// The one asked for.
        one: String,
        /// The one that is there.
        other: String,
    },
    /// It is there already.
    #[error("offer {0} is applied already")]
    AppliedAlready(String),
}

impl NotRedeemable {
    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotYet { .. } => "coupon_not_yet_valid",
            Self::Expired { .. } => "coupon_expired",
            Self::UsedUp { .. } => "coupon_used_up",
            Self::UsedByCustomer { .. } => "coupon_used_by_customer",
            Self::NewCustomersOnly => "coupon_for_new_customers",
            Self::OtherPlans { .. } => "coupon_for_other_plans",
            Self::OtherIntervals { .. } => "coupon_for_other_intervals",
            Self::OtherCurrencies { .. } => "coupon_for_other_currencies",
            Self::NotCombinable { .. } => "coupon_not_combinable",
            Self::AppliedAlready(_) => "coupon_applied_already",
        }
    }
}

impl From<NotRedeemable> for Refusal {
    fn from(reason: NotRedeemable) -> Self {
        Self::Coupon(reason)
    }
}

impl Coupon {
    /// Whether the coupon may be redeemed.
    ///
    /// # Errors
    /// The first reason why not, in this order: what the customer can never change (dates, limits, audience), what another
    /// choice would change (plan, interval, currency), what is in its way (other coupons).
    pub fn redeemable(&self, wanted: &Redemption<'_>) -> Result<(), NotRedeemable> {
        self.check_days(wanted.at)?;
        self.check_limits(wanted.redeemed)?;
        if self.audience == Audience::FirstTime && wanted.paid_before > 0 {
            return Err(NotRedeemable::NewCustomersOnly);
        }
        self.check_choice(wanted)?;
        self.check_beside(wanted.beside)
    }

    fn check_days(&self, at: Instant) -> Result<(), NotRedeemable> {
        let Some(window) = &self.valid else { return Ok(()) };
        match (window.from, window.starts_at(), window.until, window.ends_at()) {
            (Some(from), Some(start), ..) if at < start => Err(NotRedeemable::NotYet { from, zone: window.zone }),
            (.., Some(until), Some(end)) if at >= end => Err(NotRedeemable::Expired { until, zone: window.zone }),
            _ => Ok(()),
        }
    }

    fn check_limits(&self, redeemed: Redeemed) -> Result<(), NotRedeemable> {
        if let Some(limit) = self.redemptions_per_customer_max.filter(|limit| redeemed.by_customer >= *limit) {
            return Err(NotRedeemable::UsedByCustomer { limit });
        }
        match self.redemptions_max {
            Some(limit) if redeemed.in_all >= limit => Err(NotRedeemable::UsedUp { limit }),
            _ => Ok(()),
        }
    }

    fn check_choice(&self, wanted: &Redemption<'_>) -> Result<(), NotRedeemable> {
        if !self.plans.is_empty() && !wanted.items.iter().any(|item| self.plans.iter().any(|p| p == item)) {
            return Err(NotRedeemable::OtherPlans { offered: self.plans.join(", ") });
        }
        if !self.intervals.is_empty() && !self.intervals.contains(&wanted.interval) {
            return Err(NotRedeemable::OtherIntervals { offered: list(&self.intervals) });
        }
        let fixed = matches!(self.benefit, Benefit::Fixed { .. });
        let currencies: Vec<Currency> = self.benefit.amounts().iter().map(|a| a.currency).collect();
        if fixed && !currencies.contains(&wanted.currency) {
            return Err(NotRedeemable::OtherCurrencies { currency: wanted.currency, offered: list(&currencies) });
        }
        Ok(())
    }

    fn check_beside(&self, beside: &[&Coupon]) -> Result<(), NotRedeemable> {
        if beside.iter().any(|c| c.id == self.id) {
            return Err(NotRedeemable::AppliedAlready(self.id.clone()));
        }
        let alone = |c: &Coupon| c.stacking == Stacking::Alone;
        match beside.iter().find(|c| alone(self) || alone(c)) {
            Some(other) => Err(NotRedeemable::NotCombinable { one: self.id.clone(), other: other.id.clone() }),
            None => Ok(()),
        }
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coupon(more: &str) -> Coupon {
        let text = format!(r#"{{"id":"spring","benefit":{{"kind":"percent","percent":"20"}}{more}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn wanted<'a>(at: &str) -> Redemption<'a> {
        Redemption {
            at: at.parse().unwrap(),
            items: &["team"],
            interval: "month".parse().unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            paid_before: 0,
            redeemed: Redeemed::default(),
            beside: &[],
        }
    }

    fn why(coupon: &Coupon, wanted: &Redemption<'_>) -> &'static str {
        coupon.redeemable(wanted).err().map_or("redeemable", |e| e.code())
    }

    #[test]
    fn codes_are_one_however_they_are_typed() {
        for text in ["save-10", " SAVE-10\n", "Save\u{2013}10", "S A V E-1 0"] {
            assert_eq!(CouponCode::try_new(text).unwrap().as_str(), "SAVE-10", "{text:?}");
        }
        for bad in ["", "ab", "SÄVE", "a/b/c", &"x".repeat(41)] {
            assert!(CouponCode::try_new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_last_day_ends_where_the_merchant_lives() {
        let c = coupon(r#","valid":{"from":"2027-01-10","until":"2027-01-31","zone":"America/New_York"}"#);
        assert_eq!(why(&c, &wanted("2027-01-10T04:59:59Z")), "coupon_not_yet_valid");
        assert_eq!(why(&c, &wanted("2027-01-10T05:00:00Z")), "redeemable");
        assert_eq!(why(&c, &wanted("2027-02-01T04:59:59Z")), "redeemable");
        let late = c.redeemable(&wanted("2027-02-01T05:00:00Z")).unwrap_err();
        assert_eq!(late.to_string(), "this offer ended on 2027-01-31 (America/New_York time)");
    }

    #[test]
    fn limits_count_what_was_redeemed_before() {
        let c = coupon(r#","redemptions_max":100,"redemptions_per_customer_max":1"#);
        let with = |in_all, by_customer| Redemption {
            redeemed: Redeemed { in_all, by_customer },
            ..wanted("2027-01-01T00:00:00Z")
        };
        assert_eq!(why(&c, &with(99, 0)), "redeemable");
        assert_eq!(why(&c, &with(100, 0)), "coupon_used_up");
        assert_eq!(why(&c, &with(3, 1)), "coupon_used_by_customer");
    }

    #[test]
    fn restrictions_name_what_the_offer_is_for() {
        let now = "2027-01-01T00:00:00Z";
        let plans = coupon(r#","plans":["solo","duo"],"audience":"first-time""#);
        assert_eq!(
            plans.redeemable(&wanted(now)).unwrap_err().to_string(),
            "this offer is for solo, duo; choose one of them"
        );
        let old = Redemption { paid_before: 1, ..wanted(now) };
        assert_eq!(why(&plans, &old), "coupon_for_new_customers");
        assert_eq!(why(&plans, &Redemption { items: &["support", "duo"], ..wanted(now) }), "redeemable");
        assert_eq!(why(&coupon(r#","intervals":["year"]"#), &wanted(now)), "coupon_for_other_intervals");
        let fixed: Coupon = serde_json::from_str(
            r#"{"id":"f","benefit":{"kind":"fixed","amounts":[{"currency":"USD","amount":"5"}]}}"#,
        )
        .unwrap();
        assert_eq!(why(&fixed, &wanted(now)), "coupon_for_other_currencies");
        let said = |coupon: &Coupon| coupon.redeemable(&wanted(now)).unwrap_err().to_string();
        assert_eq!(said(&fixed), "this offer has no amount in EUR; it has: USD");
        let long = coupon(r#","intervals":["quarter","year"]"#);
        assert_eq!(said(&long), "this offer is for payment per quarter, year; choose such a price");
    }

    #[test]
    fn coupons_combine_only_when_all_of_them_allow_it() {
        let open = coupon(r#","stacking":"with-others""#);
        let mut other = open.clone();
        other.id = "friends".into();
        let beside = |c: &Coupon, o: &Coupon| why(c, &Redemption { beside: &[o], ..wanted("2027-01-01T00:00:00Z") });
        assert_eq!(beside(&open, &other), "redeemable");
        assert_eq!(beside(&open, &open), "coupon_applied_already");
        other.stacking = Stacking::Alone;
        assert_eq!([beside(&open, &other), beside(&other, &open)], ["coupon_not_combinable"; 2]);
    }

    #[test]
    fn a_refusal_names_the_field_and_the_reason() {
        let refusal = Refusal::from(NotRedeemable::NewCustomersOnly);
        assert_eq!(
            (refusal.field(), refusal.to_string().as_str()),
            (Some("coupons"), "this offer is for new customers only")
        );
    }
}
