//! What one full period costs: one `match` over the price models, each an exact amount.
//!
//! Exists so that a price is a value that a catalog holds and a line can explain; each family of models is a file of
//! its own. To add a model: a variant here with its documentation, an arm in [`PriceModel::name`], one in
//! [`PriceModel::check`] and one in `steps`; the compiler lists them.

mod blocks;
mod check;
mod commitment;
pub(crate) mod exact;
mod graduated;
mod in_part;
mod meter;
mod package;
mod parts;
mod percentage;
mod priced;
mod tiers;
mod units;
mod usage;
mod volume;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) use self::in_part::Proportion;
pub use self::{
    blocks::{BlockPolicy, BlockTier, BlockTiers},
    commitment::{Commitment, true_up},
    graduated::Graduated,
    meter::{Aggregation, Meter, Reading},
    package::{Package, Started},
    percentage::{GraduatedPercentage, PaidEvents, PercentOf, PercentTier, Percentage, ZeroVolume},
    priced::{PriceError, Priced, Step, StepKind},
    tiers::{Overflow, Tier, ZeroUnits, ends_of_ranges},
    units::{Events, Movement, Units},
    usage::{BelowZero, UsagePrice, Window},
    volume::{AtEnd, Volume},
};
use crate::money::{Currency, MoneyError, Unrounded};

/// How the price of one full period follows from the quantity. Amounts are in major units of the
/// price's currency (19.90), written as text so that no float ever holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PriceModel {
    /// The same amount whatever the quantity.
    Flat {
        /// For the whole period; at most the currency's decimals.
        amount: Decimal,
    },
    /// Quantity × unit price.
    PerSeat {
        /// For one unit and period; may be below the currency's minor unit (0.0025).
        unit_amount: Decimal,
        /// Units that cost nothing.
        #[serde(default, skip_serializing_if = "Decimal::is_zero")]
        included: Decimal,
    },
    /// Packages of a size.
    Package(Package),
    /// Each unit at the price of its tier.
    Graduated(Graduated),
    /// All units at the price of the tier reached.
    Volume(Volume),
    /// Blocks by tiers, each tier so many of its own size.
    BlockTiers(BlockTiers),
    /// A rate on the volume of events, with a fee for each.
    Percentage(Percentage),
    /// Each part of a volume at the rate of its tier.
    GraduatedPercentage(GraduatedPercentage),
    /// A percentage of what other items cost.
    PercentOf(PercentOf),
    /// What a meter counts, by any other model.
    Usage(UsagePrice),
    /// Any other model, with a minimum or a maximum.
    Commitment(Commitment),
}

/// Largest price accepted, in major units: leaves room for any quantity within 64 bits of minor units.
pub const PRICE_MAX: i64 = 10_000_000;

impl PriceModel {
    /// The exact amount of one full period for `quantity` units, where it follows from them alone.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; [`MoneyError::Unpriced`] for more units than the last tier covers, and for a price
    /// that follows from a meter or from other items: [`PriceModel::price`] takes what those need.
    pub fn amount(&self, quantity: u32, currency: Currency) -> Result<Unrounded, MoneyError> {
        match self {
            // The usual two without steps: every renewal asks for them.
            Self::Flat { amount } => Unrounded::from_major(*amount, currency),
            Self::PerSeat { unit_amount, included } if included.is_zero() => {
                Unrounded::from_major(*unit_amount, currency)?.times(Decimal::from(quantity), Decimal::ONE)
            }
            _ if !self.is_by_quantity() => Err(PriceError::NotByQuantity(self.name()).into()),
            _ => Ok(self.price(&Units::of(Decimal::from(quantity)), currency)?.amount),
        }
    }

    /// What `units` cost in one full period, exactly, with the steps that lead to it.
    ///
    /// # Errors
    /// [`PriceError`]: units that the model does not price, or something that it needs and was not given.
    pub fn price(&self, units: &Units, currency: Currency) -> Result<Priced, PriceError> {
        units.check()?;
        match units.per {
            Some(_) => self.price_in_part(units, Proportion::default(), currency),
            None => Ok(Priced::of(self.steps(units, currency)?, currency)?),
        }
    }

    /// What each of `transactions` costs when they use up the price one after the other from the start of a period:
    /// what all up to it cost, less what all before it cost. So they always add up to what all cost together.
    ///
    /// # Errors
    /// As [`PriceModel::price`]; [`PriceError::WholePeriodOnly`] for a price with a minimum, which is known at the
    /// end of the period, and [`PriceError::BaseNeeded`] for a percentage of other items.
    pub fn each(&self, transactions: &[Decimal], currency: Currency) -> Result<Vec<Unrounded>, PriceError> {
        let amounts = match self {
            Self::Commitment(c) if c.minimum_amount.is_some() => {
                return Err(PriceError::WholePeriodOnly("commitment"));
            }
            Self::Percentage(percentage) => percentage.each(transactions)?,
            Self::Usage(usage) => match &*usage.price {
                Self::Percentage(percentage) => percentage.each(transactions)?,
                _ => self.differences(transactions, currency)?,
            },
            _ => self.differences(transactions, currency)?,
        };
        Ok(amounts.into_iter().map(|a| Unrounded::from_major(a, currency)).collect::<Result<_, _>>()?)
    }

