//! Third pass: invoices whose collection failed at least once, by the month of the first failure.

use std::collections::BTreeMap;
use std::sync::Mutex;

use polars::prelude::*;

use super::customers::Customers;
use super::ledger::add;
use crate::calendar::Month;
use crate::error::ReportError;
use crate::input::Rates;
use crate::intern::{Code, NONE, Names, TextIndex};
use crate::scan::{FactFiles, Texts, Wanted, attempts, integers};

const COLUMNS: &[&str] =
    &["invoice_id", "customer_id", "event_type", "occurred_at", "attempt", "currency", "amount_minor", "code"];
const FAILED: &str = "payment_failed";
const RECOVERED: &str = "payment_recovered";

/// Key of the invoice cube.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InvoiceKey {
    /// Month of the first failure; `None` if the failure is missing from the facts.
    pub(crate) month: Option<Month>,
    pub(crate) channel: Code,
    /// Code of the first decline.
    pub(crate) code: Code,
    /// Attempts seen, failed and recovered.
    pub(crate) attempts: i64,
    /// The attempt that succeeded; `None` if none did.
    pub(crate) recovered_attempt: Option<i64>,
}

/// Sums of the invoice cube.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InvoiceSums {
    pub(crate) invoices: i64,
    pub(crate) amount: i64,
    /// First failure to recovery, in microseconds.
    pub(crate) recovery_micros: i64,
}

/// All failed invoices.
pub(crate) struct Invoices {
    pub(crate) cube: BTreeMap<InvoiceKey, InvoiceSums>,
    pub(crate) codes: Names,
}

impl Invoices {
    /// Recovered invoices whose failure is missing.
    pub(crate) fn without_failure(&self) -> u64 {
        let missing = self.cube.iter().filter(|(key, _)| key.month.is_none());
        missing.map(|(_, sums)| sums.invoices.unsigned_abs()).sum()
    }
}

/// One invoice while its attempts come in, in any order.
#[derive(Clone, Copy)]
struct Invoice {
    failed_at: i64,
    recovered_at: i64,
    amount: i64,
    attempts: i64,
    recovered_attempt: i8,
    channel: Code,
    code: Code,
}

const EMPTY: Invoice = Invoice {
    failed_at: i64::MAX,
    recovered_at: i64::MAX,
    amount: i64::MIN,
    attempts: 0,
    recovered_attempt: 0,
    channel: 0,
    code: NONE,
};

#[derive(Default)]
struct Reader {
    index: TextIndex<3>,
    invoices: Vec<Invoice>,
    codes: Names,
}

/// Folds the attempts of failed invoices.
pub(crate) fn fold(facts: &FactFiles, rates: &Rates, customers: &Customers) -> Result<Invoices, ReportError> {
    let rows = col("event_type").eq(lit(FAILED)).or(col("event_type").eq(lit(RECOVERED)));
    let reader = Mutex::new(Reader::default());
    facts.fold(&Wanted { columns: COLUMNS, rows: Some(rows) }, |frame| {
        reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(frame, rates, customers)
    })?;
    let reader = reader.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if reader.codes.is_full() {
        return Err(ReportError::Setting(
            "more than 65,000 decline codes: `code` must be a short list of names".to_owned(),
        ));
    }
    let mut cube: BTreeMap<InvoiceKey, InvoiceSums> = BTreeMap::new();
    for invoice in &reader.invoices {
        let sums = cube.entry(invoice.key()).or_default();
        sums.invoices += 1;
        sums.amount = add(sums.amount, invoice.amount)?;
        sums.recovery_micros = add(sums.recovery_micros, invoice.recovery_micros())?;
    }
    Ok(Invoices { cube, codes: reader.codes })
}

impl Reader {
    fn take(&mut self, frame: &DataFrame, rates: &Rates, customers: &Customers) -> Result<(), ReportError> {
        let (invoices, ids) = (Texts::of(frame, "invoice_id")?, Texts::of(frame, "customer_id")?);
        let (types, currencies) = (Texts::of(frame, "event_type")?, Texts::of(frame, "currency")?);
        let (codes, attempts) = (Texts::of(frame, "code")?, attempts(frame)?);
        let (instants, amounts) = (integers(frame, "occurred_at")?, integers(frame, "amount_minor")?);
        let mut rate = rates.cached();
        // As in the first pass: look-ups that do not wait for each other.
        let numbers = (0..frame.height()).map(|row| Ok(self.index.insert(invoices.must(row)?) as usize));
        let numbers = numbers.collect::<Result<Vec<usize>, ReportError>>()?;
        for (row, number) in numbers.into_iter().enumerate() {
            if number == self.invoices.len() {
                self.invoices.push(Invoice { channel: customers.channel(customers.find(ids.must(row)?)), ..EMPTY });
            }
            let amount = rate.convert(amounts[row], currencies.must(row)?)?;
            let code = self.codes.code_or_none(codes.get(row));
            self.invoices[number].attempt(types.must(row)? == FAILED, instants[row], attempts[row], amount, code);
        }
        Ok(())
    }
}

impl Invoice {
    fn attempt(&mut self, failed: bool, at: i64, attempt: i8, amount: i64, code: Code) {
        self.amount = self.amount.max(amount);
        self.attempts += 1;
        if failed && at < self.failed_at {
            self.failed_at = at;
            self.code = code;
        }
        if !failed && at < self.recovered_at {
            self.recovered_at = at;
            self.recovered_attempt = attempt;
        }
    }

    fn is_recovered(&self) -> bool {
        self.recovered_at < i64::MAX
    }

    fn recovery_micros(&self) -> i64 {
        if self.is_recovered() && self.failed_at < i64::MAX { self.recovered_at - self.failed_at } else { 0 }
    }

    fn key(&self) -> InvoiceKey {
        InvoiceKey {
            month: (self.failed_at < i64::MAX).then(|| Month::of_micros(self.failed_at)),
            channel: self.channel,
            code: self.code,
            attempts: self.attempts,
            recovered_attempt: self.is_recovered().then_some(i64::from(self.recovered_attempt)),
        }
    }
}
