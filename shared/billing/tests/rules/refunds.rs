//! Refunds one by one: how much goes back and with what tax, which are refused, and what each piece of news makes of them.

use billing::{
    calendar::Instant,
    document::CreditRequest,
    dunning::Ladder,
    fact::{EventType, Happening},
    gateway::{GatewayDeclaration, Lookup, RefundDeclaration, RefundOutcome},
    invoice::{
        Attempt, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceWake, Kept, LineKind, PaidBy, RefundNews,
        RefundState, compute, credit, explain, parse_key, parse_refund_key, refund, transition, wake_at,
    },
    money::Money,
    subscription::{Input, Subscription, transition_with},
    tax::Taxes,
};

use crate::{
    adjusted::{Applied, applied, start},
    credit_notes::{gross, sold},
    sample::wall,
};

pub(crate) const REFUNDS: RefundDeclaration =
    RefundDeclaration { partial: true, not_found_authoritative_after_seconds: 900 };

pub(crate) const DECLARATION: GatewayDeclaration = GatewayDeclaration {
    name: "model",
    key_lifetime_seconds: 86_400,
    not_found_authoritative_after_seconds: 900,
    refunds: Some(REFUNDS),
};

/// The invoice as an attempt paid it.
pub(crate) fn captured(invoice: Invoice) -> Invoice {
    let paid_by = Some(PaidBy { gateway: "model".into(), kind: "card".into() });
    let attempt =
        Attempt { attempt: 1, at: start(), code: None, reference: Some("ch_1".into()), amount: None, paid_by };
    Invoice { attempts: vec![attempt], ..invoice }
}

/// 84.00 less half, and 19 % of 42.00: 49.98, captured.
fn paid() -> (Subscription, Invoice) {
    let (held, invoice) = sold(2_800, 50, false);
    (held, captured(invoice))
}

/// Writes the note of a refund: what the contract becomes, the notes, the facts.
pub(crate) fn write(held: &Subscription, invoice: &Invoice, basis: billing::invoice::Basis) -> Applied {
    let input =
        Input::CreditNote { basis: Box::new(basis), invoice: invoice.id.clone(), reason: None, kept: Kept::default() };
    applied(transition_with(held, 9, input, start(), &Taxes::default().into()).expect("applied"))
}

fn refunding(request: &CreditRequest, invoice: &Invoice) -> Invoice {
    refund(invoice, invoice, request, Some(REFUNDS), start()).expect("a refund").0
}

type After = (Invoice, Vec<InvoiceEffect>, Vec<Happening>);

fn give(invoice: &Invoice, input: InvoiceInput, now: Instant) -> Option<After> {
    match transition(invoice, &Ladder::standard(), input, now) {
        InvoiceOutcome::AlreadyApplied => None,
        InvoiceOutcome::Applied { next, effects, facts } => Some((*next, effects, facts)),
    }
}

fn wake(invoice: &Invoice, at: &str) -> Option<After> {
    give(invoice, InvoiceInput::Wake { method: None, wall: wall(at) }, start())
}

fn answered(invoice: &Invoice, outcome: RefundOutcome) -> Option<After> {
    let news = RefundNews::Answered { key: "inv_ana-p1:r1".into(), outcome, wall: wall("2027-01-31T09:00:01Z") };
    give(invoice, InvoiceInput::Refund(news), start())
}

fn asked(invoice: &Invoice, lookup: Lookup<RefundOutcome>, at: &str) -> Option<After> {
    let key = "inv_ana-p1:r1".into();
    let news = RefundNews::Asked { key, lookup, declaration: DECLARATION, wall: wall(at) };
    give(invoice, InvoiceInput::Refund(news), start())
}

fn done() -> RefundOutcome {
    RefundOutcome::Succeeded { reference: "re_1".into(), at: start() }
}

fn failed() -> RefundOutcome {
    RefundOutcome::Failed { reference: None, code: "expired_or_canceled_card".into(), at: start() }
}

