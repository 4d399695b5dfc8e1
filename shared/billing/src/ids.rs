//! Identifiers with a prefix that tells what they name; validated once, at the edge.
//!
//! Exists because support staff paste ids into chats: `inv_…-p12` says what it is and which period it bills.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest identifier accepted, in bytes, prefix included.
pub const ID_BYTES_MAX: usize = 80;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id here is {prefix}… followed by letters, digits, - or _ (at most {ID_BYTES_MAX} characters)")]
pub struct BadId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The prefix of every such id.
            pub const PREFIX: &'static str = $prefix;

            /// A validated id.
            ///
            /// # Errors
            /// [`BadId`] when the prefix is missing or a character is not allowed.
            pub fn try_new(text: impl Into<String>) -> Result<Self, BadId> {
                let text = text.into();
                if is_valid(&text, $prefix) { Ok(Self(text)) } else { Err(BadId { prefix: $prefix }) }
            }

            /// A new id from 100 random bits (the caller brings the randomness).
            #[must_use]
            pub fn from_random(bits: u128) -> Self {
                Self(format!(concat!($prefix, "{}"), base32(bits, 20)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id without its prefix.
            #[must_use]
            pub fn body(&self) -> &str {
                &self.0[$prefix.len()..]
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::try_new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id_type!(
    /// Who pays.
    CustomerId, "cus_"
);
id_type!(
    /// One customer's contract.
    SubscriptionId, "sub_"
);
id_type!(
    /// What is owed, derived from its owner, cause and revision; see [`InvoiceId::derive`].
    InvoiceId, "inv_"
);

/// Why an invoice exists. Together with its owner and revision it *is* the invoice's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The billed period with this ordinal (a counter on the subscription, never reused).
    Period(u32),
    /// The trial that a contract begins with, where it costs something.
    Trial,
    /// The change that made this version of the subscription.
    Change(u64),
    /// What was used in the billed period with this ordinal, where no other invoice carries it.
    Usage(u32),
    /// What the change that made this version gives back, where its policy wants a credit note for that.
    CreditNote(u64),
    /// The document of several contracts whose first item is for the billed period with this ordinal: an item is on one
    /// document for ever, so its first item names it.
    Document(u32),
    /// The document whose first item is for what was used in the billed period with this ordinal.
    UsageDocument(u32),
}

impl InvoiceId {
    /// The id of the invoice for `cause` of `owner`: a second one for the same cause cannot exist.
    /// `revision` grows only in the transaction that voids its predecessor.
    #[must_use]
    pub fn derive(owner: &SubscriptionId, cause: Cause, revision: u16) -> Self {
        let cause = match cause {
            Cause::Period(ordinal) => format!("p{ordinal}"),
            Cause::Trial => "t".to_owned(),
            Cause::Change(version) => format!("c{version}"),
            Cause::Usage(ordinal) => format!("u{ordinal}"),
            Cause::CreditNote(version) => format!("n{version}"),
            Cause::Document(ordinal) => format!("d{ordinal}"),
            Cause::UsageDocument(ordinal) => format!("du{ordinal}"),
        };
        let revision = if revision == 0 { String::new() } else { format!("r{revision}") };
        Self(format!("inv_{}-{cause}{revision}", owner.body()))
    }
}

fn is_valid(text: &str, prefix: &str) -> bool {
    let body = text.strip_prefix(prefix).unwrap_or("");
    !body.is_empty()
        && text.len() <= ID_BYTES_MAX
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `digits` characters of Crockford's base 32 in lower case, most significant first: text order is number order.
#[must_use]
pub fn base32(bits: u128, digits: u32) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..digits).rev().map(|i| char::from(ALPHABET[(bits >> (5 * i) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_id_tells_its_owner_and_cause() {
        let sub = SubscriptionId::try_new("sub_ana").unwrap();
        assert_eq!(InvoiceId::derive(&sub, Cause::Period(12), 0).as_str(), "inv_ana-p12");
        assert_eq!(InvoiceId::derive(&sub, Cause::Trial, 0).as_str(), "inv_ana-t");
        assert_eq!(InvoiceId::derive(&sub, Cause::Change(7), 2).as_str(), "inv_ana-c7r2");
        assert_eq!(InvoiceId::derive(&sub, Cause::Usage(12), 0).as_str(), "inv_ana-u12");
        assert_eq!(InvoiceId::derive(&sub, Cause::CreditNote(7), 0).as_str(), "inv_ana-n7");
        assert_eq!(InvoiceId::derive(&sub, Cause::Document(2), 0).as_str(), "inv_ana-d2");
        assert_eq!(InvoiceId::derive(&sub, Cause::UsageDocument(2), 0).as_str(), "inv_ana-du2");
    }

    #[test]
    fn ids_with_separators_of_the_table_are_refused() {
        for bad in ["", "cus_", "sub_a", "cus_a#b", "cus_a b", &format!("cus_{}", "a".repeat(80))] {
            assert!(CustomerId::try_new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn base32_keeps_the_order_of_numbers() {
        assert!(base32(31, 4) < base32(32, 4));
        assert_eq!(base32(u128::MAX, 20).len(), 20);
    }
}
