//! The sandbox gateway, hosted on a loopback port of this process and spoken to over HTTP, as a provider would be.

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use billing::{
    calendar::Instant,
    gateway::GatewayEvent,
    ids::{CustomerId, InvoiceId},
    money::{Currency, Money},
};
use gateways::{
    http::{TOTAL, client},
    sandbox::SandboxGateway,
    webhook::{NoticeBody, Secret, sign},
};
use lambda_kit::http::{Body, Request};
use sandbox_gateway::{SandboxState, Webhook};
use tokio::net::TcpListener;
use usecases::{
    ports::{Gateway, Ids},
    sandbox::{LogEntry, Sandbox, SeededDeclines},
};

use crate::failure::Failure;

/// How long after a lost answer its news is sent.
const NEWS_DELAY: Duration = Duration::from_secs(2);

/// The running sandbox.
pub(crate) struct Hosted {
    state: Arc<SandboxState>,
    secret: Secret,
    url: String,
}

impl Hosted {
    /// Starts the sandbox on a free port, with the log of `data`. News go to `webhook_url`, if there is one.
    pub(crate) async fn start(
        data: &Path,
        declines: Option<SeededDeclines>,
        webhook_url: Option<String>,
    ) -> Result<Self, Failure> {
        let secret = new_secret()?;
        let sandbox = declines.map_or_else(Sandbox::default, Sandbox::with_declines);
        let webhook = webhook_url.map(|url| Webhook { url, secret: secret.clone(), delay: NEWS_DELAY });
        let log = data.join("sandbox.jsonl");
        let state = SandboxState::open(sandbox, Some(&log), webhook);
        let state = Arc::new(state.map_err(|e| Failure::because("start the sandbox gateway", e))?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|e| Failure::because("listen on 127.0.0.1", e))?;
        let address = listener.local_addr().map_err(|e| Failure::because("listen on 127.0.0.1", e))?;
        tokio::spawn(sandbox_gateway::serve(listener, state.clone()));
        Ok(Self { state, secret, url: format!("http://{address}") })
    }

    /// The adapter that functions use.
    pub(crate) fn adapter(&self) -> Result<Arc<dyn Gateway>, Failure> {
        let client = client(TOTAL).map_err(|e| Failure::because("make an HTTP client", e))?;
        Ok(Arc::new(SandboxGateway::new(&self.url, client)))
    }

    /// What its news are signed with.
    pub(crate) fn secret(&self) -> Secret {
        self.secret.clone()
    }

    /// The sandbox's state, for its routes on the laptop's port.
    pub(crate) fn state(&self) -> Arc<SandboxState> {
        self.state.clone()
    }

    /// Every charge so far.
    pub(crate) fn log(&self) -> Vec<LogEntry> {
        self.state.log().charges
    }

    /// The news of a bank transfer, signed, as a request to the webhook function.
    pub(crate) fn transfer_notice(
        &self,
        customer: &CustomerId,
        invoice: &InvoiceId,
        minor: i64,
        at: Instant,
    ) -> Result<Request, Failure> {
        let currency = Currency::try_new("USD").map_err(|e| Failure::because("name the currency", e))?;
        let event = GatewayEvent::Received {
            customer: customer.clone(),
            invoice: invoice.clone(),
            amount: Money::new(minor, currency),
            reference: format!("transfer-{invoice}"),
            at,
        };
        let body = serde_json::to_vec(&NoticeBody { customer: customer.clone(), event });
        let body = body.map_err(|e| Failure::because("write the news", e))?;
        let request = lambda_http::http::Request::post("/gateway-event").header("content-type", "application/json");
        let id = format!("msg-{invoice}");
        let signed = sign(&self.secret, &id, super::wall(), &body);
        let request = signed.into_iter().fold(request, |r, (name, value)| r.header(name, value));
        request.body(Body::from(body)).map_err(|e| Failure::because("write the news", e))
    }
}

fn new_secret() -> Result<Secret, Failure> {
    let random = [aws::RandomIds.next().to_be_bytes(), aws::RandomIds.next().to_be_bytes()].concat();
    let text = format!("whsec_{}", STANDARD.encode(random));
    text.parse().map_err(|e| Failure::because("make a webhook secret", e))
}
