//! What is owed on an invoice and by a customer, and where a credit goes.
//!
//! Exists so that the balance is one sum that can be checked by hand:
//! `balance = charged + credits - (paid - refunded)`, nothing for drafts and voids (Kill Bill's invoice examples).

use serde::{Deserialize, Serialize};

use super::{DocumentError, status::DocumentStatus};
use crate::money::{Money, MoneyError};

/// The sums of one invoice that its balance follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Drafts and voids are not owed.
    pub status: DocumentStatus,
    /// What was charged, with tax.
    pub charges: Money,
    /// Corrections of the charges; credit notes are below zero.
    pub adjustments: Money,
    /// What the invoice gave to the customer's credit (above zero) or took from it (below).
    pub credits: Money,
    /// What came in.
    pub paid: Money,
    /// What went back.
    pub refunded: Money,
}

impl Account {
    /// What the invoice charges after corrections.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn charged(&self) -> Result<Money, MoneyError> {
        self.charges.plus(self.adjustments)
    }

    /// What is owed on it; below zero when too much was paid.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn balance(&self) -> Result<Money, MoneyError> {
        if matches!(self.status, DocumentStatus::Draft | DocumentStatus::Void) {
            return Ok(Money::zero(self.charges.currency));
        }
        let kept = self.paid.plus(self.refunded.negated()?)?;
        self.charged()?.plus(self.credits)?.plus(kept.negated()?)
    }

    /// The same with what was paid too much given to the customer's credit, so that the balance is never below zero.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn with_overpayment_credited(self) -> Result<Self, MoneyError> {
        let balance = self.balance()?;
        let over = if balance.minor < 0 { balance.negated()? } else { Money::zero(balance.currency) };
        Ok(Self { credits: self.credits.plus(over)?, ..self })
    }

    /// What can still be paid back.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn refundable(&self) -> Result<Money, MoneyError> {
        self.paid.plus(self.refunded.negated()?)
    }
}

/// What a customer owes over all invoices, less the credit that is there.
///
/// # Errors
/// [`MoneyError`], also when an account is in another currency than `credit`.
pub fn customer_balance(accounts: &[Account], credit: Money) -> Result<Money, MoneyError> {
    accounts.iter().try_fold(credit.negated()?, |sum, account| sum.plus(account.balance()?))
}

/// What the merchant wants to do with what a credit note gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettlementWish {
    /// Keep it as the customer's credit for the next invoices.
    #[default]
    Credit,
    /// Pay it back, as far as it was paid.
    Refund,
}

/// Where a credit note goes; the parts add up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Lowers what is still due on the invoice.
    pub against_due: Money,
    /// Is paid back.
    pub refund: Money,
    /// Becomes the customer's credit.
    pub to_credit: Money,
}

/// Where a credit note of `total` goes: first against what is `due` on its invoice, then back to the customer, never more than
/// is `refundable`, and the rest becomes credit.
///
/// # Errors
/// [`DocumentError::Negative`]; [`DocumentError::Money`] when currencies meet.
pub fn settle(total: Money, due: Money, refundable: Money, wish: SettlementWish) -> Result<Settlement, DocumentError> {
    for (what, amount) in [("a credit note", total), ("what is due", due), ("what is refundable", refundable)] {
        amount.plus(Money::zero(total.currency))?;
        if amount.minor < 0 {
            return Err(DocumentError::Negative { what });
        }
    }
    let against_due = Money::new(total.minor.min(due.minor), total.currency);
    let left = total.plus(against_due.negated()?)?;
    let refund = match wish {
        SettlementWish::Credit => Money::zero(total.currency),
        SettlementWish::Refund => Money::new(left.minor.min(refundable.minor), total.currency),
    };
    Ok(Settlement { against_due, refund, to_credit: left.plus(refund.negated()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::try_new("USD").unwrap())
    }

    fn account(status: DocumentStatus, minors: [i64; 5]) -> Account {
        let [charges, adjustments, credits, paid, refunded] = minors.map(usd);
        Account { status, charges, adjustments, credits, paid, refunded }
    }

    #[test]
    fn drafts_and_voids_are_not_owed() {
        for (status, owed) in [(DocumentStatus::Draft, 0), (DocumentStatus::Void, 0), (DocumentStatus::Open, 80)] {
            assert_eq!(account(status, [100, 0, -20, 0, 0]).balance().unwrap().minor, owed);
        }
    }

    #[test]
    fn what_was_paid_too_much_becomes_credit() {
        let after = account(DocumentStatus::Paid, [100, -10, 0, 100, 0]).with_overpayment_credited().unwrap();
        assert_eq!((after.credits.minor, after.balance().unwrap().minor), (10, 0));
        let open = account(DocumentStatus::Open, [100, -10, 0, 0, 0]);
        assert_eq!(open.with_overpayment_credited(), Ok(open));
        assert_eq!(customer_balance(&[after, open], usd(10)).unwrap().minor, 80);
    }

    #[test]
    fn a_credit_lowers_what_is_due_before_anything_is_paid_back() {
        let parts = |s: Settlement| [s.against_due.minor, s.refund.minor, s.to_credit.minor];
        let refund = settle(usd(100), usd(30), usd(50), SettlementWish::Refund).unwrap();
        assert_eq!(parts(refund), [30, 50, 20]);
        assert_eq!(parts(settle(usd(100), usd(30), usd(50), SettlementWish::Credit).unwrap()), [30, 0, 70]);
        assert!(settle(usd(-1), usd(0), usd(0), SettlementWish::Credit).is_err());
    }
}
