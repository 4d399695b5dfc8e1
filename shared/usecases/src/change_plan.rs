//! Change a contract: another plan, quantity or currency, prepaid credit, credit of another contract, another anchor, cancel,
//! keep, pause, resume, reactivate. Preview and change are one decision.

mod correct;
mod moved_credit;
mod preview;
mod reply;
mod request;

use std::collections::BTreeMap;

use billing::{
    calendar::{Instant, alignment::AlignmentPolicy},
    catalog::{ChangeTimes, Ranked},
    customer::Customer,
    discount::CouponCode,
    ids::{CustomerId, SubscriptionId},
    invoice::{GatheringTime, Invoice, InvoiceState, OneOff},
    money::{Currency, Money},
    refusal::Refusal,
    subscription::{DEBT, Input, State, Subscription, When},
    terms::Terms,
};

use crate::{
    anchor, currency,
    decide::{Draft, held, on_subscription},
    error::{CONFLICT_TRIES, Error},
    lower::as_drafted,
    ports::{CustomerFile, Gateways, Ledger, Save, Versioned},
    redeem::{self, redeem},
    signup::{Caller, Offer, Selection, Wanted, offer, remember, repeated},
    view::{SubscriptionView, parse_field, parse_money},
};

pub use preview::{Upcoming, WithdrawnView};
pub use reply::{ChangeReply, Documents};
pub use request::{Action, ChangeRequest};

/// Longest comment of a cancellation, in bytes.
const COMMENT_BYTES_MAX: usize = 2_000;

/// Changes a contract, or previews the change. `gateways` only say what they can do; refunds are sent by `collect`. `seen` is the version that the caller decided on (If-Match).
///
/// # Errors
/// Refusals as documented there; [`Refusal::VersionMismatch`] when `seen` is not the present version.
pub async fn change_plan(
    ledger: &Ledger,
    gateways: &Gateways,
    caller: &Caller,
    seen: Option<u64>,
    request: &ChangeRequest,
) -> Result<ChangeReply, Error> {
    let customer = parse_field("customer", CustomerId::try_new(request.customer.as_str()))?;
    let id = parse_field("subscription", SubscriptionId::try_new(request.subscription.as_str()))?;
    if !request.preview && repeated(ledger, caller).await?.is_some() {
        return present(ledger, &customer, &id).await;
    }
    let mut tries = 0;
    loop {
        match attempt(ledger, gateways, caller, seen, request, (&customer, &id)).await {
            Err(Error::Conflict(_)) if tries < CONFLICT_TRIES => tries += 1,
            done => return done,
        }
        if repeated(ledger, caller).await?.is_some() {
            return present(ledger, &customer, &id).await;
        }
    }
}

async fn attempt(
    ledger: &Ledger,
    gateways: &Gateways,
    caller: &Caller,
    seen: Option<u64>,
    request: &ChangeRequest,
    (customer, id): (&CustomerId, &SubscriptionId),
) -> Result<ChangeReply, Error> {
    let profile = ledger.store.customer(customer).await?.ok_or_else(|| missing(id))?;
    let current = ledger.store.subscription(customer, id).await?.ok_or_else(|| missing(id))?;
    if seen.is_some_and(|v| v != current.version) {
        return Err(Refusal::VersionMismatch { current: current.version }.into());
    }
    let now = ledger.clocks.business().await?;
    let mut draft = Draft::new(now, ledger.clocks.wall());
    request.check_fields()?;
    let mut credit_taken_back = None;
    match input(ledger, &mut draft, profile, &current.value, request).await? {
        None => credit_taken_back = Box::pin(correct::correct(ledger, gateways, &mut draft, &current, request)).await?,
        Some(input) => {
            let received = moved_credit::received(&input, id);
            on_subscription(ledger, &mut draft, &current, input, now).await?;
            if let Some((other, input)) = received {
                let other = held(ledger, &draft, customer, &other).await?;
                on_subscription(ledger, &mut draft, &other, input, now).await?;
            }
        }
    }
    if draft.commit.subscriptions.is_empty() {
        return present(ledger, customer, id).await;
    }
    let after = draft.commit.subscriptions.iter().find(|saved| saved.value.id == *id);
    let after = after.map(|saved| Versioned { value: saved.value.clone(), version: saved.replaces + 1 });
    let changes = request.action == Action::Change;
    let withdrawn = after.as_ref().filter(|_| changes).and_then(|s| WithdrawnView::of(&current.value, &s.value, now));
    let documents = Documents::new(&draft.commit.invoices, now);
    let (reply, numbers) = if request.preview {
        let (after, file) = (after.unwrap_or(current), stored(ledger, customer, id).await?);
        let invoices = as_drafted(&draft, file.invoices);
        let upcoming = preview::upcoming(ledger, request, &after, now).await?;
        let reply = ChangeReply::of(SubscriptionView::new(&after, &invoices, now));
        (ChangeReply { preview: true, upcoming, ..reply }, file.numbers)
    } else {
        draft.commit.idempotency = Some(remember(ledger, caller, customer, id));
        draft.commit(ledger).await?;
        let file = stored(ledger, customer, id).await?;
        (shown(&file, id, now)?, file.numbers)
    };
    Ok(ChangeReply { documents: documents.numbered(&numbers), credit_taken_back, withdrawn, ..reply })
}

