//! How contracts begin to earn and come back: trials that end without a payment method, and ends that are taken back.

use billing::{
    calendar::trial::TrialAnchor,
    fact::{EventType, Happening},
    invoice::LineKind,
    refusal::Refusal,
    subscription::{
        CancelReason, Collection, Input, Known, Order, Outcome, REACTIVATION_DAYS_MAX, State, Subscription, TrialRules,
        When, WithoutMethod, open, transition, transition_with, wake_at,
    },
};
use chrono::TimeDelta;

use crate::sample::{active, applied, day, give, order, terms, usd};

fn trial(rules: TrialRules) -> Order {
    Order { trial_days: 14, trial: rules, collection: Collection::Automatic, ..order(terms("team", "month", "31", 1)) }
}

fn trialing(rules: TrialRules) -> Subscription {
    applied(open(trial(rules), day("2027-01-20")).expect("an order")).0
}

fn end_of_trial(held: &Subscription, without_method: bool) -> (Subscription, Vec<Happening>) {
    let known = Known { without_method, ..Known::default() };
    match transition_with(held, 7, Input::Wake, day("2027-02-03"), &known).expect("a wake is never refused") {
        Outcome::Applied { next, facts, .. } => (*next, facts),
        Outcome::AlreadyApplied => unreachable!("the trial is over"),
    }
}

fn cancel() -> Input {
    Input::Cancel { when: When::Now, reason: None, comment: None }
}

#[test]
fn a_trial_that_does_not_move_the_anchor_leaves_a_stub() {
    let held = trialing(TrialRules { anchor: TrialAnchor::Start, ..TrialRules::default() });
    let (next, invoices) = give(&held, Input::Wake, day("2027-02-03"));
    // 3 to 20 February: 17 of the 31 days from 20 January on.
    assert_eq!((invoices[0].lines[0].kind, invoices[0].total.minor), (LineKind::ProrationCharge, 1_700));
    assert_eq!(next.period.map(|p| p.end), Some(day("2027-02-20")));
    let (moved, _) = give(&trialing(TrialRules::default()), Input::Wake, day("2027-02-03"));
    assert_eq!(moved.period.map(|p| p.end), Some(day("2027-03-03")));
}

#[test]
fn a_trial_until_a_date_ends_when_that_day_begins() {
    let until = |date: &str| Order { trial_until: Some(date.parse().expect("a date")), ..trial(TrialRules::default()) };
    let held = applied(open(until("2027-02-01"), day("2027-01-20")).expect("an order")).0;
    assert_eq!(wake_at(&held), Some(day("2027-02-01")));
    // 730 days are the most.
    let longest = applied(open(until("2029-01-19"), day("2027-01-20")).expect("an order")).0;
    assert_eq!(wake_at(&longest), Some(day("2029-01-19")));
    for bad in ["2027-01-20", "2029-01-20"] {
        let refusal = open(until(bad), day("2027-01-20")).expect_err("it began");
        assert_eq!(refusal.field(), Some("trial"), "{bad}");
    }
}

#[test]
fn without_a_payment_method_a_trial_ends_as_the_plan_says() {
    let rules = |without_method| TrialRules { without_method, ..TrialRules::default() };
    let (converted, facts) = end_of_trial(&trialing(rules(WithoutMethod::Convert)), true);
    assert_eq!((converted.state, facts.len()), (State::Active, 1));
    let (ended, facts) = end_of_trial(&trialing(rules(WithoutMethod::Cancel)), true);
    assert_eq!(ended.state, State::Canceled { at: day("2027-02-03"), reason: CancelReason::NoMethod });
    assert!(facts.is_empty() && wake_at(&ended).is_none(), "there was no run-rate to lose");
    let (rests, facts) = end_of_trial(&trialing(rules(WithoutMethod::Pause)), true);
    assert!(facts.is_empty() && matches!(rests.state, State::Paused { .. }));
    for without_method in [WithoutMethod::Cancel, WithoutMethod::Pause] {
        let (with_card, _) = end_of_trial(&trialing(rules(without_method)), false);
        assert_eq!(with_card.state, State::Active);
    }
    // It begins to earn when it is resumed.
    let Ok(Outcome::Applied { facts, .. }) = transition(&rests, 8, Input::Resume, day("2027-02-10")) else {
        unreachable!("it is resumed")
    };
    assert_eq!(facts.iter().map(|f| (f.event_type, f.mrr12_minor)).collect::<Vec<_>>(), [(EventType::Signup, 37_200)]);
}

