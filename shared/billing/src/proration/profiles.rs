//! Named profiles: how other billing systems divide a period, as plain data.
//!
//! Exists so that a merchant can move here without one invoice changing: name the system you come from. PROFILES.md
//! has the same as a table, with what is known of each and from where.

use serde::{Deserialize, Serialize};

use super::{
    ProrationUnit,
    policy::{
        BeyondWhole, ChangeLines, CreditBase, CreditCap, DayOwner, Denominator, Destination, DiscountOrder,
        FactorPrecision, PeriodEnd, ProrationPolicy, TerminationCredit,
    },
};
use crate::money::Rounding;

/// A named policy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumIter, strum::EnumString,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Profile {
    /// Ours: local calendar days, half-open, half to even on every line, invoiced at once.
    Default,
    /// Stripe Billing, billing mode classic: to the second, credits from the current price.
    StripeClassic,
    /// Stripe Billing, billing mode flexible: to the second, credits from what was really debited.
    StripeFlexible,
    /// Lago: days, the last day of use is used, credit notes with tax rounded apart.
    Lago,
    /// Kill Bill: actual days, factor at nine decimals, stubs divided by the period at their anchor.
    Killbill,
    /// Kill Bill with a fixed number of days a month (thirty).
    #[serde(rename = "killbill-30")]
    #[strum(serialize = "killbill-30")]
    Killbill30,
    /// Polar, change of product: to the second, discounts off each side first.
    Polar,
    /// Polar, change of seats: one line for the difference, cut toward zero.
    PolarSeats,
    /// Meteroid: days, computed in binary floating point, other cadences by their usual length.
    Meteroid,
    /// Flexprice, by day: both ends counted, credit capped by what was paid.
    Flexprice,
    /// Chargebee, site setting day: credits on the balance.
    ChargebeeDay,
    /// Chargebee, site setting millisecond.
    ChargebeeMillisecond,
    /// Paddle: to the minute.
    Paddle,
    /// Recurly: time left by the plan's usual length.
    Recurly,
    /// Samsung in-app purchase: unused value becomes days of the new plan.
    Samsung,
    /// Autumn: the prorated difference, now.
    Autumn,
}

impl Profile {
    /// The policy of this name.
    #[must_use]
    pub fn policy(self) -> ProrationPolicy {
        match self {
            Self::Default => ProrationPolicy::default(),
            Self::StripeClassic => stripe(CreditBase::CurrentPrice),
            Self::StripeFlexible => stripe(CreditBase::Debited),
            Self::Lago => lago(),
            Self::Killbill => killbill(ProrationUnit::Day),
            Self::Killbill30 => killbill(ProrationUnit::FixedMonth),
            Self::Polar => polar(),
            Self::PolarSeats => ProrationPolicy { lines: ChangeLines::Net, rounding: Rounding::Down, ..polar() },
            Self::Meteroid => meteroid(),
            Self::Flexprice => flexprice(),
            Self::ChargebeeDay => chargebee(ProrationUnit::Day),
            Self::ChargebeeMillisecond => chargebee(ProrationUnit::Millisecond),
            Self::Paddle => half_up(ProrationUnit::Minute),
            Self::Recurly => ProrationPolicy {
                denominator: Denominator::Nominal,
                leading: Denominator::Nominal,
                trailing: Denominator::Nominal,
                beyond: BeyondWhole::Counted,
                ..half_up(ProrationUnit::Second)
            },
            Self::Samsung => samsung(),
            Self::Autumn => half_up(ProrationUnit::Second),
        }
    }
}

fn half_up(unit: ProrationUnit) -> ProrationPolicy {
    ProrationPolicy { unit, rounding: Rounding::HalfUp, ..ProrationPolicy::default() }
}

/// A backdated start is divided by an imagined period that starts on the backdated date (docs.stripe.com, backdating).
fn stripe(credit_base: CreditBase) -> ProrationPolicy {
    ProrationPolicy {
        leading: Denominator::StartingAtStart,
        credit_base,
        destination: Destination::NextInvoice,
        ..half_up(ProrationUnit::Second)
    }
}

