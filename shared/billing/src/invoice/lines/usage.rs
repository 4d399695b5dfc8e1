//! Lines for usage, the same under every rules version that has them: what a meter counted, by its price; for what came
//! late, that less what the same span cost on an earlier invoice.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Explanation, Line, LineKind};
use crate::{
    calendar::Instant,
    invoice::adjust::{self, Adjustment},
    money::{MoneyError, Rounding},
    pricing::Priced,
    terms::Terms,
    usage::{SpanPart, UnitTime, UsageCharge, UsageMinimum},
};

/// What a line for usage is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedUnits {
    /// Which meter.
    pub meter: String,
    /// What it counted in the span.
    pub units: Decimal,
    /// In how many events.
    pub events: u64,
    /// First instant of the span.
    pub start: Instant,
    /// First instant after it.
    pub end: Instant,
    /// How many of the events were counted without their amounts, where the price looks at each: they count as equally large.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub averaged: u64,
    /// Units that an earlier invoice was for, where this line is about what came late to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoiced: Option<Decimal>,
    /// Which part of a full period the span is, where what is included, tiers or amounts are in proportion to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<SpanPart>,
    /// For how long units were there, where they are billed for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<UnitTime>,
}

/// The lines of `charges`, one each, rounded as full periods are.
pub(super) fn lines(terms: &Terms, charges: &[UsageCharge]) -> Result<Vec<Line>, MoneyError> {
    charges.iter().map(|charge| line(terms, charge)).collect()
}

fn line(terms: &Terms, charge: &UsageCharge) -> Result<Line, MoneyError> {
    let UsageCharge { item, plan, start, end, quantity, events, each, invoiced, part, time, .. } = charge;
    let Priced { amount, steps } = charge.priced()?;
    let exact = amount.minor().normalize();
    let rounding = item.rounding();
    Ok(Line {
        kind: if invoiced.is_some() { LineKind::UsageLate } else { LineKind::Usage },
        plan: plan.as_ref().unwrap_or(&terms.plan).to_string(),
        add_on: None,
        description: None,
        quantity: 1,
        amount: charge.amount()?,
        why: Explanation {
            rule: item.price.name().into(),
            part: None,
            full_minor: exact,
            share: None,
            unit: None,
            factor: None,
            steps,
            unrounded_minor: exact,
            rounding,
            capped: false,
            adjustment: None,
        },
        used: Some(Box::new(UsedUnits {
            meter: item.meter.id.clone(),
            units: *quantity,
            events: *events,
            averaged: each.map_or(0, |each| each.averaged),
            start: *start,
            end: *end,
            invoiced: invoiced.as_ref().map(|before| before.quantity),
            part: *part,
            time: time.clone(),
        })),
    })
}

/// The lines of minimums, one each.
pub(super) fn true_ups(terms: &Terms, minimums: &[UsageMinimum]) -> Result<Vec<Line>, MoneyError> {
    let line = |minimum: &UsageMinimum| {
        let amount = minimum.amount()?;
        let exact = Decimal::from(amount.minor);
        let why = Explanation {
            adjustment: Some(Box::new(Adjustment::TrueUp(minimum.clone()))),
            ..adjust::plain("true-up", Decimal::from(minimum.minimum.minor), exact, Rounding::default())
        };
        let plan = minimum.plan.as_ref().unwrap_or(&terms.plan).to_string();
        Ok(Line { quantity: 1, plan, ..adjust::of_terms(LineKind::TrueUp, terms, amount, why) })
    };
    minimums.iter().map(line).collect()
}
