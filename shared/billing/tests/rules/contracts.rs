//! What holds for a contract whatever is asked of it, in whatever order, however late the worker comes by.

use std::collections::BTreeSet;

use billing::{
    calendar::{Instant, Period, WallTime, alignment::AlignmentPolicy},
    catalog::VersionRef,
    check::{self, Finding, Moment, Records},
    fact::{EventType, Happening, stamp},
    ids::InvoiceId,
    invoice::{Basis, Invoice, Purpose},
    journal::JournalEntry,
    proration::{Destination, IntervalChange, Profile, ProrationPolicy},
    run_rate::mrr12,
    subscription::{
        Collection, Effect, Input, Known, MovedTerms, Outcome, State, Subscription, When, open, transition,
        transition_with, wake_at,
    },
    terms::Terms,
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::{
    money::any_policy,
    sample::{at, order, terms, usd},
};

/// What somebody does, after so many minutes.
#[derive(Clone, Debug)]
struct Step {
    minutes: i64,
    input: Input,
    /// Whether the worker comes by first.
    worker: bool,
}

fn any_when() -> impl Strategy<Value = When> {
    let date = |days| When::At(at("2027-01-31T17:30:00Z") + TimeDelta::hours(days));
    prop_oneof![3 => Just(When::Now), 3 => Just(When::PeriodEnd), 2 => (0_i64..24 * 300).prop_map(date)]
}

/// Policies that divide, and those that move or keep the cut.
fn any_cut() -> impl Strategy<Value = ProrationPolicy> {
    let extra = |policy| ProrationPolicy { destination: Destination::ExtraTime, ..policy };
    let keeps = |policy| ProrationPolicy { interval_change: IntervalChange::KeepAnchor, ..policy };
    prop_oneof![
        2 => any_policy(),
        1 => any_policy().prop_map(extra),
        1 => any_policy().prop_map(keeps),
        1 => Just(Profile::Samsung.policy()),
    ]
}

fn any_input() -> impl Strategy<Value = Input> {
    let invoice = || InvoiceId::try_new("inv_ana-p1").expect("an id");
    let plans = proptest::sample::select(vec![
        ("team", "month", "10"),
        ("team", "year", "100"),
        ("business", "month", "24.99"),
        ("weekly", "week", "3.333"),
        ("free", "month", "0"),
    ]);
    let change =
        (plans, 1_i64..4, any_cut(), any_when()).prop_map(|((plan, interval, price), seats, proration, when)| {
            Input::Change { terms: Box::new(terms(plan, interval, price, seats)), proration, when }
        });
    let pause = (any_when(), proptest::option::of(1_i64..90), any::<bool>()).prop_map(|(when, days, credit)| {
        Input::Pause { when, resume_at: days.map(|d| at("2027-06-01T00:00:00Z") + TimeDelta::days(d * 20)), credit }
    });
    prop_oneof![
        4 => Just(Input::Wake),
        4 => change,
        1 => any_cut().prop_map(|proration| {
            Input::Move { terms: Box::new(next_version(&terms("team", "month", "12", 1))), proration }
        }),
        2 => pause,
        2 => Just(Input::Resume),
        1 => any_when().prop_map(|when| Input::Cancel { when, reason: None, comment: None }),
        2 => Just(Input::Keep),
        2 => (any_alignment(), any_when()).prop_map(|(alignment, when)| {
            Input::Realign { alignment: alignment.unwrap_or_default(), when }
        }),
        1 => Just(Input::Suspend { invoice: invoice() }),
        1 => Just(Input::Restore { invoice: invoice() }),
        1 => Just(Input::Credit { amount: usd(500), tax_minor: 0, reason: "late", at: at("2027-06-01T00:00:00Z") }),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_i64..60 * 24 * 40, any_input(), any::<bool>());
    proptest::collection::vec(step.prop_map(|(minutes, input, worker)| Step { minutes, input, worker }), 1..25)
}

/// Alignments that fit months; what a change to weeks makes of them must hold, too.
fn any_alignment() -> impl Strategy<Value = Option<AlignmentPolicy>> {
    let alignments = [
        "{}",
        r#"{"to": {"calendar": {}}}"#,
        r#"{"to": {"calendar": {}}, "on_anchor": "instant", "time": "of-start"}"#,
        r#"{"to": {"day-of-month": {"day": 31}}, "first": "next"}"#,
        r#"{"to": {"month-day": {"month": 2, "day": 30}}}"#,
        r#"{"to": {"anchor": {"at": "2028-02-29T12:00:00Z"}}}"#,
    ];
    let read = |json: &str| serde_json::from_str(json).expect("an alignment");
    prop_oneof![Just(None), proptest::sample::select(alignments.map(read).to_vec()).prop_map(Some)]
}

fn any_zone() -> impl Strategy<Value = Tz> {
    proptest::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Pacific__Chatham])
}

/// Everything that a contract did so far.
#[derive(Default)]
struct Life {
    billed: Vec<Period>,
    invoices: BTreeSet<InvoiceId>,
    issued: Vec<Invoice>,
    journal: Vec<JournalEntry>,
    facts: Vec<Happening>,
    version: u64,
}

