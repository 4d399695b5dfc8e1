//! Published figures of other systems, each asked at the prompt (`calc`) by the name of its profile.
//!
//! Exists as evidence that naming a profile is enough: `cases/asked.json` has the question, what its source publishes at which
//! place of the answer, and the source. Nothing here knows a case or a peer.

use billing::calc::{Kind, answer};
use serde_json::Value;

#[test]
fn published_figures_are_answered_under_the_name_of_their_profile() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../cases/asked.json")).expect("cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let word = |name: &str| case[name].as_str().unwrap_or_else(|| panic!("{name} of {case}"));
        let kind: Kind = word("kind").parse().expect("a kind");
        let profile = word("profile").parse().expect("a profile");
        let answer = match answer(kind, &case["question"].to_string(), profile) {
            Ok(answer) => serde_json::from_str(&answer).expect("an answer is JSON"),
            Err(refused) => Value::String(refused.to_string()),
        };
        for (place, figure) in case["expected"].as_object().expect("figures") {
            let found = answer.pointer(place).unwrap_or(&Value::Null);
            if found != figure {
                let whole = if answer.is_string() { &answer } else { found };
                wrong.push(format!("{}: {place} is {whole}, published {figure}", word("id")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} figures:\n{}", wrong.len(), wrong.join("\n"));
}
