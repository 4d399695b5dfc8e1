//! What taxes come to: exact for each line and rate, rounded once per line or once per rate and document.
//!
//! Exists so that lines' taxes always add up to the document's, and net and tax to gross, whatever is rounded where.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{TaxError, TaxRate, TaxTreatment, rate::factors};
use crate::{
    allocation::{round_together, spread, sum},
    money::{Currency, Money, MoneyError, Rounding, Unrounded},
};

/// How taxes are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxPolicy {
    /// What is rounded as one.
    #[serde(default)]
    pub level: TaxLevel,
    /// How; half up unless it says otherwise, as tax authorities and most systems do.
    #[serde(default = "half_up")]
    pub rounding: Rounding,
}

const fn half_up() -> Rounding {
    Rounding::HalfUp
}

impl Default for TaxPolicy {
    fn default() -> Self {
        Self { level: TaxLevel::default(), rounding: half_up() }
    }
}

/// What is rounded as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaxLevel {
    /// Each rate on the whole document; its tax is then split over the lines by largest remainder.
    #[default]
    Document,
    /// Each rate on each line; the document has their sum.
    Line,
    /// All rates of the document together; that is then split over the rates and theirs over the lines, by largest
    /// remainder, so that both add up (Lago, which shows each rate and line rounded by itself beside the same sum).
    Sum,
}

/// A line to be taxed.
#[derive(Clone, Debug)]
pub struct TaxLine<'a> {
    /// What is asked for after discounts: net for exclusive rates, gross for inclusive ones.
    pub amount: Money,
    /// What tax is computed from, in minor units: the amount, or finer where discounts were split finer.
    pub taxable_minor: Decimal,
    /// By which rates, or why by none.
    pub treatment: &'a TaxTreatment,
}

/// One rate on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTax {
    /// Which.
    pub rate: TaxRate,
    /// What it comes to.
    pub amount: Money,
}

/// A line with its taxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxedLine {
    /// Without tax.
    pub net: Money,
    /// Each rate.
    pub taxes: Vec<LineTax>,
    /// All rates.
    pub tax: Money,
    /// With tax.
    pub gross: Money,
}

/// One row of the breakdown that an invoice has to show: a rate, or a reason for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxTotal {
    /// The rate; none where nothing is taxed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<TaxRate>,
    /// What the invoice has to say where nothing is taxed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Net amount of the lines it is about.
    pub net: Money,
    /// Tax, rounded.
    pub tax: Money,
    /// Tax before rounding, in minor units (a division is cut at 28 digits).
    pub exact_minor: Decimal,
}

/// The taxes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taxed {
    /// For each line, in the lines' order.
    pub lines: Vec<TaxedLine>,
    /// The breakdown, in the order in which rates and reasons first appear.
    pub totals: Vec<TaxTotal>,
    /// All lines without tax.
    pub net: Money,
    /// All taxes.
    pub tax: Money,
    /// Both.
    pub gross: Money,
}

/// One rate on one line, before and after rounding.
struct Cell<'a> {
    line: usize,
    rate: &'a TaxRate,
    exact: Decimal,
    amount: Money,
}

/// Computes the taxes of `lines`. Inclusive rates are taken out of the amount (`amount × rate ÷ (1 + all inclusive rates)`),
/// exclusive ones are put on what is then net.
///
/// # Errors
/// [`TaxError::Money`] when currencies meet or an amount is too large.
pub fn compute(lines: &[TaxLine<'_>], currency: Currency, policy: TaxPolicy) -> Result<Taxed, TaxError> {
    let mut cells = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        cells.extend(exact_cells(number, line)?);
    }
    match policy.level {
        TaxLevel::Document | TaxLevel::Sum => round_rates(&mut cells, currency, policy)?,
        TaxLevel::Line => {
            for cell in &mut cells {
                cell.amount = Unrounded::from_minor(cell.exact, currency).round(policy.rounding)?;
            }
        }
    }
    let mut taxed = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        taxed.push(finish_line(line.amount, cells.iter().filter(|c| c.line == number))?);
    }
    let totals = breakdown(lines, &taxed, &cells)?;
    let net = Money::sum(currency, taxed.iter().map(|l| l.net))?;
    let tax = Money::sum(currency, taxed.iter().map(|l| l.tax))?;
    Ok(Taxed { lines: taxed, totals, net, tax, gross: net.plus(tax)? })
}

