//! The proration policy: every question on which billing systems differ, as one flat piece of data.
//!
//! Exists so that a merchant can say "as Lago does, but halves to the even cent" and nobody has to read code for it.
//! Defaults are what this crate did before the question was asked; a field that holds its default is not stored.

use serde::{Deserialize, Serialize};

use super::{ProrationUnit, profiles::Profile};
use crate::money::Rounding;

/// How a change in the middle of a period, an end, and a stub are divided. Written either as single fields or as
/// `profile` with fields on top; stored as single fields, so that a profile that changes moves nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct ProrationPolicy {
    /// What the period is measured in.
    pub unit: ProrationUnit,
    /// How amounts become whole minor units.
    pub rounding: Rounding,
    /// How long every month is where the unit is [`ProrationUnit::FixedMonth`].
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub month_days: MonthDays,
    /// Whether the end of a period is its first day outside or its last day inside. Only calendar days can be
    /// inclusive: instants are half-open in every unit.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub period_end: PeriodEnd,
    /// Who pays for the unit (day, second) in which a change happens.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub change_day: DayOwner,
    /// Who pays for the unit in which a contract ends: with `old` it was used, with `new` it is given back.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub termination_day: DayOwner,
    /// What the unused part of a period is divided by.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub denominator: Denominator,
    /// What a stub before the first anchor is divided by.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub leading: Denominator,
    /// What a stub after the last anchor is divided by.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub trailing: Denominator,
    /// Whether a first period that is cut short by the anchor costs its part or all of it.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub first_period: FirstPeriod,
    /// What a part is that is longer than the whole it is divided by.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub beyond: BeyondWhole,
    /// What a credit is a part of.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub credit_base: CreditBase,
    /// What a credit never exceeds.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub cap: CreditCap,
    /// How exact the factor is before it meets the price.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub precision: FactorPrecision,
    /// Where rounding happens.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub round_at: RoundAt,
    /// Whether a change is two lines (credit and charge) or one line of the difference.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub lines: ChangeLines,
    /// Which sides of a change are prorated at all.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub sides: ProratedSides,
    /// Whether discounts are off each side before it is prorated, or come off the invoice later.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub discount: DiscountOrder,
    /// How the tax of a credit is rounded.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub credit_tax: CreditTax,
    /// Where the money of a change goes.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub destination: Destination,
    /// What a change to another interval does.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub interval_change: IntervalChange,
    /// Whether an immediate end gives the unused part back.
    #[serde(skip_serializing_if = "crate::stored::is_default")]
    pub termination: TerminationCredit,
}

impl ProrationPolicy {
    /// Whether a credit depends on what was charged before, and not on the price alone.
    #[must_use]
    pub fn looks_at_charges(&self) -> bool {
        let capped =
            matches!(self.cap, CreditCap::Paid | CreditCap::PaidExceptQuantity | CreditCap::LessEarlierCredits);
        self.credit_base != CreditBase::CurrentPrice || capped
    }

    /// Whether a change buys time of the new terms instead of moving money.
    #[must_use]
    pub fn buys_time(&self) -> bool {
        self.destination == Destination::ExtraTime
    }

    /// What contracts cannot do yet, each with what can be written instead; empty for a policy that may be published.
    /// A field that nobody reads would be a silent wrong amount.
    #[must_use]
    pub fn not_billed_yet(&self) -> Vec<&'static str> {
        let extra = self.buys_time();
        let checks = [
            (self.denominator == Denominator::Anniversary, "denominator: anniversary (period, nominal ... are)"),
            (self.trailing == Denominator::Anniversary, "trailing: anniversary (period, nominal ... are)"),
            (self.cap == CreditCap::Allowance, "cap: allowance (paid, less-earlier-credits ... are)"),
            (
                extra && self.sides != ProratedSides::Both,
                "destination: extra-time and sides other than both (what is not given back buys no time)",
            ),
            (
                extra && self.interval_change != IntervalChange::Restart,
                "destination: extra-time and interval_change other than restart (the bought time moves the cut)",
            ),
        ];
        checks.into_iter().filter(|(found, _)| *found).map(|(_, what)| what).collect()
    }
}

