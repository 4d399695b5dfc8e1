//! `perennial clock`: show or move the test clock of a running `perennial serve`.

use serde_json::{Value, json};

use crate::failure::Failure;

/// Arguments of `perennial clock`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where `perennial serve` listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Step to this date or RFC 3339 instant, doing all work that falls due on the way.
    #[arg(long, conflicts_with = "days")]
    to: Option<String>,
    /// Step so many days on.
    #[arg(long)]
    days: Option<u32>,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let url = format!("{}/test-clock", args.server.trim_end_matches('/'));
    let client = reqwest::Client::new();
    let request = match (&args.to, args.days) {
        (None, None) => client.get(&url),
        (Some(to), _) => client.post(&url).json(&json!({ "to": to })),
        (None, Some(days)) => client.post(&url).json(&json!({ "days": days })),
    };
    let unreachable = |e| Failure::because(format!("ask {url} (is `perennial serve` running?)"), e);
    let reply = request.send().await.map_err(unreachable)?;
    let ok = reply.status().is_success();
    let body: Value = reply.json().await.map_err(unreachable)?;
    if !ok {
        return Err(Failure::because("move the clock", body["detail"].as_str().unwrap_or("it was refused").to_owned()));
    }
    println!("{}", body["at"].as_str().unwrap_or_default());
    Ok(())
}
