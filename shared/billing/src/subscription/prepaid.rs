//! Prepaid credit in the life of a contract: bought, given, used when usage is invoiced, and lost when it expires.
//!
//! Exists so that credit is usable once its money is there and never before, pays for what was used before its expiry and
//! for nothing after it, and leaves the contract by one of three ways only: used, expired, or given back.

use super::{
    currency,
    facts::fact,
    input::Input,
    once,
    state::{State, Subscription},
    transition::{Effect, Step},
    usage::metered,
};
use crate::{
    calendar::{Instant, plus_local_days},
    document::take,
    fact::EventType,
    ids::{Cause, InvoiceId},
    invoice::{Adjustments, Basis, Once, prepaid_cost, prepaid_drawn},
    money::Money,
    prepaid::{GRANTS_MAX, GrantSource, PrepaidGrant, PrepaidSource, TopUp, UNUSED, Unused, VALID_DAYS_MAX},
    refusal::Refusal,
    tax::TaxTreatment,
    usage::{Closed, Running},
};

/// The reason of the `credit` fact where a top-up was paid when it could not be granted any more.
const LATE: &str = "prepaid_late";

impl Step {
    /// The part of the table about prepaid credit.
    pub(super) fn prepaid(
        &mut self,
        state: &State,
        input: Input,
        action: &'static str,
        now: Instant,
    ) -> Result<bool, Refusal> {
        match input {
            Input::TopUpPaid { invoice, top_up, at } => self.topped_up(&invoice, &top_up, at),
            Input::TopUpVoid { invoice } => Ok(self.stop_waiting(&invoice)),
            Input::TopUp { amount, expires_at } if state.is_running() => self.top_up(amount, expires_at, now),
            Input::Grant { amount, reason, expires_at } if state.is_running() => {
                self.grant(amount, reason, expires_at, now)
            }
            _ => Err(Refusal::WrongState { state: state.name(), action }),
        }
    }

    /// Prepaid credit is bought: an invoice of its own, and nothing before that is paid.
    pub(super) fn top_up(&mut self, amount: Money, expires_at: Option<Instant>, now: Instant) -> Result<bool, Refusal> {
        self.check_prepaid(amount, expires_at, now)?;
        let Some(base) = self.next.top_up_base(now) else {
            let (state, action) = (self.next.state.name(), "be topped up before its first period");
            return Err(Refusal::WrongState { state, action });
        };
        let valid_days = if expires_at.is_none() { self.valid_days() } else { None };
        let top_up = TopUp { amount, expires_at, valid_days };
        let cause = Cause::Change(self.version);
        self.next.prepaid.waiting.push(InvoiceId::derive(&self.next.id, cause, 0));
        // What waits for the next invoice keeps waiting: this one is for what was asked for now.
        self.bill_only(cause, once::with(base, vec![Once::TopUp(top_up)]), now)?;
        Ok(true)
    }

    /// Prepaid credit is given away.
    pub(super) fn grant(
        &mut self,
        amount: Money,
        reason: String,
        expires_at: Option<Instant>,
        now: Instant,
    ) -> Result<bool, Refusal> {
        self.check_prepaid(amount, expires_at, now)?;
        once::check_text("reason", &reason)?;
        let days = self.valid_days();
        self.granted(PrepaidGrant {
            id: format!("grant-{}", self.version),
            source: GrantSource::Given,
            amount_minor: amount.minor,
            used_minor: 0,
            granted_at: now,
            expires_at: self.expiry(expires_at, days, now)?,
            reason: Some(reason),
        })
    }

    /// The money of a top-up came, at `at`. What cannot be granted any more is the customer's credit.
    pub(super) fn topped_up(&mut self, invoice: &InvoiceId, top_up: &TopUp, at: Instant) -> Result<bool, Refusal> {
        if self.next.prepaid.grants.iter().any(|grant| grant.id == invoice.as_str()) {
            return Ok(false);
        }
        let waited = self.stop_waiting(invoice);
        let expires_at = self.expiry(top_up.expires_at, top_up.valid_days, at)?;
        if !waited || expires_at.is_some_and(|end| end <= at) {
            return self.credit(top_up.amount, 0, LATE, at);
        }
        self.granted(PrepaidGrant {
            id: invoice.to_string(),
            source: GrantSource::Bought,
            amount_minor: top_up.amount.minor,
            used_minor: 0,
            granted_at: at,
            expires_at,
            reason: None,
        })
    }

    /// A top-up is not waited for any more; false: it was not.
    pub(super) fn stop_waiting(&mut self, invoice: &InvoiceId) -> bool {
        let waiting = &mut self.next.prepaid.waiting;
        let before = waiting.len();
        waiting.retain(|id| id != invoice);
        waiting.len() < before
    }

    fn granted(&mut self, grant: PrepaidGrant) -> Result<bool, Refusal> {
        let (minor, at, source) = (grant.amount_minor, grant.granted_at, grant.source.to_string());
        self.next.prepaid.grants.push(grant);
        self.prepaid_fact(EventType::PrepaidGranted, minor, at, Some(&source))?;
        Ok(true)
    }

