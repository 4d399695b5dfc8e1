//! Trials of contracts: until when they last, what they cost, whether they move the anchor, and how they end without a
//! payment method.
//!
//! Exists beside `calendar::trial`, which counts the days: here is what a plan says about them, and what becomes of the
//! contract.

use chrono::Days;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    aligned,
    facts::fact,
    open::{Collection, Order, first_start},
    state::{CancelReason, State, Subscription},
    transition::{Effect, Outcome, Step},
};
use crate::{
    calendar::{
        Instant, Period,
        alignment::{Alignment, AlignmentPolicy},
        plus_local_days,
        trial::{Trial, TrialAnchor, TrialLength},
    },
    catalog::TRIAL_DAYS_MAX,
    fact::EventType,
    ids::Cause,
    invoice::{Adjustments, Basis, NewInvoice, Once, Purpose},
    money::{Currency, Money, Rounding, Unrounded},
    refusal::Refusal,
    tax::Taxes,
};

/// What becomes of a contract whose trial ends while the customer has no payment method, and which is to be collected
/// from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutMethod {
    /// It becomes paid as any other; its invoice waits for a method on its ladder.
    #[default]
    Convert,
    /// It ends.
    Cancel,
    /// It rests until it is resumed.
    Pause,
}

impl WithoutMethod {
    /// Whether nothing special is done.
    #[must_use]
    pub fn is_convert(&self) -> bool {
        *self == Self::Convert
    }
}

/// What a plan says about its trials, beside their length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRules {
    /// Whether the trial moves the anchor to its end (the default), or the anchor stays at the start of the contract and the
    /// first paid period may be a stub.
    #[serde(default)]
    pub anchor: TrialAnchor,
    /// What happens at its end when there is no payment method.
    #[serde(default)]
    pub without_method: WithoutMethod,
    /// Whether a sign-up needs no payment method.
    #[serde(default)]
    pub method_optional: bool,
    /// What a trial costs, once and whatever its length: at most one price for each currency. None: trials are free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<TrialPrice>,
}

/// What a trial costs in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialPrice {
    /// Collected in.
    pub currency: Currency,
    /// How much, in major units, above zero.
    pub amount: Decimal,
}

impl TrialRules {
    /// What a trial costs in `currency`; none where trials are free.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] for `currency` where trials cost something, and nothing is said in this one: a paid trial
    /// must not be free by accident. [`Refusal::Money`].
    pub fn price(&self, currency: Currency) -> Result<Option<Money>, Refusal> {
        if self.prices.is_empty() {
            return Ok(None);
        }
        let Some(price) = self.prices.iter().find(|price| price.currency == currency) else {
            let offered = self.prices.iter().map(|price| price.currency.to_string()).collect::<Vec<_>>().join(", ");
            let detail = format!("the trial has no price in {currency}; it has: {offered}");
            return Err(Refusal::InvalidField { field: "currency", detail });
        };
        Ok(Some(Unrounded::from_major(price.amount, currency)?.round(Rounding::HalfEven)?))
    }
}

/// A trial that waits for its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidTrial {
    /// When it begins.
    pub start: Instant,
    /// When the first full period starts.
    pub ends_at: Instant,
    /// What it costs, without tax that is added.
    pub price: Money,
}

/// The first instant after the trial; none without one.
pub(super) fn ends_at(order: &Order, starts: Instant) -> Result<Option<Instant>, Refusal> {
    let Some(date) = order.trial_until else {
        let days = Some(order.trial_days).filter(|days| *days > 0);
        return Ok(days.map(|days| plus_local_days(starts, days, order.zone)).transpose()?);
    };
    let trial = Trial { length: TrialLength::Until { date }, anchor: TrialAnchor::End };
    let latest = starts.with_timezone(&order.zone).date_naive().checked_add_days(Days::new(TRIAL_DAYS_MAX.into()));
    if latest.is_none_or(|latest| date > latest) {
        return Err(Refusal::DateOutOfRange { field: "trial", detail: "must end at most 730 days after the start" });
    }
    trial.ends_at(starts, order.zone).map(Some).map_err(|e| aligned::refused(e, "trial"))
}

