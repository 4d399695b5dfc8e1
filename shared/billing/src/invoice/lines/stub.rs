//! A stub: a period that the anchor cuts short, with all that its price follows from.
//!
//! Exists apart, because a stub is priced three times: when it is billed, when it is divided by a change, and when a contract
//! ends within it. All three ask the same share, so what is given back is a part of what was charged.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Line, Rules,
    items::{self, Changed},
    v2,
};
use crate::{
    allocation,
    calendar::{Interval, Period, recurrence::Span},
    discount::Discount,
    invoice::adjust::{Adjustments, Full, full_period},
    money::{Money, MoneyError, Unrounded},
    proration::{
        ChangeInput, ChangeKind, ChangeLines, Destination, DiscountOrder, Factor, FirstPeriod, ProratedSides,
        ProrationPolicy, ProrationUnit, Reach, Share, Stub, Timing, change, leading,
    },
    refusal::Refusal,
    terms::Terms,
};

/// What a stub is a part of, and by which policy. Its own span is the period that it stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubOf {
    /// The whole period that it is cut from.
    pub whole: Span,
    /// The zone that days are counted in.
    pub zone: Tz,
    /// How it was divided when it was billed.
    pub proration: ProrationPolicy,
    /// What the whole of it was bought with, where unused value became its days (it may be longer than `whole` then).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought: Option<Money>,
    /// Whether it ends with the contract: its end was known when it began. Its part is then divided as a trailing stub,
    /// which `proration` says as it stands here.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub trailing: bool,
    /// Whether it is the rest of a period that began with the end of the contract known, which was taken back or put off: a
    /// minimum of usage is in proportion in both, as they are one period together.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub rest: bool,
}

impl StubOf {
    /// The stub `period`, cut from `whole`. Only the first billed period of a contract is a first period to the policy:
    /// a later stub (a moved anchor, the end of a long pause) is always prorated.
    #[must_use]
    pub fn new(whole: Span, zone: Tz, proration: ProrationPolicy, period: &Period) -> Self {
        let first_period = if period.ordinal == 1 { proration.first_period } else { FirstPeriod::Prorated };
        Self {
            whole,
            zone,
            proration: ProrationPolicy { first_period, ..proration },
            bought: None,
            trailing: false,
            rest: false,
        }
    }

    /// A period of days that were bought with `value`, at a price that is for `whole`.
    #[must_use]
    pub fn bought(whole: Span, zone: Tz, proration: ProrationPolicy, value: Money) -> Self {
        Self { whole, zone, proration, bought: Some(value), trailing: false, rest: false }
    }

    /// A period that begins with the end of the contract known, and `whole` without that end.
    #[must_use]
    pub fn trailing(whole: Span, zone: Tz, proration: ProrationPolicy) -> Self {
        let (leading, first_period) = (proration.trailing, FirstPeriod::Prorated);
        let proration = ProrationPolicy { leading, first_period, ..proration };
        Self { whole, zone, proration, bought: None, trailing: true, rest: false }
    }

