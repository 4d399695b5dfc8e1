//! One line of a DynamoDB export, decoded into what analytics needs of an item: its facts and, if it is one, the customer's profile.
//!
//! The types say what is expected, so serde reads each line once, borrows its strings, and skips everything else without building
//! it. Decoding is most of a report's cost on a large table; a generic JSON scan takes ten times as long.

use std::borrow::Cow;
use std::fmt;

use billing::fact::COLUMNS;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The sort key of a customer's profile item.
const PROFILE: &str = "C";

/// A value of a fact as the export writes it: text (`S`) or digits (`N`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(Cow<'a, str>),
    Null,
}

/// One fact: a value per column of [`COLUMNS`], in their order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawFact<'a>(pub(crate) [Option<Value<'a>>; COLUMNS.len()]);

/// A customer's profile, as far as reports slice by it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile<'a> {
    pub(crate) channel: Option<Cow<'a, str>>,
    pub(crate) currency: Option<Cow<'a, str>>,
    pub(crate) acquired_at: Option<Cow<'a, str>>,
    pub(crate) country: Option<Cow<'a, str>>,
    pub(crate) storefront: Option<Cow<'a, str>>,
    pub(crate) arm: Option<Cow<'a, str>>,
}

/// What one line holds for analytics.
#[derive(Debug, Default)]
pub(crate) struct Item<'a> {
    /// Customer id and profile, if the item is one.
    pub(crate) profile: Option<(Cow<'a, str>, Profile<'a>)>,
    pub(crate) facts: Vec<RawFact<'a>>,
}

/// Decodes one line. The error says what is wrong with it, without the line.
pub(crate) fn line(bytes: &[u8]) -> Result<Item<'_>, String> {
    let line: Line<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let item = line.item;
    let profile = match (item.sk, item.pk, item.d) {
        (Some(sk), Some(pk), Some(document)) if sk.s == PROFILE => {
            let profile: ProfileDocument<'_> =
                serde_json::from_str(document.get()).map_err(|error| format!("profile: {error}"))?;
            Some((pk.s, profile.m))
        }
        _ => None,
    };
    Ok(Item { profile, facts: item.f.map(|list| list.facts).unwrap_or_default() })
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "Item", borrow)]
    item: RawItem<'a>,
}

/// Only the attributes that matter; serde skips the others.
#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    pk: Option<TextAttribute<'a>>,
    #[serde(borrow)]
    sk: Option<TextAttribute<'a>>,
    /// Kept as text, because only a profile's document is read.
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    #[serde(borrow)]
    f: Option<FactList<'a>>,
}

#[derive(Deserialize)]
struct TextAttribute<'a> {
    #[serde(rename = "S", borrow)]
    s: Cow<'a, str>,
}

#[derive(Deserialize)]
struct FactList<'a> {
    #[serde(rename = "L", borrow)]
    facts: Vec<RawFact<'a>>,
}

#[derive(Deserialize)]
struct ProfileDocument<'a> {
    #[serde(rename = "M", borrow)]
    m: Profile<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawFact<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FactVisitor)
    }
}

/// Reads `{"M":{letter:{type:value},...}}`.
struct FactVisitor;

impl<'de> Visitor<'de> for FactVisitor {
    type Value = RawFact<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact: a map of letters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fact = None;
        while let Some(kind) = map.next_key::<Short<'de>>()? {
            match kind.0.as_ref() {
                "M" => fact = Some(map.next_value::<Letters<'de>>()?.0),
                other => return Err(de::Error::custom(format!("a fact is of type {other} instead of M"))),
            }
        }
        fact.map(RawFact).ok_or_else(|| de::Error::custom("an empty fact"))
    }
}

struct Letters<'a>([Option<Value<'a>>; COLUMNS.len()]);

impl<'de> Deserialize<'de> for Letters<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LettersVisitor)
    }
}

struct LettersVisitor;

