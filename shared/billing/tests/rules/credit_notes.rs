//! Credit notes on invoices of contracts: never more than was paid, to the cent with tax, and one document each.

use billing::{
    document::{CreditAmount, CreditRequest, LineCredit},
    invoice::{Invoice, InvoiceState, Kept, LineKind, compute, credit, explain, tax_of},
    money::Money,
    subscription::{Input, Subscription, transition_with},
    tax::Taxes,
};
use proptest::prelude::*;

use crate::{
    adjusted::{applied, coupon, opened, start, taxed, taxes},
    sample::terms,
};

/// A paid invoice of three units, discounted and taxed.
pub(crate) fn sold(cents: i64, percent: u32, inclusive: bool) -> (Subscription, Invoice) {
    let price = rust_decimal::Decimal::new(cents, 2).to_string();
    let coupons = vec![coupon(percent, r#"{"is":"forever"}"#)];
    let (held, mut issued, _) = opened(taxed(terms("team", "month", &price, 3)), coupons, &taxes(inclusive));
    (held, Invoice { state: InvoiceState::Paid { at: start() }, ..issued.remove(0) })
}

pub(crate) fn gross(line: u32, minor: i64, invoice: &Invoice) -> CreditRequest {
    let amount = CreditAmount::Gross { amount: Money::new(minor, invoice.total.currency) };
    CreditRequest::Lines { lines: vec![LineCredit { line: line.to_string(), amount }] }
}

/// Writes the credit note: the contract, the invoice that remembers it, and the note.
fn write(held: &Subscription, invoice: &Invoice, request: &CreditRequest) -> (Subscription, Invoice, Invoice) {
    let (credited, basis) = credit(invoice, request, start()).expect("a credit note");
    let input =
        Input::CreditNote { basis: Box::new(basis), invoice: invoice.id.clone(), reason: None, kept: Kept::default() };
    let outcome = transition_with(held, 9, input, start(), &Taxes::default().into()).expect("applied");
    let (held, mut notes, facts) = applied(outcome);
    assert_eq!((notes.len(), facts.len()), (1, 1));
    assert_eq!(facts[0].reason.as_deref(), Some("credit_note"));
    (held, credited, notes.remove(0))
}

#[test]
fn a_credit_note_is_a_document_of_its_own_and_its_sum_is_credit() {
    let (held, invoice) = sold(2_800, 50, false);
    // 84.00 less 42.00, and 19 % of 42.00.
    assert_eq!(invoice.total.minor, 4_998);
    let (held, credited, note) = write(&held, &invoice, &gross(1, 1_190, &invoice));
    let lines: Vec<_> = note.lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!(lines, [(LineKind::Credited, -1_000), (LineKind::Tax, -190), (LineKind::CreditKept, 1_190)]);
    assert_eq!((note.id.as_str(), note.total.minor, held.credit_minor), ("inv_ana-n9", 0, 1_190));
    assert!(note.basis.is_credit_note());
    assert_eq!(tax_of(&note.lines, note.total.currency).expect("tax").minor, -190);
    assert_eq!(compute(note.rules, &note.basis).expect("lines"), note.lines);
    assert_eq!(credited.lines, invoice.lines, "an issued invoice is never edited");
    let words = explain(&note).expect("words");
    assert!(words.contains("what is given back of inv_ana-p1"), "{words}");
    assert!(words.contains("\n  credited line 1 ") && words.contains("\n  tax VAT DE "), "{words}");
}

#[test]
fn what_was_withdrawn_and_what_is_a_note_cannot_be_credited() {
    let (held, invoice) = sold(2_800, 50, false);
    let withdrawn = Invoice { state: InvoiceState::Void, ..invoice.clone() };
    let refusal = credit(&withdrawn, &CreditRequest::Whole, start()).unwrap_err();
    assert_eq!(refusal.to_string(), "invoice: was withdrawn, and nothing is owed on it; credit another invoice");
    let (_, _, note) = write(&held, &invoice, &CreditRequest::Whole);
    let refusal = credit(&note, &CreditRequest::Whole, start()).unwrap_err();
    assert_eq!(refusal.to_string(), "invoice: is a credit note itself; name the invoice");
    let old = Invoice { rules: 1, ..invoice.clone() };
    assert!(credit(&old, &CreditRequest::Whole, start()).unwrap_err().to_string().contains("rules version 1"));
    let mut full = invoice;
    while full.credits.len() < 10 {
        full = credit(&full, &gross(1, 1, &full), start()).expect("a note").0;
    }
    assert!(credit(&full, &gross(1, 1, &full), start()).unwrap_err().to_string().contains("as many credit notes"));
}

proptest! {
    /// However an invoice is given back in parts: never more than it came to, and the last note gives exactly the rest, in
    /// money and in tax.
    #[test]
    fn all_notes_of_an_invoice_together_are_the_invoice(
        cents in 1_i64..1_000_000, percent in 0_u32..100, inclusive: bool,
        parts in proptest::collection::vec(1_i64..100_000, 0..6),
    ) {
        let (mut held, mut invoice) = sold(cents, percent, inclusive);
        let currency = invoice.total.currency;
        let (whole, tax) = (invoice.total.minor, tax_of(&invoice.lines, currency).expect("tax").minor);
        prop_assume!(whole > 0);
        let (mut given, mut taxes) = (0, 0);
        let parts = parts.iter().map(|minor| gross(1, *minor, &invoice)).collect::<Vec<_>>();
        for request in parts.into_iter().chain([CreditRequest::Whole]) {
            if credit(&invoice, &request, start()).is_err() {
                continue;
            }
            let before = held.credit_minor;
            let (next, credited, note) = write(&held, &invoice, &request);
            given += next.credit_minor - before;
            taxes -= tax_of(&note.lines, currency).expect("tax").minor;
            prop_assert!(given <= whole && taxes <= tax);
            prop_assert_eq!(note.total.minor, 0);
            prop_assert_eq!(compute(note.rules, &note.basis).expect("lines"), note.lines);
            (held, invoice) = (next, credited);
        }
        prop_assert_eq!((given, taxes), (whole, tax));
    }
}
