//! The rules at a prompt: examples keep their answers, and schemas, examples and structs know the same fields.
//!
//! Exists because a schema that is written by hand drifts from the code unless each is walked against the other: every field
//! of a schema stands in an example, every field of an example in its schema, and what a struct says it expects is what the
//! schema says it has.

use std::{collections::BTreeSet, fs, path::PathBuf};

use billing::{
    calc::{CalcError, Kind, answer},
    profile::Profile,
};
use serde_json::{Value, json};
use strum::IntoEnumIterator;

pub(crate) fn ask(kind: Kind, question: &str) -> Result<Value, CalcError> {
    answer(kind, question, Profile::default()).map(|text| serde_json::from_str(&text).expect("an answer is JSON"))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn the_examples_keep_their_answers() {
    for kind in Kind::iter() {
        let answers: Vec<String> = lines(kind.examples())
            .into_iter()
            .map(|question| answer(kind, question, Profile::default()).unwrap_or_else(|e| panic!("{question}: {e}")))
            .collect();
        let file = PathBuf::from(format!("schemas/examples/{kind}.answers.jsonl"));
        let found = answers.join("\n") + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&file, &found).expect("the answers are written");
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(lines(&found), lines(&golden), "{kind}: if this is meant, run again with UPDATE_EXPECT=1");
    }
}

/// A schema that is walked along a document.
struct Walk<'a> {
    root: &'a Value,
    /// Every property that was met: the place of its schema, and its name.
    seen: BTreeSet<(String, String)>,
    /// Every object that was met: where it stands in the document, and the place of its schema.
    objects: Vec<(String, String)>,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, seen: BTreeSet::new(), objects: Vec::new() }
    }

    fn node(&self, place: &str) -> &'a Value {
        self.root.pointer(place).unwrap_or_else(|| panic!("no schema at {place}"))
    }

    /// Whether `value` is what the schema at `place` says; what is met is kept.
    fn along(&mut self, place: &str, value: &Value, at: &str) -> Result<(), String> {
        let node = self.node(place);
        if let Some(reference) = node["$ref"].as_str() {
            return self.along(reference.trim_start_matches('#'), value, at);
        }
        if let Some(branches) = node["oneOf"].as_array() {
            return self.along_one(place, branches.len(), value, at);
        }
        let is = |wanted: &Value| wanted == value;
        if node.get("const").is_some_and(|wanted| !is(wanted))
            || node["enum"].as_array().is_some_and(|all| !all.iter().any(is))
        {
            return Err(format!("{at}: {value} is not what {place} allows"));
        }
        let fits = match node["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !fits {
            return Err(format!("{at}: {value} is not a {}", node["type"]));
        }
        self.within(place, node, value, at)
    }

    fn along_one(&mut self, place: &str, count: usize, value: &Value, at: &str) -> Result<(), String> {
        let mut problems = Vec::new();
        for branch in 0..count {
            let mut walk = Walk::new(self.root);
            match walk.along(&format!("{place}/oneOf/{branch}"), value, at) {
                Ok(()) => {
                    self.seen.extend(walk.seen);
                    self.objects.extend(walk.objects);
                    return Ok(());
                }
                Err(problem) => problems.push(problem),
            }
        }
        Err(problems.join("; "))
    }

    fn within(&mut self, place: &str, node: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            self.along(&format!("{place}/items"), item, &format!("{at}/{number}"))?;
        }
        let Some(object) = value.as_object() else { return Ok(()) };
        for name in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        self.objects.push((at.into(), place.into()));
        for (name, inner) in object {
            if node["properties"].get(name).is_none() {
                return Err(format!("{at}: the schema at {place} has no {name}"));
            }
            self.seen.insert((place.into(), name.clone()));
            self.along(&format!("{place}/properties/{name}"), inner, &format!("{at}/{name}"))?;
        }
        Ok(())
    }
}

/// Every property that a schema has, with its place.
fn properties(node: &Value, place: &str, found: &mut BTreeSet<(String, String)>) {
    for name in node["properties"].as_object().into_iter().flat_map(|all| all.keys()) {
        found.insert((place.into(), name.clone()));
    }
    match node {
        Value::Object(all) => all.iter().for_each(|(name, inner)| properties(inner, &format!("{place}/{name}"), found)),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, inner)| properties(inner, &format!("{place}/{n}"), found));
        }
        _ => {}
    }
}

