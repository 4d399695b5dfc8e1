//! News that a gateway sends by itself: the same table, by another door.

use billing::{
    gateway::GatewayEvent,
    ids::CustomerId,
    invoice::{Answer, InvoiceInput, RefundNews, parse_key, parse_refund_key},
    refusal::Refusal,
};

use crate::{collect::apply, error::Error, ports::Ledger};

/// One verified event, with the customer that the gateway's metadata names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose partition.
    pub customer: CustomerId,
    /// The news.
    pub event: GatewayEvent,
}

/// Applies one verified event. Old, repeated and early news change nothing.
///
/// # Errors
/// [`Refusal::NotFound`] for an invoice that is not ours; the store's errors, worth sending again.
pub async fn gateway_event(ledger: &Ledger, notice: Notice) -> Result<(), Error> {
    match notice.event {
        GatewayEvent::Settled { key, outcome } => {
            let bad = || Refusal::InvalidField { field: "key", detail: "must be <invoice>:<attempt>".into() };
            let (invoice, _) = parse_key(&key).ok_or_else(bad)?;
            let answer = Answer { key, outcome, wall: ledger.clocks.wall() };
            apply(ledger, &notice.customer, &invoice, InvoiceInput::Answered(answer)).await
        }
        GatewayEvent::Refunded { key, outcome } => {
            let bad = || Refusal::InvalidField { field: "key", detail: "must be <invoice>:r<number>".into() };
            let (invoice, _) = parse_refund_key(&key).ok_or_else(bad)?;
            let news = RefundNews::Answered { key, outcome, wall: ledger.clocks.wall() };
            apply(ledger, &notice.customer, &invoice, InvoiceInput::Refund(news)).await
        }
        GatewayEvent::Received { invoice, amount, reference, at, .. } => {
            apply(ledger, &notice.customer, &invoice, InvoiceInput::Received { amount, reference, at }).await
        }
    }
}
