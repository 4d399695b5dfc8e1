//! The SDK's transport, in process.
//!
//! Exists in the place where the SDK would open a connection: requests and answers are the bytes that would travel, so
//! everything above (the client's serialisation, its typed errors) is what runs against AWS.

use std::fmt;

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;

use crate::dispatch::dispatch;

/// What the operation's name is prefixed with in the request's header.
const TARGET: &str = "DynamoDB_20120810.";

/// Answers requests from an engine in this process.
#[derive(Clone)]
pub(crate) struct InProcess {
    database: Database,
}

impl InProcess {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let unusable = |what: &str| ConnectorError::user(what.to_owned().into());
        let target = request.headers().get("x-amz-target").and_then(|t| t.strip_prefix(TARGET));
        let operation = target.ok_or_else(|| unusable("not a DynamoDB request"))?;
        let body = request.body().bytes().ok_or_else(|| unusable("a DynamoDB request is never streamed"))?;
        let (status, body) = dispatch(&self.database, operation, body);
        let status = StatusCode::try_from(status).map_err(|e| ConnectorError::other(e.into(), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(response)
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        // On this thread: a call takes some ten microseconds, and handing it to another thread takes as long again.
        HttpConnectorFuture::new(async move { connector.answer(&request) })
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
