//! Trials that cost something: nothing runs before their price is paid, and nothing but the price is charged for them.

use billing::{
    calendar::Instant,
    dunning::Ladder,
    fact::EventType,
    gateway::ChargeOutcome,
    invoice::{
        Answer, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, LineKind, compute, explain, key,
        transition as collect,
    },
    subscription::{
        CancelReason, Collection, Input, Known, Order, Outcome, State, Subscription, TrialPrice, WithoutMethod, open,
        open_with, transition, transition_with, wake_at,
    },
};
use chrono::TimeDelta;

use crate::adjusted::{applied as adjusted, coupon, taxed, taxes};
use crate::sample::{applied, at, day, give, method, order, terms, usd, wall};

/// A trial for one dollar.
pub(crate) fn one_dollar() -> Vec<TrialPrice> {
    vec![TrialPrice { currency: usd(0).currency, amount: 1.into() }]
}

/// 14 days from 1 January for a dollar, then 31 a month.
fn paid_trial() -> Order {
    let mut order =
        Order { trial_days: 14, collection: Collection::Automatic, ..order(terms("team", "month", "31", 1)) };
    order.trial.prices = one_dollar();
    order
}

fn begun(order: Order) -> (Subscription, Invoice) {
    let (held, mut invoices) = applied(open(order, day("2027-01-01")).expect("an order"));
    assert_eq!(invoices.len(), 1);
    (held, invoices.remove(0))
}

/// The invoice after its first attempt, the facts, and what the contract is told.
fn charged(invoice: &Invoice, outcome: ChargeOutcome) -> (Invoice, Vec<billing::fact::Happening>, Vec<Input>) {
    let (ladder, wall) = (Ladder::standard(), wall("2027-01-01T00:00:01Z"));
    let step = |invoice: &Invoice, input| match collect(invoice, &ladder, input, day("2027-01-01")) {
        InvoiceOutcome::Applied { next, effects, facts } => (*next, effects, facts),
        InvoiceOutcome::AlreadyApplied => panic!("nothing was applied"),
    };
    let (claimed, ..) = step(invoice, InvoiceInput::Wake { method: Some(method()), wall });
    let answer = Answer { key: key(&invoice.id, 1), outcome, wall };
    let (next, effects, facts) = step(&claimed, InvoiceInput::Answered(answer));
    let told = effects.into_iter().filter_map(|effect| match effect {
        InvoiceEffect::Subscription(input) => Some(input),
        _ => None,
    });
    (next, facts, told.collect())
}

fn captured(at: &str) -> ChargeOutcome {
    ChargeOutcome::Succeeded { reference: "ch_1".into(), at: self::at(at) }
}

/// What a decision makes of a contract, with its facts.
fn facts_of(held: &Subscription, input: Input, now: Instant) -> (Subscription, Vec<(EventType, i64)>) {
    match transition(held, 7, input, now).expect("allowed") {
        Outcome::Applied { next, facts, .. } => (*next, facts.iter().map(|f| (f.event_type, f.mrr12_minor)).collect()),
        Outcome::AlreadyApplied => panic!("nothing was applied"),
    }
}

#[test]
fn it_waits_for_its_price_and_runs_to_the_day_that_was_agreed() {
    let (held, invoice) = begun(paid_trial());
    assert_eq!((held.state.name(), held.period, invoice.id.as_str()), ("incomplete", None, "inv_ana-t"));
    let lines: Vec<_> = invoice.lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!((lines, invoice.mrr12), (vec![(LineKind::Trial, 100)], 0));
    // Paid five hours later: the trial ends when it was said to end.
    let (invoice, facts, told) = charged(&invoice, captured("2027-01-01T05:00:00Z"));
    let [paid] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((paid.event_type, paid.amount_minor, paid.reason.as_deref()), (EventType::Payment, 100, Some("trial")));
    assert!(matches!(invoice.state, InvoiceState::Paid { .. }));
    let [opened] = &told[..] else { panic!("{told:?}") };
    let (held, facts) = facts_of(&held, opened.clone(), at("2027-01-01T05:00:00Z"));
    assert_eq!(held.state, State::Trialing { ends_at: day("2027-01-15"), price: Some(usd(100)) });
    assert_eq!((facts, held.mrr12()), (vec![(EventType::TrialStarted, 0)], Ok(0)));
    // The first full period follows, as after a free trial.
    let (converted, invoices) = give(&held, Input::Wake, day("2027-01-15"));
    assert_eq!((invoices[0].id.as_str(), invoices[0].total.minor), ("inv_ana-p1", 3_100));
    assert_eq!(converted.period.map(|p| (p.start, p.end)), Some((day("2027-01-15"), day("2027-02-15"))));
    let (_, facts) = facts_of(&held, Input::Wake, day("2027-01-15"));
    assert_eq!(facts, [(EventType::Signup, 37_200)]);
}

