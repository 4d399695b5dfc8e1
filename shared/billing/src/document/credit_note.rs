//! Credit notes: part or all of an invoice given back, tax in proportion, never more than was invoiced.
//!
//! Exists because credit notes that exceed their invoice by a cent are the peers' most repeated repair: here what is
//! left of every line and rate is the limit, and the last credit note gives exactly the rest.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    DocumentError,
    credit_tax::{round_all, taxes},
    totals::{DocumentLine, Totals},
};
use crate::{
    allocation::by_amounts,
    money::{Money, MoneyError, Rounding, Unrounded},
    tax::{LineTax, TaxLevel},
};

/// How credit notes are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditNotePolicy {
    /// How net amounts and taxes are rounded, apart from each other; the total is their sum (Lago).
    #[serde(default = "half_up")]
    pub rounding: Rounding,
    /// Whether that is once for the document (taxes: for each rate, or for all together) or for every line.
    #[serde(default)]
    pub level: TaxLevel,
    /// Of what the tax never exceeds what is left.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub limit: CreditLimit,
    /// What the tax is in proportion to.
    #[serde(default)]
    pub tax_base: CreditBase,
}

const fn half_up() -> Rounding {
    Rounding::HalfUp
}

impl Default for CreditNotePolicy {
    fn default() -> Self {
        Self {
            rounding: half_up(),
            level: TaxLevel::default(),
            limit: CreditLimit::default(),
            tax_base: CreditBase::default(),
        }
    }
}

/// Of what the tax of a credit note never exceeds what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditLimit {
    /// Of every line and rate: the last note on a line takes the rest of its tax.
    #[default]
    Line,
    /// Of the document: each note rounds what its net amount is taxed with by itself, and only the note with the last of the
    /// net amount takes the rest, whichever lines it came from (Lago).
    Document,
}

/// What the tax of a credit is in proportion to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditBase {
    /// The net amount before rounding.
    #[default]
    Exact,
    /// The net amount after rounding.
    Rounded,
}

/// What is to be credited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CreditRequest {
    /// All that is left, lines below zero included.
    Whole,
    /// These lines.
    Lines {
        /// Each line once.
        lines: Vec<LineCredit>,
    },
}

/// What is to be credited of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineCredit {
    /// The line's id.
    pub line: String,
    /// How much.
    pub amount: CreditAmount,
}

/// How much of a line is credited. A fraction of a minor unit beyond what is left is cut; more is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CreditAmount {
    /// What is not credited yet.
    Rest,
    /// A share of the line's net amount and tax: 29 unused days of 30.
    Share {
        /// Above zero, at most `whole`.
        part: i64,
        /// Of how many.
        whole: i64,
    },
    /// A net amount; tax comes on top.
    Net {
        /// In minor units; may have decimals.
        minor: Decimal,
    },
    /// An amount with tax, to the minor unit.
    Gross {
        /// What the customer gets.
        amount: Money,
    },
}

/// What is credited of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditedLine {
    /// The line's id.
    pub line: String,
    /// Without tax, above zero in the customer's favour.
    pub net: Money,
    /// Each rate.
    pub taxes: Vec<LineTax>,
    /// With tax.
    pub gross: Money,
    /// The net amount before rounding, in minor units.
    pub exact_net_minor: Decimal,
}

impl CreditedLine {
    /// As the line was on the invoice: with the tax that is in its price, without what came on top.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn amount(&self) -> Result<Money, MoneyError> {
        let inside = self.taxes.iter().filter(|tax| tax.rate.inclusive).map(|tax| tax.amount);
        self.net.plus(Money::sum(self.net.currency, inside)?)
    }
}

/// A credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// What is credited of which line.
    pub lines: Vec<CreditedLine>,
    /// All lines without tax.
    pub net: Money,
    /// All taxes.
    pub tax: Money,
    /// Both.
    pub total: Money,
}

/// An issued document, as far as a credit note looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Creditable<'a> {
    /// Its lines, with their discounts and taxes.
    pub lines: &'a [DocumentLine],
    /// What they came to with tax.
    pub total: Money,
}

impl<'a> From<&'a Totals> for Creditable<'a> {
    fn from(totals: &'a Totals) -> Self {
        Self { lines: &totals.lines, total: totals.total }
    }
}

