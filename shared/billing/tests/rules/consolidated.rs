//! One document for several contracts: what gathers, what comes together, and that a document is the sum of its items in all
//! that becomes of it.

use std::collections::BTreeSet;

use billing::{
    calendar::Instant,
    check::{Finding, Invariant, Moment, Records, customer},
    document::{CreditRequest, is_final},
    dunning::Ladder,
    fact::{EventType, Happening},
    gateway::{ChargeOutcome, DeclineClass, RefundDeclaration},
    ids::{Cause, InvoiceId, SubscriptionId},
    invoice::{
        Answer, DOCUMENT_ITEMS_MAX, GatheringTime, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState,
        Method, Purpose, check_write_off, compute, consolidate, credit, customer_balances, key, refund, transition,
    },
    money::{Currency, Money},
    subscription::{Collection, Input, Subscription, When, open},
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::credit_notes::gross;
use crate::golden::pretty;
use crate::refunds::{REFUNDS, captured};
use crate::sample::{applied, at, give, method, order, terms, wall};

const WALL: &str = "2027-03-01T02:00:00Z";

fn start() -> Instant {
    at("2027-02-01T00:00:00Z")
}

/// When the second period begins, and until when its invoice waits for others.
fn renewal() -> (Instant, Instant) {
    (at("2027-03-01T00:00:00Z"), at("2027-03-01T01:00:00Z"))
}

/// A running contract whose invoices wait for others.
fn contract(name: &str, amount: &str, collection: Collection) -> Subscription {
    let mut order = order(terms("team", "month", amount, 1));
    order.subscription = SubscriptionId::try_new(format!("sub_{name}")).expect("an id");
    (order.collection, order.gathering) = (collection, Some(GatheringTime::default()));
    let (held, _) = applied(open(order, start()).expect("an order"));
    Subscription { state: billing::subscription::State::Active, collection, ..held }
}

fn renewed(name: &str, amount: &str) -> Invoice {
    let held = contract(name, amount, Collection::Automatic);
    give(&held, Input::Wake, renewal().0).1.remove(0)
}

/// The items as they are once they are on the document.
fn put_on(document: &Invoice, items: &[Invoice]) -> Vec<Invoice> {
    let grouped = |item: &Invoice| apply(item, InvoiceInput::Grouped { document: document.id.clone() }).map(|a| a.0);
    items.iter().filter_map(grouped).collect()
}

fn apply(invoice: &Invoice, input: InvoiceInput) -> Option<(Invoice, Vec<InvoiceEffect>, Vec<Happening>)> {
    match transition(invoice, &Ladder::standard(), input, renewal().1) {
        InvoiceOutcome::AlreadyApplied => None,
        InvoiceOutcome::Applied { next, effects, facts } => Some((*next, effects, facts)),
    }
}

fn document_of(items: &[Invoice]) -> Invoice {
    consolidate(&items[0].id, items, renewal().1).expect("a sum").expect("a document")
}

/// What documents add to the stored forms.
pub(crate) fn samples() -> Vec<(String, String)> {
    let catalog: billing::catalog::Catalog = serde_json::from_str(CATALOG).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    let customer: billing::customer::Customer = serde_json::from_str(CUSTOMER).expect("a customer");
    let items = [renewed("ana", "10"), renewed("ben", "5")];
    let document = document_of(&items);
    let grouped = put_on(&document, &items);
    vec![
        ("subscription-consolidated".into(), pretty(&contract("ana", "10", Collection::Automatic))),
        ("invoice-rules-3-gathering".into(), pretty(&items[0])),
        ("invoice-rules-3-grouped".into(), pretty(&grouped[0])),
        ("invoice-rules-3-document".into(), pretty(&document)),
        ("catalog-consolidated".into(), pretty(&catalog)),
        ("customer-consolidated".into(), pretty(&customer)),
    ]
}

const CATALOG: &str = r#"{
    "plans": [{"id": "team", "version": 1, "title": "Team", "policy": "slow",
        "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "10"}]}],
    "policies": [{"id": "slow", "version": 1, "gathering_hours": 24}]
}"#;

const CUSTOMER: &str = r#"{"id": "cus_acme", "currency": "USD", "time_zone": "UTC", "consolidate": true, "acquired_at": "2027-01-31T09:00:00Z"}"#;

#[test]
fn what_renews_by_itself_gathers_and_what_somebody_asks_for_does_not() {
    let held = contract("ana", "10", Collection::Automatic);
    let (renewed, invoices) = give(&held, Input::Wake, renewal().0);
    assert_eq!(invoices[0].state, InvoiceState::Gathering { at: renewal().1, due: None });
    assert!(invoices[0].gathered && invoices[0].is_open() && !is_final(&invoices[0]));
    let more = terms("team", "month", "10", 3);
    let change = Input::Change { terms: Box::new(more), proration: renewed.proration, when: When::Now };
    let (_, changes) = give(&renewed, change, renewal().0 + TimeDelta::days(3));
    assert!(!changes[0].gathered && matches!(changes[0].state, InvoiceState::Due { .. }), "{:?}", changes[0].state);
    let rich = Subscription { credit_minor: 1_000, ..held };
    let (_, paid) = give(&rich, Input::Wake, renewal().0);
    assert!(!paid[0].gathered && matches!(paid[0].state, InvoiceState::Paid { .. }), "nothing is left to collect");
    let alone = give(&rich, Input::Gather { gathering: None }, start()).0;
    let (_, own) = give(&Subscription { credit_minor: 0, ..alone }, Input::Wake, renewal().0);
    assert!(!own[0].gathered && own[0].state == InvoiceState::Due { at: renewal().0 });
}

#[test]
fn a_command_that_comes_before_the_worker_gathers_what_was_due_before_it() {
    let held = contract("ana", "10", Collection::Automatic);
    let more = terms("team", "month", "10", 3);
    let change = Input::Change { terms: Box::new(more), proration: held.proration, when: When::Now };
    let (_, invoices) = give(&held, change, renewal().0 + TimeDelta::days(3));
    assert_eq!(invoices.iter().map(|i| i.gathered).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_customer_who_pays_by_transfer_has_as_long_as_an_invoice_of_its_own_gives_from_the_document_on() {
    let held = contract("ana", "10", Collection::Invoice { days_until_due: 14 });
    let (_, invoices) = give(&held, Input::Wake, renewal().0);
    let due = renewal().1 + TimeDelta::days(14);
    assert_eq!(invoices[0].state, InvoiceState::Gathering { at: renewal().1, due: Some(due) });
    let document = document_of(&invoices);
    assert!(matches!(document.state, InvoiceState::Waiting { at, .. } if at == due), "{:?}", document.state);
    assert!(!document.is_past_due(renewal().1));
}

#[test]
fn a_note_on_what_gathers_lowers_its_share_of_the_document() {
    let whole = [renewed("ana", "10"), renewed("ben", "5")];
    let (noted, _) = credit(&whole[0], &gross(1, 300, &whole[0]), renewal().0).expect("a note");
    let items = [noted, whole[1].clone()];
    let document = document_of(&items);
    assert_eq!((document.total.minor, document.payable().minor), (1_200, 1_200));
    let paid = InvoiceInput::Received { amount: document.total, reference: "bank".into(), at: renewal().1 };
    let (_, _, facts) = apply(&document, paid).expect("paid");
    assert_eq!(facts.iter().map(|fact| fact.amount_minor).collect::<Vec<_>>(), [700, 500]);
    // One of which nothing is left to pay is an invoice of its own, with a number.
    let (settled, _) = credit(&whole[1], &CreditRequest::Whole, renewal().0).expect("a note");
    assert!(is_final(&settled) && matches!(settled.state, InvoiceState::Paid { .. }));
    assert_eq!(document_of(&[whole[0].clone(), settled]).total.minor, 1_000);
    // What is on a document is owed as that stands.
    let grouped = put_on(&document, &items);
    let refused = credit(&grouped[0], &CreditRequest::Whole, renewal().1).expect_err("on a document");
    assert!(refused.to_string().contains("is on the document inv_ana-d2"), "{refused}");
}

#[test]
fn a_document_adds_up_its_items_and_is_computed_again() {
    let items = [renewed("ana", "10"), renewed("ben", "5"), renewed("cleo", "2.50")];
    assert_eq!(consolidate(&items[1].id, &items, renewal().0).expect("a sum"), None, "they wait for each other");
    for woken in &items {
        let document = consolidate(&woken.id, &items, renewal().1).expect("a sum").expect("a document");
        assert_eq!((document.id.as_str(), document.total.minor), ("inv_ana-d2", 1_750), "the oldest names it");
        assert_eq!(compute(document.rules, &document.basis).expect("lines"), document.lines);
        assert_eq!(document.state, InvoiceState::Due { at: renewal().1 });
        assert!(is_final(&document) && document.is_document());
        let refused = credit(&document, &CreditRequest::Whole, document.issued_at).expect_err("several invoices");
        assert!(refused.to_string().contains("name the one on it"), "{refused}");
        let refused = check_write_off(&document).expect_err("several invoices");
        assert!(refused.to_string().contains("is a document of several invoices, which is owed as it stands"));
    }
    let grouped = put_on(&document_of(&items), &items);
    assert!(grouped.iter().all(|i| i.state == InvoiceState::Grouped && !is_final(i)));
    let again = consolidate(&items[0].id, &grouped, renewal().1).expect("a sum");
    assert_eq!(again, None, "an item is on one document");
    assert!(apply(&grouped[0], InvoiceInput::Grouped { document: items[1].id.clone() }).is_none());
    // What becomes of another document, or of this one before the item is on it, is no news.
    let settled =
        |document: &InvoiceId| InvoiceInput::Settled { document: document.clone(), state: InvoiceState::Void };
    assert!(apply(&grouped[0], settled(&items[1].id)).is_none());
    let document = document_of(&items).id;
    assert_eq!(apply(&grouped[0], settled(&document)).map(|a| a.0.state), Some(InvoiceState::Void));
    let paid = Invoice { state: InvoiceState::Paid { at: renewal().1 }, ..grouped[0].clone() };
    assert!(apply(&paid, settled(&document)).is_none());
}

#[test]
fn a_document_and_its_items_name_each_other() {
    let items = [renewed("ana", "10"), renewed("ben", "5")];
    let document = document_of(&items);
    let grouped = put_on(&document, &items);
    let found = |invoices: Vec<&Invoice>| {
        let now = renewal().1;
        let moment = Moment { now, wall: billing::calendar::WallTime(now), grace: chrono::TimeDelta::hours(1) };
        let records = Records { invoices, ..Records::default() };
        // Nothing came for it yet, and nothing is told.
        let of_documents = |f: &Finding| [Invariant::Documents, Invariant::Booked].contains(&f.invariant);
        customer(&records, &moment).into_iter().filter(of_documents).map(|f| f.detail).collect::<Vec<_>>()
    };
    assert_eq!(found(vec![&document, &grouped[0], &grouped[1]]), Vec::<String>::new());
    let names = "it names 2 invoices, and 1 say that they are on it";
    let sums = "its invoices add up to 10.00 USD, its total is 15.00 USD";
    assert_eq!(found(vec![&document, &grouped[0]]), [names, sums]);
    let lost = [&grouped[0], &grouped[1]].map(|_| "its document inv_ana-d2 is not there");
    assert_eq!(found(vec![&grouped[0], &grouped[1]]), lost);
    let paid = Invoice { state: InvoiceState::Paid { at: renewal().1 }, ..document.clone() };
    let behind = ["inv_ana-p2", "inv_ben-p2"].map(|id| format!("it is paid, and {id} on it is grouped"));
    assert_eq!(found(vec![&paid, &grouped[0], &grouped[1]]), behind);

    // What is on a document is owed once, and credit of any contract stands against it.
    let held =
        [700, 300].map(|minor| Subscription { credit_minor: minor, ..contract("ana", "10", Collection::Automatic) });
    let in_euros =
        Subscription { credits: vec![Money::new(5, Currency::try_new("EUR").expect("a currency"))], ..held[0].clone() };
    let sums = |invoices: &[&Invoice], held: &[&Subscription]| {
        let found = customer_balances(invoices.iter().copied(), held.iter().copied()).expect("sums");
        found.iter().map(|b| (b.owed.to_string(), b.credit.to_string(), b.balance.minor)).collect::<Vec<_>>()
    };
    let of = |owed: &str, credit: &str, balance| (owed.to_owned(), credit.to_owned(), balance);
    let all = [&document, &grouped[0], &grouped[1]];
    assert_eq!(sums(&all, &[&held[0], &held[1]]), [of("15.00 USD", "10.00 USD", 500)]);
    assert_eq!(sums(&[&paid], &[&in_euros]), [of("0.00 EUR", "0.05 EUR", -5), of("0.00 USD", "7.00 USD", -700)]);
    assert_eq!(sums(&[&paid, &items[0]], &[]), []);
    let given_up = Invoice { state: InvoiceState::Uncollectible, ..document.clone() };
    assert_eq!(sums(&[&given_up], &[]), [of("15.00 USD", "0.00 USD", 1_500)]);
    // Nothing is owed for what waits for its first money, and what came for it is not asked for again.
    let opening = Invoice { purpose: Purpose::Opening, ..document.clone() };
    assert_eq!(sums(&[&opening], &[]), []);
    assert_eq!(sums(&[&opening, &document], &[]), [of("15.00 USD", "0.00 USD", 1_500)]);

    let id = |name: &str| SubscriptionId::try_new(format!("sub_{name}")).expect("an id");
    assert!(document.concerns(&id("ben")) && !document.concerns(&id("cleo")));
    assert!(grouped[0].concerns(&id("ana")) && !grouped[0].concerns(&id("ben")));
}

#[test]
fn what_an_item_brought_of_a_documents_payment_goes_back_to_it() {
    let items = [renewed("ana", "10"), renewed("ben", "5")];
    let document = document_of(&items);
    let payer = captured(Invoice { state: InvoiceState::Paid { at: renewal().1 }, ..document.clone() });
    let items = put_on(&document, &items).into_iter();
    let paid: Vec<Invoice> = items.map(|i| Invoice { state: InvoiceState::Paid { at: renewal().1 }, ..i }).collect();
    let back = |item: &Invoice, how| refund(item, &payer, &CreditRequest::Whole, how, renewal().1);
    let claims = paid.iter().map(|item| back(item, Some(REFUNDS)).expect("a refund").0.refunds.remove(0).claim);
    let claims: Vec<_> = claims.map(|c| (c.key, c.amount.minor, c.payment)).collect();
    let of = |key: &str, amount| (key.to_owned(), amount, "ch_1".to_owned());
    assert_eq!(claims, [of("inv_ana-p2:r1", 1_000), of("inv_ben-p2:r1", 500)]);
    let twice = back(&back(&paid[0], Some(REFUNDS)).expect("a refund").0, Some(REFUNDS)).unwrap_err();
    assert!(twice.to_string().contains("nothing is left"), "{twice}");
    let whole_only = RefundDeclaration { partial: false, ..REFUNDS };
    let refused = back(&paid[0], Some(whole_only)).unwrap_err().to_string();
    assert!(refused.contains("whole payments only; this one is for several invoices"), "{refused}");
}

#[test]
fn what_cannot_be_collected_together_is_on_documents_of_its_own() {
    let ana = renewed("ana", "10");
    let other = |change: fn(&mut Invoice)| {
        let mut other = renewed("ben", "5");
        change(&mut other);
        other
    };
    let apart = [
        other(|i| i.total = Money::new(500, Currency::try_new("EUR").expect("a currency"))),
        other(|i| i.automatic = false),
        other(|i| i.storefront = Some("shop".into())),
        other(|i| i.state = InvoiceState::Due { at: start() }),
        other(|i| {
            let billing::invoice::Basis::Period { terms, .. } = &mut i.basis else { return };
            terms.policy = "slow@2".parse().expect("a reference");
        }),
    ];
    for other in apart {
        let document = document_of(&[ana.clone(), other]);
        assert_eq!(document.total.minor, 1_000);
    }
}

#[test]
fn a_document_has_an_end_and_the_rest_is_on_the_next_one() {
    let items: Vec<Invoice> = (10..35).map(|n| renewed(&format!("c{n}"), "1")).collect();
    let last = items.last().expect("items").id.clone();
    let first = consolidate(&last, &items, renewal().1).expect("a sum").expect("a document");
    assert_eq!((first.id.as_str(), first.total.minor), ("inv_c10-d2", 2_000), "the oldest first");
    let named: BTreeSet<InvoiceId> = first.basis.items().expect("items").iter().map(|i| i.invoice.clone()).collect();
    assert_eq!(named.len(), DOCUMENT_ITEMS_MAX);
    let left: Vec<Invoice> = items.into_iter().filter(|i| !named.contains(&i.id)).collect();
    let second = consolidate(&last, &left, renewal().1).expect("a sum").expect("a document");
    assert_eq!((second.id.as_str(), second.total.minor), ("inv_c30-d2", 500));
}

#[test]
fn two_documents_of_one_contract_have_two_names() {
    let held = contract("ana", "10", Collection::Automatic);
    let ids = [Cause::Period(2), Cause::Usage(2)].map(|cause| {
        let mut item = give(&held, Input::Wake, renewal().0).1.remove(0);
        (item.id, item.cause) = (InvoiceId::derive(&held.id, cause, 0), cause);
        document_of(&[item]).id
    });
    assert_eq!(ids.each_ref().map(InvoiceId::as_str), ["inv_ana-d2", "inv_ana-du2"]);
}

#[test]
fn a_fact_about_an_item_tells_what_that_contract_has() {
    let seats = |name: &str, seats: i64| {
        let held = contract(name, "10", Collection::Automatic);
        let terms = terms("team", "month", "10", seats);
        give(&Subscription { terms, ..held }, Input::Wake, renewal().0).1.remove(0)
    };
    let items = [seats("ana", 1), seats("ben", 3)];
    let document = document_of(&items);
    let amount = document.total;
    let received = InvoiceInput::Received { amount, reference: "bank".into(), at: renewal().1 };
    let (_, _, facts) = apply(&document, received).expect("money");
    let told: Vec<_> = facts.iter().map(|f| (f.subscription_id.as_str(), f.quantity, f.amount_minor)).collect();
    assert_eq!(told, [("sub_ana", 1, 1_000), ("sub_ben", 3, 3_000)]);
}

#[test]
fn hours_of_gathering_have_a_limit() {
    let policy = |hours: u32| {
        serde_json::from_value::<billing::catalog::Policy>(
            serde_json::json!({"id": "p", "version": 1, "gathering_hours": hours}),
        )
    };
    assert!(policy(72).is_ok());
    let refused = policy(73).expect_err("too long").to_string();
    assert!(refused.contains("gathering_hours must be 0 to 72"), "{refused}");
}

#[test]
fn money_for_what_is_not_collected_by_itself_becomes_credit() {
    let item = renewed("ana", "10");
    let grouped = put_on(&document_of(std::slice::from_ref(&item)), std::slice::from_ref(&item));
    let amount = item.total;
    for waiting in [&item, &grouped[0]] {
        let received = InvoiceInput::Received { amount, reference: "bank".into(), at: renewal().1 };
        let (after, effects, _) = apply(waiting, received).expect("money is noticed");
        assert_eq!(after.state, waiting.state);
        let kept = |e: &InvoiceEffect| matches!(e, InvoiceEffect::Subscription(Input::Credit { amount: a, .. }) if *a == amount);
        assert!(effects.iter().any(kept), "{effects:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum News {
    Captured,
    Soft,
    Hard,
    Transfer(i64),
    Day,
}

fn any_news() -> impl Strategy<Value = News> {
    prop_oneof![
        2 => Just(News::Captured), 4 => Just(News::Soft), 1 => Just(News::Hard),
        1 => (-2_i64..3).prop_map(News::Transfer), 4 => Just(News::Day),
    ]
}

/// What the facts of `types` come to, tax included.
fn money(facts: &[Happening], types: &[EventType]) -> i64 {
    let those = facts.iter().filter(|f| types.contains(&f.event_type));
    those.map(|f| f.amount_minor + f.tax_minor.unwrap_or(0)).sum()
}

/// A document and its items, as the shell keeps them.
struct Books {
    document: Invoice,
    items: Vec<Invoice>,
    facts: Vec<Happening>,
    now: Instant,
    transfers: i64,
}

impl Books {
    fn give(&mut self, input: InvoiceInput) {
        let outcome = transition(&self.document, &Ladder::standard(), input, self.now);
        let InvoiceOutcome::Applied { next, effects, facts } = outcome else { return };
        (self.document, self.facts) = (*next, [std::mem::take(&mut self.facts), facts].concat());
        for effect in effects {
            let InvoiceEffect::Items(state) = effect else { continue };
            let id = self.document.id.clone();
            for item in &mut self.items {
                let settled = InvoiceInput::Settled { document: id.clone(), state: state.clone() };
                *item = apply(item, settled).expect("told once").0;
            }
        }
    }

    fn hear(&mut self, news: News) {
        let answer = |outcome, document: &Invoice| {
            let key = key(&document.id, document.next_attempt());
            InvoiceInput::Answered(Answer { key, outcome, wall: wall(WALL) })
        };
        let declined = |class| ChargeOutcome::Declined { reference: None, code: "no".into(), class, at: self.now };
        let reference = format!("ref_{}", self.document.attempts.len());
        let outcome = match news {
            News::Captured => {
                // Without an attempt under way it is money that came another way.
                if !matches!(self.document.state, InvoiceState::Collecting { .. } | InvoiceState::Unknown { .. }) {
                    self.transfers += self.document.total.minor;
                }
                ChargeOutcome::Succeeded { reference, at: self.now }
            }
            News::Soft => declined(DeclineClass::Soft),
            News::Hard => declined(DeclineClass::Hard),
            News::Transfer(more) => {
                let amount = Money::new(self.document.total.minor + more, self.document.total.currency);
                self.transfers += amount.minor;
                return self.give(InvoiceInput::Received { amount, reference, at: self.now });
            }
            News::Day => {
                self.now += TimeDelta::days(1);
                return self.give(InvoiceInput::Wake { method: Some(method()), wall: wall(WALL) });
            }
        };
        self.give(answer(outcome, &self.document));
    }
}

proptest! {
    /// Whatever is heard: items stand as their document stands, and facts add up to the money that moved.
    #[test]
    fn what_becomes_of_a_document_becomes_of_its_items(
        cents in proptest::collection::vec(1_u32..90_000, 1..6),
        taxes in proptest::collection::vec(0_i64..2, 6),
        news in proptest::collection::vec(any_news(), 0..40),
    ) {
        let amount = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100);
        let mut items: Vec<Invoice> =
            cents.iter().enumerate().map(|(n, c)| renewed(&format!("c{n}"), &amount(*c))).collect();
        for (item, tax) in items.iter_mut().zip(taxes) {
            item.tax_minor = tax;
        }
        let document = document_of(&items);
        prop_assert_eq!(document.total.minor, items.iter().map(|i| i.total.minor).sum::<i64>());
        let items = put_on(&document, &items);
        let mut books = Books { document, items, facts: Vec::new(), now: renewal().1, transfers: 0 };
        let card: Method = method();
        books.give(InvoiceInput::Wake { method: Some(card), wall: wall(WALL) });
        for one in news {
            books.hear(one);
            let expected = if books.document.is_open() { InvoiceState::Grouped } else { books.document.state.clone() };
            prop_assert!(books.items.iter().all(|i| i.state == expected), "{:?}", books.document.state);
        }
        let Books { document, items, facts, transfers, .. } = books;
        let total = document.total.minor;
        let captures: i64 = document.attempts.iter().map(|a| i64::from(a.attempt > 0 && a.code.is_none())).sum();
        let declines: i64 = document.attempts.iter().map(|a| i64::from(a.code.is_some())).sum();
        prop_assert!(captures <= 1);
        let captured = money(&facts, &[EventType::Renewal, EventType::PaymentRecovered]);
        prop_assert_eq!(captured, captures * total);
        prop_assert_eq!(money(&facts, &[EventType::PaymentFailed]), declines * total);
        prop_assert_eq!(money(&facts, &[EventType::Payment]), transfers);
        let given_up = i64::from(document.state == InvoiceState::Uncollectible);
        prop_assert_eq!(money(&facts, &[EventType::WrittenOff]), given_up * total);
        for item in &items {
            let of_item = |f: &&Happening| f.invoice_id.as_ref() == Some(&item.id) && f.event_type == EventType::PaymentFailed;
            let failed: i64 = facts.iter().filter(of_item).map(|f| f.amount_minor + f.tax_minor.unwrap_or(0)).sum();
            prop_assert_eq!(failed, declines * item.total.minor, "{}", item.id);
        }
    }
}

#[test]
fn money_for_a_document_is_told_once_for_each_of_its_items() {
    let items = [renewed("ana", "10"), renewed("ben", "5")];
    let document = document_of(&items);
    let received = InvoiceInput::Received { amount: document.total, reference: "bank".into(), at: renewal().1 };
    let (paid, _, facts) = apply(&document, received).expect("paid");
    let settled = |item: &Invoice| {
        let input = InvoiceInput::Settled { document: document.id.clone(), state: paid.state.clone() };
        apply(item, input).expect("settled").0
    };
    let settled: Vec<Invoice> = put_on(&document, &items).iter().map(settled).collect();
    let booked = |facts: Vec<Happening>| {
        let told = Invoice { facts: billing::fact::stamp(facts, paid.id.as_str(), 2, wall(WALL)), ..paid.clone() };
        let records = Records { invoices: settled.iter().chain([&told]).collect(), ..Records::default() };
        let moment = Moment { now: renewal().1, wall: wall(WALL), grace: TimeDelta::hours(1) };
        let of_money = |f: &Finding| f.invariant == Invariant::Booked;
        customer(&records, &moment).into_iter().filter(of_money).map(|f| f.item).collect::<Vec<_>>()
    };
    assert_eq!(booked(facts.clone()), [""; 0]);
    assert_eq!(booked(Vec::new()), ["inv_ana-p2", "inv_ben-p2"]);
    // One about the document itself, for which nothing came beside that.
    let own = || Happening { invoice_id: Some(paid.id.clone()), ..facts[0].clone() };
    assert_eq!(booked([facts.clone(), vec![own()]].concat()), [""; 0], "what covers no item is told so, once");
    assert_eq!(booked([facts.clone(), vec![own(), own()]].concat()), ["inv_ana-d2"]);
}
