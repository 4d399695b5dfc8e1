//! From a decision to one commit: the part that every verb shares.
//!
//! Exists so that the rules of the journal (where facts ride, how they are stamped, what is written together) are in
//! one place and no verb can forget them.

use billing::{
    RULES_VERSION,
    calendar::{Instant, WallTime},
    dunning::Ladder,
    fact::{Happening, stamp},
    ids::{CustomerId, InvoiceId, SubscriptionId},
    invoice::{self, Claim, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, RefundClaim},
    journal::JournalEntry,
    refusal::Refusal,
    subscription::{self, Effect, Input, Known, Outcome, State, Subscription},
};

use futures::future::try_join_all;

use crate::{
    collect::load,
    currency,
    error::Error,
    lower::lower,
    migrate,
    ports::{Commit, Ledger, Save, Versioned},
    taxes,
    usage::for_decision,
};

/// Writes of a commit from which on no more invoices are withdrawn in it: one may bring three, and a transaction has 100.
const WRITES_WITH_VOIDS_MAX: usize = 96;

/// What is done once it is committed: gateways are called, and what the transaction had no room for is withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Attempts to collect.
    pub charges: Vec<Claim>,
    /// Refunds.
    pub refunds: Vec<RefundClaim>,
    /// Invoices that are still to be withdrawn, each in a commit of its own.
    pub voids: Vec<InvoiceId>,
}

/// A decision on its way to the store.
#[derive(Debug)]
pub struct Draft {
    /// What will be written.
    pub commit: Commit,
    /// What to call after the commit.
    pub calls: Calls,
    alarms: Vec<String>,
    /// What happened to each subscription of the commit.
    told: Vec<Told>,
    wall: WallTime,
    /// Business time of the decision.
    pub(crate) now: Instant,
}

/// What happened to a subscription, with the inputs that made it happen.
#[derive(Debug)]
struct Told {
    subscription: SubscriptionId,
    happened: Vec<Happening>,
    inputs: Vec<serde_json::Value>,
}

impl Draft {
    /// An empty draft of a decision at `now`; `wall` stamps its facts.
    #[must_use]
    pub fn new(now: Instant, wall: WallTime) -> Self {
        let (alarms, told) = (Vec::new(), Vec::new());
        Self { commit: Commit::default(), calls: Calls::default(), alarms, told, wall, now }
    }

    /// Adds what `outcome` makes of a subscription that is stored at version `replaces` (0: new).
    ///
    /// # Errors
    /// [`Refusal::Money`] when an invoice cannot be computed.
    pub fn subscription(
        &mut self,
        outcome: Outcome,
        replaces: u64,
        input: serde_json::Value,
    ) -> Result<Vec<Effect>, Refusal> {
        let Outcome::Applied { next, effects, facts } = outcome else { return Ok(Vec::new()) };
        for effect in &effects {
            if let Effect::Issue(new) = effect {
                let invoice = Invoice::issue(&next, (**new).clone())?;
                self.commit.invoices.push(Save { value: invoice, replaces: 0 });
            }
        }
        match self.told.iter_mut().find(|told| told.subscription == next.id) {
            Some(told) => {
                told.happened.extend(facts);
                told.inputs.push(input);
            }
            None => {
                self.told.push(Told { subscription: next.id.clone(), happened: facts, inputs: vec![input] });
            }
        }
        self.commit.subscriptions.retain(|saved| saved.value.id != next.id);
        self.commit.subscriptions.push(Save { value: *next, replaces });
        Ok(effects)
    }

    /// Stamps what happened to each subscription and puts its journal entry where it belongs: on the invoice that the
    /// decision made, else into an item of its own.
    fn journal(&mut self) {
        for Told { subscription, happened, inputs } in std::mem::take(&mut self.told) {
            let saved = self.commit.subscriptions.iter().find(|saved| saved.value.id == subscription);
            let version = saved.map_or(0, |saved| saved.replaces) + 1;
            let facts = stamp(happened, subscription.as_str(), version, self.wall);
            let mut made = self.commit.invoices.iter_mut().filter(|i| i.replaces == 0);
            if let Some(made) = made.find(|i| i.value.is_of(&subscription)) {
                made.value.facts.extend(facts);
                continue;
            }
            let (rules, at, input) = (RULES_VERSION, self.now, inputs.into());
            self.commit.journal.push(JournalEntry { subscription, version, rules, at, input, facts });
        }
    }

    /// Adds an invoice that was at version `replaces` (0: new), with what happened to it.
    pub fn invoice(&mut self, mut next: Invoice, happened: Vec<Happening>, replaces: u64) {
        next.facts.extend(stamp(happened, next.id.as_str(), replaces + 1, self.wall));
        self.commit.invoices.retain(|saved| saved.value.id != next.id);
        self.commit.invoices.push(Save { value: next, replaces });
    }

