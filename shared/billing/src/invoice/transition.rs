//! The invoice's table: every state × every input.
//!
//! Exists so that the synchronous answer, the webhook, the look-up and the passed day all go through one function, and
//! any of them may come first, twice or never (DESIGN sections 3 and 5).

use crate::{
    calendar::{Instant, WallTime},
    dunning::{Ladder, RungAction},
    fact::{EventType, Happening},
    gateway::{ChargeOutcome, DeclineClass, GatewayDeclaration, Lookup},
    ids::{InvoiceId, SubscriptionId},
    money::Money,
    subscription::Input,
};

use super::{
    refund::{RefundClaim, RefundNews},
    state::{Attempt, Claim, Climb, Invoice, InvoiceState, Method},
};

/// Seconds a worker has between its claim and its answer; after them the attempt counts as unknown.
pub const CLAIM_SECONDS: i64 = 60;

/// When the gateway is asked about an unknown attempt: after 5 minutes, 1 hour, then daily.
pub const ASK_AFTER_SECONDS: [i64; 3] = [300, 3_600, 86_400];

/// After so many questions without an answer a person is told.
pub(super) const ASKS_BEFORE_ALARM: u8 = 7;

/// What may arrive.
#[derive(Clone, Debug)]
pub enum InvoiceInput {
    /// A worker looks after it: claim an attempt, climb a rung, or notice a passed deadline.
    Wake {
        /// The customer's method, if there is one.
        method: Option<Method>,
        /// Wall time.
        wall: WallTime,
    },
    /// News about the attempt with this key.
    Answered(Answer),
    /// The gateway was asked about the unknown attempt.
    Asked {
        /// About which attempt: an answer about an earlier one says nothing about the present one.
        key: String,
        /// What it said.
        lookup: Lookup,
        /// What it promises.
        declaration: GatewayDeclaration,
        /// Wall time.
        wall: WallTime,
    },
    /// Money arrived without an attempt of ours.
    Received {
        /// How much.
        amount: Money,
        /// The gateway's id of the payment.
        reference: String,
        /// The gateway's time.
        at: Instant,
    },
    /// News about a refund.
    Refund(RefundNews),
    /// The subscription expired before its first money, or ended for non-payment: nothing more is to be collected.
    Void,
    /// The merchant withdraws it, where it is owed and no attempt on it is under way.
    Withdraw {
        /// What credit is taken back with it, as [`Invoice::taken_back_minor`].
        taken_back_minor: i64,
    },
    /// The merchant gives it up, where it is owed and no attempt on it is under way. Its contract goes on.
    WriteOff,
    /// What gathers comes on this document.
    Grouped {
        /// Which.
        document: InvoiceId,
    },
    /// The document that it is on was settled, withdrawn or given up, and the invoice with it.
    Settled {
        /// Which.
        document: InvoiceId,
        /// What became of it.
        state: InvoiceState,
    },
}

/// News about one attempt.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The attempt's key.
    pub key: String,
    /// What is known.
    pub outcome: ChargeOutcome,
    /// Wall time.
    pub wall: WallTime,
}

/// What the shell must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvoiceEffect {
    /// Call the gateway with this claim, and bring the answer back as [`InvoiceInput::Answered`].
    Charge(Claim),
    /// Call the gateway for this refund, and bring the answer back as [`RefundNews::Answered`].
    Refund(RefundClaim),
    /// Give this input to the subscription, in the same commit; of a document: to that of its first item.
    Subscription(Input),
    /// Give this input to that subscription on the document, in the same commit.
    Contract(SubscriptionId, Input),
    /// Give this input to every subscription on the document, in the same commit.
    EverySubscription(Input),
    /// Tell every item of the document that this became of it, in the same commit.
    Items(InvoiceState),
    /// Tell a person.
    Alarm(String),
}

/// What a transition makes of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvoiceOutcome {
    /// Nothing new: a second delivery, or not yet due.
    AlreadyApplied,
    /// The next state.
    Applied {
        /// The invoice after.
        next: Box<Invoice>,
        /// What to do.
        effects: Vec<InvoiceEffect>,
        /// What happened.
        facts: Vec<Happening>,
    },
}

