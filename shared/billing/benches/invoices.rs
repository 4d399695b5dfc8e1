//! How many invoices a core computes in a second: `cargo bench -p billing`.
//!
//! Exists because an invoice is computed again whenever somebody asks why, and because a run of renewals is pure rules
//! between two calls of a database: what the rules cost must stay far below a call. Instructions of one decision are
//! counted by `examples/renewals.rs`.

#[expect(dead_code, reason = "the tests use the other samples")]
#[path = "../tests/rules/sample.rs"]
mod sample;

use billing::{
    calendar::Instant,
    invoice::compute,
    subscription::{Input, Subscription, When},
};
use chrono::TimeDelta;
use divan::{Bencher, black_box, counter::ItemsCount};
use sample::{active, at, give, terms};

fn main() {
    divan::main();
}

fn start() -> Instant {
    at("2027-01-31T09:30:00Z")
}

fn contract() -> Subscription {
    active(terms("team", "month", "9.90", 3), start())
}

/// The next month of a contract: its decision, its invoice, its facts.
#[divan::bench]
fn renewal(bencher: Bencher) {
    let (held, due) = (contract(), at("2027-02-28T09:30:00Z"));
    bencher.counter(ItemsCount::new(1_u32)).bench(|| give(black_box(&held), Input::Wake, due));
}

/// Another plan in the middle of a month: a credit, a charge, their explanations.
#[divan::bench]
fn plan_change(bencher: Bencher) {
    let held = contract();
    let bigger = Box::new(terms("business", "month", "24", 3));
    let change = Input::Change { terms: bigger, proration: held.proration, when: When::Now };
    let now = start() + TimeDelta::days(10);
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| change.clone())
        .bench_values(|change| give(black_box(&held), change, now));
}

/// An invoice computed again from its stored inputs, as `explain` does.
#[divan::bench]
fn computed_again(bencher: Bencher) {
    let (_, invoices) = give(&contract(), Input::Wake, at("2027-02-28T09:30:00Z"));
    let invoice = &invoices[0];
    bencher.counter(ItemsCount::new(1_u32)).bench(|| compute(black_box(invoice).rules, &invoice.basis));
}