#[test]
fn what_rests_since_its_trial_and_is_free_begins_to_earn_nothing() {
    let rules = TrialRules { without_method: WithoutMethod::Pause, ..TrialRules::default() };
    let free = Order { terms: terms("team", "month", "0", 1), ..trial(rules) };
    let held = applied(open(free, day("2027-01-20")).expect("an order")).0;
    let (rests, _) = end_of_trial(&held, true);
    assert!(matches!(rests.state, State::Paused { .. }), "{:?}", rests.state);
    let Ok(Outcome::Applied { next, facts, .. }) = transition(&rests, 8, Input::Resume, day("2027-02-10")) else {
        unreachable!("it is resumed")
    };
    assert_eq!(facts.iter().map(|fact| fact.event_type).collect::<Vec<_>>(), [EventType::Resume]);
    assert_eq!((next.state, next.started_at), (State::Active, None));
}

#[test]
fn an_ended_contract_comes_back_with_a_new_period_for_90_days() {
    let held = active(terms("team", "month", "10", 1), day("2027-01-05"));
    let (ended, _) = give(&held, cancel(), day("2027-01-20"));
    let back = |now| transition(&ended, 8, Input::Reactivate { debt_minor: 0, debts: Vec::new() }, now);
    let last = day("2027-01-20") + TimeDelta::days(REACTIVATION_DAYS_MAX);
    assert!(back(last).is_ok());
    let refusal = back(last + TimeDelta::seconds(1)).expect_err("it is too late");
    assert!(refusal.to_string().starts_with("action: the contract ended more than 90 days ago"));
    let Ok(Outcome::Applied { next, facts, .. }) = back(day("2027-02-10")) else { unreachable!("it comes back") };
    assert_eq!(
        (next.state.clone(), next.period.map(|p| (p.ordinal, p.start))),
        (State::Active, Some((2, day("2027-02-10"))))
    );
    assert_eq!((facts[0].event_type, facts[0].mrr12_minor), (EventType::Reactivation, 12_000));
    // A second delivery finds it running.
    let again = transition(&next, 9, Input::Reactivate { debt_minor: 0, debts: Vec::new() }, day("2027-02-10"));
    assert!(matches!(again, Err(Refusal::WrongState { .. })));
}

#[test]
fn a_debt_is_paid_before_a_contract_comes_back() {
    let held = active(terms("team", "month", "10", 1), day("2027-01-05"));
    let invoice = billing::ids::InvoiceId::try_new("inv_ana-p1").expect("an id");
    let (ended, _) = give(&held, Input::EndForNonPayment { invoice, at: day("2027-01-20") }, day("2027-01-20"));
    let back = |held: &Subscription| {
        transition(held, 8, Input::Reactivate { debt_minor: 1_000, debts: Vec::new() }, day("2027-02-10"))
    };
    assert!(back(&ended).expect_err("it owes").to_string().contains("pay it first"));
    let late = Input::Credit { amount: usd(1_200), tax_minor: 0, reason: "late", at: day("2027-02-09") };
    let (paid, _) = give(&ended, late, day("2027-02-09"));
    let Ok(Outcome::Applied { next, facts, .. }) = back(&paid) else { unreachable!("it comes back") };
    // 12.00 of credit: 10.00 pay the debt, 2.00 the new period.
    assert_eq!((next.credit_minor, facts[0].amount_minor), (0, -1_000));
}