impl<'de> Visitor<'de> for LettersVisitor {
    type Value = Letters<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the values of a fact")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [const { None }; COLUMNS.len()];
        while let Some(letter) = map.next_key::<Short<'de>>()? {
            match column(&letter.0) {
                Some(position) => values[position] = Some(map.next_value::<Value<'de>>()?),
                // A column that a later version appended.
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(Letters(values))
    }
}

/// The position of a letter in [`COLUMNS`].
fn column(letter: &str) -> Option<usize> {
    let &[byte] = letter.as_bytes() else { return None };
    usize::from(*POSITIONS.get(usize::from(byte))?).checked_sub(1)
}

/// Position + 1 by letter, 0 for letters nobody has.
static POSITIONS: [u8; 128] = positions();

const fn positions() -> [u8; 128] {
    let mut table = [0; 128];
    let mut position = 0;
    while position < COLUMNS.len() {
        let letter = COLUMNS[position].letter.as_bytes();
        assert!(letter.len() == 1 && letter[0] < 128 && position < 255, "a column's letter is one ASCII character");
        position += 1;
        #[expect(clippy::cast_possible_truncation, reason = "checked above; `try_from` is not const")]
        let entry = position as u8;
        table[letter[0] as usize] = entry;
    }
    table
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value of type S, N or NULL")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = None;
        while let Some(kind) = map.next_key::<Short<'de>>()? {
            value = Some(match kind.0.as_ref() {
                "S" => Value::Text(map.next_value::<Short<'de>>()?.0),
                "N" => Value::Number(map.next_value::<Short<'de>>()?.0),
                "NULL" => {
                    map.next_value::<IgnoredAny>()?;
                    Value::Null
                }
                other => {
                    return Err(de::Error::custom(format!("a value of a fact is of type {other} instead of S or N")));
                }
            });
        }
        value.ok_or_else(|| de::Error::custom("an attribute value without a type"))
    }
}

/// A string, borrowed from the line unless it has escapes.
struct Short<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Short<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ShortVisitor)
    }
}

struct ShortVisitor;

impl<'de> Visitor<'de> for ShortVisitor {
    type Value = Short<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Short(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Short(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Profile<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ProfileVisitor)
    }
}

struct ProfileVisitor;

impl<'de> Visitor<'de> for ProfileVisitor {
    type Value = Profile<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a customer's profile")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut profile = Profile::default();
        while let Some(name) = map.next_key::<Short<'de>>()? {
            let field = match name.0.as_ref() {
                "channel" => &mut profile.channel,
                "currency" => &mut profile.currency,
                "acquired_at" => &mut profile.acquired_at,
                "country" => &mut profile.country,
                "storefront" => &mut profile.storefront,
                "arm" => &mut profile.arm,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if let Value::Text(text) = map.next_value::<Value<'de>>()? {
                *field = Some(text).filter(|text| !text.is_empty());
            }
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACT: &str = r#"{"M":{"e":{"S":"evt_1"},"q":{"N":"3"},"r":{"NULL":true},"?":{"L":[{"S":"later"}]}}}"#;

    #[test]
    fn facts_are_found_wherever_they_ride_and_unknown_attributes_are_skipped() {
        let text = format!(
            r#"{{"Item":{{"w":{{"M":{{"x":{{"BOOL":true}}}}}},"f":{{"L":[{FACT},{FACT}]}},"pk":{{"S":"c"}},"sk":{{"S":"I#1"}}}}}}"#
        );
        let item = line(text.as_bytes()).unwrap();
        assert!(item.profile.is_none());
        assert_eq!(item.facts.len(), 2);
        let values = &item.facts[1].0;
        assert_eq!(values[0], Some(Value::Text("evt_1".into())));
        assert_eq!(values[7], Some(Value::Number("3".into())));
        assert_eq!(values[13], Some(Value::Null));
        assert_eq!(values[1], None);
    }

    #[test]
    fn only_the_profile_item_is_a_profile_and_escapes_are_decoded() {
        let text = |sk: &str| {
            format!(
                r#"{{"Item":{{"d":{{"M":{{"channel":{{"S":"paid \u00e4"}},"tax":{{"M":{{}}}},"arm":{{"NULL":true}}}}}},"pk":{{"S":"cus_1"}},"sk":{{"S":"{sk}"}}}}}}"#
            )
        };
        let item_text = text("C");
        let (id, profile) = line(item_text.as_bytes()).unwrap().profile.unwrap();
        assert_eq!(id, "cus_1");
        assert_eq!(profile, Profile { channel: Some("paid ä".into()), ..Profile::default() });
        assert!(line(text("S#1").as_bytes()).unwrap().profile.is_none());
    }

    #[test]
    fn items_without_facts_are_no_error_and_odd_documents_of_others_neither() {
        let item = line(br#"{"Item":{"pk":{"S":"c"},"sk":{"S":"x"},"d":{"S":"free text"},"n":{"N":"1"}}}"#).unwrap();
        assert!(item.profile.is_none() && item.facts.is_empty());
    }

    #[test]
    fn broken_lines_say_what_is_wrong() {
        for (text, word) in [
            (r#"{"Item":{"pk":{"S":"c"}"#, "EOF"),
            (r#"{"Ite":{}}"#, "Item"),
            (r#"{"Item":{"f":{"L":[{"S":"x"}]}}}"#, "instead of M"),
            (r#"{"Item":{"f":{"L":[{"M":{"e":{"BOOL":true}}}]}}}"#, "instead of S or N"),
        ] {
            let message = line(text.as_bytes()).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
