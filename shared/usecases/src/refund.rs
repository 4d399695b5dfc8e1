//! Refund: send the money of a credit note back through the gateway that took it.
//!
//! Exists beside `collect`, whose worker finds the refund in the due index: the claim is committed before the call, and
//! the answer goes through the invoice's table.

use billing::{
    gateway::RefundOutcome,
    ids::CustomerId,
    invoice::{Invoice, InvoiceInput, RefundClaim, RefundNews, RefundState},
};

use crate::{
    collect::{apply, decide_on},
    error::Error,
    ports::{Gateways, Ledger, Versioned},
    sweep::count_unknown,
};

/// Calls the gateway for a refund that is claimed and committed (`claimed` holds it), and commits its answer. If that
/// cannot be committed the claim stands, its deadline passes, and reconciliation asks the gateway.
pub(crate) async fn send_back(
    ledger: &Ledger,
    gateways: &Gateways,
    customer: &CustomerId,
    claimed: Versioned<Invoice>,
    claim: RefundClaim,
) -> Result<Versioned<Invoice>, Error> {
    let name = &claim.paid_by.gateway;
    let outcome = match gateways.get(name) {
        Some(gateway) => gateway.refund(&claim, customer).await,
        None => RefundOutcome::Unknown { why: format!("gateway {name} is not set up") },
    };
    if matches!(outcome, RefundOutcome::Unknown { .. }) {
        count_unknown(ledger, name).await?;
    }
    let news = RefundNews::Answered { key: claim.key, outcome, wall: ledger.clocks.wall() };
    decide_on(ledger, claimed, InvoiceInput::Refund(news)).await
}

/// Asks the gateway about every unknown refund of `invoice` whose time has come.
pub(crate) async fn ask(ledger: &Ledger, gateways: &Gateways, invoice: &Invoice) -> Result<(), Error> {
    let wall = ledger.clocks.wall();
    for refund in &invoice.refunds {
        if !matches!(refund.state, RefundState::Unknown { ask_at, .. } if ask_at <= wall) {
            continue;
        }
        let claim = &refund.claim;
        let Some(gateway) = gateways.get(&claim.paid_by.gateway) else {
            let why = format!("gateway {} is not set up", claim.paid_by.gateway);
            return Err(Error::unavailable("ask the gateway", why));
        };
        let lookup = gateway.look_up_refund(claim).await;
        let news = RefundNews::Asked { key: claim.key.clone(), lookup, declaration: gateway.declaration(), wall };
        apply(ledger, &invoice.customer, &invoice.id, InvoiceInput::Refund(news)).await?;
    }
    Ok(())
}
