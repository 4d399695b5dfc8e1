//! Usage in stories: what a plan charges for it, and what customers use.

use billing::usage::InPart;
use serde_json::{Map, Value, json};
use usecases::record_usage::{EventStatus, UsageReply, UsageRequest, record_usage};

use crate::{
    args::Args,
    requests::offer,
    world::{World, refused},
};

/// `10:1.00,rest:0.50` as tiers.
fn tiers(text: &str) -> Result<Value, String> {
    let tier = |part: &str| {
        let (up_to, amount) = part.split_once(':').ok_or("a tier is units:price")?;
        let mut tier = json!({"unit_amount": amount});
        if up_to != "rest" {
            tier["up_to"] = up_to.into();
        }
        Ok(tier)
    };
    text.split(',').map(tier).collect::<Result<Vec<_>, String>>().map(Value::Array)
}

/// `10:1.00,rest:0.50` as a graduated price, `1.5%` as a percentage with what `more` says of single events.
fn model(text: &str, more: &Map<String, Value>) -> Result<Value, String> {
    let Some(rate) = text.strip_suffix('%') else {
        return Ok(json!({"model": "graduated", "tiers": tiers(text)?}));
    };
    let mut price = json!({"model": "percentage", "rate": rate});
    price.as_object_mut().ok_or("a price is an object")?.extend(more.clone());
    Ok(price)
}

/// What a percentage says of single events.
fn of_each(args: &mut Args) -> Result<Map<String, Value>, String> {
    let names = [
        ("fixed", "fixed_amount"),
        ("each-least", "minimum_per_event"),
        ("each-most", "maximum_per_event"),
        ("free-units", "free_units"),
    ];
    let mut more = Map::new();
    for (setting, field) in names {
        more.extend(args.setting(setting).map(|text| (field.to_owned(), text.into())));
    }
    if let Some(count) = args.setting("free-events") {
        let count: u64 = count.parse().map_err(|_| format!("{count} is not a number of events"))?;
        more.insert("free_events".into(), count.into());
    }
    Ok(more)
}

/// Adds prices of a meter to a plan that was published, and publishes that as what it always was: stories are short.
pub(crate) async fn price(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("plan@version")?;
    let (meter, aggregation) = (args.next("a meter")?, args.next("an aggregation")?);
    let currency = args.setting("currency").unwrap_or_else(|| "USD".into());
    let included = args.setting("included").unwrap_or_else(|| "0".into());
    let plan = world.catalog.plans.iter().find(|p| p.reference().to_string() == name).cloned();
    let mut plan = plan.ok_or(format!("there is no {name}"))?;
    plan.version += 1;
    let prepaid = args.flag("prepaid");
    for (setting, key) in [("valid", "valid_days"), ("unused", "unused")] {
        if let Some(text) = args.setting(setting) {
            // A number where it is one.
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
            let mut rules = serde_json::to_value(plan.prepaid.unwrap_or_default()).map_err(|e| e.to_string())?;
            rules[key] = value;
            plan.prepaid = Some(serde_json::from_value(rules).map_err(|e| e.to_string())?);
        }
    }
    if let Some(least) = args.setting("least") {
        let least = least.parse().map_err(|_| format!("{least} is not an amount"))?;
        plan.prices.iter_mut().for_each(|price| price.usage_minimum = Some(least));
    }
    if let Some(part) = args.setting("least-part") {
        let part: Option<InPart> = serde_json::from_value(part.into()).map_err(|e| e.to_string())?;
        plan.prices.iter_mut().for_each(|price| price.usage_minimum_part = part);
    }
    let shares = args.setting("share").unwrap_or_default();
    let part: Map<String, Value> = shares.split_terminator(',').map(|name| (name.into(), "share".into())).collect();
    let proration = args.setting("prorated");
    let each = of_each(&mut args)?;
    let mut priced = Vec::new();
    while let Some(text) = args.setting("also") {
        let (currency, price) = text.split_once(':').ok_or("also=CURRENCY:INTERVAL:TIERS is needed")?;
        let (interval, tiers) = price.split_once(':').ok_or("also=CURRENCY:INTERVAL:TIERS is needed")?;
        priced.push((currency.to_owned(), interval.to_owned(), tiers.to_owned()));
    }
    priced.extend(args.settings().into_iter().map(|(interval, text)| (currency.clone(), interval, text)));
    for (currency, interval, text) in priced {
        let mut item = json!({
            "currency": currency, "interval": interval, "meter": {"id": meter, "aggregation": aggregation},
            "included": included, "prepaid": prepaid, "price": model(&text, &each)?,
        });
        if let Some(unit) = &proration {
            item["proration"] = unit.as_str().into();
        }
        if !part.is_empty() {
            item["part"] = part.clone().into();
        }
        plan.usage.push(serde_json::from_value(item).map_err(|e| e.to_string())?);
    }
    args.finish()?;
    offer(world, plan, false).await
}

/// Events of one contract.
pub(crate) async fn used(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    if args.flag("again") {
        args.finish()?;
        let batch = world.last_usage.clone().ok_or("nothing was used yet")?;
        return send(world, batch).await;
    }
    let (meter, value) = (args.next("a meter")?, args.next("a value")?);
    let at = args.value("at")?.unwrap_or_else(|| world.now.to_rfc3339());
    let id = args.value("id")?.unwrap_or_else(|| format!("{meter}-{at}"));
    let times: u32 = args.value("times")?.map_or(Ok(1), |t| t.parse().map_err(|_| "times needs a number"))?;
    let key = args.value("key")?;
    args.finish()?;
    let event = |n: u32| {
        let mut event = json!({
            "customer": format!("cus_{name}"), "subscription": format!("sub_{name}"), "meter": meter, "at": at, "value": value,
            "id": if times == 1 { id.clone() } else { format!("{id}-{n}") },
        });
        if let Some(key) = &key {
            event["key"] = if times == 1 { key.clone() } else { format!("{key}-{n}") }.into();
        }
        event
    };
    let events: Vec<Value> = (1..=times).map(event).collect();
    // A story may use more at once than a request may hold.
    for events in events.chunks(billing::usage::BATCH_MAX) {
        let batch = serde_json::from_value(json!({"events": events})).map_err(|e| e.to_string())?;
        send(world, batch).await?;
    }
    Ok(())
}

async fn send(world: &mut World, batch: UsageRequest) -> Result<(), String> {
    world.last_usage = Some(batch.clone());
    match record_usage(&world.ledger, &batch).await {
        Ok(reply) => tell(world, &reply),
        Err(error) => world.say(&refused(&error)),
    }
    Ok(())
}

fn tell(world: &mut World, reply: &UsageReply) {
    let UsageReply { recorded, duplicates, refused, events } = reply;
    world.say(&format!("usage      {recorded} recorded, {duplicates} duplicates, {refused} refused"));
    for event in events.iter().filter(|e| e.status == EventStatus::Refused) {
        let detail = event.detail.as_deref().unwrap_or_default();
        world.say(&format!("refused    {} {}: {detail}", event.id, event.code.unwrap_or_default()));
    }
}
