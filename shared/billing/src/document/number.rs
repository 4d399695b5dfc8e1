//! Legal numbers of invoices: which series an invoice belongs to, when it gets its number, and what that looks like.
//!
//! Exists because identity and number are two things: the id is known before anything is written and survives every
//! repetition; the number is gapless within its series, so it can only be given one after the other (DESIGN section 6).

use std::{fmt, str::FromStr};

use chrono::Datelike;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::invoice::{Invoice, InvoiceState};

/// Most invoices that get their numbers in one transaction: the counter is its hundredth write.
pub const NUMBERED_AT_ONCE: usize = 99;

/// The series of invoices that were sold nowhere in particular.
const NO_STOREFRONT: &str = "main";

/// One gapless sequence of numbers: of a storefront, a kind of document and a year. Written `web-2027`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(String);

impl Series {
    /// The series of an invoice: its storefront, and the year in which it was issued where the seller is. Credit notes count
    /// for themselves (`web-cn-2027`).
    #[must_use]
    pub fn of(invoice: &Invoice, seller: Tz) -> Self {
        let storefront = invoice.storefront.as_deref().unwrap_or(NO_STOREFRONT).to_lowercase();
        let note = if invoice.basis.is_credit_note() { "-cn" } else { "" };
        Self(format!("{storefront}{note}-{}", invoice.issued_at.with_timezone(&seller).year()))
    }

    /// The series as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an invoice. Written `WEB-2027-000042`; from a million on it has more digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InvoiceNumber {
    /// Its series.
    pub series: Series,
    /// Its place in the series, from 1.
    pub sequence: u64,
}

/// Why a text is not a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invoice's number is its series and its place in it, such as WEB-2027-000042")]
pub struct BadNumber;

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.series.as_str().to_uppercase(), self.sequence)
    }
}

impl FromStr for InvoiceNumber {
    type Err = BadNumber;
    fn from_str(text: &str) -> Result<Self, BadNumber> {
        let (series, sequence) = text.rsplit_once('-').ok_or(BadNumber)?;
        let sequence = sequence.parse().ok().filter(|n| *n > 0).ok_or(BadNumber)?;
        if series.is_empty() {
            return Err(BadNumber);
        }
        Ok(Self { series: Series(series.to_lowercase()), sequence })
    }
}

impl TryFrom<String> for InvoiceNumber {
    type Error = BadNumber;
    fn try_from(text: String) -> Result<Self, BadNumber> {
        text.parse()
    }
}

impl From<InvoiceNumber> for String {
    fn from(number: InvoiceNumber) -> Self {
        number.to_string()
    }
}

/// Whether an invoice is issued, so that it has or gets a number. The first invoice of a contract that waits for its
/// money is a draft until then: nobody who walked away from the till has an invoice. What is issued stays issued, also
/// when it is withdrawn. What goes on a document of several contracts has no number of its own: the document has one.
#[must_use]
pub fn is_final(invoice: &Invoice) -> bool {
    !invoice.gathered && (!invoice.purpose.opens() || matches!(invoice.state, InvoiceState::Paid { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_back_as_it_is_written() {
        for (text, series, sequence) in
            [("WEB-2027-000042", "web-2027", 42), ("SHOP-DE-2027-1000000", "shop-de-2027", 1_000_000)]
        {
            let number: InvoiceNumber = text.parse().unwrap();
            assert_eq!((number.series.as_str(), number.sequence), (series, sequence));
            assert_eq!(number.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "WEB", "WEB-2027-", "WEB-2027-0", "-7", "WEB-2027-x"] {
            assert_eq!(text.parse::<InvoiceNumber>(), Err(BadNumber), "{text}");
        }
    }
}
