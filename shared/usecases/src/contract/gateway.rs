//! Promises of a payment gateway, against its sandbox.

use billing::{
    calendar::{Instant, WallTime},
    gateway::{ChargeOutcome, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, Method, PaidBy, RefundClaim},
    money::{Currency, Money},
};

use super::fixtures::new_year;
use crate::{error::Error, ports::Gateway};

/// How a gateway's sandbox can be watched while its adapter is tried.
pub struct GatewaySubject<'a> {
    /// The adapter.
    pub gateway: &'a dyn Gateway,
    /// How often money was captured under a key, as the provider knows it.
    pub captures: &'a (dyn Fn(&str) -> usize + Sync),
    /// How much went back under a key, in minor units, as the provider knows it.
    pub refunded: &'a (dyn Fn(&str) -> i64 + Sync),
    /// Begins every key of this run.
    pub prefix: &'a str,
    /// The token of a card that is good.
    pub good: &'a str,
    /// The token of a card that is declined.
    pub declined: &'a str,
    /// The token of a card whose charge succeeds while its answer is lost.
    pub lost: &'a str,
    /// The token of a card that cannot be refunded.
    pub unrefundable: &'a str,
    /// The token of a card whose refund is made while its answer is lost.
    pub refund_lost: &'a str,
    /// Now, as the provider sees it.
    pub now: Instant,
}

impl<'a> GatewaySubject<'a> {
    /// A gateway with the sandbox's test tokens.
    #[must_use]
    pub fn sandbox(
        gateway: &'a dyn Gateway,
        captures: &'a (dyn Fn(&str) -> usize + Sync),
        refunded: &'a (dyn Fn(&str) -> i64 + Sync),
        prefix: &'a str,
    ) -> Self {
        let (good, declined, lost) = ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_sandbox_answerLost");
        let (unrefundable, refund_lost) = ("pm_sandbox_refundFails", "pm_sandbox_refundAnswerLost");
        let now = new_year();
        Self { gateway, captures, refunded, prefix, good, declined, lost, unrefundable, refund_lost, now }
    }

    fn claim(&self, name: &str, token: &str, minor: i64) -> Result<Claim, Error> {
        let currency = Currency::try_new("USD").map_err(|e| Error::unavailable("make the contract's fixtures", e))?;
        let method =
            Method { gateway: self.gateway.declaration().name.into(), token: token.into(), kind: "card".into() };
        let sent_at = WallTime(self.now);
        Ok(Claim {
            attempt: 1,
            key: format!("inv_{}-{name}-p2:1", self.prefix),
            amount: Money::new(minor, currency),
            method,
            at: self.now,
            sent_at,
            deadline: sent_at.plus_seconds(60),
        })
    }
}

/// Every promise of [`Gateway`].
///
/// # Errors
/// When the fixtures cannot be made.
///
/// # Panics
/// When a promise is broken.
pub async fn gateway(subject: &GatewaySubject<'_>) -> Result<(), Error> {
    let customer = CustomerId::try_new(format!("cus_{}", subject.prefix));
    let customer = customer.map_err(|e| Error::unavailable("make the contract's fixtures", e))?;
    one_key_is_one_charge(subject, &customer).await?;
    a_decline_is_an_answer(subject, &customer).await?;
    a_key_belongs_to_its_amount(subject, &customer).await?;
    a_lost_answer_is_found(subject, &customer).await?;
    an_unknown_key_is_not_found(subject).await?;
    if subject.gateway.declaration().refunds.is_none() {
        return Ok(());
    }
    one_key_is_one_refund(subject, &customer).await?;
    no_more_goes_back_than_came(subject, &customer).await?;
    a_refund_that_cannot_be_made_says_so(subject, &customer).await?;
    a_lost_refund_is_found(subject, &customer).await
}

async fn one_key_is_one_charge(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.claim("same", subject.good, 990)?;
    let first = subject.gateway.charge(&claim, customer).await;
    assert!(matches!(first, ChargeOutcome::Succeeded { .. }), "a good card: {first:?}");
    for _ in 0..3 {
        assert_eq!(subject.gateway.charge(&claim, customer).await, first, "another answer to the same key");
    }
    assert_eq!((subject.captures)(&claim.key), 1, "captured more than once");
    assert_eq!(subject.gateway.look_up(&claim).await, Lookup::Found(first));
    Ok(())
}

async fn a_decline_is_an_answer(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.claim("declined", subject.declined, 990)?;
    let first = subject.gateway.charge(&claim, customer).await;
    assert!(matches!(&first, ChargeOutcome::Declined { code, .. } if !code.is_empty()), "a bad card: {first:?}");
    assert_eq!(subject.gateway.charge(&claim, customer).await, first, "another answer to the same key");
    assert_eq!((subject.captures)(&claim.key), 0, "a declined card was charged");
    Ok(())
}

