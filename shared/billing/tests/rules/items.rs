//! Contracts with several items: what is promised about add-ons, whatever is added, removed and changed.

use billing::{
    catalog::{Catalog, Plan},
    discount::Coupon,
    entitlement::entitlements,
    fact::EventType,
    invoice::{Invoice, LineKind, compute, explain},
    migration::{Stay, Verdict, verdict},
    money::Money,
    subscription::{Input, State, Subscription, When, transition_with},
    tax::Taxes,
    terms::{Terms, WantedAddOn},
};
use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use crate::adjusted::{applied, coupon, opened, start, taxed, taxes};
use crate::sample::{active, give};

pub(crate) const ADD_ONS: &str = r#"{
    "plans": [{"id": "team", "version": 1, "title": "Team", "features": ["projects"], "limits": {"gigabytes": 5},
        "prices": [{"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "10"},
            {"currency": "USD", "interval": "year", "model": "per-seat", "unit_amount": "100"}],
        "add_ons": [
            {"id": "storage", "title": "Storage", "limits": {"gigabytes": 100}, "quantity_max": 5, "prices": [
                {"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "4"},
                {"currency": "USD", "interval": "year", "model": "per-seat", "unit_amount": "40"}]},
            {"id": "sso", "title": "Single sign-on", "features": ["sso"], "prices": [
                {"currency": "USD", "interval": "month", "model": "flat", "amount": "7"}]},
            {"id": "support", "title": "Support", "features": ["phone"], "prices": [
                {"currency": "USD", "interval": "month", "model": "percent-of", "rate": "20"},
                {"currency": "USD", "interval": "year", "model": "percent-of", "rate": "15"}]}]}]
}"#;

pub(crate) fn plan() -> Plan {
    let catalog: Catalog = serde_json::from_str(ADD_ONS).expect("a catalog");
    assert_eq!(catalog.problems(), []);
    catalog.plans[0].clone()
}

fn wanted(add_ons: &[(&str, i64)]) -> Vec<WantedAddOn> {
    add_ons.iter().map(|(id, quantity)| WantedAddOn { id: (*id).into(), quantity: *quantity }).collect()
}

pub(crate) fn bought(interval: &str, seats: i64, add_ons: &[(&str, i64)]) -> Terms {
    let plan = plan();
    let price = plan.prices.iter().find(|p| p.interval.to_string() == interval).expect("a price");
    let terms = Terms::try_new(&plan, &billing::catalog::Policy::standard(), price, false, seats).expect("terms");
    terms.with_add_ons(&plan, &wanted(add_ons)).expect("add-ons")
}

pub(crate) fn change(to: Terms, held: &Subscription, when: When) -> Input {
    Input::Change { terms: Box::new(to), proration: held.proration, when }
}

/// Kind, item and amount of every line.
fn lines(invoice: &Invoice) -> Vec<(LineKind, &str, i64)> {
    invoice.lines.iter().map(|l| (l.kind, l.add_on.as_deref().unwrap_or("plan"), l.amount.minor)).collect()
}

use LineKind::{ProrationCharge as Charge, ProrationCredit as Credit, Recurring};

#[test]
fn every_item_has_a_line_and_support_is_a_percentage_of_the_others() {
    let (_, invoices, facts) =
        opened(bought("month", 3, &[("support", 1), ("storage", 2), ("sso", 1)]), Vec::new(), &Taxes::default());
    let expected =
        [(Recurring, "plan", 3_000), (Recurring, "sso", 700), (Recurring, "storage", 800), (Recurring, "support", 900)];
    assert_eq!(lines(&invoices[0]), expected);
    assert_eq!((invoices[0].total.minor, facts[0].mrr12_minor), (5_400, 12 * 5_400));
    let told = explain(&invoices[0]).unwrap();
    assert!(told.contains("recurring team@1 + support × 1") && told.contains("20 % of 45.00 = 9"), "{told}");
}

#[test]
fn only_items_that_change_are_divided_and_what_depends_on_them_goes_along() {
    let held = active(bought("month", 3, &[("sso", 1), ("storage", 1)]), crate::sample::at("2027-02-01T00:00:00Z"));
    let now = crate::sample::at("2027-02-15T00:00:00Z");
    let (held, invoices) = give(&held, change(bought("month", 3, &[("storage", 3)]), &held, When::Now), now);
    assert_eq!(lines(&invoices[0])[..3], [(Credit, "storage", -200), (Charge, "storage", 600), (Credit, "sso", -350)]);
    let (held, invoices) =
        give(&held, change(bought("month", 3, &[("storage", 3), ("support", 1)]), &held, When::Now), now);
    assert_eq!(lines(&invoices[0]), [(Charge, "support", 420)]);
    let (_, invoices) =
        give(&held, change(bought("month", 4, &[("storage", 3), ("support", 1)]), &held, When::Now), now);
    let seat = [(Credit, "plan", -1_500), (Charge, "plan", 2_000), (Credit, "support", -420), (Charge, "support", 520)];
    assert_eq!(lines(&invoices[0]), seat);
}

#[test]
fn an_add_on_agreed_for_the_end_of_the_period_is_divided_by_nothing() {
    let held = active(bought("month", 1, &[]), start());
    let now = start() + TimeDelta::days(3);
    let (agreed, invoices) = give(&held, change(bought("month", 1, &[("sso", 1)]), &held, When::PeriodEnd), now);
    assert_eq!((invoices.len(), &agreed.terms), (0, &held.terms));
    let end = held.period.unwrap().end;
    let (taken, invoices) = give(&agreed, Input::Wake, end);
    assert!(invoices.is_empty());
    let (_, invoices) = give(&taken, Input::Wake, end);
    assert_eq!(lines(&invoices[0]), [(Recurring, "plan", 1_000), (Recurring, "sso", 700)]);
}

#[test]
fn another_interval_charges_every_item_for_it_and_gives_every_item_back() {
    let held = active(bought("month", 1, &[("storage", 1)]), crate::sample::at("2027-02-01T00:00:00Z"));
    let yearly = bought("year", 1, &[("storage", 1)]);
    let (_, invoices) = give(&held, change(yearly, &held, When::Now), crate::sample::at("2027-02-15T00:00:00Z"));
    let all =
        [(Credit, "plan", -500), (Recurring, "plan", 10_000), (Credit, "storage", -200), (Recurring, "storage", 4_000)];
    assert_eq!(lines(&invoices[0]), all);
}

#[test]
fn an_immediate_end_gives_every_item_back() {
    let mut held = active(bought("month", 1, &[("sso", 1)]), crate::sample::at("2027-02-01T00:00:00Z"));
    held.proration.termination = billing::proration::TerminationCredit::Unused;
    let cancel = Input::Cancel { when: When::Now, reason: None, comment: None };
    let (_, invoices) = give(&held, cancel, crate::sample::at("2027-02-15T00:00:00Z"));
    assert_eq!(lines(&invoices[0])[..2], [(Credit, "plan", -500), (Credit, "sso", -350)]);
}

#[test]
fn a_coupon_without_plans_is_for_all_items_and_one_for_a_plan_leaves_its_add_ons_alone() {
    let terms = || bought("month", 1, &[("sso", 1), ("storage", 1)]);
    let half = coupon(50, r#"{"is":"forever"}"#);
    let (held, invoices, _) = opened(terms(), vec![half.clone()], &Taxes::default());
    let discounts = |invoice: &Invoice| -> Vec<(String, i64)> {
        let those = invoice.lines.iter().filter(|l| l.kind == LineKind::Discount);
        those.map(|l| (l.add_on.clone().unwrap_or_default(), l.amount.minor)).collect()
    };
    assert_eq!(discounts(&invoices[0]), [(String::new(), -500), ("sso".into(), -350), ("storage".into(), -200)]);
    assert_eq!(held.mrr12(), Ok(12 * 1_050));
    let of_plan = Coupon { plans: vec!["team".into()], ..half };
    let (held, invoices, _) = opened(terms(), vec![of_plan], &Taxes::default());
    assert_eq!(discounts(&invoices[0]), [(String::new(), -500)]);
    assert_eq!(held.mrr12(), Ok(12 * 1_600));
}

/// A plan of 100 a month, 1000 a year, with an add-on of 20 and 200.
fn plan_x(interval: &str, loyalty: &str) -> Terms {
    let (plan, storage) = if interval == "year" { ("1000", "200") } else { ("100", "20") };
    let plan: Plan = serde_json::from_str(&format!(
        r#"{{"id": "x", "version": 1, "title": "X", {loyalty}
            "prices": [{{"currency": "USD", "interval": "{interval}", "model": "flat", "amount": "{plan}"}}],
            "add_ons": [{{"id": "storage", "title": "Storage",
                "prices": [{{"currency": "USD", "interval": "{interval}", "model": "flat", "amount": "{storage}"}}]}}]}}"#
    ))
    .expect("a plan");
    let terms = Terms::try_new(&plan, &billing::catalog::Policy::standard(), &plan.prices[0], false, 1).expect("terms");
    terms.with_add_ons(&plan, &wanted(&[("storage", 1)])).expect("add-ons")
}

