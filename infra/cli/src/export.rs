//! Writes a table as DynamoDB's export to S3 does: `DYNAMODB_JSON`, gz shards, manifests.
//!
//! Exists because emulators and the embedded table have no export: the reports read one layout, wherever it comes from.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use billing::calendar::WallTime;
use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Items in one shard file.
const ITEMS_PER_SHARD: usize = 50_000;

/// What an export holds.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The folder of this export.
    pub folder: PathBuf,
    /// Items in all shards.
    pub items: usize,
}

/// Exports `table` under `out/AWSDynamoDB/<export id>/`.
pub(crate) async fn export(client: &Client, table: &str, out: &Path, wall: WallTime) -> Result<Exported, Failure> {
    let id = format!("{:014}-{}", wall.0.timestamp_millis(), &usecases::authorize::sha256_hex(table)[..8]);
    let prefix = format!("AWSDynamoDB/{id}");
    let folder = out.join(&prefix);
    fs::create_dir_all(folder.join("data")).map_err(|e| Failure::io("create the export's folder", &folder, e))?;
    let mut shards = Shards { out, prefix, open: None, manifest: Vec::new(), items: 0 };
    let mut pages = client.scan().table_name(table).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| Failure::because("read the table", e))?;
        for item in page.items.unwrap_or_default() {
            let attributes: Map<String, Value> = item.iter().map(|(name, v)| (name.clone(), attribute(v))).collect();
            shards.write(&json!({ "Item": attributes }))?;
        }
    }
    let items = shards.finish(table, wall)?;
    Ok(Exported { folder, items })
}

struct Shards<'a> {
    out: &'a Path,
    prefix: String,
    open: Option<Shard>,
    manifest: Vec<Value>,
    items: usize,
}

struct Shard {
    key: String,
    writer: GzEncoder<BufWriter<File>>,
    items: usize,
}

impl Shards<'_> {
    fn write(&mut self, line: &Value) -> Result<(), Failure> {
        let mut shard = match self.open.take() {
            Some(shard) => shard,
            None => self.begin()?,
        };
        let path = self.out.join(&shard.key);
        writeln!(shard.writer, "{line}").map_err(|e| Failure::io("write", &path, e))?;
        shard.items += 1;
        self.items += 1;
        if shard.items >= ITEMS_PER_SHARD {
            self.end(shard)
        } else {
            self.open = Some(shard);
            Ok(())
        }
    }

    fn begin(&self) -> Result<Shard, Failure> {
        let name = usecases::authorize::sha256_hex(format!("{}/{}", self.prefix, self.manifest.len()));
        let key = format!("{}/data/{}.json.gz", self.prefix, &name[..26]);
        let path = self.out.join(&key);
        let file = File::create(&path).map_err(|e| Failure::io("create", &path, e))?;
        Ok(Shard { key, writer: GzEncoder::new(BufWriter::new(file), Compression::fast()), items: 0 })
    }

    fn end(&mut self, shard: Shard) -> Result<(), Failure> {
        let path = self.out.join(&shard.key);
        let file = shard.writer.finish().and_then(|mut buffer| buffer.flush());
        file.map_err(|e| Failure::io("finish", &path, e))?;
        let bytes = fs::read(&path).map_err(|e| Failure::io("read back", &path, e))?;
        let digest = Md5::digest(&bytes);
        let etag: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        self.manifest.push(json!({
            "itemCount": shard.items, "md5Checksum": STANDARD.encode(digest), "etag": etag, "dataFileS3Key": shard.key,
        }));
        Ok(())
    }

    fn finish(mut self, table: &str, wall: WallTime) -> Result<usize, Failure> {
        if let Some(shard) = self.open.take() {
            self.end(shard)?;
        }
        let at = wall.0.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let summary = json!({
            "version": "2020-06-30", "exportTime": at, "startTime": at, "endTime": at, "tableName": table,
            "manifestFilesS3Key": format!("{}/manifest-files.json", self.prefix),
            "itemCount": self.items, "outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT",
        });
        let lines: String = self.manifest.iter().map(|file| format!("{file}\n")).collect();
        self.put("manifest-files.json", &lines)?;
        self.put("manifest-summary.json", &format!("{summary}\n"))?;
        Ok(self.items)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.out.join(&self.prefix).join(name);
        fs::write(&path, text).map_err(|e| Failure::io("write", &path, e))
    }
}

/// An attribute in DynamoDB's JSON.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(b) => json!({ "BOOL": b }),
        AttributeValue::Null(b) => json!({ "NULL": b }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Ss(list) => json!({ "SS": list }),
        AttributeValue::Ns(list) => json!({ "NS": list }),
        AttributeValue::Bs(list) => json!({ "BS": list.iter().map(|b| STANDARD.encode(b)).collect::<Vec<_>>() }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            json!({ "M": map.iter().map(|(k, v)| (k.clone(), attribute(v))).collect::<Map<_, _>>() })
        }
        _ => Value::Null,
    }
}

/// Arguments of `perennial export`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Folder to write `AWSDynamoDB/<export>/` into.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    target: crate::target::Target,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let opened = args.target.open().await?;
    let done = export(&opened.client, &opened.table, &args.out, crate::local::wall()).await?;
    println!("{} items in {}", done.items, done.folder.display());
    Ok(())
}