/// The credit note for `request` on `invoice`, of which `earlier` was credited before.
///
/// # Errors
/// [`DocumentError::NoSuchLine`], [`DocumentError::LineTwice`], [`DocumentError::NotCreditable`],
/// [`DocumentError::MoreThanLeft`] (also of the whole invoice, where lines below zero lower what it came to), and
/// [`DocumentError::Money`] when an amount is too large.
pub fn credit_note<'a>(
    invoice: impl Into<Creditable<'a>>,
    earlier: &[CreditNote],
    request: &CreditRequest,
    policy: CreditNotePolicy,
) -> Result<CreditNote, DocumentError> {
    let invoice = invoice.into();
    let mut plans = Vec::new();
    for (line, amount) in wanted(invoice, request)? {
        let rest = Rest::of(line, earlier)?;
        if *request != CreditRequest::Whole || !rest.is_nothing() {
            plans.push(Plan::try_new(line, rest, amount)?);
        }
    }
    let currency = invoice.total.currency;
    let nets: Vec<Decimal> = plans.iter().map(|p| p.net).collect();
    let nets = round_all(&nets, currency, policy)?;
    let lines: Vec<_> = plans.iter().zip(nets).collect();
    let taxes = taxes(invoice, earlier, &lines, policy)?;
    let mut credited = Vec::with_capacity(lines.len());
    for ((plan, net), taxes) in lines.into_iter().zip(taxes) {
        let tax = Money::sum(currency, taxes.iter().map(|t| t.amount))?;
        let line = plan.line.id.clone();
        let exact_net_minor = plan.net.normalize();
        credited.push(CreditedLine { line, net, taxes, gross: net.plus(tax)?, exact_net_minor });
    }
    let net = Money::sum(currency, credited.iter().map(|l| l.net))?;
    let total = Money::sum(currency, credited.iter().map(|l| l.gross))?;
    let note = CreditNote { lines: credited, net, tax: total.plus(net.negated()?)?, total };
    check_whole(invoice, earlier, &note)?;
    Ok(note)
}

/// No more than the invoice came to, and something.
fn check_whole(invoice: Creditable<'_>, earlier: &[CreditNote], note: &CreditNote) -> Result<(), DocumentError> {
    let line = || "all lines".to_owned();
    let before = Money::sum(invoice.total.currency, earlier.iter().map(|n| n.total))?;
    let left = invoice.total.plus(before.negated()?)?;
    if note.total.minor <= 0 {
        return Err(DocumentError::NotCreditable { line: line(), why: "nothing is left that could be given back" });
    }
    if note.total.minor > left.minor {
        return Err(DocumentError::MoreThanLeft { line: line(), asked: note.total, left });
    }
    Ok(())
}

fn wanted<'a>(
    invoice: Creditable<'a>,
    request: &CreditRequest,
) -> Result<Vec<(&'a DocumentLine, CreditAmount)>, DocumentError> {
    let CreditRequest::Lines { lines } = request else {
        return Ok(invoice.lines.iter().map(|line| (line, CreditAmount::Rest)).collect());
    };
    let mut seen = BTreeSet::new();
    let mut found = Vec::with_capacity(lines.len());
    for credit in lines {
        let line = invoice.lines.iter().find(|l| l.id == credit.line);
        let line = line.ok_or_else(|| DocumentError::NoSuchLine(credit.line.clone()))?;
        if !seen.insert(&credit.line) {
            return Err(DocumentError::LineTwice(credit.line.clone()));
        }
        if line.gross.minor <= 0 {
            let why = "it is not above zero; credit the line that it lowers, or the whole invoice";
            return Err(DocumentError::NotCreditable { line: credit.line.clone(), why });
        }
        found.push((line, credit.amount));
    }
    Ok(found)
}

/// What is not credited yet of a line: its net amount and each of its taxes.
pub(super) struct Rest {
    pub(super) net: Money,
    pub(super) taxes: Vec<Money>,
}

impl Rest {
    fn of(line: &DocumentLine, earlier: &[CreditNote]) -> Result<Self, MoneyError> {
        let mut rest = Self { net: line.net, taxes: line.taxes.iter().map(|t| t.amount).collect() };
        for before in earlier.iter().flat_map(|n| &n.lines).filter(|l| l.line == line.id) {
            rest.net = rest.net.plus(before.net.negated()?)?;
            for (left, tax) in rest.taxes.iter_mut().zip(&before.taxes) {
                *left = left.plus(tax.amount.negated()?)?;
            }
        }
        Ok(rest)
    }

    fn tax(&self) -> Result<Money, MoneyError> {
        Money::sum(self.net.currency, self.taxes.iter().copied())
    }

    fn is_nothing(&self) -> bool {
        self.net.minor == 0 && self.taxes.iter().all(|t| t.minor == 0)
    }
}

