//! How numbers are shown to people: thousands separators, the right number of decimals, a currency.

use std::fmt;

use iso_currency::Currency;

/// An amount with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Money<'a> {
    minor: i128,
    currency: &'a str,
}

impl<'a> Money<'a> {
    /// `minor` minor units of a currency (ISO 4217).
    pub(crate) fn new(minor: i128, currency: &'a str) -> Self {
        Self { minor, currency }
    }
}

/// Decimals of a currency: 2 for the dollar, 0 for the yen; 2 for codes that ISO 4217 does not know.
pub(crate) fn decimals(currency: &str) -> u32 {
    Currency::from_code(currency).and_then(Currency::exponent).map_or(2, u32::from)
}

impl fmt::Display for Money<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, amount(self.minor, self.currency))
    }
}

/// An amount without its currency, for columns whose head names it.
pub(crate) fn amount(minor: i128, currency: &str) -> String {
    let decimals = decimals(currency);
    let unit = 10_u128.pow(decimals);
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    let sign = if minor < 0 { "-" } else { "" };
    if decimals == 0 {
        return format!("{sign}{}", grouped(whole));
    }
    format!("{sign}{}.{part:0width$}", grouped(whole), width = decimals as usize)
}

/// An integer with a comma every three digits.
pub(crate) fn thousands(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

/// A number of an axis, short: 1.2M, 450k, 12. At most three significant digits.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    let (scaled, unit) = match magnitude {
        m if m >= 1e9 => (value / 1e9, "bn"),
        m if m >= 1e6 => (value / 1e6, "M"),
        m if m >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = if scaled.abs() >= 100.0 { format!("{scaled:.0}") } else { format!("{scaled:.2}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        assert_eq!(Money::new(123_456_789, "USD").to_string(), "USD 1,234,567.89");
        assert_eq!(Money::new(-5, "EUR").to_string(), "EUR -0.05");
        assert_eq!(Money::new(1_234, "JPY").to_string(), "JPY 1,234");
        assert_eq!(Money::new(1_234_567, "KWD").to_string(), "KWD 1,234.567");
    }

    #[test]
    fn thousands_are_separated_and_axis_numbers_are_short() {
        assert_eq!([0, 999, 1_000, -1_234_567].map(thousands), ["0", "999", "1,000", "-1,234,567"]);
        assert_eq!([0.0, 950.0, 1_500.0, 20e6, 1.25e9, 0.5].map(short), ["0", "950", "1.5k", "20M", "1.25bn", "0.5"]);
        assert_eq!(percent(0.03456, 2), "3.46 %");
    }
}