    fn differences(&self, transactions: &[Decimal], currency: Currency) -> Result<Vec<Decimal>, PriceError> {
        let (mut quantity, mut before) = (Decimal::ZERO, Decimal::ZERO);
        let mut amounts = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            quantity = exact::add(quantity, *transaction)?;
            let after = priced::total(&self.steps(&Units::of(quantity), currency)?)?;
            amounts.push(exact::sub(after, before)?);
            before = after;
        }
        Ok(amounts)
    }

    /// Whether the price follows from the quantity of a contract alone, so that it can be billed in advance.
    #[must_use]
    pub fn is_by_quantity(&self) -> bool {
        match self {
            Self::Percentage(_) | Self::GraduatedPercentage(_) | Self::PercentOf(_) | Self::Usage(_) => false,
            Self::Commitment(commitment) => commitment.price.is_by_quantity(),
            Self::Flat { .. } | Self::PerSeat { .. } | Self::Package(_) => true,
            Self::Graduated(_) | Self::Volume(_) | Self::BlockTiers(_) => true,
        }
    }

    /// Whether the price is a percentage of what the other items of a contract cost.
    #[must_use]
    pub fn is_of_items(&self) -> bool {
        match self {
            Self::PercentOf(_) => true,
            Self::Commitment(commitment) => commitment.price.is_of_items(),
            _ => false,
        }
    }

    /// The model's name, as catalogs write it and explanations quote it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flat { .. } => "flat",
            Self::PerSeat { .. } => "per-seat",
            Self::Package(_) => "package",
            Self::Graduated(_) => "graduated",
            Self::Volume(_) => "volume",
            Self::BlockTiers(_) => "block-tiers",
            Self::Percentage(_) => "percentage",
            Self::GraduatedPercentage(_) => "graduated-percentage",
            Self::PercentOf(_) => "percent-of",
            Self::Usage(_) => "usage",
            Self::Commitment(_) => "commitment",
        }
    }

    /// Whether the model may be published in `currency`.
    ///
    /// # Errors
    /// What to mend.
    pub fn check(&self, currency: Currency) -> Result<(), String> {
        match self {
            Self::Flat { amount } => check::flat_amount("amount", *amount, currency),
            Self::PerSeat { unit_amount, included } => {
                check::unit_amount("unit_amount", *unit_amount)?;
                check::units("included", *included)
            }
            Self::Package(package) => package.check(),
            Self::Graduated(graduated) => graduated.check(currency),
            Self::Volume(volume) => volume.check(currency),
            Self::BlockTiers(blocks) => blocks.check(),
            Self::Percentage(percentage) => percentage.check(),
            Self::GraduatedPercentage(graduated) => graduated.check(currency),
            Self::PercentOf(percent) => percent.check(),
            Self::Usage(usage) => usage.check(currency),
            Self::Commitment(commitment) => commitment.check(currency),
        }
    }

    fn steps(&self, units: &Units, currency: Currency) -> Result<Vec<Step>, PriceError> {
        let may_be_negative = matches!(self, Self::Usage(_) | Self::Commitment(_));
        if units.quantity < Decimal::ZERO && !may_be_negative {
            return Err(PriceError::NegativeUnits(units.quantity));
        }
        match self {
            Self::Flat { amount } => {
                Ok(vec![Step { flat_amount: *amount, ..Step::correction(StepKind::Flat, *amount) }])
            }
            Self::PerSeat { unit_amount, included } => per_seat(units, *unit_amount, *included),
            Self::Package(package) => package.steps(units),
            Self::Graduated(graduated) => graduated.steps(units),
            Self::Volume(volume) => volume.steps(units),
            Self::BlockTiers(blocks) => blocks.steps(units),
            Self::Percentage(percentage) => percentage.steps(units),
            Self::GraduatedPercentage(graduated) => graduated.steps(units),
            Self::PercentOf(percent) => percent.steps(units, currency),
            Self::Usage(usage) => usage.steps(units, currency),
            Self::Commitment(commitment) => commitment.steps(units, currency),
        }
    }
}

