//! What a coupon or an offer promises: how much, for how long, to whom. Data of the catalog, checked before it is published.
//!
//! Exists so that a promise is one value: an offer that the merchant applies is the same thing without a code.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    DiscountError,
    apply::{Cut, Discount},
    validity::{CouponCode, Window},
};
use crate::{
    calendar::Interval,
    catalog::is_name,
    money::{Currency, Money, Rounding, Unrounded},
    percent::Percent,
};

/// A coupon (has a code that customers enter) or an offer (has none; the merchant or a rule applies it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// The name in every interface and report (lower case letters, digits, - and _).
    pub id: String,
    /// What customers enter; none for an offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CouponCode>,
    /// What is taken off.
    pub benefit: Benefit,
    /// For how long.
    #[serde(default)]
    pub duration: CouponDuration,
    /// The local days on which it may be redeemed; none: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Window>,
    /// Redemptions by all customers together; none: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemptions_max: Option<u32>,
    /// Redemptions by one customer; none: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemptions_per_customer_max: Option<u32>,
    /// For whom.
    #[serde(default)]
    pub audience: Audience,
    /// Plans that it is for, whose price it takes something off; their add-ons stay as they are. Empty: all plans, with their
    /// add-ons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<String>,
    /// Intervals that it is for (an offer for yearly plans); empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// Whether it may stand beside other coupons.
    #[serde(default)]
    pub stacking: Stacking,
}

/// What a coupon takes off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Benefit {
    /// A part.
    Percent {
        /// 25 for a quarter.
        percent: Percent,
    },
    /// An amount, for each currency that it is offered in.
    Fixed {
        /// At most one for each currency.
        amounts: Vec<FixedAmount>,
    },
    /// Everything: a free period; the duration says how many.
    FreePeriods,
}

/// A fixed discount in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedAmount {
    /// The currency that is billed in.
    pub currency: Currency,
    /// In major units (19.90), above zero, at most the currency's decimals.
    pub amount: Decimal,
}

/// For how many billed periods a coupon holds, counted from the first that it is applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CouponDuration {
    /// The first invoice only.
    #[default]
    Once,
    /// The first `periods` periods.
    Repeating {
        /// From 1.
        periods: u32,
    },
    /// As long as the contract lasts.
    Forever,
}

impl CouponDuration {
    /// Whether billed period `number` (1 is the first since the redemption) is within.
    #[must_use]
    pub fn holds_in(self, number: u32) -> bool {
        match self {
            Self::Once => number == 1,
            Self::Repeating { periods } => (1..=periods).contains(&number),
            Self::Forever => number >= 1,
        }
    }

    /// Whether it lowers the run-rate while it holds: `once` does not, the others do (DESIGN section 4).
    #[must_use]
    pub fn counts_for_run_rate(self) -> bool {
        !matches!(self, Self::Once)
    }
}

/// Who may redeem a coupon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Everyone.
    #[default]
    Everyone,
    /// Only who never paid before.
    FirstTime,
}

/// Whether a coupon may stand beside others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stacking {
    /// It excludes every other coupon.
    #[default]
    Alone,
    /// It may be combined with others that may be combined.
    WithOthers,
}

impl Coupon {
    /// What the coupon takes off billed period `number` (1 is the first since the redemption); none when it is over.
    ///
    /// # Errors
    /// [`DiscountError::NoAmount`] when it has a fixed amount and none in `currency`.
    pub fn discount(&self, currency: Currency, number: u32) -> Result<Option<Discount>, DiscountError> {
        if !self.duration.holds_in(number) {
            return Ok(None);
        }
        let cut = match &self.benefit {
            Benefit::Percent { percent } => Cut::Percent { percent: *percent },
            Benefit::FreePeriods => Cut::Percent { percent: Percent::HUNDRED },
            Benefit::Fixed { .. } => Cut::Fixed { amount: self.fixed(currency)? },
        };
        Ok(Some(Discount { source: self.id.clone(), cut, only: self.plans.clone(), duration: self.duration }))
    }