/// Where the document is the limit, a line may have given back a cent of tax more than it had.
fn at_least_nothing(money: Money) -> Money {
    Money::new(money.minor.max(0), money.currency)
}

/// What is to be credited of a line, before rounding.
pub(super) struct Plan<'a> {
    pub(super) line: &'a DocumentLine,
    pub(super) rest: Rest,
    /// In minor units.
    pub(super) net: Decimal,
    /// What the taxes are in proportion to: numerator and denominator; none when they are settled already.
    pub(super) ratio: Option<(Decimal, Decimal)>,
    /// The taxes where no proportion is needed.
    pub(super) taxes: Vec<Money>,
}

impl<'a> Plan<'a> {
    fn try_new(line: &'a DocumentLine, rest: Rest, amount: CreditAmount) -> Result<Self, DocumentError> {
        let fail = |why| DocumentError::NotCreditable { line: line.id.clone(), why };
        let (net, ratio) = match amount {
            CreditAmount::Rest => {
                let net = Decimal::from(rest.net.minor);
                let ratio = Some((net, Decimal::from(line.net.minor)));
                return Ok(Self { line, rest, net, ratio, taxes: Vec::new() });
            }
            CreditAmount::Gross { amount } => return Self::of_gross(line, rest, amount),
            CreditAmount::Share { part, whole } => {
                if part <= 0 || part > whole {
                    return Err(fail("a share is above zero and at most the whole"));
                }
                let (part, whole) = (Decimal::from(part), Decimal::from(whole));
                (Unrounded::from_money(line.net).times(part, whole)?.minor(), (part, whole))
            }
            CreditAmount::Net { minor } => {
                if minor <= Decimal::ZERO || line.net.minor <= 0 {
                    return Err(fail("a net amount is above zero, and so must be that of the line"));
                }
                (minor, (minor, Decimal::from(line.net.minor)))
            }
        };
        let left = Decimal::from(rest.net.minor);
        let over = net.checked_sub(left).ok_or(MoneyError::Overflow)?;
        if over >= Decimal::ONE || rest.is_nothing() {
            let asked = Unrounded::from_minor(net, line.net.currency).round(Rounding::HalfUp)?;
            return Err(DocumentError::MoreThanLeft { line: line.id.clone(), asked, left: rest.net });
        }
        Ok(Self { line, rest, net: net.min(left), ratio: Some(ratio), taxes: Vec::new() })
    }

