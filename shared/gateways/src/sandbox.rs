//! The sandbox gateway over HTTP, as if it were a provider.
//!
//! Exists so that a stack and a laptop take the same path as with a real provider: a request with a key, an answer that
//! may get lost, a look-up by key, signed news. The server is `infra/sandbox-gateway`.

use async_trait::async_trait;
use billing::{
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup},
    ids::CustomerId,
    invoice::Claim,
};
use reqwest::Client;
use serde::Deserialize;
use usecases::{
    ports::Gateway,
    sandbox::{ChargeRequest, DECLARATION},
};

use crate::http::{Answer, NoAnswer, send};

/// What the server says when it knows no charge with a key. A 404 without it comes from somewhere else (a wrong
/// address, a proxy) and proves nothing.
pub const NO_SUCH_CHARGE: &str = "no_such_charge";

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
        looked_up(send(self.client.get(format!("{}/charges/{}", self.base_url, claim.key))).await)
    }
}

/// What an answer to a charge means.
#[must_use]
pub fn charged(answer: Result<Answer, NoAnswer>) -> ChargeOutcome {
    let unknown = |why: String| ChargeOutcome::Unknown { why };
    match answer {
        Err(why) => unknown(why.to_string()),
        // A decline is 402 here, as it is with several providers.
        Ok(Answer { status: 200 | 402, body }) => match serde_json::from_slice(&body) {
            Ok(outcome) => outcome,
            Err(_) => unknown("the answer cannot be read".into()),
        },
        Ok(Answer { status: 409, .. }) => unknown("the key was used with another request".into()),
        // Even "bad request" and "too many requests": only a look-up says that no money moved.
        Ok(Answer { status, .. }) => unknown(format!("the gateway answered with status {status}")),
    }
}

/// What an answer to a look-up means.
#[must_use]
pub fn looked_up(answer: Result<Answer, NoAnswer>) -> Lookup {
    match answer {
        Ok(Answer { status: 200, body }) => serde_json::from_slice(&body).map_or(Lookup::Unavailable, Lookup::Found),
        Ok(Answer { status: 404, body }) if says_no_such_charge(&body) => Lookup::NotFound { authoritative: true },
        _ => Lookup::Unavailable,
    }
}

fn says_no_such_charge(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    serde_json::from_slice::<Said>(body).is_ok_and(|said| said.error == NO_SUCH_CHARGE)
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
    fn not_found_counts_only_in_the_gateways_own_words() {
        let own = r#"{"error":"no_such_charge"}"#;
        assert_eq!(looked_up(answer(404, own)), Lookup::NotFound { authoritative: true });
        for (status, body) in [(404, "<html>not here</html>"), (404, "{}"), (500, own), (200, "junk"), (302, PAID)] {
            assert_eq!(looked_up(answer(status, body)), Lookup::Unavailable, "{status} {body}");
        }
        assert_eq!(looked_up(Err(NoAnswer::Late)), Lookup::Unavailable);
        assert!(matches!(looked_up(answer(200, PAID)), Lookup::Found(ChargeOutcome::Succeeded { .. })));
    }
}
