//! Items of a change: which of them a change touches, each with what it cost and what it costs for a full period.
//!
//! Exists so that a change of one item bills that item: what stays as it is has been paid for, and a credit and a charge of
//! the same amount would only make people ask.

use crate::{
    invoice::adjust::{Adjustments, Full},
    money::Unrounded,
    proration::{Cadence, ItemChange, Side},
};

/// One item before and after a change.
#[derive(Debug)]
pub(super) struct Changed<'a> {
    pub(super) old: Option<Full<'a>>,
    pub(super) new: Option<Full<'a>>,
}

impl Changed<'_> {
    /// Its name: the new one, where the plan is another.
    pub(super) fn name(&self) -> String {
        self.new.as_ref().or(self.old.as_ref()).map_or_else(String::new, |full| full.item.name())
    }

    /// The change as the rules of proration take it.
    pub(super) fn input(&self) -> ItemChange {
        ItemChange::new(&self.name(), self.old.as_ref().map(side), self.new.as_ref().map(side))
    }

    fn is_same_money(&self) -> bool {
        matches!((&self.old, &self.new), (Some(old), Some(new)) if (old.list, old.net) == (new.list, new.net))
    }
}

/// What was really charged for a full period, so its rounding is undone exactly once.
fn side(full: &Full<'_>) -> Side {
    let [list, net] = [full.list, full.net].map(Unrounded::from_money);
    Side { list, net, cadence: Cadence::Period }
}

/// The items that a change of `old` into `new` bills: the plan, then add-ons. Where all is billed anew (`restarts`, another
/// tax) every item is; a contract without add-ons has one item, which is always billed.
pub(super) fn changes<'a>(
    old: Vec<Full<'a>>,
    new: Vec<Full<'a>>,
    with: &Adjustments,
    restarts: bool,
) -> Vec<Changed<'a>> {
    let several = old.len() > 1 || new.len() > 1;
    // The contract remembers one tax for its period: where that changes, what is given back later must have been charged
    // with the new one.
    let keeps = several && !restarts && with.tax == with.earlier_tax;
    let mut old: Vec<Option<Full<'a>>> = old.into_iter().map(Some).collect();
    let mut found: Vec<Changed<'a>> = Vec::with_capacity(new.len());
    for full in new {
        let is_same = |o: &&mut Option<Full<'_>>| o.as_ref().is_some_and(|o| o.item.add_on == full.item.add_on);
        let before = old.iter_mut().find(is_same).and_then(Option::take);
        found.push(Changed { old: before, new: Some(full) });
    }
    found.extend(old.into_iter().flatten().map(|gone| Changed { old: Some(gone), new: None }));
    found.retain(|changed| !(keeps && changed.is_same_money()));
    found
}