/// Decides. Same arguments, same answer, for ever.
#[must_use]
pub fn transition(invoice: &Invoice, ladder: &Ladder, input: InvoiceInput, now: Instant) -> InvoiceOutcome {
    let mut step = Next { invoice: invoice.clone(), effects: Vec::new(), facts: Vec::new() };
    let applied = match input {
        InvoiceInput::Wake { method, wall } => step.wake(ladder, method, wall, now),
        InvoiceInput::Answered(answer) => step.answered(ladder, answer, now),
        InvoiceInput::Asked { key, lookup, declaration, wall } => {
            step.asked(ladder, &key, lookup, declaration, wall, now)
        }
        InvoiceInput::Received { amount, reference, at } => step.received(amount, reference, at),
        InvoiceInput::Refund(news) => step.refund(news, now),
        InvoiceInput::Void => step.void(now),
        InvoiceInput::Withdraw { taken_back_minor } => step.withdraw_asked(taken_back_minor, now),
        InvoiceInput::WriteOff => step.write_off(now),
        InvoiceInput::Grouped { document } => step.grouped(document),
        InvoiceInput::Settled { document, state } => step.settled(&document, state),
    };
    if !applied {
        return InvoiceOutcome::AlreadyApplied;
    }
    if invoice.is_document() && invoice.is_open() && !step.invoice.is_open() {
        step.effects.push(InvoiceEffect::Items(step.invoice.state.clone()));
    }
    InvoiceOutcome::Applied { next: Box::new(step.invoice), effects: step.effects, facts: step.facts }
}

/// The outcome while it is being decided; every method says whether anything changed.
pub(super) struct Next {
    pub(super) invoice: Invoice,
    pub(super) effects: Vec<InvoiceEffect>,
    pub(super) facts: Vec<Happening>,
}

impl Next {
    fn wake(&mut self, ladder: &Ladder, method: Option<Method>, wall: WallTime, now: Instant) -> bool {
        match self.invoice.state.clone() {
            InvoiceState::Due { at } if at <= now => self.begin(ladder, method, None, at, wall, now),
            InvoiceState::Waiting { at, climb } if at <= now => {
                let action = ladder.step(climb.class, usize::from(climb.done), climb.since).action;
                match action {
                    RungAction::Retry => self.begin(ladder, method, Some(climb), at, wall, now),
                    _ => self.rung(ladder, action, &climb, at),
                }
            }
            InvoiceState::Collecting { claim, climb, .. } if claim.deadline <= wall => {
                self.invoice.state = InvoiceState::Unknown { claim, climb, asked: 0, ask_at: wall, action: None };
                true
            }
            InvoiceState::Paid { .. } => self.wake_refund(wall, now),
            _ => false,
        }
    }

    fn begin(
        &mut self,
        ladder: &Ladder,
        method: Option<Method>,
        climb: Option<Climb>,
        since: Instant,
        wall: WallTime,
        now: Instant,
    ) -> bool {
        let frozen = self.invoice.resend.take();
        let Some(method) = frozen.as_ref().map(|sent| sent.method.clone()).or(method) else {
            self.note(EventType::Notice, now, "method_missing");
            self.fail(ladder, climb, DeclineClass::Hard, now);
            return true;
        };
        let mut claim = claim(&self.invoice, method, wall, now);
        claim.sent_at = frozen.map_or(wall, |sent| sent.sent_at);
        self.invoice.state = InvoiceState::Collecting { claim: claim.clone(), climb, since };
        self.effects.push(InvoiceEffect::Charge(claim));
        true
    }

    fn rung(&mut self, ladder: &Ladder, action: RungAction, climb: &Climb, at: Instant) -> bool {
        let top_up = self.invoice.basis.top_up().is_some();
        match action {
            // Nothing was sold yet: access to the rest does not depend on it.
            RungAction::Suspend if top_up => {}
            RungAction::Suspend => {
                self.invoice.suspends = true;
                self.tell(Input::Suspend { invoice: self.invoice.id.clone() });
            }
            RungAction::End => return self.end(at),
            RungAction::Notify | RungAction::Retry => self.note(EventType::Notice, at, "payment_overdue"),
        }
        self.advance(ladder, Climb { done: climb.done.saturating_add(1), ..climb.clone() }, at);
        true
    }

