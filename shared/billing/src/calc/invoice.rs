//! `invoice`: what an invoice comes to, stage by stage, and what is owed after credit notes and payments.
//!
//! Exists so that "why is the total 42.83?" is answered by reading down a column, with the customer's own figures.

mod ask;
mod told;

use serde::Serialize;

use self::{
    ask::{Question, Settle},
    told::{BalanceTold, CreditNoteTold, GrantsTold, Line, NotApplied, StageTold, TakenOff, TaxRow},
};
use super::{
    Answered, CalcError,
    words::{Amount, money, total},
};
use crate::{
    document::{
        Account, BillingProfile, CreditNote, CreditRequest, DocumentRequest, SettlementWish, Totals, compute,
        credit_note, draw, settle,
    },
    money::Money,
    profile::{Profile, Rules},
};

/// An answer by invoice.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    profile: Answered,
    currency: &'static str,
    /// How it was computed, every field.
    policy: BillingProfile,
    lines: Vec<Line>,
    discounts: Vec<TakenOff>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_applied: Vec<NotApplied>,
    taxes: Vec<TaxRow>,
    stages: Vec<StageTold>,
    subtotal: Amount,
    discount: Amount,
    net: Amount,
    tax: Amount,
    total: Amount,
    credit_used: Amount,
    credit_kept: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<GrantsTold>,
    amount_due: Amount,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credit_notes: Vec<CreditNoteTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<BalanceTold>,
}

pub(super) fn answer(question: &Question, profile: Profile) -> Result<Answer, CalcError> {
    let profile = question.profile.unwrap_or(profile);
    let policy = question.policy(profile)?;
    let currency = question.currency;
    let charges = question.charges(profile)?;
    let (discounts, not_applied) = question.discounts()?;
    let credit = money("credit", question.credit, question.credit_minor, currency)?.unwrap_or(Money::zero(currency));
    let request = DocumentRequest { currency, charges: &charges, discounts: &discounts, credit };
    let totals = compute(&request, policy.document)?;
    let grants = grants(question, &totals)?;
    let due = grants.as_ref().map_or(totals.amount_due, |(_, due)| *due);
    let notes = credit_notes(&question.credit_notes()?, &totals, policy)?;
    let (credit_notes, balance) = after(question, &totals, due, &notes)?;
    Ok(Answer {
        id: question.id.clone(),
        profile: Answered::by(profile, Rules::Documents),
        currency: currency.code(),
        policy,
        lines: totals.lines.iter().map(Line::from).collect(),
        discounts: totals.discounts.iter().map(TakenOff::try_from).collect::<Result<_, _>>()?,
        not_applied,
        taxes: totals.breakdown.iter().map(TaxRow::from).collect(),
        stages: totals.stages.iter().map(StageTold::from).collect(),
        subtotal: totals.subtotal.into(),
        discount: totals.discount.into(),
        net: totals.net.into(),
        tax: totals.tax.into(),
        total: totals.total.into(),
        credit_used: totals.credit_used.into(),
        credit_kept: totals.credit_kept.into(),
        grants: grants.map(|(told, _)| told),
        amount_due: due.into(),
        credit_notes,
        balance,
    })
}

/// What prepaid grants cover of what is due, and what is then left.
fn grants(question: &Question, totals: &Totals) -> Result<Option<(GrantsTold, Money)>, CalcError> {
    if question.grants.is_empty() {
        return Ok(None);
    }
    let (at, grants) = question.grants()?;
    let drawn = draw(&grants, totals.amount_due, at)?;
    Ok(Some((GrantsTold::of(&drawn, &grants, at)?, drawn.missing)))
}

/// The credit notes one after the other: each gives back at most what those before it left.
fn credit_notes(
    requests: &[CreditRequest],
    totals: &Totals,
    policy: BillingProfile,
) -> Result<Vec<CreditNote>, CalcError> {
    let mut notes = Vec::with_capacity(requests.len());
    for request in requests {
        let note = credit_note(totals, &notes, request, policy.credit_note)?;
        notes.push(note);
    }
    Ok(notes)
}

type After = (Vec<CreditNoteTold>, Option<BalanceTold>);

/// Where each credit note goes, and what is owed in the end.
fn after(question: &Question, totals: &Totals, due: Money, notes: &[CreditNote]) -> Result<After, CalcError> {
    let currency = question.currency;
    let asked = question.account.as_ref();
    let paid = asked.map(|a| a.paid(currency)).transpose()?.unwrap_or(Money::zero(currency));
    let refunded = asked.map(|a| a.refunded(currency)).transpose()?.unwrap_or(Money::zero(currency));
    let kept = paid.plus(refunded.negated()?)?;
    let mut left = Settle {
        due: at_least_nothing(due.plus(kept.negated()?)?),
        refundable: at_least_nothing(kept),
        wish: asked.map_or(SettlementWish::Credit, |a| a.give_back),
    };
    let mut told = Vec::with_capacity(notes.len());
    for note in notes {
        let settlement = settle(note.total, left.due, left.refundable, left.wish)?;
        left.due = left.due.plus(settlement.against_due.negated()?)?;
        left.refundable = left.refundable.plus(settlement.refund.negated()?)?;
        told.push(CreditNoteTold::of(note, settlement));
    }
    let balance = asked.map(|asked| {
        let credited = total(currency, notes.iter().map(|note| note.total))?.negated()?;
        let prepaid = due.plus(totals.amount_due.negated()?)?;
        let used = totals.total.plus(totals.amount_due.negated()?)?.negated()?;
        let account = Account {
            status: asked.status,
            charges: totals.total,
            adjustments: asked.adjustments(currency)?.plus(credited)?,
            credits: asked.credits(currency)?.plus(used)?.plus(prepaid)?,
            paid,
            refunded,
        };
        told_balance(account)
    });
    Ok((told, balance.transpose()?))
}

fn told_balance(account: Account) -> Result<BalanceTold, CalcError> {
    let after = account.with_overpayment_credited()?;
    Ok(BalanceTold {
        status: account.status,
        charged: after.charged()?.into(),
        credits: after.credits.into(),
        paid: after.paid.into(),
        refunded: after.refunded.into(),
        balance: after.balance()?.into(),
        refundable: at_least_nothing(after.refundable()?).into(),
    })
}

fn at_least_nothing(money: Money) -> Money {
    Money::new(money.minor.max(0), money.currency)
}
