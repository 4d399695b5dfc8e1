//! What discounts take off the lines of an invoice, in a stated order, never more than there is.
//!
//! How is policy ([`DiscountPolicy`]); what one discount took off which line is kept, because invoices say it line by line.

use std::cmp::Reverse;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{DiscountError, DiscountOrder, DiscountPolicy, PercentBase, coupon::CouponDuration};
use crate::{
    allocation::{Split, by_amounts, fine_shares},
    money::{Currency, Money, MoneyError, Unrounded},
    percent::Percent,
};

/// One discount that holds for the invoice at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// The coupon's id, `loyalty`, `long-term` ...: who gave it.
    pub source: String,
    /// What is taken off.
    pub cut: Cut,
    /// The items (plans, add-ons) that it takes something off; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// For how long it was given: decides whether it counts for the run-rate.
    #[serde(default)]
    pub duration: CouponDuration,
}

/// What one discount takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cut {
    /// A part.
    Percent {
        /// 25 for a quarter.
        percent: Percent,
    },
    /// An amount, not negative.
    Fixed {
        /// At most this.
        amount: Money,
    },
}

impl Discount {
    /// Whether the discount lowers the run-rate (DESIGN section 4: once does not; repeating and forever do).
    #[must_use]
    pub fn counts_for_run_rate(&self) -> bool {
        self.duration.counts_for_run_rate()
    }

    fn is_for(&self, line: &DiscountableLine) -> bool {
        line.discountable && line.amount.minor > 0 && (self.only.is_empty() || self.only.contains(&line.item))
    }
}

/// A line before discounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountableLine {
    /// The plan or add-on, as discounts name it.
    pub item: String,
    /// Before discounts. Lines below zero (credits of a change) are not discounted: they were when they were charged.
    pub amount: Money,
    /// Whether discounts may touch it at all.
    pub discountable: bool,
}

/// What is taken off one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineDiscount {
    /// Whole minor units, from zero to the line's amount; the lines' sum is the total.
    pub amount: Money,
    /// What later computations (tax) take for it, in minor units: the same, or its fine share where the policy says so.
    pub share_minor: Decimal,
}

/// What one discount took off in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Who gave it.
    pub source: String,
    /// What was to be taken off.
    pub cut: Cut,
    /// What the lines that it is for came to before it, in minor units (after percentages that are multiplied: exact).
    pub of_minor: Decimal,
    /// What was taken off.
    pub amount: Money,
}

impl Applied {
    /// What is left of a fixed discount, for merchants who carry it over to the next invoice; nothing of a percentage.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn unused(&self) -> Result<Money, MoneyError> {
        match self.cut {
            Cut::Fixed { amount } => amount.plus(self.amount.negated()?),
            Cut::Percent { .. } => Ok(Money::zero(self.amount.currency)),
        }
    }
}

/// All discounts of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discounted {
    /// For each line, in the lines' order.
    pub lines: Vec<LineDiscount>,
    /// For each discount, in the order given.
    pub applied: Vec<Applied>,
    /// For each line what each discount took off it, in the order given; lines and discounts add up.
    pub parts: Vec<Vec<Applied>>,
    /// Of all lines, and of all discounts.
    pub total: Money,
}

/// Takes `discounts` off `lines`. No line becomes negative, and neither does the sum of all lines by it.
///
/// # Errors
/// [`DiscountError::Negative`]; [`DiscountError::Money`] when currencies meet or an amount is too large.
pub fn apply(
    lines: &[DiscountableLine],
    discounts: &[Discount],
    currency: Currency,
    policy: DiscountPolicy,
) -> Result<Discounted, DiscountError> {
    apply_keeping(KeptParts::All, lines, discounts, currency, policy)
}

/// Which parts of a discount are told where several groups of lines have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeptParts {
    /// Of the last group: the others lost them. Invoices of rules version 2 were issued so.
    LastGroup,
    /// All.
    All,
}

