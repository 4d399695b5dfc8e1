//! What a plan charges for usage: a meter, what is included, and a price, billed at the end of each period.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    event::{VALUE_DECIMALS_MAX, VALUE_MAX},
    part::{InPart, PartRules, SpanPart},
    time::UnitTime,
    weight::Weight,
};
use crate::{
    calendar::{Interval, Unit},
    money::{Currency, MoneyError, Rounding},
    pricing::{Aggregation, Meter, Movement, PaidEvents, PriceError, PriceModel, Priced, Step, Units, exact},
    proration::{ProrationUnit, Share},
};

/// More units than anybody uses.
const FAR: i64 = 1_000_000_000_000_000;

/// Usage of a plan version, for the contracts in one currency and interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageItem {
    /// Of the contracts that it is for.
    pub currency: Currency,
    /// Of the contracts that it is for; what was used in a period is billed when the period ends.
    pub interval: Interval,
    /// What is counted, and how.
    pub meter: Meter,
    /// Units of each period that cost nothing: the price begins after them.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub included: Decimal,
    /// Whether prepaid credit pays for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prepaid: bool,
    /// Units that come or go within a period are billed for the rest of it, counted in this, and what is there when it ends
    /// goes on into the next one; none: in full, and every period starts afresh. Only for meters that add up, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proration: Option<ProrationUnit>,
    /// What a part of a full period has of what is agreed for a full one: by default all of it.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub part: PartRules,
    /// How what it costs becomes whole minor units; none: half to even. Terms take the policy's where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// What the units beyond those cost.
    pub price: PriceModel,
}

/// What a meter came to in a span: all that its price follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// How many units; of units that are billed for their time, how many are there at the end.
    pub quantity: Decimal,
    /// In how many events.
    pub events: u64,
    /// What the events came to by themselves, where the price looks at each.
    pub paid: Option<PaidEvents>,
    /// Which part of a full period the span is, where the price asks; none: all of it.
    pub part: Option<SpanPart>,
    /// For how long units were there, where they are billed for that.
    pub time: Option<&'a UnitTime>,
    /// What the quantity is the average of, where levels are weighted.
    pub weight: Option<Weight>,
    /// Whether parts are multiplied before they are divided; not so in what was stored before they were.
    pub exact: bool,
}

impl Counted<'_> {
    /// So many units, or parts of units, of those counted.
    fn units(&self, quantity: Decimal) -> Units {
        match self.paid {
            Some(paid) => Units::paid(quantity, paid),
            None => Units::counted(quantity, self.events),
        }
    }
}

impl UsageItem {
    /// How its price becomes whole minor units.
    #[must_use]
    pub fn rounding(&self) -> Rounding {
        self.rounding.unwrap_or_default()
    }

    /// What was counted in a span costs. A total below zero (corrections) costs what zero does.
    ///
    /// # Errors
    /// [`MoneyError`]: units that the price does not cover, or that cannot be computed exactly.
    pub fn price(&self, of: &Counted<'_>) -> Result<Priced, MoneyError> {
        let priced = if of.exact { self.price_of_parts(of) } else { Err(MoneyError::Overflow) };
        // Figures that are too long to be multiplied first are cut, as all once were.
        if priced == Err(MoneyError::Overflow) { self.price_of_cut(of) } else { priced }
    }

    /// Counted in parts: divided once, by the price.
    fn price_of_parts(&self, of: &Counted<'_>) -> Result<Priced, MoneyError> {
        let part = of.part.filter(|_| !self.part.is_whole());
        let proportion = part.map(|part| part.proportion(self.part)).unwrap_or_default();
        let (free, per, units) = match of.time.filter(|_| self.proration.is_some()) {
            Some(time) => {
                let included = part.map_or(Ok(self.included), |part| part.included(self.part, self.included))?;
                let (free, movements) = time.beyond_in_parts(included)?;
                (free, time.per(), Units::prorated(movements)?)
            }
            None => {
                let (counted, per) = of.weight.map_or((of.quantity, Decimal::ONE), Weight::parts);
                let (left, whole) = part.map_or((Decimal::ONE, Decimal::ONE), |part| part.of_included(self.part));
                let used = exact::mul(counted.max(Decimal::ZERO), whole)?;
                let free = exact::mul(exact::mul(self.included, left)?, per)?.min(used);
                (free, exact::mul(per, whole)?, of.units(exact::sub(used, free)?))
            }
        };
        let mut priced = self.price.price_in_part(&units.in_parts(per), proportion, self.currency)?;
        if !free.is_zero() {
            priced.steps.insert(0, Step::free_parts(free, per)?);
        }
        Ok(priced)
    }

