//! Waits that grow: for a gateway that cannot be reached, which is no decline and spends no rung of a ladder.
//!
//! Exists apart from ladders because these are seconds and hours, and because they end in a person and not in a cancellation.

use serde::{Deserialize, Serialize};

/// Most waits of one rule.
pub const WAITS_MAX: u32 = 30;

/// Wait `x`, from 0: `base_seconds + seconds × growth^x`, and `× x` too where it is weighted by the number of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// In every wait.
    #[serde(default)]
    pub base_seconds: u32,
    /// What grows.
    pub seconds: u32,
    /// By how much it grows with every wait; 1: not at all.
    #[serde(default = "one")]
    pub multiplier: u32,
    /// Whether what grows is also multiplied with the number of the wait, from 0.
    #[serde(default)]
    pub weighted: bool,
    /// How many waits there are.
    pub attempts_max: u32,
}

const fn one() -> u32 {
    1
}

/// Why waits cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waits: at most {WAITS_MAX} attempts, none longer than a year; give fewer attempts or a smaller multiplier")]
pub struct BadWaits;

/// Longest wait: a year.
const WAIT_SECONDS_MAX: u64 = 366 * 86_400;

impl Waits {
    /// All waits, in seconds.
    ///
    /// # Errors
    /// [`BadWaits`].
    pub fn seconds(&self) -> Result<Vec<u64>, BadWaits> {
        if self.attempts_max > WAITS_MAX {
            return Err(BadWaits);
        }
        (0..self.attempts_max).map(|number| self.wait(number).ok_or(BadWaits)).collect()
    }

    fn wait(&self, number: u32) -> Option<u64> {
        let weight = if self.weighted { u64::from(number) } else { 1 };
        let grown = u64::from(self.multiplier).checked_pow(number)?.checked_mul(self.seconds.into())?;
        let wait = grown.checked_mul(weight)?.checked_add(self.base_seconds.into())?;
        (wait <= WAIT_SECONDS_MAX).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_as_they_are_told_and_never_beyond_a_year() {
        let waits = Waits { base_seconds: 0, seconds: 300, multiplier: 2, weighted: false, attempts_max: 4 };
        assert_eq!(waits.seconds(), Ok(vec![300, 600, 1200, 2400]));
        let weighted = Waits { base_seconds: 10, seconds: 32, weighted: true, ..waits };
        assert_eq!(weighted.seconds(), Ok(vec![10, 74, 266, 778]));
        assert_eq!(Waits { attempts_max: 30, ..waits }.seconds(), Err(BadWaits));
        assert_eq!(Waits { multiplier: u32::MAX, ..waits }.seconds(), Err(BadWaits));
    }

    #[test]
    fn thirty_waits_are_as_many_as_there_may_be() {
        let waits = Waits { base_seconds: 0, seconds: 60, multiplier: 1, weighted: false, attempts_max: WAITS_MAX };
        assert_eq!(waits.seconds(), Ok(vec![60; 30]));
        assert_eq!(Waits { attempts_max: WAITS_MAX + 1, ..waits }.seconds(), Err(BadWaits));
    }
}
