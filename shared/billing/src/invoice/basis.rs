//! What an invoice was decided from.
//!
//! Exists apart from the lines that follow from it, because it is stored for ever: fields may be added, and none may change
//! what it says.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    adjust::Adjustments,
    consolidated::DocumentItem,
    lines::{Once, StubOf},
};
use crate::{
    calendar::{Instant, Period},
    document::CreditNote,
    ids::InvoiceId,
    prepaid::{PrepaidSource, TopUp},
    proration::ProrationPolicy,
    terms::Terms,
    usage::{UsageCharge, UsageMinimum},
};

/// The inputs that an invoice was decided from: enough to compute it again, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "kebab-case")]
pub enum Basis {
    /// One full period, or a stub, in advance.
    Period {
        /// What is bought.
        terms: Box<Terms>,
        /// For when.
        period: Period,
        /// What the period is a stub of; none: it is whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// A contract that ends in the middle of a period, where the policy gives the unused part back.
    End {
        /// What was bought.
        terms: Box<Terms>,
        /// The period that the end cuts.
        period: Period,
        /// What that period is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// When.
        at: Instant,
        /// The zone that days are counted in.
        zone: Tz,
        /// How the period is divided.
        proration: ProrationPolicy,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// A change in the middle of a period.
    Change {
        /// What was bought.
        from: Box<Terms>,
        /// What is bought now.
        to: Box<Terms>,
        /// The period that the change cuts.
        period: Period,
        /// What that period is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stub: Option<Box<StubOf>>,
        /// When.
        at: Instant,
        /// The zone that days are counted in.
        zone: Tz,
        /// How the period is divided.
        proration: ProrationPolicy,
        /// The period that starts with the change, when the interval changes; else the rest of `period`.
        next: Option<Period>,
        /// What `next` is a stub of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_stub: Option<Box<StubOf>>,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Nothing by itself: an end, or a change of what usage costs, that only bills what was used.
    Arrears {
        /// What was bought.
        terms: Box<Terms>,
        /// The period that it was used in.
        period: Period,
        /// When.
        at: Instant,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
        /// Taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Another basis, and decisions before it whose lines waited for this invoice.
    Carried {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// The decisions, in their order. What each says of credit does not count: the invoice's base says that.
        earlier: Vec<Basis>,
    },
    /// One side of a change or an end, where what it gives back has a document of its own.
    Side {
        /// The decision.
        of: Box<Basis>,
        /// Which of its lines.
        side: DocumentSide,
        /// Credit of the customer at that instant, in minor units (0 or more).
        credit_minor: i64,
    },
    /// A part of an invoice that is given back afterwards, or all of it.
    CreditNote {
        /// What that invoice was for.
        terms: Box<Terms>,
        /// And for when.
        period: Period,
        /// Which invoice.
        invoice: InvoiceId,
        /// What is given back of which line, its taxes included.
        note: Box<CreditNote>,
        /// Why, in the support's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What of it goes back to the payment that paid that invoice, in minor units; the rest becomes credit.
        #[serde(default, skip_serializing_if = "crate::stored::is_default")]
        refund_minor: i64,
        /// What of it lowers what that invoice still asked for, in minor units.
        #[serde(default, skip_serializing_if = "crate::stored::is_default")]
        due_minor: i64,
        /// None: the note brings its taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Invoices of several contracts of a customer, collected as one.
    Document {
        /// The terms of its first item: they name the currency and the policy, which all items share.
        terms: Box<Terms>,
        /// What its first item is for.
        period: Period,
        /// What is on it.
        items: Vec<DocumentItem>,
        /// None: the items bring their discounts and taxes.
        #[serde(default, skip_serializing_if = "Adjustments::is_none")]
        adjustments: Box<Adjustments>,
    },
    /// Another basis, and what was used up to then.
    Metered {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// What was used, by meter.
        usage: Vec<UsageCharge>,
        /// The least that was agreed, where it decides something.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        minimums: Vec<UsageMinimum>,
    },
    /// A basis with usage, and the prepaid credit that pays for it.
    Prepaid {
        /// What the invoice is for otherwise, its usage the outermost of it.
        base: Box<Basis>,
        /// Which credit, in the order of use. What is taken follows from what the usage costs.
        sources: Vec<PrepaidSource>,
    },
    /// Another basis, and what is charged once beside it.
    Once {
        /// What the invoice is for otherwise.
        base: Box<Basis>,
        /// What is charged once.
        once: Vec<Once>,
    },
}

impl Basis {
    /// The decision itself, without what is billed beside it and how its documents are divided.
    #[must_use]
    pub fn decision(&self) -> &Self {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.decision(),
            Self::Period { .. }
            | Self::Change { .. }
            | Self::End { .. }
            | Self::Arrears { .. }
            | Self::Document { .. }
            | Self::CreditNote { .. } => self,
        }
    }

    /// A credit note with the reason that its document gives.
    pub(crate) fn because(mut self, why: Option<String>) -> Self {
        if let Self::CreditNote { reason, .. } = &mut self {
            *reason = why;
        }
        self
    }

    /// The discounts and taxes of a change or an end, to be decided again before it is on any invoice.
    pub(super) fn decision_mut(&mut self) -> Option<&mut Adjustments> {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.decision_mut(),
            Self::Change { adjustments, .. } | Self::End { adjustments, .. } => Some(adjustments),
            _ => None,
        }
    }

    /// The terms in force after the decision.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        match self {
            Self::Period { terms, .. } | Self::CreditNote { terms, .. } | Self::Document { terms, .. } => terms,
            Self::Change { to: terms, .. } | Self::End { terms, .. } | Self::Arrears { terms, .. } => terms,
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.terms(),
        }
    }

    /// The period that the money is for.
    #[must_use]
    pub fn period(&self) -> &Period {
        match self {
            Self::CreditNote { period, .. }
            | Self::Document { period, .. }
            | Self::Period { period, .. }
            | Self::End { period, .. }
            | Self::Arrears { period, .. } => period,
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.period(),
            Self::Change { period, next, .. } => next.as_ref().unwrap_or(period),
        }
    }

    /// Whether the document gives back and charges nothing.
    #[must_use]
    pub fn is_credit_note(&self) -> bool {
        matches!(self, Self::Side { side: DocumentSide::Credit, .. } | Self::CreditNote { .. })
    }

    /// Why it was written, where it is a credit note that says so.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let Self::CreditNote { reason, .. } = self else { return None };
        reason.as_deref()
    }

