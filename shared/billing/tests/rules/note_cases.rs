//! Credit notes one by one: limits that are met exactly, and which cents of tax go back when.
//!
//! Exists beside the properties of notes, because they hold wherever a cent goes, and these say where.

use billing::{
    document::{
        Charge, CreditBase, CreditLimit, CreditNote, CreditNotePolicy, CreditRequest, DocumentError, DocumentPolicy,
        DocumentRequest, Totals, compute, credit_note,
    },
    money::{Currency, Money},
    tax::TaxTreatment,
};

/// So many lines of `minor` cents each, all with the same tax.
fn taxed(lines: usize, minor: i64, percent: &str) -> Totals {
    let rate = serde_json::from_str(&format!(r#"{{"name":"VAT","percent":"{percent}"}}"#)).expect("valid");
    let treatment = TaxTreatment::Taxed { rates: vec![rate] };
    let currency = Currency::try_new("EUR").expect("valid");
    let charge = |n: usize| Charge {
        id: n.to_string(),
        item: "team".into(),
        amount: Money::new(minor, currency),
        discountable: true,
        treatment: treatment.clone(),
    };
    let charges: Vec<Charge> = (0..lines).map(charge).collect();
    let request = DocumentRequest { currency, charges: &charges, discounts: &[], credit: Money::zero(currency) };
    compute(&request, DocumentPolicy::default()).expect("valid")
}

fn lines(json: &str) -> CreditRequest {
    serde_json::from_str(&format!(r#"{{"is":"lines","lines":{json}}}"#)).expect("a request")
}

fn note(invoice: &Totals, earlier: &[CreditNote], json: &str) -> Result<CreditNote, DocumentError> {
    credit_note(invoice, earlier, &lines(json), CreditNotePolicy::default())
}

const THIRD: &str = r#"[{"line":"0","amount":{"is":"share","part":1,"whole":3}}]"#;
const REST: &str = r#"[{"line":"0","amount":{"is":"rest"}}]"#;

#[test]
fn a_limit_is_met_exactly() {
    let invoice = taxed(2, 1_000, "15");
    let all = note(&invoice, &[], r#"[{"line":"0","amount":{"is":"share","part":3,"whole":3}}]"#).expect("a note");
    assert_eq!(all.total.minor, 1_150);
    assert_eq!(
        note(&invoice, &[], r#"[{"line":"0","amount":{"is":"net","minor":"1000"}}]"#).expect("a note").net.minor,
        1_000
    );
    let none = note(&invoice, &[], r#"[{"line":"0","amount":{"is":"net","minor":"0"}}]"#).expect_err("too much");
    assert!(none.to_string().contains("a net amount is above zero"), "{none}");
    // What is given back is no part of what follows: not of the whole invoice, and not where it is named.
    let policy = CreditNotePolicy::default();
    let rest = credit_note(&invoice, std::slice::from_ref(&all), &CreditRequest::Whole, policy).expect("a note");
    assert_eq!(rest.lines.iter().map(|l| (l.line.as_str(), l.net.minor)).collect::<Vec<_>>(), [("1", 1_000)]);
    let again = note(&invoice, &[all], THIRD).expect_err("too much").to_string();
    assert_eq!(again, "line \"0\": 3.33 EUR cannot be credited; 0.00 EUR of it is not credited yet");
}

#[test]
fn the_tax_follows_the_net_amount_before_or_after_rounding() {
    let invoice = taxed(1, 10, "50");
    // A quarter is 2.5 cents, rounded to 3; the tax is 1.25 or 1.5 cents.
    let request = lines(r#"[{"line":"0","amount":{"is":"share","part":1,"whole":4}}]"#);
    for (tax_base, tax) in [(CreditBase::Exact, 1), (CreditBase::Rounded, 2)] {
        for limit in [CreditLimit::Line, CreditLimit::Document] {
            let policy = CreditNotePolicy { tax_base, limit, ..CreditNotePolicy::default() };
            let note = credit_note(&invoice, &[], &request, policy).expect("a note");
            assert_eq!((note.net.minor, note.tax.minor), (3, tax), "{tax_base:?} {limit:?}");
        }
    }
}

#[test]
fn notes_together_give_back_the_tax_of_the_document_and_no_cent_more() {
    // 0.57 cents of tax on each of four lines, 2.28 on all.
    let invoice = taxed(4, 3, "19");
    let policy = CreditNotePolicy { limit: CreditLimit::Document, ..CreditNotePolicy::default() };
    let mut notes = Vec::new();
    for line in 0..4 {
        let request = lines(&format!(r#"[{{"line":"{line}","amount":{{"is":"rest"}}}}]"#));
        notes.push(credit_note(&invoice, &notes, &request, policy).expect("a note"));
    }
    assert_eq!(notes.iter().map(|note| note.tax.minor).collect::<Vec<_>>(), [1, 1, 0, 0]);
}

#[test]
fn an_amount_with_tax_is_given_back_to_the_cent_also_where_it_is_the_last() {
    // 6.27 cents of tax on each of two lines, 13 on both: the first note gives back 6 by itself, and 7 would be left.
    let invoice = taxed(2, 33, "19");
    let policy = CreditNotePolicy { limit: CreditLimit::Document, ..CreditNotePolicy::default() };
    let first = credit_note(&invoice, &[], &lines(REST), policy).expect("a note");
    assert_eq!(first.total.minor, 39);
    let gross = r#"[{"line":"1","amount":{"is":"gross","amount":{"minor":39,"currency":"EUR"}}}]"#;
    let last = credit_note(&invoice, &[first], &lines(gross), policy).expect("a note");
    assert_eq!((last.net.minor, last.tax.minor, last.total.minor), (33, 6, 39));
}
