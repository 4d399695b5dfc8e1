//! Promises of a payment gateway, against its sandbox.

use billing::{
    calendar::{Instant, WallTime},
    gateway::{ChargeOutcome, Lookup},
    ids::CustomerId,
    invoice::{Claim, Method},
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
    /// Begins every key of this run.
    pub prefix: &'a str,
    /// The token of a card that is good.
    pub good: &'a str,
    /// The token of a card that is declined.
    pub declined: &'a str,
    /// The token of a card whose charge succeeds while its answer is lost.
    pub lost: &'a str,
    /// Now, as the provider sees it.
    pub now: Instant,
}

impl<'a> GatewaySubject<'a> {
    /// A gateway with the sandbox's test tokens.
    #[must_use]
    pub fn sandbox(gateway: &'a dyn Gateway, captures: &'a (dyn Fn(&str) -> usize + Sync), prefix: &'a str) -> Self {
        let (good, declined, lost) = ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_sandbox_answerLost");
        Self { gateway, captures, prefix, good, declined, lost, now: new_year() }
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
    an_unknown_key_is_not_found(subject).await
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