    /// The prepaid credit that it sells; an invoice of a top-up has nothing else on it.
    #[must_use]
    pub fn top_up(&self) -> Option<&TopUp> {
        let Self::Once { once, .. } = self else { return None };
        match once.as_slice() {
            [Once::TopUp(top_up)] => Some(top_up),
            _ => None,
        }
    }

    /// What is on the document of several contracts; none for the invoice of one.
    #[must_use]
    pub fn items(&self) -> Option<&[DocumentItem]> {
        match self {
            Self::Document { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Its discounts and taxes.
    #[must_use]
    pub fn adjustments(&self) -> &Adjustments {
        match self {
            Self::Metered { base, .. }
            | Self::Prepaid { base, .. }
            | Self::Once { base, .. }
            | Self::Carried { base, .. }
            | Self::Side { of: base, .. } => base.adjustments(),
            Self::Period { adjustments, .. }
            | Self::CreditNote { adjustments, .. }
            | Self::Document { adjustments, .. }
            | Self::End { adjustments, .. }
            | Self::Change { adjustments, .. }
            | Self::Arrears { adjustments, .. } => adjustments,
        }
    }
}

/// Which lines of a decision a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentSide {
    /// What it gives back: the credit note.
    Credit,
    /// Everything else: the invoice.
    Charge,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::stored;

    #[test]
    fn a_decision_is_found_in_all_that_stands_around_it_and_nowhere_else() {
        let [change, period, note] =
            ["rules-3-change", "rules-3-due", "rules-3-refund-note"].map(|name| stored(name).basis);
        let base = || Box::new(change.clone());
        let found = [
            change.clone(),
            Basis::Metered { base: base(), usage: Vec::new(), minimums: Vec::new() },
            Basis::Prepaid { base: base(), sources: Vec::new() },
            Basis::Once { base: base(), once: Vec::new() },
            Basis::Carried { base: base(), earlier: Vec::new() },
            Basis::Side { of: base(), side: DocumentSide::Charge, credit_minor: 0 },
        ];
        for mut basis in found {
            assert_eq!(*basis.decision(), change);
            let with = basis.adjustments().clone();
            assert_eq!(basis.decision_mut().cloned(), Some(with));
        }
        for mut basis in [period, note, stored("rules-3-document").basis] {
            assert_eq!(basis.decision_mut(), None);
        }
    }
}
