//! `perennial serve`: the functions on one localhost port, over a file, with the test clock as an API.
//!
//! Exists so that a shop's developer can wire a storefront on a laptop against the real thing.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use billing::calendar::Instant;
use chrono::{NaiveDate, NaiveTime, SecondsFormat, TimeDelta};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    catalog,
    failure::Failure,
    local::{self, Local, Settings},
};

/// Arguments of `perennial serve`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Port on 127.0.0.1.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder that survives a restart: table, sandbox log, events, key.
    #[arg(long, default_value = "perennial-data")]
    data: PathBuf,
    /// Catalog to publish at the start; when absent the starter catalog, if nothing was published into the folder yet.
    #[arg(long)]
    catalog: Option<PathBuf>,
}

/// Largest body that is read at all; the functions refuse from 64 KB on.
const READ_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Seconds between ticks.
const TICK_SECONDS: u64 = 1;

/// Farthest that one step of the clock may go, in days.
const STEP_DAYS_MAX: i64 = 3_660;

/// Runs until it is interrupted.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let folder = |e| Failure::io("create", &args.data, e);
    std::fs::create_dir_all(&args.data).map_err(folder)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await;
    let listener = listener.map_err(|e| Failure::because(format!("listen on 127.0.0.1:{}", args.port), e))?;
    let bound = listener.local_addr().map_err(|e| Failure::because("read the address", e))?;
    let url = format!("http://{bound}");
    let webhook_url = Some(format!("{url}/gateway-event"));
    let settings = Settings { data: args.data.clone(), shards: 1, declines: None, disposable: false, webhook_url };
    let local = Arc::new(Local::open(settings).await?);
    put_on_sale(&local, args.catalog.as_deref()).await?;
    println!("Perennial listens on {url}, data in {}", args.data.display());
    println!("Storefront key: {}", local.key());
    let ticking = tokio::spawn(tick(local.clone()));
    let served = axum::serve(listener, router(local)).with_graceful_shutdown(interrupted()).await;
    ticking.abort();
    served.map_err(|e| Failure::because("serve", e))
}

/// Publishes the file that was named; else the starter catalog, but only into an empty folder: what the merchant put on
/// sale meanwhile stays on sale.
async fn put_on_sale(local: &Local, file: Option<&Path>) -> Result<(), Failure> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).map_err(|e| Failure::io("read", file, e))?;
        return catalog::publish(local.store(), &catalog::parse(&text)?).await.map(|_| ());
    }
    if sells_something(local).await? {
        return Ok(());
    }
    catalog::publish(local.store(), &catalog::parse(catalog::STARTER)?).await.map(|_| ())
}

/// Whether any plan was ever published into the folder.
async fn sells_something(local: &Local) -> Result<bool, Failure> {
    let scan = local.client().scan().table_name(local::TABLE).filter_expression("begins_with(pk, :plans)");
    let scan = scan.expression_attribute_values(":plans", AttributeValue::S("catalog#plan#".into()));
    let mut pages = scan.into_paginator().send();
    while let Some(page) = pages.next().await {
        if page.map_err(|e| Failure::because("read the catalog", e))?.count() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn interrupted() {
    // If the signal cannot be waited for, the server runs until it is killed, which the table survives.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The schedule: what EventBridge Scheduler does every minute, a laptop does every second.
async fn tick(local: Arc<Local>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(TICK_SECONDS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0_u64;
    loop {
        ticks.tick().await;
        if let Err(failure) = local.settle().await {
            failure.print();
        }
        count += 1;
        if count.is_multiple_of(60) {
            local.sweep_ttl();
        }
    }
}

fn router(local: Arc<Local>) -> Router {
    Router::new()
        .route("/test-clock", get(clock).post(move_clock))
        .route("/events", get(events))
        .nest_service("/sandbox", sandbox_gateway::router(local.sandbox().state()))
        .fallback(function)
        .with_state(local)
}

/// Everything else goes to the functions, as it came.
async fn function(State(local): State<Arc<Local>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, READ_BYTES_MAX).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the request body is too large");
    };
    let reply = local.call(local::Request::from_parts(parts, local::Body::from(bytes.to_vec()))).await;
    let (parts, body) = reply.into_parts();
    Response::from_parts(parts, axum::body::Body::from(body.to_vec()))
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let kind = format!("urn:perennial:problem:{code}");
    let body = json!({ "type": kind, "title": title, "status": status.as_u16(), "code": code, "detail": detail });
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}

fn failed(failure: &Failure) -> Response {
    failure.print();
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "it did not work; the server's terminal says why")
}

async fn clock(State(local): State<Arc<Local>>) -> Response {
    match local.business().await {
        Ok(at) => Json(stand(at)).into_response(),
        Err(failure) => failed(&failure),
    }
}

fn stand(at: Instant) -> Value {
    json!({ "at": at.to_rfc3339_opts(SecondsFormat::Secs, true) })
}

/// Where to step: an instant or date, or days on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    days: Option<i64>,
}

async fn move_clock(State(local): State<Arc<Local>>, body: axum::body::Bytes) -> Response {
    let unprocessable = |detail: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail);
    let Ok(step) = serde_json::from_slice::<Step>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "invalid_body", r#"send {"to": "2027-02-01"} or {"days": 31}"#);
    };
    let now = match local.business().await {
        Ok(now) => now,
        Err(failure) => return failed(&failure),
    };
    let target = match (&step.to, step.days) {
        (Some(to), None) => instant(to),
        (None, Some(days)) if (0..=STEP_DAYS_MAX).contains(&days) => Some(now + TimeDelta::days(days)),
        _ => None,
    };
    let Some(target) = target else {
        return unprocessable("to must be a date that exists or an RFC 3339 instant; days must be 0 to 3660");
    };
    if target < now {
        return unprocessable("the test clock does not go back");
    }
    if target > now + TimeDelta::days(STEP_DAYS_MAX) {
        return unprocessable("one step goes at most 3660 days on");
    }
    let stepped = async {
        local.advance_to(target).await?;
        local.relay().await
    };
    match stepped.await {
        Ok(()) => Json(stand(target)).into_response(),
        Err(failure) => failed(&failure),
    }
}

fn instant(text: &str) -> Option<Instant> {
    let exact = chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    exact.or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc()))
}

async fn events(State(local): State<Arc<Local>>) -> Response {
    Json(local.events()).into_response()
}
