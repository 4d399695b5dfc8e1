//! The commands that stories are written in: one a line, a date first.
//!
//! | command | means |
//! |---|---|
//! | `until DATE` | time passes, with everything that is due on the way |
//! | `catalog team@1 per-seat month=9.90 [year=99] [currency=USD] [also=EUR:month:9.00] [trial=14] [trial-price=1.00] [trial-price=EUR:1.00] [trial-anchor=start] [without-card=cancel/pause/convert] [policy=p] [align=calendar/15/3-31/Fri] [feature=a] [limit.seats=5] [setup=50] [included=3] [quietly]` | publish |
//! | `policy p@1 [as=lago] [profile=lago] [proration=second] [rounding=half-up] [first=full] [leading=nominal] [interval-change=keep-anchor] [termination=unused] [days=30] [gather=6] [tax=home]` | a policy for plans published after it |
//! | `coupon spring code=SPRING percent=25 [amount=10] [currency=USD] [periods=3] [forever] [limit=1] [each=1] [until=D] [for=plan] [new] [stacks]` | publish |
//! | `taxes home@1 DE [inclusive] [shop=EU]` | the seller's tax settings |
//! | `migrate ana team` | moves a contract to the version of the plan on sale |
//! | `contract ana team per-seat month=8` | a negotiated price |
//! | `usage team@1 calls sum month=10:1.00,rest:0.50 [also=EUR:month:10:0.90,rest:0.45] [included=5] [share=included,tiers,amounts] [prorated=day] [least=50] [least-part=share/whole] [prepaid] [valid=30] [unused=forfeit] [currency=USD]` | what a plan charges for a meter |
//! | `add-on team@1 support per-seat month=5 [year=50] [most=3] [setup=20] [feature=a] [limit.seats=5] [currency=USD]` | what its contracts may have beside it; publishes the next version |
//! | `used ana calls 12 [id e1] [at INSTANT] [key ana] [times 3] [again]` | events; `again`: the last batch once more |
//! | `signup ana team [per year] [seats 3] [with support:2,sso] [card TOKEN] [zone Z] [anchor 15/3-31/Fri/calendar/DATE] [along NAME] [since DATE] [trial 14/DATE] [without-card] [currency EUR] [on-account] [coupon CODE] [in DE] [vat NUMBER] [exempt why] [consolidated/separately] [key K] [as NAME]` | |
//! | `change ana [to plan] [per year] [in USD] [seats 3] [with support:2,sso/none] [at-period-end/on DATE] [preview] [seen 2]` | |
//! | `charge ana 49.90 for training [next] [preview]` | once, at once or with the next invoice |
//! | `top-up ana 50 [expires DATE] [preview]`, `grant ana 10 because word [expires DATE] [preview]` | prepaid credit, bought or given |
//! | `credit-note ana ana-p1 [lines 1:5.00,2] [refund] [because word] [preview]` | give back an invoice, or lines of it: off what is owed, as credit or to its payment |
//! | `void ana ana-p1 [because word] [preview]`, `write-off ana ana-p1 [because word] [preview]` | withdraw an open invoice, or give it up |
//! | `anchor ana 15 [at-period-end] [preview]`, `anchor ana along NAME` | another day to be billed on |
//! | `cancel ana [at-period-end/on DATE] [because word] [preview]`, `keep`, `pause ana [at-period-end/on DATE] [until DATE] [with-credit]`, `resume`, `reactivate` | |
//! | `consolidate ana [no-more] [preview]` | bill on one document with the customer's other contracts, or alone again |
//! | `transfer ana p1 20.00 [as ref] [of owner]`, `webhook ana p1:1` (or `p1:r1`), `authenticate ana p1:1 yes`, `bank ana p1:r1 takes/returns` | money news |
//! | `deliver-again`, `race`, `sweeps on/off`, `gateway works/cut/answers-lost/without-refunds`, `wall +300` | the world's faults |
//! | `apply-coupon ana [offer] CODE`, `remove-coupon ana [offer] CODE` | |
//! | `explain ana p1` | the invoice in words, computed again |
//! | `show ana [invoices/history/entitlements/inv_ana-d2]` | read |

use std::sync::atomic::Ordering;

use crate::{
    adapters::Line,
    args::{Args, instant},
    metering, news, offers, reading, requests,
    world::{Delivery, World, do_job},
};