async fn a_key_belongs_to_its_amount(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.claim("amount", subject.good, 990)?;
    subject.gateway.charge(&claim, customer).await;
    let other = subject.claim("amount", subject.good, 991)?;
    let answer = subject.gateway.charge(&other, customer).await;
    assert!(matches!(answer, ChargeOutcome::Unknown { .. }), "a key with another amount: {answer:?}");
    assert_eq!((subject.captures)(&claim.key), 1);
    Ok(())
}

async fn a_lost_answer_is_found(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.claim("lost", subject.lost, 990)?;
    let answer = subject.gateway.charge(&claim, customer).await;
    assert!(matches!(answer, ChargeOutcome::Unknown { .. }), "a lost answer: {answer:?}");
    let found = subject.gateway.look_up(&claim).await;
    assert!(matches!(found, Lookup::Found(ChargeOutcome::Succeeded { .. })), "the truth is there: {found:?}");
    assert_eq!((subject.captures)(&claim.key), 1);
    Ok(())
}

async fn an_unknown_key_is_not_found(subject: &GatewaySubject<'_>) -> Result<(), Error> {
    let claim = subject.claim("never", subject.good, 990)?;
    let found = subject.gateway.look_up(&claim).await;
    assert!(matches!(found, Lookup::NotFound { .. }), "nothing was sent: {found:?}");
    assert_eq!((subject.captures)(&claim.key), 0);
    Ok(())
}

impl GatewaySubject<'_> {
    /// Captures 9.90, and claims a refund of a part of it.
    async fn refund_of(&self, name: &str, token: &str, customer: &CustomerId) -> Result<RefundClaim, Error> {
        let claim = self.claim(name, token, 990)?;
        let ChargeOutcome::Succeeded { reference, .. } = self.gateway.charge(&claim, customer).await else {
            return Err(Error::unavailable("make the contract's fixtures", "a good card was not charged"));
        };
        let paid_by = PaidBy { gateway: claim.method.gateway, kind: claim.method.kind };
        let (key, amount) = (format!("inv_{}-{name}-p2:r1", self.prefix), Money::new(400, claim.amount.currency));
        Ok(RefundClaim { key, amount, paid_by, payment: reference, at: self.now })
    }
}

async fn one_key_is_one_refund(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.refund_of("back", subject.good, customer).await?;
    let unasked = subject.gateway.look_up_refund(&claim).await;
    assert!(matches!(unasked, Lookup::NotFound { .. }), "nothing was sent: {unasked:?}");
    let first = subject.gateway.refund(&claim, customer).await;
    assert!(matches!(first, RefundOutcome::Succeeded { .. }), "a good refund: {first:?}");
    for _ in 0..3 {
        assert_eq!(subject.gateway.refund(&claim, customer).await, first, "another answer to the same key");
    }
    assert_eq!((subject.refunded)(&claim.key), 400, "went back more than once");
    assert_eq!(subject.gateway.look_up_refund(&claim).await, Lookup::Found(first));
    let other = RefundClaim { amount: Money::new(401, claim.amount.currency), ..claim.clone() };
    let answer = subject.gateway.refund(&other, customer).await;
    assert!(matches!(answer, RefundOutcome::Unknown { .. }), "a key with another amount: {answer:?}");
    assert_eq!((subject.refunded)(&claim.key), 400);
    Ok(())
}

async fn no_more_goes_back_than_came(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.refund_of("more", subject.good, customer).await?;
    let currency = claim.amount.currency;
    subject.gateway.refund(&claim, customer).await;
    for (number, minor, goes) in [(2, 591, 0), (3, 590, 590), (4, 1, 0)] {
        let key = format!("inv_{}-more-p2:r{number}", subject.prefix);
        let claim = RefundClaim { key, amount: Money::new(minor, currency), ..claim.clone() };
        subject.gateway.refund(&claim, customer).await;
        assert_eq!((subject.refunded)(&claim.key), goes, "{minor} more of 9.90");
    }
    Ok(())
}

async fn a_refund_that_cannot_be_made_says_so(
    subject: &GatewaySubject<'_>,
    customer: &CustomerId,
) -> Result<(), Error> {
    let claim = subject.refund_of("closed", subject.unrefundable, customer).await?;
    let first = subject.gateway.refund(&claim, customer).await;
    assert!(matches!(&first, RefundOutcome::Failed { code, .. } if !code.is_empty()), "a closed card: {first:?}");
    assert_eq!(subject.gateway.refund(&claim, customer).await, first, "another answer to the same key");
    assert_eq!((subject.refunded)(&claim.key), 0, "it went back after all");
    Ok(())
}

async fn a_lost_refund_is_found(subject: &GatewaySubject<'_>, customer: &CustomerId) -> Result<(), Error> {
    let claim = subject.refund_of("astray", subject.refund_lost, customer).await?;
    let answer = subject.gateway.refund(&claim, customer).await;
    assert!(matches!(answer, RefundOutcome::Unknown { .. }), "a lost answer: {answer:?}");
    let found = subject.gateway.look_up_refund(&claim).await;
    assert!(matches!(found, Lookup::Found(RefundOutcome::Succeeded { .. })), "the truth is there: {found:?}");
    assert_eq!((subject.refunded)(&claim.key), 400);
    Ok(())
}