/// How the contract is aligned: where the trial does not move the anchor, and nothing else says where it is, the start of
/// the contract is a boundary.
pub(super) fn alignment(order: &Order, trials: bool, starts: Instant) -> Option<AlignmentPolicy> {
    let stays = trials && order.trial.anchor == TrialAnchor::Start;
    let at_start = || AlignmentPolicy::to(Alignment::Anchor { at: starts });
    order.alignment.or_else(|| stays.then(at_start))
}

/// The contract begins with its trial. A free one runs at once, and so does one on account; else the contract waits for the
/// trial's price as any other waits for its first money.
pub(super) fn begin(
    mut next: Subscription,
    price: Option<Money>,
    (starts, ends_at): (Instant, Instant),
    taxes: &Taxes,
) -> Result<Outcome, Refusal> {
    // Asked now, so that a question without an answer is refused to the customer and not at the end of the trial.
    next.treatment(ends_at, taxes)?;
    let waits = price.is_some() && next.collection == Collection::Automatic;
    let mut effects = Vec::new();
    if let Some(price) = price {
        let trial = PaidTrial { start: first_start(starts), ends_at, price };
        effects.push(Effect::Issue(Box::new(invoice(&next, &trial, starts, taxes)?)));
        if let State::Incomplete { trial: of, .. } = &mut next.state {
            *of = Some(trial);
        }
    }
    let mut facts = Vec::new();
    if !waits {
        next.state = State::Trialing { ends_at, price };
        facts.push(fact(&next, EventType::TrialStarted, starts)?);
    }
    Ok(Outcome::Applied { next: Box::new(next), effects, facts })
}

/// The invoice of a paid trial. It is for the span of the trial, which is no billed period (number 0): nothing divides the
/// price, coupons wait for the first period, and the plan's tax is on it.
fn invoice(next: &Subscription, trial: &PaidTrial, at: Instant, taxes: &Taxes) -> Result<NewInvoice, Refusal> {
    let base = Basis::Arrears {
        terms: Box::new(next.terms.clone()),
        period: Period { ordinal: 0, index: 0, start: trial.start, end: trial.ends_at },
        at,
        credit_minor: next.credit_minor,
        adjustments: Box::new(Adjustments {
            tax: next.treatment(at, taxes)?,
            policy: next.terms.conditions.document,
            ..Adjustments::default()
        }),
    };
    Ok(NewInvoice {
        cause: Cause::Trial,
        purpose: if next.collection == Collection::Automatic { Purpose::Trial } else { Purpose::Change },
        basis: Basis::Once { base: Box::new(base), once: vec![Once::Trial { amount: trial.price }] },
        at,
        days_until_due: next.collection.days_until_due(),
        gathers_until: None,
    })
}

/// The price of the trial came: it runs. A start that was put back is not moved by the payment, and neither is the end.
pub(super) fn paid(step: &mut Step, trial: PaidTrial, at: Instant) -> Result<bool, Refusal> {
    let backdated = trial.start < first_start(step.next.created_at);
    let started = if backdated { trial.start } else { at.min(trial.ends_at) };
    step.next.state = State::Trialing { ends_at: trial.ends_at, price: Some(trial.price) };
    step.write(EventType::TrialStarted, started, None)
}

/// The trial is over: the contract becomes paid, or what was agreed for customers without a payment method.
pub(super) fn end(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    let missing = step.known.without_method && step.next.collection == Collection::Automatic;
    match step.next.without_method {
        WithoutMethod::Cancel if missing => return step.end(at, CancelReason::NoMethod),
        WithoutMethod::Pause if missing => {
            // It never earned, so there is no run-rate to lose and no fact of a pause.
            step.next.state = State::Paused { since: at, resume_at: None };
            return Ok(true);
        }
        WithoutMethod::Convert | WithoutMethod::Cancel | WithoutMethod::Pause => {}
    }
    step.next.cut_from(at, step.next.terms.price.interval)?;
    let invoice = step.next.start_period(0, Purpose::Period, at, &step.known.taxes)?;
    let signup = step.next.start(at)?;
    step.issue(invoice);
    step.facts.extend(signup);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_say_nothing_are_the_usual_ones() {
        let rules: TrialRules = serde_json::from_str("{}").unwrap();
        assert_eq!(rules, TrialRules::default());
        assert!(rules.without_method.is_convert() && !rules.method_optional);
    }
}