fn plan_only() -> Coupon {
    let ten = coupon(10, r#"{"is":"forever"}"#);
    Coupon { id: "planonly".into(), plans: vec!["x".into()], ..ten }
}

#[test]
fn percentages_of_different_reach_all_come_off() {
    let all = || coupon(20, r#"{"is":"forever"}"#);
    let total = |terms: Terms, coupons: Vec<Coupon>| {
        let (held, invoices, _) = opened(terms, coupons, &Taxes::default());
        let yearly = if held.terms.price.interval.to_string() == "year" { 1 } else { 12 };
        assert_eq!(held.mrr12(), Ok(yearly * invoices[0].total.minor));
        invoices[0].total.minor
    };
    assert_eq!(total(plan_x("month", ""), vec![plan_only(), all()]), 8_800);
    assert_eq!(total(plan_x("month", ""), vec![all(), plan_only()]), 8_800);
    let long = r#""long_term": {"terms": [{"at_least": "year", "percent": "10"}]},"#;
    assert_eq!(total(plan_x("year", long), vec![plan_only()]), 99_000);
    let loyalty = r#""loyalty": {"steps": [{"after_paid_periods": 0, "percent": "5"}]},"#;
    assert_eq!(total(plan_x("month", loyalty), vec![plan_only()]), 10_450);
    let mut by_line = plan_x("month", "");
    by_line.conditions.document = serde_json::from_str(r#"{"discount": {"percent_of": "line"}}"#).expect("a policy");
    assert_eq!(total(by_line, vec![coupon(10, r#"{"is":"forever"}"#)]), 10_800);
}

#[test]
fn invoices_of_rules_version_2_stay_as_they_were_issued_and_the_check_finds_what_they_lost() {
    let (held, mut invoices, _) =
        opened(plan_x("month", ""), vec![plan_only(), coupon(20, r#"{"is":"forever"}"#)], &Taxes::default());
    let invoice = &mut invoices[0];
    invoice.lines = compute(2, &invoice.basis).expect("lines");
    let discounts = [(LineKind::Discount, "plan", -800), (LineKind::Discount, "storage", -400)];
    assert_eq!([lines(invoice)[1], lines(invoice)[3]], discounts);
    (invoice.rules, invoice.total.minor) = (2, 10_800);
    let records = billing::check::Records { subscriptions: vec![&held], invoices: vec![&invoices[0]], journal: vec![] };
    let wall = billing::calendar::WallTime(start());
    let moment = billing::check::Moment { now: start(), wall, grace: TimeDelta::hours(1) };
    let found = billing::check::customer(&records, &moment);
    let lost = found.iter().find(|f| f.invariant == billing::check::Invariant::Lines).expect("a finding");
    assert!(lost.detail.starts_with("its lines take 8.00 USD off x, its discounts 28.00 USD"), "{}", lost.detail);
}

#[test]
fn entitlements_are_those_of_the_plan_and_of_every_unit_of_its_add_ons() {
    let (held, plan) = (active(bought("month", 9, &[("storage", 3), ("sso", 1)]), start()), plan());
    let may = entitlements([(&held, &plan)]);
    assert_eq!(may.features.into_iter().collect::<Vec<_>>(), ["projects", "sso"]);
    assert_eq!(may.limits["gigabytes"], 305);
}

#[test]
fn only_what_runs_and_is_not_suspended_gives_access() {
    let (plan, held) = (plan(), active(bought("month", 1, &[]), start()));
    let invoice = billing::ids::InvoiceId::try_new("inv_ana-p1").unwrap();
    let paused = State::Paused { since: start(), resume_at: None };
    let trialing = State::Trialing { ends_at: start(), price: None };
    for (state, gives) in [(State::Active, true), (trialing, true), (paused, false)] {
        for suspended_by in [None, Some(invoice.clone())] {
            let held = Subscription { state: state.clone(), suspended_by: suspended_by.clone(), ..held.clone() };
            let may = !entitlements([(&held, &plan)]).features.is_empty();
            assert_eq!(may, gives && suspended_by.is_none(), "{} {suspended_by:?}", held.state.name());
        }
    }
}

#[test]
fn an_add_on_moves_run_rate_and_the_fact_says_that_it_was_an_add_on() {
    let (held, _, _) = opened(bought("month", 1, &[]), Vec::new(), &Taxes::default());
    let to = |add_ons: &[(&str, i64)], held: &Subscription| {
        let input = change(bought("month", 1, add_ons), held, When::Now);
        applied(transition_with(held, 2, input, start() + TimeDelta::days(1), &Taxes::default().into()).unwrap())
    };
    let (with, _, facts) = to(&[("sso", 1)], &held);
    let told = |fact: &billing::fact::Happening| (fact.event_type, fact.mrr12_minor, fact.reason.clone());
    assert_eq!(facts.iter().map(told).collect::<Vec<_>>(), [(EventType::Upgrade, 20_400, Some("add_on".into()))]);
    let (_, _, facts) = to(&[], &with);
    assert_eq!(facts.iter().map(told).next_back(), Some((EventType::Downgrade, 12_000, Some("add_on".into()))));
}

#[test]
fn add_ons_that_cannot_be_are_refused_by_name() {
    let plan = plan();
    let refused = |interval: &str, add_ons: &[(&str, i64)]| {
        let refusal = bought(interval, 1, &[]).with_add_ons(&plan, &wanted(add_ons)).unwrap_err();
        assert_eq!((refusal.code(), refusal.field()), ("invalid_field", Some("add_ons")));
        refusal.to_string()
    };
    assert_eq!(
        refused("year", &[("sso", 1)]),
        "add_ons: there is no team@1 + sso in USD per year; there is: storage, support. Say in add_ons which ones the \
         contract shall have"
    );
    assert_eq!(refused("month", &[("storage", 6)]), "add_ons: the quantity of storage must be 1 to 5");
    assert_eq!(refused("month", &[("storage", 0)]), "add_ons: the quantity of storage must be 1 to 5");
    assert_eq!(refused("month", &[("sso", 1), ("sso", 1)]), "add_ons: sso is written twice; say its quantity once");
}

#[test]
fn a_migration_takes_add_ons_along_and_stops_where_the_version_has_none() {
    let held = active(bought("month", 1, &[("storage", 2)]), start());
    let mut newer = Plan { version: 2, ..plan() };
    newer.add_ons[0].prices[0] = serde_json::from_value(
        json!({"currency": "USD", "interval": "month", "model": "per-seat", "unit_amount": "5"}),
    )
    .unwrap();
    let policy = billing::catalog::Policy::standard();
    let Verdict::Moves(moved) = verdict(&held, &newer, &policy).unwrap() else { panic!("it stays") };
    assert_eq!((moved.before_mrr12, moved.after_mrr12), (12 * 1_800, 12 * 2_000));
    newer.add_ons[0].quantity_max = 2;
    assert!(matches!(verdict(&held, &newer, &policy).unwrap(), Verdict::Moves(_)), "as many as it has");
    newer.add_ons[0].quantity_max = 1;
    assert_eq!(verdict(&held, &newer, &policy).unwrap(), Verdict::Stays(Stay::NoAddOn("storage".into())));
}

#[test]
fn contracts_are_billed_by_every_price_that_follows_from_a_quantity_and_included_units_are_free() {
    let first_period = |model: serde_json::Value, quantity: i64| {
        let mut price = json!({"currency": "USD", "interval": "month"});
        price.as_object_mut().unwrap().extend(model.as_object().unwrap().clone());
        let plan: Plan =
            serde_json::from_value(json!({"id": "p", "version": 1, "title": "P", "prices": [price]})).unwrap();
        assert_eq!(plan.prices[0].model.check(plan.prices[0].currency), Ok(()));
        let policy = billing::catalog::Policy::standard();
        let terms = |quantity| Terms::try_new(&plan, &policy, &plan.prices[0], false, quantity).unwrap();
        let (held, invoices, _) = opened(terms(quantity), Vec::new(), &Taxes::default());
        let (_, changes) = give(&held, change(terms(quantity + 1), &held, When::Now), start() + TimeDelta::days(9));
        invoices.iter().chain(&changes).for_each(adds_up);
        invoices[0].total.minor
    };
    let three_seats_and_then_eight_each =
        json!({"model": "graduated", "tiers": [{"up_to": "3", "flat_amount": "29"}, {"unit_amount": "8"}]});
    assert_eq!([1, 3, 5].map(|n| first_period(three_seats_and_then_eight_each.clone(), n)), [2_900, 2_900, 4_500]);
    let three_free = json!({"model": "per-seat", "unit_amount": "8", "included": "3"});
    assert_eq!([1, 3, 5].map(|n| first_period(three_free.clone(), n)), [0, 0, 1_600]);
    let packs = json!({"model": "package", "size": "5", "amount": "20", "free_units": "3"});
    assert_eq!([3, 4, 8, 9].map(|n| first_period(packs.clone(), n)), [0, 2_000, 2_000, 4_000]);
    let volume = json!({"model": "volume", "tiers": [{"up_to": "3", "flat_amount": "29"}, {"unit_amount": "9"}]});
    assert_eq!([3, 4].map(|n| first_period(volume.clone(), n)), [2_900, 3_600]);
    let least =
        json!({"model": "commitment", "minimum_amount": "30", "price": {"model": "per-seat", "unit_amount": "8"}});
    assert_eq!([1, 5].map(|n| first_period(least.clone(), n)), [3_000, 4_000]);
}

fn any_add_ons() -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    (0_i64..=5, any::<bool>(), any::<bool>()).prop_map(|(storage, sso, support)| {
        let all = [("storage", storage), ("sso", sso.into()), ("support", support.into())];
        all.into_iter().filter(|(_, quantity)| *quantity > 0).collect()
    })
}

fn any_coupons() -> impl Strategy<Value = Vec<Coupon>> {
    let fixed = |minor: i64| -> Coupon {
        let amount = rust_decimal::Decimal::new(minor, 2);
        let amounts = json!([{"currency": "USD", "amount": amount}]);
        let coupon =
            json!({"id": "fixed", "benefit": {"kind": "fixed", "amounts": amounts}, "duration": {"is": "forever"}});
        serde_json::from_value(coupon).expect("a coupon")
    };
    let percent = |p| coupon(p, r#"{"is":"forever"}"#);
    prop_oneof![
        Just(Vec::new()),
        (0_u32..=100).prop_map(move |p| vec![percent(p)]),
        (0_u32..=100).prop_map(move |p| vec![Coupon { plans: vec!["team".into()], ..percent(p) }]),
        (0_u32..=100, 1_i64..9_000).prop_map(move |(p, minor)| vec![fixed(minor), percent(p)]),
        (0_u32..=100, 0_u32..=100, 1_i64..9_000).prop_map(move |(p, of_plan, minor)| {
            let of_plan = Coupon { id: "of-plan".into(), plans: vec!["team".into()], ..percent(of_plan) };
            vec![fixed(minor), percent(p), of_plan]
        }),
    ]
}

fn adds_up(invoice: &Invoice) {
    let sum = Money::sum(invoice.total.currency, invoice.lines.iter().map(|l| l.amount)).expect("a sum");
    assert_eq!(sum, invoice.total);
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    assert_eq!(stored, *invoice);
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines);
}

fn any_discounts() -> impl Strategy<Value = Vec<billing::discount::Discount>> {
    let only = prop_oneof![Just(vec![]), Just(vec!["a"]), Just(vec!["b", "c"]), Just(vec!["c"])];
    let cut = prop_oneof![
        (0_u32..=100).prop_map(|percent| json!({"kind": "percent", "percent": percent.to_string()})),
        (0_i64..9_000).prop_map(|minor| json!({"kind": "fixed", "amount": {"minor": minor, "currency": "USD"}})),
    ];
    let one = (only, cut).prop_map(|(only, cut)| json!({"source": "d", "cut": cut, "only": only}));
    let read = |all: Vec<serde_json::Value>| all.into_iter().map(|d| serde_json::from_value(d).expect("a discount"));
    proptest::collection::vec(one, 0..5).prop_map(move |all| read(all).collect())
}

proptest! {
    /// Whatever discounts meet on whatever lines, in whatever order: their parts are what each line and each discount says.
    #[test]
    fn parts_of_discounts_add_up_by_line_and_by_discount(
        amounts in proptest::collection::vec(0_i64..20_000, 3), discounts in any_discounts(), by_line: bool,
        as_given: bool, fine: bool,
    ) {
        use billing::{discount::{DiscountableLine, apply}, money::Currency};
        let policy = json!({
            "order": if as_given { "as-given" } else { "percent-first" },
            "percent_of": if by_line { "line" } else { "sum" },
            "split": if fine { "fine-shares" } else { "largest-remainder" },
        });
        let line = |(item, minor): (&str, &i64)| DiscountableLine {
            item: item.into(), amount: crate::sample::usd(*minor), discountable: true,
        };
        let lines: Vec<_> = ["a", "b", "c"].into_iter().zip(&amounts).map(line).collect();
        let currency = Currency::try_new("USD").expect("a currency");
        let policy = serde_json::from_value(policy).expect("a policy");
        let done = apply(&lines, &discounts, currency, policy).expect("discounts");
        for (line, parts) in done.lines.iter().zip(&done.parts) {
            prop_assert_eq!(parts.iter().map(|p| p.amount.minor).sum::<i64>(), line.amount.minor);
        }
        for (place, discount) in done.applied.iter().enumerate() {
            prop_assert_eq!(done.parts.iter().map(|p| p[place].amount.minor).sum::<i64>(), discount.amount.minor);
        }
    }
}

proptest! {
    /// Whatever is added and removed, with whatever discount and tax: there and back at one instant leaves nothing owed,
    /// every invoice adds up and is computed again from what is stored, and run-rate is what the facts said.
    #[test]
    fn there_and_back_owes_nothing_with_add_ons(
        from in any_add_ons(), to in any_add_ons(), seats in (1_i64..4, 1_i64..4), seconds in 0_i64..2_419_200,
        coupons in any_coupons(), inclusive: bool, after: bool,
    ) {
        let taxes = taxes(inclusive);
        let terms = |seats, add_ons: &[(&str, i64)]| taxed(bought("month", seats, add_ons));
        prop_assume!((seats.0, &from) != (seats.1, &to));
        let (mut held, first, _) = opened(terms(seats.0, &from), coupons, &taxes);
        if after {
            held.proration.discount = billing::proration::DiscountOrder::AfterProration;
        }
        let now = start() + TimeDelta::seconds(seconds);
        let decide = |held: &Subscription, version, to| {
            let input = change(to, held, When::Now);
            applied(transition_with(held, version, input, now, &taxes.clone().into()).expect("a change"))
        };
        let (there, one, told) = decide(&held, 2, terms(seats.1, &to));
        let (back, other, _) = decide(&there, 3, terms(seats.0, &from));
        first.iter().chain(&one).chain(&other).for_each(adds_up);
        let charged: i64 = one.iter().chain(&other).map(|i| i.total.minor).sum();
        let of = |kind| -> i64 {
            one[0].lines.iter().chain(&other[0].lines).filter(|l| l.kind == kind).map(|l| l.amount.minor).sum()
        };
        let (kept, used) = (of(LineKind::CreditKept), of(LineKind::CreditUsed));
        prop_assert_eq!(charged - kept - used, 0);
        prop_assert_eq!(back.credit_minor, kept + used);
        prop_assert_eq!(told.last().map(|f| f.mrr12_minor), there.mrr12().ok());
        prop_assert_eq!(back.mrr12(), held.mrr12());
    }
}
