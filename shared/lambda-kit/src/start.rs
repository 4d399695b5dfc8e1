//! Start-up and the two run loops: HTTP requests, and events.
//!
//! Exists so that every `main` reads the same: configuration, clients, handler. What goes wrong before the first
//! request is one log line that says what to mend.

use std::{convert::Infallible, process::ExitCode};

use lambda_http::{Request, service_fn};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};

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
