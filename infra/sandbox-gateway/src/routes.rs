//! The routes.

use std::sync::{Arc, PoisonError};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use billing::{
    calendar::Instant,
    gateway::{ChargeOutcome, GatewayEvent, RefundOutcome},
};
use gateways::sandbox::{NO_SUCH_CHARGE, NO_SUCH_REFUND};
use serde::{Deserialize, Serialize};
use usecases::sandbox::{ChargeRequest, LogEntry, RefundEntry, RefundRequest, Reply};

use crate::{SandboxState, Silence, Transfer, log::Line};

/// Largest body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the customer did about a payment that needs an action, or the customer's bank about a refund.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Whether the customer agreed, or the bank took the money.
    pub agreed: bool,
    /// When, in business time; the charge's or refund's own instant when absent.
    #[serde(default)]
    pub at: Option<Instant>,
}

/// The sandbox as an axum router. Where it is served by something else than [`crate::serve`], tokens that hang up
/// answer 504 instead, which means as little.
pub fn router(state: Arc<SandboxState>) -> Router {
    Router::new()
        .route("/charges", post(charge))
        .route("/charges/{key}", get(find))
        .route("/charges/{key}/complete", post(complete))
        .route("/refunds", post(refund))
        .route("/refunds/{key}", get(find_refund))
        .route("/refunds/{key}/complete", post(complete_refund))
        .route("/transfers", post(transfer))
        .route("/log", get(log))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

fn says(status: StatusCode, error: &str) -> Response {
    (status, Json(serde_json::json!({ "error": error }))).into_response()
}

fn shown(outcome: &ChargeOutcome) -> Response {
    let declined = matches!(outcome, ChargeOutcome::Declined { .. });
    let status = if declined { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    (status, Json(outcome)).into_response()
}

fn not_written(error: &std::io::Error) -> Response {
    tracing::error!(%error, "the log cannot be written");
    says(StatusCode::INTERNAL_SERVER_ERROR, "log_not_written")
}

async fn charge(
    State(state): State<Arc<SandboxState>>,
    headers: HeaderMap,
    Json(request): Json<ChargeRequest>,
) -> Response {
    if !has_key(&headers, &request.key) {
        return says(StatusCode::BAD_REQUEST, "idempotency_key_missing");
    }
    let (reply, entry) = state.sandbox.take(&request);
    let new = entry.map(Line::Charge);
    if let Some(Err(error)) = new.as_ref().map(|line| state.append(line)) {
        return not_written(&error);
    }
    match reply {
        Reply::Outcome(outcome) => shown(&outcome),
        Reply::KeyReused => says(StatusCode::CONFLICT, "key_reused"),
        Reply::Silence => {
            if let Some(Line::Charge(entry)) = new {
                tell_settled(&state, entry);
            }
            silence()
        }
    }
}

fn has_key(headers: &HeaderMap, key: &str) -> bool {
    headers.get("idempotency-key").is_some_and(|header| header.as_bytes() == key.as_bytes())
}

fn silence() -> Response {
    let mut response = says(StatusCode::GATEWAY_TIMEOUT, "silence");
    response.extensions_mut().insert(Silence);
    response
}

fn tell_settled(state: &SandboxState, LogEntry { request, outcome }: LogEntry) {
    if let Some(hook) = &state.hook {
        hook.tell(request.customer, GatewayEvent::Settled { key: request.key, outcome });
    }
}

async fn find(State(state): State<Arc<SandboxState>>, Path(key): Path<String>) -> Response {
    match state.sandbox.find(&key) {
        // A look-up succeeds whatever it finds.
        Some(outcome) => Json(outcome).into_response(),
        None => says(StatusCode::NOT_FOUND, NO_SUCH_CHARGE),
    }
}

async fn complete(
    State(state): State<Arc<SandboxState>>,
    Path(key): Path<String>,
    Json(completion): Json<Completion>,
) -> Response {
    let Some(before) = state.entry(&key) else { return says(StatusCode::NOT_FOUND, NO_SUCH_CHARGE) };
    let at = completion.at.unwrap_or(before.request.at);
    let Some(outcome) = state.sandbox.complete_action(&key, completion.agreed, at) else {
        return says(StatusCode::NOT_FOUND, NO_SUCH_CHARGE);
    };
    let entry = LogEntry { request: before.request, outcome: outcome.clone() };
    if let Err(error) = state.append(&Line::Charge(entry.clone())) {
        return not_written(&error);
    }
    tell_settled(&state, entry);
    shown(&outcome)
}

fn shown_refund(outcome: &RefundOutcome) -> Response {
    let failed = matches!(outcome, RefundOutcome::Failed { .. });
    let status = if failed { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    (status, Json(outcome)).into_response()
}

async fn refund(
    State(state): State<Arc<SandboxState>>,
    headers: HeaderMap,
    Json(request): Json<RefundRequest>,
) -> Response {
    if !has_key(&headers, &request.key) {
        return says(StatusCode::BAD_REQUEST, "idempotency_key_missing");
    }
    let (reply, entry) = state.sandbox.take_back(&request);
    if let Some(Err(error)) = entry.clone().map(|entry| state.append(&Line::Refund(entry))) {
        return not_written(&error);
    }
    match reply {
        Reply::Outcome(outcome) => shown_refund(&outcome),
        Reply::KeyReused => says(StatusCode::CONFLICT, "key_reused"),
        Reply::Silence => {
            if let Some(entry) = entry {
                tell_refunded(&state, entry);
            }
            silence()
        }
    }
}

fn tell_refunded(state: &SandboxState, RefundEntry { request, outcome }: RefundEntry) {
    if let Some(hook) = &state.hook {
        hook.tell(request.customer, GatewayEvent::Refunded { key: request.key, outcome });
    }
}

async fn find_refund(State(state): State<Arc<SandboxState>>, Path(key): Path<String>) -> Response {
    match state.sandbox.find_refund(&key) {
        Some(outcome) => Json(outcome).into_response(),
        None => says(StatusCode::NOT_FOUND, NO_SUCH_REFUND),
    }
}

async fn complete_refund(
    State(state): State<Arc<SandboxState>>,
    Path(key): Path<String>,
    Json(completion): Json<Completion>,
) -> Response {
    let before = state.sandbox.refunds().into_iter().find(|entry| entry.request.key == key);
    let Some(RefundEntry { request, .. }) = before else { return says(StatusCode::NOT_FOUND, NO_SUCH_REFUND) };
    let at = completion.at.unwrap_or(request.at);
    let Some(outcome) = state.sandbox.settle_refund(&key, completion.agreed, at) else {
        return says(StatusCode::NOT_FOUND, NO_SUCH_REFUND);
    };
    let entry = RefundEntry { request, outcome: outcome.clone() };
    if let Err(error) = state.append(&Line::Refund(entry.clone())) {
        return not_written(&error);
    }
    tell_refunded(&state, entry);
    shown_refund(&outcome)
}

async fn transfer(State(state): State<Arc<SandboxState>>, Json(transfer): Json<Transfer>) -> Response {
    let Some(hook) = &state.hook else { return says(StatusCode::SERVICE_UNAVAILABLE, "no_webhook") };
    {
        let mut known = state.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&transfer.reference) {
            Some(earlier) if *earlier != transfer => return says(StatusCode::CONFLICT, "reference_reused"),
            Some(_) => {}
            None => {
                if let Err(error) = state.append(&Line::Transfer(transfer.clone())) {
                    return not_written(&error);
                }
                known.insert(transfer.reference.clone(), transfer.clone());
            }
        }
    }
    let Transfer { customer, invoice, amount, reference, at } = transfer.clone();
    hook.tell(customer.clone(), GatewayEvent::Received { customer, invoice, amount, reference, at });
    (StatusCode::ACCEPTED, Json(transfer)).into_response()
}

async fn log(State(state): State<Arc<SandboxState>>) -> Response {
    Json(state.log()).into_response()
}
