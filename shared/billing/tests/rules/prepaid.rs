//! Prepaid credit of contracts: usable once it is paid, never more than there is, nothing for usage after its expiry, and all
//! of it accounted for at any time.

use std::collections::BTreeMap;

use billing::{
    calendar::Instant,
    catalog::{Catalog, Policy},
    document::CreditRequest,
    dunning::Ladder,
    fact::{EventType, Happening},
    gateway::DeclineClass,
    ids::InvoiceId,
    invoice::{
        Adjustment, Climb, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, LineKind, compute,
        credit, explain, transition as collect,
    },
    money::{Currency, Money},
    prepaid::{GRANTS_MAX, GrantSource, PrepaidSource, TopUp},
    refusal::Refusal,
    subscription::{Effect, Input, Outcome, Subscription, When, next_event, transition_with, wake_at},
    terms::Terms,
};
use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use crate::{
    sample::{active, at, method, usd, wall},
    usage::{Days, event, plan},
};

fn start() -> Instant {
    at("2027-01-31T09:12:30Z")
}

/// A dollar for a call, paid from prepaid credit, beside a fee that is not.
fn terms() -> Terms {
    let item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "prepaid": true, "price": {"model": "per-seat", "unit_amount": "1"}});
    let plan = plan("api", &json!([item]));
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms")
}

/// A contract with its usage, and everything that happened to it.
struct World {
    held: Subscription,
    days: Days,
    version: u64,
    facts: Vec<Happening>,
    invoices: Vec<Invoice>,
    effects: Vec<Effect>,
    used: Vec<(Instant, i64)>,
    drawn: BTreeMap<String, i64>,
}

impl World {
    fn new() -> Self {
        let held = active(terms(), start());
        let (facts, invoices, effects, used) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { held, days: Days::default(), version: 2, facts, invoices, effects, used, drawn: BTreeMap::new() }
    }

    /// Decides; false where there was nothing to do.
    fn try_give(&mut self, input: Input, now: Instant) -> Result<bool, Refusal> {
        let known = self.days.stored().into();
        let outcome = transition_with(&self.held, self.version + 1, input, now, &known)?;
        let Outcome::Applied { next, effects, facts } = outcome else { return Ok(false) };
        self.held = *next;
        self.version += 1;
        self.facts.extend(facts);
        for effect in effects {
            if let Effect::Issue(new) = effect {
                let invoice = Invoice::issue(&self.held, *new).expect("an invoice");
                self.check(&invoice);
                self.invoices.push(invoice);
            } else {
                self.effects.push(effect);
            }
        }
        self.check_sums();
        Ok(true)
    }

    fn give(&mut self, input: Input, now: Instant) {
        assert!(self.try_give(input, now).expect("allowed"), "nothing was applied");
    }

    fn wake(&mut self, now: Instant) {
        while wake_at(&self.held).is_some_and(|due| due <= now) {
            self.give(Input::Wake, now);
        }
    }

    fn use_calls(&mut self, calls: i64, now: Instant) {
        let id = format!("e{}", self.used.len());
        self.days.record_events(&self.held, &[event(&id, now, &calls.to_string())], now);
        self.used.push((now, calls));
    }

    fn sum(&self, event: EventType) -> i64 {
        self.facts.iter().filter(|f| f.event_type == event).map(|f| f.amount_minor).sum()
    }

    /// What was granted is used, lost, kept for an invoice, or left; or became the customer's credit.
    fn check_sums(&self) {
        let balance = self.held.prepaid.balance(self.held.terms.price.currency).expect("a balance").minor;
        let held: i64 = self.held.prepaid.held.iter().map(|s| s.most().minor).sum();
        let [granted, used, expired] =
            [EventType::PrepaidGranted, EventType::PrepaidUsed, EventType::PrepaidExpired].map(|e| self.sum(e));
        let kept = self.facts.iter().filter(|f| f.reason.as_deref() == Some("prepaid_unused"));
        let kept: i64 = kept.map(|f| f.amount_minor).sum();
        assert_eq!(granted, used + expired + held + balance + kept);
        assert!(self.facts.iter().all(|f| f.amount_minor >= 0));
    }

