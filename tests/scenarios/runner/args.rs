//! The words of a command: taken one by one, and none may be left over.
//!
//! Exists so that a misspelt word in a story is an error and not a story that tests less than it says.

use billing::calendar::Instant;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// What is left of a line.
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(text: &str) -> Self {
        Self { words: text.split_whitespace().map(Into::into).collect() }
    }

    /// The next word.
    pub(crate) fn next(&mut self, what: &str) -> Result<String, String> {
        if self.words.is_empty() { Err(format!("{what} is missing")) } else { Ok(self.words.remove(0)) }
    }

    /// Whether `word` is there.
    pub(crate) fn flag(&mut self, word: &str) -> bool {
        let found = self.words.iter().position(|w| w == word);
        found.map(|i| self.words.remove(i)).is_some()
    }

    /// The word after `name`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.words.iter().position(|w| w == name) else { return Ok(None) };
        if at + 1 >= self.words.len() {
            return Err(format!("{name} needs a value"));
        }
        self.words.remove(at);
        Ok(Some(self.words.remove(at)))
    }

    /// The value of the word `name=value`.
    pub(crate) fn setting(&mut self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        let at = self.words.iter().position(|w| w.starts_with(&prefix))?;
        Some(self.words.remove(at)[prefix.len()..].to_owned())
    }

    /// All words `name=value` that are left.
    pub(crate) fn settings(&mut self) -> Vec<(String, String)> {
        let (settings, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.words).into_iter().partition(|w| w.contains('='));
        self.words = rest;
        let pairs = settings.iter().filter_map(|w| w.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// No word may be left.
    pub(crate) fn finish(self) -> Result<(), String> {
        if self.words.is_empty() { Ok(()) } else { Err(format!("not understood: {}", self.words.join(" "))) }
    }
}

/// A date (its midnight in UTC) or an instant.
pub(crate) fn instant(text: &str) -> Result<Instant, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let date: NaiveDate = text.parse().map_err(|_| format!("{text} is neither a date nor an instant"))?;
    Ok(date.and_time(NaiveTime::MIN).and_utc())
}
