//! An invoice in words: why each line has its amount, for the person who asks "why 23.57?".
//!
//! Exists as a pure function of the stored invoice: it computes the lines again from the stored decision inputs and says
//! whether they are the same.

use std::fmt::Write as _;

use chrono::Timelike;
use rust_decimal::Decimal;

use super::{
    Adjustment, Basis, DocumentSide, Invoice, InvoiceState, Line, LineKind, Lowered, Once, Refund, RefundState,
    UsedUnits, compute,
};
use crate::{
    calendar::Instant,
    discount::Cut,
    money::{Money, Rounding, Unrounded},
    prepaid::PrepaidSource,
    pricing::{Step, StepKind},
    proration::{LineRule, ProrationUnit, Share},
    refusal::Refusal,
    terms::Terms,
    usage::{SpanPart, UnitTime, UsageMinimum},
};

/// The invoice in words, several lines of text.
///
/// # Errors
/// As [`compute`]: a rules version that this build does not know.
pub fn explain(invoice: &Invoice) -> Result<String, Refusal> {
    let mut text = String::new();
    heading(&mut text, invoice);
    for line in &invoice.lines {
        let _ = writeln!(text, "\n  {:<34}{:>18}", title(line), line.amount.to_string());
        for sentence in why(line) {
            let _ = writeln!(text, "      {sentence}");
        }
    }
    let _ = writeln!(text, "\n  {:<34}{:>18}", "total", invoice.total.to_string());
    lowered(&mut text, invoice);
    attempts(&mut text, invoice);
    refunds(&mut text, invoice);
    let again = compute(invoice.rules, &invoice.basis)?;
    let same = if again == invoice.lines { "the same lines" } else { "OTHER LINES: tell the developers" };
    let _ = writeln!(text, "\n  Computed again from its stored inputs under rules version {}: {same}.", invoice.rules);
    Ok(text)
}

/// What was taken off the total before it was paid, and what that left.
fn lowered(text: &mut String, invoice: &Invoice) {
    let Lowered { notes_minor, credit_minor, .. } = invoice.lowered;
    let currency = invoice.total.currency;
    for (by, minor) in [("credit notes", notes_minor), ("credit of the same period", credit_minor)] {
        if minor != 0 {
            let _ = writeln!(text, "  {:<34}{:>18}", format!("less {by}"), Money::new(-minor, currency).to_string());
        }
    }
    if notes_minor != 0 || credit_minor != 0 {
        let left = if invoice.state == InvoiceState::Void { "was to be paid" } else { "to be paid" };
        let _ = writeln!(text, "  {left:<34}{:>18}", invoice.payable().to_string());
    }
}

fn heading(text: &mut String, invoice: &Invoice) {
    let Invoice { id, total, subscription, customer, .. } = invoice;
    let period = invoice.basis.period();
    let _ = writeln!(text, "{id}  {total}  {}", standing(&invoice.state));
    if let Some(items) = invoice.basis.items() {
        let _ = writeln!(text, "  document  of {customer}, policy {}", invoice.policy());
        let _ = writeln!(text, "  for       {} invoices of the customer's contracts, collected as one", items.len());
        return;
    }
    if let Some(document) = &invoice.document {
        let _ = writeln!(text, "  document  {document}");
    }
    let _ = writeln!(text, "  contract  {subscription} of {customer}, policy {}", invoice.policy());
    // The span of a trial is no billed period, and has no number.
    let number = if period.ordinal == 0 { String::new() } else { format!(" (number {})", period.ordinal) };
    let _ = writeln!(text, "  period    {} to {}{number}", day(period.start), day(period.end));
    let _ = writeln!(text, "  for       {}", what_for(&invoice.basis));
}

