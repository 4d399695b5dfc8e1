//! `POST /gateway-event`: signed news from the payment gateway, through the same transition as a synchronous answer.
//!
//! Exists as the thin edge of [`usecases::gateway_event`]. Anybody can post here, so the raw bytes are verified before
//! anything reads them, and a bad signature has no effect and learns nothing.

use billing::{gateway::GatewayEvent, refusal::Refusal};
use gateways::webhook::{self, Headers, NoticeBody, Reject, Secret};
use lambda_kit::http::{self, Problem, Reply, Request};
use usecases::{
    gateway_event::{Notice, gateway_event},
    ports::Ledger,
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
    /// Secrets that news may be signed with.
    pub secrets: Vec<Secret>,
}

/// Answers a request; whatever happens is a reply. 204: applied, now or before. 404: not ours. 401: not believed.
pub async fn handle(deps: &Deps, request: Request) -> Reply {
    // Boxed: what a use case keeps while it waits is too large for its callers' stacks.
    http::answer(&request, Box::pin(respond(deps, &request))).await
}

async fn respond(deps: &Deps, request: &Request) -> Result<Reply, Problem> {
    http::route(request, "POST", "/gateway-event")?;
    let body = http::raw_bytes(request)?;
    verified(deps, request, body).map_err(|reject| Problem::new(401, "bad_signature", reject.to_string()))?;
    let NoticeBody { customer, event } = http::parse(body)?;
    if matches!(&event, GatewayEvent::Received { customer: payer, .. } if *payer != customer) {
        let detail = "names another customer than the event".into();
        return Err(Refusal::InvalidField { field: "customer", detail }.into());
    }
    gateway_event(&deps.ledger, Notice { customer, event }).await?;
    Ok(http::no_content())
}

fn verified(deps: &Deps, request: &Request, body: &[u8]) -> Result<(), Reject> {
    let header = |name| http::one_header(request, name).ok().flatten().ok_or(Reject::Malformed);
    let (id, timestamp) = (header(webhook::ID)?, header(webhook::TIMESTAMP)?);
    let headers = Headers { id, timestamp, signature: header(webhook::SIGNATURE)? };
    webhook::verify(headers, body, &deps.secrets, deps.ledger.clocks.wall())
}
