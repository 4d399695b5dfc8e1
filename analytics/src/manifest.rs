//! `manifest.json`: what a run was made from, how, and what came out, for auditors and for the next run.

use std::path::Path;

use serde::Serialize;

use crate::checks::Check;
use crate::error::{At, ReportError};
use crate::figures::Figures;
use crate::input::{Input, Rates};
use crate::run::Written;

/// The file's content. Times are RFC 3339, amounts minor units, rates minor units per million minor units.
#[derive(Serialize)]
pub(crate) struct Manifest<'a> {
    pub(crate) version: &'static str,
    pub(crate) input: &'a Input,
    pub(crate) facts_in_input: u64,
    pub(crate) facts: u64,
    pub(crate) state_changes: u64,
    pub(crate) customers_with_profile: u64,
    pub(crate) first_fact: String,
    pub(crate) as_of: String,
    pub(crate) rates: &'a Rates,
    pub(crate) figures: &'a Figures,
    pub(crate) checks: &'a [Check],
    pub(crate) files: &'a [Written],
}

impl Manifest<'_> {
    /// Writes it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ReportError> {
        let mut text = serde_json::to_string_pretty(self).at(path)?;
        text.push('\n');
        std::fs::write(path, text).at(path)
    }
}