    /// Every part cut at 12 decimals before it is multiplied.
    fn price_of_cut(&self, of: &Counted<'_>) -> Result<Priced, MoneyError> {
        let part = of.part.filter(|_| !self.part.is_whole());
        let included = part.map_or(Ok(self.included), |part| part.included(self.part, self.included))?;
        let in_part = part.map(|part| self.price.in_part(part.proportion(self.part))).transpose()?;
        let price = in_part.as_ref().unwrap_or(&self.price);
        let (free, units) = match of.time.filter(|_| self.proration.is_some()) {
            Some(time) => {
                let (free, movements) = time.beyond(included)?;
                (free, Units::prorated(movements)?)
            }
            None => {
                let used = of.quantity.max(Decimal::ZERO);
                let free = included.min(used);
                (free, of.units(exact::sub(used, free)?))
            }
        };
        let mut priced = price.price(&units, self.currency)?;
        if !free.is_zero() {
            priced.steps.insert(0, Step::free(free.normalize()));
        }
        Ok(priced)
    }

    /// What `amounts`, one for each event in order of time, come to in a `part` of a full period, where the price looks at
    /// each event; none where it does not.
    ///
    /// # Errors
    /// [`MoneyError`] when they cannot be computed exactly, or one is below zero.
    pub(super) fn paid_events(
        &self,
        part: Option<SpanPart>,
        amounts: &[Decimal],
    ) -> Result<Option<PaidEvents>, MoneyError> {
        let part = part.filter(|_| !self.part.is_whole());
        let in_part = part.map(|part| self.price.in_part(part.proportion(self.part))).transpose()?;
        Ok(in_part.as_ref().unwrap_or(&self.price).paid_events(amounts)?)
    }

    /// Whether it may be published.
    ///
    /// # Errors
    /// What to mend.
    pub fn check(&self) -> Result<(), String> {
        self.meter.check()?;
        if self.meter.aggregation == Aggregation::WeightedLevels {
            return Err(
                "contracts cannot be billed by weighted-levels yet; send changes and use weighted-changes".into()
            );
        }
        let days = match self.interval.unit() {
            Unit::Day => 1,
            Unit::Week => 7,
            Unit::Month => 30,
            Unit::Year => 365,
        };
        if self.interval.count().saturating_mul(days) > 366 {
            return Err("usage is billed at least once a year: use a shorter interval".into());
        }
        if self.prepaid && matches!(self.meter.aggregation, Aggregation::Last | Aggregation::WeightedChanges) {
            // What a level costs is known at the end of a period; what was used up to an expiry has to be known then.
            return Err("prepaid credit pays for what adds up in a period: use sum, count, unique or max".into());
        }
        if self.prepaid && (self.proration.is_some() || !self.part.is_whole()) {
            return Err("prepaid credit pays for what adds up in a period: leave out proration and part".into());
        }
        if self.included < Decimal::ZERO {
            return Err("included must not be below zero".into());
        }
        if let Some(problem) = not_of_usage(&self.price) {
            return Err(format!("price: {problem}"));
        }
        self.price.check(self.currency).map_err(|problem| format!("price: {problem}"))?;
        self.check_proration()?;
        self.check_part()?;
        self.check_each()?;
        // A renewal must never wait for a price that ends somewhere.
        let far = Units::each(vec![Decimal::from(FAR)]);
        match far.and_then(|far| self.price.price(&far, self.currency)) {
            Err(PriceError::Money(_)) | Ok(_) => Ok(()),
            Err(problem) => Err(format!("price: it must go on without an end: {problem}")),
        }
    }