fn told(facts: &[Happening]) -> Vec<(EventType, i64, Option<i64>)> {
    facts.iter().map(|f| (f.event_type, f.amount_minor, f.tax_minor)).collect()
}

#[test]
fn a_refund_is_a_note_whose_sum_goes_back_and_not_into_credit() {
    let (held, invoice) = paid();
    let (after, basis) =
        refund(&invoice, &invoice, &gross(1, 1_190, &invoice), Some(REFUNDS), start()).expect("a refund");
    let (held, notes, facts) = write(&held, &invoice, basis);
    let lines: Vec<_> = notes[0].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!(lines, [(LineKind::Credited, -1_000), (LineKind::Tax, -190), (LineKind::Refunded, 1_190)]);
    assert_eq!((notes[0].total.minor, held.credit_minor, facts.len()), (0, 0, 0));
    assert_eq!(compute(notes[0].rules, &notes[0].basis).expect("lines"), notes[0].lines);
    assert!(explain(&notes[0]).expect("words").contains("goes back to the payment"));
    let claim = &after.refunds[0].claim;
    assert_eq!((claim.key.as_str(), claim.amount.minor, claim.payment.as_str()), ("inv_ana-p1:r1", 1_190, "ch_1"));
    assert_eq!(after.refunds[0].tax_minor, 190);
    assert_eq!(wake_at(&after), Some(InvoiceWake::Collect(start())));
    assert_eq!(wake_at(&invoice), None);
}

#[test]
fn what_credit_paid_becomes_credit_again_with_its_share_of_the_tax() {
    // 10.00 of the 49.98 came from credit, so the card brought 39.98.
    let (held, mut invoice) = paid();
    invoice.total = Money::new(3_998, invoice.total.currency);
    let (after, basis) = refund(&invoice, &invoice, &CreditRequest::Whole, Some(REFUNDS), start()).expect("a refund");
    let (held, notes, facts) = write(&held, &invoice, basis);
    let lines: Vec<_> = notes[0].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    let back = [(LineKind::Refunded, 3_998), (LineKind::CreditKept, 1_000)];
    assert_eq!(lines, [vec![(LineKind::Credited, -4_200), (LineKind::Tax, -798)], back.to_vec()].concat());
    // 7.98 of tax: 6.38 (7.98 × 39.98 / 49.98 = 6.3833) goes back to the card, 1.60 is in the credit.
    assert_eq!(after.refunds[0].tax_minor, 638);
    assert_eq!(told(&facts), [(EventType::Credit, 840, Some(160))]);
    assert_eq!(held.credit_minor, 1_000);
}

#[test]
fn refunds_and_credit_share_what_was_paid() {
    let (_, invoice) = paid();
    let invoice = refunding(&gross(1, 1_000, &invoice), &invoice);
    let (invoice, _) = credit(&invoice, &gross(1, 2_000, &invoice), start()).expect("a note");
    let invoice = refunding(&CreditRequest::Whole, &invoice);
    let amounts: Vec<_> = invoice.refunds.iter().map(|r| (r.claim.key.as_str(), r.claim.amount.minor)).collect();
    assert_eq!(amounts, [("inv_ana-p1:r1", 1_000), ("inv_ana-p1:r2", 1_998)]);
    let refusal = refund(&invoice, &invoice, &CreditRequest::Whole, Some(REFUNDS), start()).unwrap_err();
    assert!(refusal.to_string().contains("nothing is left"), "{refusal}");
}

