//! What a retry costs of the ladder's budget, and which of two proposed times it happens at.
//!
//! Exists because retries come from more than one side: the ladder, a customer with a new card, a person, a model, another
//! system that tried before. Only some of them use up a rung.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::calendar::Instant;

/// Who or what made an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The first purchase.
    Purchase,
    /// The renewal itself.
    Cycle,
    /// A rung of the ladder.
    Ladder,
    /// The customer, by hand.
    Customer,
    /// A new payment method was given.
    CardUpdate,
    /// A person of the merchant.
    Admin,
}

impl Trigger {
    /// Whether the attempt uses up the budget: only those that nobody asked for by hand do.
    #[must_use]
    pub const fn spends_rung(self) -> bool {
        matches!(self, Self::Purchase | Self::Cycle | Self::Ladder)
    }
}

/// How many attempts there may be in all, those of other systems included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// All attempts.
    pub attempts_max: u32,
    /// Attempts that are ours whatever was tried before: an invoice in recovery keeps its next one.
    #[serde(default)]
    pub reserved: u32,
}

impl Budget {
    /// How many of the attempts count as used when `already_tried` were made elsewhere.
    #[must_use]
    pub fn consumed(self, already_tried: u32) -> u32 {
        already_tried.min(self.attempts_max.saturating_sub(self.reserved))
    }

    /// How many are left.
    #[must_use]
    pub fn left(self, already_tried: u32) -> u32 {
        self.attempts_max.saturating_sub(self.consumed(already_tried))
    }
}

/// When a retry happens that a model would make at another time than the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// When.
    pub at: Instant,
    /// Whether that is the ladder's time, which uses up its rung.
    pub spends_rung: bool,
}

/// The ladder's time is the floor: a proposal counts only when it lies on an earlier local day, and then spends no rung.
#[must_use]
pub fn pulled(planned: Instant, proposed: Instant, zone: Tz) -> Pulled {
    let day = |at: Instant| at.with_timezone(&zone).date_naive();
    if day(proposed) < day(planned) {
        Pulled { at: proposed, spends_rung: false }
    } else {
        Pulled { at: planned, spends_rung: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_asked_for_by_hand_spends_a_rung() {
        let by_hand = [Trigger::Customer, Trigger::CardUpdate, Trigger::Admin];
        assert!(by_hand.iter().all(|t| !t.spends_rung()));
        assert!([Trigger::Purchase, Trigger::Cycle, Trigger::Ladder].iter().all(|t| t.spends_rung()));
    }

    #[test]
    fn a_proposal_counts_on_an_earlier_local_day_only() {
        let at = |text: &str| -> Instant { text.parse().unwrap() };
        let (planned, proposed) = (at("2026-01-11T18:00:00Z"), at("2026-01-11T09:00:00Z"));
        assert_eq!(pulled(planned, proposed, Tz::UTC), Pulled { at: planned, spends_rung: true });
        // In Kiritimati the planned time lies on the 12th.
        assert_eq!(pulled(planned, proposed, Tz::Pacific__Kiritimati).at, proposed);
        assert!(!pulled(planned, at("2026-01-10T23:00:00Z"), Tz::UTC).spends_rung);
    }

    #[test]
    fn what_others_tried_counts_and_what_is_reserved_stays() {
        let budget = Budget { attempts_max: 5, reserved: 0 };
        assert_eq!([2, 5, 9].map(|n| budget.consumed(n)), [2, 5, 5]);
        assert_eq!([2, 5, 9].map(|n| Budget { reserved: 1, ..budget }.consumed(n)), [2, 4, 4]);
        assert_eq!(budget.left(2), 3);
    }
}