    fn check(&mut self, invoice: &Invoice) {
        assert_eq!(compute(invoice.rules, &invoice.basis).expect("lines"), invoice.lines);
        let usage: Vec<_> = invoice.lines.iter().filter_map(|l| l.used.as_ref().map(|u| (u, l.amount.minor))).collect();
        let cost: i64 = usage.iter().map(|(_, minor)| minor).sum();
        let draws: Vec<(&PrepaidSource, i64)> = invoice
            .lines
            .iter()
            .filter_map(|line| match line.why.adjustment.as_deref() {
                Some(Adjustment::Prepaid(source)) => Some((source, -line.amount.minor)),
                _ => None,
            })
            .collect();
        let drawn: i64 = draws.iter().map(|(_, minor)| minor).sum();
        assert!(drawn <= cost.max(0), "{drawn} for usage of {cost}");
        for (source, minor) in &draws {
            assert!(*minor > 0 && *minor <= source.most().minor);
            *self.drawn.entry(source.grant.clone()).or_default() += minor;
            // Whatever expires by then pays at most for what was used before it.
            let Some(end) = source.expires_at else { continue };
            let before =
                |(at, _): &&(Instant, i64)| *at < end && usage.iter().any(|(u, _)| u.start <= *at && *at < u.end);
            let worth: i64 = self.used.iter().filter(before).map(|(_, calls)| calls * 100).sum();
            let by_then = draws.iter().filter(|(s, _)| s.expires_at.is_some_and(|e| e <= end));
            assert!(by_then.map(|(_, minor)| minor).sum::<i64>() <= worth, "used after {end}");
        }
        if drawn < cost {
            // A gift of the instant that was due comes after what was due.
            let left = self.held.prepaid.grants.iter().filter(|g| g.granted_at < invoice.issued_at);
            assert_eq!(left.count(), 0, "usage was not paid while there was credit");
        }
    }
}

fn grant(minor: i64, expires_at: Option<Instant>) -> Input {
    Input::Grant { amount: usd(minor), reason: "goodwill".into(), expires_at }
}

fn top_up(minor: i64, expires_at: Option<Instant>) -> Input {
    Input::TopUp { amount: usd(minor), expires_at }
}

fn day(days: i64) -> Instant {
    start() + TimeDelta::days(days)
}

fn cancel() -> Input {
    Input::Cancel { when: When::Now, reason: None, comment: None }
}

/// The news that the top-up on `invoice` was paid at `at`.
fn paid(invoice: &Invoice, at: Instant) -> Input {
    let top_up = *invoice.basis.top_up().expect("a top-up");
    Input::TopUpPaid { invoice: invoice.id.clone(), top_up, at }
}

#[test]
fn a_top_up_is_usable_when_it_is_paid_and_is_no_revenue_of_a_period() {
    let mut world = World::new();
    world.held.credit_minor = 700;
    world.give(top_up(5_000, None), day(1));
    let invoice = world.invoices[0].clone();
    assert_eq!(invoice.total.minor, 5_000, "the customer's credit does not pay for it");
    assert_eq!((world.held.credit_minor, world.held.prepaid.grants.len()), (700, 0));
    assert_eq!(explain(&invoice).expect("words").matches("prepaid credit").count(), 2);
    let run_rate = world.held.mrr12().expect("a run-rate");
    world.give(paid(&invoice, day(2)), day(2));
    assert_eq!(world.held.mrr12().expect("a run-rate"), run_rate);
    assert_eq!(world.held.prepaid.grants[0].source, GrantSource::Bought);
    assert_eq!(world.held.prepaid.waiting.len(), 0);
    world.use_calls(20, day(3));
    world.wake(world.held.period.expect("a period").end);
    let lines: Vec<_> = world.invoices[1].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    // The fee is paid from the customer's credit, the calls from what was bought for them.
    let expected = [
        (LineKind::Recurring, 2_000),
        (LineKind::Usage, 2_000),
        (LineKind::PrepaidUsed, -2_000),
        (LineKind::CreditUsed, -700),
    ];
    assert_eq!(lines, expected);
    let said = explain(&world.invoices[1]).expect("words");
    assert!(said.contains("prepaid-used inv_") && said.contains("was left; it pays for usage only"), "{said}");
    assert_eq!(world.held.prepaid.grants[0].left_minor(), 3_000);
}