#[test]
fn what_cannot_be_sent_back_is_refused_with_what_to_do() {
    let (_, invoice) = paid();
    let refused = |invoice: &Invoice, request: &CreditRequest, gateway| {
        let refusal = refund(invoice, invoice, request, gateway, start()).unwrap_err().to_string();
        assert!(
            refusal.starts_with("refund: ") && refusal.ends_with("or leave refund out to give credit"),
            "{refusal}"
        );
        refusal
    };
    let mut by_transfer = invoice.clone();
    by_transfer.attempts[0].attempt = 0;
    assert!(refused(&by_transfer, &CreditRequest::Whole, Some(REFUNDS)).contains("send a transfer"));
    assert_eq!(by_transfer.paid_by(), None);
    let mut of_old = invoice.clone();
    of_old.attempts[0].paid_by = None;
    assert!(refused(&of_old, &CreditRequest::Whole, Some(REFUNDS)).contains("of old"));
    assert!(refused(&invoice, &CreditRequest::Whole, None).contains("gateway model makes no refunds"));
    let whole = Some(RefundDeclaration { partial: false, ..REFUNDS });
    assert!(refused(&invoice, &gross(1, 1_000, &invoice), whole).contains("whole payments only"));
    assert_eq!(
        refund(&invoice, &invoice, &CreditRequest::Whole, whole, start()).expect("all").0.refunds[0].claim.amount.minor,
        4_998
    );
    // The card brought 10.00 of it, and those are on their way.
    let mut little = invoice.clone();
    little.total = Money::new(1_000, invoice.total.currency);
    let little = refunding(&gross(1, 1_000, &little), &little);
    assert!(refused(&little, &gross(1, 1_000, &invoice), Some(REFUNDS)).contains("on its way"));
    let open = Invoice { state: billing::invoice::InvoiceState::Due { at: start() }, ..invoice.clone() };
    assert!(
        refused(&open, &CreditRequest::Whole, Some(REFUNDS))
            .contains("the invoice is not paid, and nothing can go back")
    );
    let withdrawn = Invoice { state: billing::invoice::InvoiceState::Void, ..invoice };
    let refusal = refund(&withdrawn, &withdrawn, &CreditRequest::Whole, Some(REFUNDS), start()).unwrap_err();
    assert!(refusal.to_string().starts_with("invoice: was withdrawn"));
}

#[test]
fn a_claim_is_committed_before_the_call_and_is_made_once() {
    let (_, invoice) = paid();
    let due = refunding(&gross(1, 1_190, &invoice), &invoice);
    let (calling, effects, _) = wake(&due, "2027-01-31T09:00:00Z").expect("claimed");
    assert_eq!(effects, [InvoiceEffect::Refund(due.refunds[0].claim.clone())]);
    assert_eq!(wake_at(&calling), wake_at(&due), "a claim moves nothing in the index");
    assert_eq!(wake(&calling, "2027-01-31T09:00:59Z"), None, "somebody else has it");
    let (unknown, effects, _) = wake(&calling, "2027-01-31T09:01:00Z").expect("given up");
    assert_eq!((effects.len(), unknown.refunds[0].state.name()), (0, "pending"));
    assert_eq!(wake_at(&unknown), Some(InvoiceWake::Ask(wall("2027-01-31T09:01:00Z"))));
}

#[test]
fn an_answer_counts_once_whichever_way_it_comes() {
    let (_, invoice) = paid();
    let due = refunding(&gross(1, 1_190, &invoice), &invoice);
    let calling = wake(&due, "2027-01-31T09:00:00Z").expect("claimed").0;
    let (after, effects, facts) = answered(&calling, done()).expect("done");
    assert_eq!((after.refunds[0].state.name(), effects.len(), wake_at(&after)), ("done", 0, None));
    assert_eq!(told(&facts), [(EventType::Refund, 1_000, Some(190))]);
    assert_eq!((facts[0].gateway.as_deref(), facts[0].method.as_deref()), (Some("model"), Some("card")));
    assert_eq!((facts[0].attempt, facts[0].reason.as_deref()), (None, Some("credit_note")));
    assert_eq!(answered(&after, done()), None);
    assert_eq!(answered(&after, RefundOutcome::Unknown { why: "late".into() }), None);
    // A webhook may be first: the worker that calls finds it done.
    assert_eq!(answered(&due, done()).expect("done").0.refunds[0].state.name(), "done");
}

