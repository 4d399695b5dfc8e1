//! Every key of both tables, in one place.
//!
//! Exists so that a key is written and read by the same lines: what a key looks like is decided nowhere else, and the
//! functions, the nightly check and a person with the console all find an item the same way.

use billing::{
    calendar::Interval,
    catalog::VersionRef,
    discount::CouponCode,
    document::Series,
    ids::{CustomerId, InvoiceId, SubscriptionId},
    money::Currency,
};
use usecases::{
    due::Place,
    ports::{ChunkKey, Lane},
};

/// Partition key of both tables.
pub const PK: &str = "pk";
/// Sort key of the main table.
pub const SK: &str = "sk";
/// Version of an item, from 1.
pub const VERSION: &str = "v";
/// The domain struct.
pub const DATA: &str = "d";
/// Facts under one-letter names.
pub const FACTS: &str = "f";
/// Partition of the due index; absent while the item waits for nothing.
pub const DUE_PARTITION: &str = "gp";
/// Sort key of the due index: a [`usecases::due`] position.
pub const DUE_POSITION: &str = "gs";
/// Name of the due index.
pub const DUE_INDEX: &str = "due";
/// When an operations item may be deleted, in seconds since 1970.
pub const EXPIRES: &str = "x";
/// A counter, in either table.
pub const COUNT: &str = "n";

/// Sort key of a customer's profile.
pub const PROFILE: &str = "C";
/// Sort key prefix of subscriptions.
pub const SUBSCRIPTION_PREFIX: &str = "S#";
/// Sort key prefix of invoices.
pub const INVOICE_PREFIX: &str = "I#";
/// Sort key prefix of journal entries.
pub const JOURNAL_PREFIX: &str = "J#";
/// Sort key prefix of legal numbers.
pub const NUMBER_PREFIX: &str = "N#";
/// Sort key prefix of contract prices.
pub const CONTRACT_PREFIX: &str = "K#";
/// Sort key of a published plan or policy version.
pub const PUBLISHED: &str = "V";
/// Sort key of the pointer that says which version is current.
pub const CURRENT: &str = "P";

/// What the partition of a series of legal numbers begins with.
pub const SERIES_PREFIX: &str = "series#";

/// Sort key of a counter: of a coupon's redemptions, of a series of legal numbers.
pub const COUNTER: &str = "N";

/// Where an item of the main table lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

/// A customer's profile.
#[must_use]
pub fn customer(id: &CustomerId) -> Key {
    Key::new(id.as_str(), PROFILE)
}

/// A subscription.
#[must_use]
pub fn subscription(customer: &CustomerId, id: &SubscriptionId) -> Key {
    Key::new(customer.as_str(), format!("{SUBSCRIPTION_PREFIX}{id}"))
}

/// An invoice.
#[must_use]
pub fn invoice(customer: &CustomerId, id: &InvoiceId) -> Key {
    Key::new(customer.as_str(), format!("{INVOICE_PREFIX}{id}"))
}

/// The journal entry of the decision that made `version`. Ten digits keep text order and number order the same.
#[must_use]
pub fn journal(customer: &CustomerId, subscription: &SubscriptionId, version: u64) -> Key {
    Key::new(customer.as_str(), format!("{JOURNAL_PREFIX}{subscription}#{version:010}"))
}

/// The price that a customer negotiated.
#[must_use]
pub fn contract(customer: &CustomerId, plan: &str, currency: Currency, interval: Interval) -> Key {
    Key::new(customer.as_str(), format!("{}{currency}#{interval}", contracts(plan)))
}

/// What the sort keys of a customer's prices for one plan begin with.
#[must_use]
pub fn contracts(plan: &str) -> String {
    format!("{CONTRACT_PREFIX}{plan}#")
}

/// What a catalog item is a version of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// A plan.
    Plan,
    /// A billing policy.
    Policy,
    /// The seller's tax settings.
    Tax,
}

impl Shelf {
    fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Policy => "policy",
            Self::Tax => "tax",
        }
    }
}

/// One immutable version. A partition of its own, so that no plan's readers slow another's.
#[must_use]
pub fn published(shelf: Shelf, reference: &VersionRef) -> Key {
    Key::new(format!("catalog#{}#{reference}", shelf.name()), PUBLISHED)
}

/// The pointer to the current version of `name`.
#[must_use]
pub fn current(shelf: Shelf, name: &str) -> Key {
    Key::new(format!("catalog#{}#{name}", shelf.name()), CURRENT)
}

/// A coupon or offer; its id is its version.
#[must_use]
pub fn coupon(id: &str) -> Key {
    Key::new(format!("catalog#coupon#{id}"), PUBLISHED)
}

/// The counter of a coupon's redemptions, beside the coupon: an item of its own, so that a coupon stays immutable.
#[must_use]
pub fn redemptions(coupon: &str) -> Key {
    Key::new(format!("catalog#coupon#{coupon}"), COUNTER)
}

/// The legal number of an invoice: an item of its own, because the invoice is replaced as a whole while it is collected.
#[must_use]
pub fn number(customer: &CustomerId, id: &InvoiceId) -> Key {
    Key::new(customer.as_str(), format!("{NUMBER_PREFIX}{id}"))
}

