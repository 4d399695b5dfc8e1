//! The answer to a change: the contract after it, and the documents that it makes and changes.
//!
//! Exists beside the verb, because a preview, a change and a change that was made before answer alike.

use std::collections::BTreeMap;

use billing::{calendar::Instant, document::InvoiceNumber, ids::InvoiceId, invoice::Invoice};
use serde::Serialize;

use super::preview::{Upcoming, WithdrawnView};
use crate::{
    open_invoice::TakenBackView,
    ports::Save,
    view::{InvoiceView, SubscriptionView},
};

/// The answer to a change.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeReply {
    /// Whether nothing was changed.
    pub preview: bool,
    /// The contract after the change.
    pub subscription: SubscriptionView,
    /// The documents that it makes, and those that it changes.
    #[serde(flatten)]
    pub documents: Documents,
    /// With a void: what becomes of credit that the invoice's period was given back as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_taken_back: Option<TakenBackView>,
    /// What the customer had agreed to for later, where this change takes its place or takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<WithdrawnView>,
    /// In a preview of something for later: what is billed then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upcoming: Option<Upcoming>,
}

impl ChangeReply {
    /// A contract, and no document.
    pub(super) fn of(subscription: SubscriptionView) -> Self {
        Self {
            preview: false,
            subscription,
            documents: Documents::default(),
            credit_taken_back: None,
            withdrawn: None,
            upcoming: None,
        }
    }
}

/// The documents of a change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Documents {
    /// The invoice that the change makes; none when nothing is owed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceView>,
    /// The invoice that closes what ran in another currency before it, where it is no credit note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing_invoice: Option<InvoiceView>,
    /// The credit note beside it, where the policy writes what is given back on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_note: Option<InvoiceView>,
    /// Invoices issued before that change with it, as they are after it: what is credited, withdrawn or given up, and what is
    /// lowered by what the contract gives back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed_invoices: Vec<InvoiceView>,
}

impl Documents {
    /// Those that have their legal number with it.
    pub(super) fn numbered(self, numbers: &BTreeMap<InvoiceId, InvoiceNumber>) -> Self {
        let named = |view: InvoiceView| {
            let number = numbers.iter().find(|(id, _)| id.as_str() == view.id).map(|(_, number)| number);
            view.numbered(number)
        };
        Self { changed_invoices: self.changed_invoices.into_iter().map(named).collect(), ..self }
    }

    /// Of what a commit at `now` writes.
    pub(super) fn new(written: &[Save<Invoice>], now: Instant) -> Self {
        let view = |saved: &Save<Invoice>| InvoiceView::new(&saved.value, now);
        // Renewals that were due came first, each at its own instant; the change's own invoice is of this one.
        let own = written.iter().filter(|saved| saved.replaces == 0 && saved.value.issued_at == now).map(view);
        let (notes, mut invoices): (Vec<_>, Vec<_>) = own.partition(|view| view.credit_note);
        let invoice = invoices.pop();
        let currency = |view: &InvoiceView| view.total.currency.clone();
        let closes = |closing: &InvoiceView| invoice.as_ref().map(currency) != Some(currency(closing));
        Self {
            closing_invoice: invoices.pop().filter(closes),
            invoice,
            credit_note: notes.into_iter().next_back(),
            changed_invoices: written.iter().filter(|saved| saved.replaces > 0).map(view).collect(),
        }
    }
}
