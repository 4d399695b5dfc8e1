//! One document for several contracts of a customer: which invoices come together, what the document says of each, and what
//! it remembers of them.
//!
//! Exists because a customer with several contracts wants one charge and one number. An invoice stays what one contract owes
//! and explains; a document only adds them up and is collected for them.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    adjust::{Adjustment, plain},
    basis::Basis,
    lines::{Explanation, Line, LineKind, compute},
    state::{Invoice, InvoiceState, Purpose, first_state},
};
use crate::{
    RULES_VERSION,
    calendar::{Instant, Interval},
    catalog::VersionRef,
    ids::{Cause, InvoiceId, SubscriptionId},
    money::{Currency, Money, Rounding},
    refusal::Refusal,
};

/// Most invoices on one document. What ends it ends each contract on it too, with a journal entry: three writes each, and a
/// transaction has a hundred.
pub const DOCUMENT_ITEMS_MAX: usize = 20;

/// Most hours that invoices wait for each other: nobody's money is late because of a document.
pub const GATHERING_HOURS_MAX: u32 = 72;

/// Hours that invoices of a customer's contracts wait for each other; 1 where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct GatheringTime(u32);

/// Why a number is no gathering time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gathering_hours must be 0 to {GATHERING_HOURS_MAX}")]
pub struct BadGatheringTime;

impl GatheringTime {
    /// So many hours.
    ///
    /// # Errors
    /// [`BadGatheringTime`] for more than [`GATHERING_HOURS_MAX`].
    pub fn try_new(hours: u32) -> Result<Self, BadGatheringTime> {
        if hours <= GATHERING_HOURS_MAX { Ok(Self(hours)) } else { Err(BadGatheringTime) }
    }

    /// Until when what was issued at `at` waits.
    #[must_use]
    pub fn after(self, at: Instant) -> Instant {
        at + TimeDelta::hours(self.0.into())
    }
}

impl Default for GatheringTime {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for GatheringTime {
    type Error = BadGatheringTime;
    fn try_from(hours: u32) -> Result<Self, BadGatheringTime> {
        Self::try_new(hours)
    }
}

impl From<GatheringTime> for u32 {
    fn from(time: GatheringTime) -> Self {
        time.0
    }
}

/// What a document remembers of an invoice on it: enough for its line, and for the facts about its money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentItem {
    /// Which invoice.
    pub invoice: InvoiceId,
    /// Of which contract.
    pub subscription: SubscriptionId,
    /// What it is for.
    pub purpose: Purpose,
    /// The plan of its terms.
    pub plan: VersionRef,
    /// How often that is billed.
    pub interval: Interval,
    /// Units of it.
    pub quantity: u32,
    /// What it comes to, tax included, in minor units of the document's currency.
    pub total_minor: i64,
    /// The tax in that, in minor units.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub tax_minor: i64,
    /// Run-rate of the contract when it was issued.
    pub mrr12: i64,
    /// The end of the period that the money is for.
    pub period_end: Instant,
    /// The coupons in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// The arm of an experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}

impl DocumentItem {
    fn of(invoice: &Invoice) -> Self {
        let terms = invoice.basis.terms();
        Self {
            invoice: invoice.id.clone(),
            subscription: invoice.subscription.clone(),
            purpose: invoice.purpose,
            plan: terms.plan.clone(),
            interval: terms.price.interval,
            quantity: terms.quantity,
            total_minor: invoice.payable().minor,
            tax_minor: invoice.payable_tax_minor(),
            mrr12: invoice.mrr12,
            period_end: invoice.basis.period().end,
            coupon: invoice.basis.adjustments().coupon(),
            arm: invoice.arm.clone(),
        }
    }
}

/// The document that the invoice `due` comes on, with all of `invoices` (of one customer) that wait and go with it; none
/// while it is not due, or is on one. The oldest come first, [`DOCUMENT_ITEMS_MAX`] at most; the rest, and with it maybe
/// `due` itself, comes on the next one.
///
/// # Errors
/// [`Refusal::Money`] when their sum cannot be computed.
pub fn consolidate<'a>(
    due: &InvoiceId,
    invoices: impl IntoIterator<Item = &'a Invoice>,
    now: Instant,
) -> Result<Option<Invoice>, Refusal> {
    let mut waiting: Vec<&Invoice> = invoices.into_iter().filter(|i| gathers_until(i).is_some()).collect();
    let woken = waiting.iter().find(|i| i.id == *due).copied();
    let Some((woken, at)) = woken.and_then(|i| Some((i, gathers_until(i)?))).filter(|(_, at)| *at <= now) else {
        return Ok(None);
    };
    waiting.retain(|other| go_together(woken, other));
    waiting.sort_by(|a, b| (a.issued_at, &a.id).cmp(&(b.issued_at, &b.id)));
    waiting.truncate(DOCUMENT_ITEMS_MAX);
    let Some(first) = waiting.first() else { return Ok(None) };
    document(first, &waiting, at).map(Some)
}

fn gathers_until(invoice: &Invoice) -> Option<Instant> {
    match invoice.state {
        InvoiceState::Gathering { at, .. } => Some(at),
        _ => None,
    }
}

