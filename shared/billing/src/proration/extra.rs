//! Extra time: what is unused of the old terms buys days of the new ones, and no money moves.
//!
//! Exists for contracts beside `settle`, which refuses what cannot be bought: a contract that changes on an agreed date has
//! nobody to be refused to, so here there is an answer for every value.

use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    ProrationUnit,
    change::{ChangeInput, LineRule, ProratedLine, priced_lines},
    factor::Factor,
    policy::{Denominator, Destination, DiscountOrder, ProratedSides, ProrationPolicy},
    settle::{days_bought, days_of_new_period},
};
use crate::{
    allocation,
    calendar::{plus_local_days, recurrence::Span},
    money::{Money, MoneyError, Unrounded},
    refusal::Refusal,
};

/// Most days that a change of a contract buys; what is worth more is given back as credit. Usage is billed at least once a year,
/// and nobody should wait longer for the next price.
pub const CONTRACT_DAYS_MAX: u32 = 366;

/// What the unused part of the old terms buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtraTime {
    /// What is given back of the old items, then what is charged for the days: together nothing, or credit where the value is
    /// worth more than the most.
    pub(crate) lines: Vec<ProratedLine>,
    /// How many days.
    pub(crate) days: u32,
    /// How many days the new price is for.
    pub(crate) of: u32,
    /// What is charged for them.
    pub(crate) charge: Money,
}

/// The days that a change buys of the new terms under a policy of extra time, a begun day counted as a whole one; none where
/// nothing is unused, or where the new terms cost nothing. `by_itself`: the running period is a part already, bought or a
/// stub, and is divided by its own days.
///
/// # Errors
/// As [`super::change`].
pub(crate) fn extra_time(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    by_itself: bool,
) -> Result<Option<ExtraTime>, Refusal> {
    let policy = &ProrationPolicy {
        // What was paid buys: discounts are off each side first.
        discount: DiscountOrder::BeforeProration,
        destination: Destination::ExtraTime,
        sides: ProratedSides::Both,
        ..*policy
    };
    let denominator = if by_itself { Denominator::Period } else { policy.denominator };
    let mut lines = priced_lines(&ProrationPolicy { denominator, ..*policy }, input)?;
    let value = Money::sum(input.balance.currency, lines.iter().map(|line| line.amount))?.negated()?;
    let Some(bought) = days_bought(policy, input, value)?.filter(|_| value.minor > 0) else { return Ok(None) };
    let of = u32::try_from(days_of_new_period(policy, input)?).map_err(|_| MoneyError::Overflow)?;
    let days = bought.to_u32().unwrap_or(u32::MAX).min(CONTRACT_DAYS_MAX);
    let all = Factor::of_days(days, of);
    let charge = if Decimal::from(days) < bought { price_of(policy, input, all)? } else { value };
    let span = Span::new(input.at, plus_local_days(input.at, days, input.zone)?);
    lines.extend(charges(policy, input, (charge, all), span)?);
    Ok(Some(ExtraTime { lines, days, of, charge }))
}

/// What the days cost, where they are fewer than what is unused would buy.
fn price_of(policy: &ProrationPolicy, input: &ChangeInput, all: Factor) -> Result<Money, MoneyError> {
    let zero = Unrounded::from_money(Money::zero(input.balance.currency));
    let sides = input.items.iter().filter_map(|item| item.to);
    let full = sides.map(|to| to.net).try_fold(zero, Unrounded::plus)?;
    all.of(full)?.round(policy.rounding)
}

/// `charge` split over the new items by their prices: whole minor units, what is left over to the largest remainders.
fn charges(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    (charge, factor): (Money, Factor),
    span: Span,
) -> Result<Vec<ProratedLine>, Refusal> {
    let new: Vec<_> = input.items.iter().filter_map(|item| Some((item, item.to?))).collect();
    let weights = new.iter().map(|(_, to)| to.net.round(policy.rounding)).collect::<Result<Vec<_>, _>>()?;
    let amounts = allocation::by_amounts(charge, &weights)?;
    let line = |((item, to), amount): (&(&super::ItemChange, super::Side), Money)| {
        Ok(ProratedLine {
            item: item.item.clone(),
            rule: LineRule::ExtraTime,
            span,
            unit: ProrationUnit::Day,
            factor,
            full_minor: to.net.minor(),
            capped: false,
            unrounded_minor: factor.of(to.net)?.minor(),
            rounding: policy.rounding,
            amount,
        })
    };
    let lines = new.iter().zip(amounts).map(line).collect::<Result<Vec<_>, Refusal>>()?;
    Ok(lines.into_iter().filter(|line| line.amount.minor != 0).collect())
}
