//! Legal numbers: one transaction moves a series' counter and numbers up to 99 invoices, or does nothing.
//!
//! The conditions are the guard, not the writer's being alone: the counter must stand where it was read, and no invoice may
//! have a number. That there is one writer only keeps them from getting in each other's way.

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update},
};
use billing::{
    document::{InvoiceNumber, Series},
    ids::{CustomerId, InvoiceId},
};
use usecases::{
    error::Error,
    ports::{Assigned, Numbers},
};

use super::{AwsStore, call, unreadable};
use crate::{item, keys};

/// What the operation is called in errors.
const NUMBER: &str = "number invoices";

impl AwsStore {
    /// Moves the counter from `after` to `last`. A counter that is not there stands at 0.
    fn count_on(&self, series: &Series, after: u64, last: u64) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(call::whole_key(keys::series(series))))
            .update_expression("SET #n = :last")
            .expression_attribute_names("#n", keys::COUNT)
            .expression_attribute_values(":last", AttributeValue::N(last.to_string()));
        let update = match after {
            0 => update.condition_expression("attribute_not_exists(#n)"),
            after => update
                .condition_expression("#n = :after")
                .expression_attribute_values(":after", AttributeValue::N(after.to_string())),
        };
        let update = update.build().map_err(|e| Error::unavailable(NUMBER, e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn put_number(
        &self,
        (customer, invoice): &(CustomerId, InvoiceId),
        number: &InvoiceNumber,
    ) -> Result<TransactWriteItem, Error> {
        let item = item::number(customer, invoice, number).map_err(unreadable)?;
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(call::to_sdk(item.attributes)))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| Error::unavailable(NUMBER, e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

#[async_trait]
impl Numbers for AwsStore {
    async fn last_number(&self, series: &Series) -> Result<u64, Error> {
        let found = self.get(NUMBER, &keys::series(series)).await?;
        Ok(found.map(item::read_count).transpose().map_err(unreadable)?.unwrap_or(0))
    }

    async fn assign_numbers(
        &self,
        series: &Series,
        after: u64,
        invoices: &[(CustomerId, InvoiceId)],
    ) -> Result<Assigned, Error> {
        let mut writes = Vec::with_capacity(invoices.len() + 1);
        let mut sequence = after;
        for invoice in invoices {
            sequence += 1;
            writes.push(self.put_number(invoice, &InvoiceNumber { series: series.clone(), sequence })?);
        }
        writes.push(self.count_on(series, after, sequence)?);
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        match transaction.set_return_consumed_capacity(self.metering()).send().await {
            Ok(answer) => {
                self.wrote(answer.consumed_capacity());
                Ok(Assigned::All)
            }
            Err(error) => refused(series, invoices, error),
        }
    }
}

/// What a refused transaction means. An invoice that has its number is told even where the counter moved as well: that is
/// what a repetition of the same call finds, and taking the rest again is what helps.
fn refused<R>(
    series: &Series,
    invoices: &[(CustomerId, InvoiceId)],
    error: SdkError<TransactWriteItemsError, R>,
) -> Result<Assigned, Error>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let lost = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() {
        let told = invoices.iter().zip(canceled.cancellation_reasons()).filter(|(_, reason)| lost(reason));
        let numbered: Vec<_> = told.map(|((_, id), _)| id.clone()).collect();
        if !numbered.is_empty() {
            return Ok(Assigned::None { numbered });
        }
    }
    let whats: Vec<String> =
        invoices.iter().map(|(_, id)| id.to_string()).chain([format!("series {series}")]).collect();
    Err(call::transaction_refused(whats.iter().map(String::as_str), error))
}
