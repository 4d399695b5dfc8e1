//! Named profiles: one name for every question of policy, in one table.
//!
//! Exists so that "as Lago does" is one word wherever a rule is asked: at a prompt, in a test, in a migration. A profile
//! names policies that are data of their own (proration, documents, ladders); no code here or elsewhere asks for a peer.
//!
//! Where a peer publishes no rule for a kind of question, ours serve, and [`Profile::rules`] says so. What the columns mean:
//!
//! - **dates**: which first anchor a start that lies on none gets, and at which time of day periods are cut;
//! - **prices**: fields of a price model that are policy and that the document leaves out (an explicit value wins);
//! - **proration**: a row of `proration/PROFILES.md`;
//! - **documents**: a profile of `document/profiles.json`: discounts, taxes, credit notes, account credit;
//! - **ladder**: when unpaid invoices are tried again.

use std::{fmt, str::FromStr};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    calendar::{
        Interval, Unit,
        alignment::{AlignmentPolicy, BoundaryTime, FirstAnchor},
    },
    document::{BillingProfile, DocumentError, profile as document_profile},
    dunning::Ladder,
    money::Rounding,
    proration::{self, ProrationPolicy},
};

/// A kind of question that a profile may answer in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "kebab-case")]
pub enum Rules {
    /// Where periods are cut.
    Dates,
    /// What units cost.
    Prices,
    /// What a change in the middle of a period costs.
    Proration,
    /// What an invoice comes to.
    Documents,
    /// When an unpaid invoice is tried again.
    Ladder,
}

