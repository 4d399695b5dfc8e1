//! The checker: it finds nothing in sound books, and each kind of damage in broken ones.

use billing::{
    calendar::Instant,
    check::{Finding, GatewayMovement, Invariant, LedgerCheck, Moment, NumbersCheck, Records, customer},
    document::{InvoiceNumber, Series},
    dunning::Ladder,
    fact::{EventType, Fact, Happening, stamp},
    gateway::ChargeOutcome,
    invoice::{
        Answer, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, Refund, RefundClaim, RefundState,
        transition as on_invoice,
    },
    journal::JournalEntry,
    subscription::{Collection, Effect, Input, Outcome, Subscription, open, transition},
};
use chrono::TimeDelta;
use strum::IntoEnumIterator;

use crate::sample::{at, method, order, terms, usd, wall};

/// What a table would hold of one contract after its sign-up and two renewals, all captured.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) held: Subscription,
    pub(crate) invoices: Vec<Invoice>,
    journal: Vec<JournalEntry>,
    captures: Vec<GatewayMovement>,
}

pub(crate) fn begin() -> Instant {
    at("2027-01-31T09:00:00Z")
}

pub(crate) fn moment(now: &str) -> Moment {
    Moment { now: at(now), wall: wall(now), grace: TimeDelta::hours(1) }
}

impl Books {
    pub(crate) fn sound() -> Self {
        let mut order = order(terms("team", "month", "10", 3));
        order.collection = Collection::Automatic;
        let Outcome::Applied { next, effects, facts } = open(order, begin()).unwrap() else { unreachable!() };
        let mut books = Self { held: *next, invoices: Vec::new(), journal: Vec::new(), captures: Vec::new() };
        books.write(1, effects, facts);
        books.collect(begin());
        for (version, month) in [(3, "2027-02-28"), (4, "2027-03-31")] {
            let now = at(&format!("{month}T09:00:00Z"));
            let Outcome::Applied { next, effects, facts } = transition(&books.held, version, Input::Wake, now).unwrap()
            else {
                unreachable!("{month}")
            };
            books.held = *next;
            books.write(version, effects, facts);
            books.collect(now);
        }
        books
    }

    fn write(&mut self, version: u64, effects: Vec<Effect>, facts: Vec<Happening>) {
        for effect in effects {
            let Effect::Issue(new) = effect else { continue };
            self.invoices.push(Invoice::issue(&self.held, *new).unwrap());
        }
        let at = begin() + TimeDelta::days(i64::try_from(version).unwrap() * 30);
        let facts = stamp(facts, self.held.id.as_str(), version, billing::calendar::WallTime(at));
        let (subscription, input) = (self.held.id.clone(), serde_json::Value::Null);
        self.journal.push(JournalEntry { subscription, version, rules: billing::RULES_VERSION, at, input, facts });
    }

    /// Collects the last invoice: claim, capture, and what follows for the contract.
    fn collect(&mut self, now: Instant) {
        let ladder = Ladder::standard();
        let mut invoice = self.invoices.pop().unwrap();
        let wake = InvoiceInput::Wake { method: Some(method()), wall: billing::calendar::WallTime(now) };
        let InvoiceOutcome::Applied { next, effects, .. } = on_invoice(&invoice, &ladder, wake, now) else {
            unreachable!()
        };
        let Some(InvoiceEffect::Charge(claim)) = effects.into_iter().next() else { unreachable!() };
        invoice = *next;
        let reference = format!("ch_{}", self.captures.len());
        self.captures.push(GatewayMovement {
            key: claim.key.clone(),
            reference: reference.clone(),
            amount: claim.amount,
        });
        let outcome = ChargeOutcome::Succeeded { reference, at: now };
        let answer = Answer { key: claim.key, outcome, wall: billing::calendar::WallTime(now) };
        let InvoiceOutcome::Applied { next, effects, facts } =
            on_invoice(&invoice, &ladder, InvoiceInput::Answered(answer), now)
        else {
            unreachable!()
        };
        invoice = *next;
        invoice.facts = stamp(facts, invoice.id.as_str(), 3, billing::calendar::WallTime(now));
        self.invoices.push(invoice);
        for effect in effects {
            let InvoiceEffect::Subscription(input) = effect else { continue };
            let Outcome::Applied { next, effects, facts } = transition(&self.held, 2, input, now).unwrap() else {
                unreachable!()
            };
            self.held = *next;
            self.write(2, effects, facts);
        }
    }

    pub(crate) fn check(&self, now: &str) -> Vec<Finding> {
        let records = Records {
            subscriptions: vec![&self.held],
            invoices: self.invoices.iter().collect(),
            journal: self.journal.iter().collect(),
        };
        customer(&records, &moment(now))
    }

