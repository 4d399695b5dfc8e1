//! Both tables as requests: for emulators and the embedded database. The SAM template has the same shapes.

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, DisplayErrorContext},
    operation::create_table::CreateTableInput,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
    },
};

use crate::keys;

/// Looks at a table that is being made before it is given up.
const CREATED_TRIES: usize = 60;

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make table {table}: {why}")]
pub struct TableError {
    /// Which.
    pub table: String,
    /// What was answered.
    pub why: String,
}

/// The main table: on demand, a stream with both images, the due index of keys only.
///
/// # Errors
/// [`BuildError`] never for these constants; the SDK's builders are fallible by type.
pub fn main_table(name: &str) -> Result<CreateTableInput, BuildError> {
    let due = GlobalSecondaryIndex::builder()
        .index_name(keys::DUE_INDEX)
        .set_key_schema(Some(vec![key(keys::DUE_PARTITION, KeyType::Hash)?, key(keys::DUE_POSITION, KeyType::Range)?]))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()?;
    let texts = [keys::PK, keys::SK, keys::DUE_PARTITION, keys::DUE_POSITION];
    CreateTableInput::builder()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(texts.into_iter().map(text).collect::<Result<_, _>>()?))
        .set_key_schema(Some(vec![key(keys::PK, KeyType::Hash)?, key(keys::SK, KeyType::Range)?]))
        .global_secondary_indexes(due)
        .stream_specification(stream)
        .build()
}

/// The operations table: on demand, one key, no stream.
///
/// # Errors
/// As [`main_table`].
pub fn operations_table(name: &str) -> Result<CreateTableInput, BuildError> {
    CreateTableInput::builder()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(text(keys::PK)?)
        .key_schema(key(keys::PK, KeyType::Hash)?)
        .build()
}

fn text(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

/// Makes both tables where they are not there yet, waits for them, and sets the operations table's expiry.
///
/// # Errors
/// [`TableError`] with the table and the reason.
pub async fn ensure(client: &Client, table: &str, operations_table_name: &str) -> Result<(), TableError> {
    let built = |table: &str, input: Result<CreateTableInput, BuildError>| input.map_err(|e| fail(table, e));
    create(client, table, built(table, main_table(table))?).await?;
    create(client, operations_table_name, built(operations_table_name, operations_table(operations_table_name))?)
        .await?;
    for name in [table, operations_table_name] {
        wait_until_active(client, name).await?;
    }
    expire(client, operations_table_name).await
}

async fn create(client: &Client, table: &str, input: CreateTableInput) -> Result<(), TableError> {
    let made = client
        .create_table()
        .set_table_name(input.table_name)
        .set_billing_mode(input.billing_mode)
        .set_attribute_definitions(input.attribute_definitions)
        .set_key_schema(input.key_schema)
        .set_global_secondary_indexes(input.global_secondary_indexes)
        .set_stream_specification(input.stream_specification)
        .send()
        .await;
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.as_service_error().is_some_and(|s| s.is_resource_in_use_exception()) => Ok(()),
        Err(e) => Err(fail(table, DisplayErrorContext(e))),
    }
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), TableError> {
    for _ in 0..CREATED_TRIES {
        let described = client.describe_table().table_name(table).send().await;
        let described = described.map_err(|e| fail(table, DisplayErrorContext(e)))?;
        if described.table().and_then(|t| t.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    Err(fail(table, "it did not become active"))
}

async fn expire(client: &Client, table: &str) -> Result<(), TableError> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described = described.map_err(|e| fail(table, DisplayErrorContext(e)))?;
    // Setting it twice is an error at AWS.
    let set = described.time_to_live_description().and_then(|d| d.attribute_name());
    if set == Some(keys::EXPIRES) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(keys::EXPIRES).build();
    let specification = specification.map_err(|e| fail(table, e))?;
    let sent = client.update_time_to_live().table_name(table).time_to_live_specification(specification).send().await;
    sent.map(|_| ()).map_err(|e| fail(table, DisplayErrorContext(e)))
}

fn fail(table: &str, why: impl std::fmt::Display) -> TableError {
    TableError { table: table.to_owned(), why: why.to_string() }
}
