//! First pass: the state changes, filtered before anything is sorted, as small fixed-size rows.

use std::str::FromStr;
use std::sync::Mutex;

use billing::fact::EventType;
use polars::prelude::*;

use super::Customers;
use crate::error::ReportError;
use crate::input::Rates;
use crate::intern::{Code, Memo, Names, TextIndex};
use crate::scan::{FactFiles, Texts, Wanted, integers};

const COLUMNS: &[&str] = &[
    "customer_id",
    "subscription_id",
    "event_id",
    "occurred_at",
    "event_type",
    "plan",
    "currency",
    "mrr12_minor",
    "reason",
];

/// The seven types that change run-rate, as text.
pub(crate) const CHANGE_TYPES: [&str; 7] =
    ["signup", "upgrade", "downgrade", "pause", "resume", "cancel", "reactivation"];

/// A subscription's state after an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) at: i64,
    /// Run-rate of the subscription after the event, in the reporting currency.
    pub(crate) after: i64,
    pub(crate) customer: u32,
    pub(crate) subscription: u32,
    /// Where the event id is: batch and row. Ids are compared only where customer and instant are the same.
    batch: u32,
    row: u32,
    pub(crate) plan: Code,
    pub(crate) reason: Code,
    pub(crate) event_type: EventType,
}

/// All state changes of a run, in the order of customer, instant and event id.
pub(crate) struct Changes {
    pub(crate) rows: Vec<Change>,
    event_ids: Vec<Column>,
    pub(crate) plans: Names,
    pub(crate) reasons: Names,
    /// How many subscriptions there are.
    pub(crate) subscriptions: usize,
    /// How many changes belong to customers without a profile.
    pub(crate) without_profile: u64,
}

#[derive(Default)]
struct Reader {
    rows: Vec<Change>,
    event_ids: Vec<Column>,
    plans: Names,
    reasons: Names,
    subscriptions: TextIndex<2>,
    without_profile: u64,
}

/// Reads the state changes and sorts them once.
pub(crate) fn read(facts: &FactFiles, rates: &Rates, customers: &mut Customers) -> Result<Changes, ReportError> {
    let known = CHANGE_TYPES.iter().map(|name| col("event_type").eq(lit(*name))).reduce(Expr::or);
    let wanted = Wanted { columns: COLUMNS, rows: known };
    // Most customers have one subscription.
    let reader = Reader { subscriptions: TextIndex::with_capacity(customers.len()), ..Reader::default() };
    let state = Mutex::new((reader, customers));
    facts.fold(&wanted, |frame| {
        // Poisoned means that the other thread is already on its way out with a panic.
        let mut guard = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (reader, customers) = &mut *guard;
        reader.take(frame, rates, customers)
    })?;
    let (reader, _) = state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if reader.plans.is_full() || reader.reasons.is_full() {
        return Err(ReportError::Setting(
            "more than 65,000 plans or reasons: they must be short lists of names".to_owned(),
        ));
    }
    let mut changes = Changes {
        rows: reader.rows,
        event_ids: reader.event_ids,
        plans: reader.plans,
        reasons: reader.reasons,
        subscriptions: reader.subscriptions.len(),
        without_profile: reader.without_profile,
    };
    changes.sort()?;
    Ok(changes)
}

