//! `dunning`: when an unpaid invoice is tried again, when its customer is told, suspended, and let go.
//!
//! Exists so that "why was this card not tried again?" is answered by the ladder itself, for any decline and any profile.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    Answered, CalcError,
    words::{Amount, Major, When, Zone, money, shown},
};
use crate::{
    calendar::Instant,
    dunning::{
        Budget, Campaign, CampaignInvoice, Ladder, Pulled, Rung, RungAction, Step, Trigger, Waits, class_of, is_known,
        pulled,
    },
    gateway::DeclineClass,
    money::Currency,
    profile::{Profile, Rules},
};

/// A question by dunning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    id: Option<String>,
    profile: Option<Profile>,
    #[serde(default)]
    zone: Zone,
    /// For `unpaid`: the due date.
    first_failure: Option<When>,
    class: Option<DeclineClass>,
    /// Instead of the class: the gateway's decline code.
    code: Option<String>,
    /// Instead of the profile's; a class that is left out is the profile's.
    ladder: Option<BTreeMap<DeclineClass, Vec<Rung>>>,
    /// From when on the next retry is asked for; the first failure where it is left out.
    now: Option<When>,
    /// A time that a model proposes for the next retry.
    proposed: Option<When>,
    card_updated_at: Option<When>,
    #[serde(default)]
    attempts: Vec<Trigger>,
    budget: Option<BudgetAsked>,
    gateway_errors: Option<Waits>,
    campaign: Option<CampaignAsked>,
}

/// Attempts that others made, too.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetAsked {
    attempts_max: u32,
    #[serde(default)]
    reserved: u32,
    already_tried: u32,
}

/// Requests for all that is overdue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CampaignAsked {
    currency: Currency,
    threshold: Option<Major>,
    threshold_minor: Option<i64>,
    attempts_max: u32,
    days_between: u32,
    invoices: Vec<InvoiceAsked>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceAsked {
    amount: Option<Major>,
    amount_minor: Option<i64>,
    due: When,
}

/// An answer by dunning.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Answered>,
    zone: &'static str,
    /// What was not given, or not known, and taken as the usual case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<Collection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<BudgetTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_errors: Option<GatewayErrors>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<CampaignTold>,
}

/// What happens to the invoice while nobody pays.
#[derive(Debug, Serialize)]
struct Collection {
    first_failure: String,
    class: DeclineClass,
    /// Whether it is tried again at all.
    retried: bool,
    steps: Vec<StepTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_at: Option<String>,
    ends_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_retry: Option<RetryTold>,
    /// What happens instead when an attempt is declined for good, after a first failure that was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_hard_decline: Option<Vec<StepTold>>,
    /// The rungs that were climbed.
    ladder: Ladder,
}

/// One step of the ladder, at its instant.
#[derive(Debug, Serialize)]
struct StepTold {
    at: String,
    action: RungAction,
    /// Seconds after the first failure.
    after_seconds: i64,
}

/// The next retry, and whose time it is.
#[derive(Debug, Serialize)]
struct RetryTold {
    at: String,
    by: By,
    spends_rung: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Ladder,
    Proposal,
    CardUpdate,
}

/// An attempt, and whether it used up a rung.
#[derive(Debug, Serialize)]
struct AttemptTold {
    trigger: Trigger,
    spends_rung: bool,
}

#[derive(Debug, Serialize)]
struct BudgetTold {
    consumed: u32,
    left: u32,
}

/// Waits for a gateway that cannot be reached: no decline, and no rung is spent.
#[derive(Debug, Serialize)]
struct GatewayErrors {
    waits_seconds: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    at: Vec<String>,
    spends_rung: bool,
}

#[derive(Debug, Serialize)]
struct CampaignTold {
    overdue: Vec<OverdueTold>,
    requests: Vec<RequestTold>,
}

#[derive(Debug, Serialize)]
struct OverdueTold {
    on: String,
    owed: Amount,
}

#[derive(Debug, Serialize)]
struct RequestTold {
    on: String,
    requested: Amount,
}

pub(super) fn answer(question: &Question, profile: Profile) -> Result<Answer, CalcError> {
    let profile = question.profile.unwrap_or(profile);
    let zone = question.zone.0;
    let first = question.first_failure.map(|when| when.at(zone));
    let collection = first.map(|first| collection(question, profile, first)).transpose()?;
    let gateway_errors = question.gateway_errors.map(|waits| gateway_errors(waits, first, zone)).transpose()?;
    let is_empty = collection.is_none() && gateway_errors.is_none() && question.attempts.is_empty();
    if is_empty && question.budget.is_none() && question.campaign.is_none() {
        let detail = "is missing: give it, or gateway_errors, attempts, budget or campaign";
        return Err(CalcError::field("first_failure", detail));
    }
    let attempt = |trigger: &Trigger| AttemptTold { trigger: *trigger, spends_rung: trigger.spends_rung() };
    Ok(Answer {
        profile: Some(Answered::by(profile, Rules::Ladder)),
        zone: zone.name(),
        assumed: unlisted(question).into_iter().collect(),
        collection,
        attempts: question.attempts.iter().map(attempt).collect(),
        budget: question.budget.map(budget),
        gateway_errors,
        campaign: question.campaign.as_ref().map(|asked| campaign(asked, zone)).transpose()?,
        id: question.id.clone(),
    })
}

