//! Promises under several writers at once.

use std::sync::Arc;

use billing::ids::InvoiceId;

use super::{
    Subject, Work,
    fixtures::{days_later, new_year},
};
use crate::{
    error::Error,
    ports::{Commit, CountRedemption, Save},
};

/// Writers that run against each other.
const WRITERS: i64 = 8;

/// Changes each of them makes.
const CHANGES: i64 = 5;

/// Tries of one change: with so many writers somebody is first very often.
const TRIES: usize = 400;

/// A race that is lost is a conflict; a table may also say that it is busy with the other writer.
fn lost(result: Result<(), Error>) -> Result<u32, Error> {
    match result {
        Ok(()) => Ok(1),
        Err(Error::Conflict(_) | Error::Unavailable { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

async fn wins(subject: &Subject, work: Vec<Work>) -> Result<u32, Error> {
    let mut sum = 0;
    for result in (subject.together)(work).await {
        sum += result?;
    }
    Ok(sum)
}

/// Eight customers want the last three of a coupon: three have them, and what the others would have written is not there.
pub(super) async fn a_coupon_is_never_redeemed_beyond_its_limit(subject: &Subject) -> Result<(), Error> {
    let (coupon, limit) = (format!("{}-few", subject.prefix), 3);
    assert_eq!(subject.store.redemptions(&coupon).await?, 0);
    let mut won = 0;
    // A table may refuse all who meet; those come again.
    for round in 0..WRITERS {
        let mut work = Vec::new();
        for writer in 0..WRITERS {
            let world = subject.world(&format!("few{round}x{writer}"), new_year())?;
            let (store, coupon) = (Arc::clone(&subject.store), coupon.clone());
            work.push(Box::pin(async move {
                let count = CountRedemption { coupon, limit };
                let customer = world.customer.id.clone();
                let done = lost(store.commit(Commit { redemptions: vec![count], ..world.commit() }).await)?;
                assert_eq!(store.file(&customer).await?.is_some(), done == 1, "half a commit was written");
                Ok(done)
            }) as Work);
        }
        won += wins(subject, work).await?;
        assert!(won <= limit, "a coupon was redeemed beyond its limit");
        if won == limit {
            break;
        }
    }
    assert_eq!(
        (won, subject.store.redemptions(&coupon).await?),
        (limit, limit),
        "redemptions are not what was counted"
    );
    // One comes back, and is there for one more.
    subject.store.commit(Commit { returned: vec![coupon.clone()], ..Commit::default() }).await?;
    assert_eq!(subject.store.redemptions(&coupon).await?, limit - 1, "what came back is not counted off");
    let again = CountRedemption { coupon: coupon.clone(), limit };
    subject.store.commit(Commit { redemptions: vec![again], ..Commit::default() }).await?;
    assert_eq!(subject.store.redemptions(&coupon).await?, limit);
    Ok(())
}

/// Eight workers claim one invoice: one may call the gateway.
pub(super) async fn one_of_many_claims_wins(subject: &Subject) -> Result<(), Error> {
    for round in 0..5 {
        let world = Arc::new(subject.stored(&format!("claim{round}"), new_year()).await?);
        let work = (0..WRITERS).map(|worker| {
            let (store, world) = (Arc::clone(&subject.store), Arc::clone(&world));
            Box::pin(async move {
                let save = Save { value: world.claimed(worker), replaces: 1 };
                lost(store.commit(Commit { invoices: vec![save], ..Commit::default() }).await)
            }) as Work
        });
        assert_eq!(wins(subject, work.collect()).await?, 1, "an invoice was claimed by several workers, or by none");
        let stored = subject.invoice(&world).await?;
        assert_eq!(stored.version, 2);
        assert!((0..WRITERS).any(|worker| stored.value == world.claimed(worker)), "two claims were mixed");
    }
    Ok(())
}

/// Eight writers add to one number, each reading what it replaces: every addition counts.
pub(super) async fn no_update_is_lost(subject: &Subject) -> Result<(), Error> {
    let world = Arc::new(subject.stored("sum", new_year()).await?);
    let work = (0..WRITERS).map(|_| {
        let (subject, world) = (subject.clone(), Arc::clone(&world));
        Box::pin(async move {
            let (mut done, mut tries) = (0, 0);
            while done < CHANGES && tries < TRIES {
                let current = subject.subscription(&world).await?;
                let mut value = current.value;
                value.credit_minor += 1;
                let save = Save { value, replaces: current.version };
                let commit = Commit { subscriptions: vec![save], ..Commit::default() };
                done += i64::from(lost(subject.store.commit(commit).await)?);
                tries += 1;
            }
            Ok(u32::try_from(done).unwrap_or(0))
        }) as Work
    });
    let done = i64::from(wins(subject, work.collect()).await?);
    let stored = subject.subscription(&world).await?;
    assert_eq!(done, WRITERS * CHANGES, "writers gave up");
    assert_eq!(stored.value.credit_minor, done, "an update was lost");
    assert_eq!(i64::try_from(stored.version).unwrap_or(0), done + 1);
    Ok(())
}

/// The same request eight times at once makes one contract.
pub(super) async fn one_of_many_same_requests_wins(subject: &Subject) -> Result<(), Error> {
    let work = (0..WRITERS).map(|worker| {
        let subject = subject.clone();
        Box::pin(async move {
            let world = subject.world(&format!("same{worker}"), new_year())?;
            let idempotency = Some(world.record(&subject.prefix, "same"));
            lost(subject.store.commit(Commit { idempotency, ..world.commit() }).await)
        }) as Work
    });
    assert_eq!(wins(subject, work.collect()).await?, 1, "one request was done several times, or never");
    let mut found = 0;
    for worker in 0..WRITERS {
        let invoice =
            InvoiceId::derive(&subject.subscription_id(&format!("same{worker}"))?, billing::ids::Cause::Period(1), 0);
        let customer = subject.customer_id(&format!("same{worker}"))?;
        found += u32::from(subject.store.invoice(&customer, &invoice).await?.is_some());
    }
    assert_eq!(found, 1, "a loser left something behind");
    Ok(())
}

/// Eight takers of one bucket get what it holds and not one more.
pub(super) async fn permits_never_exceed_their_limit(subject: &Subject) -> Result<(), Error> {
    let bucket = format!("{}-race", subject.prefix);
    let work = (0..WRITERS).map(|taker| {
        let (operations, bucket) = (Arc::clone(&subject.operations), bucket.clone());
        Box::pin(async move {
            let (mut taken, ends) = (0, billing::calendar::WallTime(days_later(1)));
            for round in 0..CHANGES {
                let wanted = u32::try_from((taker + round) % 4 + 1).unwrap_or(1);
                taken += operations.take_permits(&bucket, wanted, 37, ends).await?;
            }
            Ok(taken)
        }) as Work
    });
    let granted = wins(subject, work.collect()).await?;
    assert!(granted <= 37, "{granted} permits of 37");
    assert_eq!(
        subject.operations.permits_taken(std::slice::from_ref(&bucket)).await?,
        granted,
        "the bucket counts something else"
    );
    Ok(())
}
