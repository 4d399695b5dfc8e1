//! News: signed, a moment later, again until it is taken.
//!
//! Exists because a provider's news comes on its own time, and at least once.

use std::time::Duration;

use billing::{gateway::GatewayEvent, ids::CustomerId};
use gateways::{
    http::{NoClient, TOTAL, client, send},
    webhook::{NoticeBody, Secret, sign},
};
use reqwest::Client;
use usecases::authorize::sha256_hex;

/// Waits between the tries.
const BACKOFF_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

/// Where news goes.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address of `gateway-event`.
    pub url: String,
    /// What news is signed with.
    pub secret: Secret,
    /// How long after the charge news is sent: long enough for the synchronous answer to be first, or lost.
    pub delay: Duration,
}

pub(crate) struct Hook {
    webhook: Webhook,
    client: Client,
}

impl Hook {
    pub(crate) fn new(webhook: Webhook) -> Result<Self, NoClient> {
        Ok(Self { webhook, client: client(TOTAL)? })
    }

    /// Sends news in the background.
    pub(crate) fn tell(&self, customer: CustomerId, event: GatewayEvent) {
        let (webhook, client) = (self.webhook.clone(), self.client.clone());
        match serde_json::to_vec(&NoticeBody { customer, event }) {
            Ok(body) => _ = tokio::spawn(deliver(webhook, client, body)),
            Err(error) => tracing::error!(%error, "the news cannot be written"),
        }
    }
}

async fn deliver(webhook: Webhook, client: Client, body: Vec<u8>) {
    tokio::time::sleep(webhook.delay).await;
    // The same news has the same id, however often it is sent.
    let id = format!("msg_{}", sha256_hex(&body).get(..24).unwrap_or_default());
    for wait in BACKOFF_SECONDS {
        let request = client.post(&webhook.url).header("content-type", "application/json");
        let signed = sign(&webhook.secret, &id, crate::clock::wall(), &body);
        let request = signed.into_iter().fold(request, |r, (name, value)| r.header(name, value));
        let answer = send(request.body(body.clone())).await;
        if answer.as_ref().is_ok_and(|a| (200..300).contains(&a.status)) {
            tracing::info!(id, "news was taken");
            return;
        }
        let status = answer.map(|a| a.status).unwrap_or_default();
        tracing::warn!(id, status, wait, "news was not taken; it is sent again");
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
    tracing::error!(id, "news was given up");
}
