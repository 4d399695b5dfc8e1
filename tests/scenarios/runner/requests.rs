//! What customers, merchants, banks and gateways send, as the use cases take it.

use billing::{
    catalog::{Catalog, Plan, Policy},
    customer::ContractPrice,
    gateway::GatewayEvent,
    ids::{CustomerId, InvoiceId},
    money::{Currency, Money, Rounding, Unrounded},
};
use serde_json::{Map, Value, json};
use usecases::{
    change_plan::{ChangeReply, ChangeRequest, change_plan},
    error::Error,
    gateway_event::Notice,
    publish::{Published, agree_on_prices, publish},
    signup::{Caller, signup as sign_up},
    view::{InvoiceView, SubscriptionView},
};

use crate::{
    args::Args,
    show, timing,
    world::{World, refused},
};

const STOREFRONT: &str = "web";

pub(crate) fn customer_id(name: &str) -> Result<CustomerId, String> {
    CustomerId::try_new(format!("cus_{name}")).map_err(|e| e.to_string())
}

fn money(text: &str, currency: &str) -> Result<Money, String> {
    let currency = Currency::try_new(currency).map_err(|e| e.to_string())?;
    let amount = text.parse().map_err(|_| format!("{text} is not an amount"))?;
    let exact = Unrounded::from_major(amount, currency).map_err(|e| e.to_string())?;
    exact.round(Rounding::HalfEven).map_err(|e| e.to_string())
}

/// `month=9.90 year=99` as prices of a model.
pub(crate) fn prices(model: &str, currency: &str, mut settings: Vec<(String, String)>) -> Vec<Value> {
    let setup = settings.iter().position(|(name, _)| name == "setup").map(|at| settings.remove(at).1);
    let field = match model {
        "flat" => "amount",
        "percent-of" => "rate",
        _ => "unit_amount",
    };
    let price = |(interval, amount): (String, String)| {
        let mut price = json!({"currency": currency, "interval": interval, "model": model});
        price[field] = amount.into();
        if let Some(setup) = &setup {
            price["setup_fee"] = setup.clone().into();
        }
        price
    };
    settings.into_iter().map(price).collect()
}

/// `support:2,sso` as wanted add-ons; `none` is an empty list.
fn add_ons_of(text: &str) -> Result<Value, String> {
    let one = |part: &str| {
        let (id, quantity) = part.split_once(':').unwrap_or((part, "1"));
        let quantity: i64 = quantity.parse().map_err(|_| "the quantity must be a number")?;
        Ok(json!({"id": id, "quantity": quantity}))
    };
    let parts = text.split(',').filter(|part| *part != "none");
    parts.map(one).collect::<Result<Vec<_>, String>>().map(Value::Array)
}

fn reference(text: &str) -> Result<(String, u32), String> {
    let (name, version) = text.split_once('@').ok_or("name@version is needed")?;
    Ok((name.into(), version.parse().map_err(|_| "the version must be a number")?))
}

pub(crate) fn policy(world: &mut World, mut args: Args) -> Result<(), String> {
    let (id, version) = reference(&args.next("policy@version")?)?;
    let mut proration = Map::new();
    let settings = [
        ("profile", "profile"),
        ("proration", "unit"),
        ("rounding", "rounding"),
        ("termination", "termination"),
        ("first", "first_period"),
        ("leading", "leading"),
        ("interval-change", "interval_change"),
    ];
    for (setting, key) in settings {
        if let Some(value) = args.setting(setting) {
            proration.insert(key.into(), value.into());
        }
    }
    let mut policy = json!({"id": id, "version": version, "proration": proration});
    if let Some(whole) = args.setting("as") {
        policy["profile"] = whole.into();
    }
    if let Some(days) = args.setting("days") {
        policy["days_until_due"] = days.parse::<u32>().map_err(|e| e.to_string())?.into();
    }
    if let Some(hours) = args.setting("gather") {
        policy["gathering_hours"] = hours.parse::<u32>().map_err(|e| e.to_string())?.into();
    }
    if let Some(time) = args.setting("down") {
        policy["changes"] = json!({"down": time});
    }
    if let Some(tax) = args.setting("tax") {
        policy["tax"] = tax.into();
    }
    args.finish()?;
    let policy: Policy = serde_json::from_value(policy).map_err(|e| e.to_string())?;
    world.catalog.policies.push(policy);
    Ok(())
}

