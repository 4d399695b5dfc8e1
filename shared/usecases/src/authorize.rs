//! Which storefront is calling.

use billing::refusal::Refusal;
use sha2::{Digest, Sha256};

use crate::{error::Error, ports::Operations};

/// The storefront that owns the key in an `Authorization: Bearer` header. Only a hash of the key is stored and compared.
///
/// # Errors
/// [`Refusal::Unauthorized`].
pub async fn storefront(operations: &dyn Operations, authorization: Option<&str>) -> Result<String, Error> {
    let key = authorization.and_then(|h| h.strip_prefix("Bearer ")).map(str::trim).filter(|k| !k.is_empty());
    let key = key.ok_or(Refusal::Unauthorized)?;
    Ok(operations.storefront_of(&sha256_hex(key)).await?.ok_or(Refusal::Unauthorized)?)
}

/// Lower-case hexadecimal SHA-256 of a text.
#[must_use]
pub fn sha256_hex(text: impl AsRef<[u8]>) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}
