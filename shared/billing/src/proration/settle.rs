//! Where the money of a change goes: now, later, a credit note, the balance, or time instead of money.
//!
//! Exists so that what is owed today and what is kept for tomorrow add up to what the change is worth, whatever the way.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use super::{
    change::{ChangeInput, ChangeKind, Reach, Side, interval_of},
    policy::{CreditTax, Denominator, Destination, IntervalChange, ProrationPolicy},
    stub::{self, Direction, shifted},
};
use crate::{
    calendar::local_days,
    money::{Money, MoneyError, Unrounded},
    proration::ProrationUnit,
    refusal::Refusal,
};

/// Longest extra time, in days: a century.
pub const EXTRA_DAYS_MAX: u32 = 36_525;

/// Where the money of a change goes. All amounts are 0 or more, but `next_invoice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The way that was taken.
    pub destination: Destination,
    /// To be collected now.
    pub due_now: Money,
    /// What the next regular invoice has on top (negative: less).
    pub next_invoice: Money,
    /// The credit note that is issued.
    pub credit_note: Money,
    /// What was taken from the balance.
    pub credit_used: Money,
    /// The balance afterwards.
    pub credit_left: Money,
    /// Days that the new plan runs before it is charged, where value became time.
    pub extra_days: Option<u32>,
}

/// What one credit does to one amount that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOff {
    /// How much of the credit is used.
    pub used: Money,
    /// What is still owed.
    pub due: Money,
    /// What is left of the credit.
    pub left: Money,
}

/// Sets `credit` off against `owed`, both 0 or more: as far as it goes, and never below nothing.
///
/// # Errors
/// [`MoneyError::MixedCurrencies`].
pub fn set_off(credit: Money, owed: Money) -> Result<SetOff, MoneyError> {
    let used = Money::new(credit.minor.min(owed.minor).max(0), credit.currency);
    Ok(SetOff { used, due: owed.plus(used.negated()?)?, left: credit.plus(used.negated()?)? })
}

/// A credit with its tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxedCredit {
    /// Before tax.
    pub subtotal: Money,
    /// The tax that is given back with it.
    pub tax: Money,
    /// Both.
    pub total: Money,
}

/// What `credit` gives back with tax at `percent` (20 for 20 %), rounded as the policy says.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn taxed_credit(policy: &ProrationPolicy, credit: Unrounded, percent: Decimal) -> Result<TaxedCredit, MoneyError> {
    let subtotal = credit.round(policy.rounding)?;
    let (tax, total) = match policy.credit_tax {
        CreditTax::Apart => {
            let tax = Unrounded::from_money(subtotal).times(percent, Decimal::ONE_HUNDRED)?.round(policy.rounding)?;
            (tax, subtotal.plus(tax)?)
        }
        CreditTax::Together => {
            let with_tax = Decimal::ONE_HUNDRED.checked_add(percent).ok_or(MoneyError::Overflow)?;
            let total = credit.times(with_tax, Decimal::ONE_HUNDRED)?.round(policy.rounding)?;
            (total.plus(subtotal.negated()?)?, total)
        }
    };
    Ok(TaxedCredit { subtotal, tax, total })
}

/// Where `credit` (0 or less) and `charge` (0 or more) of a change go.
pub(super) fn settle(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    credit: Money,
    charge: Money,
) -> Result<Settlement, Refusal> {
    let (balance, back) = (input.balance, credit.negated()?);
    let destination = way(policy, input);
    let nothing = Money::zero(balance.currency);
    let untouched = Settlement {
        destination,
        due_now: nothing,
        next_invoice: nothing,
        credit_note: nothing,
        credit_used: nothing,
        credit_left: balance,
        extra_days: None,
    };
    match destination {
        Destination::NextInvoice => Ok(Settlement { next_invoice: credit.plus(charge)?, ..untouched }),
        Destination::ExtraTime => Ok(Settlement { extra_days: Some(extra_days(policy, input, back)?), ..untouched }),
        Destination::InvoiceNow | Destination::CreditNote => {
            let own = set_off(back, charge)?;
            let rest = set_off(balance, own.due)?;
            let credit_note = if destination == Destination::CreditNote { back } else { nothing };
            let credit_left = rest.left.plus(own.left)?;
            Ok(Settlement { due_now: rest.due, credit_note, credit_used: rest.used, credit_left, ..untouched })
        }
        Destination::Balance => {
            let paid = set_off(balance.plus(back)?, charge)?;
            Ok(Settlement { due_now: paid.due, credit_used: paid.used, credit_left: paid.left, ..untouched })
        }
    }
}