/// A named profile.
#[derive(Clone, Copy, PartialEq)]
pub struct Profile(&'static Row);

/// One row of the table. What is none is answered by our own rules.
#[derive(Debug, PartialEq)]
struct Row {
    name: &'static str,
    dates: Option<DatesPolicy>,
    prices: Option<&'static [ModelDefault]>,
    proration: proration::Profile,
    documents: Option<&'static str>,
    ladder: Option<&'static str>,
}

/// Which first anchor a start gets that lies on none, by the interval, and where in the day periods are cut.
#[derive(Debug, PartialEq)]
struct DatesPolicy {
    days: FirstAnchor,
    weeks: FirstAnchor,
    months: FirstAnchor,
    /// Quarter, half-year and year: intervals that a calendar has a name for.
    named: FirstAnchor,
    /// Several years.
    years: FirstAnchor,
    time: BoundaryTime,
}

impl DatesPolicy {
    const fn of(first: FirstAnchor) -> Self {
        Self { days: first, weeks: first, months: first, named: first, years: first, time: BoundaryTime::OfAlignment }
    }

    fn first(&self, interval: Interval) -> FirstAnchor {
        match (interval.unit(), interval.count()) {
            (Unit::Day, _) => self.days,
            (Unit::Week, _) => self.weeks,
            (Unit::Month, 3 | 6) | (Unit::Year, 1) => self.named,
            (Unit::Month, _) => self.months,
            (Unit::Year, _) => self.years,
        }
    }
}

/// A field of a price model that is policy, and its value where a document leaves it out.
#[derive(Debug, PartialEq)]
struct ModelDefault {
    model: &'static str,
    /// Only where this field of the model has this value.
    when: Option<(&'static str, &'static str)>,
    field: &'static str,
    value: &'static str,
}

impl ModelDefault {
    const fn of(model: &'static str, field: &'static str, value: &'static str) -> Self {
        Self { model, when: None, field, value }
    }

    const fn when(model: &'static str, when: (&'static str, &'static str), value: &'static str) -> Self {
        Self { model, when: Some(when), field: OVERFLOW, value }
    }

    fn applies(&self, model: &Map<String, Value>) -> bool {
        let is = |field: &str, value: &str| model.get(field).and_then(Value::as_str) == Some(value);
        let is_open = || model.get("tiers").and_then(Value::as_array).and_then(|t| t.last()).is_none_or(is_without_end);
        is("model", self.model)
            && self.when.is_none_or(|(field, value)| is(field, value))
            && !model.contains_key(self.field)
            && !(self.field == OVERFLOW && is_open())
    }
}

/// What units beyond the last tier pay; a question only where that tier has an end.
const OVERFLOW: &str = "overflow";

fn is_without_end(tier: &Value) -> bool {
    ["up_to", "blocks"].iter().all(|end| tier.get(end).is_none_or(Value::is_null))
}

/// Flexprice: days and months count from the start, weeks from the anchor's weekday, several years from its day; named periods keep step.
const FLEXPRICE_DATES: DatesPolicy = DatesPolicy {
    days: FirstAnchor::StartMonth,
    weeks: FirstAnchor::LongestStub,
    months: FirstAnchor::StartMonth,
    named: FirstAnchor::InStep,
    years: FirstAnchor::LongestStub,
    time: BoundaryTime::OfAlignment,
};

/// Lago: the local day is billed, from its beginning.
const LAGO_DATES: DatesPolicy = DatesPolicy { time: BoundaryTime::Midnight, ..DatesPolicy::of(FirstAnchor::InStep) };

const LAGO_PRICES: &[ModelDefault] = &[
    ModelDefault::of("graduated", "zero_units", "first-flat-amount"),
    ModelDefault::of("volume", "zero_units", "first-flat-amount"),
    ModelDefault::of("usage", "below_zero", "nothing"),
];

const POLAR_PRICES: &[ModelDefault] =
    &[ModelDefault::of("volume", OVERFLOW, "refused"), ModelDefault::of("graduated", OVERFLOW, "not-billed")];

const KILLBILL_PRICES: &[ModelDefault] = &[
    ModelDefault::when("block-tiers", ("policy", "all-tiers"), "not-billed"),
    ModelDefault::when("block-tiers", ("policy", "top-tier"), "last-tier"),
];

const METEROID_PRICES: &[ModelDefault] = &[ModelDefault::of("volume", "at_end", "next-tier")];

/// Kill Bill's tutorial of overdue states: retries 1, 8, 4 and 7 days after the previous attempt, a warning after 10 days,
/// blocked after 14, cancelled after 21, counted from the earliest unpaid invoice.
const KILLBILL_LADDER: &str = r#"{
    "soft": [{"after_days": 1, "from": "previous-attempt", "action": "retry"},
             {"after_days": 8, "from": "previous-attempt", "action": "retry"},
             {"after_days": 10, "action": "notify"},
             {"after_days": 4, "from": "previous-attempt", "action": "retry"},
             {"after_days": 14, "action": "suspend"},
             {"after_days": 7, "from": "previous-attempt", "action": "retry"},
             {"after_days": 21, "action": "end"}],
    "hard": [{"after_days": 10, "action": "notify"}, {"after_days": 14, "action": "suspend"},
             {"after_days": 21, "action": "end"}],
    "unpaid": [{"after_days": 10, "action": "notify"}, {"after_days": 14, "action": "suspend"},
               {"after_days": 21, "action": "end"}]}"#;

/// Polar's page about failed payments: access is lost at once, retries after 2, 7, 14 and 21 days, then the end; a code that
/// says that the method will never work ends at once.
const POLAR_LADDER: &str = r#"{
    "soft": [{"after_days": 0, "action": "notify"}, {"after_days": 0, "action": "suspend"},
             {"after_days": 2, "from": "previous-attempt", "action": "retry"},
             {"after_days": 5, "from": "previous-attempt", "action": "retry"},
             {"after_days": 7, "from": "previous-attempt", "action": "retry"},
             {"after_days": 7, "from": "previous-attempt", "action": "retry"},
             {"after_days": 21, "action": "end"}],
    "hard": [{"after_days": 0, "action": "notify"}, {"after_days": 0, "action": "end"}],
    "unpaid": [{"after_days": 0, "action": "notify"}, {"after_days": 21, "action": "end"}]}"#;

const OURS: Row = Row {
    name: "default",
    dates: None,
    prices: None,
    proration: proration::Profile::Default,
    documents: None,
    ladder: None,
};

