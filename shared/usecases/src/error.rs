//! What went wrong, by what the caller should do next.

use billing::refusal::Refusal;

/// Three families: refused → tell the requester; conflict → load and decide again; unavailable → let the queue retry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not allowed; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody else committed first; nothing was changed.
    #[error("somebody else changed {0} first")]
    Conflict(String),
    /// A service did not answer, or answered what cannot be read. Whether a commit happened is not known.
    #[error("{operation} did not succeed")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// An [`Error::Unavailable`].
    pub fn unavailable(operation: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }
}

/// How often a decision is made again after somebody else was first.
pub const CONFLICT_TRIES: usize = 5;
