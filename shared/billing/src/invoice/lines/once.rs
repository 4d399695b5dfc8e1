//! What is charged once: set-up fees, one-off charges and the price of a trial, on the invoice that they fall to.
//!
//! Exists apart from the basis that they stand beside, because they are no part of a period: nothing divides them, discounts
//! do not touch them, run-rate does not know them, and nothing gives them back. They are taxed as the rest is.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Line, LineKind};
use crate::{
    invoice::adjust,
    money::{Money, Rounding},
    prepaid::TopUp,
    terms::Terms,
};

/// One amount that is charged once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Once {
    /// The set-up fee of the plan or an add-on, with the first invoice that it is on.
    SetUp {
        /// Which add-on; none: the plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_on: Option<String>,
        /// How much.
        amount: Money,
    },
    /// The price of the trial that a contract begins with.
    Trial {
        /// How much.
        amount: Money,
    },
    /// Something that the merchant charges beside the terms.
    Charge(OneOff),
    /// Prepaid credit that the customer buys.
    TopUp(TopUp),
}

/// A one-off charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneOff {
    /// What for, as it stands on the invoice.
    pub description: String,
    /// How much, above zero.
    pub amount: Money,
}

impl Once {
    /// How much.
    #[must_use]
    pub const fn amount(&self) -> Money {
        match self {
            Self::SetUp { amount, .. }
            | Self::Trial { amount }
            | Self::Charge(OneOff { amount, .. })
            | Self::TopUp(TopUp { amount, .. }) => *amount,
        }
    }
}

/// The lines of `once`, one each.
pub(super) fn lines(terms: &Terms, once: &[Once]) -> Vec<Line> {
    once.iter().map(|one| line(terms, one)).collect()
}

fn line(terms: &Terms, once: &Once) -> Line {
    let amount = once.amount();
    let (kind, add_on, description) = match once {
        Once::SetUp { add_on, .. } => (LineKind::SetUp, add_on.clone(), None),
        Once::Trial { .. } => (LineKind::Trial, None, None),
        Once::Charge(charge) => (LineKind::OneOff, None, Some(charge.description.clone())),
        Once::TopUp(_) => (LineKind::TopUp, None, None),
    };
    let minor = Decimal::from(amount.minor);
    let why = adjust::plain(&kind.to_string(), minor, minor, Rounding::default());
    Line { kind, plan: terms.plan.to_string(), add_on, description, quantity: 1, amount, why, used: None }
}