const STRIPE: Row = Row { dates: Some(DatesPolicy::of(FirstAnchor::InStep)), prices: Some(&[]), ..OURS };

const KILLBILL: Row = Row {
    dates: Some(DatesPolicy::of(FirstAnchor::StartMonth)),
    prices: Some(KILLBILL_PRICES),
    ladder: Some(KILLBILL_LADDER),
    ..OURS
};

const POLAR: Row = Row { prices: Some(POLAR_PRICES), documents: Some("polar"), ladder: Some(POLAR_LADDER), ..OURS };

const CHARGEBEE: Row = Row { prices: Some(&[]), ..OURS };

/// The table: all profiles there are.
static TABLE: [Row; 16] = [
    OURS,
    Row { name: "stripe-classic", proration: proration::Profile::StripeClassic, ..STRIPE },
    Row { name: "stripe-flexible", proration: proration::Profile::StripeFlexible, ..STRIPE },
    Row {
        name: "lago",
        dates: Some(LAGO_DATES),
        prices: Some(LAGO_PRICES),
        proration: proration::Profile::Lago,
        documents: Some("lago"),
        ladder: None,
    },
    Row { name: "killbill", proration: proration::Profile::Killbill, ..KILLBILL },
    Row { name: "killbill-30", proration: proration::Profile::Killbill30, ..KILLBILL },
    Row { name: "polar", proration: proration::Profile::Polar, ..POLAR },
    Row { name: "polar-seats", proration: proration::Profile::PolarSeats, ..POLAR },
    Row {
        name: "meteroid",
        dates: Some(DatesPolicy::of(FirstAnchor::StartMonth)),
        prices: Some(METEROID_PRICES),
        proration: proration::Profile::Meteroid,
        documents: Some("meteroid"),
        ladder: None,
    },
    Row {
        name: "flexprice",
        dates: Some(FLEXPRICE_DATES),
        prices: Some(&[]),
        proration: proration::Profile::Flexprice,
        ..OURS
    },
    Row { name: "chargebee-day", proration: proration::Profile::ChargebeeDay, ..CHARGEBEE },
    Row { name: "chargebee-millisecond", proration: proration::Profile::ChargebeeMillisecond, ..CHARGEBEE },
    Row { name: "paddle", proration: proration::Profile::Paddle, ..OURS },
    Row { name: "recurly", proration: proration::Profile::Recurly, ..OURS },
    Row { name: "samsung", proration: proration::Profile::Samsung, ..OURS },
    Row { name: "autumn", proration: proration::Profile::Autumn, ..OURS },
];

/// No profile of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile {name:?}; there are: {}", Profile::names().join(", "))]
pub struct UnknownProfile {
    name: String,
}