/// The counter of a series of legal numbers.
#[must_use]
pub fn series(series: &Series) -> Key {
    Key::new(format!("{SERIES_PREFIX}{series}"), COUNTER)
}

/// The pointer to the coupon that a code belongs to now.
#[must_use]
pub fn coupon_code(code: &CouponCode) -> Key {
    Key::new(format!("catalog#code#{code}"), CURRENT)
}

/// The partition of the due index that `place` lies in.
#[must_use]
pub fn due_partition_of(place: &Place) -> String {
    due_partition(place.lane, place.shard)
}

/// A partition of the due index.
#[must_use]
pub fn due_partition(lane: Lane, shard: u16) -> String {
    format!("due#{}#{shard:02}", lane_name(lane))
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Renew => "renew",
        Lane::Collect => "collect",
        Lane::Ask => "ask",
    }
}

/// The item id within a sort key that the due index holds: of a subscription or an invoice.
#[must_use]
pub fn due_item(sk: &str) -> Option<&str> {
    sk.strip_prefix(SUBSCRIPTION_PREFIX).or_else(|| sk.strip_prefix(INVOICE_PREFIX))
}

/// The lower end of a page that begins after `position`. Every character of a position sorts after `!`, so this lies
/// right behind `position` and before any other.
#[must_use]
pub fn right_after(position: &str) -> String {
    format!("{position}!")
}

/// Operations table: the record of a request.
#[must_use]
pub fn idempotency(scope: &str, key: &str) -> String {
    // A scope with the separator is escaped, so that "a" + "b#c" and "a#b" + "c" are two requests.
    format!("idem#{}#{key}", scope.replace('%', "%25").replace('#', "%23"))
}

/// Operations table: where a sweep stands.
#[must_use]
pub fn sweep(lane: Lane, shard: u16) -> String {
    format!("sweep#{}#{shard:02}", lane_name(lane))
}

/// Operations table: a bucket of permits.
#[must_use]
pub fn permits(bucket: &str) -> String {
    format!("permits#{bucket}")
}

/// Operations table: a storefront's key, by its SHA-256.
#[must_use]
pub fn storefront_key(sha256: &str) -> String {
    format!("key#{sha256}")
}

/// Operations table: a chunk of a contract's usage on one day. Each is a partition of its own, so that no day gets hot.
#[must_use]
pub fn usage_chunk(key: &ChunkKey) -> String {
    let ChunkKey { customer, subscription, day, number } = key;
    format!("usage#{customer}#{subscription}#{day}#{number:03}")
}

/// Operations table: the test clock.
pub const CLOCK: &str = "clock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_a_person_with_the_console_looks_for() {
        let customer_id = CustomerId::try_new("cus_ana").unwrap();
        let sub = SubscriptionId::try_new("sub_ana").unwrap();
        let inv = InvoiceId::try_new("inv_ana-p2").unwrap();
        assert_eq!(customer(&customer_id).to_string(), "cus_ana C");
        assert_eq!(subscription(&customer_id, &sub).to_string(), "cus_ana S#sub_ana");
        assert_eq!(invoice(&customer_id, &inv).to_string(), "cus_ana I#inv_ana-p2");
        assert_eq!(number(&customer_id, &inv).to_string(), "cus_ana N#inv_ana-p2");
        assert_eq!(journal(&customer_id, &sub, 7).to_string(), "cus_ana J#sub_ana#0000000007");
        let month = "month".parse().unwrap();
        let usd = Currency::try_new("USD").unwrap();
        assert_eq!(contract(&customer_id, "team", usd, month).to_string(), "cus_ana K#team#USD#month");
        let reference = "team@2".parse().unwrap();
        assert_eq!(published(Shelf::Plan, &reference).to_string(), "catalog#plan#team@2 V");
        assert_eq!(current(Shelf::Policy, "standard").to_string(), "catalog#policy#standard P");
        let (customer, subscription) = (customer_id, sub);
        let chunk = ChunkKey { customer, subscription, day: "2027-01-31".parse().unwrap(), number: 7 };
        assert_eq!(usage_chunk(&chunk), "usage#cus_ana#sub_ana#2027-01-31#007");
        assert_eq!(coupon("spring").to_string(), "catalog#coupon#spring V");
        assert_eq!(redemptions("spring").to_string(), "catalog#coupon#spring N");
        let code = CouponCode::try_new("spring-25").unwrap();
        assert_eq!(coupon_code(&code).to_string(), "catalog#code#SPRING-25 P");
        assert_eq!(due_partition(Lane::Collect, 7), "due#collect#07");
        assert_eq!(due_partition(Lane::Ask, 128), "due#ask#128");
    }

    #[test]
    fn two_requests_never_share_a_record() {
        assert_ne!(idempotency("a", "b#c"), idempotency("a#b", "c"));
    }

    #[test]
    fn nothing_lies_between_a_position_and_the_page_after_it() {
        let position = "2027-01-31T09:00:00Z#1renew#sub_a";
        let bound = right_after(position);
        assert!(bound.as_str() > position);
        for next in ["2027-01-31T09:00:00Z#1renew#sub_a-", "2027-01-31T09:00:00Z#1renew#sub_b"] {
            assert!(next > bound.as_str(), "{next}");
        }
    }
}
