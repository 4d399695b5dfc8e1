//! From drafts to lines: rounded one by one, or on the sum and then cut so that they add up to it.
//!
//! Exists so that "per line" and "per document" are one word in a policy and not two ways through the code.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    change::{Draft, ProratedLine},
    policy::{FactorPrecision, ProrationPolicy, RoundAt},
};
use crate::{
    money::{Currency, Money, MoneyError, Rounding, Unrounded},
    refusal::Refusal,
};

/// The drafts as lines of whole minor units.
pub(super) fn rounded(
    policy: &ProrationPolicy,
    drafts: Vec<Draft>,
    currency: Currency,
) -> Result<Vec<ProratedLine>, Refusal> {
    let amounts = match policy.round_at {
        RoundAt::Line => one_by_one(policy.rounding, &drafts, currency)?,
        RoundAt::Document => on_the_sum(policy, &drafts, currency)?,
    };
    Ok(drafts.into_iter().zip(amounts).map(|(draft, amount)| line(policy, draft, amount)).collect())
}

fn line(policy: &ProrationPolicy, draft: Draft, amount: Money) -> ProratedLine {
    ProratedLine {
        item: draft.item,
        rule: draft.rule,
        span: draft.span,
        unit: policy.unit,
        factor: draft.factor,
        full_minor: draft.full.normalize(),
        capped: draft.capped,
        unrounded_minor: draft.unrounded.normalize(),
        rounding: policy.rounding,
        amount,
    }
}

fn one_by_one(mode: Rounding, drafts: &[Draft], currency: Currency) -> Result<Vec<Money>, MoneyError> {
    drafts.iter().map(|draft| Unrounded::from_minor(draft.unrounded, currency).round(mode)).collect()
}

/// The sum is rounded once. Every line is cut downward, and the minor units that are missing go to the largest
/// remainders, earlier lines first.
fn on_the_sum(policy: &ProrationPolicy, drafts: &[Draft], currency: Currency) -> Result<Vec<Money>, MoneyError> {
    let target = Unrounded::from_minor(sum(policy, drafts)?, currency).round(policy.rounding)?;
    let floors: Vec<Decimal> = drafts.iter().map(|draft| draft.unrounded.floor()).collect();
    let mut amounts = floors
        .iter()
        .map(|floor| Unrounded::from_minor(*floor, currency).round(Rounding::Down))
        .collect::<Result<Vec<Money>, MoneyError>>()?;
    let missing = target.plus(Money::sum(currency, amounts.iter().copied())?.negated()?)?.minor;
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(drafts.get(*i).map(|d| d.unrounded - d.unrounded.floor())));
    for i in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        if let Some(amount) = amounts.get_mut(i) {
            *amount = amount.plus(Money::new(1, currency))?;
        }
    }
    Ok(amounts)
}

/// The exact sum: fractions of one denominator are added before they are divided, so that no cut digit decides a half.
fn sum(policy: &ProrationPolicy, drafts: &[Draft]) -> Result<Decimal, MoneyError> {
    let mut shares: BTreeMap<i64, Decimal> = BTreeMap::new();
    for draft in drafts {
        let is_fraction = policy.precision == FactorPrecision::Exact && !draft.capped;
        let (denominator, numerator) = if is_fraction {
            let product = draft.full.checked_mul(Decimal::from(draft.factor.numerator()));
            (draft.factor.denominator(), product.ok_or(MoneyError::Overflow)?)
        } else {
            (1, draft.unrounded)
        };
        let share = shares.entry(denominator).or_default();
        *share = share.checked_add(numerator).ok_or(MoneyError::Overflow)?;
    }
    shares.into_iter().try_fold(Decimal::ZERO, |sum, (denominator, numerator)| {
        let quotient = numerator.checked_div(Decimal::from(denominator)).ok_or(MoneyError::Overflow)?;
        sum.checked_add(quotient).ok_or(MoneyError::Overflow)
    })
}
