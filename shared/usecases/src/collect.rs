//! Look after one invoice: claim an attempt or a refund and call the gateway, or climb its ladder.
//!
//! The verbs `collect` (first attempts) and `retry-payment` (rungs) are one use case: what is due is the invoice's to
//! say. What is to come on a document of several contracts is put on it first. Every answer goes through the invoice's table, so a second delivery finds nothing to do.

use billing::{
    calendar::Instant,
    gateway::ChargeOutcome,
    ids::{CustomerId, InvoiceId},
    invoice::{Answer, Claim, Invoice, InvoiceInput, InvoiceState, InvoiceWake, wake_at},
    refusal::Refusal,
};

use crate::{
    decide::{Draft, on_invoice},
    error::{CONFLICT_TRIES, Error},
    gather::gather,
    ports::{Gateways, Job, Ledger, Versioned},
    refund::send_back,
    sweep::count_unknown,
};

/// Most rungs climbed in one go; a ladder has at most 30 rungs a class.
const STEPS_MAX: usize = 32;

/// Does all that is due on the invoice that `job` names.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Conflict`] are worth a retry by the queue; a refusal is not.
pub async fn collect(ledger: &Ledger, gateways: &Gateways, job: &Job) -> Result<(), Error> {
    let id = invoice_id(&job.item)?;
    let mut conflicts = 0;
    for _ in 0..STEPS_MAX {
        match step(ledger, gateways, &job.customer, &id).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(Error::Conflict(_)) if conflicts < CONFLICT_TRIES => conflicts += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One decision and what it calls for. False: nothing more is due.
async fn step(ledger: &Ledger, gateways: &Gateways, customer: &CustomerId, id: &InvoiceId) -> Result<bool, Error> {
    let (invoice, profile) = ledger.store.invoice_and_customer(customer, id).await?;
    let invoice = found(invoice, id)?;
    if matches!(invoice.value.state, InvoiceState::Gathering { .. }) {
        return gather(ledger, customer, id).await;
    }
    let method = profile.and_then(|profile| profile.value.method).filter(|_| invoice.value.automatic);
    let (now, wall) = (ledger.clocks.business().await?, ledger.clocks.wall());
    let mut draft = Draft::new(now, wall);
    if !on_invoice(ledger, &mut draft, &invoice, InvoiceInput::Wake { method, wall }, now).await? {
        return Ok(false);
    }
    let mut after = draft.invoice_after(id).unwrap_or(invoice);
    let calls = draft.commit(ledger).await?;
    for id in &calls.voids {
        apply(ledger, customer, id, InvoiceInput::Void).await?;
    }
    for claim in calls.charges {
        after = charge(ledger, gateways, customer, after, claim).await?;
    }
    for claim in calls.refunds {
        after = send_back(ledger, gateways, customer, after, claim).await?;
    }
    Ok(is_due(&after.value, now))
}

fn is_due(invoice: &Invoice, now: Instant) -> bool {
    match wake_at(invoice) {
        Some(InvoiceWake::Collect(at) | InvoiceWake::Rung(at)) => at <= now,
        Some(InvoiceWake::Ask(_)) | None => false,
    }
}

/// Calls the gateway for a claim that is committed (`claimed` holds it), and commits its answer. If the answer cannot
/// be committed the claim stands, its deadline passes, and reconciliation asks the gateway.
///
/// # Errors
/// As the store's.
pub async fn charge(
    ledger: &Ledger,
    gateways: &Gateways,
    customer: &CustomerId,
    claimed: Versioned<Invoice>,
    claim: Claim,
) -> Result<Versioned<Invoice>, Error> {
    let outcome = match gateways.get(&claim.method.gateway) {
        Some(gateway) => gateway.charge(&claim, customer).await,
        None => ChargeOutcome::Unknown { why: format!("gateway {} is not set up", claim.method.gateway) },
    };
    if matches!(outcome, ChargeOutcome::Unknown { .. }) {
        count_unknown(ledger, &claim.method.gateway).await?;
    }
    let answer = Answer { key: claim.key, outcome, wall: ledger.clocks.wall() };
    decide_on(ledger, claimed, InvoiceInput::Answered(answer)).await
}

/// Gives `input` to an invoice until it is applied or was already; decides again when somebody else was first.
///
/// # Errors
/// As the store's; [`Error::Conflict`] after several tries.
pub async fn apply(ledger: &Ledger, customer: &CustomerId, id: &InvoiceId, input: InvoiceInput) -> Result<(), Error> {
    let invoice = load(ledger, customer, id).await?;
    decide_on(ledger, invoice, input).await.map(|_| ())
}

/// As [`apply`], beginning with an invoice as it was just read or written; answers with the invoice after.
pub(crate) async fn decide_on(
    ledger: &Ledger,
    mut invoice: Versioned<Invoice>,
    input: InvoiceInput,
) -> Result<Versioned<Invoice>, Error> {
    let mut tries = 0;
    loop {
        let now = ledger.clocks.business().await?;
        let mut draft = Draft::new(now, ledger.clocks.wall());
        if !on_invoice(ledger, &mut draft, &invoice, input.clone(), now).await? {
            return Ok(invoice);
        }
        let after = draft.invoice_after(&invoice.value.id);
        match draft.commit(ledger).await {
            Err(Error::Conflict(_)) if tries < CONFLICT_TRIES => tries += 1,
            Err(error) => return Err(error),
            Ok(_) => return Ok(after.unwrap_or(invoice)),
        }
        invoice = load(ledger, &invoice.value.customer, &invoice.value.id).await?;
    }
}

pub(crate) async fn load(ledger: &Ledger, customer: &CustomerId, id: &InvoiceId) -> Result<Versioned<Invoice>, Error> {
    found(ledger.store.invoice(customer, id).await?, id)
}

pub(crate) fn found(invoice: Option<Versioned<Invoice>>, id: &InvoiceId) -> Result<Versioned<Invoice>, Error> {
    Ok(invoice.ok_or_else(|| Refusal::NotFound { what: "invoice", id: id.to_string() })?)
}

pub(crate) fn invoice_id(text: &str) -> Result<InvoiceId, Refusal> {
    InvoiceId::try_new(text).map_err(|e| Refusal::InvalidField { field: "item", detail: e.to_string() })
}
