//! Limits that are met exactly, and conditions of which one half holds: ladders, notes, what is owed.
//!
//! Exists because elsewhere amounts and instants are far from every limit, and a limit that is off by one is found by nobody.

use billing::{
    document::CreditRequest,
    dunning::{Ladder, Rung, RungAction},
    fact::EventType,
    gateway::DeclineClass,
    invoice::{
        Basis, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, Kept, LineKind, compute, credit,
        given_back, keep, pay_from_credit, transition, withdrawal,
    },
    money::{Currency, Money},
    proration::Profile,
    subscription::{Input, Subscription},
};
use chrono::TimeDelta;

use crate::{
    explained::stored,
    sample::{active, at, terms, usd},
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
    let end = ended(once.total.currency);
    let note = |line| credit(&once, &request(line, 100), once.issued_at).expect("a note").0.credits.remove(0);
    let fee = once.lines.iter().position(|line| line.amount == usd(5_000)).expect("the fee");
    let fee = u32::try_from(fee + 1).expect("a line");
    assert_eq!(keep(&once, &note(fee), &[&end], &[]).map(|kept| (kept.minor, kept.noted_minor)), Ok((-1_485, 0)));
    assert!(keep(&once, &note(1), &[&end], &[]).unwrap_err().to_string().contains("of which 0.00 USD is left"));
}

/// The end of the contract of `rules-3-change` half way through its first period, which gives back 14.85.
fn ended(currency: Currency) -> Invoice {
    let change = stored("rules-3-change");
    let Basis::Change { from: mut terms, period, stub, at, zone, adjustments, .. } = change.basis.clone() else {
        panic!("a change")
    };
    terms.price.currency = currency;
    let proration = Profile::Killbill.policy();
    let basis = Basis::End { terms, period, stub, at, zone, proration, credit_minor: 0, adjustments };
    let id = billing::ids::InvoiceId::try_new("inv_ana-e9").expect("an id");
    let (lines, state) = (compute(3, &basis).expect("lines"), InvoiceState::Paid { at });
    Invoice { id, lines, basis, state, total: Money::zero(currency), ..change }
}

#[test]
fn a_withdrawn_invoice_takes_back_what_its_own_period_gave_in_its_own_currency() {
    let (due, [usd, eur]) = (stored("rules-3-due"), ["USD", "EUR"].map(|code| Currency::try_new(code).expect("one")));
    let held = Subscription { credit_minor: 9_999, ..active(terms("team", "month", "9.90", 3), due.issued_at) };
    let void = Invoice { state: InvoiceState::Void, ..ended(usd) };
    for (name, other, taken) in [("an end", ended(usd), 1_485), ("void", void, 0), ("another currency", ended(eur), 0)]
    {
        let found = withdrawal(&due, &held, &[&due, &other]).expect("a withdrawal");
        assert_eq!((found.taken.minor, found.used.minor), (taken, 0), "{name}");
    }
}

#[test]
fn credit_of_a_period_pays_what_is_open_for_that_period_in_that_currency() {
    let (end, due) = (ended(Currency::try_new("USD").expect("one")), stored("rules-3-due"));
    let given = given_back(&end).expect("sums").expect("credit");
    let mut in_euro = due.clone();
    in_euro.total.currency = Currency::try_new("EUR").expect("one");
    let next = Invoice { state: due.state.clone(), ..stored("rules-3-prepaid") };
    let cases =
        [("its own", due, vec![1_485]), ("in another currency", in_euro, vec![]), ("of the next period", next, vec![])];
    for (name, open, paid) in cases {
        let found = pay_from_credit(&given, given.credit, &[&open], end.issued_at).expect("sums");
        assert_eq!(found.iter().map(|paid| paid.amount.minor).collect::<Vec<_>>(), paid, "{name}");
    }
}

#[test]
fn prepaid_credit_comes_back_with_the_invoice_that_it_paid() {
    let invoice = stored("rules-3-prepaid");
    let input = InvoiceInput::Withdraw { taken_back_minor: 0 };
    let outcome = transition(&invoice, &Ladder::standard(), input, invoice.issued_at);
    let InvoiceOutcome::Applied { effects, .. } = outcome else { panic!("it was not withdrawn") };
    let [InvoiceEffect::Subscription(Input::PrepaidBack { sources, .. })] = &effects[..] else { panic!("{effects:?}") };
    let back: Vec<_> = sources.iter().map(|(source, amount)| (source.grant.as_str(), amount.minor)).collect();
    assert_eq!(back, [("grant-7", 400), ("inv_ana-c7", 200)]);
}

/// An item that costs what it cost is not billed beside others that change; one that is alone always is.
#[test]
fn a_change_bills_the_items_that_it_touches() {
    let lines = |add_ons: [bool; 2], plan: &str| {
        let Basis::Change { mut from, mut to, period, at, zone, proration, adjustments, .. } =
            stored("rules-3-add-ons").basis
        else {
            panic!("a change")
        };
        let storage = from.add_ons.iter().find(|add_on| add_on.id == "storage").cloned();
        for (terms, has) in [(&mut from, add_ons[0]), (&mut to, add_ons[1])] {
            terms.add_ons = storage.clone().filter(|_| has).into_iter().collect();
        }
        to.plan.name = plan.into();
        let (stub, next, next_stub) = (None, None, None);
        let basis = Basis::Change {
            from,
            to,
            period,
            stub,
            at,
            zone,
            proration,
            next,
            next_stub,
            credit_minor: 0,
            adjustments,
        };
        let lines = compute(3, &basis).expect("lines");
        lines.iter().map(|line| (line.add_on.is_some(), line.amount.minor)).collect::<Vec<_>>()
    };
    assert_eq!(lines([false, true], "team"), [(true, 400)]);
    assert_eq!(lines([true, false], "team"), [(true, -400), (false, 400)], "which becomes credit");
    assert_eq!(lines([true, true], "other"), []);
    assert_eq!(lines([false, false], "other"), [(false, -1_500), (false, 1_500)]);
}

#[test]
fn prepaid_credit_pays_on_an_invoice_that_decisions_waited_for() {
    let (renewal, change) = (stored("rules-3-prepaid").basis, stored("rules-3-change").basis);
    let paid = |base: &Basis, earlier: &Basis| {
        let basis = Basis::Carried { base: Box::new(base.clone()), earlier: vec![earlier.clone()] };
        let lines = compute(3, &basis).expect("lines");
        lines.iter().filter(|l| l.kind == LineKind::PrepaidUsed).map(|l| l.amount.minor).collect::<Vec<_>>()
    };
    assert_eq!(paid(&renewal, &change), [-400, -200]);
    assert_eq!(paid(&change, &renewal), [-400, -200]);
    assert!(paid(&change, &change).is_empty());
}
