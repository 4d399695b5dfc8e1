//! Writes LIFECYCLE.md: every state against every input, for contracts and for invoices.
//!
//! Exists so that a reviewer sees every cell that a change of the rules changes. `UPDATE_EXPECT=1 cargo test -p billing`
//! rewrites the file; without it a difference fails.

use std::{fmt::Write as _, path::Path};

use billing::{
    calendar::Instant,
    dunning::Ladder,
    fact::Happening,
    gateway::{ChargeOutcome, DeclineClass, GatewayDeclaration, Lookup, RefundDeclaration, RefundOutcome},
    ids::InvoiceId,
    invoice::{
        self, Answer, Claim, Climb, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, Refund,
        RefundNews, RefundState, key, refund_key,
    },
    subscription::{CancelReason, Collection, Effect, Input, Outcome, State, Subscription, When, open, transition},
};
use chrono::TimeDelta;

use crate::adjusted::coupon;
use crate::sample::{applied, at, method, order, terms, usd, wall};

const NOW: &str = "2027-02-15T00:00:00Z";

const DECLARATION: GatewayDeclaration = GatewayDeclaration {
    name: "model",
    key_lifetime_seconds: 86_400,
    not_found_authoritative_after_seconds: 60,
    refunds: Some(RefundDeclaration { partial: true, not_found_authoritative_after_seconds: 60 }),
};

fn start() -> Instant {
    at("2027-02-01T00:00:00Z")
}

fn invoice_id() -> InvoiceId {
    InvoiceId::try_new("inv_ana-p1").expect("an id")
}

fn top_up_id() -> InvoiceId {
    InvoiceId::try_new("inv_ana-c5").expect("an id")
}

fn top_up() -> billing::prepaid::TopUp {
    billing::prepaid::TopUp { amount: usd(5_000), expires_at: None, valid_days: None }
}

fn contract(state: State) -> Subscription {
    let held = crate::sample::active(terms("team", "month", "10", 1), start());
    Subscription { state, ..held }
}

/// The states of a contract, as they stand on 15 February with a period that ends on 1 March.
fn contracts() -> Vec<(&'static str, Subscription)> {
    let mut late = contract(State::Active);
    late.period = late.period.map(|mut p| {
        (p.start, p.end) = (at("2027-01-01T00:00:00Z"), at("2027-02-01T00:00:00Z"));
        p
    });
    late.anchor = billing::calendar::Anchor::at(at("2027-01-01T00:00:00Z"), late.anchor.zone());
    let paused = State::Paused { since: at("2027-02-10T00:00:00Z"), resume_at: None };
    let mut rested = Subscription { state: paused.clone(), ..late.clone() };
    rested.state = State::Paused { since: at("2027-01-10T00:00:00Z"), resume_at: None };
    let mut suspended = contract(State::Active);
    suspended.suspended_by = Some(invoice_id());
    let mut incomplete = order(terms("team", "month", "10", 1));
    incomplete.collection = Collection::Automatic;
    let mut paid_trial = incomplete.clone();
    (paid_trial.trial_days, paid_trial.trial.prices) = (20, crate::paid_trials::one_dollar());
    let mut trial = order(terms("team", "month", "10", 1));
    trial.trial_days = 20;
    vec![
        ("incomplete", applied(open(incomplete, at("2027-02-14T12:00:00Z")).expect("an order")).0),
        ("incomplete, of a paid trial", applied(open(paid_trial, at("2027-02-14T12:00:00Z")).expect("an order")).0),
        ("trialing", applied(open(trial, start()).expect("an order")).0),
        ("active", contract(State::Active)),
        ("active, period over", late),
        ("suspended", suspended),
        ("paused", contract(paused)),
        ("paused, period over", rested),
        ("canceled", contract(State::Canceled { at: start(), reason: CancelReason::Voluntary })),
    ]
}

fn charge(when: When) -> Input {
    let charge = invoice::OneOff { description: "training".into(), amount: usd(4_990) };
    Input::Charge { charge, when }
}

fn change(when: When) -> Input {
    let proration = billing::proration::ProrationPolicy::default();
    Input::Change { terms: Box::new(terms("business", "month", "25", 1)), proration, when }
}

fn announced() -> Input {
    let proration = billing::proration::ProrationPolicy::default();
    Input::Move { terms: Box::new(terms("team", "month", "12", 1)), proration }
}

