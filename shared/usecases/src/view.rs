//! What callers see: stored structs never leave the house as they are.

use billing::{
    calendar::{Instant, Period, alignment::AlignmentPolicy, recurrence::Span},
    discount::{Benefit, Coupon, Held},
    document::{DocumentStatus, InvoiceNumber},
    invoice::{CustomerBalance, Invoice, InvoiceState, Line, Once, Refund, RefundState, tax_of},
    money::{Currency, Money, Rounding, Unrounded},
    prepaid::{GrantSource, PrepaidGrant},
    refusal::Refusal,
    subscription::{Scheduled, State, Subscription},
    terms::{Item, Terms},
    usage::MeterUsage,
};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::ports::Versioned;

/// Turns the error of a parsed field into a refusal that names the field.
///
/// # Errors
/// [`Refusal::InvalidField`].
pub fn parse_field<T, E: std::fmt::Display>(field: &'static str, parsed: Result<T, E>) -> Result<T, Refusal> {
    parsed.map_err(|e| Refusal::InvalidField { field, detail: e.to_string() })
}

/// An amount in major units as text, with no more decimals than its currency has.
///
/// # Errors
/// [`Refusal::InvalidField`].
pub fn parse_money(field: &'static str, text: &str, currency: Currency) -> Result<Money, Refusal> {
    let bad = |detail: String| Refusal::InvalidField { field, detail };
    let amount: Decimal =
        text.parse().map_err(|_| bad("must be a number in major units, as text (\"49.90\")".into()))?;
    let exact = Unrounded::from_major(amount, currency).map_err(|e| bad(e.to_string()))?;
    if !exact.minor().is_integer() {
        return Err(bad(format!("has more decimals than {currency}")));
    }
    exact.round(Rounding::HalfEven).map_err(|e| bad(e.to_string()))
}

/// An amount for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoneyView {
    /// Minor units.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// `23.57 USD`.
    pub display: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency.to_string(), display: money.to_string() }
    }
}

/// What a customer owes in one currency, and the credit against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceView {
    /// What is owed on open invoices and on those that were given up.
    pub owed: MoneyView,
    /// Credit of all contracts; prepaid credit for usage is apart.
    pub credit: MoneyView,
    /// What is owed less the credit: below zero where the customer has more than is owed.
    pub balance: MoneyView,
}

impl From<CustomerBalance> for BalanceView {
    fn from(of: CustomerBalance) -> Self {
        Self { owed: of.owed.into(), credit: of.credit.into(), balance: of.balance.into() }
    }
}

/// A contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionView {
    /// Which.
    pub id: String,
    /// Whose.
    pub customer: String,
    /// For If-Match.
    pub version: u64,
    /// incomplete, trialing, active, paused, canceled; `past_due` and `suspended` stand beside it.
    pub state: &'static str,
    /// Whether an invoice of it is past due.
    pub past_due: bool,
    /// Whether access is taken away until an invoice is paid.
    pub suspended: bool,
    /// `plan@version`.
    pub plan: String,
    /// Units.
    pub quantity: u32,
    /// What was bought beside the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<AddOnView>,
    /// How often it is billed.
    pub interval: String,
    /// What a full period costs, add-ons included, before discounts and taxes; none if it cannot be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<MoneyView>,
    /// Run-rate in twelfths of a minor unit of MRR, 0 unless active.
    pub mrr12_minor: i64,
    /// How its periods are aligned; none: on the day it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentPolicy>,
    /// What is billed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// The whole period that the one billed now is a stub of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stub_of: Option<Span>,
    /// What the period was bought with, where unused value of earlier terms became its days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bought_with: Option<MoneyView>,
    /// When it wakes by itself, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_event: Option<NextEvent>,
    /// Agreed for later.
    pub scheduled: Scheduled,
    /// The end of the trial or pause, when and why it ended.
    pub detail: State,
    /// Whether what it bills by itself comes on one document with the customer's other contracts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consolidated: bool,
    /// Credit of the customer, in the currency of the price.
    pub credit_minor: i64,
    /// Prepaid credit for usage; none where there is none and none waits for its money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepaid: Option<PrepaidView>,
    /// Credit in currencies that the contract is not billed in now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<MoneyView>,
    /// Coupons that were redeemed and are not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<DiscountView>,
    /// Lines that wait for the next invoice, with their taxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingView>,
    /// Charges that wait for the next invoice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Once>,
    /// When it was agreed.
    pub created_at: Instant,
    /// What was used and is not billed yet, by meter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<MeterUsage>,
}

/// An add-on that a contract has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddOnView {
    /// Which of the plan version.
    pub id: String,
    /// Units.
    pub quantity: u32,
    /// What a full period of it costs; none if it cannot be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<MoneyView>,
}

impl AddOnView {
    fn of(terms: &Terms) -> Vec<Self> {
        let view = |item: Item<'_>| {
            let price = item.full_period_money().ok().map(Into::into);
            Some(Self { id: item.add_on?.to_owned(), quantity: item.quantity, price })
        };
        terms.items().filter_map(view).collect()
    }
}

