//! Facts: one flat row saying what happened. All that analytics reads.
//!
//! Exists as the contract between functions and reports (DESIGN section 7). Columns are frozen; extensions
//! are nullable and appended. In the table a fact is stored under one-letter names, see [`COLUMNS`].

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Instant, WallTime},
    ids::{CustomerId, InvoiceId, SubscriptionId, base32},
};

/// What happened. Only the first seven change run-rate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumIter, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventType {
    /// The first instant with run-rate > 0: paid start, start on account, or trial conversion.
    Signup,
    /// Run-rate rose (plan, quantity, price), or the plan changed at the same one, or the currency, either way.
    Upgrade,
    /// Run-rate fell, but not to nothing.
    Downgrade,
    /// Run-rate to 0, to come back.
    Pause,
    /// Back from a pause.
    Resume,
    /// Run-rate to 0 for good; the reason says why.
    Cancel,
    /// Back after a cancel.
    Reactivation,
    /// Attempt 1 of a period's invoice was captured.
    Renewal,
    /// An attempt was declined; the amount is what was not collected.
    PaymentFailed,
    /// A later attempt succeeded.
    PaymentRecovered,
    /// Any other capture: a change's invoice, a transfer.
    Payment,
    /// Money of a capture went back to the customer; below zero where it came back from the customer's bank.
    Refund,
    /// Credit was given to the customer.
    Credit,
    /// A trial began.
    TrialStarted,
    /// The customer asked to cancel; the comment stays in the journal.
    CancelRequested,
    /// The customer was told something (the reason says what).
    Notice,
    /// Access was taken away until an invoice is paid.
    Suspended,
    /// Access came back.
    Restored,
    /// An invoice was given up: by its ladder, or (reason merchant) by the merchant.
    WrittenOff,
    /// The merchant withdrew an issued invoice; the amount is what was owed on it.
    Voided,
    /// Prepaid credit may be used (reason: bought or given). No money: that was the `payment` of its invoice.
    PrepaidGranted,
    /// Prepaid credit paid for usage. No money.
    PrepaidUsed,
    /// Prepaid credit was lost (reason: expired or ended). No money.
    PrepaidExpired,
}

impl EventType {
    /// Whether facts of this type carry a new state of run-rate.
    #[must_use]
    pub fn changes_run_rate(self) -> bool {
        use EventType::{Cancel, Downgrade, Pause, Reactivation, Resume, Signup, Upgrade};
        matches!(self, Signup | Upgrade | Downgrade | Pause | Resume | Cancel | Reactivation)
    }

    /// Whether it tells of money that came in.
    #[must_use]
    pub fn is_receipt(self) -> bool {
        use EventType::{Payment, PaymentRecovered, Reactivation, Renewal, Resume, Signup};
        matches!(self, Signup | Resume | Reactivation | Renewal | PaymentRecovered | Payment)
    }

    /// The name under which the bus announces it (`detail-type`).
    #[must_use]
    pub fn bus_name(self) -> &'static str {
        match self {
            Self::Signup => "subscription.started",
            Self::Upgrade => "subscription.upgraded",
            Self::Downgrade => "subscription.downgraded",
            Self::Pause => "subscription.paused",
            Self::Resume => "subscription.resumed",
            Self::Cancel => "subscription.canceled",
            Self::Reactivation => "subscription.reactivated",
            Self::Renewal | Self::PaymentRecovered | Self::Payment => "invoice.paid",
            Self::PaymentFailed => "invoice.payment_failed",
            Self::Refund => "invoice.refunded",
            Self::Credit => "customer.credited",
            Self::TrialStarted => "subscription.trial_started",
            Self::CancelRequested => "subscription.cancel_requested",
            Self::Notice => "notice.requested",
            Self::Suspended => "subscription.suspended",
            Self::Restored => "subscription.restored",
            Self::WrittenOff => "invoice.written_off",
            Self::Voided => "invoice.voided",
            Self::PrepaidGranted => "prepaid.granted",
            Self::PrepaidUsed => "prepaid.used",
            Self::PrepaidExpired => "prepaid.expired",
        }
    }
}

