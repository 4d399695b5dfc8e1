//! `prorate`: what a change in the middle of a period gives back and charges, and where the money goes.
//!
//! Exists so that a change can be explained before it is made, under any profile: every line has its factor, what it is a
//! part of, its exact amount and how that was rounded.

mod ask;
mod parts;

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::Serialize;

use self::ask::{Kind, Question};
use super::{
    Answered, CalcError,
    words::{Amount, Stretch},
};
use crate::{
    calendar::{Instant, recurrence::Span, schedule::Schedule as Contract},
    money::{Currency, Money, Rounding, Unrounded},
    profile::{Profile, Rules},
    proration::{
        ChangeInput, ChangeKind, ChangeOutcome, CreditBase, CreditCap, Debit, Destination, Factor, ItemChange,
        PeriodEnd, ProrationPolicy, ProrationUnit, Reach, Side, Stub, TaxedCredit, change, first_anchor, taxed_credit,
    },
};

/// An answer by prorate.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    profile: Answered,
    kind: Kind,
    currency: &'static str,
    /// The policy that was followed, as it is stored: fields that hold their default are left out.
    policy: ProrationPolicy,
    /// What was not given and taken as the usual case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumed: Vec<&'static str>,
    lines: Vec<Line>,
    /// In the customer's favour: 0 or less.
    credit: Amount,
    charge: Amount,
    net: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax: Option<Tax>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement: Option<Settled>,
    /// What runs after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<Stretch>,
}

/// One line, and how it came about.
#[derive(Debug, Serialize)]
struct Line {
    item: String,
    rule: String,
    /// Which of the segments, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<usize>,
    /// For when; none for a plain factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<Stretch>,
    factor: Fraction,
    unit: ProrationUnit,
    /// What the factor is a part of, in minor units.
    full_minor: Decimal,
    capped: bool,
    unrounded_minor: Decimal,
    rounding: Rounding,
    total: Amount,
}

/// A factor in words.
#[derive(Debug, Serialize)]
struct Fraction {
    numerator: i64,
    denominator: i64,
    value: Decimal,
}

impl Fraction {
    fn of(factor: Factor) -> Result<Self, CalcError> {
        let value = factor.value()?.normalize();
        Ok(Self { numerator: factor.numerator(), denominator: factor.denominator(), value })
    }
}

/// Both sides with their tax.
#[derive(Debug, Serialize)]
struct Tax {
    percent: Decimal,
    /// What is given back.
    credit: Taxed,
    charge: Taxed,
}

#[derive(Debug, Serialize)]
struct Taxed {
    subtotal: Amount,
    tax: Amount,
    total: Amount,
}

impl From<TaxedCredit> for Taxed {
    fn from(taxed: TaxedCredit) -> Self {
        Self { subtotal: taxed.subtotal.into(), tax: taxed.tax.into(), total: taxed.total.into() }
    }
}

/// Where the money goes.
#[derive(Debug, Serialize)]
struct Settled {
    destination: Destination,
    due_now: Amount,
    next_invoice: Amount,
    credit_note: Amount,
    credit_used: Amount,
    balance: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_days: Option<u32>,
}

pub(super) fn answer(question: &Question, profile: Profile) -> Result<Answer, CalcError> {
    let profile = question.profile.unwrap_or(profile);
    let policy = question.policy(profile)?;
    question.check()?;
    match question.kind {
        Kind::LeadingStub | Kind::TrailingStub | Kind::Segments | Kind::Factor => {
            parts::answer(question, profile, &policy)
        }
        _ => changed(question, profile, &policy),
    }
}

impl Answer {
    fn new(question: &Question, profile: Profile, policy: &ProrationPolicy, lines: Vec<Line>) -> Self {
        let nothing = || Amount::from(Money::zero(question.currency));
        Self {
            id: question.id.clone(),
            profile: Answered::by(profile, Rules::Proration),
            kind: question.kind,
            currency: question.currency.code(),
            policy: *policy,
            assumed: Vec::new(),
            lines,
            credit: nothing(),
            charge: nothing(),
            net: nothing(),
            tax: None,
            settlement: None,
            period: None,
        }
    }
}

fn changed(question: &Question, profile: Profile, policy: &ProrationPolicy) -> Result<Answer, CalcError> {
    let mut assumed = Vec::new();
    let (input, taken) = input(question, profile, policy)?;
    assumed.extend(taken);
    let input = with_usual_history(policy, input, &mut assumed)?;
    let outcome = change(policy, &input)?;
    let zone = question.zone.0;
    let mut lines = Vec::with_capacity(outcome.lines.len());
    for line in &outcome.lines {
        lines.push(Line {
            item: line.item.clone(),
            rule: line.rule.to_string(),
            segment: None,
            period: Some(Stretch::new(line.span.start, line.span.end, zone)),
            factor: Fraction::of(line.factor)?,
            unit: line.unit,
            full_minor: line.full_minor,
            capped: line.capped,
            unrounded_minor: line.unrounded_minor,
            rounding: line.rounding,
            total: line.amount.into(),
        });
    }
    let tax = question.tax_percent.map(|percent| tax(policy, &outcome, percent.0, question.currency)).transpose()?;
    Ok(Answer {
        assumed,
        credit: outcome.credit.into(),
        charge: outcome.charge.into(),
        net: outcome.net.into(),
        tax,
        settlement: Some(settled(&outcome)),
        period: Some(Stretch::new(outcome.period.start, outcome.period.end, zone)),
        ..Answer::new(question, profile, policy, lines)
    })
}

fn settled(outcome: &ChangeOutcome) -> Settled {
    let s = outcome.settlement;
    Settled {
        destination: s.destination,
        due_now: s.due_now.into(),
        next_invoice: s.next_invoice.into(),
        credit_note: s.credit_note.into(),
        credit_used: s.credit_used.into(),
        balance: s.credit_left.into(),
        extra_days: s.extra_days,
    }
}

