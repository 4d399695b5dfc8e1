//! Random lifecycles against a slow, obvious reckoning: every month-end is recomputed from all facts before it, customer by customer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use analytics::Options;
use common::Fact;
use proptest::prelude::*;

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod common;

const PLANS: [&str; 3] = ["basic", "pro", "max"];

/// A step of one of a customer's subscriptions, before it is known whether it is possible.
#[derive(Debug, Clone)]
struct Step {
    customer: usize,
    subscription: usize,
    day: u32,
    choice: u8,
    plan: usize,
    price: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (0..4_usize, 0..3_usize, 0..230_u32, any::<u8>(), 0..3_usize, 1..40_i64).prop_map(
        |(customer, subscription, day, choice, plan, price)| Step {
            customer,
            subscription,
            day,
            choice,
            plan,
            price: price * 100,
        },
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Status {
    Fresh,
    Running,
    Paused,
    Ended,
}

/// Turns steps into facts that a subscription can really have; several may share an instant.
fn facts(mut steps: Vec<Step>) -> Vec<Fact> {
    steps.sort_by_key(|step| step.day);
    let mut status = BTreeMap::new();
    let mut facts = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let name = format!("sub_{}_{}", step.customer, step.subscription);
        let (now, plan) = status.entry(name.clone()).or_insert((Status::Fresh, step.plan));
        let (event_type, next) = match (*now, step.choice % 4) {
            (Status::Fresh, _) => ("signup", Status::Running),
            (Status::Running, 0) => ("pause", Status::Paused),
            (Status::Running | Status::Paused, 1) => ("cancel", Status::Ended),
            (Status::Running, 2) => ("downgrade", Status::Running),
            (Status::Running, _) => ("upgrade", Status::Running),
            (Status::Paused, _) => ("resume", Status::Running),
            (Status::Ended, _) => ("reactivation", Status::Running),
        };
        if ["signup", "upgrade", "downgrade", "reactivation"].contains(&event_type) {
            *plan = step.plan;
        }
        *now = next;
        let at = chrono::DateTime::from_timestamp(1_735_689_600 + i64::from(step.day) * 86_400, 0).unwrap();
        let paid = ["signup", "resume", "reactivation"].contains(&event_type);
        facts.push(Fact {
            event_id: format!("evt_{number:04}"),
            subscription: name,
            customer: format!("cus_{}", step.customer),
            event_type: event_type.to_owned(),
            at: at.to_rfc3339(),
            plan: PLANS[*plan].to_owned(),
            currency: "USD".to_owned(),
            amount: if paid { step.price } else { 0 },
            mrr12: if next == Status::Running { step.price * 12 } else { 0 },
            invoice: paid.then(|| format!("inv_{number}")),
            attempt: paid.then_some(1),
            reason: (event_type == "cancel").then(|| "voluntary".to_owned()),
            code: None,
        });
    }
    facts
}

/// What is true at the end of a month.
#[derive(Debug, Default, PartialEq)]
struct Snapshot {
    /// Run-rate by customer, without those at zero.
    totals: BTreeMap<String, i64>,
    /// The same with paused subscriptions held.
    held: BTreeMap<String, i64>,
    plans: BTreeMap<String, i64>,
}

/// Recomputed from the beginning, for every month.
fn snapshot(facts: &[Fact], month: &str) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let subscriptions: BTreeSet<&str> = facts.iter().map(|fact| fact.subscription.as_str()).collect();
    for subscription in subscriptions {
        let history: Vec<&Fact> =
            facts.iter().filter(|fact| fact.subscription == subscription && &fact.at[..7] <= month).collect();
        let Some(last) = history.last() else { continue };
        *snapshot.totals.entry(last.customer.clone()).or_default() += last.mrr12;
        *snapshot.plans.entry(last.plan.clone()).or_default() += last.mrr12;
        let before = if last.event_type == "pause" { history[history.len() - 2].mrr12 } else { last.mrr12 };
        *snapshot.held.entry(last.customer.clone()).or_default() += before;
    }
    for side in [&mut snapshot.totals, &mut snapshot.held, &mut snapshot.plans] {
        side.retain(|_, run_rate| *run_rate != 0);
    }
    snapshot
}

