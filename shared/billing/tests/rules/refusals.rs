//! What programs read of a refusal: its code, the field that it is about, and the HTTP status. Storefronts depend on them.

use std::collections::BTreeSet;

use billing::{
    calendar::OutOfCalendar,
    discount::NotRedeemable,
    money::MoneyError,
    refusal::{Refusal, RefusalDiscriminants},
};
use strum::IntoEnumIterator;

fn text() -> String {
    "x".into()
}

/// One of each kind, with what a program reads of it.
fn all() -> Vec<(Refusal, &'static str, Option<&'static str>, u16)> {
    let no_price =
        Refusal::NoSuchPrice { plan: text(), currency: text(), interval: text(), offered: text(), field: "interval" };
    vec![
        (Refusal::InvalidBody { detail: text(), path: Some("seats".into()) }, "invalid_body", Some("seats"), 400),
        (Refusal::InvalidBody { detail: text(), path: None }, "invalid_body", None, 400),
        (Refusal::BodyTooLarge { limit_bytes: 9 }, "body_too_large", None, 413),
        (Refusal::InvalidField { field: "amount", detail: text() }, "invalid_field", Some("amount"), 422),
        (Refusal::MissingHeader { header: "If-Match", why: "x" }, "missing_header", Some("If-Match"), 400),
        (Refusal::Unauthorized, "unauthorized", None, 401),
        (Refusal::CardNumber { field: "token".into() }, "card_number_refused", Some("token"), 422),
        (Refusal::IdempotencyKeyReused, "idempotency_key_reused", Some("Idempotency-Key"), 422),
        (Refusal::UnknownPlan { plan: text() }, "unknown_plan", Some("plan"), 422),
        (no_price, "no_such_price", Some("interval"), 422),
        (Refusal::WrongCurrency { customer: text(), requested: text() }, "wrong_currency", Some("currency"), 422),
        (Refusal::QuantityOutOfRange, "quantity_out_of_range", Some("quantity"), 422),
        (Refusal::NotFound { what: "invoice", id: text() }, "not_found", None, 404),
        (Refusal::AlreadyExists { what: "customer", id: text() }, "already_exists", None, 409),
        (Refusal::VersionMismatch { current: 3 }, "version_mismatch", Some("If-Match"), 412),
        (Refusal::WrongState { state: "canceled", action: "x" }, "wrong_state", None, 409),
        (Refusal::NothingToChange, "nothing_to_change", Some("plan"), 422),
        (Refusal::DateOutOfRange { field: "when", detail: "x" }, "date_out_of_range", Some("when"), 422),
        (Refusal::MethodNeeded, "method_needed", Some("payment_method"), 422),
        (Refusal::TooMany { limit: 9 }, "too_many", None, 422),
        (Refusal::UsageLimit { field: "events", what: "x", limit: 9 }, "usage_limit", Some("events"), 422),
        (Refusal::UnknownCoupon, "unknown_coupon", Some("coupons"), 422),
        (Refusal::Coupon(NotRedeemable::NewCustomersOnly), "coupon_for_new_customers", Some("coupons"), 422),
        (Refusal::Money(MoneyError::Overflow), "amount_out_of_range", None, 422),
        (Refusal::Calendar(OutOfCalendar), "date_out_of_calendar", None, 422),
    ]
}

#[test]
fn a_refusal_has_a_code_a_field_and_a_status_that_programs_know() {
    for (refusal, code, field, status) in all() {
        assert_eq!((refusal.code(), refusal.field(), refusal.status()), (code, field, status), "{refusal}");
    }
    let told: BTreeSet<String> =
        all().iter().map(|(refusal, ..)| format!("{:?}", RefusalDiscriminants::from(refusal))).collect();
    let kinds: BTreeSet<String> = RefusalDiscriminants::iter().map(|kind| format!("{kind:?}")).collect();
    assert_eq!(told, kinds);
}
