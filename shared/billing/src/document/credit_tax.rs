//! The taxes of a credit note: in proportion to what is credited, rounded as the policy says, limited by what is left.
//!
//! Exists apart because there are two limits: what is left of every line and rate (ours), or of the document (Lago's).

use rust_decimal::Decimal;

use super::credit_note::{CreditBase, CreditLimit, CreditNote, CreditNotePolicy, Creditable, Plan};
use crate::{
    allocation::{round_together, spread, sum},
    money::{Currency, Money, MoneyError, Unrounded},
    tax::{LineTax, TaxLevel, TaxRate, exact_taxes},
};

/// A line to be credited, and its net amount after rounding.
type Credited<'p, 'a> = (&'p Plan<'a>, Money);

/// One rate on one line, before and after rounding.
struct Cell<'a> {
    line: usize,
    rate: &'a TaxRate,
    exact: Decimal,
    amount: Money,
}

/// For each line its taxes.
pub(super) fn taxes(
    invoice: Creditable<'_>,
    earlier: &[CreditNote],
    lines: &[Credited<'_, '_>],
    policy: CreditNotePolicy,
) -> Result<Vec<Vec<LineTax>>, MoneyError> {
    let currency = invoice.total.currency;
    let mut cells = Vec::new();
    for (line, (plan, net)) in lines.iter().enumerate() {
        let exact = match policy.limit {
            CreditLimit::Line => of_rest(plan, *net, policy.tax_base)?,
            CreditLimit::Document => of_line(plan, *net, policy.tax_base)?,
        };
        let amount = Money::zero(currency);
        cells.extend(plan.line.taxes.iter().zip(exact).map(|(tax, exact)| Cell {
            line,
            rate: &tax.rate,
            exact,
            amount,
        }));
    }
    let mut rates: Vec<&TaxRate> = Vec::new();
    for cell in &cells {
        if !rates.contains(&cell.rate) {
            rates.push(cell.rate);
        }
    }
    let left = match policy.limit {
        CreditLimit::Document if lines.iter().all(|(plan, _)| plan.ratio.is_some()) => {
            Some(Left::of(invoice, earlier, lines)?)
        }
        // An amount with tax is given back to the cent: what is left of its line limits it.
        CreditLimit::Document | CreditLimit::Line => None,
    };
    let together = together(&cells, &rates, currency, policy, left.as_ref())?;
    for (rate, whole) in rates.into_iter().zip(together) {
        let parts = match whole {
            Some(whole) => spread(&of(&cells, rate), whole)?,
            None => round_all(&of(&cells, rate), currency, policy)?,
        };
        for (cell, amount) in cells.iter_mut().filter(|c| c.rate == rate).zip(parts) {
            cell.amount = amount;
        }
    }
    let of_line = |number| {
        let those = cells.iter().filter(move |c| c.line == number);
        those.map(|c| LineTax { rate: c.rate.clone(), amount: c.amount }).collect()
    };
    Ok((0..lines.len()).map(of_line).collect())
}