/// A fact before it is committed: it has no id and no recording time yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Whose contract.
    #[serde(rename = "s")]
    pub subscription_id: SubscriptionId,
    /// Who pays.
    #[serde(rename = "c")]
    pub customer_id: CustomerId,
    /// What happened.
    #[serde(rename = "t")]
    pub event_type: EventType,
    /// The effective instant: the boundary for scheduled changes, the gateway's time for money.
    #[serde(rename = "o", with = "ts_microseconds")]
    pub occurred_at: Instant,
    /// The plan after the event; at cancel and pause the plan left.
    #[serde(rename = "p")]
    pub plan: String,
    /// The interval after the event (`month`, `year`).
    #[serde(rename = "i")]
    pub interval: String,
    /// Units after the event.
    #[serde(rename = "q")]
    pub quantity: u32,
    /// ISO 4217.
    #[serde(rename = "u")]
    pub currency: String,
    /// Money of the event in minor units, ex tax; for `payment_failed` what was not collected.
    #[serde(rename = "a")]
    pub amount_minor: i64,
    /// Run-rate of the subscription after the event, in twelfths of a minor unit of MRR.
    #[serde(rename = "m")]
    pub mrr12_minor: i64,
    /// The invoice, for money.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// Which attempt, for attempts.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
    /// Why, in one word of a closed list (voluntary, involuntary ...).
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Run-rate at list price, where it differs from the one paid.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub list12_minor: Option<i64>,
    /// Tax on top of the amount, in minor units.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub tax_minor: Option<i64>,
    /// The gateway, for attempts.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The kind of payment method, never its number.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The gateway's decline code.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The coupon in force.
    #[serde(rename = "O", default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// Where it was sold.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<String>,
    /// End of the period that the money is for.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none", with = "ts_microseconds_option")]
    pub period_end: Option<Instant>,
    /// The item, where a subscription has several.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The arm of an experiment.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}

impl Happening {
    /// Its money with the tax on top, in minor units.
    #[must_use]
    pub fn gross_minor(&self) -> i64 {
        self.amount_minor + self.tax_minor.unwrap_or(0)
    }
}

/// A committed fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Unique; text order is the order of recording.
    #[serde(rename = "e")]
    pub event_id: String,
    /// When it was committed (wall time).
    #[serde(rename = "R", with = "ts_microseconds")]
    pub recorded_at: Instant,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// Gives the happenings of one commit their ids and recording time. `item` and `version` name the item version
/// that the commit writes, so that the same commit always yields the same ids.
#[must_use]
pub fn stamp(happenings: Vec<Happening>, item: &str, version: u64, recorded_at: WallTime) -> Vec<Fact> {
    use sha2::{Digest, Sha256};
    let micros = recorded_at.0.timestamp_micros().unsigned_abs();
    let digest = Sha256::digest(format!("{item}#{version}"));
    let salt = digest.iter().take(4).fold(0_u128, |n, b| n << 8 | u128::from(*b));
    let facts = happenings.into_iter().enumerate();
    facts
        .map(|(i, what)| Fact {
            event_id: format!("evt_{}{}{}", base32(u128::from(micros), 11), base32(i as u128, 2), base32(salt, 6)),
            recorded_at: recorded_at.0,
            what,
        })
        .collect()
}

/// The type of a column, in Parquet and in the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// Microseconds since 1970, UTC.
    Instant,
    /// 8-bit integer.
    Int8,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
}

/// One column of the fact contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in exports after expansion and in Parquet.
    pub name: &'static str,
    /// Its name in the table.
    pub letter: &'static str,
    /// Its type.
    pub kind: ColumnKind,
    /// Whether it may be absent.
    pub nullable: bool,
    /// Whether it is one of the frozen core columns.
    pub core: bool,
}

const fn core(name: &'static str, letter: &'static str, kind: ColumnKind, nullable: bool) -> Column {
    Column { name, letter, kind, nullable, core: true }
}

const fn extension(name: &'static str, letter: &'static str, kind: ColumnKind) -> Column {
    Column { name, letter, kind, nullable: true, core: false }
}