    /// The invoice as it is once this draft is committed, if the draft writes it.
    #[must_use]
    pub fn invoice_after(&self, id: &InvoiceId) -> Option<Versioned<Invoice>> {
        let saved = self.commit.invoices.iter().find(|saved| saved.value.id == *id)?;
        // Facts of the subscription ride only on new invoices, which nobody decides on before they are read again.
        Some(Versioned { value: saved.value.clone(), version: saved.replaces + 1 })
    }

    /// Commits, and says what a person should know.
    ///
    /// # Errors
    /// As the store's.
    pub async fn commit(mut self, ledger: &Ledger) -> Result<Calls, Error> {
        self.journal();
        ledger.store.commit(self.commit).await?;
        for alarm in self.alarms {
            tracing::error!(alarm = true, "{alarm}");
        }
        Ok(self.calls)
    }

    fn take_effects(&mut self, effects: Vec<Effect>) -> Option<Withdrawn> {
        let mut withdrawn = None;
        for effect in effects {
            match effect {
                Effect::Alarm(text) => self.alarms.push(text),
                Effect::VoidOpenInvoices => withdrawn = Some(Withdrawn::All),
                // All of them are these, too.
                Effect::Void(these) => withdrawn = withdrawn.or(Some(Withdrawn::These(these))),
                Effect::ReturnRedemptions(coupons) => self.commit.returned.extend(coupons),
                Effect::Issue(_) => {}
            }
        }
        withdrawn
    }
}

/// Invoices of a contract that are withdrawn with a decision.
enum Withdrawn {
    /// All that wait for money.
    All,
    /// These.
    These(Vec<InvoiceId>),
}

/// Gives `input` to a subscription and drafts what follows, open invoices that must be voided included.
///
/// # Errors
/// A refusal, or the store's errors.
pub async fn on_subscription(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    input: Input,
    now: Instant,
) -> Result<bool, Error> {
    let mut voids = Vec::new();
    let applied = decide_subscription(ledger, draft, current, input, now, &mut voids).await?;
    void_open_invoices(ledger, draft, &current.value.customer, &voids, now).await?;
    Ok(applied)
}

/// As [`on_subscription`]; a contract whose open invoices are to be voided is added to `voids`.
async fn decide_subscription(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Subscription>,
    input: Input,
    now: Instant,
    voids: &mut Vec<SubscriptionId>,
) -> Result<bool, Error> {
    let record = serde_json::to_value(&input).map_err(|e| Error::unavailable("write the journal entry", e))?;
    let (held, version) = (&current.value, current.version + 1);
    let known = Known {
        taxes: taxes::of_contract(ledger, held, &input).await?,
        usage: for_decision(ledger, held, &input, now).await?,
        moved: migrate::carried(ledger, held, &input).await?,
        without_method: without_method(ledger, held, &input).await?,
    };
    let outcome = subscription::transition_with(held, version, input, now, &known)?;
    if outcome == Outcome::AlreadyApplied {
        return Ok(false);
    }
    let drafted = draft.commit.invoices.len();
    let effects = draft.subscription(outcome, current.version, record)?;
    Box::pin(lower(ledger, draft, held, drafted, now)).await?;
    currency::follow(ledger, draft, held).await?;
    match draft.take_effects(effects) {
        Some(Withdrawn::All) => voids.push(current.value.id.clone()),
        Some(Withdrawn::These(ids)) => {
            for id in ids {
                let found = ledger.store.invoice(&current.value.customer, &id).await?;
                void(ledger, draft, found, now).await?;
            }
        }
        None => {}
    }
    Ok(true)
}

/// Whether the customer has no payment method, where the end of a trial asks for it.
async fn without_method(ledger: &Ledger, held: &Subscription, input: &Input) -> Result<bool, Error> {
    let asks = matches!(held.state, State::Trialing { .. }) && !held.without_method.is_convert();
    if !asks || !(input.is_command() || *input == Input::Wake) {
        return Ok(false);
    }
    let customer = ledger.store.customer(&held.customer).await?;
    Ok(customer.is_none_or(|customer| customer.value.method.is_none()))
}

/// Voids what `contracts` still owe on invoices of their own. What is on a document is owed as that stands.
async fn void_open_invoices(
    ledger: &Ledger,
    draft: &mut Draft,
    customer: &CustomerId,
    contracts: &[SubscriptionId],
    now: Instant,
) -> Result<(), Error> {
    if contracts.is_empty() {
        return Ok(());
    }
    let Some(file) = ledger.store.file(customer).await? else { return Ok(()) };
    for invoice in file.invoices.into_iter().filter(|i| contracts.iter().any(|id| i.value.is_of(id))) {
        void(ledger, draft, Some(invoice), now).await?;
    }
    Ok(())
}