    /// Full periods of all items cut down to what the running period was charged with.
    pub(in crate::invoice) fn all_charged<'a>(
        &self,
        full: &[Full<'a>],
        period: &Period,
        interval: Interval,
    ) -> Result<Vec<Full<'a>>, Refusal> {
        let Some(value) = self.bought else {
            return full.iter().map(|full| self.charged(full, period, interval)).collect();
        };
        let weights: Vec<Money> = full.iter().map(|full| full.net).collect();
        let parts = allocation::by_amounts(value, &weights)?;
        Ok(full.iter().zip(parts).map(|(full, part)| paid(full, part)).collect())
    }

    /// The same period after a change within it: what other `terms` are charged for is what bought it from then on.
    ///
    /// # Errors
    /// [`Refusal::Money`] when an amount cannot be computed.
    pub(crate) fn repriced(self, terms: &Terms, discounts: &[Discount], period: &Period) -> Result<Self, Refusal> {
        if self.bought.is_none() {
            return Ok(self);
        }
        let full = full_period(terms, discounts, terms.conditions.document, Rules::TODAY)?;
        let priced = self.all_priced(&full, period, terms.price.interval)?;
        let sum = Money::sum(terms.price.currency, priced.iter().map(|full| full.net))?;
        Ok(Self { bought: Some(sum), ..self })
    }

    /// Full periods of all items as they would have been charged for the running period.
    pub(in crate::invoice) fn all_priced<'a>(
        &self,
        full: &[Full<'a>],
        period: &Period,
        interval: Interval,
    ) -> Result<Vec<Full<'a>>, Refusal> {
        if self.bought.is_none() {
            return full.iter().map(|full| self.charged(full, period, interval)).collect();
        }
        let (days, of) = Share::of_span(period.into(), self.whole, self.zone, ProrationUnit::Day).parts();
        let one = |full: &Full<'a>| {
            let part = Unrounded::from_money(full.net).times(days, of)?.round(self.proration.rounding)?;
            Ok(paid(full, part))
        };
        full.iter().map(one).collect()
    }

    pub(super) fn stub(&self, period: &Period, interval: Interval) -> Stub {
        let contract_start = Some(period.start);
        Stub { span: period.into(), period: self.whole, interval: Some(interval), contract_start }
    }

    /// Which part of a full period the stub costs.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`], [`Refusal::Calendar`]: as [`leading`].
    pub fn factor(&self, period: &Period, interval: Interval) -> Result<Factor, Refusal> {
        leading(&self.proration, &self.stub(period, interval), self.zone)
    }

    /// A full period's price cut down to what the stub was charged with, so that a change within the stub divides that.
    fn charged<'a>(&self, full: &Full<'a>, period: &Period, interval: Interval) -> Result<Full<'a>, Refusal> {
        let factor = self.factor(period, interval)?;
        let part = |money: Money| factor.of(Unrounded::from_money(money))?.round(self.proration.rounding);
        let less = |a: Money, b: Money| -> Result<Money, MoneyError> { a.plus(b.negated()?) };
        let list = part(full.list)?;
        // The discount of a stub is rounded by itself only where it comes off afterwards, on a line of its own.
        let (off, net) = if self.proration.discount == DiscountOrder::AfterProration {
            let off = part(full.off)?;
            (off, less(list, off)?)
        } else {
            let net = part(full.net)?;
            (less(list, net)?, net)
        };
        Ok(Full { item: full.item, list, off, net, applied: full.applied.clone() })
    }
}

/// An item that was paid with `part` for its period, discounts considered.
fn paid<'a>(full: &Full<'a>, part: Money) -> Full<'a> {
    Full { item: full.item, list: part, off: Money::zero(part.currency), net: part, applied: Vec::new() }
}

/// The lines of a stub that is billed in advance: its part of a full period, or all of it where the policy bills first
/// periods in full.
pub(super) fn lines(
    rules: Rules,
    terms: &Terms,
    period: &Period,
    of: &StubOf,
    with: &Adjustments,
) -> Result<Vec<Line>, Refusal> {
    if of.proration.first_period == FirstPeriod::Full {
        return v2::recurring(rules, terms, with);
    }
    // What other changes credit or leave out does not concern a period that begins.
    let (sides, lines, destination) = (ProratedSides::Both, ChangeLines::Two, Destination::InvoiceNow);
    let policy = ProrationPolicy { sides, lines, destination, ..of.proration };
    let full = full_period(terms, &with.discounts, with.policy, rules)?;
    let items = items::changes(Vec::new(), full, with, true);
    let outcome = change(
        &policy,
        &ChangeInput {
            kind: ChangeKind::Terms,
            timing: Timing::Advance,
            period: of.whole,
            at: period.start,
            zone: of.zone,
            reach: Reach::Anchor(of.stub(period, terms.price.interval)),
            items: items.iter().map(Changed::input).collect(),
            interval: Some(terms.price.interval),
            contract_start: Some(period.start),
            balance: Money::zero(terms.price.currency),
        },
    )?;
    let mut lines = Vec::new();
    for item in items {
        let Some(full) = &item.new else { continue };
        match outcome.lines.iter().find(|line| line.item == item.name()) {
            Some(line) => lines.extend(v2::divided(line, full, &policy)?),
            // What is free has no part: it is shown as it is on every other invoice.
            None => lines.extend(v2::full_item(full, with)?),
        }
    }
    Ok(lines)
}
