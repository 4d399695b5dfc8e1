//! Another currency for a contract: what was bought in the old one is closed in the old one, and nothing is converted.
//!
//! Exists apart from other changes, because no document may hold two currencies: a change of plan divides a period on one
//! invoice, a change of currency ends it on one and begins the next on another.

use super::{
    change::{self, changed, end_of},
    cut,
    state::{State, Subscription},
    transition::Step,
};
use crate::{
    calendar::Instant,
    discount::{Coupon, start_period},
    ids::Cause,
    invoice::{Purpose, compute},
    money::{Currency, Money, MoneyError},
    proration::{IntervalChange, ProratedSides, ProrationPolicy, TerminationCredit},
    refusal::Refusal,
    terms::Terms,
    usage::Closed,
};

fn refuse(detail: String) -> Result<(), Refusal> {
    Err(Refusal::InvalidField { field: "currency", detail })
}

/// That the contract can be billed in the currency of `terms` from now or a later day on.
pub(super) fn check(next: &Subscription, terms: &Terms) -> Result<(), Refusal> {
    let (old, new) = (next.terms.price.currency, terms.price.currency);
    let mut held = next.discounts.clone();
    // The running period is the last one in the old currency at the latest: what ends with it does not matter.
    start_period(&mut held);
    if let Some(coupon) = held.iter().map(|held| &held.coupon).find(|coupon| !coupon.is_good_in(new)) {
        let id = &coupon.id;
        return refuse(format!("coupon {id} has no amount in {new}; remove it first, its running period is its last"));
    }
    if !next.prepaid.is_empty() {
        return refuse(format!(
            "prepaid credit in {old} is left or waits for its money; let it be used up or expire first"
        ));
    }
    if matches!(next.state, State::Trialing { .. }) && !next.once.waiting.is_empty() {
        return refuse(format!("charges in {old} wait for the first invoice; ask for a date after the trial"));
    }
    Ok(())
}

/// That prepaid credit that is bought or given now can still be used when an agreed change comes.
pub(super) fn check_prepaid(next: &Subscription) -> Result<(), Refusal> {
    let Some((_, terms)) = &next.scheduled.change else { return Ok(()) };
    let (old, new) = (next.terms.price.currency, terms.price.currency);
    if old == new {
        return Ok(());
    }
    refuse(format!("the contract will be billed in {new}: wait for that, or take the change back first"))
}

/// That a coupon that is redeemed now can be kept when the agreed currency comes.
pub(super) fn check_coupon(next: &Subscription, coupon: &Coupon) -> Result<(), Refusal> {
    let agreed = next.scheduled.change.as_ref().map(|(_, terms)| terms.price.currency);
    // The present one may have come since the coupon was looked up.
    let billed_in = [Some(next.terms.price.currency), agreed].into_iter().flatten();
    let Some(currency) = billed_in.into_iter().find(|currency| !coupon.is_good_in(*currency)) else { return Ok(()) };
    let detail = format!("{} has no amount in {currency}, in which the contract is or will be billed", coupon.id);
    Err(Refusal::InvalidField { field: "coupon", detail })
}

/// Within a period: it ends here, on a document in the old currency, and a new one begins, on an invoice in the new one.
/// `version` asked for it.
pub(super) fn switch(
    step: &mut Step,
    terms: Terms,
    proration: ProrationPolicy,
    at: Instant,
    version: u64,
) -> Result<bool, Refusal> {
    let (before, old) = (step.run_rate()?, step.next.terms.clone());
    let (period, ends_early) = (step.next.period, step.next.ends_early());
    close(step, at, version)?;
    step.next.take_terms(terms, proration)?;
    step.next.scheduled.change = None;
    change::forget(&mut step.next);
    step.next.cut_from(at, step.next.terms.price.interval)?;
    let invoice = step.next.start_period(0, Purpose::Change, at, &step.known.taxes)?;
    if let (Some(old), Some(new)) = (period, step.next.period) {
        cut::follow_end(&mut step.next, &old, &new, ends_early);
    }
    step.issue(invoice);
    changed(step, &old, before, at)
}

