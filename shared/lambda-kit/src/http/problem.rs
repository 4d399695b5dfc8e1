//! Problems: every "no" as `application/problem+json` (RFC 9457), with a stable code.
//!
//! Exists so that callers decide by `code` and people read `detail`; the cause of our own failures is logged, never shown.

use lambda_http::{
    Body,
    http::{HeaderName, HeaderValue, header},
};
use serde::Serialize;
use usecases::error::Error;

use super::Reply;
use crate::logs::chain;

/// Seconds after which a caller who met somebody else should come back.
const BUSY_SECONDS: &str = "1";

/// Seconds after which a caller should come back when a service did not answer.
const UNAVAILABLE_SECONDS: &str = "5";

/// Why a request is not answered as it wished. Boxed, because it is the rare end of every result.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: u16,
    code: &'static str,
    detail: String,
    field: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// The body of a problem.
#[derive(Serialize)]
struct Shown<'a> {
    r#type: String,
    title: String,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A problem; `detail` is for people and holds nothing that the caller sent.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts { status, code, detail, field: None, header: None, cause: None }))
    }

    /// 404: there is nothing at this path.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(404, "no_such_route", "there is nothing at this path")
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Self::new(405, "method_not_allowed", format!("only {allow} is allowed here"));
        problem.with(header::ALLOW, allow)
    }

    pub(super) fn unsupported(field: &str, detail: &str) -> Self {
        Self::new(415, "unsupported_media_type", detail).about(Some(field))
    }

    pub(super) fn internal() -> Self {
        Self::new(500, "internal", "this is our mistake; it was logged")
    }

    /// The same with a cause for the log.
    #[must_use]
    pub fn because(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        self.0.cause = Some(chain(cause));
        self
    }

    fn about(mut self, field: Option<&str>) -> Self {
        self.0.field = field.map(str::to_owned);
        self
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// One line: a refusal is the caller's, so it is information; a failure is ours. The detail of a refusal may name
    /// what the caller sent, so it is not logged.
    pub(super) fn log(&self) {
        let Parts { status, code, field, cause, .. } = self.0.as_ref();
        match cause {
            Some(cause) => tracing::error!(status, code, cause, "the request failed"),
            None if *status >= 500 => tracing::error!(status, code, "the request failed"),
            None => tracing::info!(status, code, field = field.as_deref(), "the request is refused"),
        }
    }

    /// The reply.
    #[must_use]
    pub fn reply(self) -> Reply {
        let Parts { status, code, detail, field, header, .. } = *self.0;
        let (r#type, title) = (format!("urn:perennial:problem:{code}"), code.replace('_', " "));
        let shown = Shown { r#type, title, status, code, detail: &detail, field: field.as_deref() };
        // Six short texts and a number can always be written.
        let text = serde_json::to_string(&shown).unwrap_or_default();
        let mut reply = super::reply(status, "application/problem+json", Body::Text(text));
        if let Some((name, value)) = header {
            reply.headers_mut().insert(name, value);
        }
        reply
    }
}

impl From<billing::refusal::Refusal> for Problem {
    fn from(refusal: billing::refusal::Refusal) -> Self {
        Self::new(refusal.status(), refusal.code(), refusal.to_string()).about(refusal.field())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Conflict(_) => {
                let detail = "somebody else changed the same thing at the same moment; send the request again";
                Self::new(409, "busy", detail).with(header::RETRY_AFTER, BUSY_SECONDS)
            }
            Error::Unavailable { .. } => {
                let detail = "a service did not answer; send the same request again with the same Idempotency-Key";
                Self::new(503, "unavailable", detail).with(header::RETRY_AFTER, UNAVAILABLE_SECONDS).because(&error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use billing::refusal::Refusal;

    use super::*;

    fn shown(problem: Problem) -> (Reply, serde_json::Value) {
        let reply = problem.reply();
        let value = serde_json::from_slice(reply.body()).unwrap();
        (reply, value)
    }

    #[test]
    fn a_refusal_keeps_its_code_status_and_field() {
        let (reply, value) = shown(Refusal::QuantityOutOfRange.into());
        assert_eq!(reply.status(), 422);
        assert_eq!(value["type"], "urn:perennial:problem:quantity_out_of_range");
        assert_eq!((value["status"].as_u64(), &value["field"]), (Some(422), &"quantity".into()));
    }

    #[test]
    fn what_failed_inside_is_not_shown() {
        let (reply, value) = shown(Error::unavailable("read the customer", "host db-canary").into());
        assert_eq!((reply.status().as_u16(), &value["code"]), (503, &"unavailable".into()));
        assert_eq!(reply.headers()["retry-after"], "5");
        assert!(!value.to_string().contains("canary"));
        assert!(Problem::from(Error::unavailable("read", "canary")).0.cause.unwrap().contains("canary"));
    }

    #[test]
    fn a_conflict_asks_to_come_back() {
        let (reply, value) = shown(Error::Conflict("sub_a".into()).into());
        assert_eq!((reply.status().as_u16(), &value["code"]), (409, &"busy".into()));
        assert_eq!(reply.headers()["retry-after"], "1");
    }
}