#[test]
fn money_that_comes_when_nothing_can_be_granted_is_the_customers_credit() {
    let mut world = World::new();
    world.give(top_up(5_000, Some(day(3))), day(1));
    let first = world.invoices[0].clone();
    world.give(paid(&first, day(3)), day(3));
    assert_eq!((world.held.credit_minor, world.held.prepaid.is_empty()), (5_000, true));
    world.give(top_up(1_000, None), day(4));
    let second = world.invoices[1].clone();
    world.give(cancel(), day(5));
    assert!(world.effects.contains(&Effect::Void(vec![second.id.clone()])));
    world.give(paid(&second, day(6)), day(6));
    assert_eq!(world.held.credit_minor, 6_000);
    assert_eq!(world.sum(EventType::PrepaidGranted), 0);
}

#[test]
fn an_unpaid_top_up_suspends_nothing_ends_nothing_and_is_no_debt() {
    let mut world = World::new();
    world.give(top_up(5_000, None), day(1));
    let (mut invoice, ladder) = (world.invoices[0].clone(), Ladder::standard());
    let since = day(1);
    for class in [DeclineClass::Soft, DeclineClass::Hard, DeclineClass::Unpaid] {
        for done in 0..5 {
            let climb = Climb { class, done, since };
            let mut standing = invoice.clone();
            standing.state = InvoiceState::Waiting { at: day(30), climb };
            let wake = InvoiceInput::Wake { method: Some(method()), wall: wall("2027-03-02T00:00:00Z") };
            let InvoiceOutcome::Applied { next, effects, .. } = collect(&standing, &ladder, wake, day(30)) else {
                panic!("nothing was applied")
            };
            let gives_up = effects == [InvoiceEffect::Subscription(Input::TopUpVoid { invoice: invoice.id.clone() })];
            assert!(gives_up || !effects.iter().any(|e| matches!(e, InvoiceEffect::Subscription(_))), "{effects:?}");
            assert_eq!(next.state == InvoiceState::Void, gives_up);
            assert!(!next.suspends && next.state != InvoiceState::Uncollectible);
        }
    }
    world.give(Input::TopUpVoid { invoice: invoice.id.clone() }, day(22));
    assert!(world.held.prepaid.is_empty());
    invoice.state = InvoiceState::Paid { at: day(2) };
    let refused = credit(&invoice, &CreditRequest::Whole, invoice.issued_at).expect_err("a top-up");
    assert_eq!(refused.field(), Some("invoice"));
}

#[test]
fn an_expiry_is_known_to_wake_at_and_comes_after_a_renewal_of_the_same_instant() {
    let mut world = World::new();
    let end = world.held.period.expect("a period").end;
    world.give(grant(900, Some(day(5))), day(1));
    assert_eq!(wake_at(&world.held), Some(day(5)));
    world.give(grant(500, Some(end)), day(2));
    world.use_calls(4, day(3));
    world.wake(day(5));
    // Four dollars are kept for the invoice, five are lost.
    assert_eq!((world.sum(EventType::PrepaidExpired), world.held.prepaid.held[0].most().minor), (500, 400));
    world.use_calls(3, day(6));
    assert_eq!(next_event(&world.held).map(|(at, kind)| (at, kind.to_string())), Some((end, "renewal".into())));
    world.wake(end);
    let draws = world.invoices[0].lines.iter().filter(|l| l.kind == LineKind::PrepaidUsed);
    assert_eq!(draws.map(|l| l.amount.minor).collect::<Vec<_>>(), [-400, -300]);
    assert_eq!((world.sum(EventType::PrepaidExpired), world.held.prepaid.is_empty()), (700, true));
}

#[test]
fn there_is_room_for_a_bounded_number_of_grants_and_waiting_top_ups() {
    let mut world = World::new();
    world.give(top_up(100, None), day(1));
    for _ in 1..GRANTS_MAX {
        world.give(grant(100, None), day(1));
    }
    for input in [grant(100, None), top_up(100, None)] {
        let refused = world.try_give(input, day(1)).expect_err("full");
        assert_eq!((refused.code(), refused.field()), ("invalid_field", Some("action")));
    }
    // The one that waits has its place.
    let invoice = world.invoices[0].clone();
    world.give(paid(&invoice, day(2)), day(2));
    assert_eq!(world.held.prepaid.grants.len(), GRANTS_MAX);
}

