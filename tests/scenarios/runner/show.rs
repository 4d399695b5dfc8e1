//! How things look in a transcript: short, and complete enough to be judged.

use billing::{
    calendar::Instant,
    discount::Cut,
    fact::Fact,
    invoice::{Adjustment, Invoice, InvoiceState, Line, UsedUnits},
    money::{Currency, Money, Rounding},
    proration::ProrationUnit,
    subscription::{State, Subscription, next_event},
    terms::Terms,
};
use chrono::{NaiveTime, SecondsFormat};

/// A date when it is midnight in UTC, else the instant.
pub(crate) fn when(at: Instant) -> String {
    if at.time() == NaiveTime::MIN {
        at.date_naive().to_string()
    } else {
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

pub(crate) fn subscription(s: &Subscription) -> String {
    let terms = &s.terms;
    let price = terms.full_period_money().map_or_else(|e| e.to_string(), |m| m.to_string());
    let contract = if terms.contract { " by contract" } else { "" };
    let (state, interval) = (state(&s.state), terms.price.interval);
    let mut text = format!("{state}, {}, {price} per {interval}{contract}", bought(terms));
    if let Some(p) = &s.period {
        text += &format!("; period {}: {} .. {}", p.ordinal, when(p.start), when(p.end));
    }
    if let Some(of) = &s.stub {
        text += &format!(" (stub of {} .. {})", when(of.whole.start), when(of.whole.end));
    }
    for held in &s.discounts {
        let left = held.periods_left().map_or("for ever".into(), |n| format!("{n} periods left"));
        text += &format!("; {} {left}", held.coupon.id);
    }
    if s.suspended_by.is_some() {
        text += "; SUSPENDED";
    }
    if s.gathering.is_some() {
        text += "; consolidated";
    }
    if s.credit_minor != 0 {
        text += &format!("; credit {}", Money::new(s.credit_minor, terms.price.currency));
    }
    if !s.pending.is_empty() {
        let sum = s.pending_lines().map(|lines| Money::sum(terms.price.currency, lines.iter().map(|l| l.amount)));
        let sum = sum.map_or_else(|e| e.to_string(), |sum| sum.map_or_else(|e| e.to_string(), |m| m.to_string()));
        text += &format!("; {sum} for the next invoice");
    }
    for once in &s.once.waiting {
        text += &format!("; {} waits for the next invoice", once.amount());
    }
    if let Some((at, terms)) = &s.scheduled.change {
        text += &format!("; from {}: {} per {}", when(*at), bought(terms), terms.price.interval);
    }
    if let Some(policy) = &s.scheduled.anchor {
        text += &format!("; then aligned to {}", policy.to.name());
    }
    match next_event(s) {
        Some((at, kind)) => text + &format!("; next {kind} {}", when(at)),
        None => text + "; nothing next",
    }
}

/// The plan and its add-ons.
fn bought(terms: &Terms) -> String {
    let add_ons = terms.add_ons.iter().map(|a| format!(" + {} x {}", a.id, a.quantity));
    format!("{} x {}", terms.plan, terms.quantity) + &add_ons.collect::<String>()
}

fn state(state: &State) -> String {
    match state {
        State::Canceled { at, reason } => format!("canceled {} ({reason})", when(*at)),
        State::Paused { since, .. } => format!("paused since {}", when(*since)),
        other => other.name().into(),
    }
}

pub(crate) fn invoice_state(invoice: &Invoice) -> String {
    let detail = match &invoice.state {
        InvoiceState::Waiting { at, climb } => {
            format!(" since {} ({}), rung {} at {}", when(climb.since), climb.class, climb.done + 1, when(*at))
        }
        InvoiceState::Collecting { claim, .. } => format!(" by attempt {}", claim.attempt),
        InvoiceState::Unknown { claim, asked, action, .. } => {
            let why = if action.is_some() { ", waits for the customer" } else { "" };
            format!(": attempt {} is unknown, asked {asked} times{why}", claim.attempt)
        }
        InvoiceState::Paid { at } => format!(" {}", when(*at)),
        InvoiceState::Gathering { at, .. } => format!(" until {}", when(*at)),
        InvoiceState::Grouped => invoice.document.as_ref().map(|id| format!(" on {id}")).unwrap_or_default(),
        _ => String::new(),
    };
    // On account the invoice waits for its due date first: nothing is late yet.
    let name = if invoice.is_past_due(invoice.issued_at) || !matches!(invoice.state, InvoiceState::Waiting { .. }) {
        invoice.state.name()
    } else {
        "unpaid"
    };
    format!("{name}{detail}")
}

pub(crate) fn line(line: &Line) -> String {
    let why = &line.why;
    if let Some(used) = &line.used {
        return usage(line, used);
    }
    if let Some(description) = &line.description {
        return format!("{} {description}: {}", line.kind, line.amount);
    }
    if let Some(text) = adjusted(line) {
        return text;
    }
    let add_on = line.add_on.as_ref().map(|id| format!(" + {id}")).unwrap_or_default();
    let mut text = format!("{} {}{add_on} x {}: {}", line.kind, line.plan, line.quantity, line.amount);
    if why.rule == "credit" {
        return text;
    }
    text += &format!(" = {} {}", why.rule, why.full_minor);
    if let (Some(share), Some(unit)) = (why.share, why.unit) {
        let unit = match unit {
            ProrationUnit::Day | ProrationUnit::FixedMonth => "days",
            ProrationUnit::Minute => "minutes",
            ProrationUnit::Second => "seconds",
            ProrationUnit::Millisecond => "milliseconds",
        };
        text += &format!(" x {}/{} {unit}", share.left, share.whole);
    }
    if !why.unrounded_minor.is_integer() {
        let mode = match why.rounding {
            Rounding::HalfEven => "half-even",
            Rounding::HalfUp => "half-up",
            Rounding::Down => "down",
        };
        text += &format!(" = {}, rounded {mode}", why.unrounded_minor.round_dp(6).normalize());
    }
    text
}

/// What was used, and the steps of its price.
fn usage(line: &Line, used: &UsedUnits) -> String {
    let UsedUnits { meter, units, events, start, end, invoiced } = used;
    let mut text = format!("{} {} {meter}: {}", line.kind, line.plan, line.amount);
    text += &format!(" = {} of {units} in {events} events", line.why.rule);
    if let Some(before) = invoiced {
        text += &format!(", {before} of them invoiced before");
    }
    let steps: Vec<String> = line.why.steps.iter().map(|s| format!("{} -> {}", s.units, s.amount)).collect();
    text + &format!(" ({}); {} .. {}", steps.join(", "), when(*start), when(*end))
}

/// A line of a discount or a tax.
fn adjusted(line: &Line) -> Option<String> {
    let why = &line.why;
    let what = match why.adjustment.as_deref()? {
        Adjustment::Discount { cut: Cut::Percent { percent } } => format!("{percent} of {}", why.full_minor),
        Adjustment::Discount { cut: Cut::Fixed { amount } } => format!("up to {amount} of {}", why.full_minor),
        Adjustment::Tax { rate, tax } if rate.inclusive => {
            format!("{} of {}, {tax} in the prices", rate.percent, why.full_minor)
        }
        Adjustment::Tax { rate, .. } => format!("{} of {}", rate.percent, why.full_minor),
        Adjustment::TrueUp(m) => {
            let span = format!("{} .. {}", when(m.start), when(m.end));
            let (least, used) = (m.minimum, m.used);
            return Some(format!(
                "{} {}: {} = at least {least}, used {used}; {span}",
                line.kind, line.plan, line.amount
            ));
        }
        Adjustment::Item { contract, tax_minor } => {
            let tax = Money::new(*tax_minor, line.amount.currency);
            let tax = if *tax_minor == 0 { String::new() } else { format!(", {tax} of it tax") };
            return Some(format!("{} {} of {contract}: {}{tax}", line.kind, why.rule, line.amount));
        }
        Adjustment::Untaxed { note } => note.clone(),
        Adjustment::Discounted { .. } | Adjustment::SharedDiscount { .. } => return None,
    };
    let add_on = line.add_on.as_ref().map(|id| format!(" on {id}")).unwrap_or_default();
    Some(format!("{} {}{add_on}: {} = {what}", line.kind, why.rule, line.amount))
}

pub(crate) fn fact(fact: &Fact, now: Instant) -> String {
    let what = &fact.what;
    let money =
        |minor| Currency::try_new(&what.currency).map_or_else(|e| e.to_string(), |c| Money::new(minor, c).to_string());
    let mut text = format!("{} {}", what.event_type, money(what.amount_minor));
    if let Some(tax) = what.tax_minor {
        text += &format!(" + {} tax", money(tax));
    }
    if let Some(attempt) = what.attempt {
        text += &format!(", attempt {attempt}");
    }
    if let Some(reason) = what.code.as_ref().or(what.reason.as_ref()) {
        text += &format!(", {reason}");
    }
    if what.event_type.changes_run_rate() {
        text += &format!("; run-rate {} a year", money(what.mrr12_minor));
    }
    if what.occurred_at != now {
        text += &format!("; as of {}", when(what.occurred_at));
    }
    text
}
