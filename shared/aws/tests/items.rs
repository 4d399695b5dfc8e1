//! What an item looks like, that it is read back, and how large it is.
//!
//! A file in `tests/golden` is a promise to every table in use and is never edited. `UPDATE_EXPECT=1 cargo test -p aws`
//! writes files that are missing, and touches no other.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, sync::Arc};

use aws::{
    item::{self, Attributes, Keyed},
    keys,
    record::stored,
    size::item_size,
};
use billing::{fact::Fact, ids::CustomerId, invoice::Invoice};
use serde::de::DeserializeOwned;
use serde_dynamo::AttributeValue;
use usecases::{
    collect::collect,
    memory::{CountingIds, ManualClocks, MemoryStore},
    ports::{CustomerFile, Gateways, Job, Ledger, Save},
    publish::publish,
    renew::renew,
    sandbox::Sandbox,
    signup::{Caller, signup},
};

const SHARDS: u16 = 64;

fn here(folder: &str) -> PathBuf {
    PathBuf::from(folder)
}

/// Every form that the rules store, as they promise it themselves.
fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = here("../billing/tests/golden").join(format!("{name}.json"));
    let json = fs::read_to_string(path).expect("a golden file of the rules");
    serde_json::from_str(&json).expect("a stored form")
}

fn fact() -> Fact {
    read("fact-payment-failed")
}

fn save<T>(value: T) -> Save<T> {
    Save { value, replaces: 6 }
}

/// The item of a stored form, and whether reading it gives the form back.
fn item_of(name: &str) -> (Keyed, bool) {
    match name.split('-').next().expect("a name") {
        "subscription" => {
            let stored = save(read(name));
            let keyed = item::subscription(&stored, SHARDS).expect("an item");
            let back = item::read_subscription(keyed.attributes.clone()).expect("a subscription");
            (keyed, back.version == 7 && back.value == stored.value)
        }
        "invoice" => {
            let stored = save(Invoice { facts: vec![fact()], ..read(name) });
            let keyed = item::invoice(&stored, SHARDS).expect("an item");
            let back = item::read_invoice(keyed.attributes.clone()).expect("an invoice");
            (keyed, back.version == 7 && back.value == stored.value)
        }
        "customer" => {
            let stored = save(read(name));
            let keyed = item::customer(&stored).expect("an item");
            let back = item::read_customer(keyed.attributes.clone()).expect("a customer");
            (keyed, back.version == 7 && back.value == stored.value)
        }
        "contract" => {
            let stored = read(name);
            let keyed = item::contract(&stored).expect("an item");
            let back = item::read_contract(keyed.attributes.clone()).expect("a price");
            (keyed, back == stored)
        }
        "journal" => journal_item(name),
        other => panic!("nothing is stored as {other}"),
    }
}

fn journal_item(name: &str) -> (Keyed, bool) {
    let mut stored: billing::journal::JournalEntry = read(name);
    stored.facts = vec![fact(), fact()];
    let owner = CustomerId::try_new("cus_ana").expect("an id");
    let keyed = item::journal(&owner, &stored).expect("an item");
    let back = item::read_journal(keyed.attributes.clone()).expect("an entry");
    // A null of the input is left out; the decision reads the same from both.
    without_nulls(&mut stored.input);
    (keyed, back == stored)
}

fn without_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(without_nulls);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn stored_forms() -> Vec<String> {
    let files = fs::read_dir(here("../billing/tests/golden")).expect("the golden files of the rules");
    let names = files.map(|f| f.expect("a file").file_name().to_string_lossy().trim_end_matches(".json").to_owned());
    let mut names: Vec<_> = names.filter(|n| !n.starts_with("fact-") && !n.starts_with("catalog-")).collect();
    names.sort();
    names
}

fn pretty(item: &Attributes) -> String {
    let sorted = serde_json::to_value(item).expect("JSON");
    serde_json::to_string_pretty(&sorted).expect("JSON") + "\n"
}

#[test]
fn every_stored_form_is_read_back_and_looks_as_it_was_promised() {
    let names = stored_forms();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let (keyed, same) = item_of(&name);
        assert!(same, "{name} came back changed");
        let path = here("tests/golden").join(format!("{name}.json"));
        let text = pretty(&keyed.attributes);
        match fs::read_to_string(&path) {
            Ok(promised) => assert_eq!(text, promised, "{name}"),
            Err(_) if std::env::var_os("UPDATE_EXPECT").is_some() => fs::write(&path, text).expect("written"),
            Err(e) => panic!("{name}: {e}"),
        }
    }
}

/// A reader of the whole table knows each item, and where it belongs in the due index.
#[test]
fn an_item_that_was_just_written_stands_where_it_belongs_and_one_that_was_moved_does_not() {
    let told = |item: Attributes| stored(item, SHARDS).expect("an item").misplaced;
    let mut moved = 0;
    for name in stored_forms() {
        let item = item_of(&name).0.attributes;
        assert_eq!(told(item.clone()), None, "{name}");
        if !item.contains_key(keys::DUE_POSITION) {
            continue;
        }
        let later = AttributeValue::S("2099-01-01T00:00:00Z#1renew#x".into());
        let elsewhere: Attributes = item.clone().into_iter().chain([(keys::DUE_POSITION.to_owned(), later)]).collect();
        assert!(told(elsewhere).is_some_and(|told| told.contains("2099-01-01")), "{name}");
        let waits = |name: &str| name == keys::DUE_POSITION || name == keys::DUE_PARTITION;
        let nowhere: Attributes = item.into_iter().filter(|(attribute, _)| !waits(attribute)).collect();
        assert!(told(nowhere).is_some_and(|told| told.starts_with("it stands at nowhere")), "{name}");
        moved += 1;
    }
    assert!(moved > 5, "{moved}");
}