#[test]
fn an_expiry_is_still_to_come_and_at_most_3650_days_ahead() {
    let asked = |expiry: Instant| World::new().try_give(grant(100, Some(expiry)), day(1));
    let second = TimeDelta::seconds(1);
    for allowed in [day(1) + second, day(3_651)] {
        assert_eq!(asked(allowed).ok(), Some(true), "{allowed}");
    }
    for refused in [day(1), day(3_651) + second] {
        assert_eq!(asked(refused).expect_err("beyond").field(), Some("expires_at"), "{refused}");
    }
}

#[test]
fn what_comes_back_from_before_another_currency_is_credit_in_that_one() {
    let mut world = World::new();
    let euros = Money::new(700, Currency::try_new("EUR").expect("a currency"));
    let source = PrepaidSource { grant: "grant-2".into(), left: euros, expires_at: None, held: None };
    let back = |amount: Money| Input::PrepaidBack {
        invoice: InvoiceId::try_new("inv_ana-p1").expect("an id"),
        sources: vec![(source.clone(), amount)],
        at: day(1),
    };
    world.give(back(euros), day(1));
    assert_eq!((world.held.credits.clone(), world.held.prepaid.grants.len()), (vec![euros], 0));
    let (own, _) = crate::sample::give(&world.held, back(usd(300)), day(1));
    assert_eq!(own.prepaid.grants[0].left_minor(), 300);
    let told = transition_with(&world.held, 9, back(usd(300)), day(1), &world.days.stored().into());
    let Ok(Outcome::Applied { facts, .. }) = told else { unreachable!("it comes back") };
    let told: Vec<_> = facts.iter().map(|f| (f.event_type, f.amount_minor, f.reason.as_deref())).collect();
    assert_eq!(told, [(EventType::PrepaidUsed, -300, Some("withdrawn"))], "what was used is so much less");
    // What has expired by then is not there again.
    let until = |end: Instant| {
        let source = PrepaidSource { expires_at: Some(end), left: usd(300), ..source.clone() };
        let (invoice, sources) = (InvoiceId::try_new("inv_ana-p1").expect("an id"), vec![(source, usd(300))]);
        let input = Input::PrepaidBack { invoice, sources, at: day(1) };
        crate::sample::give(&world.held, input, day(1)).0.prepaid.grants.len()
    };
    assert_eq!([until(day(1)), until(day(2))], [0, 1]);
}

#[test]
fn at_the_end_what_was_bought_is_the_customers_credit_and_what_was_given_is_lost() {
    let mut world = World::new();
    world.give(grant(300, None), day(1));
    world.give(top_up(500, None), day(1));
    let invoice = world.invoices[0].clone();
    world.give(paid(&invoice, day(1)), day(1));
    world.give(cancel(), day(2));
    assert_eq!((world.held.credit_minor, world.sum(EventType::PrepaidExpired)), (500, 300));
}

#[test]
fn a_top_up_keeps_the_validity_that_it_was_sold_with() {
    let catalog: Catalog = serde_json::from_value(json!({"plans": [{"id": "api", "version": 1, "title": "API",
        "prepaid": {"valid_days": 30, "unused": "forfeit"},
        "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "20"}],
        "usage": [{"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "count"},
            "prepaid": true, "price": {"model": "per-seat", "unit_amount": "1"}}]}]}))
    .expect("a catalog");
    assert_eq!(catalog.problems(), []);
    let plan = &catalog.plans[0];
    let mut world = World::new();
    world.held.terms = Terms::try_new(plan, &Policy::standard(), &plan.prices[0], false, 1).expect("terms");
    world.give(top_up(5_000, None), day(1));
    let invoice = world.invoices[0].clone();
    assert_eq!(invoice.basis.top_up(), Some(&TopUp { amount: usd(5_000), expires_at: None, valid_days: Some(30) }));
    // The days count from the payment.
    world.give(paid(&invoice, day(4)), day(4));
    assert_eq!(world.held.prepaid.next_expiry(), Some(day(34)));
    world.give(cancel(), day(5));
    assert_eq!((world.held.credit_minor, world.sum(EventType::PrepaidExpired)), (0, 5_000));
}

