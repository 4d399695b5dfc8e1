//! The sandbox gateway over HTTP, as if it were a provider.
//!
//! Exists so that a stack and a laptop take the same path as with a real provider: a request with a key, an answer that
//! may get lost, a look-up by key, signed news. The server is `infra/sandbox-gateway`.

use async_trait::async_trait;
use billing::{
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, RefundClaim},
};
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use usecases::{
    ports::Gateway,
    sandbox::{ChargeRequest, DECLARATION, RefundRequest},
};

use crate::http::{Answer, NoAnswer, send};

/// What the server says when it knows no charge with a key. A 404 without it comes from somewhere else (a wrong
/// address, a proxy) and proves nothing.
pub const NO_SUCH_CHARGE: &str = "no_such_charge";

/// The same about a refund.
pub const NO_SUCH_REFUND: &str = "no_such_refund";

/// The adapter.
#[derive(Clone)]
pub struct SandboxGateway {
    base_url: String,
    client: Client,
}

impl SandboxGateway {
    /// The sandbox at `base_url` (`http://127.0.0.1:4242`), through [`crate::http::client`].
    #[must_use]
    pub fn new(base_url: impl AsRef<str>, client: Client) -> Self {
        Self { base_url: base_url.as_ref().trim_end_matches('/').to_owned(), client }
    }
}

#[async_trait]
impl Gateway for SandboxGateway {
    fn declaration(&self) -> GatewayDeclaration {
        DECLARATION
    }

    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        let body = ChargeRequest::new(claim, customer);
        let request = self.client.post(format!("{}/charges", self.base_url)).header("Idempotency-Key", &claim.key);
        charged(send(request.json(&body)).await)
    }

    async fn look_up(&self, claim: &Claim) -> Lookup {
        // A key is made of an invoice id, a colon and a number: nothing in it needs escaping.
        looked_up(send(self.client.get(format!("{}/charges/{}", self.base_url, claim.key))).await, NO_SUCH_CHARGE)
    }

    async fn refund(&self, claim: &RefundClaim, customer: &CustomerId) -> RefundOutcome {
        let body = RefundRequest::new(claim, customer);
        let request = self.client.post(format!("{}/refunds", self.base_url)).header("Idempotency-Key", &claim.key);
        refunded(send(request.json(&body)).await)
    }

    async fn look_up_refund(&self, claim: &RefundClaim) -> Lookup<RefundOutcome> {
        looked_up(send(self.client.get(format!("{}/refunds/{}", self.base_url, claim.key))).await, NO_SUCH_REFUND)
    }
}

/// What an answer to a charge means.
#[must_use]
pub fn charged(answer: Result<Answer, NoAnswer>) -> ChargeOutcome {
    outcome(answer).unwrap_or_else(|why| ChargeOutcome::Unknown { why })
}

/// What an answer to a refund means.
#[must_use]
pub fn refunded(answer: Result<Answer, NoAnswer>) -> RefundOutcome {
    outcome(answer).unwrap_or_else(|why| RefundOutcome::Unknown { why })
}

/// The outcome in an answer, or why there is none.
fn outcome<O: DeserializeOwned>(answer: Result<Answer, NoAnswer>) -> Result<O, String> {
    match answer {
        Err(why) => Err(why.to_string()),
        // A decline is 402 here, as it is with several providers; so is a refund that failed.
        Ok(Answer { status: 200 | 402, body }) => {
            serde_json::from_slice(&body).map_err(|_| "the answer cannot be read".into())
        }
        Ok(Answer { status: 409, .. }) => Err("the key was used with another request".into()),
        // Even "bad request" and "too many requests": only a look-up says that no money moved.
        Ok(Answer { status, .. }) => Err(format!("the gateway answered with status {status}")),
    }
}

/// What an answer to a look-up means; `none` is how the server says that it knows nothing under the key.
#[must_use]
pub fn looked_up<O: DeserializeOwned>(answer: Result<Answer, NoAnswer>, none: &str) -> Lookup<O> {
    match answer {
        Ok(Answer { status: 200, body }) => serde_json::from_slice(&body).map_or(Lookup::Unavailable, Lookup::Found),
        Ok(Answer { status: 404, body }) if says(&body, none) => Lookup::NotFound { authoritative: true },
        _ => Lookup::Unavailable,
    }
}

fn says(body: &[u8], what: &str) -> bool {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    serde_json::from_slice::<Said>(body).is_ok_and(|said| said.error == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Answer, NoAnswer> {
        Ok(Answer { status, body: body.as_bytes().to_vec() })
    }

    const PAID: &str = r#"{"outcome":"succeeded","reference":"ch_1","at":"2027-01-15T09:00:00Z"}"#;

    #[test]
    fn only_a_readable_answer_with_the_right_status_is_definitive() {
        assert!(matches!(charged(answer(200, PAID)), ChargeOutcome::Succeeded { .. }));
        let declined =
            r#"{"outcome":"declined","reference":null,"code":"lost_card","class":"hard","at":"2027-01-15T09:00:00Z"}"#;
        assert!(matches!(charged(answer(402, declined)), ChargeOutcome::Declined { .. }));
        for status in [201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504] {
            assert!(matches!(charged(answer(status, PAID)), ChargeOutcome::Unknown { .. }), "{status}");
        }
        for body in ["", "<html>", "{}", r#"{"outcome":"succeeded"}"#, &PAID[..40]] {
            assert!(matches!(charged(answer(200, body)), ChargeOutcome::Unknown { .. }), "{body}");
        }
    }

    #[test]
    fn a_refund_is_read_as_strictly_as_a_charge() {
        assert!(matches!(refunded(answer(200, PAID)), RefundOutcome::Succeeded { .. }));
        let pending = r#"{"outcome":"pending","reference":"re_1"}"#;
        assert!(matches!(refunded(answer(200, pending)), RefundOutcome::Pending { .. }));
        let failed = r#"{"outcome":"failed","reference":null,"code":"x","at":"2027-01-15T09:00:00Z"}"#;
        assert!(matches!(refunded(answer(402, failed)), RefundOutcome::Failed { .. }));
        for (status, body) in [(500, failed), (409, PAID), (404, failed), (200, "<html>"), (200, &PAID[..40])] {
            assert!(matches!(refunded(answer(status, body)), RefundOutcome::Unknown { .. }), "{status} {body}");
        }
        assert!(matches!(refunded(Err(NoAnswer::Late)), RefundOutcome::Unknown { .. }));
    }

    #[test]
    fn not_found_counts_only_in_the_gateways_own_words() {
        let looked_up = |answer| looked_up::<ChargeOutcome>(answer, NO_SUCH_CHARGE);
        let own = r#"{"error":"no_such_charge"}"#;
        let of_refunds = r#"{"error":"no_such_refund"}"#;
        assert_eq!(looked_up(answer(404, own)), Lookup::NotFound { authoritative: true });
        for (status, body) in
            [(404, "<html>not here</html>"), (404, "{}"), (404, of_refunds), (500, own), (200, "junk"), (302, PAID)]
        {
            assert_eq!(looked_up(answer(status, body)), Lookup::Unavailable, "{status} {body}");
        }
        assert_eq!(looked_up(Err(NoAnswer::Late)), Lookup::Unavailable);
        assert!(matches!(looked_up(answer(200, PAID)), Lookup::Found(ChargeOutcome::Succeeded { .. })));
    }
}
