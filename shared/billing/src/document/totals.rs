//! What an invoice comes to: charges, discounts, credit, tax, total, amount due, each stage with its numbers.
//!
//! Exists so that "why 15.22?" is answered by reading down a column: every stage says what it changed and what was left.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::DocumentError;
use crate::{
    discount::{self, Applied, Cut, Discount, DiscountPolicy, DiscountableLine, Discounted},
    money::{Currency, Money, MoneyError},
    tax::{self, LineTax, TaxLine, TaxPolicy, TaxTotal, TaxTreatment, Taxed},
};

/// One charge before discounts and taxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Of the line, unique within the document.
    pub id: String,
    /// The plan or add-on, as discounts name it.
    pub item: String,
    /// With the taxes that are in the price; below zero for credits of a change.
    pub amount: Money,
    /// Whether discounts may touch it.
    #[serde(default = "yes")]
    pub discountable: bool,
    /// How it is taxed.
    pub treatment: TaxTreatment,
}

const fn yes() -> bool {
    true
}

/// In which order and how exactly a document is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentPolicy {
    /// Discounts; they always come before tax.
    #[serde(default)]
    pub discount: DiscountPolicy,
    /// Taxes.
    #[serde(default)]
    pub tax: TaxPolicy,
    /// When the customer's credit is used.
    #[serde(default)]
    pub credit: CreditStage,
}

/// When the customer's credit is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditStage {
    /// It pays: the tax stays as it is (credit notes, prepaid credit; Lago, Meteroid).
    #[default]
    AfterTax,
    /// It lowers what is taxed, split over the lines as a fixed discount is.
    BeforeTax,
}

/// What a document is computed from.
#[derive(Clone, Copy, Debug)]
pub struct DocumentRequest<'a> {
    /// Of everything.
    pub currency: Currency,
    /// The charges.
    pub charges: &'a [Charge],
    /// The discounts that hold now, in the order in which they were given.
    pub discounts: &'a [Discount],
    /// The customer's credit, not negative.
    pub credit: Money,
}

/// One line of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLine {
    /// The charge's id.
    pub id: String,
    /// The plan or add-on.
    pub item: String,
    /// The charge.
    pub amount: Money,
    /// What discounts took off.
    pub discount: Money,
    /// What credit took off before tax.
    pub credit: Money,
    /// What the tax was computed from, in minor units: amount less discount and credit, or finer where the policy says so.
    pub taxable_minor: Decimal,
    /// Without tax.
    pub net: Money,
    /// Each rate.
    pub taxes: Vec<LineTax>,
    /// All rates.
    pub tax: Money,
    /// With tax.
    pub gross: Money,
}

/// A step from the charges to what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum StageName {
    /// All charges.
    Charges,
    /// Discounts.
    Discounts,
    /// Credit that lowers what is taxed.
    CreditBeforeTax,
    /// Taxes that are not in the prices; those that are change nothing here.
    TaxAdded,
    /// Credit that pays.
    CreditAfterTax,
    /// What is below zero and kept as the customer's credit.
    CreditKept,
}

/// What one step changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which.
    pub name: StageName,
    /// The change; below zero when it lowers what is asked for.
    pub change: Money,
    /// What is asked for after it.
    pub after: Money,
}

/// What a document comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The lines.
    pub lines: Vec<DocumentLine>,
    /// What each discount took off.
    pub discounts: Vec<Applied>,
    /// Each rate, or reason for none.
    pub breakdown: Vec<TaxTotal>,
    /// All charges.
    pub subtotal: Money,
    /// All discounts.
    pub discount: Money,
    /// All lines without tax.
    pub net: Money,
    /// All taxes.
    pub tax: Money,
    /// Net and tax.
    pub total: Money,
    /// Credit of the customer that is used up, before or after tax.
    pub credit_used: Money,
    /// What is below zero and becomes the customer's credit.
    pub credit_kept: Money,
    /// What is left to be paid, never below zero.
    pub amount_due: Money,
    /// Every step, in its order; each begins with what the one before left.
    pub stages: Vec<Stage>,
}

