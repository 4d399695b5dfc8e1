//! The adapters of a function, from its configuration.
//!
//! Exists because nine functions need the same ledger and five the same gateways; `lambda-kit` must not know AWS, and
//! `aws` must not know Lambda, so what joins them is here and nothing else is.

use std::{str::FromStr, sync::Arc};

use aws::client::{dynamodb, eventbridge, sqs};
use aws::{AwsClocks, AwsStore, EventBus, RandomIds, SqsQueue};
use aws_config::SdkConfig;
use gateways::{
    http::{NoClient, TOTAL, client},
    sandbox::SandboxGateway,
    webhook::Secret,
};
use lambda_kit::config::{BusName, GatewaySettings, Queues, Reader, Section, Tables};
use usecases::ports::{Gateway, Gateways, Ledger};

/// Region, credentials, retries and deadlines of a deployed function.
pub async fn sdk_config() -> SdkConfig {
    // Boxed: the search for credentials keeps much, and only once.
    Box::pin(aws::client::sdk_config()).await
}

/// Both tables.
#[must_use]
pub fn store(sdk: &SdkConfig, tables: &Tables) -> AwsStore {
    AwsStore::new(dynamodb(sdk), &tables.table, &tables.operations_table, tables.due_shards)
}

/// Store, operations, clocks and ids of a deployed function.
#[must_use]
pub fn ledger(sdk: &SdkConfig, tables: &Tables) -> Ledger {
    let store = Arc::new(store(sdk, tables));
    let clocks = Arc::new(AwsClocks::new(store.clone(), tables.test_clock));
    Ledger { store: store.clone(), operations: store, clocks, ids: Arc::new(RandomIds) }
}

/// Why there are no gateways.
#[derive(Debug, thiserror::Error)]
pub enum NoGateway {
    /// There is no HTTP client.
    #[error("the payment gateways cannot be reached")]
    Client(#[from] NoClient),
    /// `GATEWAY` names none: its payments would all be unknown for ever.
    #[error("GATEWAY names no payment gateway; there is: sandbox")]
    Name,
}

/// The payment gateways of the stack.
///
/// # Errors
/// [`NoGateway`].
pub fn gateways(settings: &GatewaySettings) -> Result<Gateways, NoGateway> {
    let sandbox: Arc<dyn Gateway> = Arc::new(SandboxGateway::new(&settings.url, client(TOTAL)?));
    let gateways = Gateways::new([sandbox]);
    if gateways.get(&settings.name).is_none() {
        return Err(NoGateway::Name);
    }
    Ok(gateways)
}

/// The queues of the workers.
#[must_use]
pub fn queue(sdk: &SdkConfig, Queues(urls): Queues) -> SqsQueue {
    SqsQueue::new(sqs(sdk), urls)
}

/// The bus.
#[must_use]
pub fn bus(sdk: &SdkConfig, BusName(name): BusName) -> EventBus {
    EventBus::new(eventbridge(sdk), name)
}

/// `WEBHOOK_SECRETS`: the secrets that news may be signed with, parted by commas; the newest first.
#[derive(Clone, Debug)]
pub struct WebhookSecrets(pub Vec<Secret>);

impl Section for WebhookSecrets {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.required("WEBHOOK_SECRETS")?;
        let secrets: Result<Vec<_>, _> = text.split(',').map(Secret::from_str).collect();
        if secrets.is_err() {
            reader.problem("WEBHOOK_SECRETS", "must be whsec_… secrets in base64, parted by commas");
        }
        secrets.ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use lambda_kit::config::from_lookup;

    use super::*;

    #[test]
    fn a_gateway_that_nobody_knows_stops_the_function_before_it_takes_payments() {
        let settings = |name: &str| GatewaySettings { name: name.into(), url: "http://127.0.0.1:1".into() };
        assert!(gateways(&settings("sandbox")).is_ok());
        assert!(matches!(gateways(&settings("stripe")), Err(NoGateway::Name)));
    }

    #[test]
    fn several_secrets_are_read_and_a_bad_one_is_named_without_its_text() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let read = |text: &str| from_lookup::<WebhookSecrets>(&|_| Some(text.to_owned()));
        assert_eq!(read(good).unwrap().0.len(), 2);
        let error = read("whsec_canary,whsec_canary").unwrap_err().to_string();
        assert!(error.contains("WEBHOOK_SECRETS") && !error.contains("canary"), "{error}");
    }
}
