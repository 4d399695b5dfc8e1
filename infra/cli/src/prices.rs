//! `perennial prices`: what was negotiated with a customer.
//!
//! Exists beside `catalog` because such a price is one customer's, and may change; it holds for what the customer agrees to
//! from then on. Running contracts keep what they have until they are changed.

use std::path::{Path, PathBuf};

use billing::{calendar::Interval, customer::ContractPrice, ids::CustomerId, money::Currency};
use serde::{Deserialize, Serialize};
use usecases::{ports::Store, publish::agree_on_prices};

use crate::{failure::Failure, target::Target};

/// Subcommands of `perennial prices`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Agree on the prices of a file: each takes the place of one for the same customer, plan, currency and interval.
    ///
    ///     [[prices]]
    ///     customer = "cus_bo"
    ///     plan = "team"
    ///     price = { currency = "EUR", interval = "month", model = "per-seat", unit_amount = "7.50" }
    #[command(verbatim_doc_comment)]
    Agree {
        /// The file (TOML).
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Show what was agreed on with a customer for a plan, in the form that `agree` reads.
    Show {
        /// The customer's id.
        #[arg(value_parser = |id: &str| CustomerId::try_new(id))]
        customer: CustomerId,
        /// The plan, without its version.
        plan: String,
        #[command(flatten)]
        target: Target,
    },
    /// Withdraw an agreed price: from then on the customer is offered the plan's own.
    Withdraw {
        /// The customer's id.
        #[arg(value_parser = |id: &str| CustomerId::try_new(id))]
        customer: CustomerId,
        /// The plan, without its version.
        plan: String,
        /// The currency of the price.
        #[arg(value_parser = Currency::try_new)]
        currency: Currency,
        /// Its interval, such as month.
        interval: Interval,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    prices: Vec<ContractPrice>,
}

/// Runs the command.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Agree { file, target } => {
            let prices = read(&file)?;
            let agreed = agree_on_prices(target.open().await?.store(), &prices).await;
            agreed.map_err(|e| Failure::because(format!("agree on the prices of {}", file.display()), e))?;
            println!("{} prices agreed on", prices.len());
        }
        Command::Show { customer, plan, target } => {
            let prices = of(target.open().await?.store(), &customer, &plan).await?;
            let text = toml::to_string(&File { prices }).map_err(|e| Failure::because("write the prices", e))?;
            println!("{}", text.trim_end());
        }
        Command::Withdraw { customer, plan, currency, interval, target } => {
            let opened = target.open().await?;
            let agreed = of(opened.store(), &customer, &plan).await?;
            let named = |a: &&ContractPrice| a.price.currency == currency && a.price.interval == interval;
            let found = agreed.iter().find(named).ok_or_else(|| {
                let why = format!("there is none in {currency} per {interval}; `perennial prices show` lists them");
                Failure::because(format!("withdraw the price of {customer} for {plan}"), why)
            })?;
            let removed = opened.store().remove_contract_price(found).await;
            removed.map_err(|e| Failure::because("withdraw the price", e))?;
            println!("withdrawn; a running contract keeps its price until it is changed");
        }
    }
    Ok(())
}

async fn of(store: &dyn Store, customer: &CustomerId, plan: &str) -> Result<Vec<ContractPrice>, Failure> {
    store.contract_price(customer, plan).await.map_err(|e| Failure::because("read the prices", e))
}

fn read(file: &Path) -> Result<Vec<ContractPrice>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::io("read", file, e))?;
    let file: File = toml::from_str(&text).map_err(|e| Failure::because("understand the prices", e))?;
    Ok(file.prices)
}
