//! Journal entries: what one decision was made from and what it did.
//!
//! Exists as audit trail, history and outbox in one (DESIGN section 5.1). Written once, never changed. The entry of a
//! decision that makes an invoice rides on the invoice item; all others are items of their own.

use serde::{Deserialize, Serialize};

use crate::{calendar::Instant, fact::Fact, ids::SubscriptionId};

/// One decision about a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// About which subscription.
    pub subscription: SubscriptionId,
    /// The version that the decision made; the entry's identity together with the subscription.
    pub version: u64,
    /// The rules that decided.
    pub rules: u16,
    /// Business time of the decision.
    pub at: Instant,
    /// The input, as data: enough to decide again.
    pub input: serde_json::Value,
    /// What happened, stamped.
    #[serde(skip)]
    pub facts: Vec<Fact>,
}