    fn end(&mut self, at: Instant) -> bool {
        if self.invoice.basis.top_up().is_some() {
            // Nothing is owed for what was not sold.
            let invoice = self.invoice.id.clone();
            self.effects.push(InvoiceEffect::Subscription(Input::TopUpVoid { invoice }));
            return self.hold(InvoiceState::Void);
        }
        self.invoice.state = InvoiceState::Uncollectible;
        let owed = self.invoice.payable();
        self.fact(EventType::WrittenOff, at, owed, |_, _| {});
        self.tell(Input::EndForNonPayment { invoice: self.invoice.id.clone(), at });
        true
    }

    /// Tells every contract that the invoice is for.
    pub(super) fn tell(&mut self, input: Input) {
        let every = self.invoice.is_document();
        self.effects.push(if every {
            InvoiceEffect::EverySubscription(input)
        } else {
            InvoiceEffect::Subscription(input)
        });
    }

    /// Waits for the rung of `climb`. A rung never takes effect before what led to it (`earliest`): a decline into
    /// another class may find rungs of that class in the past.
    fn advance(&mut self, ladder: &Ladder, climb: Climb, earliest: Instant) {
        let at = ladder.step(climb.class, usize::from(climb.done), climb.since).at.max(earliest);
        self.invoice.state = InvoiceState::Waiting { at, climb };
    }

    /// The attempt under way failed for good (or could not be begun): where on the ladder does it go on?
    fn fail(&mut self, ladder: &Ladder, climb: Option<Climb>, class: DeclineClass, now: Instant) {
        if self.invoice.purpose.opens() || self.invoice.withdrawn {
            self.withdraw(now);
            return;
        }
        let since = climb.as_ref().map_or(now, |c| c.since);
        let done = match climb {
            Some(c) if c.class == class => c.done.saturating_add(1),
            Some(_) => u8::try_from(ladder.passed(class, since, now)).unwrap_or(u8::MAX),
            None => 0,
        };
        self.advance(ladder, Climb { class, done, since }, now);
    }

    fn answered(&mut self, ladder: &Ladder, answer: Answer, now: Instant) -> bool {
        let (claim, climb) = match self.invoice.state.clone() {
            InvoiceState::Collecting { claim, climb, .. } | InvoiceState::Unknown { claim, climb, .. }
                if claim.key == answer.key =>
            {
                (claim, climb)
            }
            _ => return self.stray(&answer),
        };
        match answer.outcome {
            ChargeOutcome::Succeeded { reference, at } => self.captured(&claim, reference, at),
            ChargeOutcome::Declined { reference, code, class, at } => {
                let (attempt, amount) = (claim.attempt, self.other_amount(&claim));
                let attempt = Attempt { attempt, at, code: Some(code.clone()), reference, amount, paid_by: None };
                self.invoice.attempts.push(attempt);
                self.attempt_fact(|_| EventType::PaymentFailed, &claim, at, Some(&code));
                self.fail(ladder, climb, class, now);
                true
            }
            ChargeOutcome::ActionRequired { action, .. } => {
                let ask_at = answer.wall.plus_seconds(ASK_AFTER_SECONDS[0]);
                self.hold(InvoiceState::Unknown { claim, climb, asked: 0, ask_at, action: Some(action) })
            }
            ChargeOutcome::Unknown { .. } if matches!(self.invoice.state, InvoiceState::Unknown { .. }) => false,
            ChargeOutcome::Unknown { .. } => {
                let ask_at = answer.wall.plus_seconds(ASK_AFTER_SECONDS[0]);
                self.hold(InvoiceState::Unknown { claim, climb, asked: 0, ask_at, action: None })
            }
        }
    }

    fn hold(&mut self, state: InvoiceState) -> bool {
        let same_action = matches!((&self.invoice.state, &state),
            (InvoiceState::Unknown { action: Some(a), .. }, InvoiceState::Unknown { action: Some(b), .. }) if a == b);
        if same_action {
            return false;
        }
        self.invoice.state = state;
        true
    }

