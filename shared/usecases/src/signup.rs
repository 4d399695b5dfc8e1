//! Sign a customer up: plan, method, first invoice, first payment, in one request with the customer present.

mod request;

use billing::{
    calendar::{Instant, alignment::AlignmentPolicy},
    catalog::{Plan, Policy, Price, VersionRef},
    customer::{Customer, TaxData},
    ids::{CustomerId, SubscriptionId},
    invoice::{InvoiceInput, InvoiceOutcome, InvoiceState, Method, transition},
    money::Currency,
    refusal::Refusal,
    subscription::{CancelReason, Collection, Order, State, open_with},
    tax::{VatId, is_known_country},
    terms::{Terms, WantedAddOn},
};
use serde::Serialize;

use crate::{
    anchor,
    authorize::sha256_hex,
    collect::{charge, load},
    decide::Draft,
    error::{CONFLICT_TRIES, Error},
    ports::{Gateways, IdempotencyRecord, Ledger, Save, Versioned},
    redeem::{Asked, redeem},
    taxes,
    view::{SubscriptionView, parse_field},
};

pub use request::{CollectionRequest, CustomerRequest, MethodRequest, SignupRequest, TrialRequest};

/// Seconds that a request is remembered for repetition: a month of wall time.
pub const IDEMPOTENCY_SECONDS: i64 = 31 * 86_400;

/// Longest text that a request may store (e-mail, channel ...), in bytes.
const TEXT_BYTES_MAX: usize = 254;

/// Who is asking, as the HTTP layer verified it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The storefront.
    pub storefront: String,
    /// The Idempotency-Key.
    pub idempotency_key: String,
    /// SHA-256 of verb and body.
    pub fingerprint: String,
}

impl Caller {
    /// A caller; the fingerprint covers the verb and the raw body.
    #[must_use]
    pub fn new(storefront: String, idempotency_key: String, verb: &str, body: &[u8]) -> Self {
        let fingerprint = sha256_hex([verb.as_bytes(), b"\n", body].concat());
        Self { storefront, idempotency_key, fingerprint }
    }
}

/// How a sign-up ended; the HTTP layer turns it into 201, 202, 402 or 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignupStatus {
    /// Access now.
    Active,
    /// The payment is not known yet; it will be settled without another request.
    Pending,
    /// The payment was declined; try another method with a new request.
    Declined,
    /// The customer has to do something first.
    ActionRequired,
}

/// The answer to a sign-up.
#[derive(Clone, Debug, Serialize)]
pub struct SignupReply {
    /// How it ended.
    pub status: SignupStatus,
    /// The decline code, for `declined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// What the browser needs, for `action_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The contract.
    pub subscription: SubscriptionView,
}

/// Signs up. A repetition of the same request answers with the present state and changes nothing.
///
/// # Errors
/// Refusals as documented there; [`Error::Unavailable`] when the store does not answer (repeat with the same key).
pub async fn signup(
    ledger: &Ledger,
    gateways: &Gateways,
    default_gateway: &str,
    caller: &Caller,
    request: SignupRequest,
) -> Result<SignupReply, Error> {
    if let Some(record) = repeated(ledger, caller).await? {
        return reply(ledger, &record.customer, &record.subscription).await;
    }
    let mut tries = 0;
    let (customer, subscription, claims) = loop {
        let now = ledger.clocks.business().await?;
        let mut draft = Draft::new(now, ledger.clocks.wall());
        let decided = decide(ledger, &mut draft, default_gateway, caller, request.clone(), now).await?;
        match draft.commit(ledger).await {
            Ok(calls) => break (decided.0, decided.1, calls.charges),
            // The same request may have been first. If not: the id is taken, the customer changed, or somebody had the
            // last redemption of a coupon; deciding again tells.
            Err(Error::Conflict(what)) => match repeated(ledger, caller).await? {
                Some(record) => return reply(ledger, &record.customer, &record.subscription).await,
                None if tries < CONFLICT_TRIES => tries += 1,
                None => return Err(Error::Conflict(what)),
            },
            Err(error) => return Err(error),
        }
    };
    for claim in claims {
        let (invoice, _) = billing::invoice::parse_key(&claim.key)
            .ok_or_else(|| Error::unavailable("read the attempt's key", claim.key.clone()))?;
        let claimed = load(ledger, &customer, &invoice).await?;
        charge(ledger, gateways, &customer, claimed, claim).await?;
    }
    reply(ledger, &customer, &subscription).await
}

