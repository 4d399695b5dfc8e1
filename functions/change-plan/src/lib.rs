//! `POST /change-plan`: change, cancel, keep, pause and resume a contract, and previews of all of them.
//!
//! Exists as the thin edge of [`usecases::change_plan`]; `If-Match` carries the version that the caller decided on.

use lambda_kit::http::{self, Problem, Reply, Request};
use usecases::{
    change_plan::{ChangeRequest, change_plan},
    ports::{Gateways, Ledger},
    signup::Caller,
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
    /// The payment gateways, for what they can do; none is called.
    pub gateways: Gateways,
}

/// Answers a request; whatever happens is a reply.
pub async fn handle(deps: &Deps, request: Request) -> Reply {
    // Boxed: what a use case keeps while it waits is too large for its callers' stacks.
    http::answer(&request, Box::pin(respond(deps, &request))).await
}

async fn respond(deps: &Deps, request: &Request) -> Result<Reply, Problem> {
    http::route(request, "POST", "/change-plan")?;
    let storefront = http::storefront(deps.ledger.operations.as_ref(), request).await?;
    let body = http::json_bytes(request)?;
    let change: ChangeRequest = http::parse(body)?;
    // A preview changes nothing, so a repetition of it needs no recognising.
    let key = if change.preview { String::new() } else { http::idempotency_key(request)? };
    let caller = Caller::new(storefront, key, "change-plan", body);
    let reply = change_plan(&deps.ledger, &deps.gateways, &caller, http::if_match(request)?, &change).await?;
    let version = reply.subscription.version;
    let reply = http::json(200, &reply)?;
    // A preview's version does not exist yet, and nobody should match on it.
    Ok(if change.preview { reply } else { http::with_etag(reply, version) })
}
