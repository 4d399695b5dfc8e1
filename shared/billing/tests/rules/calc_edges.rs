//! The rules at a prompt, where a question only just can or cannot be answered: each limit met, each field that needs another.
//!
//! Exists beside the examples because those show what is usual, and a limit is a promise at exactly one place.

use billing::calc::Kind::{self, Dates, Dunning, Invoice, Price, Prorate};
use serde_json::{Value, json};

use crate::calc::ask;

/// `fields` over `base`.
fn over(base: &Value, fields: &Value) -> Value {
    let mut question = base.clone();
    for (name, value) in fields.as_object().expect("fields") {
        question[name] = value.clone();
    }
    question
}

fn refused(kind: Kind, base: &Value, cases: &[(Value, &str)]) {
    for (fields, part) in cases {
        let said = ask(kind, &over(base, fields).to_string()).expect_err(&fields.to_string()).to_string();
        assert!(said.contains(part), "{kind} {fields}: {said:?} does not say {part:?}");
    }
}

/// Each case: fields, a place in the answer, and what stands there.
fn answered(kind: Kind, base: &Value, cases: &[(Value, &str, Value)]) {
    for (fields, place, expected) in cases {
        let found = ask(kind, &over(base, fields).to_string()).unwrap_or_else(|said| panic!("{kind} {fields}: {said}"));
        assert_eq!(found.pointer(place).unwrap_or(&Value::Null), expected, "{kind} {fields}: {place}");
    }
}

#[test]
fn dates_are_refused_where_two_fields_disagree_or_one_needs_another() {
    let twice = "align: is said twice";
    let contract = "start: is missing: a trial, an end and runs belong to a contract";
    refused(
        Dates,
        &json!({}),
        &[
            (json!({"anchor": "2026-01-31", "trial": {"days": 7}}), contract),
            (json!({"anchor": "2026-01-31", "end": "2026-05-01"}), contract),
            (json!({"anchor": "2026-01-31", "runs": ["2026-05-01"]}), contract),
        ],
    );
    refused(
        Dates,
        &json!({"start": "2026-01-31"}),
        &[
            (json!({"align": "calendar", "anchor": "2026-01-01"}), twice),
            (json!({"align": "calendar", "anchor_day": 1, "anchor_month": 2}), twice),
            (json!({"anchor": "2026-01-01", "anchor_day": 1}), twice),
            (json!({"weekday": "Mon", "anchor_day": 1}), twice),
            (json!({"anchor_month": 4}), "anchor_month: needs the anchor_day"),
            (json!({"count": 1201}), "count: is 1 to 1200"),
            (json!({"time": "nine"}), "time is midnight, of-start, of-alignment or a time"),
            (json!({"count": 2, "runs": ["2026-04-30"]}), "runs: find more than 2 periods"),
        ],
    );
    for start in ["2026-1-31", "+2026-01-31", "1799-12-31", "3000-01-01"] {
        refused(Dates, &json!({"start": start}), &[(json!({}), "is not a date")]);
    }
}

#[test]
fn dates_are_answered_up_to_their_limits() {
    answered(
        Dates,
        &json!({"start": "2026-01-31", "zone": "UTC"}),
        &[
            (json!({"until": "2026-02-27"}), "/periods/1", Value::Null),
            (json!({"until": "2026-02-28"}), "/periods/1/start", json!("2026-02-28T00:00:00Z")),
            (json!({"until": "2026-02-28"}), "/periods/2", Value::Null),
            (json!({"count": 1}), "/periods/1", Value::Null),
            (json!({"interval": "day", "count": 1200}), "/periods/1199/index", json!(1199)),
            (json!({"count": 3, "runs": ["2026-04-30"]}), "/runs/0/due/2/index", json!(3)),
            (json!({"start": "1800-01-01", "count": 1}), "/first_anchor", json!("1800-01-01T00:00:00Z")),
            (json!({"start": "2999-12-31", "count": 1}), "/first_anchor", json!("2999-12-31T00:00:00Z")),
            // Lago cuts at midnight, unless the question says otherwise.
            (json!({"profile": "lago"}), "/alignment/time", json!("midnight")),
            (json!({"profile": "lago", "time": "of-alignment"}), "/alignment/time", json!("of-alignment")),
        ],
    );
}

