//! What a change in the middle of a period costs, item by item: one function for upgrades, quantities, added and removed
//! items, ends, new anchors and new intervals.
//!
//! Exists so that the whole of proration is one pure function of a policy and an input, and every line can explain itself.

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    credit,
    factor::{Factor, countable, in_calendar, unused_units, used, whole_months},
    policy::{
        ChangeLines, DayOwner, Destination, DiscountOrder, IntervalChange, ProratedSides, ProrationPolicy,
        TerminationCredit,
    },
    rounding,
    segment::Timing,
    settle::{Settlement, settle},
    stub::{self, Direction, Stub, shifted},
};
use crate::{
    calendar::{Instant, Interval, Unit, recurrence::Span},
    money::{Currency, Money, MoneyError, Rounding, Unrounded},
    proration::ProrationUnit,
    refusal::Refusal,
};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Other terms: up, down or aside; items may come and go.
    Terms,
    /// More or fewer units of the same.
    Quantity,
    /// The contract ends at once.
    Termination,
}

/// How far the charge for the new terms reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the end of the running period.
    Period,
    /// The price is for another interval: the policy says what that does.
    Interval(Interval),
    /// To the first anchor of a new cut: a leading stub.
    Anchor(Stub),
}

/// How an item's price recurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cadence {
    /// With the contract's period.
    #[default]
    Period,
    /// With an interval of its own.
    Every(Interval),
    /// Never: charged in full and not given back.
    Once,
}

/// What one item costs for one full period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Before its discount.
    pub list: Unrounded,
    /// After its discount.
    pub net: Unrounded,
    /// How it recurs.
    pub cadence: Cadence,
}

impl Side {
    /// An item without a discount that recurs with the period.
    #[must_use]
    pub const fn plain(amount: Unrounded) -> Self {
        Self { list: amount, net: amount, cadence: Cadence::Period }
    }

    pub(super) fn base(&self, policy: &ProrationPolicy) -> Unrounded {
        match policy.discount {
            DiscountOrder::BeforeProration => self.net,
            DiscountOrder::AfterProration => self.list,
        }
    }
}

/// An amount that was really debited for an item, and for which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debit {
    /// For when.
    pub span: Span,
    /// How much.
    pub amount: Money,
}

/// What happened to the old item's money before. Only what the policy asks for is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What was debited, for credits from debits.
    pub debits: Vec<Debit>,
    /// What was paid for the running period, for credits capped by it.
    pub paid: Option<Money>,
    /// What was credited of that before.
    pub credited: Option<Money>,
    /// Units of the allowance left and in all, for credits capped by use.
    pub allowance: Option<(i64, i64)>,
}

/// One item of the contract, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemChange {
    /// Its name, for the lines.
    pub item: String,
    /// Before; none for what is added.
    pub from: Option<Side>,
    /// After; none for what is removed or ends.
    pub to: Option<Side>,
    /// Since when the old item runs, where that is within the period.
    pub since: Option<Instant>,
    /// What was paid for the old item.
    pub history: History,
}

impl ItemChange {
    /// An item whose full period cost `from` and costs `to`.
    #[must_use]
    pub fn new(item: &str, from: Option<Side>, to: Option<Side>) -> Self {
        Self { item: item.into(), from, to, since: None, history: History::default() }
    }
}

/// A change, with all that its amounts follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeInput {
    /// What happens.
    pub kind: ChangeKind,
    /// Whether periods are paid when they start or when they have ended.
    pub timing: Timing,
    /// The period that the change cuts.
    pub period: Span,
    /// When.
    pub at: Instant,
    /// Whose local days.
    pub zone: Tz,
    /// How far the new terms' charge reaches.
    pub reach: Reach,
    /// Every item that changes.
    pub items: Vec<ItemChange>,
    /// The contract's interval, for denominators of one interval or of its usual length; a period of whole months says
    /// it by itself.
    pub interval: Option<Interval>,
    /// When the contract began, for the denominator `anniversary`.
    pub contract_start: Option<Instant>,
    /// The customer's credit (0 or more); its currency is the change's.
    pub balance: Money,
}

