//! The invoice and the states it can be in; each state carries exactly what that state has.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Timelike};
use serde::{Deserialize, Serialize};

use super::{
    basis::Basis,
    consolidated::DocumentItem,
    lines::{Line, Once, compute},
    owed::Lowered,
    refund::{self, Refund},
};
use crate::{
    RULES_VERSION,
    calendar::{Instant, WallTime, plus_local_days},
    catalog::VersionRef,
    document::CreditNote,
    fact::Fact,
    gateway::DeclineClass,
    ids::{Cause, CustomerId, InvoiceId, SubscriptionId},
    money::Money,
    refusal::Refusal,
};

/// A stored payment method: a token of one gateway, never a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The adapter that the token belongs to.
    pub gateway: String,
    /// The gateway's token.
    pub token: String,
    /// card, bank_debit ...: for reports.
    pub kind: String,
}

/// What the invoice is for, as far as it decides which fact its capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The first invoice of a subscription that waits for it.
    Opening,
    /// The price of a trial, where the subscription waits for it: no run-rate begins with it, so its capture is a fact of
    /// its own.
    Trial,
    /// A period.
    Period,
    /// A change within a period.
    Change,
}

impl Purpose {
    /// Whether a subscription waits for this invoice: nobody pursues it, and its first decline is its last.
    #[must_use]
    pub fn opens(self) -> bool {
        matches!(self, Self::Opening | Self::Trial)
    }
}

/// One attempt that was begun: amount and method are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// From 1; grows only after a definitive decline.
    pub attempt: u8,
    /// `<invoice>:<attempt>`, the gateway's idempotency key.
    pub key: String,
    /// What is collected.
    pub amount: Money,
    /// With what.
    pub method: Method,
    /// Business time of the claim.
    pub at: Instant,
    /// First send, in wall time: the key's lifetime counts from here.
    pub sent_at: WallTime,
    /// When the worker that claimed is given up, in wall time.
    pub deadline: WallTime,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which.
    pub attempt: u8,
    /// When, by the gateway's clock.
    pub at: Instant,
    /// The decline code; none for a capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The gateway's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What was to be collected, where that was not the invoice's total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Through what it was captured, which is the way back; none for declines, transfers and captures of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_by: Option<PaidBy>,
}

/// Through what a payment came: a [`Method`] without its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidBy {
    /// The adapter that captured it.
    pub gateway: String,
    /// card, bank_debit ...: for reports.
    pub kind: String,
}

/// Where an unpaid invoice stands on its ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// Which list of rungs.
    pub class: DeclineClass,
    /// Rungs done.
    pub done: u8,
    /// What the rungs' days count from.
    pub since: Instant,
}

/// The state of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum InvoiceState {
    /// Waits to be collected for the first time.
    Due {
        /// When.
        at: Instant,
    },
    /// Waits for its next rung, or for the customer's transfer.
    Waiting {
        /// When the next rung is due.
        at: Instant,
        /// Where it stands.
        climb: Climb,
    },
    /// An attempt is under way: somebody claimed it and calls the gateway.
    Collecting {
        /// The attempt.
        claim: Claim,
        /// Where it stood when the attempt began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        climb: Option<Climb>,
        /// The business instant that its place in the index had and keeps.
        since: Instant,
    },
    /// Nobody knows what became of an attempt; the gateway is asked again and again.
    Unknown {
        /// The attempt.
        claim: Claim,
        /// Where it stood when the attempt began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        climb: Option<Climb>,
        /// How often the gateway was asked.
        asked: u8,
        /// When it is asked next, in wall time.
        ask_at: WallTime,
        /// What the customer has to do, if that is what it waits for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// Waits for the other invoices that will be on one document with it.
    Gathering {
        /// Until when.
        at: Instant,
        /// When a customer who pays by transfer is late with it; none when it is collected automatically.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Instant>,
    },
    /// Is on a document, which collects it: what becomes of that becomes of it.
    Grouped,
    /// Settled.
    Paid {
        /// When, by the gateway's clock.
        at: Instant,
    },
    /// Withdrawn; nothing is owed.
    Void,
    /// Given up by the ladder, or by the merchant; still owed.
    Uncollectible,
}

impl InvoiceState {
    /// The state in a word, as the API shows it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Due { .. } => "due",
            Self::Waiting { .. } => "past_due",
            Self::Collecting { .. } => "collecting",
            Self::Unknown { .. } => "pending",
            Self::Gathering { .. } => "gathering",
            Self::Grouped => "grouped",
            Self::Paid { .. } => "paid",
            Self::Void => "void",
            Self::Uncollectible => "uncollectible",
        }
    }
}

