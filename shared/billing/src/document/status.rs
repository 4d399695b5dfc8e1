//! The life of a document: draft, open, paid, void, uncollectible, as one small table.
//!
//! Exists so that an issued invoice is never edited: after it is open, only a credit note or a void corrects it. What was tried to
//! collect it is the invoice's own machine (`invoice::transition`); this is what the document says.

use serde::{Deserialize, Serialize};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DocumentStatus {
    /// Not issued: it has no number, may change, and is not owed.
    Draft,
    /// Issued and owed.
    Open,
    /// Settled.
    Paid,
    /// Withdrawn: not owed, kept with its number.
    Void,
    /// Given up; still owed, and may still be paid.
    Uncollectible,
}

/// What happens to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DocumentEvent {
    /// It is issued.
    Finalise,
    /// It is issued with nothing to pay.
    FinaliseWithNothingDue,
    /// Everything that was due came in, or was credited.
    Settle,
    /// Money went back without a correction: a refund alone, a dispute, a bounced debit.
    Reopen,
    /// It is withdrawn.
    Void,
    /// Collecting it is given up.
    GiveUp,
}

/// Why something cannot happen to a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not possible for a document that is {status}: {instead}")]
pub struct StatusError {
    /// What it is.
    pub status: DocumentStatus,
    /// What was asked for.
    pub event: DocumentEvent,
    /// What to do.
    pub instead: &'static str,
}

impl DocumentStatus {
    /// What the document is after `event`; the same when it had happened already.
    ///
    /// # Errors
    /// [`StatusError`], with what to do instead.
    pub fn after(self, event: DocumentEvent) -> Result<Self, StatusError> {
        use DocumentEvent as E;
        use DocumentStatus as S;
        let refuse = |instead| Err(StatusError { status: self, event, instead });
        match (self, event) {
            (S::Draft, E::Finalise) => Ok(S::Open),
            (S::Draft, E::FinaliseWithNothingDue) | (S::Open | S::Uncollectible, E::Settle) => Ok(S::Paid),
            (S::Draft | S::Open | S::Uncollectible, E::Void) => Ok(S::Void),
            (S::Open, E::GiveUp) => Ok(S::Uncollectible),
            (S::Paid | S::Uncollectible, E::Reopen) => Ok(S::Open),
            // What happened already happens again: queues deliver twice.
            (S::Open, E::Finalise | E::Reopen)
            | (S::Paid, E::Settle | E::FinaliseWithNothingDue)
            | (S::Void, E::Void)
            | (S::Uncollectible, E::GiveUp) => Ok(self),
            (S::Draft, _) => refuse("finalise it first"),
            (S::Paid, E::Void) => refuse("it is paid; write a credit note"),
            (S::Void, _) => refuse("it was withdrawn for good; make a new document"),
            (S::Paid, E::GiveUp) => refuse("it is paid; nothing is left to collect"),
            (_, E::Finalise | E::FinaliseWithNothingDue) => refuse("it was issued before; correct it by a credit note"),
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn the_life_of_a_document_is_this_table() {
        let mut table = Vec::new();
        for status in DocumentStatus::iter() {
            let row = DocumentEvent::iter().map(|e| status.after(e).map_or("-".into(), |s| s.to_string()));
            table.push(format!("{status}: {}", row.collect::<Vec<_>>().join(" ")));
        }
        // finalise, finalise-with-nothing-due, settle, reopen, void, give-up
        let expected = [
            "draft: open paid - - void -",
            "open: open - paid open void uncollectible",
            "paid: - paid paid open - -",
            "void: - - - - void -",
            "uncollectible: - - paid open void uncollectible",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_paid_document_is_corrected_by_a_credit_note() {
        let refusal = DocumentStatus::Paid.after(DocumentEvent::Void).unwrap_err().to_string();
        assert_eq!(refusal, "void is not possible for a document that is paid: it is paid; write a credit note");
    }
}