/// Why a line has its amount: the rule, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LineRule {
    /// The unused part of the old price.
    UnusedPrice,
    /// The unused part of what was debited.
    UnusedDebit,
    /// The new price for the rest of the period.
    RestOfPeriod,
    /// The new price for the stub up to a new anchor.
    Stub,
    /// The new price for a period that starts with the change.
    FullPeriod,
    /// A price that does not recur.
    Once,
    /// The difference of both prices for the rest of the period.
    Difference,
    /// The old price for the part that was used.
    Used,
    /// Days of the new price, bought with what was unused.
    ExtraTime,
}

/// One line of a change: its amount and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProratedLine {
    /// Which item.
    pub item: String,
    /// By which rule.
    pub rule: LineRule,
    /// For when.
    pub span: Span,
    /// What the units of the factor are.
    pub unit: ProrationUnit,
    /// Which part of the full amount.
    pub factor: Factor,
    /// The full amount, in minor units; negative for credits.
    pub full_minor: Decimal,
    /// Whether the policy's cap cut the amount.
    pub capped: bool,
    /// The amount before rounding, in minor units (a division is cut at 28 digits).
    pub unrounded_minor: Decimal,
    /// How it was rounded.
    pub rounding: Rounding,
    /// The amount; negative in the customer's favour.
    pub amount: Money,
}

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeOutcome {
    /// Every line, in the order of the items, credit before charge.
    pub lines: Vec<ProratedLine>,
    /// The sum of the lines in the customer's favour (0 or less).
    pub credit: Money,
    /// The sum of the others (0 or more).
    pub charge: Money,
    /// Both together.
    pub net: Money,
    /// Where the money goes.
    pub settlement: Settlement,
    /// The period that runs after the change.
    pub period: Span,
}

/// A line before it is rounded.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) item: String,
    pub(super) rule: LineRule,
    pub(super) span: Span,
    pub(super) factor: Factor,
    pub(super) full: Decimal,
    pub(super) unrounded: Decimal,
    pub(super) capped: bool,
}

/// The change under `policy`: lines, sums, where the money goes, and the period that follows.
///
/// # Errors
/// [`Refusal::InvalidField`] when something that the policy asks for is missing or cannot be, and what to give;
/// [`Refusal::Money`] when an amount cannot be computed; [`Refusal::Calendar`].
pub fn change(policy: &ProrationPolicy, input: &ChangeInput) -> Result<ChangeOutcome, Refusal> {
    let (currency, lines) = (input.balance.currency, priced_lines(policy, input)?);
    let sum = |wanted: fn(&i64) -> bool| {
        Money::sum(currency, lines.iter().map(|l| l.amount).filter(|amount| wanted(&amount.minor)))
    };
    let (credit, charge) = (sum(|minor| *minor < 0)?, sum(|minor| *minor > 0)?);
    let settlement = settle(policy, input, credit, charge)?;
    let period = period_after(policy, input, settlement.extra_days)?;
    Ok(ChangeOutcome { credit, charge, net: credit.plus(charge)?, settlement, period, lines })
}

/// The lines of the change, before it is settled.
pub(super) fn priced_lines(policy: &ProrationPolicy, input: &ChangeInput) -> Result<Vec<ProratedLine>, Refusal> {
    check(input)?;
    let mut drafts = Vec::new();
    for item in &input.items {
        drafts.extend(of_item(policy, input, item)?);
    }
    rounding::rounded(policy, drafts, input.balance.currency)
}

