//! The charge protocol against a model gateway: whatever is lost, repeated, late or out of order, nobody pays twice and no
//! money vanishes.

use std::collections::BTreeMap;

use billing::{
    calendar::{Instant, WallTime},
    dunning::Ladder,
    gateway::{ChargeOutcome, DeclineClass, GatewayDeclaration, Lookup},
    invoice::{
        Answer, Claim, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, Method, Purpose, credit,
        parse_key, transition,
    },
    subscription::{Effect, Input, Outcome, open},
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::credit_notes::gross;
use crate::sample::{at, method, order, pick, terms, usd, wall};

/// Wall seconds after which a request that has not arrived never will; the model's `NotFound` is authoritative then.
const ARRIVES_WITHIN: i64 = 900;

const DECLARATION: GatewayDeclaration = GatewayDeclaration {
    name: "model",
    key_lifetime_seconds: 86_400,
    not_found_authoritative_after_seconds: ARRIVES_WITHIN,
    refunds: None,
};

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Both clocks go on, business time by hours and wall time by seconds.
    Pass { hours: i64, seconds: i64 },
    /// A worker looks after the invoice; the customer's card is the one with this number by now.
    Wake { card: u8 },
    /// A request under way arrives; the gateway decides so, unless it knows the key.
    Arrive { which: usize, decision: Decision },
    /// An answer (or webhook) arrives; it may stay to be delivered again.
    Hear { which: usize, again: bool },
    /// Somebody asks the gateway; what it says may be used later, or twice.
    Ask { unavailable: bool },
    /// What the gateway said is applied.
    Use { which: usize, again: bool },
    /// The line breaks: the worker only knows that it does not know.
    Silence,
    /// A transfer arrives, so many tenths of the total.
    Transfer { tenths: i64, again: bool },
    /// The contract expired or ended.
    Void,
    /// The merchant credits so many tenths of what it came to.
    Note { tenths: i64 },
    /// The merchant withdraws it.
    Withdraw,
    /// The merchant gives it up.
    WriteOff,
}

#[derive(Clone, Copy, Debug)]
enum Decision {
    Capture,
    Soft,
    Hard,
    Action,
}

/// Soft declines and repeated answers are frequent: they are what takes an invoice far enough to go wrong.
fn any_event() -> impl Strategy<Value = Event> {
    let decision = prop_oneof![
        2 => Just(Decision::Capture), 5 => Just(Decision::Soft), 1 => Just(Decision::Hard), 1 => Just(Decision::Action)
    ];
    let hours = proptest::sample::select(vec![0_i64, 0, 1, 72, 120, 170]);
    let often = || proptest::bool::weighted(0.7);
    prop_oneof![
        6 => (hours, 0_i64..2_000).prop_map(|(hours, seconds)| Event::Pass { hours, seconds }),
        8 => (0_u8..3).prop_map(|card| Event::Wake { card }),
        8 => (0_usize..4, decision).prop_map(|(which, decision)| Event::Arrive { which, decision }),
        8 => (0_usize..6, often()).prop_map(|(which, again)| Event::Hear { which, again }),
        3 => any::<bool>().prop_map(|unavailable| Event::Ask { unavailable }),
        3 => (0_usize..6, often()).prop_map(|(which, again)| Event::Use { which, again }),
        3 => Just(Event::Silence),
        1 => (1_i64..12, any::<bool>()).prop_map(|(tenths, again)| Event::Transfer { tenths, again }),
        1 => Just(Event::Void),
        2 => (1_i64..8).prop_map(|tenths| Event::Note { tenths }),
        1 => Just(Event::Withdraw),
        1 => Just(Event::WriteOff),
    ]
}

/// The world around one invoice.
struct World {
    invoice: Invoice,
    now: Instant,
    wall: WallTime,
    under_way: Vec<(Claim, WallTime)>,
    gateway: BTreeMap<String, ChargeOutcome>,
    answers: Vec<Answer>,
    lookups: Vec<InvoiceInput>,
    frozen: BTreeMap<String, (i64, Method)>,
    transfers: i64,
    credit: i64,
    paid: bool,
}

impl World {
    fn new(purpose: Purpose) -> Self {
        let now = at("2027-02-01T00:00:00Z");
        let mut order = order(terms("team", "month", "10", 3));
        order.collection = billing::subscription::Collection::Automatic;
        let Ok(Outcome::Applied { next, effects, .. }) = open(order, now) else { panic!("no contract") };
        let Some(Effect::Issue(mut new)) = effects.into_iter().next() else { panic!("no invoice") };
        new.purpose = purpose;
        Self {
            invoice: Invoice::issue(&next, *new).expect("an invoice"),
            now,
            wall: WallTime(now),
            under_way: Vec::new(),
            gateway: BTreeMap::new(),
            answers: Vec::new(),
            lookups: Vec::new(),
            frozen: BTreeMap::new(),
            transfers: 0,
            credit: 0,
            paid: false,
        }
    }

