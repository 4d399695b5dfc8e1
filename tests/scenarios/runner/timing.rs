//! Days to be billed on, as stories write them.

use serde_json::{Value, json};

use crate::args::Args;

/// `15`, `3-31` (month and day), `Fri`, a date, `calendar` or `anniversary`, as a request says it.
pub(crate) fn billing_anchor(text: &str) -> Result<Value, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is no day to be billed on"));
    Ok(match (text, text.split('-').collect::<Vec<_>>().as_slice()) {
        ("calendar" | "anniversary", _) => json!({ text: true }),
        (_, [_, _, _]) => json!({"date": text}),
        (_, [month, day]) => json!({"month": number(month)?, "day": number(day)?}),
        (_, _) if text.starts_with(char::is_alphabetic) => json!({"weekday": text}),
        _ => json!({"day": number(text)?}),
    })
}

/// The same as a plan of the catalog has it.
pub(crate) fn alignment(text: &str) -> Result<Value, String> {
    let to = match billing_anchor(text)? {
        wanted if wanted.get("calendar").is_some() => json!({"calendar": {}}),
        wanted => match (wanted.get("month"), wanted.get("day"), wanted.get("weekday")) {
            (Some(month), Some(day), _) => json!({"month-day": {"month": month, "day": day}}),
            (None, Some(day), _) => json!({"day-of-month": {"day": day}}),
            (_, _, Some(weekday)) => json!({"weekday": {"weekday": weekday}}),
            _ => return Err(format!("{text} is no alignment of a plan")),
        },
    };
    Ok(json!({"to": to}))
}

/// What a sign-up says about its days.
pub(crate) fn of_signup(args: &mut Args, body: &mut Value) -> Result<(), String> {
    if let Some(day) = args.value("anchor")? {
        body["billing_anchor"] = billing_anchor(&day)?;
    }
    if let Some(name) = args.value("along")? {
        body["align_with"] = format!("sub_{name}").into();
    }
    if let Some(text) = args.value("trial")? {
        body["trial"] = match text.parse::<u32>() {
            Ok(days) => json!({"days": days}),
            Err(_) => json!({"until": text}),
        };
    }
    if let Some(date) = args.value("since")? {
        body["starts_at"] = date.into();
    }
    Ok(())
}

/// What a change says about when, and about the anchor.
pub(crate) fn of_change(verb: &str, args: &mut Args, body: &mut Value) -> Result<(), String> {
    let date = args.value("on")?;
    let agreed = if args.flag("at-period-end") { "period_end" } else { "now" };
    if !args.flag("as-usual") {
        body["when"] = date.unwrap_or_else(|| agreed.into()).into();
    }
    if args.flag("with-credit") {
        body["credit"] = true.into();
    }
    if verb != "anchor" {
        return Ok(());
    }
    match args.value("along")? {
        Some(name) => body["align_with"] = format!("sub_{name}").into(),
        None => body["billing_anchor"] = billing_anchor(&args.next("a day")?)?,
    }
    Ok(())
}

/// What a plan says about its trials.
pub(crate) fn trial_rules(args: &mut Args, currency: &str, plan: &mut Value) {
    let mut prices = Vec::new();
    while let Some(text) = args.setting("trial-price") {
        let (currency, amount) = text.split_once(':').unwrap_or((currency, &text));
        prices.push(json!({"currency": currency, "amount": amount}));
    }
    if !prices.is_empty() {
        plan["trial"]["prices"] = prices.into();
    }
    for (setting, field) in [("trial-anchor", "anchor"), ("without-card", "without_method")] {
        if let Some(value) = args.setting(setting) {
            plan["trial"][field] = value.into();
            // A plan that says how its trials end without a card takes customers without one.
            plan["trial"]["method_optional"] = (field == "without_method").into();
        }
    }
}
