//! Loads what decides the taxes of a decision: the seller's current settings and the customer.
//!
//! Exists so that contracts without tax read nothing for it, and so that what is read follows from the terms alone.

use billing::{
    customer::Customer,
    subscription::{Input, Subscription},
    tax::Taxes,
    terms::Terms,
};

use crate::{error::Error, ports::Ledger};

/// For a decision about a stored contract.
pub(crate) async fn of_contract(ledger: &Ledger, held: &Subscription, input: &Input) -> Result<Taxes, Error> {
    // News from invoices bills nothing.
    if !input.is_command() && *input != Input::Wake {
        return Ok(Taxes::default());
    }
    let agreed = held.scheduled.change.as_ref().map(|(_, terms)| terms.as_ref());
    let announced = held.scheduled.moved.as_ref().map(|(_, to)| &to.terms);
    let follows = held.scheduled.change_moved.as_ref().map(|to| &to.terms);
    let asked = match input {
        Input::Change { terms, .. } | Input::Move { terms, .. } => Some(terms.as_ref()),
        _ => None,
    };
    let terms: Vec<&Terms> = [Some(&held.terms), agreed, announced, follows, asked].into_iter().flatten().collect();
    if terms.iter().all(|t| t.conditions.tax.is_none()) {
        return Ok(Taxes::default());
    }
    let customer = ledger.store.customer(&held.customer).await?;
    of_terms(ledger, customer.as_ref().map(|c| &c.value), &terms).await
}

/// For terms that `customer` has or asks for.
pub(crate) async fn of_terms(ledger: &Ledger, customer: Option<&Customer>, terms: &[&Terms]) -> Result<Taxes, Error> {
    let mut taxes = Taxes { settings: Vec::new(), customer: customer.and_then(Customer::for_tax) };
    for binding in terms.iter().filter_map(|t| t.conditions.tax.as_ref()) {
        if taxes.settings.iter().all(|s| s.id != binding.settings) {
            // What is not published is missing here, and the rules refuse what needs it.
            taxes.settings.extend(ledger.store.current_tax_settings(&binding.settings).await?);
        }
    }
    Ok(taxes)
}
