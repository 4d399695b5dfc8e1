//! Adapters that a story can meddle with: a store whose workers can be made to meet, a gateway that can fall silent.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use billing::{
    gateway::{ChargeOutcome, GatewayDeclaration, Lookup, RefundOutcome},
    ids::CustomerId,
    invoice::{Claim, RefundClaim},
};
use usecases::{
    error::Error,
    interposed::Interposer,
    ports::{Commit, Gateway, Store},
    sandbox::Sandbox,
};

/// Lines for the transcript, in the order in which things happened.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Log {
    pub(crate) fn say(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives way to the other worker before every read and write while `meet` is set.
pub(crate) struct Meeting {
    pub(crate) meet: AtomicBool,
    pub(crate) log: std::sync::Arc<Log>,
}

impl Meeting {
    async fn give_way(&self) {
        if self.meet.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Interposer for Meeting {
    async fn after_read(&self) {
        self.give_way().await;
    }

    async fn commit(&self, inner: &dyn Store, commit: Commit) -> Result<(), Error> {
        self.give_way().await;
        let done = inner.commit(commit).await;
        if let Err(Error::Conflict(what)) = &done {
            self.log.say(format!("conflict   somebody else changed {what} first"));
        }
        done
    }
}

/// How the line to the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// As it should be.
    Works,
    /// Requests do not arrive, and nobody can ask.
    Cut,
    /// Requests arrive, the answers get lost, and nobody can ask.
    AnswersLost,
}

/// The sandbox behind a line that can be cut; every call is told.
pub(crate) struct WatchedGateway {
    pub(crate) sandbox: std::sync::Arc<Sandbox>,
    pub(crate) line: Mutex<Line>,
    /// Whether it declares refunds at all.
    pub(crate) refunds: AtomicBool,
    pub(crate) log: std::sync::Arc<Log>,
}

impl WatchedGateway {
    fn line(&self) -> Line {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_line(&self, line: Line) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

fn told(outcome: &ChargeOutcome) -> String {
    match outcome {
        ChargeOutcome::Succeeded { .. } => "captured".into(),
        ChargeOutcome::Declined { code, class, .. } => format!("declined: {code} ({class})"),
        ChargeOutcome::ActionRequired { .. } => "the customer must authenticate".into(),
        ChargeOutcome::Unknown { why } => format!("unknown: {why}"),
    }
}

#[async_trait]
impl Gateway for WatchedGateway {
    fn declaration(&self) -> GatewayDeclaration {
        let declared = self.sandbox.declaration();
        let refunds = declared.refunds.filter(|_| self.refunds.load(Ordering::Relaxed));
        GatewayDeclaration { refunds, ..declared }
    }

    async fn charge(&self, claim: &Claim, customer: &CustomerId) -> ChargeOutcome {
        let outcome = match self.line() {
            Line::Works => self.sandbox.charge(claim, customer).await,
            Line::Cut => ChargeOutcome::Unknown { why: "no answer".into() },
            Line::AnswersLost => {
                self.sandbox.charge(claim, customer).await;
                ChargeOutcome::Unknown { why: "no answer".into() }
            }
        };
        self.log.say(format!(
            "gateway    charge {} {} with {}: {}",
            claim.key,
            claim.amount,
            claim.method.token,
            told(&outcome)
        ));
        outcome
    }

    async fn look_up(&self, claim: &Claim) -> Lookup {
        let lookup = match self.line() {
            Line::Works => self.sandbox.look_up(claim).await,
            Line::Cut | Line::AnswersLost => Lookup::Unavailable,
        };
        let answer = match &lookup {
            Lookup::Found(outcome) => told(outcome),
            Lookup::NotFound { .. } => "there is no such payment".into(),
            Lookup::Unavailable => "cannot be asked".into(),
        };
        self.log.say(format!("gateway    asked for {}: {answer}", claim.key));
        lookup
    }

    async fn refund(&self, claim: &RefundClaim, customer: &CustomerId) -> RefundOutcome {
        let outcome = match self.line() {
            Line::Works => self.sandbox.refund(claim, customer).await,
            Line::Cut => RefundOutcome::Unknown { why: "no answer".into() },
            Line::AnswersLost => {
                self.sandbox.refund(claim, customer).await;
                RefundOutcome::Unknown { why: "no answer".into() }
            }
        };
        self.log.say(format!("gateway    refund {} {}: {}", claim.key, claim.amount, told_refund(&outcome)));
        outcome
    }

    async fn look_up_refund(&self, claim: &RefundClaim) -> Lookup<RefundOutcome> {
        let lookup = match self.line() {
            Line::Works => self.sandbox.look_up_refund(claim).await,
            Line::Cut | Line::AnswersLost => Lookup::Unavailable,
        };
        let answer = match &lookup {
            Lookup::Found(outcome) => told_refund(outcome),
            Lookup::NotFound { .. } => "there is no such refund".into(),
            Lookup::Unavailable => "cannot be asked".into(),
        };
        self.log.say(format!("gateway    asked for {}: {answer}", claim.key));
        lookup
    }
}

fn told_refund(outcome: &RefundOutcome) -> String {
    match outcome {
        RefundOutcome::Succeeded { .. } => "sent back".into(),
        RefundOutcome::Pending { .. } => "pending".into(),
        RefundOutcome::Failed { code, .. } => format!("failed: {code}"),
        RefundOutcome::Unknown { why } => format!("unknown: {why}"),
    }
}
