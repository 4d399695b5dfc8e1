//! How things look in a transcript: short, and complete enough to be judged.

use billing::{
    calendar::Instant,
    discount::Cut,
    fact::Fact,
    invoice::{Adjustment, Invoice, InvoiceState, Line, RefundState, UsedUnits},
    money::{Currency, Money, Rounding},
    prepaid::PrepaidSource,
    proration::ProrationUnit,
    subscription::{State, Subscription, next_event},
    terms::Terms,
    usage::{SpanPart, UnitTime},
};
use chrono::{NaiveTime, SecondsFormat};
use usecases::view::PrepaidView;

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
        text += &match of.bought {
            Some(value) => format!(" (bought with {value})"),
            None => format!(" (stub of {} .. {})", when(of.whole.start), when(of.whole.end)),
        };
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
    for credit in &s.credits {
        text += &format!("; credit {credit}");
    }
    if !s.prepaid.is_empty() {
        let balance = s.prepaid.balance(terms.price.currency).map_or_else(|e| e.to_string(), |m| m.to_string());
        text += &format!("; prepaid {balance}");
        for held in &s.prepaid.held {
            text += &format!(" and {} held", held.most());
        }
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
        if terms.price.currency != s.terms.price.currency {
            text += &format!(" in {}", terms.price.currency);
        }
    }
    if let Some((at, to)) = &s.scheduled.moved {
        text += &format!(
            "; moved to {} from {}: {} per {}",
            to.terms.plan,
            when(*at),
            bought(&to.terms),
            to.terms.price.interval
        );
    }
    if let Some(policy) = &s.scheduled.anchor {
        text += &format!("; then aligned to {}", policy.to.name());
    }
    match next_event(s) {
        Some((at, kind)) => text + &format!("; next {kind} {}", when(at)),
        None => text + "; nothing next",
    }
}

/// The balance and each grant of it.
pub(crate) fn prepaid(view: &PrepaidView) -> Vec<String> {
    let held = view.held.as_ref().map_or(String::new(), |held| format!(", {} held for the invoice", held.display));
    let mut lines = vec![format!("prepaid    {}{held}", view.balance.display)];
    for grant in &view.grants {
        let until = grant.expires_at.map_or("without expiry".into(), |end| format!("until {}", when(end)));
        let why = grant.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        let (id, left, amount) = (&grant.id, &grant.left.display, &grant.amount.display);
        lines.push(format!("             {id} {}{why}: {left} of {amount} left, {until}", grant.source));
    }
    lines.extend(view.waiting.iter().map(|id| format!("             {id} waits for its money")));
    lines
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
        State::Incomplete { trial: Some(trial), .. } => {
            format!("incomplete, then a trial for {} until {}", trial.price, when(trial.ends_at))
        }
        State::Trialing { price: Some(price), .. } => format!("trialing for {price}"),
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

pub(crate) fn refund(state: &RefundState) -> String {
    match state {
        RefundState::Done { at, .. } => format!("done {}", when(*at)),
        RefundState::Failed { at, code } => format!("failed {} ({code})", when(*at)),
        RefundState::Unknown { asked, .. } => format!("unknown, asked {asked} times"),
        RefundState::Due { .. } | RefundState::Calling { .. } => state.name().into(),
    }
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
    let UsedUnits { meter, units, events, averaged, start, end, invoiced, part, time } = used;
    let mut text = format!("{} {} {meter}: {}", line.kind, line.plan, line.amount);
    text += &format!(" = {} of {units} in {events} events", line.why.rule);
    if *averaged > 0 {
        text += &format!(", {averaged} of them without their amounts");
    }
    if let Some(before) = invoiced {
        text += &format!(", {before} of them invoiced before");
    }
    if let Some(SpanPart { share, .. }) = part {
        text += &format!(", {} of {} days", share.left, share.whole);
    }
    if let Some(UnitTime { whole, moves, .. }) = time {
        let moves: Vec<String> = moves.iter().map(|(units, left)| format!("{units} for {left}")).collect();
        text += &format!(", of {whole} days {}", moves.join(", "));
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
        Adjustment::Prepaid(source) => {
            let PrepaidSource { grant, left, expires_at, held } = source;
            let until = expires_at.map_or(String::new(), |end| format!(" until {}", when(end)));
            let held = held.map_or(String::new(), |held| format!(", {held} of it for what was used before"));
            return Some(format!("{} {grant}: {} of {left}{until}{held}", line.kind, line.amount));
        }
        Adjustment::Item { contract, tax_minor } => {
            let tax = Money::new(*tax_minor, line.amount.currency);
            let tax = if *tax_minor == 0 { String::new() } else { format!(", {tax} of it tax") };
            return Some(format!("{} {} of {contract}: {}{tax}", line.kind, why.rule, line.amount));
        }
        Adjustment::Untaxed { note } => note.clone(),
        Adjustment::LessUnused { back, .. } => format!("{back} of the period before"),
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