    /// Whether it can take something off a bill in `currency`: a fixed amount is no amount in another one.
    #[must_use]
    pub fn is_good_in(&self, currency: Currency) -> bool {
        !matches!(self.benefit, Benefit::Fixed { .. }) || self.fixed(currency).is_ok()
    }

    /// Everything that is wrong with the coupon, each with what to mend; empty when it may be published.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !is_name(&self.id) {
            found.push("id must be lower case letters, digits, - and _".into());
        }
        if self.duration == (CouponDuration::Repeating { periods: 0 }) {
            found.push("duration: repeating needs at least 1 period".into());
        }
        if self.redemptions_max == Some(0) || self.redemptions_per_customer_max == Some(0) {
            found.push("a limit of 0 redemptions: leave the coupon out instead".into());
        }
        if let Some(Window { from: Some(from), until: Some(until), .. }) = self.valid
            && until < from
        {
            found.push(format!("valid: until {until} lies before from {from}"));
        }
        for plan in self.plans.iter().filter(|p| !is_name(p)) {
            found.push(format!("plans: {plan:?} is not a name"));
        }
        found.extend(self.benefit.problems());
        found
    }

    /// The zone that its days are counted in, for messages.
    #[must_use]
    pub fn zone(&self) -> Option<Tz> {
        self.valid.map(|w| w.zone)
    }

    fn fixed(&self, currency: Currency) -> Result<Money, DiscountError> {
        let no_amount = || DiscountError::NoAmount { coupon: self.id.clone(), currency };
        let given = self.benefit.amounts().iter().find(|a| a.currency == currency).ok_or_else(no_amount)?;
        Ok(Unrounded::from_major(given.amount, currency)?.round(Rounding::HalfEven)?)
    }
}

