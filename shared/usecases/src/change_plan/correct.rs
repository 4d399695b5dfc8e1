//! Corrections of issued invoices: a credit note, a void, a write-off.
//!
//! Exists beside the verb, because these are decisions about an invoice, which its contract follows.

use billing::subscription::Subscription;

use super::{Action, COMMENT_BYTES_MAX, ChangeRequest, text};
use crate::{
    credit_note,
    decide::Draft,
    error::Error,
    open_invoice::{TakenBackView, named, void, write_off},
    ports::{Gateways, Ledger, Versioned},
};

/// An invoice that was corrected.
pub(super) struct Corrected {
    /// What became of credit that its period was given back as.
    pub(super) taken_back: Option<TakenBackView>,
}

/// Drafts the correction that `request` asks for; none where it asks for something else.
pub(super) async fn correct(
    ledger: &Ledger,
    gateways: &Gateways,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    request: &ChangeRequest,
) -> Result<Option<Corrected>, Error> {
    if !matches!(request.action, Action::CreditNote | Action::Void | Action::WriteOff) {
        return Ok(None);
    }
    let reason = text("reason", request.reason.clone(), COMMENT_BYTES_MAX)?;
    let found = named(ledger, &current.value, request.invoice.as_deref()).await?;
    let mut taken_back = None;
    match request.action {
        Action::Void => taken_back = void(ledger, draft, current, &found, reason).await?,
        Action::WriteOff => {
            write_off(ledger, draft, current, &found, reason).await?;
        }
        _ => {
            let asked = credit_note::Asked { lines: request.lines.as_deref(), reason, refund: request.refund };
            credit_note::write(ledger, gateways, draft, current, &found, asked).await?;
        }
    }
    Ok(Some(Corrected { taken_back }))
}
