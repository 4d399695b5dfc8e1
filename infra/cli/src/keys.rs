//! `perennial keys`: give a storefront a key. Only its SHA-256 is stored.

use usecases::{authorize::sha256_hex, ports::Ids};

use crate::{failure::Failure, target::Target};

/// Subcommands of `perennial keys`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Make a key for a storefront and print it, once.
    Create {
        /// The storefront's name, as reports show it.
        #[arg(long)]
        storefront: String,
        #[command(flatten)]
        target: Target,
    },
}

/// Runs the command.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    let Command::Create { storefront, target } = command;
    if !billing::catalog::is_name(&storefront) {
        let why = "a storefront's name is lower case letters, digits, - and _";
        return Err(Failure::because(format!("name a storefront {storefront:?}"), why));
    }
    let opened = target.open().await?;
    let key = new_key();
    let stored = opened.operations().put_storefront_key(&sha256_hex(&key), &storefront).await;
    stored.map_err(|e| Failure::because("store the key", e))?;
    println!("{key}");
    Ok(())
}

/// A new key: 256 random bits.
pub(crate) fn new_key() -> String {
    let bits = || billing::ids::base32(aws::RandomIds.next(), 26);
    format!("key_{}{}", bits(), bits())
}