/// Runs one line of a story.
pub(crate) async fn run(world: &mut World, line: &str) -> Result<(), String> {
    let text = line.split(" #").next().unwrap_or_default();
    if text.trim().is_empty() || text.starts_with('#') {
        world.quote(line);
        return Ok(());
    }
    let mut args = Args::new(text);
    let first = args.next("a date")?;
    let (date, verb) = if first == "until" { (args.next("a date")?, first) } else { (first, args.next("a command")?) };
    let date = instant(&date)?;
    if verb == "until" {
        args.finish()?;
        world.quote(line);
        return world.advance(date).await;
    }
    world.advance(date).await?;
    world.quote(line);
    Box::pin(dispatch(world, &verb, args)).await?;
    world.tell().await?;
    if world.sweeping { world.work().await } else { Ok(()) }
}

async fn dispatch(world: &mut World, verb: &str, mut args: Args) -> Result<(), String> {
    match verb {
        "policy" => requests::policy(world, args),
        "coupon" => offers::coupon(world, args).await,
        "taxes" => offers::taxes(world, args).await,
        "explain" => offers::explain(world, args).await,
        "catalog" => requests::catalog(world, args).await,
        "migrate" => offers::migrate(world, args).await,
        "contract" => requests::contract(world, args).await,
        "add-on" => offers::add_on(world, args).await,
        "usage" => metering::price(world, args).await,
        "used" => metering::used(world, args).await,
        "signup" => requests::signup(world, args).await,
        "change" | "charge" | "top-up" | "grant" | "credit-note" | "void" | "write-off" | "move-credit" | "anchor"
        | "apply-coupon" | "remove-coupon" | "cancel" | "keep" | "pause" | "resume" | "reactivate" | "consolidate" => {
            requests::change(world, verb, args).await
        }
        "transfer" => requests::transfer(world, args).await,
        "webhook" => news::webhook(world, args).await,
        "bank" => news::bank(world, args),
        "authenticate" => requests::authenticate(world, args),
        "show" => reading::show(world, args).await,
        "deliver-again" => {
            args.finish()?;
            deliver_again(world).await
        }
        "race" => {
            args.finish()?;
            Box::pin(race(world)).await
        }
        "sweeps" => {
            world.sweeping = match args.next("on or off")?.as_str() {
                "on" => true,
                "off" => false,
                other => return Err(format!("{other} is neither on nor off")),
            };
            args.finish()
        }
        "gateway" => gateway(world, args),
        "wall" => {
            let seconds = args.next("seconds")?;
            args.finish()?;
            let seconds = seconds.strip_prefix('+').and_then(|s| s.parse().ok()).ok_or("wall needs +SECONDS")?;
            world.clocks.pass_seconds(seconds);
            Ok(())
        }
        other => Err(format!("there is no command {other}")),
    }
}

fn gateway(world: &World, mut args: Args) -> Result<(), String> {
    let line = match args.next("how")?.as_str() {
        "without-refunds" => {
            news::declare(world, false);
            return args.finish();
        }
        "works" => Line::Works,
        "cut" => Line::Cut,
        "answers-lost" => Line::AnswersLost,
        other => return Err(format!("a gateway line cannot be {other}")),
    };
    args.finish()?;
    world.gateway.set_line(line);
    Ok(())
}

/// The last message once more, as queues and gateways do.
async fn deliver_again(world: &mut World) -> Result<(), String> {
    match world.last_delivery.clone().ok_or("nothing was delivered yet")? {
        Delivery::Job(kind, job) => world.deliver(kind, &job).await,
        Delivery::Webhook(notice) => world.webhook(notice).await,
    }
    if !world.tell().await? {
        world.say("nothing changed");
    }
    Ok(())
}

/// Two workers on each job that is due: both load before either commits.
async fn race(world: &mut World) -> Result<(), String> {
    for _ in 0..10 {
        let jobs = world.take_jobs().await?;
        let mut progress = false;
        for (kind, job) in jobs {
            world.last_delivery = Some(Delivery::Job(kind, job.clone()));
            world.store.with.meet.store(true, Ordering::Relaxed);
            let one = do_job(&world.ledger, &world.gateways, kind, &job);
            let other = do_job(&world.ledger, &world.gateways, kind, &job);
            let (one, other) = tokio::join!(one, other);
            world.store.with.meet.store(false, Ordering::Relaxed);
            world.report(one);
            world.report(other);
            progress |= world.tell().await?;
        }
        if !progress {
            return Ok(());
        }
    }
    Err("the workers never come to rest".into())
}
