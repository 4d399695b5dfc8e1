//! What merchants offer beside plans, and what an invoice says about itself: coupons, tax settings, explanations.

use billing::{
    discount::Coupon,
    ids::{InvoiceId, SubscriptionId},
    migration::Verdict,
    tax::TaxSettings,
};
use serde_json::{Value, json};

use crate::{
    args::Args,
    requests::{customer_id, offer, prices, put_on_sale},
    world::{World, refused},
};

fn number(text: &str) -> Result<Value, String> {
    text.parse::<u32>().map(Into::into).map_err(|_| format!("{text} is not a number"))
}

pub(crate) async fn coupon(world: &mut World, mut args: Args) -> Result<(), String> {
    let mut coupon = json!({"id": args.next("an id")?});
    let currency = args.setting("currency").unwrap_or_else(|| "USD".into());
    coupon["benefit"] = match (args.setting("percent"), args.setting("amount")) {
        (Some(percent), None) => json!({"kind": "percent", "percent": percent}),
        (None, Some(amount)) => json!({"kind": "fixed", "amounts": [{"currency": currency, "amount": amount}]}),
        _ => json!({"kind": "free-periods"}),
    };
    coupon["duration"] = match args.setting("periods") {
        Some(periods) => json!({"is": "repeating", "periods": number(&periods)?}),
        None if args.flag("forever") => json!({"is": "forever"}),
        None => json!({"is": "once"}),
    };
    if let Some(code) = args.setting("code") {
        coupon["code"] = code.into();
    }
    for (word, field) in [("limit", "redemptions_max"), ("each", "redemptions_per_customer_max")] {
        if let Some(limit) = args.setting(word) {
            coupon[field] = number(&limit)?;
        }
    }
    if let Some(until) = args.setting("until") {
        coupon["valid"] = json!({"until": until, "zone": "UTC"});
    }
    if let Some(plan) = args.setting("for") {
        coupon["plans"] = json!([plan]);
    }
    if args.flag("new") {
        coupon["audience"] = "first-time".into();
    }
    if args.flag("stacks") {
        coupon["stacking"] = "with-others".into();
    }
    args.finish()?;
    let coupon: Coupon = serde_json::from_value(coupon).map_err(|e| e.to_string())?;
    let mut catalog = world.catalog.clone();
    catalog.coupons.push(coupon);
    put_on_sale(world, catalog, false).await
}

/// Adds an add-on to a plan that was published, and publishes that as its next version.
pub(crate) async fn add_on(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("plan@version")?;
    let (id, model) = (args.next("an add-on")?, args.next("a price model")?);
    let currency = args.setting("currency").unwrap_or_else(|| "USD".into());
    let plan = world.catalog.plans.iter().find(|p| p.reference().to_string() == name).cloned();
    let mut plan = plan.ok_or(format!("there is no {name}"))?;
    plan.version += 1;
    let mut add_on = json!({"id": id, "title": id});
    if let Some(most) = args.setting("most") {
        add_on["quantity_max"] = number(&most)?;
    }
    if let Some(feature) = args.setting("feature") {
        add_on["features"] = json!([feature]);
    }
    let (limits, amounts): (Vec<_>, Vec<_>) =
        args.settings().into_iter().partition(|(name, _)| name.starts_with("limit."));
    for (name, value) in limits {
        add_on["limits"][name.trim_start_matches("limit.")] = number(&value)?;
    }
    add_on["prices"] = prices(&model, &currency, amounts).into();
    args.finish()?;
    plan.add_ons.push(serde_json::from_value(add_on).map_err(|e| e.to_string())?);
    offer(world, plan, false).await
}

pub(crate) async fn taxes(world: &mut World, mut args: Args) -> Result<(), String> {
    let reference = args.next("settings@version")?;
    let (id, version) = reference.split_once('@').ok_or("name@version is needed")?;
    let mut settings = json!({"id": id, "version": number(version)?, "country": args.next("a country")?});
    if args.flag("inclusive") {
        settings["prices"] = "inclusive".into();
    }
    if let Some(union) = args.setting("shop") {
        settings["registrations"] = json!([{"is": "one-stop-shop", "union": union}]);
    }
    args.finish()?;
    let settings: TaxSettings = serde_json::from_value(settings).map_err(|e| e.to_string())?;
    world.catalog.taxes.push(settings);
    Ok(())
}

/// The invoice in words; it also computes the invoice again from what is stored.
pub(crate) async fn explain(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    let id = format!("inv_{name}-{}", args.next("an invoice (p1)")?);
    args.finish()?;
    let id = InvoiceId::try_new(id).map_err(|e| e.to_string())?;
    let text = usecases::explain::explain(&*world.store, &customer_id(&name)?, &id).await.map_err(|e| e.to_string())?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        world.say(line.trim_end());
    }
    Ok(())
}

/// Moves a contract to the version of the plan on sale, and says what was decided.
pub(crate) async fn migrate(world: &mut World, mut args: Args) -> Result<(), String> {
    let (name, plan) = (args.next("a name")?, args.next("a plan")?);
    args.finish()?;
    let store = world.ledger.store.clone();
    let plan = store.current_plan(&plan).await.map_err(|e| e.to_string())?.ok_or("no such plan is on sale")?;
    let policy = store.current_policy(&plan.policy).await.map_err(|e| e.to_string())?.ok_or("no such policy")?;
    let customer = customer_id(&name)?;
    let id = SubscriptionId::try_new(format!("sub_{name}")).map_err(|e| e.to_string())?;
    match usecases::migrate::migrate(&world.ledger, (&customer, &id), (&plan, &policy)).await {
        Ok(Some(Verdict::Moves(moved))) => {
            let at =
                moved.at.map_or_else(|| "its first period after the pause".into(), |at| at.format("%F").to_string());
            world.say(&format!("moves      {} -> {} from {at}", moved.from, moved.terms.plan));
        }
        Ok(Some(Verdict::Stays(why))) => world.say(&format!("stays      {why}")),
        Ok(None) => return Err(format!("there is no contract of {name}")),
        Err(error) => world.say(&refused(&error)),
    }
    Ok(())
}