/// Withdraws an invoice that waits for money, unless the draft writes it for another reason.
async fn void(
    ledger: &Ledger,
    draft: &mut Draft,
    found: Option<Versioned<Invoice>>,
    now: Instant,
) -> Result<(), Error> {
    let Some(invoice) = found.filter(|found| draft.invoice_after(&found.value.id).is_none()) else { return Ok(()) };
    if draft.commit.writes() >= WRITES_WITH_VOIDS_MAX {
        if invoice.value.is_open() {
            draft.calls.voids.push(invoice.value.id);
        }
        return Ok(());
    }
    // It may give credit back, which is a decision about its contract.
    Box::pin(on_invoice(ledger, draft, &invoice, InvoiceInput::Void, now)).await.map(|_| ())
}

/// Gives `input` to an invoice and drafts what follows, the subscription's part included. False: already applied.
///
/// # Errors
/// A refusal of the subscription's part, or the store's errors.
pub async fn on_invoice(
    ledger: &Ledger,
    draft: &mut Draft,
    current: &Versioned<Invoice>,
    input: InvoiceInput,
    now: Instant,
) -> Result<bool, Error> {
    let ladder = ladder_of(ledger, &current.value).await?;
    let outcome = invoice::transition(&current.value, &ladder, input, now);
    let InvoiceOutcome::Applied { next, effects, facts } = outcome else { return Ok(false) };
    let invoice = (*next).clone();
    draft.invoice(*next, facts, current.version);
    let mut voids = Vec::new();
    for effect in effects {
        let (contracts, input) = match effect {
            InvoiceEffect::Charge(claim) => {
                draft.calls.charges.push(claim);
                continue;
            }
            InvoiceEffect::Refund(claim) => {
                draft.calls.refunds.push(claim);
                continue;
            }
            InvoiceEffect::Alarm(text) => {
                draft.alarms.push(text);
                continue;
            }
            InvoiceEffect::Items(state) => {
                settle_items(ledger, draft, &invoice, &state, now).await?;
                continue;
            }
            InvoiceEffect::Subscription(input) => (vec![&invoice.subscription], input),
            InvoiceEffect::Contract(ref id, ref input) => (vec![id], input.clone()),
            InvoiceEffect::EverySubscription(input) => (invoice.contracts(), input),
        };
        for id in contracts {
            let held = held(ledger, draft, &invoice.customer, id).await?;
            decide_subscription(ledger, draft, &held, input.clone(), now, &mut voids).await?;
        }
    }
    void_open_invoices(ledger, draft, &invoice.customer, &voids, now).await?;
    Ok(true)
}

/// What became of a document becomes of every item on it.
async fn settle_items(
    ledger: &Ledger,
    draft: &mut Draft,
    document: &Invoice,
    state: &InvoiceState,
    now: Instant,
) -> Result<(), Error> {
    let ids = document.basis.items().unwrap_or_default().iter().map(|item| &item.invoice);
    let items = try_join_all(ids.map(|id| load(ledger, &document.customer, id))).await?;
    let ladder = ladder_of(ledger, document).await?;
    for item in items {
        let (document, state) = (document.id.clone(), state.clone());
        let outcome = invoice::transition(&item.value, &ladder, InvoiceInput::Settled { document, state }, now);
        if let InvoiceOutcome::Applied { next, facts, .. } = outcome {
            draft.invoice(*next, facts, item.version);
        }
    }
    Ok(())
}

/// The subscription as this draft leaves it so far, or as it is stored.
pub(crate) async fn held(
    ledger: &Ledger,
    draft: &Draft,
    customer: &CustomerId,
    id: &SubscriptionId,
) -> Result<Versioned<Subscription>, Error> {
    if let Some(saved) = draft.commit.subscriptions.iter().find(|s| s.value.id == *id) {
        return Ok(Versioned { value: saved.value.clone(), version: saved.replaces });
    }
    let stored = ledger.store.subscription(customer, id).await?;
    Ok(stored.ok_or_else(|| Refusal::NotFound { what: "subscription", id: id.to_string() })?)
}

/// The ladder of the policy version that the invoice was issued under.
///
/// # Errors
/// [`Refusal::NotFound`] when the policy is gone, which publishing never does.
pub async fn ladder_of(ledger: &Ledger, invoice: &Invoice) -> Result<Ladder, Error> {
    let reference = invoice.policy();
    let policy = ledger.store.policy(reference).await?;
    let policy = policy.ok_or_else(|| Refusal::NotFound { what: "policy", id: reference.to_string() })?;
    Ok(policy.ladder)
}
