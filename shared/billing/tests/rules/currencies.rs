//! Contracts that change their currency: every document has one, nothing is converted, and no credit is lost.

use std::collections::BTreeMap;

use billing::{
    calendar::Instant,
    discount::Coupon,
    fact::EventType,
    invoice::{Invoice, LineKind, OneOff, compute, credit},
    money::{Currency, Money},
    proration::{Destination, IntervalChange, ProratedSides, ProrationPolicy, ProrationUnit},
    subscription::{CancelReason, Input, Order, Outcome, State, Subscription, When, open, transition},
    terms::Terms,
};
use proptest::prelude::*;

use crate::adjusted::coupon;
use crate::sample::{active, applied, at, day, give, order, terms, usd};

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::try_new("EUR").expect("a currency"))
}

fn euros(interval: &str, amount: &str) -> Terms {
    let mut terms = terms("team", interval, amount, 1);
    terms.price.currency = eur(0).currency;
    terms
}

pub(crate) fn to_euros(amount: &str, held: &Subscription, when: When) -> Input {
    change(euros("month", amount), held, when)
}

fn change(to: Terms, held: &Subscription, when: When) -> Input {
    Input::Change { terms: Box::new(to), proration: held.proration, when }
}

/// 31 dollars a month from 1 January.
fn dollars() -> Subscription {
    active(terms("team", "month", "31", 1), day("2027-01-01"))
}

fn lines(invoice: &Invoice) -> Vec<(LineKind, String)> {
    invoice.lines.iter().map(|line| (line.kind, line.amount.to_string())).collect()
}

fn facts(held: &Subscription, input: Input, now: Instant) -> Vec<(EventType, String, i64, Option<String>)> {
    match transition(held, 7, input, now).expect("allowed") {
        Outcome::Applied { facts, .. } => {
            facts.into_iter().map(|f| (f.event_type, f.currency, f.mrr12_minor, f.reason)).collect()
        }
        Outcome::AlreadyApplied => Vec::new(),
    }
}

use LineKind::{CreditKept, CreditUsed, OneOff as Once, ProrationCredit, Recurring};

#[test]
fn at_once_the_period_ends_in_the_old_currency_and_a_full_one_begins_in_the_new() {
    let held = dollars();
    let (changed, invoices) = give(&held, to_euros("28", &held, When::Now), day("2027-01-11"));
    let [closing, first] = &invoices[..] else { panic!("{invoices:?}") };
    // 11 to 31 January: 21 of 31 days of 31 dollars.
    assert_eq!(lines(closing), [(ProrationCredit, "-21.00 USD".into()), (CreditKept, "21.00 USD".into())]);
    assert_eq!((closing.id.as_str(), first.id.as_str()), ("inv_ana-c7", "inv_ana-p2"));
    assert_eq!(lines(first), [(Recurring, "28.00 EUR".into())]);
    assert_eq!(changed.period.map(|p| (p.start, p.end)), Some((day("2027-01-11"), day("2027-02-11"))));
    assert_eq!((changed.credit_minor, changed.credits.clone()), (0, vec![usd(2_100)]));
    let told = facts(&held, to_euros("28", &held, When::Now), day("2027-01-11"));
    assert_eq!(told[0], (EventType::Credit, "USD".into(), 37_200, Some("proration".into())));
    assert_eq!(told[1], (EventType::Upgrade, "EUR".into(), 33_600, Some("currency".into())));
    // Back at the same instant: what was just charged is given back in full, and the dollars are used again.
    let (back, invoices) = give(&changed, change(held.terms.clone(), &held, When::Now), day("2027-01-11"));
    assert_eq!(lines(&invoices[0]), [(ProrationCredit, "-28.00 EUR".into()), (CreditKept, "28.00 EUR".into())]);
    assert_eq!(lines(&invoices[1]), [(Recurring, "31.00 USD".into()), (CreditUsed, "-21.00 USD".into())]);
    assert_eq!((back.credit_minor, back.credits), (0, vec![eur(2_800)]));
}

