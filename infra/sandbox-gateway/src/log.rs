//! The log on disk: one JSON object a line, only ever appended to.
//!
//! Exists so that a restart forgets no key (a forgotten key is a second charge) and so that an independent recount can
//! read what really happened.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use billing::{
    calendar::Instant,
    ids::{CustomerId, InvoiceId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use usecases::sandbox::{LogEntry, RefundEntry};

use crate::OpenError;

/// A bank transfer that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Who paid.
    pub customer: CustomerId,
    /// Which invoice the payer named.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// The bank's id of the transfer; the same one again is the same transfer.
    pub reference: String,
    /// When, in business time.
    pub at: Instant,
}

/// Everything that happened at the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Every charge, by key.
    pub charges: Vec<LogEntry>,
    /// Every transfer, by reference.
    pub transfers: Vec<Transfer>,
    /// Every refund, by key.
    #[serde(default)]
    pub refunds: Vec<RefundEntry>,
}

/// A line of the file. A later line about the same key or reference replaces the earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Charge(LogEntry),
    Refund(RefundEntry),
    Transfer(Transfer),
}

/// The file, open at its end.
pub(crate) struct LogFile(File);

impl LogFile {
    /// Opens the file, and reads what is there. A last line that was not written to its end is cut off: its answer was
    /// never sent.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Line>), OpenError> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (lines, complete) = parse(&bytes)?;
        file.set_len(complete as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self(file), lines))
    }

    /// Appends a line in one write.
    pub(crate) fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.0.write_all(text.as_bytes())
    }
}

/// The lines of a log, and how many bytes they are: a last one that was not written to its end is none.
fn parse(bytes: &[u8]) -> Result<(Vec<Line>, usize), OpenError> {
    let complete = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let mut lines = Vec::new();
    for (i, text) in bytes[..complete].split(|b| *b == b'\n').enumerate().filter(|(_, text)| !text.is_empty()) {
        lines.push(serde_json::from_slice(text).map_err(|source| OpenError::Line { number: i + 1, source })?);
    }
    Ok((lines, complete))
}

/// Everything in the log at `path`, as it ended. The file may belong to a running sandbox: it is only read.
///
/// # Errors
/// [`OpenError`] for a file that cannot be read, or is no such log.
pub fn read_log(path: &Path) -> Result<Log, OpenError> {
    let (mut charges, mut transfers, mut refunds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for line in parse(&std::fs::read(path)?)?.0 {
        match line {
            Line::Charge(entry) => _ = charges.insert(entry.request.key.clone(), entry),
            Line::Transfer(transfer) => _ = transfers.insert(transfer.reference.clone(), transfer),
            Line::Refund(entry) => _ = refunds.insert(entry.request.key.clone(), entry),
        }
    }
    let (charges, transfers) = (charges.into_values().collect(), transfers.into_values().collect());
    Ok(Log { charges, transfers, refunds: refunds.into_values().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(reference: &str) -> Line {
        let amount = Money::new(500, billing::money::Currency::try_new("EUR").unwrap());
        let (customer, invoice) = (CustomerId::try_new("cus_a").unwrap(), InvoiceId::try_new("inv_a-p1").unwrap());
        let at = "2027-01-15T09:00:00Z".parse().unwrap();
        Line::Transfer(Transfer { customer, invoice, amount, reference: reference.into(), at })
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_next_one_starts_clean() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let (mut log, lines) = LogFile::open(&path).unwrap();
        assert!(lines.is_empty());
        log.append(&transfer("t1")).unwrap();
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        let (mut log, lines) = LogFile::open(&path).unwrap();
        assert_eq!(lines, [transfer("t1")]);
        log.append(&transfer("t2")).unwrap();
        assert_eq!(LogFile::open(&path).unwrap().1, [transfer("t1"), transfer("t2")]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let good = serde_json::to_string(&transfer("t1")).unwrap();
        std::fs::write(&path, format!("{good}\nbroken\n{good}\n")).unwrap();
        assert!(matches!(LogFile::open(&path), Err(OpenError::Line { number: 2, .. })));
    }
}
