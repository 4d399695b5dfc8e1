//! What rules version 3 mended: invoices of version 2 are computed again with these defects, as they were issued.
//!
//! Exists because the two share all the rest: a second file of the same rules would be mended once and forgotten once.

/// The rules that an invoice is computed by, from version 2 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::invoice) struct Rules(u16);

impl Rules {
    /// Rules version 2.
    pub(super) const V2: Self = Self(2);

    /// Rules version 3.
    pub(super) const V3: Self = Self(3);

    /// What is decided today.
    pub(in crate::invoice) const TODAY: Self = Self(crate::RULES_VERSION);

    /// Whether a discount is on the lines of every item that it took something off. Version 2 lost it on those that other
    /// discounts were for, too.
    pub(in crate::invoice) fn keep_every_part(self) -> bool {
        self.0 >= 3
    }

    /// Whether the day of a change is used up once, also where bought time began on it.
    pub(super) fn use_a_day_once(self) -> bool {
        self.0 >= 3
    }

    /// Whether one line for the difference is one line also where a period begins with the change.
    pub(super) fn net_across_periods(self) -> bool {
        self.0 >= 3
    }

    /// Whether a credit and its tax are rounded as one where the policy says so.
    pub(super) fn round_credits_with_their_tax(self) -> bool {
        self.0 >= 3
    }

    /// Whether what a stub was charged is divided by the stub's own length, whatever a whole period is divided by.
    pub(super) fn divide_stubs_by_themselves(self) -> bool {
        self.0 >= 3
    }
}
