//! One customer's contract: its states, what may arrive, and what that makes of it.
//!
//! `state` what it is, `aligned` where its periods are cut, `input` what may arrive, `due` when it wakes by itself,
//! `transition` the table, `change` what a change of terms does, `credit` what is given without an invoice and what moves to another contract, `currency` what one to another currency does, `cut` where the
//! period that it starts ends, `destination` where its money goes, `moving` a move to another version that the merchant
//! announced, `corrected` what an open invoice that is withdrawn, given up or paid from credit does to it, `once` what is charged once, `prepaid` credit for usage, `realign` a moved anchor, `rest` pauses, `reactivate` what comes after an end, `facts` what is written about it, `usage`
//! what is billed in arrears.

mod aligned;
mod change;
mod corrected;
mod credit;
mod currency;
mod cut;
mod destination;
mod discounts;
mod due;
mod facts;
mod input;
mod moving;
mod once;
mod open;
mod prepaid;
mod reactivate;
mod realign;
mod rest;
mod state;
mod transition;
mod trial;
mod usage;

pub use aligned::follow;
pub use due::{DueKind, next_event, wake_at};
pub use input::{Input, When};
pub use once::{DESCRIPTION_BYTES_MAX, OnceAccount, WAITING_MAX};
pub use open::{BACKDATED_DAYS_MAX, Collection, Order, open, open_with};
pub use reactivate::{DEBT, REACTIVATION_DAYS_MAX};
pub use state::{CancelReason, MovedTerms, Scheduled, State, Subscription};
pub use transition::{Effect, Known, Outcome, transition, transition_with};
pub use trial::{PaidTrial, TrialPrice, TrialRules, WithoutMethod};
