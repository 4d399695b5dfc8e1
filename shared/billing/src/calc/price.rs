//! `price`: what units, events or readings cost by any price model, step by step.
//!
//! Exists so that a price of a catalog can be tried before it is published, and a line of usage explained after it was billed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Answered, CalcError, in_words,
    words::{Amount, Dates, Major, Number, When, Zone, money},
};
use crate::{
    calendar::Period,
    money::{Currency, Money, Rounding, Unrounded},
    pricing::{Aggregation, Meter, Movement, PriceModel, Reading, Step, Units, Window, true_up},
    profile::{Profile, Rules},
};

/// A question by price.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    id: Option<String>,
    profile: Option<Profile>,
    currency: Option<Currency>,
    /// As catalogs write it; its `currency` and `interval` may stay in it.
    price: Option<Value>,
    quantity: Option<Number>,
    events: Option<Events>,
    base: Option<Major>,
    base_minor: Option<i64>,
    rounding: Option<Rounding>,
    /// Transactions that use up the price one after the other.
    #[serde(default)]
    each: Vec<Number>,
    meter: Option<MeterAsked>,
    true_up: Option<TrueUp>,
}

/// How the quantity came about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Events {
    Count(u64),
    Amounts(Vec<Number>),
    Prorated(Vec<MovementAsked>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovementAsked {
    units: Number,
    prorated: Number,
}

/// Readings, and how they are counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeterAsked {
    id: Option<String>,
    aggregation: Aggregation,
    period: Dates,
    #[serde(default)]
    zone: Zone,
    #[serde(default)]
    carried: Number,
    #[serde(default)]
    readings: Vec<ReadingAsked>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadingAsked {
    at: When,
    #[serde(default)]
    value: Number,
    key: Option<String>,
}

/// What is missing to a minimum over several lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrueUp {
    minimum: Option<Major>,
    minimum_minor: Option<i64>,
    #[serde(default)]
    billed: Vec<Major>,
    #[serde(default)]
    billed_minor: Vec<i64>,
}

/// An answer by price.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    profile: Answered,
    currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unrounded_minor: Option<Decimal>,
    rounding: Rounding,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Amount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    each: Vec<Each>,
    #[serde(skip_serializing_if = "Option::is_none")]
    true_up: Option<Amount>,
}

/// What one transaction costs after those before it.
#[derive(Debug, Serialize)]
struct Each {
    transaction: Decimal,
    unrounded_minor: Decimal,
    total: Amount,
}

pub(super) fn answer(question: &Question, profile: Profile) -> Result<Answer, CalcError> {
    let profile = question.profile.unwrap_or(profile);
    let mut written = question.price.clone();
    let currency = currency(question, written.as_mut())?;
    let model = written.map(|price| model(price, profile, currency)).transpose()?;
    let rounding = question.rounding.unwrap_or(profile.price_rounding());
    let mut answer = Answer {
        id: question.id.clone(),
        profile: Answered::by(profile, Rules::Prices),
        currency: currency.code(),
        price: None,
        units: None,
        steps: None,
        unrounded_minor: None,
        rounding,
        total: None,
        each: Vec::new(),
        true_up: question.true_up.as_ref().map(|asked| asked.answer(currency)).transpose()?.map(Amount::from),
    };
    match model {
        Some(model) => answer.price(question, model, currency)?,
        None if question.true_up.is_none() => {
            return Err(CalcError::field("price", "is missing: write a price as catalogs do, with its model"));
        }
        None => {}
    }
    Ok(answer)
}

impl Answer {
    fn price(&mut self, question: &Question, model: PriceModel, currency: Currency) -> Result<(), CalcError> {
        let units = units(question, &model, currency)?;
        if units.is_none() && question.each.is_empty() {
            return Err(CalcError::field("quantity", "is missing: give quantity, events, base, each or meter"));
        }
        if let Some(units) = units {
            let priced = model.price(&units, currency)?;
            self.total = Some(priced.amount.round(self.rounding)?.into());
            self.unrounded_minor = Some(priced.amount.minor().normalize());
            self.steps = Some(priced.steps);
            self.units = Some(units.cut()?);
        }
        if question.each.is_empty() {
            self.price = Some(model);
            return Ok(());
        }
        let transactions: Vec<Decimal> = question.each.iter().map(|n| n.0).collect();
        let costs = model.each(&transactions, currency)?;
        for (transaction, exact) in transactions.into_iter().zip(costs) {
            let total = exact.round(self.rounding)?.into();
            self.each.push(Each { transaction, unrounded_minor: exact.minor().normalize(), total });
        }
        self.price = Some(model);
        Ok(())
    }
}

