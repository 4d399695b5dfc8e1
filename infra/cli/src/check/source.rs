//! Where the items of a check come from: a scan of the table, or an export's files. Either may be read twice.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use aws::item::Attributes;
use billing::calendar::Instant;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use crate::{failure::Failure, target::Opened};

/// Items to read.
pub(crate) enum Source {
    /// A table.
    Table(Box<Opened>),
    /// The data files of an export, with the items that each promises.
    Export(Vec<(PathBuf, u64)>),
}

/// One line of an export's data file.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Item")]
    item: serde_dynamo::Item,
}

impl Source {
    /// The newest finished export below `folder`.
    pub(crate) fn export(folder: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::because(format!("read the export in {}", folder.display()), why);
        let found = analytics::find_export(folder).map_err(|e| wrong(e.to_string()))?;
        let export =
            found.ok_or_else(|| wrong("there is no finished one: no manifest-summary.json below it".into()))?;
        Ok(Self::Export(export.shards.into_iter().map(|shard| (shard.path, shard.items)).collect()))
    }

    /// A table, what its test clock says, and how many shards its due index has.
    pub(crate) async fn table(opened: Opened) -> Result<(Self, Option<Instant>, u16), Failure> {
        let clock = opened.operations().test_clock().await.map_err(|e| Failure::because("read the test clock", e))?;
        let shards = opened.shards;
        Ok((Self::Table(Box::new(opened)), clock, shards))
    }

    /// Gives every item to `take`.
    pub(crate) async fn each(&self, mut take: impl FnMut(Attributes)) -> Result<(), Failure> {
        match self {
            Self::Export(files) => files.iter().try_for_each(|(path, items)| read_file(path, *items, &mut take)),
            Self::Table(opened) => {
                let mut pages = opened.client.scan().table_name(&opened.table).into_paginator().send();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|e| Failure::because("read the table", e))?;
                    for item in page.items.unwrap_or_default() {
                        take(serde_dynamo::Item::from(item).into_inner());
                    }
                }
                Ok(())
            }
        }
    }
}

/// Reads one data file; one that holds fewer or more items than its manifest says is no export.
fn read_file(path: &Path, promised: u64, take: &mut impl FnMut(Attributes)) -> Result<(), Failure> {
    let file = File::open(path).map_err(|e| Failure::io("open", path, e))?;
    let mut read = 0;
    for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
        let line = line.map_err(|e| Failure::io("read", path, e))?;
        read += 1;
        let line: Line = serde_json::from_str(&line)
            .map_err(|e| Failure::because(format!("read line {read} of {}", path.display()), e))?;
        take(line.item.into_inner());
    }
    if read == promised {
        return Ok(());
    }
    let why = format!("it holds {read} items, its manifest says {promised}; copy the export again");
    Err(Failure::because(format!("read {}", path.display()), why))
}
