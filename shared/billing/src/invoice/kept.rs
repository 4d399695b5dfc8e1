//! What of the money for a period is left with the seller: charged, less what changes, ends and credit notes gave back.
//!
//! Exists because two hands give back the same money: a credit note looks at its invoice, a change or an end at the price of
//! the period. Each has to know what the other gave, or a customer gets more than was ever charged.

use serde::{Deserialize, Serialize};

use super::{
    adjust::Adjustment,
    basis::Basis,
    lines::{Line, LineKind, compute, sided},
    state::{Invoice, InvoiceState},
};
use crate::{
    calendar::{Period, recurrence::Span},
    document::{CreditNote, CreditedLine},
    money::{Currency, Money, MoneyError, Unrounded},
    proration::{CreditCap, ProratedLine, ProrationPolicy},
    refusal::Refusal,
};

/// What is left of the money for the running period of a contract, once a credit note gave back some of it; without tax
/// that came on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What is left, in minor units.
    pub minor: i64,
    /// What credit notes gave back, in minor units.
    pub noted_minor: i64,
    /// What of that was taken off a change already, whose charge is a new one.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub taken_minor: i64,
}

impl Kept {
    /// After decisions with these `lines` about the period.
    pub(crate) fn after(self, lines: &[Line], currency: Currency) -> Result<Self, MoneyError> {
        let moved = Money::sum(currency, lines.iter().filter(|l| is_of_period(l.kind)).map(|l| l.amount))?;
        let minor = self.minor.checked_add(moved.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, taken_minor: self.noted_minor, ..self })
    }

    /// `lines` of a change or an end, of which what gives back is together no more than is left, and what the same lines
    /// charge for the same period where it goes on (`goes_on`): a smaller plan costs nobody anything. Where the policy takes
    /// off what was given back before, that is taken off, too. Later lines give way.
    pub(super) fn limit(
        self,
        lines: Vec<ProratedLine>,
        policy: &ProrationPolicy,
        goes_on: bool,
    ) -> Result<Vec<ProratedLine>, MoneyError> {
        let sum = |side: fn(i64) -> i64| {
            let sum = lines.iter().map(|l| side(l.amount.minor)).try_fold(0_i64, i64::checked_add);
            sum.ok_or(MoneyError::Overflow)
        };
        let (back, charged) = (sum(|minor| minor.min(0))?, sum(|minor| minor.max(0))?);
        let mut left = self.minor.max(0).saturating_add(if goes_on { charged } else { 0 });
        if policy.cap == CreditCap::LessEarlierCredits {
            let noted = self.noted_minor.saturating_sub(self.taken_minor);
            left = left.min((-back).saturating_sub(noted).max(0));
        }
        let cut = |line: ProratedLine| {
            let given = line.amount.minor.min(0).max(-left);
            left += given;
            if line.amount.minor >= given {
                return Some(line);
            }
            let amount = Money::new(given, line.amount.currency);
            (given < 0).then_some(ProratedLine { amount, unrounded_minor: given.into(), capped: true, ..line })
        };
        Ok(lines.into_iter().filter_map(cut).collect())
    }
}

/// What is left of the money for the period that `invoice` is for, before and after `note` on it; `all` are the contract's
/// invoices, `pending` its decisions that wait for one.
///
/// # Errors
/// [`Refusal::InvalidField`] when the note gives back more than is left, and how much that is; [`Refusal::Money`].
pub fn keep(invoice: &Invoice, note: &CreditNote, all: &[&Invoice], pending: &[Basis]) -> Result<Kept, Refusal> {
    let (period, currency) = (Span::from(invoice.basis.period()), invoice.total.currency);
    let asked = of_period(invoice, note)?;
    let Left { mut charged, noted } = left(period, currency, all)?;
    let noted = noted.plus(asked)?;
    for basis in pending {
        charged = charged.plus(moved(basis, crate::RULES_VERSION, period, currency)?)?;
    }
    let after = charged.plus(noted.negated()?)?;
    if asked.minor > 0 && after.minor < 0 {
        let most = Money::new(after.plus(asked)?.minor.max(0), currency);
        let detail = format!(
            "give back {asked} of what this period was charged, of which {most} is left: the rest was given back when the \
             contract changed or ended, or by other notes (without tax); name lines with an amount"
        );
        return Err(Refusal::InvalidField { field: "lines", detail });
    }
    Ok(Kept { minor: after.minor, noted_minor: noted.minor, taken_minor: 0 })
}

