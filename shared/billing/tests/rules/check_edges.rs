//! What the checker must not find, and what it finds alone: instants exactly at the end of the grace, money that came too
//! late, invoices that nothing came for.
//!
//! Exists beside the damages, because a finding about sound books wakes somebody at night.

use billing::{
    check::{Invariant, NumbersCheck},
    dunning::Ladder,
    fact::EventType,
    invoice::{Attempt, Basis, Invoice, InvoiceInput, InvoiceOutcome, InvoiceState, Lowered, RefundState, transition},
};

use serde_json::json;

use crate::{
    check::{Books, IN_TIME, begin, broken, moment, refunded},
    sample::{at, method, usd, wall},
};

/// Sound books, but that the last invoice is in this state and nothing came for it.
fn with(state: InvoiceState) -> Books {
    let mut books = Books::sound();
    let invoice = &mut books.invoices[2];
    (invoice.attempts, invoice.facts, invoice.state) = (Vec::new(), Vec::new(), state);
    books
}

fn kinds(books: &Books, now: &str) -> Vec<Invariant> {
    books.check(now).into_iter().map(|found| found.invariant).collect()
}

/// One second before the end of the grace, its end, and one second later.
fn around(books: &Books, before: &str, end: &str, after: &str, finding: Invariant) {
    assert_eq!(kinds(books, before), []);
    assert_eq!(kinds(books, end), []);
    assert_eq!(kinds(books, after), [finding]);
}

#[test]
fn what_waits_exactly_as_long_as_the_grace_is_in_time() {
    let contract = Books::sound();
    let due = with(InvoiceState::Due { at: at("2027-03-31T23:00:00Z") });
    let gathering = with(InvoiceState::Gathering { at: at("2027-03-31T23:00:00Z"), due: None });
    let refund = refunded(RefundState::Due { at: at("2027-03-31T23:00:00Z") });
    around(&contract, "2027-04-30T09:59:59Z", "2027-04-30T10:00:00Z", "2027-04-30T10:00:01Z", Invariant::InTime);
    for books in [due, gathering, refund] {
        around(&books, "2027-03-31T23:59:59Z", IN_TIME, "2027-04-01T00:00:01Z", Invariant::InTime);
    }
}

/// The last invoice after a claim whose answer is awaited until 23:00.
fn claimed() -> Invoice {
    let invoice = with(InvoiceState::Due { at: begin() }).invoices.pop().expect("an invoice");
    let wake = InvoiceInput::Wake { method: Some(method()), wall: wall("2027-03-31T22:59:00Z") };
    match transition(&invoice, &Ladder::standard(), wake, at(IN_TIME)) {
        InvoiceOutcome::Applied { next, .. } => *next,
        _ => unreachable!("it is due"),
    }
}

#[test]
fn an_answer_that_is_awaited_exactly_as_long_as_the_grace_is_not_lost() {
    let collecting = claimed().state;
    let InvoiceState::Collecting { claim, climb, .. } = collecting.clone() else { unreachable!("{collecting:?}") };
    let ask_at = wall("2027-03-31T23:00:00Z");
    let unknown = InvoiceState::Unknown { claim, climb, asked: 1, ask_at, action: None };
    let calling = refunded(RefundState::Calling { since: begin(), deadline: ask_at });
    let asked = refunded(RefundState::Unknown { deadline: ask_at, asked: 1, ask_at });
    for books in [with(collecting), with(unknown), calling, asked] {
        around(&books, "2027-03-31T23:59:59Z", IN_TIME, "2027-04-01T00:00:01Z", Invariant::NoStuckAttempt);
    }
}

#[test]
fn a_number_may_come_until_the_grace_is_over_and_what_is_not_issued_needs_none() {
    let found = |invoice: &Invoice, now: &str| {
        let mut numbers = NumbersCheck::default();
        numbers.invoice(invoice, &moment(now));
        numbers.findings().len()
    };
    let last = &Books::sound().invoices[2];
    assert_eq!([found(last, "2027-03-31T10:00:00Z"), found(last, "2027-03-31T10:00:01Z")], [0, 1]);
    let on_a_document = Invoice { gathered: true, ..last.clone() };
    assert_eq!(found(&on_a_document, IN_TIME), 0, "the document has the number");
}

/// Money that came when it could not settle its invoice any more: no attempt's.
fn late(minor: i64) -> Attempt {
    Attempt {
        attempt: 0,
        at: begin(),
        code: None,
        reference: Some("ch_late".into()),
        amount: Some(usd(minor)),
        paid_by: None,
    }
}

