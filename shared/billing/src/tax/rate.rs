//! What a tax rate is, and how a line may be treated instead of being taxed.
//!
//! Exists so that "no tax" is never silent: reverse charge, exemption and what lies outside each say why.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{money::MoneyError, percent::Percent};

/// One rate of tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRate {
    /// As it stands on the invoice (`VAT DE`, `GST`).
    pub name: String,
    /// Of what `on` says.
    pub percent: Percent,
    /// Whether prices have it in them already.
    #[serde(default)]
    pub inclusive: bool,
    /// What it is taken of.
    #[serde(default)]
    pub on: TaxBase,
}

/// What a rate is taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaxBase {
    /// The net amount: rates stand beside each other.
    #[default]
    Net,
    /// The net amount and the taxes before it in the list: a compound rate.
    NetAndEarlierTaxes,
}

/// How a line is taxed, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TaxTreatment {
    /// By these rates.
    Taxed {
        /// In the order that compound rates build on; empty is no tax without a reason, for tests and free trials.
        rates: Vec<TaxRate>,
    },
    /// The customer, a business, owes the tax; the invoice says so and carries the number.
    ReverseCharge {
        /// The customer's VAT number.
        vat_id: String,
    },
    /// Exempt by law.
    Exempt {
        /// As it stands on the invoice.
        reason: String,
    },
    /// Not taxable here: the place of supply is elsewhere.
    OutOfScope {
        /// As it stands on the invoice.
        reason: String,
    },
}

impl TaxTreatment {
    /// The rates; none where nothing is taxed.
    #[must_use]
    pub fn rates(&self) -> &[TaxRate] {
        match self {
            Self::Taxed { rates } => rates,
            Self::ReverseCharge { .. } | Self::Exempt { .. } | Self::OutOfScope { .. } => &[],
        }
    }

    /// What a price with the inclusive rates in it is for one unit of the net amount: 1.19 for 19 %; 1 where no rate is
    /// inclusive.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn gross_of_one(&self) -> Result<Decimal, MoneyError> {
        let rates = self.rates();
        let factors = factors(rates)?;
        let mut inside = rates.iter().zip(&factors).filter(|(rate, _)| rate.inclusive);
        inside.try_fold(Decimal::ONE, |sum, (_, factor)| sum.checked_add(*factor)).ok_or(MoneyError::Overflow)
    }

    /// What the invoice has to say where nothing is taxed.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Taxed { .. } => None,
            Self::ReverseCharge { vat_id } => Some(format!("Reverse charge: VAT is owed by the customer ({vat_id})")),
            Self::Exempt { reason } | Self::OutOfScope { reason } => Some(reason.clone()),
        }
    }
}

/// For each rate, what it comes to for one unit of the net amount; compound rates have those before them in it.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub(super) fn factors<'a>(rates: impl IntoIterator<Item = &'a TaxRate>) -> Result<Vec<Decimal>, MoneyError> {
    let mut all = Decimal::ONE;
    let mut factors = Vec::new();
    for rate in rates {
        let base = match rate.on {
            TaxBase::Net => Decimal::ONE,
            TaxBase::NetAndEarlierTaxes => all,
        };
        let part = rate.percent.value().checked_div(Decimal::ONE_HUNDRED).ok_or(MoneyError::Overflow)?;
        let factor = base.checked_mul(part).ok_or(MoneyError::Overflow)?;
        all = all.checked_add(factor).ok_or(MoneyError::Overflow)?;
        factors.push(factor);
    }
    Ok(factors)
}

/// What rates on top of a price put on it, as a part of it; none where one of them is in the price, or there is none.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub(crate) fn on_top(rates: &[TaxRate]) -> Result<Option<Decimal>, MoneyError> {
    if rates.is_empty() || rates.iter().any(|rate| rate.inclusive) {
        return Ok(None);
    }
    let add = |sum: Decimal, part: Decimal| sum.checked_add(part).ok_or(MoneyError::Overflow);
    factors(rates)?.into_iter().try_fold(Decimal::ZERO, add).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_rates_build_on_those_before_them() {
        let rate = |percent: &str, on| TaxRate {
            name: "t".into(),
            percent: Percent::try_new(percent.parse().unwrap()).unwrap(),
            inclusive: false,
            on,
        };
        let rates = [rate("5", TaxBase::Net), rate("9.5", TaxBase::NetAndEarlierTaxes), rate("1", TaxBase::Net)];
        let text: Vec<String> = factors(&rates).unwrap().iter().map(|f| f.normalize().to_string()).collect();
        assert_eq!(text, ["0.05", "0.09975", "0.01"]);
    }

    #[test]
    fn what_comes_on_top_of_a_price_is_known_where_no_rate_is_in_it() {
        let rate = |percent: &str, inclusive| TaxRate {
            name: "t".into(),
            percent: Percent::try_new(percent.parse().unwrap()).unwrap(),
            inclusive,
            on: TaxBase::Net,
        };
        assert_eq!(on_top(&[]), Ok(None));
        assert_eq!(on_top(&[rate("19", true)]), Ok(None));
        assert_eq!(on_top(&[rate("19", false), rate("1", true)]), Ok(None));
        assert_eq!(on_top(&[rate("19", false), rate("1", false)]), Ok(Some("0.20".parse().unwrap())));
    }

    #[test]
    fn no_tax_always_says_why() {
        let reverse = TaxTreatment::ReverseCharge { vat_id: "DE136695976".into() };
        assert_eq!(reverse.note().unwrap(), "Reverse charge: VAT is owed by the customer (DE136695976)");
        assert!(reverse.rates().is_empty());
        let exempt = r#"{"is":"exempt","reason":"Article 132"}"#;
        assert_eq!(serde_json::from_str::<TaxTreatment>(exempt).unwrap().note().unwrap(), "Article 132");
    }
}