/// The money for a period, without tax that came on top.
pub(super) struct Left {
    /// Charged, less what changes and ends gave back and nobody took back from them.
    pub(super) charged: Money,
    /// Given back by credit notes.
    pub(super) noted: Money,
}

/// The money for `period` on the invoices `all` of a contract; what was withdrawn charges nothing.
pub(super) fn left(period: Span, currency: Currency, all: &[&Invoice]) -> Result<Left, Refusal> {
    let zero = Money::zero(currency);
    let (mut charged, mut noted) = (zero, zero);
    for other in all.iter().filter(|other| other.total.currency == currency) {
        let is_for_it = Span::from(other.basis.period()) == period;
        if other.state == InvoiceState::Void {
            let taken = if is_for_it { other.taken_back_minor } else { 0 };
            charged = charged.plus(Money::new(taken, currency))?;
            continue;
        }
        charged = charged.plus(moved(&other.basis, other.rules, period, currency)?)?;
        for earlier in other.credits.iter().filter(|_| is_for_it) {
            noted = noted.plus(of_period(other, earlier)?)?;
        }
    }
    Ok(Left { charged, noted })
}

/// `pending` decisions of a contract after an invoice of `period` was withdrawn and `kept` is left: they wait for an invoice,
/// and each gives back no more than is left by then. Also what is left after them.
pub(crate) fn keep_pending(pending: &mut [Basis], period: Span, mut kept: Kept) -> Result<Kept, Refusal> {
    let is = |other: &Period| Span::from(other) == period;
    for basis in pending.iter_mut() {
        if !charges(basis.decision(), is) && !gives_back(basis.decision(), is) {
            continue;
        }
        if let Some(adjustments) = basis.decision_mut() {
            let noted = adjustments.kept.unwrap_or(Kept { minor: 0, ..kept });
            adjustments.kept = Some(Kept { minor: kept.minor, ..noted });
        }
        let moved = moved(basis, crate::RULES_VERSION, period, basis.terms().price.currency)?;
        kept.minor = kept.minor.checked_add(moved.minor).ok_or(MoneyError::Overflow)?;
    }
    Ok(kept)
}

/// What the decisions on a document charge for `period`, less what they give back of it.
fn moved(basis: &Basis, rules: u16, period: Span, currency: Currency) -> Result<Money, Refusal> {
    let is = |other: &Period| Span::from(other) == period;
    let (charges, gives_back) = match basis {
        Basis::Carried { base, earlier } => {
            let mut sum = moved(base, rules, period, currency)?;
            for basis in earlier {
                sum = sum.plus(moved(basis, rules, period, currency)?)?;
            }
            return Ok(sum);
        }
        Basis::Metered { base, .. } | Basis::Prepaid { base, .. } | Basis::Once { base, .. } => {
            return moved(base, rules, period, currency);
        }
        Basis::Side { of, .. } => (charges(of, is), gives_back(of, is)),
        other => (charges(other, is), gives_back(other, is)),
    };
    if !charges && !gives_back {
        return Ok(Money::zero(currency));
    }
    let lines = compute(rules, basis)?;
    let mut sum = Money::zero(currency);
    for (back, line) in sided(lines.iter().filter(|line| is_of_period(line.kind))) {
        let (charged, given) = both_in_one(line, back)?;
        sum = sum.plus(if charges { charged } else { Money::zero(currency) })?;
        sum = sum.plus(if gives_back { given } else { Money::zero(currency) })?;
    }
    Ok(sum)
}