fn check(input: &ChangeInput) -> Result<(), Refusal> {
    countable(input.period, "period")?;
    in_calendar(input.at)?;
    let bad = |field, detail: &str| Err(Refusal::InvalidField { field, detail: detail.into() });
    if input.balance.minor < 0 {
        return bad("balance", "is the customer's credit and must be 0 or more");
    }
    if input.kind == ChangeKind::Termination && input.items.iter().any(|item| item.to.is_some()) {
        return bad("items", "an end leaves nothing: give no new side, or make it a change of terms");
    }
    for side in input.items.iter().flat_map(|item| [item.from, item.to]).flatten() {
        let currencies = [side.list, side.net].map(|amount| amount.round(Rounding::Down));
        for money in currencies {
            let money = money?;
            if money.currency != input.balance.currency {
                return Err(MoneyError::MixedCurrencies(money.currency, input.balance.currency).into());
            }
        }
        if side.list.minor().is_sign_negative() && !side.list.minor().is_zero() {
            return bad("items", "a full period costs 0 or more");
        }
    }
    Ok(())
}

fn of_item(policy: &ProrationPolicy, input: &ChangeInput, item: &ItemChange) -> Result<Vec<Draft>, Refusal> {
    if input.timing == Timing::Arrears {
        // What is paid afterwards is billed for what was used; the new terms are billed when their part has ended.
        let from = item.from.filter(|from| from.cadence != Cadence::Once);
        return from.map(|from| used_part(policy, input, item, &from)).into_iter().collect();
    }
    let mut drafts = Vec::new();
    if let Some(from) = item.from.filter(|from| is_credited(policy, input) && from.cadence != Cadence::Once) {
        drafts.extend(credit::credits(policy, input, item, &from)?);
    }
    if let Some(to) = item.to.filter(|_| is_charged(policy)) {
        drafts.push(charge(policy, input, item, &to)?);
    }
    drafts.retain(|draft| !draft.full.is_zero());
    if policy.lines == ChangeLines::Net { net(drafts, input.balance.currency) } else { Ok(drafts) }
}

fn is_credited(policy: &ProrationPolicy, input: &ChangeInput) -> bool {
    let ends = input.kind == ChangeKind::Termination;
    if ends {
        return policy.termination == TerminationCredit::Unused;
    }
    let restarts = matches!(input.reach, Reach::Interval(_));
    policy.sides == ProratedSides::Both && !(restarts && policy.interval_change == IntervalChange::RestartWithoutCredit)
}

fn is_charged(policy: &ProrationPolicy) -> bool {
    policy.sides != ProratedSides::Neither && policy.destination != Destination::ExtraTime
}

/// Who pays for the unit in which this change happens.
pub(super) fn owner(policy: &ProrationPolicy, input: &ChangeInput) -> DayOwner {
    if input.kind == ChangeKind::Termination { policy.termination_day } else { policy.change_day }
}

/// What is left of the period for a side, over the whole that the policy names.
pub(super) fn rest(policy: &ProrationPolicy, input: &ChangeInput, side: &Side) -> Result<Factor, Refusal> {
    let interval = match side.cadence {
        Cadence::Every(interval) => Some(interval),
        Cadence::Period | Cadence::Once => interval_of(input),
    };
    let span = Span::new(input.at.max(input.period.start), input.period.end);
    let stub = Stub { span, period: input.period, interval, contract_start: input.contract_start };
    let whole = stub::denominator(policy, policy.denominator, &stub, input.zone)?.units(policy, input.zone);
    let left = unused_units(policy, owner(policy, input), input.at, input.period, input.zone);
    let is_lengthened = stub::is_lengthened(policy, &stub, input.zone)?;
    let factor = if is_lengthened { Factor::counted } else { Factor::clamped };
    Ok(factor(left, whole, policy.precision))
}

/// The contract's interval: as it was given, else the whole months that the period spans.
pub(super) fn interval_of(input: &ChangeInput) -> Option<Interval> {
    let months = || u32::try_from(whole_months(input.period, input.zone)?).ok();
    input.interval.or_else(|| Interval::try_new(Unit::Month, months()?).ok())
}

