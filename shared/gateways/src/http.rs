//! The one HTTP client: short deadlines, no retries, no redirects, small bodies.
//!
//! Exists because the charge protocol decides what is sent again (the same key, after a look-up), so nothing below it
//! may, and because a worker must have its answer, or give up, well before its claim runs out (60 s).

use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect::Policy};

/// From the first byte sent to the last received.
pub const TOTAL: Duration = Duration::from_secs(20);

/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client of the payment gateways cannot be set up")]
pub struct NoClient(#[from] reqwest::Error);

/// The client that every adapter shares; `deadline` is [`TOTAL`] outside tests.
///
/// # Errors
/// [`NoClient`] when the machine has no certificates to trust.
pub fn client(deadline: Duration) -> Result<Client, NoClient> {
    let builder = Client::builder()
        .timeout(deadline)
        .connect_timeout(CONNECT)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        // Payments go where the configuration says, not where an environment variable does.
        .no_proxy()
        .user_agent(concat!("perennial/", env!("CARGO_PKG_VERSION")));
    Ok(builder.build()?)
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words for people that name no host and no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing, or not all of it, within the deadline.
    #[error("no answer within the deadline")]
    Late,
    /// No connection.
    #[error("no connection")]
    Unreachable,
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke before the answer was complete")]
    Broken,
    /// The answer is larger than [`ANSWER_BYTES_MAX`].
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        match error {
            e if e.is_timeout() => Self::Late,
            e if e.is_connect() => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}

/// Sends a request once.
///
/// # Errors
/// [`NoAnswer`]; whether the other side acted on the request is not known then.
pub async fn send(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}
