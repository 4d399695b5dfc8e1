//! One decision, one write: a conditional put when it is a single item, else a transaction over both tables.
//!
//! A single put costs one unit where a transaction costs two, and a claim or an answer about an invoice is a single
//! item. The request token that the SDK gives a transaction is no guard here (it lives ten minutes): the conditions are.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use usecases::{
    error::Error,
    ports::{Commit, IdempotencyRecord},
};

use super::{
    AwsStore, call,
    operations::{expiry, record_item},
    unreadable,
};
use crate::{
    item::{self, Attributes},
    keys,
};

/// What must be true for a write.
enum Condition {
    /// Nothing is there.
    Absent,
    /// This version is there.
    Version(u64),
}

impl Condition {
    fn replaces(version: u64) -> Self {
        if version == 0 { Self::Absent } else { Self::Version(version) }
    }

    fn expression(&self) -> &'static str {
        match self {
            Self::Absent => "attribute_not_exists(pk)",
            Self::Version(_) => "v = :n",
        }
    }

    fn values(&self) -> Option<call::SdkItem> {
        match self {
            Self::Absent => None,
            Self::Version(n) => Some(call::SdkItem::from([(":n".to_owned(), AttributeValue::N(n.to_string()))])),
        }
    }
}

/// One item of a commit.
struct Write<'a> {
    table: &'a str,
    item: Attributes,
    condition: Condition,
    /// For people: who was first to change it.
    what: String,
}

impl AwsStore {
    /// Writes all of `commit` or nothing.
    pub(super) async fn write_all(&self, commit: Commit) -> Result<(), Error> {
        let mut writes = self.writes(&commit)?;
        let counters = self.counters(&commit)?;
        if !counters.is_empty() {
            return self.write_together(writes, counters).await;
        }
        match writes.pop() {
            None => Ok(()),
            Some(only) if writes.is_empty() => self.write_one(only).await,
            Some(last) => {
                writes.push(last);
                self.write_together(writes, Vec::new()).await
            }
        }
    }

    fn writes(&self, commit: &Commit) -> Result<Vec<Write<'_>>, Error> {
        let mut writes = Vec::with_capacity(commit.invoices.len() + 2 * commit.subscriptions.len() + 2);
        if let Some(save) = &commit.customer {
            let item = item::customer(save).map_err(unreadable)?;
            writes.push(self.write(item, Condition::replaces(save.replaces), save.value.id.to_string()));
        }
        for save in &commit.subscriptions {
            let item = item::subscription(save, self.shards).map_err(unreadable)?;
            writes.push(self.write(item, Condition::replaces(save.replaces), save.value.id.to_string()));
        }
        for save in &commit.invoices {
            let item = item::invoice(save, self.shards).map_err(unreadable)?;
            writes.push(self.write(item, Condition::replaces(save.replaces), save.value.id.to_string()));
        }
        for entry in &commit.journal {
            let about = commit.subscriptions.iter().find(|save| save.value.id == entry.subscription);
            let owner = about.map(|save| &save.value.customer);
            let owner =
                owner.ok_or_else(|| Error::unavailable("commit", "a journal entry without its subscription"))?;
            let what = format!("{} version {}", entry.subscription, entry.version);
            writes.push(self.write(item::journal(owner, entry).map_err(unreadable)?, Condition::Absent, what));
        }
        if let Some(record) = &commit.idempotency {
            writes.push(self.remember(record)?);
        }
        Ok(writes)
    }

    fn write(&self, item: item::Keyed, condition: Condition, what: String) -> Write<'_> {
        Write { table: &self.table, item: item.attributes, condition, what }
    }

    fn remember(&self, record: &IdempotencyRecord) -> Result<Write<'_>, Error> {
        let mut item = record_item(keys::idempotency(&record.scope, &record.key), record)?;
        item.insert(keys::EXPIRES.to_owned(), expiry(record.expires_at));
        let what = "the idempotency key".to_owned();
        Ok(Write { table: &self.operations_table, item, condition: Condition::Absent, what })
    }

    async fn write_one(&self, write: Write<'_>) -> Result<(), Error> {
        let put = self
            .client
            .put_item()
            .table_name(write.table)
            .set_item(Some(call::to_sdk(write.item)))
            .condition_expression(write.condition.expression())
            .set_expression_attribute_values(write.condition.values())
            .set_return_consumed_capacity(self.metering());
        let answer = put.send().await.map_err(|e| call::put_refused("commit", &write.what, e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }

    /// What the commit counts of coupons, each with what it is about.
    fn counters(&self, commit: &Commit) -> Result<Vec<(TransactWriteItem, String)>, Error> {
        let redeemed =
            commit.redemptions.iter().map(|count| (self.count(&count.coupon, Some(count.limit)), &count.coupon));
        let returned = commit.returned.iter().map(|coupon| (self.count(coupon, None), coupon));
        redeemed.chain(returned).map(|(item, coupon)| Ok((item?, format!("coupon {coupon}")))).collect()
    }

    /// One more of a coupon, if its `limit` allows it, or (none) one less. The condition is the guard: two who race for the
    /// last one are told apart by the table. What comes back was counted, so it needs none.
    fn count(&self, coupon: &str, limit: Option<u32>) -> Result<TransactWriteItem, Error> {
        let by = if limit.is_some() { "1" } else { "-1" };
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(call::whole_key(keys::redemptions(coupon))))
            .update_expression("ADD #n :by")
            .expression_attribute_names("#n", keys::COUNT)
            .expression_attribute_values(":by", AttributeValue::N(by.into()));
        if let Some(limit) = limit {
            update = update
                .condition_expression("attribute_not_exists(#n) OR #n < :limit")
                .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()));
        }
        let update = update.build().map_err(|e| Error::unavailable("commit", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    async fn write_together(
        &self,
        writes: Vec<Write<'_>>,
        counters: Vec<(TransactWriteItem, String)>,
    ) -> Result<(), Error> {
        let mut transaction = self.client.transact_write_items().set_return_consumed_capacity(self.metering());
        let mut whats = Vec::with_capacity(writes.len());
        for write in writes {
            let put = Put::builder()
                .table_name(write.table)
                .set_item(Some(call::to_sdk(write.item)))
                .condition_expression(write.condition.expression())
                .set_expression_attribute_values(write.condition.values())
                .build()
                .map_err(|e| Error::unavailable("commit", e))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
            whats.push(write.what);
        }
        for (counter, what) in counters {
            transaction = transaction.transact_items(counter);
            whats.push(what);
        }
        let sent = transaction.send().await;
        let answer = sent.map_err(|e| call::transaction_refused(whats.iter().map(String::as_str), e))?;
        self.wrote(answer.consumed_capacity());
        Ok(())
    }
}