/// The record of the same request, if it came before.
///
/// # Errors
/// [`Refusal::IdempotencyKeyReused`] when the key came with another body.
pub(crate) async fn repeated(ledger: &Ledger, caller: &Caller) -> Result<Option<IdempotencyRecord>, Error> {
    let record = ledger.operations.idempotency(&caller.storefront, &caller.idempotency_key).await?;
    match record {
        Some(r) if r.fingerprint != caller.fingerprint => Err(Refusal::IdempotencyKeyReused.into()),
        other => Ok(other),
    }
}

/// The record that makes a repetition of this request recognisable.
pub(crate) fn remember(
    ledger: &Ledger,
    caller: &Caller,
    customer: &CustomerId,
    id: &SubscriptionId,
) -> IdempotencyRecord {
    IdempotencyRecord {
        scope: caller.storefront.clone(),
        key: caller.idempotency_key.clone(),
        fingerprint: caller.fingerprint.clone(),
        customer: customer.clone(),
        subscription: id.clone(),
        expires_at: ledger.clocks.wall().plus_seconds(IDEMPOTENCY_SECONDS),
    }
}

async fn decide(
    ledger: &Ledger,
    draft: &mut Draft,
    default_gateway: &str,
    caller: &Caller,
    request: SignupRequest,
    now: Instant,
) -> Result<(CustomerId, SubscriptionId), Error> {
    let mut customer = customer(ledger, &request, default_gateway, caller, now).await?;
    let id = match &request.subscription {
        Some(text) => parse_field("subscription", SubscriptionId::try_new(text.as_str()))?,
        None => SubscriptionId::from_random(ledger.ids.next()),
    };
    if ledger.store.subscription(&customer.value.id, &id).await?.is_some() {
        return Err(Refusal::AlreadyExists { what: "subscription", id: id.to_string() }.into());
    }
    let plan = Wanted::OnSale(&request.plan);
    let wanted = Selection {
        currency: customer.value.currency,
        interval: &request.interval,
        quantity: request.quantity,
        add_ons: &request.add_ons,
    };
    let offer = offer(ledger, &customer.value, plan, &wanted).await?;
    let (trial_days, trial_until) = request::trial(&request, &offer.plan)?;
    let rules = offer.plan.trial.clone().unwrap_or_default();
    let trials = trial_days > 0 || trial_until.is_some();
    let method_optional = trials && rules.method_optional && rules.prices.is_empty();
    let has_method = customer.value.method.is_some() || method_optional;
    let collection = collection(&request, &offer.policy, has_method)?;
    let asked = Asked { codes: &request.coupons, offers: &request.offers, terms: &offer.terms, held: &[] };
    let coupons = redeem(ledger, draft, &mut customer.value, &asked, now).await?;
    let zone = customer.value.time_zone;
    let taxes = taxes::of_terms(ledger, Some(&customer.value), &[&offer.terms]).await?;
    let starts_at = request.starts_at.as_deref().map(|text| anchor::instant("starts_at", text, zone)).transpose()?;
    let wanted = anchor::Wanted { day: request.billing_anchor.as_ref(), with: request.align_with.as_deref() };
    let interval = offer.terms.price.interval;
    let of =
        anchor::Of { customer: &customer.value, interval, plan: offer.plan.alignment, at: starts_at.unwrap_or(now) };
    let alignment = anchor::alignment(ledger, &wanted, &of).await?.or(offer.plan.alignment);
    let order = Order {
        subscription: id.clone(),
        customer: customer.value.id.clone(),
        terms: offer.terms,
        proration: offer.policy.proration,
        collection,
        gathering: customer.value.consolidate.then_some(offer.policy.gathering_hours),
        starts_at,
        trial_days,
        trial_until,
        trial: rules,
        // The day of the start needs no alignment: the contract is stored as all are that have none.
        alignment: alignment.filter(|a| *a != AlignmentPolicy::default()),
        coupons,
        zone,
        storefront: Some(caller.storefront.clone()),
        arm: short("arm", request.arm)?,
    };
    let record = serde_json::to_value(&order).map_err(|e| Error::unavailable("write the journal entry", e))?;
    draft.subscription(open_with(order, now, &taxes)?, 0, record)?;
    claim_first_invoice(draft, &offer.policy, &customer.value, ledger, now);
    let customer_id = customer.value.id.clone();
    draft.commit.idempotency = Some(remember(ledger, caller, &customer_id, &id));
    draft.commit.customer = Some(Save { value: customer.value, replaces: customer.version });
    Ok((customer_id, id))
}

fn collection(request: &SignupRequest, policy: &Policy, has_method: bool) -> Result<Collection, Refusal> {
    match request.collection {
        CollectionRequest::Automatic if !has_method => Err(Refusal::MethodNeeded),
        CollectionRequest::Automatic => Ok(Collection::Automatic),
        CollectionRequest::Invoice => Ok(Collection::Invoice { days_until_due: policy.days_until_due }),
    }
}