#[test]
fn at_the_end_of_the_period_what_waits_is_billed_in_the_old_currency_first() {
    let (mut held, now) = (dollars(), day("2027-01-11"));
    held.credit_minor = 6_000;
    let charge = OneOff { description: "training".into(), amount: usd(4_990) };
    let (held, _) = give(&held, Input::Charge { charge, when: When::PeriodEnd }, now);
    let (held, _) = give(&held, to_euros("28", &held, When::PeriodEnd), now);
    assert_eq!(held.scheduled.change_version, Some(7));
    // One commit for the change, one for the renewal.
    let (held, invoices) = give(&held, Input::Wake, day("2027-02-01"));
    assert_eq!(lines(&invoices[0]), [(Once, "49.90 USD".into()), (CreditUsed, "-49.90 USD".into())]);
    assert_eq!((invoices[0].id.as_str(), &held.credits), ("inv_ana-c7", &vec![usd(1_010)]));
    let (held, invoices) = give(&held, Input::Wake, day("2027-02-01"));
    assert_eq!(lines(&invoices[0]), [(Recurring, "28.00 EUR".into())]);
    assert_eq!(held.period.map(|p| (p.ordinal, p.end)), Some((2, day("2027-03-01"))));
    assert_eq!((held.credit_minor, held.credits), (0, vec![usd(1_010)]));
}

#[test]
fn on_a_date_it_is_as_if_it_were_asked_for_then() {
    let held = dollars();
    let (asked, _) = give(&held, to_euros("28", &held, When::At(day("2027-01-11"))), day("2027-01-02"));
    let (later, invoices) = give(&asked, Input::Wake, day("2027-01-15"));
    let (at_once, same) = give(&held, to_euros("28", &held, When::Now), day("2027-01-11"));
    assert_eq!((&later, invoices), (&at_once, same));
}

#[test]
fn another_interval_or_the_end_of_a_pause_bring_the_currency_with_a_new_period() {
    let held = dollars();
    let (yearly, _) = give(&held, change(euros("year", "300"), &held, When::PeriodEnd), day("2027-01-11"));
    let (yearly, invoices) = give(&yearly, Input::Wake, day("2027-02-01"));
    assert_eq!((invoices.len(), lines(&invoices[0])), (1, vec![(Recurring, "300.00 EUR".into())]));
    assert_eq!(yearly.period.map(|p| p.end), Some(day("2028-02-01")));
    let charge = OneOff { description: "training".into(), amount: usd(500) };
    let (rests, _) = give(&held, to_euros("28", &held, When::PeriodEnd), day("2027-01-11"));
    let pause = Input::Pause { when: When::Now, resume_at: None, credit: false };
    let (rests, _) = give(&rests, pause, day("2027-01-12"));
    let (rests, _) = give(&rests, Input::Charge { charge, when: When::PeriodEnd }, day("2027-01-12"));
    let (_, invoices) = give(&rests, Input::Resume, day("2027-03-01"));
    assert_eq!(lines(&invoices[0]), [(Once, "5.00 USD".into())]);
    assert_eq!(lines(&invoices[1]), [(Recurring, "28.00 EUR".into())]);
}

#[test]
fn a_policy_that_gives_nothing_back_or_on_a_note_is_followed() {
    let policy = |proration| Order { proration, ..order(terms("team", "month", "31", 1)) };
    let switched = |proration| {
        let held = applied(open(policy(proration), day("2027-01-01")).expect("an order")).0;
        give(&held, to_euros("28", &held, When::Now), day("2027-01-11"))
    };
    let (held, invoices) = switched(ProrationPolicy { sides: ProratedSides::Neither, ..ProrationPolicy::default() });
    assert_eq!((held.credits, invoices.len()), (vec![], 1));
    let note = ProrationPolicy { destination: Destination::CreditNote, ..ProrationPolicy::default() };
    let (held, invoices) = switched(note);
    assert_eq!((held.credits, invoices.len()), (vec![usd(2_100)], 2));
    assert!(invoices[0].basis.is_credit_note() && invoices[0].id.as_str() == "inv_ana-n7");
}

