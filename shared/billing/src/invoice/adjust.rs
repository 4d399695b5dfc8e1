//! Discounts and taxes of an invoice: what is stored with its basis, and the lines that follow from it.
//!
//! Order: charges (each followed by the discounts off it), taxes, then credit of the customer. A credit for an unused part
//! is net of the discount that its charge had, and taxed as that charge was. Only rules version 2 and later know this.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    basis::Basis,
    charged::Charged,
    credit_tax,
    kept::Kept,
    lines::{Explanation, Line, LineKind, Rules},
};
use crate::{
    discount::{Applied, Cut, Discount, DiscountableLine, KeptParts, LineDiscount, apply_keeping},
    document::{DocumentLine, DocumentPolicy},
    ids::SubscriptionId,
    money::{Currency, Money, MoneyError, Rounding},
    prepaid::PrepaidSource,
    proration::{ProrationUnit, Share},
    refusal::Refusal,
    tax::{TaxLine, TaxPolicy, TaxRate, TaxTotal, TaxTreatment, Taxed, TaxedLine},
    terms::{Item, Terms},
    usage::UsageMinimum,
};

/// What stood beside the terms when an invoice was decided: all that its discounts and taxes follow from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustments {
    /// The discounts off what is charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
    /// The discounts that the charge of the old terms had, where its unused part is given back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_discounts: Vec<Discount>,
    /// How charges are taxed; none: without tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxTreatment>,
    /// How the charge of the old terms was taxed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_tax: Option<TaxTreatment>,
    /// What was charged for the old terms in the running period, where the policy gives back by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Box<Charged>>,
    /// What is left of the money for the running period, where a credit note gave back some of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// In which order, and where it is rounded.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub policy: DocumentPolicy,
}

impl Adjustments {
    /// Whether the invoice is as it would be without any discount, tax or policy for them.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The coupons in force, by id, joined by `+`: the `coupon` of facts. Loyalty and long terms are no coupons.
    #[must_use]
    pub fn coupon(&self) -> Option<String> {
        coupon_of(&self.discounts)
    }
}

/// The coupons among `discounts`, by id, joined by `+`.
pub(crate) fn coupon_of(discounts: &[Discount]) -> Option<String> {
    let ids = discounts.iter().map(|d| d.source.as_str()).filter(|s| !matches!(*s, "loyalty" | "long-term"));
    let text = ids.collect::<Vec<_>>().join("+");
    (!text.is_empty()).then_some(text)
}

/// What a line of a discount or a tax is, or what a line has of them in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Adjustment {
    /// The line is a discount.
    Discount {
        /// What was to be taken off.
        cut: Cut,
    },
    /// The line is the discount for the part of a period that another line gives back or charges.
    SharedDiscount {
        /// What the full period has.
        discounts: Vec<Applied>,
    },
    /// The line's amount is a part of a full period after these discounts.
    Discounted {
        /// The full period before them, in minor units.
        list_minor: Decimal,
        /// What each took off the full period.
        discounts: Vec<Applied>,
    },
    /// The line is a new period, less what is unused of the one before: one line for the difference.
    LessUnused {
        /// What the one before cost, in minor units.
        full_minor: Decimal,
        /// How much of it is unused.
        share: Share,
        /// Counted in what.
        unit: ProrationUnit,
        /// The share as the decimal that met the amount, where the policy does not keep it exact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        factor: Option<Decimal>,
        /// What that is worth before rounding, in minor units, below zero.
        back: Decimal,
    },
    /// The line is what is missing to a minimum of usage, or what late usage takes off that again.
    TrueUp(UsageMinimum),
    /// The line is prepaid credit that pays for usage.
    Prepaid(PrepaidSource),
    /// The line is a tax; one that is in the prices has no amount of its own.
    Tax {
        /// By which rate.
        rate: TaxRate,
        /// What it comes to.
        tax: Money,
    },
    /// The line is an invoice of a contract, on a document.
    Item {
        /// Of which contract.
        contract: SubscriptionId,
        /// The tax in it, in minor units.
        #[serde(default, skip_serializing_if = "crate::stored::is_default")]
        tax_minor: i64,
    },
    /// The line says why nothing is taxed.
    Untaxed {
        /// As it stands on the invoice.
        note: String,
    },
}

