//! Publish a catalog: every plan and policy version once, immutable.

use billing::{
    catalog::{Catalog, CatalogProblem},
    customer::ContractPrice,
};

use crate::{error::Error, ports::Store};

/// What publishing did.
#[derive(Debug, PartialEq, Eq)]
pub enum Published {
    /// So many plan versions are on sale.
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
    Ok(Published::OnSale(catalog.plans.len()))
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

/// Agrees on a contract price.
///
/// # Errors
/// [`billing::refusal::Refusal::InvalidField`] when the price cannot be billed; the store's.
pub async fn agree_on_price(store: &dyn Store, contract: &ContractPrice) -> Result<(), Error> {
    contract.price.check().map_err(|detail| billing::refusal::Refusal::InvalidField { field: "price", detail })?;
    store.put_contract_price(contract).await
}