#[test]
fn a_coupon_with_another_currencys_amount_is_refused_by_name() {
    let fixed: Coupon = serde_json::from_str(
        r#"{"id":"five","benefit":{"kind":"fixed","amounts":[{"currency":"USD","amount":"5"}]},
            "duration":{"is":"forever"},"stacking":"with-others"}"#,
    )
    .expect("a coupon");
    let holds = |coupons| {
        let order = Order { coupons, ..order(terms("team", "month", "31", 1)) };
        applied(open(order, day("2027-01-01")).expect("an order")).0
    };
    let held = holds(vec![fixed.clone()]);
    let ask = |held: &Subscription| transition(held, 7, to_euros("28", held, When::Now), day("2027-01-11"));
    let refusal = ask(&held).expect_err("five dollars are no euros");
    assert_eq!(refusal.field(), Some("currency"));
    assert!(refusal.to_string().contains("coupon five has no amount in EUR; remove it first"), "{refusal}");
    // Removed, it is over with the running period; one that is over then anyway stands in nobody's way.
    let (removed, _) = give(&held, Input::RemoveCoupon { coupon: "five".into() }, day("2027-01-11"));
    assert!(ask(&removed).is_ok());
    let once = Coupon { duration: billing::discount::CouponDuration::Once, ..fixed.clone() };
    let (switched, invoices) = give(&holds(vec![once]), to_euros("28", &held, When::Now), day("2027-01-11"));
    // 26 dollars were charged: 21 of 31 days of them come back.
    assert_eq!((switched.credits, switched.discounts.len()), (vec![usd(1_761)], 0));
    assert_eq!(lines(&invoices[1]), [(Recurring, "28.00 EUR".into())]);
    // Once a currency is agreed, a coupon has to be good in it.
    let half = coupon(50, r#"{"is":"forever"}"#);
    let (agreed, _) = give(&dollars(), to_euros("28", &held, When::PeriodEnd), day("2027-01-11"));
    let apply = |coupon| transition(&agreed, 8, Input::ApplyCoupon { coupon: Box::new(coupon) }, day("2027-01-12"));
    assert_eq!(apply(fixed).expect_err("no amount in EUR").field(), Some("coupon"));
    assert!(apply(half).is_ok());
}

