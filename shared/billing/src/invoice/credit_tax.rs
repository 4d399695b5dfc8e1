//! The tax of a credit where it is rounded with the credit: the total once, and the tax is what the credit leaves of it.
//!
//! Exists apart, because all other taxes are rounded by themselves, for the document or for each line.

use rust_decimal::Decimal;

use super::{
    adjust::Decided,
    lines::{Line, LineKind},
};
use crate::{
    money::{Currency, Money, MoneyError, Unrounded},
    tax::{TaxError, TaxLine, TaxPolicy, TaxTotal, Taxed, TaxedLine, compute, on_top},
};

/// For each charge and each credit of a decision, discounts with the line that they follow: the tax that rounding it with
/// its tax leaves; none where the tax is rounded by itself.
pub(super) fn wanted(decided: &Decided<'_>) -> Result<Vec<Option<Money>>, MoneyError> {
    let rates = decided.with.earlier_tax.as_ref().map(|tax| tax.rates());
    let factor = rates.filter(|_| decided.together).map(on_top).transpose()?.flatten();
    let mut found: Vec<Option<(Money, Decimal, &Line)>> = Vec::new();
    for line in &decided.lines {
        let own = (line.amount, line.why.unrounded_minor, line);
        match (line.kind, found.last_mut()) {
            (LineKind::Discount, Some(Some((amount, exact, _)))) => {
                *amount = amount.plus(line.amount)?;
                *exact = exact.checked_add(line.why.unrounded_minor).ok_or(MoneyError::Overflow)?;
            }
            (LineKind::Discount, Some(None)) => {}
            (kind, _) => found.push((kind == LineKind::ProrationCredit).then_some(own)),
        }
    }
    let tax = |(amount, exact, line): (Money, Decimal, &Line)| -> Result<Option<Money>, MoneyError> {
        let Some(factor) = factor else { return Ok(None) };
        let whole = Decimal::ONE.checked_add(factor).ok_or(MoneyError::Overflow)?;
        let total =
            Unrounded::from_minor(exact, amount.currency).times(whole, Decimal::ONE)?.round(line.why.rounding)?;
        total.plus(amount.negated()?).map(Some)
    };
    found.into_iter().map(|line| line.map_or(Ok(None), tax)).collect()
}

/// The taxes of `lines`, where those with a wanted tax have that.
pub(super) fn compute_with(
    lines: &[TaxLine<'_>],
    wanted: &[Option<Money>],
    currency: Currency,
    policy: TaxPolicy,
) -> Result<Taxed, TaxError> {
    if wanted.iter().all(Option::is_none) {
        return compute(lines, currency, policy);
    }
    // Apart from the others, so that no remainder of a charge is moved to a credit or back.
    let of = |is_wanted: bool| -> Vec<TaxLine<'_>> {
        let those = lines.iter().zip(wanted).filter(|(_, wanted)| wanted.is_some() == is_wanted);
        those.map(|(line, _)| line.clone()).collect()
    };
    let (mut taxed, credits) = (compute(&of(false), currency, policy)?, compute(&of(true), currency, policy)?);
    let mut totals = credits.totals;
    let mut own = taxed.lines.into_iter();
    let mut given = credits.lines.into_iter();
    let mut all = Vec::with_capacity(lines.len());
    for wanted in wanted {
        match wanted {
            Some(tax) => all.extend(given.next().map(|line| with_tax(line, *tax, &mut totals)).transpose()?),
            None => all.extend(own.next()),
        }
    }
    for total in totals {
        total.add_to(&mut taxed.totals)?;
    }
    let net = Money::sum(currency, all.iter().map(|line| line.net))?;
    let tax = Money::sum(currency, all.iter().map(|line| line.tax))?;
    Ok(Taxed { lines: all, net, tax, gross: net.plus(tax)?, ..taxed })
}

/// The line with `tax`: what it has more or less than by its rates alone is on the last of them.
fn with_tax(mut line: TaxedLine, tax: Money, totals: &mut [TaxTotal]) -> Result<TaxedLine, MoneyError> {
    let more = tax.plus(line.tax.negated()?)?;
    let Some(last) = line.taxes.last_mut() else { return Ok(line) };
    last.amount = last.amount.plus(more)?;
    (line.tax, line.gross) = (tax, line.net.plus(tax)?);
    for total in totals.iter_mut().filter(|total| total.rate.as_ref() == Some(&last.rate)) {
        total.tax = total.tax.plus(more)?;
    }
    Ok(line)
}