impl Life {
    fn take(&mut self, before: i64, outcome: Outcome) -> Option<Subscription> {
        let Outcome::Applied { next, effects, facts } = outcome else { return None };
        self.version += 1;
        for effect in effects {
            let Effect::Issue(new) = effect else { continue };
            let invoice = Invoice::issue(&next, *new).expect("an invoice");
            assert!(self.invoices.insert(invoice.id.clone()), "{} exists twice", invoice.id);
            self.bill(&invoice);
            self.issued.push(invoice);
        }
        let after = run_rate(&next);
        let told = facts.iter().rfind(|f| f.event_type.changes_run_rate()).map_or(before, |f| f.mrr12_minor);
        assert_eq!(told, after, "the facts tell another run-rate than the state has: {facts:#?}");
        self.journal.push(self.entry(&next, facts.clone()));
        self.facts.extend(facts);
        Some(*next)
    }

    fn entry(&self, held: &Subscription, facts: Vec<Happening>) -> JournalEntry {
        // Every decision has a wall time of its own, so that ids sort as decisions were made.
        let at = at("2027-01-01T00:00:00Z") + TimeDelta::seconds(i64::try_from(self.version).expect("few"));
        let facts = stamp(facts, held.id.as_str(), self.version, WallTime(at));
        let (version, rules, input) = (self.version, billing::RULES_VERSION, serde_json::Value::Null);
        JournalEntry { subscription: held.id.clone(), version, rules, at, input, facts }
    }

    /// What `perennial check` would say of it; nobody collects here, so nothing is late.
    fn check(&self, held: &Subscription) -> Vec<Finding> {
        let (subscriptions, invoices) = (vec![held], self.issued.iter().collect());
        let records = Records { subscriptions, invoices, journal: self.journal.iter().collect() };
        let now = at("2040-01-01T00:00:00Z");
        let moment = Moment { now, wall: WallTime(now), grace: TimeDelta::days(36_500) };
        check::customer(&records, &moment)
    }

    /// No gap and no overlap: a period starts where the one before ended, or where a change cut it, or after a pause.
    fn bill(&mut self, invoice: &Invoice) {
        let period = match invoice.basis.decision() {
            Basis::Period { period, .. } => *period,
            Basis::Change { next: Some(period), .. } => *period,
            _ => return,
        };
        assert!(period.start < period.end);
        if let Some(last) = self.billed.last() {
            assert!(period.ordinal > last.ordinal, "ordinals are never reused");
            let cut = invoice.purpose == Purpose::Change && (last.start..last.end).contains(&period.start);
            let rested = period.start > last.end && invoice.purpose == Purpose::Period;
            assert!(
                period.start == last.end || cut || rested,
                "{} .. {} does not follow {} .. {}",
                period.start,
                period.end,
                last.start,
                last.end
            );
        }
        self.billed.push(period);
    }

    /// Every gap between billed periods is a pause.
    fn gaps_are_pauses(&self) {
        for pair in self.billed.windows(2).filter(|p| p[1].start > p[0].end) {
            let at = |event| self.facts.iter().filter(move |f| f.event_type == event).map(|f| f.occurred_at);
            let paused = at(EventType::Pause).any(|p| p <= pair[0].end);
            // What was free before the pause and earns after it begins with a signup.
            let back = |event| at(event).any(|r| (r - pair[1].start).num_seconds() == 0);
            let resumed = back(EventType::Resume) || back(EventType::Signup);
            assert!(paused && resumed, "nothing was billed from {} to {}", pair[0].end, pair[1].start);
        }
    }
}

fn run_rate(subscription: &Subscription) -> i64 {
    match subscription.state {
        State::Active => mrr12(&subscription.terms).expect("a run-rate"),
        _ => 0,
    }
}

/// The next version of the terms.
fn next_version(terms: &Terms) -> Terms {
    let plan = VersionRef { version: terms.plan.version + 1, ..terms.plan.clone() };
    Terms { plan, ..terms.clone() }
}

/// What a shell reads for the input: what an announced move makes of it.
fn beside(input: &Input) -> Known {
    let Input::Change { terms, proration, .. } = input else { return Known::default() };
    let moved = MovedTerms { terms: next_version(terms), proration: *proration };
    Known { moved: Some(Box::new(moved)), ..Known::default() }
}

/// Applies all that is due; every wake that is due makes progress, and there is an end of it.
fn work(life: &mut Life, mut held: Subscription, now: Instant) -> Subscription {
    for _ in 0..400 {
        let due = wake_at(&held).is_some_and(|at| at <= now);
        let outcome = transition(&held, life.version + 1, Input::Wake, now).expect("a wake is never refused");
        match life.take(run_rate(&held), outcome) {
            Some(next) => {
                assert!(due, "it woke before its time");
                held = next;
            }
            None => {
                assert!(!due, "what is due makes no progress: {held:#?}");
                return held;
            }
        }
    }
    panic!("it never comes to rest: {held:#?}")
}

