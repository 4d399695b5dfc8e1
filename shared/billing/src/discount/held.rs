//! What a contract holds of coupons, and which discounts follow from it for a period.
//!
//! Exists so that "how many periods are left" is a number on the contract and never a look into the past. A discount is a
//! property of a whole period: what is applied or removed within one counts from the next, so a credit is always
//! computed from what the period was charged with.

use serde::{Deserialize, Serialize};

use super::{
    DiscountError,
    apply::{Cut, Discount},
    coupon::{Coupon, CouponDuration},
};
use crate::terms::Terms;

/// A redeemed coupon, as it was when it was redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// What was promised.
    pub coupon: Coupon,
    /// Billed periods that it was there for, the running one included; 0 until the next one starts.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub periods: u32,
    /// Whether it was removed: the running period is its last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
}

impl Held {
    /// A coupon that was just redeemed: it counts from the next period that starts.
    #[must_use]
    pub fn new(coupon: Coupon) -> Self {
        Self { coupon, periods: 0, ends: false }
    }

    /// Billed periods that are still to come with it; none: as long as the contract lasts.
    #[must_use]
    pub fn periods_left(&self) -> Option<u32> {
        match self.coupon.duration {
            _ if self.ends => Some(0),
            CouponDuration::Once => Some(1_u32.saturating_sub(self.periods)),
            CouponDuration::Repeating { periods } => Some(periods.saturating_sub(self.periods)),
            CouponDuration::Forever => None,
        }
    }

    fn discount(&self, terms: &Terms) -> Result<Option<Discount>, DiscountError> {
        let intervals = &self.coupon.intervals;
        if !intervals.is_empty() && !intervals.contains(&terms.price.interval) {
            return Ok(None);
        }
        self.coupon.discount(terms.price.currency, self.periods)
    }
}

/// A period starts: every coupon counts it, and those that are over are let go.
pub fn start_period(held: &mut Vec<Held>) {
    held.retain(|h| h.periods_left() != Some(0));
    for one in held {
        one.periods = one.periods.saturating_add(1);
    }
}

/// The discounts that hold for `terms` in the running period, after `paid` billed periods before it.
///
/// # Errors
/// [`DiscountError::NoAmount`] for a coupon without an amount in the terms' currency.
pub fn discounts(terms: &Terms, held: &[Held], paid: u32) -> Result<Vec<Discount>, DiscountError> {
    let mut found = Vec::new();
    for one in held {
        found.extend(one.discount(terms)?);
    }
    found.retain(|d: &Discount| d.only.is_empty() || d.only.contains(&terms.plan.name));
    found.extend(terms.conditions.loyalty.as_ref().and_then(|l| l.discount(paid)));
    found.extend(terms.conditions.long_term.map(|percent| Discount {
        source: "long-term".into(),
        cut: Cut::Percent { percent },
        only: Vec::new(),
        duration: CouponDuration::Forever,
    }));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(duration: &str) -> Vec<Held> {
        let json = format!(r#"{{"id":"spring","benefit":{{"kind":"percent","percent":"25"}},"duration":{duration}}}"#);
        vec![Held::new(serde_json::from_str(&json).unwrap())]
    }

    /// For each of five periods: how many are left after it.
    fn life(mut held: Vec<Held>) -> Vec<Option<Option<u32>>> {
        let mut next = || {
            start_period(&mut held);
            held.first().map(Held::periods_left)
        };
        (0..5).map(|_| next()).collect()
    }

    #[test]
    fn a_coupon_counts_its_periods_down_and_leaves() {
        assert_eq!(life(held(r#"{"is":"once"}"#)), [Some(Some(0)), None, None, None, None]);
        let three = [Some(Some(2)), Some(Some(1)), Some(Some(0)), None, None];
        assert_eq!(life(held(r#"{"is":"repeating","periods":3}"#)), three);
        assert_eq!(life(held(r#"{"is":"forever"}"#)), [Some(None); 5]);
    }

    #[test]
    fn what_is_removed_stays_for_the_period_that_it_was_charged_with() {
        let mut held = held(r#"{"is":"forever"}"#);
        start_period(&mut held);
        held[0].ends = true;
        assert_eq!(held[0].periods_left(), Some(0));
        start_period(&mut held);
        assert_eq!(held, []);
    }
}
