//! Changes that move a cut instead of money, or keep it: extra time, and a new interval on the old anchor.

use billing::{
    catalog::Catalog,
    invoice::{Invoice, LineKind, compute, explain},
    proration::{CONTRACT_DAYS_MAX, IntervalChange, Profile, ProrationPolicy},
    subscription::{Input, Order, Subscription, When, open, transition_with},
    tax::Taxes,
    terms::Terms,
};
use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::json;

use crate::{
    adjusted::{applied, coupon, opened, taxed, taxes},
    items::bought,
    sample::{at, day, give, order, terms},
    usage::{Days, event, plan},
};

fn held_by(policy: ProrationPolicy, terms: Terms, start: &str) -> Subscription {
    applied(open(Order { proration: policy, ..order(terms) }, day(start)).expect("an order")).0
}

fn samsung(terms: Terms, start: &str) -> Subscription {
    held_by(Profile::Samsung.policy(), terms, start)
}

fn keeps() -> ProrationPolicy {
    ProrationPolicy { interval_change: IntervalChange::KeepAnchor, ..ProrationPolicy::default() }
}

fn to(held: &Subscription, terms: Terms, when: When) -> Input {
    Input::Change { terms: Box::new(terms), proration: held.proration, when }
}

fn now(held: &Subscription, terms: Terms) -> Input {
    to(held, terms, When::Now)
}

fn month(price: &str) -> Terms {
    terms("other", "month", price, 1)
}

fn span(held: &Subscription) -> (String, String) {
    let period = held.period.expect("a period");
    (period.start.date_naive().to_string(), period.end.date_naive().to_string())
}

fn dates(start: &str, end: &str) -> (String, String) {
    (start.into(), end.into())
}

/// The lines; they are computed again from what is stored.
fn amounts(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines);
    invoice.lines.iter().map(|line| (line.kind, line.amount.minor)).collect()
}

use LineKind::{CreditKept, ProrationCharge, ProrationCredit, Recurring, UsageLate};

#[test]
fn the_published_example_is_billed_by_a_contract() {
    let held = samsung(month("30.00"), "2027-09-01");
    let (next, invoices) = give(&held, now(&held, month("60.00")), day("2027-09-15"));
    // 15 of 30 days are unused: 15.00 are seven and a half days of 60.00, and a begun day is given.
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -1_500), (ProrationCharge, 1_500)]);
    assert_eq!((invoices[0].total.minor, next.credit_minor), (0, 0));
    assert_eq!(span(&next), dates("2027-09-15", "2027-09-23"));
    let told = explain(&invoices[0]).expect("words");
    assert!(
        told.contains("8 days at 60 for 30 days, bought with what was unused") && told.contains("same lines"),
        "{told}"
    );
    let (renewed, invoices) = give(&next, Input::Wake, day("2027-09-23"));
    assert_eq!((amounts(&invoices[0]), span(&renewed)), (vec![(Recurring, 6_000)], dates("2027-09-23", "2027-10-23")));
    assert!(renewed.stub.is_none());
}

/// A contract on bought time, and the invoice that bought it.
pub(crate) fn on_bought_time() -> (Subscription, Invoice) {
    let held = samsung(month("30.00"), "2027-09-01");
    let (next, mut invoices) = give(&held, now(&held, month("60.00")), day("2027-09-15"));
    (next, invoices.remove(0))
}

#[test]
fn what_is_left_of_bought_time_is_a_part_of_what_bought_it() {
    let held = samsung(month("30.00"), "2027-09-01");
    let (held, _) = give(&held, now(&held, month("60.00")), day("2027-09-15"));
    // Three of eight days are left, so 5.63 of the 15.00: six days of 30.00.
    let (held, invoices) = give(&held, now(&held, month("30.00")), day("2027-09-19"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -563), (ProrationCharge, 563)]);
    assert_eq!(span(&held), dates("2027-09-19", "2027-09-25"));
    // A policy that moves money divides the same: 2 of 6 days of 5.63 back, and 2 of the 6 days at 60.00 for 30.
    let by_money = Subscription { proration: ProrationPolicy::default(), ..held };
    let (next, invoices) = give(&by_money, now(&by_money, month("60.00")), day("2027-09-23"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -188), (ProrationCharge, 400)]);
    assert_eq!(span(&next), dates("2027-09-19", "2027-09-25"));
    // From then on the six days are worth 12.00: one of them comes back, to what is free, and nothing of that.
    let (free, invoices) = give(&next, now(&next, month("0.00")), day("2027-09-24"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -200), (CreditKept, 200)]);
    let (_, invoices) = give(&free, now(&free, month("30.00")), day("2027-09-24"));
    assert_eq!(amounts(&invoices[0])[0], (ProrationCharge, 100));
}

