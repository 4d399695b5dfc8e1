//! How a change is asked for.
//!
//! Exists apart so that what may be written, and what is wrong with it, stands in one place.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plan;
use crate::{
    calc::{
        CalcError,
        words::{Dates, Major, Number, When, Zone, money, unrounded},
    },
    calendar::{Interval, recurrence::Span},
    money::{Currency, Money, Unrounded},
    profile::Profile,
    proration::{Cadence, Debit, History, ItemChange, ProrationPolicy, Schedule, Side, Timing},
};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::calc) enum Kind {
    /// Other terms.
    Change,
    /// Other terms, dearer.
    Upgrade,
    /// Other terms, cheaper.
    Downgrade,
    /// More or fewer units.
    Quantity,
    /// An item comes.
    Add,
    /// An item goes.
    Remove,
    /// The contract ends at once.
    #[serde(alias = "terminate")]
    Cancel,
    /// Another interval.
    Interval,
    /// Another anchor.
    Anchor,
    /// The part before the first anchor.
    LeadingStub,
    /// The part after the last anchor.
    TrailingStub,
    /// Stretches of a contract, each with its anchor day, billed up to a date.
    Segments,
    /// A part of a whole.
    Factor,
}

/// A question by prorate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::calc) struct Question {
    pub(super) id: Option<String>,
    pub(super) profile: Option<Profile>,
    /// Fields of a proration policy on top of the profile.
    policy: Option<Map<String, Value>>,
    pub(super) currency: Currency,
    #[serde(default)]
    pub(super) zone: Zone,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) timing: Timing,
    /// The period that is cut.
    pub(super) period: Option<Dates>,
    /// The start of the contract, for a period that is not given, and for stubs.
    pub(super) start: Option<When>,
    pub(super) interval: Option<Interval>,
    pub(super) contract_start: Option<When>,
    pub(super) at: Option<When>,
    pub(super) new_interval: Option<Interval>,
    pub(super) new_anchor: Option<When>,
    pub(super) anchor_day: Option<u32>,
    /// A first anchor (leading stub) or a last one (trailing stub).
    pub(super) anchor: Option<When>,
    pub(super) end: Option<When>,
    #[serde(default)]
    pub(super) segments: Vec<SegmentAsked>,
    pub(super) until: Option<When>,
    pub(super) part: Option<Dates>,
    pub(super) whole: Option<Dates>,
    pub(super) numerator: Option<i64>,
    pub(super) denominator: Option<i64>,
    /// The full price before, and after; for a single item.
    from: Option<Major>,
    from_minor: Option<i64>,
    to: Option<Major>,
    to_minor: Option<i64>,
    #[serde(default)]
    items: Vec<Item>,
    balance: Option<Major>,
    balance_minor: Option<i64>,
    pub(super) tax_percent: Option<Number>,
}

/// One stretch of a contract.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentAsked {
    pub(super) start: When,
    pub(super) end: Option<When>,
    pub(super) anchor_day: u32,
}

