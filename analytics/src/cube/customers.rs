//! Customers as numbers, and what the reports slice them by.

use std::path::Path;

use polars::prelude::*;

use super::ledger::Birth;
use crate::calendar::Month;
use crate::error::{Doing, ReportError};
use crate::intern::{Code, Names, TextIndex};
use crate::scan::Texts;

/// The channel of customers of whom nobody knows where they came from.
pub(crate) const UNKNOWN_CHANNEL: &str = "unknown";

/// All customers: those with a profile first, then those that only facts know.
pub(crate) struct Customers {
    index: TextIndex<2>,
    channel_of: Vec<Code>,
    channels: Names,
    unknown: Code,
    profiles: u64,
    duplicates: u64,
}

impl Customers {
    /// Reads `customer_id, channel` of the customers file.
    pub(crate) fn read(path: &Path) -> Result<Self, ReportError> {
        let doing = format!("reading {}", path.display());
        let file = PlRefPath::try_from_path(path).doing(&doing)?;
        let columns = [col("customer_id"), col("channel")].map(|column| column.cast(DataType::String));
        let scan =
            LazyFrame::scan_parquet(file, ScanArgsParquet { glob: false, ..Default::default() }).doing(&doing)?;
        let mut frame = scan.select(columns).collect().doing(&doing)?;
        frame.rechunk_mut();
        Self::of_frame(&frame)
    }

    fn of_frame(frame: &DataFrame) -> Result<Self, ReportError> {
        let rows = frame.height();
        let mut channels = Names::default();
        let unknown = channels.code(UNKNOWN_CHANNEL);
        let (ids, names) = (Texts::of(frame, "customer_id")?, Texts::of(frame, "channel")?);
        let mut customers = Self {
            index: TextIndex::with_capacity(rows),
            channel_of: Vec::with_capacity(rows),
            channels,
            unknown,
            profiles: rows as u64,
            duplicates: 0,
        };
        for row in 0..rows {
            let channel = names.get(row).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN_CHANNEL);
            let channel = customers.channels.code(channel);
            let customer = customers.index.insert(ids.must(row)?) as usize;
            match customers.channel_of.get_mut(customer) {
                Some(earlier) => {
                    *earlier = channel;
                    customers.duplicates += 1;
                }
                None => customers.channel_of.push(channel),
            }
        }
        if customers.channels.is_full() {
            return Err(ReportError::Setting(
                "more than 65,000 channels: `channel` must be a short list of names".to_owned(),
            ));
        }
        Ok(customers)
    }

    /// The number of a customer, a new one with channel `unknown` if no profile has it.
    pub(crate) fn number(&mut self, id: &str) -> u32 {
        let customer = self.index.insert(id);
        if self.channel_of.len() < self.index.len() {
            self.channel_of.push(self.unknown);
        }
        customer
    }

    /// The number of a customer who has a profile or a state change.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.index.get(id)
    }

    /// The channel of a customer; `None` is a customer nobody knows.
    pub(crate) fn channel(&self, customer: Option<u32>) -> Code {
        customer.and_then(|number| self.channel_of.get(number as usize)).copied().unwrap_or(self.unknown)
    }

    /// The name of a channel.
    pub(crate) fn channel_name(&self, channel: Code) -> &str {
        self.channels.word(channel).unwrap_or(UNKNOWN_CHANNEL)
    }

    /// How many customers there are.
    pub(crate) fn len(&self) -> usize {
        self.channel_of.len()
    }

    /// How many profiles were read.
    pub(crate) fn profiles(&self) -> u64 {
        self.profiles
    }

    /// How many profiles had an id that was there before.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Customers with the same beginning and channel share a segment, so that a pass over the facts looks up one number.
    pub(crate) fn segments(&self, births: &[Option<Birth>]) -> Segments {
        let mut numbers = PlHashMap::default();
        let mut segments = Segments { of_customer: Vec::with_capacity(self.len()), list: Vec::new(), stranger: 0 };
        for customer in 0..self.len() {
            let segment =
                Segment { birth: births.get(customer).copied().flatten(), channel: self.channel_of[customer] };
            let number = *numbers.entry(segment).or_insert_with(|| segments.add(segment));
            segments.of_customer.push(number);
        }
        let stranger = Segment { birth: None, channel: self.unknown };
        segments.stranger = *numbers.entry(stranger).or_insert_with(|| segments.add(stranger));
        segments
    }
}

/// Customers who cannot be told apart by any cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    /// When and with which plan they began; `None` if they never paid.
    pub(crate) birth: Option<Birth>,
    /// Their channel.
    pub(crate) channel: Code,
}

/// The segment of every customer.
pub(crate) struct Segments {
    of_customer: Vec<u32>,
    list: Vec<Segment>,
    stranger: u32,
}

impl Segments {
    /// The segment number of a customer; strangers have one, too.
    pub(crate) fn number(&self, customer: Option<u32>) -> u32 {
        customer.and_then(|number| self.of_customer.get(number as usize)).copied().unwrap_or(self.stranger)
    }

    /// The channel of a segment.
    pub(crate) fn channel(&self, number: u32) -> Code {
        self.list[number as usize].channel
    }

    /// All segments, by number.
    pub(crate) fn list(&self) -> &[Segment] {
        &self.list
    }

    /// The cohort of a segment.
    pub(crate) fn cohort(&self, number: u32) -> Option<Month> {
        self.list.get(number as usize).and_then(|segment| segment.birth).map(|birth| birth.month)
    }

    fn add(&mut self, segment: Segment) -> u32 {
        self.list.push(segment);
        u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
    }
}