impl Benefit {
    /// The fixed amounts, if it has such.
    #[must_use]
    pub fn amounts(&self) -> &[FixedAmount] {
        match self {
            Self::Fixed { amounts } => amounts,
            Self::Percent { .. } | Self::FreePeriods => &[],
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        match self {
            Self::Percent { percent } if percent.value().is_zero() => {
                found.push("benefit: 0% takes nothing off".into());
            }
            Self::Fixed { amounts } if amounts.is_empty() => {
                found.push("benefit: fixed needs an amount".into());
            }
            _ => {}
        }
        let mut seen: Vec<Currency> = Vec::new();
        for FixedAmount { currency, amount } in self.amounts() {
            if seen.contains(currency) {
                found.push(format!("benefit: {currency} is written twice"));
            }
            seen.push(*currency);
            if *amount <= Decimal::ZERO {
                found.push(format!("benefit: the amount in {currency} must be above zero"));
            }
            if amount.normalize().scale() > currency.exponent() {
                found.push(format!("benefit: the amount has more decimals than {currency}"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coupon(json: &str) -> Coupon {
        serde_json::from_str(json).unwrap()
    }

    const TEN_OFF: &str = r#"{"id":"ten-off","code":" spring–10 ","benefit":{"kind":"fixed","amounts":[
        {"currency":"EUR","amount":"10.00"},{"currency":"JPY","amount":"1500"},{"currency":"KWD","amount":"3.125"}]},
        "duration":{"is":"repeating","periods":3}}"#;

    #[test]
    fn a_fixed_coupon_is_worth_its_amount_in_the_currency_that_is_billed() {
        let coupon = coupon(TEN_OFF);
        assert_eq!(coupon.problems(), [""; 0]);
        assert_eq!(coupon.code.as_ref().unwrap().as_str(), "SPRING-10");
        for (code, minor) in [("EUR", 1000), ("JPY", 1500), ("KWD", 3125)] {
            let currency = Currency::try_new(code).unwrap();
            let discount = coupon.discount(currency, 1).unwrap().unwrap();
            assert_eq!(discount.cut, Cut::Fixed { amount: Money::new(minor, currency) });
        }
        let problem = coupon.discount(Currency::try_new("USD").unwrap(), 1).unwrap_err().to_string();
        assert_eq!(problem, "coupon ten-off has no amount in USD; add one to the coupon, or use a percentage");
    }

    #[test]
    fn durations_count_billed_periods() {
        let numbers = |d: CouponDuration| (0..6).filter(|n| d.holds_in(*n)).collect::<Vec<_>>();
        assert_eq!(numbers(CouponDuration::Once), [1]);
        assert_eq!(numbers(CouponDuration::Repeating { periods: 3 }), [1, 2, 3]);
        assert_eq!(numbers(CouponDuration::Forever), [1, 2, 3, 4, 5]);
        assert!(coupon(TEN_OFF).discount(Currency::try_new("EUR").unwrap(), 4).unwrap().is_none());
    }

    #[test]
    fn only_what_lasts_lowers_the_run_rate() {
        assert!(!CouponDuration::Once.counts_for_run_rate());
        assert!(CouponDuration::Repeating { periods: 1 }.counts_for_run_rate());
        assert!(CouponDuration::Forever.counts_for_run_rate());
    }

    #[test]
    fn what_may_only_just_be_published_has_no_problems() {
        let with = |more: &str| {
            coupon(&format!(r#"{{"id":"a","benefit":{{"kind":"percent","percent":"0.01"}},{more}}}"#)).problems().len()
        };
        assert_eq!(with(r#""duration":{"is":"repeating","periods":1}"#), 0);
        assert_eq!(with(r#""valid":{"from":"2027-01-01","until":"2027-01-01","zone":"UTC"}"#), 0, "one day");
        assert_eq!(with(r#""redemptions_max":1,"redemptions_per_customer_max":1"#), 0);
        assert_eq!([with(r#""redemptions_max":0"#), with(r#""redemptions_per_customer_max":0"#)], [1, 1]);
        let none = coupon(r#"{"id":"a","benefit":{"kind":"fixed","amounts":[]}}"#);
        assert_eq!(none.problems(), ["benefit: fixed needs an amount"]);
        let nothing = coupon(r#"{"id":"a","benefit":{"kind":"percent","percent":"0"}}"#);
        assert_eq!(nothing.problems(), ["benefit: 0% takes nothing off"]);
    }

    #[test]
    fn the_zone_of_its_days_is_known_where_it_has_days() {
        let days = r#"{"id":"a","benefit":{"kind":"free-periods"},"valid":{"zone":"Europe/Berlin"}}"#;
        assert_eq!(coupon(days).zone(), Some(Tz::Europe__Berlin));
        assert_eq!(coupon(TEN_OFF).zone(), None);
    }

    #[test]
    fn a_part_is_good_in_every_currency_and_an_amount_in_its_own() {
        let good = |coupon: &Coupon| ["EUR", "USD"].map(|code| coupon.is_good_in(Currency::try_new(code).unwrap()));
        assert_eq!(good(&coupon(TEN_OFF)), [true, false]);
        assert_eq!(good(&coupon(r#"{"id":"a","benefit":{"kind":"percent","percent":"5"}}"#)), [true, true]);
        assert_eq!(good(&coupon(r#"{"id":"a","benefit":{"kind":"free-periods"}}"#)), [true, true]);
    }

    #[test]
    fn what_is_wrong_with_a_coupon_is_said_at_once() {
        let bad = coupon(
            r#"{"id":"A b","benefit":{"kind":"fixed","amounts":[{"currency":"JPY","amount":"1.5"},
            {"currency":"JPY","amount":"0"}]},"duration":{"is":"repeating","periods":0},"redemptions_max":0,
            "plans":["P!"],"valid":{"from":"2027-02-01","until":"2027-01-01","zone":"Europe/Berlin"}}"#,
        );
        assert_eq!(bad.problems().len(), 8, "{:#?}", bad.problems());
        assert!(
            serde_json::from_str::<Coupon>(r#"{"id":"a","benefit":{"kind":"free-periods"},"colour":"red"}"#).is_err()
        );
    }
}