/// What a line charges, and what it gives back (0 or less): one of the two, but where one amount is both.
fn both_in_one(line: &Line, back: bool) -> Result<(Money, Money), MoneyError> {
    let nothing = Money::zero(line.amount.currency);
    if let Some(Adjustment::LessUnused { back, .. }) = line.why.adjustment.as_deref() {
        let given = Unrounded::from_minor(-back.abs(), line.amount.currency).round(line.why.rounding)?;
        return Ok((line.amount.plus(given.negated()?)?, given));
    }
    Ok(if back { (nothing, line.amount) } else { (line.amount, nothing) })
}

pub(super) fn charges(basis: &Basis, is: impl Fn(&Period) -> bool) -> bool {
    match basis {
        Basis::Period { period, .. } => is(period),
        Basis::Change { period, next, .. } => is(next.as_ref().unwrap_or(period)),
        _ => false,
    }
}

fn gives_back(basis: &Basis, is: impl Fn(&Period) -> bool) -> bool {
    matches!(basis, Basis::Change { period, .. } | Basis::End { period, .. } if is(period))
}

/// What a note gives back of the price of a period: not of usage or of what was charged once.
fn of_period(invoice: &Invoice, note: &CreditNote) -> Result<Money, MoneyError> {
    let place = |line: &CreditedLine| line.line.parse::<usize>().ok()?.checked_sub(1);
    let is_counted = |line: &&CreditedLine| {
        place(line).and_then(|at| invoice.lines.get(at)).is_some_and(|line| is_of_period(line.kind))
    };
    let amounts = note.lines.iter().filter(is_counted).map(CreditedLine::amount);
    Money::sum(note.total.currency, amounts.collect::<Result<Vec<_>, _>>()?)
}

/// Whether a line is about the price of a period, with the discounts off it.
pub(super) fn is_of_period(kind: LineKind) -> bool {
    use LineKind::{Discount, ProrationCharge, ProrationCredit, Recurring};
    matches!(kind, ProrationCredit | ProrationCharge | Recurring | Discount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invoice::stored, proration::Profile};

    #[test]
    fn what_waits_gives_back_no_more_of_a_period_than_is_left_of_it() {
        let Basis::Change { from, to, period, at, zone, .. } = stored("rules-3-change").basis else {
            panic!("a change")
        };
        let (stub, proration) = (None, Profile::Killbill.policy());
        let end = Basis::End {
            terms: from.clone(),
            period,
            stub: stub.clone(),
            at,
            zone,
            proration,
            credit_minor: 0,
            adjustments: Box::default(),
        };
        let next = Some(Period { ordinal: 2, index: 0, start: at, end: period.end });
        let moved = Basis::Change {
            from,
            to,
            period,
            stub,
            at,
            zone,
            proration,
            next,
            next_stub: None,
            credit_minor: 0,
            adjustments: Box::default(),
        };
        let kept = |minor| Kept { minor, noted_minor: 30, taken_minor: 20 };
        for (name, basis, gives_back) in [("an end", end, 1_485), ("a change into a new period", moved, 1_485)] {
            let mut pending = [basis.clone()];
            let after = keep_pending(&mut pending, Span::from(&period), kept(2_000)).unwrap();
            assert_eq!(after, kept(2_000 - gives_back), "{name}");
            let limit = pending[0].adjustments().kept.map(|kept| (kept.minor, kept.noted_minor));
            assert_eq!(limit, Some((2_000, 30)), "{name}");
            // Of another period it says nothing.
            let other = Span::new(period.end, period.end + chrono::TimeDelta::days(28));
            let mut pending = [basis.clone()];
            assert_eq!(keep_pending(&mut pending, other, kept(2_000)).unwrap(), kept(2_000), "{name}");
            assert_eq!(pending, [basis], "{name}");
        }
    }
}