/// What the contract is asked for; none where an invoice is to be corrected, which its contract follows.
async fn input(
    ledger: &Ledger,
    draft: &mut Draft,
    profile: Versioned<Customer>,
    held: &Subscription,
    request: &ChangeRequest,
) -> Result<Option<Input>, Error> {
    let customer = &profile.value;
    let (when, now) = (when(request, customer)?, ledger.clocks.business().await?);
    Ok(Some(match request.action {
        Action::Change => {
            let has = held.terms_at(now);
            let plan = request.plan.as_deref().map_or(Wanted::Held(&has.plan), Wanted::OnSale);
            let interval = request.interval.clone().unwrap_or_else(|| has.price.interval.to_string());
            let quantity = request.quantity.unwrap_or_else(|| has.quantity.into());
            // What is not said stays: also under another plan, which must then have the same add-ons.
            let present = || has.add_ons.iter().map(Into::into).collect();
            let add_ons = request.add_ons.clone().unwrap_or_else(present);
            let currency = currency::wanted(ledger, draft, held, request.currency.as_deref(), now).await?;
            let wanted = Selection { currency, interval: &interval, quantity, add_ons: &add_ons };
            let offer = offer(ledger, customer, plan, &wanted).await?;
            let when = if request.when.is_some() { when } else { usual_time(ledger, held, has, &offer).await? };
            let (terms, proration) = (Box::new(offer.terms), offer.policy.proration);
            Input::Change { terms, proration, when }
        }
        Action::Charge => Input::Charge {
            charge: OneOff {
                description: request.description.clone().unwrap_or_default(),
                amount: amount(request, currency::present(held, now))?,
            },
            when,
        },
        Action::TopUp | Action::Grant => prepaid(customer, currency::present(held, now), when, request)?,
        Action::ApplyCoupon => apply_coupon(ledger, draft, profile, held, request).await?,
        Action::RemoveCoupon => Input::RemoveCoupon { coupon: held_coupon(held, request)? },
        Action::Anchor => Input::Realign { alignment: moved_anchor(ledger, customer, held, request).await?, when },
        Action::Cancel => Input::Cancel {
            when,
            reason: text("reason", request.reason.clone(), billing::catalog::NAME_BYTES_MAX)?,
            comment: text("comment", request.comment.clone(), COMMENT_BYTES_MAX)?,
        },
        Action::Keep => Input::Keep,
        Action::Pause => {
            let resume_at = match &request.resume_at {
                Some(text) => Some(anchor::instant("resume_at", text, customer.time_zone)?),
                None => None,
            };
            Input::Pause { when, resume_at, credit: request.credit }
        }
        Action::Resume => Input::Resume,
        Action::Consolidate => Input::Gather { gathering: gathering(ledger, held, request).await? },
        Action::CreditNote | Action::Void | Action::WriteOff => return Ok(None),
        Action::MoveCredit => moved_credit::given(ledger, held, request, now).await?,
        Action::Reactivate => reactivation(ledger, draft, held, customer).await?,
    }))
}

/// The id of the coupon or offer that is to go: of one that the contract holds, by code or id, or what was said.
fn held_coupon(held: &Subscription, request: &ChangeRequest) -> Result<String, Refusal> {
    let named = match (request.coupon.as_deref(), request.offer.as_deref()) {
        (Some(named), None) | (None, Some(named)) => named,
        _ => return Err(needed("coupon")),
    };
    let code = CouponCode::try_new(named).ok();
    let mut coupons = held.discounts.iter().map(|h| &h.coupon);
    let found = coupons.find(|c| c.id == named || (code.is_some() && c.code == code));
    Ok(found.map_or_else(|| named.chars().take(60).collect(), |c| c.id.clone()))
}

