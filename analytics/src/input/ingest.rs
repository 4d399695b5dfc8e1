//! Export -> `facts.parquet` and `customers.parquet`: shard by shard, several at a time, counted against the manifest.
//!
//! The two files are the audit trail of the run: every figure can be recomputed from them with any Parquet reader. Shards are decoded
//! in waves and written in the manifest's order, so the same export gives the same files and memory is bounded by one wave.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};
use polars::prelude::*;

use super::columns::{FactBuilder, ProfileBuilder};
use super::export::{Export, Shard};
use super::{Input, Source, decode};
use crate::error::{At, Doing, ReportError};
use crate::scan::in_parallel;

/// Facts in one row group.
const ROWS: usize = 1 << 18;

/// Shards decoded before they are written.
const WAVE: usize = 4;

/// What one shard held.
struct Decoded {
    facts: Vec<DataFrame>,
    profiles: DataFrame,
    items: u64,
}

/// Decodes an export into `out`.
pub(crate) fn ingest(export: &Export, out: &Path) -> Result<Source, ReportError> {
    let (facts_path, customers_path) = (out.join("facts.parquet"), out.join("customers.parquet"));
    let mut facts = writer(&facts_path, &FactBuilder::new().finish()?)?;
    let mut customers = writer(&customers_path, &ProfileBuilder::new().finish()?)?;
    let (mut items, mut fact_count, mut profile_count) = (0, 0, 0);
    for wave in export.shards.chunks(WAVE) {
        for decoded in in_parallel(wave, decode_shard)? {
            for frame in &decoded.facts {
                facts.write_batch(frame).doing("writing facts.parquet")?;
                fact_count += frame.height() as u64;
            }
            customers.write_batch(&decoded.profiles).doing("writing customers.parquet")?;
            profile_count += decoded.profiles.height() as u64;
            items += decoded.items;
        }
    }
    facts.finish().doing("writing facts.parquet")?;
    customers.finish().doing("writing customers.parquet")?;
    if let Some(expected) = export.items.filter(|expected| *expected != items) {
        let what = format!("items of export {}", export.id);
        return Err(ReportError::Manifest { what, expected: expected.to_string(), found: items.to_string() });
    }
    let shards = export.shards.len() as u64;
    let input = Input::Export { id: export.id.clone(), shards, items, facts: fact_count, profiles: profile_count };
    Ok(Source { facts: vec![facts_path], customers: customers_path, rates: None, input })
}

fn writer(path: &Path, empty: &DataFrame) -> Result<polars::io::parquet::write::BatchedWriter<File>, ReportError> {
    let file = File::create(path).at(path)?;
    let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None));
    writer.batched(empty.schema()).doing(&format!("creating {}", path.display()))
}

fn decode_shard(shard: &Shard) -> Result<Decoded, ReportError> {
    let name = shard.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = File::open(&shard.path).at(&shard.path)?;
    let mut lines =
        BufReader::with_capacity(1 << 17, MultiGzDecoder::new(BufReader::with_capacity(1 << 16, Summed::new(file))));
    let (mut facts, mut profiles, mut done) = (FactBuilder::new(), ProfileBuilder::new(), Vec::new());
    let (mut line, mut number, mut items) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        number += 1;
        let corrupt = |why: String| ReportError::Corrupt { shard: name.clone(), line: number, why };
        if lines.read_until(b'\n', &mut line).map_err(|error| corrupt(error.to_string()))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        items += 1;
        let item = decode::line(&line).map_err(corrupt)?;
        for fact in &item.facts {
            facts.push(fact).map_err(corrupt)?;
        }
        if let Some((customer, profile)) = &item.profile {
            profiles.push(customer, profile).map_err(corrupt)?;
        }
        if facts.rows() >= ROWS {
            done.push(std::mem::replace(&mut facts, FactBuilder::new()).finish()?);
        }
    }
    check(shard, &name, items, lines.into_inner().into_inner().into_inner())?;
    if facts.rows() > 0 {
        done.push(facts.finish()?);
    }
    Ok(Decoded { facts: done, profiles: profiles.finish()?, items })
}

/// Count and checksum of a shard against its manifest.
fn check(shard: &Shard, name: &str, items: u64, file: Summed) -> Result<(), ReportError> {
    if items != shard.items {
        let what = format!("items of {name}");
        return Err(ReportError::Manifest { what, expected: shard.items.to_string(), found: items.to_string() });
    }
    let Some(expected) = &shard.md5 else { return Ok(()) };
    let digest = file.finish().at(&shard.path)?;
    let hexadecimal = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if *expected == base64(&digest) || expected.eq_ignore_ascii_case(&hexadecimal) {
        return Ok(());
    }
    Err(ReportError::Manifest { what: format!("MD5 of {name}"), expected: expected.clone(), found: base64(&digest) })
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A file that sums what is read from it.
struct Summed {
    file: File,
    sum: Md5,
}

impl Summed {
    fn new(file: File) -> Self {
        Self { file, sum: Md5::new() }
    }

    /// The sum of the whole file, including what nobody read.
    fn finish(mut self) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; 1 << 16];
        while self.read(&mut buffer)? > 0 {}
        Ok(self.sum.finalize().to_vec())
    }
}

impl Read for Summed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.sum.update(&buffer[..n]);
        Ok(n)
    }
}
