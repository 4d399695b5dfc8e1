//! The sandbox gateway as a process of its own, on 127.0.0.1.
//!
//! Exists for stacks on an emulator, where functions reach the provider over the network; `perennial serve` hosts the
//! same server inside itself.

use std::{net::Ipv4Addr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use gateways::webhook::Secret;
use sandbox_gateway::{SandboxState, Webhook, serve};
use usecases::sandbox::{Sandbox, SeededDeclines};

/// A payment provider on localhost, without money.
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 4242)]
    port: u16,
    /// Where every charge is written down, and read from at start; in memory when absent.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Where signed news goes: the address of gateway-event.
    #[arg(long, requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// What news is signed with: whsec_ and at least 24 bytes in base64.
    #[arg(long, requires = "webhook_url")]
    webhook_secret: Option<Secret>,
    /// Milliseconds between a lost answer and its news.
    #[arg(long, default_value_t = 1_000)]
    webhook_delay: u64,
    /// Decline renewals as this seed draws them (150 of 1,000 first attempts, 500 of 1,000 retries).
    #[arg(long)]
    decline_seed: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    lambda_kit::start::function(run(arguments)).await
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let sandbox = match arguments.decline_seed {
        Some(seed) => Sandbox::with_declines(SeededDeclines { seed, first_per_mille: 150, later_per_mille: 500 }),
        None => Sandbox::default(),
    };
    let delay = Duration::from_millis(arguments.webhook_delay);
    let parts = arguments.webhook_url.zip(arguments.webhook_secret);
    let webhook = parts.map(|(url, secret)| Webhook { url, secret, delay });
    let state = SandboxState::open(sandbox, arguments.log.as_deref(), webhook)?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    tracing::info!(address = %listener.local_addr()?, "the sandbox gateway listens");
    Ok(serve(listener, Arc::new(state)).await?)
}