fn exact_cells<'a>(number: usize, line: &TaxLine<'a>) -> Result<Vec<Cell<'a>>, MoneyError> {
    let rates = line.treatment.rates();
    let refs: Vec<&TaxRate> = rates.iter().collect();
    let amount = Money::zero(line.amount.currency);
    let cells = rates.iter().zip(exact_taxes(line.taxable_minor, &refs)?);
    Ok(cells.map(|(rate, exact)| Cell { line: number, rate, exact, amount }).collect())
}

/// What each of `rates` comes to on `taxable` minor units, before rounding.
pub(crate) fn exact_taxes(taxable: Decimal, rates: &[&TaxRate]) -> Result<Vec<Decimal>, MoneyError> {
    let factors = factors(rates.iter().copied())?;
    let inside = sum(rates.iter().zip(&factors).filter(|(r, _)| r.inclusive).map(|(_, f)| *f))?;
    let whole = Decimal::ONE.checked_add(inside).ok_or(MoneyError::Overflow)?;
    let exact = |factor: &Decimal| taxable.checked_mul(*factor)?.checked_div(whole);
    factors.iter().map(|factor| exact(factor).ok_or(MoneyError::Overflow)).collect()
}

/// Rounds each rate once for the document, or all of them together, and splits it over its lines.
fn round_rates(cells: &mut [Cell<'_>], currency: Currency, policy: TaxPolicy) -> Result<(), MoneyError> {
    let mut rates: Vec<&TaxRate> = Vec::new();
    for cell in cells.iter() {
        if !rates.contains(&cell.rate) {
            rates.push(cell.rate);
        }
    }
    let of = |cells: &[Cell<'_>], rate: &TaxRate| -> Vec<Decimal> {
        cells.iter().filter(|c| c.rate == rate).map(|c| c.exact).collect()
    };
    let mut sums = Vec::with_capacity(rates.len());
    for rate in &rates {
        sums.push(sum(of(cells, rate))?);
    }
    let together = round_together(&sums, currency, policy.rounding)?;
    for (rate, of_rate) in rates.into_iter().zip(together) {
        let exact = of(cells, rate);
        let parts = match policy.level {
            TaxLevel::Sum => spread(&exact, of_rate)?,
            TaxLevel::Document | TaxLevel::Line => round_together(&exact, currency, policy.rounding)?,
        };
        for (cell, amount) in cells.iter_mut().filter(|c| c.rate == rate).zip(parts) {
            cell.amount = amount;
        }
    }
    Ok(())
}

fn finish_line<'a>(amount: Money, cells: impl Iterator<Item = &'a Cell<'a>>) -> Result<TaxedLine, MoneyError> {
    let (mut net, mut tax, mut taxes) = (amount, Money::zero(amount.currency), Vec::new());
    for cell in cells {
        tax = tax.plus(cell.amount)?;
        if cell.rate.inclusive {
            net = net.plus(cell.amount.negated()?)?;
        }
        taxes.push(LineTax { rate: cell.rate.clone(), amount: cell.amount });
    }
    Ok(TaxedLine { net, taxes, tax, gross: net.plus(tax)? })
}

fn breakdown(lines: &[TaxLine<'_>], taxed: &[TaxedLine], cells: &[Cell<'_>]) -> Result<Vec<TaxTotal>, MoneyError> {
    let mut totals: Vec<TaxTotal> = Vec::new();
    for (number, (line, done)) in lines.iter().zip(taxed).enumerate() {
        let zero = Money::zero(done.net.currency);
        for cell in cells.iter().filter(|c| c.line == number) {
            let (rate, tax, exact_minor) = (Some(cell.rate.clone()), cell.amount, cell.exact.normalize());
            TaxTotal { rate, note: None, net: done.net, tax, exact_minor }.add_to(&mut totals)?;
        }
        if line.treatment.rates().is_empty() {
            let (note, exact_minor) = (line.treatment.note(), Decimal::ZERO);
            TaxTotal { rate: None, note, net: done.net, tax: zero, exact_minor }.add_to(&mut totals)?;
        }
    }
    Ok(totals)
}