/// A coupon that a contract holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiscountView {
    /// Its id.
    pub coupon: String,
    /// What it takes off.
    pub benefit: Benefit,
    /// Billed periods that are still to come with it; none: as long as the contract lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periods_left: Option<u32>,
}

impl DiscountView {
    fn new(held: &Held) -> Self {
        let Coupon { id, benefit, .. } = &held.coupon;
        Self { coupon: id.clone(), benefit: benefit.clone(), periods_left: held.periods_left() }
    }
}

/// The prepaid credit of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrepaidView {
    /// What is left of all grants; what usage that is not invoiced yet will take is still in it.
    pub balance: MoneyView,
    /// What expired credit pays of usage that is not invoiced yet; none where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<MoneyView>,
    /// The grants of which something is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantView>,
    /// Invoices of top-ups that are not paid yet: they grant nothing before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
}

/// One grant of prepaid credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// Which: the invoice that it was bought with, or `grant-` and the version that gave it.
    pub id: String,
    /// bought or given.
    pub source: GrantSource,
    /// What was granted.
    pub amount: MoneyView,
    /// What is left of it.
    pub left: MoneyView,
    /// From when it may be used.
    pub granted_at: Instant,
    /// When it expires; none: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Why it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PrepaidView {
    fn of(subscription: &Subscription) -> Option<Self> {
        let (account, currency) = (&subscription.prepaid, subscription.terms.price.currency);
        if account.is_empty() {
            return None;
        }
        let held = Money::sum(currency, account.held.iter().map(billing::prepaid::PrepaidSource::most)).ok()?;
        Some(Self {
            balance: account.balance(currency).ok()?.into(),
            held: Some(held).filter(|held| held.minor != 0).map(Into::into),
            grants: account.grants.iter().map(|grant| GrantView::new(grant, currency)).collect(),
            waiting: account.waiting.iter().map(ToString::to_string).collect(),
        })
    }
}

impl GrantView {
    fn new(grant: &PrepaidGrant, currency: Currency) -> Self {
        Self {
            id: grant.id.clone(),
            source: grant.source,
            amount: Money::new(grant.amount_minor, currency).into(),
            left: Money::new(grant.left_minor(), currency).into(),
            granted_at: grant.granted_at,
            expires_at: grant.expires_at,
            reason: grant.reason.clone(),
        }
    }
}

/// What the next invoice has beside its own lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingView {
    /// What they add to it; below zero where they take off.
    pub total: MoneyView,
    /// Each with its explanation.
    pub lines: Vec<Line>,
}

impl PendingView {
    /// None where nothing waits, or where it cannot be computed: the invoice will say so.
    fn of(subscription: &Subscription) -> Option<Self> {
        let lines = subscription.pending_lines().ok().filter(|lines| !lines.is_empty())?;
        let total = Money::sum(subscription.terms.price.currency, lines.iter().map(|l| l.amount)).ok()?;
        Some(Self { total: total.into(), lines })
    }
}

/// What will happen by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextEvent {
    /// When.
    pub at: Instant,
    /// renewal, cancel, pause, change, resume, trial-end, expire, prepaid-expiry.
    pub kind: String,
}

impl SubscriptionView {
    /// The view of a contract with the customer's invoices, at business time `now`.
    #[must_use]
    pub fn new(held: &Versioned<Subscription>, invoices: &[Versioned<Invoice>], now: Instant) -> Self {
        let s = &held.value;
        let mut own = invoices.iter().map(|i| &i.value).filter(|i| i.concerns(&s.id));
        Self {
            id: s.id.to_string(),
            customer: s.customer.to_string(),
            version: held.version,
            state: s.state.name(),
            // Nothing is owed for a top-up.
            past_due: own.any(|i| i.is_past_due(now) && i.basis.top_up().is_none()),
            suspended: s.suspended_by.is_some(),
            plan: s.terms.plan.to_string(),
            quantity: s.terms.quantity,
            add_ons: AddOnView::of(&s.terms),
            interval: s.terms.price.interval.to_string(),
            price: s.terms.full_period_money().ok().map(Into::into),
            mrr12_minor: s.mrr12().unwrap_or(0),
            discounts: s.discounts.iter().map(DiscountView::new).collect(),
            alignment: s.alignment,
            period: s.period,
            stub_of: s.stub.as_ref().filter(|of| of.bought.is_none()).map(|of| of.whole),
            bought_with: s.stub.as_ref().and_then(|of| of.bought).map(Into::into),
            next_event: billing::subscription::next_event(s).map(|(at, kind)| NextEvent { at, kind: kind.to_string() }),
            scheduled: s.scheduled.clone(),
            detail: s.state.clone(),
            consolidated: s.gathering.is_some(),
            credit_minor: s.credit_minor,
            prepaid: PrepaidView::of(s),
            credits: s.credits.iter().map(|credit| (*credit).into()).collect(),
            pending: PendingView::of(s),
            charges: s.once.waiting.clone(),
            created_at: s.created_at,
            usage: Vec::new(),
        }
    }
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvoiceView {
    /// Which.
    pub id: String,
    /// Whether it gives back and charges nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub credit_note: bool,
    /// Its legal number; none until it is issued, and for a moment after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// For which contract; none for the document of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The document that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What the document is: draft (it gathers, and is not issued), open, paid, void, uncollectible.
    pub status: DocumentStatus,
    /// Where collecting it stands: due, collecting, pending, past_due, paid, void, uncollectible; gathering and grouped before a
    /// document is paid.
    pub state: &'static str,
    /// What it came to when it was issued.
    pub total: MoneyView,
    /// What is still owed: the total less what notes and credit took off it; nothing once it is paid or withdrawn. What is on
    /// a document is owed with that.
    pub amount_due: MoneyView,
    /// What lowered it before it was paid; none where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowered: Option<MoneyView>,
    /// What credit notes gave back of it; none where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credited: Option<MoneyView>,
    /// What of that goes back, or went back, to the payment that paid it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<RefundView>,
    /// The tax in its lines, in the prices or on top; none where nothing is taxed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<MoneyView>,
    /// When it was issued.
    pub issued_at: Instant,
    /// What the money is for.
    pub period: Period,
    /// Of a credit note: why it was written, in the support's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is owed, line by line, each with its explanation.
    pub lines: Vec<Line>,
    /// The invoices on the document, where it was asked for by its id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<InvoiceView>,
    /// Tries to collect it that ended.
    pub attempts: Vec<billing::invoice::Attempt>,
    /// Whether it is past due.
    pub past_due: bool,
    /// When it is looked after next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Instant>,
}

impl InvoiceView {
    /// The view with its legal number, where it has one.
    #[must_use]
    pub fn numbered(self, number: Option<&InvoiceNumber>) -> Self {
        Self { number: number.map(ToString::to_string), ..self }
    }

