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

/// Drafts the correction that `request` asks for. What became of credit that the period of a withdrawn invoice was given back
/// as; none where there was none.
pub(super) async fn correct(
    ledger: &Ledger,
    gateways: &Gateways,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    request: &ChangeRequest,
) -> Result<Option<TakenBackView>, Error> {
    let reason = text("reason", request.reason.clone(), COMMENT_BYTES_MAX)?;
    let found = named(ledger, &current.value, request.invoice.as_deref()).await?;
    match request.action {
        Action::Void => return void(ledger, draft, current, &found, reason).await,
        Action::WriteOff => {
            write_off(ledger, draft, current, &found, reason).await?;
        }
        _ => {
            let asked = credit_note::Asked { lines: request.lines.as_deref(), reason, refund: request.refund };
            credit_note::write(ledger, gateways, draft, current, &found, asked).await?;
        }
    }
    Ok(None)
}