fn schema(text: &str) -> Value {
    serde_json::from_str(text).expect("a schema is JSON")
}

/// What needs no example: what a catalog's price may carry in any model, and models beside their own kind of question.
fn needs_no_example(kind: Kind, (place, name): &(String, String)) -> bool {
    let is_price = place.starts_with("/$defs/model_") || place == "/$defs/tier";
    is_price && (kind != Kind::Price || ["currency", "interval"].contains(&name.as_str()))
}

fn every_property_is_met(kind: Kind, text: &str, documents: &[Value]) {
    let schema = schema(text);
    let mut walk = Walk::new(&schema);
    for document in documents {
        walk.along("", document, "").unwrap_or_else(|problem| panic!("{kind}: {document}: {problem}"));
    }
    let mut all = BTreeSet::new();
    properties(&schema, "", &mut all);
    let missing: Vec<_> = all.difference(&walk.seen).filter(|property| !needs_no_example(kind, property)).collect();
    assert!(missing.is_empty(), "{kind}: no example has {missing:#?}");
}

#[test]
fn every_field_of_a_schema_stands_in_an_example_and_every_field_of_an_example_in_its_schema() {
    for kind in Kind::iter() {
        let questions = lines(kind.examples());
        let asked: Vec<Value> = questions.iter().map(|q| serde_json::from_str(q).expect("JSON")).collect();
        every_property_is_met(kind, kind.question_schema(), &asked);
        let answers: Vec<Value> = questions.iter().map(|q| ask(kind, q).expect("an answer")).collect();
        every_property_is_met(kind, kind.answer_schema(), &answers);
    }
}