pub(crate) async fn catalog(world: &mut World, mut args: Args) -> Result<(), String> {
    let (id, version) = reference(&args.next("plan@version")?)?;
    let model = args.next("a price model")?;
    let currency = args.setting("currency").unwrap_or_else(|| "USD".into());
    let mut plan = json!({"id": id, "version": version, "title": id});
    if let Some(days) = args.setting("trial") {
        plan["trial_days"] = days.parse::<u32>().map_err(|e| e.to_string())?.into();
    }
    timing::trial_rules(&mut args, &currency, &mut plan);
    if let Some(policy) = args.setting("policy") {
        plan["policy"] = policy.into();
    }
    if let Some(tier) = args.setting("tier") {
        plan["tier"] = tier.parse::<u32>().map_err(|e| e.to_string())?.into();
    }
    if let Some(day) = args.setting("align") {
        plan["alignment"] = timing::alignment(&day)?;
    }
    if let Some(feature) = args.setting("feature") {
        plan["features"] = json!([feature]);
    }
    if let Some(step) = args.setting("loyalty") {
        let (after, percent) = step.split_once(':').ok_or("loyalty=PERIODS:PERCENT is needed")?;
        let after: u32 = after.parse().map_err(|_| "the periods must be a number")?;
        plan["loyalty"] = json!({"steps": [{"after_paid_periods": after, "percent": percent}]});
    }
    let mut abroad = Vec::new();
    while let Some(text) = args.setting("also") {
        let [currency, interval, amount] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err("also=CURRENCY:INTERVAL:AMOUNT is needed".into());
        };
        abroad.extend(prices(&model, currency, vec![(interval.into(), amount.into())]));
    }
    let (quietly, included) = (args.flag("quietly"), args.setting("included"));
    let (limits, amounts): (Vec<_>, Vec<_>) =
        args.settings().into_iter().partition(|(name, _)| name.starts_with("limit."));
    for (name, value) in limits {
        plan["limits"][name.trim_start_matches("limit.")] = value.parse::<i64>().map_err(|e| e.to_string())?.into();
    }
    plan["prices"] = [prices(&model, &currency, amounts), abroad].concat().into();
    for price in plan["prices"].as_array_mut().into_iter().flatten() {
        if let Some(included) = &included {
            price["included"] = included.clone().into();
        }
    }
    args.finish()?;
    let plan: Plan = serde_json::from_value(plan).map_err(|e| e.to_string())?;
    offer(world, plan, quietly).await
}

/// Publishes the catalog with `plan` in it.
pub(crate) async fn offer(world: &mut World, plan: Plan, quietly: bool) -> Result<(), String> {
    let mut catalog = world.catalog.clone();
    catalog.plans.retain(|p| p.reference() != plan.reference());
    catalog.plans.push(plan);
    put_on_sale(world, catalog, quietly).await
}

/// Publishes a catalog, and says so or what is wrong with it.
pub(crate) async fn put_on_sale(world: &mut World, catalog: Catalog, quietly: bool) -> Result<(), String> {
    match publish(&*world.store, &catalog).await.map_err(|e| e.to_string())? {
        Published::OnSale(_) => {
            world.catalog = catalog;
            if !quietly {
                world.say("published");
            }
        }
        Published::Refused(problems) => {
            for problem in problems {
                world.say(&format!("refused    {problem}"));
            }
        }
    }
    Ok(())
}

pub(crate) async fn contract(world: &mut World, mut args: Args) -> Result<(), String> {
    let customer = customer_id(&args.next("a name")?)?;
    let plan = args.next("a plan")?;
    let model = args.next("a price model")?;
    let currency = args.setting("currency").unwrap_or_else(|| "USD".into());
    let agreed = prices(&model, &currency, args.settings()).into_iter().map(|price| {
        let price = serde_json::from_value(price).map_err(|e| e.to_string())?;
        Ok(ContractPrice { customer: customer.clone(), plan: plan.clone(), price })
    });
    let agreed = agreed.collect::<Result<Vec<_>, String>>()?;
    let done = agree_on_prices(&*world.store, &agreed).await;
    world.report(done);
    args.finish()
}

