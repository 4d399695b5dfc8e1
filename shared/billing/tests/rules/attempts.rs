//! Invoices one step at a time, at the very instants at which a step begins to be right: what is due, what a worker is given
//! up for, where a ladder goes on, and which news are about which document.

use billing::{
    calendar::Instant,
    dunning::Ladder,
    gateway::{ChargeOutcome, DeclineClass},
    ids::{InvoiceId, SubscriptionId},
    invoice::{
        Answer, Attempt, CLAIM_SECONDS, Claim, Climb, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome,
        InvoiceState, RefundState, ceil_to_second, key, transition,
    },
    subscription::Input,
};
use chrono::TimeDelta;

use crate::{
    explained::stored,
    sample::{at, method, usd, wall},
};

const WALL: &str = "2027-03-01T12:00:00Z";

type After = (Invoice, Vec<InvoiceEffect>);

fn give(invoice: &Invoice, input: InvoiceInput, now: Instant) -> Option<After> {
    match transition(invoice, &Ladder::standard(), input, now) {
        InvoiceOutcome::AlreadyApplied => None,
        InvoiceOutcome::Applied { next, effects, .. } => Some((*next, effects)),
    }
}

fn wake(invoice: &Invoice, now: Instant) -> Option<After> {
    give(invoice, InvoiceInput::Wake { method: Some(method()), wall: wall(WALL) }, now)
}

fn in_state(state: InvoiceState) -> Invoice {
    Invoice { state, ..stored("rules-3-due") }
}

fn climb(class: DeclineClass, since: Instant) -> Climb {
    Climb { class, done: 0, since }
}

/// An attempt that was begun at [`WALL`].
fn claimed() -> Claim {
    let (invoice, now) = (stored("rules-3-due"), stored("rules-3-due").issued_at);
    match wake(&invoice, now).map(|(after, _)| after.state) {
        Some(InvoiceState::Collecting { claim, .. }) => claim,
        other => panic!("nothing was claimed: {other:?}"),
    }
}

#[test]
fn nothing_is_collected_before_its_instant() {
    let at = stored("rules-3-due").issued_at;
    let waiting = |class| InvoiceState::Waiting { at, climb: climb(class, at) };
    let states = [(InvoiceState::Due { at }, 1), (waiting(DeclineClass::Soft), 1), (waiting(DeclineClass::Unpaid), 0)];
    for (state, claims) in states {
        let invoice = in_state(state);
        assert_eq!(wake(&invoice, at - TimeDelta::seconds(1)), None, "{:?}", invoice.state);
        let (after, effects) = wake(&invoice, at).expect("its instant has come");
        assert!(after != invoice && effects.len() == claims, "{effects:?}");
    }
}

#[test]
fn a_worker_has_until_its_deadline_and_not_longer() {
    let (claim, since) = (claimed(), stored("rules-3-due").issued_at);
    let collecting = in_state(InvoiceState::Collecting { claim: claim.clone(), climb: None, since });
    for (seconds, given_up) in [(0, false), (CLAIM_SECONDS - 1, false), (CLAIM_SECONDS, true)] {
        let input = InvoiceInput::Wake { method: Some(method()), wall: claim.sent_at.plus_seconds(seconds) };
        let after = give(&collecting, input, since).map(|(after, effects)| (after.state.name(), effects.len()));
        assert_eq!(after, given_up.then_some(("pending", 0)), "{seconds}");
    }
}

/// The retry of the third day comes at that instant: the next one is that of the eighth day, and not the same again. A hard
/// decline goes on among the hard ones, where the reminder of the first day is over.
#[test]
fn a_decline_goes_on_after_the_rung_that_led_to_it() {
    let first = stored("rules-3-due").issued_at;
    let now = first + TimeDelta::days(3);
    let (mut claim, climb) = (claimed(), climb(DeclineClass::Soft, first));
    claim.at = now;
    let collecting = in_state(InvoiceState::Collecting { claim: claim.clone(), climb: Some(climb), since: now });
    for (class, done, days) in [(DeclineClass::Soft, 1, 8), (DeclineClass::Hard, 1, 7)] {
        let outcome = ChargeOutcome::Declined { reference: None, code: "no".into(), class, at: now };
        let answer = Answer { key: claim.key.clone(), outcome, wall: wall(WALL) };
        let (after, _) = give(&collecting, InvoiceInput::Answered(answer), now).expect("an answer");
        let climb = Climb { class, done, since: first };
        assert_eq!(after.state, InvoiceState::Waiting { at: first + TimeDelta::days(days), climb });
    }
}

