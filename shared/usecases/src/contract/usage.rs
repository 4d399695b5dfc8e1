//! The promise that usage rests on: whoever writes at the same time, every event counts, and counts once.

use billing::{
    calendar::WallTime,
    usage::{Bucket, Chunk, HourBucket, Reading, UsageRecord},
};
use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::{
    Subject,
    fixtures::{days_later, new_year},
};
use crate::{
    error::Error,
    usage::{Owner, Recorded, write_day},
};

/// Writers that run against each other, and their events: each event is sent by two of them.
const WRITERS: u32 = 6;
const EVENTS: u32 = 40;

/// A chunk with every field filled; no two numbers make the same.
pub(super) fn chunk(number: u64) -> Chunk {
    let bucket = Bucket {
        count: number + 1,
        sum: Decimal::new(15, 1),
        max: Decimal::ONE,
        last_at: new_year() + TimeDelta::milliseconds(7),
        last: Decimal::ONE,
        moment: Decimal::from(7),
        keys: ["0123456789abcdef".to_owned()].into(),
        each: vec![(7, Decimal::new(15, 1)), (3_599_999, Decimal::ZERO)],
    };
    let buckets = vec![HourBucket { start: new_year(), meter: "calls".into(), bucket }];
    Chunk { ids: format!("{number:016}"), buckets }
}

fn reading(event: u32) -> Reading {
    let at = new_year() + TimeDelta::seconds(i64::from(event));
    let (id, meter, value) = (format!("e{event}"), "calls".into(), Decimal::ONE);
    Reading { id, meter, start: new_year(), at, value, key: None, each: event.is_multiple_of(2) }
}

pub(super) async fn batches_at_the_same_time_all_count_and_each_once(subject: &Subject) -> Result<(), Error> {
    let owner = Owner { customer: subject.customer_id("usage")?, subscription: subject.subscription_id("usage")? };
    let day = new_year().date_naive();
    let work = |writer: u32| -> super::Work {
        let (operations, owner) = (subject.operations.clone(), owner.clone());
        let first = writer / 2 * EVENTS;
        let readings: Vec<Reading> = (first..first + EVENTS).map(reading).collect();
        Box::pin(async move {
            let wall = WallTime(days_later(0));
            let answers = write_day(operations.as_ref(), &owner, day, &readings, wall).await?;
            Ok(answers.iter().map(|a| u32::from(*a == Recorded::New)).sum())
        })
    };
    let done = (subject.together)((0..WRITERS).map(work).collect()).await;
    let new = done.into_iter().sum::<Result<u32, Error>>()?;
    let all = WRITERS / 2 * EVENTS;
    assert_eq!(new, all, "events that were counted");
    let readings: Vec<Reading> = (0..all).map(reading).collect();
    let again = write_day(subject.operations.as_ref(), &owner, day, &readings, WallTime(days_later(1))).await?;
    assert!(again.iter().all(|a| *a == Recorded::Duplicate), "the same events once more");
    assert_ne!(UsageRecord::default(), UsageRecord::new([chunk(0)]), "a chunk has something to count");
    Ok(())
}