fn what_for(basis: &Basis) -> String {
    match basis {
        Basis::Period { stub: Some(of), .. } if of.trailing => {
            format!("a stub up to the end of the contract, of {} to {}", day(of.whole.start), day(of.whole.end))
        }
        Basis::Period { stub: Some(of), .. } => {
            format!("a stub of {} to {}, in advance", day(of.whole.start), day(of.whole.end))
        }
        Basis::Period { .. } => "a full period, in advance".to_owned(),
        Basis::Change { from, to, at, .. } => {
            format!("a change at {} from {} to {}", day(*at), bought(from), bought(to))
        }
        Basis::End { terms, at, .. } => format!("the end of {} at {}", bought(terms), day(*at)),
        Basis::CreditNote { invoice, reason, .. } => match reason {
            Some(reason) => format!("what is given back of {invoice} ({reason})"),
            None => format!("what is given back of {invoice}"),
        },
        Basis::Document { items, .. } => format!("{} invoices", items.len()),
        Basis::Arrears { at, .. } => format!("what was used up to {}", day(*at)),
        Basis::Once { .. } if basis.top_up().is_some() => "prepaid credit".to_owned(),
        Basis::Once { base, once } if matches!(once[..], [Once::Trial { .. }]) => {
            format!("a trial up to {}", day(base.period().end))
        }
        Basis::Once { base, .. } if matches!(**base, Basis::Arrears { .. }) => "what is charged once".to_owned(),
        Basis::Prepaid { base, .. } => what_for(base),
        Basis::Once { base, .. } => format!("{}, and what is charged once", what_for(base)),
        Basis::Metered { base, .. } if matches!(**base, Basis::Arrears { .. }) => what_for(base),
        Basis::Side { of, side: DocumentSide::Credit, .. } => format!("what is given back by {}", what_for(of)),
        Basis::Side { of, side: DocumentSide::Charge, .. } => what_for(of),
        Basis::Carried { base, earlier } => {
            let earlier: Vec<String> = earlier.iter().map(what_for).collect();
            format!("{}, and what waited for it: {}", what_for(base), earlier.join("; "))
        }
        Basis::Metered { base, .. } => format!("{}, and what was used before it", what_for(base)),
    }
}

/// The plan and its add-ons.
fn bought(terms: &Terms) -> String {
    let mut text = format!("{} × {}", terms.plan, terms.quantity);
    for add_on in &terms.add_ons {
        let _ = write!(text, " + {} × {}", add_on.id, add_on.quantity);
    }
    text
}

fn standing(state: &InvoiceState) -> String {
    match state {
        InvoiceState::Paid { at } => format!("paid {}", day(*at)),
        InvoiceState::Due { at } => format!("due {}", day(*at)),
        InvoiceState::Waiting { at, .. } => format!("past due, next step {}", day(*at)),
        InvoiceState::Gathering { at, .. } => format!("waits for others until {}", day(*at)),
        other => other.name().to_owned(),
    }
}