/// A contract that comes back, with what it owes from before. The invoices go along at their versions: money that comes for one
/// at the same moment, or afterwards, does not pay it a second time.
async fn reactivation(
    ledger: &Ledger,
    draft: &mut Draft,
    held: &Subscription,
    customer: &Customer,
) -> Result<Input, Error> {
    currency::check_return(held, customer)?;
    let own = held.terms.price.currency;
    let file = stored(ledger, &held.customer, &held.id).await?;
    let mut debts = debts(&file, held)?;
    for owed in given_up(&file, held).filter(|invoice| !invoice.value.debt_paid) {
        draft.invoice(Invoice { debt_paid: true, ..owed.value.clone() }, Vec::new(), owed.version);
    }
    let debt_minor = debts.remove(&own.to_string()).map_or(0, |debt| debt.minor);
    let debts = debts.into_values().filter(|debt| debt.minor != 0).collect();
    Ok(Input::Reactivate { debt_minor, debts })
}

/// Prepaid credit that is bought or given.
fn prepaid(customer: &Customer, currency: Currency, when: When, request: &ChangeRequest) -> Result<Input, Refusal> {
    if when != When::Now {
        let detail = "must be now: prepaid credit is bought or given at once".into();
        return Err(Refusal::InvalidField { field: "when", detail });
    }
    let amount = amount(request, currency)?;
    let zone = customer.time_zone;
    let expires_at = request.expires_at.as_deref().map(|text| anchor::instant("expires_at", text, zone)).transpose()?;
    Ok(match request.action {
        Action::Grant => Input::Grant { amount, reason: request.reason.clone().unwrap_or_default(), expires_at },
        _ => Input::TopUp { amount, expires_at },
    })
}

/// How long the contract's invoices are to wait for others: as the policy in its terms says.
async fn gathering(
    ledger: &Ledger,
    held: &Subscription,
    request: &ChangeRequest,
) -> Result<Option<GatheringTime>, Error> {
    if request.consolidate == Some(false) {
        return Ok(None);
    }
    let reference = &held.terms.policy;
    let policy = ledger.store.policy(reference).await?;
    let policy = policy.ok_or_else(|| Refusal::NotFound { what: "policy", id: reference.to_string() })?;
    Ok(Some(policy.gathering_hours))
}

/// When it is to take effect.
fn when(request: &ChangeRequest, customer: &Customer) -> Result<When, Refusal> {
    match request.when.as_deref() {
        None | Some("now") => Ok(When::Now),
        Some("period_end") => Ok(When::PeriodEnd),
        Some(text) => Ok(When::At(anchor::instant("when", text, customer.time_zone)?)),
    }
}

/// When a change to `offer` takes effect that does not say when: as the policy has it. In a trial nothing is paid for yet.
async fn usual_time(ledger: &Ledger, held: &Subscription, has: &Terms, offer: &Offer) -> Result<When, Error> {
    let changes = offer.policy.changes;
    if changes == ChangeTimes::default() || matches!(held.state, State::Trialing { .. }) {
        return Ok(When::Now);
    }
    let tier = ledger.store.plan(&has.plan).await?.and_then(|plan| plan.tier);
    let (from, to) = (Ranked { tier, terms: has }, Ranked { tier: offer.plan.tier, terms: &offer.terms });
    Ok(changes.when(from, to).map_err(Refusal::from)?)
}

/// The alignment that a running contract is to get.
async fn moved_anchor(
    ledger: &Ledger,
    customer: &Customer,
    held: &Subscription,
    request: &ChangeRequest,
) -> Result<AlignmentPolicy, Error> {
    if request.align_with.as_deref() == Some(held.id.as_str()) {
        let detail = "name another contract of the customer".into();
        return Err(Refusal::InvalidField { field: "align_with", detail }.into());
    }
    let wanted = anchor::Wanted { day: request.billing_anchor.as_ref(), with: request.align_with.as_deref() };
    let (interval, at) = (held.terms.price.interval, ledger.clocks.business().await?);
    let of = anchor::Of { customer, interval, plan: held.alignment, at };
    let found = anchor::alignment(ledger, &wanted, &of).await?;
    Ok(found.ok_or_else(|| Refusal::InvalidField {
        field: anchor::FIELD,
        detail: "is needed: the day to be billed on, or align_with".into(),
    })?)
}

