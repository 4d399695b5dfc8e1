//! Decides one renewal many times, so that its instructions can be counted:
//! `perf stat -e instructions:u target/release/examples/renewals 100000`, less the same with 0.

#[expect(dead_code, reason = "the tests use the other samples")]
#[path = "../tests/rules/sample.rs"]
mod sample;

use billing::subscription::{Input, transition};
use sample::{active, at, terms};

fn main() {
    let times: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let held = active(terms("team", "month", "9.90", 3), at("2027-01-31T09:30:00Z"));
    let due = at("2027-02-28T09:30:00Z");
    let mut done = 0_u32;
    for _ in 0..times {
        let outcome = transition(std::hint::black_box(&held), 2, Input::Wake, due);
        done += u32::from(std::hint::black_box(outcome).is_ok());
    }
    println!("{done} renewals decided");
}
