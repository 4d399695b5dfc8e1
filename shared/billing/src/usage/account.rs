//! What a contract was billed for, what is still to be billed, and what came late.
//!
//! Exists so that no event is billed twice or never: whatever the buckets of an invoiced period come to later is compared
//! with what was invoiced, and only the difference is billed. So it does not matter when an event arrived, nor whether a
//! renewal was being decided at that moment.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    each::EachEvent,
    earlier::{self, EarlierTerms},
    item::{Counted, UsageItem},
    minimum::{BilledMinimum, UsageMinimum},
    part::{Running, SpanPart},
    record::{Tally, UsageRecord, Window},
    time::UnitTime,
    weight::Weight,
};
use crate::{
    calendar::{Instant, recurrence::Span},
    catalog::VersionRef,
    money::{Money, MoneyError, Unrounded},
    pricing::{Priced, Step, StepKind, exact},
    subscription::Subscription,
};

/// Invoiced spans that are looked at again: an event that passed the first look just before its period was invoiced, and
/// was written just after the next one was, is still found.
const BILLED_KEPT: usize = 2;

/// One meter of a span that was billed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BilledMeter {
    /// What it came to.
    pub quantity: Decimal,
    /// In how many events.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub events: u64,
    /// The level that it began with, for meters whose level goes on.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub carried: Decimal,
    /// The level that it ended with.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub level: Decimal,
    /// For how long units were there, where they were billed for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<UnitTime>,
    /// What was invoiced for it in all, in minor units of its price's currency; none where that was not remembered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_minor: Option<i64>,
    /// What the quantity is the quotient of, where levels were weighted as part of a full period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
}

/// A span whose usage was billed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BilledSpan {
    /// First instant inside.
    pub start: Instant,
    /// First instant after.
    pub end: Instant,
    /// By meter.
    pub meters: BTreeMap<String, BilledMeter>,
    /// The least that was agreed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<BilledMinimum>,
    /// Which part of a full period it is, where a price asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<SpanPart>,
}

/// What a contract remembers of the usage that it was billed for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageAccount {
    /// The last spans, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub billed: Vec<BilledSpan>,
    /// By which terms, in order of time; none: by those of the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierTerms>,
}

/// One meter's usage on an invoice: enough to compute its line again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageCharge {
    /// What it costs.
    pub item: UsageItem,
    /// The plan version that it was used under; none: the one that the invoice is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<VersionRef>,
    /// First instant of the span that it is for.
    pub start: Instant,
    /// First instant after it.
    pub end: Instant,
    /// What the meter came to.
    pub quantity: Decimal,
    /// In how many events.
    pub events: u64,
    /// What its events came to one by one, where the price looks at each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<EachEvent>,
    /// What was invoiced for the same span before; what is charged is the difference. Only for what came late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoiced: Option<BilledMeter>,
    /// Which part of a full period the span is, where the price asks; none: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<SpanPart>,
    /// For how long units were there, where they are billed for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<UnitTime>,
    /// What the quantity is the quotient of, where levels are weighted as part of a full period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// Whether parts are multiplied by the price before they are divided; charges that were stored before cut them first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
}

impl UsageCharge {
    /// What it costs, exactly, with its steps: what the span comes to, less what was invoiced for it before.
    ///
    /// # Errors
    /// [`MoneyError`] when a price cannot be computed.
    pub fn priced(&self) -> Result<Priced, MoneyError> {
        let mut priced = self.whole()?;
        if let Some(before) = &self.invoiced {
            let currency = self.item.currency;
            let before = match before.charged_minor {
                Some(minor) => Decimal::from(minor),
                // Stored before that was remembered: what it would have cost, not rounded.
                None => self.before(before)?.minor(),
            };
            priced.amount = Unrounded::from_minor(exact::sub(priced.amount.minor(), before)?, currency);
            // Taken from zero and not negated: a negative zero is read back as zero, and the line would be another one.
            let taken = exact::sub(Decimal::ZERO, exact::mul(before, Decimal::new(1, currency.exponent()))?)?;
            priced.steps.push(Step::correction(StepKind::Invoiced, taken));
        }
        Ok(priced)
    }