/// The names between backticks that serde says it expected.
fn expected(message: &str) -> Option<BTreeSet<String>> {
    let (_, list) = message.split_once("unknown field `?`, ")?;
    let list = list.split(" (column").next()?;
    Some(list.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Names that a struct reads apart from its fields: tags of enums, and what a catalog's price carries.
const TAGS: [&str; 5] = ["model", "is", "kind", "currency", "interval"];

/// Where the fields of a proration policy stand.
const POLICY: &str = "/$defs/policy_fields";

#[test]
fn every_field_that_a_question_knows_is_in_its_schema_and_the_reverse() {
    let mut compared = 0;
    for kind in Kind::iter() {
        let schema = schema(kind.question_schema());
        for question in lines(kind.examples()) {
            let document: Value = serde_json::from_str(question).expect("JSON");
            let mut walk = Walk::new(&schema);
            walk.along("", &document, "").expect("an example fits its schema");
            for (at, place) in &walk.objects {
                let fields = walk.node(place)["properties"].as_object().expect("properties");
                // Serde looks at nothing but the tag of a variant without fields.
                if fields.keys().all(|name| TAGS.contains(&name.as_str())) {
                    continue;
                }
                let mut wrong = document.clone();
                wrong.pointer_mut(at).expect("an object")["?"] = json!(1);
                let message = match ask(kind, &wrong.to_string()) {
                    Ok(_) => panic!("{kind}: an unknown field at {at:?} of {question} was ignored"),
                    Err(error) => error.to_string(),
                };
                // An enum names its variants, and a choice of shapes its shapes: they have no list of fields.
                let Some(mut known) = expected(&message) else { continue };
                if place == POLICY {
                    // A catalog's policy may name a profile; a question names it beside the policy.
                    known.remove("profile");
                }
                let mut written: BTreeSet<String> = fields.keys().cloned().collect();
                written.retain(|name| known.contains(name) || !TAGS.contains(&name.as_str()));
                assert_eq!(known, written, "{kind}: {at} of {question}");
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "only {compared} objects were compared");
}

/// What cannot be answered, and a part of what is said about it.
const BAD: &[(Kind, &str, &str)] = &[
    (Kind::Dates, "", "this is not a question of this kind: EOF"),
    (Kind::Dates, "{", "compare with --example and --schema"),
    (Kind::Dates, "{}", "start: is missing"),
    (Kind::Dates, r#"{"start":"2026-02-31"}"#, "\"2026-02-31\" is not a date: write 2026-01-31"),
    (
        Kind::Dates,
        r#"{"start":"2026-01-31","profile":"strype"}"#,
        "there is no profile \"strype\"; there are: default,",
    ),
    (Kind::Dates, r#"{"start":"2026-01-31","zone":"Berlin"}"#, "write such as Europe/Berlin"),
    (Kind::Dates, r#"{"start":"2026-01-31","interval":"fortnight"}"#, "an interval is day, week, month"),
    (Kind::Dates, r#"{"start":"2026-01-31","count":0}"#, "count: is 1 to 1200"),
    (Kind::Dates, r#"{"start":"2026-01-31","anchor_day":32}"#, "anchor_day: a day of the month"),
    (Kind::Dates, r#"{"start":"2026-01-31","trial":{"days":7,"until":"2026-03-01"}}"#, "either days or until"),
    (Kind::Dates, r#"{"start":"2026-01-31","align":"calendar","anchor_day":3}"#, "align: is said twice"),
    (Kind::Dates, r#"{"start":"2026-01-31","end":"2026-01-01"}"#, "choose a later end"),
    (Kind::Price, r#"{"price":{"model":"flat","amount":"1"},"quantity":1}"#, "currency: is missing"),
    (Kind::Price, r#"{"currency":"EURO","price":{}}"#, "is not an ISO 4217 code"),
    (Kind::Price, r#"{"currency":"EUR","quantity":1}"#, "price: is missing"),
    (
        Kind::Price,
        r#"{"currency":"EUR","price":{"model":"flat","amount":"1.999"},"quantity":1}"#,
        "price: amount has more",
    ),
    (Kind::Price, r#"{"currency":"EUR","price":{"model":"flat","amount":"1"}}"#, "quantity: is missing"),
    (Kind::Price, r#"{"currency":"EUR","price":{"model":"per-seat","unit_amount":"1"},"quantity":-1}"#, "0 or more"),
    (Kind::Price, r#"{"currency":"EUR","price":{"model":"flat","amount":"1"},"quantity":1.5}"#, "as text, such as"),
    (Kind::Invoice, r#"{"currency":"EUR","lines":[{"amount":"5","quantity":2}]}"#, "give one of the three"),
    (
        Kind::Prorate,
        r#"{"currency":"EUR","kind":"factor","to":"9","numerator":-1,"denominator":30}"#,
        "numerator: is 0 or more",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"EUR","kind":"factor","to":"9","numerator":0,"denominator":0}"#,
        "numerator: is 0 or more",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"}}"#,
        "at: is missing",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-04-16","from":"30"}"#,
        "needs the price before and the price after",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-06-16","from":"30","to":"50"}"#,
        "at: lies outside the period",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-04-16","from":3000,"to":"50"}"#,
        "ends in _minor",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-04-16","from":"30","from_minor":1,"to":"1"}"#,
        "from: is given twice",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-04-16","from":"-1","to":"1"}"#,
        "a full period costs 0 or more",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"factor","numerator":31,"denominator":30,"to":"1"}"#,
        "at most the denominator",
    ),
    (
        Kind::Prorate,
        r#"{"currency":"USD","kind":"factor","numerator":15,"denominator":30,"to":"1","tax_percent":"-1"}"#,
        "tax_percent: is 0 to 100",
    ),
    (Kind::Invoice, r#"{"currency":"EUR","lines":[{"item":"team"}]}"#, "lines[1].amount: is needed"),
    (
        Kind::Invoice,
        r#"{"currency":"EUR","lines":[{"amount":"1"}],"coupons":[{"percent":"120"}]}"#,
        "is not a percentage",
    ),
    (Kind::Invoice, r#"{"currency":"EUR","lines":[{"amount":"1"}],"coupons":[{}]}"#, "either percent or fixed"),
    (
        Kind::Price,
        r#"{"currency":"EUR","price":{"model":"percentage","rate":"1"},"events":{"amounts":["10","20"]},"quantity":"31"}"#,
        "the events add up to 30 units and the quantity is 31",
    ),
    (Kind::Invoice, r#"{"currency":"EUR","lines":[{"amount":"0.001"}]}"#, "has more decimals than EUR"),
    (
        Kind::Invoice,
        r#"{"currency":"EUR","lines":[{"amount_minor":9223372036854775807},{"amount_minor":1}]}"#,
        "too large",
    ),
    (Kind::Invoice, r#"{"currency":"EUR","lines":[{"amount":"1"}],"tax_percent":8.25}"#, "a percentage as text"),
    (Kind::Invoice, "[]", "a question is a JSON object"),
    (Kind::Invoice, "{", "a question is one line"),
    (
        Kind::Price,
        r#"{"currency":"EUR","price":{"model":"flat","amount":10},"quantity":1}"#,
        "expected a number as text, such as \"2.5\"",
    ),
    (Kind::Dunning, "{}", "first_failure: is missing"),
    (Kind::Dunning, r#"{"first_failure":"2026-01-01","class":"hard","code":"x"}"#, "keep one of both"),
    (Kind::Dunning, r#"{"first_failure":"2026-01-01","ladder":{"soft":[]}}"#, "the last rung must be end"),
];

#[test]
fn what_cannot_be_answered_says_what_to_do() {
    for (kind, question, part) in BAD {
        let said = ask(*kind, question).expect_err(question).to_string();
        assert!(said.contains(part), "{kind} {question}: {said:?} does not say {part:?}");
    }
}

#[test]
fn a_profile_in_the_question_wins_over_the_one_of_the_prompt() {
    let question = r#"{"id":"x","profile":"lago","currency":"EUR","price":{"model":"flat","amount":"1"},"quantity":1}"#;
    let polar: Profile = "polar".parse().expect("a profile");
    let found: Value = serde_json::from_str(&answer(Kind::Price, question, polar).expect("an answer")).expect("JSON");
    assert_eq!((&found["id"], &found["profile"]), (&json!("x"), &json!({"name": "lago", "rules": "lago"})));
}

/// A run that finds nothing new is a run, and one that goes back is refused.
#[test]
fn runs_go_forward_and_may_come_twice_at_one_instant() {
    let asked = |runs: &str| {
        let question =
            format!(r#"{{"zone": "UTC", "start": "2026-01-01", "interval": "month", "count": 3, "runs": {runs}}}"#);
        ask(Kind::Dates, &question)
    };
    let answer = asked(r#"["2026-01-01", "2026-02-01", "2026-02-01"]"#).unwrap();
    let due: Vec<_> =
        answer["runs"].as_array().unwrap().iter().map(|run| run["due"].as_array().unwrap().len()).collect();
    assert_eq!(due, [0, 1, 0]);
    assert!(asked(r#"["2026-02-01", "2026-01-31"]"#).is_err());
}

#[test]
fn periods_of_an_anchor_are_listed_up_to_the_one_that_holds_the_day() {
    let starts = |until: &str| {
        let question = json!({"anchor": "2025-01-31", "interval": "month", "until": until, "count": 10});
        let answer = ask(Kind::Dates, &question.to_string()).expect("an answer");
        let periods = answer["periods"].as_array().expect("periods").clone();
        periods.iter().map(|p| p["start"].as_str().expect("a start")[..10].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(starts("2025-03-30"), ["2025-01-31", "2025-02-28"]);
    assert_eq!(starts("2025-03-31"), ["2025-01-31", "2025-02-28", "2025-03-31"]);
}

#[test]
fn stubs_and_segments_are_cut_at_their_anchors() {
    let factors = |question: Value| {
        let answer = ask(Kind::Prorate, &question.to_string()).expect("an answer");
        let lines = answer["lines"].as_array().expect("lines").clone();
        lines.iter().map(|l| format!("{}/{}", l["factor"]["numerator"], l["factor"]["denominator"])).collect::<Vec<_>>()
    };
    let stub = json!({"currency": "USD", "profile": "killbill", "kind": "leading-stub", "start": "2026-01-10",
        "anchor_day": 1, "interval": "month", "to": "31"});
    assert_eq!(factors(stub), ["22/31"]);
    let segments = |interval: &str, until: &str| {
        json!({"currency": "USD", "profile": "killbill", "kind": "segments", "to": "1", "interval": interval,
            "segments": [{"start": "2026-01-01", "anchor_day": 1}], "until": until})
    };
    assert_eq!(factors(segments("month", "2026-02-28")), ["1/1", "1/1"]);
    let of = |interval, until| factors(segments(interval, until)).len();
    assert_eq!([of("2-weeks", "2026-01-28"), of("10-days", "2026-01-20"), of("week", "2026-01-07")], [2, 2, 1]);
}
