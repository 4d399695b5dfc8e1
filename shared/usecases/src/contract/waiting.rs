//! Promises of the due index.

use std::collections::BTreeSet;

use billing::{
    calendar::{Instant, WallTime},
    invoice::RefundState,
    subscription::wake_at,
};

use super::{
    Subject,
    fixtures::{World, days_later, new_year},
};
use crate::{
    due,
    error::Error,
    ports::{Commit, DueEntry, DueKind, Lane, Save},
};

/// Looks at an index that lags before its answer counts.
const LOOKS: usize = 40;

impl Subject {
    /// Everything of this run that is due, page by page, with a promise checked on every page.
    async fn waiting(&self, lane: Lane, until: Instant, limit: usize) -> Result<Vec<DueEntry>, Error> {
        let mut found = Vec::new();
        for shard in 0..self.shards {
            let mut after: Option<String> = None;
            loop {
                let page = self.store.due(lane, shard, until, after.as_deref(), limit).await?;
                assert!(page.len() <= limit, "a page is longer than asked for");
                let mut last = after.clone();
                for entry in &page {
                    assert!(last.as_ref().is_none_or(|l| *l < entry.position), "out of order, or seen twice");
                    assert!(entry.at <= until, "not due yet: {}", entry.position);
                    assert_eq!(due::shard(&entry.job.item, self.shards), shard, "in another shard than its own");
                    last = Some(entry.position.clone());
                }
                let Some(end) = page.last() else { break };
                after = Some(end.position.clone());
                found.extend(page);
            }
        }
        found.retain(|entry| entry.job.customer.body().starts_with(&format!("{}-", self.prefix)));
        Ok(found)
    }

    /// The entry of one item, when the index says what is `wanted` (or does not for too long).
    async fn place(&self, lane: Lane, item: &str, wanted: Option<Instant>) -> Result<Option<DueEntry>, Error> {
        let mut entry = None;
        for _ in 0..LOOKS {
            let found = self.waiting(lane, days_later(400), 100).await?;
            let mut own = found.into_iter().filter(|e| e.job.item == item);
            entry = own.next();
            assert!(own.next().is_none(), "{item} waits in two places");
            if entry.as_ref().map(|e| e.at) == wanted {
                break;
            }
            (self.moment)().await;
        }
        assert_eq!(entry.as_ref().map(|e| e.at), wanted, "{item} in lane {lane:?}");
        Ok(entry)
    }
}

/// Entries come by instant; a limit cuts pages, not answers; what is not due stays out.
pub(super) async fn entries_come_in_order_and_page_by_page(subject: &Subject) -> Result<(), Error> {
    let mut ids = BTreeSet::new();
    for day in 0..12 {
        let world = subject.stored(&format!("order{day}"), days_later(200 + 11 * day % 12)).await?;
        ids.insert(world.invoice.id.to_string());
    }
    let mut whole = Vec::new();
    for _ in 0..LOOKS {
        whole = subject.waiting(Lane::Collect, days_later(211), 100).await?;
        whole.retain(|e| ids.contains(&e.job.item));
        if whole.len() == ids.len() {
            break;
        }
        (subject.moment)().await;
    }
    assert_eq!(whole.len(), 12, "entries are missing");
    assert!(whole.iter().all(|e| e.kind == DueKind::Collect && e.job.item.starts_with("inv_")));
    let mut paged = subject.waiting(Lane::Collect, days_later(211), 2).await?;
    paged.retain(|e| ids.contains(&e.job.item));
    assert_eq!(paged, whole, "pages are not the whole");
    let mut early = subject.waiting(Lane::Collect, days_later(205), 100).await?;
    early.retain(|e| ids.contains(&e.job.item));
    assert_eq!(early.len(), 6, "what is due exactly now is due, what is due tomorrow is not");
    let renew = subject.waiting(Lane::Renew, days_later(400), 100).await?;
    assert!(renew.iter().all(|e| e.job.item.starts_with("sub_")), "lanes are mixed");
    Ok(())
}

/// A subscription's place follows its next event; a paid invoice waits for nothing.
pub(super) async fn a_place_moves_and_disappears(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("moves", new_year()).await?;
    let mut next = world.subscription.clone();
    subject.place(Lane::Renew, next.id.as_str(), wake_at(&next)).await?;
    next.state = billing::subscription::State::Trialing { ends_at: days_later(90), price: None };
    let save = Save { value: next.clone(), replaces: 1 };
    subject.store.commit(Commit { subscriptions: vec![save], ..Commit::default() }).await?;
    subject.place(Lane::Renew, next.id.as_str(), Some(days_later(90))).await?;
    let paid = Save { value: world.paid(), replaces: 1 };
    subject.store.commit(Commit { invoices: vec![paid], ..Commit::default() }).await?;
    subject.place(Lane::Collect, world.invoice.id.as_str(), None).await?;
    Ok(())
}

/// If the worker that claimed dies, the sweep must come by again: a claim moves nothing in the index.
pub(super) async fn a_claim_keeps_its_place(subject: &Subject) -> Result<(), Error> {
    let world: World = subject.stored("keeps", new_year()).await?;
    let (id, at) = (world.invoice.id.as_str(), Some(world.invoice.issued_at));
    let before = subject.place(Lane::Collect, id, at).await?;
    let claim = Save { value: world.claimed(1), replaces: 1 };
    subject.store.commit(Commit { invoices: vec![claim], ..Commit::default() }).await?;
    assert_eq!(subject.place(Lane::Collect, id, at).await?, before, "a claim moved its place");
    Ok(())
}

/// A refund waits for its call, keeps that place while it is claimed, waits on wall time for questions, and then for nothing;
/// what is stored of it comes back as it was.
pub(super) async fn a_refund_waits_like_a_collection(subject: &Subject) -> Result<(), Error> {
    let world: World = subject.stored("refund", new_year()).await?;
    let (id, since, deadline) = (world.invoice.id.as_str(), days_later(2), WallTime(days_later(3)));
    let states = [
        (RefundState::Due { at: since }, Some(since), None),
        (RefundState::Calling { since, deadline }, Some(since), None),
        (RefundState::Unknown { deadline, asked: 2, ask_at: WallTime(days_later(4)) }, None, Some(days_later(4))),
        (RefundState::Done { at: days_later(5), reference: "re_1".into() }, None, None),
        (RefundState::Failed { at: days_later(6), code: "expired_or_canceled_card".into() }, None, None),
    ];
    for (replaces, (state, to_call, to_ask)) in (1..).zip(states) {
        let saved = Save { value: world.refunded(state), replaces };
        subject.store.commit(Commit { invoices: vec![saved.clone()], ..Commit::default() }).await?;
        assert_eq!(subject.invoice(&world).await?.value, saved.value, "a refund changed on its way");
        let entry = subject.place(Lane::Collect, id, to_call).await?;
        assert!(entry.is_none_or(|entry| entry.kind == DueKind::Collect));
        let entry = subject.place(Lane::Ask, id, to_ask).await?;
        assert!(entry.is_none_or(|entry| entry.kind == DueKind::Reconcile));
    }
    Ok(())
}
