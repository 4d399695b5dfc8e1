//! Commands and news that a subscription may get.

use serde::Serialize;

use crate::{
    calendar::{Instant, Period, alignment::AlignmentPolicy},
    discount::Coupon,
    ids::{InvoiceId, SubscriptionId},
    invoice::{Basis, Claim, GatheringTime, Kept, OneOff, Withdrawal},
    money::Money,
    prepaid::{PrepaidSource, TopUp},
    terms::Terms,
};

/// When a command takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// When the billed period ends.
    PeriodEnd,
    /// At this instant, which is still to come: a period that it lies in is divided there.
    At(Instant),
}

/// What may arrive. Serialised into the journal as the decision's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "input", rename_all = "kebab-case")]
pub enum Input {
    /// Time passed: apply the earliest due event, if any.
    Wake,
    /// The first invoice was paid.
    OpeningPaid {
        /// What was captured, tax included.
        amount: Money,
        /// The tax in it, in minor units.
        #[serde(skip_serializing_if = "crate::stored::is_default")]
        tax_minor: i64,
        /// By which attempt; none when the money came without one.
        claim: Option<Box<Claim>>,
        /// The gateway's time.
        at: Instant,
    },
    /// Buy something else.
    Change {
        /// The new terms.
        terms: Box<Terms>,
        /// How the period is divided from now on.
        #[serde(skip)]
        proration: crate::proration::ProrationPolicy,
        /// When.
        when: When,
    },
    /// The merchant moves it to another version of its plan, from its next renewal on.
    Move {
        /// What it will have.
        terms: Box<Terms>,
        /// How the period is divided from then on.
        #[serde(skip)]
        proration: crate::proration::ProrationPolicy,
    },
    /// Charge something once.
    Charge {
        /// What for, and how much.
        charge: OneOff,
        /// At once on an invoice of its own, or (`PeriodEnd`) on the next invoice.
        when: When,
    },
    /// Buy prepaid credit: usable when its invoice is paid.
    TopUp {
        /// How much.
        amount: Money,
        /// When it expires; none: as the plan says.
        expires_at: Option<Instant>,
    },
    /// Give prepaid credit away.
    Grant {
        /// How much.
        amount: Money,
        /// Why, in the merchant's words.
        reason: String,
        /// When it expires; none: as the plan says.
        expires_at: Option<Instant>,
    },
    /// The invoice of a top-up was paid.
    TopUpPaid {
        /// Which invoice.
        invoice: InvoiceId,
        /// What it sold.
        top_up: TopUp,
        /// The gateway's time.
        at: Instant,
    },
    /// The invoice of a top-up was given up: it sold nothing.
    TopUpVoid {
        /// Which invoice.
        invoice: InvoiceId,
    },
    /// Hold a redeemed coupon: it counts from the next period that starts.
    ApplyCoupon {
        /// Which, as it was when it was redeemed.
        coupon: Box<Coupon>,
    },
    /// Let a coupon go: the running period is its last.
    RemoveCoupon {
        /// Its id.
        coupon: String,
    },
    /// End it.
    Cancel {
        /// When.
        when: When,
        /// Why, in the customer's words for statistics (too_expensive ...).
        reason: Option<String>,
        /// What the customer wrote.
        comment: Option<String>,
    },
    /// Cut periods along another alignment.
    Realign {
        /// Which.
        alignment: AlignmentPolicy,
        /// When.
        when: When,
    },
    /// Take back what was agreed for later.
    Keep,
    /// Rest.
    Pause {
        /// When.
        when: When,
        /// Until.
        resume_at: Option<Instant>,
        /// Whether what is left of the paid period is given back, as the policy does at an end.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        credit: bool,
    },
    /// Bill what it bills by itself on one document with the customer's other contracts, from now on.
    Gather {
        /// How long it waits for them; none: its invoices stand alone again.
        gathering: Option<GatheringTime>,
    },
    /// Come back from a pause.
    Resume,
    /// Come back after the end.
    Reactivate {
        /// What its invoices come to that were given up, in minor units of its currency.
        debt_minor: i64,
        /// The same in currencies that it was billed in before.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        debts: Vec<Money>,
    },
    /// An invoice's ladder takes access away.
    Suspend {
        /// Which invoice.
        invoice: InvoiceId,
    },
    /// That invoice was paid, withdrawn, given up, or lowered to nothing.
    Restore {
        /// Which invoice.
        invoice: InvoiceId,
    },
    /// An invoice was given up.
    EndForNonPayment {
        /// Which invoice.
        invoice: InvoiceId,
        /// When its ladder ended.
        at: Instant,
    },
    /// An issued invoice is credited in part or whole: [`crate::invoice::credit`] said what.
    CreditNote {
        /// The document to issue.
        #[serde(skip)]
        basis: Box<Basis>,
        /// Which invoice.
        invoice: InvoiceId,
        /// Why, in the support's words.
        reason: Option<String>,
        /// What is left of the money for the period that the invoice is for.
        #[serde(skip)]
        kept: Kept,
    },
    /// Some of its credit goes to another contract of the customer.
    GiveCredit {
        /// How much.
        amount: Money,
        /// To which.
        to: SubscriptionId,
    },
    /// Credit of another contract of the customer comes to this one.
    TakeCredit {
        /// How much.
        amount: Money,
        /// From which.
        from: SubscriptionId,
    },
    /// The merchant withdraws an issued invoice: [`crate::invoice::withdrawal`] said what follows.
    VoidInvoice {
        /// Which invoice.
        invoice: InvoiceId,
        /// Why, in the support's words.
        reason: Option<String>,
        /// What is left of its period, and which credit is taken back.
        #[serde(skip)]
        withdrawal: Box<Withdrawal>,
        /// The period that the invoice was for.
        #[serde(skip)]
        period: Period,
    },
    /// The merchant gives an issued invoice up; the contract goes on.
    WriteOff {
        /// Which invoice.
        invoice: InvoiceId,
        /// Why, in the support's words.
        reason: Option<String>,
    },
    /// Credit pays an open invoice of the period that it was given back for.
    PayInvoice {
        /// Which invoice.
        invoice: InvoiceId,
        /// How much.
        amount: Money,
        /// The tax in it, in minor units.
        #[serde(skip_serializing_if = "crate::stored::is_default")]
        tax_minor: i64,
    },
    /// Prepaid credit comes back that paid for usage on a withdrawn invoice.
    PrepaidBack {
        /// Which invoice.
        invoice: InvoiceId,
        /// What of which grant.
        #[serde(skip)]
        sources: Vec<(PrepaidSource, Money)>,
        /// When.
        at: Instant,
    },
    /// An invoice takes access away no more, and another one does.
    HandOver {
        /// Which invoice.
        invoice: InvoiceId,
        /// Which other.
        to: InvoiceId,
    },
    /// The customer gets credit.
    Credit {
        /// How much.
        amount: Money,
        /// The tax in it, in minor units: where tax is given back with it.
        #[serde(skip_serializing_if = "crate::stored::is_default")]
        tax_minor: i64,
        /// Why, in a word.
        reason: &'static str,
        /// When.
        at: Instant,
    },
}