/// Computes a document.
///
/// # Errors
/// [`DocumentError::LineTwice`]; [`DocumentError::Negative`] for credit below zero; and what discounts and taxes refuse.
pub fn compute(request: &DocumentRequest<'_>, policy: DocumentPolicy) -> Result<Totals, DocumentError> {
    check(request)?;
    let zero = Money::zero(request.currency);
    let before: Vec<DiscountableLine> = request.charges.iter().map(discountable).collect();
    let discounted = discount::apply(&before, request.discounts, request.currency, policy.discount)?;
    let credit = match policy.credit {
        CreditStage::BeforeTax => credit_before_tax(request, &discounted, policy)?,
        CreditStage::AfterTax => discount::apply(&before, &[], request.currency, policy.discount)?,
    };
    let mut lines = Vec::with_capacity(request.charges.len());
    for ((charge, off), paid) in request.charges.iter().zip(&discounted.lines).zip(&credit.lines) {
        let taken = off.share_minor.checked_add(paid.share_minor).ok_or(MoneyError::Overflow)?;
        let taxable = Decimal::from(charge.amount.minor).checked_sub(taken).ok_or(MoneyError::Overflow)?;
        lines.push(line_before_tax(charge, (off.amount, paid.amount), taxable)?);
    }
    let taxed = tax_lines(request, &mut lines, policy.tax)?;
    let column = column(request, policy, [discounted.total, credit.total], taxed.gross)?;
    let step = |name| column.stages.iter().find(|s| s.name == name).map_or(zero, |s| s.change);
    Ok(Totals {
        lines,
        discounts: discounted.applied,
        breakdown: taxed.totals,
        subtotal: step(StageName::Charges),
        discount: discounted.total,
        net: taxed.net,
        tax: taxed.tax,
        total: taxed.gross,
        credit_used: credit.total.plus(step(StageName::CreditAfterTax).negated()?)?,
        credit_kept: step(StageName::CreditKept),
        amount_due: column.after,
        stages: column.stages,
    })
}

/// From the charges to what is due; `off` is what discounts and credit took off before tax.
fn column(
    request: &DocumentRequest<'_>,
    policy: DocumentPolicy,
    off: [Money; 2],
    total: Money,
) -> Result<Column, MoneyError> {
    let [discount, credit] = off;
    let zero = Money::zero(request.currency);
    let mut column = Column::try_new(Money::sum(request.currency, request.charges.iter().map(|c| c.amount))?)?;
    column.step(StageName::Discounts, discount.negated()?)?;
    column.step(StageName::CreditBeforeTax, credit.negated()?)?;
    column.step(StageName::TaxAdded, total.plus(column.after.negated()?)?)?;
    let pays = match policy.credit {
        CreditStage::AfterTax => Money::new(request.credit.minor.min(total.minor).max(0), request.currency),
        CreditStage::BeforeTax => zero,
    };
    column.step(StageName::CreditAfterTax, pays.negated()?)?;
    let kept = if column.after.minor < 0 { column.after.negated()? } else { zero };
    column.step(StageName::CreditKept, kept)?;
    Ok(column)
}

fn check(request: &DocumentRequest<'_>) -> Result<(), DocumentError> {
    let mut ids = std::collections::BTreeSet::new();
    if let Some(twice) = request.charges.iter().find(|c| !ids.insert(&c.id)) {
        return Err(DocumentError::LineTwice(twice.id.clone()));
    }
    request.credit.plus(Money::zero(request.currency))?;
    if request.credit.minor < 0 {
        return Err(DocumentError::Negative { what: "the customer's credit" });
    }
    Ok(())
}

fn discountable(charge: &Charge) -> DiscountableLine {
    DiscountableLine { item: charge.item.clone(), amount: charge.amount, discountable: charge.discountable }
}

/// Credit before tax is a fixed discount on what discounts left, for every line that is above zero.
fn credit_before_tax(
    request: &DocumentRequest<'_>,
    discounted: &Discounted,
    policy: DocumentPolicy,
) -> Result<Discounted, DocumentError> {
    let mut left = Vec::with_capacity(request.charges.len());
    for (charge, off) in request.charges.iter().zip(&discounted.lines) {
        let amount = charge.amount.plus(off.amount.negated()?)?;
        left.push(DiscountableLine { item: charge.item.clone(), amount, discountable: true });
    }
    let credit = Discount {
        source: "credit".into(),
        cut: Cut::Fixed { amount: request.credit },
        only: Vec::new(),
        duration: discount::CouponDuration::Once,
    };
    Ok(discount::apply(&left, &[credit], request.currency, policy.discount)?)
}

fn line_before_tax(charge: &Charge, off: (Money, Money), taxable: Decimal) -> Result<DocumentLine, MoneyError> {
    let (discount, credit) = off;
    let asked = charge.amount.plus(discount.negated()?)?.plus(credit.negated()?)?;
    Ok(DocumentLine {
        id: charge.id.clone(),
        item: charge.item.clone(),
        amount: charge.amount,
        discount,
        credit,
        taxable_minor: taxable.normalize(),
        net: asked,
        taxes: Vec::new(),
        tax: Money::zero(asked.currency),
        gross: asked,
    })
}

