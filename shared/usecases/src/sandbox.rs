//! The sandbox gateway: a payment provider's behaviour without money.
//!
//! Exists so that everything else can be tried as it is: it keeps keys, answers a repeated key with the first answer,
//! refuses a key with another amount, can be asked, and keeps a log that an independent recount can read. Tokens are
//! named after Stripe's test methods.

mod refunds;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use billing::{
    calendar::Instant,
    check::GatewayMovement,
    gateway::{ChargeOutcome, DeclineClass, GatewayDeclaration, Lookup, RefundDeclaration, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, RefundClaim},
    money::Money,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use refunds::{RefundEntry, RefundRequest};

use crate::ports::Gateway;

/// The adapter's name.
pub const NAME: &str = "sandbox";

/// What the sandbox promises; the numbers are Stripe's.
pub const DECLARATION: GatewayDeclaration = GatewayDeclaration {
    name: NAME,
    key_lifetime_seconds: 86_400,
    not_found_authoritative_after_seconds: 60,
    refunds: Some(RefundDeclaration { partial: true, not_found_authoritative_after_seconds: 60 }),
};

/// A charge as the sandbox gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRequest {
    /// The idempotency key.
    pub key: String,
    /// Who pays.
    pub customer: CustomerId,
    /// How much.
    pub amount: Money,
    /// With what.
    pub token: String,
    /// The sandbox lives in business time.
    pub at: Instant,
}

impl ChargeRequest {
    /// The request that collects a claim.
    #[must_use]
    pub fn new(claim: &Claim, customer: &CustomerId) -> Self {
        let (key, token) = (claim.key.clone(), claim.method.token.clone());
        Self { key, customer: customer.clone(), amount: claim.amount, token, at: claim.at }
    }
}

/// One charge in the sandbox's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// What was asked.
    pub request: ChargeRequest,
    /// What became of it; the truth, whatever the caller heard.
    pub outcome: ChargeOutcome,
}

impl LogEntry {
    /// The capture that it tells of, if it is one.
    #[must_use]
    pub fn movement(&self) -> Option<GatewayMovement> {
        let ChargeOutcome::Succeeded { reference, .. } = &self.outcome else { return None };
        let (key, amount) = (self.request.key.clone(), self.request.amount);
        Some(GatewayMovement { key, reference: reference.clone(), amount })
    }
}

/// How the sandbox answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<O = ChargeOutcome> {
    /// The outcome.
    Outcome(O),
    /// The key came before with another request.
    KeyReused,
    /// Nothing: the connection hangs until the caller gives up.
    Silence,
}

/// Declines drawn from a seed, for demonstrations: the same seed and key always draw the same.
#[derive(Clone, Debug)]
pub struct SeededDeclines {
    /// The seed.
    pub seed: u64,
    /// Declines among 1,000 first attempts.
    pub first_per_mille: u32,
    /// Declines among 1,000 later attempts.
    pub later_per_mille: u32,
}

/// The sandbox.
#[derive(Default)]
pub struct Sandbox {
    log: Mutex<BTreeMap<String, LogEntry>>,
    refunds: Mutex<BTreeMap<String, RefundEntry>>,
    declines: Option<SeededDeclines>,
}

/// Decline codes that the seed draws from, with weights in per cent (shares as in `reference/gateways.md`: funds first).
const DRAWN: [(&str, u32); 6] = [
    ("insufficient_funds", 52),
    ("generic_decline", 20),
    ("processing_error", 10),
    ("expired_card", 10),
    ("lost_card", 4),
    ("stolen_card", 4),
];

impl Sandbox {
    /// A sandbox whose good tokens are declined as `declines` draws.
    #[must_use]
    pub fn with_declines(declines: SeededDeclines) -> Self {
        Self { declines: Some(declines), ..Self::default() }
    }

    /// Takes up an earlier log.
    pub fn restore(&self, entries: impl IntoIterator<Item = LogEntry>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend(entries.into_iter().map(|e| (e.request.key.clone(), e)));
    }

    /// Every charge so far, by key.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Charges. The second value is the new log entry, if the key is new.
    #[must_use]
    pub fn take(&self, request: &ChargeRequest) -> (Reply, Option<LogEntry>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = log.get(&request.key) {
            let same = entry.request.amount == request.amount && entry.request.token == request.token;
            let reply = if same { Reply::Outcome(entry.outcome.clone()) } else { Reply::KeyReused };
            return (reply, None);
        }
        if request.token == "pm_sandbox_unreachable" {
            return (Reply::Silence, None);
        }
        let outcome = self.decide(request);
        let entry = LogEntry { request: request.clone(), outcome: outcome.clone() };
        log.insert(request.key.clone(), entry.clone());
        let lost = request.token == "pm_sandbox_answerLost";
        (if lost { Reply::Silence } else { Reply::Outcome(outcome) }, Some(entry))
    }