/// Whether two invoices may be on one document: one charge, one ladder, one series of numbers.
fn go_together(one: &Invoice, other: &Invoice) -> bool {
    let key =
        |i: &Invoice| (i.total.currency, i.automatic, i.policy().clone(), i.storefront.clone(), i.customer.clone());
    key(one) == key(other)
}

/// The document of `items`, `first` before all. It is of the instant at which it was due, however late a worker comes by.
fn document(first: &Invoice, items: &[&Invoice], at: Instant) -> Result<Invoice, Refusal> {
    let basis = Basis::Document {
        terms: Box::new(first.basis.terms().clone()),
        period: *first.basis.period(),
        items: items.iter().map(|item| DocumentItem::of(item)).collect(),
        adjustments: Box::default(),
    };
    let lines = compute(RULES_VERSION, &basis)?;
    let currency = first.total.currency;
    let cause = match first.cause {
        Cause::Usage(ordinal) => Cause::UsageDocument(ordinal),
        Cause::Period(ordinal) => Cause::Document(ordinal),
        // Nothing else gathers.
        _ => Cause::Document(first.basis.period().ordinal),
    };
    let issued_at = items.iter().map(|item| item.issued_at).fold(at, Instant::max);
    let taxes = items.iter().map(|item| Money::new(item.payable_tax_minor(), currency));
    // A customer who pays by transfer has as long as for the item that leaves most time.
    let due = items.iter().filter_map(|item| match item.state {
        InvoiceState::Gathering { due, .. } => due,
        _ => None,
    });
    Ok(Invoice {
        id: InvoiceId::derive(&first.subscription, cause, 0),
        customer: first.customer.clone(),
        subscription: first.subscription.clone(),
        cause,
        purpose: Purpose::Period,
        automatic: first.automatic,
        rules: RULES_VERSION,
        total: Money::sum(currency, lines.iter().map(|line| line.amount))?,
        tax_minor: Money::sum(currency, taxes)?.minor,
        basis,
        lines,
        issued_at,
        state: first_state(issued_at, due.max()),
        attempts: Vec::new(),
        credits: Vec::new(),
        lowered: super::owed::Lowered::default(),
        taken_back_minor: 0,
        written_off: false,
        debt_paid: false,
        refunds: Vec::new(),
        mrr12: first.mrr12,
        suspends: false,
        withdrawn: false,
        gathered: false,
        document: None,
        resend: None,
        storefront: first.storefront.clone(),
        arm: first.arm.clone(),
        facts: Vec::new(),
    })
}

/// The lines of a document: one for each invoice on it.
pub(super) fn lines(items: &[DocumentItem], currency: Currency) -> Vec<Line> {
    items.iter().map(|item| line(item, currency)).collect()
}

fn line(item: &DocumentItem, currency: Currency) -> Line {
    let (contract, tax_minor) = (item.subscription.clone(), item.tax_minor);
    let exact = item.total_minor.into();
    let why = Explanation {
        adjustment: Some(Box::new(Adjustment::Item { contract, tax_minor })),
        ..plain(item.invoice.as_str(), exact, exact, Rounding::HalfEven)
    };
    Line {
        kind: LineKind::Item,
        plan: item.plan.to_string(),
        add_on: None,
        description: None,
        quantity: item.quantity,
        amount: Money::new(item.total_minor, currency),
        why,
        used: None,
    }
}

/// `amount` by item: each up to what it comes to, in their order; what is more is the first's.
pub(super) fn shares(items: &[DocumentItem], amount: Money) -> impl Iterator<Item = (&DocumentItem, Money)> {
    let owed: i64 = items.iter().map(|item| item.total_minor).sum();
    let mut more = (amount.minor - owed).max(0);
    let mut left = amount.minor - more;
    items.iter().filter_map(move |item| {
        let own = item.total_minor.min(left);
        left -= own;
        let part = own + std::mem::take(&mut more);
        (part > 0).then(|| (item, Money::new(part, amount.currency)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn item(name: &str, total: i64) -> DocumentItem {
        let json = serde_json::json!({
            "invoice": format!("inv_{name}-p2"), "subscription": format!("sub_{name}"), "purpose": "period", "plan": "team@1",
            "interval": "month", "quantity": 1, "total_minor": total, "mrr12": 12 * total, "period_end": "2027-04-01T00:00:00Z",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn money_that_settles_nothing_is_shared_in_the_order_of_the_items() {
        let items = [item("a", 60), item("b", 40), item("c", 5)];
        let shared = |minor| {
            let amount = Money::new(minor, Currency::try_new("USD").unwrap());
            let parts: Vec<_> =
                shares(&items, amount).map(|(item, part)| (item.subscription.body(), part.minor)).collect();
            assert_eq!(parts.iter().map(|(_, part)| part).sum::<i64>(), minor);
            parts
        };
        assert_eq!(shared(50), [("a", 50)]);
        assert_eq!(shared(100), [("a", 60), ("b", 40)]);
        assert_eq!(shared(105), [("a", 60), ("b", 40), ("c", 5)]);
        assert_eq!(shared(125), [("a", 80), ("b", 40), ("c", 5)]);
    }
}