/// A side of a single line is taxed from its exact amount; several lines are rounded before they are added.
fn tax(
    policy: &ProrationPolicy,
    outcome: &ChangeOutcome,
    percent: Decimal,
    currency: Currency,
) -> Result<Tax, CalcError> {
    let side = |total: Money, is_of: fn(i64) -> bool| {
        let those: Vec<_> = outcome.lines.iter().filter(|l| is_of(l.amount.minor)).collect();
        let minor = match those.as_slice() {
            [one] => one.unrounded_minor,
            _ => Decimal::from(total.minor),
        };
        Ok::<Taxed, CalcError>(taxed_credit(policy, Unrounded::from_minor(minor.abs(), currency), percent)?.into())
    };
    Ok(Tax { percent, credit: side(outcome.credit, |m| m < 0)?, charge: side(outcome.charge, |m| m > 0)? })
}

/// The question as the rules take it, and what was taken as the usual case.
fn input(
    question: &Question,
    profile: Profile,
    policy: &ProrationPolicy,
) -> Result<(ChangeInput, Option<&'static str>), CalcError> {
    let zone = question.zone.0;
    let at = question.at.ok_or_else(|| CalcError::field("at", "is missing: when does the change happen?"))?.at(zone);
    let (period, assumed) = period(question, profile, at)?;
    // An inclusive end is a day, and the change may happen during it.
    let last = if policy.period_end == PeriodEnd::Inclusive { period.end + TimeDelta::days(1) } else { period.end };
    if at < period.start || at > last {
        return Err(CalcError::field("at", "lies outside the period that it cuts: give the period that holds it"));
    }
    let kind = match question.kind {
        Kind::Cancel => ChangeKind::Termination,
        Kind::Quantity => ChangeKind::Quantity,
        _ => ChangeKind::Terms,
    };
    let contract_start = question.contract_start.or(question.start).map(|when| when.at(zone));
    let input = ChangeInput {
        kind,
        timing: question.timing,
        period,
        at,
        zone,
        reach: reach(question, at)?,
        items: question.changes()?,
        interval: question.interval,
        contract_start,
        balance: question.balance()?,
    };
    Ok((input, assumed))
}

/// The period that was given, or the one of the contract's schedule that holds the change.
fn period(question: &Question, profile: Profile, at: Instant) -> Result<(Span, Option<&'static str>), CalcError> {
    let zone = question.zone.0;
    if let Some(period) = question.period {
        let (start, end) = period.at("period", zone)?;
        return Ok((Span::new(start, end), None));
    }
    let start = question
        .start
        .ok_or_else(|| CalcError::field("period", "is missing: give it, or the start of the contract"))?
        .at(zone);
    let interval = question.interval()?;
    let contract = Contract::try_new(start, interval, &profile.alignment(interval), zone)?;
    let held = contract.period_at(at)?;
    let held = held.ok_or_else(|| CalcError::field("at", "lies before the start of the contract"))?;
    Ok((Span::new(held.span.start, held.span.end), Some("period: cut from the day of the start")))
}

fn reach(question: &Question, at: Instant) -> Result<Reach, CalcError> {
    let zone = question.zone.0;
    let until = match (question.new_anchor, question.anchor_day) {
        (Some(_), Some(_)) => return Err(CalcError::field("new_anchor", "is given beside anchor_day: keep one")),
        (Some(anchor), None) => Some(anchor.at(zone)),
        (None, Some(day)) => Some(first_anchor(at, day, &question.schedule()?)?),
        (None, None) => None,
    };
    match (question.new_interval, until) {
        (Some(_), Some(_)) => Err(CalcError::field(
            "new_interval",
            "is given beside a new anchor: make it two changes, one after the other",
        )),
        (Some(interval), None) => Ok(Reach::Interval(interval)),
        (None, Some(until)) if until > at => {
            let stub = Stub::leading(at, until, question.interval()?, zone)?;
            if at < stub.period.start {
                return Err(CalcError::field("new_anchor", "lies more than one interval after the change"));
            }
            Ok(Reach::Anchor(stub))
        }
        (None, Some(_)) => Err(CalcError::field("new_anchor", "must lie after the change")),
        (None, None) => Ok(Reach::Period),
    }
}

/// Where the policy asks what was debited or paid and nobody said so: the old price, for the whole period.
fn with_usual_history(
    policy: &ProrationPolicy,
    mut input: ChangeInput,
    assumed: &mut Vec<&'static str>,
) -> Result<ChangeInput, CalcError> {
    let asks_debits = matches!(policy.credit_base, CreditBase::Debited | CreditBase::Smaller);
    let asks_paid = matches!(policy.cap, CreditCap::Paid | CreditCap::PaidExceptQuantity);
    let (span, rounding) = (input.period, policy.rounding);
    let mut take = |what| {
        if !assumed.contains(&what) {
            assumed.push(what);
        }
    };
    for item in &mut input.items {
        let Some(from) = item.from else { continue };
        let price = from.net.round(rounding)?;
        if asks_debits && item.history.debits.is_empty() {
            item.history.debits.push(Debit { span, amount: price });
            take("debits: the old price was debited for the whole period");
        }
        if asks_paid && item.history.paid.is_none() {
            item.history.paid = Some(price);
            take("paid: the old price was paid");
        }
    }
    Ok(input)
}

/// An item without a name.
const PLAN: &str = "plan";

/// The items of a change that names none: the plan.
fn plan(from: Option<Side>, to: Option<Side>) -> ItemChange {
    ItemChange::new(PLAN, from, to)
}
