//! Publish a catalog: every plan and policy version once, immutable.

use std::collections::BTreeMap;

use billing::{
    catalog::{Catalog, CatalogProblem, Plan},
    customer::ContractPrice,
    refusal::Refusal,
};

use crate::{error::Error, ports::Store};

/// What publishing did.
#[derive(Debug, PartialEq, Eq)]
pub enum Published {
    /// So many plan versions of the file are on sale: of each plan the highest that was ever published.
    OnSale(usize),
    /// Nothing was published.
    Refused(Vec<CatalogProblem>),
}

/// Publishes `catalog`: policies first, so that no plan is on sale without its policy. Publishing the same file again
/// changes nothing.
///
/// # Errors
/// The store's.
pub async fn publish(store: &dyn Store, catalog: &Catalog) -> Result<Published, Error> {
    let mut problems = catalog.problems();
    problems.extend(changed_versions(store, catalog).await?);
    if !problems.is_empty() {
        return Ok(Published::Refused(problems));
    }
    for settings in &catalog.taxes {
        store.publish_tax_settings(settings).await?;
    }
    for plan in &catalog.plans {
        if let Some(policy) = catalog.policy_of(plan) {
            store.publish_policy(&policy).await?;
        }
    }
    for plan in &catalog.plans {
        store.publish_plan(plan).await?;
    }
    for coupon in &catalog.coupons {
        store.publish_coupon(coupon).await?;
    }
    let mut on_sale = 0;
    for plan in &catalog.plans {
        let current = store.current_plan(&plan.id).await?;
        on_sale += usize::from(current.is_some_and(|current| current.version == plan.version));
    }
    Ok(Published::OnSale(on_sale))
}

/// Versions that are published already with other contents.
async fn changed_versions(store: &dyn Store, catalog: &Catalog) -> Result<Vec<CatalogProblem>, Error> {
    let problem = "is published with other contents and immutable: raise its version".to_owned();
    let mut found = Vec::new();
    for plan in &catalog.plans {
        if store.plan(&plan.reference()).await?.is_some_and(|published| published != *plan) {
            found.push(CatalogProblem { place: plan.reference().to_string(), problem: problem.clone() });
        }
    }
    for policy in &catalog.policies {
        if store.policy(&policy.reference()).await?.is_some_and(|published| published != *policy) {
            found.push(CatalogProblem { place: policy.reference().to_string(), problem: problem.clone() });
        }
    }
    for settings in &catalog.taxes {
        if store.tax_settings(&settings.reference()).await?.is_some_and(|published| published != *settings) {
            found.push(CatalogProblem { place: format!("taxes {}", settings.reference()), problem: problem.clone() });
        }
    }
    for coupon in &catalog.coupons {
        if store.coupon(&coupon.id).await?.is_some_and(|published| published != *coupon) {
            let problem = "is published with other contents and immutable: give the new one another id".into();
            found.push(CatalogProblem { place: format!("coupon {}", coupon.id), problem });
        }
    }
    Ok(found)
}

/// Agrees on contract prices, each in the place of one for the same customer, plan, currency and interval; on none of them
/// when one cannot be billed. They hold for what the customer agrees to from then on; a running contract keeps what it has
/// until it is changed.
///
/// # Errors
/// [`Refusal::NotFound`] when such a plan is not on sale; [`Refusal::InvalidField`] when a price cannot be billed; the
/// store's.
pub async fn agree_on_prices(store: &dyn Store, contracts: &[ContractPrice]) -> Result<(), Error> {
    let mut plans: BTreeMap<&str, Plan> = BTreeMap::new();
    for contract in contracts {
        let name = contract.plan.as_str();
        if !plans.contains_key(name) {
            let plan = store.current_plan(name).await?;
            plans.insert(name, plan.ok_or_else(|| Refusal::NotFound { what: "plan", id: name.into() })?);
        }
        let problems = contract.problems(&plans[name]);
        if !problems.is_empty() {
            let detail = format!("of {} for {name}: {}", contract.customer, problems.join("; "));
            return Err(Refusal::InvalidField { field: "price", detail }.into());
        }
    }
    for contract in contracts {
        store.put_contract_price(contract).await?;
    }
    Ok(())
}