#[test]
fn an_invoice_is_late_from_its_first_failure_on_until_its_money_is_there() {
    let (claim, at) = (claimed(), stored("rules-3-due").issued_at);
    let climb = || climb(DeclineClass::Soft, at);
    let collecting = |climb| InvoiceState::Collecting { claim: claim.clone(), climb, since: at };
    let unknown =
        |climb| InvoiceState::Unknown { claim: claim.clone(), climb, asked: 0, ask_at: wall(WALL), action: None };
    let later = InvoiceState::Waiting { at: at + TimeDelta::days(3), climb: climb() };
    let cases = [
        (InvoiceState::Due { at }, false),
        (later, true),
        (collecting(None), false),
        (collecting(Some(climb())), true),
        (unknown(None), false),
        (unknown(Some(climb())), true),
        (InvoiceState::Paid { at }, false),
        (InvoiceState::Uncollectible, false),
    ];
    for (state, is_late) in cases {
        let invoice = in_state(state);
        assert_eq!(invoice.is_past_due(at), is_late, "{:?}", invoice.state);
        assert!(!invoice.is_past_due(at - TimeDelta::seconds(1)) || invoice.is_being_collected());
    }
}

#[test]
fn an_invoice_is_of_one_contract_and_a_document_concerns_several_and_is_of_none() {
    let [ana, ben, eve] = ["sub_ana", "sub_ben", "sub_eve"].map(|id| SubscriptionId::try_new(id).expect("an id"));
    let (own, document) = (stored("rules-3-grouped"), stored("rules-3-document"));
    let says = |invoice: &Invoice| [&ana, &ben, &eve].map(|id| (invoice.is_of(id), invoice.concerns(id)));
    assert_eq!(says(&own), [(true, true), (false, false), (false, false)]);
    assert_eq!(says(&document), [(false, true), (false, true), (false, false)]);
}

#[test]
fn only_its_own_document_settles_an_invoice_and_only_while_it_is_on_it() {
    let (grouped, at) = (stored("rules-3-grouped"), stored("rules-3-grouped").issued_at);
    let own = grouped.document.clone().expect("a document");
    let other = InvoiceId::try_new("inv_other-d2").expect("an id");
    let settled = |invoice: &Invoice, document: &InvoiceId| {
        let input = InvoiceInput::Settled { document: document.clone(), state: InvoiceState::Void };
        give(invoice, input, at).map(|(after, _)| after.state)
    };
    let paid = Invoice { state: InvoiceState::Paid { at }, ..grouped.clone() };
    assert_eq!(settled(&grouped, &own), Some(InvoiceState::Void));
    assert_eq!(settled(&grouped, &other), None);
    assert_eq!(settled(&paid, &own), None, "what is paid stays paid");
    assert_eq!(settled(&stored("rules-3-gathering"), &own), None);
}

#[test]
fn a_refund_is_not_sent_before_its_instant() {
    let mut invoice = stored("rules-3-refunds");
    let at = invoice.issued_at;
    invoice.refunds.truncate(1);
    invoice.refunds[0].state = RefundState::Due { at };
    assert_eq!(wake(&invoice, at - TimeDelta::seconds(1)), None);
    let (after, effects) = wake(&invoice, at).expect("it is due");
    assert_eq!((after.refunds[0].state.name(), effects.len()), ("calling", 1));
}

/// An attempt that was declined, and captured after all when nobody waited for it: its money is the customer's.
#[test]
fn money_of_an_attempt_that_is_over_is_what_that_attempt_was_to_collect() {
    let paid = stored("rules-3-captured");
    let attempt = |number, minor: Option<i64>| Attempt {
        attempt: number,
        code: Some("no".into()),
        reference: None,
        amount: minor.map(usd),
        ..paid.attempts[0].clone()
    };
    let invoice = Invoice { attempts: vec![attempt(1, Some(1_000)), attempt(2, None)], ..paid.clone() };
    for (number, minor) in [(1, 1_000), (2, paid.total.minor), (3, paid.payable().minor)] {
        let outcome = ChargeOutcome::Succeeded { reference: "ch_late".into(), at: paid.issued_at };
        let answer = Answer { key: key(&paid.id, number), outcome, wall: wall(WALL) };
        let (_, effects) = give(&invoice, InvoiceInput::Answered(answer), paid.issued_at).expect("money");
        let credit = effects.iter().find_map(|effect| match effect {
            InvoiceEffect::Subscription(Input::Credit { amount, .. }) => Some(amount.minor),
            _ => None,
        });
        assert_eq!(credit, Some(minor), "{number}");
    }
}

#[test]
fn nothing_wakes_early_by_a_part_of_a_second() {
    let whole = at("2027-03-01T12:00:00Z");
    assert_eq!(ceil_to_second(whole), whole);
    for nanoseconds in [1, 500_000_000, 999_999_999] {
        assert_eq!(ceil_to_second(whole + TimeDelta::nanoseconds(nanoseconds)), whole + TimeDelta::seconds(1));
    }
}