/// The full price of one item for a period, what discounts take off it, and what is left.
#[derive(Clone, Debug)]
pub(super) struct Full<'a> {
    pub(super) item: Item<'a>,
    pub(super) list: Money,
    pub(super) off: Money,
    pub(super) net: Money,
    pub(super) applied: Vec<Applied>,
}

/// One full period of `terms` with `discounts`, item by item: the one computation for charges and for what is given back of
/// them. Discounts for all items are split over them, as the policy says.
pub(super) fn full_period<'a>(
    terms: &'a Terms,
    discounts: &[Discount],
    policy: DocumentPolicy,
    rules: Rules,
) -> Result<Vec<Full<'a>>, Refusal> {
    let lists =
        terms.items().map(|item| Ok((item, item.full_period_money()?))).collect::<Result<Vec<_>, MoneyError>>()?;
    let currency = terms.price.currency;
    let zero = Money::zero(currency);
    if discounts.is_empty() {
        let undiscounted = |(item, list)| Full { item, list, off: zero, net: list, applied: Vec::new() };
        return Ok(lists.into_iter().map(undiscounted).collect());
    }
    let line =
        |(item, list): &(Item<'_>, Money)| DiscountableLine { item: item.name(), amount: *list, discountable: true };
    let lines: Vec<DiscountableLine> = lists.iter().map(line).collect();
    let kept = if rules.keep_every_part() { KeptParts::All } else { KeptParts::LastGroup };
    let done = apply_keeping(kept, &lines, discounts, currency, policy.discount)?;
    let taken = done.lines.into_iter().zip(done.parts);
    let full = |((item, list), (off, parts)): ((Item<'a>, Money), (LineDiscount, Vec<Applied>))| {
        let applied = parts.into_iter().filter(|a| a.amount.minor != 0).collect();
        Ok(Full { item, list, off: off.amount, net: list.plus(off.amount.negated()?)?, applied })
    };
    lists.into_iter().zip(taken).map(full).collect()
}

/// The lines of the discounts off a full period.
pub(super) fn discount_lines(full: &Full<'_>, rounding: Rounding) -> Result<Vec<Line>, MoneyError> {
    let line = |applied: &Applied| {
        let exact = match applied.cut {
            Cut::Percent { percent } => applied.of_minor.checked_mul(percent.value()).map(|m| m / Decimal::ONE_HUNDRED),
            Cut::Fixed { .. } => Some(Decimal::from(applied.amount.minor)),
        };
        let why = Explanation {
            adjustment: Some(Box::new(Adjustment::Discount { cut: applied.cut })),
            ..plain(&applied.source, applied.of_minor, -exact.ok_or(MoneyError::Overflow)?, rounding)
        };
        Ok(of_item(LineKind::Discount, &full.item, applied.amount.negated()?, why))
    };
    full.applied.iter().map(line).collect()
}

/// What an item's lines have of its discounts, where that is not what the discounts take off it: the item, and both.
///
/// # Errors
/// As [`super::compute`].
pub(crate) fn wrong_discount(lines: &[Line], basis: &Basis) -> Result<Option<(String, Money, Money)>, Refusal> {
    let (Basis::Period { terms, adjustments: with, .. } | Basis::Change { to: terms, adjustments: with, .. }) =
        basis.decision()
    else {
        return Ok(None);
    };
    for full in full_period(terms, &with.discounts, with.policy, Rules::TODAY)? {
        let is_charge = |line: &&Line| line.kind == LineKind::Recurring && line.add_on.as_deref() == full.item.add_on;
        // Parts of a period have their part of the whole discount; only whole periods tell each discount apart.
        let Some(after) = lines.iter().position(|line| is_charge(&line)).and_then(|at| lines.get(at + 1..)) else {
            continue;
        };
        let those = after.iter().take_while(|line| line.kind == LineKind::Discount).map(|line| line.amount);
        let told = Money::sum(full.off.currency, those)?.negated()?;
        if told != full.off {
            return Ok(Some((full.item.name(), told, full.off)));
        }
    }
    Ok(None)
}

pub(super) fn of_terms(kind: LineKind, terms: &Terms, amount: Money, why: Explanation) -> Line {
    of_item(kind, &terms.plan_item(), amount, why)
}

pub(super) fn of_item(kind: LineKind, item: &Item<'_>, amount: Money, why: Explanation) -> Line {
    let (plan, add_on) = (item.terms().plan.to_string(), item.add_on.map(str::to_owned));
    Line { kind, plan, add_on, description: None, quantity: item.quantity, amount, why, used: None }
}

pub(super) fn plain(rule: &str, full_minor: Decimal, unrounded_minor: Decimal, rounding: Rounding) -> Explanation {
    Explanation {
        rule: rule.into(),
        part: None,
        full_minor: full_minor.normalize(),
        share: None,
        unit: None,
        factor: None,
        steps: Vec::new(),
        unrounded_minor: unrounded_minor.normalize(),
        rounding,
        capped: false,
        adjustment: None,
    }
}

/// The lines of one decision, and what stood beside it.
pub(super) struct Decided<'a> {
    pub(super) lines: Vec<Line>,
    pub(super) with: &'a Adjustments,
    /// Whether a credit and its tax are rounded as one.
    pub(super) together: bool,
}