impl Profile {
    /// All profiles, ours first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// All names, ours first.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        TABLE.iter().map(|row| row.name).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whose rules answer this kind of question: the profile's name, or `default` where it says nothing of its own.
    #[must_use]
    pub fn rules(self, of: Rules) -> &'static str {
        let row = self.0;
        let own = match of {
            Rules::Dates => row.dates.is_some(),
            Rules::Prices => row.prices.is_some(),
            Rules::Proration => true,
            Rules::Documents => row.documents.is_some(),
            Rules::Ladder => row.ladder.is_some(),
        };
        if own { row.name } else { OURS.name }
    }

    /// How periods of `interval` are aligned; what they are aligned to is the contract's.
    #[must_use]
    pub fn alignment(self, interval: Interval) -> AlignmentPolicy {
        let ours = AlignmentPolicy::default();
        self.0.dates.as_ref().map_or(ours, |dates| AlignmentPolicy {
            first: dates.first(interval),
            time: dates.time,
            ..ours
        })
    }

    /// Puts the profile's answers into a price model, as catalogs write it, wherever it leaves a question of policy open;
    /// also in the models within it.
    pub fn complete_price(self, price: &mut Value) {
        let Some(model) = price.as_object_mut() else { return };
        for default in self.0.prices.unwrap_or_default() {
            if default.applies(model) {
                model.insert(default.field.into(), default.value.into());
            }
        }
        if let Some(inner) = model.get_mut("price") {
            self.complete_price(inner);
        }
    }

    /// How changes are prorated.
    #[must_use]
    pub fn proration(self) -> ProrationPolicy {
        self.0.proration.policy()
    }

    /// How a price becomes whole minor units.
    #[must_use]
    pub fn price_rounding(self) -> Rounding {
        self.proration().rounding
    }

    /// The profile's name among those of proration, for policies that put fields on top of it.
    #[must_use]
    pub fn proration_name(self) -> proration::Profile {
        self.0.proration
    }

    /// How documents and credit notes are computed.
    ///
    /// # Errors
    /// [`DocumentError`], which a test rules out.
    pub fn documents(self) -> Result<BillingProfile, DocumentError> {
        document_profile(self.0.documents.unwrap_or("standard"))
    }

    /// When unpaid invoices are tried again.
    ///
    /// # Errors
    /// In words, which a test rules out.
    pub fn ladder(self) -> Result<Ladder, String> {
        match self.0.ladder {
            Some(json) => serde_json::from_str(json).map_err(|e| format!("the ladder of {self} is not valid: {e}")),
            None => Ok(Ladder::standard()),
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self(&OURS)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.0.name).finish()
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;
    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let row = TABLE.iter().find(|row| row.name == name);
        row.map(Self).ok_or_else(|| UnknownProfile { name: name.chars().take(40).collect() })
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_profile_answers_every_kind_of_question() {
        for profile in Profile::all() {
            assert_eq!(profile.name().parse::<Profile>(), Ok(profile));
            assert_eq!(profile.ladder().unwrap().problems(), Vec::<String>::new(), "{profile}");
            assert!(profile.documents().is_ok(), "{profile}");
            assert!(Rules::iter().all(|of| [profile.name(), "default"].contains(&profile.rules(of))));
            assert_eq!(profile.proration_name().to_string(), profile.name());
        }
        assert_eq!(Profile::names().len(), proration::Profile::iter().count());
    }

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_that_do() {
        let said = "stripe".parse::<Profile>().unwrap_err().to_string();
        assert!(said.starts_with("there is no profile \"stripe\"; there are: default, stripe-classic,"), "{said}");
    }

    #[test]
    fn a_price_is_completed_where_it_is_silent_and_nowhere_else() {
        let completed = |profile: &str, price: &str| {
            let mut price: Value = serde_json::from_str(price).unwrap();
            profile.parse::<Profile>().unwrap().complete_price(&mut price);
            price.to_string()
        };
        let usage = r#"{"model":"usage","price":{"model":"graduated","tiers":[{"up_to":"10"}]}}"#;
        assert!(completed("lago", usage).contains(r#""below_zero":"nothing""#));
        assert!(completed("lago", usage).contains(r#""zero_units":"first-flat-amount""#));
        assert!(completed("polar", usage).contains(r#""overflow":"not-billed""#));
        let open = r#"{"model":"graduated","tiers":[{}],"zero_units":"nothing"}"#;
        for profile in ["polar", "lago", "default"] {
            let (ours, same): (Value, Value) =
                (serde_json::from_str(&completed(profile, open)).unwrap(), serde_json::from_str(open).unwrap());
            assert_eq!(ours, same, "{profile}");
        }
    }

    #[test]
    fn the_first_anchor_follows_from_profile_and_interval() {
        let first = |profile: &str, interval: &str| {
            profile.parse::<Profile>().unwrap().alignment(interval.parse().unwrap()).first
        };
        assert_eq!(first("killbill", "year"), FirstAnchor::StartMonth);
        assert_eq!(first("flexprice", "2-weeks"), FirstAnchor::LongestStub);
        assert_eq!(first("flexprice", "year"), FirstAnchor::InStep);
        assert_eq!(first("paddle", "year"), FirstAnchor::InStep);
    }
}
