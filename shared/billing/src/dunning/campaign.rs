//! Campaigns: payment requests for all that a customer has overdue, once it reaches a threshold.
//!
//! Exists beside ladders because it belongs to a customer and not to an invoice: small debts are left alone until they add up.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::money::{Money, MoneyError};

/// Most days between two requests.
pub const DAYS_BETWEEN_MAX: u32 = 365;

/// When payment is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// The overdue balance that starts it.
    pub threshold: Money,
    /// Requests in all.
    pub attempts_max: u32,
    /// Whole days that must lie between two requests: with 2, one on the 7th and one on the 10th.
    pub days_between: u32,
}

/// An invoice that is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignInvoice {
    /// What is owed.
    pub amount: Money,
    /// The last day to pay; it is overdue from the next.
    pub due: NaiveDate,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CampaignDay {
    /// The local day.
    pub on: NaiveDate,
    /// All that is overdue then.
    pub amount: Money,
}

impl CampaignInvoice {
    /// First day on which it is overdue; none at the end of the calendar.
    #[must_use]
    pub fn overdue_on(&self) -> Option<NaiveDate> {
        self.due.checked_add_days(Days::new(1))
    }
}

impl Campaign {
    /// The requests that follow when nobody pays.
    ///
    /// # Errors
    /// [`MoneyError`] when currencies meet or the balance is too large.
    pub fn requests(&self, invoices: &[CampaignInvoice]) -> Result<Vec<CampaignDay>, MoneyError> {
        let mut days: Vec<NaiveDate> = invoices.iter().filter_map(CampaignInvoice::overdue_on).collect();
        days.sort_unstable();
        let gap = Days::new(u64::from(self.days_between.min(DAYS_BETWEEN_MAX)) + 1);
        let mut next = None;
        for day in days {
            if self.overdue(invoices, day)?.minor >= self.threshold.minor {
                next = Some(day);
                break;
            }
        }
        let mut requests = Vec::new();
        while let Some(on) = next.filter(|_| requests.len() < self.attempts_max.min(DAYS_BETWEEN_MAX) as usize) {
            requests.push(CampaignDay { on, amount: self.overdue(invoices, on)? });
            next = on.checked_add_days(gap);
        }
        Ok(requests)
    }

    fn overdue(&self, invoices: &[CampaignInvoice], on: NaiveDate) -> Result<Money, MoneyError> {
        let late = invoices.iter().filter(|invoice| invoice.overdue_on().is_some_and(|day| day <= on));
        Money::sum(self.threshold.currency, late.map(|invoice| invoice.amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn small_debts_wait_until_they_add_up() {
        let eur = |minor| Money::new(minor, Currency::try_new("EUR").unwrap());
        let campaign = Campaign { threshold: eur(15_000), attempts_max: 2, days_between: 2 };
        let invoice = |minor, due: &str| CampaignInvoice { amount: eur(minor), due: due.parse().unwrap() };
        let both = [invoice(14_900, "2025-01-03"), invoice(600, "2025-01-06")];
        let days: Vec<_> =
            campaign.requests(&both).unwrap().iter().map(|r| (r.on.to_string(), r.amount.minor)).collect();
        assert_eq!(days, [("2025-01-07".to_owned(), 15_500), ("2025-01-10".to_owned(), 15_500)]);
        assert_eq!(campaign.requests(&both[..1]), Ok(vec![]));
    }
}