    fn give(&mut self, input: InvoiceInput) {
        let outcome = transition(&self.invoice, &Ladder::standard(), input, self.now);
        let InvoiceOutcome::Applied { next, effects, .. } = outcome else { return };
        self.invoice = *next;
        for effect in effects {
            match effect {
                InvoiceEffect::Charge(claim) => self.send(claim),
                InvoiceEffect::Subscription(Input::Credit { amount, .. }) => self.credit += amount.minor,
                InvoiceEffect::Subscription(_)
                | InvoiceEffect::EverySubscription(_)
                | InvoiceEffect::Contract(..)
                | InvoiceEffect::Items(_)
                | InvoiceEffect::Refund(_)
                | InvoiceEffect::Alarm(_) => {}
            }
        }
        let is_paid = matches!(self.invoice.state, InvoiceState::Paid { .. });
        assert!(is_paid || !self.paid, "paid, and then {}", self.invoice.state.name());
        self.paid = is_paid;
    }

    fn send(&mut self, claim: Claim) {
        for earlier in 1..claim.attempt {
            let truth = self.gateway.get(&billing::invoice::key(&self.invoice.id, earlier));
            let declined = matches!(truth, Some(ChargeOutcome::Declined { .. }));
            assert!(declined, "attempt {} while {earlier} is {truth:?} at the gateway", claim.attempt);
        }
        let (amount, method) =
            self.frozen.entry(claim.key.clone()).or_insert((claim.amount.minor, claim.method.clone()));
        assert_eq!((*amount, &*method), (claim.amount.minor, &claim.method), "{} is not frozen", claim.key);
        self.under_way.push((claim, self.wall));
    }

    fn arrive(&mut self, which: usize, decision: Decision) {
        let Some((claim, sent)) = pick(&mut self.under_way, which, false) else { return };
        if self.wall >= sent.plus_seconds(ARRIVES_WITHIN) {
            return;
        }
        let (reference, at) = (format!("ch_{}", claim.key), self.now);
        let decided = || match decision {
            Decision::Capture => ChargeOutcome::Succeeded { reference: reference.clone(), at },
            Decision::Action => ChargeOutcome::ActionRequired { reference: reference.clone(), action: "url".into() },
            Decision::Soft | Decision::Hard => ChargeOutcome::Declined {
                reference: None,
                code: "no".into(),
                class: if matches!(decision, Decision::Soft) { DeclineClass::Soft } else { DeclineClass::Hard },
                at,
            },
        };
        let outcome = self.gateway.entry(claim.key.clone()).or_insert_with(decided).clone();
        self.answers.push(Answer { key: claim.key, outcome, wall: self.wall });
    }

    fn ask(&mut self, unavailable: bool) {
        let InvoiceState::Unknown { claim, .. } = &self.invoice.state else { return };
        let key = claim.key.clone();
        let lookup = match self.gateway.get(&key) {
            _ if unavailable => Lookup::Unavailable,
            Some(outcome) => Lookup::Found(outcome.clone()),
            None => Lookup::NotFound { authoritative: true },
        };
        self.lookups.push(InvoiceInput::Asked { key, lookup, declaration: DECLARATION, wall: self.wall });
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Pass { hours, seconds } => {
                self.now += TimeDelta::hours(hours);
                self.wall = self.wall.plus_seconds(seconds);
            }
            Event::Wake { card } => {
                let method = Method { token: format!("pm_{card}"), ..method() };
                self.give(InvoiceInput::Wake { method: Some(method), wall: self.wall });
            }
            Event::Arrive { which, decision } => self.arrive(which, decision),
            Event::Hear { which, again } => {
                if let Some(answer) = pick(&mut self.answers, which, again) {
                    self.give(InvoiceInput::Answered(answer));
                }
            }
            Event::Ask { unavailable } => self.ask(unavailable),
            Event::Use { which, again } => {
                if let Some(lookup) = pick(&mut self.lookups, which, again) {
                    self.give(lookup);
                }
            }
            Event::Silence => {
                let InvoiceState::Collecting { claim, .. } = &self.invoice.state else { return };
                let outcome = ChargeOutcome::Unknown { why: "no answer".into() };
                self.give(InvoiceInput::Answered(Answer { key: claim.key.clone(), outcome, wall: self.wall }));
            }
            Event::Transfer { tenths, again } => self.transfer(tenths, again),
            Event::Void => self.give(InvoiceInput::Void),
            Event::Note { tenths } => self.note(tenths),
            Event::Withdraw => self.give(InvoiceInput::Withdraw { taken_back_minor: 0 }),
            Event::WriteOff => self.give(InvoiceInput::WriteOff),
        }
    }

    /// A note before the money is there; one after it gives back what came, which is another story.
    fn note(&mut self, tenths: i64) {
        let request = gross(1, self.invoice.total.minor * tenths / 10, &self.invoice);
        let Ok((next, _)) = credit(&self.invoice, &request, self.now) else { return };
        if !self.paid {
            assert!(!self.invoice.is_being_collected(), "noted while an attempt is under way");
            self.paid = matches!(next.state, InvoiceState::Paid { .. });
            self.invoice = next;
        }
    }

    fn transfer(&mut self, tenths: i64, again: bool) {
        let amount = usd(self.invoice.total.minor * tenths / 10);
        let reference = format!("bank-{}", self.transfers);
        self.transfers += amount.minor;
        let received = || InvoiceInput::Received { amount, reference: reference.clone(), at: self.now };
        let (once, twice) = (received(), received());
        self.give(once);
        if again {
            self.give(twice);
        }
    }

    /// Everything that is still to be heard is heard, and the gateway's webhooks arrive once more.
    fn come_to_rest(&mut self) {
        for (key, outcome) in self.gateway.clone() {
            self.give(InvoiceInput::Answered(Answer { key, outcome, wall: self.wall }));
        }
    }

    fn captures(&self) -> Vec<&String> {
        let captured = |o: &ChargeOutcome| matches!(o, ChargeOutcome::Succeeded { .. });
        self.gateway.iter().filter(|(_, o)| captured(o)).map(|(key, _)| key).collect()
    }
}

