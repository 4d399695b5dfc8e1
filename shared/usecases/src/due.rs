//! Where an item waits in the due index: lane, shard and sort key, from the item alone.
//!
//! Exists so that every adapter, and the nightly check, compute the same place.

use billing::{
    calendar::Instant,
    invoice::{self, Invoice, InvoiceWake, ceil_to_second},
    subscription::{self, Subscription},
};
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use crate::ports::{DueKind, Lane};

/// A place in the due index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which lane.
    pub lane: Lane,
    /// Which shard of it.
    pub shard: u16,
    /// `<instant>#<kind>#<id>`: text order is the order of work.
    pub position: String,
}

impl DueKind {
    /// The kind within a position. The digit sorts what follows from an earlier kind after it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Renew => "1renew",
            Self::Collect => "2collect",
            Self::Retry => "3retry",
            Self::Reconcile => "4ask",
        }
    }
}

/// Where a subscription waits.
#[must_use]
pub fn of_subscription(subscription: &Subscription, shards: u16) -> Option<Place> {
    let at = subscription::wake_at(subscription)?;
    Some(place(Lane::Renew, DueKind::Renew, at, subscription.id.as_str(), shards))
}

/// Where an invoice waits.
#[must_use]
pub fn of_invoice(invoice: &Invoice, shards: u16) -> Option<Place> {
    let (lane, kind, at) = match invoice::wake_at(invoice)? {
        InvoiceWake::Collect(at) => (Lane::Collect, DueKind::Collect, at),
        InvoiceWake::Rung(at) => (Lane::Collect, DueKind::Retry, at),
        InvoiceWake::Ask(at) => (Lane::Ask, DueKind::Reconcile, at.0),
    };
    Some(place(lane, kind, at, invoice.id.as_str(), shards))
}

fn place(lane: Lane, kind: DueKind, at: Instant, id: &str, shards: u16) -> Place {
    let position = format!("{}#{}#{id}", text(ceil_to_second(at)), kind.tag());
    Place { lane, shard: shard(id, shards), position }
}

/// The bound below which every position is due at `until`.
#[must_use]
pub fn bound(until: Instant) -> String {
    // '$' sorts right after '#': every kind of the second of `until` lies below.
    format!("{}$", text(until))
}

/// Reads a position back.
#[must_use]
pub fn parse(position: &str) -> Option<(Instant, DueKind, &str)> {
    let mut parts = position.splitn(3, '#');
    let at = DateTime::parse_from_rfc3339(parts.next()?).ok()?.with_timezone(&Utc);
    let tag = parts.next()?;
    let kind = DueKind::ALL.into_iter().find(|k| k.tag() == tag)?;
    Some((at, kind, parts.next()?))
}

fn text(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The first 8 bytes of the id's SHA-256, modulo the shards: stable over builds and machines.
#[must_use]
pub fn shard(id: &str, shards: u16) -> u16 {
    let number = Sha256::digest(id).iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
    u16::try_from(number % u64::from(shards.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back_and_sort_by_instant_then_kind() {
        let at: Instant = "2027-01-31T09:00:00Z".parse().unwrap();
        let renew = place(Lane::Renew, DueKind::Renew, at, "sub_z", 64);
        let collect = place(Lane::Collect, DueKind::Collect, at, "inv_a-p1", 64);
        assert!(renew.position < collect.position && collect.position < bound(at));
        assert_eq!(parse(&collect.position), Some((at, DueKind::Collect, "inv_a-p1")));
        assert_eq!(parse("2027-01-31T09:00:00Z#unknown#x"), None);
    }

    #[test]
    fn ids_spread_over_all_shards() {
        let mut counts = [0_u32; 16];
        for i in 0..16_000 {
            counts[usize::from(shard(&format!("sub_{i}"), 16))] += 1;
        }
        assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
    }
}