impl Reader {
    fn take(&mut self, frame: &DataFrame, rates: &Rates, customers: &mut Customers) -> Result<(), ReportError> {
        let (ids, subscriptions) = (Texts::of(frame, "customer_id")?, Texts::of(frame, "subscription_id")?);
        let (types, plans) = (Texts::of(frame, "event_type")?, Texts::of(frame, "plan")?);
        let (currencies, reasons) = (Texts::of(frame, "currency")?, Texts::of(frame, "reason")?);
        let (instants, run_rates) = (integers(frame, "occurred_at")?, integers(frame, "mrr12_minor")?);
        let batch = u32::try_from(self.event_ids.len()).unwrap_or(u32::MAX);
        let profiles = u32::try_from(customers.profiles() - customers.duplicates()).unwrap_or(u32::MAX);
        let (mut rate, mut memo) = (rates.cached(), Memo::<2>::default());
        // Ids first, each kind in a loop of its own: independent look-ups let the processor wait for several cache lines at once.
        let people = (0..frame.height()).map(|row| Ok(memo.get(ids.must(row)?, |id| customers.number(id))));
        let people = people.collect::<Result<Vec<u32>, ReportError>>()?;
        let contracts = (0..frame.height()).map(|row| Ok(self.subscriptions.insert(subscriptions.must(row)?)));
        let contracts = contracts.collect::<Result<Vec<u32>, ReportError>>()?;
        self.rows.reserve(frame.height());
        for row in 0..frame.height() {
            let Ok(event_type) = EventType::from_str(types.must(row)?) else { continue };
            let customer = people[row];
            self.without_profile += u64::from(customer >= profiles);
            self.rows.push(Change {
                at: instants[row],
                after: rate.convert(run_rates[row], currencies.must(row)?)?,
                customer,
                subscription: contracts[row],
                batch,
                row: u32::try_from(row).unwrap_or(u32::MAX),
                plan: self.plans.code(plans.must(row)?),
                reason: self.reasons.code_or_none(reasons.get(row).filter(|reason| !reason.is_empty())),
                event_type,
            });
        }
        let event_ids = frame.column("event_id").cloned();
        self.event_ids
            .push(event_ids.map_err(|source| ReportError::Frame { doing: "reading event ids".to_owned(), source })?);
        Ok(())
    }
}

impl Changes {
    /// One sort serves every window: by customer, instant, event id. The rows are first dealt out by customer, because customers
    /// are dense numbers, so that only the few changes of one customer are compared with each other.
    fn sort(&mut self) -> Result<(), ReportError> {
        let ids = self.event_ids.iter().map(id_column).collect::<Result<Vec<_>, _>>()?;
        let id_of = |change: &Change| ids.get(change.batch as usize).and_then(|texts| texts.get(change.row as usize));
        let mut rows = deal_out(&self.rows);
        for group in rows.chunk_by_mut(|a, b| a.customer == b.customer) {
            group.sort_unstable_by(|a, b| a.at.cmp(&b.at).then_with(|| id_of(a).cmp(&id_of(b))));
        }
        self.rows = rows;
        Ok(())
    }

    /// How many changes have the event id of the change before them. The same fact has the same customer and instant, so equal ids
    /// are neighbours.
    pub(crate) fn duplicates(&self) -> Result<u64, ReportError> {
        let ids = self.event_ids.iter().map(id_column).collect::<Result<Vec<_>, _>>()?;
        let id_of = |change: &Change| ids.get(change.batch as usize).and_then(|texts| texts.get(change.row as usize));
        let same = |a: &Change, b: &Change| a.customer == b.customer && a.at == b.at && id_of(a) == id_of(b);
        Ok(self.rows.windows(2).filter(|pair| same(&pair[0], &pair[1])).count() as u64)
    }
}

fn id_column(column: &Column) -> Result<&<StringType as PolarsDataType>::Array, ReportError> {
    let texts = column.str().map_err(|source| ReportError::Frame { doing: "reading event ids".to_owned(), source })?;
    Ok(texts.downcast_as_array())
}

/// A counting sort by customer.
fn deal_out(rows: &[Change]) -> Vec<Change> {
    let customers = rows.iter().map(|change| change.customer as usize + 1).max().unwrap_or(0);
    let mut next = vec![0_usize; customers + 1];
    for change in rows {
        next[change.customer as usize + 1] += 1;
    }
    for customer in 1..next.len() {
        next[customer] += next[customer - 1];
    }
    let Some(first) = rows.first() else { return Vec::new() };
    let mut dealt = vec![*first; rows.len()];
    for change in rows {
        let place = &mut next[change.customer as usize];
        dealt[*place] = *change;
        *place += 1;
    }
    dealt
}

#[cfg(test)]
impl Change {
    /// A change of which only the state matters.
    pub(crate) fn for_test(event_type: EventType, after: i64) -> Self {
        Self {
            at: 0,
            after,
            customer: 0,
            subscription: 0,
            batch: 0,
            row: 0,
            plan: 0,
            reason: crate::intern::NONE,
            event_type,
        }
    }
}
