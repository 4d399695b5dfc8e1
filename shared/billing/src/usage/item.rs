//! What a plan charges for usage: a meter, what is included, and a price, billed at the end of each period.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Interval, Unit},
    money::{Currency, MoneyError},
    pricing::{Aggregation, Meter, PriceError, PriceModel, Priced, Step, Units},
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
    /// What the units beyond those cost.
    pub price: PriceModel,
}

impl UsageItem {
    /// What `quantity` units that came in `events` events cost. A total below zero (corrections) costs what zero does.
    ///
    /// # Errors
    /// [`MoneyError`]: units that the price does not cover, or that cannot be computed exactly.
    pub fn price(&self, quantity: Decimal, events: u64) -> Result<Priced, MoneyError> {
        let used = quantity.max(Decimal::ZERO);
        let free = self.included.min(used);
        let paid = crate::pricing::exact::sub(used, free)?;
        let mut priced = self.price.price(&Units::counted(paid, events), self.currency)?;
        if !free.is_zero() {
            priced.steps.insert(0, Step::free(free.normalize()));
        }
        Ok(priced)
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
        if self.included < Decimal::ZERO {
            return Err("included must not be below zero".into());
        }
        if !is_of_totals(&self.price) {
            let name = self.price.name();
            return Err(format!("price: usage of contracts cannot be priced by {name} yet; use a model of totals"));
        }
        self.price.check(self.currency).map_err(|problem| format!("price: {problem}"))?;
        // A renewal must never wait for a price that ends somewhere.
        match self.price.price(&Units::counted(Decimal::from(FAR), 1), self.currency) {
            Err(PriceError::Money(_)) | Ok(_) => Ok(()),
            Err(problem) => Err(format!("price: it must go on without an end: {problem}")),
        }
    }
}

/// Whether a price follows from how much and in how many events: single events are not kept.
fn is_of_totals(model: &PriceModel) -> bool {
    match model {
        PriceModel::Usage(_) | PriceModel::PercentOf(_) => false,
        PriceModel::Percentage(percentage) => !percentage.needs_each_event(),
        PriceModel::Commitment(commitment) => is_of_totals(&commitment.price),
        _ => true,
    }
}
