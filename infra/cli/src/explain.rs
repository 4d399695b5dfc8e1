//! `perennial explain`: why an invoice has its amount, in words.
//!
//! A thin reader: the words are `billing::invoice::explain`'s, brought together by the use case.

use billing::ids::{CustomerId, InvoiceId};
use usecases::explain::explain;

use crate::failure::Failure;

/// Arguments of `perennial explain`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The invoice's id, such as inv_ana-p2.
    invoice: String,
    /// Whose invoice it is: the table keeps invoices with their customer.
    #[arg(long)]
    customer: String,
    #[command(flatten)]
    target: crate::target::Target,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let id = InvoiceId::try_new(args.invoice).map_err(|e| Failure::because("read the invoice's id", e))?;
    let customer = CustomerId::try_new(args.customer).map_err(|e| Failure::because("read the customer's id", e))?;
    let opened = args.target.open().await?;
    let found = opened.store().invoice(&customer, &id).await;
    let found = found.map_err(|e| Failure::because(format!("read {id}"), e))?;
    if found.is_none() {
        let why = format!("{customer} has no such invoice; GET /customers/{customer}/invoices lists them");
        return Err(Failure::because(format!("explain {id}"), why));
    }
    let number = opened.store().number(&customer, &id).await;
    if let Some(number) = number.map_err(|e| Failure::because(format!("read the number of {id}"), e))? {
        println!("Number {number}");
    }
    print!(
        "{}",
        explain(opened.store(), &customer, &id).await.map_err(|e| Failure::because(format!("explain {id}"), e))?
    );
    Ok(())
}
