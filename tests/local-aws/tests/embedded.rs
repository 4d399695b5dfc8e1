//! The embedded database: the contract, its stream, its expiry, and that it survives being killed.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

use aws::stream::facts_of_image;
use aws_sdk_dynamodb::types::AttributeValue;
use local_aws::{
    capacity, contract,
    tables::{self, OPERATIONS, SHARDS, TABLE},
};
use usecases::contract::Subject;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_adapter_keeps_the_contract() {
    let database = tables::embedded(None).await.unwrap();
    contract::run(tables::store(database.client()), "a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_adapter_keeps_the_contract_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = tables::embedded(Some(&folder.path().join("db"))).await.unwrap();
    contract::run(tables::store(database.client()), "a").await.unwrap();
}

#[tokio::test]
async fn the_stream_tells_every_fact_once_and_goes_on_where_it_was() {
    let database = tables::embedded(None).await.unwrap();
    let store = Arc::new(tables::store(database.client()));
    let subject = Subject::new(store, SHARDS, "s");
    usecases::contract::store(&subject).await.unwrap();
    let (mut ids, mut position, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = database.stream(TABLE, position.as_deref(), 200).unwrap();
        position = Some(page.next);
        pages += 1;
        if page.records.is_empty() {
            break;
        }
        for record in page.records {
            let before = facts_of_image(record.change.old_image).unwrap();
            let after = facts_of_image(record.change.new_image).unwrap();
            ids.extend(usecases::relay::added(&before, &after).into_iter().map(|f| f.event_id));
        }
    }
    // One fact on each of the three invoices that the contract pays, two on each of its three journal entries.
    assert_eq!(ids.len(), 9, "{ids:?}");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 9, "{ids:?}");
    assert!(pages > 7, "{pages} pages");
    let forgotten = database.forget_stream(position.as_deref().unwrap()).unwrap();
    assert!(forgotten > 1_400, "{forgotten} records");
    let page = database.stream(TABLE, position.as_deref(), 200).unwrap();
    assert_eq!(page.records.len(), 0, "a position outlives what was forgotten");
}

#[tokio::test]
async fn what_has_expired_is_swept_and_nothing_else() {
    let database = tables::embedded(None).await.unwrap();
    let client = database.client();
    for (name, expires) in [("old", "1000000000"), ("new", "4000000000")] {
        let put = client.put_item().table_name(OPERATIONS).item("pk", AttributeValue::S(name.into()));
        put.item("x", AttributeValue::N(expires.into())).send().await.unwrap();
    }
    assert_eq!(database.sweep_ttl().unwrap(), 1);
    let left = client.scan().table_name(OPERATIONS).send().await.unwrap();
    assert_eq!(left.items()[0]["pk"], AttributeValue::S("new".into()));
}

/// Not a test by itself: the process that the next test kills. It writes until it is killed, and says what was answered.
#[tokio::test]
#[ignore = "runs as a child of the next test"]
async fn writes_until_it_is_killed() {
    let path = std::env::var_os("PERENNIAL_TEST_DATABASE").unwrap();
    let database = tables::embedded(Some(path.as_ref())).await.unwrap();
    let client = database.client();
    for n in 0.. {
        let put = client.put_item().table_name(OPERATIONS).item("pk", AttributeValue::S(format!("n{n}")));
        put.send().await.unwrap();
        println!("wrote {n}");
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env("PERENNIAL_TEST_DATABASE", &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let numbers = lines.filter_map(|line| line.rsplit_once("wrote ").and_then(|(_, n)| n.parse::<u32>().ok()));
    let mut last = 0;
    for number in numbers {
        last = number;
        if number == 500 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(last >= 500, "{last}");
    let database = tables::embedded(Some(&path)).await.unwrap();
    for n in 0..=last {
        let get = database.client().get_item().table_name(OPERATIONS);
        let found = get.key("pk", AttributeValue::S(format!("n{n}"))).send().await.unwrap();
        assert!(found.item.is_some(), "{n} of {last} is gone");
    }
}

/// The design's price of a renewal: what a merchant with many customers pays for, over and over.
#[tokio::test]
async fn a_renewal_with_its_collection_writes_no_more_than_ten_units() {
    let rows = Box::pin(capacity::good_path()).await.unwrap();
    let of = |what: &str| rows.iter().find(|row| row.what == what).unwrap().units.write;
    let sum = of("renewal") + of("its collection");
    assert!(sum <= 10.0, "{sum} units\n{}", capacity::markdown(&rows));
    assert_eq!(of("its collection, delivered again"), 0.0, "a second delivery writes nothing");
}

/// What usage costs: a write for a batch, not one for an event, and none for what comes again.
#[tokio::test]
async fn a_thousand_usage_events_write_no_more_than_25_units() {
    let rows = capacity::usage_path().await.unwrap();
    let of = |what: &str| rows.iter().find(|row| row.what.starts_with(what)).unwrap().units.write;
    let table = capacity::markdown(&rows);
    assert!(of("1,000 usage events in batches of 100") <= 25.0, "{table}");
    assert!(of("1,000 usage events in batches of 60") <= 80.0, "{table}");
    assert!(of("1,000 usage events one by one") <= 2_000.0, "{table}");
    assert_eq!(of("the same 1,000 again"), 0.0, "a second delivery writes nothing");
}

/// A number is two units more, and the counter's two are shared by all that are numbered together.
#[tokio::test]
async fn a_legal_number_adds_two_units() {
    let rows = capacity::numbers_path().await.unwrap();
    let units: Vec<f64> = rows.iter().map(|row| row.units.write).collect();
    assert_eq!(units, [4.0, 200.0], "{}", capacity::markdown(&rows));
}

#[tokio::test]
async fn a_decline_and_its_recovery_are_measured() {
    let rows = capacity::declined_path().await.unwrap();
    assert!(rows.iter().all(|row| row.units.write <= 8.0), "{}", capacity::markdown(&rows));
}