    fn ledger(&self, captures: &[GatewayMovement]) -> Vec<Finding> {
        let mut check = LedgerCheck::new(captures.iter().cloned());
        self.invoices.iter().for_each(|invoice| check.invoice(invoice));
        check.findings()
    }

    fn facts(&mut self) -> impl Iterator<Item = &mut Fact> {
        self.invoices.iter_mut().flat_map(|i| &mut i.facts).chain(self.journal.iter_mut().flat_map(|j| &mut j.facts))
    }
}

pub(crate) const IN_TIME: &str = "2027-04-01T00:00:00Z";

/// What is found once `damage` is done; exactly one invariant must be broken by it.
pub(crate) fn broken(damage: impl FnOnce(&mut Books)) -> Invariant {
    let mut books = Books::sound();
    damage(&mut books);
    let found = books.check(IN_TIME);
    let kinds: std::collections::BTreeSet<Invariant> = found.iter().map(|f| f.invariant).collect();
    assert_eq!(kinds.len(), 1, "{found:#?}");
    found[0].invariant
}

#[test]
fn sound_books_have_no_findings() {
    let books = Books::sound();
    assert_eq!((books.invoices.len(), books.captures.len()), (3, 3));
    assert_eq!(books.check(IN_TIME), []);
    assert_eq!(books.ledger(&books.captures), []);
}

#[test]
fn a_line_that_was_touched_is_found_by_its_sum_and_by_computing_it_again() {
    assert_eq!(broken(|books| books.invoices[1].lines[0].amount = usd(2_999)), Invariant::Lines);
    let both = |books: &mut Books| {
        books.invoices[1].lines[0].why.unrounded_minor += rust_decimal::Decimal::ONE;
    };
    assert_eq!(broken(both), Invariant::Lines);
}

#[test]
fn a_second_capture_is_found() {
    let again = |books: &mut Books| {
        let mut attempt = books.invoices[1].attempts[0].clone();
        attempt.attempt = 2;
        books.invoices[1].attempts.push(attempt);
        let mut fact = books.invoices[1].facts[0].clone();
        fact.event_id += "x";
        books.invoices[1].facts.push(fact);
    };
    assert_eq!(broken(again), Invariant::OneCapture);
    let twice = |books: &mut Books| {
        let mut declined = books.invoices[1].attempts[0].clone();
        declined.code = Some("generic_decline".into());
        books.invoices[1].attempts.push(declined);
    };
    assert_eq!(broken(twice), Invariant::OneCapture);
}

#[test]
fn money_without_a_fact_or_with_another_amount_is_found() {
    let less = |books: &mut Books| books.facts().find(|f| f.what.amount_minor == 3_000).unwrap().what.amount_minor = 1;
    assert_eq!(broken(less), Invariant::Booked);
    assert_eq!(broken(|books| books.invoices[2].facts.clear()), Invariant::Booked);
    assert_eq!(broken(|books| books.invoices[2].attempts.clear()), Invariant::Booked);
}

#[test]
fn a_lost_period_and_one_that_is_not_billed_are_found() {
    assert_eq!(broken(|books| drop(books.invoices.remove(1))), Invariant::Periods);
    assert_eq!(broken(|books| drop(books.invoices.pop())), Invariant::Periods);
    let later = |books: &mut Books| {
        let mut period = books.held.period.unwrap();
        period.ordinal = 9;
        books.held.period = Some(period);
    };
    assert_eq!(broken(later), Invariant::Periods);
}

#[test]
fn what_waits_too_long_is_found_and_what_waits_within_the_grace_is_not() {
    let books = Books::sound();
    assert_eq!(books.check("2027-04-30T09:59:59Z"), []);
    let late = books.check("2027-04-30T10:00:01Z");
    assert_eq!(
        late.iter().map(|f| (f.invariant, f.item.as_str())).collect::<Vec<_>>(),
        [(Invariant::InTime, "sub_ana")]
    );
    let uncollected = |books: &mut Books| {
        let invoice = &mut books.invoices[2];
        (invoice.attempts, invoice.facts) = (Vec::new(), Vec::new());
        invoice.state = InvoiceState::Due { at: at("2027-03-31T09:00:00Z") };
    };
    assert_eq!(broken(uncollected), Invariant::InTime);
}

