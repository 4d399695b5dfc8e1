//! How an invoice is told: the rules' values with every amount as text and in minor units.
//!
//! Exists apart from the rules' own structs because those are stored, and an answer must be free to say more.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    calc::{CalcError, words::Amount},
    calendar::Instant,
    discount::{Applied, Cut},
    document::{
        CreditNote, CreditedLine, DocumentLine, DocumentStatus, Drawn, Grant, GrantUse, Settlement, Stage, StageName,
        available, expired,
    },
    tax::{LineTax, TaxRate, TaxTotal},
};

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    id: String,
    item: String,
    amount: Amount,
    discount: Amount,
    credit: Amount,
    /// What tax is computed from.
    taxable_minor: Decimal,
    net: Amount,
    taxes: Vec<LineTaxTold>,
    tax: Amount,
    gross: Amount,
}

impl From<&DocumentLine> for Line {
    fn from(line: &DocumentLine) -> Self {
        Self {
            id: line.id.clone(),
            item: line.item.clone(),
            amount: line.amount.into(),
            discount: line.discount.into(),
            credit: line.credit.into(),
            taxable_minor: line.taxable_minor.normalize(),
            net: line.net.into(),
            taxes: line.taxes.iter().map(LineTaxTold::from).collect(),
            tax: line.tax.into(),
            gross: line.gross.into(),
        }
    }
}

/// One rate on one line.
#[derive(Debug, Serialize)]
pub(super) struct LineTaxTold {
    rate: TaxRate,
    tax: Amount,
}

impl From<&LineTax> for LineTaxTold {
    fn from(tax: &LineTax) -> Self {
        Self { rate: tax.rate.clone(), tax: tax.amount.into() }
    }
}

/// What one discount took off.
#[derive(Debug, Serialize)]
pub(super) struct TakenOff {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<Amount>,
    /// What the lines that it is for came to before it.
    of_minor: Decimal,
    taken: Amount,
    /// What is left of a fixed discount.
    unused: Amount,
}

impl TryFrom<&Applied> for TakenOff {
    type Error = CalcError;
    fn try_from(applied: &Applied) -> Result<Self, CalcError> {
        let (percent, fixed) = match applied.cut {
            Cut::Percent { percent } => (Some(percent.value()), None),
            Cut::Fixed { amount } => (None, Some(amount.into())),
        };
        Ok(Self {
            source: applied.source.clone(),
            percent,
            fixed,
            of_minor: applied.of_minor.normalize(),
            taken: applied.amount.into(),
            unused: applied.unused()?.into(),
        })
    }
}

/// A coupon that takes nothing off this invoice.
#[derive(Debug, Serialize)]
pub(super) struct NotApplied {
    pub(super) coupon: String,
    pub(super) why: String,
}

/// One row of the tax breakdown.
#[derive(Debug, Serialize)]
pub(super) struct TaxRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<TaxRate>,
    /// What the invoice has to say where nothing is taxed.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    net: Amount,
    unrounded_minor: Decimal,
    tax: Amount,
}

impl From<&TaxTotal> for TaxRow {
    fn from(row: &TaxTotal) -> Self {
        Self {
            rate: row.rate.clone(),
            note: row.note.clone(),
            net: row.net.into(),
            unrounded_minor: row.exact_minor.normalize(),
            tax: row.tax.into(),
        }
    }
}

/// One step from the charges to what is due.
#[derive(Debug, Serialize)]
pub(super) struct StageTold {
    name: StageName,
    change: Amount,
    after: Amount,
}

impl From<&Stage> for StageTold {
    fn from(stage: &Stage) -> Self {
        Self { name: stage.name, change: stage.change.into(), after: stage.after.into() }
    }
}

/// What prepaid grants cover.
#[derive(Debug, Serialize)]
pub(super) struct GrantsTold {
    available: Amount,
    uses: Vec<GrantUseTold>,
    covered: Amount,
    missing: Amount,
    /// What was lost because it was not used in time.
    expired: Vec<GrantUseTold>,
}

impl GrantsTold {
    pub(super) fn of(drawn: &Drawn, grants: &[Grant], at: Instant) -> Result<Self, CalcError> {
        let told = |uses: &[GrantUse]| uses.iter().map(GrantUseTold::from).collect();
        Ok(Self {
            available: available(grants, drawn.covered.currency, at)?.into(),
            uses: told(&drawn.uses),
            covered: drawn.covered.into(),
            missing: drawn.missing.into(),
            expired: told(&expired(grants, at)?),
        })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct GrantUseTold {
    grant: String,
    taken: Amount,
}

impl From<&GrantUse> for GrantUseTold {
    fn from(of: &GrantUse) -> Self {
        Self { grant: of.grant.clone(), taken: of.amount.into() }
    }
}

/// A credit note, and where it goes.
#[derive(Debug, Serialize)]
pub(super) struct CreditNoteTold {
    lines: Vec<CreditedTold>,
    net: Amount,
    tax: Amount,
    total: Amount,
    against_due: Amount,
    refund: Amount,
    to_credit: Amount,
}

impl CreditNoteTold {
    pub(super) fn of(note: &CreditNote, settlement: Settlement) -> Self {
        Self {
            lines: note.lines.iter().map(CreditedTold::from).collect(),
            net: note.net.into(),
            tax: note.tax.into(),
            total: note.total.into(),
            against_due: settlement.against_due.into(),
            refund: settlement.refund.into(),
            to_credit: settlement.to_credit.into(),
        }
    }
}

/// What is credited of one line.
#[derive(Debug, Serialize)]
pub(super) struct CreditedTold {
    line: String,
    unrounded_minor: Decimal,
    net: Amount,
    taxes: Vec<LineTaxTold>,
    gross: Amount,
}

impl From<&CreditedLine> for CreditedTold {
    fn from(line: &CreditedLine) -> Self {
        Self {
            line: line.line.clone(),
            unrounded_minor: line.exact_net_minor,
            net: line.net.into(),
            taxes: line.taxes.iter().map(LineTaxTold::from).collect(),
            gross: line.gross.into(),
        }
    }
}

/// What is owed: `charged + credits - (paid - refunded)`.
#[derive(Debug, Serialize)]
pub(super) struct BalanceTold {
    pub(super) status: DocumentStatus,
    pub(super) charged: Amount,
    pub(super) credits: Amount,
    pub(super) paid: Amount,
    pub(super) refunded: Amount,
    pub(super) balance: Amount,
    pub(super) refundable: Amount,
}