fn calendar() -> billing::calendar::alignment::AlignmentPolicy {
    serde_json::from_str(r#"{"to":{"day-of-month":{"day":10}}}"#).expect("an alignment")
}

fn cancel(when: When) -> Input {
    Input::Cancel { when, reason: None, comment: None }
}

fn withdrawn() -> Input {
    let kept = Some(invoice::Kept { minor: 0, noted_minor: 0, taken_minor: 0 });
    let withdrawal = invoice::Withdrawal { kept, taken: usd(0), taken_tax_minor: 0, taken_net_minor: 0, used: usd(0) };
    let period = contract(State::Active).period.expect("a period");
    Input::VoidInvoice { invoice: invoice_id(), reason: None, withdrawal: Box::new(withdrawal), period }
}

fn inputs() -> Vec<(&'static str, Input)> {
    let pause = |when| Input::Pause { when, resume_at: None, credit: false };
    let claim = |key: String| Some(Box::new(claim(key)));
    vec![
        ("wake", Input::Wake),
        (
            "opening paid",
            Input::OpeningPaid { amount: usd(1_000), tax_minor: 0, claim: claim(key(&invoice_id(), 1)), at: at(NOW) },
        ),
        ("change now", change(When::Now)),
        ("change at period end", change(When::PeriodEnd)),
        ("moved to another version", announced()),
        ("charge now", charge(When::Now)),
        ("charge with the next invoice", charge(When::PeriodEnd)),
        ("top up", Input::TopUp { amount: usd(5_000), expires_at: None }),
        ("grant", Input::Grant { amount: usd(500), reason: "goodwill".into(), expires_at: None }),
        ("top-up paid", Input::TopUpPaid { invoice: top_up_id(), top_up: top_up(), at: at(NOW) }),
        ("top-up given up", Input::TopUpVoid { invoice: top_up_id() }),
        ("apply coupon", Input::ApplyCoupon { coupon: Box::new(coupon(25, r#"{"is":"once"}"#)) }),
        ("remove coupon", Input::RemoveCoupon { coupon: "spring".into() }),
        ("change on a date", change(When::At(at("2027-02-20T00:00:00Z")))),
        ("anchor now", Input::Realign { alignment: calendar(), when: When::Now }),
        ("anchor at period end", Input::Realign { alignment: calendar(), when: When::PeriodEnd }),
        ("cancel now", cancel(When::Now)),
        ("cancel at period end", cancel(When::PeriodEnd)),
        ("cancel on a date", cancel(When::At(at("2027-02-20T00:00:00Z")))),
        ("keep", Input::Keep),
        ("pause now", pause(When::Now)),
        ("pause at period end", pause(When::PeriodEnd)),
        ("pause on a date", pause(When::At(at("2027-02-20T00:00:00Z")))),
        ("gather", Input::Gather { gathering: Some(billing::invoice::GatheringTime::default()) }),
        ("resume", Input::Resume),
        ("reactivate", Input::Reactivate { debt_minor: 0, debts: Vec::new() }),
        ("reactivate with a debt", Input::Reactivate { debt_minor: 1_000, debts: Vec::new() }),
        ("suspend", Input::Suspend { invoice: invoice_id() }),
        ("restore", Input::Restore { invoice: invoice_id() }),
        ("access stays away for another invoice", Input::HandOver { invoice: invoice_id(), to: top_up_id() }),
        ("an invoice withdrawn", withdrawn()),
        ("an invoice given up", Input::WriteOff { invoice: invoice_id(), reason: None }),
        ("credit pays an invoice", Input::PayInvoice { invoice: invoice_id(), amount: usd(100), tax_minor: 0 }),
        ("prepaid credit back", Input::PrepaidBack { invoice: invoice_id(), sources: Vec::new(), at: at(NOW) }),
        ("end for non-payment", Input::EndForNonPayment { invoice: invoice_id(), at: at(NOW) }),
        ("credit", Input::Credit { amount: usd(100), tax_minor: 0, reason: "late", at: at(NOW) }),
    ]
}

fn facts(happened: &[Happening]) -> String {
    happened.iter().map(|f| format!(" *{}*", f.event_type)).collect()
}

fn agreed(s: &Subscription) -> String {
    let scheduled = &s.scheduled;
    let kinds = [
        ("cancel", scheduled.cancel.is_some()),
        ("pause", scheduled.pause.is_some()),
        ("change", scheduled.change.is_some()),
        ("move", scheduled.moved.is_some()),
        ("anchor", scheduled.anchor.is_some()),
    ];
    kinds.iter().filter(|(_, there)| *there).map(|(kind, _)| format!(" {kind} later")).collect()
}

fn of_contract(before: &Subscription, input: Input) -> String {
    match transition(before, 7, input, at(NOW)) {
        Err(refusal) => format!("no: {}", refusal.code()),
        Ok(Outcome::AlreadyApplied) => "-".into(),
        Ok(Outcome::Applied { next, effects, facts: happened }) => {
            let name = if next.suspended_by.is_some() { "suspended" } else { next.state.name() };
            let mut text = format!("{name}{}", agreed(&next));
            for effect in &effects {
                text += match effect {
                    Effect::Issue(_) => " +invoice",
                    Effect::VoidOpenInvoices => " +withdraw invoices",
                    Effect::ReturnRedemptions(_) => " +return redemptions",
                    Effect::Void(_) => " +withdraw top-ups",
                    Effect::Alarm(_) => " +alarm",
                };
            }
            text + &facts(&happened)
        }
    }
}

fn claim(key: String) -> Claim {
    let (at, sent_at) = (start(), wall("2027-02-01T00:00:00Z"));
    Claim { attempt: 1, key, amount: usd(1_000), method: method(), at, sent_at, deadline: sent_at.plus_seconds(60) }
}

fn climb(class: DeclineClass, done: u8) -> Climb {
    Climb { class, done, since: start() }
}

/// The states of an invoice for a period, issued on 1 February.
fn invoices() -> Vec<(&'static str, Invoice)> {
    let mut order = order(terms("team", "month", "10", 1));
    order.collection = Collection::Automatic;
    let (_, mut issued) = applied(open(order, start()).expect("an order"));
    let mut base = issued.remove(0);
    base.purpose = invoice::Purpose::Period;
    let own = || claim(key(&base.id, 1));
    let due = start() + TimeDelta::days(3);
    let waiting = |class, done| InvoiceState::Waiting { at: due, climb: climb(class, done) };
    let states = vec![
        ("due", InvoiceState::Due { at: start() }),
        ("to retry", waiting(DeclineClass::Soft, 0)),
        ("to remind", waiting(DeclineClass::Unpaid, 0)),
        ("to suspend", waiting(DeclineClass::Hard, 1)),
        ("to end", waiting(DeclineClass::Hard, 2)),
        ("collecting", InvoiceState::Collecting { claim: own(), climb: None, since: start() }),
        ("unknown", InvoiceState::Unknown { claim: own(), climb: None, asked: 0, ask_at: wall(NOW), action: None }),
        ("gathering", InvoiceState::Gathering { at: start() + TimeDelta::hours(1), due: None }),
        ("on a document", InvoiceState::Grouped),
        ("paid", InvoiceState::Paid { at: start() }),
        ("void", InvoiceState::Void),
        ("uncollectible", InvoiceState::Uncollectible),
        ("written off", InvoiceState::Uncollectible),
    ];
    let document = |state: &InvoiceState| (*state == InvoiceState::Grouped).then(|| document_id(&base));
    let invoice = |state: InvoiceState| Invoice { document: document(&state), state, ..base.clone() };
    let named =
        |name: &'static str, invoice: Invoice| (name, Invoice { written_off: name == "written off", ..invoice });
    states.into_iter().map(|(name, state)| named(name, invoice(state))).collect()
}

fn document_id(first: &Invoice) -> InvoiceId {
    InvoiceId::derive(&first.subscription, billing::ids::Cause::Document(1), 0)
}

fn answered(id: &InvoiceId, outcome: ChargeOutcome) -> InvoiceInput {
    InvoiceInput::Answered(Answer { key: key(id, 1), outcome, wall: wall(NOW) })
}

fn asked(id: &InvoiceId, lookup: Lookup) -> InvoiceInput {
    InvoiceInput::Asked { key: key(id, 1), lookup, declaration: DECLARATION, wall: wall(NOW) }
}

fn invoice_inputs(first: &Invoice) -> Vec<(&'static str, InvoiceInput)> {
    let (id, document) = (&first.id, document_id(first));
    let reference = || "ch_1".to_owned();
    let captured = || ChargeOutcome::Succeeded { reference: reference(), at: at(NOW) };
    let declined = |class| ChargeOutcome::Declined { reference: None, code: "no".into(), class, at: at(NOW) };
    let action = || ChargeOutcome::ActionRequired { reference: reference(), action: "url".into() };
    let received = |minor| InvoiceInput::Received { amount: usd(minor), reference: "bank".into(), at: at(NOW) };
    vec![
        ("wake with a card", InvoiceInput::Wake { method: Some(method()), wall: wall(NOW) }),
        ("wake without a card", InvoiceInput::Wake { method: None, wall: wall(NOW) }),
        ("captured", answered(id, captured())),
        ("declined, soft", answered(id, declined(DeclineClass::Soft))),
        ("declined, hard", answered(id, declined(DeclineClass::Hard))),
        ("action required", answered(id, action())),
        ("no answer", answered(id, ChargeOutcome::Unknown { why: "no answer".into() })),
        ("asked: captured", asked(id, Lookup::Found(captured()))),
        ("asked: declined", asked(id, Lookup::Found(declined(DeclineClass::Soft)))),
        ("asked: no such payment", asked(id, Lookup::NotFound { authoritative: true })),
        ("asked: none yet", asked(id, Lookup::NotFound { authoritative: false })),
        ("asked: unavailable", asked(id, Lookup::Unavailable)),
        ("transfer, all", received(1_000)),
        ("transfer, too little", received(400)),
        ("transfer, too much", received(1_500)),
        ("void", InvoiceInput::Void),
        ("withdrawn by the merchant", InvoiceInput::Withdraw { taken_back_minor: 0 }),
        ("given up by the merchant", InvoiceInput::WriteOff),
        ("put on a document", InvoiceInput::Grouped { document: document.clone() }),
        ("its document is paid", InvoiceInput::Settled { document, state: InvoiceState::Paid { at: at(NOW) } }),
    ]
}

fn of_invoice(before: &Invoice, input: InvoiceInput) -> String {
    match invoice::transition(before, &Ladder::standard(), input, at(NOW)) {
        InvoiceOutcome::AlreadyApplied => "-".into(),
        InvoiceOutcome::Applied { next, effects, facts: happened } => {
            let mut text = next.refunds.first().map_or(next.state.name(), |refund| refund.state.name()).to_owned();
            if next.withdrawn {
                text += ", withdrawn";
            }
            for effect in &effects {
                text += &match effect {
                    InvoiceEffect::Charge(claim) => format!(" +charge {}", claim.attempt),
                    InvoiceEffect::Refund(_) => " +refund".into(),
                    InvoiceEffect::Subscription(input) => format!(" +contract must {}", input.action()),
                    InvoiceEffect::Contract(id, input) => format!(" +{id} must {}", input.action()),
                    InvoiceEffect::EverySubscription(input) => format!(" +contracts must {}", input.action()),
                    InvoiceEffect::Items(state) => format!(" +items {}", state.name()),
                    InvoiceEffect::Alarm(_) => " +alarm".into(),
                };
            }
            text + &facts(&happened)
        }
    }
}

/// The states of a refund of that invoice, once it is paid.
fn refunds() -> Vec<(&'static str, Invoice)> {
    let (_, mut paid) = invoices().into_iter().find(|(name, _)| *name == "paid").expect("a paid invoice");
    paid.attempts = crate::refunds::captured(paid.clone()).attempts;
    let (at, deadline, ask_at) = (start(), wall("2027-02-01T00:01:00Z"), wall("2027-02-14T00:00:00Z"));
    let states = vec![
        ("due", RefundState::Due { at }),
        ("calling", RefundState::Calling { since: at, deadline: wall(NOW).plus_seconds(1) }),
        ("calling, too long", RefundState::Calling { since: at, deadline }),
        ("pending", RefundState::Unknown { deadline, asked: 0, ask_at }),
        ("done", RefundState::Done { at, reference: "re_1".into() }),
        ("failed", RefundState::Failed { at, code: "no".into() }),
    ];
    let whole = billing::document::CreditRequest::Whole;
    let (decided, _) = invoice::refund(&paid, &paid, &whole, DECLARATION.refunds, at).expect("a refund");
    let in_state = |state| {
        let refund = Refund { state, ..decided.refunds[0].clone() };
        Invoice { refunds: vec![refund], ..decided.clone() }
    };
    states.into_iter().map(|(name, state)| (name, in_state(state))).collect()
}

fn refund_inputs(id: &InvoiceId) -> Vec<(&'static str, InvoiceInput)> {
    let reference = || "re_1".to_owned();
    let done = || RefundOutcome::Succeeded { reference: reference(), at: at(NOW) };
    let failed = || RefundOutcome::Failed { reference: None, code: "no".into(), at: at(NOW) };
    let key = || refund_key(id, 1);
    let answered = |outcome| InvoiceInput::Refund(RefundNews::Answered { key: key(), outcome, wall: wall(NOW) });
    let asked = |lookup| {
        InvoiceInput::Refund(RefundNews::Asked { key: key(), lookup, declaration: DECLARATION, wall: wall(NOW) })
    };
    vec![
        ("wake", InvoiceInput::Wake { method: None, wall: wall(NOW) }),
        ("sent back", answered(done())),
        ("failed", answered(failed())),
        ("gateway has it, not decided", answered(RefundOutcome::Pending { reference: reference() })),
        ("no answer", answered(RefundOutcome::Unknown { why: "no answer".into() })),
        ("asked: sent back", asked(Lookup::Found(done()))),
        ("asked: failed", asked(Lookup::Found(failed()))),
        ("asked: not decided", asked(Lookup::Found(RefundOutcome::Pending { reference: reference() }))),
        ("asked: no such refund", asked(Lookup::NotFound { authoritative: true })),
        ("asked: none yet", asked(Lookup::NotFound { authoritative: false })),
        ("asked: unavailable", asked(Lookup::Unavailable)),
        ("void", InvoiceInput::Void),
    ]
}

/// One table: inputs down, states across.
fn table<S>(states: &[(&str, S)], inputs: &[&str], cell: impl Fn(&S, usize) -> String) -> String {
    let names: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| input | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (row, input) in inputs.iter().enumerate() {
        let cells: Vec<String> = states.iter().map(|(_, state)| cell(state, row)).collect();
        writeln!(text, "| {input} | {} |", cells.join(" | ")).expect("a line");
    }
    text
}

fn document() -> String {
    let head = "# Lifecycle\n\n\
        Written by `shared/billing/tests/rules/lifecycle.rs`; rewrite it with `UPDATE_EXPECT=1 cargo test -p billing`.\n\
        A cell says what becomes of the state in the column when the input in the row arrives: the state after, what is\n\
        done with it (`+`), and the facts that are written (*italic*). `-` means: nothing new, a second delivery or not yet\n\
        due. `no:` is a refusal with its code; it changes nothing.\n";
    let inputs: Vec<_> = inputs().into_iter().unzip::<_, _, Vec<_>, Vec<_>>().0;
    let contracts = table(&contracts(), &inputs, |held, row| of_contract(held, self::inputs().remove(row).1));
    let invoices = invoices();
    let first = invoices[0].1.clone();
    let rows: Vec<_> = invoice_inputs(&first).into_iter().map(|(name, _)| name).collect();
    let collecting = table(&invoices, &rows, |held, row| of_invoice(held, invoice_inputs(&first).remove(row).1));
    let rows: Vec<_> = refund_inputs(&first.id).into_iter().map(|(name, _)| name).collect();
    let refunding = table(&refunds(), &rows, |held, row| of_invoice(held, refund_inputs(&first.id).remove(row).1));
    format!(
        "{head}\n## Contracts\n\nOn 15 February; the period is 1 February to 1 March, or was over on 1 February. A command that \
         finds the period\nover first does what was due (the renewal), and then what was asked.\n\n{contracts}\n\
         ## Invoices\n\nOf a period, issued on 1 February, under the standard ladder; the answers are about attempt 1. An \
         opening invoice\ngoes to `void` where this one goes to `past_due`: the customer is present and tries again.\n\n{collecting}\n\
         ## Refunds\n\nOf that invoice, which is paid and stays so; the news are about its only refund, decided on 1 \
         February.\n\n{refunding}"
    )
}

#[test]
fn the_lifecycle_is_the_reviewed_one() {
    let path = Path::new("LIFECYCLE.md");
    let found = document();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &found).expect("LIFECYCLE.md can be written");
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(expected == found, "LIFECYCLE.md differs: run UPDATE_EXPECT=1 cargo test -p billing, and review the diff");
}