/// Also what no rule writes any more: what lies in a table is read.
#[test]
fn every_promised_item_can_still_be_read() {
    for file in fs::read_dir(here("tests/golden")).expect("golden files") {
        let path = file.expect("a file").path();
        let json = fs::read_to_string(&path).expect("a file");
        let item: serde_dynamo::Item = serde_json::from_str(&json).expect("an item");
        let attributes = item.into_inner();
        let sk = item::key_of(&attributes).expect("a key").sk;
        let read = match sk.chars().next() {
            Some('C') => item::read_customer(attributes).map(|_| ()),
            Some('S') => item::read_subscription(attributes).map(|_| ()),
            Some('I') => item::read_invoice(attributes).map(|_| ()),
            Some('J') => item::read_journal(attributes).map(|_| ()),
            _ => item::read_contract(attributes).map(|_| ()),
        };
        read.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn an_item_that_is_not_what_its_key_says_is_an_error_that_names_it() {
    let (keyed, _) = item_of("invoice-paid");
    let text = |value: &str| serde_dynamo::AttributeValue::S(value.into());
    let spoil = |change: &dyn Fn(&mut Attributes)| {
        let mut item = keyed.attributes.clone();
        change(&mut item);
        item::read_invoice(item).expect_err("it was read").to_string()
    };
    let moved = spoil(&|item| drop(item.insert("pk".into(), text("cus_eve"))));
    assert_eq!(moved, "item cus_eve I#inv_ana-p1: holds what belongs at cus_ana I#inv_ana-p1");
    assert!(spoil(&|item| drop(item.remove("v"))).contains("cus_ana I#inv_ana-p1: has no version"));
    assert!(spoil(&|item| drop(item.remove("d"))).contains("has no data"));
    assert!(spoil(&|item| drop(item.insert("d".into(), text("x")))).contains("cus_ana I#inv_ana-p1"));
    assert!(spoil(&|item| drop(item.insert("f".into(), text("x")))).contains("facts"));
    assert!(spoil(&|item| drop(item.remove("sk"))).contains("no key"));
}

/// A customer with ids of full length, one renewal later.
async fn renewed() -> CustomerFile {
    let store = Arc::new(MemoryStore::new(SHARDS));
    let clocks = Arc::new(ManualClocks::at("2027-01-31T09:00:00.123456Z".parse().expect("an instant")));
    let ledger = Ledger {
        store: store.clone(),
        operations: store.clone(),
        clocks: clocks.clone(),
        ids: Arc::new(CountingIds::default()),
    };
    let catalog = r#"{"plans":[{"id":"business","version":12,"title":"Business","features":["reports"],
        "prices":[{"currency":"EUR","interval":"month","model":"per-seat","unit_amount":"19.90"}]}]}"#;
    publish(&*ledger.store, &serde_json::from_str(catalog).expect("a catalog")).await.expect("published");
    let gateways = Gateways::new([Arc::new(Sandbox::default()) as Arc<dyn usecases::ports::Gateway>]);
    let body = r#"{"customer":{"currency":"EUR","time_zone":"Europe/Berlin","email":"ana.lindgren@example.com","locale":"de",
        "channel":"organic-search","country":"DE"},"plan":"business","quantity":25,"arm":"annual-first",
        "payment_method":{"token":"pm_1PabcdefGHIJKLmnopQRSTuv"}}"#;
    let caller = Caller::new("web-store".into(), "k".into(), "signup", body.as_bytes());
    let request = serde_json::from_str(body).expect("a request");
    let reply = signup(&ledger, &gateways, "sandbox", &caller, request).await.expect("signed up");
    let customer = CustomerId::try_new(reply.subscription.customer.as_str()).expect("an id");
    let job = |item: &str| Job { customer: customer.clone(), item: item.into() };
    clocks.set_business("2027-03-01T00:00:00Z".parse().expect("an instant"));
    renew(&ledger, &job(&reply.subscription.id)).await.expect("renewed");
    let body = reply.subscription.id.trim_start_matches("sub_");
    collect(&ledger, &gateways, &job(&format!("inv_{body}-p2"))).await.expect("collected");
    ledger.store.file(&customer).await.expect("a file").expect("a file")
}

/// Every kilobyte begun is a write unit: what a renewal writes must stay below one each.
#[tokio::test]
async fn what_a_renewal_writes_stays_within_a_kilobyte_each() {
    let file = renewed().await;
    let mut sizes = Vec::new();
    for held in &file.invoices {
        let save = Save { value: held.value.clone(), replaces: held.version - 1 };
        let facts = save.value.facts.iter().map(|f| f.what.event_type.to_string()).collect::<Vec<_>>().join("+");
        let item = item::invoice(&save, SHARDS).expect("an item");
        sizes.push((format!("invoice {} with {facts}", save.value.state.name()), item_size(&item.attributes)));
    }
    let held = &file.subscriptions[0];
    let save = Save { value: held.value.clone(), replaces: held.version - 1 };
    let item = item::subscription(&save, SHARDS).expect("an item");
    sizes.push(("subscription".into(), item_size(&item.attributes)));
    let profile = Save { value: file.customer.value.clone(), replaces: 1 };
    sizes.push(("customer".into(), item_size(&item::customer(&profile).expect("an item").attributes)));
    for (what, size) in &sizes {
        println!("{what}: {size} bytes");
    }
    assert!(sizes.iter().any(|(what, _)| what == "invoice paid with renewal"), "{sizes:?}");
    assert!(sizes.iter().all(|(_, size)| *size <= 1024), "{sizes:?}");
}