/// The worker is late: the coupon was looked up while the contract was still in dollars.
#[test]
fn a_coupon_that_comes_after_the_agreed_day_must_be_good_in_the_new_currency() {
    let held = dollars();
    let (asked, _) = give(&held, to_euros("28", &held, When::At(day("2027-01-11"))), day("2027-01-02"));
    let mut five = coupon(10, r#"{"is": "forever"}"#);
    five.benefit =
        serde_json::from_value(serde_json::json!({"kind": "fixed", "amounts": [{"currency": "USD", "amount": "5"}]}))
            .expect("a benefit");
    let redeem = Input::ApplyCoupon { coupon: Box::new(five) };
    let refused = transition(&asked, 9, redeem, at("2027-01-11T00:00:20Z"));
    assert!(matches!(refused, Err(billing::refusal::Refusal::InvalidField { field: "coupon", .. })), "{refused:?}");
}

/// A day that is kept at a change of interval is kept with another currency, too.
#[test]
fn a_kept_anchor_is_kept_in_another_currency() {
    let proration = ProrationPolicy { interval_change: IntervalChange::KeepAnchor, ..ProrationPolicy::default() };
    let agreed = Order { proration, ..order(terms("team", "month", "31", 1)) };
    let (held, _) = applied(open(agreed, day("2027-01-31")).expect("an order"));
    let (held, _) = give(&held, change(euros("year", "300"), &held, When::PeriodEnd), day("2027-02-10"));
    let (held, _) = give(&held, Input::Wake, day("2027-02-28"));
    assert_eq!(held.terms.price.currency, eur(0).currency);
    let next = held.running_schedule().expect("a schedule").recurrence().day();
    assert_eq!(
        format!("{next:?}"),
        format!("{:?}", billing::calendar::recurrence::DayOfMonth::of("2027-01-31".parse().expect("a day")))
    );
}

#[test]
fn in_a_trial_nothing_is_billed_and_waiting_charges_are_in_the_way() {
    let mut order = order(terms("team", "month", "31", 1));
    order.trial_days = 14;
    let held = applied(open(order, day("2027-01-01")).expect("an order")).0;
    let (changed, invoices) = give(&held, to_euros("28", &held, When::Now), day("2027-01-02"));
    assert_eq!((invoices.len(), changed.terms.price.currency), (0, eur(0).currency));
    let charge = OneOff { description: "training".into(), amount: usd(500) };
    let (held, _) = give(&held, Input::Charge { charge, when: When::PeriodEnd }, day("2027-01-02"));
    let refused = transition(&held, 7, to_euros("28", &held, When::Now), day("2027-01-02")).expect_err("it waits");
    assert!(refused.to_string().contains("charges in USD wait for the first invoice"), "{refused}");
}

#[test]
fn money_and_notes_about_old_invoices_stay_in_their_currency() {
    let held = dollars();
    let paid = {
        let (_, mut invoices) = applied(open(order(held.terms.clone()), day("2027-01-01")).expect("an order"));
        let mut invoice = invoices.remove(0);
        invoice.state = billing::invoice::InvoiceState::Paid { at: day("2027-01-02") };
        invoice
    };
    let (held, _) = give(&held, to_euros("28", &held, When::Now), day("2027-01-11"));
    let late = Input::Credit { amount: usd(100), tax_minor: 0, reason: "unallocated", at: day("2027-01-12") };
    assert_eq!(facts(&held, late.clone(), day("2027-01-12"))[0].1, "USD");
    let (held, _) = give(&held, late, day("2027-01-12"));
    assert_eq!((held.credit_minor, &held.credits), (0, &vec![usd(2_200)]));
    let (_, note) = credit(&paid, &billing::document::CreditRequest::Whole, paid.issued_at).expect("it is paid");
    let input = Input::CreditNote {
        basis: Box::new(note),
        invoice: paid.id,
        reason: None,
        kept: billing::invoice::Kept::default(),
    };
    assert_eq!(facts(&held, input.clone(), day("2027-01-13"))[0].1, "USD");
    let (held, _) = give(&held, input, day("2027-01-13"));
    assert_eq!((held.credit_minor, &held.credits), (0, &vec![usd(5_300)]));
}

#[test]
fn a_debt_is_paid_by_credit_in_its_own_currency() {
    let (mut held, _) = give(&dollars(), to_euros("28", &dollars(), When::Now), day("2027-01-11"));
    held.state = State::Canceled { at: day("2027-01-20"), reason: CancelReason::Involuntary };
    let back = |held: &Subscription, debt| {
        transition(held, 8, Input::Reactivate { debt_minor: 0, debts: vec![debt] }, day("2027-01-21"))
    };
    assert_eq!(back(&held, usd(2_101)).expect_err("a cent is missing").field(), Some("action"));
    assert_eq!(
        back(&held, Money::new(1, Currency::try_new("JPY").expect("yen"))).expect_err("none").field(),
        Some("action")
    );
    let Ok(Outcome::Applied { next, facts, .. }) = back(&held, usd(2_000)) else { panic!("it is covered") };
    assert_eq!(next.credits, [usd(100)]);
    assert_eq!((facts[0].currency.as_str(), facts[0].amount_minor), ("USD", -2_000));
}

#[derive(Clone, Debug)]
enum Move {
    Switch { cents: i64, when: u8 },
    Seats(i64),
    Charge(i64),
    Pass,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        (1_i64..20_000, 0_u8..3).prop_map(|(cents, when)| Move::Switch { cents, when }),
        (1_i64..5).prop_map(Move::Seats),
        (1_i64..5_000).prop_map(Move::Charge),
        Just(Move::Pass),
    ]
}

fn other(currency: Currency) -> Currency {
    if currency == eur(0).currency { usd(0).currency } else { eur(0).currency }
}

