//! Redeem coupons: find them by code, ask the rules, and count them in the commit that redeems them.
//!
//! Exists so that a limit holds when two customers race for the last redemption: the counter of all is a conditional item
//! of the commit, the counter of one customer is on the profile, which the commit replaces at the version that was read.

use billing::{
    calendar::Instant,
    customer::Customer,
    discount::{Audience, Coupon, CouponCode, Held, Redeemed, Redemption},
    invoice::{Invoice, InvoiceState},
    refusal::Refusal,
    subscription::{CancelReason, State, Subscription},
    terms::Terms,
};

use crate::{
    decide::Draft,
    error::Error,
    ports::{CountRedemption, CustomerFile, Ledger},
};

/// Most coupons and offers of one request.
const COUPONS_MAX: usize = 10;

/// What is to be redeemed.
pub(crate) struct Asked<'a> {
    /// Codes, as the customer typed them.
    pub(crate) codes: &'a [String],
    /// Offers, by id.
    pub(crate) offers: &'a [String],
    /// For what.
    pub(crate) terms: &'a Terms,
    /// Beside what.
    pub(crate) held: &'a [Held],
}

/// Redeems all that is asked for, or nothing. Counts are added to `draft` and to `customer`, which the caller commits.
pub(crate) async fn redeem(
    ledger: &Ledger,
    draft: &mut Draft,
    customer: &mut Customer,
    asked: &Asked<'_>,
    now: Instant,
) -> Result<Vec<Coupon>, Error> {
    let wanted = find(ledger, asked).await?;
    let by_person = |c: &Coupon| c.redemptions_per_customer_max.is_some() || c.audience == Audience::FirstTime;
    let file = if wanted.iter().any(by_person) { ledger.store.file(&customer.id).await? } else { None };
    let paid_before = file.as_ref().map_or(0, paid_invoices);
    for (place, coupon) in wanted.iter().enumerate() {
        let redeemed = Redeemed {
            in_all: match coupon.redemptions_max {
                Some(_) => ledger.store.redemptions(&coupon.id).await?,
                None => 0,
            },
            by_customer: customer
                .redeemed
                .get(&coupon.id)
                .copied()
                .unwrap_or(0)
                .saturating_sub(file.as_ref().map_or(0, |file| given_back(file, &coupon.id))),
        };
        // What is redeemed counts from the next period on, at the soonest: what is over by then is not beside it.
        let held = asked.held.iter().filter(|h| h.periods_left() != Some(0)).map(|h| &h.coupon);
        let beside: Vec<&Coupon> = held.chain(wanted.iter().take(place)).collect();
        let terms = asked.terms;
        coupon
            .redeemable(&Redemption {
                at: now,
                items: &[terms.plan.name.as_str()],
                interval: terms.price.interval,
                currency: terms.price.currency,
                paid_before,
                redeemed,
                beside: &beside,
            })
            .map_err(Refusal::from)?;
        count(draft, customer, coupon);
    }
    Ok(wanted)
}

fn count(draft: &mut Draft, customer: &mut Customer, coupon: &Coupon) {
    if coupon.redemptions_per_customer_max.is_some() {
        let redeemed = customer.redeemed.entry(coupon.id.clone()).or_default();
        *redeemed = redeemed.saturating_add(1);
    }
    if let Some(limit) = coupon.redemptions_max {
        draft.commit.redemptions.push(CountRedemption { coupon: coupon.id.clone(), limit });
    }
}

async fn find(ledger: &Ledger, asked: &Asked<'_>) -> Result<Vec<Coupon>, Error> {
    if asked.codes.len() + asked.offers.len() > COUPONS_MAX {
        let detail = format!("at most {COUPONS_MAX} coupons and offers");
        return Err(Refusal::InvalidField { field: "coupons", detail }.into());
    }
    let mut found = Vec::new();
    for text in asked.codes {
        // What cannot be a code belongs to no coupon.
        let code = CouponCode::try_new(text).map_err(|_| Refusal::UnknownCoupon)?;
        found.push(ledger.store.coupon_of(&code).await?.ok_or(Refusal::UnknownCoupon)?);
    }
    for id in asked.offers {
        let offer = if billing::catalog::is_name(id) { ledger.store.coupon(id).await? } else { None };
        // A coupon with a code is redeemed by its code, so that an id alone opens none.
        let offer = offer.filter(|o| o.code.is_none());
        found.push(offer.ok_or(Refusal::NotFound { what: "offer", id: id.chars().take(60).collect() })?);
    }
    Ok(found)
}

fn paid_invoices(file: &CustomerFile) -> u32 {
    let paid = |i: &Invoice| !i.is_document() && matches!(i.state, InvoiceState::Paid { .. }) && i.payable().minor > 0;
    u32::try_from(file.invoices.iter().filter(|i| paid(&i.value)).count()).unwrap_or(u32::MAX)
}

/// Redemptions of sign-ups that came to nothing: given up, or declined. The customer may try again.
fn given_back(file: &CustomerFile, coupon: &str) -> u32 {
    let nothing = |s: &Subscription| match s.state {
        State::Canceled { reason: CancelReason::Expired, .. } => true,
        State::Incomplete { .. } => {
            let void = |i: &Invoice| i.subscription == s.id && i.state == InvoiceState::Void;
            file.invoices.iter().any(|i| void(&i.value))
        }
        _ => false,
    };
    let holds = |s: &Subscription| s.discounts.iter().any(|h| h.coupon.id == coupon);
    let those = file.subscriptions.iter().filter(|s| nothing(&s.value) && holds(&s.value));
    u32::try_from(those.count()).unwrap_or(u32::MAX)
}