#[test]
fn a_change_and_the_change_back_on_one_day_use_that_day_up_once() {
    let s = || terms("s", "month", "33.33", 3);
    let held = samsung(s(), "2027-03-05");
    let (there, _) = give(&held, now(&held, terms("b", "month", "77.77", 3)), day("2027-03-19"));
    // 16 of the usual 30 days, 53.33: 6.9 days of 233.31.
    assert_eq!(span(&there), dates("2027-03-19", "2027-03-26"));
    for back in ["2027-03-19T00:00:00Z", "2027-03-19T18:30:00Z"] {
        let (held, invoices) = give(&there, now(&there, s()), at(back));
        assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -5_333), (ProrationCharge, 5_333)]);
        assert_eq!(span(&held), dates("2027-03-19", "2027-04-05"));
        let earlier = compute(2, &invoices[0].basis).expect("lines");
        assert_eq!(earlier[0].amount.minor, -4_571, "what was issued stays");
    }
}

#[test]
fn a_first_period_that_is_cut_short_costs_its_part_and_buys_time_too() {
    let alignment = serde_json::from_str(r#"{"to": {"calendar": {}}}"#).expect("an alignment");
    let order = Order { proration: Profile::Samsung.policy(), alignment: Some(alignment), ..order(month("31.00")) };
    let (held, invoices, _) = applied(open(order, day("2027-01-11")).expect("an order"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCharge, 2_100)]);
    // Of 21.00 ten of its 21 days are left, the day of the change was used; 10.00 are 9.7 days of 31.00 for 30, a begun one.
    let (next, invoices) = give(&held, now(&held, terms("next", "month", "31.00", 1)), day("2027-01-21"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -1_000), (ProrationCharge, 1_000)]);
    assert_eq!(span(&next), dates("2027-01-21", "2027-01-31"));
    // From there to the end of the calendar month, and whole months.
    let (next, invoices) = give(&next, Input::Wake, day("2027-01-31"));
    assert_eq!((amounts(&invoices[0]), span(&next)), (vec![(ProrationCharge, 100)], dates("2027-01-31", "2027-02-01")));
}

#[test]
fn a_downgrade_lengthens_the_period_and_beyond_a_year_the_rest_is_credit() {
    let held = samsung(month("60.00"), "2027-09-01");
    let (next, _) = give(&held, now(&held, month("30.00")), day("2027-09-15"));
    assert_eq!(span(&next), dates("2027-09-15", "2027-10-15"));
    let held = samsung(terms("team", "year", "1200.00", 1), "2027-01-01");
    let (next, invoices) = give(&held, now(&held, month("1.00")), day("2027-07-02"));
    // 182 of 365 days are unused, 598.36; a year and a day of 1.00 for 30 days is 12.20.
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -59_836), (ProrationCharge, 1_220), (CreditKept, 58_616)]);
    let period = next.period.expect("a period");
    assert_eq!(((period.end - period.start).num_days(), next.credit_minor), (i64::from(CONTRACT_DAYS_MAX), 58_616));
}

#[test]
fn what_buys_nothing_is_money_and_what_is_free_is_billed_when_it_earns() {
    let held = samsung(month("30.00"), "2027-09-01");
    let (free, invoices) = give(&held, now(&held, month("0.00")), day("2027-09-15"));
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -1_500), (CreditKept, 1_500)]);
    assert_eq!(span(&free), dates("2027-09-15", "2027-10-15"));
    let (paid, invoices) = give(&free, now(&free, month("60.00")), day("2027-09-20"));
    assert_eq!((invoices[0].total.minor, paid.credit_minor), (4_500, 0));
    assert_eq!(span(&paid), dates("2027-09-20", "2027-10-20"));
}

#[test]
fn every_item_is_given_back_and_the_cents_add_up() {
    let held = samsung(bought("month", 2, &[("storage", 1), ("sso", 1)]), "2027-09-01");
    let (next, invoices) = give(&held, now(&held, bought("month", 3, &[("storage", 2)])), day("2027-09-15"));
    // 20.00, 4.00 and 7.00 for 15 of 30 days are 15.50; 38.00 for 30 days buy 13 of them (12.24 and a begun one).
    let lines = [(ProrationCredit, -1_000), (ProrationCharge, 1_224), (ProrationCredit, -200), (ProrationCharge, 326)];
    let mut found = amounts(&invoices[0]);
    found.sort_by_key(|line| line.1);
    let mut expected: Vec<_> = lines.into_iter().chain([(ProrationCredit, -350)]).collect();
    expected.sort_by_key(|line| line.1);
    assert_eq!((found, invoices[0].total.minor), (expected, 0));
    assert_eq!(span(&next), dates("2027-09-15", "2027-09-28"));
}

