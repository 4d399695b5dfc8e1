//! From the record to the bus: facts that a change added, as events.

use billing::fact::{Fact, expand};
use serde::{Deserialize, Serialize};

use crate::{error::Error, ports::Bus};

/// One event for the bus. Consumers dedupe by `event_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusEvent {
    /// The fact's id.
    pub event_id: String,
    /// `invoice.paid`, `subscription.started` ...
    pub detail_type: String,
    /// The fact under its full names.
    pub detail: serde_json::Value,
}

/// The facts that `after` has and `before` had not, in their order.
#[must_use]
pub fn added(before: &[Fact], after: &[Fact]) -> Vec<Fact> {
    after.iter().filter(|fact| before.iter().all(|old| old.event_id != fact.event_id)).cloned().collect()
}

/// Announces `facts`.
///
/// # Errors
/// [`Error::Unavailable`] when some were not taken: the stream delivers the record again, and consumers dedupe.
pub async fn relay(bus: &dyn Bus, facts: &[Fact]) -> Result<(), Error> {
    if facts.is_empty() {
        return Ok(());
    }
    let mut events = Vec::with_capacity(facts.len());
    for fact in facts {
        let detail = expand(fact).map_err(|e| Error::unavailable("write the event", e))?;
        let detail_type = fact.what.event_type.bus_name().to_owned();
        events.push(BusEvent { event_id: fact.event_id.clone(), detail_type, detail });
    }
    let left = bus.publish(events).await?;
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::unavailable("announce events", format!("{} of {} were not taken", left.len(), facts.len())))
}
