//! Which table a command works on: the embedded one of a folder, or DynamoDB (or an emulator) by name.

use std::{path::PathBuf, sync::Arc};

use aws::AwsStore;
use aws_sdk_dynamodb::Client;
use embedded::Embedded;
use usecases::ports::{Operations, Store};

use crate::{
    failure::Failure,
    local::{OPERATIONS_TABLE, TABLE},
};

/// Shards of each lane on a laptop: one customer more or less makes no sweep slow there.
const LOCAL_SHARDS: u16 = 1;

/// Where the tables are. Region, credentials and `AWS_ENDPOINT_URL` are taken from the environment as every AWS tool does.
#[derive(clap::Args, Debug)]
pub(crate) struct Target {
    /// Folder of a `perennial serve` or demo; the tables are embedded there.
    #[arg(long, conflicts_with_all = ["table", "operations_table"])]
    data: Option<PathBuf>,
    /// Name of the stack's table.
    #[arg(long, requires = "operations_table")]
    table: Option<String>,
    /// Name of the stack's operations table.
    #[arg(long, requires = "table")]
    operations_table: Option<String>,
    /// Endpoint of an emulator.
    #[arg(long)]
    endpoint: Option<String>,
    /// Shards of each lane, as the stack's `DueShards`.
    #[arg(long, default_value_t = 64)]
    shards: u16,
}

/// An opened target.
pub(crate) struct Opened {
    store: Arc<AwsStore>,
    /// The client behind the store.
    pub client: Client,
    /// The table's name.
    pub table: String,
    /// Shards of each lane of the due index.
    pub shards: u16,
    _embedded: Option<Embedded>,
}

impl Target {
    /// Shards of each lane, where they are not known from elsewhere.
    pub(crate) fn shards(&self) -> u16 {
        self.shards
    }

    /// Connects.
    pub(crate) async fn open(self) -> Result<Opened, Failure> {
        if let Some(data) = &self.data {
            if !data.is_dir() {
                return Err(Failure::because(format!("open {}", data.display()), "there is no such folder"));
            }
            let embedded = crate::local::open_tables(data).await?;
            let client = embedded.client();
            let (shards, table) = (LOCAL_SHARDS, TABLE.into());
            let store = Arc::new(AwsStore::new(client.clone(), TABLE, OPERATIONS_TABLE, shards));
            return Ok(Opened { store, client, table, shards, _embedded: Some(embedded) });
        }
        let (Some(table), Some(operations)) = (self.table, self.operations_table) else {
            let why = "name the folder of a `perennial serve` or demo with --data, or a stack's table with --table";
            return Err(Failure::because("open a table", why));
        };
        let config = aws::client::sdk_config().await;
        let mut builder = aws_sdk_dynamodb::config::Builder::from(&config);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        let client = Client::from_conf(builder.build());
        let store = Arc::new(AwsStore::new(client.clone(), &table, &operations, self.shards));
        Ok(Opened { store, client, table, shards: self.shards, _embedded: None })
    }
}

impl Opened {
    /// The store port.
    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The store port, to be kept.
    pub(crate) fn shared_store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// The operations port, to be kept.
    pub(crate) fn shared_operations(&self) -> Arc<dyn Operations> {
        self.store.clone()
    }

    /// The operations port.
    pub(crate) fn operations(&self) -> &dyn Operations {
        self.store.as_ref()
    }
}
