//! What every adapter must keep, as tests that any of them can be run through.
//!
//! Exists because the use cases rely on promises that no type can state: that a commit is whole, that one of two writers
//! wins, that a claim keeps its place. The reference adapters in [`crate::memory`] pass these, and so must each real one.
//! A broken promise panics with its name; an adapter that does not answer returns its error.

mod fixtures;
mod gateway;
mod numbers;
mod operations;
mod race;
mod store;
mod usage;
mod waiting;

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use crate::{
    error::Error,
    ports::{Numbers, Operations, Store},
};

pub use gateway::{GatewaySubject, gateway};

/// A piece of work that runs beside others.
pub type Work = BoxFuture<'static, Result<u32, Error>>;

/// Runs pieces of work at the same time.
pub type Together = fn(Vec<Work>) -> BoxFuture<'static, Vec<Result<u32, Error>>>;

/// An adapter under test.
#[derive(Clone)]
pub struct Subject {
    /// The table.
    pub store: Arc<dyn Store>,
    /// The other one.
    pub operations: Arc<dyn Operations>,
    /// Legal numbers, in the first one.
    pub numbers: Arc<dyn Numbers>,
    /// Shards of each lane, as the store was made with.
    pub shards: u16,
    /// Begins every id of this run: letters and digits, new for every run on the same tables.
    pub prefix: String,
    /// How writers run against each other.
    pub together: Together,
    /// Waits a moment for an index that lags.
    pub moment: fn() -> BoxFuture<'static, ()>,
}

impl Subject {
    /// An adapter whose work is interleaved on one thread and whose index never lags.
    #[must_use]
    pub fn new<S: Store + Operations + Numbers + 'static>(
        store: Arc<S>,
        shards: u16,
        prefix: impl Into<String>,
    ) -> Self {
        let (operations, numbers) = (store.clone(), store.clone());
        Self { store, operations, numbers, shards, prefix: prefix.into(), together: interleaved, moment: at_once }
    }
}

fn interleaved(work: Vec<Work>) -> BoxFuture<'static, Vec<Result<u32, Error>>> {
    Box::pin(join_all(work))
}

fn at_once() -> BoxFuture<'static, ()> {
    Box::pin(std::future::ready(()))
}

/// Every promise of [`Store`].
///
/// # Errors
/// What the adapter answered instead of doing what was asked.
///
/// # Panics
/// When a promise is broken.
pub async fn store(subject: &Subject) -> Result<(), Error> {
    store::a_commit_is_all_or_nothing(subject).await?;
    store::what_is_written_is_read_back(subject).await?;
    store::a_stale_writer_changes_nothing(subject).await?;
    store::an_invoice_cannot_be_put_twice(subject).await?;
    store::the_journal_is_never_rewritten(subject).await?;
    store::several_contracts_change_together(subject).await?;
    store::a_file_is_complete(subject).await?;
    store::a_request_is_remembered_once(subject).await?;
    store::a_contract_price_replaces_the_earlier_one(subject).await?;
    store::a_published_version_never_changes(subject).await?;
    store::a_published_coupon_never_changes_and_its_code_moves(subject).await?;
    race::a_coupon_is_never_redeemed_beyond_its_limit(subject).await?;
    race::one_of_many_claims_wins(subject).await?;
    race::no_update_is_lost(subject).await?;
    numbers::numbers_follow_each_other_whatever_comes_again(subject).await?;
    numbers::writers_at_the_same_time_leave_no_gap(subject).await?;
    race::one_of_many_same_requests_wins(subject).await?;
    waiting::entries_come_in_order_and_page_by_page(subject).await?;
    waiting::a_place_moves_and_disappears(subject).await?;
    waiting::a_claim_keeps_its_place(subject).await?;
    waiting::a_refund_waits_like_a_collection(subject).await
}

/// Every promise of [`Operations`]. It moves the test clock and leaves it at the year 2031.
///
/// # Errors
/// What the adapter answered instead of doing what was asked.
///
/// # Panics
/// When a promise is broken.
pub async fn operations(subject: &Subject) -> Result<(), Error> {
    operations::a_sweep_stands_where_it_was_put(subject).await?;
    operations::a_key_names_its_storefront(subject).await?;
    operations::the_test_clock_stands_where_it_was_set(subject).await?;
    operations::permits_are_granted_in_part(subject).await?;
    operations::a_chunk_of_usage_is_replaced_only_as_it_was_seen(subject).await?;
    usage::batches_at_the_same_time_all_count_and_each_once(subject).await?;
    race::permits_never_exceed_their_limit(subject).await
}