/// To the minute, to the second where that says more: parts of a period are measured to it.
fn day(at: Instant) -> String {
    let shown = if at.second() == 0 { "%Y-%m-%d %H:%M UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    at.format(shown).to_string()
}

fn title(line: &Line) -> String {
    match line.kind {
        LineKind::CreditUsed | LineKind::CreditKept | LineKind::Refunded | LineKind::AgainstDue => {
            line.kind.to_string()
        }
        LineKind::Usage | LineKind::UsageLate => {
            let meter = line.used.as_ref().map_or("", |used| &used.meter);
            format!("{} {} {meter}", line.kind, line.plan)
        }
        LineKind::TrueUp | LineKind::TopUp | LineKind::Trial => format!("{} {}", line.kind, line.plan),
        LineKind::PrepaidUsed => format!("{} {}", line.kind, prepaid(line).map_or("", |source| &source.grant)),
        LineKind::OneOff => format!("{} {}", line.kind, line.description.as_deref().unwrap_or_default()),
        LineKind::Discount | LineKind::Tax | LineKind::Credited | LineKind::Item => {
            format!("{} {}", line.kind, line.why.rule)
        }
        _ => {
            let add_on = line.add_on.as_ref().map(|id| format!(" + {id}")).unwrap_or_default();
            format!("{} {}{add_on} × {}", line.kind, line.plan, line.quantity)
        }
    }
}

fn why(line: &Line) -> Vec<String> {
    match line.kind {
        LineKind::CreditUsed => return vec!["the customer's credit pays first".into()],
        LineKind::Credited => return vec!["given back of this line of the invoice; its taxes follow".into()],
        LineKind::AgainstDue => return vec!["lowers what the invoice still asks for; it was not paid".into()],
        LineKind::Refunded => {
            return vec!["goes back to the payment that paid the invoice, as far as that paid it".into()];
        }
        LineKind::CreditKept => return vec!["what is below zero becomes the customer's credit".into()],
        LineKind::SetUp => {
            return vec!["once, with the first invoice that it is on; not divided and not discounted".into()];
        }
        LineKind::Trial => return vec!["for the trial, whatever its length; not divided and not discounted".into()],
        LineKind::OneOff => return vec!["once; not divided and not discounted".into()],
        LineKind::TopUp => {
            return vec!["prepaid credit, usable when this is paid; taxed when it pays for usage".into()];
        }
        LineKind::PrepaidUsed => return prepaid(line).map(prepaid_why).into_iter().collect(),
        LineKind::Recurring
        | LineKind::ProrationCharge
        | LineKind::ProrationCredit
        | LineKind::Usage
        | LineKind::UsageLate
        | LineKind::TrueUp
        | LineKind::Discount
        | LineKind::Item
        | LineKind::Tax => {}
    }
    let why = &line.why;
    if let (Some(LineRule::ExtraTime), Some(share)) = (why.part, why.share) {
        let full = major(why.full_minor, line.amount);
        let (days, of) = (share.left, share.whole);
        let rounded = format!("they are worth {}; a begun day is given", major(why.unrounded_minor, line.amount));
        return vec![
            format!("{}: {days} days at {full} for {of} days, bought with what was unused", why.rule),
            rounded,
        ];
    }
    let adjusted = adjustment(line);
    if matches!(line.kind, LineKind::Tax | LineKind::TrueUp | LineKind::Item)
        || matches!(why.adjustment.as_deref(), Some(Adjustment::Discount { .. }))
    {
        return adjusted;
    }
    let major = |minor: Decimal| major(minor, line.amount);
    let full = major(why.full_minor);
    let mut said = vec![match (why.share, why.unit) {
        (Some(share), Some(unit)) => {
            let part = why.part.map_or("part", part);
            let factor = why.factor.map_or(String::new(), |f| format!(" = {f}"));
            format!("{}: {part} of {full}, {} of {} {}{factor}", why.rule, share.left, share.whole, units(unit))
        }
        _ => line
            .used
            .as_ref()
            .map_or_else(|| format!("{}: {full} for the full period", why.rule), |u| used(u, &why.rule)),
    }];
    said.extend(line.used.iter().flat_map(|used| parts_of_time(used)));
    said.extend(adjusted);
    said.extend(why.steps.iter().map(step));
    if why.capped {
        said.push("cut to what the policy gives back at most".into());
    }
    if major(why.unrounded_minor) != Decimal::new(line.amount.minor, line.amount.currency.exponent()).normalize() {
        said.push(format!("{} before rounding, {}", major(why.unrounded_minor), rounding(why.rounding)));
    }
    said
}

/// What was used, in a sentence.
fn used(used: &UsedUnits, rule: &str) -> String {
    let UsedUnits { meter, units, events, start, end, invoiced, .. } = used;
    let span = format!("{} to {}", day(*start), day(*end));
    match invoiced {
        None => format!("{rule}: {units} of {meter} in {events} events, {span}"),
        Some(before) => {
            format!("{rule}: {meter} of {span} came to {units}; {before} were invoiced then, the rest came late")
        }
    }
}

/// What of a full period the usage is for, where it is not all of it, for how long units were there, and what is not known of
/// single events.
fn parts_of_time(used: &UsedUnits) -> Vec<String> {
    let part = used.part.map(|SpanPart { share, unit }| {
        let (left, whole) = (share.left, share.whole);
        format!("{left} of {whole} {} of a full period: what the price has for one is in proportion", units(unit))
    });
    let time = used.time.as_ref().map(|UnitTime { unit, whole, moves }| {
        let moves: Vec<String> = moves.iter().map(|(count, left)| format!("{count} for {left}")).collect();
        format!("each for the time that it is there, of {whole} {}: {}", units(*unit), moves.join(", "))
    });
    let averaged = (used.averaged > 0).then(|| {
        let count = used.averaged;
        format!("{count} of the events were counted without their amounts: those of an hour count as equally large")
    });
    [part, time, averaged].into_iter().flatten().collect()
}

/// What was agreed at least, and what the usage came to.
fn true_up(least: &UsageMinimum) -> String {
    let UsageMinimum { start, end, minimum, used, invoiced, .. } = least;
    let span = format!("{} to {}", day(*start), day(*end));
    let before = invoiced.map_or(String::new(), |before| format!(", and to {before} when that was invoiced"));
    format!("at least {minimum} for the usage of {span}: it came to {used}{before}")
}

fn prepaid(line: &Line) -> Option<&PrepaidSource> {
    match line.why.adjustment.as_deref() {
        Some(Adjustment::Prepaid(source)) => Some(source),
        _ => None,
    }
}

/// What there was of the credit, and until when.
fn prepaid_why(source: &PrepaidSource) -> String {
    let PrepaidSource { left, expires_at, held, .. } = source;
    match (expires_at, held) {
        (Some(end), Some(held)) => {
            format!("{left} was left when it expired, {}: it pays for what was used until then, {held}", day(*end))
        }
        (Some(end), None) => format!("{left} was left, until {}; it pays for usage only", day(*end)),
        (None, _) => format!("{left} was left; it pays for usage only"),
    }
}

/// What discounts and taxes have to do with the line.
fn adjustment(line: &Line) -> Vec<String> {
    let why = &line.why;
    let of = major(why.full_minor, line.amount);
    let applied = |list: &[crate::discount::Applied]| {
        list.iter().map(|a| format!("{} off by {}", a.amount, a.source)).collect::<Vec<_>>().join(", ")
    };
    let rounded = |exact: Decimal| {
        let exact = exact.normalize();
        let whole = if exact.is_integer() { String::new() } else { format!(", {}", rounding(why.rounding)) };
        format!("{} before rounding{whole}", major(exact, line.amount))
    };
    match why.adjustment.as_deref() {
        None | Some(Adjustment::Prepaid(_)) => Vec::new(),
        Some(Adjustment::Discount { cut: Cut::Percent { percent } }) => {
            vec![format!("{percent} of {of}: {}", rounded(why.unrounded_minor))]
        }
        Some(Adjustment::Discount { cut: Cut::Fixed { amount } }) => vec![format!("up to {amount} off {of}")],
        Some(Adjustment::SharedDiscount { discounts }) => vec![format!("in a full period: {}", applied(discounts))],
        Some(Adjustment::Discounted { list_minor, discounts }) => {
            vec![format!("of {} before discounts: {}", major(*list_minor, line.amount), applied(discounts))]
        }
        Some(Adjustment::Tax { rate, tax }) if rate.inclusive => {
            vec![format!("{tax} is in the prices: {} of {of} net: {}", rate.percent, rounded(why.unrounded_minor))]
        }
        Some(Adjustment::Tax { rate, .. }) => {
            let mut said = vec![format!("{} of {of} net: {}", rate.percent, rounded(why.unrounded_minor))];
            let alone = Unrounded::from_minor(why.unrounded_minor, line.amount.currency).round(why.rounding);
            if line.amount.minor < 0 && alone != Ok(line.amount) {
                said.push("what is given back is rounded with its tax, line by line".into());
            }
            said
        }
        Some(Adjustment::LessUnused { full_minor, share, unit, factor, back }) => {
            let factor = factor.map_or(String::new(), |f| format!(" = {f}"));
            let (old, back) = (major(*full_minor, line.amount), major(*back, line.amount));
            let Share { left, whole } = share;
            vec![format!("less the unused part of {old}, {left} of {whole} {}{factor}: {back}", units(*unit))]
        }
        Some(Adjustment::TrueUp(least)) => vec![true_up(least)],
        Some(Adjustment::Item { contract, tax_minor: 0 }) => {
            vec![format!("all that this invoice of {contract} comes to")]
        }
        Some(Adjustment::Item { contract, tax_minor }) => {
            let tax = Money::new(*tax_minor, line.amount.currency);
            vec![format!("all that this invoice of {contract} comes to, {tax} of it tax")]
        }
        Some(Adjustment::Untaxed { note }) => vec![format!("{note}; {of} net")],
    }
}

fn major(minor: Decimal, of: Money) -> Decimal {
    minor.checked_mul(Decimal::new(1, of.currency.exponent())).unwrap_or(minor).normalize()
}

const fn part(rule: LineRule) -> &'static str {
    match rule {
        LineRule::UnusedPrice => "the unused part",
        LineRule::UnusedDebit => "the unused part of what was debited",
        LineRule::RestOfPeriod => "the rest of the period",
        LineRule::Stub => "the stub",
        LineRule::FullPeriod => "all",
        LineRule::Once => "all, once",
        LineRule::Difference => "the difference for the rest of the period",
        LineRule::Used => "the used part",
        LineRule::ExtraTime => "bought time",
    }
}