/// The day of an upgrade belongs to the new plan, the day of an end to the old one; earlier credit notes on the same
/// fee are taken off the new one (getlago/lago-api, credit notes from termination).
fn lago() -> ProrationPolicy {
    ProrationPolicy {
        termination_day: DayOwner::Old,
        cap: CreditCap::LessEarlierCredits,
        discount: DiscountOrder::AfterProration,
        destination: Destination::CreditNote,
        termination: TerminationCredit::Unused,
        ..half_up(ProrationUnit::Day)
    }
}

/// A factor with nine decimals, a half up, then times the price (killbill/killbill, date utilities of invoices).
fn killbill(unit: ProrationUnit) -> ProrationPolicy {
    ProrationPolicy {
        leading: Denominator::EndingAtAnchor,
        trailing: Denominator::StartingAtAnchor,
        beyond: BeyondWhole::Counted,
        precision: FactorPrecision::Decimals(9),
        termination: TerminationCredit::Unused,
        ..half_up(unit)
    }
}

/// Half to even on each entry (polarsource/polar, subscription update).
fn polar() -> ProrationPolicy {
    ProrationPolicy {
        unit: ProrationUnit::Second,
        rounding: Rounding::HalfEven,
        destination: Destination::NextInvoice,
        ..ProrationPolicy::default()
    }
}

/// Cents times a binary float; an item whose cadence is not the period's has its usual length as denominator
/// (meteroid-oss/meteroid, proration of subscriptions). Dates are UTC there: give UTC as the zone.
fn meteroid() -> ProrationPolicy {
    ProrationPolicy {
        denominator: Denominator::PeriodOrNominal,
        precision: FactorPrecision::Binary,
        discount: DiscountOrder::AfterProration,
        ..half_up(ProrationUnit::Day)
    }
}

/// Both counts have a day added, so the end that is given must be the last day (flexprice/flexprice, calculator).
fn flexprice() -> ProrationPolicy {
    ProrationPolicy {
        period_end: PeriodEnd::Inclusive,
        cap: CreditCap::PaidExceptQuantity,
        termination: TerminationCredit::Unused,
        ..half_up(ProrationUnit::Day)
    }
}

fn chargebee(unit: ProrationUnit) -> ProrationPolicy {
    ProrationPolicy { destination: Destination::Balance, ..half_up(unit) }
}

/// Daily prices are a thirtieth of a month; the day of the change was used (developer.samsung.com, examples).
fn samsung() -> ProrationPolicy {
    ProrationPolicy {
        change_day: DayOwner::Old,
        denominator: Denominator::Nominal,
        destination: Destination::ExtraTime,
        ..half_up(ProrationUnit::Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn every_profile_is_in_the_table_under_the_name_that_catalogs_write() {
        let table = include_str!("PROFILES.md");
        for profile in Profile::iter() {
            let written = serde_json::to_value(profile).unwrap();
            assert_eq!(written, profile.to_string());
            assert_eq!(profile.to_string().parse(), Ok(profile));
            assert!(table.contains(&format!("\n| `{profile}` |")), "PROFILES.md has no row for {profile}");
        }
    }

    #[test]
    fn every_profile_is_stored_and_read_back_as_it_is() {
        for profile in Profile::iter() {
            let stored = serde_json::to_string(&profile.policy()).unwrap();
            assert_eq!(serde_json::from_str::<ProrationPolicy>(&stored).unwrap(), profile.policy(), "{profile}");
            assert!(stored.len() < 400, "{profile} takes {} bytes of a stored contract", stored.len());
            let named = format!(r#"{{"profile":"{profile}"}}"#);
            assert_eq!(serde_json::from_str::<ProrationPolicy>(&named).unwrap(), profile.policy());
        }
    }
}