#[test]
fn a_currency_may_be_said_twice_and_must_then_be_one() {
    let price = json!({"price": {"currency": "USD", "model": "flat", "amount": "1"}, "quantity": 1});
    answered(
        Price,
        &price,
        &[(json!({}), "/total/minor", json!(100)), (json!({"currency": "USD"}), "/currency", json!("USD"))],
    );
    refused(Price, &price, &[(json!({"currency": "EUR"}), "currency: is EUR, and the price is in USD")]);
}

/// Ten seats, and ten more from the middle of April on: fifteen for a price that divides by days.
#[test]
fn a_commitment_to_usage_counts_it_as_the_usage_does() {
    let seats = json!({"model": "per-seat", "unit_amount": "30"});
    let usage = json!({"model": "usage", "meter": "seats", "proration": "day", "price": seats});
    let question = json!({"currency": "USD", "meter": {"aggregation": "sum", "carried": "10",
        "period": {"start": "2026-04-01", "end": "2026-05-01"}, "readings": [{"at": "2026-04-16", "value": "10"}]}});
    let commitment = |price: &Value| json!({"model": "commitment", "minimum_amount": "1", "price": price});
    answered(
        Price,
        &question,
        &[
            (json!({"price": seats}), "/total/minor", json!(60_000)),
            (json!({"price": usage}), "/total/minor", json!(45_000)),
            (json!({"price": commitment(&usage)}), "/total/minor", json!(45_000)),
            (json!({"price": commitment(&seats)}), "/total/minor", json!(60_000)),
        ],
    );
}

fn april() -> Value {
    json!({"currency": "USD", "kind": "change", "period": {"start": "2026-04-01", "end": "2026-05-01"}, "at": "2026-04-16",
        "from": "30", "to": "60"})
}

#[test]
fn a_change_is_refused_where_a_kind_lacks_what_it_is_about_or_has_what_it_cannot_mean() {
    let sides = "this kind needs the price before and the price after";
    refused(
        Prorate,
        &april(),
        &[
            (json!({"at": "2026-03-31T23:59:59Z"}), "at: lies outside the period"),
            (json!({"at": "2026-05-01T00:00:01Z"}), "at: lies outside the period"),
            (
                json!({"period": {"start": "2026-04-16", "end": "2026-04-16"}}),
                "period: ends before it starts, or at once",
            ),
            (json!({"tax_percent": "100.01"}), "tax_percent: is 0 to 100"),
            (json!({"kind": "interval"}), "new_interval: is missing"),
            (json!({"kind": "anchor"}), "new_anchor: is missing"),
            (json!({"kind": "anchor", "new_anchor": "2026-04-16"}), "new_anchor: must lie after the change"),
            (json!({"kind": "anchor", "new_anchor": "2026-04-15"}), "new_anchor: must lie after the change"),
            (json!({"kind": "anchor", "new_anchor": "2026-05-17"}), "lies more than one interval after the change"),
            (json!({"kind": "anchor", "new_anchor": "2026-05-10", "anchor_day": 10}), "is given beside anchor_day"),
            (json!({"kind": "add"}), "from: what is added had no price before"),
            (json!({"kind": "remove"}), "to: what ends has no price after"),
            (json!({"kind": "cancel"}), "to: what ends has no price after"),
            (json!({"kind": "upgrade", "from": null}), sides),
            (json!({"kind": "downgrade", "to": null}), sides),
            (json!({"kind": "quantity", "to": null}), sides),
            (json!({"items": [{"item": "plan", "from": "1"}]}), "items: are given beside from and to"),
            (json!({"from": null, "to": null}), "from: is missing"),
        ],
    );
}

#[test]
fn a_change_may_fall_on_either_end_of_its_period_and_an_anchor_one_interval_after_it() {
    answered(
        Prorate,
        &april(),
        &[
            (json!({"at": "2026-04-01"}), "/net/minor", json!(3_000)),
            (json!({"at": "2026-05-01"}), "/net/minor", json!(0)),
            (json!({"tax_percent": "0"}), "/tax/charge/total/minor", json!(3_000)),
            (json!({"tax_percent": "100"}), "/tax/charge/total/minor", json!(6_000)),
            // Half of April is given back, and a whole month is charged.
            (json!({"kind": "anchor", "new_anchor": "2026-05-16"}), "/charge/minor", json!(6_000)),
            (json!({"kind": "add", "from": null}), "/net/minor", json!(3_000)),
            (json!({"kind": "remove", "to": null}), "/net/minor", json!(-1_500)),
        ],
    );
}

