//! `perennial catalog migrate`: the subscribers of a plan, and what becomes of them when they are moved to the version on
//! sale.
//!
//! The verdict on each is `billing::migration`'s; here the table is read through once and the answers are added up.

use std::{collections::BTreeMap, sync::Arc};

use aws::{AwsClocks, RandomIds, item::subscription_of};
use billing::{
    catalog::{Plan, Policy},
    migration::{Move, Stay, Verdict, verdict},
    subscription::Subscription,
};
use rust_decimal::Decimal;
use usecases::{error::Error, migrate::migrate, ports::Ledger};

use crate::{
    failure::Failure,
    target::{Opened, Target},
};

/// Arguments of `perennial catalog migrate`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The plan whose subscribers move to the version on sale.
    plan: String,
    /// Show who would move, when, and what that does to MRR; change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

/// Totals of one currency.
#[derive(Default)]
struct Sum {
    moved: u64,
    before_mrr12: i128,
    after_mrr12: i128,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let opened = args.target.open().await?;
    let (plan, policy) = on_sale(&opened, &args.plan).await?;
    let ledger = Ledger {
        store: opened.shared_store(),
        operations: opened.shared_operations(),
        clocks: Arc::new(AwsClocks::new(opened.shared_operations(), true)),
        ids: Arc::new(RandomIds),
    };
    let (mut sums, mut stayed, mut failed) = (BTreeMap::<&str, Sum>::new(), 0_u64, 0_u64);
    let mut pages = opened.client.scan().table_name(&opened.table).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| Failure::because("read the table", e))?;
        for item in page.items.unwrap_or_default() {
            let held = subscription_of(item).map_err(|e| Failure::because("read a contract", e))?;
            let Some(held) = held else { continue };
            match decide(&ledger, &held.value, (&plan, &policy), args.dry_run).await {
                // One contract that cannot be moved must not keep the others from it.
                Err(error) => {
                    failed += 1;
                    println!("{:<28} not moved: {error}", held.value.id);
                }
                Ok(Verdict::Stays(Stay::NotConcerned)) => {}
                Ok(Verdict::Stays(why)) => {
                    stayed += 1;
                    println!("{:<28} stays: {why}", held.value.id);
                }
                Ok(Verdict::Moves(moved)) => {
                    print(&held.value, &moved);
                    let sum = sums.entry(held.value.terms.price.currency.code()).or_default();
                    sum.moved += 1;
                    sum.before_mrr12 += i128::from(moved.before_mrr12);
                    sum.after_mrr12 += i128::from(moved.after_mrr12);
                }
            }
        }
    }
    summary(&plan, args.dry_run, &sums, stayed);
    if failed == 0 {
        return Ok(());
    }
    let why = "the reason stands with each above; the others are done, and the command may be run again";
    Err(Failure::because(format!("move {failed} contracts"), why))
}

async fn on_sale(opened: &Opened, name: &str) -> Result<(Plan, Policy), Failure> {
    let unread = |e| Failure::because("read the catalog", e);
    let plan = opened.store().current_plan(name).await.map_err(unread)?;
    let plan = plan.ok_or_else(|| Failure::because(format!("migrate {name}"), "no such plan is on sale"))?;
    let policy = opened.store().current_policy(&plan.policy).await.map_err(unread)?;
    let policy = policy.ok_or_else(|| Failure::because(format!("migrate {name}"), "its policy is not published"))?;
    Ok((plan, policy))
}

async fn decide(
    ledger: &Ledger,
    held: &Subscription,
    (plan, policy): (&Plan, &Policy),
    dry_run: bool,
) -> Result<Verdict, Error> {
    let would = verdict(held, plan, policy)?;
    if dry_run || matches!(would, Verdict::Stays(_)) {
        return Ok(would);
    }
    let done = migrate(ledger, (&held.customer, &held.id), (plan, policy)).await?;
    Ok(done.unwrap_or(Verdict::Stays(Stay::NotConcerned)))
}

fn print(held: &Subscription, moved: &Move) {
    let at = moved.at.map_or_else(|| "after its pause".into(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
    let currency = held.terms.price.currency;
    let mrr = |mrr12: i64| monthly(mrr12.into(), currency.exponent());
    let (before, after) = (mrr(moved.before_mrr12), mrr(moved.after_mrr12));
    println!("{:<28} {} -> {}  {at}  MRR {before} -> {after} {currency}", held.id, moved.from, moved.terms.plan);
}

/// Twelfths of minor units as an amount a month, for reading.
fn monthly(mrr12: i128, exponent: u32) -> Decimal {
    (Decimal::from(mrr12) / Decimal::from(12_i64 * 10_i64.pow(exponent))).round_dp(exponent)
}

fn summary(plan: &Plan, dry_run: bool, sums: &BTreeMap<&str, Sum>, stayed: u64) {
    let word = if dry_run { "would move" } else { "move" };
    let total: u64 = sums.values().map(|s| s.moved).sum();
    println!("\n{total} contracts {word} to {}, {stayed} stay.", plan.reference());
    for (code, sum) in sums {
        let exponent = billing::money::Currency::try_new(code).map_or(2, billing::money::Currency::exponent);
        let [before, after] = [sum.before_mrr12, sum.after_mrr12].map(|mrr12| monthly(mrr12, exponent));
        println!("MRR of those {word}: {before} -> {after} {code} ({:+})", after - before);
    }
}