#[test]
fn a_tax_that_changes_moves_no_money_and_a_discount_buys_less() {
    let taxes = taxes(false);
    let coupons = || vec![coupon(50, r#"{"is":"forever"}"#)];
    let (held, ..) = opened(taxed(terms("team", "month", "28.00", 1)), coupons(), &taxes);
    let held = Subscription { proration: Profile::Samsung.policy(), ..held };
    let input = now(&held, taxed(terms("other", "month", "28.00", 1)));
    let (next, invoices, _) =
        applied(transition_with(&held, 7, input, day("2027-02-14"), &taxes.into()).expect("done"));
    assert_eq!((invoices[0].total.minor, next.credit_minor, next.tax == held.tax), (0, 0, true));
    // 13 of the usual 30 days of 14.00 are unused, 6.07: thirteen days of 14.00, and a begun one.
    assert_eq!(next.period.map(|p| (p.end - p.start).num_days()), Some(14));
}

#[test]
fn usage_is_closed_by_the_old_terms_and_bought_time_has_its_part() {
    let item = json!({"currency": "USD", "interval": "month", "meter": {"id": "calls", "aggregation": "sum"},
        "included": "30", "part": {"included": "share"}, "price": {"model": "per-seat", "unit_amount": "1"}});
    let plan = |id: &str| plan(id, &json!([item]));
    let of = |id: &str| {
        Terms::try_new(&plan(id), &billing::catalog::Policy::standard(), &plan(id).prices[0], false, 1).expect("terms")
    };
    let held = samsung(of("api"), "2027-09-01");
    let mut days = Days::default();
    days.record_events(&held, &[event("a", day("2027-09-10"), "20")], day("2027-09-10"));
    let (held, invoices) = days.decide(&held, now(&held, of("other")), day("2027-09-16"));
    // 15 of 30 days: 15 are included. The policy's day of the change was used, so 14 days of 20.00 are left.
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -933), (ProrationCharge, 933), (LineKind::Usage, 500)]);
    assert_eq!(span(&held), dates("2027-09-16", "2027-09-30"));
    days.record_events(&held, &[event("b", day("2027-09-20"), "20")], day("2027-09-20"));
    let (held, invoices) = days.decide(&held, Input::Wake, day("2027-09-30"));
    // 14 of 30 days: 14 are included.
    assert_eq!(amounts(&invoices[0]), [(Recurring, 2_000), (LineKind::Usage, 600)]);
    days.record_events(&held, &[event("c", day("2027-09-21"), "1")], day("2027-10-02"));
    let (_, invoices) = days.decide(&held, Input::Wake, day("2027-10-30"));
    assert!(amounts(&invoices[0]).contains(&(UsageLate, 100)));
}

#[test]
fn a_longer_interval_begins_where_the_running_period_ends() {
    let held = held_by(keeps(), month("31.00"), "2027-01-31");
    let (held, _) = give(&held, Input::Wake, day("2027-02-28"));
    assert_eq!(span(&held), dates("2027-02-28", "2027-03-31"));
    let (next, invoices) = give(&held, now(&held, terms("other", "year", "365.00", 1)), day("2027-03-21"));
    // Ten of 31 days of a month back, ten of 365 days of a year charged.
    assert_eq!(amounts(&invoices[0]), [(ProrationCredit, -1_000), (ProrationCharge, 1_000)]);
    assert_eq!(span(&next), dates("2027-03-21", "2027-03-31"));
    let (next, invoices) = give(&next, Input::Wake, day("2027-03-31"));
    assert_eq!((amounts(&invoices[0]), span(&next)), (vec![(Recurring, 36_500)], dates("2027-03-31", "2028-03-31")));
}

#[test]
fn a_shorter_interval_begins_on_the_next_of_its_days() {
    let held = held_by(keeps(), terms("team", "year", "365.00", 1), "2027-01-31");
    let (next, invoices) = give(&held, now(&held, month("31.00")), day("2027-03-21"));
    // 316 of 365 days of the year back; ten of the 31 days from 28 February to 31 March.
    assert_eq!(amounts(&invoices[0])[..2], [(ProrationCredit, -31_600), (ProrationCharge, 1_000)]);
    let mut ends = vec![span(&next)];
    let mut held = next;
    for _ in 0..3 {
        held = give(&held, Input::Wake, held.period.expect("a period").end).0;
        ends.push(span(&held));
    }
    let found: Vec<&str> = ends.iter().map(|(_, end)| end.as_str()).collect();
    assert_eq!(found, ["2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30"]);
}