    /// The view of an item as its document stands at business time `now`: an item is late when that is.
    #[must_use]
    pub fn on(self, document: &Invoice, now: Instant) -> Self {
        Self { past_due: document.is_past_due(now), ..self }
    }

    /// The view of an invoice at business time `now`.
    #[must_use]
    pub fn new(invoice: &Invoice, now: Instant) -> Self {
        use billing::invoice::InvoiceWake;
        let past_due = invoice.is_past_due(now);
        // On account an invoice waits for its due date first: nothing is late before it.
        let waits = matches!(invoice.state, InvoiceState::Waiting { .. }) && !past_due;
        Self {
            id: invoice.id.to_string(),
            credit_note: invoice.basis.is_credit_note(),
            number: None,
            subscription: (!invoice.is_document()).then(|| invoice.subscription.to_string()),
            document: invoice.document.as_ref().map(ToString::to_string),
            status: match invoice.state {
                InvoiceState::Gathering { .. } => DocumentStatus::Draft,
                _ => invoice.status(),
            },
            state: if waits { "due" } else { invoice.state.name() },
            total: invoice.total.into(),
            amount_due: invoice.amount_due().into(),
            lowered: lowered(invoice),
            credited: credited(invoice),
            refunds: invoice.refunds.iter().map(RefundView::new).collect(),
            tax: tax_of(&invoice.lines, invoice.total.currency).ok().filter(|t| t.minor != 0).map(Into::into),
            issued_at: invoice.issued_at,
            period: *invoice.basis.period(),
            reason: invoice.basis.reason().map(Into::into),
            lines: invoice.lines.clone(),
            items: Vec::new(),
            attempts: invoice.attempts.clone(),
            past_due,
            next_at: billing::invoice::wake_at(invoice).map(|wake| match wake {
                InvoiceWake::Collect(at) | InvoiceWake::Rung(at) => at,
                InvoiceWake::Ask(at) => at.0,
            }),
        }
    }
}

fn lowered(invoice: &Invoice) -> Option<MoneyView> {
    let minor = invoice.lowered.minor();
    (minor != 0).then(|| Money::new(minor, invoice.total.currency).into())
}

fn credited(invoice: &Invoice) -> Option<MoneyView> {
    let sum = Money::sum(invoice.total.currency, invoice.credits.iter().map(|note| note.total)).ok()?;
    Some(sum).filter(|sum| sum.minor != 0).map(Into::into)
}

/// A refund of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefundView {
    /// The key that the gateway knows it by, `<invoice>:r<n>`.
    pub key: String,
    /// How much, tax included.
    pub amount: MoneyView,
    /// due, calling, pending, done, failed. What failed is credit of the contract.
    pub state: &'static str,
    /// The adapter that sends it back.
    pub gateway: String,
    /// When it went back or failed, by the gateway's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// The gateway's id of the refund, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The gateway's code, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl RefundView {
    fn new(refund: &Refund) -> Self {
        let (at, reference, code) = match &refund.state {
            RefundState::Done { at, reference } => (Some(*at), Some(reference.clone()), None),
            RefundState::Failed { at, code } => (Some(*at), None, Some(code.clone())),
            RefundState::Due { .. } | RefundState::Calling { .. } | RefundState::Unknown { .. } => (None, None, None),
        };
        Self {
            key: refund.claim.key.clone(),
            amount: refund.claim.amount.into(),
            state: refund.state.name(),
            gateway: refund.claim.paid_by.gateway.clone(),
            at,
            reference,
            code,
        }
    }
}
