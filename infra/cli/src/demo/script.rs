//! The demo's script: what customers do, and when. Written down before anything runs.
//!
//! Exists as data so that the recount at the end can be made from the script and the gateway's log alone.

use billing::calendar::Instant;
use chrono::{Days, Months, NaiveDate, NaiveTime, TimeDelta};
use sha2::{Digest, Sha256};

use super::telco::Row;

/// What one customer does at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Signs up on the row's plan at the row's price.
    SignUp,
    /// Asks to leave when the period ends.
    CancelAtPeriodEnd,
    /// Leaves at once.
    CancelNow,
    /// Moves to another plan at its list price.
    ChangePlan(&'static str),
    /// Takes a second unit, or gives it back.
    Quantity(u32),
    /// Rests until the instant.
    Pause(Instant),
    /// Pays the invoice of this period by transfer.
    Transfer {
        /// The period's ordinal.
        ordinal: u32,
    },
}

/// One line of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When.
    pub at: Instant,
    /// Which row does it.
    pub row: usize,
    /// What.
    pub act: Act,
}

/// How lively the script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Exactly the sample: nobody declines, changes, rests or pays late.
    Faithful,
    /// Seeded changes, pauses, late and missing transfers.
    Lively {
        /// The seed.
        seed: u64,
    },
}

/// The day after the last of the record.
pub(crate) fn snapshot() -> Instant {
    NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default().and_time(NaiveTime::MIN).and_utc()
}

/// Hour of the day (UTC) at which contracts start; transfers arrive at noon.
const START_HOUR: i64 = 9;

/// A number below `limit` that only depends on its arguments.
fn draw(seed: u64, row: &Row, what: &str, limit: u32) -> u32 {
    let digest = Sha256::digest(format!("{seed}/{}/{what}", row.number));
    digest.iter().take(4).fold(0_u32, |n, b| n << 8 | u32::from(*b)) % limit
}

/// When the row's contract starts: `tenure` completed months before the snapshot, spread over four weeks.
pub(crate) fn starts_at(row: &Row) -> Instant {
    boundary(row, 0)
}

/// The row's `n`th month boundary, computed from its first day (an independent calendar, for the recount's sake).
pub(crate) fn boundary(row: &Row, n: u32) -> Instant {
    let back = 1 + u64::from(draw(0, row, "day", 28));
    let last = snapshot().date_naive() - Days::new(back);
    let first = last - Months::new(row.tenure);
    let date = first + Months::new(n);
    date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(START_HOUR)
}

/// The whole script, in order.
pub(crate) fn write(rows: &[Row], mood: Mood) -> Vec<Line> {
    let mut lines: Vec<Line> = rows.iter().enumerate().flat_map(|(i, row)| of_row(i, row, mood)).collect();
    lines.retain(|line| line.at < snapshot());
    lines.sort_by_key(|line| (line.at, line.row));
    lines
}

fn of_row(index: usize, row: &Row, mood: Mood) -> Vec<Line> {
    let line = |at, act| Line { at, row: index, act };
    let mut lines = vec![line(starts_at(row), Act::SignUp)];
    let moved = match mood {
        Mood::Lively { seed } if row.automatic => lively(index, row, seed, &mut lines),
        _ => false,
    };
    if !row.automatic {
        transfers(index, row, mood, &mut lines);
    }
    if row.left {
        // A contract that rested has boundaries of its own: it ends on the day itself.
        let (days, act) = if moved { (0, Act::CancelNow) } else { (5, Act::CancelAtPeriodEnd) };
        lines.push(line(boundary(row, row.tenure) - TimeDelta::days(days) + TimeDelta::hours(1), act));
    }
    lines
}

/// Changes and pauses of a customer with a stored method. True when the contract's boundaries moved.
fn lively(index: usize, row: &Row, seed: u64, lines: &mut Vec<Line>) -> bool {
    if row.tenure < 6 {
        return false;
    }
    let month = 2 + draw(seed, row, "month", row.tenure - 4);
    let at = boundary(row, month) + TimeDelta::days(1 + i64::from(draw(seed, row, "offset", 24)));
    let mut push = |at, act| lines.push(Line { at, row: index, act });
    match draw(seed, row, "act", 100) {
        0..10 => push(at, Act::ChangePlan(if row.plan == "two-year" { "one-year" } else { "two-year" })),
        10..16 => push(at, Act::Quantity(2)),
        16..20 => {
            push(at, Act::Quantity(2));
            push(at + TimeDelta::days(45), Act::Quantity(1));
        }
        20..28 => {
            let days = 20 + i64::from(draw(seed, row, "rest", 60));
            push(at, Act::Pause(at + TimeDelta::days(days)));
            return true;
        }
        _ => {}
    }
    false
}

/// Transfers of a customer who pays by invoice: in time, late, or (from some month on) never.
fn transfers(index: usize, row: &Row, mood: Mood, lines: &mut Vec<Line>) {
    let stops = match mood {
        Mood::Lively { seed } if row.tenure >= 4 && draw(seed, row, "stops", 100) < 4 => {
            Some(1 + draw(seed, row, "stop month", row.tenure))
        }
        _ => None,
    };
    // Who left pays for the periods that were used; who stayed also for the one under way.
    let periods = if row.left { row.tenure } else { row.tenure + 1 };
    for month in 0..periods {
        if stops.is_some_and(|stop| month >= stop) {
            break;
        }
        let days = match mood {
            Mood::Faithful => 1 + draw(0, row, &format!("pays {month}"), 10),
            Mood::Lively { seed } if draw(seed, row, &format!("late {month}"), 100) < 5 => {
                15 + draw(seed, row, &format!("how late {month}"), 25)
            }
            Mood::Lively { seed } => 1 + draw(seed, row, &format!("pays {month}"), 12),
        };
        let at = boundary(row, month) + TimeDelta::days(i64::from(days)) + TimeDelta::hours(3);
        lines.push(Line { at, row: index, act: Act::Transfer { ordinal: month + 1 } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::telco::{rows, spread};

    #[test]
    fn the_same_seed_writes_the_same_script_and_another_seed_another() {
        let rows = spread(&rows().unwrap(), 200);
        let script = |seed| write(&rows, Mood::Lively { seed });
        assert_eq!(script(1), script(1));
        assert_ne!(script(1), script(2));
    }

    #[test]
    fn a_faithful_script_only_starts_pays_and_ends() {
        let rows = spread(&rows().unwrap(), 200);
        let lines = write(&rows, Mood::Faithful);
        assert_eq!(lines.iter().filter(|l| l.act == Act::SignUp).count(), 200);
        assert_eq!(
            lines.iter().filter(|l| l.act == Act::CancelAtPeriodEnd).count(),
            rows.iter().filter(|r| r.left).count()
        );
        assert!(lines.iter().all(|l| matches!(l.act, Act::SignUp | Act::CancelAtPeriodEnd | Act::Transfer { .. })));
    }

    #[test]
    fn tenure_months_are_complete_at_the_snapshot() {
        for row in rows().unwrap() {
            assert!(boundary(&row, row.tenure) < snapshot(), "{row:?}");
            assert!(boundary(&row, row.tenure + 1) >= snapshot(), "{row:?}");
        }
    }
}