/// How much is to be charged once.
fn amount(request: &ChangeRequest, currency: Currency) -> Result<Money, Refusal> {
    parse_money("amount", request.amount.as_deref().unwrap_or_default(), currency)
}

/// The contract's invoices that were given up.
fn given_up<'a>(file: &'a CustomerFile, held: &'a Subscription) -> impl Iterator<Item = &'a Versioned<Invoice>> {
    file.invoices.iter().filter(|i| i.value.is_of(&held.id) && i.value.state == InvoiceState::Uncollectible)
}

/// What the contract's invoices come to that were given up, less what was settled when it came back before, by currency.
fn debts(file: &CustomerFile, held: &Subscription) -> Result<BTreeMap<String, Money>, Error> {
    let mut debts: BTreeMap<String, Money> = BTreeMap::new();
    for total in given_up(file, held).map(|invoice| invoice.value.payable()) {
        let debt = debts.entry(total.currency.to_string()).or_insert_with(|| Money::zero(total.currency));
        *debt = debt.plus(total).map_err(Refusal::from)?;
    }
    let on_invoices = file.invoices.iter().flat_map(|i| &i.value.facts);
    let facts = on_invoices.chain(file.journal.iter().flat_map(|j| &j.facts)).map(|f| &f.what);
    for fact in facts.filter(|f| f.subscription_id == held.id && f.reason.as_deref() == Some(DEBT)) {
        // What was settled was given up first, in the same currency.
        let Some(debt) = debts.get_mut(&fact.currency) else { continue };
        *debt = debt.plus(Money::new(fact.amount_minor, debt.currency)).map_err(Refusal::from)?;
    }
    Ok(debts)
}

fn needed(field: &'static str) -> Refusal {
    Refusal::InvalidField { field, detail: "is needed: the code of a coupon, or an offer, and not both".into() }
}

async fn apply_coupon(
    ledger: &Ledger,
    draft: &mut Draft,
    mut profile: Versioned<Customer>,
    held: &Subscription,
    request: &ChangeRequest,
) -> Result<Input, Error> {
    let (codes, offers) = (request.coupon.as_slice(), request.offer.as_slice());
    if codes.len() + offers.len() != 1 {
        return Err(needed("coupon").into());
    }
    let asked = redeem::Asked { codes, offers, terms: &held.terms, held: &held.discounts };
    let before = profile.value.redeemed.clone();
    let now = ledger.clocks.business().await?;
    let coupons = redeem(ledger, draft, &mut profile.value, &asked, now).await?;
    if before != profile.value.redeemed {
        draft.commit.customer = Some(Save { value: profile.value, replaces: profile.version });
    }
    let coupon = coupons.into_iter().next().ok_or_else(|| needed("coupon"))?;
    Ok(Input::ApplyCoupon { coupon: Box::new(coupon) })
}

fn text(field: &'static str, text: Option<String>, limit: usize) -> Result<Option<String>, Refusal> {
    match text {
        Some(t) if t.len() > limit => {
            Err(Refusal::InvalidField { field, detail: format!("must be at most {limit} bytes") })
        }
        other => Ok(other),
    }
}

/// The contract as it is stored.
async fn present(ledger: &Ledger, customer: &CustomerId, id: &SubscriptionId) -> Result<ChangeReply, Error> {
    Ok(shown(&stored(ledger, customer, id).await?, id, ledger.clocks.business().await?)?)
}

fn shown(file: &CustomerFile, id: &SubscriptionId, now: Instant) -> Result<ChangeReply, Refusal> {
    let held = file.subscriptions.iter().find(|s| s.value.id == *id).ok_or_else(|| missing(id))?;
    Ok(ChangeReply::of(SubscriptionView::new(held, &file.invoices, now)))
}

async fn stored(ledger: &Ledger, customer: &CustomerId, id: &SubscriptionId) -> Result<CustomerFile, Error> {
    Ok(ledger.store.file(customer).await?.ok_or_else(|| missing(id))?)
}

fn missing(id: &SubscriptionId) -> Refusal {
    Refusal::NotFound { what: "subscription", id: id.to_string() }
}