/// [`apply`], by rules that tell as many parts as `kept` says.
pub(crate) fn apply_keeping(
    kept: KeptParts,
    lines: &[DiscountableLine],
    discounts: &[Discount],
    currency: Currency,
    policy: DiscountPolicy,
) -> Result<Discounted, DiscountError> {
    let mut taking = Taking::try_new(lines, discounts, currency, policy)?;
    taking.kept = kept;
    match policy.order {
        DiscountOrder::AsGiven => {
            for place in 0..discounts.len() {
                taking.take_percents(&[place])?;
                taking.take_fixed(place)?;
            }
        }
        DiscountOrder::PercentFirst => {
            let (percents, fixed) = taking.ranked();
            taking.take_percents(&percents)?;
            for place in fixed {
                taking.take_fixed(place)?;
            }
        }
    }
    Ok(taking.finish()?)
}

/// What is left of a line while discounts are taken off.
struct Left {
    money: Money,
    taken: Money,
    share: Decimal,
    share_left: Decimal,
}

/// Lines that the same percentages (by their places) apply to.
struct Group {
    mask: Vec<bool>,
    percents: Vec<(usize, Percent)>,
}

struct Taking<'a> {
    lines: &'a [DiscountableLine],
    discounts: &'a [Discount],
    policy: DiscountPolicy,
    kept: KeptParts,
    left: Vec<Left>,
    amounts: Vec<(Money, Decimal)>,
    /// For each discount, for each line: what it took off the line, and of what.
    parts: Vec<Vec<(Money, Decimal)>>,
    /// What may be taken in all: the sum of the lines with what is below zero in it, so that the invoice stays above zero.
    room: Money,
}

impl<'a> Taking<'a> {
    fn try_new(
        lines: &'a [DiscountableLine],
        discounts: &'a [Discount],
        currency: Currency,
        policy: DiscountPolicy,
    ) -> Result<Self, DiscountError> {
        for discount in discounts {
            if let Cut::Fixed { amount } = discount.cut {
                amount.plus(Money::zero(currency))?;
                if amount.minor < 0 {
                    return Err(DiscountError::Negative(discount.source.clone()));
                }
            }
        }
        let zero = Money::zero(currency);
        let room = Money::sum(currency, lines.iter().map(|l| l.amount))?;
        let left = |line: &DiscountableLine| Left {
            money: line.amount,
            taken: zero,
            share: Decimal::ZERO,
            share_left: Decimal::from(line.amount.minor),
        };
        let left = lines.iter().map(left).collect();
        let room = Money::new(room.minor.max(0), currency);
        let nothing = (zero, Decimal::ZERO);
        let parts = vec![vec![nothing; lines.len()]; discounts.len()];
        let (kept, amounts) = (KeptParts::All, vec![nothing; discounts.len()]);
        Ok(Self { lines, discounts, policy, kept, left, amounts, parts, room })
    }

