//! Discounts: coupons and offers, loyalty steps, reductions for long terms, and what they take off the lines of an invoice.
//!
//! Exists so that a discount is data with one meaning: `coupon` says what is promised, `validity` who may have it and
//! when, `loyalty` what is given for staying, `apply` what all of them take
//! off, to the cent, in a stated order, and `run_rate` what a price is worth after those that last.

mod apply;
mod coupon;
mod held;
mod loyalty;
mod policy;
mod run_rate;
mod validity;

pub use apply::{Applied, Cut, Discount, DiscountableLine, Discounted, LineDiscount, apply};
pub(crate) use apply::{KeptParts, apply_keeping};
pub use coupon::{Audience, Benefit, Coupon, CouponDuration, FixedAmount, Stacking};
pub use held::{Held, discounts, start_period};
pub use loyalty::{LongTerm, Loyalty, LoyaltyStep, TermDiscount};
pub use policy::{DiscountOrder, DiscountPolicy, PercentBase};
pub use run_rate::net_of_lasting;
pub use validity::{BadCode, CODE_CHARS_MAX, CODE_CHARS_MIN, CouponCode, NotRedeemable, Redeemed, Redemption, Window};

use crate::{
    money::{Currency, MoneyError},
    refusal::Refusal,
};

/// Why a discount could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscountError {
    /// The sum is not computable, or currencies met.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A fixed amount below zero.
    #[error("discount {0}: a fixed amount must not be negative; write it as what is taken off")]
    Negative(String),
    /// A fixed amount was not given for this currency.
    #[error("coupon {coupon} has no amount in {currency}; add one to the coupon, or use a percentage")]
    NoAmount {
        /// Which coupon.
        coupon: String,
        /// The currency that is billed in.
        currency: Currency,
    },
}

impl From<DiscountError> for Refusal {
    fn from(error: DiscountError) -> Self {
        match error {
            DiscountError::Money(money) => Self::Money(money),
            other => Self::InvalidField { field: "coupons", detail: other.to_string() },
        }
    }
}
