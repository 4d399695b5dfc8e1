//! Promises of the table, one writer at a time.

use billing::{
    catalog::{Plan, Policy},
    customer::ContractPrice,
    discount::Coupon,
    fact::stamp,
    journal::JournalEntry,
    tax::TaxSettings,
};

use super::{
    Subject,
    fixtures::{World, days_later, new, new_year},
};
use crate::{
    error::Error,
    ports::{Commit, Save},
};

/// Invoices written to see a file that is longer than one answer of any table: more than a megabyte of them.
const LONG_FILE: usize = 1_400;

/// Invoices written at once: below what a transaction may hold.
const AT_ONCE: usize = 70;

fn is_conflict(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(false),
        Err(Error::Conflict(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// One item of four is stale: none of the four is written.
pub(super) async fn a_commit_is_all_or_nothing(subject: &Subject) -> Result<(), Error> {
    let world = subject.world("whole", new_year())?;
    let mut commit = world.commit();
    commit.idempotency = Some(world.record(&subject.prefix, "whole"));
    commit.invoices[0].replaces = 1;
    assert!(is_conflict(subject.store.commit(commit).await)?, "an invoice that is not there was replaced");
    assert!(subject.store.customer(&world.customer.id).await?.is_none(), "half a commit was written");
    assert!(subject.store.file(&world.customer.id).await?.is_none(), "half a commit was written");
    let remembered = subject.operations.idempotency(&subject.prefix, "whole").await?;
    assert!(remembered.is_none(), "a request was remembered that did nothing");
    Ok(())
}

/// Values, versions and facts come back as they were.
pub(super) async fn what_is_written_is_read_back(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("back", new_year()).await?;
    let customer = subject.store.customer(&world.customer.id).await?;
    assert_eq!(customer.map(|c| (c.value, c.version)), Some((world.customer.clone(), 1)));
    let subscription = subject.subscription(&world).await?;
    assert_eq!((subscription.value, subscription.version), (world.subscription.clone(), 1));
    let invoice = subject.invoice(&world).await?;
    assert_eq!((invoice.value, invoice.version), (world.invoice.clone(), 1));
    let paid = Save { value: world.paid(), replaces: 1 };
    subject.store.commit(Commit { invoices: vec![paid.clone()], ..Commit::default() }).await?;
    let invoice = subject.invoice(&world).await?;
    assert_eq!(invoice.value.facts, paid.value.facts, "facts changed on their way");
    assert_eq!((invoice.value, invoice.version), (paid.value, 2));
    let nobody = subject.customer_id("nobody")?;
    assert!(subject.store.customer(&nobody).await?.is_none() && subject.store.file(&nobody).await?.is_none());
    assert!(subject.store.invoice(&nobody, &world.invoice.id).await?.is_none(), "an invoice of somebody else");
    Ok(())
}

/// A version that is not there any more, or not yet, or exists already.
pub(super) async fn a_stale_writer_changes_nothing(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("stale", new_year()).await?;
    for replaces in [0, 2, 7] {
        let mut value = world.subscription.clone();
        value.credit_minor = 1;
        let commit = Commit { subscriptions: vec![Save { value, replaces }], ..Commit::default() };
        assert!(is_conflict(subject.store.commit(commit).await)?, "version 1 was replaced as if it were {replaces}");
        let mut value = world.customer.clone();
        value.email = Some("eve@example.com".into());
        let commit = Commit { customer: Some(Save { value, replaces }), ..Commit::default() };
        assert!(is_conflict(subject.store.commit(commit).await)?, "a profile was replaced by a stale writer");
    }
    assert_eq!(subject.subscription(&world).await?.value, world.subscription);
    Ok(())
}

/// The id says what an invoice is for, so a second invoice for the same cause cannot exist.
pub(super) async fn an_invoice_cannot_be_put_twice(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("twice", new_year()).await?;
    let mut other = world.invoice.clone();
    other.mrr12 += 1;
    let commit = Commit { invoices: vec![new(other)], ..Commit::default() };
    assert!(is_conflict(subject.store.commit(commit).await)?, "a second invoice for one cause");
    assert_eq!(subject.invoice(&world).await?.value, world.invoice);
    Ok(())
}

fn entry(world: &World, version: u64, input: &str) -> JournalEntry {
    let wall = billing::calendar::WallTime(days_later(1));
    JournalEntry {
        subscription: world.subscription.id.clone(),
        version,
        rules: 1,
        at: days_later(1),
        input: serde_json::json!([{ "input": input, "nested": { "at": 1, "list": [1, "two", true] } }]),
        facts: stamp(vec![world.happening(), world.happening()], world.subscription.id.as_str(), version, wall),
    }
}

/// An entry is written once; a commit that would write it again writes nothing.
pub(super) async fn the_journal_is_never_rewritten(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("journal", new_year()).await?;
    let mut subscription = world.subscription.clone();
    subscription.credit_minor = 5;
    let commit = |replaces, entry| Commit {
        subscriptions: vec![Save { value: subscription.clone(), replaces }],
        journal: vec![entry],
        ..Commit::default()
    };
    subject.store.commit(commit(1, entry(&world, 2, "first"))).await?;
    let again = commit(2, entry(&world, 2, "second"));
    assert!(is_conflict(subject.store.commit(again).await)?, "a journal entry was written over");
    assert_eq!(subject.subscription(&world).await?.version, 2, "a decision was stored without its entry");
    let file = subject.store.file(&world.customer.id).await?;
    assert_eq!(file.map(|f| f.journal), Some(vec![entry(&world, 2, "first")]));
    Ok(())
}

/// What becomes of a document becomes of every contract on it, each with its entry, or of none.
pub(super) async fn several_contracts_change_together(subject: &Subject) -> Result<(), Error> {
    let (one, other) = (subject.stored("both", new_year()).await?, subject.world("both", new_year())?);
    let mut other = World { customer: one.customer.clone(), ..other };
    other.subscription.id = subject.subscription_id("both-2")?;
    let subscriptions = vec![new(other.subscription.clone())];
    subject.store.commit(Commit { subscriptions, ..Commit::default() }).await?;
    let changed = |world: &World, replaces| {
        let value = billing::subscription::Subscription { credit_minor: 7, ..world.subscription.clone() };
        Save { value, replaces }
    };
    let commit = |second| Commit {
        subscriptions: vec![changed(&one, 1), changed(&other, second)],
        journal: vec![entry(&one, 2, "one"), entry(&other, 2, "other")],
        ..Commit::default()
    };
    assert!(is_conflict(subject.store.commit(commit(7)).await)?, "one of two contracts was stale");
    assert_eq!(subject.subscription(&one).await?.value, one.subscription, "half a commit was written");
    subject.store.commit(commit(1)).await?;
    for world in [&one, &other] {
        let found = subject.subscription(world).await?;
        assert_eq!((found.value.credit_minor, found.version), (7, 2));
    }
    let journal = subject.store.file(&one.customer.id).await?.map(|file| file.journal).unwrap_or_default();
    assert_eq!(journal, [entry(&one, 2, "one"), entry(&other, 2, "other")]);
    Ok(())
}

/// A file has everything, in order, however long it is.
pub(super) async fn a_file_is_complete(subject: &Subject) -> Result<(), Error> {
    let world = subject.stored("file", new_year()).await?;
    let mut invoices = vec![world.invoice.clone()];
    for ordinal in 2..=LONG_FILE {
        let mut invoice = world.invoice.clone();
        let cause = billing::ids::Cause::Period(u32::try_from(ordinal).unwrap_or(u32::MAX));
        invoice.cause = cause;
        invoice.id = billing::ids::InvoiceId::derive(&world.subscription.id, cause, 0);
        invoices.push(invoice);
    }
    for some in invoices[1..].chunks(AT_ONCE) {
        let invoices = some.iter().cloned().map(new).collect();
        subject.store.commit(Commit { invoices, ..Commit::default() }).await?;
    }
    let file = subject.store.file(&world.customer.id).await?;
    let file = file.ok_or_else(|| Error::unavailable("read what was written", "no file"))?;
    assert_eq!((file.customer.value, file.subscriptions.len()), (world.customer.clone(), 1));
    invoices.sort_by(|a, b| a.id.cmp(&b.id));
    let found: Vec<_> = file.invoices.into_iter().map(|i| i.value).collect();
    assert!(found == invoices, "{} of {} invoices, or in another order", found.len(), invoices.len());
    Ok(())
}

/// The record goes with the commit, and keeps the next one out.
pub(super) async fn a_request_is_remembered_once(subject: &Subject) -> Result<(), Error> {
    let world = subject.world("request", new_year())?;
    let record = world.record(&subject.prefix, "request#1");
    let commit = Commit { idempotency: Some(record.clone()), ..world.commit() };
    subject.store.commit(commit).await?;
    assert_eq!(subject.operations.idempotency(&subject.prefix, "request#1").await?, Some(record.clone()));
    assert!(subject.operations.idempotency(&subject.prefix, "request#2").await?.is_none());
    let other = subject.world("request-2", new_year())?;
    let commit = Commit { idempotency: Some(record), ..other.commit() };
    assert!(is_conflict(subject.store.commit(commit).await)?, "a request was done twice");
    assert!(subject.store.customer(&other.customer.id).await?.is_none(), "half a commit was written");
    Ok(())
}

/// One price for each plan, currency and interval of a customer.
pub(super) async fn a_contract_price_replaces_the_earlier_one(subject: &Subject) -> Result<(), Error> {
    let customer = subject.customer_id("price")?;
    let price = |amount: &str| -> Result<ContractPrice, Error> {
        let plan = subject.plan(1, amount)?;
        Ok(ContractPrice { customer: customer.clone(), plan: plan.id, price: plan.prices[0].clone() })
    };
    let (first, second) = (price("8.00")?, price("7.00")?);
    let elsewhere = ContractPrice { plan: format!("{}-teams", subject.prefix), ..price("1.00")? };
    for contract in [&first, &elsewhere, &second] {
        subject.store.put_contract_price(contract).await?;
    }
    let mut yearly = second.clone();
    yearly.price.interval = billing::calendar::Interval::try_new(billing::calendar::Unit::Year, 1)
        .map_err(|e| Error::unavailable("make the contract's fixtures", e))?;
    subject.store.put_contract_price(&yearly).await?;
    let mut agreed = subject.store.contract_price(&customer, &second.plan).await?;
    agreed.sort_by_key(|c| c.price.interval.to_string());
    assert_eq!(agreed, [second.clone(), yearly]);
    let other = subject.store.contract_price(&subject.customer_id("price-2")?, &first.plan).await?;
    assert_eq!(other, [], "a price of somebody else");
    for _ in 0..2 {
        subject.store.remove_contract_price(&first).await?;
        assert_eq!(subject.store.contract_price(&customer, &second.plan).await?, agreed[1..], "one was withdrawn");
    }
    Ok(())
}

/// A version is what it was published as; another content under the same version is turned away.
pub(super) async fn a_published_version_never_changes(subject: &Subject) -> Result<(), Error> {
    let (store, first) = (&subject.store, subject.plan(1, "9.90")?);
    assert!(store.current_plan(&first.id).await?.is_none() && store.plan(&first.reference()).await?.is_none());
    assert!(store.publish_plan(&first).await?);
    assert!(store.publish_plan(&first).await?, "the same file again was turned away");
    assert!(!store.publish_plan(&subject.plan(1, "9.91")?).await?, "a published version was changed");
    assert_eq!(store.plan(&first.reference()).await?.as_ref(), Some(&first));
    let second = Plan { title: "Team, better".into(), ..subject.plan(2, "10.90")? };
    assert!(store.publish_plan(&second).await?);
    assert_eq!(store.current_plan(&first.id).await?, Some(second.clone()), "a new version is on sale at once");
    assert_eq!(store.plan(&first.reference()).await?.as_ref(), Some(&first));
    assert!(store.publish_plan(&first).await?);
    assert_eq!(store.current_plan(&first.id).await?, Some(second), "the old file again put the old version on sale");
    let policy = Policy { id: format!("{}-policy", subject.prefix), ..Policy::standard() };
    assert!(store.publish_policy(&policy).await?);
    assert!(!store.publish_policy(&Policy { days_until_due: 3, ..policy.clone() }).await?);
    assert_eq!(store.current_policy(&policy.id).await?, Some(policy.clone()));
    assert_eq!(store.policy(&policy.reference()).await?.as_ref(), Some(&policy));
    let next = Policy { version: policy.version + 1, days_until_due: 3, ..policy.clone() };
    assert!(store.publish_policy(&next).await? && store.publish_policy(&policy).await?);
    assert_eq!(store.current_policy(&policy.id).await?, Some(next), "an old policy became current again");
    Ok(())
}

/// A coupon keeps its contents; its code belongs to the coupon that took it last. Tax settings are versions as plans are.
pub(super) async fn a_published_coupon_never_changes_and_its_code_moves(subject: &Subject) -> Result<(), Error> {
    let store = &subject.store;
    let coupon = |id: &str, percent: &str| -> Result<Coupon, Error> {
        let json = serde_json::json!({
            "id": format!("{}-{id}", subject.prefix), "code": format!("{}-CODE", subject.prefix),
            "benefit": {"kind": "percent", "percent": percent}, "duration": {"is": "repeating", "periods": 3},
            "valid": {"until": "2027-05-31", "zone": "Europe/Berlin"}, "redemptions_max": 3, "plans": ["at"],
        });
        serde_json::from_value(json).map_err(|e| Error::unavailable("make the contract's fixtures", e))
    };
    let (first, second) = (coupon("one", "10")?, coupon("two", "20")?);
    let code = first.code.clone().ok_or_else(|| Error::unavailable("make the contract's fixtures", "no code"))?;
    assert_eq!(store.coupon_of(&code).await?, None);
    assert!(store.publish_coupon(&first).await? && store.publish_coupon(&first).await?);
    assert!(!store.publish_coupon(&coupon("one", "90")?).await?, "a published coupon was changed");
    assert_eq!(store.coupon_of(&code).await?.as_ref(), Some(&first));
    assert!(store.publish_coupon(&second).await?);
    assert_eq!(store.coupon_of(&code).await?.as_ref(), Some(&second), "the code did not move");
    assert_eq!(store.coupon(&first.id).await?, Some(first));
    let settings = |version: u32, country: &str| -> Result<TaxSettings, Error> {
        let json = serde_json::json!({
            "id": format!("{}-home", subject.prefix), "version": version, "country": country,
            "registrations": [{"is": "one-stop-shop", "union": "EU"}],
        });
        serde_json::from_value(json).map_err(|e| Error::unavailable("make the contract's fixtures", e))
    };
    let (old, new) = (settings(1, "DE")?, settings(2, "FR")?);
    assert!(store.publish_tax_settings(&old).await? && store.publish_tax_settings(&new).await?);
    assert!(!store.publish_tax_settings(&settings(2, "AT")?).await?, "a published version was changed");
    assert!(store.publish_tax_settings(&old).await?, "the same settings again were turned away");
    assert_eq!(store.current_tax_settings(&new.id).await?.as_ref(), Some(&new));
    assert_eq!(store.tax_settings(&old.reference()).await?, Some(old));
    Ok(())
}