fn play(trial_days: u32, alignment: Option<AlignmentPolicy>, zone: Tz, steps: Vec<Step>) -> (Life, Subscription) {
    let mut now = at("2027-01-31T09:00:00Z");
    let mut order = order(terms("team", "month", "10", 1));
    (order.trial_days, order.alignment, order.zone) = (trial_days, alignment, zone);
    let mut life = Life::default();
    let mut held = life.take(0, open(order, now).expect("an order")).expect("a contract");
    for step in steps {
        now += TimeDelta::minutes(step.minutes);
        if step.worker {
            held = work(&mut life, held, now);
        }
        let known = beside(&step.input);
        if let Ok(outcome) = transition_with(&held, life.version + 1, step.input, now, &known) {
            held = life.take(run_rate(&held), outcome).unwrap_or(held);
        }
    }
    let held = work(&mut life, held, now + TimeDelta::days(70));
    (life, held)
}

proptest! {
    #![proptest_config(crate::sample::cases(512))]

    #[test]
    fn no_gap_no_overlap_and_facts_that_tell_the_run_rate(
        trial_days in prop_oneof![Just(0_u32), 1_u32..40], aligned in any_alignment(), zone in any_zone(), steps in any_steps(),
    ) {
        let (life, held) = play(trial_days, aligned, zone, steps);
        life.gaps_are_pauses();
        prop_assert_eq!(life.check(&held), []);
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(aligned in any_alignment(), zone in any_zone(), steps in any_steps()) {
        let bytes = |steps| {
            let (life, held) = play(14, aligned, zone, steps);
            serde_json::to_string(&(&life.facts, &held)).unwrap()
        };
        prop_assert_eq!(bytes(steps.clone()), bytes(steps));
    }

    /// What a command decides does not depend on how far behind the worker is.
    #[test]
    fn a_late_worker_changes_nothing_about_a_command(aligned in any_alignment(), zone in any_zone(), steps in any_steps(), input in any_input(), days in 0_i64..50) {
        prop_assume!(input.is_command());
        let (life, held) = play(0, aligned, zone, steps);
        let now = wake_at(&held).unwrap_or(at("2030-01-01T00:00:00Z")) + TimeDelta::days(days);
        let mut worker = Life { version: life.version, ..Life::default() };
        let first = work(&mut worker, held.clone(), now);
        let late = transition(&held, 99, input.clone(), now);
        let timely = transition(&first, 99, input, now);
        match (late, timely) {
            (Ok(late), Ok(Outcome::AlreadyApplied)) => {
                let next = Life::default().take(run_rate(&held), late).unwrap_or(held);
                prop_assert_eq!(next, first);
            }
            (Ok(Outcome::Applied { next: late, .. }), Ok(Outcome::Applied { next: timely, .. })) => prop_assert_eq!(late, timely),
            (late, timely) => prop_assert_eq!(late.map(|_| ()), timely.map(|_| ())),
        }
    }

    /// Queues deliver twice. Credit and money are recognised by the invoice, so they are not promised here.
    #[test]
    fn a_second_delivery_changes_nothing(aligned in any_alignment(), zone in any_zone(), steps in any_steps(), input in any_input()) {
        prop_assume!(!matches!(input, Input::Credit { .. } | Input::Wake));
        let (life, held) = play(0, aligned, zone, steps);
        let now = at("2032-01-01T00:00:00Z");
        let held = work(&mut Life { version: life.version, ..Life::default() }, held, now);
        if let Ok(Outcome::Applied { next, .. }) = transition(&held, 98, input.clone(), now) {
            let again = transition(&next, 99, input, now);
            prop_assert!(!matches!(again, Ok(Outcome::Applied { .. })), "{:#?}", again);
        }
    }
}

#[test]
fn what_is_free_has_no_signup_before_it_earns() {
    let mut life = Life::default();
    let now = at("2027-01-01T00:00:00Z");
    let mut free = order(terms("free", "month", "0", 1));
    free.collection = Collection::Automatic;
    let held = life.take(0, open(free, now).unwrap()).unwrap();
    assert_eq!((held.state.clone(), life.facts.len()), (State::Active, 0));
    let paid =
        Input::Change { terms: Box::new(terms("team", "month", "10", 1)), proration: held.proration, when: When::Now };
    life.take(0, transition(&held, 2, paid, now + TimeDelta::days(3)).unwrap()).unwrap();
    assert_eq!(
        life.facts.iter().map(|f| (f.event_type, f.mrr12_minor)).collect::<Vec<_>>(),
        [(EventType::Signup, 12_000)]
    );
}

#[test]
fn a_full_period_after_a_change_of_interval_is_rounded_as_every_full_period() {
    let now = at("2027-01-01T00:00:00Z");
    let mut held = crate::sample::active(terms("team", "month", "10", 1), now);
    held.proration.rounding = billing::money::Rounding::Down;
    let yearly = terms("team", "year", "99.999", 1);
    let change = Input::Change { terms: Box::new(yearly), proration: held.proration, when: When::Now };
    let (_, invoices) = crate::sample::give(&held, change, now);
    assert_eq!(invoices[0].lines[1].amount, usd(10_000));
}
