//! When a change takes effect that does not say when: a step up at once, a step down when the period ends, or as the seller wants.
//!
//! Exists because it is the seller's rule and not the storefront's: whoever pays more gets it now, whoever paid for a period keeps
//! what was paid for.

use serde::{Deserialize, Serialize};

use crate::{money::MoneyError, run_rate, subscription::When, terms::Terms};

/// When a change takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeTime {
    /// At once.
    #[default]
    Now,
    /// When the billed period ends.
    PeriodEnd,
}

/// When changes take effect that do not say it themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeTimes {
    /// Steps up, and to what is neither more nor less.
    pub up: ChangeTime,
    /// Steps down.
    pub down: ChangeTime,
}

/// What a contract has, or is to have, with the tier of its plan.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The tier of the plan version; none where the catalog has none.
    pub tier: Option<u32>,
    /// What is bought.
    pub terms: &'a Terms,
}

impl ChangeTimes {
    /// When the change takes effect.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for a price that cannot be computed.
    pub fn when(self, from: Ranked<'_>, to: Ranked<'_>) -> Result<When, MoneyError> {
        let time = if from.steps_down_to(to)? { self.down } else { self.up };
        Ok(match time {
            ChangeTime::Now => When::Now,
            ChangeTime::PeriodEnd => When::PeriodEnd,
        })
    }
}

impl Ranked<'_> {
    /// Whether `to` is less than this: a lower tier; within a tier (or without tiers) the same plan for a shorter interval, else
    /// a lower price of a year. Prices of two currencies are not compared.
    fn steps_down_to(self, to: Ranked<'_>) -> Result<bool, MoneyError> {
        if let (Some(has), Some(wanted)) = (self.tier, to.tier)
            && has != wanted
        {
            return Ok(wanted < has);
        }
        let (old, new) = (&self.terms.price, &to.terms.price);
        if old.currency != new.currency {
            return Ok(false);
        }
        if self.terms.plan.name == to.terms.plan.name && old.interval != new.interval {
            let bills = |price: &super::Price| u64::from(run_rate::in_a_year(price.interval.unit()));
            let counts = |price: &super::Price| u64::from(price.interval.count());
            return Ok(bills(new) * counts(old) > bills(old) * counts(new));
        }
        Ok(run_rate::mrr12(to.terms)? < run_rate::mrr12(self.terms)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Plan, Policy, VersionRef};

    fn terms(plan: &str, currency: &str, interval: &str, unit_amount: &str, quantity: i64) -> Terms {
        let price = serde_json::json!({"currency": currency, "interval": interval, "model": "per-seat", "unit_amount": unit_amount});
        let plan = serde_json::json!({"id": plan, "version": 1, "title": "P", "prices": [price]});
        let plan: Plan = serde_json::from_value(plan).unwrap();
        Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, quantity).unwrap()
    }

    const LATER: ChangeTimes = ChangeTimes { up: ChangeTime::Now, down: ChangeTime::PeriodEnd };

    fn when(from: (&Terms, Option<u32>), to: (&Terms, Option<u32>)) -> When {
        let ranked = |(terms, tier)| Ranked { tier, terms };
        LATER.when(ranked(from), ranked(to)).unwrap()
    }

    #[test]
    fn a_step_down_waits_for_the_end_of_the_period_where_the_policy_says_so() {
        let team = |quantity| terms("team", "EUR", "month", "10", quantity);
        let pro = terms("pro", "EUR", "month", "15", 1);
        for (from, to, expected) in [
            (&team(2), &team(3), When::Now),
            (&team(3), &team(2), When::PeriodEnd),
            (&team(1), &pro, When::Now),
            (&pro, &team(1), When::PeriodEnd),
            (&pro, &terms("pro", "EUR", "month", "15", 1), When::Now),
            // A longer interval binds for longer, and is cheaper for a year.
            (&pro, &terms("pro", "EUR", "year", "150", 1), When::Now),
            (&terms("pro", "EUR", "year", "150", 1), &pro, When::PeriodEnd),
            (&terms("pro", "EUR", "12-months", "150", 1), &terms("pro", "EUR", "year", "160", 1), When::Now),
            (&terms("pro", "EUR", "3-months", "40", 1), &terms("pro", "EUR", "6-weeks", "30", 1), When::PeriodEnd),
            (&terms("pro", "EUR", "year", "150", 1), &terms("team", "EUR", "month", "13", 1), When::Now),
            // Thirteen weeks are a quarter of the 52 that a year is counted as: neither binds for longer.
            (&terms("pro", "EUR", "quarter", "40", 1), &terms("pro", "EUR", "13-weeks", "30", 1), When::Now),
            // 15 dollars are neither more nor less than 10 euros.
            (&terms("pro", "USD", "month", "15", 1), &team(1), When::Now),
        ] {
            assert_eq!(
                when((from, None), (to, None)),
                expected,
                "{} {:?} to {} {:?}",
                from.plan,
                from.price,
                to.plan,
                to.price
            );
        }
    }

    #[test]
    fn tiers_come_before_prices_where_both_plans_have_one() {
        let (cheap, dear) = (terms("pro", "EUR", "month", "10", 1), terms("basic", "EUR", "month", "40", 1));
        assert_eq!(when((&cheap, Some(2)), (&dear, Some(1))), When::PeriodEnd);
        assert_eq!(when((&dear, Some(1)), (&cheap, Some(2))), When::Now);
        assert_eq!(when((&dear, Some(2)), (&cheap, Some(2))), When::PeriodEnd, "the same tier, a lower price");
        assert_eq!(when((&dear, Some(1)), (&cheap, None)), When::PeriodEnd);
        assert_eq!(
            ChangeTimes::default().when(Ranked { tier: None, terms: &dear }, Ranked { tier: None, terms: &cheap }),
            Ok(When::Now)
        );
        assert_eq!(cheap.plan, VersionRef { name: "pro".into(), version: 1 });
    }
}