    /// What became of the charge with this key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<ChargeOutcome> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(|e| e.outcome.clone())
    }

    /// The customer did what was asked (strong authentication), or did not.
    pub fn complete_action(&self, key: &str, agreed: bool, at: Instant) -> Option<ChargeOutcome> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = log.get_mut(key)?;
        if let ChargeOutcome::ActionRequired { reference, .. } = &entry.outcome {
            entry.outcome = if agreed {
                ChargeOutcome::Succeeded { reference: reference.clone(), at }
            } else {
                declined(Some(reference.clone()), "authentication_failed", at)
            };
        }
        Some(entry.outcome.clone())
    }

    fn decide(&self, request: &ChargeRequest) -> ChargeOutcome {
        let reference = format!("ch_{}", crate::authorize::sha256_hex(&request.key).get(..20).unwrap_or_default());
        let code = match request.token.as_str() {
            "pm_card_visa_chargeDeclined" => Some("generic_decline"),
            "pm_card_visa_chargeDeclinedInsufficientFunds" => Some("insufficient_funds"),
            "pm_card_visa_chargeDeclinedLostCard" => Some("lost_card"),
            "pm_card_visa_chargeDeclinedStolenCard" => Some("stolen_card"),
            "pm_card_chargeDeclinedExpiredCard" => Some("expired_card"),
            "pm_card_chargeDeclinedProcessingError" => Some("processing_error"),
            "pm_card_authenticationRequired" => {
                let action = format!("https://sandbox.invalid/authenticate/{}", request.key);
                return ChargeOutcome::ActionRequired { reference, action };
            }
            // Stripe's "attaches but fails when charged later": first payment works, renewals do not.
            "pm_card_chargeCustomerFail" if !request.key.contains("-p1:") => Some("generic_decline"),
            _ => self.draw(&request.key),
        };
        match code {
            Some(code) => declined(Some(reference), code, request.at),
            None => ChargeOutcome::Succeeded { reference, at: request.at },
        }
    }

    fn draw(&self, key: &str) -> Option<&'static str> {
        let declines = self.declines.as_ref()?;
        let digest = Sha256::digest(format!("{}/{key}", declines.seed));
        let number = |i: usize| u32::from(digest[i]) << 8 | u32::from(digest[i + 1]);
        let opening = key.contains("-p1:");
        let first = key.ends_with(":1");
        let limit = if first { declines.first_per_mille } else { declines.later_per_mille };
        if opening || number(0) % 1000 >= limit {
            return None;
        }
        let mut point = number(2) % 100;
        DRAWN.iter().find_map(|(code, weight)| {
            let here = point < *weight;
            point = point.saturating_sub(*weight);
            here.then_some(*code)
        })
    }
}

/// A decline with the class that follows from its code.
#[must_use]
pub fn declined(reference: Option<String>, code: &str, at: Instant) -> ChargeOutcome {
    let hard = ["lost_card", "stolen_card", "expired_card", "authentication_failed", "pickup_card", "do_not_try_again"];
    let class = if hard.contains(&code) { DeclineClass::Hard } else { DeclineClass::Soft };
    ChargeOutcome::Declined { reference, code: code.into(), class, at }
}

#[async_trait]
impl Gateway for Sandbox {
    fn declaration(&self) -> GatewayDeclaration {
        DECLARATION
    }

    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        match self.take(&ChargeRequest::new(claim, customer)).0 {
            Reply::Outcome(outcome) => outcome,
            Reply::KeyReused => ChargeOutcome::Unknown { why: "the key was used with another request".into() },
            Reply::Silence => ChargeOutcome::Unknown { why: "no answer".into() },
        }
    }

    async fn look_up(&self, claim: &Claim) -> Lookup {
        self.find(&claim.key).map_or(Lookup::NotFound { authoritative: true }, Lookup::Found)
    }

    async fn refund(&self, claim: &RefundClaim, customer: &CustomerId) -> RefundOutcome {
        match self.take_back(&RefundRequest::new(claim, customer)).0 {
            Reply::Outcome(outcome) => outcome,
            Reply::KeyReused => RefundOutcome::Unknown { why: "the key was used with another request".into() },
            Reply::Silence => RefundOutcome::Unknown { why: "no answer".into() },
        }
    }

    async fn look_up_refund(&self, claim: &RefundClaim) -> Lookup<RefundOutcome> {
        self.find_refund(&claim.key).map_or(Lookup::NotFound { authoritative: true }, Lookup::Found)
    }
}
