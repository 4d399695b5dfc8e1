//! Ask the gateway what became of an attempt or a refund that nobody knows about.

use billing::{
    gateway::Lookup,
    invoice::{InvoiceInput, InvoiceState},
};

use crate::{
    collect::{apply, invoice_id, load},
    error::Error,
    ports::{Gateways, Job, Ledger},
    refund,
};

/// Asks about the unknown attempt, or the unknown refunds, of the invoice that `job` names, if it is time.
///
/// # Errors
/// As the store's. A gateway that cannot be asked is not an error: it is asked later.
pub async fn reconcile(ledger: &Ledger, gateways: &Gateways, job: &Job) -> Result<(), Error> {
    let id = invoice_id(&job.item)?;
    let invoice = load(ledger, &job.customer, &id).await?;
    if matches!(invoice.value.state, InvoiceState::Paid { .. }) {
        return refund::ask(ledger, gateways, &invoice.value).await;
    }
    let wall = ledger.clocks.wall();
    let InvoiceState::Unknown { claim, ask_at, .. } = &invoice.value.state else { return Ok(()) };
    if *ask_at > wall {
        return Ok(());
    }
    let Some(gateway) = gateways.get(&claim.method.gateway) else {
        return Err(Error::unavailable("ask the gateway", format!("gateway {} is not set up", claim.method.gateway)));
    };
    let lookup: Lookup = gateway.look_up(claim).await;
    let (key, declaration) = (claim.key.clone(), gateway.declaration());
    apply(ledger, &job.customer, &id, InvoiceInput::Asked { key, lookup, declaration, wall }).await
}