#[test]
fn money_that_came_too_late_is_no_second_capture_and_pays_nothing() {
    let mut paid = Books::sound();
    let receipt = {
        let mut fact = paid.invoices[1].facts[0].clone();
        (fact.event_id, fact.what.amount_minor) = (fact.event_id + "x", 1_000);
        fact
    };
    paid.invoices[1].attempts.push(late(1_000));
    paid.invoices[1].facts.push(receipt.clone());
    assert_eq!(paid.check(IN_TIME), []);
    let mut void = with(InvoiceState::Void);
    void.invoices[2].attempts.push(late(1_000));
    assert_eq!(kinds(&void, IN_TIME), [Invariant::Booked], "no fact tells of it");
    let mut fact = receipt;
    (fact.event_id, fact.what.invoice_id) = ("y".into(), Some(void.invoices[2].id.clone()));
    void.invoices[2].facts.push(fact);
    assert_eq!(void.check(IN_TIME), [], "it is less than the invoice came to, and was no capture of it");
}

#[test]
fn what_a_capture_brought_is_told_in_full_whatever_became_of_the_invoice() {
    let less = |books: &mut Books| books.invoices[1].facts[0].what.amount_minor = 1;
    let mut paid = Books::sound();
    less(&mut paid);
    let said = |books: &Books| books.check(IN_TIME).into_iter().map(|found| found.detail).collect::<Vec<_>>();
    assert_eq!(said(&paid), ["it is paid, and the facts tell of 1 of its 3000 minor units"]);
    paid.invoices[1].state = InvoiceState::Uncollectible;
    assert_eq!(said(&paid), ["its capture is told as 1 minor units"]);
}

/// Prepaid credit that is left, and what of an expired grant is kept for usage that is not invoiced yet.
#[test]
fn prepaid_credit_is_what_was_granted_less_what_was_used_or_expired() {
    let mut books = Books::sound();
    let template = books.invoices[1].facts[0].clone();
    let mut tell = |event_type: EventType, minor: i64| {
        let mut fact = template.clone();
        (fact.event_id, fact.what.event_type) = (format!("{event_type}"), event_type);
        (fact.what.amount_minor, fact.what.attempt) = (minor, None);
        books.invoices[1].facts.push(fact);
    };
    tell(EventType::PrepaidGranted, 1_000);
    tell(EventType::PrepaidUsed, 200);
    tell(EventType::PrepaidExpired, 100);
    assert_eq!(kinds(&books, IN_TIME), [Invariant::Balances]);
    let grant = json!({"id": "g", "source": "given", "amount_minor": 300, "granted_at": begin()});
    books.held.prepaid.grants.push(serde_json::from_value(grant).expect("a grant"));
    assert_eq!(kinds(&books, IN_TIME), [Invariant::Balances]);
    let held = json!({"grant": "h", "left": usd(900), "held": usd(400)});
    books.held.prepaid.held.push(serde_json::from_value(held).expect("what is held"));
    assert_eq!(books.check(IN_TIME), []);
}

#[test]
fn a_declined_attempt_is_no_capture() {
    let mut books = with(InvoiceState::Due { at: at(IN_TIME) });
    let declined = Attempt { attempt: 1, code: Some("generic_decline".into()), reference: None, ..late(3_000) };
    books.invoices[2].attempts.push(declined);
    assert_eq!(books.check(IN_TIME), []);
}

#[test]
fn a_period_without_time_is_found() {
    let mut books = Books::sound();
    let Basis::Period { period, .. } = &mut books.invoices[2].basis else { unreachable!("a renewal") };
    period.end = period.start;
    let found = books.check(IN_TIME);
    assert!(found.iter().any(|f| f.detail == "period 3 ends before it starts"), "{found:?}");
}

#[test]
fn a_total_that_its_lines_do_not_come_to_is_found() {
    assert_eq!(broken(|books| books.invoices[1].total = usd(2_999)), Invariant::Lines);
}

#[test]
fn what_lowers_an_invoice_is_told_by_its_notes_and_its_tax() {
    let lowered = |lowered: Lowered| broken(|books| books.invoices[1].lowered = lowered);
    for wrong in [
        Lowered { notes_minor: 1, ..Lowered::default() },
        Lowered { tax_minor: 1, ..Lowered::default() },
        Lowered { tax_minor: -1, ..Lowered::default() },
        Lowered { credit_minor: 3_001, ..Lowered::default() },
    ] {
        assert_eq!(lowered(wrong), Invariant::Booked, "{wrong:?}");
    }
    let mut books = Books::sound();
    books.invoices[1].lowered = Lowered { credit_minor: 3_000, ..Lowered::default() };
    assert_eq!(books.check(IN_TIME), [], "credit may pay all of it");
}