/// Days of a month that always has as many: the thirty-day convention, unless another number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct MonthDays(u8);

impl MonthDays {
    /// `days` a month.
    ///
    /// # Errors
    /// [`BadProration::MonthDays`] outside 28 to 31.
    pub fn try_new(days: u8) -> Result<Self, BadProration> {
        if (28..=31).contains(&days) { Ok(Self(days)) } else { Err(BadProration::MonthDays(days)) }
    }

    /// The number of days.
    #[must_use]
    pub fn days(self) -> i64 {
        i64::from(self.0)
    }
}

impl Default for MonthDays {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<u8> for MonthDays {
    type Error = BadProration;
    fn try_from(days: u8) -> Result<Self, BadProration> {
        Self::try_new(days)
    }
}

impl From<MonthDays> for u8 {
    fn from(days: MonthDays) -> Self {
        days.0
    }
}

/// What the end of a period means where the unit is a calendar day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodEnd {
    /// The first day after the period: 1 April ends March.
    #[default]
    Exclusive,
    /// The last day inside the period: 31 March ends March. Whole and rest both count one day more.
    Inclusive,
}

/// Who pays for the unit in which something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayOwner {
    /// The new terms; after an end, nobody.
    #[default]
    New,
    /// The old terms.
    Old,
}

/// Which whole a part is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denominator {
    /// The scheduled period that the part lies in.
    #[default]
    Period,
    /// One interval that ends where the scheduled period ends (the first anchor of a leading stub).
    EndingAtAnchor,
    /// One interval that starts where the scheduled period starts (the last anchor of a trailing stub).
    StartingAtAnchor,
    /// An imagined period of one interval that starts where the part starts.
    StartingAtStart,
    /// The whole period, cut from the contract's own start, that the part begins in.
    Anniversary,
    /// The interval's usual length: a month 30 days, a quarter 91, a half-year 182, a year 365.
    Nominal,
    /// As `period`, unless the price is for an interval whose usual length differs from the period's by more than a
    /// quarter of it (a yearly item on a monthly contract): then as `nominal`.
    PeriodOrNominal,
}

/// What a first period that the anchor cuts short costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstPeriod {
    /// Its part: a prorated stub.
    #[default]
    Prorated,
    /// The full price.
    Full,
}

/// What a part of a lengthened period is, where it is longer than the whole that it is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeyondWhole {
    /// All of the whole.
    #[default]
    Cut,
    /// More than all of it, as it is counted; a credit is still limited by the cap.
    Counted,
}

/// What a credit is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditBase {
    /// The price of the old terms, as it is when the change happens.
    #[default]
    CurrentPrice,
    /// What was really debited, each debit for its own span.
    Debited,
    /// The smaller of both.
    Smaller,
}

/// What a credit never exceeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditCap {
    /// Nothing.
    #[default]
    None,
    /// What was paid for the item, less what was credited of it before.
    Paid,
    /// As `paid`, but changes of quantity are not capped.
    PaidExceptQuantity,
    /// No fixed amount: what was credited before is taken off the prorated amount.
    LessEarlierCredits,
    /// The part of the price that the unused allowance (credits, units) is: time and use, whichever left less.
    Allowance,
}

/// How exact a factor is before it meets the price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorPrecision {
    /// A fraction of whole numbers; price × numerator ÷ denominator.
    #[default]
    Exact,
    /// A decimal with so many places (at most 18), a half up.
    Decimals(u8),
    /// The nearest number with 53 binary digits, and the product too: what a program with binary floats computes.
    /// Amounts are whole minor units then.
    Binary,
}

/// Where rounding happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundAt {
    /// On every line.
    #[default]
    Line,
    /// On the sum; the lines are then cut so that they add up to it (largest remainder, earlier first).
    Document,
}

