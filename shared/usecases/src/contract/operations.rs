//! Promises of the operations table, one caller at a time.

use billing::calendar::WallTime;

use super::{
    Subject,
    fixtures::{days_later, new_year},
};
use crate::{
    error::Error,
    ports::{ChunkKey, Lane, Save, SweepPosition, Versioned},
};

/// A shard that no deployed stack has, so that a shared table's sweeps are left alone.
const SHARD: u16 = 9_999;

pub(super) async fn a_sweep_stands_where_it_was_put(subject: &Subject) -> Result<(), Error> {
    let pass_began = WallTime(new_year());
    let after = SweepPosition { after: Some("2031-01-01T12:00:00Z#1renew#sub_a".into()), pass_began };
    for position in [SweepPosition { after: None, pass_began }, after] {
        subject.operations.put_sweep_position(Lane::Ask, SHARD, &position).await?;
        assert_eq!(subject.operations.sweep_position(Lane::Ask, SHARD).await?, Some(position));
    }
    assert_eq!(subject.operations.sweep_position(Lane::Renew, SHARD).await?, None, "lanes stand apart");
    Ok(())
}

pub(super) async fn a_key_names_its_storefront(subject: &Subject) -> Result<(), Error> {
    let key = format!("{}-{}", subject.prefix, "0".repeat(32));
    assert_eq!(subject.operations.storefront_of(&key).await?, None);
    subject.operations.put_storefront_key(&key, "web").await?;
    assert_eq!(subject.operations.storefront_of(&key).await?.as_deref(), Some("web"));
    Ok(())
}

pub(super) async fn the_test_clock_stands_where_it_was_set(subject: &Subject) -> Result<(), Error> {
    for at in [days_later(3), new_year()] {
        subject.operations.set_test_clock(at).await?;
        assert_eq!(subject.operations.test_clock().await?, Some(at));
    }
    Ok(())
}

pub(super) async fn a_chunk_of_usage_is_replaced_only_as_it_was_seen(subject: &Subject) -> Result<(), Error> {
    let (customer, subscription) = (subject.customer_id("chunk")?, subject.subscription_id("chunk")?);
    let key = ChunkKey { customer, subscription, day: new_year().date_naive(), number: 0 };
    let (operations, expires) = (&subject.operations, WallTime(days_later(800)));
    assert_eq!(operations.usage_chunk(&key).await?, None);
    for replaces in 0..2 {
        let value = super::usage::chunk(replaces);
        let save = || Save { value: value.clone(), replaces };
        operations.put_usage_chunk(&key, save(), expires).await?;
        let again = operations.put_usage_chunk(&key, save(), expires).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "a stale writer: {again:?}");
        assert_eq!(operations.usage_chunk(&key).await?, Some(Versioned { value, version: replaces + 1 }));
    }
    let next = ChunkKey { number: 1, ..key.clone() };
    assert_eq!(operations.usage_chunk(&next).await?, None, "chunks stand apart");
    Ok(())
}

/// A bucket gives what it has, then nothing; another window is another bucket.
pub(super) async fn permits_are_granted_in_part(subject: &Subject) -> Result<(), Error> {
    let (bucket, ends) = (format!("{}-part", subject.prefix), WallTime(days_later(1)));
    let taken = std::slice::from_ref(&bucket);
    assert_eq!(subject.operations.permits_taken(taken).await?, 0);
    for (wanted, granted) in [(4, 4), (9, 6), (1, 0)] {
        let got = subject.operations.take_permits(&bucket, wanted, 10, ends).await?;
        assert_eq!(got, granted, "of {wanted} wanted");
    }
    assert_eq!(subject.operations.permits_taken(taken).await?, 10);
    let unlimited = format!("{}-count", subject.prefix);
    assert_eq!(subject.operations.take_permits(&unlimited, 1, u32::MAX, ends).await?, 1);
    assert_eq!(subject.operations.take_permits(&unlimited, 20, 15, ends).await?, 14, "more than a whole bucket");
    let both = [bucket, format!("{}-never", subject.prefix), unlimited];
    assert_eq!(subject.operations.permits_taken(&both).await?, 25, "of several, one of which nobody took from");
    Ok(())
}
