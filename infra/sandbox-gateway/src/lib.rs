//! A payment provider on localhost, without money: [`usecases::sandbox`] behind HTTP, a log on disk, signed news.
//!
//! Exists so that a laptop and a test stack meet what a provider does to them: declines, answers that get lost, news
//! that comes first or twice, transfers out of nowhere. Never reachable from outside the machine.
//!
//! | request | answer |
//! |---|---|
//! | `POST /charges` [`usecases::sandbox::ChargeRequest`] | 200 or 402 with the outcome; 409 for a key with another request; a token can hang up |
//! | `GET /charges/{key}` | 200 with the outcome, or 404 `{"error":"no_such_charge"}` |
//! | `POST /charges/{key}/complete` [`Completion`] | the customer did what was asked: 200 with the outcome, and `settled` |
//! | `POST /refunds` [`usecases::sandbox::RefundRequest`] | 200 or 402 with the outcome; 409 for a key with another request; a token can hang up |
//! | `GET /refunds/{key}` | 200 with the outcome, or 404 `{"error":"no_such_refund"}` |
//! | `POST /refunds/{key}/complete` [`Completion`] | the bank decided a pending refund, or returned one that was done: the outcome, and `refunded` |
//! | `POST /transfers` [`Transfer`] | 202, and `received` |
//! | `GET /log` | 200 with everything: [`Log`] |
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]

mod clock;
mod hook;
mod log;
mod routes;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::ServiceExt;
use usecases::sandbox::{LogEntry, Sandbox};

pub use hook::Webhook;
pub use log::{Log, Transfer, read_log};
pub use routes::{Completion, router};

use hook::Hook;
use log::{Line, LogFile};

/// Why the sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log cannot be read or written.
    #[error("the sandbox log cannot be opened")]
    Log(#[from] io::Error),
    /// A line of the log is not one of ours.
    #[error("line {number} of the sandbox log cannot be read; move the file away to start anew")]
    Line {
        /// Which, from 1.
        number: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// There is no HTTP client for news.
    #[error("news cannot be sent")]
    Client(#[from] gateways::http::NoClient),
}

/// The sandbox with its log and its news.
pub struct SandboxState {
    sandbox: Sandbox,
    transfers: Mutex<BTreeMap<String, Transfer>>,
    file: Option<Mutex<LogFile>>,
    hook: Option<Hook>,
}

impl SandboxState {
    /// Takes up the log at `log`, if there is one; without a path the log lives in memory. Without a `webhook` no news
    /// is sent.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(sandbox: Sandbox, log: Option<&Path>, webhook: Option<Webhook>) -> Result<Self, OpenError> {
        let (mut file, mut lines) = (None, Vec::new());
        if let Some(path) = log {
            let (opened, read) = LogFile::open(path)?;
            (file, lines) = (Some(Mutex::new(opened)), read);
        }
        let (mut charges, mut refunds, mut transfers) = (Vec::new(), Vec::new(), BTreeMap::new());
        for line in lines {
            match line {
                Line::Charge(entry) => charges.push(entry),
                Line::Refund(entry) => refunds.push(entry),
                Line::Transfer(transfer) => _ = transfers.insert(transfer.reference.clone(), transfer),
            }
        }
        sandbox.restore(charges);
        sandbox.restore_refunds(refunds);
        let hook = webhook.map(Hook::new).transpose()?;
        Ok(Self { sandbox, transfers: Mutex::new(transfers), file, hook })
    }

    /// Everything that happened.
    #[must_use]
    pub fn log(&self) -> Log {
        let transfers = self.transfers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        Log { charges: self.sandbox.log(), transfers, refunds: self.sandbox.refunds() }
    }

    /// Writes a line before anybody hears of it.
    fn append(&self, line: &Line) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.lock().unwrap_or_else(PoisonError::into_inner).append(line))
    }

    fn entry(&self, key: &str) -> Option<LogEntry> {
        self.sandbox.log().into_iter().find(|entry| entry.request.key == key)
    }
}

/// Why a connection ends without an answer: a token asked for it.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox hangs up")]
struct HungUp;

/// Marks a response that must not be sent.
#[derive(Clone, Copy)]
struct Silence;

/// Serves until the task is dropped.
///
/// # Errors
/// When the listener is not on the loopback interface: nobody outside may move even pretended money.
pub async fn serve(listener: TcpListener, state: Arc<SandboxState>) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the sandbox listens on 127.0.0.1 only"));
    }
    let app = router(state);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of sockets, most likely: they come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let app = app.clone();
        let service = service_fn(move |request| {
            let app = app.clone();
            async move {
                let Ok(response) = app.oneshot(request).await;
                // An error of the service makes hyper close the connection: what axum alone cannot do.
                if response.extensions().get::<Silence>().is_some() { Err(HungUp) } else { Ok(response) }
            }
        });
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(socket), service).await });
    }
}
