//! What was ever stored can still be read, and is written back as it was.
//!
//! A file in `tests/golden` is a promise to every table in use: it is never edited. When a stored form grows, add a file
//! beside it. `UPDATE_EXPECT=1 cargo test -p billing` writes files that are missing, and touches no other.

use std::{collections::BTreeMap, fs, path::PathBuf};

use billing::{
    calendar::Instant,
    catalog::Catalog,
    customer::{ContractPrice, Customer},
    fact::{Fact, stamp},
    gateway::{ChargeOutcome, DeclineClass},
    invoice::{Answer, Invoice, InvoiceInput, InvoiceOutcome, compute, key, transition as collect},
    journal::JournalEntry,
    subscription::{Input, Outcome, State, Subscription, When, open, transition, transition_with},
};
use chrono::TimeDelta;
use serde::{Serialize, de::DeserializeOwned};

use crate::adjusted::{applied as adjusted, coupon, opened, taxed, taxes};
use crate::sample::{active, applied, at, give, method, order, terms, wall};

fn folder() -> PathBuf {
    PathBuf::from("tests/golden")
}

fn start() -> Instant {
    at("2027-01-31T09:00:00Z")
}

pub(crate) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON") + "\n"
}

fn again<T: Serialize + DeserializeOwned>(json: &str) -> Result<String, String> {
    serde_json::from_str::<T>(json).map(|value| pretty(&value)).map_err(|e| e.to_string())
}

/// Reads and writes the file as the type that its name begins with.
fn rewritten(name: &str, json: &str) -> Result<String, String> {
    match name.split('-').next().unwrap_or_default() {
        "subscription" => again::<Subscription>(json),
        "invoice" => again::<Invoice>(json),
        "journal" => again::<JournalEntry>(json),
        "fact" => again::<Fact>(json),
        "catalog" => again::<Catalog>(json),
        "customer" => again::<Customer>(json),
        "contract" => again::<ContractPrice>(json),
        other => Err(format!("nothing stored is called {other}")),
    }
}

fn subscriptions() -> Vec<(&'static str, Subscription)> {
    let held = active(terms("team", "month", "9.90", 3), start());
    let now = start() + TimeDelta::days(10);
    let business =
        |when| Input::Change { terms: Box::new(terms("business", "year", "240", 3)), proration: held.proration, when };
    let mut trial = order(terms("team", "month", "9.90", 3));
    trial.trial_days = 14;
    let (agreed, _) = give(&held, business(When::PeriodEnd), now);
    let mut paid = trial.clone();
    paid.trial.prices = crate::paid_trials::one_dollar();
    let on_account = applied(open(paid.clone(), start()).expect("an order")).0;
    paid.collection = billing::subscription::Collection::Automatic;
    let cancel = Input::Cancel { when: When::PeriodEnd, reason: Some("too-expensive".into()), comment: None };
    let (agreed, _) = give(&agreed, cancel, now);
    let (mut credited, _) = give(&held, business(When::Now), now);
    (credited.credit_minor, credited.arm) = (1_500, Some("b".into()));
    let pause = Input::Pause { when: When::Now, resume_at: Some(now + TimeDelta::days(20)), credit: false };
    let mut suspended = held.clone();
    suspended.suspended_by = Some(billing::ids::InvoiceId::try_new("inv_ana-p1").expect("an id"));
    let ended = Input::Cancel { when: When::Now, reason: None, comment: None };
    vec![
        ("subscription-trialing", applied(open(trial, start()).expect("an order")).0),
        ("subscription-two-currencies", give(&held, crate::currencies::to_euros("28", &held, When::Now), now).0),
        ("subscription-paid-trial", on_account),
        ("subscription-waits-for-its-trial", applied(open(paid, start()).expect("an order")).0),
        ("subscription-agreed-for-later", agreed),
        ("subscription-credit", credited),
        ("subscription-paused", give(&held, pause, now).0),
        ("subscription-suspended", suspended),
        ("subscription-canceled", give(&held, ended, now).0),
        ("subscription-usage-charged", metered().0),
        ("subscription-incomplete", Subscription { state: State::Incomplete { expires_at: now, trial: None }, ..held }),
    ]
}