/// All columns, in their order. Append only.
pub const COLUMNS: &[Column] = &[
    core("event_id", "e", ColumnKind::Text, false),
    core("subscription_id", "s", ColumnKind::Text, false),
    core("customer_id", "c", ColumnKind::Text, false),
    core("event_type", "t", ColumnKind::Text, false),
    core("occurred_at", "o", ColumnKind::Instant, false),
    core("plan", "p", ColumnKind::Text, false),
    core("interval", "i", ColumnKind::Text, false),
    core("quantity", "q", ColumnKind::Int32, false),
    core("currency", "u", ColumnKind::Text, false),
    core("amount_minor", "a", ColumnKind::Int64, false),
    core("mrr12_minor", "m", ColumnKind::Int64, false),
    core("invoice_id", "n", ColumnKind::Text, true),
    core("attempt", "k", ColumnKind::Int8, true),
    core("reason", "r", ColumnKind::Text, true),
    extension("recorded_at", "R", ColumnKind::Instant),
    extension("list12_minor", "l", ColumnKind::Int64),
    extension("tax_minor", "x", ColumnKind::Int64),
    extension("gateway", "g", ColumnKind::Text),
    extension("method", "h", ColumnKind::Text),
    extension("code", "d", ColumnKind::Text),
    extension("coupon", "O", ColumnKind::Text),
    extension("storefront", "f", ColumnKind::Text),
    extension("period_end", "z", ColumnKind::Instant),
    extension("sku", "y", ColumnKind::Text),
    extension("arm", "b", ColumnKind::Text),
];

/// A fact under its full names, as events on the bus and the API show it; instants as RFC 3339.
///
/// # Errors
/// Only if the fact cannot be written as JSON at all.
pub fn expand(fact: &Fact) -> Result<serde_json::Value, serde_json::Error> {
    let serde_json::Value::Object(short) = serde_json::to_value(fact)? else {
        return Ok(serde_json::Value::Null);
    };
    let long = COLUMNS.iter().filter_map(|column| {
        let value = short.get(column.letter)?;
        let instant = (column.kind == ColumnKind::Instant).then(|| value.as_i64()).flatten();
        let text = instant
            .and_then(Instant::from_timestamp_micros)
            .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
        Some((column.name.to_owned(), text.map_or_else(|| value.clone(), Into::into)))
    });
    Ok(serde_json::Value::Object(long.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening() -> Happening {
        let at = "2027-01-31T09:00:00Z".parse().unwrap();
        Happening {
            subscription_id: SubscriptionId::try_new("sub_a").unwrap(),
            customer_id: CustomerId::try_new("cus_a").unwrap(),
            event_type: EventType::PaymentFailed,
            occurred_at: at,
            plan: "team".into(),
            interval: "month".into(),
            quantity: 3,
            currency: "USD".into(),
            amount_minor: 2970,
            mrr12_minor: 35_640,
            invoice_id: Some(InvoiceId::try_new("inv_a-p1").unwrap()),
            attempt: Some(1),
            reason: Some("signup".into()),
            list12_minor: Some(1),
            tax_minor: Some(2),
            gateway: Some("sandbox".into()),
            method: Some("card".into()),
            code: Some("insufficient_funds".into()),
            coupon: Some("SPRING".into()),
            storefront: Some("web".into()),
            period_end: Some(at),
            sku: Some("base".into()),
            arm: Some("b".into()),
        }
    }

    #[test]
    fn every_stored_letter_is_a_column_and_every_column_a_letter() {
        let facts = stamp(vec![happening()], "inv_a-p1", 3, WallTime("2027-01-31T09:00:01Z".parse().unwrap()));
        let json = serde_json::to_value(&facts[0]).unwrap();
        let stored: std::collections::BTreeSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let columns: std::collections::BTreeSet<_> = COLUMNS.iter().map(|c| c.letter).collect();
        assert_eq!(stored, columns);
        assert_eq!(serde_json::from_value::<Fact>(json).unwrap(), facts[0]);
    }

    #[test]
    fn expansion_uses_the_frozen_names() {
        let facts = stamp(vec![happening()], "inv_a-p1", 3, WallTime("2027-01-31T09:00:01Z".parse().unwrap()));
        let long = expand(&facts[0]).unwrap();
        assert_eq!(long["occurred_at"], "2027-01-31T09:00:00Z");
        assert_eq!(long["recorded_at"], "2027-01-31T09:00:01Z");
        assert_eq!(long["event_type"], "payment_failed");
        assert_eq!(long["mrr12_minor"], 35_640);
    }

    #[test]
    fn event_ids_sort_in_the_order_of_recording_and_within_one_commit() {
        let wall = |text: &str| WallTime(text.parse().unwrap());
        let first = stamp(vec![happening(), happening()], "inv_z", 9, wall("2027-01-31T09:00:01Z"));
        let later = stamp(vec![happening()], "inv_a", 1, wall("2027-01-31T09:00:01.000001Z"));
        assert!(first[0].event_id < first[1].event_id);
        assert!(first[1].event_id < later[0].event_id);
    }
}
