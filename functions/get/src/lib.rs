//! `GET /customers/{id}` and below: what is known about a customer, and what the customer may use.
//!
//! Exists as the thin edge of [`usecases::get`]. Routes:
//!
//! | path | answer |
//! |---|---|
//! | `/customers/{id}` | the customer with contracts and entitlements |
//! | `/customers/{id}/history` | facts, oldest first |
//! | `/customers/{id}/invoices` | invoices, newest first |
//! | `/customers/{id}/invoices/{invoice}` | one invoice with its lines and their explanations |
//! | `/customers/{id}/entitlements` | what may be used right now |

use lambda_kit::http::{self, Problem, Reply, Request};
use usecases::{get, ports::Ledger};

/// What the handler works with.
#[derive(Clone)]
pub struct Deps {
    /// Store, operations, clocks, ids.
    pub ledger: Ledger,
}

/// Answers a request; whatever happens is a reply.
pub async fn handle(deps: &Deps, request: Request) -> Reply {
    // Boxed: what a use case keeps while it waits is too large for its callers' stacks.
    http::answer(&request, Box::pin(respond(deps, &request))).await
}

enum Route<'a> {
    Customer,
    History,
    Invoices,
    Invoice(&'a str),
    Entitlements,
}

fn route(path: &str) -> Option<(&str, Route<'_>)> {
    let mut parts = path.strip_prefix("/customers/")?.split('/');
    let customer = parts.next().filter(|id| !id.is_empty())?;
    let route = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => Route::Customer,
        (Some("history"), None, _) => Route::History,
        (Some("invoices"), None, _) => Route::Invoices,
        (Some("invoices"), Some(id), None) if !id.is_empty() => Route::Invoice(id),
        (Some("entitlements"), None, _) => Route::Entitlements,
        _ => return None,
    };
    Some((customer, route))
}

async fn respond(deps: &Deps, request: &Request) -> Result<Reply, Problem> {
    let (customer, route) = route(request.uri().path()).ok_or_else(Problem::no_route)?;
    http::only(request, "GET")?;
    let ledger = &deps.ledger;
    http::storefront(ledger.operations.as_ref(), request).await?;
    match route {
        Route::Customer => http::json(200, &get::customer(ledger, customer).await?),
        Route::History => http::json(200, &get::history(ledger, customer).await?),
        Route::Invoices => http::json(200, &get::invoices(ledger, customer).await?),
        Route::Invoice(id) => http::json(200, &get::invoice(ledger, customer, id).await?),
        Route::Entitlements => http::json(200, &get::entitlements_of(ledger, customer).await?),
    }
}
