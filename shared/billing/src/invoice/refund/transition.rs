//! The refund's part of the invoice's table: every state of a refund × every input.
//!
//! Exists so that the synchronous answer, the webhook, the look-up and the passed deadline go through one function, as they
//! do for attempts; any of them may come first, twice or never.

use super::{Refund, RefundState};
use crate::{
    calendar::{Instant, WallTime},
    fact::EventType,
    gateway::{GatewayDeclaration, Lookup, RefundOutcome},
    invoice::transition::{ASK_AFTER_SECONDS, ASKS_BEFORE_ALARM, CLAIM_SECONDS, InvoiceEffect, Next},
    subscription::Input,
};

/// News about one refund.
#[derive(Clone, Debug)]
pub enum RefundNews {
    /// The gateway answered, at once or by a webhook.
    Answered {
        /// The refund's key.
        key: String,
        /// What is known.
        outcome: RefundOutcome,
        /// Wall time.
        wall: WallTime,
    },
    /// The gateway was asked about the unknown refund.
    Asked {
        /// About which refund.
        key: String,
        /// What it said.
        lookup: Lookup<RefundOutcome>,
        /// What it promises.
        declaration: GatewayDeclaration,
        /// Wall time.
        wall: WallTime,
    },
}

impl Next {
    /// Claims the next refund that is due, or gives up a worker whose deadline passed.
    pub(in crate::invoice) fn wake_refund(&mut self, wall: WallTime, now: Instant) -> bool {
        for refund in &mut self.invoice.refunds {
            match refund.state {
                RefundState::Due { at } if at <= now => {
                    refund.claim.at = now;
                    let deadline = wall.plus_seconds(CLAIM_SECONDS);
                    refund.state = RefundState::Calling { since: at, deadline };
                    self.effects.push(InvoiceEffect::Refund(refund.claim.clone()));
                    return true;
                }
                RefundState::Calling { deadline, .. } if deadline <= wall => {
                    refund.state = RefundState::Unknown { deadline, asked: 0, ask_at: wall };
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    pub(in crate::invoice) fn refund(&mut self, news: RefundNews, now: Instant) -> bool {
        match news {
            RefundNews::Answered { key, outcome, wall } => {
                self.refund_of(&key).is_some_and(|which| self.refund_answered(which, outcome, wall))
            }
            RefundNews::Asked { key, lookup, declaration, wall } => {
                self.refund_of(&key).is_some_and(|which| self.refund_asked(which, lookup, declaration, wall, now))
            }
        }
    }

    fn refund_of(&self, key: &str) -> Option<usize> {
        self.invoice.refunds.iter().position(|refund| refund.claim.key == key)
    }

    fn refund_answered(&mut self, which: usize, outcome: RefundOutcome, wall: WallTime) -> bool {
        let refund = self.invoice.refunds[which].clone();
        match (&refund.state, outcome) {
            // A failure is final: a success that comes after it is the older news.
            (RefundState::Failed { .. }, _) => false,
            (RefundState::Done { .. }, RefundOutcome::Failed { code, at, .. }) => {
                self.refund_fact(&refund, at, -1, "returned");
                self.refund_failed(which, refund, code, at)
            }
            (RefundState::Done { .. }, _) => false,
            (_, RefundOutcome::Succeeded { reference, at }) => {
                self.refund_fact(&refund, at, 1, "credit_note");
                self.set_refund(which, RefundState::Done { at, reference })
            }
            (_, RefundOutcome::Failed { code, at, .. }) => self.refund_failed(which, refund, code, at),
            (RefundState::Calling { deadline, .. }, RefundOutcome::Unknown { .. } | RefundOutcome::Pending { .. }) => {
                let ask_at = wall.plus_seconds(ASK_AFTER_SECONDS[0]);
                self.set_refund(which, RefundState::Unknown { deadline: *deadline, asked: 0, ask_at })
            }
            // It was to be sent again, and the gateway has it after all.
            (RefundState::Due { .. }, RefundOutcome::Pending { .. }) => {
                let ask_at = wall.plus_seconds(ASK_AFTER_SECONDS[0]);
                self.set_refund(which, RefundState::Unknown { deadline: wall, asked: 0, ask_at })
            }
            (RefundState::Due { .. } | RefundState::Unknown { .. }, _) => false,
        }
    }

    fn set_refund(&mut self, which: usize, state: RefundState) -> bool {
        self.invoice.refunds[which].state = state;
        true
    }

    /// The money is still here, or here again: it is the customer's, as credit, and a person should know.
    fn refund_failed(&mut self, which: usize, refund: Refund, code: String, at: Instant) -> bool {
        let Refund { claim, tax_minor, .. } = refund;
        let text = format!("refund {} of {} failed ({code}): kept as credit", claim.key, claim.amount);
        self.effects.push(InvoiceEffect::Alarm(text));
        let credit = Input::Credit { amount: claim.amount, tax_minor, reason: "refund_failed", at };
        self.effects.push(InvoiceEffect::Subscription(credit));
        self.set_refund(which, RefundState::Failed { at, code })
    }

    fn refund_asked(
        &mut self,
        which: usize,
        lookup: Lookup<RefundOutcome>,
        declaration: GatewayDeclaration,
        wall: WallTime,
        now: Instant,
    ) -> bool {
        let RefundState::Unknown { deadline, asked, ask_at } = self.invoice.refunds[which].state else { return false };
        if ask_at > wall {
            return false;
        }
        // Counted from the last send, which the deadline tells. A gateway that declares no refunds guarantees nothing.
        let settled = declaration.refunds.is_some_and(|refunds| {
            wall >= deadline.plus_seconds(refunds.not_found_authoritative_after_seconds - CLAIM_SECONDS)
        });
        match lookup {
            Lookup::Found(outcome @ (RefundOutcome::Succeeded { .. } | RefundOutcome::Failed { .. })) => {
                self.refund_answered(which, outcome, wall)
            }
            // The gateway never got it: the same refund goes again, under the same key.
            Lookup::NotFound { authoritative: true } if settled => self.set_refund(which, RefundState::Due { at: now }),
            _ => {
                let asked = asked.saturating_add(1);
                let wait = ASK_AFTER_SECONDS[usize::from(asked).min(ASK_AFTER_SECONDS.len() - 1)];
                if asked == ASKS_BEFORE_ALARM {
                    let key = &self.invoice.refunds[which].claim.key;
                    let text = format!("refund {key} is unknown after {asked} questions: ask the gateway");
                    self.effects.push(InvoiceEffect::Alarm(text));
                }
                self.set_refund(which, RefundState::Unknown { deadline, asked, ask_at: wall.plus_seconds(wait) })
            }
        }
    }

    /// What went back, ex tax as all money; `sign` is -1 for what came back from the customer's bank.
    fn refund_fact(&mut self, refund: &Refund, at: Instant, sign: i64, reason: &'static str) {
        let Refund { claim, tax_minor, .. } = refund;
        self.fact(EventType::Refund, at, claim.amount, |fact, _| {
            fact.amount_minor = sign * (claim.amount.minor - tax_minor);
            fact.tax_minor = (*tax_minor != 0).then_some(sign * tax_minor);
            fact.gateway = Some(claim.paid_by.gateway.clone());
            fact.method = Some(claim.paid_by.kind.clone());
            fact.reason = Some(reason.into());
        });
    }
}