fn charge(policy: &ProrationPolicy, input: &ChangeInput, item: &ItemChange, to: &Side) -> Result<Draft, Refusal> {
    let period_end = input.period.end;
    let (rule, span, factor) = match (to.cadence, input.reach) {
        (Cadence::Once, _) => (LineRule::Once, Span::new(input.at, period_end), Factor::WHOLE),
        (_, Reach::Period) => (LineRule::RestOfPeriod, Span::new(input.at, period_end), rest(policy, input, to)?),
        (_, Reach::Anchor(stub)) => {
            (LineRule::Stub, stub.span, stub::divided(policy, policy.leading, &stub, input.zone)?)
        }
        (_, Reach::Interval(interval)) if policy.interval_change == IntervalChange::KeepAnchor => {
            let stub = Stub::leading(input.at, period_end, interval, input.zone)?;
            (LineRule::Stub, stub.span, stub::divided(policy, policy.leading, &stub, input.zone)?)
        }
        (_, Reach::Interval(interval)) => {
            let end = shifted(input.at, interval, Direction::Forward, input.zone)?;
            (LineRule::FullPeriod, Span::new(input.at, end), Factor::WHOLE)
        }
    };
    let base = to.base(policy);
    let unrounded = factor.of(base)?.minor();
    Ok(Draft { item: item.item.clone(), rule, span, factor, full: base.minor(), unrounded, capped: false })
}

fn used_part(policy: &ProrationPolicy, input: &ChangeInput, item: &ItemChange, from: &Side) -> Result<Draft, Refusal> {
    let owner = owner(policy, input);
    let start = item.since.unwrap_or(input.period.start).max(input.period.start);
    let end = input.at.max(start);
    // What the whole period had used by then, less what it had used when the item began.
    let upto = used(policy, owner, input.at, input.period, input.zone)?;
    let before = used(policy, DayOwner::New, start, input.period, input.zone)?;
    let part = upto.numerator().saturating_sub(before.numerator());
    let factor = Factor::clamped(part, upto.denominator(), policy.precision);
    let base = from.base(policy);
    let unrounded = factor.of(base)?.minor();
    let span = Span::new(start, end);
    Ok(Draft {
        item: item.item.clone(),
        rule: LineRule::Used,
        span,
        factor,
        full: base.minor(),
        unrounded,
        capped: false,
    })
}

/// One line of the difference, where both lines are the same part of their price.
fn net(drafts: Vec<Draft>, currency: Currency) -> Result<Vec<Draft>, Refusal> {
    let [credit, charge] = drafts.as_slice() else { return Ok(drafts) };
    let full = credit.full.checked_add(charge.full).ok_or(MoneyError::Overflow)?;
    let unrounded = if credit.factor == charge.factor && !credit.capped {
        // Computed from the difference: two divisions could leave a digit that no rounding should see.
        charge.factor.of(Unrounded::from_minor(full, currency))?.minor()
    } else {
        credit.unrounded.checked_add(charge.unrounded).ok_or(MoneyError::Overflow)?
    };
    Ok(vec![Draft { rule: LineRule::Difference, full, unrounded, capped: credit.capped, ..charge.clone() }])
}

fn period_after(policy: &ProrationPolicy, input: &ChangeInput, extra_days: Option<u32>) -> Result<Span, Refusal> {
    if let Some(days) = extra_days {
        let end = crate::calendar::plus_local_days(input.at, days, input.zone)?;
        return Ok(Span::new(input.at, end));
    }
    Ok(match input.reach {
        _ if input.kind == ChangeKind::Termination => Span::new(input.period.start, input.at.max(input.period.start)),
        Reach::Anchor(stub) => stub.span,
        Reach::Interval(interval) if policy.interval_change != IntervalChange::KeepAnchor => {
            Span::new(input.at, shifted(input.at, interval, Direction::Forward, input.zone)?)
        }
        Reach::Interval(_) => Span::new(input.at, input.period.end),
        Reach::Period => input.period,
    })
}
