//! What must hold of one invoice, whatever happened to it.

use super::{Finding, Invariant, Moment};
use crate::{
    calendar::WallTime,
    fact::{EventType, Happening},
    invoice::{Invoice, InvoiceState, InvoiceWake, Lowered, RefundState, compute, wake_at, wrong_discount},
    money::Money,
};

pub(super) fn check(invoice: &Invoice, told: &[&Happening], moment: &Moment, found: &mut Vec<Finding>) {
    let mut say = |invariant, detail: String| found.push(Finding::new(invariant, &invoice.id, detail));
    if let Some(detail) = wrong_lines(invoice) {
        say(Invariant::Lines, detail);
    }
    if let Some(detail) = wrong_attempts(invoice) {
        say(Invariant::OneCapture, detail);
    }
    if let Some(detail) = wrong_booking(invoice, told) {
        say(Invariant::Booked, detail);
    }
    if let Some(detail) = late(invoice, moment) {
        say(Invariant::InTime, detail);
    }
    if let Some(detail) = stuck(invoice, moment) {
        say(Invariant::NoStuckAttempt, detail);
    }
}

fn wrong_lines(invoice: &Invoice) -> Option<String> {
    let currency = invoice.total.currency;
    match Money::sum(currency, invoice.lines.iter().map(|line| line.amount)) {
        Ok(sum) if sum == invoice.total => {}
        Ok(sum) => return Some(format!("its lines add up to {sum}, its total is {}", invoice.total)),
        Err(error) => return Some(format!("its lines cannot be added up: {error}")),
    }
    let cannot = |refusal| Some(format!("it cannot be computed again: {refusal}"));
    match compute(invoice.rules, &invoice.basis) {
        Ok(again) => {
            let bytes = |lines| serde_json::to_string(lines).unwrap_or_default();
            if bytes(&again) != bytes(&invoice.lines) {
                return Some(format!("computed again by rules {}, its lines are others", invoice.rules));
            }
        }
        Err(refusal) => return cannot(refusal),
    }
    match wrong_discount(&invoice.lines, &invoice.basis) {
        Ok(wrong) => wrong.map(|(item, told, is)| {
            format!("its lines take {told} off {item}, its discounts {is}: give the difference back with a credit note")
        }),
        Err(refusal) => cannot(refusal),
    }
}

fn wrong_attempts(invoice: &Invoice) -> Option<String> {
    let ended: Vec<_> = invoice.attempts.iter().filter(|attempt| attempt.attempt > 0).collect();
    let captures = ended.iter().filter(|attempt| attempt.code.is_none()).count();
    if captures > 1 {
        return Some(format!("it was captured {captures} times"));
    }
    let twice = ended.iter().enumerate().find(|(i, a)| ended[..*i].iter().any(|b| b.attempt == a.attempt));
    twice.map(|(_, attempt)| format!("attempt {} ended twice", attempt.attempt))
}

fn wrong_booking(invoice: &Invoice, told: &[&Happening]) -> Option<String> {
    let money: Vec<_> = told.iter().filter(|what| what.event_type.is_receipt()).collect();
    let received: i64 = money.iter().map(|what| what.gross_minor()).sum();
    let paid = matches!(invoice.state, InvoiceState::Paid { .. });
    let mut came = invoice.attempts.iter().filter(|attempt| attempt.code.is_none()).count();
    if invoice.is_document() {
        // What covers a document is told by a fact for each item; what does not, by one about the document.
        return (money.len() > came).then(|| format!("money came {came} times, and {} facts tell of it", money.len()));
    }
    came += usize::from(paid && invoice.document.is_some());
    if money.len() != came {
        return Some(format!("money came {came} times, and {} facts tell of it", money.len()));
    }
    let owed = invoice.payable().minor;
    if paid && owed > 0 && received < owed {
        return Some(format!("it is paid, and the facts tell of {received} of its {owed} minor units"));
    }
    if let Some(detail) = wrongly_lowered(invoice) {
        return Some(detail);
    }
    if let Some(detail) = wrong_refunds(invoice, told) {
        return Some(detail);
    }
    let captured = invoice.attempts.iter().any(|attempt| attempt.attempt > 0 && attempt.code.is_none());
    (captured && received < owed).then(|| format!("its capture is told as {received} minor units"))
}

/// What lowered it is no more than it came to, and notes lowered it by no more than they say.
fn wrongly_lowered(invoice: &Invoice) -> Option<String> {
    let Lowered { notes_minor, credit_minor, tax_minor } = invoice.lowered;
    let noted: i64 = invoice.credits.iter().map(|note| note.total.minor).sum();
    let sound = (0..=noted).contains(&notes_minor)
        && (0..=invoice.total.minor).contains(&credit_minor)
        && (0..=invoice.tax_minor).contains(&tax_minor)
        && (0..=invoice.total.minor).contains(&invoice.payable().minor);
    (!sound).then(|| {
        format!(
            "notes of {noted} lower its {} by {notes_minor}, and credit by {credit_minor} (tax {tax_minor})",
            invoice.total.minor
        )
    })
}

/// What went back and stayed there is what the facts tell; what came back again is told below zero.
fn wrong_refunds(invoice: &Invoice, told: &[&Happening]) -> Option<String> {
    let done = invoice.refunds.iter().filter(|refund| matches!(refund.state, RefundState::Done { .. }));
    let went: i64 = done.map(|refund| refund.claim.amount.minor).sum();
    let refunds = told.iter().filter(|what| what.event_type == EventType::Refund);
    let back: i64 = refunds.map(|what| what.gross_minor()).sum();
    (back != went).then(|| format!("{went} minor units went back, and the facts tell of {back}"))
}

fn late(invoice: &Invoice, moment: &Moment) -> Option<String> {
    let refund = invoice.refunds.iter().find_map(|refund| match refund.state {
        RefundState::Due { at } if at + moment.grace < moment.now => Some((&refund.claim.key, at)),
        _ => None,
    });
    if let Some((key, at)) = refund {
        return Some(format!("its refund {key} is due since {at}"));
    }
    let waits_since = match wake_at(invoice)? {
        InvoiceWake::Collect(at) | InvoiceWake::Rung(at) => at,
        InvoiceWake::Ask(_) => return None,
    };
    // An attempt that is under way is a matter of wall time.
    let waits = matches!(
        invoice.state,
        InvoiceState::Gathering { .. } | InvoiceState::Due { .. } | InvoiceState::Waiting { .. }
    );
    (waits && waits_since + moment.grace < moment.now)
        .then(|| format!("it is {} and was to be looked after at {waits_since}", invoice.state.name()))
}

fn stuck(invoice: &Invoice, moment: &Moment) -> Option<String> {
    let attempt = match &invoice.state {
        InvoiceState::Collecting { claim, .. } => Some((&claim.key, claim.deadline)),
        InvoiceState::Unknown { claim, ask_at, .. } => Some((&claim.key, *ask_at)),
        _ => None,
    };
    let refunds = invoice.refunds.iter().filter_map(|refund| match refund.state {
        RefundState::Calling { deadline, .. } => Some((&refund.claim.key, deadline)),
        RefundState::Unknown { ask_at, .. } => Some((&refund.claim.key, ask_at)),
        _ => None,
    });
    let stuck = |(_, since): &(&String, WallTime)| since.0 + moment.grace < moment.wall.0;
    let (key, since) = attempt.into_iter().chain(refunds).find(stuck)?;
    Some(format!("nobody looked after {key} since {}", since.0))
}