pub(crate) async fn signup(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    let plan = args.next("a plan")?;
    let contract = args.value("as")?.unwrap_or_else(|| name.clone());
    let key = args.value("key")?.unwrap_or_else(|| format!("signup-{contract}"));
    let currency = args.value("currency")?.unwrap_or_else(|| "USD".into());
    let mut body = json!({
        "customer": {"id": format!("cus_{name}"), "currency": currency},
        "plan": plan,
        "subscription": format!("sub_{contract}"),
    });
    if let Some(zone) = args.value("zone")? {
        body["customer"]["time_zone"] = zone.into();
    }
    if let Some(interval) = args.value("per")? {
        body["interval"] = interval.into();
    }
    if let Some(seats) = args.value("seats")? {
        body["quantity"] = seats.parse::<i64>().map_err(|e| e.to_string())?.into();
    }
    if let Some(add_ons) = args.value("with")? {
        body["add_ons"] = add_ons_of(&add_ons)?;
    }
    for (word, field) in [("in", "country"), ("vat", "vat_id"), ("exempt", "tax_exempt")] {
        if let Some(value) = args.value(word)? {
            body["customer"][field] = value.into();
        }
    }
    while let Some(code) = args.value("coupon")? {
        match body["coupons"].as_array_mut() {
            Some(codes) => codes.push(code.into()),
            None => body["coupons"] = json!([code]),
        }
    }
    for (word, on) in [("consolidated", true), ("separately", false)] {
        if args.flag(word) {
            body["customer"]["consolidate"] = on.into();
        }
    }
    timing::of_signup(&mut args, &mut body)?;
    if args.flag("on-account") {
        body["collection"] = "invoice".into();
    } else if !args.flag("without-card") {
        let token = args.value("card")?.unwrap_or_else(|| "pm_card_visa".into());
        body["payment_method"] = json!({"token": token});
    }
    args.finish()?;
    let caller = Caller::new(STOREFRONT.into(), key, "signup", body.to_string().as_bytes());
    let request = serde_json::from_value(body).map_err(|e| e.to_string())?;
    let reply = sign_up(&world.ledger, &world.gateways, usecases::sandbox::NAME, &caller, request).await;
    let customer = customer_id(&name)?;
    if !world.customers.contains(&customer) {
        world.customers.push(customer);
    }
    world.tell().await?;
    match reply {
        Ok(reply) => {
            let code = reply.decline_code.map(|c| format!(" ({c})")).unwrap_or_default();
            let status = serde_json::to_value(reply.status).unwrap_or_default();
            world.say(&format!("reply      {}{code}", status.as_str().unwrap_or_default()));
        }
        Err(error) => world.say(&refused(&error)),
    }
    Ok(())
}

pub(crate) async fn change(world: &mut World, verb: &str, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    let customer = args.value("of")?.unwrap_or_else(|| name.clone());
    let mut body = json!({
        "customer": format!("cus_{customer}"),
        "subscription": format!("sub_{name}"),
        "action": verb.replace('-', "_"),
        "preview": args.flag("preview"),
    });
    timing::of_change(verb, &mut args, &mut body)?;
    if verb == "charge" {
        body["amount"] = args.next("an amount")?.into();
        if let Some(what) = args.value("for")? {
            body["description"] = what.into();
        }
        body["when"] = if args.flag("next") { "period_end" } else { "now" }.into();
    }
    if matches!(verb, "top-up" | "grant") {
        body["amount"] = args.next("an amount")?.into();
        if let Some(end) = args.value("expires")? {
            body["expires_at"] = end.into();
        }
    }
    if verb == "move-credit" {
        body["amount"] = args.next("an amount")?.into();
        body["to"] = format!("sub_{}", args.value("onto")?.unwrap_or_default()).into();
    }
    if matches!(verb, "credit-note" | "void" | "write-off") {
        body["invoice"] = format!("inv_{}", args.next("an invoice")?).into();
        if let Some(lines) = args.value("lines")? {
            body["lines"] = credited(&lines)?;
        }
    }
    if args.flag("refund") {
        body["refund"] = true.into();
    }
    if verb == "consolidate" {
        body["consolidate"] = (!args.flag("no-more")).into();
    }
    if verb.ends_with("-coupon") {
        let field = if args.flag("offer") { "offer" } else { "coupon" };
        body[field] = args.next("a code")?.into();
    }
    for (word, field) in
        [("to", "plan"), ("per", "interval"), ("in", "currency"), ("until", "resume_at"), ("because", "reason")]
    {
        if let Some(value) = args.value(word)? {
            body[field] = value.into();
        }
    }
    if let Some(seats) = args.value("seats")? {
        body["quantity"] = seats.parse::<i64>().map_err(|e| e.to_string())?.into();
    }
    if let Some(add_ons) = args.value("with")? {
        body["add_ons"] = add_ons_of(&add_ons)?;
    }
    let seen = args.value("seen")?.map(|v| v.parse::<u64>().map_err(|e| e.to_string())).transpose()?;
    let key = args.value("key")?.unwrap_or_else(|| format!("{} {body}", world.now));
    args.finish()?;
    let caller = Caller::new(STOREFRONT.into(), key, verb, body.to_string().as_bytes());
    let request: ChangeRequest = serde_json::from_value(body).map_err(|e| e.to_string())?;
    let reply = change_plan(&world.ledger, &world.gateways, &caller, seen, &request).await;
    let changed = world.tell().await?;
    answer_change(world, reply, changed);
    Ok(())
}

