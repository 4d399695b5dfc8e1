//! What is owed, why, and what was tried to collect it.
//!
//! Two machines meet here: `lines` computes what is owed from stored decision inputs (same inputs, same bytes, for
//! ever); `transition` decides what an answer, a claim or a passed day makes of the invoice.

mod adjust;
mod charged;
mod consolidated;
mod credit;
mod explain;
mod facts;
mod lines;
mod state;
mod transition;

pub(crate) use adjust::coupon_of;
pub use adjust::{Adjustment, Adjustments, tax_of, tax_of_total};
pub use charged::{Charged, ChargedItem};
pub use consolidated::{DOCUMENT_ITEMS_MAX, DocumentItem, GATHERING_HOURS_MAX, GatheringTime, consolidate};
pub use credit::credit;
pub use explain::explain;
pub use lines::{Basis, DocumentSide, Explanation, Line, LineKind, Once, OneOff, StubOf, UsedUnits, compute};
pub use state::{
    Attempt, Claim, Climb, Invoice, InvoiceState, InvoiceWake, Method, NewInvoice, Purpose, ceil_to_second, wake_at,
};
pub use transition::{
    ASK_AFTER_SECONDS, Answer, CLAIM_SECONDS, InvoiceEffect, InvoiceInput, InvoiceOutcome, key, parse_key, transition,
};
