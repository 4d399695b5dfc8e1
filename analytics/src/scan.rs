//! Reads facts from Parquet in batches of bounded size, several at a time.
//!
//! Each of the three passes over the facts (state changes, money, failed invoices) asks for its own columns and rows, so that Parquet
//! pages nobody needs are never decoded. A batch is what one kernel call sees; memory depends on the batch, not on the data.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::prelude::*;

use crate::error::{At, Doing, ReportError};

/// Rows of one batch: large enough to amortise the opening of a file, small enough that two of them are cheap to hold.
const BATCH_ROWS: usize = 1 << 20;

/// The Parquet files that hold the facts, and how much of them counts.
#[derive(Debug)]
pub(crate) struct FactFiles {
    files: Vec<FactFile>,
    /// Facts after this instant (microseconds since 1970) are left out.
    as_of: Option<i64>,
}

#[derive(Debug)]
struct FactFile {
    path: PathBuf,
    rows: usize,
    columns: Vec<String>,
}

/// A slice of one file.
#[derive(Debug, Clone, Copy)]
struct Batch<'a> {
    file: &'a FactFile,
    offset: usize,
}

/// What a pass wants to see.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Names of the columns, in the order in which the kernel takes them.
    pub(crate) columns: &'static [&'static str],
    /// Which rows; all of them if `None`.
    pub(crate) rows: Option<Expr>,
}

impl FactFiles {
    /// Opens the footers of the files.
    pub(crate) fn open(paths: &[PathBuf], as_of: Option<i64>) -> Result<Self, ReportError> {
        let files = paths.iter().map(|path| FactFile::open(path)).collect::<Result<_, _>>()?;
        Ok(Self { files, as_of })
    }

    /// Facts in all files, before anything is left out.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows as u64).sum()
    }

    /// Runs `kernel` over every batch, on as many threads as there are cores, and gives its results in the order of the data.
    pub(crate) fn fold<T: Send>(
        &self,
        wanted: &Wanted,
        kernel: impl Fn(&DataFrame) -> Result<T, ReportError> + Sync,
    ) -> Result<Vec<T>, ReportError> {
        let batches: Vec<Batch<'_>> = self.files.iter().flat_map(FactFile::batches).collect();
        in_parallel(&batches, |batch| {
            let frame = self.read(batch, wanted)?;
            kernel(&frame)
        })
    }

    /// The currencies of the facts and how many facts each has, by name.
    pub(crate) fn currencies(&self) -> Result<Vec<(String, u64)>, ReportError> {
        let parts = self.fold(&Wanted { columns: &["currency"], rows: None }, |frame| {
            let texts = Texts::of(frame, "currency")?;
            let mut counts: PlHashMap<String, u64> = PlHashMap::default();
            for row in 0..frame.height() {
                let currency = texts.must(row)?;
                match counts.get_mut(currency) {
                    Some(count) => *count += 1,
                    None => _ = counts.insert(currency.to_owned(), 1),
                }
            }
            Ok(counts)
        })?;
        let mut counts = std::collections::BTreeMap::new();
        for (currency, count) in parts.into_iter().flatten() {
            *counts.entry(currency).or_insert(0) += count;
        }
        Ok(counts.into_iter().collect())
    }

    fn read(&self, batch: &Batch<'_>, wanted: &Wanted) -> Result<DataFrame, ReportError> {
        let doing = format!("reading facts from {}", batch.file.path.display());
        let path = PlRefPath::try_from_path(&batch.file.path).doing(&doing)?;
        let mut frame =
            LazyFrame::scan_parquet(path, ScanArgsParquet { glob: false, cache: false, ..Default::default() })
                .doing(&doing)?;
        if batch.file.rows > BATCH_ROWS {
            let rows = IdxSize::try_from(BATCH_ROWS).unwrap_or(IdxSize::MAX);
            frame = frame.slice(i64::try_from(batch.offset).unwrap_or(i64::MAX), rows);
        }
        if let Some(rows) = &wanted.rows {
            frame = frame.filter(rows.clone());
        }
        if let Some(as_of) = self.as_of {
            frame = frame.filter(micros("occurred_at").lt_eq(lit(as_of)));
        }
        let columns: Vec<Expr> = wanted.columns.iter().map(|name| batch.file.column(name)).collect();
        let mut frame = frame.select(columns).collect().doing(&doing)?;
        frame.rechunk_mut();
        Ok(frame)
    }
}

