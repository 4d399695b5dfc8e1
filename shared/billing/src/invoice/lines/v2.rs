//! Rules version 2: changes and ends are divided by `proration::change`, whatever the policy says; prices bring their steps.
//!
//! Under a policy of unit and rounding alone it gives the amounts of version 1. Version 3 is the same with what [`Rules`]
//! names.

use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{
    Explanation, Line, LineKind, Rules,
    items::{self, Changed},
    sided,
    stub::{self, StubOf},
};
use crate::invoice::{
    Basis, DocumentSide,
    adjust::{self, Adjustment, Adjustments, Decided, Full, full_period},
    consolidated, credit,
};
use crate::{
    calendar::{Instant, Period},
    document::DocumentLine,
    money::{Money, MoneyError, Unrounded},
    proration::{
        ChangeInput, ChangeKind, ChangeLines, CreditTax, DayOwner, Denominator, Destination, DiscountOrder, ExtraTime,
        Factor, IntervalChange, ItemChange, LineRule, ProratedLine, ProratedSides, ProrationPolicy, Reach, Share,
        Timing, change, extra_time,
    },
    refusal::Refusal,
    terms::Terms,
};

/// See [`super::compute`].
pub(super) fn compute(rules: Rules, basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (decided, credit_minor) = decided(rules, basis)?;
    let taxes = adjust::taxes(&decided, basis.terms())?;
    let mut lines: Vec<Line> = decided.into_iter().flat_map(|d| d.lines).chain(taxes).collect();
    lines.extend(super::prepaid::lines(basis)?);
    super::settle(&mut lines, basis.terms(), credit_minor)?;
    Ok(lines)
}

/// The lines of every decision on the document, its own the last, and the customer's credit.
fn decided(rules: Rules, basis: &Basis) -> Result<(Vec<Decided<'_>>, i64), Refusal> {
    let Basis::Carried { base, earlier } = basis else {
        let (lines, credit_minor) = unsettled(rules, basis)?;
        return Ok((
            vec![Decided { lines, with: basis.adjustments(), together: together(rules, basis) }],
            credit_minor,
        ));
    };
    let mut all = Vec::with_capacity(earlier.len() + 1);
    for basis in earlier {
        all.extend(decided(rules, basis)?.0);
    }
    let (own, credit_minor) = decided(rules, base)?;
    all.extend(own);
    Ok((all, credit_minor))
}

/// Whether what the decision gives back is rounded with its tax.
fn together(rules: Rules, basis: &Basis) -> bool {
    let says = match basis.decision() {
        Basis::Change { proration, .. } | Basis::End { proration, .. } => proration.credit_tax == CreditTax::Together,
        _ => false,
    };
    says && rules.round_credits_with_their_tax()
}

/// See [`super::creditable`].
pub(super) fn creditable(rules: Rules, basis: &Basis) -> Result<Vec<DocumentLine>, Refusal> {
    adjust::document_lines(&decided(rules, basis)?.0, basis.terms())
}

/// The lines before taxes and the customer's credit, and that credit.
fn unsettled(rules: Rules, basis: &Basis) -> Result<(Vec<Line>, i64), Refusal> {
    Ok(match basis {
        Basis::Period { terms, period, stub: Some(of), credit_minor, adjustments } => {
            (stub::lines(rules, terms, period, of, adjustments)?, *credit_minor)
        }
        Basis::Period { terms, credit_minor, adjustments, .. } => {
            (recurring(rules, terms, adjustments)?, *credit_minor)
        }
        Basis::Change { from, to, period, stub, at, zone, proration, next, next_stub, credit_minor, adjustments } => {
            let cut = Cut { rules, period, stub: stub.as_deref(), at: *at, zone: *zone, with: adjustments };
            let opens = next.as_ref().map(|next| (next, next_stub.as_deref()));
            (changed(&cut, from, to, *proration, opens)?, *credit_minor)
        }
        Basis::End { terms, period, stub, at, zone, proration, credit_minor, adjustments } => {
            let cut = Cut { rules, period, stub: stub.as_deref(), at: *at, zone: *zone, with: adjustments };
            (ended(&cut, terms, *proration)?, *credit_minor)
        }
        Basis::Arrears { credit_minor, .. } => (Vec::new(), *credit_minor),
        Basis::CreditNote { terms, note, refund_minor, due_minor, .. } => {
            (credit::lines(terms, note, *refund_minor, *due_minor)?, 0)
        }
        Basis::Document { terms, items, .. } => (consolidated::lines(items, terms.price.currency), 0),
        Basis::Side { of, side, credit_minor } => (one_side(unsettled(rules, of)?.0, *side), *credit_minor),
        // Only a whole document carries earlier decisions; prepaid credit pays after its taxes.
        Basis::Carried { base, .. } | Basis::Prepaid { base, .. } => unsettled(rules, base)?,
        Basis::Once { base, once } => {
            let (mut lines, credit_minor) = unsettled(rules, base)?;
            lines.extend(super::once::lines(base.terms(), once));
            (lines, credit_minor)
        }
        Basis::Metered { base, usage, minimums } => {
            let (mut lines, credit_minor) = unsettled(rules, base)?;
            lines.extend(super::usage::lines(base.terms(), usage)?);
            lines.extend(super::usage::true_ups(base.terms(), minimums)?);
            (lines, credit_minor)
        }
    })
}