/// At the end of a period: what is still to be billed is billed in the old currency. The renewal that follows at this
/// instant is in the new one.
pub(super) fn take_over(step: &mut Step, at: Instant) -> Result<bool, Refusal> {
    let (before, old) = (step.run_rate()?, step.next.terms.clone());
    let usage = step.close_usage(at)?;
    bill_before(step, usage, at)?;
    if let Some(invoice) = change::begin_agreed(step, at)? {
        step.issue(invoice);
    }
    changed(step, &old, before, at)
}

/// What a period that begins with the agreed terms would carry of the one before it, where these are in another currency:
/// it is billed now, and nothing is carried. Else `usage` as it is.
pub(super) fn bill_before(step: &mut Step, usage: Closed, at: Instant) -> Result<Closed, Refusal> {
    let currency = step.next.terms.price.currency;
    let agreed = step.next.scheduled.change.as_ref().filter(|(from, _)| *from <= at);
    if agreed.is_none_or(|(_, terms)| terms.price.currency == currency) {
        return Ok(usage);
    }
    // The version that agreed makes no other invoice: this commit may make several.
    let version = step.next.scheduled.change_version.unwrap_or(step.version);
    step.issue_rest(Cause::Change(version), usage, at)?;
    Ok(Closed::default())
}

/// The old currency's last document: what its policy gives back of the period at a change of interval, what was used, and
/// all that waits.
fn close(step: &mut Step, at: Instant, version: u64) -> Result<(), Refusal> {
    let usage = step.close_usage(at)?;
    let policy = step.next.proration;
    let gives_back =
        policy.sides == ProratedSides::Both && policy.interval_change != IntervalChange::RestartWithoutCredit;
    let running = step.next.period.filter(|period| gives_back && period.start <= at && at < period.end);
    if let Some(period) = running {
        // The rules of an end divide one side of a change: its day belongs to whom the day of a change belongs.
        let termination = TerminationCredit::Unused;
        let policy = ProrationPolicy { termination, termination_day: policy.change_day, ..policy };
        let basis = end_of(step, period, at, policy)?;
        if !compute(crate::RULES_VERSION, &basis)?.is_empty() {
            return step.bill(Cause::Change(version), basis, usage, at);
        }
    }
    step.issue_rest(Cause::Change(version), usage, at)
}

impl Subscription {
    /// The terms from here on. Credit stays in its currency, and what is remembered in the old one is settled.
    pub(super) fn take_terms(&mut self, terms: Terms, proration: ProrationPolicy) -> Result<(), MoneyError> {
        let currency = terms.price.currency;
        let old = self.terms.price.currency;
        self.usage.take_terms(&self.terms, &terms);
        (self.terms, self.proration) = (terms, proration);
        if currency != old {
            let before = Money::new(std::mem::take(&mut self.credit_minor), old);
            self.add_credit(before)?;
            if let Some(known) = self.credits.iter().position(|credit| credit.currency == currency) {
                self.credit_minor = self.credits.remove(known).minor;
            }
            // What cannot be in the new currency is over with the period before, or was refused.
            self.discounts.retain(|held| held.coupon.is_good_in(currency));
            self.usage.settle_minimums();
        }
        Ok(())
    }

    /// More credit for the customer, in the currency that it comes in.
    pub(super) fn add_credit(&mut self, amount: Money) -> Result<(), MoneyError> {
        if amount.currency == self.terms.price.currency {
            self.credit_minor = self.credit_minor.checked_add(amount.minor).ok_or(MoneyError::Overflow)?;
            return Ok(());
        }
        match self.credits.iter_mut().find(|credit| credit.currency == amount.currency) {
            Some(credit) => *credit = credit.plus(amount)?,
            None => self.credits.push(amount),
        }
        self.credits.retain(|credit| credit.minor != 0);
        Ok(())
    }

    /// Credit of the customer in `currency`, in minor units.
    #[must_use]
    pub fn credit_in(&self, currency: Currency) -> i64 {
        if currency == self.terms.price.currency {
            return self.credit_minor;
        }
        self.credits.iter().find(|credit| credit.currency == currency).map_or(0, |credit| credit.minor)
    }
}
