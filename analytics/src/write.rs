//! Frames to files, written beside their place and moved into it, so that a reader never sees half a file.

use std::fs::File;
use std::path::Path;

use polars::prelude::*;

use crate::error::{At, Doing, ReportError};

/// Whose eyes a CSV is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// People with spreadsheets: text that would run as a formula gets an apostrophe.
    Spreadsheet,
    /// The comparison with other engines: text as it is.
    Machine,
}

/// Writes a frame as CSV: header line, `\n`, months as `YYYY-MM-01`, doubles as short as they can be read back, empty for null.
pub(crate) fn csv(frame: &mut DataFrame, path: &Path, reader: Reader) -> Result<(), ReportError> {
    let doing = format!("writing {}", path.display());
    let mut guarded = if reader == Reader::Spreadsheet { Some(without_formulas(frame).doing(&doing)?) } else { None };
    let frame = guarded.as_mut().unwrap_or(frame);
    in_place(path, |file| CsvWriter::new(file).finish(frame).doing(&doing))
}

/// Writes a frame as Parquet.
pub(crate) fn parquet(frame: &mut DataFrame, path: &Path) -> Result<(), ReportError> {
    let doing = format!("writing {}", path.display());
    in_place(path, |file| {
        let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None));
        writer.finish(frame).map(|_| ()).doing(&doing)
    })
}

/// Writes a text.
pub(crate) fn text(text: &str, path: &Path) -> Result<(), ReportError> {
    in_place(path, |file| std::io::Write::write_all(file, text.as_bytes()).at(path))
}

fn in_place(path: &Path, write: impl FnOnce(&mut File) -> Result<(), ReportError>) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    write(&mut File::create(&part).at(&part)?)?;
    std::fs::rename(&part, path).at(path)
}

/// Spreadsheets run cells that begin with `= + - @`, a tab or a carriage return (OWASP, "CSV Injection"). Numbers stay numbers.
fn without_formulas(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let columns = frame.columns().iter().map(|column| match column.str() {
        Ok(texts) => {
            let guarded: StringChunked = texts.iter().map(|text| text.map(guard)).collect();
            Ok(guarded.with_name(column.name().clone()).into_series().into_column())
        }
        Err(_) => Ok(column.clone()),
    });
    DataFrame::new(frame.height(), columns.collect::<PolarsResult<Vec<_>>>()?)
}

fn guard(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if runs { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_spreadsheet_would_run_is_defused_and_numbers_stay_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let mut frame = df!("plan" => ["=1+1", "-x", "pro, large", "a=b"], "n" => [-1_i64, 2, 3, 4]).unwrap();
        csv(&mut frame, &path, Reader::Spreadsheet).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "plan,n\n'=1+1,-1\n'-x,2\n\"pro, large\",3\na=b,4\n");
        csv(&mut frame, &path, Reader::Machine).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "plan,n\n=1+1,-1\n-x,2\n\"pro, large\",3\na=b,4\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
