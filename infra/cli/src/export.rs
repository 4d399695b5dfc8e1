//! Writes a table as DynamoDB's export to S3 does: `DYNAMODB_JSON`, gz shards, manifests.
//!
//! Exists because emulators and the embedded table have no export: the reports read one layout, wherever it comes from.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use billing::calendar::WallTime;
use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

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
    // The reader and the writer work side by side; few pages wait between them.
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let reader = tokio::spawn(read(client.clone(), table.to_owned(), sender));
    while let Some(items) = receiver.recv().await {
        for item in items {
            shards.write(&item)?;
        }
    }
    reader.await.map_err(|e| Failure::because("read the table", e))??;
    let items = shards.finish(table, wall)?;
    Ok(Exported { folder, items })
}

/// An item as the SDK gives it.
type Item = HashMap<String, AttributeValue>;

/// Reads the table page by page, until it is read or nobody wants more.
async fn read(client: Client, table: String, pages: tokio::sync::mpsc::Sender<Vec<Item>>) -> Result<(), Failure> {
    let mut found = client.scan().table_name(table).into_paginator().send();
    while let Some(page) = found.next().await {
        let page = page.map_err(|e| Failure::because("read the table", e))?;
        if pages.send(page.items.unwrap_or_default()).await.is_err() {
            break;
        }
    }
    Ok(())
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
    fn write(&mut self, item: &Item) -> Result<(), Failure> {
        let mut shard = match self.open.take() {
            Some(shard) => shard,
            None => self.begin()?,
        };
        let path = self.out.join(&shard.key);
        serde_json::to_writer(&mut shard.writer, &Line(item)).map_err(|e| Failure::io("write", &path, e.into()))?;
        writeln!(shard.writer).map_err(|e| Failure::io("write", &path, e))?;
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

/// An item in DynamoDB's JSON, written without a tree of values in between: a table has millions.
struct Line<'a>(&'a Item);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one(serializer, "Item", &Attributes(self.0))
    }
}

struct Attributes<'a>(&'a Item);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Attribute(value))))
    }
}

struct List<'a>(&'a [AttributeValue]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Attribute))
    }
}

struct Attribute<'a>(&'a AttributeValue);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::S(text) => one(serializer, "S", text),
            AttributeValue::N(number) => one(serializer, "N", number),
            AttributeValue::Bool(b) => one(serializer, "BOOL", b),
            AttributeValue::Null(b) => one(serializer, "NULL", b),
            AttributeValue::B(bytes) => one(serializer, "B", &STANDARD.encode(bytes)),
            AttributeValue::Ss(list) => one(serializer, "SS", list),
            AttributeValue::Ns(list) => one(serializer, "NS", list),
            AttributeValue::Bs(list) => {
                one(serializer, "BS", &list.iter().map(|b| STANDARD.encode(b)).collect::<Vec<_>>())
            }
            AttributeValue::L(list) => one(serializer, "L", &List(list)),
            AttributeValue::M(map) => one(serializer, "M", &Attributes(map)),
            _ => Err(serde::ser::Error::custom("an attribute is of a type that this build does not know")),
        }
    }
}

fn one<S: Serializer>(serializer: S, name: &str, value: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
    serializer.collect_map([(name, value)])
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
