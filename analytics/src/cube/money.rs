//! Second pass: every fact once, for attempts and money.
//!
//! This is the only pass that sees all rows, so each row costs one look-up of its customer and one of its key; months and names come
//! from arithmetic and from the last row.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use billing::fact::EventType;
use polars::prelude::{DataFrame, PlHashMap};

use super::customers::{Customers, Segments};
use super::ledger::add;
use crate::calendar::{Month, Months};
use crate::error::ReportError;
use crate::input::Rates;
use crate::intern::{Code, Memo, Names};
use crate::scan::{FactFiles, Texts, Wanted, attempts, integers};

const COLUMNS: &[&str] =
    &["customer_id", "event_type", "occurred_at", "attempt", "currency", "amount_minor", "code", "gateway", "method"];

/// Key of the money cube: numbers while the facts go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    month: Month,
    channel: Code,
    event_type: EventType,
    attempt: i8,
    names: [Code; 3],
}

impl Hash for Key {
    /// Two words instead of seven small ones: this is hashed once per fact.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [code, gateway, method] = self.names.map(u64::from);
        let kind =
            u64::from(self.channel) << 16 | (self.event_type as u64) << 8 | u64::from(self.attempt.cast_unsigned());
        state.write_u64(u64::from(self.month.0.cast_unsigned()) << 32 | kind);
        state.write_u64(code << 32 | gateway << 16 | method);
    }
}

/// Where a customer's money of a month goes: segment and month in one word.
fn place(segment: u32, month: Month) -> u64 {
    u64::from(segment) << 32 | u64::from(month.0.cast_unsigned())
}

/// The reverse of [`place`].
#[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
fn segment_and_month(place: u64) -> (u32, Month) {
    ((place >> 32) as u32, Month((place as u32).cast_signed()))
}

/// Facts whose customers are looked up together: independent look-ups one after the other, so that the processor waits for several
/// cache lines at once.
const BLOCK: usize = 256;

/// Key of the money cube, with the names as text: month, channel, type, attempt, then code, gateway and method.
pub(crate) type MoneyKey = (Month, Code, String, i8, [Option<String>; 3]);

/// What the pass found.
#[derive(Default)]
pub(crate) struct Money {
    /// Count and sum per key.
    pub(crate) cube: BTreeMap<MoneyKey, (i64, i64)>,
    /// By segment and month: collected (the comparison reports' list of types) and captured (all captures, less refunds).
    pub(crate) collected: BTreeMap<(u32, Month), (i64, i64)>,
    pub(crate) facts: u64,
    pub(crate) unknown_types: u64,
    pub(crate) first_instant: i64,
    pub(crate) last_instant: i64,
}

/// Whether money of this type counts as collected in the comparison reports (`README.md`, "Where the numbers differ").
pub(crate) fn is_collected(event_type: EventType) -> bool {
    use EventType::{PaymentRecovered, Reactivation, Renewal, Resume, Signup};
    matches!(event_type, Signup | Renewal | Resume | Reactivation | PaymentRecovered)
}

/// Folds all facts.
pub(crate) fn fold(
    facts: &FactFiles,
    rates: &Rates,
    customers: &Customers,
    segments: &Segments,
) -> Result<Money, ReportError> {
    let wanted = Wanted { columns: COLUMNS, rows: None };
    let parts = facts.fold(&wanted, |frame| Part::of(frame, rates, customers, segments)?.money())?;
    let mut all = Money { first_instant: i64::MAX, last_instant: i64::MIN, ..Money::default() };
    for part in parts {
        all.merge(part)?;
    }
    Ok(all)
}

impl Money {
    fn merge(&mut self, part: Self) -> Result<(), ReportError> {
        for (key, sums) in part.cube {
            add_pair(self.cube.entry(key).or_default(), sums)?;
        }
        for (key, sums) in part.collected {
            add_pair(self.collected.entry(key).or_default(), sums)?;
        }
        self.facts += part.facts;
        self.unknown_types += part.unknown_types;
        self.first_instant = self.first_instant.min(part.first_instant);
        self.last_instant = self.last_instant.max(part.last_instant);
        Ok(())
    }
}

