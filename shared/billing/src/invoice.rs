//! What is owed, why, and what was tried to collect it.
//!
//! Two machines meet here: `lines` computes what is owed from stored decision inputs (same inputs, same bytes, for
//! ever); `transition` decides what an answer, a claim or a passed day makes of the invoice.

mod adjust;
mod balances;
mod basis;
mod charged;
mod consolidated;
mod credit;
mod credit_tax;
mod explain;
mod facts;
mod kept;
mod lines;
mod owed;
mod receive;
mod refund;
mod state;
mod transition;
mod withdrawn;

pub use adjust::{Adjustment, Adjustments, tax_of, tax_of_total};
pub(crate) use adjust::{coupon_of, tax_of_kept, wrong_discount};
pub use balances::{CustomerBalance, customer_balances};
pub use basis::{Basis, DocumentSide};
pub use charged::{Charged, ChargedItem};
pub use consolidated::{
    BadGatheringTime, DOCUMENT_ITEMS_MAX, DocumentItem, GATHERING_HOURS_MAX, GatheringTime, consolidate,
};
pub use credit::credit;
pub use explain::explain;
pub(crate) use kept::keep_pending;
pub use kept::{Kept, keep};
pub(crate) use lines::time_bought;
pub use lines::{Explanation, Line, LineKind, Once, OneOff, StubOf, UsedUnits, compute};
pub(crate) use lines::{prepaid_cost, prepaid_drawn};
pub use owed::Lowered;
pub(crate) use refund::tax_not_in_credit;
pub use refund::{Refund, RefundClaim, RefundNews, RefundState, parse_refund_key, refund, refund_key};
pub use state::{
    Attempt, Claim, Climb, Invoice, InvoiceState, InvoiceWake, Method, NewInvoice, PaidBy, Purpose, ceil_to_second,
    wake_at,
};
pub use transition::{
    ASK_AFTER_SECONDS, Answer, CLAIM_SECONDS, InvoiceEffect, InvoiceInput, InvoiceOutcome, key, parse_key, transition,
};
pub(crate) use withdrawn::BY_MERCHANT;
pub use withdrawn::{GivenBack, PaidByCredit, Withdrawal, check_write_off, given_back, pay_from_credit, withdrawal};

/// A stored form of an invoice, for the tests beside the code.
#[cfg(test)]
fn stored(name: &str) -> Invoice {
    let text = std::fs::read_to_string(format!("tests/golden/invoice-{name}.json")).expect("a golden file");
    serde_json::from_str(&text).expect("an invoice")
}