#[test]
fn an_attempt_that_nobody_looks_after_is_found() {
    let mut books = Books::sound();
    let claim = {
        let mut invoice = books.invoices[2].clone();
        (invoice.attempts, invoice.state) = (Vec::new(), InvoiceState::Due { at: begin() });
        let wake = InvoiceInput::Wake { method: Some(method()), wall: wall("2027-03-31T23:00:00Z") };
        let InvoiceOutcome::Applied { next, .. } = on_invoice(&invoice, &Ladder::standard(), wake, at(IN_TIME)) else {
            unreachable!()
        };
        *next
    };
    books.invoices[2] = claim;
    books.invoices[2].facts.clear();
    assert_eq!(books.check(IN_TIME), [], "its deadline is 23:01, and there is an hour of grace");
    let found = books.check("2027-04-01T00:01:01Z");
    assert_eq!(found.iter().map(|f| f.invariant).collect::<Vec<_>>(), [Invariant::NoStuckAttempt], "{found:?}");
}

#[test]
fn facts_that_tell_another_run_rate_or_share_an_id_are_found() {
    let other = |books: &mut Books| {
        let fact = books.facts().find(|f| f.what.event_type.changes_run_rate()).unwrap();
        fact.what.mrr12_minor += 1;
    };
    assert_eq!(broken(other), Invariant::RunRate);
    let same = |books: &mut Books| {
        let id = books.invoices[1].facts[0].event_id.clone();
        books.invoices[2].facts[0].event_id = id;
    };
    assert_eq!(broken(same), Invariant::EventIds);
}

#[test]
fn the_gateway_is_believed_more_than_the_books() {
    let books = Books::sound();
    let mut captures = books.captures.clone();
    captures[0].amount = usd(1);
    captures[1].reference = "ch_other".into();
    let unknown = captures.pop().unwrap();
    captures.push(GatewayMovement { key: "inv_bob-p1:1".into(), ..unknown });
    let found = books.ledger(&captures);
    let items: Vec<_> = found.iter().map(|f| (f.invariant, f.item.as_str())).collect();
    let all = ["inv_ana-p1:1", "inv_ana-p2:1", "inv_ana-p3:1", "inv_bob-p1:1"];
    assert_eq!(items, all.map(|key| (Invariant::Gateway, key)));
}

#[test]
fn money_that_came_too_late_for_its_attempt_is_known_by_its_reference() {
    let mut books = Books::sound();
    books.invoices[0].attempts.push(billing::invoice::Attempt {
        attempt: 0,
        at: begin(),
        code: None,
        reference: Some("ch_late".into()),
        amount: None,
        paid_by: None,
    });
    books.captures.push(GatewayMovement {
        key: "inv_ana-p1:2".into(),
        reference: "ch_late".into(),
        amount: usd(3_000),
    });
    assert_eq!(books.ledger(&books.captures), []);
}

/// The second invoice with a refund of 5.00 in this state, and its fact if it is done.
pub(crate) fn refunded(state: RefundState) -> Books {
    let mut books = Books::sound();
    let invoice = &mut books.invoices[1];
    let key = billing::invoice::refund_key(&invoice.id, 1);
    let paid_by = invoice.paid_by().expect("a payment").clone();
    let claim = RefundClaim { key, amount: usd(500), paid_by, payment: "ch_1".into(), at: begin() };
    if let RefundState::Done { .. } = state {
        let mut fact = invoice.facts[0].clone();
        fact.event_id += "r";
        (fact.what.event_type, fact.what.amount_minor, fact.what.attempt) = (EventType::Refund, 500, None);
        invoice.facts.push(fact);
    }
    invoice.refunds.push(Refund { claim, tax_minor: 0, state });
    books
}

fn sent_back(minor: i64) -> GatewayMovement {
    GatewayMovement { key: "inv_ana-p2:r1".into(), reference: "re_1".into(), amount: usd(minor) }
}

#[test]
fn what_went_back_is_told_by_facts_and_known_by_the_gateway() {
    let done = || RefundState::Done { at: begin(), reference: "re_1".into() };
    let mut books = refunded(done());
    assert_eq!(books.check(IN_TIME), []);
    let with = |books: &Books, minor| {
        let moved = [books.captures.clone(), vec![sent_back(minor)]].concat();
        books.ledger(&moved).into_iter().map(|f| f.item).collect::<Vec<_>>()
    };
    assert_eq!(with(&books, 500), [""; 0]);
    assert_eq!(with(&books, 499), ["inv_ana-p2:r1"]);
    assert_eq!(books.ledger(&books.captures.clone()).len(), 1, "the gateway does not know it");
    books.invoices[1].facts.pop();
    assert_eq!(books.check(IN_TIME).iter().map(|f| f.invariant).collect::<Vec<_>>(), [Invariant::Booked]);
    // While nobody knows, either may be true; what failed for good must not have moved money.
    let deadline = wall("2027-04-01T00:00:00Z");
    let unknown = refunded(RefundState::Unknown { deadline, asked: 1, ask_at: deadline });
    assert_eq!((with(&unknown, 500), unknown.ledger(&unknown.captures).len()), (Vec::new(), 0));
    let late = unknown.check("2027-04-01T01:00:01Z");
    assert_eq!(late.iter().map(|f| f.invariant).collect::<Vec<_>>(), [Invariant::NoStuckAttempt], "{late:?}");
    let due = refunded(RefundState::Due { at: begin() });
    assert_eq!(due.check(IN_TIME).iter().map(|f| f.invariant).collect::<Vec<_>>(), [Invariant::InTime]);
    let failed = refunded(RefundState::Failed { at: begin(), code: "no".into() });
    assert_eq!(with(&failed, 500), ["inv_ana-p2:r1"]);
}