/// `1:5.00,2`: five of the first line, what is left of the second.
fn credited(lines: &str) -> Result<Value, String> {
    let one = |text: &str| {
        let (line, amount) = text.split_once(':').map_or((text, None), |(line, amount)| (line, Some(amount)));
        Ok(json!({"line": line.parse::<u32>().map_err(|e| e.to_string())?, "amount": amount}))
    };
    lines.split(',').map(one).collect()
}

fn answer_change(world: &mut World, reply: Result<ChangeReply, Error>, changed: bool) {
    if let Some(gone) = reply.as_ref().ok().and_then(|reply| reply.withdrawn.as_ref()) {
        let (day, plan) = (gone.at.format("%Y-%m-%d"), &gone.plan);
        world.say(&format!("withdrawn  {plan} x {} per {} from {day}", gone.quantity, gone.interval));
    }
    match reply {
        Ok(reply) if reply.preview => {
            let late = if reply.subscription.past_due { ", past due" } else { "" };
            world.say(&format!("preview    {}{late}", brief(&reply.subscription)));
            if let Some(note) = reply.documents.credit_note {
                world.say("preview    a credit note");
                for line in &note.lines {
                    world.say(&format!("             {}", show::line(line)));
                }
            }
            // A note on what was paid leaves that as it is.
            let changed =
                reply.documents.changed_invoices.iter().filter(|view| view.state != "paid" || view.lowered.is_some());
            for InvoiceView { id, number, state, amount_due, .. } in changed {
                let number = number.as_ref().map_or(String::new(), |number| format!(" ({number})"));
                world.say(&format!("preview    {id}{number} would be {state}, {} due", amount_due.display));
            }
            if let Some(back) = reply.credit_taken_back {
                let used = back.used.map_or(String::new(), |used| format!(", {} was used and stays", used.display));
                world.say(&format!("preview    {} of credit is taken back{used}", back.taken.display));
            }
            if let Some(closing) = reply.documents.closing_invoice {
                world.say(&format!("preview    what ran before comes to {}", closing.total.display));
                for line in &closing.lines {
                    world.say(&format!("             {}", show::line(line)));
                }
            }
            if let Some(invoice) = reply.documents.invoice {
                world.say(&format!("preview    it would cost {}", invoice.total.display));
                for line in &invoice.lines {
                    world.say(&format!("             {}", show::line(line)));
                }
            }
            if let Some(upcoming) = reply.upcoming {
                world.say(&format!("preview    on {}:", upcoming.at.format("%Y-%m-%d")));
                for invoice in &upcoming.invoices {
                    world.say(&format!("             {} {}", invoice.id, invoice.total.display));
                    for line in &invoice.lines {
                        world.say(&format!("               {}", show::line(line)));
                    }
                }
            }
        }
        Ok(reply) if !changed => world.say(&format!("nothing changed: {}", brief(&reply.subscription))),
        Ok(_) => {}
        Err(error) => world.say(&refused(&error)),
    }
}

pub(crate) fn brief(view: &SubscriptionView) -> String {
    format!(
        "{} {}, {} x {} per {}, version {}",
        view.id, view.state, view.plan, view.quantity, view.interval, view.version
    )
}

pub(crate) async fn transfer(world: &mut World, mut args: Args) -> Result<(), String> {
    let name = args.next("a name")?;
    let invoice = args.next("an invoice")?;
    let amount = money(&args.next("an amount")?, &args.value("currency")?.unwrap_or_else(|| "USD".into()))?;
    let of = args.value("of")?.unwrap_or_else(|| name.clone());
    let reference = args.value("as")?.unwrap_or_else(|| format!("bank-{name}-{invoice}"));
    args.finish()?;
    let customer = customer_id(&of)?;
    let invoice = InvoiceId::try_new(format!("inv_{name}-{invoice}")).map_err(|e| e.to_string())?;
    world.remember_transfer(amount);
    let at = world.now;
    let event = GatewayEvent::Received { customer: customer.clone(), invoice, amount, reference, at };
    world.webhook(Notice { customer, event }).await;
    Ok(())
}

pub(crate) fn authenticate(world: &mut World, mut args: Args) -> Result<(), String> {
    let key = format!("inv_{}-{}", args.next("a name")?, args.next("an attempt (p1:1)")?);
    let agreed = match args.next("yes or no")?.as_str() {
        "yes" => true,
        "no" => false,
        other => return Err(format!("{other} is neither yes nor no")),
    };
    args.finish()?;
    world.gateway.sandbox.complete_action(&key, agreed, world.now).ok_or(format!("there is no payment {key}"))?;
    Ok(())
}
