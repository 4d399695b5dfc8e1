//! What a change gives back: from which base, and never more than the cap.
//!
//! Exists apart because credit is where money leaks: a discount that ended, a price that rose, a plan that was left twice.

use rust_decimal::Decimal;

use super::{
    change::{ChangeInput, ChangeKind, Draft, ItemChange, LineRule, Side, owner, rest},
    factor::{Factor, countable, unused_units, whole_units},
    policy::{CreditBase, CreditCap, ProrationPolicy},
};
use crate::{
    calendar::recurrence::Span,
    money::{Money, MoneyError, Unrounded},
    refusal::Refusal,
};

/// The credit lines of one item: one from its price, or one for each debit that reaches beyond the change.
pub(super) fn credits(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    item: &ItemChange,
    from: &Side,
) -> Result<Vec<Draft>, Refusal> {
    let drafts = match policy.credit_base {
        CreditBase::CurrentPrice => vec![from_price(policy, input, item, from)?],
        CreditBase::Debited => from_debits(policy, input, item)?,
        CreditBase::Smaller => {
            let (price, debits) = (vec![from_price(policy, input, item, from)?], from_debits(policy, input, item)?);
            if total(&price)? <= total(&debits)? { price } else { debits }
        }
    };
    let limit = limit(policy, input, item, from, total(&drafts)?)?;
    capped(drafts, limit)?.into_iter().map(negative).collect()
}

fn total(drafts: &[Draft]) -> Result<Decimal, MoneyError> {
    let mut sums = drafts.iter().map(|d| d.unrounded);
    sums.try_fold(Decimal::ZERO, |sum, d| sum.checked_add(d)).ok_or(MoneyError::Overflow)
}

fn from_price(policy: &ProrationPolicy, input: &ChangeInput, item: &ItemChange, from: &Side) -> Result<Draft, Refusal> {
    let (base, factor) = (from.base(policy), rest(policy, input, from)?);
    let unrounded = factor.of(base)?.minor();
    let (span, rule) = (Span::new(input.at, input.period.end), LineRule::UnusedPrice);
    Ok(Draft { item: item.item.clone(), rule, span, factor, full: base.minor(), unrounded, capped: false })
}

fn from_debits(policy: &ProrationPolicy, input: &ChangeInput, item: &ItemChange) -> Result<Vec<Draft>, Refusal> {
    if item.history.debits.is_empty() {
        return Err(missing("debits", "the policy credits what was really debited: give the debits of the item"));
    }
    let mut drafts = Vec::new();
    for debit in &item.history.debits {
        countable(debit.span, "debits")?;
        same_currency(debit.amount, input)?;
        let whole = whole_units(policy, debit.span, input.zone);
        let left = unused_units(policy, owner(policy, input), input.at, debit.span, input.zone);
        let factor = Factor::clamped(left, whole, policy.precision);
        let full = Decimal::from(debit.amount.minor);
        let unrounded = factor.of(Unrounded::from_minor(full, input.balance.currency))?.minor();
        let span = Span::new(input.at.max(debit.span.start), debit.span.end);
        if factor.numerator() > 0 {
            let rule = LineRule::UnusedDebit;
            drafts.push(Draft { item: item.item.clone(), rule, span, factor, full, unrounded, capped: false });
        }
    }
    Ok(drafts)
}

/// The most that may be given back; none where the policy has no cap.
fn limit(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    item: &ItemChange,
    from: &Side,
    total: Decimal,
) -> Result<Option<Decimal>, Refusal> {
    let credited = item.history.credited.unwrap_or(Money::zero(input.balance.currency));
    same_currency(credited, input)?;
    let less_credited = |amount: Decimal| amount.checked_sub(Decimal::from(credited.minor)).ok_or(MoneyError::Overflow);
    let limit = match policy.cap {
        CreditCap::None => return Ok(None),
        CreditCap::PaidExceptQuantity if input.kind == ChangeKind::Quantity => return Ok(None),
        CreditCap::Paid | CreditCap::PaidExceptQuantity => {
            let ask = "the policy gives back at most what was paid: give what was paid for the item";
            let paid = item.history.paid.ok_or_else(|| missing("paid", ask))?;
            same_currency(paid, input)?;
            less_credited(Decimal::from(paid.minor))?
        }
        CreditCap::LessEarlierCredits => less_credited(total)?,
        CreditCap::Allowance => {
            let ask = "the policy gives back at most the unused allowance: give units left and units in all";
            let (left, all) = item.history.allowance.ok_or_else(|| missing("allowance", ask))?;
            Factor::clamped(left, all, policy.precision).of(from.base(policy))?.minor()
        }
    };
    Ok(Some(limit.max(Decimal::ZERO)))
}

/// The drafts cut so that together they are at most `limit`; the later ones give way.
fn capped(drafts: Vec<Draft>, limit: Option<Decimal>) -> Result<Vec<Draft>, MoneyError> {
    let Some(mut left) = limit else { return Ok(drafts) };
    let mut cut = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let amount = draft.unrounded.min(left);
        left = left.checked_sub(amount).ok_or(MoneyError::Overflow)?;
        cut.push(Draft { capped: amount < draft.unrounded, unrounded: amount, ..draft });
    }
    Ok(cut)
}

fn negative(draft: Draft) -> Result<Draft, Refusal> {
    Ok(Draft { full: -draft.full, unrounded: -draft.unrounded, ..draft })
}

fn same_currency(amount: Money, input: &ChangeInput) -> Result<(), MoneyError> {
    amount.plus(Money::zero(input.balance.currency)).map(|_| ())
}

fn missing(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.into() }
}