/// How many lines a change of one item has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeLines {
    /// A credit and a charge.
    #[default]
    Two,
    /// One, for the difference of both prices.
    Net,
}

/// Which sides of a change are prorated. What is paid in arrears is always billed for its used part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProratedSides {
    /// The unused part is credited, the new part is charged.
    #[default]
    Both,
    /// Nothing is credited: no money back for a smaller plan.
    Charge,
    /// Nothing is credited and nothing charged until the next period.
    Neither,
}

/// When discounts come off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscountOrder {
    /// Off each side, then prorated.
    #[default]
    BeforeProration,
    /// Each side is prorated at its list price; the discount comes off the invoice afterwards.
    AfterProration,
}

/// How the tax of a credit is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditTax {
    /// The credit is rounded, its tax is computed from that and rounded by itself; the total is their sum.
    #[default]
    Apart,
    /// The total with tax is rounded once; the tax is what the rounded credit leaves of it.
    Together,
}

/// Where the money of a change goes. A change that restarts the period is invoiced at once even under `next-invoice`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// One invoice now with both lines; what it gives back beyond what it charges is kept as credit.
    #[default]
    InvoiceNow,
    /// Lines of the next regular invoice.
    NextInvoice,
    /// The credit is a credit note of its own, set off against the charge that is invoiced now.
    CreditNote,
    /// The credit is added to the customer's balance, which then pays the charge.
    Balance,
    /// No money moves: the unused value becomes days of the new plan, rounded up, and then the new plan renews.
    ExtraTime,
}

/// What a change to another interval does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalChange {
    /// The unused part is credited, the new interval is charged in full, and its period starts with the change.
    #[default]
    Restart,
    /// As `restart`, without a credit.
    RestartWithoutCredit,
    /// The cut stays: the new interval is charged for a stub until the end of the running period.
    KeepAnchor,
}

/// Whether an immediate end gives anything back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TerminationCredit {
    /// Nothing: the period is paid.
    #[default]
    None,
    /// The unused part.
    Unused,
}

/// Why a policy cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProration {
    /// A month of that length does not exist.
    #[error("month_days is 28 to 31 (30 is the usual convention), not {0}")]
    MonthDays(u8),
    /// More places than a factor can have.
    #[error("precision decimals is 1 to {FACTOR_DECIMALS_MAX}, not {0}; leave precision out for exact fractions")]
    Decimals(u8),
}

/// Most decimals of a factor: leaves ten digits of a decimal for the amount.
pub const FACTOR_DECIMALS_MAX: u8 = 18;

/// The policy as it is written: everything may be left out, and a profile fills what is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    profile: Option<Profile>,
    unit: Option<ProrationUnit>,
    rounding: Option<Rounding>,
    month_days: Option<MonthDays>,
    period_end: Option<PeriodEnd>,
    change_day: Option<DayOwner>,
    termination_day: Option<DayOwner>,
    denominator: Option<Denominator>,
    leading: Option<Denominator>,
    trailing: Option<Denominator>,
    first_period: Option<FirstPeriod>,
    beyond: Option<BeyondWhole>,
    credit_base: Option<CreditBase>,
    cap: Option<CreditCap>,
    precision: Option<FactorPrecision>,
    round_at: Option<RoundAt>,
    lines: Option<ChangeLines>,
    sides: Option<ProratedSides>,
    discount: Option<DiscountOrder>,
    credit_tax: Option<CreditTax>,
    destination: Option<Destination>,
    interval_change: Option<IntervalChange>,
    termination: Option<TerminationCredit>,
}

impl TryFrom<Written> for ProrationPolicy {
    type Error = BadProration;
    fn try_from(written: Written) -> Result<Self, BadProration> {
        written.on(Self::default())
    }
}