#[test]
fn what_never_began_does_not_come_back() {
    let incomplete = Order { collection: Collection::Automatic, ..order(terms("team", "month", "10", 1)) };
    let held = applied(open(incomplete, day("2027-01-05")).expect("an order")).0;
    let (expired, _) = give(&held, Input::Wake, day("2027-01-06"));
    let back = transition(&expired, 8, Input::Reactivate { debt_minor: 0, debts: Vec::new() }, day("2027-01-07"));
    assert!(back.expect_err("it began").to_string().contains("sign up again"));
}

fn credited(held: &Subscription, minor: i64) -> Subscription {
    let credit = Input::Credit { amount: usd(minor), tax_minor: 0, reason: "late", at: day("2027-01-05") };
    give(held, credit, day("2027-01-05")).0
}

#[test]
fn credit_that_moves_is_lost_nowhere_and_made_nowhere() {
    let held = credited(&active(terms("team", "month", "31", 1), day("2027-01-01")), 500);
    let given = |minor| Input::GiveCredit { amount: usd(minor), to: held.id.clone() };
    for bad in [-100, 0, 501] {
        assert_eq!(transition(&held, 8, given(bad), day("2027-01-06")).expect_err("too much").field(), Some("amount"));
    }
    let taken = |minor| Input::TakeCredit { amount: usd(minor), from: held.id.clone() };
    for (input, left, moved) in [(given(500), 0, -500), (given(1), 499, -1), (taken(70), 570, 70)] {
        let Ok(Outcome::Applied { next, facts, effects }) = transition(&held, 8, input, day("2027-01-06")) else {
            unreachable!("it is there")
        };
        assert_eq!((next.credit_minor, effects.len()), (left, 0));
        assert_eq!(
            facts.iter().map(|f| (f.amount_minor, f.reason.as_deref())).collect::<Vec<_>>(),
            [(moved, Some("moved"))]
        );
    }
    // An ended contract gives what it has, and nothing would use what it got.
    let ended = give(&held, cancel(), day("2027-01-07")).0;
    assert_eq!(give(&ended, given(500), day("2027-01-08")).0.credit_minor, 0);
    assert!(matches!(transition(&ended, 9, taken(1), day("2027-01-08")), Err(Refusal::WrongState { .. })));
}

#[test]
fn a_sign_up_that_comes_to_nothing_gives_its_counted_redemptions_back() {
    use billing::{discount::Held, subscription::Effect};
    let held = |limit: &str| {
        let json = r#"{"id":"ID","benefit":{"kind":"percent","percent":"25"},"duration":{"is":"once"}}"#;
        let json =
            json.replace("ID", if limit.is_empty() { "open" } else { "few" }).replace("}}", &format!("}}{limit}}}"));
        Held::new(serde_json::from_str(&json).expect("a coupon"))
    };
    let effects = |discounts| {
        let asked = Order { collection: Collection::Automatic, ..order(terms("team", "month", "31", 1)) };
        let waiting = applied(open(asked, day("2027-01-20")).expect("an order")).0;
        let waiting = Subscription { discounts, ..waiting };
        let due = wake_at(&waiting).expect("its end");
        match transition(&waiting, 2, Input::Wake, due).expect("a wake is never refused") {
            Outcome::Applied { next, effects, .. } => {
                assert!(matches!(next.state, State::Canceled { reason: CancelReason::Expired, .. }));
                effects
            }
            Outcome::AlreadyApplied => unreachable!("it is over"),
        }
    };
    assert_eq!(effects(vec![held("")]), [Effect::VoidOpenInvoices], "nobody counts those");
    let both = effects(vec![held(""), held(r#","redemptions_max":2"#)]);
    assert_eq!(both, [Effect::VoidOpenInvoices, Effect::ReturnRedemptions(vec!["few".into()])]);
}