/// All lines of a document with their discounts and taxes, as a credit note looks at them. Their ids are their places on the
/// invoice, from 1.
pub(super) fn document_lines(all: &[Decided<'_>], terms: &Terms) -> Result<Vec<DocumentLine>, Refusal> {
    let none = TaxTreatment::Taxed { rates: Vec::new() };
    let (amounts, taxed) = taxed(all, terms.price.currency, &none)?;
    let lines = all.iter().flat_map(|decided| &decided.lines).zip(1..);
    let charges = lines.filter(|(line, _)| line.kind != LineKind::Discount).zip(amounts).zip(taxed.lines);
    let line = |(((line, place), taxable), taxed): (((&Line, usize), TaxLine<'_>), TaxedLine)| {
        let discount = line.amount.plus(taxable.amount.negated()?)?;
        Ok(DocumentLine {
            id: place.to_string(),
            item: line.plan.clone(),
            amount: line.amount,
            discount,
            credit: Money::zero(terms.price.currency),
            taxable_minor: taxable.taxable_minor,
            net: taxed.net,
            taxes: taxed.taxes,
            tax: taxed.tax,
            gross: taxed.gross,
        })
    };
    charges.map(line).collect()
}

/// The lines of the taxes on `all` that a document has, charges with their discounts: one for each rate, one for each
/// reason for none.
pub(super) fn taxes(all: &[Decided<'_>], terms: &Terms) -> Result<Vec<Line>, Refusal> {
    if all.iter().all(|d| d.with.tax.is_none() && d.with.earlier_tax.is_none()) {
        return Ok(Vec::new());
    }
    let none = TaxTreatment::Taxed { rates: Vec::new() };
    let taxed = taxed(all, terms.price.currency, &none)?.1;
    Ok(tax_lines(&taxed.totals, terms, tax_policy(all).rounding)?)
}

/// How a document is taxed: as its own decision says, the last.
fn tax_policy(all: &[Decided<'_>]) -> TaxPolicy {
    all.last().map_or_else(TaxPolicy::default, |decided| decided.with.policy.tax)
}

/// What is taxed on a document, and its taxes.
fn taxed<'a>(
    all: &[Decided<'a>],
    currency: Currency,
    none: &'a TaxTreatment,
) -> Result<(Vec<TaxLine<'a>>, Taxed), Refusal> {
    let (mut amounts, mut wanted) = (Vec::new(), Vec::new());
    for decided in all {
        amounts.extend(taxable(&decided.lines, decided.with, currency, none)?);
        wanted.extend(credit_tax::wanted(decided)?);
    }
    let taxed = credit_tax::compute_with(&amounts, &wanted, currency, tax_policy(all))?;
    Ok((amounts, taxed))
}

/// What `lines` of a decision come to with their taxes, as on a document of their own.
pub(super) fn gross(lines: Vec<Line>, with: &Adjustments, currency: Currency) -> Result<Money, Refusal> {
    let none = TaxTreatment::Taxed { rates: Vec::new() };
    Ok(taxed(&[Decided { lines, with, together: false }], currency, &none)?.1.gross)
}

/// The lines of a breakdown.
pub(super) fn tax_lines(totals: &[TaxTotal], terms: &Terms, rounding: Rounding) -> Result<Vec<Line>, MoneyError> {
    let lines = totals.iter().map(|total| tax_line(total, terms, rounding));
    Ok(lines.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// One amount to tax for each charge: it and the discounts that follow it.
fn taxable<'a>(
    lines: &[Line],
    with: &'a Adjustments,
    currency: Currency,
    none: &'a TaxTreatment,
) -> Result<Vec<TaxLine<'a>>, MoneyError> {
    let mut found: Vec<TaxLine<'a>> = Vec::new();
    for line in lines {
        match (line.kind, found.last_mut()) {
            (LineKind::Discount, Some(charge)) => charge.amount = charge.amount.plus(line.amount)?,
            (kind, _) => {
                let earlier = kind == LineKind::ProrationCredit;
                let treatment = if earlier { &with.earlier_tax } else { &with.tax };
                let amount = line.amount.plus(Money::zero(currency))?;
                let treatment = treatment.as_ref().unwrap_or(none);
                found.push(TaxLine { amount, taxable_minor: Decimal::ZERO, treatment });
            }
        }
    }
    for line in &mut found {
        line.taxable_minor = Decimal::from(line.amount.minor);
    }
    Ok(found)
}

fn tax_line(total: &TaxTotal, terms: &Terms, rounding: Rounding) -> Result<Option<Line>, MoneyError> {
    let net = Decimal::from(total.net.minor);
    let zero = Money::zero(total.net.currency);
    Ok(match (&total.rate, &total.note) {
        (Some(rate), _) => {
            let amount = if rate.inclusive { zero } else { total.tax };
            let is = Adjustment::Tax { rate: rate.clone(), tax: total.tax };
            let why =
                Explanation { adjustment: Some(Box::new(is)), ..plain(&rate.name, net, total.exact_minor, rounding) };
            Some(of_terms(LineKind::Tax, terms, amount, why))
        }
        (None, Some(note)) => {
            let is = Adjustment::Untaxed { note: note.clone() };
            let why = Explanation { adjustment: Some(Box::new(is)), ..plain("untaxed", net, Decimal::ZERO, rounding) };
            Some(of_terms(LineKind::Tax, terms, zero, why))
        }
        (None, None) => None,
    })
}

/// All taxes of `lines`, those in the prices and in items included; below zero where tax is given back.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn tax_of(lines: &[Line], currency: Currency) -> Result<Money, MoneyError> {
    let taxes = lines.iter().filter_map(|line| match line.why.adjustment.as_deref() {
        Some(Adjustment::Tax { tax, .. }) => Some(*tax),
        Some(Adjustment::Item { tax_minor, .. }) => Some(Money::new(*tax_minor, currency)),
        _ => None,
    });
    Money::sum(currency, taxes)
}

/// The tax in what is left to be paid: all of it, or its share where credit pays a part. Rounded half to even.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn tax_of_total(lines: &[Line], total: Money) -> Result<Money, MoneyError> {
    let tax = tax_of(lines, total.currency)?;
    let pays = |line: &&Line| matches!(line.kind, LineKind::CreditUsed | LineKind::PrepaidUsed);
    let used = Money::sum(total.currency, lines.iter().filter(pays).map(|l| l.amount))?;
    let whole = total.plus(used.negated()?)?;
    if total.minor <= 0 || tax.minor == 0 {
        return Ok(Money::zero(total.currency));
    }
    let share = crate::money::Unrounded::from_money(tax);
    share.times(Decimal::from(total.minor), Decimal::from(whole.minor))?.round(Rounding::HalfEven)
}

/// The tax in what is kept as credit: all that is given back. What prepaid credit paid of usage has its share of the tax in
/// it, which is no part of that. Rounded half to even.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub(crate) fn tax_of_kept(lines: &[Line], kept: Money) -> Result<Money, MoneyError> {
    let tax = tax_of(lines, kept.currency)?.negated()?;
    let prepaid = lines.iter().filter(|line| line.kind == LineKind::PrepaidUsed).map(|line| line.amount);
    let prepaid = Money::sum(kept.currency, prepaid)?;
    // What would be kept without prepaid credit; below zero where something would be owed.
    let whole = kept.plus(prepaid)?;
    if prepaid.minor == 0 || whole.minor == 0 {
        return Ok(if prepaid.minor == 0 { tax } else { Money::zero(kept.currency) });
    }
    let share = crate::money::Unrounded::from_money(tax);
    share.times(Decimal::from(kept.minor), Decimal::from(whole.minor))?.round(Rounding::HalfEven)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::{compute, stored};

    #[test]
    fn the_tax_of_a_document_is_that_of_its_items() {
        let document = stored("rules-3-document");
        let Basis::Document { terms, period, mut items, adjustments } = document.basis else { panic!("a document") };
        for (item, tax) in items.iter_mut().zip([160, 80]) {
            item.tax_minor = tax;
        }
        let lines = compute(3, &Basis::Document { terms, period, items, adjustments }).unwrap();
        assert_eq!(tax_of(&lines, document.total.currency).unwrap().minor, 240);
        assert_eq!(tax_of_total(&lines, document.total).unwrap().minor, 240);
    }

    #[test]
    fn what_prepaid_credit_paid_has_no_tax_in_what_is_kept() {
        let invoice = stored("rules-3-prepaid");
        let kept = |minor| Money::new(minor, invoice.total.currency);
        // 6.00 were paid by prepaid credit: of 6.00 that are kept nothing was given back, of 12.00 the half.
        let tax = Line { amount: kept(-100), ..of_terms(LineKind::Tax, invoice.basis.terms(), kept(-100), tax(-100)) };
        let lines: Vec<Line> = invoice.lines.iter().cloned().chain([tax.clone()]).collect();
        assert_eq!(tax_of_kept(&lines, kept(600)).unwrap().minor, 0);
        assert_eq!(tax_of_kept(&lines, kept(1_200)).unwrap().minor, 200);
        assert_eq!(tax_of_kept(&[tax], kept(1_200)).unwrap().minor, 100);
    }

    #[test]
    fn every_item_has_all_of_its_own_discount() {
        let [of, with] = ["rules-3-add-ons", "rules-3-discounted"].map(|name| stored(name).basis);
        let (terms, period) = (Box::new(of.terms().clone()), *of.period());
        let adjustments = Box::new(with.adjustments().clone());
        let basis = Basis::Period { terms, period, stub: None, credit_minor: 0, adjustments };
        let lines = compute(3, &basis).unwrap();
        assert_eq!(lines.iter().filter(|line| line.kind == LineKind::Discount).count(), 3);
        assert_eq!(wrong_discount(&lines, &basis), Ok(None));
        for (at, item) in [(1, "team"), (3, "sso"), (5, "storage")] {
            let mut wrong = lines.clone();
            wrong[at].amount.minor += 1;
            let found = wrong_discount(&wrong, &basis).unwrap().map(|(item, told, is)| (item, is.minor - told.minor));
            assert!(matches!(&found, Some((name, 1)) if name.contains(item)), "{item}: {found:?}");
        }
    }

    fn tax(minor: i64) -> Explanation {
        let rate = serde_json::from_str(r#"{"name":"VAT DE","percent":"19"}"#).unwrap();
        let tax = Money::new(minor, Currency::try_new("USD").unwrap());
        let adjustment = Some(Box::new(Adjustment::Tax { rate, tax }));
        Explanation { adjustment, ..plain("VAT DE", Decimal::ZERO, Decimal::from(minor), Rounding::HalfUp) }
    }
}