fn after(invoice: &Invoice, input: InvoiceInput, now: Instant) -> (Invoice, Vec<billing::fact::Happening>) {
    let ladder = billing::dunning::Ladder::standard();
    match collect(invoice, &ladder, input, now) {
        InvoiceOutcome::Applied { next, facts, .. } => (*next, facts),
        InvoiceOutcome::AlreadyApplied => panic!("nothing was applied"),
    }
}

fn invoices() -> (Vec<(&'static str, Invoice)>, Fact) {
    let mut order = order(terms("team", "month", "9.90", 3));
    order.collection = billing::subscription::Collection::Automatic;
    let (held, mut issued) = applied(open(order, start()).expect("an order"));
    let mut due = issued.remove(0);
    due.purpose = billing::invoice::Purpose::Period;
    let wall = wall("2027-01-31T09:00:01Z");
    let answer = |outcome| InvoiceInput::Answered(Answer { key: key(&due.id, 1), outcome, wall });
    let (collecting, _) = after(&due, InvoiceInput::Wake { method: Some(method()), wall }, start());
    let (unknown, _) = after(&collecting, answer(ChargeOutcome::Unknown { why: "no answer".into() }), start());
    let declined = ChargeOutcome::Declined {
        reference: Some("ch_1".into()),
        code: "insufficient_funds".into(),
        class: DeclineClass::Soft,
        at: start(),
    };
    let (past_due, facts) = after(&collecting, answer(declined), start());
    let (paid, _) =
        after(&collecting, answer(ChargeOutcome::Succeeded { reference: "ch_1".into(), at: start() }), start());
    let (withdrawn, _) = after(&unknown, InvoiceInput::Void, start());
    let mut opened = held;
    opened.state = State::Active;
    let change = Input::Change {
        terms: Box::new(terms("business", "month", "24.90", 3)),
        proration: opened.proration,
        when: When::Now,
    };
    let (_, mut changes) = give(&opened, change, start() + TimeDelta::days(14));
    let fact = stamp(facts, due.id.as_str(), 3, wall).remove(0);
    let list = vec![
        ("invoice-rules-3-usage-charged", metered().1),
        ("invoice-rules-3-due", due.clone()),
        ("invoice-rules-3-collecting", collecting),
        ("invoice-rules-3-unknown", unknown),
        ("invoice-rules-3-past-due", past_due),
        ("invoice-rules-3-captured", paid),
        ("invoice-rules-3-withdrawn", withdrawn),
        ("invoice-rules-3-change", changes.remove(0)),
    ];
    (list, fact)
}

/// A contract with usage after two renewals, and the invoice of the second: one meter in time, one late.
fn metered() -> (Subscription, Invoice) {
    metered_with(None)
}

/// The same, where usage was agreed to come to at least so much.
fn metered_with(least: Option<rust_decimal::Decimal>) -> (Subscription, Invoice) {
    use billing::usage::{Bucket, Chunk, HourBucket, UsageRecord};
    let catalog: Catalog = serde_json::from_str(USAGE_CATALOG).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    let (plan, policy) = (&catalog.plans[0], billing::catalog::Policy::standard());
    let price = billing::catalog::Price { usage_minimum: least, ..plan.prices[0].clone() };
    let bought = billing::terms::Terms::try_new(plan, &policy, &price, false, 3).expect("terms");
    let held = active(bought, start());
    let chunk = |day: i64, value: i64| {
        let begins = start() + TimeDelta::days(day);
        let bucket = Bucket::of(begins, begins + TimeDelta::minutes(5), value.into(), None).expect("a bucket");
        let buckets = vec![HourBucket { start: begins, meter: "calls".into(), bucket }];
        Chunk { ids: "0123456789abcdef".into(), buckets }
    };
    let renewed = |held: &Subscription, chunks: Vec<Chunk>| {
        let (end, record) = (held.period.expect("a period").end, UsageRecord::new(chunks));
        applied(billing::subscription::transition_with(held, 7, Input::Wake, end, &record.into()).expect("allowed"))
    };
    let (held, _) = renewed(&held, vec![chunk(1, 1_500)]);
    let (held, mut invoices) = renewed(&held, vec![chunk(1, 1_500), chunk(2, 250), chunk(30, 1_200)]);
    (held, invoices.remove(0))
}

/// Today's form of everything that is stored.
fn samples() -> BTreeMap<String, String> {
    let mut samples: BTreeMap<String, String> = BTreeMap::new();
    let held = active(terms("team", "month", "9.90", 3), start());
    for (name, subscription) in subscriptions() {
        samples.insert(name.into(), pretty(&subscription));
    }
    let (invoices, fact) = invoices();
    for (name, invoice) in invoices {
        samples.insert(name.into(), pretty(&invoice));
    }
    samples.insert("fact-payment-failed".into(), pretty(&fact));
    let cancel =
        Input::Cancel { when: When::Now, reason: Some("too-expensive".into()), comment: Some("Sorry.".into()) };
    let input = serde_json::to_value([&cancel]).expect("JSON");
    let Ok(Outcome::Applied { .. }) = transition(&held, 2, cancel, start()) else { panic!("not applied") };
    let entry = JournalEntry { subscription: held.id, version: 2, rules: 1, at: start(), input, facts: Vec::new() };
    samples.insert("journal-cancel".into(), pretty(&entry));
    let catalog: Catalog = serde_json::from_str(CATALOG).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    samples.insert("catalog-two-plans".into(), pretty(&catalog));
    let metered: Catalog = serde_json::from_str(USAGE_CATALOG).expect("a catalog");
    samples.insert("catalog-usage".into(), pretty(&metered));
    samples.insert("customer-berlin".into(), pretty(&serde_json::from_str::<Customer>(CUSTOMER).expect("a customer")));
    samples.extend(adjusted_samples());
    samples.extend(item_samples());
    samples.extend(aligned_samples());
    samples.extend(prepaid_samples());
    samples.extend(refund_samples());
    samples.extend(parts_samples());
    samples.extend(crate::consolidated::samples());
    samples.extend(crate::open_invoices::samples());
    samples.insert("contract-price".into(), pretty(&serde_json::from_str::<ContractPrice>(CONTRACT).expect("a price")));
    samples
}

/// What usage of parts of periods and bought time add to the stored forms.
fn parts_samples() -> Vec<(String, String)> {
    let (prorated, late) = crate::usage_parts::prorated();
    let (bought, change) = crate::extra_time::on_bought_time();
    let (weighted, of_weights) = crate::usage_exact::weighted();
    let (moved, of_then) = crate::late_usage::late_after_a_change();
    let (each, of_each) = crate::each_event::late();
    vec![
        ("subscription-each-event".into(), pretty(&each)),
        ("invoice-rules-3-each-event".into(), pretty(&of_each)),
        ("subscription-weighted-usage".into(), pretty(&weighted)),
        ("invoice-rules-3-weighted-usage".into(), pretty(&of_weights)),
        ("subscription-earlier-terms".into(), pretty(&moved)),
        ("invoice-rules-3-earlier-terms".into(), pretty(&of_then)),
        ("subscription-exact-usage".into(), pretty(&prorated)),
        ("invoice-rules-3-exact-usage".into(), pretty(&late)),
        ("subscription-bought-time".into(), pretty(&bought)),
        ("invoice-rules-3-bought-time".into(), pretty(&change)),
    ]
}

/// What add-ons add to the stored forms.
fn item_samples() -> Vec<(String, String)> {
    use crate::items::{ADD_ONS, bought, change};
    let mut terms = bought("month", 3, &[("storage", 2), ("support", 1)]);
    let held = active(terms.clone(), start());
    let less = change(bought("month", 3, &[("sso", 1), ("storage", 1)]), &held, When::Now);
    let (_, mut changes) = give(&held, less, start() + TimeDelta::days(14));
    let catalog: Catalog = serde_json::from_str(ADD_ONS).expect("a catalog");
    terms.price.setup_fee = Some(rust_decimal::Decimal::new(50, 0));
    terms.add_ons[0].setup_fee = Some(rust_decimal::Decimal::new(1_999, 2));
    let (once, mut first) = applied(open(order(terms), start()).expect("an order"));
    let charge = billing::invoice::OneOff { description: "training".into(), amount: crate::sample::usd(4_990) };
    let next = Input::Charge { charge, when: When::PeriodEnd };
    let (least, trued_up) = metered_with(Some(rust_decimal::Decimal::new(1_250, 2)));
    vec![
        ("subscription-usage-minimum-charged".into(), pretty(&least)),
        ("invoice-rules-3-true-up-charged".into(), pretty(&trued_up)),
        ("subscription-charged-once".into(), pretty(&give(&once, next, start()).0)),
        ("invoice-rules-3-once".into(), pretty(&first.remove(0))),
        ("catalog-add-ons".into(), pretty(&catalog)),
        ("subscription-add-ons".into(), pretty(&held)),
        ("invoice-rules-3-add-ons".into(), pretty(&changes.remove(0))),
    ]
}

/// What discounts and taxes add to the stored forms.
fn adjusted_samples() -> Vec<(String, String)> {
    let (taxes, spring) = (taxes(false), coupon(25, r#"{"is":"repeating","periods":3}"#));
    let (held, invoices, facts) = opened(taxed(terms("team", "month", "9.90", 3)), vec![spring], &taxes);
    let change = Input::Change {
        terms: Box::new(taxed(terms("business", "month", "24.90", 3))),
        proration: held.proration,
        when: When::Now,
    };
    let now = start() + TimeDelta::days(14);
    let changed = transition_with(&held, 7, change, now, &taxes.into()).expect("a change");
    let fact = stamp(facts, held.id.as_str(), 1, wall("2027-01-31T09:00:01Z")).remove(0);
    let catalog: Catalog = serde_json::from_str(OFFERS).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    let customer: Customer = serde_json::from_str(BUSINESS).expect("a customer");
    vec![
        ("subscription-discounted".into(), pretty(&held)),
        ("invoice-rules-3-discounted".into(), pretty(&invoices[0])),
        ("invoice-rules-3-discounted-change".into(), pretty(&adjusted(changed).1[0])),
        ("fact-discounted".into(), pretty(&fact)),
        ("catalog-offers".into(), pretty(&catalog)),
        ("customer-business".into(), pretty(&customer)),
    ]
}

/// What prepaid credit adds to the stored forms: a top-up and a gift, one of which expired, and the invoice that they pay.
fn prepaid_samples() -> Vec<(String, String)> {
    use billing::usage::{Bucket, Chunk, HourBucket, UsageRecord};
    let catalog = USAGE_CATALOG
        .replace(r#""included": "1000","#, r#""prepaid": true,"#)
        .replace(r#""title": "API","#, r#""title": "API", "prepaid": {"valid_days": 365, "unused": "forfeit"},"#);
    let catalog: Catalog = serde_json::from_str(&catalog).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    let (plan, policy) = (&catalog.plans[0], billing::catalog::Policy::standard());
    let bought = billing::terms::Terms::try_new(plan, &policy, &plan.prices[0], false, 3).expect("terms");
    let held = active(bought, start());
    let begins = start() + TimeDelta::days(1);
    let bucket = Bucket::of(begins, begins + TimeDelta::minutes(5), 700.into(), None).expect("a bucket");
    let buckets = vec![HourBucket { start: begins, meter: "calls".into(), bucket }];
    let record = UsageRecord::new([Chunk { ids: "0123456789abcdef".into(), buckets }]);
    let give = |held: &Subscription, input, now: Instant| {
        applied(transition_with(held, 7, input, now, &record.clone().into()).expect("allowed"))
    };
    let amount = crate::sample::usd;
    let day = |days| start() + TimeDelta::days(days);
    let (held, mut invoices) = give(&held, Input::TopUp { amount: amount(5_000), expires_at: None }, day(2));
    let gift = Input::Grant { amount: amount(400), reason: "welcome".into(), expires_at: Some(day(9)) };
    let (waits, _) = give(&held, gift, day(3));
    let top_up = *invoices[0].basis.top_up().expect("a top-up");
    let news = Input::TopUpPaid { invoice: invoices[0].id.clone(), top_up, at: day(4) };
    let (held, _) = give(&waits, news, day(4));
    let (held, _) = give(&held, Input::Wake, day(9));
    let (paid, mut renewal) = give(&held, Input::Wake, held.period.expect("a period").end);
    vec![
        ("catalog-prepaid".into(), pretty(&catalog)),
        ("subscription-prepaid-waits".into(), pretty(&waits)),
        ("subscription-prepaid-held".into(), pretty(&held)),
        ("subscription-prepaid-charged".into(), pretty(&paid)),
        ("invoice-rules-3-top-up".into(), pretty(&invoices.remove(0))),
        ("invoice-rules-3-prepaid".into(), pretty(&renewal.remove(0))),
    ]
}

/// What refunds add to the stored forms: an invoice with one in every state, and the document of one.
fn refund_samples() -> Vec<(String, String)> {
    use crate::{credit_notes::gross, refunds};
    use billing::invoice::RefundState;
    let (held, invoice) = crate::credit_notes::sold(2_800, 50, false);
    let mut invoice = refunds::captured(invoice);
    invoice.total.minor = 2_500;
    let mut notes = Vec::new();
    for minor in [500, 500, 500, 500, 1_000] {
        let request = gross(1, minor, &invoice);
        let (next, basis) =
            billing::invoice::refund(&invoice, &invoice, &request, Some(refunds::REFUNDS), start()).expect("a refund");
        notes = refunds::write(&held, &invoice, basis).1;
        invoice = next;
    }
    let (deadline, ask_at) = (wall("2027-01-31T09:01:00Z"), wall("2027-01-31T09:06:00Z"));
    let states = [
        RefundState::Calling { since: start(), deadline },
        RefundState::Unknown { deadline, asked: 1, ask_at },
        RefundState::Done { at: start(), reference: "re_1".into() },
        RefundState::Failed { at: start(), code: "expired_or_canceled_card".into() },
    ];
    for (refund, state) in invoice.refunds.iter_mut().zip(states) {
        refund.state = state;
    }
    vec![
        ("invoice-rules-3-refunds".into(), pretty(&invoice)),
        ("invoice-rules-3-refund-note".into(), pretty(&notes.remove(0))),
    ]
}

/// What alignments, stubs and dates add to the stored forms.
fn aligned_samples() -> Vec<(String, String)> {
    let policy = r#"{"to": {"day-of-month": {"day": 15}}, "first": "next"}"#;
    let fair = billing::proration::ProrationPolicy {
        termination: billing::proration::TerminationCredit::Unused,
        ..billing::proration::ProrationPolicy::default()
    };
    let (held, invoices) = crate::stubs::opened(terms("team", "month", "9.90", 3), policy, fair, start());
    let now = start() + TimeDelta::days(4);
    let calendar = crate::stubs::aligned(r#"{"to": {"calendar": {}}}"#).expect("an alignment");
    let (_, moved) = give(&held, Input::Realign { alignment: calendar, when: When::Now }, now);
    let (later, _) = give(&held, Input::Realign { alignment: calendar, when: When::PeriodEnd }, now);
    let on = |days| When::At(start() + TimeDelta::days(days));
    let change =
        Input::Change { terms: Box::new(terms("business", "month", "24.90", 3)), proration: fair, when: on(6) };
    let (later, _) = give(&later, change, now);
    let (later, _) = give(&later, Input::Pause { when: on(8), resume_at: None, credit: true }, now);
    let (later, _) = give(&later, Input::Cancel { when: on(9), reason: None, comment: None }, now);
    let mut rests = order(terms("team", "month", "9.90", 3));
    rests.trial_until = Some("2027-02-15".parse().expect("a date"));
    rests.trial.without_method = billing::subscription::WithoutMethod::Pause;
    let (rests, _) = applied(open(rests, start()).expect("an order"));
    let catalog: Catalog = serde_json::from_str(ALIGNED).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    vec![
        ("subscription-aligned".into(), pretty(&held)),
        ("subscription-agreed-for-dates".into(), pretty(&later)),
        ("subscription-trial-may-rest".into(), pretty(&rests)),
        ("invoice-rules-3-stub".into(), pretty(&invoices[0])),
        ("invoice-rules-3-moved-anchor".into(), pretty(&moved[0])),
        ("catalog-aligned".into(), pretty(&catalog)),
    ]
}

const ALIGNED: &str = r#"{
    "plans": [{"id": "team", "version": 1, "title": "Team", "policy": "ours",
        "trial_days": 14, "trial": {"anchor": "start", "without_method": "cancel", "method_optional": true},
        "alignment": {"to": {"month-day": {"month": 3, "day": 31}}, "first": "start-month", "time": "midnight"},
        "prices": [{"currency": "USD", "interval": "year", "model": "flat", "amount": "90"}]}],
    "policies": [{"id": "ours", "version": 1, "proration": {"first_period": "full", "termination": "unused"}}]
}"#;

const OFFERS: &str = r#"{
    "plans": [{"id": "team", "version": 1, "title": "Team", "policy": "taxed", "tax_class": "books",
        "loyalty": {"steps": [{"after_paid_periods": 12, "percent": "5"}]},
        "long_term": {"terms": [{"at_least": "year", "percent": "10"}]},
        "prices": [{"currency": "EUR", "interval": "month", "model": "flat", "amount": "9"}]}],
    "policies": [{"id": "taxed", "version": 1, "tax": "home", "document": {"tax": {"level": "line"}}}],
    "coupons": [{"id": "spring", "code": "SPRING", "benefit": {"kind": "fixed",
        "amounts": [{"currency": "EUR", "amount": "5.00"}]}, "duration": {"is": "repeating", "periods": 3},
        "valid": {"from": "2027-03-01", "until": "2027-05-31", "zone": "Europe/Berlin"}, "redemptions_max": 100,
        "redemptions_per_customer_max": 1, "audience": "first-time", "plans": ["team"], "intervals": ["month"],
        "stacking": "with-others"}],
    "taxes": [{"id": "home", "version": 1, "country": "DE", "prices": "inclusive", "classes": ["books"],
        "registrations": [{"is": "one-stop-shop", "union": "EU"}],
        "countries": [{"country": "DE", "union": "EU", "name": "USt", "rates": [
            {"class": "standard", "percent": "19", "from": "2021-01-01"},
            {"class": "books", "percent": "7", "from": "2021-01-01"}]}]}]
}"#;

const BUSINESS: &str = r#"{
    "id": "cus_acme", "currency": "EUR", "time_zone": "Europe/Paris", "country": "FR",
    "tax": {"region": "IDF", "vat_id": "FR40303265045"}, "redeemed": {"spring": 1}, "acquired_at": "2027-01-31T09:00:00Z"
}"#;

const CATALOG: &str = r#"{
    "plans": [
        {"id": "team", "version": 1, "title": "Team", "trial_days": 14, "features": ["projects"], "limits": {"seats": 5},
         "roles": ["member"], "policy": "exact", "prices": [
            {"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "9.90"},
            {"currency": "JPY", "interval": "half-year", "model": "flat", "amount": "9900"}]},
        {"id": "free", "version": 2, "title": "Free", "prices": [
            {"currency": "USD", "interval": "month", "model": "flat", "amount": "0"}]}],
    "policies": [
        {"id": "exact", "version": 3, "proration": {"unit": "second", "rounding": "half-up"}, "days_until_due": 30,
         "ladder": {
            "soft": [{"after_days": 2, "action": "retry"}, {"after_days": 9, "action": "end"}],
            "hard": [{"after_days": 0, "action": "notify"}, {"after_days": 9, "action": "end"}],
            "unpaid": [{"after_days": 3, "action": "suspend"}, {"after_days": 9, "action": "end"}]}}]
}"#;

const USAGE_CATALOG: &str = r#"{
    "plans": [
        {"id": "api", "version": 1, "title": "API",
         "prices": [{"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "9.90"}],
         "usage": [{"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"}, "included": "1000",
            "price": {"model": "graduated", "tiers": [{"up_to": "500", "unit_amount": "0.01"}, {"unit_amount": "0.005"}]}}]}]
}"#;

const CUSTOMER: &str = r#"{
    "id": "cus_ana", "currency": "EUR", "time_zone": "Europe/Berlin", "email": "ana@example.com", "locale": "de-DE",
    "channel": "search", "country": "DE", "storefront": "web", "arm": "b",
    "method": {"gateway": "sandbox", "token": "pm_card_visa", "kind": "card"}, "acquired_at": "2027-01-31T09:00:00Z"
}"#;

const CONTRACT: &str = r#"{
    "customer": "cus_ana", "plan": "team",
    "price": {"currency": "USD", "interval": "2-weeks", "model": "per-seat", "unit_amount": "0.0025"}
}"#;

pub(crate) fn golden_files() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).into_iter().flatten().flatten();
    let named = entries.filter_map(|e| {
        let name = e.path().file_stem()?.to_string_lossy().into_owned();
        Some((name, fs::read_to_string(e.path()).ok()?))
    });
    named.collect()
}