impl Input {
    /// Whether somebody asks for it; the rest is news from invoices, or time.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(
            self,
            Self::Change { .. }
                | Self::Move { .. }
                | Self::Charge { .. }
                | Self::TopUp { .. }
                | Self::Grant { .. }
                | Self::ApplyCoupon { .. }
                | Self::RemoveCoupon { .. }
                | Self::Cancel { .. }
                | Self::Realign { .. }
                | Self::Keep
                | Self::Pause { .. }
                | Self::Gather { .. }
                | Self::Resume
                | Self::Reactivate { .. }
                | Self::GiveCredit { .. }
                | Self::TakeCredit { .. }
        )
    }

    /// What is being asked, for refusals ("a subscription that is paused cannot ...").
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Wake => "wake",
            Self::OpeningPaid { .. } => "be opened",
            Self::Change { .. } => "change its plan",
            Self::Move { .. } => "be moved to another version of its plan",
            Self::Charge { .. } => "be charged",
            Self::TopUp { .. } | Self::TopUpPaid { .. } | Self::TopUpVoid { .. } => "be topped up",
            Self::Grant { .. } => "be given prepaid credit",
            Self::ApplyCoupon { .. } => "have a coupon applied",
            Self::RemoveCoupon { .. } => "have a coupon removed",
            Self::Cancel { .. } => "be cancelled",
            Self::Realign { .. } => "have its anchor moved",
            Self::Keep => "be kept",
            Self::Pause { .. } => "be paused",
            Self::Gather { .. } => "have its invoices gathered",
            Self::Resume => "be resumed",
            Self::Reactivate { .. } => "be started again",
            Self::Suspend { .. } => "be suspended",
            Self::Restore { .. } => "be restored",
            Self::EndForNonPayment { .. } => "be ended",
            Self::VoidInvoice { .. } => "have an invoice withdrawn",
            Self::WriteOff { .. } => "have an invoice given up",
            Self::PayInvoice { .. } => "have an invoice paid from credit",
            Self::PrepaidBack { .. } => "get prepaid credit back",
            Self::HandOver { .. } => "stay suspended",
            Self::CreditNote { .. } | Self::Credit { .. } => "be credited",
            Self::GiveCredit { .. } => "give its credit to another contract",
            Self::TakeCredit { .. } => "take credit of another contract",
        }
    }
}