    fn check_prepaid(&self, amount: Money, expires_at: Option<Instant>, now: Instant) -> Result<(), Refusal> {
        let terms = &self.next.terms;
        if !terms.has_prepaid_usage() {
            let detail =
                format!("{} has no usage that prepaid credit pays; use charge, or change the plan first", terms.plan);
            return Err(Refusal::InvalidField { field: "action", detail });
        }
        once::check_amount(amount, terms.price.currency)?;
        currency::check_prepaid(&self.next)?;
        if !self.next.prepaid.has_room() {
            let detail = format!("{GRANTS_MAX} grants are open or wait for their money, which is the limit");
            return Err(Refusal::InvalidField { field: "action", detail });
        }
        let Some(end) = expires_at else { return Ok(()) };
        let refuse = |detail| Err(Refusal::DateOutOfRange { field: "expires_at", detail });
        if end <= now {
            return refuse("must be a date or instant that is still to come");
        }
        let last = plus_local_days(now, VALID_DAYS_MAX, self.next.anchor.zone())?;
        if end > last {
            refuse("must lie at most 3,650 days ahead; leave it out for credit without expiry")
        } else {
            Ok(())
        }
    }

    fn valid_days(&self) -> Option<u32> {
        self.next.terms.conditions.prepaid.as_ref().and_then(|rules| rules.valid_days)
    }

    fn expiry(&self, fixed: Option<Instant>, days: Option<u32>, from: Instant) -> Result<Option<Instant>, Refusal> {
        let counted = days.map(|days| plus_local_days(from, days, self.next.anchor.zone()));
        Ok(fixed.or(counted.transpose()?))
    }

    /// `base` with `usage`, and what prepaid credit pays of it: taken from the contract here, once.
    pub(super) fn metered(&mut self, base: Basis, usage: Closed, at: Instant) -> Result<Basis, Refusal> {
        let basis = metered(base, usage);
        let Basis::Metered { usage, .. } = &basis else { return Ok(basis) };
        if !usage.iter().any(|charge| charge.item.prepaid) {
            return Ok(basis);
        }
        let currency = basis.terms().price.currency;
        let held = std::mem::take(&mut self.next.prepaid.held);
        let mut sources = held.clone();
        sources.extend(self.next.prepaid.sources(at, currency));
        let drawn = prepaid_drawn(&basis, &sources)?;
        for used in &drawn.uses {
            self.next.prepaid.take(&used.grant, used.amount.minor);
        }
        self.prepaid_fact(EventType::PrepaidUsed, drawn.covered.minor, at, None)?;
        let taken = |source: &PrepaidSource| drawn.uses.iter().find(|used| used.grant == source.grant);
        // Corrections may have made usage cheaper than it was when the credit expired.
        let held_for: i64 = held.iter().map(|source| source.most().minor).sum();
        let used_of_it: i64 = held.iter().filter_map(taken).map(|used| used.amount.minor).sum();
        self.prepaid_fact(EventType::PrepaidExpired, held_for - used_of_it, at, Some("expired"))?;
        sources.retain(|source| taken(source).is_some());
        Ok(if sources.is_empty() { basis } else { Basis::Prepaid { base: Box::new(basis), sources } })
    }

    /// Credit expires: it pays for what was used until now, as far as that is known and no credit that expired before it does.
    /// The line waits for the invoice of that usage; the rest is lost.
    pub(super) fn prepaid_expires(&mut self, at: Instant) -> Result<bool, Refusal> {
        let missing = self.unpaid_usage(at)?;
        let expired = self.lose_expired(at, missing)?;
        Ok(expired)
    }

    /// What the usage that is not invoiced yet costs up to `at`, beyond what expired credit pays of it.
    fn unpaid_usage(&self, at: Instant) -> Result<Money, Refusal> {
        let zero = Money::zero(self.next.terms.price.currency);
        let items: Vec<_> = self.next.terms.usage.iter().filter(|item| item.prepaid).cloned().collect();
        let running = self.next.running_usage()?.zip(self.next.arrears(at)).filter(|_| !items.is_empty());
        let Some((running, base)) = running else { return Ok(zero) };
        let (end, running) = (at.min(running.period.end), Running { least: None, ..running });
        // Only looked at: what the period costs in the end is billed in one, as if nothing had expired.
        let mut account = self.next.usage.clone();
        account.keep_prepaid();
        let usage = account.close(&items, self.usage_record()?, &running, end)?;
        let held = self.next.prepaid.held.iter().map(PrepaidSource::most);
        let left = prepaid_cost(&metered(base, usage))?.plus(Money::sum(zero.currency, held)?.negated()?)?;
        Ok(Money::new(left.minor.max(0), zero.currency))
    }

