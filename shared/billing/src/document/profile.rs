//! Named policies: how other systems order and round discounts, taxes and credit notes, as data.
//!
//! Exists so that a merchant can move here without one invoice changing (DESIGN section 4). A profile is a file, no code
//! knows a peer's name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DocumentError, credit_note::CreditNotePolicy, totals::DocumentPolicy};

/// How documents and credit notes are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingProfile {
    /// Invoices.
    #[serde(default)]
    pub document: DocumentPolicy,
    /// Credit notes.
    #[serde(default)]
    pub credit_note: CreditNotePolicy,
}

/// The profile of this name (`standard`, `lago`, `meteroid`, `polar`, `unibee`).
///
/// # Errors
/// [`DocumentError::NoSuchProfile`], with those there are.
pub fn profile(name: &str) -> Result<BillingProfile, DocumentError> {
    let all = all()?;
    let known = || all.keys().cloned().collect::<Vec<_>>().join(", ");
    all.get(name).copied().ok_or_else(|| DocumentError::NoSuchProfile { name: name.into(), known: known() })
}

/// The profiles there are.
///
/// # Errors
/// [`DocumentError::Profiles`], which a test rules out.
pub fn profile_names() -> Result<Vec<String>, DocumentError> {
    Ok(all()?.into_keys().collect())
}

fn all() -> Result<BTreeMap<String, BillingProfile>, DocumentError> {
    serde_json::from_str(include_str!("profiles.json")).map_err(|e| DocumentError::Profiles(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_read_and_standard_is_the_default() {
        assert!(profile_names().unwrap().iter().all(|name| profile(name).is_ok()));
        assert_eq!(profile("standard"), Ok(BillingProfile::default()));
        let unknown = profile("acme").unwrap_err().to_string();
        assert_eq!(unknown, "there is no billing profile \"acme\"; there are: lago, meteroid, polar, standard, unibee");
    }
}
