//! Published cases of dunning, each through the question that its fields make.
//!
//! Exists as evidence for the shapes of a ladder: a case finds its question by the fields of its input, never by its id.

use billing::{
    calc::{Kind, answer},
    profile::Profile,
};
use serde_json::{Value, json};

fn ask(question: &Value) -> Value {
    let found = answer(Kind::Dunning, &question.to_string(), Profile::default());
    serde_json::from_str(&found.unwrap_or_else(|e| panic!("{question}: {e}"))).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn day(value: &Value) -> Value {
    json!(value.as_str().and_then(|text| text.get(..10)))
}

/// Days after the previous attempt, then what the states say, in order of time.
fn retries_and_states(input: &Value) -> Value {
    let (mut at, mut rungs) = (0, Vec::new());
    for gap in list(&input["retry_days"]).iter().filter_map(Value::as_u64) {
        at += gap;
        rungs.push((at, json!({"after_days": gap, "from": "previous-attempt", "action": "retry"})));
    }
    let actions = [("WARNING", "notify"), ("BLOCKED", "suspend"), ("CANCELLATION", "end")];
    for (state, action) in actions {
        let after = input["states"][state].as_u64().expect("days");
        rungs.push((after, json!({"after_days": after, "action": action})));
    }
    rungs.sort_by_key(|rung| rung.0);
    let ladder: Vec<Value> = rungs.into_iter().map(|rung| rung.1).collect();
    let found = ask(&json!({"first_failure": input["first_failure"], "ladder": {"soft": ladder}}));
    let steps = list(&found["collection"]["steps"]);
    let on = |action: &str| steps.iter().filter(|s| s["action"] == action).map(|s| day(&s["at"])).collect::<Vec<_>>();
    let states: serde_json::Map<String, Value> =
        actions.iter().map(|(state, action)| ((*state).to_owned(), on(action)[0].clone())).collect();
    json!({"attempts": on("retry"), "states": states})
}

fn campaign(input: &Value, expected: &Value) -> Value {
    let invoice = |name: &str| json!({"amount_minor": input[name]["amount_cents"], "due": input[name]["due"]});
    let found = ask(&json!({"campaign": {"currency": "EUR", "threshold_minor": input["threshold_cents"],
        "attempts_max": input["max_attempts"], "days_between": input["days_between"],
        "invoices": [invoice("invoice_1"), invoice("invoice_2")]}}));
    let requests = list(&found["campaign"]["requests"]);
    let on: Vec<&Value> = requests.iter().map(|r| &r["on"]).collect();
    let overdue: Vec<&Value> = list(&found["campaign"]["overdue"]).iter().map(|o| &o["on"]).collect();
    let nothing: Vec<&Value> = list(&expected["nothing_on"]).iter().filter(|day| !on.contains(day)).collect();
    let rows: Vec<Value> = requests.iter().map(|r| json!([r["on"], r["requested"]["minor"]])).collect();
    json!({"overdue_marked": overdue, "payment_requests": rows, "nothing_on": nothing})
}

fn proposed(input: &Value) -> Value {
    let start: billing::calendar::Instant = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let hours = |field: &str| input[field].as_i64().expect("hours");
    let at = start + chrono::TimeDelta::hours(hours("adaptive_h"));
    let ladder = json!([{"after_hours": hours("static_h"), "action": "retry"}, {"after_days": 30, "action": "end"}]);
    let found = ask(&json!({"first_failure": start, "ladder": {"soft": ladder}, "proposed": at}));
    let next = &found["collection"]["next_retry"];
    let chosen: billing::calendar::Instant = next["at"].as_str().expect("an instant").parse().expect("an instant");
    let source = if next["by"] == "ladder" { "static" } else { "adaptive" };
    let consumed = hours("consumed") + i64::from(next["spends_rung"] == true);
    json!({"time_h": (chosen - start).num_hours(), "source": source, "consumed_after": consumed})
}

fn consumed(input: &Value, reserved: u32) -> Vec<Value> {
    let one = |tried: &Value| {
        let budget = json!({"attempts_max": input["cap"], "reserved": reserved, "already_tried": tried});
        ask(&json!({"budget": budget}))["budget"]["consumed"].clone()
    };
    list(&input["already_tried"]).iter().map(one).collect()
}

/// Whether the triggers of a case use up the budget; the names are Polar's.
fn counts(input: &Value) -> bool {
    let ours = |trigger: &Value| match trigger.as_str() {
        Some("retry_customer") => "customer",
        Some("retry_payment_method_update") => "card-update",
        Some("retry_admin") => "admin",
        other => panic!("no trigger is called {other:?}"),
    };
    let attempts: Vec<&str> = list(&input["triggers"]).iter().map(ours).collect();
    list(&ask(&json!({"attempts": attempts}))["attempts"]).iter().any(|attempt| attempt["spends_rung"] == true)
}

/// Hard declines are not tried again; with new card data there is one attempt, at once.
fn hard(expected: &Value) -> Value {
    let (failed, updated) = ("2026-01-01T00:00:00Z", "2026-01-03T10:00:00Z");
    let without = ask(&json!({"first_failure": failed, "class": "hard"}));
    let with = ask(&json!({"first_failure": failed, "class": "hard", "card_updated_at": updated}));
    let next = &with["collection"]["next_retry"];
    let mut figures = json!({"retry": without["collection"]["retried"]});
    if expected.get("after_account_update").is_some() {
        assert!(without["collection"]["next_retry"].is_null());
        let is_at_once = next["at"] == updated && next["spends_rung"] == false;
        figures["after_account_update"] = json!(is_at_once.then_some("one immediate retry"));
    }
    figures
}

fn gaps(expected: &Value) -> Value {
    let (gap, retries) = (&expected["gap_days"], expected["retries"].as_u64().expect("a count"));
    let mut rungs: Vec<Value> =
        (0..retries).map(|_| json!({"after_days": gap, "from": "previous-attempt", "action": "retry"})).collect();
    rungs.push(json!({"after_days": gap, "from": "previous-attempt", "action": "end"}));
    let found = ask(&json!({"first_failure": "2026-01-01", "ladder": {"soft": rungs}}));
    let steps = list(&found["collection"]["steps"]);
    let seconds: Vec<i64> = steps.iter().filter_map(|s| s["after_seconds"].as_i64()).collect();
    let apart = seconds.windows(2).all(|pair| pair[1] - pair[0] == seconds[0]);
    let tried = steps.iter().filter(|s| s["action"] == "retry").count();
    let then = if steps.last().is_some_and(|s| s["action"] == "end") { "cancel" } else { "nothing" };
    json!({"gap_days": if apart { seconds[0] / 86_400 } else { 0 }, "retries": tried, "then": then})
}

fn waits(question: &Value) -> Value {
    json!({"waits_sec": ask(&json!({"gateway_errors": question}))["gateway_errors"]["waits_seconds"]})
}

/// The figures of a case, by the fields of its input.
fn figures(case: &Value) -> Value {
    let (input, expected) = (&case["input"], &case["expected"]);
    let has = |field: &str| input.get(field).is_some();
    match () {
        () if has("retry_days") => retries_and_states(input),
        () if has("threshold_cents") => campaign(input, expected),
        () if has("adaptive_h") => proposed(input),
        () if has("already_tried") => {
            json!({"consumed_new_invoice": consumed(input, 0), "consumed_invoice_in_recovery": consumed(input, 1)})
        }
        () if has("triggers") => json!({"counts": counts(input)}),
        () if has("class") || has("conditions") => hard(expected),
        () if expected.get("gap_days").is_some() => gaps(expected),
        () if has("start_sec") => waits(&json!({
            "seconds": input["start_sec"], "multiplier": input["multiplier"], "attempts_max": input["max_attempts"],
        })),
        () if has("retries") => waits(&json!({
            "base_seconds": 10, "seconds": 32, "multiplier": 2, "weighted": true, "attempts_max": input["retries"],
        })),
        () => panic!("no question has the fields of {input}"),
    }
}

#[test]
fn published_ladders_and_waits_come_out() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../cases/dunning.json")).expect("cases");
    for case in &cases {
        assert_eq!(figures(case), case["expected"], "{}", case["id"]);
    }
    assert_eq!(cases.len(), 10);
}
