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

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{adjust::Adjustment, basis::Basis};
use crate::{
    document::DocumentLine,
    money::{Money, MoneyError, Rounding},
    pricing::Step,
    proration::{ExtraTime, LineRule, Share},
    refusal::Refusal,
    terms::Terms,
};

pub use once::{Once, OneOff};
pub(crate) use prepaid::{cost as prepaid_cost, drawn as prepaid_drawn};
pub(super) use rules::Rules;
pub use stub::StubOf;
pub use usage::UsedUnits;

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
