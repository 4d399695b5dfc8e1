//! Published figures of other billing systems, each computed here by the policy that its rule states.
//!
//! Exists as evidence for the profiles: a case finds its policy by peer and rule, and its computation by the shape of its
//! input, never by its name.

use billing::{
    calendar::{Instant, recurrence::Span},
    money::{Money, Rounding, Unrounded},
    proration::{
        ChangeInput, ChangeKind, ChangeOutcome, CreditBase, DayOwner, Destination, Factor, FirstPeriod, History,
        ItemChange, LineRule, Part, Profile, ProratedLine, ProrationPolicy, ProrationUnit, Reach, Schedule, Segment,
        Side, Stub, Timing, change, factor, first_anchor, leading, parts, prorate, set_off, taxed_credit, unused,
    },
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use read::{amount, at, cents, inclusive, interval, major, midnight, month_of, ratio, shown, span, text, usd};

mod read;

/// What became of a case.
enum Verdict {
    Same,
    Differs(String),
    /// Not computed, and why.
    NotSupported(&'static str),
}

use Verdict::{Differs, NotSupported, Same};

#[test]
fn every_published_figure_comes_out_or_is_named_with_the_reason() {
    let all = [include_str!("../cases/proration.json"), include_str!("../cases/discount_proration.json")];
    let cases = all.iter().flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap());
    let (mut same, mut wrong, mut left) = (0, Vec::new(), Vec::new());
    for case in cases {
        let id = text(&case["id"]).to_owned();
        match run(&case) {
            Same => same += 1,
            Differs(how) => wrong.push(format!("{id}: {how}")),
            NotSupported(why) => left.push(format!("{id}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(left, ["chargebee-upgrade-30-100: to be avoided: 15 of 30 days is an illustration, strict days are 16"]);
    assert_eq!(same, 40);
}

/// The policy that the rule states; the input says what is a setting of the peer.
fn policy(case: &Value) -> ProrationPolicy {
    let (peer, rule, input) = (text(&case["peer"]), text(&case["rule"]), &case["input"]);
    let mut policy = match peer {
        "Lago" => Profile::Lago,
        "Kill Bill" if rule.contains("30-day convention") => Profile::Killbill30,
        "Kill Bill" => Profile::Killbill,
        "Flexprice" => Profile::Flexprice,
        "Polar" if !input["seats"].is_null() => Profile::PolarSeats,
        "Polar" => Profile::Polar,
        "Meteroid" => Profile::Meteroid,
        "Stripe Billing" => Profile::StripeClassic,
        "Chargebee" => Profile::ChargebeeDay,
        "Samsung IAP" => Profile::Samsung,
        "Autumn" => Profile::Autumn,
        other => panic!("no profile for {other}"),
    }
    .policy();
    if rule.contains("rounded half up") {
        policy.rounding = Rounding::HalfUp;
    }
    if input["anchor"] == "anniversary" {
        policy.first_period = FirstPeriod::Full;
    }
    policy
}

/// The computation, by the shape of the input.
fn run(case: &Value) -> Verdict {
    if case["use"] == "avoid" {
        return NotSupported("to be avoided: 15 of 30 days is an illustration, strict days are 16");
    }
    let (policy, input, expected) = (policy(case), &case["input"], &case["expected"]);
    let has = |key: &str| !input[key].is_null();
    let got = match () {
        () if has("segments") => cycles(&policy, case),
        () if has("question") => credit_base(expected),
        () if has("timezone") && has("from") => days(input),
        () if has("from") => factor_between(&policy, input),
        () if has("backdate_start") => backdated(&policy, input),
        () if has("bill_cycle_day") => leading_stub(&policy, input),
        () if has("anchor_day") => created_with_anchor(&policy, input),
        () if has("new_anchor_day") => plan_and_anchor(&policy, input),
        () if has("unused_days") => credit_note(&policy, input),
        () if has("upgraded_at") || input["mode"] == "arrears" => arrears(&policy, input, expected),
        () if has("terminated") => terminated(&policy, input),
        () if has("cancelled") => cancelled(&policy, input),
        () if has("used_days") => extra_time(&policy, input),
        () if has("fraction") || has("elapsed_fraction") => by_fraction(&policy, input, expected),
        () => changed(&policy, input, expected),
    };
    compare(expected, &got)
}

/// Every figure that the case expects; a figure that is not computed is a difference.
fn compare(expected: &Value, got: &Value) -> Verdict {
    let wrong: Vec<String> = expected
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, value)| got[key.as_str()] != **value)
        .map(|(key, value)| format!("{key}: published {value}, computed {}", got[key.as_str()]))
        .collect();
    if wrong.is_empty() { Same } else { Differs(wrong.join("; ")) }
}

fn input_of(period: Span, at: Instant, items: Vec<ItemChange>) -> ChangeInput {
    ChangeInput {
        kind: ChangeKind::Terms,
        timing: Timing::Advance,
        period,
        at,
        zone: Tz::UTC,
        reach: Reach::Period,
        items,
        interval: None,
        contract_start: None,
        balance: Money::new(0, usd()),
    }
}

fn one(from: Unrounded, to: Unrounded) -> Vec<ItemChange> {
    vec![ItemChange::new("plan", Some(Side::plain(from)), Some(Side::plain(to)))]
}

fn ended(period: Span, at: Instant, price: Unrounded) -> ChangeInput {
    let items = vec![ItemChange::new("plan", Some(Side::plain(price)), None)];
    ChangeInput { kind: ChangeKind::Termination, ..input_of(period, at, items) }
}

/// A change of the plan: by interval where the new one is another, to the end of the period otherwise.
fn changed(policy: &ProrationPolicy, input: &Value, expected: &Value) -> Value {
    let (period, at_change) = match input["proration_at_unix"].as_i64() {
        Some(unix) => {
            let second = |key: &str| chrono::DateTime::from_timestamp(input[key].as_i64().unwrap(), 0).unwrap();
            (Span::new(second("period_start_unix_inferred"), second("period_end_unix")), unix_at(unix))
        }
        None => (span(&input["period"]), at(&input["change"])),
    };
    let old = amount(input, &["old_cents", "old_total", "old"]);
    let nothing = json!(0);
    let new = match ["new_cents", "new_total", "new"].iter().find(|key| !input[**key].is_null()) {
        Some(key) => amount(input, &[key]),
        None => cents(&nothing),
    };
    let mut change_input = input_of(period, at_change, one(old, new));
    if !expected["new_period"].is_null() {
        change_input.reach = Reach::Interval("month".parse().unwrap());
    }
    // Nothing was credited before, and the period was paid.
    change_input.items[0].history = History { paid: old.round(Rounding::HalfUp).ok(), ..History::default() };
    let outcome = change(policy, &change_input).unwrap();
    figures(policy, &change_input, &outcome)
}

fn unix_at(seconds: i64) -> Instant {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap()
}

/// All that pages print about a change; a case picks what it expects.
fn figures(policy: &ProrationPolicy, input: &ChangeInput, outcome: &ChangeOutcome) -> Value {
    let (credit, charge) = (outcome.credit, outcome.charge);
    let date = |at: Instant| at.date_naive().to_string();
    let old = input.items[0].from.unwrap().net.round(Rounding::HalfUp).unwrap();
    let new = input.items[0].to.unwrap().net.round(Rounding::HalfUp).unwrap();
    let next = set_off(outcome.settlement.credit_left, new).unwrap();
    let mut page = json!({
        "credit_cents": if is_signed(policy) { credit.minor } else { -credit.minor },
        "debit_cents": charge.minor, "charge_cents": charge.minor,
        "credit": shown(credit), "charge": shown(charge), "net": shown(outcome.net),
        "new_period": [date(outcome.period.start), date(outcome.period.end)],
    });
    if policy.destination == Destination::Balance {
        // This page prints how the credit is used up, and no signs.
        let used = Money::new(old.minor + credit.minor, usd());
        page["credit"] = shown(credit.negated().unwrap());
        page["used"] = shown(used);
        page["remaining_charge"] = shown(charge);
        page["credit_left"] = shown(outcome.settlement.credit_left);
        page[format!("next_invoice_{}", date(input.period.end))] = shown(next.due);
    }
    page
}

/// Polar prints credits without a sign.
fn is_signed(policy: &ProrationPolicy) -> bool {
    *policy != (ProrationPolicy { rounding: policy.rounding, ..Profile::Polar.policy() })
}

/// A change when `fraction` of a period is left, given without dates: a period of as many days.
fn by_fraction(policy: &ProrationPolicy, input: &Value, expected: &Value) -> Value {
    let left = if input["fraction"].is_null() { &input["elapsed_fraction"] } else { &input["fraction"] };
    let (part, whole) = ratio(left);
    let start = midnight("2024-01-01".parse().unwrap());
    let period = Span::new(start, start + TimeDelta::days(whole));
    let change_input = input_of(period, start + TimeDelta::days(whole - part), fraction_items(input));
    let outcome = change(policy, &change_input).unwrap();
    let of = |wanted: fn(i64) -> bool, item: &str| {
        let lines = outcome.lines.iter().filter(|l| l.item == item && wanted(l.amount.minor));
        lines.map(|l| l.amount.minor.abs()).sum::<i64>()
    };
    if expected["credit"].is_object() {
        let side = |wanted: fn(i64) -> bool| json!({"fixed": of(wanted, "fixed"), "seat": of(wanted, "seat")});
        return json!({"credit": side(|minor| minor < 0), "debit": side(|minor| minor > 0)});
    }
    json!({
        "credit_cents": -outcome.credit.minor, "debit_cents": outcome.charge.minor,
        "charge_now": shown(outcome.settlement.due_now),
    })
}

/// Both sides with their discounts, which are an argument here: the discount's own split is another rule.
fn fraction_items(input: &Value) -> Vec<ItemChange> {
    let side = |list: i64, off: i64| {
        let money = |minor| Unrounded::from_money(Money::new(minor, usd()));
        Some(Side { list: money(list), net: money(list - off), ..Side::plain(money(0)) })
    };
    let percent = |value: &Value, of: i64| of * value.as_i64().unwrap() / 100;
    if let Some(total) = input["discount_cents"].as_i64() {
        let split = |which: &Value| {
            let lines = [which["fixed"].as_u64().unwrap(), which["seat"].as_u64().unwrap()];
            let shares = Money::new(total, usd()).allocate(&lines).unwrap();
            [0, 1].map(|i| side(i64::try_from(lines[i]).unwrap(), shares[i].minor))
        };
        let (old, new) = (split(&input["old"]), split(&input["new"]));
        return vec![ItemChange::new("fixed", old[0], new[0]), ItemChange::new("seat", old[1], new[1])];
    }
    if let Some(unit) = input["per_seat"].as_i64() {
        // The fixed fee does not change, so it is not part of the change.
        let seats = [0, 1].map(|i| unit * input["seats"][i].as_i64().unwrap());
        let [old, new] = seats.map(|list| side(list, percent(&input["percent"], list)));
        return vec![ItemChange::new("seat", old, new)];
    }
    if input["old_discount"].is_array() {
        let discounted = |list: &Value, discount: &Value| {
            let list = list.as_i64().unwrap();
            side(list, percent(&discount[1], list))
        };
        let old = discounted(&input["old_cents"], &input["old_discount"]);
        return vec![ItemChange::new("plan", old, discounted(&input["new_cents"], &input["new_discount"]))];
    }
    one(major(&input["old"]), major(&input["new"]))
}

/// An end in the middle of a period paid in advance, its first period possibly a stub of the calendar's.
fn terminated(policy: &ProrationPolicy, input: &Value) -> Value {
    let (started, end) = (at(&input["started"]), at(&input["terminated"]));
    let (price, tax) = (cents(&input["price_cents"]), Decimal::from(input["tax_rate_pct"].as_i64().unwrap()));
    let calendar = month_of(started);
    let whole_month = Span::new(started, midnight(started.date_naive() + chrono::Months::new(1)));
    let (stub_end, period) =
        if input["anchor"] == "calendar" { (calendar.end, calendar) } else { (whole_month.end, whole_month) };
    let stub = Stub { span: Span::new(started, stub_end), period, interval: None, contract_start: Some(started) };
    let first = prorate(policy, price, leading(policy, &stub, Tz::UTC).unwrap()).unwrap();
    let first = taxed_credit(policy, first.unrounded, tax).unwrap();
    let outcome = change(policy, &ended(period, end, price)).unwrap();
    let credit = Unrounded::from_money(outcome.settlement.credit_note);
    let note = taxed_credit(policy, credit, tax).unwrap();
    let usage = cents(input.get("usage_cents").unwrap_or(&json!(0)));
    let closing = taxed_credit(policy, usage, tax).unwrap();
    let set = set_off(note.total, closing.total).unwrap();
    json!({
        "first_invoice_total_cents": first.total.minor,
        "first_invoice": {"tax_cents": first.tax.minor, "total_cents": first.total.minor},
        "credit_note_total_cents": note.total.minor,
        "credit_note": {
            "subtotal_cents": note.subtotal.minor, "tax_cents": note.tax.minor, "total_cents": note.total.minor,
        },
        "closing_invoice": {
            "subtotal_cents": closing.subtotal.minor, "tax_cents": closing.tax.minor,
            "credit_applied_cents": set.used.minor, "total_cents": set.due.minor,
        },
    })
}

fn credit_note(policy: &ProrationPolicy, input: &Value) -> Value {
    let (left, all) = (input["unused_days"].as_i64().unwrap(), input["days_in_period"].as_i64().unwrap());
    let credit = prorate(policy, cents(&input["price_cents"]), Factor::clamped(left, all, policy.precision)).unwrap();
    let note = taxed_credit(policy, credit.unrounded, text(&input["tax_rate_pct"]).parse().unwrap()).unwrap();
    json!({"subtotal_cents": note.subtotal.minor, "tax_cents": note.tax.minor, "total_cents": note.total.minor})
}

/// What is paid afterwards, up to an upgrade or an end.
fn arrears(policy: &ProrationPolicy, input: &Value, expected: &Value) -> Value {
    let (period, price) = (inclusive(&input["period"]), cents(&input["price_cents"]));
    let mut change_input = if input["terminated"].is_null() {
        input_of(period, at(&input["upgraded_at"]), one(price, price))
    } else {
        ended(period, at(&input["terminated"]), price)
    };
    change_input.timing = Timing::Arrears;
    change_input.items[0].since = (!input["sub_started"].is_null()).then(|| at(&input["sub_started"]));
    let outcome = change(policy, &change_input).unwrap();
    let line: &ProratedLine = &outcome.lines[0];
    assert_eq!(line.rule, LineRule::Used, "{expected}");
    json!({
        "fee_cents": line.amount.minor, "old_plan_fee_cents": line.amount.minor, "days": line.factor.numerator(),
    })
}

fn cancelled(policy: &ProrationPolicy, input: &Value) -> Value {
    let outcome = change(policy, &ended(span(&input["period"]), at(&input["cancelled"]), major(&input["price"])));
    let outcome = outcome.unwrap();
    json!({"repair": shown(outcome.credit), "account_credit": shown(outcome.settlement.credit_left)})
}

fn extra_time(policy: &ProrationPolicy, input: &Value) -> Value {
    let (start, when) = (at(&input["start"]), at(&input["change"]));
    let period = Span::new(start, start + chrono::Months::new(1));
    let outcome = change(policy, &input_of(period, when, one(major(&input["old"]), major(&input["new"])))).unwrap();
    let value = outcome.credit.negated().unwrap();
    let raw = Decimal::from(value.minor * 30) / major(&input["new"]).minor();
    json!({
        "extra_days": outcome.settlement.extra_days.unwrap(), "raw_days": raw.normalize().to_string(),
        "next_charge": outcome.period.end.format("%m-%d").to_string(),
    })
}

fn days(input: &Value) -> Value {
    let zone: Tz = text(&input["timezone"]).parse().unwrap();
    // Dates are local midnights; instants are what they are.
    let instant = |value: &Value| match text(value).len() {
        10 => billing::calendar::to_instant(at(value).naive_utc(), zone),
        _ => at(value),
    };
    json!({"days": billing::calendar::local_days(instant(&input["from"]), instant(&input["to"]), zone)})
}

fn factor_between(policy: &ProrationPolicy, input: &Value) -> Value {
    let (from, to) = (at(&input["from"]), at(&input["to"]));
    let stub = Stub::leading(from, to, "month".parse().unwrap(), Tz::UTC).unwrap();
    let leading_factor = leading(policy, &stub, Tz::UTC).unwrap();
    assert_eq!(leading_factor, factor(policy, Span::new(from, to), stub.period, Tz::UTC).unwrap());
    json!({"factor": leading_factor.value().unwrap().to_string()})
}

fn backdated(policy: &ProrationPolicy, input: &Value) -> Value {
    let (start, until) = (at(&input["backdate_start"]), at(&input["first_billing_date"]));
    let stub = Stub::leading(start, until, interval(input), Tz::UTC).unwrap();
    let seconds = leading(policy, &stub, Tz::UTC).unwrap();
    // Whole days from midnight to midnight: the same part, in days as the page prints it.
    let by_day = leading(&ProrationPolicy { unit: ProrationUnit::Day, ..*policy }, &stub, Tz::UTC).unwrap();
    assert_eq!(seconds.value(), by_day.value());
    json!({"factor": by_day.to_string(), "rounded": seconds.value().unwrap().normalize().to_string()})
}

fn schedule(input: &Value) -> Schedule {
    Schedule { interval: interval(input), zone: Tz::UTC, timing: Timing::Advance }
}

fn day_of(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

/// The parts of an open contract, as lines of the page: from, to, amount.
fn lines(policy: &ProrationPolicy, segment: &Segment, price: Unrounded, target: Instant) -> Vec<Value> {
    let parts = parts(policy, segment, &schedule(&Value::Null), target).unwrap();
    let line = |part: &Part| {
        let amount = prorate(policy, price, part.factor).unwrap().amount;
        json!([part.span.start.date_naive().to_string(), part.span.end.date_naive().to_string(), shown(amount)])
    };
    parts.iter().map(line).collect()
}

fn leading_stub(policy: &ProrationPolicy, input: &Value) -> Value {
    let segment = Segment { start: at(&input["start"]), end: None, anchor_day: day_of(&input["bill_cycle_day"]) };
    let line = &lines(policy, &segment, major(&input["price"]), segment.start)[0];
    let until = first_anchor(segment.start, segment.anchor_day, &schedule(input)).unwrap();
    let stub = Stub::leading(segment.start, until, interval(input), Tz::UTC).unwrap();
    let days = leading(policy, &stub, Tz::UTC).unwrap().numerator();
    json!({"period": [line[0], line[1]], "amount": line[2], "days": days})
}

fn created_with_anchor(policy: &ProrationPolicy, input: &Value) -> Value {
    let segment = Segment { start: at(&input["start"]), end: None, anchor_day: day_of(&input["anchor_day"]) };
    let first = first_anchor(segment.start, segment.anchor_day, &schedule(input)).unwrap();
    json!({"lines": lines(policy, &segment, major(&input["price"]), first)})
}

/// A change of plan and of the anchor day, in either order: the old plan is given back to the end of its period, the new
/// one is charged up to its first anchor, and whichever anchor comes later has a stub of its own.
fn plan_and_anchor(policy: &ProrationPolicy, input: &Value) -> Value {
    let (when, new) = (at(&input["changed"]), major(&input["new_price"]));
    let day = day_of(&input["new_anchor_day"]);
    let moves_with_the_plan = !input["old_period"].is_null();
    let period = if moves_with_the_plan { span(&input["old_period"]) } else { month_of(when) };
    let mut change_input = input_of(period, when, one(major(&input["old_price"]), new));
    if moves_with_the_plan {
        let until = first_anchor(when, day, &schedule(input)).unwrap();
        change_input.reach = Reach::Anchor(Stub::leading(when, until, interval(input), Tz::UTC).unwrap());
    }
    let outcome = change(policy, &change_input).unwrap();
    let date = |at: Instant| at.date_naive().to_string();
    let row = |l: &ProratedLine| json!([date(l.span.start), date(l.span.end), shown(l.amount)]);
    // The page prints the charge first.
    let mut rows: Vec<Value> = outcome.lines.iter().map(row).collect();
    rows.reverse();
    let next_start = outcome.period.end;
    let segment = Segment { start: next_start, end: None, anchor_day: day };
    let mut next = lines(policy, &segment, new, next_start);
    let credit = outcome.settlement.credit_left;
    if credit.minor > 0 {
        next.push(json!(["credit used", "", shown(credit.negated().unwrap())]));
    }
    json!({"lines": rows, "account_credit": shown(credit), "next_invoice": next})
}

fn cycles(policy: &ProrationPolicy, case: &Value) -> Value {
    let (input, folder) = (&case["input"], text(&case["source"]["path"]));
    let target = at(&input["target"]);
    // The interval is the folder that the peer's test lies in.
    let named = ["annual", "quarterly"].iter().find(|name| folder.contains(&format!("/{name}/")));
    let schedule = schedule(&json!({"interval": named.unwrap_or(&"monthly")}));
    let rows = input["segments"].as_array().unwrap().iter().map(|s| {
        let end = (!s[1].is_null()).then(|| at(&s[1]));
        let segment = Segment { start: at(&s[0]), end, anchor_day: day_of(&s[2]) };
        let found = parts(policy, &segment, &schedule, target).unwrap();
        // Neighbouring full periods are printed as their number, where they stand.
        let groups = found.chunk_by(|a, b| a.is_whole() && b.is_whole());
        let show =
            |group: &[Part]| if group[0].is_whole() { group.len().to_string() } else { group[0].factor.to_string() };
        json!(groups.map(show).collect::<Vec<String>>())
    });
    json!({"cycles_per_segment": rows.collect::<Vec<Value>>()})
}

/// Behavioural, without a figure: which base a credit has is a field, and the profile of the newer mode has the debit.
fn credit_base(expected: &Value) -> Value {
    let at = midnight("2024-01-16".parse().unwrap());
    let left = unused(&Profile::StripeFlexible.policy(), DayOwner::New, at, month_of(at), Tz::UTC).unwrap();
    assert!(left.numerator() > 0);
    let base = (Profile::StripeClassic.policy().credit_base, Profile::StripeFlexible.policy().credit_base);
    assert_eq!(base, (CreditBase::CurrentPrice, CreditBase::Debited), "{expected}");
    json!({"recommended": "amount originally debited"})
}