#[test]
fn a_failure_is_credit_and_a_person_is_told() {
    let (_, invoice) = paid();
    let calling = wake(&refunding(&gross(1, 1_190, &invoice), &invoice), "2027-01-31T09:00:00Z").expect("claimed").0;
    let (after, effects, facts) = answered(&calling, failed()).expect("failed");
    assert_eq!((after.refunds[0].state.name(), facts.len()), ("failed", 0));
    assert!(matches!(
        &effects[..],
        [InvoiceEffect::Alarm(text), InvoiceEffect::Subscription(Input::Credit { amount, tax_minor: 190, reason: "refund_failed", .. })]
            if amount.minor == 1_190 && text.contains("expired_or_canceled_card")
    ));
    assert_eq!(answered(&after, failed()), None);
    assert_eq!(answered(&after, done()), None, "a failure is final: this is the older news");
    // Its money can be refunded no more, as credit it was given already; what is left of the payment can.
    let again = refund(&after, &after, &CreditRequest::Whole, Some(REFUNDS), start()).expect("the rest").0;
    assert_eq!(again.refunds[1].claim.amount.minor, 4_998 - 1_190);
}

#[test]
fn a_refund_that_the_bank_returns_is_taken_back_and_becomes_credit() {
    let (_, invoice) = paid();
    let due = refunding(&gross(1, 1_190, &invoice), &invoice);
    let after = answered(&due, done()).expect("done").0;
    let (after, effects, facts) = answered(&after, failed()).expect("returned");
    assert_eq!(told(&facts), [(EventType::Refund, -1_000, Some(-190))]);
    assert_eq!((effects.len(), after.refunds[0].state.name()), (2, "failed"));
    assert!(explain(&after).expect("words").contains("it is credit of the contract"));
}

#[test]
fn what_nobody_knows_is_asked_about_and_sent_again_only_when_it_never_came() {
    let (_, invoice) = paid();
    let calling = wake(&refunding(&gross(1, 1_190, &invoice), &invoice), "2027-01-31T09:00:00Z").expect("claimed").0;
    let unknown = answered(&calling, RefundOutcome::Unknown { why: "no answer".into() }).expect("unknown").0;
    assert_eq!(wake_at(&unknown), Some(InvoiceWake::Ask(wall("2027-01-31T09:05:01Z"))));
    let never = || Lookup::NotFound { authoritative: true };
    assert_eq!(asked(&unknown, never(), "2027-01-31T09:05:00Z"), None, "too early");
    let once = asked(&unknown, never(), "2027-01-31T09:05:01Z").expect("asked").0;
    assert_eq!(wake_at(&once), Some(InvoiceWake::Ask(wall("2027-01-31T10:05:01Z"))), "it may still be on its way");
    let (due, effects, _) = asked(&once, never(), "2027-01-31T10:05:01Z").expect("asked");
    assert_eq!((due.refunds[0].state.name(), effects.len()), ("due", 0));
    assert_eq!(due.refunds[0].claim.key, "inv_ana-p1:r1", "the same refund, the same key");
    let found = asked(&once, Lookup::Found(done()), "2027-01-31T10:05:01Z").expect("found");
    assert_eq!((found.0.refunds[0].state.name(), told(&found.2).len()), ("done", 1));
    let mut asking = once;
    let mut alarms = 0;
    for day in 1..=8 {
        let (next, effects, _) =
            asked(&asking, Lookup::Unavailable, &format!("2027-02-{day:02}T12:00:00Z")).expect("asked");
        (asking, alarms) = (next, alarms + effects.len());
    }
    assert_eq!(alarms, 1, "a person is told once");
    let RefundState::Unknown { asked, .. } = asking.refunds[0].state else { panic!("{:?}", asking.refunds) };
    assert_eq!(asked, 9);
}

#[test]
fn a_key_names_its_invoice_and_its_refund() {
    let (_, invoice) = paid();
    let key = billing::invoice::refund_key(&invoice.id, 3);
    assert_eq!(parse_refund_key(&key), Some((invoice.id, 3)));
    assert_eq!(parse_key(&key), None, "an attempt is something else");
    for other in ["inv_ana-p1:1", "inv_ana-p1", "inv_ana-p1:r", ":r1", "inv_ana-p1:r-1"] {
        assert_eq!(parse_refund_key(other), None, "{other}");
    }
}
