//! Lines of an invoice, computed from its basis; each can explain itself.
//!
//! Versions 1 and 2 have a file each under `lines/`, so that an old invoice is computed again by the rules that made it;
//! version 3 is version 2 with what `lines/rules.rs` says was mended.

mod items;
mod once;
mod prepaid;
mod rules;
mod stub;
mod usage;
mod v1;
mod v2;

use std::borrow::Borrow;

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    adjust::{Adjustment, Adjustments},
    consolidated::DocumentItem,
};
use crate::{
    calendar::{Instant, Period},
    document::{CreditNote, DocumentLine},
    ids::InvoiceId,
    money::{Money, MoneyError, Rounding},
    prepaid::{PrepaidSource, TopUp},
    pricing::Step,
    proration::{ExtraTime, LineRule, ProrationPolicy, Share},
    refusal::Refusal,
    terms::Terms,
    usage::{UsageCharge, UsageMinimum},
};

pub use once::{Once, OneOff};
pub(crate) use prepaid::{cost as prepaid_cost, drawn as prepaid_drawn};
pub(super) use rules::Rules;
pub use stub::StubOf;
pub use usage::UsedUnits;

/// The inputs that an invoice was decided from: enough to compute it again, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "kebab-case")]
pub enum Basis {
    /// One full period, or a stub, in advance.
    Period {
        /// What is bought.
        terms: Box<Terms>,
        /// For when.
        period: Period,
        /// What the period is a stub of; none: it is whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// A contract that ends in the middle of a period, where the policy gives the unused part back.
    End {
        /// What was bought.
        terms: Box<Terms>,
        /// The period that the end cuts.
        period: Period,
        /// What that period is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// When.
        at: Instant,
        /// The zone that days are counted in.
        zone: Tz,
        /// How the period is divided.
        proration: ProrationPolicy,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// A change in the middle of a period.
    Change {
        /// What was bought.
        from: Box<Terms>,
        /// What is bought now.
        to: Box<Terms>,
        /// The period that the change cuts.
        period: Period,
        /// What that period is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// When.
        at: Instant,
        /// The zone that days are counted in.
        zone: Tz,
        /// How the period is divided.
        proration: ProrationPolicy,
        /// The period that starts with the change, when the interval changes; else the rest of `period`.
        next: Option<Period>,
        /// What `next` is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_stub: Option<Box<StubOf>>,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Nothing by itself: an end, or a change of what usage costs, that only bills what was used.
    Arrears {
        /// What was bought.
        terms: Box<Terms>,
        /// The period that it was used in.
        period: Period,
        /// When.
        at: Instant,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Another basis, and decisions before it whose lines waited for this invoice.
    Carried {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// The decisions, in their order. What each says of credit does not count: the invoice's base says that.
        earlier: Vec<Basis>,
    },
    /// One side of a change or an end, where what it gives back has a document of its own.
    Side {
        /// The decision.
        of: Box<Basis>,
        /// Which of its lines.
        side: DocumentSide,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
    },
    /// A part of an invoice that is given back afterwards, or all of it.
    CreditNote {
        /// What that invoice was for.
        terms: Box<Terms>,
        /// And for when.
        period: Period,
        /// Which invoice.
        invoice: InvoiceId,
        /// What is given back of which line, its taxes included.
        note: Box<CreditNote>,
        /// What of it goes back to the payment that paid that invoice, in minor units; the rest becomes credit.
        #[serde(default, skip_serializing_if = "crate::stored::is_default")]
        refund_minor: i64,
        /// What of it lowers what that invoice still asked for, in minor units.
        #[serde(default, skip_serializing_if = "crate::stored::is_default")]
        due_minor: i64,
        /// None: the note brings its taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Invoices of several contracts of a customer, collected as one.
    Document {
        /// The terms of its first item: they name the currency and the policy, which all items share.
        terms: Box<Terms>,
        /// What its first item is for.
        period: Period,
        /// What is on it.
        items: Vec<DocumentItem>,
        /// None: the items bring their discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Another basis, and what was used up to then.
    Metered {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// What was used, by meter.
        usage: Vec<UsageCharge>,
        /// The least that was agreed, where it decides something.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        minimums: Vec<UsageMinimum>,
    },
    /// A basis with usage, and the prepaid credit that pays for it.
    Prepaid {
        /// What the invoice is for otherwise, its usage the outermost of it.
        base: Box<Basis>,
        /// Which credit, in the order of use. What is taken follows from what the usage costs.
        sources: Vec<PrepaidSource>,
    },
    /// Another basis, and what is charged once beside it.
    Once {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// What is charged once.
        once: Vec<Once>,
    },
}

impl Basis {
    /// The decision itself, without what is billed beside it and how its documents are divided.
    #[must_use]
    pub fn decision(&self) -> &Self {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.decision(),
            Self::Period { .. }
            | Self::Change { .. }
            | Self::End { .. }
            | Self::Arrears { .. }
            | Self::Document { .. }
            | Self::CreditNote { .. } => self,
        }
    }

    /// The discounts and taxes of a change or an end, to be decided again before it is on any invoice.
    pub(super) fn decision_mut(&mut self) -> Option<&mut Adjustments> {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.decision_mut(),
            Self::Change { adjustments, .. } | Self::End { adjustments, .. } => Some(adjustments),
            _ => None,
        }
    }

    /// The terms in force after the decision.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        match self {
            Self::Period { terms, .. } | Self::CreditNote { terms, .. } | Self::Document { terms, .. } => terms,
            Self::Change { to: terms, .. } | Self::End { terms, .. } | Self::Arrears { terms, .. } => terms,
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.terms(),
        }
    }

    /// The period that the money is for.
    #[must_use]
    pub fn period(&self) -> &Period {
        match self {
            Self::CreditNote { period, .. }
            | Self::Document { period, .. }
            | Self::Period { period, .. }
            | Self::End { period, .. }
            | Self::Arrears { period, .. } => period,
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.period(),
            Self::Change { period, next, .. } => next.as_ref().unwrap_or(period),
        }
    }

    /// Whether the document gives back and charges nothing.
    #[must_use]
    pub fn is_credit_note(&self) -> bool {
        matches!(self, Self::Side { side: DocumentSide::Credit, .. } | Self::CreditNote { .. })
    }

    /// The prepaid credit that it sells; an invoice of a top-up has nothing else on it.
    #[must_use]
    pub fn top_up(&self) -> Option<&TopUp> {
        let Self::Once { once, .. } = self else { return None };
        match once.as_slice() {
            [Once::TopUp(top_up)] => Some(top_up),
            _ => None,
        }
    }

    /// What is on the document of several contracts; none for the invoice of one.
    #[must_use]
    pub fn items(&self) -> Option<&[DocumentItem]> {
        match self {
            Self::Document { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Its discounts and taxes.
    #[must_use]
    pub fn adjustments(&self) -> &Adjustments {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.adjustments(),
            Self::Period { adjustments, .. }
            | Self::CreditNote { adjustments, .. }
            | Self::Document { adjustments, .. }
            | Self::End { adjustments, .. }
            | Self::Change { adjustments, .. }
            | Self::Arrears { adjustments, .. } => adjustments,
        }
    }
}

/// Which lines of a decision a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentSide {
    /// What it gives back: the credit note.
    Credit,
    /// Everything else: the invoice.
    Charge,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LineKind {
    /// A full period.
    Recurring,
    /// What the old terms' unused part gives back.
    ProrationCredit,
    /// What the new terms' part costs.
    ProrationCharge,
    /// Credit of the customer that this invoice uses up.
    CreditUsed,
    /// What is left over and kept as credit.
    CreditKept,
    /// What a credit note gives back of a line.
    Credited,
    /// What of a credit note goes back to the payment.
    Refunded,
    /// What of a credit note lowers what its invoice still asked for.
    AgainstDue,
    /// What was used in a period that ended.
    Usage,
    /// What came late to a period that was invoiced before.
    UsageLate,
    /// What is charged once when an item begins.
    SetUp,
    /// What a trial costs.
    Trial,
    /// What the merchant charges once beside the terms.
    OneOff,
    /// What is missing to the least that was agreed for usage.
    TrueUp,
    /// Prepaid credit that is bought.
    TopUp,
    /// Prepaid credit that pays for usage on this invoice.
    PrepaidUsed,
    /// What a discount takes off the charge before it.
    Discount,
    /// A tax, or why there is none.
    Tax,
    /// All that an invoice of a contract comes to, on the document of several.
    Item,
}

/// Why a line has its amount: the computation, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The rule: a price model's name, or `credit`.
    pub rule: String,
    /// Which part of that price, where it is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<LineRule>,
    /// The full amount before any share, in minor units, exact.
    pub full_minor: Decimal,
    /// The share of the period, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What the share is counted in (`day`, `second`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<crate::proration::ProrationUnit>,
    /// The share as the decimal that met the amount, where the policy does not keep it exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Decimal>,
    /// How the full amount came about, where one multiplication does not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The amount before rounding, in minor units, exact (a division is cut at 28 digits).
    pub unrounded_minor: Decimal,
    /// How it was rounded.
    pub rounding: Rounding,
    /// Whether the policy's limit of what is given back cut the amount.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capped: bool,
    /// What the line has to do with discounts and taxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustment: Option<Box<Adjustment>>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// `plan@version` that it is about.
    pub plan: String,
    /// The add-on of that plan that it is about; none: the plan itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_on: Option<String>,
    /// What it is for, where the merchant wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Units.
    pub quantity: u32,
    /// Negative amounts are in the customer's favour.
    pub amount: Money,
    /// Why.
    pub why: Explanation,
    /// What was used, for lines of usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Box<UsedUnits>>,
}

/// The lines of an invoice under rules version `rules`; their sum is what is owed, never below zero.
///
/// # Errors
/// [`Refusal::Money`] when an amount cannot be computed; never a wrong amount. [`Refusal::InvalidField`] for a
/// rules version that this build does not know.
pub fn compute(rules: u16, basis: &Basis) -> Result<Vec<Line>, Refusal> {
    match rules {
        1 => v1::compute(basis),
        2 => v2::compute(Rules::V2, basis),
        3 => v2::compute(Rules::V3, basis),
        _ => Err(Refusal::InvalidField { field: "rules", detail: format!("rules version {rules} is not known here") }),
    }
}

/// The days that the change of `basis` buys under a policy of extra time, and what is charged for them; none where nothing is
/// bought. What the basis says of a period that starts with the change is of no account.
///
/// # Errors
/// As [`compute`].
pub(crate) fn time_bought(basis: &Basis) -> Result<Option<ExtraTime>, Refusal> {
    v2::time_bought(Rules::TODAY, basis)
}

/// What is below zero is kept as credit; what is owed is paid from the customer's credit first.
fn settle(lines: &mut Vec<Line>, terms: &Terms, credit_minor: i64) -> Result<(), MoneyError> {
    let owed = Money::sum(terms.price.currency, lines.iter().map(|l| l.amount))?;
    if owed.minor < 0 {
        lines.push(credit_line(LineKind::CreditKept, terms, owed.negated()?));
    } else if credit_minor > 0 && owed.minor > 0 {
        let used = Money::new(-credit_minor.min(owed.minor), owed.currency);
        lines.push(credit_line(LineKind::CreditUsed, terms, used));
    }
    Ok(())
}

/// Each line, and whether it belongs to what is given back: a discount goes with the line that it follows.
pub(super) fn sided<L: Borrow<Line>>(lines: impl IntoIterator<Item = L>) -> impl Iterator<Item = (bool, L)> {
    lines.into_iter().scan(false, |gives_back, line| {
        let kind = line.borrow().kind;
        if kind != LineKind::Discount {
            *gives_back = kind == LineKind::ProrationCredit;
        }
        Some((*gives_back, line))
    })
}

/// The lines of an invoice as a credit note on it looks at them.
///
/// # Errors
/// As [`compute`]; [`Refusal::InvalidField`] for rules version 1, whose invoices were settled otherwise.
pub(super) fn creditable(rules: u16, basis: &Basis) -> Result<Vec<DocumentLine>, Refusal> {
    match rules {
        2 => v2::creditable(Rules::V2, basis),
        3 => v2::creditable(Rules::V3, basis),
        _ => Err(Refusal::InvalidField {
            field: "invoice",
            detail: format!("rules version {rules} of this invoice knows no credit notes; give credit another way"),
        }),
    }
}

fn credit_line(kind: LineKind, terms: &Terms, amount: Money) -> Line {
    let exact = Decimal::from(amount.minor);
    let why = Explanation {
        rule: "credit".into(),
        full_minor: exact,
        share: None,
        unit: None,
        part: None,
        factor: None,
        steps: Vec::new(),
        unrounded_minor: exact,
        rounding: Rounding::HalfEven,
        capped: false,
        adjustment: None,
    };
    let (plan, quantity) = (terms.plan.to_string(), terms.quantity);
    Line { kind, plan, add_on: None, description: None, quantity, amount, why, used: None }
}