proptest! {
    #![proptest_config(crate::sample::cases(2_000))]

    #[test]
    fn nobody_pays_twice_and_no_money_vanishes(
        purpose in proptest::sample::select(vec![Purpose::Opening, Purpose::Trial, Purpose::Period, Purpose::Change]),
        events in proptest::collection::vec(any_event(), 1..120),
    ) {
        let mut world = World::new(purpose);
        for event in events {
            world.step(&event);
            prop_assert!(world.captures().len() <= 1, "captured twice: {:?}", world.captures());
        }
        world.come_to_rest();
        let captured: i64 = world.captures().into_iter().map(|key| world.frozen[key].0).sum();
        let received = world.transfers + captured;
        let settled = if world.paid { world.invoice.payable().minor } else { 0 };
        prop_assert_eq!(received, settled + world.credit, "received, against what was settled and credited");
    }

}

proptest! {
    #![proptest_config(crate::sample::cases(100))]

    /// Without new declines and with a gateway that answers, every invoice comes to an end: nothing waits for nothing.
    #[test]
    fn every_invoice_comes_to_an_end(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut world = World::new(Purpose::Period);
        for event in events {
            world.step(&event);
        }
        for _ in 0..400 {
            world.step(&Event::Pass { hours: 24, seconds: 86_400 });
            world.step(&Event::Wake { card: 0 });
            world.step(&Event::Arrive { which: world.under_way.len().saturating_sub(1), decision: Decision::Capture });
            world.lookups.clear();
            world.step(&Event::Ask { unavailable: false });
            world.step(&Event::Use { which: 0, again: false });
            // A customer who never authenticates: the gateway gives up some day.
            for outcome in world.gateway.values_mut().filter(|o| matches!(o, ChargeOutcome::ActionRequired { .. })) {
                *outcome = ChargeOutcome::Declined { reference: None, code: "gone".into(), class: DeclineClass::Hard, at: world.now };
            }
        }
        prop_assert!(!world.invoice.is_open(), "{:?}", world.invoice.state);
    }
}

fn unknown(world: &mut World) {
    world.step(&Event::Wake { card: 0 });
    world.step(&Event::Silence);
    assert_eq!(world.invoice.state.name(), "pending");
}

#[test]
fn what_was_withdrawn_while_an_attempt_was_under_way_is_not_tried_again() {
    for purpose in [Purpose::Opening, Purpose::Trial, Purpose::Period] {
        let mut world = World::new(purpose);
        unknown(&mut world);
        world.step(&Event::Void);
        world.step(&Event::Pass { hours: 0, seconds: 1_000 });
        world.step(&Event::Ask { unavailable: false });
        world.step(&Event::Use { which: 0, again: false });
        assert_eq!(world.invoice.state, InvoiceState::Void);
    }
}

/// The gateway declines the attempt under way, and says so.
fn decline(world: &mut World, class: DeclineClass) -> Answer {
    let (InvoiceState::Collecting { claim, .. } | InvoiceState::Unknown { claim, .. }) = &world.invoice.state else {
        panic!("no attempt is under way: {:?}", world.invoice.state)
    };
    let outcome = ChargeOutcome::Declined { reference: None, code: "no".into(), class, at: world.now };
    let answer = Answer { key: claim.key.clone(), outcome, wall: world.wall };
    world.gateway.insert(answer.key.clone(), answer.outcome.clone());
    world.give(InvoiceInput::Answered(answer.clone()));
    answer
}

