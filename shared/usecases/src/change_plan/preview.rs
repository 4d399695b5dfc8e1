//! What a change for later will do: what it takes the place of, and what will be billed on its day.
//!
//! Exists beside the verb, because nothing is billed yet when it is agreed, and the customer wants to know the price before.

use billing::{
    calendar::Instant,
    invoice::Invoice,
    subscription::{Effect, Input, Known, Outcome, State, Subscription, next_event, transition_with},
};
use serde::Serialize;

use super::{Action, ChangeRequest};
use crate::{
    error::Error,
    ports::{Ledger, Versioned},
    taxes,
    usage::for_decision,
    view::InvoiceView,
};

/// Most events that a preview looks ahead over: renewals before a day that is years away.
const EVENTS_MAX: usize = 60;

/// A change that was agreed for later, and does not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WithdrawnView {
    /// From when it would have held.
    pub at: Instant,
    /// The plan version.
    pub plan: String,
    /// Units.
    pub quantity: u32,
    /// The interval.
    pub interval: String,
    /// The currency.
    pub currency: String,
}

impl WithdrawnView {
    /// What `after` has not, and `before` was to have after `now`.
    pub(super) fn of(before: &Subscription, after: &Subscription, now: Instant) -> Option<Self> {
        let (at, terms) = before.scheduled.change.as_ref().filter(|(at, _)| *at > now)?;
        // It still comes, or came today.
        let kept = after.scheduled.change.as_ref().is_some_and(|(_, kept)| kept == terms) || after.terms == **terms;
        (!kept).then(|| Self {
            at: *at,
            plan: terms.plan.to_string(),
            quantity: terms.quantity,
            interval: terms.price.interval.to_string(),
            currency: terms.price.currency.to_string(),
        })
    }
}

/// What will be billed on the day that was asked for, as it looks today: usage, coupons and taxes may change until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upcoming {
    /// The instant.
    pub at: Instant,
    /// Its invoices and credit notes, in their order; none: nothing is owed and nothing given back.
    pub invoices: Vec<InvoiceView>,
}

/// What happens on the day that `request` agreed on in `after`: the same decisions as then, and none is committed.
pub(super) async fn upcoming(
    ledger: &Ledger,
    request: &ChangeRequest,
    after: &Versioned<Subscription>,
    now: Instant,
) -> Result<Option<Upcoming>, Error> {
    let agreed = &after.value.scheduled;
    let day = match request.action {
        Action::Change => agreed.change.as_ref().map(|(at, _)| *at),
        Action::Cancel => agreed.cancel,
        Action::Pause => agreed.pause.map(|(at, _)| at),
        _ => None,
    };
    // A change may be for later without a word: the policy says so.
    let for_later = request.when.is_some() || request.action == Action::Change;
    let Some(day) = day.filter(|day| *day > now && for_later) else { return Ok(None) };
    let (mut held, mut version, mut invoices) = (after.value.clone(), after.version, Vec::new());
    // For the present terms and all that are agreed: whichever hold on the way.
    let taxes = taxes::of_contract(ledger, &held, &Input::Wake).await?;
    for _ in 0..EVENTS_MAX {
        let Some((at, _)) = next_event(&held).filter(|(at, _)| *at <= day) else {
            return Ok(Some(Upcoming { at: day, invoices }));
        };
        version += 1;
        let known = Known {
            taxes: taxes.clone(),
            usage: for_decision(ledger, &held, &Input::Wake, at).await?,
            ..Known::default()
        };
        // What cannot be computed today, usage that is not counted yet, is no reason to refuse what is asked.
        let decided = transition_with(&held, version, Input::Wake, at, &known);
        let Ok(Outcome::Applied { next, effects, .. }) = decided else { return Ok(None) };
        for effect in effects {
            let Effect::Issue(new) = effect else { continue };
            let Ok(invoice) = Invoice::issue(&next, *new) else { return Ok(None) };
            invoices.extend((invoice.issued_at == day).then(|| InvoiceView::new(&invoice, day)));
        }
        held = *next;
        if matches!(held.state, State::Canceled { .. }) {
            return Ok(Some(Upcoming { at: day, invoices }));
        }
    }
    // Too far away to be played; that is not nothing.
    Ok(None)
}