fn number(series: &str, sequence: u64) -> InvoiceNumber {
    format!("{series}-{sequence}").parse().unwrap()
}

/// The books' three invoices with these numbers, and this counter.
fn numbered(sequences: [u64; 3], counter: u64) -> Vec<(String, String)> {
    let books = Books::sound();
    let mut numbers = NumbersCheck::default();
    for (invoice, sequence) in books.invoices.iter().zip(sequences) {
        numbers.invoice(invoice, &moment(IN_TIME));
        if sequence > 0 {
            numbers.number(&invoice.id, &number("WEB-2027", sequence));
        }
    }
    let series: Series = number("WEB-2027", 1).series;
    numbers.counter(series.as_str(), counter);
    let found = numbers.findings();
    assert!(found.iter().all(|f| f.invariant == Invariant::Numbers));
    found.into_iter().map(|f| (f.item, f.detail)).collect()
}

#[test]
fn gaps_twins_and_missing_numbers_are_found() {
    assert_eq!(numbered([1, 2, 3], 3), []);
    let found = |numbers, counter| numbered(numbers, counter).into_iter().map(|(item, _)| item).collect::<Vec<_>>();
    assert_eq!(found([1, 2, 4], 4), ["web-2027"]);
    assert_eq!(found([1, 2, 3], 4), ["web-2027"]);
    assert_eq!(found([1, 2, 2], 2), ["WEB-2027-000002"]);
    assert_eq!(found([1, 2, 0], 2), ["inv_ana-p3"]);
}

#[test]
fn a_number_may_follow_its_invoice_within_the_grace() {
    let books = Books::sound();
    let mut numbers = NumbersCheck::default();
    numbers.invoice(&books.invoices[2], &moment("2027-03-31T09:59:00Z"));
    assert_eq!(numbers.findings(), []);
}

#[test]
fn credit_that_nobody_gave_is_found() {
    assert_eq!(broken(|books| books.held.credit_minor = 1), Invariant::Balances);
    assert_eq!(broken(|books| books.held.credits.push(usd(5))), Invariant::Balances);
    let granted = |books: &mut Books| {
        let grant = serde_json::json!({"id": "g", "source": "given", "amount_minor": 5, "granted_at": begin()});
        books.held.prepaid.grants.push(serde_json::from_value(grant).unwrap());
    };
    assert_eq!(broken(granted), Invariant::Balances);
}

#[test]
fn prepaid_credit_that_became_the_customers_credit_is_in_the_books() {
    let mut books = Books::sound();
    let any = books.facts().next().expect("a fact").what.clone();
    let told = |event_type, minor, reason: Option<&str>| Happening {
        event_type,
        amount_minor: minor,
        tax_minor: None,
        reason: reason.map(Into::into),
        attempt: None,
        mrr12_minor: 36_000,
        ..any.clone()
    };
    let facts = vec![
        told(EventType::PrepaidGranted, 70, Some("bought")),
        told(EventType::PrepaidUsed, 20, None),
        told(EventType::Credit, 50, Some("prepaid_unused")),
    ];
    books.held.credit_minor = 50;
    let (subscription, input) = (books.held.id.clone(), serde_json::Value::Null);
    let at = at("2027-03-31T10:00:00Z");
    let facts = stamp(facts, books.held.id.as_str(), 9, billing::calendar::WallTime(at));
    books.journal.push(JournalEntry { subscription, version: 9, rules: billing::RULES_VERSION, at, input, facts });
    assert_eq!(books.check(IN_TIME), []);
}

#[test]
fn every_invariant_says_what_holds() {
    let said: std::collections::BTreeSet<_> = Invariant::iter().map(Invariant::says).collect();
    assert_eq!(said.len(), Invariant::iter().count());
}
