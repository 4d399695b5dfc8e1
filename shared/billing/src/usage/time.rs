//! Units for the time that they are there: which units came and went in a span, and for how much of a full period each is
//! billed.
//!
//! Exists for meters of what stays (seats, devices): added on the 21st of a month, a unit costs ten days of it, and the next
//! month all of it. Buckets tell that exactly by local days, because none of them lies in two.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::bucket::HourBucket;
use crate::{
    calendar::{Instant, recurrence::Span},
    money::MoneyError,
    pricing::{Movement, exact},
    proration::ProrationUnit,
};

use super::part::Running;

/// Units that were there in a span, by the time that each was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitTime {
    /// What time is counted in.
    pub unit: ProrationUnit,
    /// How much of it a full period has.
    pub whole: i64,
    /// Units that came (above 0) or went (below 0), and how much time of the span was left then; in order of time, one for a
    /// day. The first may be what was there before.
    pub moves: Vec<(Decimal, i64)>,
}

impl UnitTime {
    /// No units yet, in a part of the running period that is counted in `unit`.
    pub(super) fn new(unit: ProrationUnit, of: &Running) -> Self {
        Self { unit, whole: unit.between(of.full.start, of.full.end, of.zone).max(1), moves: Vec::new() }
    }

    /// The units of `span`: those that were `carried` into it, then what its buckets (in order of time) say.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn counted(
        &self,
        buckets: &[&HourBucket],
        span: Span,
        zone: chrono_tz::Tz,
        carried: Decimal,
    ) -> Result<Self, MoneyError> {
        let left = |at: Instant| self.unit.between(at, span.end, zone);
        let all = [(carried, left(span.start))].into_iter();
        let all = all.chain(buckets.iter().map(|bucket| (bucket.bucket.sum, left(bucket.start))));
        let mut moves: Vec<(Decimal, i64)> = Vec::new();
        for (units, left) in all {
            match moves.last_mut() {
                // What comes and goes within a day is one movement.
                Some((sum, before)) if *before == left => *sum = exact::add(*sum, units)?,
                _ => moves.push((units.normalize(), left)),
            }
        }
        moves.retain(|(units, _)| !units.is_zero());
        Ok(Self { moves, ..self.clone() })
    }

    /// What the units beyond the first `free` are billed for, and how many of the free ones there were for how long. A level
    /// below zero, where corrections may take it, counts as none.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn beyond(&self, free: Decimal) -> Result<(Decimal, Vec<Movement>), MoneyError> {
        self.divided(free, self.per())
    }

    /// The same in parts, [`UnitTime::per`] of which are a unit for a full period: nothing is cut.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn beyond_in_parts(&self, free: Decimal) -> Result<(Decimal, Vec<Movement>), MoneyError> {
        self.divided(free, Decimal::ONE)
    }

    /// How much time a full period has.
    pub(super) fn per(&self) -> Decimal {
        Decimal::from(self.whole.max(1))
    }

    fn divided(&self, free: Decimal, whole: Decimal) -> Result<(Decimal, Vec<Movement>), MoneyError> {
        let (mut level, mut at, mut free_time) = (Decimal::ZERO, (Decimal::ZERO, Decimal::ZERO), Decimal::ZERO);
        let mut movements = Vec::with_capacity(self.moves.len());
        for (units, left) in &self.moves {
            let left = Decimal::from(*left);
            level = exact::add(level, *units)?;
            let there = level.max(Decimal::ZERO);
            let (covered, paid) = (there.min(free), exact::sub(there, there.min(free))?);
            let (came_free, came) = (exact::sub(covered, at.0)?, exact::sub(paid, at.1)?);
            at = (covered, paid);
            free_time = exact::add(free_time, exact::quotient(exact::mul(came_free, left)?, whole)?)?;
            if !came.is_zero() {
                let prorated = exact::quotient(exact::mul(came, left)?, whole)?;
                movements.push(Movement { units: came, prorated });
            }
        }
        Ok((free_time, movements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(moves: &[(i64, i64)]) -> UnitTime {
        let moves = moves.iter().map(|(units, left)| (Decimal::from(*units), *left)).collect();
        UnitTime { unit: ProrationUnit::Day, whole: 30, moves }
    }

    fn beyond(time: &UnitTime, free: i64) -> (String, Vec<(String, String)>) {
        let (free, movements) = time.beyond(Decimal::from(free)).unwrap();
        let told = |m: &Movement| (m.units.to_string(), m.prorated.to_string());
        (free.to_string(), movements.iter().map(told).collect())
    }

    fn told(movements: &[(&str, &str)]) -> Vec<(String, String)> {
        movements.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn units_beyond_the_free_ones_are_billed_for_their_time() {
        let time = of(&[(10, 30), (3, 20), (-2, 10)]);
        assert_eq!(beyond(&time, 0), ("0".into(), told(&[("10", "10"), ("3", "2"), ("-2", "-0.666666666667")])));
        // Four are free all the time; six, nine and seven are beyond them.
        assert_eq!(beyond(&time, 4), ("4".into(), told(&[("6", "6"), ("3", "2"), ("-2", "-0.666666666667")])));
        // Of the three that come, one is the eleventh and two are beyond eleven.
        assert_eq!(
            beyond(&time, 11),
            ("10.666666666667".into(), told(&[("2", "1.333333333333"), ("-2", "-0.666666666667")]))
        );
    }

    #[test]
    fn a_level_below_zero_counts_as_none() {
        assert_eq!(beyond(&of(&[(-5, 30), (7, 15)]), 0), ("0".into(), told(&[("2", "1")])));
        assert_eq!(beyond(&of(&[(2, 30), (-5, 15)]), 0), ("0".into(), told(&[("2", "2"), ("-2", "-1")])));
    }
}