fn tax_lines(
    request: &DocumentRequest<'_>,
    lines: &mut [DocumentLine],
    policy: TaxPolicy,
) -> Result<Taxed, DocumentError> {
    let to_tax: Vec<TaxLine<'_>> = request
        .charges
        .iter()
        .zip(lines.iter())
        .map(|(charge, line)| TaxLine {
            amount: line.net,
            taxable_minor: line.taxable_minor,
            treatment: &charge.treatment,
        })
        .collect();
    let taxed = tax::compute(&to_tax, request.currency, policy)?;
    for (line, done) in lines.iter_mut().zip(&taxed.lines) {
        (line.net, line.tax, line.gross) = (done.net, done.tax, done.gross);
        line.taxes.clone_from(&done.taxes);
    }
    Ok(taxed)
}

/// The column of numbers that leads from the charges to what is due.
struct Column {
    stages: Vec<Stage>,
    after: Money,
}

impl Column {
    fn try_new(charges: Money) -> Result<Self, MoneyError> {
        let mut column = Self { stages: Vec::new(), after: Money::zero(charges.currency) };
        column.step(StageName::Charges, charges)?;
        Ok(column)
    }

    /// Steps that change nothing are left out, except the first.
    fn step(&mut self, name: StageName, change: Money) -> Result<(), MoneyError> {
        if change.minor != 0 || self.stages.is_empty() {
            self.after = self.after.plus(change)?;
            self.stages.push(Stage { name, change, after: self.after });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tax::TaxRate;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("EUR").unwrap())
    }

    fn charge(id: &str, minor: i64, inclusive: bool) -> Charge {
        let rate = format!(r#"{{"name":"VAT DE","percent":"19","inclusive":{inclusive}}}"#);
        let rates = vec![serde_json::from_str::<TaxRate>(&rate).unwrap()];
        let treatment = TaxTreatment::Taxed { rates };
        Charge { id: id.into(), item: "team".into(), amount: eur(minor), discountable: true, treatment }
    }

    fn run(charges: &[Charge], credit: i64, stage: CreditStage) -> Totals {
        let ten = r#"{"source":"ten","cut":{"kind":"percent","percent":"10"}}"#;
        let discounts = [serde_json::from_str(ten).unwrap()];
        let request =
            DocumentRequest { currency: eur(0).currency, charges, discounts: &discounts, credit: eur(credit) };
        compute(&request, DocumentPolicy { credit: stage, ..DocumentPolicy::default() }).unwrap()
    }

    fn column(totals: &Totals) -> Vec<String> {
        totals.stages.iter().map(|s| format!("{} {} {}", s.name, s.change.minor, s.after.minor)).collect()
    }

    #[test]
    fn every_stage_says_what_it_changed_and_what_was_left() {
        let done = run(&[charge("1", 10_000, false)], 1000, CreditStage::AfterTax);
        let stages =
            ["charges 10000 10000", "discounts -1000 9000", "tax-added 1710 10710", "credit-after-tax -1000 9710"];
        assert_eq!(column(&done), stages);
        assert_eq!((done.net.minor, done.tax.minor, done.amount_due.minor), (9000, 1710, 9710));
    }

    #[test]
    fn credit_before_tax_lowers_the_tax() {
        let done = run(&[charge("1", 10_000, false)], 1000, CreditStage::BeforeTax);
        assert_eq!(column(&done)[2..], ["credit-before-tax -1000 8000", "tax-added 1520 9520"]);
        assert_eq!((done.credit_used.minor, done.lines[0].credit.minor), (1000, 1000));
    }

    #[test]
    fn taxes_in_the_price_add_nothing() {
        let done = run(&[charge("1", 11_900, true)], 0, CreditStage::AfterTax);
        assert_eq!(column(&done), ["charges 11900 11900", "discounts -1190 10710"]);
        assert_eq!((done.net.minor, done.tax.minor, done.total.minor), (9000, 1710, 10_710));
    }

    #[test]
    fn what_is_below_zero_is_kept_as_credit() {
        let done = run(&[charge("new", 1000, false), charge("old", -3000, false)], 500, CreditStage::AfterTax);
        assert_eq!((done.total.minor, done.credit_kept.minor, done.credit_used.minor), (-2380, 2380, 0));
        assert_eq!(done.amount_due.minor, 0);
    }

    #[test]
    fn two_lines_of_one_id_and_credit_below_zero_are_refused() {
        let charges = [charge("1", 1, false), charge("1", 2, false)];
        let request = DocumentRequest { currency: eur(0).currency, charges: &charges, discounts: &[], credit: eur(0) };
        assert_eq!(compute(&request, DocumentPolicy::default()), Err(DocumentError::LineTwice("1".into())));
        let request = DocumentRequest { charges: &charges[..1], credit: eur(-1), ..request };
        assert!(matches!(compute(&request, DocumentPolicy::default()), Err(DocumentError::Negative { .. })));
    }
}
