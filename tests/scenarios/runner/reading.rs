//! What a storefront reads: a customer, the invoices, the history, what may be used.

use billing::calendar::Instant;
use serde_json::Value;
use usecases::{
    error::Error,
    view::{InvoiceView, SubscriptionView},
};

use crate::{
    args::{Args, instant},
    requests::brief,
    show,
    world::{World, refused},
};

pub(crate) async fn show(world: &mut World, mut args: Args) -> Result<(), String> {
    let customer = format!("cus_{}", args.next("a name")?);
    let what = args.next("what").unwrap_or_else(|_| "customer".into());
    args.finish()?;
    let lines = match read(world, &customer, &what).await {
        Ok(lines) => lines,
        Err(error) => vec![refused(&error)],
    };
    for line in lines {
        world.say(&line);
    }
    Ok(())
}

async fn read(world: &World, customer: &str, what: &str) -> Result<Vec<String>, Error> {
    let ledger = &world.ledger;
    Ok(match what {
        "invoices" => usecases::get::invoices(ledger, customer).await?.iter().map(invoice).collect(),
        id if id.starts_with("inv_") => {
            let view = usecases::get::invoice(ledger, customer, id).await?;
            let own = view.lines.iter().map(|l| format!("             {}", show::line(l)));
            let of_item = |item: &InvoiceView| {
                let lines = item.lines.iter().map(|l| format!("               {}", show::line(l)));
                std::iter::once(format!("  {}", invoice(item))).chain(lines).collect::<Vec<_>>()
            };
            std::iter::once(invoice(&view)).chain(own).chain(view.items.iter().flat_map(of_item)).collect()
        }
        "history" => usecases::get::history(ledger, customer).await?.iter().map(entry).collect(),
        "entitlements" => {
            let e = usecases::get::entitlements_of(ledger, customer).await?;
            let tier = e.tier.map_or_else(String::new, |tier| format!(", tier {tier}"));
            vec![format!("may use   features {:?}, limits {:?}, roles {:?}{tier}", e.features, e.limits, e.roles)]
        }
        _ => {
            let view = usecases::get::customer(ledger, customer).await?;
            let flags = |s: &SubscriptionView| match (s.past_due, s.suspended) {
                (false, false) => "",
                (true, false) => ", past due",
                (false, true) => ", suspended",
                (true, true) => ", past due and suspended",
            };
            let used = |s: &SubscriptionView| -> String {
                let each = |u: &billing::usage::MeterUsage| format!("; {} of {} used", u.quantity, u.meter);
                s.usage.iter().map(each).collect()
            };
            let lines = view.subscriptions.iter().map(|s| format!("customer   {}{}{}", brief(s), flags(s), used(s)));
            let prepaid = view.subscriptions.iter().filter_map(|s| s.prepaid.as_ref()).flat_map(show::prepaid);
            lines.chain(prepaid).collect()
        }
    })
}

fn invoice(view: &InvoiceView) -> String {
    let period = (show::when(view.period.start), show::when(view.period.end));
    let late = if view.past_due && view.document.is_some() { ", past due" } else { "" };
    let on = view.document.as_ref().map(|id| format!(" on {id}{late}")).unwrap_or_default();
    let refunds = view.refunds.iter().map(|r| format!("; {} {} {}", r.key, r.amount.display, r.state));
    let InvoiceView { id, state, total, .. } = view;
    let due = view.lowered.as_ref().map_or(String::new(), |_| format!(" ({} due)", view.amount_due.display));
    let base = format!("invoice    {id} {state} {}{due} for {} .. {}{on}", total.display, period.0, period.1);
    base + &refunds.collect::<String>()
}

fn entry(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let at: Result<Instant, String> = instant(&text("occurred_at"));
    let at = at.map_or_else(|e| e, show::when);
    format!("{at}  {} {} {} minor", text("event_type"), text("plan"), entry["amount_minor"])
}
