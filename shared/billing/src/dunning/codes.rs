//! Which class a gateway's decline code belongs to.
//!
//! Exists for questions that name a code. Adapters know their gateway's codes best and say the class with the answer; this is
//! the list of those that mean the same with all of them.

use crate::gateway::DeclineClass;

/// Codes that will be refused again with the same method (Stripe's list of hard declines, and what others call them).
const HARD: [&str; 16] = [
    "authentication_failed",
    "authentication_required",
    "closed_account",
    "do_not_try_again",
    "expired_card",
    "highest_risk_level",
    "incorrect_number",
    "invalid_account",
    "lost_card",
    "no_payment_method",
    "pickup_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
    "stop_payment_order",
    "transaction_not_allowed",
];

/// Codes that may work later (Stripe's list of the others, and what others call them).
const SOFT: [&str; 19] = [
    "approve_with_id",
    "call_issuer",
    "card_declined",
    "card_velocity_exceeded",
    "do_not_honor",
    "duplicate_transaction",
    "generic_decline",
    "insufficient_funds",
    "issuer_not_available",
    "limit_exceeded",
    "no_action_taken",
    "not_permitted",
    "processing_error",
    "reenter_transaction",
    "restricted_card",
    "security_violation",
    "service_not_allowed",
    "try_again_later",
    "withdrawal_count_limit_exceeded",
];

/// Whether the code is on one of the lists: what is on none may be a typing error.
#[must_use]
pub fn is_known(code: &str) -> bool {
    HARD.contains(&code) || SOFT.contains(&code)
}

/// The class of a decline code; one that is not known may work later.
#[must_use]
pub fn class_of(code: &str) -> DeclineClass {
    if HARD.contains(&code) { DeclineClass::Hard } else { DeclineClass::Soft }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_not_known_may_work_later() {
        assert_eq!(class_of("stolen_card"), DeclineClass::Hard);
        assert_eq!(class_of("insufficient_funds"), DeclineClass::Soft);
        assert_eq!(class_of("anything"), DeclineClass::Soft);
        assert!(is_known("stolen_card") && is_known("insufficient_funds") && !is_known("stolen_cart"));
        assert!(SOFT.iter().all(|code| class_of(code) == DeclineClass::Soft));
    }
}