/// One item that changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    item: String,
    from: Option<Major>,
    from_minor: Option<i64>,
    /// Before its discount, where it has one.
    from_list: Option<Major>,
    from_list_minor: Option<i64>,
    from_every: Option<Interval>,
    to: Option<Major>,
    to_minor: Option<i64>,
    to_list: Option<Major>,
    to_list_minor: Option<i64>,
    to_every: Option<Interval>,
    /// The new item does not recur: it is charged in full.
    #[serde(default)]
    once: bool,
    /// Instead of from and to: quantities of a unit.
    unit_amount: Option<Major>,
    from_quantity: Option<Number>,
    to_quantity: Option<Number>,
    since: Option<When>,
    #[serde(default)]
    debits: Vec<DebitAsked>,
    paid: Option<Major>,
    paid_minor: Option<i64>,
    credited: Option<Major>,
    credited_minor: Option<i64>,
    allowance: Option<Allowance>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DebitAsked {
    start: When,
    end: When,
    amount: Option<Major>,
    amount_minor: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowance {
    left: i64,
    of: i64,
}

impl Question {
    /// The profile's policy with the question's fields on top.
    pub(super) fn policy(&self, profile: Profile) -> Result<ProrationPolicy, CalcError> {
        let Some(fields) = &self.policy else { return Ok(profile.proration()) };
        let mut fields = fields.clone();
        let name = profile.proration_name().to_string();
        if fields.insert("profile".into(), name.into()).is_some() {
            return Err(CalcError::field("policy", "has fields only: name the profile beside it"));
        }
        serde_json::from_value(Value::Object(fields)).map_err(|e| CalcError::field("policy", e.to_string()))
    }

    pub(super) fn interval(&self) -> Result<Interval, CalcError> {
        match self.interval {
            Some(interval) => Ok(interval),
            None => "month".parse().map_err(|e: crate::calendar::BadInterval| CalcError::Rules(e.to_string())),
        }
    }

    pub(super) fn schedule(&self) -> Result<Schedule, CalcError> {
        Ok(Schedule { interval: self.interval()?, zone: self.zone.0, timing: self.timing })
    }

    pub(super) fn balance(&self) -> Result<Money, CalcError> {
        let given = money("balance", self.balance, self.balance_minor, self.currency)?;
        Ok(given.unwrap_or(Money::zero(self.currency)))
    }

    /// The price after, which stubs, segments and factors are parts of.
    pub(super) fn price(&self) -> Result<Unrounded, CalcError> {
        let price = unrounded("to", self.to, self.to_minor, self.currency)?;
        price.ok_or_else(|| CalcError::field("to", "is missing: what does a full period cost?"))
    }

    /// That the kind has what it is about, and nothing that it cannot mean.
    pub(super) fn check(&self) -> Result<(), CalcError> {
        if self.denominator.is_some_and(|d| d < 1) || self.numerator.is_some_and(|n| n < 0) {
            return Err(CalcError::field("numerator", "is 0 or more, and denominator 1 or more"));
        }
        if self.numerator > self.denominator {
            return Err(CalcError::field("numerator", "is at most the denominator: a part is not more than the whole"));
        }
        if self.tax_percent.is_some_and(|p| p.0 < Decimal::ZERO || p.0 > Decimal::ONE_HUNDRED) {
            return Err(CalcError::field("tax_percent", "is 0 to 100 (20 for twenty per cent)"));
        }
        match self.kind {
            Kind::Interval if self.new_interval.is_none() => {
                Err(CalcError::field("new_interval", "is missing: which interval follows?"))
            }
            Kind::Anchor if self.new_anchor.is_none() && self.anchor_day.is_none() => {
                Err(CalcError::field("new_anchor", "is missing: give it, or the anchor_day"))
            }
            _ => Ok(()),
        }
    }

    /// The items that change, or the one plan that from and to are about.
    pub(super) fn changes(&self) -> Result<Vec<ItemChange>, CalcError> {
        let from = unrounded("from", self.from, self.from_minor, self.currency)?.map(Side::plain);
        let to = unrounded("to", self.to, self.to_minor, self.currency)?.map(Side::plain);
        let one = from.is_some() || to.is_some();
        if one && !self.items.is_empty() {
            return Err(CalcError::field("items", "are given beside from and to: keep one of both"));
        }
        let items = if one {
            vec![plan(from, to)]
        } else {
            self.items.iter().map(|item| item.change(self)).collect::<Result<_, _>>()?
        };
        self.check_sides(&items)?;
        Ok(items)
    }

    fn check_sides(&self, items: &[ItemChange]) -> Result<(), CalcError> {
        if items.iter().all(|item| item.from.is_none() && item.to.is_none()) {
            let detail = "is missing: give the full price before (from) and after (to), or items";
            return Err(CalcError::field("from", detail));
        }
        let wrong = |item: &ItemChange| match self.kind {
            Kind::Add => item.from.is_some(),
            Kind::Remove | Kind::Cancel => item.to.is_some(),
            Kind::Upgrade | Kind::Downgrade | Kind::Quantity => item.from.is_none() || item.to.is_none(),
            _ => false,
        };
        if !items.iter().any(wrong) {
            return Ok(());
        }
        Err(match self.kind {
            Kind::Add => CalcError::field("from", "what is added had no price before: leave it out"),
            Kind::Remove | Kind::Cancel => CalcError::field("to", "what ends has no price after: leave it out"),
            _ => CalcError::field("from", "this kind needs the price before and the price after (from and to)"),
        })
    }
}

impl Item {
    fn change(&self, question: &Question) -> Result<ItemChange, CalcError> {
        let currency = question.currency;
        let name = |field: &str| format!("items[{}].{field}", self.item);
        let from =
            self.side(currency, "from", [(self.from, self.from_minor), (self.from_list, self.from_list_minor)])?;
        let to = self.side(currency, "to", [(self.to, self.to_minor), (self.to_list, self.to_list_minor)])?;
        let recurs = |every: Option<Interval>| every.map_or(Cadence::Period, Cadence::Every);
        let from = from.map(|side| Side { cadence: recurs(self.from_every), ..side });
        let cadence = if self.once { Cadence::Once } else { recurs(self.to_every) };
        let zone = question.zone.0;
        let mut debits = Vec::with_capacity(self.debits.len());
        for debit in &self.debits {
            let (start, end) = Dates { start: debit.start, end: debit.end }.at(&name("debits"), zone)?;
            let amount = money(&name("debits.amount"), debit.amount, debit.amount_minor, currency)?
                .ok_or_else(|| CalcError::field(name("debits.amount"), "is missing"))?;
            debits.push(Debit { span: Span::new(start, end), amount });
        }
        Ok(ItemChange {
            item: self.item.clone(),
            from,
            to: to.map(|side| Side { cadence, ..side }),
            since: self.since.map(|when| when.at(zone)),
            history: History {
                debits,
                paid: money(&name("paid"), self.paid, self.paid_minor, currency)?,
                credited: money(&name("credited"), self.credited, self.credited_minor, currency)?,
                allowance: self.allowance.map(|a| (a.left, a.of)),
            },
        })
    }

    /// What a full period costs on one side: given, or units times their price; and before its discount.
    fn side(
        &self,
        currency: Currency,
        field: &str,
        given: [(Option<Major>, Option<i64>); 2],
    ) -> Result<Option<Side>, CalcError> {
        let name = format!("items[{}].{field}", self.item);
        let [net, list] = given;
        let quantity = if field == "from" { self.from_quantity } else { self.to_quantity };
        let net = unrounded(&name, net.0, net.1, currency)?;
        let counted = match (self.unit_amount, quantity) {
            (Some(unit), Some(quantity)) => {
                Some(Unrounded::from_major(unit.0, currency)?.times(quantity.0, Decimal::ONE)?)
            }
            (None, Some(_)) => return Err(CalcError::field(name, "a quantity needs the unit_amount")),
            (_, None) => None,
        };
        if net.is_some() && counted.is_some() {
            return Err(CalcError::field(name, "is given beside a quantity: keep one of both"));
        }
        let list = unrounded(&format!("{name}_list"), list.0, list.1, currency)?;
        Ok(net.or(counted).map(|net| Side { list: list.unwrap_or(net), net, cadence: Cadence::Period }))
    }
}
