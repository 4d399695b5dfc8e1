//! What gateways and banks tell by themselves: about attempts, about refunds, and what is left when all is counted.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use billing::{
    gateway::{GatewayEvent, RefundOutcome},
    invoice::{Invoice, RefundState},
};
use usecases::gateway_event::Notice;

use crate::{args::Args, requests::customer_id, world::World};

/// The gateway tells what it knows about an attempt or a refund.
pub(crate) async fn webhook(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    let key = format!("inv_{name}-{}", args.next("an attempt (p1:1) or a refund (p1:r1)")?);
    args.finish()?;
    let sandbox = &world.gateway.sandbox;
    let settled = sandbox.find(&key).map(|outcome| GatewayEvent::Settled { key: key.clone(), outcome });
    let refunded = sandbox.find_refund(&key).map(|outcome| GatewayEvent::Refunded { key: key.clone(), outcome });
    let event = settled.or(refunded).ok_or(format!("the gateway has nothing called {key}"))?;
    world.webhook(Notice { customer: customer_id(&name)?, event }).await;
    if !world.tell().await? {
        world.say("nothing changed");
    }
    Ok(())
}

/// The customer's bank takes a refund that was pending, or returns one.
pub(crate) fn bank(world: &World, mut args: Args) -> Result<(), String> {
    let key = format!("inv_{}-{}", args.next("a name")?, args.next("a refund (p1:r1)")?);
    let done = match args.next("takes or returns")?.as_str() {
        "takes" => true,
        "returns" => false,
        other => return Err(format!("a bank neither takes nor returns with {other}")),
    };
    args.finish()?;
    world.gateway.sandbox.settle_refund(&key, done, world.now).ok_or(format!("there is no refund {key}"))?;
    Ok(())
}

/// Whether the gateway declares refunds.
pub(crate) fn declare(world: &World, refunds: bool) {
    world.gateway.refunds.store(refunds, Ordering::Relaxed);
}

/// What the gateway sent back, by currency; an error when it is more than one payment brought.
pub(crate) fn sent_back(world: &World) -> Result<BTreeMap<String, i64>, String> {
    let (mut back, mut of_payment) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
    for entry in world.gateway.sandbox.refunds() {
        if let RefundOutcome::Succeeded { .. } = entry.outcome {
            *back.entry(entry.request.amount.currency.to_string()).or_default() += entry.request.amount.minor;
            *of_payment.entry(entry.request.payment).or_default() += entry.request.amount.minor;
        }
    }
    for entry in world.gateway.sandbox.log() {
        let payment = match &entry.outcome {
            billing::gateway::ChargeOutcome::Succeeded { reference, .. } => reference,
            _ => continue,
        };
        if of_payment.get(payment).is_some_and(|minor| *minor > entry.request.amount.minor) {
            return Err(format!("more of {} went back than came", entry.request.key));
        }
    }
    Ok(back)
}

/// What the books say went back of an invoice, in minor units.
pub(crate) fn booked_back(invoice: &Invoice) -> i64 {
    let done = invoice.refunds.iter().filter(|refund| matches!(refund.state, RefundState::Done { .. }));
    done.map(|refund| refund.claim.amount.minor).sum()
}
