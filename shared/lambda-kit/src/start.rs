//! Start-up and the two run loops: HTTP requests, and events.
//!
//! Exists so that every `main` reads the same: configuration, clients, handler. What goes wrong before the first
//! request is one log line that says what to mend.

use std::{convert::Infallible, process::ExitCode};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::Either;
use lambda_http::{Body, Context, Request, RequestExt, service_fn};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{http::Reply, logs};

/// Runs a function: sets up its logs, then `work`; an error of `work` is logged with its causes.
pub async fn function(work: impl Future<Output = Result<(), Error>>) -> ExitCode {
    logs::init();
    match work.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = logs::chain(error.as_ref()), "the function cannot start");
            ExitCode::FAILURE
        }
    }
}

/// Answers HTTP requests (function URL or HTTP API) until the environment ends.
///
/// # Errors
/// When Lambda's runtime interface is not there.
pub async fn http<F, Fut>(handle: F) -> Result<(), Error>
where
    F: Fn(Request) -> Fut,
    Fut: Future<Output = Reply> + Send,
{
    lambda_http::run(service_fn(|request| {
        let reply = handle(request);
        async { Ok::<_, Infallible>(reply.await) }
    }))
    .await
}

/// Answers HTTP requests of a function URL and works on batches of a queue, in one function. The two are told apart by
/// what they look like: only a batch has `Records`.
///
/// # Errors
/// When Lambda's runtime interface is not there.
pub async fn http_and_batches<H, A, B, D>(handle: H, batch: B) -> Result<(), Error>
where
    H: Fn(Request) -> A,
    A: Future<Output = Reply>,
    B: Fn(SqsEvent) -> D,
    D: Future<Output = SqsBatchResponse>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let work = arrived(event.payload, event.context).map(|arrived| match arrived {
            Either::Left(request) => Either::Left(handle(request)),
            Either::Right(records) => Either::Right(batch(records)),
        });
        async {
            match work? {
                Either::Left(reply) => Ok::<Value, Error>(url_reply(&reply.await)),
                Either::Right(response) => Ok(serde_json::to_value(response.await)?),
            }
        }
    }))
    .await
}

fn arrived(payload: Value, context: Context) -> Result<Either<Request, SqsEvent>, Error> {
    if payload.get("Records").is_some() {
        return Ok(Either::Right(serde_json::from_value(payload)?));
    }
    Ok(Either::Left(lambda_http::request::from_str(&payload.to_string())?.with_lambda_context(context)))
}

/// A reply as a function URL takes it.
fn url_reply(reply: &Reply) -> Value {
    let headers: Map<String, Value> = reply
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
        .collect();
    let body = match reply.body() {
        Body::Text(text) => text.as_str(),
        // No reply of ours is anything but text.
        _ => "",
    };
    json!({"statusCode": reply.status().as_u16(), "headers": headers, "body": body, "isBase64Encoded": false})
}

/// Handles events until the environment ends. A failure is logged with its causes and reported to Lambda, which sends
/// the event again or to its failure queue.
///
/// # Errors
/// When Lambda's runtime interface is not there.
pub async fn events<E, R, X, F, Fut>(handle: F) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    X: std::error::Error + 'static,
    F: Fn(E) -> Fut,
    Fut: Future<Output = Result<R, X>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| {
        let outcome = handle(event.payload);
        async {
            outcome.await.map_err(|error| {
                tracing::error!(cause = logs::chain(&error), "the event failed");
                error.to_string()
            })
        }
    }))
    .await
}

/// As [`events`], for batches that report their failures themselves.
///
/// # Errors
/// When Lambda's runtime interface is not there.
pub async fn batches<E, R, F, Fut>(handle: F) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    F: Fn(E) -> Fut,
    Fut: Future<Output = R>,
{
    events(|event| {
        let report = handle(event);
        async { Ok::<_, Infallible>(report.await) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_and_a_request_are_told_apart() {
        let batch = include_str!("../../../infra/events/renew.json");
        let request = include_str!("../../../infra/events/change-plan.json");
        let read = |text: &str| arrived(serde_json::from_str(text).unwrap(), Context::default()).unwrap();
        assert!(matches!(read(batch), Either::Right(records) if records.records.len() == 2));
        assert!(matches!(read(request), Either::Left(request) if request.uri().path() == "/change-plan"));
    }

    #[test]
    fn a_reply_is_what_a_function_url_takes() {
        let reply = crate::http::json(200, &json!({"recorded": 1})).ok().unwrap();
        let expected = json!({
            "statusCode": 200, "headers": {"content-type": "application/json"}, "body": "{\"recorded\":1}", "isBase64Encoded": false,
        });
        assert_eq!(url_reply(&reply), expected);
    }
}
