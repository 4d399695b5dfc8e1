//! Discounts for staying: steps by paid periods, and reductions by the length of a term.
//!
//! Exists because both are promises without a coupon: they follow from what the customer did, and so are computed, not redeemed.

use serde::{Deserialize, Serialize};

use super::{
    apply::{Cut, Discount},
    coupon::CouponDuration,
};
use crate::{
    calendar::{Interval, Unit},
    percent::Percent,
};

/// Steps of a loyalty discount; the highest step reached holds, steps do not add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loyalty {
    /// In any order; at most one for each number of periods.
    pub steps: Vec<LoyaltyStep>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoyaltyStep {
    /// Reached when so many periods were paid; the period after them is the first with the discount.
    pub after_paid_periods: u32,
    /// What is taken off from then on.
    pub percent: Percent,
}

impl Loyalty {
    /// The step that holds after `paid` paid periods.
    #[must_use]
    pub fn step(&self, paid: u32) -> Option<LoyaltyStep> {
        self.steps.iter().filter(|s| s.after_paid_periods <= paid).max_by_key(|s| s.after_paid_periods).copied()
    }

    /// The step that comes next: what there is to gain by staying.
    #[must_use]
    pub fn next(&self, paid: u32) -> Option<LoyaltyStep> {
        self.steps.iter().filter(|s| s.after_paid_periods > paid).min_by_key(|s| s.after_paid_periods).copied()
    }

    /// The discount after `paid` paid periods.
    #[must_use]
    pub fn discount(&self, paid: u32) -> Option<Discount> {
        self.step(paid).map(|s| lasting("loyalty", s.percent))
    }

    /// What is wrong, each with what to mend.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut periods: Vec<u32> = self.steps.iter().map(|s| s.after_paid_periods).collect();
        periods.sort_unstable();
        let twice = periods.iter().zip(periods.iter().skip(1)).filter(|(a, b)| a == b);
        twice.map(|(n, _)| format!("loyalty: there are two steps after {n} periods; keep one")).collect()
    }
}

/// Reductions by the length of what the customer binds to (billing interval or minimum term, as the merchant means it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongTerm {
    /// In any order; at most one for each length.
    pub terms: Vec<TermDiscount>,
}

/// One reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermDiscount {
    /// Holds for this length and longer ones, until a longer reduction does.
    pub at_least: Interval,
    /// What is taken off.
    pub percent: Percent,
}

impl LongTerm {
    /// The discount for a term of this length.
    #[must_use]
    pub fn discount(&self, term: Interval) -> Option<Discount> {
        let reached = self.terms.iter().filter(|t| length(t.at_least) <= length(term));
        reached.max_by_key(|t| length(t.at_least)).map(|t| lasting("long-term", t.percent))
    }

    /// What is wrong, each with what to mend.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut lengths: Vec<(u64, Interval)> = self.terms.iter().map(|t| (length(t.at_least), t.at_least)).collect();
        lengths.sort_unstable_by_key(|l| l.0);
        let twice = lengths.iter().zip(lengths.iter().skip(1)).filter(|(a, b)| a.0 == b.0);
        twice.map(|(a, _)| format!("long term: there are two reductions for {}; keep one", a.1)).collect()
    }
}

/// The nominal length, in parts of a year that every unit divides: 365 days, 52 weeks and 12 months are a year, as
/// in the run-rate (DESIGN section 4).
fn length(interval: Interval) -> u64 {
    const YEAR: u64 = 365 * 52 * 12;
    let unit = match interval.unit() {
        Unit::Day => YEAR / 365,
        Unit::Week => YEAR / 52,
        Unit::Month => YEAR / 12,
        Unit::Year => YEAR,
    };
    unit * u64::from(interval.count())
}

fn lasting(source: &str, percent: Percent) -> Discount {
    Discount {
        source: source.into(),
        cut: Cut::Percent { percent },
        only: Vec::new(),
        duration: CouponDuration::Forever,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percents(found: [Option<Discount>; 4]) -> Vec<String> {
        let show = |d: Discount| match d.cut {
            Cut::Percent { percent } => percent.to_string(),
            Cut::Fixed { amount } => amount.to_string(),
        };
        found.into_iter().map(|d| d.map_or("-".into(), show)).collect()
    }

    #[test]
    fn the_highest_step_reached_holds_and_the_next_is_known() {
        let loyalty: Loyalty = serde_json::from_str(
            r#"{"steps":[{"after_paid_periods":12,"percent":"10"},{"after_paid_periods":6,"percent":"5"}]}"#,
        )
        .unwrap();
        assert_eq!(percents([5, 6, 11, 12].map(|n| loyalty.discount(n))), ["-", "5%", "5%", "10%"]);
        assert_eq!(loyalty.next(6).unwrap().after_paid_periods, 12);
        assert!(loyalty.next(12).is_none() && loyalty.problems().is_empty());
    }

    #[test]
    fn longer_terms_are_reduced_more() {
        let terms: LongTerm = serde_json::from_str(
            r#"{"terms":[{"at_least":"half-year","percent":"5"},{"at_least":"2-years","percent":"20"}]}"#,
        )
        .unwrap();
        let of = |text: &str| terms.discount(text.parse().unwrap());
        assert_eq!(percents([of("5-months"), of("26-weeks"), of("year"), of("3-years")]), ["-", "5%", "5%", "20%"]);
        // A month is a twelfth of 365 days, 30 and less than a half.
        let month: LongTerm = serde_json::from_str(
            r#"{"terms":[{"at_least":"month","percent":"5"},{"at_least":"52-weeks","percent":"9"}]}"#,
        )
        .unwrap();
        let of_month = |text: &str| month.discount(text.parse().unwrap());
        let found = [of_month("30-days"), of_month("31-days"), of_month("51-weeks"), of_month("year")];
        assert_eq!(percents(found), ["-", "5%", "5%", "9%"]);
        let twice = LongTerm { terms: [terms.terms.clone(), terms.terms.clone()].concat() };
        assert_eq!(twice.problems().len(), 2);
    }
}
