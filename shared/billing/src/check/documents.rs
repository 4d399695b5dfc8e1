//! What must hold of the documents of several contracts and the invoices on them.

use std::collections::BTreeSet;

use super::{Finding, Invariant};
use crate::{
    invoice::{Invoice, InvoiceState},
    money::Money,
};

pub(super) fn check(invoices: &[&Invoice], found: &mut Vec<Finding>) {
    for document in invoices {
        let Some(items) = document.basis.items() else { continue };
        let on_it: Vec<&Invoice> =
            invoices.iter().copied().filter(|invoice| invoice.document.as_ref() == Some(&document.id)).collect();
        let named: BTreeSet<_> = items.iter().map(|item| &item.invoice).collect();
        let mut say = |detail: String| found.push(Finding::new(Invariant::Documents, &document.id, detail));
        if named != on_it.iter().map(|invoice| &invoice.id).collect() {
            say(format!("it names {} invoices, and {} say that they are on it", named.len(), on_it.len()));
        }
        match Money::sum(document.total.currency, on_it.iter().map(|invoice| invoice.payable())) {
            Ok(sum) if sum == document.total => {}
            Ok(sum) => say(format!("its invoices add up to {sum}, its total is {}", document.total)),
            Err(error) => say(format!("its invoices cannot be added up: {error}")),
        }
        let stands = if document.is_open() { &InvoiceState::Grouped } else { &document.state };
        for invoice in on_it.iter().filter(|invoice| invoice.state != *stands) {
            say(format!("it is {}, and {} on it is {}", document.state.name(), invoice.id, invoice.state.name()));
        }
    }
    let documents: BTreeSet<_> = invoices.iter().filter(|i| i.is_document()).map(|document| &document.id).collect();
    for invoice in invoices {
        if let Some(lost) = invoice.document.as_ref().filter(|id| !documents.contains(id)) {
            found.push(Finding::new(Invariant::Documents, &invoice.id, format!("its document {lost} is not there")));
        }
    }
}
