//! Does what a line of the script says, through the same handlers that Lambda runs.

use billing::ids::{Cause, CustomerId, InvoiceId, SubscriptionId};
use serde_json::{Value, json};

use super::{
    script::{Act, Line},
    telco::Row,
};
use crate::{failure::Failure, local::Local};

/// The customer's id at this merchant.
pub(crate) fn customer_id(row: &Row) -> String {
    format!("cus_{:04}", row.number)
}

/// The contract's id at this merchant, without its prefix.
pub(crate) fn subscription_body(row: &Row) -> String {
    format!("{:04}", row.number)
}

/// Does it, and checks that the answer is one that the script allows.
pub(crate) async fn perform(local: &Local, row: &Row, line: &Line) -> Result<(), Failure> {
    match &line.act {
        Act::SignUp => expect(local, "/signup", sign_up(row), line, row, &[201]).await,
        Act::Transfer { ordinal } => transfer(local, row, *ordinal, line).await,
        act => {
            // A contract that nobody paid has ended by itself: changing it is refused, cancelling it again is not an error.
            expect(local, "/change-plan", change(row, act), line, row, &[200, 409]).await
        }
    }
}

async fn expect(
    local: &Local,
    path: &str,
    body: Value,
    line: &Line,
    row: &Row,
    allowed: &[u16],
) -> Result<(), Failure> {
    let key = format!("{}-{}-{:?}", customer_id(row), line.at.timestamp(), std::mem::discriminant(&line.act));
    let key = usecases::authorize::sha256_hex(key);
    let (status, reply) = local.post(path, &key, &body).await?;
    if allowed.contains(&status) {
        return Ok(());
    }
    Err(Failure::because(
        format!("{:?} of {} at {}", line.act, customer_id(row), line.at),
        format!("{status}: {reply}"),
    ))
}

fn sign_up(row: &Row) -> Value {
    let mut body = json!({
        "customer": {
            "id": customer_id(row), "currency": "USD", "time_zone": "America/Chicago", "channel": row.channel, "country": "US",
        },
        "subscription": format!("sub_{}", subscription_body(row)),
        "plan": row.plan, "interval": "month",
    });
    if row.automatic {
        body["payment_method"] = json!({ "token": "pm_card_visa", "kind": row.method });
    } else {
        body["collection"] = json!("invoice");
    }
    body
}

fn change(row: &Row, act: &Act) -> Value {
    let what = match act {
        Act::CancelAtPeriodEnd => json!({ "action": "cancel", "when": "period_end", "reason": "left" }),
        Act::CancelNow => json!({ "action": "cancel", "when": "now", "reason": "left" }),
        Act::ChangePlan(plan) => json!({ "action": "change", "plan": plan }),
        Act::Quantity(units) => json!({ "action": "change", "quantity": units }),
        Act::Pause(until) => json!({ "action": "pause", "resume_at": until.to_rfc3339() }),
        Act::SignUp | Act::Transfer { .. } => json!({}),
    };
    let mut body = json!({ "customer": customer_id(row), "subscription": format!("sub_{}", subscription_body(row)) });
    if let (Some(body), Some(what)) = (body.as_object_mut(), what.as_object()) {
        body.extend(what.clone());
    }
    body
}

/// The customer's bank transfers; the gateway tells us by webhook.
async fn transfer(local: &Local, row: &Row, ordinal: u32, line: &Line) -> Result<(), Failure> {
    let bad = |e| Failure::because("name the invoice", e);
    let subscription = SubscriptionId::try_new(format!("sub_{}", subscription_body(row))).map_err(bad)?;
    let invoice = InvoiceId::derive(&subscription, Cause::Period(ordinal), 0);
    let customer = CustomerId::try_new(customer_id(row)).map_err(bad)?;
    local.receive_transfer(&customer, &invoice, row.price_minor, line.at).await
}
