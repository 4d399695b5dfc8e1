//! Refunds against a model gateway: whatever is lost, repeated, late or out of order, nothing goes back twice, no more than
//! came, and no money vanishes.

use std::collections::BTreeMap;

use billing::{
    calendar::{Instant, WallTime},
    dunning::Ladder,
    fact::{EventType, Happening},
    gateway::{Lookup, RefundOutcome},
    invoice::{
        Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, RefundClaim, RefundNews, RefundState, refund, transition,
        wake_at,
    },
    subscription::{Input, Subscription},
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::{
    adjusted::start,
    credit_notes::{gross, sold},
    refunds::{DECLARATION, REFUNDS, captured, write},
    sample::pick,
};

/// Wall seconds after which a request that has not arrived never will.
const ARRIVES_WITHIN: i64 = 900;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Support refunds so much of the first line, or all that is left.
    Decide { minor: Option<i64> },
    /// Both clocks go on.
    Pass { hours: i64, seconds: i64 },
    /// A worker looks after the invoice.
    Wake,
    /// A request under way arrives; the gateway decides so, unless it knows the key.
    Arrive { which: usize, decision: Decision },
    /// An answer (or webhook) arrives; it may stay to be delivered again.
    Hear { which: usize, again: bool },
    /// Somebody asks about a refund; what the gateway says is used later, or twice.
    Ask { which: usize, unavailable: bool },
    /// What the gateway said is applied.
    Use { which: usize, again: bool },
    /// The line breaks: a worker only knows that it does not know.
    Silence { which: usize },
    /// The bank takes what was pending, or returns what was pending or done; the gateway says so.
    Bank { which: usize, takes: bool },
}

#[derive(Clone, Copy, Debug)]
enum Decision {
    Done,
    Pending,
    Failed,
}

fn any_event() -> impl Strategy<Value = Event> {
    let decision = prop_oneof![5 => Just(Decision::Done), 2 => Just(Decision::Pending), 2 => Just(Decision::Failed)];
    let often = || proptest::bool::weighted(0.7);
    prop_oneof![
        3 => proptest::option::weighted(0.9, 1_i64..3_000).prop_map(|minor| Event::Decide { minor }),
        6 => (0_i64..48, 0_i64..4_000).prop_map(|(hours, seconds)| Event::Pass { hours, seconds }),
        8 => Just(Event::Wake),
        8 => (0_usize..4, decision).prop_map(|(which, decision)| Event::Arrive { which, decision }),
        6 => (0_usize..6, often()).prop_map(|(which, again)| Event::Hear { which, again }),
        4 => (0_usize..4, any::<bool>()).prop_map(|(which, unavailable)| Event::Ask { which, unavailable }),
        4 => (0_usize..6, often()).prop_map(|(which, again)| Event::Use { which, again }),
        3 => (0_usize..4).prop_map(|which| Event::Silence { which }),
        2 => (0_usize..4, any::<bool>()).prop_map(|(which, takes)| Event::Bank { which, takes }),
    ]
}

/// The world around one paid invoice.
struct World {
    held: Subscription,
    invoice: Invoice,
    now: Instant,
    wall: WallTime,
    under_way: Vec<(RefundClaim, WallTime)>,
    gateway: BTreeMap<String, (RefundClaim, RefundOutcome)>,
    answers: Vec<(String, RefundOutcome)>,
    lookups: Vec<RefundNews>,
    frozen: BTreeMap<String, (i64, String)>,
    /// Credit that was given, and the tax in it.
    credit: (i64, i64),
    /// What the facts say went back, and the tax in it.
    back: (i64, i64),
}

impl World {
    fn new(from_credit: i64) -> Self {
        let (held, mut invoice) = sold(2_800, 50, false);
        invoice.total.minor -= from_credit;
        Self {
            held,
            invoice: captured(invoice),
            now: start(),
            wall: WallTime(start()),
            under_way: Vec::new(),
            gateway: BTreeMap::new(),
            answers: Vec::new(),
            lookups: Vec::new(),
            frozen: BTreeMap::new(),
            credit: (0, 0),
            back: (0, 0),
        }
    }

