//! From an operation's name and JSON to the engine and back, as its own HTTP server does it.

use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};

/// Status and body of an answer.
pub(crate) type Answer = (u16, Vec<u8>);

/// Runs one operation.
pub(crate) fn dispatch(db: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "GetItem" => run(body, |q| db.get_item(q)),
        "PutItem" => run(body, |q| db.put_item(q)),
        "UpdateItem" => run(body, |q| db.update_item(q)),
        "DeleteItem" => run(body, |q| db.delete_item(q)),
        "Query" => run(body, |q| db.query(q)),
        "Scan" => run(body, |q| db.scan(q)),
        "BatchGetItem" => run(body, |q| db.batch_get_item(q)),
        "BatchWriteItem" => run(body, |q| db.batch_write_item(q)),
        "TransactGetItems" => run(body, |q| db.transact_get_items(q)),
        "TransactWriteItems" => {
            run(body, |mut q: dynoxide::actions::transact_write_items::TransactWriteItemsRequest| {
                // The token guards a request that is sent twice because its answer was lost; here none is. The engine
                // searches all tokens of ten minutes on every call, so they would make a long run slower and slower.
                q.client_request_token = None;
                db.transact_write_items(q)
            })
        }
        "CreateTable" => run(body, |q| db.create_table(q)),
        "DeleteTable" => run(body, |q| db.delete_table(q)),
        "DescribeTable" => run(body, |q| db.describe_table(q)),
        "ListTables" => run(body, |q| db.list_tables(q)),
        "UpdateTimeToLive" => run(body, |q| db.update_time_to_live(q)),
        "DescribeTimeToLive" => run(body, |q| db.describe_time_to_live(q)),
        _ => failed(400, "UnknownOperationException", &format!("{operation} is not embedded")),
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(body: &[u8], call: impl FnOnce(Q) -> Result<A, DynoxideError>) -> Answer {
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return failed(400, "SerializationException", &error.to_string()),
    };
    match call(request) {
        Ok(answer) => match serde_json::to_vec(&answer) {
            Ok(body) => (200, body),
            Err(error) => failed(500, "InternalServerError", &error.to_string()),
        },
        Err(error) => (error.status_code(), error.to_json().into_bytes()),
    }
}

fn failed(status: u16, kind: &str, message: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
    (status, serde_json::json!({ "__type": kind, "message": message }).to_string().into_bytes())
}
