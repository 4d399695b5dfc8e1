//! The sandbox's refunds: what goes back of its own captures, under keys, in a log of their own.
//!
//! Exists so that refunds can be tried like charges: repeated, lost, late, failed, and failed after they were done. The
//! token of the charge decides, as with Stripe's test cards.

use std::sync::PoisonError;

use billing::{
    calendar::Instant,
    check::GatewayMovement,
    gateway::{ChargeOutcome, RefundOutcome},
    ids::CustomerId,
    invoice::RefundClaim,
    money::Money,
};
use serde::{Deserialize, Serialize};

use super::{LogEntry, Reply, Sandbox};

/// A charge with this token is refunded some time later: [`Sandbox::settle_refund`] says when. Stripe's name.
const PENDING: &str = "pm_card_pendingRefund";

/// Refunds of a charge with this token fail at once.
const FAILS: &str = "pm_sandbox_refundFails";

/// Refunds of a charge with this token are made, and their answer gets lost.
const ANSWER_LOST: &str = "pm_sandbox_refundAnswerLost";

/// A refund as the sandbox gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    /// The idempotency key.
    pub key: String,
    /// Who gets it.
    pub customer: CustomerId,
    /// The sandbox's id of the payment.
    pub payment: String,
    /// How much.
    pub amount: Money,
    /// The sandbox lives in business time.
    pub at: Instant,
}

impl RefundRequest {
    /// The request that sends a claim's amount back.
    #[must_use]
    pub fn new(claim: &RefundClaim, customer: &CustomerId) -> Self {
        let RefundClaim { key, payment, amount, at, .. } = claim.clone();
        Self { key, customer: customer.clone(), payment, amount, at }
    }
}

/// One refund in the sandbox's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundEntry {
    /// What was asked.
    pub request: RefundRequest,
    /// What became of it; the truth, whatever the caller heard.
    pub outcome: RefundOutcome,
}

impl RefundEntry {
    /// The money that went back and stayed there, if it did.
    #[must_use]
    pub fn movement(&self) -> Option<GatewayMovement> {
        let RefundOutcome::Succeeded { reference, .. } = &self.outcome else { return None };
        let (key, amount) = (self.request.key.clone(), self.request.amount);
        Some(GatewayMovement { key, reference: reference.clone(), amount })
    }
}

impl RefundEntry {
    /// Whether its amount is gone from the payment: done, or still to be decided.
    fn counts(&self) -> bool {
        matches!(self.outcome, RefundOutcome::Succeeded { .. } | RefundOutcome::Pending { .. })
    }
}

impl Sandbox {
    /// Takes up an earlier log of refunds.
    pub fn restore_refunds(&self, entries: impl IntoIterator<Item = RefundEntry>) {
        let mut refunds = self.refunds.lock().unwrap_or_else(PoisonError::into_inner);
        refunds.extend(entries.into_iter().map(|e| (e.request.key.clone(), e)));
    }

    /// Every refund so far, by key.
    #[must_use]
    pub fn refunds(&self) -> Vec<RefundEntry> {
        self.refunds.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What became of the refund with this key.
    #[must_use]
    pub fn find_refund(&self, key: &str) -> Option<RefundOutcome> {
        self.refunds.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(|e| e.outcome.clone())
    }

    /// Refunds. The second value is the new log entry, if the key is new.
    #[must_use]
    pub fn take_back(&self, request: &RefundRequest) -> (Reply<RefundOutcome>, Option<RefundEntry>) {
        let charge = self.log().into_iter().find(|entry| captured(entry, &request.payment));
        let mut refunds = self.refunds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = refunds.get(&request.key) {
            let same = entry.request.amount == request.amount && entry.request.payment == request.payment;
            let reply = if same { Reply::Outcome(entry.outcome.clone()) } else { Reply::KeyReused };
            return (reply, None);
        }
        let of_payment = refunds.values().filter(|e| e.request.payment == request.payment && e.counts());
        let before: i64 = of_payment.map(|e| e.request.amount.minor).sum();
        let outcome = decide(request, charge.as_ref(), before);
        let entry = RefundEntry { request: request.clone(), outcome: outcome.clone() };
        refunds.insert(request.key.clone(), entry.clone());
        let lost = charge.is_some_and(|charge| charge.request.token == ANSWER_LOST);
        (if lost { Reply::Silence } else { Reply::Outcome(outcome) }, Some(entry))
    }

    /// The bank decided: a refund that was pending is done or failed, and one that was done may come back.
    pub fn settle_refund(&self, key: &str, done: bool, at: Instant) -> Option<RefundOutcome> {
        let mut refunds = self.refunds.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = refunds.get_mut(key)?;
        entry.outcome = match (entry.outcome.clone(), done) {
            (RefundOutcome::Pending { reference }, true) => RefundOutcome::Succeeded { reference, at },
            (RefundOutcome::Pending { reference } | RefundOutcome::Succeeded { reference, .. }, false) => {
                RefundOutcome::Failed { reference: Some(reference), code: "expired_or_canceled_card".into(), at }
            }
            (settled, _) => settled,
        };
        Some(entry.outcome.clone())
    }
}

fn captured(entry: &LogEntry, payment: &str) -> bool {
    matches!(&entry.outcome, ChargeOutcome::Succeeded { reference, .. } if reference == payment)
}

/// What becomes of a new refund of `charge`, of which `before` (in minor units) went back already.
fn decide(request: &RefundRequest, charge: Option<&LogEntry>, before: i64) -> RefundOutcome {
    let digest = crate::authorize::sha256_hex(&request.key);
    let (reference, at) = (format!("re_{}", digest.get(..20).unwrap_or_default()), request.at);
    let failed = |code: &str| RefundOutcome::Failed { reference: None, code: code.into(), at };
    let Some(LogEntry { request: charged, .. }) = charge else { return failed("no_such_payment") };
    if charged.amount.currency != request.amount.currency || request.amount.minor <= 0 {
        return failed("invalid_amount");
    }
    if before.checked_add(request.amount.minor).is_none_or(|sum| sum > charged.amount.minor) {
        return failed("amount_exceeds_payment");
    }
    match charged.token.as_str() {
        FAILS => failed("expired_or_canceled_card"),
        PENDING => RefundOutcome::Pending { reference },
        _ => RefundOutcome::Succeeded { reference, at },
    }
}

#[cfg(test)]
mod tests {
    use billing::{ids::CustomerId, money::Currency};

