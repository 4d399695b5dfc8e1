//! Lines of an invoice, computed from its basis; each can explain itself.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Instant, Period},
    money::{Money, MoneyError, Rounding, Unrounded},
    proration::{ProrationPolicy, Share},
    refusal::Refusal,
    terms::Terms,
};

/// The inputs that an invoice was decided from: enough to compute it again, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "kebab-case")]
pub enum Basis {
    /// One full period, in advance.
    Period {
        /// What is bought.
        terms: Terms,
        /// For when.
        period: Period,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
    },
    /// A change in the middle of a period.
    Change {
        /// What was bought.
        from: Box<Terms>,
        /// What is bought now.
        to: Box<Terms>,
        /// The period that the change cuts.
        period: Period,
        /// When.
        at: Instant,
        /// The zone that days are counted in.
        zone: Tz,
        /// How the period is divided.
        proration: ProrationPolicy,
        /// The period that starts with the change, when the interval changes; else the rest of `period`.
        next: Option<Period>,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
    },
}

impl Basis {
    /// The terms in force after the decision.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        match self {
            Self::Period { terms, .. } => terms,
            Self::Change { to, .. } => to,
        }
    }

    /// The period that the money is for.
    #[must_use]
    pub fn period(&self) -> &Period {
        match self {
            Self::Period { period, .. } => period,
            Self::Change { period, next, .. } => next.as_ref().unwrap_or(period),
        }
    }
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
}

/// Why a line has its amount: the computation, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The rule: a price model's name, or `credit`.
    pub rule: String,
    /// The full amount before any share, in minor units, exact.
    pub full_minor: Decimal,
    /// The share of the period, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What the share is counted in (`day`, `second`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<crate::proration::ProrationUnit>,
    /// The amount before rounding, in minor units, exact (a division is cut at 28 digits).
    pub unrounded_minor: Decimal,
    /// How it was rounded.
    pub rounding: Rounding,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// `plan@version` that it is about.
    pub plan: String,
    /// Units.
    pub quantity: u32,
    /// Negative amounts are in the customer's favour.
    pub amount: Money,
    /// Why.
    pub why: Explanation,
}

/// The lines of an invoice under rules version `rules`; their sum is what is owed, never below zero.
///
/// # Errors
/// [`Refusal::Money`] when an amount cannot be computed; never a wrong amount. [`Refusal::InvalidField`] for a
/// rules version that this build does not know.
pub fn compute(rules: u16, basis: &Basis) -> Result<Vec<Line>, Refusal> {
    match rules {
        1 => compute_v1(basis),
        _ => Err(Refusal::InvalidField { field: "rules", detail: format!("rules version {rules} is not known here") }),
    }
}

fn compute_v1(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (mut lines, credit_minor) = match basis {
        Basis::Period { terms, credit_minor, .. } => {
            (vec![share_line(LineKind::Recurring, terms, None, ProrationPolicy::default())?], *credit_minor)
        }
        Basis::Change { from, to, period, at, zone, proration, next, credit_minor } => {
            let left = Share::left_of(period, *at, *zone, proration.unit);
            let credit = share_line(LineKind::ProrationCredit, from, Some(left), *proration)?;
            let charge = match next {
                // A full period is rounded as every full period is: later credit is counted from that amount.
                Some(_) => share_line(LineKind::Recurring, to, None, ProrationPolicy::default())?,
                None => share_line(LineKind::ProrationCharge, to, Some(left), *proration)?,
            };
            (vec![credit, charge], *credit_minor)
        }
    };
    let terms = basis.terms();
    let owed = Money::sum(terms.price.currency, lines.iter().map(|l| l.amount))?;
    if owed.minor < 0 {
        lines.push(credit_line(LineKind::CreditKept, terms, owed.negated()?));
    } else if credit_minor > 0 && owed.minor > 0 {
        let used = Money::new(-credit_minor.min(owed.minor), owed.currency);
        lines.push(credit_line(LineKind::CreditUsed, terms, used));
    }
    Ok(lines)
}

fn share_line(
    kind: LineKind,
    terms: &Terms,
    share: Option<Share>,
    policy: ProrationPolicy,
) -> Result<Line, MoneyError> {
    let sign = if kind == LineKind::ProrationCredit { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    // The credit base is what was really charged for a full period, so its rounding is undone exactly once.
    let full = Unrounded::from_money(terms.full_period_money()?);
    let exact = terms.full_period()?;
    let base = if share.is_some() { full } else { exact };
    let (numerator, denominator) = share.map_or((Decimal::ONE, Decimal::ONE), Share::parts);
    let unrounded = base.times(numerator * sign, denominator)?;
    Ok(Line {
        kind,
        plan: terms.plan.to_string(),
        quantity: terms.quantity,
        amount: unrounded.round(policy.rounding)?,
        why: Explanation {
            rule: terms.price.model.name().into(),
            full_minor: base.minor().normalize(),
            share,
            unit: share.map(|_| policy.unit),
            unrounded_minor: unrounded.minor().normalize(),
            rounding: policy.rounding,
        },
    })
}

fn credit_line(kind: LineKind, terms: &Terms, amount: Money) -> Line {
    let exact = Decimal::from(amount.minor);
    let why = Explanation {
        rule: "credit".into(),
        full_minor: exact,
        share: None,
        unit: None,
        unrounded_minor: exact,
        rounding: Rounding::HalfEven,
    };
    Line { kind, plan: terms.plan.to_string(), quantity: terms.quantity, amount, why }
}
