//! The rules at a prompt: one JSON question in, one JSON answer out.
//!
//! Exists so that support staff can ask "why 23.57?" without a program, and so that tests of any language can put figures
//! to the rules. It decides nothing: a question is turned into a call of the rules, and the answer into words. Amounts are
//! given as text in major units of a currency (`"19.90"`) or in whole minor units (`amount_minor`), and answered as both.

mod dates;
mod dunning;
mod invoice;
mod price;
mod prorate;
mod words;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    discount::DiscountError,
    document::DocumentError,
    money::MoneyError,
    pricing::PriceError,
    profile::{Profile, Rules},
    refusal::Refusal,
    tax::TaxError,
};

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// Where the periods of a contract are cut.
    Dates,
    /// What units cost by a price model.
    Price,
    /// What a change in the middle of a period gives back and charges.
    Prorate,
    /// What an invoice comes to.
    Invoice,
    /// When an unpaid invoice is tried again.
    Dunning,
}

impl Kind {
    /// The JSON Schema (draft 2020-12) of a question.
    #[must_use]
    pub const fn question_schema(self) -> &'static str {
        match self {
            Self::Dates => include_str!("../schemas/dates.question.json"),
            Self::Price => include_str!("../schemas/price.question.json"),
            Self::Prorate => include_str!("../schemas/prorate.question.json"),
            Self::Invoice => include_str!("../schemas/invoice.question.json"),
            Self::Dunning => include_str!("../schemas/dunning.question.json"),
        }
    }

    /// The JSON Schema of an answer.
    #[must_use]
    pub const fn answer_schema(self) -> &'static str {
        match self {
            Self::Dates => include_str!("../schemas/dates.answer.json"),
            Self::Price => include_str!("../schemas/price.answer.json"),
            Self::Prorate => include_str!("../schemas/prorate.answer.json"),
            Self::Invoice => include_str!("../schemas/invoice.answer.json"),
            Self::Dunning => include_str!("../schemas/dunning.answer.json"),
        }
    }

    /// Questions to try, one a line.
    #[must_use]
    pub const fn examples(self) -> &'static str {
        match self {
            Self::Dates => include_str!("../schemas/examples/dates.jsonl"),
            Self::Price => include_str!("../schemas/examples/price.jsonl"),
            Self::Prorate => include_str!("../schemas/examples/prorate.jsonl"),
            Self::Invoice => include_str!("../schemas/examples/invoice.jsonl"),
            Self::Dunning => include_str!("../schemas/examples/dunning.jsonl"),
        }
    }
}

/// Why a question has no answer, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalcError {
    /// Not JSON, or not the question's fields.
    #[error("this is not a question of this kind: {0}; compare with --example and --schema")]
    Document(String),
    /// A field has a value that cannot be.
    #[error("{field}: {detail}")]
    Field {
        /// Which field.
        field: String,
        /// What it must be.
        detail: String,
    },
    /// The rules have no answer to what was asked.
    #[error("{0}")]
    Rules(String),
}

impl CalcError {
    fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Field { field: field.into(), detail: detail.into() }
    }
}

/// What the rules refuse is refused here in their words.
macro_rules! from_rules {
    ($($error:ty),+) => {
        $(impl From<$error> for CalcError {
            fn from(error: $error) -> Self {
                Self::Rules(error.to_string())
            }
        })+
    };
}

from_rules!(
    MoneyError,
    PriceError,
    Refusal,
    DiscountError,
    TaxError,
    DocumentError,
    crate::calendar::OutOfCalendar,
    crate::calendar::schedule::ScheduleError,
    crate::dunning::BadWaits
);

/// Answers one question: a JSON document in, a JSON document out. `profile` serves where the question names none.
///
/// # Errors
/// [`CalcError`], in words that say what to do.
pub fn answer(kind: Kind, question: &str, profile: Profile) -> Result<String, CalcError> {
    match kind {
        Kind::Dates => answered(question, profile, dates::answer),
        Kind::Price => answered(question, profile, price::answer),
        Kind::Prorate => answered(question, profile, prorate::answer),
        Kind::Invoice => answered(question, profile, invoice::answer),
        Kind::Dunning => answered(question, profile, dunning::answer),
    }
}

fn answered<Q: DeserializeOwned, A: Serialize>(
    question: &str,
    profile: Profile,
    rule: impl Fn(&Q, Profile) -> Result<A, CalcError>,
) -> Result<String, CalcError> {
    let question = serde_json::from_str(question).map_err(|e| CalcError::Document(in_words(&e)))?;
    let answer = rule(&question, profile)?;
    serde_json::to_string(&answer).map_err(|e| CalcError::Rules(format!("the answer cannot be written: {e}")))
}

/// Why a question cannot be read, without the words of the program. Which line it is on knows who reads lines.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let said = text.strip_suffix(&place).unwrap_or(&text);
    if said.contains("expected struct Question") {
        return "a question is a JSON object, written in braces".into();
    }
    if error.is_eof() {
        return format!("{said}: a question is one line, and this one ends too early");
    }
    let said = said.replace("a Decimal type representing a fixed-point number", "a number as text, such as \"2.5\"");
    if error.column() == 0 { said } else { format!("{said} (column {})", error.column()) }
}

/// Which profile was asked for, and whose rules answered.
#[derive(Debug, Serialize)]
struct Answered {
    /// The profile that was asked for.
    name: &'static str,
    /// Whose rules answered: the profile's, or `default` where it has none for this kind.
    rules: &'static str,
    /// Said where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Answered {
    fn by(profile: Profile, of: Rules) -> Self {
        let (name, rules) = (profile.name(), profile.rules(of));
        let note = (name != rules).then(|| format!("{name} has no published rule for {of} here: default serves"));
        Self { name, rules, note }
    }
}
