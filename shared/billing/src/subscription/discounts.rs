//! What coupons do to a contract, and what a period that starts with other discounts or taxes says about run-rate.
//!
//! Exists apart from the table, because here is the one place where run-rate moves without anybody asking: a discount
//! starts or ends, a loyalty step is reached, a tax in the price changes.

use super::{
    currency,
    transition::{Effect, Step},
};
use crate::{
    calendar::Instant,
    discount::{Coupon, Discount, Held},
    fact::EventType,
    invoice::Purpose,
    refusal::Refusal,
};

impl Step {
    /// What a sign-up that came to nothing redeemed of coupons that are counted, others may redeem.
    pub(super) fn return_redemptions(&mut self) {
        let counted = self.next.discounts.iter().map(|held| &held.coupon).filter(|c| c.redemptions_max.is_some());
        let coupons: Vec<String> = counted.map(|coupon| coupon.id.clone()).collect();
        if !coupons.is_empty() {
            self.effects.push(Effect::ReturnRedemptions(coupons));
        }
    }

    /// Holds a redeemed coupon; the one that is held already is not held twice.
    pub(super) fn apply_coupon(&mut self, coupon: Coupon) -> Result<bool, Refusal> {
        currency::check_coupon(&self.next, &coupon)?;
        if let Some(same) = self.next.discounts.iter_mut().find(|h| h.coupon.id == coupon.id) {
            // It was removed and is wanted back before it is gone.
            return Ok(std::mem::replace(&mut same.ends, false));
        }
        self.next.discounts.push(Held::new(coupon));
        Ok(true)
    }

    /// Lets a coupon go: at once where no period was charged with it, else when the running one ends.
    pub(super) fn remove_coupon(&mut self, id: &str) -> Result<bool, Refusal> {
        let missing = || Refusal::NotFound { what: "coupon on this subscription", id: id.into() };
        let place = self.next.discounts.iter().position(|h| h.coupon.id == id).ok_or_else(missing)?;
        if self.next.discounts.get(place).is_some_and(|h| h.periods == 0) {
            self.next.discounts.remove(place);
            return Ok(true);
        }
        let held = self.next.discounts.get_mut(place).ok_or_else(missing)?;
        Ok(!std::mem::replace(&mut held.ends, true))
    }

    /// The next period starts, and the fact about run-rate where it starts with other discounts or taxes.
    pub(super) fn renew(&mut self, index: u32, at: Instant) -> Result<bool, Refusal> {
        let (before, had) = (self.run_rate()?, self.next.discounts_now()?);
        let (usage, credit) = (self.close_usage(at)?, self.next.credit_minor);
        let invoice = self.next.start_period(index, Purpose::Period, at, &self.known.taxes)?;
        self.issue_with_usage(invoice, usage, credit)?;
        let after = self.run_rate()?;
        if before != after {
            let has = self.next.discounts_now()?;
            self.moved(before, after, at, reason(&had, &has))?;
        }
        Ok(true)
    }

    /// Run-rate moved by itself (DESIGN section 7: discount start or end). To nothing it is a loss, back from it a return.
    pub(super) fn moved(&mut self, before: i64, after: i64, at: Instant, reason: &str) -> Result<(), Refusal> {
        let event = match (self.next.started_at, before, after) {
            (None, _, _) => EventType::Signup,
            (_, _, 0) => EventType::Cancel,
            (_, 0, _) => EventType::Reactivation,
            _ if after < before => EventType::Downgrade,
            _ => EventType::Upgrade,
        };
        if event == EventType::Signup {
            self.next.started_at = Some(at);
        }
        let reason = if event == EventType::Cancel { "discount" } else { reason };
        self.write(event, at, Some(reason).filter(|_| event != EventType::Signup))?;
        Ok(())
    }
}

/// Why run-rate moved from one period to the next, in a word.
pub(super) fn reason(had: &[Discount], has: &[Discount]) -> &'static str {
    let new = |a: &[Discount], b: &[Discount]| b.iter().any(|d| !a.contains(d));
    match (new(had, has), new(has, had)) {
        (true, _) => "discount_start",
        (false, true) => "discount_end",
        (false, false) => "tax",
    }
}