fn sum(side: &BTreeMap<String, i64>) -> String {
    side.values().sum::<i64>().to_string()
}

/// Customers by the month in which they were first above zero, event by event.
fn cohorts(facts: &[Fact]) -> BTreeMap<String, BTreeSet<String>> {
    let mut born: BTreeMap<String, String> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.mrr12 > 0) {
        born.entry(fact.customer.clone()).or_insert_with(|| fact.at[..7].to_owned());
    }
    let mut cohorts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (customer, month) in born {
        cohorts.entry(month).or_default().insert(customer);
    }
    cohorts
}

fn check(facts: &[Fact]) {
    let work = tempfile::tempdir().unwrap();
    let mut customers =
        common::customers(&[("cus_0", "organic"), ("cus_1", "partner"), ("cus_2", "organic"), ("cus_3", "partner")]);
    common::layout(work.path(), &mut common::frame(facts).reverse(), &mut customers, None);
    let out = work.path().join("out");
    // The run itself holds the identity and all sums; a contradiction is an error.
    analytics::run(&Options::new(work.path(), &out)).unwrap();
    let churn = common::cells(&out.join("churn_monthly.csv"));
    let months: Vec<String> = common::column(&churn, "month").iter().map(|month| month[..7].to_owned()).collect();
    let cohorts = cohorts(facts);
    for (row, month) in months.iter().enumerate() {
        let expected = snapshot(facts, month);
        let cell = |name: &str| common::column(&churn, name)[row].to_owned();
        assert_eq!(cell("end_mrr12"), sum(&expected.totals), "{month}");
        assert_eq!(cell("customers_end"), expected.totals.len().to_string(), "{month}");
        assert_eq!(cell("end_mrr12_excl_pause"), sum(&expected.held), "{month}");
        assert_eq!(cell("customers_end_excl_pause"), expected.held.len().to_string(), "{month}");
        assert_eq!(cell("customers_new"), cohorts.get(month).map_or(0, BTreeSet::len).to_string(), "{month}");
    }
    check_plans(&out, facts);
    check_cohorts(&out, facts, &months, &cohorts);
}

fn check_plans(out: &std::path::Path, facts: &[Fact]) {
    let rows = common::cells(&out.join("mrr_by_plan.csv"));
    let columns = ["month", "plan", "end_mrr12"].map(|name| common::column(&rows, name));
    for (month, (plan, end)) in columns[0].iter().zip(columns[1].iter().zip(&columns[2])) {
        let expected = snapshot(facts, &month[..7]).plans.get(*plan).copied().unwrap_or(0);
        assert_eq!(*end, expected.to_string(), "{month} {plan}");
    }
}

fn check_cohorts(
    out: &std::path::Path,
    facts: &[Fact],
    months: &[String],
    cohorts: &BTreeMap<String, BTreeSet<String>>,
) {
    let rows = common::cells(&out.join("cohort_retention.csv"));
    let position = |name: &str| rows[0].iter().position(|cell| cell == name).unwrap();
    let names = ["cohort", "age", "customers", "mrr12", "cohort_size"].map(position);
    for row in &rows[1..] {
        let [cohort, age, customers, mrr12, size] = names.map(|name| row[name].as_str());
        let born = months.iter().position(|month| *month == cohort[..7]).unwrap();
        let members = &cohorts[&cohort[..7]];
        let totals = snapshot(facts, &months[born + age.parse::<usize>().unwrap()]).totals;
        let left: Vec<i64> =
            totals.iter().filter(|(customer, _)| members.contains(*customer)).map(|(_, total)| *total).collect();
        let expected = [left.len().to_string(), left.iter().sum::<i64>().to_string(), members.len().to_string()];
        assert_eq!([customers, mrr12, size], expected.each_ref().map(String::as_str), "cohort {cohort}, age {age}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn month_ends_plans_and_cohorts_are_what_a_recount_gives(steps in prop::collection::vec(step(), 1..60)) {
        check(&facts(steps));
    }
}
