//! What a payment gateway can answer, in our words.
//!
//! Exists in the rules because the invoice decides on these answers; adapters translate into them.

use serde::{Deserialize, Serialize};

use crate::calendar::Instant;

/// Why a payment was declined, as far as it decides what to do next.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DeclineClass {
    /// May work later with the same method (insufficient funds, issuer busy).
    Soft,
    /// Will not work with this method any more (stolen, closed, expired).
    Hard,
    /// No attempt was made: the customer pays by invoice and has not.
    Unpaid,
}

/// What is known about one attempt. Anything that is not definitive is [`ChargeOutcome::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ChargeOutcome {
    /// The money was captured.
    Succeeded {
        /// The gateway's id of the payment.
        reference: String,
        /// The gateway's time.
        at: Instant,
    },
    /// The payment was definitively declined; no money moved and none will.
    Declined {
        /// The gateway's id of the payment, if it made one.
        reference: Option<String>,
        /// The gateway's code (insufficient_funds).
        code: String,
        /// What follows from the code.
        class: DeclineClass,
        /// The gateway's time.
        at: Instant,
    },
    /// The customer has to do something (strong authentication) before it can be decided.
    ActionRequired {
        /// The gateway's id of the payment.
        reference: String,
        /// What the browser needs: a URL or a client secret.
        action: String,
    },
    /// Not known: a timeout, a 5xx, a reset, an unreadable body. Never to be taken for a failure.
    Unknown {
        /// For people.
        why: String,
    },
}

/// What is known about one refund. Anything that is not definitive is [`RefundOutcome::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RefundOutcome {
    /// The money went back. A bank may still return it later: that is [`RefundOutcome::Failed`] after this.
    Succeeded {
        /// The gateway's id of the refund.
        reference: String,
        /// The gateway's time.
        at: Instant,
    },
    /// The gateway took it and has not decided yet.
    Pending {
        /// The gateway's id of the refund.
        reference: String,
    },
    /// No money went back, or it came back from the customer's bank. Final: nothing follows it.
    Failed {
        /// The gateway's id of the refund, if it made one.
        reference: Option<String>,
        /// The gateway's code (expired_or_canceled_card).
        code: String,
        /// The gateway's time.
        at: Instant,
    },
    /// Not known: a timeout, a 5xx, a reset, an unreadable body. Never to be taken for a failure.
    Unknown {
        /// For people.
        why: String,
    },
}

/// What the gateway says when it is asked by our key for a payment, or for a refund (`Lookup<RefundOutcome>`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Lookup<O = ChargeOutcome> {
    /// This became of it.
    Found(O),
    /// There is no such payment or refund. `authoritative` when the gateway guarantees that none will appear.
    NotFound {
        /// Whether a new send is safe.
        authoritative: bool,
    },
    /// The gateway could not be asked.
    Unavailable,
}

/// What a gateway adapter declares about itself: the numbers that the charge protocol rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayDeclaration {
    /// The adapter's name, as methods and facts carry it.
    pub name: &'static str,
    /// Within this time the same key may be sent again and gives the first answer; after it, look up only.
    pub key_lifetime_seconds: i64,
    /// A `NotFound` is authoritative this long after the send, not earlier.
    pub not_found_authoritative_after_seconds: i64,
    /// How it refunds; none: it cannot.
    pub refunds: Option<RefundDeclaration>,
}

/// What a gateway adapter declares about its refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundDeclaration {
    /// Whether a part of a payment can go back, and another part later; else only all of it at once.
    pub partial: bool,
    /// A `NotFound` of a refund is authoritative this long after the send, not earlier.
    pub not_found_authoritative_after_seconds: i64,
}

/// Money news that a gateway sends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum GatewayEvent {
    /// What became of the attempt with our key.
    Settled {
        /// The attempt's key, `<invoice>:<n>`.
        key: String,
        /// What happened.
        #[serde(flatten)]
        outcome: ChargeOutcome,
    },
    /// What became of the refund with our key.
    Refunded {
        /// The refund's key, `<invoice>:r<n>`.
        key: String,
        /// What happened.
        #[serde(flatten)]
        outcome: RefundOutcome,
    },
    /// Money for an invoice arrived without an attempt of ours (a bank transfer).
    Received {
        /// The customer whose invoice it is.
        customer: crate::ids::CustomerId,
        /// Which invoice the payer named.
        invoice: crate::ids::InvoiceId,
        /// How much.
        amount: crate::money::Money,
        /// The gateway's id of the payment.
        reference: String,
        /// The gateway's time.
        at: Instant,
    },
}