/// The lines of a side.
fn one_side(lines: Vec<Line>, side: DocumentSide) -> Vec<Line> {
    let on_side = |(gives_back, line)| (gives_back == (side == DocumentSide::Credit)).then_some(line);
    sided(lines).filter_map(on_side).collect()
}

/// Where a period is cut, and with which discounts.
struct Cut<'a> {
    rules: Rules,
    period: &'a Period,
    stub: Option<&'a StubOf>,
    at: Instant,
    zone: Tz,
    with: &'a Adjustments,
}

impl Cut<'_> {
    /// A change of items at this cut. The balance is set off later: version 1 and 2 keep credit in the same way.
    fn input(&self, kind: ChangeKind, items: Vec<ItemChange>, of: &Terms, reach: Reach) -> ChangeInput {
        ChangeInput {
            kind,
            timing: Timing::Advance,
            period: self.period.into(),
            at: self.at,
            zone: self.zone,
            reach,
            items,
            interval: Some(of.price.interval),
            contract_start: None,
            balance: Money::zero(of.price.currency),
        }
    }

    /// A full period of the old terms, as it was charged.
    fn before<'t>(&self, terms: &'t Terms) -> Result<Vec<Full<'t>>, Refusal> {
        let full = full_period(terms, &self.with.earlier_discounts, self.with.policy, self.rules)?;
        self.stub.map_or_else(|| Ok(full.clone()), |of| of.all_charged(&full, self.period, terms.price.interval))
    }

    /// The same period of the new terms.
    fn after<'t>(&self, terms: &'t Terms) -> Result<Vec<Full<'t>>, Refusal> {
        let full = full_period(terms, &self.with.discounts, self.with.policy, self.rules)?;
        self.stub.map_or_else(|| Ok(full.clone()), |of| of.all_priced(&full, self.period, terms.price.interval))
    }

    /// The policy for this period: what is a part already is divided by itself, whatever a whole period is divided by.
    fn policy(&self, policy: ProrationPolicy) -> ProrationPolicy {
        let denominator = if self.is_part() { Denominator::Period } else { policy.denominator };
        // What is left is an amount after discounts, and so is what may be given back of it.
        let discount = if self.with.kept.is_some() { DiscountOrder::BeforeProration } else { policy.discount };
        ProrationPolicy { denominator, discount, ..policy }
    }

    /// Credit notes gave back some of what the period was charged: together nobody gives back more than that.
    fn limited(
        &self,
        lines: Vec<ProratedLine>,
        policy: &ProrationPolicy,
        goes_on: bool,
    ) -> Result<Vec<ProratedLine>, MoneyError> {
        match self.with.kept {
            Some(kept) => kept.limit(lines, policy, goes_on),
            None => Ok(lines),
        }
    }

    /// Whether what the period was charged is for its own days: those that were bought, those of a stub.
    fn is_part(&self) -> bool {
        self.stub.is_some_and(|of| of.bought.is_some() || self.rules.divide_stubs_by_themselves())
    }

    /// Whether a new period and what is unused of the one before can be one amount: neither is discounted, both are taxed
    /// the same, and no credit note gave back some of it.
    fn is_one_amount(&self) -> bool {
        let with = self.with;
        let plain = with.discounts.is_empty() && with.earlier_discounts.is_empty() && with.kept.is_none();
        self.rules.net_across_periods() && plain && with.tax == with.earlier_tax
    }

    /// Whether the period is one of days that were bought.
    fn is_bought(&self) -> bool {
        self.stub.is_some_and(|of| of.bought.is_some())
    }

    /// What is unused of the old terms, as days of the new ones: every item is given back and bought anew, because the end of
    /// the period moves for all of them. None where nothing is bought.
    fn extra_time(&self, from: &Terms, to: &Terms, policy: ProrationPolicy) -> Result<Option<ExtraTime>, Refusal> {
        let new = full_period(to, &self.with.discounts, self.with.policy, self.rules)?;
        let inputs = self.inputs(&items::changes(self.before(from)?, new, self.with, true), from)?;
        // The day (second) on which bought time began was used up by the change that bought it.
        let begins = policy.unit.between(self.period.start, self.at, self.zone) == 0;
        let is_used_up = begins && self.is_bought() && self.rules.use_a_day_once();
        let change_day = if is_used_up { DayOwner::New } else { policy.change_day };
        let of = ProrationPolicy { interval_change: IntervalChange::Restart, change_day, ..policy };
        let input = self.input(ChangeKind::Terms, inputs, from, Reach::Interval(to.price.interval));
        extra_time(&of, &input, self.is_part())
    }

    /// The changed items, each with what was charged for it, as far as the policy asks.
    fn inputs(&self, items: &[Changed<'_>], terms: &Terms) -> Result<Vec<ItemChange>, MoneyError> {
        let charged = self.with.charged.as_deref();
        let history = |item: &Changed<'_>| {
            let known = charged.zip(item.old.as_ref());
            known.map(|(charged, old)| charged.history(old.item.add_on, terms.price.currency)).transpose()
        };
        items
            .iter()
            .map(|item| Ok(ItemChange { history: history(item)?.unwrap_or_default(), ..item.input() }))
            .collect()
    }
}