const fn units(unit: ProrationUnit) -> &'static str {
    match unit {
        ProrationUnit::Day => "days",
        ProrationUnit::Second => "seconds",
        ProrationUnit::Minute => "minutes",
        ProrationUnit::Millisecond => "milliseconds",
        ProrationUnit::FixedMonth => "days of months that are all as long",
    }
}

const fn rounding(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::HalfEven => "a half to the even neighbour",
        Rounding::HalfUp => "a half away from zero",
        Rounding::Down => "toward zero",
    }
}

fn step(step: &Step) -> String {
    let mut said = match (step.kind, step.tier) {
        (StepKind::Tier, Some(tier)) => format!("tier {tier}:"),
        (kind, _) => format!("{}:", kind_word(kind)),
    };
    let units = step.fraction.map_or_else(|| step.units.to_string(), |(parts, of)| format!("{parts}/{of}"));
    match (step.packages, step.percent, step.unit_amount) {
        (Some(packages), _, Some(amount)) => {
            let _ = write!(said, " {units} units in {packages} packages × {amount}");
        }
        (_, Some(percent), _) => {
            let _ = write!(said, " {percent} % of {units}");
        }
        (_, _, Some(amount)) => {
            let _ = write!(said, " {units} × {amount}");
        }
        _ if !step.units.is_zero() => {
            let _ = write!(said, " {units} units");
        }
        _ => {}
    }
    if !step.flat_amount.is_zero() {
        let _ = write!(said, " + {}", step.flat_amount);
    }
    let _ = write!(said, " = {}", step.amount);
    said
}

