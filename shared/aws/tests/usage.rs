//! What a chunk of usage looks like in the operations table, that it is read back, and how large it gets.
//!
//! The file in `tests/golden-operations` is a promise to every table in use and is never edited.

use aws::{
    size::item_size,
    store::{chunk_item, read_chunk},
};
use billing::{
    calendar::{Instant, WallTime},
    ids::{CustomerId, SubscriptionId},
    usage::{Bucket, CHUNK_IDS_MAX, Chunk, HourBucket},
};
use usecases::ports::{ChunkKey, Save, Versioned};

const GOLDEN_EACH: &str = include_str!("golden-operations/usage-chunk-each.json");
const GOLDEN: &str = include_str!("golden-operations/usage-chunk.json");

fn start() -> Instant {
    "2027-01-31T09:00:00Z".parse().expect("an instant")
}

fn key() -> ChunkKey {
    ChunkKey {
        customer: CustomerId::try_new("cus_ana").expect("an id"),
        subscription: SubscriptionId::try_new("sub_ana").expect("an id"),
        day: start().date_naive(),
        number: 7,
    }
}

/// `ids` events of one hour, with as many different keys.
fn chunk(ids: usize, keys: usize) -> Chunk {
    let bucket = Bucket {
        count: ids as u64,
        sum: "12.5".parse().expect("a decimal"),
        max: "7".parse().expect("a decimal"),
        last_at: start() + chrono::TimeDelta::milliseconds(1_500),
        last: "5.5".parse().expect("a decimal"),
        moment: "8250".parse().expect("a decimal"),
        keys: (0..keys).map(|n| format!("{n:016}")).collect(),
        each: Vec::new(),
    };
    Chunk {
        ids: (0..ids).map(|n| format!("{n:016}")).collect(),
        buckets: vec![HourBucket { start: start(), meter: "calls".into(), bucket }],
    }
}

/// `ids` events, spread over `hours`, each with its `amount`.
fn chunk_of_each(ids: u32, hours: u32, amount: &str) -> Chunk {
    let plain = chunk(usize::try_from(ids / hours).expect("small"), 0);
    let each = |n: u32| (3_500_000 + n * 997, amount.parse().expect("a decimal"));
    let bucket = Bucket { each: (0..ids / hours).map(each).collect(), ..plain.buckets[0].bucket.clone() };
    let hour = |n: u32| start() + chrono::TimeDelta::hours(n.into());
    let buckets = (0..hours).map(|n| HourBucket { start: hour(n), meter: "calls".into(), bucket: bucket.clone() });
    Chunk { ids: (0..ids).map(|n| format!("{n:016}")).collect(), buckets: buckets.collect() }
}

#[test]
fn a_chunk_that_keeps_single_events_is_read_back_too() {
    let save = Save { value: chunk_of_each(2, 1, "12.5"), replaces: 6 };
    let item = chunk_item(&key(), &save, WallTime(start())).expect("an item");
    let sorted = serde_json::to_value(&item).expect("JSON");
    assert_eq!(serde_json::to_string_pretty(&sorted).expect("JSON") + "\n", GOLDEN_EACH);
    let promised: serde_dynamo::Item = serde_json::from_str(GOLDEN_EACH).expect("an item");
    assert_eq!(read_chunk(promised.into_inner()).expect("a chunk"), Versioned { value: save.value, version: 7 });
}

#[test]
fn a_chunk_looks_as_it_was_promised_and_is_read_back() {
    let save = Save { value: chunk(2, 1), replaces: 6 };
    let item = chunk_item(&key(), &save, WallTime(start())).expect("an item");
    let sorted = serde_json::to_value(&item).expect("JSON");
    assert_eq!(serde_json::to_string_pretty(&sorted).expect("JSON") + "\n", GOLDEN);
    let promised: serde_dynamo::Item = serde_json::from_str(GOLDEN).expect("an item");
    let read = read_chunk(promised.into_inner()).expect("a chunk");
    assert_eq!(read, Versioned { value: save.value, version: 7 });
    let mut bad = item;
    bad.remove("d");
    assert!(read_chunk(bad).is_err(), "usage is never taken for nothing");
}

/// A full batch costs two write units; the largest chunk there can be, with a key for each event, four.
#[test]
fn a_full_chunk_is_two_kilobytes_and_never_more_than_four() {
    let size = |keys| {
        let save = Save { value: chunk(CHUNK_IDS_MAX, keys), replaces: 1 };
        item_size(&chunk_item(&key(), &save, WallTime(start())).expect("an item"))
    };
    assert!(size(0) <= 2_048, "{}", size(0));
    assert!(size(CHUNK_IDS_MAX) <= 4_096, "{}", size(CHUNK_IDS_MAX));
}

/// With the amounts of the events of one meter a full chunk of one hour costs four write units, one spread over a day six,
/// and eight with the longest amounts there can be.
#[test]
fn a_full_chunk_of_the_single_events_of_a_meter_is_four_to_eight_kilobytes() {
    let size = |hours, amount| {
        let save = Save { value: chunk_of_each(100, hours, amount), replaces: 1 };
        item_size(&chunk_item(&key(), &save, WallTime(start())).expect("an item"))
    };
    let (hour, day, most) = (size(1, "12345.67"), size(20, "12345.67"), size(20, "999999999999.999999999"));
    assert!(hour <= 4_096 && day <= 6_144 && most <= 8_192, "{hour} {day} {most}");
}