fn changed(
    cut: &Cut<'_>,
    from: &Terms,
    to: &Terms,
    mut policy: ProrationPolicy,
    opens: Option<(&Period, Option<&StubOf>)>,
) -> Result<Vec<Line>, Refusal> {
    if opens.and_then(|(_, of)| of).is_some_and(|of| of.bought.is_some()) {
        return bought(cut, from, to, policy);
    }
    policy = cut.policy(policy);
    let reach = match opens {
        Some((next, Some(of))) => Reach::Anchor(of.stub(next, to.price.interval)),
        Some((_, None)) => Reach::Interval(to.price.interval),
        None => Reach::Period,
    };
    if opens.is_some() && !cut.is_one_amount() {
        policy.lines = ChangeLines::Two;
    }
    if policy.buys_time() {
        // Nothing was bought (nothing was unused, the new terms are free, an anchor was moved): then money is what moves.
        policy.destination = Destination::InvoiceNow;
    }
    if matches!(reach, Reach::Interval(_)) && policy.interval_change == IntervalChange::KeepAnchor {
        // The change happens where the kept anchor cuts: the new period is whole.
        policy.interval_change = IntervalChange::Restart;
    }
    // A moved anchor takes nothing from what was paid: its unused part is always given back.
    if opens.is_some() && from.price.interval == to.price.interval {
        (policy.sides, policy.interval_change) = (ProratedSides::Both, IntervalChange::Restart);
    }
    let keeps = matches!(reach, Reach::Anchor(_)) && policy.interval_change == IntervalChange::RestartWithoutCredit;
    let old = if keeps { Vec::new() } else { cut.before(from)? };
    let new = match opens {
        Some(_) => full_period(to, &cut.with.discounts, cut.with.policy, cut.rules)?,
        None => cut.after(to)?,
    };
    let items = items::changes(old, new, cut.with, opens.is_some());
    let inputs = cut.inputs(&items, from)?;
    let same = from.plan == to.plan && from.price == to.price;
    let kind = if same { ChangeKind::Quantity } else { ChangeKind::Terms };
    let input = cut.input(kind, inputs, from, reach);
    let outcome = change(&policy, &input)?;
    let apart = if opens.is_some() { both_sides(&policy, &input)? } else { Vec::new() };
    let mut lines = Vec::new();
    for line in cut.limited(outcome.lines, &policy, opens.is_none())? {
        let item = items.iter().find(|item| item.name() == line.item);
        let (old, new) = item.map_or((None, None), |item| (item.old.as_ref(), item.new.as_ref()));
        lines.extend(match (line.rule, old, new) {
            // A full period is rounded as every full period is: later credit is counted from that amount.
            (LineRule::FullPeriod, _, Some(new)) => full_item(new, cut.with)?,
            (LineRule::UnusedPrice | LineRule::UnusedDebit | LineRule::Used, Some(old), _) => {
                divided(&line, old, &policy)?
            }
            (LineRule::Difference, Some(_), Some(new)) if opens.is_some() => vec![net(&line, new, &apart, &policy)?],
            (LineRule::Difference, Some(old), Some(new)) => divided(&line, &difference(old, new)?, &policy)?,
            (LineRule::RestOfPeriod | LineRule::Stub | LineRule::Once, _, Some(new)) => divided(&line, new, &policy)?,
            // `change` makes lines of the sides that it was given.
            (rule, ..) => return Err(no_side(rule, &line.item)),
        });
    }
    Ok(lines)
}

