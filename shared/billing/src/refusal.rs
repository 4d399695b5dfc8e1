//! Why a request was not allowed: for people and for programs.
//!
//! Exists so that every "no" has a stable code, names the field, and says what to do. A refusal changes nothing.

use crate::{calendar::OutOfCalendar, discount::NotRedeemable, money::MoneyError, terms::QUANTITY_MAX};

/// Why a request was not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::EnumDiscriminants)]
#[strum_discriminants(derive(strum::EnumIter), doc = "The kinds of refusal, for tables and tests.")]
pub enum Refusal {
    /// The body is not the JSON that the verb takes.
    #[error("the request body is not valid: {detail}")]
    InvalidBody {
        /// What is wrong, without quoting values.
        detail: String,
        /// Where, if that is known.
        path: Option<String>,
    },
    /// The body is too large.
    #[error("the request body is larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A field has the right type and a value that cannot be.
    #[error("{field}: {detail}")]
    InvalidField {
        /// Which field.
        field: &'static str,
        /// What it must be.
        detail: String,
    },
    /// A header that the verb needs is missing.
    #[error("the header {header} is missing: {why}")]
    MissingHeader {
        /// Which header.
        header: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// No key, or one that is not known.
    #[error("a storefront key is needed: send Authorization: Bearer <key>")]
    Unauthorized,
    /// A card number where a token belongs. It was neither stored nor logged.
    #[error("this looks like a card number; send the token that your payment provider gave you, never the number")]
    CardNumber {
        /// Which field held it.
        field: String,
    },
    /// The Idempotency-Key came before with another body.
    #[error("this Idempotency-Key was used before with another request; use a new key for a new request")]
    IdempotencyKeyReused,
    /// The plan is not published.
    #[error("there is no plan {plan:?} on sale; see the catalog")]
    UnknownPlan {
        /// What was asked for.
        plan: String,
    },
    /// The plan has no price in this currency and interval.
    #[error("plan {plan} has no price in {currency} per {interval}; it has: {offered}")]
    NoSuchPrice {
        /// The plan.
        plan: String,
        /// The currency asked for.
        currency: String,
        /// The interval asked for.
        interval: String,
        /// What there is.
        offered: String,
        /// Which field to change: `currency` when no price has it, else `interval`.
        field: &'static str,
    },
    /// A customer has one currency, and this is another.
    #[error("the customer is billed in {customer}; {requested} is another currency")]
    WrongCurrency {
        /// The customer's.
        customer: String,
        /// The one asked for.
        requested: String,
    },
    /// The quantity is not 1 to the maximum.
    #[error("quantity must be a whole number from 1 to {QUANTITY_MAX}")]
    QuantityOutOfRange,
    /// The subscription, invoice or customer does not exist.
    #[error("there is no {what} {id}")]
    NotFound {
        /// customer, subscription or invoice.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The id is already in use for something else.
    #[error("{what} {id} exists already")]
    AlreadyExists {
        /// customer or subscription.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The caller saw an older version.
    #[error("the subscription changed since you read it (now version {current}); read it again and decide again")]
    VersionMismatch {
        /// The version now.
        current: u64,
    },
    /// The state does not allow it.
    #[error("a subscription that is {state} cannot {action}")]
    WrongState {
        /// The state, in a word.
        state: &'static str,
        /// What was asked for.
        action: &'static str,
    },
    /// The terms are the ones in force.
    #[error("the subscription already has these terms")]
    NothingToChange,
    /// A date in the past, or beyond what a contract can be.
    #[error("{field}: {detail}")]
    DateOutOfRange {
        /// Which field.
        field: &'static str,
        /// What it must be.
        detail: &'static str,
    },
    /// The customer has no payment method and the plan is collected automatically.
    #[error("a payment method token is needed; or ask for collection \"invoice\"")]
    MethodNeeded,
    /// The customer record would outgrow its store.
    #[error("the customer has {limit} subscriptions, which is the limit")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// More usage than is counted exactly.
    #[error("{limit} is the limit of {what}")]
    UsageLimit {
        /// Which field.
        field: &'static str,
        /// What there is too much of, and what to do.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The code belongs to no coupon.
    #[error("there is no coupon with this code; check how it is written")]
    UnknownCoupon,
    /// The coupon cannot be redeemed now, by this customer, for this.
    #[error(transparent)]
    Coupon(NotRedeemable),
    /// The amounts cannot be computed exactly.
    #[error("the amount cannot be computed exactly: {0}")]
    Money(#[from] MoneyError),
    /// The dates cannot be expressed.
    #[error("{0}")]
    Calendar(#[from] OutOfCalendar),
}

impl Refusal {
    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidBody { .. } => "invalid_body",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::InvalidField { .. } => "invalid_field",
            Self::MissingHeader { .. } => "missing_header",
            Self::Unauthorized => "unauthorized",
            Self::CardNumber { .. } => "card_number_refused",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::UnknownPlan { .. } => "unknown_plan",
            Self::NoSuchPrice { .. } => "no_such_price",
            Self::WrongCurrency { .. } => "wrong_currency",
            Self::QuantityOutOfRange => "quantity_out_of_range",
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::WrongState { .. } => "wrong_state",
            Self::NothingToChange => "nothing_to_change",
            Self::DateOutOfRange { .. } => "date_out_of_range",
            Self::MethodNeeded => "method_needed",
            Self::TooMany { .. } => "too_many",
            Self::UsageLimit { .. } => "usage_limit",
            Self::UnknownCoupon => "unknown_coupon",
            Self::Coupon(reason) => reason.code(),
            Self::Money(_) => "amount_out_of_range",
            Self::Calendar(_) => "date_out_of_calendar",
        }
    }

    /// The field of the request that the refusal is about.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. } | Self::NoSuchPrice { field, .. } | Self::DateOutOfRange { field, .. } => {
                Some(field)
            }
            Self::UsageLimit { field, .. } => Some(field),
            Self::CardNumber { field } => Some(field),
            Self::InvalidBody { path, .. } => path.as_deref(),
            Self::MissingHeader { header, .. } => Some(header),
            Self::IdempotencyKeyReused => Some("Idempotency-Key"),
            Self::UnknownPlan { .. } | Self::NothingToChange => Some("plan"),
            Self::WrongCurrency { .. } => Some("currency"),
            Self::QuantityOutOfRange => Some("quantity"),
            Self::VersionMismatch { .. } => Some("If-Match"),
            Self::MethodNeeded => Some("payment_method"),
            Self::UnknownCoupon | Self::Coupon(_) => Some("coupons"),
            _ => None,
        }
    }

    /// The HTTP status that carries it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::NotFound { .. } => 404,
            Self::AlreadyExists { .. } | Self::WrongState { .. } => 409,
            Self::VersionMismatch { .. } => 412,
            Self::BodyTooLarge { .. } => 413,
            Self::InvalidBody { .. } | Self::MissingHeader { .. } => 400,
            _ => 422,
        }
    }
}