/// Flexprice gives back no more than was paid, but for units that are taken off a quantity.
#[test]
fn what_kind_of_change_it_is_decides_what_is_given_back() {
    let items = json!([{"item": "seat", "unit_amount": "10", "from_quantity": 3, "to_quantity": 2, "paid": "0"}]);
    let question = over(&april(), &json!({"profile": "flexprice", "from": null, "to": null, "items": items}));
    let exclusive = json!({"period_end": "exclusive"});
    answered(
        Prorate,
        &over(&question, &json!({"policy": exclusive})),
        &[
            (json!({"kind": "change"}), "/credit/minor", json!(0)),
            (json!({"kind": "quantity"}), "/credit/minor", json!(-1_500)),
        ],
    );
    // An item that goes is given back; a contract that ends is, where the policy says so, and without its last day.
    let ended = over(&april(), &json!({"kind": "cancel", "to": null}));
    let unused = json!({"termination": "unused", "change_day": "new", "termination_day": "old"});
    answered(
        Prorate,
        &ended,
        &[
            (json!({}), "/credit/minor", json!(0)),
            (json!({"policy": unused}), "/credit/minor", json!(-1_400)),
            (json!({"kind": "remove"}), "/credit/minor", json!(-1_500)),
            (json!({"kind": "remove", "policy": unused}), "/credit/minor", json!(-1_500)),
        ],
    );
}

#[test]
fn one_part_is_taxed_from_its_exact_amount_and_several_from_their_sum() {
    let stub = json!({"currency": "USD", "policy": {"credit_tax": "together"}, "tax_percent": "49", "to": "30.04"});
    // As above, 10.01333 with 49 per cent on it is 14.91987.
    let factor = json!({"kind": "factor", "numerator": 1, "denominator": 3});
    answered(Prorate, &over(&stub, &factor), &[(json!({}), "/tax/charge/tax/minor", json!(491))]);
    // 10.01333 twice: 10.01 + 10.01, and 49 per cent of 20.02 is 9.8098; of one exact part it would be 491.
    let segments = json!([{"start": "2026-04-01", "end": "2026-04-11", "anchor_day": 1},
        {"start": "2026-04-11", "end": "2026-04-21", "anchor_day": 1}]);
    let two = json!({"kind": "segments", "until": "2026-05-01", "segments": segments});
    answered(Prorate, &over(&stub, &two), &[(json!({}), "/tax/charge/tax/minor", json!(981))]);
}

/// A line that comes to nothing is on neither side: the charge beside it is one line, taxed from its exact amount.
#[test]
fn a_credit_of_nothing_does_not_change_how_the_charge_is_taxed() {
    let together = json!({"policy": {"credit_tax": "together"}, "at": "2026-04-21", "tax_percent": "49"});
    answered(
        Prorate,
        &over(&april(), &together),
        &[
            // 10.01333 with 49 per cent on it is 14.91987; 10.01 would come to 14.9149.
            (json!({"from": "0.01", "to": "30.04"}), "/tax/charge/tax/minor", json!(491)),
            (json!({"from": "30.04", "to": "0.01"}), "/tax/credit/tax/minor", json!(491)),
        ],
    );
}

#[test]
fn a_part_is_at_most_the_whole() {
    let factor = json!({"currency": "USD", "kind": "factor", "to": "31"});
    let whole = json!({"start": "2026-01-01", "end": "2026-02-01"});
    answered(
        Prorate,
        &factor,
        &[
            (json!({"numerator": 30, "denominator": 30}), "/net/minor", json!(3_100)),
            (json!({"numerator": 0, "denominator": 30}), "/net/minor", json!(0)),
            (json!({"numerator": 1, "denominator": 1}), "/net/minor", json!(3_100)),
            (json!({"part": whole, "whole": whole}), "/net/minor", json!(3_100)),
        ],
    );
    let longer = json!({"start": "2026-01-01", "end": "2026-02-01T00:00:01Z"});
    refused(
        Prorate,
        &factor,
        &[
            (json!({"part": longer, "whole": whole}), "part: is longer than the whole"),
            (json!({"numerator": 1, "denominator": 0}), "denominator 1 or more"),
            (json!({"numerator": -1, "denominator": 1}), "numerator: is 0 or more"),
            (json!({}), "give numerator and denominator, or part and whole"),
            (
                json!({"numerator": 1, "denominator": 2, "part": whole}),
                "give numerator and denominator, or part and whole",
            ),
        ],
    );
}

