//! Read what is known about a customer.

use billing::{
    calendar::Instant,
    catalog::Plan,
    customer::TaxData,
    entitlement::{Entitlements, entitlements},
    fact::expand,
    ids::CustomerId,
    invoice::{Invoice, customer_balances},
    refusal::Refusal,
    subscription::{State, Subscription},
    usage::{MeterUsage, current},
};
use futures::future::try_join_all;
use serde::Serialize;

use crate::{
    error::Error,
    ports::{CustomerFile, Ledger},
    usage::record_of,
    view::{BalanceView, InvoiceView, SubscriptionView, parse_field},
};

/// A customer with contracts.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerView {
    /// Which.
    pub id: String,
    /// ISO 4217.
    pub currency: String,
    /// IANA name.
    pub time_zone: String,
    /// How the customer was won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// ISO 3166.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What else decides the customer's taxes.
    #[serde(skip_serializing_if = "TaxData::is_none")]
    pub tax: TaxData,
    /// Whether what contracts bill by themselves, of those agreed from now on, comes on one document.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consolidate: bool,
    /// Whether a payment method is stored, and its kind; never the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
    /// What is owed and the credit there is, a line for each currency that has either.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<BalanceView>,
    /// All contracts.
    pub subscriptions: Vec<SubscriptionView>,
    /// What the customer may use right now.
    pub entitlements: Entitlements,
}

/// One entry of a history: a fact, in the order of happening.
pub type HistoryEntry = serde_json::Value;

async fn file(ledger: &Ledger, customer: &str) -> Result<CustomerFile, Error> {
    let id = parse_field("customer", CustomerId::try_new(customer))?;
    let file = ledger.store.file(&id).await?;
    Ok(file.ok_or_else(|| Refusal::NotFound { what: "customer", id: id.to_string() })?)
}

/// The customer with contracts and entitlements.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn customer(ledger: &Ledger, customer: &str) -> Result<CustomerView, Error> {
    let file = file(ledger, customer).await?;
    let now = ledger.clocks.business().await?;
    let profile = &file.customer.value;
    let mut subscriptions = Vec::with_capacity(file.subscriptions.len());
    for held in &file.subscriptions {
        let view = SubscriptionView::new(held, &file.invoices, now);
        subscriptions.push(SubscriptionView { usage: usage_of(ledger, &held.value, now).await?, ..view });
    }
    let contracts = file.subscriptions.iter().map(|held| &held.value);
    let balances = customer_balances(file.invoices.iter().map(|i| &i.value), contracts).map_err(Refusal::from)?;
    Ok(CustomerView {
        id: profile.id.to_string(),
        currency: profile.currency.to_string(),
        time_zone: profile.time_zone.to_string(),
        channel: profile.channel.clone(),
        country: profile.country.clone(),
        tax: profile.tax.clone(),
        consolidate: profile.consolidate,
        payment_method: profile.method.as_ref().map(|m| m.kind.clone()),
        balances: balances.into_iter().map(Into::into).collect(),
        subscriptions,
        entitlements: of_file(ledger, &file).await?,
    })
}

/// What a contract used that is not billed yet.
async fn usage_of(ledger: &Ledger, held: &Subscription, now: Instant) -> Result<Vec<MeterUsage>, Error> {
    if held.terms.usage.is_empty() || matches!(held.state, State::Canceled { .. }) {
        return Ok(Vec::new());
    }
    let record = record_of(ledger.operations.as_ref(), held, now).await?;
    Ok(current(held, &record, now).map_err(Refusal::from)?)
}

/// What the customer may use right now.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn entitlements_of(ledger: &Ledger, customer: &str) -> Result<Entitlements, Error> {
    of_file(ledger, &file(ledger, customer).await?).await
}

async fn of_file(ledger: &Ledger, file: &CustomerFile) -> Result<Entitlements, Error> {
    let mut plans: Vec<Plan> = Vec::with_capacity(file.subscriptions.len());
    for held in &file.subscriptions {
        let reference = &held.value.terms.plan;
        let plan = ledger.store.plan(reference).await?;
        plans.push(plan.ok_or_else(|| Refusal::NotFound { what: "plan", id: reference.to_string() })?);
    }
    Ok(entitlements(file.subscriptions.iter().map(|s| &s.value).zip(&plans)))
}

/// The customer's invoices, newest first.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn invoices(ledger: &Ledger, customer: &str) -> Result<Vec<InvoiceView>, Error> {
    let file = file(ledger, customer).await?;
    let now = ledger.clocks.business().await?;
    let document_of = |i: &Invoice| file.invoices.iter().find(|d| Some(&d.value.id) == i.document.as_ref());
    let view = |i: &Invoice| {
        let view = InvoiceView::new(i, now).numbered(file.numbers.get(&i.id));
        match document_of(i) {
            Some(document) => view.on(&document.value, now),
            None => view,
        }
    };
    let mut views: Vec<_> = file.invoices.iter().map(|i| view(&i.value)).collect();
    views.sort_by(|a, b| b.issued_at.cmp(&a.issued_at).then_with(|| b.id.cmp(&a.id)));
    Ok(views)
}

/// One invoice with its lines and their explanations; a document with all invoices on it.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn invoice(ledger: &Ledger, customer: &str, invoice: &str) -> Result<InvoiceView, Error> {
    let customer = parse_field("customer", CustomerId::try_new(customer))?;
    let id = crate::collect::invoice_id(invoice)?;
    let found = crate::collect::load(ledger, &customer, &id).await?;
    let number = ledger.store.number(&customer, &id).await?;
    let now = ledger.clocks.business().await?;
    let view = InvoiceView::new(&found.value, now).numbered(number.as_ref());
    if let Some(document) = &found.value.document {
        let document = crate::collect::load(ledger, &customer, document).await?;
        return Ok(view.on(&document.value, now));
    }
    let ids = found.value.basis.items().unwrap_or_default().iter().map(|item| &item.invoice);
    let items = try_join_all(ids.map(|id| crate::collect::load(ledger, &customer, id))).await?;
    let items = items.iter().map(|item| InvoiceView::new(&item.value, now).on(&found.value, now)).collect();
    Ok(InvoiceView { items, ..view })
}

/// Everything that happened, as facts under their full names, oldest first.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn history(ledger: &Ledger, customer: &str) -> Result<Vec<HistoryEntry>, Error> {
    let file = file(ledger, customer).await?;
    let on_invoices = file.invoices.iter().flat_map(|i| &i.value.facts);
    let mut facts: Vec<_> = on_invoices.chain(file.journal.iter().flat_map(|j| &j.facts)).collect();
    facts.sort_by(|a, b| (a.what.occurred_at, &a.event_id).cmp(&(b.what.occurred_at, &b.event_id)));
    facts.into_iter().map(|f| expand(f).map_err(|e| Error::unavailable("write the history", e))).collect()
}