/// The two sides of every item that has one line for the difference, for its explanation.
fn both_sides(policy: &ProrationPolicy, input: &ChangeInput) -> Result<Vec<ProratedLine>, Refusal> {
    if policy.lines == ChangeLines::Two {
        return Ok(Vec::new());
    }
    Ok(change(&ProrationPolicy { lines: ChangeLines::Two, ..*policy }, input)?.lines)
}

/// One line for a new period less what is unused of the one before, which are parts of two wholes.
fn net(line: &ProratedLine, new: &Full<'_>, apart: &[ProratedLine], policy: &ProrationPolicy) -> Result<Line, Refusal> {
    let of_item = || apart.iter().filter(|part| part.item == line.item);
    let (credit, charge) = (of_item().find(|part| part.full_minor.is_sign_negative()), of_item().next_back());
    let (Some(credit), Some(charge)) = (credit, charge) else { return Err(no_side(line.rule, &line.item)) };
    let less = Adjustment::LessUnused {
        full_minor: credit.full_minor.abs().normalize(),
        share: Share { left: credit.factor.numerator(), whole: credit.factor.denominator() },
        unit: credit.unit,
        factor: as_decimal(credit.factor)?,
        back: credit.unrounded_minor.normalize(),
    };
    let all = divided(&ProratedLine { amount: line.amount, ..charge.clone() }, new, policy)?;
    let mut own = all.into_iter().next().ok_or_else(|| no_side(line.rule, &line.item))?;
    own.kind = if line.amount.minor < 0 { LineKind::ProrationCredit } else { LineKind::ProrationCharge };
    own.why.adjustment = Some(Box::new(less));
    own.why.unrounded_minor = line.unrounded_minor.normalize();
    own.why.capped = line.capped;
    if charge.rule == LineRule::FullPeriod {
        (own.why.share, own.why.unit, own.why.factor) = (None, None, None);
    }
    Ok(own)
}

/// The lines of a change that buys time: what is unused of every item, and the days of every new one.
fn bought(cut: &Cut<'_>, from: &Terms, to: &Terms, policy: ProrationPolicy) -> Result<Vec<Line>, Refusal> {
    let Some(extra) = cut.extra_time(from, to, policy)? else { return Ok(Vec::new()) };
    let policy = ProrationPolicy { discount: DiscountOrder::BeforeProration, ..policy };
    let new = full_period(to, &cut.with.discounts, cut.with.policy, cut.rules)?;
    let items = items::changes(cut.before(from)?, new, cut.with, true);
    let mut lines = Vec::new();
    for line in extra.lines {
        let item = items.iter().find(|item| item.name() == line.item);
        let is_new = line.rule == LineRule::ExtraTime;
        let full = item.and_then(|item| if is_new { item.new.as_ref() } else { item.old.as_ref() });
        lines.extend(divided(&line, full.ok_or_else(|| no_side(line.rule, &line.item))?, &policy)?);
    }
    Ok(lines)
}

