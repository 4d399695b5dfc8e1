//! Rules version 2: changes and ends are divided by `proration::change`, whatever the policy says; prices bring their steps.
//!
//! Under a policy of unit and rounding alone it gives the amounts of version 1.

use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{
    Basis, Explanation, Line, LineKind,
    stub::{self, StubOf},
};
use crate::invoice::adjust::{self, Adjustment, Adjustments, Full, full_period};
use crate::{
    calendar::{Instant, Period},
    money::{Money, MoneyError, Rounding, Unrounded},
    pricing::{Step, Units},
    proration::{
        Cadence, ChangeInput, ChangeKind, ChangeLines, DiscountOrder, Factor, IntervalChange, ItemChange, LineRule,
        ProratedLine, ProratedSides, ProrationPolicy, Reach, Share, Side, Timing, change,
    },
    refusal::Refusal,
    terms::Terms,
};

/// See [`super::compute`].
pub(super) fn compute(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (mut lines, credit_minor) = unsettled(basis)?;
    adjust::add_taxes(&mut lines, basis.adjustments(), basis.terms())?;
    super::settle(&mut lines, basis.terms(), credit_minor)?;
    Ok(lines)
}

/// The lines before taxes and the customer's credit, and that credit.
fn unsettled(basis: &Basis) -> Result<(Vec<Line>, i64), Refusal> {
    Ok(match basis {
        Basis::Period { terms, period, stub: Some(of), credit_minor, adjustments } => {
            (stub::lines(terms, period, of, adjustments)?, *credit_minor)
        }
        Basis::Period { terms, credit_minor, adjustments, .. } => (recurring(terms, adjustments)?, *credit_minor),
        Basis::Change { from, to, period, stub, at, zone, proration, next, next_stub, credit_minor, adjustments } => {
            let cut = Cut { period, stub: stub.as_deref(), at: *at, zone: *zone, with: adjustments };
            let opens = next.as_ref().map(|next| (next, next_stub.as_deref()));
            (changed(&cut, from, to, *proration, opens)?, *credit_minor)
        }
        Basis::End { terms, period, stub, at, zone, proration, credit_minor, adjustments } => {
            let cut = Cut { period, stub: stub.as_deref(), at: *at, zone: *zone, with: adjustments };
            (ended(&cut, terms, *proration)?, *credit_minor)
        }
        Basis::Arrears { credit_minor, .. } => (Vec::new(), *credit_minor),
        Basis::Metered { base, usage } => {
            let (mut lines, credit_minor) = unsettled(base)?;
            lines.extend(super::usage::lines(base.terms(), usage)?);
            (lines, credit_minor)
        }
    })
}

/// Where a period is cut, and with which discounts.
struct Cut<'a> {
    period: &'a Period,
    stub: Option<&'a StubOf>,
    at: Instant,
    zone: Tz,
    with: &'a Adjustments,
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

    /// A full period of the old terms, as it was charged.
    fn before(&self, terms: &Terms) -> Result<Full, Refusal> {
        self.of_period(full_period(terms, &self.with.earlier_discounts, self.with.policy)?, terms)
    }

    /// The same period of the new terms.
    fn after(&self, terms: &Terms) -> Result<Full, Refusal> {
        self.of_period(full_period(terms, &self.with.discounts, self.with.policy)?, terms)
    }

    /// What the period costs of a full one.
    fn of_period(&self, full: Full, terms: &Terms) -> Result<Full, Refusal> {
        match self.stub {
            Some(of) => of.charged(&full, self.period, terms.price.interval),
            None => Ok(full),
        }
    }
}

fn changed(
    cut: &Cut<'_>,
    from: &Terms,
    to: &Terms,
    mut policy: ProrationPolicy,
    opens: Option<(&Period, Option<&StubOf>)>,
) -> Result<Vec<Line>, Refusal> {
    let reach = match opens {
        Some((next, Some(of))) => Reach::Anchor(of.stub(next, to.price.interval)),
        Some((_, None)) => Reach::Interval(to.price.interval),
        None => Reach::Period,
    };
    if opens.is_some() {
        // A difference only makes sense between two parts of the same period.
        policy.lines = ChangeLines::Two;
    }
    let new = match opens {
        Some(_) => full_period(to, &cut.with.discounts, cut.with.policy)?,
        None => cut.after(to)?,
    };
    let old = cut.before(from)?;
    // A moved anchor takes nothing from what was paid: its unused part is always given back.
    if opens.is_some() && from.price.interval == to.price.interval {
        (policy.sides, policy.interval_change) = (ProratedSides::Both, IntervalChange::Restart);
    }
    let keeps = matches!(reach, Reach::Anchor(_)) && policy.interval_change == IntervalChange::RestartWithoutCredit;
    let item = ItemChange::new(&to.plan.name, (!keeps).then(|| side(&old)), Some(side(&new)));
    let outcome = change(&policy, &cut.input(ChangeKind::Terms, item, from, reach))?;
    let mut lines = Vec::new();
    for line in outcome.lines {
        lines.extend(match line.rule {
            // A full period is rounded as every full period is: later credit is counted from that amount.
            LineRule::FullPeriod => recurring(to, cut.with)?,
            LineRule::UnusedPrice | LineRule::UnusedDebit | LineRule::Used => divided(&line, from, &old, &policy)?,
            LineRule::RestOfPeriod | LineRule::Stub | LineRule::Once => divided(&line, to, &new, &policy)?,
            LineRule::Difference => divided(&line, to, &difference(&old, &new)?, &policy)?,
        });
    }
    Ok(lines)
}

