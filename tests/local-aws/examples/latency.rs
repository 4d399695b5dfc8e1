//! How long single calls take through the SDK against the embedded database: p50 and p99 in microseconds.
//!
//! Run with `cargo run -p local-aws --example latency [calls] [file]`.

use std::{error::Error, path::PathBuf, time::Instant};

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use local_aws::tables::{self, OPERATIONS, TABLE};

type Item = std::collections::HashMap<String, AttributeValue>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// About the size of an invoice, waiting in the index.
fn item(pk: usize, sk: &str) -> Item {
    let data = (0..20).map(|i| (format!("f{i}"), text(format!("value-{i}-{pk:020}")))).collect();
    Item::from([
        ("pk".into(), text(format!("cus_{pk:020}"))),
        ("sk".into(), text(sk)),
        ("v".into(), AttributeValue::N("1".into())),
        ("gp".into(), text(format!("due#renew#{:02}", pk % 64))),
        ("gs".into(), text(format!("2027-01-31T09:00:00Z#1renew#sub_{pk:020}"))),
        ("d".into(), AttributeValue::M(data)),
    ])
}

fn report(name: &str, mut micros: Vec<u128>) {
    micros.sort_unstable();
    let sum: u128 = micros.iter().sum();
    println!(
        "{name:32} p50 {:>6} us  p99 {:>6} us  {:>8} ms in all",
        micros[micros.len() / 2],
        micros[micros.len() * 99 / 100],
        sum / 1000
    );
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let calls: usize = arguments.next().map_or(Ok(2_000), |n| n.parse())?;
    let path = arguments.next().map(PathBuf::from);
    let database = tables::embedded(path.as_deref()).await?;
    let client = database.client();
    let mut times = Vec::new();
    for i in 0..calls {
        let began = Instant::now();
        client
            .put_item()
            .table_name(TABLE)
            .set_item(Some(item(i, "S#sub")))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await?;
        times.push(began.elapsed().as_micros());
    }
    report("PutItem, conditional, indexed", std::mem::take(&mut times));
    for i in 0..calls {
        let began = Instant::now();
        let put = |item| Put::builder().table_name(TABLE).set_item(Some(item)).build();
        let write = |put| TransactWriteItem::builder().put(put).build();
        client
            .transact_write_items()
            .transact_items(write(put(item(i, "S#sub"))?))
            .transact_items(write(put(item(i, "I#inv"))?))
            .send()
            .await?;
        times.push(began.elapsed().as_micros());
    }
    report("TransactWriteItems, 2 items", std::mem::take(&mut times));
    for i in 0..calls {
        let began = Instant::now();
        client
            .get_item()
            .table_name(TABLE)
            .key("pk", text(format!("cus_{i:020}")))
            .key("sk", text("S#sub"))
            .consistent_read(true)
            .send()
            .await?;
        times.push(began.elapsed().as_micros());
    }
    report("GetItem", std::mem::take(&mut times));
    for i in 0..calls {
        let began = Instant::now();
        client
            .query()
            .table_name(TABLE)
            .index_name("due")
            .limit(200)
            .key_condition_expression("gp = :p AND gs < :b")
            .expression_attribute_values(":p", text(format!("due#renew#{:02}", i % 64)))
            .expression_attribute_values(":b", text("2026"))
            .send()
            .await?;
        times.push(began.elapsed().as_micros());
    }
    report("Query of the index, empty", std::mem::take(&mut times));
    for i in 0..calls {
        let began = Instant::now();
        client
            .update_item()
            .table_name(OPERATIONS)
            .key("pk", text(format!("permits#{}", i % 10)))
            .update_expression("ADD n :w")
            .expression_attribute_values(":w", AttributeValue::N("1".into()))
            .send()
            .await?;
        times.push(began.elapsed().as_micros());
    }
    report("UpdateItem, no stream", std::mem::take(&mut times));
    let (began, mut position, mut records) = (Instant::now(), None, 0);
    loop {
        let page = database.stream(TABLE, position.as_deref(), 1_000)?;
        records += page.records.len();
        position = Some(page.next);
        if page.records.is_empty() {
            break;
        }
    }
    println!("{records} stream records read in {} ms", began.elapsed().as_millis());
    if let Some(position) = position {
        let began = Instant::now();
        println!("{} forgotten in {} ms", database.forget_stream(&position)?, began.elapsed().as_millis());
    }
    Ok(())
}