#[test]
fn a_decline_or_silence_begins_nothing() {
    let (held, invoice) = begun(paid_trial());
    let declined = ChargeOutcome::Declined {
        reference: None,
        code: "insufficient_funds".into(),
        class: billing::gateway::DeclineClass::Soft,
        at: day("2027-01-01"),
    };
    let (invoice, facts, told) = charged(&invoice, declined);
    assert_eq!((invoice.state, told), (InvoiceState::Void, vec![]));
    assert_eq!((facts[0].event_type, facts[0].reason.as_deref()), (EventType::PaymentFailed, Some("trial")));
    let gone = wake_at(&held).expect("it is given up");
    assert_eq!(gone, day("2027-01-01") + TimeDelta::hours(23));
    let (held, facts) = facts_of(&held, Input::Wake, gone);
    assert_eq!(held.state, State::Canceled { at: gone, reason: CancelReason::Expired });
    assert!(facts.is_empty());
    // The money comes after all: it is the customer's credit.
    let late = Input::OpeningPaid { amount: usd(100), tax_minor: 0, claim: None, at: gone };
    assert_eq!(give(&held, late, gone).0.credit_minor, 100);
}

#[test]
fn on_account_it_runs_at_once_and_its_invoice_is_pursued_as_any_other() {
    let mut order = paid_trial();
    order.collection = Collection::Invoice { days_until_due: 14 };
    let (held, invoice) = begun(order);
    assert_eq!(held.state, State::Trialing { ends_at: day("2027-01-15"), price: Some(usd(100)) });
    assert_eq!((invoice.state.name(), invoice.total.minor), ("past_due", 100));
    let ended = Input::EndForNonPayment { invoice: invoice.id, at: day("2027-01-10") };
    let (held, facts) = facts_of(&held, ended, day("2027-01-10"));
    assert!(facts.is_empty(), "there was no run-rate to lose");
    assert!(matches!(held.state, State::Canceled { reason: CancelReason::Involuntary, .. }));
}

#[test]
fn it_is_taxed_as_the_plan_is_and_not_discounted() {
    let (taxes, half) = (taxes(false), coupon(50, r#"{"is":"once"}"#));
    let order = Order { coupons: vec![half], terms: taxed(terms("team", "month", "31", 1)), ..paid_trial() };
    let (held, invoices, _) = adjusted(open_with(order, day("2027-01-01"), &taxes).expect("an order"));
    let lines: Vec<_> = invoices[0].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!(lines, [(LineKind::Trial, 100), (LineKind::Tax, 19)]);
    assert_eq!((invoices[0].total.minor, invoices[0].tax_minor), (119, 19));
    let told = explain(&invoices[0]).expect("known rules");
    assert!(told.contains("a trial up to 2027-01-15 00:00 UTC") && told.contains("the same lines"), "{told}");
    assert_eq!(compute(billing::RULES_VERSION, &invoices[0].basis), Ok(invoices[0].lines.clone()));
    // The coupon waits for the first period: 15.50, and 19 % of that.
    let paid = Input::OpeningPaid { amount: usd(119), tax_minor: 19, claim: None, at: day("2027-01-01") };
    let (held, _) = give(&held, paid, day("2027-01-01"));
    let converted = transition_with(&held, 7, Input::Wake, day("2027-01-15"), &taxes.into()).expect("a wake");
    assert_eq!(adjusted(converted).1[0].total.minor, 1_550 + 295);
}

#[test]
fn a_backdated_trial_that_is_over_is_billed_for_what_followed() {
    let order = Order { starts_at: Some(day("2026-12-01")), ..paid_trial() };
    let (held, invoice) = begun(order);
    assert_eq!(invoice.basis.period().start, day("2026-12-01"));
    let paid = Input::OpeningPaid { amount: usd(100), tax_minor: 0, claim: None, at: day("2027-01-01") };
    let Ok(Outcome::Applied { next, facts, .. }) = transition(&held, 2, paid, day("2027-01-01")) else {
        panic!("it is paid")
    };
    assert_eq!((facts[0].event_type, facts[0].occurred_at), (EventType::TrialStarted, day("2026-12-01")));
    let (held, invoices) = give(&next, Input::Wake, day("2027-01-01"));
    assert_eq!((invoices[0].issued_at, held.state), (day("2026-12-15"), State::Active));
}

#[test]
fn cancelled_in_its_trial_nothing_comes_back_and_without_a_method_it_ends_as_the_plan_says() {
    let mut order = paid_trial();
    order.trial.without_method = WithoutMethod::Cancel;
    let (held, _) = begun(order);
    let paid = Input::OpeningPaid { amount: usd(100), tax_minor: 0, claim: None, at: day("2027-01-01") };
    let (held, _) = give(&held, paid, day("2027-01-01"));
    let cancel = Input::Cancel { when: billing::subscription::When::Now, reason: None, comment: None };
    let (ended, invoices) = give(&held, cancel, day("2027-01-05"));
    assert_eq!((ended.state.name(), ended.credit_minor, invoices.len()), ("canceled", 0, 0));
    let known = Known { without_method: true, ..Known::default() };
    let over = transition_with(&held, 7, Input::Wake, day("2027-01-15"), &known).expect("a wake");
    let ended = applied(over).0;
    assert_eq!(ended.state, State::Canceled { at: day("2027-01-15"), reason: CancelReason::NoMethod });
}

#[test]
fn a_currency_without_a_price_is_refused_and_not_free() {
    let mut order = paid_trial();
    order.trial.prices[0].currency = billing::money::Currency::try_new("EUR").expect("a currency");
    let refusal = open(order, day("2027-01-01")).expect_err("no price in USD");
    assert_eq!(refusal.to_string(), "currency: the trial has no price in USD; it has: EUR");
}