/// The first invoice is stored as claimed by this request, so that no worker can claim it.
fn claim_first_invoice(draft: &mut Draft, policy: &Policy, customer: &Customer, ledger: &Ledger, now: Instant) {
    let Some(saved) = draft.commit.invoices.first_mut() else { return };
    if !saved.value.automatic {
        return;
    }
    let input = InvoiceInput::Wake { method: customer.method.clone(), wall: ledger.clocks.wall() };
    if let InvoiceOutcome::Applied { next, effects, .. } = transition(&saved.value, &policy.ladder, input, now) {
        saved.value = *next;
        draft.calls.charges.extend(effects.into_iter().filter_map(|e| match e {
            billing::invoice::InvoiceEffect::Charge(claim) => Some(claim),
            _ => None,
        }));
    }
}

async fn customer(
    ledger: &Ledger,
    request: &SignupRequest,
    default_gateway: &str,
    caller: &Caller,
    now: Instant,
) -> Result<Versioned<Customer>, Error> {
    let asked = &request.customer;
    let currency = parse_field("currency", Currency::try_new(&asked.currency))?;
    let id = match &asked.id {
        Some(text) => parse_field("customer.id", CustomerId::try_new(text.as_str()))?,
        None => CustomerId::from_random(ledger.ids.next()),
    };
    let method = match &request.payment_method {
        Some(m) => Some(Method {
            gateway: default_gateway.into(),
            token: required("payment_method.token", &m.token)?,
            kind: required("payment_method.kind", &m.kind)?,
        }),
        None => None,
    };
    if let Some(mut known) = ledger.store.customer(&id).await? {
        if known.value.currency != currency {
            let customer = known.value.currency.to_string();
            return Err(Refusal::WrongCurrency { customer, requested: currency.to_string() }.into());
        }
        known.value.method = method.or(known.value.method);
        known.value.consolidate = asked.consolidate.unwrap_or(known.value.consolidate);
        tax_data(&mut known.value, asked)?;
        return Ok(known);
    }
    let zone = asked.time_zone.as_deref().unwrap_or("UTC").parse();
    let mut value = Customer {
        id,
        currency,
        time_zone: parse_field("customer.time_zone", zone.map_err(|_| "must be an IANA zone such as Europe/Berlin"))?,
        email: short("customer.email", asked.email.clone())?,
        locale: short("customer.locale", asked.locale.clone())?,
        channel: short("customer.channel", asked.channel.clone())?,
        country: None,
        storefront: Some(caller.storefront.clone()),
        arm: short("arm", request.arm.clone())?,
        method,
        tax: TaxData::default(),
        redeemed: std::collections::BTreeMap::new(),
        consolidate: asked.consolidate.unwrap_or_default(),
        acquired_at: now,
    };
    tax_data(&mut value, asked)?;
    Ok(Versioned { value, version: 0 })
}

/// What the request says about the customer's taxes takes the place of what was known.
fn tax_data(customer: &mut Customer, asked: &CustomerRequest) -> Result<(), Refusal> {
    if let Some(country) = short("customer.country", asked.country.clone())? {
        if !is_known_country(&country) {
            let detail =
                format!("{country:?} is not a country code; write two upper case letters (ISO 3166), such as DE");
            return Err(Refusal::InvalidField { field: "customer.country", detail });
        }
        customer.country = Some(country);
    }
    if let Some(region) = short("customer.region", asked.region.clone())? {
        customer.tax.region = Some(region);
    }
    if let Some(number) = &asked.vat_id {
        customer.tax.vat_id = Some(parse_field("customer.vat_id", VatId::try_from(number.clone()))?);
    }
    if let Some(reason) = short("customer.tax_exempt", asked.tax_exempt.clone())? {
        customer.tax.exempt = Some(reason);
    }
    Ok(())
}

fn short(field: &'static str, text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(t) if t.is_empty() || t.len() > TEXT_BYTES_MAX || t.chars().any(char::is_control) => {
            Err(Refusal::InvalidField { field, detail: format!("must be 1 to {TEXT_BYTES_MAX} bytes of plain text") })
        }
        other => Ok(other),
    }
}

fn required(field: &'static str, text: &str) -> Result<String, Refusal> {
    Ok(short(field, Some(text.to_owned()))?.unwrap_or_default())
}

/// A plan on sale with the price that this customer pays for it.
pub(crate) struct Offer {
    pub(crate) plan: Plan,
    pub(crate) policy: Policy,
    pub(crate) terms: Terms,
}