const fn kind_word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Flat => "fixed",
        StepKind::Free => "free",
        StepKind::PerUnit => "units",
        StepKind::Tier => "tier",
        StepKind::Package => "packages",
        StepKind::Percent => "percentage",
        StepKind::PerEvent => "for each event",
        StepKind::EventLimits => "least and most for an event",
        StepKind::Cap => "beyond the most",
        StepKind::Floor => "below nothing",
        StepKind::Overage => "beyond the commitment",
        StepKind::TrueUp => "up to the commitment",
        StepKind::Invoiced => "invoiced before",
    }
}

fn attempts(text: &mut String, invoice: &Invoice) {
    for attempt in &invoice.attempts {
        let outcome = attempt.code.as_ref().map_or("captured".to_owned(), |code| format!("declined: {code}"));
        let _ = writeln!(text, "  attempt {}  {}  {outcome}", attempt.attempt, day(attempt.at));
    }
}

fn refunds(text: &mut String, invoice: &Invoice) {
    for Refund { claim, state, .. } in &invoice.refunds {
        let stands = match state {
            RefundState::Due { .. } | RefundState::Calling { .. } => "is being sent back".to_owned(),
            RefundState::Unknown { .. } => "was sent back; the gateway is asked what became of it".to_owned(),
            RefundState::Done { at, .. } => format!("went back  {}", day(*at)),
            RefundState::Failed { at, code } => format!("failed  {}: {code}; it is credit of the contract", day(*at)),
        };
        let _ = writeln!(text, "  refund {}  {}  {stands}", claim.key, claim.amount);
    }
}