/// What is owed and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Derived from owner, cause and revision.
    pub id: InvoiceId,
    /// Who pays.
    pub customer: CustomerId,
    /// For which contract.
    pub subscription: SubscriptionId,
    /// Why it exists.
    pub cause: Cause,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it is collected from a stored method; else the customer pays by transfer.
    pub automatic: bool,
    /// The rules that computed it.
    pub rules: u16,
    /// What it was computed from.
    pub basis: Basis,
    /// What is owed.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// The tax in the total, in minor units; its share where credit pays a part.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub tax_minor: i64,
    /// When it was issued (business time).
    pub issued_at: Instant,
    /// Where it stands.
    pub state: InvoiceState,
    /// Attempts that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// What was given back of it afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<CreditNote>,
    /// What lowered it before it was paid.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub lowered: Lowered,
    /// What credit was taken back when it was withdrawn, in minor units and without tax that came on top: credit that its
    /// period was given back as, and that nobody had paid for.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub taken_back_minor: i64,
    /// Whether the merchant gave it up: its contract goes on, and money that comes in full still pays it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub written_off: bool,
    /// Whether it was given up, and credit paid it when its contract came back: nothing is owed on it, and money that comes for
    /// it is credit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub debt_paid: bool,
    /// What of it goes back, or went back, to the payment that paid it; in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    /// Run-rate of the subscription when it was issued, for facts.
    pub mrr12: i64,
    /// Whether its ladder took access away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspends: bool,
    /// Whether it was withdrawn while an attempt was under way: the attempt's answer is its last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Whether it is an item of a document, or waits to be one: the document is what has a number and is collected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gathered: bool,
    /// The document that it is on, from then on for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<InvoiceId>,
    /// The attempt that is to be sent again, because the gateway never got it: its method and key are frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend: Option<Box<Claim>>,
    /// Where it was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<String>,
    /// The arm of an experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Its part of the journal: what happened to it, appended.
    #[serde(skip)]
    pub facts: Vec<Fact>,
}

/// What a subscription asks for when it issues an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInvoice {
    /// Why.
    pub cause: Cause,
    /// What for.
    pub purpose: Purpose,
    /// From what.
    pub basis: Basis,
    /// When.
    pub at: Instant,
    /// Days until a customer who pays by transfer is late; none when it is collected automatically.
    pub days_until_due: Option<u32>,
    /// Until when it waits for others to be on one document with it; none: it is an invoice of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathers_until: Option<Instant>,
}

impl Invoice {
    /// The invoice that `subscription` issues. One that owes nothing is paid from the start.
    ///
    /// # Errors
    /// [`Refusal::Money`] when it cannot be computed.
    pub fn issue(subscription: &crate::subscription::Subscription, new: NewInvoice) -> Result<Self, Refusal> {
        let lines = compute(RULES_VERSION, &new.basis)?;
        let total = Money::sum(new.basis.terms().price.currency, lines.iter().map(|l| l.amount))?;
        // Nobody is late with what was agreed on after it began, or before there is a document to pay.
        let told = new.gathers_until.unwrap_or(new.at).max(subscription.created_at);
        let due = new.days_until_due.map(|days| plus_local_days(told, days, subscription.anchor.zone())).transpose()?;
        let state = match new.gathers_until {
            _ if total.minor == 0 => InvoiceState::Paid { at: new.at },
            Some(at) => InvoiceState::Gathering { at, due },
            None => first_state(new.at, due),
        };
        Ok(Self {
            id: InvoiceId::derive(&subscription.id, new.cause, 0),
            customer: subscription.customer.clone(),
            subscription: subscription.id.clone(),
            cause: new.cause,
            purpose: new.purpose,
            automatic: new.days_until_due.is_none(),
            rules: RULES_VERSION,
            mrr12: net_run_rate(&new.basis)?,
            tax_minor: super::adjust::tax_of_total(&lines, total)?.minor,
            basis: new.basis,
            lines,
            total,
            issued_at: new.at,
            attempts: Vec::new(),
            credits: Vec::new(),
            lowered: Lowered::default(),
            taken_back_minor: 0,
            written_off: false,
            debt_paid: false,
            refunds: Vec::new(),
            suspends: false,
            withdrawn: false,
            gathered: matches!(state, InvoiceState::Gathering { .. }),
            document: None,
            resend: None,
            storefront: subscription.storefront.clone(),
            arm: subscription.arm.clone(),
            state,
            facts: Vec::new(),
        })
    }