    fn count(&mut self, facts: &[Happening]) {
        for fact in facts {
            let tax = fact.tax_minor.unwrap_or(0);
            let sum = match fact.event_type {
                EventType::Refund => &mut self.back,
                EventType::Credit => &mut self.credit,
                other => panic!("{other}"),
            };
            *sum = (sum.0 + fact.amount_minor + tax, sum.1 + tax);
        }
    }

    fn decide(&mut self, minor: Option<i64>) {
        let request = minor.map_or(billing::document::CreditRequest::Whole, |minor| gross(1, minor, &self.invoice));
        let Ok((next, basis)) = refund(&self.invoice, &self.invoice, &request, Some(REFUNDS), self.now) else { return };
        let (held, notes, facts) = write(&self.held, &self.invoice, basis);
        assert_eq!(notes[0].total.minor, 0);
        self.count(&facts);
        (self.held, self.invoice) = (held, next);
    }

    fn give(&mut self, input: InvoiceInput) {
        let outcome = transition(&self.invoice, &Ladder::standard(), input, self.now);
        let InvoiceOutcome::Applied { next, effects, facts } = outcome else { return };
        self.invoice = *next;
        self.count(&facts);
        for effect in effects {
            match effect {
                InvoiceEffect::Refund(claim) => {
                    let first = (claim.amount.minor, claim.payment.clone());
                    let frozen = self.frozen.entry(claim.key.clone()).or_insert_with(|| first.clone());
                    assert_eq!(*frozen, first, "{} is not frozen", claim.key);
                    self.under_way.push((claim, self.wall));
                }
                InvoiceEffect::Subscription(Input::Credit { amount, tax_minor, .. }) => {
                    self.credit = (self.credit.0 + amount.minor, self.credit.1 + tax_minor);
                }
                InvoiceEffect::Alarm(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn answer(&mut self, key: String, outcome: RefundOutcome) {
        self.give(InvoiceInput::Refund(RefundNews::Answered { key, outcome, wall: self.wall }));
    }

    fn arrive(&mut self, which: usize, decision: Decision) {
        let Some((claim, sent)) = pick(&mut self.under_way, which, false) else { return };
        if self.wall >= sent.plus_seconds(ARRIVES_WITHIN) {
            return;
        }
        let (reference, at) = (format!("re_{}", claim.key), self.now);
        let decided = match decision {
            Decision::Done => RefundOutcome::Succeeded { reference, at },
            Decision::Pending => RefundOutcome::Pending { reference },
            Decision::Failed => RefundOutcome::Failed { reference: None, code: "no".into(), at },
        };
        let entry = self.gateway.entry(claim.key.clone()).or_insert((claim.clone(), decided));
        self.answers.push((claim.key, entry.1.clone()));
    }

    fn bank(&mut self, which: usize, takes: bool) {
        let Some(key) = self.gateway.keys().nth(which).cloned() else { return };
        let at = self.now;
        let Some((_, outcome)) = self.gateway.get_mut(&key) else { return };
        *outcome = match (outcome.clone(), takes) {
            (RefundOutcome::Pending { reference }, true) => RefundOutcome::Succeeded { reference, at },
            (RefundOutcome::Pending { reference } | RefundOutcome::Succeeded { reference, .. }, false) => {
                RefundOutcome::Failed { reference: Some(reference), code: "returned".into(), at }
            }
            (settled, _) => settled,
        };
        self.answers.push((key, outcome.clone()));
    }

    fn ask(&mut self, which: usize, unavailable: bool) {
        let Some(refund) = self.invoice.refunds.get(which) else { return };
        let key = refund.claim.key.clone();
        let lookup = match self.gateway.get(&key) {
            _ if unavailable => Lookup::Unavailable,
            Some((_, outcome)) => Lookup::Found(outcome.clone()),
            None => Lookup::NotFound { authoritative: true },
        };
        self.lookups.push(RefundNews::Asked { key, lookup, declaration: DECLARATION, wall: self.wall });
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Decide { minor } => self.decide(minor),
            Event::Pass { hours, seconds } => {
                self.now += TimeDelta::hours(hours);
                self.wall = self.wall.plus_seconds(seconds);
            }
            Event::Wake => self.give(InvoiceInput::Wake { method: None, wall: self.wall }),
            Event::Arrive { which, decision } => self.arrive(which, decision),
            Event::Hear { which, again } => {
                if let Some((key, outcome)) = pick(&mut self.answers, which, again) {
                    self.answer(key, outcome);
                }
            }
            Event::Ask { which, unavailable } => self.ask(which, unavailable),
            Event::Use { which, again } => {
                if let Some(news) = pick(&mut self.lookups, which, again) {
                    self.give(InvoiceInput::Refund(news));
                }
            }
            Event::Silence { which } => {
                let Some(refund) = self.invoice.refunds.get(which) else { return };
                let key = refund.claim.key.clone();
                self.answer(key, RefundOutcome::Unknown { why: "no answer".into() });
            }
            Event::Bank { which, takes } => self.bank(which, takes),
        }
    }

    /// What the gateway sent back, or may still send back.
    fn gone(&self) -> i64 {
        let gone = |o: &RefundOutcome| matches!(o, RefundOutcome::Succeeded { .. } | RefundOutcome::Pending { .. });
        self.gateway.values().filter(|(_, o)| gone(o)).map(|(claim, _)| claim.amount.minor).sum()
    }

    /// Refunds that are decided and not settled: amount and tax.
    fn open(&self) -> (i64, i64) {
        let settled = |state: &RefundState| matches!(state, RefundState::Done { .. } | RefundState::Failed { .. });
        let open = self.invoice.refunds.iter().filter(|refund| !settled(&refund.state));
        open.fold((0, 0), |sum, refund| (sum.0 + refund.claim.amount.minor, sum.1 + refund.tax_minor))
    }

    /// Every cent of the notes went back, became credit, or is on its way; its tax with it.
    fn adds_up(&self) -> bool {
        let noted =
            self.invoice.credits.iter().fold((0, 0), |sum, note| (sum.0 + note.total.minor, sum.1 + note.tax.minor));
        let open = self.open();
        noted == (self.back.0 + self.credit.0 + open.0, self.back.1 + self.credit.1 + open.1)
    }
}

proptest! {
    #![proptest_config(crate::sample::cases(1_000))]

    #[test]
    fn nothing_goes_back_twice_and_no_money_vanishes(
        from_credit in 0_i64..4_000, events in proptest::collection::vec(any_event(), 1..100),
    ) {
        let mut world = World::new(from_credit);
        for event in events {
            world.step(&event);
            prop_assert!(world.gone() <= world.invoice.total.minor, "more went back than came");
            prop_assert!(world.adds_up(), "{:?} {:?} {:?}", world.credit, world.back, world.invoice);
        }
        // Everything that is still to be heard is heard: the books say what the gateway says.
        for (key, (_, outcome)) in world.gateway.clone() {
            world.answer(key, outcome);
        }
        let sent = |o: &RefundOutcome| matches!(o, RefundOutcome::Succeeded { .. });
        let sent: i64 = world.gateway.values().filter(|(_, o)| sent(o)).map(|(claim, _)| claim.amount.minor).sum();
        prop_assert_eq!(world.back.0, sent);
        prop_assert!(world.adds_up());
    }
}

proptest! {
    #![proptest_config(crate::sample::cases(100))]

    /// With a gateway that answers and banks that decide, every refund comes to an end, and nothing waits for nothing.
    #[test]
    fn every_refund_comes_to_an_end(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut world = World::new(0);
        for event in events {
            world.step(&event);
        }
        for round in 0..80 {
            world.step(&Event::Pass { hours: 24, seconds: 86_400 });
            world.step(&Event::Wake);
            world.step(&Event::Arrive { which: world.under_way.len().saturating_sub(1), decision: Decision::Done });
            world.lookups.clear();
            world.step(&Event::Bank { which: round % 10, takes: true });
            world.step(&Event::Ask { which: round % 10, unavailable: false });
            world.step(&Event::Use { which: 0, again: false });
        }
        prop_assert_eq!(world.open(), (0, 0), "{:?}", world.invoice.refunds);
        prop_assert_eq!(wake_at(&world.invoice), None);
    }
}
