//! The policy cases: what counts as new, churn, reactivation, and what does not, against the published behaviour of other tools.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::path::Path;

use analytics::Options;
use common::Fact;
use serde_json::Value;

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod common;

/// A case's event as a fact. A state keeps its run-rate through events that say nothing about it.
fn fact(event: &Value, number: usize, state: &mut std::collections::HashMap<String, (i64, String)>) -> Fact {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let (kind, subscription) = (text("type"), text("sub"));
    let amount = event["amount_minor"].as_i64().unwrap_or(0);
    let yearly = text("interval") == "year";
    let entry = state.entry(subscription.clone()).or_default();
    let event_type = match kind.as_str() {
        "signup" | "renewal" | "reactivation" => {
            entry.0 = if yearly { amount } else { amount * 12 };
            kind.clone()
        }
        "cancel" => {
            entry.0 = 0;
            kind.clone()
        }
        // A coupon changes the price: the fact is a change of run-rate with its reason.
        "discount" => {
            entry.0 = entry.0 * (100 - event["discount_pct"].as_i64().unwrap()) / 100;
            "downgrade".to_owned()
        }
        "trial_start" => "trial_started".to_owned(),
        "payment_failed" | "payment_recovered" => kind.clone(),
        other => panic!("the test knows no event {other}"),
    };
    let attempt = event["attempt"].as_i64().map(|attempt| i8::try_from(attempt).unwrap());
    let money = amount > 0 && attempt.is_none();
    Fact {
        event_id: format!("e{number:02}"),
        customer: text("cust"),
        at: text("at"),
        plan: "plan".to_owned(),
        currency: "USD".to_owned(),
        amount,
        mrr12: entry.0,
        invoice: event["invoice"].as_str().map(str::to_owned).or(money.then(|| format!("i{number}-{subscription}"))),
        attempt: attempt.or(money.then_some(1)),
        reason: if kind == "discount" {
            Some("discount".to_owned())
        } else {
            event["reason"].as_str().map(str::to_owned)
        },
        code: None,
        event_type,
        subscription,
    }
}

fn check_movements(out: &Path, expect: &Value, id: &str) {
    let rows = common::cells(&out.join("bench/mrr_movements.csv"));
    let columns = ["month", "movement", "delta_mrr12"].map(|name| common::column(&rows, name));
    let mut found: Vec<(String, String, i64)> = (0..rows.len() - 1)
        .map(|row| (columns[0][row][..7].to_owned(), columns[1][row].to_owned(), columns[2][row].parse().unwrap()))
        .collect();
    let mut expected: Vec<(String, String, i64)> = expect["movements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned(), row[2].as_i64().unwrap()))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{id}");
    let reasons = common::cells(&out.join("churn_reasons.csv"));
    let noted = expect["movements"].as_array().unwrap().iter().find_map(|row| row[3].as_str()?.strip_prefix("reason="));
    if let Some(reason) = noted.or(expect["churn_reason"].as_str()) {
        assert_eq!(common::column(&reasons, "reason"), [reason], "{id}");
    }
}

fn check_dunning(out: &Path, expect: &Value, id: &str) {
    let rows = common::cells(&out.join("dunning.csv"));
    let cell = |name: &str| common::column(&rows, name)[0].to_owned();
    assert_eq!(cell("month")[..7], *expect["month"].as_str().unwrap(), "{id}");
    assert_eq!(cell("failed_invoices"), expect["failed_invoices"].to_string(), "{id}");
    assert_eq!(cell("recovered_invoices"), expect["recovered_invoices"].to_string(), "{id}");
    if let Some(days) = expect["recovery_days"].as_f64() {
        assert_eq!(cell("mean_days").parse::<f64>().unwrap().to_bits(), days.to_bits(), "{id}");
        assert_eq!(cell(&format!("recovered_attempt_{}", expect["recovered_at_attempt"])), "1", "{id}");
    }
}

fn check_rest(out: &Path, expect: &Value, id: &str) {
    let monthly = common::cells(&out.join("mrr_monthly.csv"));
    if let Some(mrr12) = expect["mrr12_end_every_month_2025_01_to_2026_01"].as_i64() {
        assert_eq!(common::column(&monthly, "end_mrr12"), vec![mrr12.to_string(); 13], "{id}");
    }
    if let Some(churned) = expect["customers_churned"].as_i64() {
        let rows = common::cells(&out.join("churn_monthly.csv"));
        let sum: i64 = common::column(&rows, "customers_churned").iter().map(|cell| cell.parse::<i64>().unwrap()).sum();
        assert_eq!(sum, churned, "{id}");
    }
    if let Some(cohort) = expect["cohort_by_first_payment"].as_str() {
        let rows = common::cells(&out.join("cohort_retention.csv"));
        assert_eq!(common::column(&rows, "cohort")[0][..7], *cohort, "{id}");
    }
    if let Some(payments) = expect["payments_2025_02"].as_object() {
        let rows = common::cells(&out.join("payments.csv"));
        let february = common::column(&rows, "month").iter().position(|month| *month == "2025-02-01").unwrap();
        for (name, value) in payments {
            assert_eq!(common::column(&rows, name)[february], value.to_string(), "{id}: {name}");
        }
    }
}

#[test]
fn movements_follow_the_policy_in_every_case() {
    let file = Path::new("tests/policy/metrics_policy.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let mut state = std::collections::HashMap::new();
        let events = case["events"].as_array().unwrap();
        let facts: Vec<Fact> =
            events.iter().enumerate().map(|(number, event)| fact(event, number, &mut state)).collect();
        let work = tempfile::tempdir().unwrap();
        let mut customers = common::customers(&[("c1", "organic"), ("c2", "organic")]);
        common::layout(work.path(), &mut common::frame(&facts), &mut customers, None);
        let out = work.path().join("out");
        analytics::run(&Options::new(work.path(), &out)).unwrap_or_else(|error| panic!("{id}: {error}"));
        let expect = &case["expect"];
        check_movements(&out, expect, id);
        if expect["dunning"].is_object() {
            check_dunning(&out, &expect["dunning"], id);
        }
        check_rest(&out, expect, id);
    }
}
