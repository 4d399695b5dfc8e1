//! How long single calls take through the SDK against the embedded database: p50 and p99 in microseconds.
//!
//! Run with `cargo run -p local-aws --example latency [calls] [file]`; without a file it is in memory.

use std::{collections::HashMap, error::Error, path::PathBuf, time::Instant};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem},
};
use embedded::Embedded;
use local_aws::tables::{self, OPERATIONS, TABLE};

type Item = HashMap<String, AttributeValue>;
type Failure = Box<dyn Error + Send + Sync>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn customer(n: usize) -> AttributeValue {
    text(format!("cus_{n:020}"))
}

/// About the size of an invoice, waiting in the index.
fn item(n: usize, sk: &str) -> Item {
    let data = (0..20).map(|i| (format!("f{i}"), text(format!("value-{i}-{n:020}")))).collect();
    Item::from([
        ("pk".into(), customer(n)),
        ("sk".into(), text(sk)),
        ("v".into(), AttributeValue::N("1".into())),
        ("gp".into(), text(format!("due#renew#{:02}", n % 64))),
        ("gs".into(), text(format!("2027-01-31T09:00:00Z#1renew#sub_{n:020}"))),
        ("d".into(), AttributeValue::M(data)),
    ])
}

async fn put(client: Client, n: usize) -> Result<(), Failure> {
    let put = client.put_item().table_name(TABLE).set_item(Some(item(n, "S#sub")));
    put.condition_expression("attribute_not_exists(pk)").send().await?;
    Ok(())
}

async fn put_two(client: Client, n: usize) -> Result<(), Failure> {
    let mut transaction = client.transact_write_items();
    for sk in ["S#sub", "I#inv"] {
        let put = Put::builder().table_name(TABLE).set_item(Some(item(n, sk))).build()?;
        transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
    }
    transaction.send().await?;
    Ok(())
}

async fn get(client: Client, n: usize) -> Result<(), Failure> {
    let get = client.get_item().table_name(TABLE).key("pk", customer(n)).key("sk", text("S#sub"));
    get.consistent_read(true).send().await?;
    Ok(())
}

async fn query_nothing(client: Client, n: usize) -> Result<(), Failure> {
    let query = client.query().table_name(TABLE).index_name("due").limit(200);
    let query = query.key_condition_expression("gp = :p AND gs < :b");
    let query = query.expression_attribute_values(":p", text(format!("due#renew#{:02}", n % 64)));
    query.expression_attribute_values(":b", text("2026")).send().await?;
    Ok(())
}

async fn count(client: Client, n: usize) -> Result<(), Failure> {
    let update = client.update_item().table_name(OPERATIONS).key("pk", text(format!("permits#{}", n % 10)));
    let update = update.update_expression("ADD n :w");
    update.expression_attribute_values(":w", AttributeValue::N("1".into())).send().await?;
    Ok(())
}

async fn time<F>(
    name: &str,
    calls: usize,
    database: &Embedded,
    call: impl Fn(Client, usize) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let client = database.client();
    let mut micros = Vec::with_capacity(calls);
    for n in 0..calls {
        let began = Instant::now();
        call(client.clone(), n).await?;
        micros.push(began.elapsed().as_micros());
    }
    micros.sort_unstable();
    let at = |percent: usize| micros.get(calls * percent / 100).copied().unwrap_or_default();
    println!("{name:32} p50 {:>6} us  p99 {:>6} us", at(50), at(99));
    Ok(())
}

/// Eight tasks at once, each with the calls of renewals: three reads, a transaction, two puts.
async fn throughput(calls: usize, database: &Embedded) -> Result<(), Failure> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let client = database.client();
            tokio::spawn(async move {
                for n in 0..calls / 48 {
                    let n = 1_000_000 * (task + 1) + n;
                    for _ in 0..3 {
                        get(client.clone(), n).await?;
                    }
                    put_two(client.clone(), n).await?;
                    put(client.clone(), 2 * n + 1_000_000_000).await?;
                    put(client.clone(), 2 * n + 1_000_000_001).await?;
                }
                Ok::<(), Failure>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let (done, took) = (calls / 48 * 48, began.elapsed());
    let each = took.as_micros() / u128::try_from(done.max(1))?;
    println!("{done} calls of eight tasks in {} ms: {each} us each", took.as_millis());
    Ok(())
}

fn stream(database: &Embedded) -> Result<(), Failure> {
    let (began, mut position, mut records) = (Instant::now(), None, 0);
    loop {
        let page = database.stream(TABLE, position.as_deref(), 1_000)?;
        records += page.records.len();
        let end = page.records.is_empty();
        position = Some(page.next);
        if end {
            break;
        }
    }
    println!("{records} stream records read in {} ms", began.elapsed().as_millis());
    let began = Instant::now();
    let forgotten = database.forget_stream(&position.unwrap_or_default())?;
    println!("{forgotten} of them forgotten in {} ms", began.elapsed().as_millis());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let calls: usize = arguments.next().map_or(Ok(2_000), |n| n.parse())?;
    let path = arguments.next().map(PathBuf::from);
    let database = tables::embedded(path.as_deref()).await?;
    time("PutItem, conditional, indexed", calls, &database, put).await?;
    time("TransactWriteItems, 2 items", calls, &database, put_two).await?;
    time("GetItem", calls, &database, get).await?;
    time("Query of the index, empty", calls, &database, query_nothing).await?;
    time("UpdateItem, no stream", calls, &database, count).await?;
    throughput(5 * calls, &database).await?;
    stream(&database)
}