/// The question's currency, or the one that the price was published in; both must agree.
fn currency(question: &Question, price: Option<&mut Value>) -> Result<Currency, CalcError> {
    let published = price.and_then(Value::as_object_mut).and_then(|price| {
        price.remove("interval");
        price.remove("currency")
    });
    let published: Option<Currency> = published
        .map(serde_json::from_value)
        .transpose()
        .map_err(|e| CalcError::field("price.currency", e.to_string()))?;
    match (question.currency, published) {
        (Some(asked), Some(published)) if asked != published => {
            Err(CalcError::field("currency", format!("is {asked}, and the price is in {published}: give one of them")))
        }
        (asked, published) => asked
            .or(published)
            .ok_or_else(|| CalcError::field("currency", "is missing: write an ISO 4217 code such as EUR")),
    }
}

/// A price as catalogs write it, completed by the profile, and one that may be published.
pub(super) fn model(mut price: Value, profile: Profile, currency: Currency) -> Result<PriceModel, CalcError> {
    profile.complete_price(&mut price);
    let model: PriceModel = serde_json::from_value(price)
        .map_err(|e| CalcError::field("price", format!("is not a price: {}", in_words(&e))))?;
    model.check(currency).map_err(|problem| CalcError::field("price", problem))?;
    Ok(model)
}

fn units(question: &Question, model: &PriceModel, currency: Currency) -> Result<Option<Units>, CalcError> {
    let base = money("base", question.base, question.base_minor, currency)?;
    let counted = match (&question.meter, &question.events, question.quantity) {
        (Some(meter), None, None) => Some(meter.units(model)?),
        (None, Some(events), quantity) => Some(events.units(quantity)?),
        (None, None, Some(quantity)) => Some(Units::of(quantity.0)),
        (None, None, None) => None,
        (Some(_), ..) => return Err(CalcError::field("meter", "says the quantity: leave out quantity and events")),
    };
    Ok(match (counted, base) {
        (Some(units), base) => Some(Units { base, ..units }),
        (None, Some(base)) => Some(Units::base(base)),
        (None, None) => None,
    })
}

impl Events {
    fn units(&self, quantity: Option<Number>) -> Result<Units, CalcError> {
        let units = match self {
            Self::Count(count) => {
                let quantity =
                    quantity.ok_or_else(|| CalcError::field("quantity", "is missing beside the count of events"))?;
                return Ok(Units::counted(quantity.0, *count));
            }
            Self::Amounts(amounts) => Units::each(amounts.iter().map(|n| n.0).collect())?,
            Self::Prorated(movements) => Units::prorated(
                movements.iter().map(|m| Movement { units: m.units.0, prorated: m.prorated.0 }).collect(),
            )?,
        };
        // A quantity that disagrees with its events is refused by the price.
        Ok(Units { quantity: quantity.map_or(units.quantity, |n| n.0), ..units })
    }
}

impl MeterAsked {
    fn units(&self, model: &PriceModel) -> Result<Units, CalcError> {
        let usage = match model {
            PriceModel::Usage(usage) => Some(usage),
            PriceModel::Commitment(commitment) => match &*commitment.price {
                PriceModel::Usage(usage) => Some(usage),
                _ => None,
            },
            _ => None,
        };
        let named = usage.map_or("meter", |usage| usage.meter.as_str());
        let meter = Meter { id: self.id.clone().unwrap_or_else(|| named.to_owned()), aggregation: self.aggregation };
        meter.check().map_err(|problem| CalcError::field("meter.id", problem))?;
        let zone = self.zone.0;
        let (start, end) = self.period.at("meter.period", zone)?;
        let period = Period { ordinal: 1, index: 0, start, end };
        let reading = |r: &ReadingAsked| Reading { at: r.at.at(zone), value: r.value.0, key: r.key.clone() };
        let readings: Vec<Reading> = self.readings.iter().map(reading).collect();
        Ok(match usage {
            Some(usage) => usage.units(&meter, &readings, &Window { period, zone, carried: self.carried.0 })?,
            None => meter.units(&readings, &period, self.carried.0)?,
        })
    }
}

impl TrueUp {
    fn answer(&self, currency: Currency) -> Result<Money, CalcError> {
        let minimum = money("true_up.minimum", self.minimum, self.minimum_minor, currency)?
            .ok_or_else(|| CalcError::field("true_up.minimum", "is missing"))?;
        let mut billed: Vec<Money> = self.billed_minor.iter().map(|minor| Money::new(*minor, currency)).collect();
        for amount in &self.billed {
            billed.extend(money("true_up.billed", Some(*amount), None, currency)?);
        }
        Ok(true_up(minimum, &billed)?)
    }
}

/// What units cost by a price, for other kinds of question.
pub(super) fn amount(model: &PriceModel, units: &Units, currency: Currency) -> Result<Unrounded, CalcError> {
    Ok(model.price(units, currency)?.amount)
}
