//! What was charged for the items of a contract in its running period: what some policies give back from, or at most.
//!
//! Exists because a price says what a period costs today, and a credit may have to follow what was really debited.

use serde::{Deserialize, Serialize};

use super::{
    adjust::{Full, full_period},
    kept::is_of_period,
    lines::{Line, Rules, StubOf, sided},
};
use crate::{
    calendar::{Period, recurrence::Span},
    discount::Discount,
    money::{Currency, Money, MoneyError},
    proration::{ChangeLines, Debit, History, ProratedSides, ProrationPolicy},
    refusal::Refusal,
    terms::Terms,
};

/// What was charged for one item, without tax.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargedItem {
    /// Which add-on; none: the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_on: Option<String>,
    /// Every debit that is not replaced, with the time that it is for.
    pub debits: Vec<Debit>,
    /// What was given back of them before, in minor units.
    #[serde(default, skip_serializing_if = "crate::stored::is_default")]
    pub credited_minor: i64,
}

/// What was charged for a contract in its running period, item by item, without tax.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Charged(pub Vec<ChargedItem>);

impl Charged {
    /// The price of a period, or of the stub that it is, as it was charged when it began.
    ///
    /// # Errors
    /// [`Refusal::Money`] when it cannot be computed.
    pub(crate) fn in_advance(
        terms: &Terms,
        discounts: &[Discount],
        period: &Period,
        stub: Option<&StubOf>,
    ) -> Result<Self, Refusal> {
        let items = full_period(terms, discounts, terms.conditions.document, Rules::TODAY)?;
        let items =
            stub.map_or_else(|| Ok(items.clone()), |of| of.all_charged(&items, period, terms.price.interval))?;
        let one = |full: Full<'_>| {
            let debits = vec![Debit { span: period.into(), amount: full.net }];
            ChargedItem { add_on: full.item.add_on.map(str::to_owned), debits, credited_minor: 0 }
        };
        Ok(Self(items.into_iter().map(one).collect()))
    }

    /// As the division of a period asks for it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(super) fn history(&self, add_on: Option<&str>, currency: Currency) -> Result<History, MoneyError> {
        let Some(item) = self.0.iter().find(|item| item.add_on.as_deref() == add_on) else {
            return Ok(History::default());
        };
        let paid = Money::sum(currency, item.debits.iter().map(|d| d.amount))?;
        let credited = Money::new(item.credited_minor, currency);
        Ok(History { debits: item.debits.clone(), paid: Some(paid), credited: Some(credited), allowance: None })
    }

    /// What stands after a change with these `lines`, which charge for `span`: where both sides of an item are lines, its
    /// new debit takes the place of the old ones; a line of the difference stands beside them. Items without a line keep
    /// what they have.
    pub(crate) fn after(
        mut self,
        lines: &[Line],
        span: Span,
        policy: &ProrationPolicy,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        let stands = policy.lines == ChangeLines::Net || policy.sides == ProratedSides::Neither;
        for (add_on, charge, credit) in sides(lines, currency)? {
            let known = self.0.iter().position(|item| item.add_on == add_on);
            let mut item = known.map(|i| self.0.remove(i)).filter(|_| stands).unwrap_or_default();
            item.add_on = add_on;
            if charge.minor > 0 {
                item.debits.push(Debit { span, amount: charge });
            }
            if stands {
                item.credited_minor = item.credited_minor.checked_sub(credit.minor).ok_or(MoneyError::Overflow)?;
            }
            self.0.push(item);
        }
        Ok(self)
    }
}

/// What the lines of each item charge and what they give back (0 or less), with the discounts that follow them.
fn sides(lines: &[Line], currency: Currency) -> Result<Vec<(Option<String>, Money, Money)>, MoneyError> {
    let zero = Money::zero(currency);
    let mut found: Vec<(Option<String>, Money, Money)> = Vec::new();
    for (gives_back, line) in sided(lines).filter(|(_, line)| is_of_period(line.kind)) {
        let place = found.iter().position(|(add_on, ..)| *add_on == line.add_on);
        let place = place.unwrap_or_else(|| {
            found.push((line.add_on.clone(), zero, zero));
            found.len() - 1
        });
        if let Some((_, charge, credit)) = found.get_mut(place) {
            let side = if gives_back { credit } else { charge };
            *side = side.plus(line.amount)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::stored;

    #[test]
    fn a_new_debit_takes_the_place_of_the_old_one_but_where_one_line_is_the_difference() {
        let change = stored("rules-3-change");
        let (span, currency) = (Span::from(change.basis.period()), change.total.currency);
        let debit = |minor| Debit { span, amount: Money::new(minor, currency) };
        let before = || Charged(vec![ChargedItem { add_on: None, debits: vec![debit(2_970)], credited_minor: 0 }]);
        let after = |lines: &[Line], policy: ProrationPolicy| {
            let Charged(mut items) = before().after(lines, span, &policy, currency).unwrap();
            assert_eq!(items.len(), 1);
            let item = items.remove(0);
            (item.debits, item.credited_minor)
        };
        let two = ProrationPolicy::default();
        let net = ProrationPolicy { lines: ChangeLines::Net, ..two };
        let neither = ProrationPolicy { sides: ProratedSides::Neither, ..two };
        assert_eq!(after(&change.lines, two), (vec![debit(3_735)], 0));
        for policy in [net, neither] {
            assert_eq!(after(&change.lines, policy), (vec![debit(2_970), debit(3_735)], 1_485));
        }
        // What only gives back debits nothing, not even nothing.
        assert_eq!(after(&change.lines[..1], net), (vec![debit(2_970)], 1_485));
    }

    #[test]
    fn every_item_has_its_own_debits() {
        let change = stored("rules-3-add-ons");
        let (span, currency) = (Span::from(change.basis.period()), change.total.currency);
        let after = Charged::default().after(&change.lines, span, &ProrationPolicy::default(), currency).unwrap();
        let debits = |item: &ChargedItem| item.debits.iter().map(|debit| debit.amount.minor).collect::<Vec<_>>();
        let found: Vec<_> = after.0.iter().map(|item| (item.add_on.as_deref(), debits(item))).collect();
        assert_eq!(found, [(Some("sso"), vec![350]), (Some("storage"), vec![200]), (Some("support"), vec![])]);
    }
}