    /// Whether units of this meter can be billed for the time that they are there: the buckets must tell it exactly.
    fn check_proration(&self) -> Result<(), String> {
        let Some(unit) = self.proration else { return Ok(()) };
        let why = match self.meter.aggregation {
            Aggregation::Sum => None,
            Aggregation::Count => Some("an event is not there for a time"),
            Aggregation::Max | Aggregation::Last => {
                Some("it says a level and not what came and went; send changes, and use sum")
            }
            Aggregation::Unique => Some("nobody says when a key goes; send changes, and use sum"),
            Aggregation::WeightedChanges | Aggregation::WeightedLevels => {
                Some("it is weighted by how long a level stood already")
            }
        };
        if let Some(why) = why {
            return Err(format!("proration: only a meter that adds up (sum) can be prorated: {why}"));
        }
        if !matches!(unit, ProrationUnit::Day | ProrationUnit::FixedMonth) {
            return Err("proration: usage is kept by hours, so units are billed by day or fixed-month; \
                        weighted-changes counts milliseconds"
                .into());
        }
        if self.part.included == InPart::Share || self.part.tiers == InPart::Share {
            return Err(
                "part: the units of a prorated meter count their time already; leave out included and tiers".into()
            );
        }
        let far = Movement { units: Decimal::from(FAR), prorated: Decimal::from(FAR) };
        match Units::prorated(vec![far]).and_then(|units| self.price.price(&units, self.currency)) {
            Err(PriceError::Money(_)) | Ok(_) => Ok(()),
            Err(problem) => Err(format!("proration: {problem}")),
        }
    }

    /// Whether the events of the meter can be priced one by one, where the price looks at each.
    fn check_each(&self) -> Result<(), String> {
        let Some(field) = self.price.of_each_event() else { return Ok(()) };
        if self.meter.aggregation != Aggregation::Sum {
            return Err(format!(
                "price: {field} looks at the amount of each event, so the meter must add them up: use sum"
            ));
        }
        if !self.included.is_zero() {
            return Err(format!("included: {field} looks at each event; use free_units or free_events of the price"));
        }
        // Nor must it wait for an event that was taken and cannot be priced.
        let largest = Decimal::from(VALUE_MAX) - Decimal::new(1, VALUE_DECIMALS_MAX);
        let problem = "price: its figures have too many decimals for large events; write fewer";
        self.price.check_event(largest).map_err(|_| problem.into())
    }

    /// Whether a part of a period has a price.
    fn check_part(&self) -> Result<(), String> {
        if self.part.tiers == InPart::Share
            && let Some(why) = self.price.whole_only()
        {
            return Err(format!("part: tiers cannot be a share: {why}"));
        }
        // The finest that a period is counted in: if its figures can be divided by that, then by anything.
        let share = Share { left: MILLISECONDS_OF_YEAR - 1, whole: MILLISECONDS_OF_YEAR };
        let finest = SpanPart { share, unit: ProrationUnit::Millisecond };
        let divided = finest.included(self.part, self.included);
        divided
            .and_then(|_| self.price.in_part(finest.proportion(self.part)))
            .map(|_| ())
            .map_err(|_| "part: a figure has too many digits to be divided exactly; write fewer".into())
    }
}

/// Of the longest period that usage is billed for.
const MILLISECONDS_OF_YEAR: i64 = 366 * 86_400_000;

/// Why what a contract used cannot be priced so. None where it can.
fn not_of_usage(model: &PriceModel) -> Option<String> {
    match model {
        PriceModel::Usage(_) | PriceModel::PercentOf(_) => {
            let name = model.name();
            Some(format!("usage of contracts cannot be priced by {name} yet; use a model of totals"))
        }
        PriceModel::Commitment(commitment) => not_of_usage(&commitment.price),
        _ => None,
    }
}
