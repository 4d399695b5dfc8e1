//! Rules version 2: changes and ends are divided by `proration::change`, whatever the policy says; prices bring their steps.
//!
//! Under a policy of unit and rounding alone it gives the amounts of version 1.

use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{Basis, Explanation, Line, LineKind};
use crate::{
    calendar::{Instant, Period},
    money::{Money, Rounding, Unrounded},
    pricing::{Step, Units},
    proration::{
        ChangeInput, ChangeKind, ChangeLines, Factor, ItemChange, LineRule, ProratedLine, ProrationPolicy, Reach,
        Share, Side, Timing, change,
    },
    refusal::Refusal,
    terms::Terms,
};

/// See [`super::compute`].
pub(super) fn compute(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (mut lines, credit_minor) = unsettled(basis)?;
    super::settle(&mut lines, basis.terms(), credit_minor)?;
    Ok(lines)
}

/// The lines before the customer's credit, and that credit.
fn unsettled(basis: &Basis) -> Result<(Vec<Line>, i64), Refusal> {
    Ok(match basis {
        Basis::Period { terms, credit_minor, .. } => (vec![recurring(terms)?], *credit_minor),
        Basis::Change { from, to, period, at, zone, proration, next, credit_minor } => {
            let cut = Cut { period, at: *at, zone: *zone };
            (changed(&cut, from, to, *proration, next.is_some())?, *credit_minor)
        }
        Basis::End { terms, period, at, zone, proration, credit_minor } => {
            (ended(&Cut { period, at: *at, zone: *zone }, terms, *proration)?, *credit_minor)
        }
        Basis::Arrears { credit_minor, .. } => (Vec::new(), *credit_minor),
        Basis::Metered { base, usage } => {
            let (mut lines, credit_minor) = unsettled(base)?;
            lines.extend(super::usage::lines(base.terms(), usage)?);
            (lines, credit_minor)
        }
    })
}

/// Where a period is cut.
struct Cut<'a> {
    period: &'a Period,
    at: Instant,
    zone: Tz,
}

impl Cut<'_> {
    /// A change of one item at this cut. The balance is set off later: version 1 and 2 keep credit in the same way.
    fn input(&self, kind: ChangeKind, item: ItemChange, of: &Terms, reach: Reach) -> ChangeInput {
        ChangeInput {
            kind,
            timing: Timing::Advance,
            period: self.period.into(),
            at: self.at,
            zone: self.zone,
            reach,
            items: vec![item],
            interval: Some(of.price.interval),
            contract_start: None,
            balance: Money::zero(of.price.currency),
        }
    }
}

fn changed(
    cut: &Cut<'_>,
    from: &Terms,
    to: &Terms,
    mut policy: ProrationPolicy,
    restarts: bool,
) -> Result<Vec<Line>, Refusal> {
    let reach = if restarts { Reach::Interval(to.price.interval) } else { Reach::Period };
    if restarts {
        // A difference only makes sense between two parts of the same period.
        policy.lines = ChangeLines::Two;
    }
    let item = ItemChange::new(&to.plan.name, Some(side(from)?), Some(side(to)?));
    let outcome = change(&policy, &cut.input(ChangeKind::Terms, item, from, reach))?;
    outcome
        .lines
        .into_iter()
        .map(|line| match line.rule {
            // A full period is rounded as every full period is: later credit is counted from that amount.
            LineRule::FullPeriod => recurring(to),
            LineRule::UnusedPrice | LineRule::UnusedDebit | LineRule::Used => divided(&line, from),
            LineRule::RestOfPeriod | LineRule::Stub | LineRule::Once | LineRule::Difference => divided(&line, to),
        })
        .collect()
}

fn ended(cut: &Cut<'_>, terms: &Terms, policy: ProrationPolicy) -> Result<Vec<Line>, Refusal> {
    let item = ItemChange::new(&terms.plan.name, Some(side(terms)?), None);
    let outcome = change(&policy, &cut.input(ChangeKind::Termination, item, terms, Reach::Period))?;
    outcome.lines.iter().map(|line| divided(line, terms)).collect()
}

/// What was really charged for a full period, so its rounding is undone exactly once.
fn side(terms: &Terms) -> Result<Side, Refusal> {
    Ok(Side::plain(Unrounded::from_money(terms.full_period_money()?)))
}

/// A full period, in advance.
fn recurring(terms: &Terms) -> Result<Line, Refusal> {
    let exact = terms.full_period()?;
    let why = Explanation {
        rule: terms.price.model.name().into(),
        part: None,
        full_minor: exact.minor().normalize(),
        share: None,
        unit: None,
        factor: None,
        steps: steps(terms)?,
        unrounded_minor: exact.minor().normalize(),
        rounding: Rounding::default(),
    };
    Ok(line(LineKind::Recurring, terms, exact.round(Rounding::default())?, why))
}

/// A part of a period.
fn divided(part: &ProratedLine, terms: &Terms) -> Result<Line, Refusal> {
    let kind = if part.amount.minor < 0 || part.unrounded_minor.is_sign_negative() {
        LineKind::ProrationCredit
    } else {
        LineKind::ProrationCharge
    };
    let why = Explanation {
        rule: terms.price.model.name().into(),
        part: Some(part.rule),
        full_minor: part.full_minor.abs().normalize(),
        share: Some(Share { left: part.factor.numerator(), whole: part.factor.denominator() }),
        unit: Some(part.unit),
        factor: as_decimal(part.factor)?,
        steps: steps(terms)?,
        unrounded_minor: part.unrounded_minor.normalize(),
        rounding: part.rounding,
    };
    Ok(line(kind, terms, part.amount, why))
}

fn as_decimal(factor: Factor) -> Result<Option<Decimal>, Refusal> {
    if factor.is_exact() { Ok(None) } else { Ok(Some(factor.value()?.normalize())) }
}

/// The steps of the price, where there is more than one multiplication to say.
fn steps(terms: &Terms) -> Result<Vec<Step>, Refusal> {
    let priced = terms.price.model.price(&Units::of(terms.quantity.into()), terms.price.currency);
    let steps = priced.map_err(crate::money::MoneyError::from)?.steps;
    Ok(if steps.len() > 1 { steps } else { Vec::new() })
}

fn line(kind: LineKind, terms: &Terms, amount: Money, why: Explanation) -> Line {
    Line { kind, plan: terms.plan.to_string(), quantity: terms.quantity, amount, why, used: None }
}