/// The input of a move, on the contract as it is.
fn input(held: &Subscription, step: &Move, now: Instant) -> Input {
    let currency = held.terms.price.currency;
    match step {
        Move::Switch { cents, when } => {
            let amount = rust_decimal::Decimal::new(*cents, 2).to_string();
            let mut to = terms("team", "month", &amount, i64::from(held.terms.quantity));
            to.price.currency = other(currency);
            let date = When::At(now + chrono::TimeDelta::days(3));
            change(to, held, [When::Now, When::PeriodEnd, date][usize::from(*when)])
        }
        Move::Seats(seats) => {
            let mut to = held.terms.clone();
            to.quantity = u32::try_from(*seats).expect("few");
            change(to, held, When::Now)
        }
        Move::Charge(minor) => {
            let charge = OneOff { description: "work".into(), amount: Money::new(*minor, currency) };
            Input::Charge { charge, when: When::PeriodEnd }
        }
        Move::Pass => Input::Wake,
    }
}

/// More than what can be due in 40 days.
const WAKES: usize = 4;

proptest! {
    #![proptest_config(crate::sample::cases(300))]

    /// Whatever is asked for, in every currency what documents keep as credit less what they use is what the contract has.
    #[test]
    fn every_document_has_one_currency_and_no_credit_is_lost(
        moves in proptest::collection::vec((any_move(), 1_i64..40), 1..12),
        destination in proptest::sample::select(vec![Destination::InvoiceNow, Destination::NextInvoice, Destination::CreditNote]),
        by_second in any::<bool>(),
        late in any::<bool>(),
    ) {
        let unit = if by_second { ProrationUnit::Second } else { ProrationUnit::Day };
        let proration = ProrationPolicy { destination, unit, ..ProrationPolicy::default() };
        let first = Order { proration, ..order(terms("team", "month", "31", 1)) };
        let (mut held, mut invoices) = applied(open(first, day("2027-01-01")).expect("an order"));
        let (mut now, mut version) = (day("2027-01-01"), 1);
        for (step, days) in &moves {
            now += chrono::TimeDelta::days(*days);
            // A worker does what is due first, in so many commits; a late one leaves it to the move, which does all in one.
            for turn in if late { WAKES } else { 0 }..=WAKES {
                let input = if turn < WAKES { Input::Wake } else { input(&held, step, now) };
                version += 1;
                match transition(&held, version, input, now) {
                    Ok(outcome @ Outcome::Applied { .. }) => {
                        let (next, issued) = applied(outcome);
                        held = next;
                        invoices.extend(issued);
                    }
                    Ok(Outcome::AlreadyApplied) => {}
                    // An amount may be in a currency that the contract has left by now.
                    Err(refusal) if late => prop_assert!(matches!(refusal.field(), Some("plan" | "amount")), "{}", refusal),
                    Err(refusal) => prop_assert_eq!(refusal.code(), "nothing_to_change"),
                }
            }
        }
        let ids: std::collections::BTreeSet<_> = invoices.iter().map(|i| i.id.clone()).collect();
        prop_assert_eq!(ids.len(), invoices.len(), "two invoices for one cause");
        let mut credits: BTreeMap<String, i64> = BTreeMap::new();
        for invoice in &invoices {
            let currency = invoice.total.currency;
            prop_assert!(invoice.lines.iter().all(|line| line.amount.currency == currency));
            prop_assert!(invoice.total.minor >= 0);
            prop_assert_eq!(compute(billing::RULES_VERSION, &invoice.basis), Ok(invoice.lines.clone()));
            let credit = invoice.lines.iter().filter(|line| matches!(line.kind, CreditKept | CreditUsed));
            *credits.entry(currency.to_string()).or_default() += credit.map(|line| line.amount.minor).sum::<i64>();
        }
        for currency in [eur(0).currency, usd(0).currency] {
            let has = held.credit_in(currency);
            prop_assert!(has >= 0);
            prop_assert_eq!(credits.get(&currency.to_string()).copied().unwrap_or(0), has, "{}", currency);
        }
    }
}