    /// The policy version whose ladder pursues it.
    #[must_use]
    pub fn policy(&self) -> &VersionRef {
        &self.basis.terms().policy
    }

    /// Whether it is the document of several contracts.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.basis.items().is_some()
    }

    /// Whether it is an invoice of this contract: its own, or an item of a document.
    #[must_use]
    pub fn is_of(&self, subscription: &SubscriptionId) -> bool {
        self.subscription == *subscription && !self.is_document()
    }

    /// The contracts that it is for, each once.
    #[must_use]
    pub fn contracts(&self) -> Vec<&SubscriptionId> {
        let Some(items) = self.basis.items() else { return vec![&self.subscription] };
        let ids: BTreeSet<_> = items.iter().map(|item| &item.subscription).collect();
        ids.into_iter().collect()
    }

    /// Whether something of this contract is on it: an invoice of it, or a document that has one.
    #[must_use]
    pub fn concerns(&self, subscription: &SubscriptionId) -> bool {
        let has = |items: &[DocumentItem]| items.iter().any(|item| item.subscription == *subscription);
        self.basis.items().map_or(self.subscription == *subscription, has)
    }

    /// The number that the next attempt has.
    #[must_use]
    pub fn next_attempt(&self) -> u8 {
        self.attempts.iter().map(|a| a.attempt).max().unwrap_or(0).saturating_add(1)
    }

    /// Whether money is still expected.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.state, InvoiceState::Paid { .. } | InvoiceState::Void | InvoiceState::Uncollectible)
    }

    /// Whether an attempt failed, or the due date passed, and the money is not there yet.
    #[must_use]
    pub fn is_past_due(&self, now: Instant) -> bool {
        match &self.state {
            InvoiceState::Waiting { climb, .. } => climb.since <= now,
            InvoiceState::Collecting { climb, .. } | InvoiceState::Unknown { climb, .. } => climb.is_some(),
            _ => false,
        }
    }
}

/// How what is owed begins that was issued at `at`: collected at once, or waiting for a transfer until `due`.
pub(super) fn first_state(at: Instant, due: Option<Instant>) -> InvoiceState {
    match due {
        None => InvoiceState::Due { at },
        Some(due) => {
            InvoiceState::Waiting { at: due, climb: Climb { class: DeclineClass::Unpaid, done: 0, since: due } }
        }
    }
}

/// Run-rate of the terms that the invoice is for, after the discounts that last; a trial has none.
fn net_run_rate(basis: &Basis) -> Result<i64, Refusal> {
    if matches!(basis, Basis::Once { once, .. } if matches!(once[..], [Once::Trial { .. }])) {
        return Ok(0);
    }
    let with = basis.adjustments();
    crate::run_rate::mrr12_net(basis.terms(), &with.discounts, with.tax.as_ref())
}

/// When the invoice next needs work, and on which clock: what its place in the due index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceWake {
    /// First collection, or a refund, at a business instant; of what gathers: being put on its document.
    Collect(Instant),
    /// The next rung of its ladder, at a business instant.
    Rung(Instant),
    /// The gateway is to be asked about an attempt or a refund, at a wall instant.
    Ask(WallTime),
}

/// The invoice's place in the due index. A claim keeps the place that the invoice had (a claim changes no indexed
/// attribute); if its worker dies, the sweep comes by again and finds the deadline passed.
#[must_use]
pub fn wake_at(invoice: &Invoice) -> Option<InvoiceWake> {
    match &invoice.state {
        InvoiceState::Due { at } | InvoiceState::Gathering { at, .. } => Some(InvoiceWake::Collect(*at)),
        InvoiceState::Waiting { at, .. } => Some(InvoiceWake::Rung(*at)),
        InvoiceState::Collecting { since, climb: None, .. } => Some(InvoiceWake::Collect(*since)),
        InvoiceState::Collecting { since, climb: Some(_), .. } => Some(InvoiceWake::Rung(*since)),
        InvoiceState::Unknown { ask_at, .. } => Some(InvoiceWake::Ask(*ask_at)),
        // Refunds stand beside the state: only what was paid can go back.
        InvoiceState::Paid { .. } => refund::wake_at(&invoice.refunds),
        InvoiceState::Grouped | InvoiceState::Void | InvoiceState::Uncollectible => None,
    }
}

/// `at` rounded up to the whole second, as index keys hold it: nothing may wake early.
#[must_use]
pub fn ceil_to_second(at: Instant) -> Instant {
    if at.nanosecond() == 0 { at } else { at.with_nanosecond(0).unwrap_or(at) + TimeDelta::seconds(1) }
}