fn add_pair(sums: &mut (i64, i64), more: (i64, i64)) -> Result<(), ReportError> {
    *sums = (add(sums.0, more.0)?, add(sums.1, more.1)?);
    Ok(())
}

/// The facts of one batch.
struct Part {
    cube: PlHashMap<Key, (i64, i64)>,
    /// By [`place`].
    collected: PlHashMap<u64, (i64, i64)>,
    names: [Names; 3],
    totals: Money,
}

impl Part {
    fn of(frame: &DataFrame, rates: &Rates, customers: &Customers, segments: &Segments) -> Result<Self, ReportError> {
        let (ids, types) = (Texts::of(frame, "customer_id")?, Texts::of(frame, "event_type")?);
        let (instants, amounts) = (integers(frame, "occurred_at")?, integers(frame, "amount_minor")?);
        let (currencies, attempts) = (Texts::of(frame, "currency")?, attempts(frame)?);
        let details = [Texts::of(frame, "code")?, Texts::of(frame, "gateway")?, Texts::of(frame, "method")?];
        let mut part = Self {
            cube: PlHashMap::default(),
            collected: PlHashMap::default(),
            names: Default::default(),
            totals: Money::default(),
        };
        part.totals.facts = frame.height() as u64;
        part.totals.first_instant = instants.iter().copied().min().unwrap_or(i64::MAX);
        part.totals.last_instant = instants.iter().copied().max().unwrap_or(i64::MIN);
        let mut rate = rates.cached();
        let (mut memo, mut months) = (Memo::<2>::default(), Months::new());
        let mut block = Vec::with_capacity(BLOCK);
        for start in (0..frame.height()).step_by(BLOCK) {
            let rows = start..frame.height().min(start + BLOCK);
            block.clear();
            for row in rows.clone() {
                block.push(memo.get(ids.must(row)?, |id| segments.number(customers.find(id))));
            }
            for (row, segment) in rows.zip(&block) {
                let Ok(event_type) = EventType::from_str(types.must(row)?) else {
                    part.totals.unknown_types += 1;
                    continue;
                };
                if attempts[row] == 0 && amounts[row] == 0 {
                    continue;
                }
                let amount = rate.convert(amounts[row], currencies.must(row)?)?;
                let key = Key {
                    month: months.of_micros(instants[row]),
                    channel: segments.channel(*segment),
                    event_type,
                    attempt: attempts[row],
                    names: [0, 1, 2].map(|i| part.names[i].code_or_none(details[i].get(row))),
                };
                part.count(key, amount, *segment, segments.cohort(*segment).is_some())?;
            }
        }
        Ok(part)
    }

    fn count(&mut self, key: Key, amount: i64, segment: u32, has_cohort: bool) -> Result<(), ReportError> {
        add_pair(self.cube.entry(key).or_default(), (1, amount))?;
        let captured = match key.event_type {
            // What went back was captured before, and is below zero where a bank returned it.
            EventType::Refund => -amount,
            event_type if event_type.is_receipt() => amount,
            _ => return Ok(()),
        };
        if has_cohort {
            let collected = if is_collected(key.event_type) { amount } else { 0 };
            add_pair(self.collected.entry(place(segment, key.month)).or_default(), (collected, captured))?;
        }
        Ok(())
    }

    /// Codes of one batch mean nothing to the next one: back to text.
    fn money(self) -> Result<Money, ReportError> {
        let Self { cube, collected, names, mut totals } = self;
        if names.iter().any(Names::is_full) {
            let why =
                "more than 65,000 decline codes, gateways or methods in one batch: they must be short lists of names";
            return Err(ReportError::Setting(why.to_owned()));
        }
        for (key, sums) in cube {
            let text = |i: usize| names[i].word(key.names[i]).map(str::to_owned);
            let key = (key.month, key.channel, key.event_type.to_string(), key.attempt, [text(0), text(1), text(2)]);
            totals.cube.insert(key, sums);
        }
        totals.collected.extend(collected.into_iter().map(|(place, sums)| (segment_and_month(place), sums)));
        Ok(totals)
    }
}