/// What a change buys of the new terms where its policy says so; none where nothing is bought.
pub(super) fn time_bought(rules: Rules, basis: &Basis) -> Result<Option<ExtraTime>, Refusal> {
    let Basis::Change { from, to, period, stub, at, zone, proration, adjustments, .. } = basis else { return Ok(None) };
    let cut = Cut { rules, period, stub: stub.as_deref(), at: *at, zone: *zone, with: adjustments };
    if proration.buys_time() { cut.extra_time(from, to, *proration) } else { Ok(None) }
}

fn no_side(rule: LineRule, item: &str) -> Refusal {
    Refusal::InvalidField { field: "items", detail: format!("{item} has no amount for {rule}") }
}

fn ended(cut: &Cut<'_>, terms: &Terms, policy: ProrationPolicy) -> Result<Vec<Line>, Refusal> {
    let policy = cut.policy(policy);
    let items = items::changes(cut.before(terms)?, Vec::new(), cut.with, true);
    let inputs = cut.inputs(&items, terms)?;
    let outcome = change(&policy, &cut.input(ChangeKind::Termination, inputs, terms, Reach::Period))?;
    let mut lines = Vec::new();
    for line in cut.limited(outcome.lines, &policy, false)? {
        let old = items.iter().find(|item| item.name() == line.item).and_then(|item| item.old.as_ref());
        lines.extend(divided(&line, old.ok_or_else(|| no_side(line.rule, &line.item))?, &policy)?);
    }
    Ok(lines)
}

/// What discounts take off the difference of two prices.
fn difference<'a>(old: &Full<'_>, new: &Full<'a>) -> Result<Full<'a>, MoneyError> {
    let less = |a: Money, b: Money| a.plus(b.negated()?);
    Ok(Full {
        item: new.item,
        list: less(new.list, old.list)?,
        off: less(new.off, old.off)?,
        net: less(new.net, old.net)?,
        applied: new.applied.clone(),
    })
}

/// A full period of every item, in advance, each followed by the discounts off it.
pub(super) fn recurring(rules: Rules, terms: &Terms, with: &Adjustments) -> Result<Vec<Line>, Refusal> {
    let mut lines = Vec::new();
    for full in full_period(terms, &with.discounts, with.policy, rules)? {
        lines.extend(full_item(&full, with)?);
    }
    Ok(lines)
}

/// A full period of an item, and the discounts off it.
pub(super) fn full_item(full: &Full<'_>, with: &Adjustments) -> Result<Vec<Line>, Refusal> {
    let exact = full.item.full_period()?;
    let minor = exact.minor();
    let why = Explanation {
        steps: full.item.steps()?,
        ..adjust::plain(full.item.price.name(), minor, minor, full.item.rounding())
    };
    let mut lines = vec![adjust::of_item(LineKind::Recurring, &full.item, exact.round(full.item.rounding())?, why)];
    lines.extend(adjust::discount_lines(full, with.policy.discount.rounding)?);
    Ok(lines)
}

/// A part of a period, and its part of the discounts where they come off afterwards.
pub(super) fn divided(part: &ProratedLine, full: &Full<'_>, policy: &ProrationPolicy) -> Result<Vec<Line>, Refusal> {
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
        steps: full.item.steps()?,
        capped: part.capped,
        adjustment: discounted,
        ..adjust::plain(full.item.price.name(), part.full_minor.abs(), part.unrounded_minor, part.rounding)
    };
    let mut lines = vec![adjust::of_item(kind, &full.item, part.amount, why)];
    if full.off.minor != 0 && after {
        lines.push(shared_discount(part, full)?);
    }
    Ok(lines)
}

/// The discount's share of a part that was divided at its list price: off a charge, back from a credit.
fn shared_discount(part: &ProratedLine, full: &Full<'_>) -> Result<Line, Refusal> {
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
    Ok(adjust::of_item(LineKind::Discount, &full.item, exact.round(part.rounding)?, why))
}

fn as_decimal(factor: Factor) -> Result<Option<Decimal>, Refusal> {
    if factor.is_exact() { Ok(None) } else { Ok(Some(factor.value()?.normalize())) }
}
