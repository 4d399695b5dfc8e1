//! Limits that are met exactly, and conditions of which one half holds: ladders, notes, what is owed.
//!
//! Exists because elsewhere amounts and instants are far from every limit, and a limit that is off by one is found by nobody.

use billing::{
    document::CreditRequest,
    dunning::{Ladder, Rung, RungAction},
    fact::EventType,
    gateway::DeclineClass,
    invoice::{Basis, Invoice, InvoiceState, Kept, compute, credit, keep},
    proration::Profile,
};
use chrono::TimeDelta;

use crate::{
    explained::stored,
    sample::{at, usd},
};

/// The soft ladder of `rungs` days, the last an end; the others end at once.
fn ladder(rungs: impl IntoIterator<Item = u32>) -> Ladder {
    let mut soft: Vec<Rung> = rungs.into_iter().map(|days| Rung::after_days(days, RungAction::Notify)).collect();
    if let Some(last) = soft.last_mut() {
        last.action = RungAction::End;
    }
    let ended = || vec![Rung::after_days(1, RungAction::End)];
    Ladder([(DeclineClass::Soft, soft), (DeclineClass::Hard, ended()), (DeclineClass::Unpaid, ended())].into())
}

#[test]
fn a_ladder_has_thirty_rungs_and_a_year_and_no_more() {
    let cases = [
        (vec![365], None),
        (vec![366], Some("ladder soft: at most 30 rungs within 365 days")),
        ((1..=30).collect(), None),
        ((1..=31).collect(), Some("ladder soft: at most 30 rungs within 365 days")),
        (vec![7, 7, 8], None),
        (vec![8, 7], Some("ladder soft: after_days must not go back")),
    ];
    for (days, problem) in cases {
        let found = ladder(days.clone()).problems();
        assert_eq!(found, Vec::from_iter(problem.map(str::to_owned)), "{days:?}");
    }
}

#[test]
fn a_reminder_of_this_very_instant_is_not_over_yet() {
    let (ladder, first) = (ladder([7, 8, 21]), at("2027-01-01T00:00:00Z"));
    for (seconds, passed) in [(0, 0), (7 * 86_400, 0), (7 * 86_400 + 1, 1), (8 * 86_400, 1), (30 * 86_400, 2)] {
        assert_eq!(ladder.passed(DeclineClass::Soft, first, first + TimeDelta::seconds(seconds)), passed, "{seconds}");
    }
}

#[test]
fn invoices_of_the_second_rules_are_credited_as_those_of_the_third_and_the_first_ones_are_not() {
    let note = |name: &str| {
        let paid = Invoice { state: InvoiceState::Paid { at: at("2027-02-01T00:00:00Z") }, ..stored(name) };
        credit(&paid, &CreditRequest::Whole, at("2027-02-02T00:00:00Z")).map(|(credited, _)| credited.credits)
    };
    for name in ["due", "discounted", "discounted-change", "stub", "once"] {
        let [second, third] = [2, 3].map(|rules| note(&format!("rules-{rules}-{name}")).expect("a note"));
        assert_eq!(second, third, "{name}");
    }
    assert!(note("paid").unwrap_err().to_string().contains("knows no credit notes"));
}

#[test]
fn what_is_owed_can_be_lowered_while_nobody_collects_it() {
    let due = stored("rules-3-due");
    let paid = Invoice { state: InvoiceState::Paid { at: due.issued_at }, ..due.clone() };
    let given_up = Invoice { state: InvoiceState::Uncollectible, ..due.clone() };
    let again = Invoice { debt_paid: true, ..given_up.clone() };
    let cases = [
        ("due", due, 2_970, true),
        ("paid", paid, 0, false),
        ("given up", given_up, 2_970, true),
        ("given up, and credit paid it", again, 0, false),
        ("collecting", stored("rules-3-collecting"), 2_970, false),
        ("grouped", stored("rules-3-grouped"), 1_000, false),
    ];
    for (name, invoice, owed, can_be_lowered) in cases {
        assert_eq!((invoice.amount_due().minor, invoice.can_be_lowered()), (owed, can_be_lowered), "{name}");
    }
}

#[test]
fn an_end_gives_no_line_where_nothing_is_left_to_give_back() {
    let Basis::Change { from: terms, period, stub, at, zone, mut adjustments, .. } = stored("rules-3-change").basis
    else {
        panic!("a change")
    };
    let proration = Profile::Killbill.policy();
    let mut lines = |minor| {
        adjustments.kept = Some(Kept { minor, noted_minor: 0, taken_minor: 0 });
        let (terms, stub, adjustments) = (terms.clone(), stub.clone(), adjustments.clone());
        let end = Basis::End { terms, period, stub, at, zone, proration, credit_minor: 0, adjustments };
        compute(3, &end).expect("lines").iter().map(|line| (line.amount.minor, line.why.capped)).collect::<Vec<_>>()
    };
    assert_eq!(lines(1_485), [(-1_485, false), (1_485, false)]);
    assert_eq!(lines(1), [(-1, true), (1, false)]);
    assert_eq!(lines(0), []);
}

#[test]
fn what_lowers_an_open_invoice_takes_its_share_of_the_tax_out_of_the_credit() {
    // 10.00 of the 49.98 came from credit, so 39.98 is owed; 7.98 of tax, of which 6.38 (6.3833) is in what is owed.
    let (held, sold) = crate::credit_notes::sold(2_800, 50, false);
    let open = Invoice { state: InvoiceState::Due { at: sold.issued_at }, total: usd(3_998), ..sold };
    let (lowered, basis) = credit(&open, &CreditRequest::Whole, open.issued_at).expect("a note");
    assert_eq!((lowered.state.name(), lowered.lowered.notes_minor), ("paid", 3_998));
    let (held, _, facts) = crate::refunds::write(&held, &lowered, basis);
    assert_eq!(held.credit_minor, 1_000);
    let told: Vec<_> = facts.iter().map(|fact| (fact.event_type, fact.amount_minor, fact.tax_minor)).collect();
    assert_eq!(told, [(EventType::Credit, 840, Some(160))]);
}

#[test]
fn a_note_that_asks_nothing_of_a_period_is_not_limited_by_it() {
    let once = Invoice { state: InvoiceState::Paid { at: at("2027-02-01T00:00:00Z") }, ..stored("rules-3-once") };
    let request = |line, minor| crate::credit_notes::gross(line, minor, &once);
    // Of the period more was given back than was charged for it, because its first invoice was withdrawn.
    let gave = Invoice { basis: stored("rules-3-change").basis, ..once.clone() };
    let Basis::Change { from: terms, period, stub, at: end, zone, adjustments, .. } = gave.basis.clone() else {
        panic!("a change")
    };
    let proration = Profile::Killbill.policy();
    let basis = Basis::End { terms, period, stub, at: end, zone, proration, credit_minor: 0, adjustments };
    let end = Invoice { basis, ..gave };
    let note = |line| credit(&once, &request(line, 100), once.issued_at).expect("a note").0.credits.remove(0);
    let fee = once.lines.iter().position(|line| line.amount == usd(5_000)).expect("the fee");
    let fee = u32::try_from(fee + 1).expect("a line");
    assert_eq!(keep(&once, &note(fee), &[&end], &[]).map(|kept| (kept.minor, kept.noted_minor)), Ok((-1_485, 0)));
    assert!(keep(&once, &note(1), &[&end], &[]).unwrap_err().to_string().contains("of which 0.00 USD is left"));
}