    /// What is charged for it. What comes late is the rounded price of the whole span less what was invoiced: however much
    /// of it comes late and how often, all of it together is that price.
    ///
    /// # Errors
    /// [`MoneyError`] when a price cannot be computed.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        match self.invoiced.as_ref().and_then(|before| before.charged_minor) {
            Some(before) => {
                let before = Money::new(before, self.item.currency);
                self.whole()?.amount.round(self.item.rounding())?.plus(before.negated()?)
            }
            None => self.priced()?.amount.round(self.item.rounding()),
        }
    }

    /// What the whole span costs.
    fn whole(&self) -> Result<Priced, MoneyError> {
        let Self { item, quantity, events, each, part, time, weight, exact, .. } = self;
        let (quantity, events, part, weight, exact) = (*quantity, *events, *part, *weight, *exact);
        let paid = each.map(|each| each.paid);
        item.price(&Counted { quantity, events, paid, part, time: time.as_ref(), weight, exact })
    }

    /// What the span cost with what was known `before`, by the rules of what does not remember what was charged.
    fn before(&self, before: &BilledMeter) -> Result<Unrounded, MoneyError> {
        let (quantity, events, part, weight) = (before.quantity, before.events, self.part, before.weight);
        let paid = self.item.averaged(part, quantity, events)?.map(|each| each.paid);
        let then =
            Counted { quantity, events, paid, part, time: before.time.as_ref(), weight, exact: weight.is_some() };
        Ok(self.item.price(&then)?.amount)
    }

    fn is_for(&self, span: &BilledSpan) -> bool {
        (self.start, self.end) == (span.start, span.end)
    }
}

/// What a decision bills for usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// What was used, by meter.
    pub usage: Vec<UsageCharge>,
    /// What is missing to a minimum, or no longer.
    pub minimums: Vec<UsageMinimum>,
}

impl Closed {
    /// The plan version of everything in it.
    pub(crate) fn plans(&mut self) -> impl Iterator<Item = &mut Option<VersionRef>> {
        let of_usage = self.usage.iter_mut().map(|charge| &mut charge.plan);
        of_usage.chain(self.minimums.iter_mut().map(|minimum| &mut minimum.plan))
    }

    /// Whether there is nothing to bill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.usage.is_empty() && self.minimums.is_empty()
    }
}