/// Units at one price after those that are included: a graduated price of two tiers, told in simpler words.
fn per_seat(units: &Units, unit_amount: Decimal, included: Decimal) -> Result<Vec<Step>, PriceError> {
    let free = Tier { up_to: Some(included), ..Tier::default() };
    let paid = Tier { unit_amount, ..Tier::default() };
    let tiers = if included.is_zero() { vec![paid] } else { vec![free, paid] };
    let last = tiers.len();
    let graduated = Graduated { tiers, zero_units: ZeroUnits::Nothing, overflow: None };
    let told = |step: Step| {
        let is_paid = step.tier.and_then(|n| usize::try_from(n).ok()) == Some(last);
        match step.kind {
            StepKind::Tier if is_paid => Step { kind: StepKind::PerUnit, tier: None, ..step },
            StepKind::Tier => Step::free(step.units),
            _ => step,
        }
    };
    Ok(graduated.steps(units)?.into_iter().map(told).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rounding;

    fn usd() -> Currency {
        Currency::try_new("USD").unwrap()
    }

    fn model(json: &str) -> PriceModel {
        serde_json::from_str(json).unwrap()
    }

    fn amount(json: &str, quantity: &str) -> String {
        let model = model(json);
        assert_eq!(model.check(usd()), Ok(()));
        let priced = model.price(&Units::of(quantity.parse().unwrap()), usd()).unwrap();
        (priced.amount.minor() / Decimal::ONE_HUNDRED).normalize().to_string()
    }

    #[test]
    fn unit_prices_below_a_cent_are_exact_until_the_one_rounding() {
        let model = model(r#"{"model":"per-seat","unit_amount":"0.0025"}"#);
        let amount = model.amount(1001, usd()).unwrap();
        assert_eq!(amount.minor().to_string(), "250.2500");
        assert_eq!(amount.round(Rounding::HalfEven).unwrap().minor, 250);
    }

    #[test]
    fn negative_and_huge_prices_are_refused() {
        let flat = |text: &str| PriceModel::Flat { amount: text.parse().unwrap() }.check(usd());
        assert!(flat("-0.01").is_err() && flat("10000000.01").is_err() && flat("0.001").is_err());
        assert!(flat("0").is_ok() && flat("10000000").is_ok());
    }

    #[test]
    fn what_was_written_is_written_back() {
        for json in [
            r#"{"model":"flat","amount":"19.90"}"#,
            r#"{"model":"per-seat","unit_amount":"9.90"}"#,
            r#"{"model":"per-seat","unit_amount":"9.90","included":"3"}"#,
            r#"{"model":"package","size":"1000","amount":"1.00","free_units":"10"}"#,
            r#"{"model":"graduated","tiers":[{"up_to":"10","unit_amount":"5"}],"overflow":"not-billed"}"#,
            r#"{"model":"volume","tiers":[{"flat_amount":"5"}],"at_end":"next-tier"}"#,
            r#"{"model":"percentage","rate":"2.9","fixed_amount":"0.30","free_events":2}"#,
            r#"{"model":"percent-of","rate":"20"}"#,
            r#"{"model":"usage","meter":"calls","price":{"model":"per-seat","unit_amount":"0.001"}}"#,
        ] {
            assert_eq!(serde_json::to_string(&model(json)).unwrap(), json);
        }
    }

    #[test]
    fn an_unknown_key_and_an_amount_that_is_not_text_are_refused() {
        let read = serde_json::from_str::<PriceModel>;
        assert!(read(r#"{"model":"per-seat","unit_amount":"9.90","inclued":"3"}"#).is_err());
        assert!(read(r#"{"model":"volume","tiers":[{"flat_fee":"3"}]}"#).is_err());
        assert!(read(r#"{"model":"per-seat","unit_amount":9.90}"#).is_err());
    }

    #[test]
    fn included_seats_are_free_and_said_to_be() {
        let json = r#"{"model":"per-seat","unit_amount":"4","included":"3"}"#;
        assert_eq!([amount(json, "2"), amount(json, "3"), amount(json, "5")], ["0", "0", "8"]);
        let steps = model(json).price(&Units::of(Decimal::from(5)), usd()).unwrap().steps;
        let told = serde_json::to_string(&steps).unwrap();
        assert_eq!(
            told,
            r#"[{"kind":"free","units":"3","amount":"0"},{"kind":"per-unit","units":"2","unit_amount":"4","amount":"8"}]"#
        );
    }

    #[test]
    fn a_price_that_needs_more_than_a_quantity_says_so_and_is_not_zero() {
        let usage = model(r#"{"model":"usage","meter":"calls","price":{"model":"per-seat","unit_amount":"1"}}"#);
        let error = usage.amount(5, usd()).unwrap_err().to_string();
        assert_eq!(
            error,
            "a price by usage does not follow from the quantity alone: price it from its meter or its base"
        );
        let support = model(r#"{"model":"percent-of","rate":"20"}"#);
        assert_eq!(support.price(&Units::of(Decimal::ONE), usd()), Err(PriceError::BaseNeeded));
        let licences = crate::money::Money::new(12_345, usd());
        assert_eq!(support.price(&Units::base(licences), usd()).unwrap().amount.minor(), Decimal::from(2_469));
    }

    #[test]
    fn a_commitment_adds_what_is_missing_and_takes_what_is_over() {
        let json = r#"{"model":"commitment","minimum_amount":"100","maximum_amount":"300","overage_factor":"1.5",
            "price":{"model":"per-seat","unit_amount":"1"}}"#;
        assert_eq!(["40", "100", "150", "400"].map(|q| amount(json, q)), ["100", "100", "175", "300"]);
        let usd = |minor| crate::money::Money::new(minor, usd());
        assert_eq!(true_up(usd(10_000), &[usd(2_500), usd(4_000)]), Ok(usd(3_500)));
        assert_eq!(true_up(usd(10_000), &[usd(12_000)]), Ok(usd(0)));
    }
}