    use super::*;
    use crate::sandbox::ChargeRequest;

    fn at() -> Instant {
        "2027-01-15T09:00:00Z".parse().unwrap()
    }

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("USD").unwrap())
    }

    /// A sandbox with one capture of 10.00, and the id of that payment.
    fn paid(token: &str) -> (Sandbox, String) {
        let (sandbox, customer) = (Sandbox::default(), CustomerId::try_new("cus_ana").unwrap());
        let request =
            ChargeRequest { key: "inv_a-p1:1".into(), customer, amount: usd(1_000), token: token.into(), at: at() };
        let Reply::Outcome(ChargeOutcome::Succeeded { reference, .. }) = sandbox.take(&request).0 else { panic!() };
        (sandbox, reference)
    }

    fn back(payment: &str, number: u8, minor: i64) -> RefundRequest {
        let (key, customer) = (format!("inv_a-p1:r{number}"), CustomerId::try_new("cus_ana").unwrap());
        RefundRequest { key, customer, payment: payment.into(), amount: usd(minor), at: at() }
    }

    fn code(reply: Reply<RefundOutcome>) -> String {
        match reply {
            Reply::Outcome(RefundOutcome::Failed { code, .. }) => code,
            Reply::Outcome(RefundOutcome::Succeeded { .. }) => "done".into(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn no_more_goes_back_than_came_and_only_of_a_real_payment() {
        let (sandbox, payment) = paid("pm_card_visa");
        let ask = |request: &RefundRequest| code(sandbox.take_back(request).0);
        assert_eq!(ask(&back(&payment, 1, 400)), "done");
        assert_eq!(ask(&back(&payment, 1, 400)), "done", "the same key is the same refund");
        assert_eq!(ask(&back(&payment, 1, 500)), "KeyReused");
        assert_eq!(ask(&back(&payment, 2, 601)), "amount_exceeds_payment");
        assert_eq!(ask(&back(&payment, 3, 600)), "done");
        assert_eq!(ask(&back(&payment, 4, 1)), "amount_exceeds_payment");
        assert_eq!(ask(&back("ch_never", 5, 1)), "no_such_payment");
        assert_eq!(ask(&back(&payment, 6, 0)), "invalid_amount");
        assert_eq!(sandbox.refunds().iter().filter(|e| e.counts()).count(), 2);
    }

    #[test]
    fn banks_decide_later_and_change_their_mind_once() {
        let (sandbox, payment) = paid(PENDING);
        let asked = sandbox.take_back(&back(&payment, 1, 1_000)).0;
        assert!(matches!(asked, Reply::Outcome(RefundOutcome::Pending { .. })), "{asked:?}");
        let done = sandbox.settle_refund("inv_a-p1:r1", true, at()).unwrap();
        assert!(matches!(done, RefundOutcome::Succeeded { .. }));
        let failed = sandbox.settle_refund("inv_a-p1:r1", false, at()).unwrap();
        assert!(matches!(failed, RefundOutcome::Failed { .. }));
        assert_eq!(sandbox.settle_refund("inv_a-p1:r1", true, at()), Some(failed.clone()));
        assert_eq!(sandbox.find_refund("inv_a-p1:r1"), Some(failed));
        assert_eq!(sandbox.settle_refund("inv_a-p1:r2", true, at()), None);
    }
}