impl UsageAccount {
    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.billed.is_empty() && self.earlier.is_empty()
    }

    /// The contract is billed in another currency from here on: minimums of the spans before are settled as they are. What
    /// still comes late to these spans is billed by the prices of the day, because a document has one currency.
    pub(crate) fn settle_minimums(&mut self) {
        for span in &mut self.billed {
            span.minimum = None;
        }
    }

    /// What was invoiced in another currency, and by which prices, is no measure any more.
    pub(super) fn forget_prices(&mut self) {
        self.earlier.clear();
        for meter in self.billed.iter_mut().flat_map(|span| span.meters.values_mut()) {
            meter.charged_minor = None;
        }
    }

    /// Bills the span from where the `running` period begins (or from where billing stands) up to `end`, and what came late to
    /// spans before it. Remembers both. Meters that count nothing and cost nothing make no charge.
    ///
    /// # Errors
    /// [`MoneyError`] when a meter or a price cannot be computed; nothing is remembered then.
    pub fn close(
        &mut self,
        items: &[UsageItem],
        record: &UsageRecord,
        running: &Running,
        end: Instant,
    ) -> Result<Closed, MoneyError> {
        let mut next = self.clone();
        let start = next.start(running);
        if end <= start {
            return Ok(Closed::default());
        }
        let (span, part) = (Span::new(start, end), running.part(start, end));
        // It is not the plan of the day where that began with the end of the span, and its usage costs the same.
        let plan = earlier::at(&self.earlier, end).0.cloned();
        let (mut charges, mut meters) = (Vec::new(), BTreeMap::new());
        for item in items {
            let carried = next.late((&item.meter.id, Some(item)), record, running.zone, &mut charges)?;
            let time = item.proration.map(|unit| UnitTime::new(unit, running));
            let (zone, full) = (running.zone, Some(running.full_milliseconds()));
            let window = Window { span, zone, carried, time: time.as_ref(), full };
            let tally = record.tally(&item.meter, &window)?;
            let each = record.each(item, span, part)?;
            let charge = UsageCharge { plan: plan.clone(), ..tally.charge(item, span, part, each) };
            let (costs, amount) = (!charge.priced()?.amount.minor().is_zero(), charge.amount()?);
            if costs || tally.events > 0 || !tally.quantity.is_zero() {
                charges.push(charge);
            }
            meters.insert(item.meter.id.clone(), tally.billed(carried, Some(amount.minor)));
        }
        for meter in next.gone(items) {
            next.late((&meter, None), record, running.zone, &mut charges)?;
        }
        let minimum = running.minimum(start, end)?;
        let minimum = minimum.map(|minimum| BilledMinimum { minimum, used: Money::zero(minimum.currency) });
        let part = part.filter(|_| items.iter().any(|item| !item.part.is_whole()));
        next.billed.push(BilledSpan { start, end, meters, minimum, part });
        let minimums = next.true_up(&charges, start)?;
        let over = next.billed.len().saturating_sub(BILLED_KEPT);
        next.billed.drain(..over);
        next.forget_earlier();
        *self = next;
        Ok(Closed { usage: charges, minimums })
    }

    /// From where usage of the `running` period is not billed yet.
    fn start(&self, running: &Running) -> Instant {
        self.billed.last().map_or(running.period.start, |billed| billed.end.max(running.period.start))
    }

    /// What the minimums of all kept spans still ask for now that `charges` are billed; the span that begins at `new` was
    /// not billed before.
    fn true_up(&mut self, charges: &[UsageCharge], new: Instant) -> Result<Vec<UsageMinimum>, MoneyError> {
        let mut found = Vec::new();
        for span in &mut self.billed {
            let Some(BilledMinimum { minimum, used: before }) = span.minimum else { continue };
            let own = charges.iter().filter(|charge| charge.is_for(span));
            let own = own.map(UsageCharge::amount).collect::<Result<Vec<_>, _>>()?;
            let used = before.plus(Money::sum(minimum.currency, own)?)?;
            span.minimum = Some(BilledMinimum { minimum, used });
            let invoiced = (span.start != new).then_some(before);
            let plan = earlier::at(&self.earlier, span.end).0.cloned();
            let one = UsageMinimum { plan, start: span.start, end: span.end, minimum, used, invoiced };
            found.extend(Some(one).filter(|one| one.amount().is_ok_and(|amount| amount.minor != 0)));
        }
        Ok(found)
    }

    /// The meters of billed spans that are not among `items`.
    fn gone(&self, items: &[UsageItem]) -> BTreeSet<String> {
        let known = self.billed.iter().flat_map(|span| span.meters.keys());
        known.filter(|meter| items.iter().all(|item| item.meter.id != **meter)).cloned().collect()
    }

    /// Compares the billed spans with what is stored now, charges differences, and returns the level after the last. A span is
    /// counted and priced as it was when it was billed; `today` is the meter's price of the day, if it has one.
    fn late(
        &mut self,
        (id, today): (&str, Option<&UsageItem>),
        record: &UsageRecord,
        zone: Tz,
        charges: &mut Vec<UsageCharge>,
    ) -> Result<Decimal, MoneyError> {
        let mut level = None;
        for billed in &mut self.billed {
            let (span, part) = (Span::new(billed.start, billed.end), billed.part);
            let (plan, items) = earlier::at(&self.earlier, billed.end);
            let item = items.map_or(today, |items| items.iter().find(|item| item.meter.id == id));
            let (Some(item), Some(meter)) = (item, billed.meters.get_mut(id)) else { continue };
            let carried = level.unwrap_or(meter.carried);
            let full = meter.weight.map(|weight| weight.whole);
            let tally = record.tally(&item.meter, &Window { span, zone, carried, time: meter.time.as_ref(), full })?;
            level = Some(tally.level);
            let after = tally.clone().billed(carried, meter.charged_minor);
            let mut before = std::mem::replace(meter, after);
            if (before.quantity, before.events) != (tally.quantity, tally.events) {
                let mut charge = tally.charge(item, span, part, record.each(item, span, part)?);
                meter.charged_minor = Some(charge.whole()?.amount.round(charge.item.rounding())?.minor);
                if before.charged_minor.is_none() {
                    // Nobody remembers which events that was for: both are counted in events of one size.
                    charge.each = item.averaged(part, tally.quantity, tally.events)?;
                    let charged = charge.before(&before)?.round(charge.item.rounding())?;
                    before.charged_minor = Some(charged.minor);
                }
                charges.push(UsageCharge { plan: plan.cloned(), invoiced: Some(before), ..charge });
            }
        }
        Ok(level.unwrap_or_default())
    }
}