/// A period that starts with the change has no next invoice to wait for; an end has no new plan whose days it could buy.
fn way(policy: &ProrationPolicy, input: &ChangeInput) -> Destination {
    let restarts = matches!(input.reach, Reach::Interval(_)) && policy.interval_change != IntervalChange::KeepAnchor;
    let ends = input.kind == ChangeKind::Termination;
    match policy.destination {
        Destination::NextInvoice if restarts || ends => Destination::InvoiceNow,
        Destination::ExtraTime if ends => Destination::InvoiceNow,
        destination => destination,
    }
}

/// Days of the new terms that `value` buys, a begun day counted as a whole one; refused where that cannot be.
fn extra_days(policy: &ProrationPolicy, input: &ChangeInput, value: Money) -> Result<u32, Refusal> {
    let Some(days) = days_bought(policy, input, value)? else {
        let detail = "value becomes days of a plan that costs something; this one is free: end the contract instead";
        return Err(Refusal::InvalidField { field: "items", detail: detail.into() });
    };
    days.to_u32().filter(|days| *days <= EXTRA_DAYS_MAX).ok_or_else(|| Refusal::InvalidField {
        field: "items",
        detail: format!(
            "the unused value would be more than {EXTRA_DAYS_MAX} days of the new plan; give it back instead"
        ),
    })
}

/// Days of the new terms that `value` buys, a begun day counted as a whole one; none where the new terms cost nothing.
pub(super) fn days_bought(
    policy: &ProrationPolicy,
    input: &ChangeInput,
    value: Money,
) -> Result<Option<Decimal>, Refusal> {
    let sides = input.items.iter().filter_map(|item| item.to);
    let price = sides.map(|to: Side| to.net.minor()).try_fold(Decimal::ZERO, |sum, p| sum.checked_add(p));
    let price = price.ok_or(MoneyError::Overflow)?;
    if price <= Decimal::ZERO {
        return Ok(None);
    }
    let days = Decimal::from(days_of_new_period(policy, input)?);
    Ok(Some(Unrounded::from_money(value).times(days, price)?.minor().ceil()))
}

/// Days that the new price is for: its usual length where the policy divides by that, else those of the period that
/// starts with the change, or of the running one.
pub(super) fn days_of_new_period(policy: &ProrationPolicy, input: &ChangeInput) -> Result<i64, Refusal> {
    let new = match input.reach {
        Reach::Interval(interval) => Some(interval),
        Reach::Anchor(stub) => stub.interval,
        Reach::Period => None,
    };
    let usual = new.or_else(|| interval_of(input)).filter(|_| policy.denominator == Denominator::Nominal);
    let days = match (usual, new) {
        (Some(interval), _) => {
            let by_day = ProrationPolicy { unit: ProrationUnit::Day, ..ProrationPolicy::default() };
            stub::nominal_units(&by_day, interval)
        }
        (None, Some(interval)) => {
            let end = shifted(input.at, interval, Direction::Forward, input.zone)?;
            local_days(input.at, end, input.zone)
        }
        (None, None) => local_days(input.period.start, input.period.end, input.zone),
    };
    Ok(days.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Currency, Rounding};

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("USD").unwrap())
    }

    #[test]
    fn a_credit_is_used_as_far_as_it_goes_and_never_below_nothing() {
        let set = |credit, owed| set_off(usd(credit), usd(owed)).map(|s| (s.used.minor, s.due.minor, s.left.minor));
        assert_eq!(set(3000, 6000), Ok((3000, 3000, 0)));
        assert_eq!(set(6000, 3000), Ok((3000, 0, 3000)));
        assert_eq!(set(0, 3000), Ok((0, 3000, 0)));
    }

    #[test]
    fn tax_rounded_apart_and_together_differ_by_a_cent() {
        let credit = Unrounded::from_money(usd(20_000)).times(Decimal::from(29), Decimal::from(30)).unwrap();
        let total = |credit_tax| {
            let policy = ProrationPolicy { credit_tax, rounding: Rounding::HalfUp, ..ProrationPolicy::default() };
            let taxed = taxed_credit(&policy, credit, Decimal::from(25)).unwrap();
            assert_eq!(taxed.subtotal.plus(taxed.tax), Ok(taxed.total));
            taxed.total.minor
        };
        assert_eq!((total(CreditTax::Apart), total(CreditTax::Together)), (24_166, 24_167));
    }
}