fn ended(cut: &Cut<'_>, terms: &Terms, policy: ProrationPolicy) -> Result<Vec<Line>, Refusal> {
    let old = cut.before(terms)?;
    let item = ItemChange::new(&terms.plan.name, Some(side(&old)), None);
    let outcome = change(&policy, &cut.input(ChangeKind::Termination, item, terms, Reach::Period))?;
    let mut lines = Vec::new();
    for line in &outcome.lines {
        lines.extend(divided(line, terms, &old, &policy)?);
    }
    Ok(lines)
}

/// What was really charged for a full period, so its rounding is undone exactly once.
pub(super) fn side(full: &Full) -> Side {
    let [list, net] = [full.list, full.net].map(Unrounded::from_money);
    Side { list, net, cadence: Cadence::Period }
}

/// What discounts take off the difference of two prices.
fn difference(old: &Full, new: &Full) -> Result<Full, MoneyError> {
    let less = |a: Money, b: Money| a.plus(b.negated()?);
    Ok(Full {
        list: less(new.list, old.list)?,
        off: less(new.off, old.off)?,
        net: less(new.net, old.net)?,
        applied: new.applied.clone(),
    })
}

/// A full period, in advance, and the discounts off it.
pub(super) fn recurring(terms: &Terms, with: &Adjustments) -> Result<Vec<Line>, Refusal> {
    let exact = terms.full_period()?;
    let minor = exact.minor();
    let why = Explanation {
        steps: steps(terms)?,
        ..adjust::plain(terms.price.model.name(), minor, minor, Rounding::default())
    };
    let full = full_period(terms, &with.discounts, with.policy)?;
    let mut lines = vec![adjust::of_terms(LineKind::Recurring, terms, exact.round(Rounding::default())?, why)];
    lines.extend(adjust::discount_lines(&full, terms, with.policy.discount.rounding)?);
    Ok(lines)
}

/// A part of a period, and its part of the discounts where they come off afterwards.
pub(super) fn divided(
    part: &ProratedLine,
    terms: &Terms,
    full: &Full,
    policy: &ProrationPolicy,
) -> Result<Vec<Line>, Refusal> {
    let kind = if part.amount.minor < 0 || part.unrounded_minor.is_sign_negative() {
        LineKind::ProrationCredit
    } else {
        LineKind::ProrationCharge
    };
    let after = policy.discount == DiscountOrder::AfterProration;
    let discounted = (full.off.minor != 0 && !after).then(|| {
        let list_minor = Decimal::from(full.list.minor);
        Box::new(Adjustment::Discounted { list_minor, discounts: full.applied.clone() })
    });
    let why = Explanation {
        part: Some(part.rule),
        share: Some(Share { left: part.factor.numerator(), whole: part.factor.denominator() }),
        unit: Some(part.unit),
        factor: as_decimal(part.factor)?,
        steps: steps(terms)?,
        adjustment: discounted,
        ..adjust::plain(terms.price.model.name(), part.full_minor.abs(), part.unrounded_minor, part.rounding)
    };
    let mut lines = vec![adjust::of_terms(kind, terms, part.amount, why)];
    if full.off.minor != 0 && after {
        lines.push(shared_discount(part, terms, full)?);
    }
    Ok(lines)
}

/// The discount's share of a part that was divided at its list price: off a charge, back from a credit.
fn shared_discount(part: &ProratedLine, terms: &Terms, full: &Full) -> Result<Line, Refusal> {
    let off = part.factor.of(Unrounded::from_money(full.off))?;
    let gives_back = matches!(part.rule, LineRule::UnusedPrice | LineRule::UnusedDebit);
    let sign = if gives_back { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
    let exact = off.times(sign, Decimal::ONE)?;
    let why = Explanation {
        part: Some(part.rule),
        share: Some(Share { left: part.factor.numerator(), whole: part.factor.denominator() }),
        unit: Some(part.unit),
        factor: as_decimal(part.factor)?,
        adjustment: Some(Box::new(Adjustment::SharedDiscount { discounts: full.applied.clone() })),
        ..adjust::plain("discount", Decimal::from(full.off.minor), exact.minor(), part.rounding)
    };
    Ok(adjust::of_terms(LineKind::Discount, terms, exact.round(part.rounding)?, why))
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