fn of(cells: &[Cell<'_>], rate: &TaxRate) -> Vec<Decimal> {
    cells.iter().filter(|c| c.rate == rate).map(|c| c.exact).collect()
}

/// What each rate comes to, where that follows from more than its own lines; none: its lines say it.
fn together(
    cells: &[Cell<'_>],
    rates: &[&TaxRate],
    currency: Currency,
    policy: CreditNotePolicy,
    left: Option<&Left<'_>>,
) -> Result<Vec<Option<Money>>, MoneyError> {
    let is_last = left.is_some_and(|left| left.is_last);
    // What is left, where that is less than `rounded` or has to be used up.
    let limited = |rounded: Money, left: Option<Money>| {
        left.filter(|left| is_last || (left.minor >= 0 && left.minor < rounded.minor)).unwrap_or(rounded)
    };
    if policy.level != TaxLevel::Sum {
        let of_rate = |rate: &&TaxRate| {
            let rounded = Money::sum(currency, round_all(&of(cells, rate), currency, policy)?)?;
            let whole = limited(rounded, left.map(|left| left.of_rate(rate)));
            Ok((is_last || whole != rounded).then_some(whole))
        };
        return rates.iter().map(of_rate).collect();
    }
    if rates.is_empty() {
        return Ok(Vec::new());
    }
    let sums = rates.iter().map(|rate| sum(of(cells, rate))).collect::<Result<Vec<_>, _>>()?;
    let rounded = Unrounded::from_minor(sum(sums.iter().copied())?, currency).round(policy.rounding)?;
    let whole = limited(rounded, left.map(Left::whole).transpose()?);
    let lasts = left.filter(|_| is_last).map(|left| rates.iter().map(|rate| left.of_rate(rate).minor.into()).collect());
    Ok(spread(&lasts.unwrap_or(sums), whole)?.into_iter().map(Some).collect())
}

/// The taxes before rounding, none beyond what is left of the line. With the last of its net amount goes the last of its tax.
fn of_rest(plan: &Plan<'_>, net: Money, base: CreditBase) -> Result<Vec<Decimal>, MoneyError> {
    let Some(ratio) = plan.ratio else { return Ok(exact(&plan.taxes)) };
    if net == plan.rest.net {
        return Ok(exact(&plan.rest.taxes));
    }
    let (part, whole) = proportion(plan, net, base, ratio);
    let mut taxes = Vec::with_capacity(plan.line.taxes.len());
    for (tax, left) in plan.line.taxes.iter().zip(&plan.rest.taxes) {
        let share = Unrounded::from_money(tax.amount).times(part, whole)?.minor();
        taxes.push(share.min(Decimal::from(left.minor)));
    }
    Ok(taxes)
}

/// The taxes before rounding, by what the line is taxed with before rounding.
fn of_line(plan: &Plan<'_>, net: Money, base: CreditBase) -> Result<Vec<Decimal>, MoneyError> {
    let Some(ratio) = plan.ratio else { return Ok(exact(&plan.taxes)) };
    let (part, whole) = proportion(plan, net, base, ratio);
    if whole.is_zero() {
        return Ok(exact(&plan.rest.taxes));
    }
    let rates: Vec<&TaxRate> = plan.line.taxes.iter().map(|tax| &tax.rate).collect();
    let share = |tax| Ok(Unrounded::from_minor(tax, net.currency).times(part, whole)?.minor());
    exact_taxes(plan.line.taxable_minor, &rates)?.into_iter().map(share).collect()
}

fn proportion(plan: &Plan<'_>, net: Money, base: CreditBase, exact: (Decimal, Decimal)) -> (Decimal, Decimal) {
    match base {
        CreditBase::Rounded if plan.line.net.minor != 0 => {
            (Decimal::from(net.minor), Decimal::from(plan.line.net.minor))
        }
        CreditBase::Rounded | CreditBase::Exact => exact,
    }
}

fn exact(taxes: &[Money]) -> Vec<Decimal> {
    taxes.iter().map(|t| Decimal::from(t.minor)).collect()
}

/// What is left of the document's taxes.
struct Left<'a> {
    currency: Currency,
    /// Whether nothing of the net amount is left after this note.
    is_last: bool,
    rates: Vec<(&'a TaxRate, Money)>,
}

impl<'a> Left<'a> {
    fn of(invoice: Creditable<'a>, earlier: &'a [CreditNote], lines: &[Credited<'_, '_>]) -> Result<Self, MoneyError> {
        let currency = invoice.total.currency;
        let before = earlier.iter().map(|note| note.net).chain(lines.iter().map(|(_, net)| *net));
        let net = Money::sum(currency, invoice.lines.iter().map(|line| line.net))?;
        let is_last = net == Money::sum(currency, before)?;
        let mut left = Self { currency, is_last, rates: Vec::new() };
        for tax in invoice.lines.iter().flat_map(|line| &line.taxes) {
            left.add(&tax.rate, tax.amount)?;
        }
        for tax in earlier.iter().flat_map(|note| &note.lines).flat_map(|line| &line.taxes) {
            left.add(&tax.rate, tax.amount.negated()?)?;
        }
        Ok(left)
    }

    fn add(&mut self, rate: &'a TaxRate, amount: Money) -> Result<(), MoneyError> {
        match self.rates.iter_mut().find(|(known, _)| *known == rate) {
            Some((_, sum)) => *sum = sum.plus(amount)?,
            None => self.rates.push((rate, amount)),
        }
        Ok(())
    }

    fn of_rate(&self, rate: &TaxRate) -> Money {
        self.rates.iter().find(|(known, _)| *known == rate).map_or(Money::zero(self.currency), |(_, left)| *left)
    }

    fn whole(&self) -> Result<Money, MoneyError> {
        Money::sum(self.currency, self.rates.iter().map(|(_, left)| *left))
    }
}

/// Rounds once for the document or for every line, as the policy says.
pub(super) fn round_all(
    parts: &[Decimal],
    currency: Currency,
    policy: CreditNotePolicy,
) -> Result<Vec<Money>, MoneyError> {
    match policy.level {
        TaxLevel::Document | TaxLevel::Sum => round_together(parts, currency, policy.rounding),
        TaxLevel::Line => parts.iter().map(|p| Unrounded::from_minor(*p, currency).round(policy.rounding)).collect(),
    }
}
