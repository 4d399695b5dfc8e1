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
    }
}
