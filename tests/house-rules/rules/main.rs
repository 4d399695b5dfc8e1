//! The architecture as tests: who may depend on whom, how long things may be, what they are called, what may be written.
//!
//! Exists because a rule that nobody checks is a wish. Each rule is a function from what there is to a list of problems,
//! so that every rule can also be shown to fail on a bad sample.

mod arrows;
mod names;
mod sizes;
mod texts;
mod workspace;

/// Fails with every problem at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n  {}", problems.len(), problems.join("\n  "));
}
