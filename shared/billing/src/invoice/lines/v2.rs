//! Rules version 2: changes and ends are divided by `proration::change`, whatever the policy says; prices bring their steps.
//!
//! Under a policy of unit and rounding alone it gives the amounts of version 1.

use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{Basis, DocumentSide, Explanation, Line, LineKind};
use crate::invoice::adjust::{self, Adjustment, Adjustments, Decided, Full, full_period};
use crate::{
    calendar::{Instant, Period},
    money::{Money, MoneyError, Rounding, Unrounded},
    pricing::{Step, Units},
    proration::{
        Cadence, ChangeInput, ChangeKind, ChangeLines, DiscountOrder, Factor, History, ItemChange, LineRule,
        ProratedLine, ProrationPolicy, Reach, Share, Side, Timing, change,
    },
    refusal::Refusal,
    terms::Terms,
};

/// See [`super::compute`].
pub(super) fn compute(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (decided, credit_minor) = decided(basis)?;
    let taxes = adjust::taxes(&decided, basis.terms())?;
    let mut lines: Vec<Line> = decided.into_iter().flat_map(|d| d.lines).chain(taxes).collect();
    super::settle(&mut lines, basis.terms(), credit_minor)?;
    Ok(lines)
}

/// The lines of every decision on the document, its own the last, and the customer's credit.
fn decided(basis: &Basis) -> Result<(Vec<Decided<'_>>, i64), Refusal> {
    let Basis::Carried { base, earlier } = basis else {
        let (lines, credit_minor) = unsettled(basis)?;
        return Ok((vec![Decided { lines, with: basis.adjustments() }], credit_minor));
    };
    let mut all = Vec::with_capacity(earlier.len() + 1);
    for basis in earlier {
        all.extend(decided(basis)?.0);
    }
    let (own, credit_minor) = decided(base)?;
    all.extend(own);
    Ok((all, credit_minor))
}

/// The lines before taxes and the customer's credit, and that credit.
fn unsettled(basis: &Basis) -> Result<(Vec<Line>, i64), Refusal> {
    Ok(match basis {
        Basis::Period { terms, credit_minor, adjustments, .. } => (recurring(terms, adjustments)?, *credit_minor),
        Basis::Change { from, to, period, at, zone, proration, next, credit_minor, adjustments } => {
            let cut = Cut { period, at: *at, zone: *zone, with: adjustments };
            (changed(&cut, from, to, *proration, next.is_some())?, *credit_minor)
        }
        Basis::End { terms, period, at, zone, proration, credit_minor, adjustments } => {
            let cut = Cut { period, at: *at, zone: *zone, with: adjustments };
            (ended(&cut, terms, *proration)?, *credit_minor)
        }
        Basis::Arrears { credit_minor, .. } => (Vec::new(), *credit_minor),
        Basis::Side { of, side, credit_minor } => (one_side(unsettled(of)?.0, *side), *credit_minor),
        // Only a whole document carries earlier decisions.
        Basis::Carried { base, .. } => unsettled(base)?,
        Basis::Metered { base, usage } => {
            let (mut lines, credit_minor) = unsettled(base)?;
            lines.extend(super::usage::lines(base.terms(), usage)?);
            (lines, credit_minor)
        }
    })
}

/// The lines of a side: a discount goes with the line that it follows.
fn one_side(lines: Vec<Line>, side: DocumentSide) -> Vec<Line> {
    let mut gives_back = false;
    let on_side = |line: &Line| {
        if line.kind != LineKind::Discount {
            gives_back = line.kind == LineKind::ProrationCredit;
        }
        gives_back == (side == DocumentSide::Credit)
    };
    lines.into_iter().filter(on_side).collect()
}

/// Where a period is cut, and with which discounts.
struct Cut<'a> {
    period: &'a Period,
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
        full_period(terms, &self.with.earlier_discounts, self.with.policy)
    }

    /// What was charged for the old terms, as far as the policy asks.
    fn history(&self, terms: &Terms) -> Result<History, MoneyError> {
        let charged = self.with.charged.as_deref();
        charged.map_or_else(|| Ok(History::default()), |c| c.history(terms.price.currency))
    }

    fn after(&self, terms: &Terms) -> Result<Full, Refusal> {
        full_period(terms, &self.with.discounts, self.with.policy)
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
    let (old, new) = (cut.before(from)?, cut.after(to)?);
    let item = ItemChange::new(&to.plan.name, Some(side(&old)), Some(side(&new)));
    let item = ItemChange { history: cut.history(from)?, ..item };
    let same = from.plan == to.plan && from.price == to.price;
    let kind = if same { ChangeKind::Quantity } else { ChangeKind::Terms };
    let outcome = change(&policy, &cut.input(kind, item, from, reach))?;
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
    let item = ItemChange { history: cut.history(terms)?, ..item };
    let outcome = change(&policy, &cut.input(ChangeKind::Termination, item, terms, Reach::Period))?;
    let mut lines = Vec::new();
    for line in &outcome.lines {
        lines.extend(divided(line, terms, &old, &policy)?);
    }
    Ok(lines)
}

/// What was really charged for a full period, so its rounding is undone exactly once.
fn side(full: &Full) -> Side {
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
fn recurring(terms: &Terms, with: &Adjustments) -> Result<Vec<Line>, Refusal> {
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
fn divided(part: &ProratedLine, terms: &Terms, full: &Full, policy: &ProrationPolicy) -> Result<Vec<Line>, Refusal> {
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
        capped: part.capped,
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