    /// What expired is the contract's no more; up to `missing` of it is kept for the invoice to come.
    fn lose_expired(&mut self, at: Instant, missing: Money) -> Result<bool, Refusal> {
        let sources = self.next.prepaid.sources(at, missing.currency);
        let gone = self.next.prepaid.expire(at);
        let is_gone = |source: &PrepaidSource| gone.iter().any(|grant| grant.id == source.grant);
        let mut expiring: Vec<PrepaidSource> = sources.into_iter().filter(is_gone).collect();
        let drawn = take(expiring.iter().map(|source| (source.grant.as_str(), source.left)), missing)?;
        let lost = gone.iter().map(PrepaidGrant::left_minor).sum::<i64>() - drawn.covered.minor;
        for source in &mut expiring {
            source.held = drawn.uses.iter().find(|used| used.grant == source.grant).map(|used| used.amount);
        }
        expiring.retain(|source| source.held.is_some());
        self.next.prepaid.held.extend(expiring);
        self.prepaid_fact(EventType::PrepaidExpired, lost, at, Some("expired"))?;
        Ok(!gone.is_empty())
    }

    /// The contract ends: what was bought and is left becomes the customer's credit, or is lost, as the plan says; what was
    /// given is lost. Top-ups that are not paid are withdrawn.
    pub(super) fn end_prepaid(&mut self, at: Instant) -> Result<(), Refusal> {
        if self.next.prepaid.is_empty() {
            return Ok(());
        }
        self.lose_expired(at, Money::zero(self.next.terms.price.currency))?;
        let account = std::mem::take(&mut self.next.prepaid);
        if !account.waiting.is_empty() {
            self.effects.push(Effect::Void(account.waiting));
        }
        // Usage that no invoice will have takes nothing.
        let held: i64 = account.held.iter().map(|source| source.most().minor).sum();
        self.prepaid_fact(EventType::PrepaidExpired, held, at, Some("expired"))?;
        let rules = self.next.terms.conditions.prepaid.clone().unwrap_or_default();
        let is_kept = |grant: &PrepaidGrant| grant.source == GrantSource::Bought && rules.unused == Unused::Credit;
        let sum = |kept: bool| {
            let grants = account.grants.iter().filter(|grant| is_kept(grant) == kept);
            grants.map(PrepaidGrant::left_minor).sum::<i64>()
        };
        self.prepaid_fact(EventType::PrepaidExpired, sum(false), at, Some("ended"))?;
        self.next.credit_minor =
            self.next.credit_minor.checked_add(sum(true)).ok_or(crate::money::MoneyError::Overflow)?;
        self.prepaid_fact(EventType::Credit, sum(true), at, Some(UNUSED))
    }

    /// Usage that prepaid credit paid is not invoiced after all, and the credit is there again. What has expired is lost; what
    /// comes back to a contract that ended goes the way of all that was left then.
    pub(super) fn prepaid_back(&mut self, back: Vec<(PrepaidSource, Money)>, at: Instant) -> Result<bool, Refusal> {
        for (source, amount) in back {
            if amount.currency != self.next.terms.price.currency {
                // Prepaid credit is in the currency that the contract is billed in now; this was used before that.
                self.book(amount, 0, "withdrawn", at)?;
                continue;
            }
            self.prepaid_fact(EventType::PrepaidUsed, -amount.minor, at, Some("withdrawn"))?;
            if source.expires_at.is_some_and(|end| end <= at) {
                self.prepaid_fact(EventType::PrepaidExpired, amount.minor, at, Some("expired"))?;
            } else {
                self.next.prepaid.give_back(source, amount.minor, at);
            }
        }
        if matches!(self.next.state, State::Canceled { .. }) {
            self.end_prepaid(at)?;
        }
        Ok(true)
    }

    /// A fact about `minor` of credit; none about nothing.
    fn prepaid_fact(&mut self, event: EventType, minor: i64, at: Instant, reason: Option<&str>) -> Result<(), Refusal> {
        if minor != 0 {
            let mut happening = fact(&self.next, event, at)?;
            (happening.amount_minor, happening.reason) = (minor, reason.map(Into::into));
            self.facts.push(happening);
        }
        Ok(())
    }
}

impl Subscription {
    /// The basis of a top-up: without tax, because the usage that it pays for is taxed, and without the customer's credit,
    /// which does not expire. None where no period runs.
    fn top_up_base(&self, at: Instant) -> Option<Basis> {
        if !matches!(self.state, State::Active | State::Paused { .. }) {
            return None;
        }
        let untaxed = || TaxTreatment::OutOfScope { reason: "prepaid credit: taxed when it pays for usage".into() };
        let tax = self.tax.is_some().then(untaxed);
        let adjustments =
            Box::new(Adjustments { tax, policy: self.terms.conditions.document, ..Adjustments::default() });
        Some(Basis::Arrears {
            terms: Box::new(self.terms.clone()),
            period: self.period?,
            at,
            credit_minor: 0,
            adjustments,
        })
    }
}