/// Which plan is meant.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// The version on sale of the plan with this name.
    OnSale(&'a str),
    /// The version that was bought: more seats or another interval move nobody to a newer one.
    Held(&'a VersionRef),
}

impl Wanted<'_> {
    async fn find(self, ledger: &Ledger) -> Result<Plan, Error> {
        let unknown = |plan: &str| Refusal::UnknownPlan { plan: plan.chars().take(60).collect() };
        match self {
            Self::OnSale(name) if !billing::catalog::is_name(name) => Err(unknown(name).into()),
            Self::OnSale(name) => Ok(ledger.store.current_plan(name).await?.ok_or_else(|| unknown(name))?),
            Self::Held(version) => Ok(ledger.store.plan(version).await?.ok_or_else(|| unknown(&version.name))?),
        }
    }
}

/// How a plan is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Selection<'a> {
    pub(crate) currency: Currency,
    pub(crate) interval: &'a str,
    pub(crate) quantity: i64,
    pub(crate) add_ons: &'a [WantedAddOn],
}

/// What a selection of `plan` costs this customer: a contract price if one was negotiated, else the plan's; add-ons at the
/// plan version's prices.
pub(crate) async fn offer(
    ledger: &Ledger,
    customer: &Customer,
    plan: Wanted<'_>,
    selection: &Selection<'_>,
) -> Result<Offer, Error> {
    let interval = parse_field("interval", selection.interval.parse())?;
    let found = plan.find(ledger).await?;
    let contracts = ledger.store.contract_price(&customer.id, &found.id).await?;
    let currency = selection.currency;
    let fits = |p: &Price| p.currency == currency && p.interval == interval;
    let negotiated = contracts.iter().map(|c| &c.price).find(|p| fits(p));
    let price = match negotiated.or_else(|| found.price(currency, interval)) {
        Some(price) => price.clone(),
        None => return Err(no_such_price(&found, currency, &interval.to_string()).into()),
    };
    let policy = ledger.store.current_policy(&found.policy).await?;
    let policy = policy.ok_or_else(|| Refusal::NotFound { what: "policy", id: found.policy.clone() })?;
    let terms = Terms::try_new(&found, &policy, &price, negotiated.is_some(), selection.quantity)?;
    let terms = terms.with_add_ons(&found, selection.add_ons)?;
    terms.full_period_money().map_err(Refusal::from)?;
    billing::run_rate::mrr12(&terms).map_err(Refusal::from)?;
    Ok(Offer { plan: found, policy, terms })
}

fn no_such_price(plan: &Plan, currency: Currency, interval: &str) -> Refusal {
    let offered: Vec<String> = plan.prices.iter().map(|p| format!("{} per {}", p.currency, p.interval)).collect();
    let field = if plan.prices.iter().any(|p| p.currency == currency) { "interval" } else { "currency" };
    Refusal::NoSuchPrice {
        plan: plan.id.clone(),
        currency: currency.to_string(),
        interval: interval.into(),
        offered: offered.join(", "),
        field,
    }
}

/// The present state as an answer to a sign-up.
async fn reply(ledger: &Ledger, customer: &CustomerId, id: &SubscriptionId) -> Result<SignupReply, Error> {
    let missing = || Refusal::NotFound { what: "subscription", id: id.to_string() };
    let file = ledger.store.file(customer).await?.ok_or_else(missing)?;
    let held = file.subscriptions.iter().find(|s| s.value.id == *id).ok_or_else(missing)?;
    let now = ledger.clocks.business().await?;
    let first = file.invoices.iter().filter(|i| i.value.is_of(id)).min_by_key(|i| i.value.issued_at);
    let declined = first.and_then(|i| i.value.attempts.iter().find_map(|a| a.code.clone()));
    let action = first.and_then(|i| match &i.value.state {
        InvoiceState::Unknown { action, .. } => action.clone(),
        _ => None,
    });
    let status = match (&held.value.state, &declined, &action) {
        (State::Incomplete { .. }, Some(_), _) | (State::Canceled { reason: CancelReason::Expired, .. }, ..) => {
            SignupStatus::Declined
        }
        (State::Incomplete { .. }, _, Some(_)) => SignupStatus::ActionRequired,
        (State::Incomplete { .. }, None, None) => SignupStatus::Pending,
        _ => SignupStatus::Active,
    };
    let decline_code = declined.filter(|_| status == SignupStatus::Declined);
    let subscription = SubscriptionView::new(held, &file.invoices, now);
    Ok(SignupReply { status, decline_code, action, subscription })
}
