//! Workers that meet, die and lose answers: whatever the order, each invoice is captured once and nothing is lost.
//!
//! Exists because the guards (conditional commits, claims, keys) only matter when something goes wrong at the worst moment.
//! Pairs of workers are run through every order of their first twelve steps.

mod crashes;
mod meetings;
mod sweeping;
mod world;
