//! Legal numbers in memory: the counter is what was given last, so the two cannot differ.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing::{
    document::{InvoiceNumber, Series},
    ids::{CustomerId, InvoiceId},
};

use super::{MemoryStore, Tables};
use crate::{
    error::Error,
    ports::{Assigned, Numbers},
};

impl Tables {
    pub(super) fn numbers_of(&self, customer: &CustomerId) -> BTreeMap<InvoiceId, InvoiceNumber> {
        let own = self.numbers.iter().filter(|((owner, _), _)| owner == customer);
        own.filter_map(|((_, id), number)| Some((InvoiceId::try_new(id.as_str()).ok()?, number.clone()))).collect()
    }

    fn last_number(&self, series: &Series) -> u64 {
        self.numbers.values().filter(|n| n.series == *series).map(|n| n.sequence).max().unwrap_or(0)
    }
}

#[async_trait]
impl Numbers for MemoryStore {
    async fn last_number(&self, series: &Series) -> Result<u64, Error> {
        Ok(self.tables().last_number(series))
    }

    async fn assign_numbers(
        &self,
        series: &Series,
        after: u64,
        invoices: &[(CustomerId, InvoiceId)],
    ) -> Result<Assigned, Error> {
        let mut tables = self.tables();
        if tables.last_number(series) != after {
            return Err(Error::Conflict(format!("series {series}")));
        }
        let key = |(customer, id): &(CustomerId, InvoiceId)| (customer.clone(), id.to_string());
        let numbered = invoices.iter().filter(|i| tables.numbers.contains_key(&key(i))).map(|(_, id)| id.clone());
        let numbered: Vec<_> = numbered.collect();
        if !numbered.is_empty() {
            return Ok(Assigned::None { numbered });
        }
        for (invoice, sequence) in invoices.iter().zip(after + 1..) {
            tables.numbers.insert(key(invoice), InvoiceNumber { series: series.clone(), sequence });
        }
        Ok(Assigned::All)
    }
}
