//! What one step changed: the difference between two readings of a customer's file, as lines.

use billing::{
    calendar::Instant,
    fact::Fact,
    invoice::{Invoice, Refund},
};
use usecases::{ports::CustomerFile, relay::added};

use crate::show;

fn facts(file: &CustomerFile) -> Vec<Fact> {
    let on_invoices = file.invoices.iter().flat_map(|i| &i.value.facts);
    on_invoices.chain(file.journal.iter().flat_map(|j| &j.facts)).cloned().collect()
}

/// The facts that `after` has and `before` had not, in the order of recording.
pub(crate) fn new_facts(before: Option<&CustomerFile>, after: &CustomerFile) -> Vec<Fact> {
    let mut new = added(&before.map(facts).unwrap_or_default(), &facts(after));
    new.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    new
}

/// What is different, for people: contract first, then invoices in the order of their making.
pub(crate) fn lines(before: Option<&CustomerFile>, after: &CustomerFile) -> Vec<String> {
    let mut lines = Vec::new();
    for held in &after.subscriptions {
        let old = before.and_then(|f| f.subscriptions.iter().find(|s| s.value.id == held.value.id));
        if old.is_none_or(|o| o.value != held.value) {
            lines.push(format!("contract   {} {}", held.value.id, show::subscription(&held.value)));
        }
    }
    let mut invoices: Vec<&Invoice> = after.invoices.iter().map(|i| &i.value).collect();
    invoices.sort_by(|a, b| (a.issued_at, &a.id).cmp(&(b.issued_at, &b.id)));
    for invoice in invoices {
        let old = before.and_then(|f| f.invoices.iter().find(|i| i.value.id == invoice.id)).map(|i| &i.value);
        match old {
            None => {
                lines.push(format!("invoice    {} {} {}", invoice.id, invoice.total, show::invoice_state(invoice)));
                lines.extend(invoice.lines.iter().map(|l| format!("             {}", show::line(l))));
            }
            Some(old) if old.state != invoice.state => {
                lines.push(format!("invoice    {} {}", invoice.id, show::invoice_state(invoice)));
            }
            Some(_) => {}
        }
        if old.is_some_and(|old| old.lowered != invoice.lowered) {
            lines.push(format!("invoice    {} lowered to {} of {}", invoice.id, invoice.payable(), invoice.total));
        }
        let known = |refund: &&Refund| old.is_some_and(|old| old.refunds.contains(refund));
        let moved = invoice.refunds.iter().filter(|refund| !known(refund));
        lines
            .extend(moved.map(|r| format!("refund     {} {} {}", r.claim.key, r.claim.amount, show::refund(&r.state))));
    }
    lines
}

/// The lines of facts, as they happened at `now`.
pub(crate) fn fact_lines(facts: &[Fact], now: Instant) -> impl Iterator<Item = String> {
    facts.iter().map(move |f| format!("fact       {} -> {}", show::fact(f, now), f.what.event_type.bus_name()))
}
