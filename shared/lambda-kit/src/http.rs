//! HTTP: strict requests in, JSON or problems out.
//!
//! Exists because a function URL checks nothing (no validation, no size limit below 6 MB): route, key, size, encoding,
//! headers, body and card numbers are looked at here, in this order, before a use case sees anything.

mod body;
mod card;
mod headers;
mod problem;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
pub use lambda_http::{Body, Request};
use lambda_http::{
    RequestExt, Response,
    http::{HeaderValue, StatusCode, header},
};
use serde::Serialize;
use tracing::Instrument;

pub use self::{
    body::{BODY_BYTES_MAX, json_bytes, parse, raw_bytes},
    card::find as find_card_number,
    headers::{idempotency_key, if_match, one as one_header, storefront},
    problem::Problem,
};

/// What a handler answers.
pub type Reply = Response<Body>;

/// Longest id of the caller's that is taken over into logs and replies, in bytes.
const ID_BYTES_MAX: usize = 128;

/// Runs `work` for a request: its logs carry the request's ids, its problems and panics become replies, and the reply
/// carries the ids back.
pub async fn answer(request: &Request, work: impl Future<Output = Result<Reply, Problem>>) -> Reply {
    let (request_id, correlation_id) = ids(request);
    let (method, path) = (request.method().as_str(), logged_path(request));
    let span = tracing::info_span!("request", function_request_id = request_id, correlation_id, method, path);
    let mut reply = async {
        let reply = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(reply)) => reply,
            Ok(Err(problem)) => {
                problem.log();
                problem.reply()
            }
            // The panic hook has said where.
            Err(_) => Problem::internal().reply(),
        };
        tracing::info!(status = reply.status().as_u16(), "answered");
        reply
    }
    .instrument(span)
    .await;
    for (name, id) in [("x-request-id", request_id), ("x-correlation-id", correlation_id)] {
        if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
            reply.headers_mut().insert(name, value);
        }
    }
    // Customers' data must not stay in anybody's cache.
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The request's id (Lambda's, else the caller's) and the id that joins it with other requests.
fn ids(request: &Request) -> (Option<String>, Option<String>) {
    let own = request.lambda_context_ref().map(|c| c.request_id.clone());
    let sent = |name| {
        let text = request.headers().get(name)?.to_str().ok()?;
        let plain = (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        // Whoever sends a card number as an id must not find it in a log.
        (plain && !card::is_in(text)).then(|| text.to_owned())
    };
    let request_id = own.or_else(|| sent("x-request-id"));
    let correlation_id = sent("x-correlation-id").or_else(|| sent("x-request-id")).or_else(|| request_id.clone());
    (request_id, correlation_id)
}

/// The path as logs may hold it.
fn logged_path(request: &Request) -> &str {
    let path = request.uri().path();
    if path.len() > 256 || card::is_in(path) { "(left out)" } else { path }
}

/// Lets only `method` on `path` pass.
///
/// # Errors
/// 404 for another path, 405 for another method.
pub fn route(request: &Request, method: &'static str, path: &str) -> Result<(), Problem> {
    if request.uri().path() != path {
        return Err(Problem::no_route());
    }
    only(request, method)
}

/// Lets only `method` pass.
///
/// # Errors
/// 405 with `Allow`.
pub fn only(request: &Request, method: &'static str) -> Result<(), Problem> {
    if request.method().as_str() == method { Ok(()) } else { Err(Problem::method_not_allowed(method)) }
}

/// A reply of JSON.
///
/// # Errors
/// 500 when `value` cannot be written, which would be our mistake.
pub fn json(status: u16, value: &impl Serialize) -> Result<Reply, Problem> {
    let text = serde_json::to_string(value).map_err(|e| Problem::internal().because(&e))?;
    Ok(reply(status, "application/json", Body::Text(text)))
}

/// A reply without a body.
#[must_use]
pub fn no_content() -> Reply {
    let mut reply = Response::new(Body::Empty);
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Adds the version as `ETag`, for the caller's next `If-Match`.
#[must_use]
pub fn with_etag(mut reply: Reply, version: u64) -> Reply {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        reply.headers_mut().insert(header::ETAG, value);
    }
    reply
}

fn reply(status: u16, content_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let builder = lambda_http::http::Request::builder().method(method).uri(path);
        headers.iter().fold(builder, |b, (n, v)| b.header(*n, *v)).body(Body::Empty).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_one_500_without_its_words() {
        let reply = answer(&request("GET", "/x", &[]), async { panic!("canary") }).await;
        assert_eq!(reply.status(), 500);
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        assert!(!String::from_utf8_lossy(reply.body()).contains("canary"));
    }

    #[tokio::test]
    async fn ids_are_echoed_and_strange_ones_are_not() {
        let sent = [("x-request-id", "req-1"), ("x-correlation-id", "cor-1")];
        let reply = answer(&request("GET", "/x", &sent), async { Ok(no_content()) }).await;
        assert_eq!(
            (&reply.headers()["x-request-id"], &reply.headers()["x-correlation-id"]),
            (&HeaderValue::from_static("req-1"), &HeaderValue::from_static("cor-1"))
        );
        let strange = [("x-request-id", "a b"), ("x-correlation-id", "4242424242424242")];
        let reply = answer(&request("GET", "/x", &strange), async { Ok(no_content()) }).await;
        assert!(reply.headers().get("x-request-id").is_none() && reply.headers().get("x-correlation-id").is_none());
    }

    #[test]
    fn only_the_one_route_passes() {
        assert!(route(&request("POST", "/signup", &[]), "POST", "/signup").is_ok());
        assert_eq!(route(&request("POST", "/signup/", &[]), "POST", "/signup").unwrap_err().status(), 404);
        let refused = route(&request("GET", "/signup", &[]), "POST", "/signup").unwrap_err().reply();
        assert_eq!((refused.status().as_u16(), &refused.headers()["allow"]), (405, &HeaderValue::from_static("POST")));
    }
}
