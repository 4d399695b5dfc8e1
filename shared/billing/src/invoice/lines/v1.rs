//! Rules version 1: shares by unit and rounding. Never changed: invoices that it computed are computed again by it.

use rust_decimal::Decimal;

use super::{Explanation, Line, LineKind};
use crate::{
    invoice::Basis,
    money::{MoneyError, Unrounded},
    proration::{ProrationPolicy, Share},
    refusal::Refusal,
    terms::Terms,
};

pub(super) fn compute(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    let (mut lines, credit_minor) = match basis {
        Basis::Period { terms, credit_minor, .. } => {
            (vec![share_line(LineKind::Recurring, terms, None, ProrationPolicy::default())?], *credit_minor)
        }
        Basis::Change { from, to, period, at, zone, proration, next, credit_minor, .. } => {
            let left = Share::left_of(period, *at, *zone, proration.unit);
            let credit = share_line(LineKind::ProrationCredit, from, Some(left), *proration)?;
            let charge = match next {
                // A full period is rounded as every full period is: later credit is counted from that amount.
                Some(_) => share_line(LineKind::Recurring, to, None, ProrationPolicy::default())?,
                None => share_line(LineKind::ProrationCharge, to, Some(left), *proration)?,
            };
            (vec![credit, charge], *credit_minor)
        }
        Basis::End { .. }
        | Basis::Arrears { .. }
        | Basis::Metered { .. }
        | Basis::Prepaid { .. }
        | Basis::Once { .. }
        | Basis::Carried { .. }
        | Basis::CreditNote { .. }
        | Basis::Document { .. }
        | Basis::Side { .. } => {
            let detail = "rules version 1 gives nothing back at an end and knows neither usage nor fees nor documents"
                .to_owned();
            return Err(Refusal::InvalidField { field: "rules", detail });
        }
    };
    super::settle(&mut lines, basis.terms(), credit_minor)?;
    Ok(lines)
}

fn share_line(
    kind: LineKind,
    terms: &Terms,
    share: Option<Share>,
    policy: ProrationPolicy,
) -> Result<Line, MoneyError> {
    let sign = if kind == LineKind::ProrationCredit { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    // The credit base is what was really charged for a full period, so its rounding is undone exactly once.
    let full = Unrounded::from_money(terms.plan_item().full_period_money()?);
    let exact = terms.plan_item().full_period()?;
    let base = if share.is_some() { full } else { exact };
    let (numerator, denominator) = share.map_or((Decimal::ONE, Decimal::ONE), Share::parts);
    let unrounded = base.times(numerator * sign, denominator)?;
    Ok(Line {
        kind,
        plan: terms.plan.to_string(),
        add_on: None,
        description: None,
        quantity: terms.quantity,
        amount: unrounded.round(policy.rounding)?,
        why: Explanation {
            rule: terms.price.model.name().into(),
            full_minor: base.minor().normalize(),
            share,
            unit: share.map(|_| policy.unit),
            part: None,
            factor: None,
            steps: Vec::new(),
            unrounded_minor: unrounded.minor().normalize(),
            rounding: policy.rounding,
            capped: false,
            adjustment: None,
        },
        used: None,
    })
}