#[derive(Clone, Debug)]
enum Op {
    Use(i64),
    Give(i64, Option<i64>),
    Buy(i64, Option<i64>),
}

/// Credit is in one currency: a contract that has some keeps its own, and one that will have another gets none.
#[test]
fn prepaid_credit_and_another_currency_keep_out_of_each_others_way() {
    let mut euros = terms();
    euros.price.currency = billing::money::Currency::try_new("EUR").unwrap();
    let to_euros = |held: &Subscription| Input::Change {
        terms: Box::new(euros.clone()),
        proration: held.proration,
        when: When::PeriodEnd,
    };
    let field = |refused: Result<bool, Refusal>| match refused {
        Err(Refusal::InvalidField { field, .. }) => field,
        other => unreachable!("{other:?}"),
    };
    let mut world = World::new();
    world.give(top_up(500, None), day(1));
    let change = to_euros(&world.held);
    assert_eq!(field(world.try_give(change.clone(), day(1))), "currency", "it waits for its money");
    let bought = paid(&world.invoices[0], day(2));
    world.give(bought, day(2));
    assert_eq!(field(world.try_give(change, day(2))), "currency", "it is left");
    let mut world = World::new();
    let change = to_euros(&world.held);
    world.give(change, day(1));
    assert_eq!(field(world.try_give(grant(500, None), day(2))), "currency");
    assert_eq!(field(world.try_give(top_up(500, None), day(2))), "currency");
}

/// What happens in eight weeks: at which minute, whether the worker has come by until then, and what.
fn ops() -> impl Strategy<Value = Vec<(i64, bool, Op)>> {
    let valid = || prop::option::of(1_i64..40_000);
    let op = prop_oneof![
        3 => (1_i64..40).prop_map(Op::Use),
        1 => (1_i64..4_000, valid()).prop_map(|(minor, valid)| Op::Give(minor, valid)),
        1 => (1_i64..4_000, valid()).prop_map(|(minor, valid)| Op::Buy(minor, valid)),
    ];
    prop::collection::vec((0_i64..80_000, any::<bool>(), op), 0..30)
}

proptest! {
    /// However credit comes and usage goes: every invoice holds (`World::check`), every sum holds after every decision
    /// (`World::check_sums`), and no grant pays more than it was.
    #[test]
    fn credit_is_never_used_twice_nor_after_its_expiry_nor_lost(mut ops in ops(), ends in any::<bool>()) {
        ops.sort_by_key(|(minute, ..)| *minute);
        let (mut world, mut granted) = (World::new(), BTreeMap::new());
        for (minute, worked, op) in ops {
            let now = start() + TimeDelta::minutes(minute);
            let until = |valid: Option<i64>| valid.map(|minutes| now + TimeDelta::minutes(minutes));
            if worked {
                world.wake(now);
            }
            match op {
                Op::Use(calls) => world.use_calls(calls, now),
                Op::Give(minor, valid) => {
                    if world.try_give(grant(minor, until(valid)), now).is_ok() {
                        granted.insert(format!("grant-{}", world.version), minor);
                    }
                }
                Op::Buy(minor, valid) => {
                    if world.try_give(top_up(minor, until(valid)), now).is_ok() {
                        let invoice = world.invoices.last().expect("an invoice").clone();
                        granted.insert(invoice.id.to_string(), minor);
                        world.give(paid(&invoice, now), now);
                    }
                }
            }
        }
        let last = start() + TimeDelta::minutes(80_000);
        if ends {
            world.give(cancel(), last);
            prop_assert!(world.held.prepaid.is_empty());
        }
        world.wake(last + TimeDelta::days(70));
        for (grant, drawn) in &world.drawn {
            prop_assert!(*drawn <= granted[grant], "{grant}: {drawn} of {}", granted[grant]);
        }
        prop_assert_eq!(world.drawn.values().sum::<i64>(), world.sum(EventType::PrepaidUsed));
    }
}