#[test]
fn news_of_an_earlier_attempt_say_nothing_about_the_present_one() {
    let mut world = World::new(Purpose::Period);
    unknown(&mut world);
    let answer = decline(&mut world, DeclineClass::Soft);
    world.step(&Event::Pass { hours: 72, seconds: 0 });
    unknown(&mut world);
    // The queue brings the first answer again.
    world.give(InvoiceInput::Answered(answer.clone()));
    assert_eq!((world.invoice.state.name(), world.invoice.attempts.len()), ("pending", 1));
    let Answer { key, outcome, .. } = answer;
    // The clock of the host that asked runs ahead by a quarter of an hour.
    let wall = world.wall.plus_seconds(900);
    world.give(InvoiceInput::Asked { key, lookup: Lookup::Found(outcome), declaration: DECLARATION, wall });
    assert_eq!(world.invoice.state.name(), "pending");
    assert_eq!(world.invoice.attempts.len(), 1);
}

#[test]
fn a_payment_is_taken_once_and_only_by_its_invoice() {
    let mut world = World::new(Purpose::Period);
    unknown(&mut world);
    let InvoiceState::Unknown { claim, .. } = world.invoice.state.clone() else { unreachable!("it is pending") };
    let answer = |key: &str, reference: &str| {
        let outcome = ChargeOutcome::Succeeded { reference: reference.into(), at: at("2027-02-01T00:01:00Z") };
        InvoiceInput::Answered(Answer { key: key.into(), outcome, wall: wall("2027-02-01T00:01:00Z") })
    };
    world.give(answer("inv_other-p1:1", "ch_other"));
    assert_eq!((world.invoice.state.name(), world.credit), ("pending", 0));
    world.give(answer(&claim.key, "ch_1"));
    // The webhook about what was answered, under the key of an attempt that is over; and somebody else's again.
    world.give(answer(&format!("{}:9", world.invoice.id), "ch_1"));
    world.give(answer("inv_other-p1:1", "ch_other"));
    assert_eq!((world.invoice.state.name(), world.invoice.attempts.len(), world.credit), ("paid", 1, 0));
    // Money of an attempt that nobody waits for any more is the customer's.
    world.give(answer(&format!("{}:9", world.invoice.id), "ch_2"));
    assert_eq!(world.credit, claim.amount.minor);
}

#[test]
fn a_payment_that_is_not_there_yet_is_not_taken_for_one_that_never_came() {
    let mut world = World::new(Purpose::Period);
    unknown(&mut world);
    for (seconds, state) in [(400, "pending"), (4_000, "due")] {
        world.step(&Event::Pass { hours: 0, seconds });
        world.step(&Event::Ask { unavailable: false });
        world.step(&Event::Use { which: 0, again: false });
        assert_eq!(world.invoice.state.name(), state, "{seconds}");
    }
}

#[test]
fn a_hard_decline_is_not_treated_more_mildly_than_the_soft_ones_before_it() {
    let mut world = World::new(Purpose::Period);
    let first = world.now;
    for (days, class) in [(0, DeclineClass::Soft), (3, DeclineClass::Soft), (8, DeclineClass::Hard)] {
        world.now = first + TimeDelta::days(days);
        world.step(&Event::Wake { card: 0 });
        decline(&mut world, class);
    }
    // Hard declines suspend after 7 days: that is over, so it happens now, and not before the decline that led to it.
    let InvoiceState::Waiting { at, .. } = &world.invoice.state else { panic!("{:?}", world.invoice.state) };
    assert_eq!(*at, world.now);
    world.step(&Event::Wake { card: 0 });
    assert!(world.invoice.suspends);
}

#[test]
fn a_transfer_opens_a_contract_as_a_card_does() {
    let world = World::new(Purpose::Opening);
    let input = InvoiceInput::Received { amount: world.invoice.total, reference: "bank".into(), at: world.now };
    let outcome = transition(&world.invoice, &Ladder::standard(), input, world.now);
    let InvoiceOutcome::Applied { effects, .. } = outcome else { panic!("nothing was applied") };
    assert!(
        matches!(effects[..], [InvoiceEffect::Subscription(Input::OpeningPaid { claim: None, .. })]),
        "{effects:?}"
    );
}

#[test]
fn a_key_names_its_invoice_and_its_attempt() {
    let world = World::new(Purpose::Period);
    let key = billing::invoice::key(&world.invoice.id, 12);
    assert_eq!(parse_key(&key), Some((world.invoice.id, 12)));
    assert_eq!(parse_key("inv_ana-p1"), None);
}