impl Tally {
    fn billed(self, carried: Decimal, charged_minor: Option<i64>) -> BilledMeter {
        let Self { quantity, events, level, time, weight } = self;
        BilledMeter { quantity, events, carried, level, time, charged_minor, weight }
    }

    fn charge(
        &self,
        item: &UsageItem,
        Span { start, end }: Span,
        part: Option<SpanPart>,
        each: Option<EachEvent>,
    ) -> UsageCharge {
        let Self { quantity, events, time, weight, .. } = self.clone();
        let part = part.filter(|_| !item.part.is_whole());
        let exact = part.is_some() || time.is_some() || weight.is_some();
        UsageCharge {
            item: item.clone(),
            plan: None,
            start,
            end,
            quantity,
            events,
            each,
            invoiced: None,
            part,
            time,
            weight,
            exact,
        }
    }
}

/// What a meter has counted so far in what is not billed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeterUsage {
    /// Which meter.
    pub meter: String,
    /// Since when.
    pub since: Instant,
    /// What it comes to at this instant.
    pub quantity: Decimal,
    /// In how many events.
    pub events: u64,
    /// How much of it costs nothing.
    pub included: Decimal,
}

/// The usage of `subscription` that is not billed yet, at `now`.
///
/// # Errors
/// [`MoneyError`] when a meter cannot be computed.
pub fn current(subscription: &Subscription, record: &UsageRecord, now: Instant) -> Result<Vec<MeterUsage>, MoneyError> {
    let Some(running) = subscription.running_usage()? else { return Ok(Vec::new()) };
    let billed = subscription.usage.billed.last();
    let since = subscription.usage.start(&running);
    let span = Span::new(since, now.max(since + TimeDelta::milliseconds(1)));
    let of_item = |item: &UsageItem| {
        let carried = billed.and_then(|b| b.meters.get(&item.meter.id)).map(|m| m.level).unwrap_or_default();
        let time = item.proration.map(|unit| UnitTime::new(unit, &running));
        let (zone, full) = (running.zone, Some(running.full_milliseconds()));
        let window = Window { span, zone, carried, time: time.as_ref(), full };
        let Tally { quantity, events, .. } = record.tally(&item.meter, &window)?;
        // What a part has is known by its end, and it goes on.
        let part = running.part(since, running.period.end.max(span.end));
        let included = part.map_or(Ok(item.included), |part| part.included(item.part, item.included))?;
        Ok(MeterUsage { meter: item.meter.id.clone(), since, quantity, events, included })
    };
    subscription.terms.usage.iter().map(of_item).collect()
}