    fn asked(
        &mut self,
        ladder: &Ladder,
        key: &str,
        lookup: Lookup,
        declaration: GatewayDeclaration,
        wall: WallTime,
        now: Instant,
    ) -> bool {
        let InvoiceState::Unknown { claim, climb, asked, ask_at, action } = self.invoice.state.clone() else {
            return false;
        };
        if ask_at > wall || claim.key != key {
            return false;
        }
        // Counted from the last send, which the deadline tells; `sent_at` is the first one.
        let since_last_send = declaration.not_found_authoritative_after_seconds - CLAIM_SECONDS;
        let settled = wall >= claim.deadline.plus_seconds(since_last_send);
        match lookup {
            Lookup::Found(outcome @ (ChargeOutcome::Succeeded { .. } | ChargeOutcome::Declined { .. })) => {
                self.answered(ladder, Answer { key: claim.key, outcome, wall }, now)
            }
            Lookup::NotFound { authoritative: true } if settled => {
                // The same attempt goes again, under the same number and key: nothing was definitively declined.
                if self.invoice.withdrawn {
                    self.withdraw(now);
                    return true;
                }
                self.invoice.state = match climb {
                    Some(climb) => InvoiceState::Waiting { at: now, climb },
                    None => InvoiceState::Due { at: now },
                };
                self.invoice.resend = Some(Box::new(claim));
                true
            }
            _ => {
                let asked = asked.saturating_add(1);
                let wait = ASK_AFTER_SECONDS[usize::from(asked).min(ASK_AFTER_SECONDS.len() - 1)];
                if asked == ASKS_BEFORE_ALARM {
                    let text = format!("payment {} is unknown after {asked} questions: ask the gateway", claim.key);
                    self.effects.push(InvoiceEffect::Alarm(text));
                }
                let ask_at = wall.plus_seconds(wait);
                self.invoice.state = InvoiceState::Unknown { claim, climb, asked, ask_at, action };
                true
            }
        }
    }

    fn void(&mut self, now: Instant) -> bool {
        match self.invoice.state {
            InvoiceState::Due { .. } | InvoiceState::Waiting { .. } | InvoiceState::Gathering { .. } => {
                self.withdraw(now);
                true
            }
            // Its money may be on the way, and the answer decides; but nothing is tried after that.
            InvoiceState::Collecting { .. } | InvoiceState::Unknown { .. } => {
                !std::mem::replace(&mut self.invoice.withdrawn, true)
            }
            // What is on a document is owed as that stands.
            InvoiceState::Grouped | InvoiceState::Paid { .. } | InvoiceState::Void | InvoiceState::Uncollectible => {
                false
            }
        }
    }

    fn grouped(&mut self, document: InvoiceId) -> bool {
        let gathers = matches!(self.invoice.state, InvoiceState::Gathering { .. });
        if gathers {
            self.invoice.state = InvoiceState::Grouped;
            self.invoice.document = Some(document);
        }
        gathers
    }

    fn settled(&mut self, document: &InvoiceId, state: InvoiceState) -> bool {
        let is_on = self.invoice.state == InvoiceState::Grouped && self.invoice.document.as_ref() == Some(document);
        if is_on {
            self.invoice.state = state;
        }
        is_on
    }
}

/// The next attempt of an invoice: number, key, amount and method, frozen.
fn claim(invoice: &Invoice, method: Method, wall: WallTime, now: Instant) -> Claim {
    let attempt = invoice.next_attempt();
    Claim {
        attempt,
        key: key(&invoice.id, attempt),
        amount: invoice.payable(),
        method,
        at: now,
        sent_at: wall,
        deadline: wall.plus_seconds(CLAIM_SECONDS),
    }
}

/// The gateway's idempotency key of an attempt.
#[must_use]
pub fn key(invoice: &InvoiceId, attempt: u8) -> String {
    format!("{invoice}:{attempt}")
}

/// The invoice that a key belongs to, and the attempt.
#[must_use]
pub fn parse_key(key: &str) -> Option<(InvoiceId, u8)> {
    let (invoice, attempt) = key.rsplit_once(':')?;
    Some((InvoiceId::try_new(invoice).ok()?, attempt.parse().ok()?))
}
