//! Workers that meet, die and lose answers: whatever the order, each invoice is captured once and nothing is lost.
//!
//! Exists because the guards (conditional commits, claims, keys) only matter when something goes wrong at the worst moment.
//! Pairs of workers are run through every order of their first twelve steps.

// `cfg(test)` is always on here; it tells the linter that helpers may panic as tests do.
#[cfg(test)]
mod corrections;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod meetings;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod sweeping;
#[cfg(test)]
mod world;
