//! `POST /signup`: a request becomes [`usecases::signup`], and its ending becomes a status.
//!
//! Exists as the thin edge of that verb: 201 active, 202 pending, 402 declined, 200 when the customer has to act.

use lambda_kit::http::{self, Problem, Reply, Request};
use usecases::{
    ports::{Gateways, Ledger},
    signup::{Caller, SignupStatus, signup},
};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
    /// The payment gateways.
    pub gateways: Gateways,
    /// The gateway that new payment methods belong to.
    pub default_gateway: String,
}

/// Answers a request; whatever happens is a reply.
pub async fn handle(deps: &Deps, request: Request) -> Reply {
    // Boxed: what a use case keeps while it waits is too large for its callers' stacks.
    http::answer(&request, Box::pin(respond(deps, &request))).await
}

async fn respond(deps: &Deps, request: &Request) -> Result<Reply, Problem> {
    http::route(request, "POST", "/signup")?;
    let storefront = http::storefront(deps.ledger.operations.as_ref(), request).await?;
    let body = http::json_bytes(request)?;
    let order = http::parse(body)?;
    let caller = Caller::new(storefront, http::idempotency_key(request)?, "signup", body);
    let reply = signup(&deps.ledger, &deps.gateways, &deps.default_gateway, &caller, order).await?;
    let status = match reply.status {
        SignupStatus::Active => 201,
        SignupStatus::Pending => 202,
        SignupStatus::Declined => 402,
        SignupStatus::ActionRequired => 200,
    };
    Ok(http::with_etag(http::json(status, &reply)?, reply.subscription.version))
}
