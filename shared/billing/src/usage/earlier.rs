//! What usage cost before other terms were taken: what comes late to a span of then is priced as that span was.
//!
//! Exists because a contract knows the terms of the day only. It is kept for as long as such a span is looked at again, and
//! the prices only where they differ.

use serde::{Deserialize, Serialize};

use super::{
    account::{BilledSpan, UsageAccount},
    item::UsageItem,
};
use crate::{calendar::Instant, catalog::VersionRef, terms::Terms};

/// The terms that usage was billed by up to an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierTerms {
    /// They hold for billed spans that end here or before.
    pub until: Instant,
    /// The plan version.
    pub plan: VersionRef,
    /// What its usage cost; none: as under the terms that came next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<UsageItem>>,
}

/// The plan and the prices of a span, as far as they are not those of the day.
pub(super) type Then<'a> = (Option<&'a VersionRef>, Option<&'a [UsageItem]>);

/// What held for a span that ends at `end`; `earlier` is in order of time.
pub(super) fn at(earlier: &[EarlierTerms], end: Instant) -> Then<'_> {
    let mut of_span = earlier.iter().filter(|terms| end <= terms.until);
    let plan = of_span.clone().next().map(|terms| &terms.plan);
    (plan, of_span.find_map(|terms| terms.items.as_deref()))
}

impl UsageAccount {
    /// The contract takes `new` terms: what was billed until now stays what it was under the `old` ones. In another currency
    /// it cannot be billed by these any more.
    pub(crate) fn take_terms(&mut self, old: &Terms, new: &Terms) {
        if old.price.currency != new.price.currency {
            return self.forget_prices();
        }
        let Some(until) = self.billed.last().map(|billed| billed.end) else { return };
        let items = (old.usage != new.usage).then(|| old.usage.clone());
        let is_known =
            self.earlier.last().is_some_and(|last| until <= last.until && (last.items.is_some() || items.is_none()));
        if is_known || (items.is_none() && (old.plan == new.plan || old.usage.is_empty())) {
            return;
        }
        self.earlier.push(EarlierTerms { until, plan: old.plan.clone(), items });
    }

    /// The contract leaves the plan of its `old` terms at `until`, where usage is not billed up to then and costs the same under
    /// the next ones: it was used under the old plan.
    pub(crate) fn leave_plan(&mut self, old: &Terms, until: Instant) {
        if !old.usage.is_empty() {
            self.earlier.push(EarlierTerms { until, plan: old.plan.clone(), items: None });
        }
    }

    /// Terms that no span is left of are of no use.
    pub(super) fn forget_earlier(&mut self) {
        let first = self.billed.first().map(|billed| billed.end);
        self.earlier.retain(|terms| first.is_some_and(|first| first <= terms.until));
    }

    /// Whether something that comes late may be billed by prices that the contract has no more.
    #[must_use]
    pub fn has_earlier_prices(&self) -> bool {
        self.earlier.iter().any(|terms| terms.items.as_ref().is_some_and(|items| !items.is_empty()))
    }

    /// Only what prepaid credit pays for.
    pub(crate) fn keep_prepaid(&mut self) {
        for items in self.earlier.iter_mut().filter_map(|terms| terms.items.as_mut()) {
            items.retain(|item| item.prepaid);
        }
    }

    /// The billed span that an event at `at` is late for, and what held for it.
    pub(super) fn late_for(&self, at: Instant) -> Option<(&BilledSpan, Then<'_>)> {
        let span = self.billed.iter().find(|span| span.start <= at && at < span.end)?;
        Some((span, self::at(&self.earlier, span.end)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::{Plan, Policy};

    fn at(day: u8) -> Instant {
        format!("2027-03-{day:02}T00:00:00Z").parse().unwrap()
    }

    /// Terms of a plan whose calls cost so much; none: it has no usage.
    fn terms(plan: &str, price: Option<&str>) -> Terms {
        let item = |price| {
            serde_json::json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
                "price": {"model": "per-seat", "unit_amount": price}})
        };
        let usage: Vec<_> = price.map(item).into_iter().collect();
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "id": plan, "version": 1, "title": plan, "usage": usage,
            "prices": [{"currency": "USD", "interval": "month", "model": "flat", "amount": "20"}]
        }))
        .unwrap();
        Terms::try_new(&plan, &Policy::standard(), &plan.prices[0], false, 1).unwrap()
    }

    #[test]
    fn terms_are_remembered_once_and_only_where_they_say_something() {
        let billed = BilledSpan { start: at(1), end: at(10), meters: BTreeMap::new(), minimum: None, part: None };
        let (cheap, dear, none) = (Some("1"), Some("2"), None);
        let earlier = |day, items: Option<&str>| {
            let terms = terms("old", items);
            EarlierTerms { until: at(day), plan: terms.plan, items: items.map(|_| terms.usage) }
        };
        // What is known, the terms before and after, and whether the plan and its prices are remembered.
        let cases = [
            ("the same", None, ("a", cheap), ("a", cheap), None),
            ("another plan", None, ("a", cheap), ("b", cheap), Some(false)),
            ("another plan without usage", None, ("a", none), ("b", none), None),
            ("another price", None, ("a", cheap), ("a", dear), Some(true)),
            ("the prices are known", Some((10, cheap)), ("a", cheap), ("b", dear), None),
            ("only the plan is known", Some((10, none)), ("a", cheap), ("b", dear), Some(true)),
            ("the plan is known", Some((10, none)), ("a", cheap), ("b", cheap), None),
            ("of an earlier span", Some((9, cheap)), ("a", cheap), ("b", cheap), Some(false)),
        ];
        for (name, known, old, new, remembered) in cases {
            let known: Vec<EarlierTerms> = known.map(|(day, items)| earlier(day, items)).into_iter().collect();
            let mut account = UsageAccount { billed: vec![billed.clone()], earlier: known.clone() };
            let (old, new) = (terms(old.0, old.1), terms(new.0, new.1));
            account.take_terms(&old, &new);
            let added = account.earlier.split_off(known.len());
            assert_eq!(account.earlier, known, "{name}");
            let items = |priced: bool| priced.then(|| old.usage.clone());
            let one = |priced| EarlierTerms { until: at(10), plan: old.plan.clone(), items: items(priced) };
            assert_eq!(added, remembered.map(one).into_iter().collect::<Vec<_>>(), "{name}");
        }
    }
}