#[test]
fn weeks_and_months_keep_the_day_that_they_are_cut_on() {
    let weekly = held_by(keeps(), terms("team", "week", "7.00", 1), "2027-01-30");
    let (next, _) = give(&weekly, now(&weekly, month("28.00")), day("2027-02-03"));
    assert_eq!(span(&next), dates("2027-02-03", "2027-02-06"));
    let (next, _) = give(&next, Input::Wake, day("2027-02-06"));
    assert_eq!(span(&next), dates("2027-02-06", "2027-03-06"));
    let (next, _) = give(&next, now(&next, terms("team", "week", "7.00", 1)), day("2027-02-08"));
    // Weeks that lead to 6 March, a Saturday.
    assert_eq!(span(&next), dates("2027-02-08", "2027-02-13"));
}

#[test]
fn an_interval_that_is_agreed_for_the_end_keeps_the_31st() {
    for (policy, end) in [(keeps(), "2027-05-31"), (ProrationPolicy::default(), "2027-05-28")] {
        let held = held_by(policy, month("31.00"), "2027-01-31");
        let quarter = to(&held, terms("other", "quarter", "90.00", 1), When::PeriodEnd);
        let (agreed, _) = give(&held, quarter, day("2027-02-03"));
        let (next, _) = give(&agreed, Input::Wake, day("2027-02-28"));
        assert_eq!(span(&next), dates("2027-02-28", end));
    }
}

#[test]
fn a_catalog_may_name_both_but_not_together() {
    let problems = |proration: &str| {
        let json = json!({"plans": [{"id": "p", "version": 1, "title": "P", "policy": "moved", "prices":
            [{"currency": "USD", "interval": "month", "model": "flat", "amount": "9"}]}],
            "policies": [{"id": "moved", "version": 1, "proration": serde_json::from_str::<serde_json::Value>(proration).expect("JSON")}]});
        let catalog: Catalog = serde_json::from_value(json).expect("a catalog");
        catalog.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(problems(r#"{"profile": "samsung"}"#), "");
    assert_eq!(problems(r#"{"interval_change": "keep-anchor"}"#), "");
    let both = problems(r#"{"profile": "samsung", "interval_change": "keep-anchor"}"#);
    assert!(both.contains("the bought time moves the cut"), "{both}");
    let charge = problems(r#"{"profile": "samsung", "sides": "charge"}"#);
    assert!(charge.contains("what is not given back buys no time"), "{charge}");
}

proptest! {
    /// Whatever is changed when and to what: no money moves but credit that no time is left for, what is given back is what is
    /// charged, and a period ends with the next one, in every zone.
    #[test]
    fn bought_time_moves_no_money(
        zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::Pacific__Apia]),
        changes in prop::collection::vec((0_i64..40_000, 100_i64..50_000, 1_i64..4, prop::sample::select(vec!["month", "year", "week"])), 1..6),
    ) {
        let order = Order { proration: Profile::Samsung.policy(), zone, ..order(month("30.00")) };
        let mut held = applied(open(order, at("2027-01-31T09:00:00Z")).expect("an order")).0;
        let mut now = at("2027-01-31T09:00:00Z");
        for (version, (minutes, cents, units, interval)) in (2..).zip(changes) {
            now += TimeDelta::minutes(minutes);
            while let Some(end) = held.period.map(|p| p.end).filter(|end| *end <= now) {
                held = give(&held, Input::Wake, end).0;
                prop_assert_eq!(held.period.expect("a period").start, end);
            }
            let price = rust_decimal::Decimal::new(cents, 2).to_string();
            let input = to(&held, terms("other", interval, &price, units), When::Now);
            let Ok(outcome) = transition_with(&held, version, input, now, &Taxes::default().into()) else { continue };
            let (next, invoices, _) = applied(outcome);
            let period = next.period.expect("a period");
            let lines = amounts(&invoices[0]);
            let of = |kind| lines.iter().filter(|l| l.0 == kind).map(|l| l.1).sum::<i64>();
            if next.stub.as_ref().is_some_and(|stub| stub.bought.is_some()) {
                prop_assert_eq!(invoices[0].total.minor, 0);
                prop_assert_eq!(of(ProrationCredit) + of(ProrationCharge) + of(CreditKept), 0);
                let capped = (period.end - period.start).num_days() >= 365;
                prop_assert!(of(CreditKept) == 0 || capped);
                // The last day is begun: a day less is worth less than what was given.
                prop_assert!(period.start < period.end);
            } else {
                // Nothing was unused: the day of the change was the last one.
                prop_assert_eq!(of(ProrationCredit), 0);
            }
            prop_assert_eq!(next.credit_minor, held.credit_minor + of(CreditKept) + of(LineKind::CreditUsed));
            held = next;
        }
    }
}