#[test]
fn what_was_stored_is_read_and_written_back_as_it_was() {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(folder()).expect("a folder");
        for (name, json) in samples() {
            let path = folder().join(format!("{name}.json"));
            if !path.exists() {
                fs::write(path, json).expect("a file");
            }
        }
    }
    let mut wrong = Vec::new();
    for (name, stored) in golden_files() {
        match rewritten(&name, &stored) {
            Ok(written) if written == stored => {}
            Ok(_) => wrong.push(format!("{name} is written back in another form")),
            Err(problem) => wrong.push(format!("{name} cannot be read: {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_form_that_is_stored_today_is_kept() {
    let kept = golden_files();
    let current: Vec<_> = samples().into_iter().collect();
    assert!(kept.len() >= current.len(), "golden files are missing: UPDATE_EXPECT=1 writes them");
    let lost: Vec<_> = current.iter().filter(|(_, json)| !kept.values().any(|k| k == json)).map(|(n, _)| n).collect();
    assert!(lost.is_empty(), "stored forms changed: keep the old file, add the new one under another name: {lost:?}");
}

/// An invoice is recomputed from its stored decision inputs under its own rules version: the same bytes, for ever.
#[test]
fn every_stored_invoice_is_computed_again_byte_for_byte() {
    let mut versions = std::collections::BTreeSet::new();
    for (name, stored) in golden_files().iter().filter(|(name, _)| name.starts_with("invoice-")) {
        let invoice: Invoice = serde_json::from_str(stored).expect("an invoice");
        let again = compute(invoice.rules, &invoice.basis).expect("lines");
        assert_eq!(pretty(&again), pretty(&invoice.lines), "{name}");
        versions.insert(invoice.rules);
    }
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), (1..=billing::RULES_VERSION).collect::<Vec<_>>());
}
