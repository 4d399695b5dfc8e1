//! What a contract is charged once: set-up fees with the first invoice of an item, and one-off charges, at once or with the
//! next invoice.
//!
//! Exists so that no fee is charged twice and no charge is forgotten: what was set up is remembered by name, what waits is
//! on the contract until an invoice takes it, the last one too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{input::When, state::Subscription, transition::Step};
use crate::{
    calendar::Instant,
    ids::Cause,
    invoice::{Basis, Once, OneOff},
    money::{Currency, Money},
    pricing::PRICE_MAX,
    refusal::Refusal,
    terms::Terms,
    usage::Closed,
};

/// Most charges that wait for the next invoice: a contract is one small item of a table.
pub const WAITING_MAX: usize = 20;

/// Longest description of a charge, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 120;

/// What a contract remembers of charges that are made once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnceAccount {
    /// Add-ons whose set-up fee was charged: one that is removed and comes back pays no second one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub set_up: BTreeSet<String>,
    /// Charges that wait for the next invoice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Once>,
}

impl OnceAccount {
    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the next invoice takes: set-up fees of `terms` that were not charged yet (the plan's only with the `first`
    /// period of the contract), and what waits.
    fn take(&mut self, terms: &Terms, first: bool) -> Result<Vec<Once>, Refusal> {
        let mut taken = Vec::new();
        for item in terms.items() {
            let Some(amount) = item.setup_fee()? else { continue };
            let is_due = item.add_on.map_or(first, |id| self.set_up.insert(id.into()));
            if is_due && amount.minor > 0 {
                taken.push(Once::SetUp { add_on: item.add_on.map(str::to_owned), amount });
            }
        }
        taken.append(&mut self.waiting);
        Ok(taken)
    }
}

/// `base` with what is charged once beside it.
pub(super) fn with(base: Basis, once: Vec<Once>) -> Basis {
    if once.is_empty() { base } else { Basis::Once { base: Box::new(base), once } }
}

impl Subscription {
    /// The basis of a period that starts, with what is charged once on its invoice.
    pub(super) fn with_set_up(&mut self, base: Basis) -> Result<Basis, Refusal> {
        let first = base.period().ordinal == 1;
        let once = self.once.take(base.terms(), first)?;
        Ok(with(base, once))
    }
}

impl Step {
    /// The basis of another invoice, with what is charged once on it. Only a change can bring an add-on that is new.
    pub(super) fn with_once(&mut self, base: Basis) -> Result<Basis, Refusal> {
        let decision = if let Basis::Side { of, .. } = &base { of } else { &base };
        let once = match decision {
            Basis::Change { to, .. } => self.next.once.take(to, false)?,
            _ => std::mem::take(&mut self.next.once.waiting),
        };
        Ok(with(base, once))
    }

    /// A one-off charge: at once on an invoice of its own, or with the next invoice.
    pub(super) fn charge_once(&mut self, charge: OneOff, when: When, now: Instant) -> Result<bool, Refusal> {
        check(&charge, self.next.terms.price.currency)?;
        if let When::At(_) = when {
            let detail = "must be now, or period_end for the next invoice".to_owned();
            return Err(Refusal::InvalidField { field: "when", detail });
        }
        let waits = self.next.once.waiting.len();
        if when == When::PeriodEnd {
            if waits >= WAITING_MAX {
                let detail = format!("{WAITING_MAX} charges wait for the next invoice, which is the limit");
                return Err(Refusal::InvalidField { field: "when", detail });
            }
            self.next.once.waiting.push(Once::Charge(charge));
            return Ok(true);
        }
        let Some(base) = self.next.arrears(now) else {
            let (state, action) = (self.next.state.name(), "be charged before its first period");
            return Err(Refusal::WrongState { state, action });
        };
        // What waits for the next invoice keeps waiting: this one is for what was asked for now.
        let basis = with(base, vec![Once::Charge(charge)]);
        self.bill_only(Cause::Change(self.version), basis, now)?;
        Ok(true)
    }

    /// The last invoice of a contract: what was used, and what waits for a next invoice that will not come.
    pub(super) fn issue_last(&mut self, usage: Closed, at: Instant) -> Result<(), Refusal> {
        let ordinal = self.next.period.map_or(0, |period| period.ordinal);
        self.issue_rest(Cause::Usage(ordinal), usage, at)
    }

    /// An invoice of `cause` for what was used and what waits, if there is any.
    pub(super) fn issue_rest(&mut self, cause: Cause, usage: Closed, at: Instant) -> Result<(), Refusal> {
        let nothing = usage.is_empty() && self.next.once.waiting.is_empty() && self.next.pending.is_empty();
        let Some(base) = self.next.arrears(at).filter(|_| !nothing) else { return Ok(()) };
        self.bill(cause, base, usage, at)
    }
}

fn check(charge: &OneOff, currency: Currency) -> Result<(), Refusal> {
    check_text("description", &charge.description)?;
    check_amount(charge.amount, currency)
}

/// That somebody wrote what it is for.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), Refusal> {
    let plain = !text.trim().is_empty() && text.len() <= DESCRIPTION_BYTES_MAX && !text.chars().any(char::is_control);
    if plain {
        return Ok(());
    }
    let detail = format!("must be 1 to {DESCRIPTION_BYTES_MAX} bytes of plain text");
    Err(Refusal::InvalidField { field, detail })
}

/// That an amount can be charged.
pub(super) fn check_amount(amount: Money, currency: Currency) -> Result<(), Refusal> {
    let most = Money::new(PRICE_MAX.saturating_mul(10_i64.pow(currency.exponent())), currency);
    if amount.currency != currency || !(1..=most.minor).contains(&amount.minor) {
        let detail = format!("must be above zero and at most {most}");
        return Err(Refusal::InvalidField { field: "amount", detail });
    }
    Ok(())
}