impl TaxTotal {
    /// Adds the row to the one of `totals` with the same rate or reason; a new one stands last.
    pub(crate) fn add_to(self, totals: &mut Vec<Self>) -> Result<(), MoneyError> {
        let same = totals.iter_mut().find(|total| (&total.rate, &total.note) == (&self.rate, &self.note));
        let Some(total) = same else {
            totals.push(self);
            return Ok(());
        };
        total.net = total.net.plus(self.net)?;
        total.tax = total.tax.plus(self.tax)?;
        total.exact_minor = sum([total.exact_minor, self.exact_minor])?.normalize();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{percent::Percent, tax::TaxBase};

    fn rate(percent: &str, inclusive: bool) -> TaxRate {
        let percent = Percent::try_new(percent.parse().unwrap()).unwrap();
        TaxRate { name: "VAT".into(), percent, inclusive, on: TaxBase::Net }
    }

    fn run(lines: &[(i64, &[TaxRate])], code: &str, policy: TaxPolicy) -> Taxed {
        let currency = Currency::try_new(code).unwrap();
        let treatments: Vec<_> = lines.iter().map(|l| TaxTreatment::Taxed { rates: l.1.to_vec() }).collect();
        let lines: Vec<TaxLine<'_>> = lines
            .iter()
            .zip(&treatments)
            .map(|((minor, _), treatment)| TaxLine {
                amount: Money::new(*minor, currency),
                taxable_minor: Decimal::from(*minor),
                treatment,
            })
            .collect();
        compute(&lines, currency, policy).unwrap()
    }

    #[test]
    fn rates_stand_beside_each_other_and_on_each_other() {
        let gst = rate("5", false);
        let pst = rate("7", false);
        let beside = run(&[(10_000, &[gst.clone(), pst.clone()])], "CAD", TaxPolicy::default());
        assert_eq!((beside.net.minor, beside.tax.minor, beside.gross.minor), (10_000, 1200, 11_200));
        let compound = TaxRate { on: TaxBase::NetAndEarlierTaxes, ..pst };
        assert_eq!(run(&[(10_000, &[gst, compound])], "CAD", TaxPolicy::default()).tax.minor, 1235);
    }

    #[test]
    fn inclusive_taxes_are_taken_out_and_net_and_tax_are_gross_again() {
        let done = run(&[(11_900, &[rate("19", true)])], "EUR", TaxPolicy::default());
        assert_eq!((done.net.minor, done.tax.minor), (10_000, 1900));
        let both = run(&[(1000, &[rate("20", true), rate("5", true)])], "EUR", TaxPolicy::default());
        assert_eq!((both.net.minor, both.tax.minor, both.gross.minor), (800, 200, 1000));
        let mixed = run(&[(1200, &[rate("20", true), rate("10", false)])], "EUR", TaxPolicy::default());
        assert_eq!((mixed.net.minor, mixed.tax.minor, mixed.gross.minor), (1000, 300, 1300));
    }

    #[test]
    fn a_document_rounds_each_rate_once_and_lines_still_add_up() {
        let vat = [rate("19", false)];
        let lines: [(i64, &[TaxRate]); 3] = [(103, &vat), (103, &vat), (103, &vat)];
        let document = run(&lines, "EUR", TaxPolicy::default());
        assert_eq!(document.lines.iter().map(|l| l.tax.minor).collect::<Vec<_>>(), [20, 20, 19]);
        assert_eq!((document.tax.minor, document.totals.len()), (59, 1));
        let by_line = run(&lines, "EUR", TaxPolicy { level: TaxLevel::Line, ..TaxPolicy::default() });
        assert_eq!(by_line.tax.minor, 60);
    }

    #[test]
    fn minor_units_are_those_of_the_currency() {
        let vat = [rate("10", false)];
        assert_eq!(run(&[(1005, &vat)], "JPY", TaxPolicy::default()).tax.minor, 101);
        assert_eq!(run(&[(1004, &vat)], "KWD", TaxPolicy::default()).tax.minor, 100);
    }

    #[test]
    fn lines_without_tax_have_their_row_with_the_reason() {
        let eur = Currency::try_new("EUR").unwrap();
        let reverse = TaxTreatment::ReverseCharge { vat_id: "ATU13585627".into() };
        let line = TaxLine { amount: Money::new(500, eur), taxable_minor: Decimal::from(500), treatment: &reverse };
        let done = compute(&[line.clone(), line], eur, TaxPolicy::default()).unwrap();
        assert_eq!((done.totals.len(), done.totals[0].net.minor, done.tax.minor), (1, 1000, 0));
        assert!(done.totals[0].note.as_ref().unwrap().contains("ATU13585627"));
    }
}