    /// The places of the percentages, then of the fixed amounts, each in an order that does not depend on how they were
    /// given. Fixed amounts for few lines come before those for many, which can still be used elsewhere.
    fn ranked(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut percents, mut fixed) = (Vec::new(), Vec::new());
        for (place, discount) in self.discounts.iter().enumerate() {
            match discount.cut {
                Cut::Percent { percent } => percents.push((Reverse(percent), &discount.source, &discount.only, place)),
                Cut::Fixed { amount } => {
                    let lines = self.lines.iter().filter(|l| discount.is_for(l)).count();
                    fixed.push((lines, &discount.only, &discount.source, amount.minor, place));
                }
            }
        }
        percents.sort();
        fixed.sort();
        (percents.into_iter().map(|p| p.3).collect(), fixed.into_iter().map(|f| f.4).collect())
    }

    /// Takes the percentages among `places` off: the lines that the same of them apply to are one group, and each group
    /// is rounded once after all its percentages.
    fn take_percents(&mut self, places: &[usize]) -> Result<(), MoneyError> {
        let percents: Vec<(usize, Percent)> = places.iter().filter_map(|p| Some((*p, self.percent_at(*p)?))).collect();
        for Group { mask, percents } in self.groups(&percents) {
            let lefts = self.left_of(&mask);
            let whole = Money::sum(self.room.currency, lefts.iter().copied())?;
            let mut kept = Decimal::ONE;
            let mut before = Money::zero(self.room.currency);
            for (place, percent) in percents {
                let of = kept.checked_mul(Decimal::from(whole.minor)).ok_or(MoneyError::Overflow)?;
                let earlier = (before, kept);
                kept = kept.checked_mul(percent.kept()?).ok_or(MoneyError::Overflow)?;
                let gone = Decimal::ONE.checked_sub(kept).ok_or(MoneyError::Overflow)?;
                let minor = gone.checked_mul(Decimal::from(whole.minor)).ok_or(MoneyError::Overflow)?;
                let upto = Unrounded::from_minor(minor, whole.currency).round(self.policy.rounding)?;
                let upto = Money::new(upto.minor.min(self.room.minor), whole.currency);
                self.count(place, upto.plus(before.negated()?)?, of)?;
                self.note(place, upto, earlier, (&mask, &lefts))?;
                before = upto;
            }
            self.take(before, &mask)?;
        }
        Ok(())
    }

    fn take_fixed(&mut self, place: usize) -> Result<(), MoneyError> {
        let Some(discount) = self.discounts.get(place) else { return Ok(()) };
        let Cut::Fixed { amount } = discount.cut else { return Ok(()) };
        let mask: Vec<bool> = self.lines.iter().map(|l| discount.is_for(l)).collect();
        let lefts = self.left_of(&mask);
        let there = Money::sum(self.room.currency, lefts.iter().copied())?;
        let taken = Money::new(amount.minor.min(there.minor).min(self.room.minor), amount.currency);
        self.count(place, taken, Decimal::from(there.minor))?;
        self.note(place, taken, (Money::zero(taken.currency), Decimal::ONE), (&mask, &lefts))?;
        self.take(taken, &mask)
    }

    fn percent_at(&self, place: usize) -> Option<Percent> {
        match self.discounts.get(place)?.cut {
            Cut::Percent { percent } => Some(percent),
            Cut::Fixed { .. } => None,
        }
    }

    /// Which lines are rounded together, and which of `percents` apply to them.
    fn groups(&self, percents: &[(usize, Percent)]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let is_for = |place: usize| self.discounts.get(place).is_some_and(|d| d.is_for(line));
            let those: Vec<_> = percents.iter().filter(|p| is_for(p.0)).copied().collect();
            if those.is_empty() {
                continue;
            }
            let alike = groups.iter_mut().find(|group| group.percents == those);
            match alike.filter(|_| self.policy.percent_of == PercentBase::Sum) {
                Some(group) => group.mask.iter_mut().skip(number).take(1).for_each(|is_in| *is_in = true),
                None => {
                    let mask = (0..self.lines.len()).map(|n| n == number).collect();
                    groups.push(Group { mask, percents: those });
                }
            }
        }
        groups
    }

    /// What is left of the lines in `mask`; nothing of the others.
    fn left_of(&self, mask: &[bool]) -> Vec<Money> {
        let zero = Money::zero(self.room.currency);
        self.left.iter().zip(mask).map(|(left, is_in)| if *is_in { left.money } else { zero }).collect()
    }

    fn count(&mut self, place: usize, amount: Money, of: Decimal) -> Result<(), MoneyError> {
        for (sum, base) in self.amounts.iter_mut().skip(place).take(1) {
            *sum = sum.plus(amount)?;
            *base = base.checked_add(of).ok_or(MoneyError::Overflow)?;
        }
        Ok(())
    }

    /// Remembers which line in the mask has which part of a discount: of `upto`, less of what the percentages before it took.
    fn note(
        &mut self,
        place: usize,
        upto: Money,
        before: (Money, Decimal),
        (mask, lefts): (&[bool], &[Money]),
    ) -> Result<(), MoneyError> {
        let others_too = self.kept == KeptParts::LastGroup;
        let (upto, earlier) = (by_amounts(upto, lefts)?, by_amounts(before.0, lefts)?);
        for row in self.parts.iter_mut().skip(place).take(1) {
            let lines = row.iter_mut().zip(lefts).zip(&upto).zip(&earlier).zip(mask);
            for ((((part, left), upto), earlier), _) in lines.filter(|(_, is_in)| **is_in || others_too) {
                let of = Decimal::from(left.minor).checked_mul(before.1).ok_or(MoneyError::Overflow)?;
                *part = (upto.plus(earlier.negated()?)?, of);
            }
        }
        Ok(())
    }

    /// Takes `amount`, which is not more than there is, off the lines in `mask`.
    fn take(&mut self, amount: Money, mask: &[bool]) -> Result<(), MoneyError> {
        let parts = by_amounts(amount, &self.left_of(mask))?;
        let shares = match self.policy.split {
            Split::LargestRemainder => parts.iter().map(|p| Decimal::from(p.minor)).collect(),
            Split::FineShares => {
                let weights = self.left.iter().zip(mask);
                let weights: Vec<Decimal> =
                    weights.map(|(left, is_in)| if *is_in { left.share_left } else { Decimal::ZERO }).collect();
                // Scopes that overlap can use up a line's fine shares a fraction of a minor unit before its whole units.
                let used_up = weights.iter().all(Decimal::is_zero);
                if used_up { vec![Decimal::ZERO; parts.len()] } else { fine_shares(amount, &weights)? }
            }
        };
        for ((left, part), share) in self.left.iter_mut().zip(parts).zip(shares) {
            left.money = left.money.plus(part.negated()?)?;
            left.taken = left.taken.plus(part)?;
            left.share = left.share.checked_add(share).ok_or(MoneyError::Overflow)?;
            left.share_left = left.share_left.checked_sub(share).ok_or(MoneyError::Overflow)?;
        }
        self.room = self.room.plus(amount.negated()?)?;
        Ok(())
    }

    fn finish(self) -> Result<Discounted, MoneyError> {
        let total = Money::sum(self.room.currency, self.amounts.iter().map(|a| a.0))?;
        let lines = self.left.iter().map(|l| LineDiscount { amount: l.taken, share_minor: l.share }).collect();
        let applied = |discount: &Discount, (amount, of): (Money, Decimal)| Applied {
            source: discount.source.clone(),
            cut: discount.cut,
            of_minor: of.normalize(),
            amount,
        };
        let of_line = |line: usize| {
            let rows = self.discounts.iter().zip(&self.parts);
            rows.filter_map(|(discount, row)| row.get(line).map(|part| applied(discount, *part))).collect()
        };
        let parts = (0..self.lines.len()).map(of_line).collect();
        let applied = self.discounts.iter().zip(self.amounts).map(|(d, amount)| applied(d, amount)).collect();
        Ok(Discounted { lines, applied, parts, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("EUR").unwrap())
    }

    fn lines(amounts: &[(&str, i64)]) -> Vec<DiscountableLine> {
        let line = |(item, minor): &(&str, i64)| DiscountableLine {
            item: (*item).into(),
            amount: eur(*minor),
            discountable: true,
        };
        amounts.iter().map(line).collect()
    }

    fn percent(source: &str, value: &str) -> Discount {
        let percent = Percent::try_new(value.parse().unwrap()).unwrap();
        Discount { source: source.into(), cut: Cut::Percent { percent }, only: vec![], duration: CouponDuration::Once }
    }

    fn fixed(source: &str, minor: i64) -> Discount {
        let cut = Cut::Fixed { amount: eur(minor) };
        Discount { source: source.into(), cut, only: vec![], duration: CouponDuration::Once }
    }

    fn run(amounts: &[(&str, i64)], discounts: &[Discount], policy: DiscountPolicy) -> (Vec<i64>, Vec<i64>) {
        let done = apply(&lines(amounts), discounts, eur(0).currency, policy).unwrap();
        let of_lines = done.lines.iter().map(|l| l.amount.minor).collect();
        (of_lines, done.applied.iter().map(|a| a.amount.minor).collect())
    }

    #[test]
    fn percentages_multiply_and_come_first() {
        let given = [fixed("f", 500), percent("a", "10"), percent("b", "50")];
        assert_eq!(run(&[("x", 10_000)], &given, DiscountPolicy::default()), (vec![6000], vec![500, 500, 5000]));
        let as_given = DiscountPolicy { order: DiscountOrder::AsGiven, ..DiscountPolicy::default() };
        assert_eq!(run(&[("x", 10_000)], &given, as_given), (vec![5725], vec![500, 950, 4275]));
    }

    #[test]
    fn every_discount_says_what_it_was_taken_of() {
        let given = [fixed("f", 500), percent("a", "10"), percent("b", "50")];
        let done = apply(&lines(&[("x", 10_001)]), &given, eur(0).currency, DiscountPolicy::default()).unwrap();
        let of: Vec<String> = done.applied.iter().map(|a| a.of_minor.to_string()).collect();
        assert_eq!(of, ["4500", "5000.5", "10001"]);
    }

    #[test]
    fn a_percentage_of_the_sum_is_rounded_once_and_of_lines_every_time() {
        let discount = [percent("p", "33.33")];
        let policy = |percent_of| DiscountPolicy { percent_of, ..DiscountPolicy::default() };
        assert_eq!(run(&[("x", 100), ("y", 100)], &discount, policy(PercentBase::Sum)), (vec![34, 33], vec![67]));
        assert_eq!(run(&[("x", 100), ("y", 100)], &discount, policy(PercentBase::Line)), (vec![33, 33], vec![66]));
    }

    #[test]
    fn a_discount_for_one_plan_leaves_the_others_alone() {
        let only = Discount { only: vec!["y".into()], ..percent("p", "50") };
        let all = fixed("f", 300);
        let done = run(&[("x", 100), ("y", 1000)], &[all, only], DiscountPolicy::default());
        assert_eq!(done, (vec![50, 750], vec![300, 500]));
        let small = Discount { only: vec!["x".into()], ..fixed("s", 500) };
        assert_eq!(run(&[("x", 100), ("y", 1000)], &[small], DiscountPolicy::default()), (vec![100, 0], vec![100]));
    }

    #[test]
    fn credits_are_not_discounted_and_the_sum_stays_above_zero() {
        let lines = [("x", 1000), ("x", -800)];
        assert_eq!(run(&lines, &[percent("p", "10")], DiscountPolicy::default()), (vec![100, 0], vec![100]));
        assert_eq!(run(&lines, &[fixed("f", 500)], DiscountPolicy::default()), (vec![200, 0], vec![200]));
        assert_eq!(run(&[("x", -5)], &[fixed("f", 500)], DiscountPolicy::default()), (vec![0], vec![0]));
    }

    #[test]
    fn fine_shares_go_to_the_tax_and_whole_units_to_the_lines() {
        let policy = DiscountPolicy { split: Split::FineShares, ..DiscountPolicy::default() };
        let lines = lines(&[("x", 100), ("y", 100), ("z", 100)]);
        let done = apply(&lines, &[fixed("f", 100)], eur(0).currency, policy).unwrap();
        assert_eq!(done.lines.iter().map(|l| l.amount.minor).collect::<Vec<_>>(), [34, 33, 33]);
        assert!(done.lines.iter().all(|l| l.share_minor.to_string() == "33.33333"));
    }

    #[test]
    fn what_is_left_of_a_fixed_discount_is_known() {
        let done =
            apply(&lines(&[("x", 100)]), &[fixed("f", 250)], eur(0).currency, DiscountPolicy::default()).unwrap();
        assert_eq!(done.applied[0].unused(), Ok(eur(150)));
    }

    #[test]
    fn negative_and_foreign_amounts_are_refused() {
        let run = |d: Discount| apply(&lines(&[("x", 100)]), &[d], eur(0).currency, DiscountPolicy::default());
        assert_eq!(run(fixed("f", -1)), Err(DiscountError::Negative("f".into())));
        let usd = Currency::try_new("USD").unwrap();
        // Nothing off is an amount, too.
        assert_eq!(run(fixed("f", 0)).map(|done| done.total), Ok(eur(0)));
        let foreign = Discount { cut: Cut::Fixed { amount: Money::new(1, usd) }, ..fixed("f", 0) };
        assert_eq!(run(foreign), Err(DiscountError::Money(MoneyError::MixedCurrencies(usd, eur(0).currency))));
    }
}