impl Written {
    /// What is written, on top of the profile that it names, else of `base`.
    pub(crate) fn on(self, base: ProrationPolicy) -> Result<ProrationPolicy, BadProration> {
        let written = self;
        let base = written.profile.map_or(base, Profile::policy);
        let policy = ProrationPolicy {
            unit: written.unit.unwrap_or(base.unit),
            rounding: written.rounding.unwrap_or(base.rounding),
            month_days: written.month_days.unwrap_or(base.month_days),
            period_end: written.period_end.unwrap_or(base.period_end),
            change_day: written.change_day.unwrap_or(base.change_day),
            termination_day: written.termination_day.unwrap_or(base.termination_day),
            denominator: written.denominator.unwrap_or(base.denominator),
            leading: written.leading.unwrap_or(base.leading),
            trailing: written.trailing.unwrap_or(base.trailing),
            first_period: written.first_period.unwrap_or(base.first_period),
            beyond: written.beyond.unwrap_or(base.beyond),
            credit_base: written.credit_base.unwrap_or(base.credit_base),
            cap: written.cap.unwrap_or(base.cap),
            precision: written.precision.unwrap_or(base.precision),
            round_at: written.round_at.unwrap_or(base.round_at),
            lines: written.lines.unwrap_or(base.lines),
            sides: written.sides.unwrap_or(base.sides),
            discount: written.discount.unwrap_or(base.discount),
            credit_tax: written.credit_tax.unwrap_or(base.credit_tax),
            destination: written.destination.unwrap_or(base.destination),
            interval_change: written.interval_change.unwrap_or(base.interval_change),
            termination: written.termination.unwrap_or(base.termination),
        };
        match policy.precision {
            FactorPrecision::Decimals(n) if !(1..=FACTOR_DECIMALS_MAX).contains(&n) => Err(BadProration::Decimals(n)),
            _ => Ok(policy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ProrationPolicy, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_was_stored_before_there_were_more_questions_reads_and_writes_as_before() {
        let stored = r#"{"unit":"second","rounding":"half-up"}"#;
        let policy = read(stored).unwrap();
        let plain = ProrationPolicy { unit: ProrationUnit::Second, rounding: Rounding::HalfUp, ..Default::default() };
        assert_eq!(policy, plain);
        assert_eq!(serde_json::to_string(&policy).unwrap(), stored);
        assert_eq!(read("{}").unwrap(), ProrationPolicy::default());
        assert_eq!(policy.not_billed_yet(), [""; 0]);
        assert_eq!(Profile::Killbill30.policy().not_billed_yet(), [""; 0]);
        assert_eq!(Profile::Lago.policy().not_billed_yet(), [""; 0]);
        assert_eq!(Profile::Samsung.policy().not_billed_yet(), [""; 0]);
        let both = ProrationPolicy { interval_change: IntervalChange::KeepAnchor, ..Profile::Samsung.policy() };
        assert_eq!(both.not_billed_yet().len(), 1, "bought time moves the cut");
        let keeps = ProrationPolicy { interval_change: IntervalChange::KeepAnchor, ..ProrationPolicy::default() };
        assert_eq!(keeps.not_billed_yet(), [""; 0]);
    }

    #[test]
    fn a_profile_is_named_and_single_fields_are_written_on_top() {
        let policy = read(r#"{"profile":"lago","rounding":"half-even"}"#).unwrap();
        assert_eq!(policy, ProrationPolicy { rounding: Rounding::HalfEven, ..Profile::Lago.policy() });
        let stored = serde_json::to_string(&policy).unwrap();
        assert!(!stored.contains("profile"), "stored as fields: {stored}");
        assert_eq!(read(&stored).unwrap(), policy);
    }

    #[test]
    fn mistakes_say_what_to_do() {
        let problem = |json: &str| read(json).unwrap_err().to_string();
        assert!(problem(r#"{"month_days":27}"#).contains("28 to 31"));
        assert!(problem(r#"{"precision":{"decimals":40}}"#).contains("1 to 18"));
        assert!(problem(r#"{"units":"day"}"#).contains("unknown field `units`"));
        assert!(problem(r#"{"profile":"stripe"}"#).contains("stripe-flexible"));
    }
}
