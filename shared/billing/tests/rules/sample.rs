//! Samples that all tests here share: terms, contracts, claims.

use billing::{
    calendar::{Instant, WallTime},
    catalog::{Plan, Policy},
    ids::{CustomerId, SubscriptionId},
    invoice::{Invoice, Method},
    money::{Currency, Money, Rounding},
    proration::{ProrationPolicy, ProrationUnit},
    subscription::{Collection, Effect, Input, Order, Outcome, Subscription, TrialRules, open, transition},
    terms::Terms,
};
use chrono_tz::Tz;
use proptest::prelude::ProptestConfig;

/// How many cases a property tries: all where `PERENNIAL_DEPTH=full` (as the whole run has it), else a fifth, so that
/// `cargo test` answers soon.
pub(crate) fn cases(full: u32) -> ProptestConfig {
    let all = std::env::var_os("PERENNIAL_DEPTH").is_some_and(|depth| depth == "full");
    ProptestConfig::with_cases(if all { full } else { full / 5 })
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// When a day begins, in UTC.
pub(crate) fn day(text: &str) -> Instant {
    at(&format!("{text}T00:00:00Z"))
}

pub(crate) fn wall(text: &str) -> WallTime {
    WallTime(at(text))
}

pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::try_new("USD").expect("a currency"))
}

pub(crate) fn terms(plan: &str, interval: &str, unit_amount: &str, quantity: i64) -> Terms {
    let plan: Plan = serde_json::from_value(serde_json::json!({
        "id": plan, "version": 1, "title": plan,
        "prices": [{"currency": "USD", "interval": interval, "model": "per-seat", "unit_amount": unit_amount}]
    }))
    .expect("a plan");
    Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, quantity).expect("terms")
}

pub(crate) fn proration(unit: ProrationUnit, rounding: Rounding) -> ProrationPolicy {
    ProrationPolicy { unit, rounding, ..ProrationPolicy::default() }
}

pub(crate) fn method() -> Method {
    Method { gateway: "sandbox".into(), token: "pm_card_visa".into(), kind: "card".into() }
}

pub(crate) fn order(terms: Terms) -> Order {
    Order {
        subscription: SubscriptionId::try_new("sub_ana").expect("an id"),
        customer: CustomerId::try_new("cus_ana").expect("an id"),
        terms,
        proration: ProrationPolicy::default(),
        collection: Collection::Invoice { days_until_due: 14 },
        gathering: None,
        starts_at: None,
        trial_days: 0,
        trial_until: None,
        trial: TrialRules::default(),
        alignment: None,
        coupons: Vec::new(),
        zone: Tz::UTC,
        storefront: Some("web".into()),
        arm: None,
    }
}

/// The contract after an outcome that must have changed it, and its invoices.
pub(crate) fn applied(outcome: Outcome) -> (Subscription, Vec<Invoice>) {
    let Outcome::Applied { next, effects, .. } = outcome else { unreachable!("nothing was applied") };
    let issued = effects.into_iter().filter_map(|effect| match effect {
        Effect::Issue(new) => Some(Invoice::issue(&next, *new).expect("an invoice")),
        _ => None,
    });
    let issued = issued.collect();
    (*next, issued)
}

/// A contract that is active from the start.
pub(crate) fn active(terms: Terms, now: Instant) -> Subscription {
    applied(open(order(terms), now).expect("an order")).0
}

/// What `input` makes of `subscription`.
pub(crate) fn give(subscription: &Subscription, input: Input, now: Instant) -> (Subscription, Vec<Invoice>) {
    applied(transition(subscription, 7, input, now).expect("allowed"))
}

/// One of `list`, whatever number is asked for; it stays there where it is to be delivered again.
pub(crate) fn pick<T: Clone>(list: &mut Vec<T>, which: usize, keep: bool) -> Option<T> {
    if list.is_empty() {
        return None;
    }
    let which = which % list.len();
    if keep { list.get(which).cloned() } else { Some(list.remove(which)) }
}
