//! What a schedule is made of: its periods, whole or cut off, one after the other.
//!
//! Exists beside the schedule because prices need to know of a stub what it was cut from, and nothing about how that is found.

use serde::{Deserialize, Serialize};

use super::{OutOfCalendar, Period, recurrence::Span, schedule::Schedule};

/// How much of a whole period a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// All of it.
    Whole,
    /// Its beginning is missing: the contract started within it.
    LeadingStub,
    /// Its end is missing: the contract ended within it.
    TrailingStub,
    /// Both are missing.
    BothEnds,
}

/// One period of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutPeriod {
    /// Its number in the schedule, from 0; a stub has one too.
    pub index: u32,
    /// What is billed.
    pub span: Span,
    /// The whole period that `span` is cut from; the same when nothing was cut off. A denominator for stubs.
    pub whole: Span,
    /// What was cut off.
    pub cut: Cut,
}

impl CutPeriod {
    /// Whether something was cut off.
    #[must_use]
    pub fn is_stub(&self) -> bool {
        self.cut != Cut::Whole
    }

    /// The period as a contract stores it, with the ordinal that its invoice has.
    #[must_use]
    pub fn numbered(&self, ordinal: u32) -> Period {
        Period { ordinal, index: self.index, start: self.span.start, end: self.span.end }
    }
}

/// Periods of a schedule in order. After an error nothing follows.
#[derive(Clone, Debug)]
pub struct Periods {
    schedule: Schedule,
    first: i64,
    next: Option<u32>,
}

impl Periods {
    /// From period `next` on; `first` is the number of the first boundary after the start.
    pub(super) fn starting(schedule: Schedule, first: i64, next: u32) -> Self {
        Self { schedule, first, next: Some(next) }
    }
}

impl Iterator for Periods {
    type Item = Result<CutPeriod, OutOfCalendar>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(index) = self.next {
            let period = self.schedule.cut(self.first, index);
            let is_over = match &period {
                Err(_) => true,
                Ok(Some(_)) => false,
                // Nothing here: the contract is over, or the zone left out a day, and the next one follows.
                Ok(None) => match (self.schedule.end(), self.schedule.boundary_after(self.first, index)) {
                    (Some(end), Ok(start)) => end <= start,
                    _ => false,
                },
            };
            self.next = if is_over { None } else { index.checked_add(1) };
            if let Some(period) = period.transpose() {
                return Some(period);
            }
        }
        None
    }
}