/// A code that is on no list.
fn unlisted(question: &Question) -> Option<String> {
    let code = question.code.as_ref().filter(|code| !is_known(code))?;
    let code: String = code.chars().take(40).collect();
    Some(format!("class: {code:?} is on no list of decline codes, so it is soft"))
}

fn collection(question: &Question, profile: Profile, first: Instant) -> Result<Collection, CalcError> {
    let zone = question.zone.0;
    let class = match (question.class, &question.code) {
        (Some(_), Some(_)) => return Err(CalcError::field("code", "is given beside class: keep one of both")),
        (Some(class), None) => class,
        (None, Some(code)) => class_of(code),
        (None, None) => DeclineClass::Soft,
    };
    let ladder = ladder(question, profile)?;
    let steps = ladder.steps(class, first);
    let at_of = |action| steps.iter().find(|s| s.action == action).map(|s| shown(s.at, zone));
    let told = |steps: &[Step]| steps.iter().map(|step| step_told(step, first, zone)).collect();
    let after_hard = (class == DeclineClass::Soft).then(|| told(&ladder.steps(DeclineClass::Hard, first)));
    Ok(Collection {
        first_failure: shown(first, zone),
        class,
        retried: steps.iter().any(|s| s.action == RungAction::Retry),
        suspended_at: at_of(RungAction::Suspend),
        ends_at: at_of(RungAction::End).ok_or_else(|| CalcError::field("ladder", "the last rung must be end"))?,
        next_retry: next_retry(question, &steps, first),
        after_hard_decline: after_hard,
        steps: told(&steps),
        ladder,
    })
}

/// The ladder that is written, its missing classes from the profile; one that may be published.
fn ladder(question: &Question, profile: Profile) -> Result<Ladder, CalcError> {
    let mut ladder = profile.ladder().map_err(CalcError::Rules)?;
    for (class, rungs) in question.ladder.iter().flatten() {
        ladder.0.insert(*class, rungs.clone());
    }
    match ladder.problems().first() {
        Some(problem) => Err(CalcError::field("ladder", problem.as_str())),
        None => Ok(ladder),
    }
}

/// With new card data one attempt is made at once, whatever the class; else the ladder's next, or a proposal before its day.
fn next_retry(question: &Question, steps: &[Step], first: Instant) -> Option<RetryTold> {
    let zone = question.zone.0;
    let told = |at, by, spends_rung| RetryTold { at: shown(at, zone), by, spends_rung };
    if let Some(updated) = question.card_updated_at {
        return Some(told(updated.at(zone), By::CardUpdate, Trigger::CardUpdate.spends_rung()));
    }
    let now = question.now.map_or(first, |when| when.at(zone));
    let planned = steps.iter().find(|s| s.action == RungAction::Retry && s.at >= now)?.at;
    let proposed = question.proposed.map(|when| when.at(zone)).filter(|at| *at >= now);
    Some(match proposed.map(|proposed| pulled(planned, proposed, zone)) {
        Some(Pulled { at, spends_rung: false }) => told(at, By::Proposal, false),
        _ => told(planned, By::Ladder, true),
    })
}

fn step_told(step: &Step, first: Instant, zone: Tz) -> StepTold {
    StepTold { at: shown(step.at, zone), action: step.action, after_seconds: (step.at - first).num_seconds() }
}

fn budget(asked: BudgetAsked) -> BudgetTold {
    let budget = Budget { attempts_max: asked.attempts_max, reserved: asked.reserved };
    BudgetTold { consumed: budget.consumed(asked.already_tried), left: budget.left(asked.already_tried) }
}

fn gateway_errors(waits: Waits, first: Option<Instant>, zone: Tz) -> Result<GatewayErrors, CalcError> {
    let waits_seconds = waits.seconds()?;
    let mut at = Vec::new();
    let mut last = first;
    for wait in &waits_seconds {
        let wait = i64::try_from(*wait).ok().and_then(TimeDelta::try_seconds);
        last = last.zip(wait).and_then(|(last, wait)| last.checked_add_signed(wait));
        at.extend(last.map(|at| shown(at, zone)));
    }
    Ok(GatewayErrors { waits_seconds, at, spends_rung: false })
}

fn campaign(asked: &CampaignAsked, zone: Tz) -> Result<CampaignTold, CalcError> {
    let currency = asked.currency;
    let threshold = money("campaign.threshold", asked.threshold, asked.threshold_minor, currency)?
        .ok_or_else(|| CalcError::field("campaign.threshold", "is missing"))?;
    let mut invoices = Vec::with_capacity(asked.invoices.len());
    for invoice in &asked.invoices {
        let amount = money("campaign.invoices.amount", invoice.amount, invoice.amount_minor, currency)?
            .ok_or_else(|| CalcError::field("campaign.invoices.amount", "is missing"))?;
        invoices.push(CampaignInvoice { amount, due: invoice.due.day(zone) });
    }
    let campaign = Campaign { threshold, attempts_max: asked.attempts_max, days_between: asked.days_between };
    let requests = campaign.requests(&invoices)?;
    let overdue = invoices.iter().filter_map(|invoice| Some((invoice.overdue_on()?, invoice.amount)));
    Ok(CampaignTold {
        overdue: overdue.map(|(on, owed)| OverdueTold { on: on.to_string(), owed: owed.into() }).collect(),
        requests: requests.iter().map(|r| RequestTold { on: r.on.to_string(), requested: r.amount.into() }).collect(),
    })
}