    /// The tax in `amount` is in proportion to the line's, as far as what is left of tax and net amount allows.
    fn of_gross(line: &'a DocumentLine, rest: Rest, amount: Money) -> Result<Self, DocumentError> {
        if amount.minor <= 0 {
            let why = "an amount is above zero";
            return Err(DocumentError::NotCreditable { line: line.id.clone(), why });
        }
        let tax_left = at_least_nothing(rest.tax()?);
        let left = rest.net.plus(tax_left)?;
        let beyond = amount.plus(left.negated()?)?;
        if beyond.minor > 0 {
            return Err(DocumentError::MoreThanLeft { line: line.id.clone(), asked: amount, left });
        }
        let share = Unrounded::from_money(amount);
        let share = share.times(Decimal::from(line.tax.minor), Decimal::from(line.gross.minor))?;
        let least = amount.plus(rest.net.negated()?)?.minor.max(0);
        let tax = share.round(Rounding::HalfUp)?.minor.max(least).min(tax_left.minor).min(amount.minor);
        let taxes = by_amounts(Money::new(tax, amount.currency), &rest.taxes)?;
        let net = Decimal::from(amount.minor.checked_sub(tax).ok_or(MoneyError::Overflow)?);
        Ok(Self { line, rest, net, ratio: None, taxes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Charge, DocumentPolicy, DocumentRequest, compute},
        money::Currency,
        tax::TaxTreatment,
    };

    fn invoice(minors: &[i64]) -> Totals {
        let rate = |name: &str, percent: &str| {
            serde_json::from_str(&format!(r#"{{"name":"{name}","percent":"{percent}"}}"#)).unwrap()
        };
        let treatment = TaxTreatment::Taxed { rates: vec![rate("GST", "5"), rate("QST", "9.975")] };
        let currency = Currency::try_new("CAD").unwrap();
        let charge = |(n, minor): (usize, &i64)| Charge {
            id: n.to_string(),
            item: "team".into(),
            amount: Money::new(*minor, currency),
            discountable: true,
            treatment: treatment.clone(),
        };
        let charges: Vec<Charge> = minors.iter().enumerate().map(charge).collect();
        let credit = Money::zero(currency);
        let request = DocumentRequest { currency, charges: &charges, discounts: &[], credit };
        compute(&request, DocumentPolicy::default()).unwrap()
    }

    fn lines(json: &str) -> CreditRequest {
        serde_json::from_str(&format!(r#"{{"is":"lines","lines":{json}}}"#)).unwrap()
    }

    fn note(invoice: &Totals, earlier: &[CreditNote], json: &str) -> Result<CreditNote, DocumentError> {
        credit_note(invoice, earlier, &lines(json), CreditNotePolicy::default())
    }

    const THIRD: &str = r#"[{"line":"0","amount":{"is":"share","part":1,"whole":3}}]"#;
    const REST: &str = r#"[{"line":"0","amount":{"is":"rest"}}]"#;

    #[test]
    fn thirds_and_the_rest_are_exactly_the_invoice() {
        let invoice = invoice(&[1000]);
        assert_eq!((invoice.tax.minor, invoice.total.minor), (150, 1150));
        let first = note(&invoice, &[], THIRD).unwrap();
        let taxes: Vec<i64> = first.lines[0].taxes.iter().map(|t| t.amount.minor).collect();
        assert_eq!((first.net.minor, taxes), (333, vec![17, 33]));
        let second = note(&invoice, std::slice::from_ref(&first), THIRD).unwrap();
        let rest = note(&invoice, &[first.clone(), second.clone()], REST).unwrap();
        assert_eq!(first.total.minor + second.total.minor + rest.total.minor, 1150);
        assert!(note(&invoice, &[first, second, rest], REST).is_err());
    }

    #[test]
    fn a_small_tax_is_not_given_back_more_often_than_it_was_taken() {
        let invoice = invoice(&[40]);
        let quarter = r#"[{"line":"0","amount":{"is":"share","part":1,"whole":4}}]"#;
        let mut notes = Vec::new();
        for _ in 0..4 {
            notes.push(note(&invoice, &notes, quarter).unwrap());
        }
        let of_gst: Vec<i64> = notes.iter().map(|n| n.lines[0].taxes[0].amount.minor).collect();
        assert_eq!((of_gst, notes.iter().map(|n| n.total.minor).sum::<i64>()), (vec![1, 1, 0, 0], invoice.total.minor));
    }

    #[test]
    fn an_amount_with_tax_is_given_back_to_the_cent() {
        let invoice = invoice(&[1000]);
        let gross = r#"[{"line":"0","amount":{"is":"gross","amount":{"minor":500,"currency":"CAD"}}}]"#;
        let half = note(&invoice, &[], gross).unwrap();
        assert_eq!((half.net.minor, half.tax.minor, half.total.minor), (435, 65, 500));
        let more = note(&invoice, &[half.clone(), half], gross).unwrap_err().to_string();
        assert_eq!(more, "line \"0\": 5.00 CAD cannot be credited; 1.50 CAD of it is not credited yet");
    }

    #[test]
    fn lines_below_zero_lower_what_can_be_credited() {
        let invoice = invoice(&[1000, -400]);
        let all = note(&invoice, &[], REST).unwrap_err();
        assert!(
            matches!(all, DocumentError::MoreThanLeft { asked, left, .. } if (asked.minor, left.minor) == (1150, 690))
        );
        let credit = note(&invoice, &[], r#"[{"line":"1","amount":{"is":"rest"}}]"#).unwrap_err().to_string();
        assert!(credit.contains("credit the line that it lowers, or the whole invoice"), "{credit}");
        let whole = credit_note(&invoice, &[], &CreditRequest::Whole, CreditNotePolicy::default()).unwrap();
        assert_eq!(whole.total, invoice.total);
    }

    #[test]
    fn what_cannot_be_credited_says_why() {
        let invoice = invoice(&[1000]);
        let say = |json: &str| note(&invoice, &[], json).unwrap_err().to_string();
        assert_eq!(
            say(r#"[{"line":"7","amount":{"is":"rest"}}]"#),
            "the invoice has no line \"7\"; name one of its lines"
        );
        let twice = r#"[{"line":"0","amount":{"is":"rest"}},{"line":"0","amount":{"is":"rest"}}]"#;
        assert_eq!(say(twice), "line \"0\" is there twice; give every line an id of its own");
        assert!(say(r#"[{"line":"0","amount":{"is":"share","part":4,"whole":3}}]"#).contains("a share is above zero"));
        assert!(
            say(r#"[{"line":"0","amount":{"is":"net","minor":"1001"}}]"#)
                .contains("10.00 CAD of it is not credited yet")
        );
    }
}
