//! Why a command did not succeed, for the person at the terminal: what was tried, and the chain of causes.

use std::{error::Error, path::Path};

/// What was tried, and why it failed. Exit code 1; bad usage is clap's 2.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing}")]
pub(crate) struct Failure {
    doing: String,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// `doing` did not work.
    pub(crate) fn because(doing: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), cause: cause.into() }
    }

    /// `doing` did not work on this file.
    pub(crate) fn io(doing: &str, path: &Path, cause: std::io::Error) -> Self {
        Self::because(format!("{doing} {}", path.display()), cause)
    }

    /// Writes the failure and its causes, one a line.
    pub(crate) fn print(&self) {
        eprintln!("perennial: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            eprintln!("  because: {error}");
            cause = error.source();
        }
    }
}
