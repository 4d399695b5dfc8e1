//! Documents: what an invoice comes to stage by stage, what a credit note may give back, and what is owed in the end.
//!
//! Exists so that charges, discounts, taxes and credits meet in one place and one stated order; every stage keeps the
//! numbers that explain it.

mod balance;
mod credit_note;
mod credit_tax;
mod grants;
mod number;
mod profile;
mod status;
mod totals;

pub use balance::{Account, Settlement, SettlementWish, customer_balance, settle};
pub use credit_note::{
    CreditAmount, CreditBase, CreditLimit, CreditNote, CreditNotePolicy, CreditRequest, Creditable, CreditedLine,
    LineCredit, credit_note,
};
pub use grants::{Drawn, Grant, GrantUse, available, draw, expired};
pub(crate) use grants::{in_order, take};
pub use number::{BadNumber, InvoiceNumber, NUMBERED_AT_ONCE, Series, is_final};
pub use profile::{BillingProfile, profile, profile_names};
pub use status::{DocumentEvent, DocumentStatus, StatusError};
pub use totals::{
    Charge, CreditStage, DocumentLine, DocumentPolicy, DocumentRequest, Stage, StageName, Totals, compute,
};

use crate::{
    discount::DiscountError,
    money::{Money, MoneyError},
    tax::TaxError,
};

/// Why a document could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The sum is not computable, or currencies met.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A discount.
    #[error(transparent)]
    Discount(#[from] DiscountError),
    /// A tax.
    #[error(transparent)]
    Tax(#[from] TaxError),
    /// Two lines have one id.
    #[error("line {0:?} is there twice; give every line an id of its own")]
    LineTwice(String),
    /// The invoice has no such line.
    #[error("the invoice has no line {0:?}; name one of its lines")]
    NoSuchLine(String),
    /// More would be credited than there is.
    #[error("line {line:?}: {asked} cannot be credited; {left} of it is not credited yet")]
    MoreThanLeft {
        /// Which line.
        line: String,
        /// What was asked for.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// A line that is itself a credit, or a share or amount that is not above zero.
    #[error("line {line:?} cannot be credited: {why}")]
    NotCreditable {
        /// Which line.
        line: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// An amount that must not be negative.
    #[error("{what} must not be negative")]
    Negative {
        /// Which.
        what: &'static str,
    },
    /// No profile of this name.
    #[error("there is no billing profile {name:?}; there are: {known}")]
    NoSuchProfile {
        /// The one asked for.
        name: String,
        /// Which there are.
        known: String,
    },
    /// The profiles that come with this build.
    #[error("the billing profiles are not valid: {0}")]
    Profiles(String),
}