#[test]
fn a_stub_is_at_most_one_interval() {
    let leading = json!({"currency": "USD", "kind": "leading-stub", "start": "2026-01-15", "to": "31"});
    answered(
        Prorate,
        &leading,
        &[
            (json!({"anchor": "2026-02-15"}), "/net/minor", json!(3_100)),
            (json!({"anchor": "2026-01-15"}), "/lines/0/rule", json!("full-period")),
            (json!({"anchor": "2026-01-16"}), "/net/minor", json!(100)),
        ],
    );
    let either = "anchor: give the first anchor, or the anchor_day, and not both";
    refused(
        Prorate,
        &leading,
        &[
            (json!({"anchor": "2026-02-16"}), "lies more than one interval after the start"),
            (json!({"anchor": "2026-02-15", "anchor_day": 15}), either),
            (json!({}), either),
        ],
    );
    let trailing = json!({"currency": "USD", "kind": "trailing-stub", "anchor": "2026-05-15", "to": "31"});
    answered(Prorate, &trailing, &[(json!({"end": "2026-06-15"}), "/net/minor", json!(3_100))]);
    refused(Prorate, &trailing, &[(json!({"end": "2026-06-16"}), "end: lies more than one interval after the anchor")]);
}

/// The standard ladder retries after 3, 8 and 15 days.
#[test]
fn an_attempt_that_is_due_at_this_instant_is_the_next_one() {
    let soft = json!({"first_failure": "2026-03-01T09:00:00Z", "class": "soft"});
    answered(
        Dunning,
        &soft,
        &[
            (json!({"now": "2026-03-04T09:00:00Z"}), "/collection/next_retry/at", json!("2026-03-04T09:00:00Z")),
            (json!({"now": "2026-03-04T09:00:01Z"}), "/collection/next_retry/at", json!("2026-03-09T09:00:00Z")),
        ],
    );
    let now = over(&soft, &json!({"now": "2026-03-02T09:00:00Z"}));
    answered(
        Dunning,
        &now,
        &[
            (json!({"proposed": "2026-03-02T09:00:00Z"}), "/collection/next_retry/by", json!("proposal")),
            (json!({"proposed": "2026-03-02T08:59:59Z"}), "/collection/next_retry/by", json!("ladder")),
            (json!({"proposed": "2026-03-04T08:59:59Z"}), "/collection/next_retry/by", json!("ladder")),
        ],
    );
}

/// A column is said where the text has one; a price within it is read apart and has none.
#[test]
fn what_cannot_be_read_says_where_it_stands() {
    let said = |question: Value| ask(Price, &question.to_string()).expect_err("no question").to_string();
    assert!(said(json!({"?": 1})).contains("(column "));
    let price = said(json!({"currency": "EUR", "quantity": 1, "price": {"model": "flat", "amount": 10}}));
    assert!(price.starts_with("price: is not a price") && !price.contains("column"), "{price}");
}

#[test]
fn a_coupon_that_is_begun_as_catalogs_write_it_is_read_as_one() {
    let percent = json!({"kind": "percent", "percent": "10"});
    let question = |coupon: Value| json!({"coupons": [coupon]});
    refused(
        Invoice,
        &json!({"currency": "EUR", "lines": [{"amount": "10"}]}),
        &[
            (question(json!({"id": "ten"})), "missing field `benefit`"),
            (question(json!({"benefit": percent})), "missing field `id`"),
            (question(json!({"id": "ten", "percent": "10"})), "unknown field `percent`"),
            (json!({"account": {"paid": "-0.01"}}), "account.paid: must be 0 or more"),
        ],
    );
}