impl FactFile {
    fn open(path: &Path) -> Result<Self, ReportError> {
        let doing = format!("opening {}", path.display());
        let mut reader = ParquetReader::new(File::open(path).at(path)?);
        let rows = reader.num_rows().doing(&doing)?;
        let schema = reader.schema().doing(&doing)?;
        Ok(Self { path: path.to_owned(), rows, columns: schema.iter_names().map(ToString::to_string).collect() })
    }

    fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        (0..self.rows).step_by(BATCH_ROWS).map(|offset| Batch { file: self, offset })
    }

    /// The column in the type the kernels expect. Extension columns may be absent from older files: they are null then.
    fn column(&self, name: &'static str) -> Expr {
        let present = self.columns.iter().any(|column| column == name);
        match name {
            "occurred_at" => micros(name),
            "attempt" if present => col(name).cast(DataType::Int8).fill_null(lit(0_i8)),
            "amount_minor" | "mrr12_minor" => col(name).cast(DataType::Int64),
            _ if present => col(name).cast(DataType::String),
            "attempt" => lit(0_i8).alias(name),
            _ => lit(NULL).cast(DataType::String).alias(name),
        }
    }
}

/// A timestamp column as microseconds since 1970, whatever unit the file keeps it in.
fn micros(name: &str) -> Expr {
    col(name).cast(DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))).cast(DataType::Int64)
}

/// Calls `work` for every item, on as many threads as there are cores; the results keep the order of the items. The first error
/// in that order is the answer, so that the same damage always gives the same message.
pub(crate) fn in_parallel<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, ReportError> + Sync,
) -> Result<Vec<T>, ReportError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len()).min(8);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<T, ReportError>)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((position, item)) = take(&next, items) {
                    let result = work(item);
                    let failed = result.is_err();
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((position, result));
                    if failed {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, I>(next: &AtomicUsize, items: &'a [I]) -> Option<(usize, &'a I)> {
    let position = next.fetch_add(1, Ordering::Relaxed);
    items.get(position).map(|item| (position, item))
}

/// Texts of one batch, one array, nulls and all.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    array: &'a <StringType as PolarsDataType>::Array,
    name: &'static str,
}

impl<'a> Texts<'a> {
    /// The texts of a column of a batch.
    pub(crate) fn of(frame: &'a DataFrame, name: &'static str) -> Result<Self, ReportError> {
        let texts = frame.column(name).and_then(|column| column.str()).doing("reading a column of facts")?;
        Ok(Self { array: texts.downcast_as_array(), name })
    }

    /// The text of a row, if it has one.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        self.array.get(row)
    }

    /// The text of a row of a core column, which must have one.
    pub(crate) fn must(&self, row: usize) -> Result<&'a str, ReportError> {
        self.array
            .get(row)
            .ok_or_else(|| ReportError::MissingValue { column: self.name, place: format!("row {row} of a batch") })
    }
}

/// Integers of one batch without a null among them.
pub(crate) fn integers<'a>(frame: &'a DataFrame, name: &'static str) -> Result<&'a [i64], ReportError> {
    let numbers = frame.column(name).and_then(|column| column.i64()).doing("reading a column of facts")?;
    let missing =
        || ReportError::MissingValue { column: name, place: format!("{} facts of a batch", numbers.null_count()) };
    if numbers.null_count() > 0 {
        return Err(missing());
    }
    numbers.cont_slice().map_err(|_| missing())
}

/// Attempt numbers of one batch; 0 where a fact is no attempt.
pub(crate) fn attempts(frame: &DataFrame) -> Result<&[i8], ReportError> {
    let numbers = frame.column("attempt").and_then(|column| column.i8()).doing("reading a column of facts")?;
    numbers.cont_slice().doing("reading a column of facts")
}
