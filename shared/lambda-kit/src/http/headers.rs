//! Headers that requests are decided by: each at most once, each read strictly.
//!
//! Exists because a header that comes twice means something else to every proxy on the way.

use billing::refusal::Refusal;
use lambda_http::Request;
use usecases::{authorize, error::Error, ports::Operations};

/// Longest Idempotency-Key, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// The header, if it came.
///
/// # Errors
/// [`Refusal::InvalidField`] when it came twice or is not plain text.
pub fn one<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = request.headers().get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::InvalidField { field: name, detail: "must be sent once".into() });
    }
    let plain = value.to_str().map_err(|_| Refusal::InvalidField { field: name, detail: "must be ASCII".into() })?;
    Ok(Some(plain))
}

/// The storefront that the `Authorization` header speaks for.
///
/// # Errors
/// [`Refusal::Unauthorized`]; the store's.
pub async fn storefront(operations: &dyn Operations, request: &Request) -> Result<String, Error> {
    // Sent twice is as good as not sent: nobody may choose which one counts.
    let sent = one(request, "Authorization").map_err(|_| Refusal::Unauthorized)?;
    authorize::storefront(operations, sent).await
}

/// The Idempotency-Key of a request that changes something.
///
/// # Errors
/// [`Refusal::MissingHeader`]; [`Refusal::InvalidField`] when it is not 1 to 128 visible ASCII characters;
/// [`Refusal::CardNumber`].
pub fn idempotency_key(request: &Request) -> Result<String, Refusal> {
    let header = "Idempotency-Key";
    let why = "it makes sure that a repeated request changes nothing twice";
    let key = one(request, header)?.ok_or(Refusal::MissingHeader { header, why })?;
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let detail = format!("must be 1 to {KEY_BYTES_MAX} visible ASCII characters");
        return Err(Refusal::InvalidField { field: header, detail });
    }
    if super::card::is_in(key) {
        return Err(Refusal::CardNumber { field: header.into() });
    }
    Ok(key.into())
}

/// The version that the caller decided on: `"3"` or `3`. None when the header is absent or `*`.
///
/// # Errors
/// [`Refusal::InvalidField`] for anything else; a condition that is not understood must not be ignored.
pub fn if_match(request: &Request) -> Result<Option<u64>, Refusal> {
    let header = "If-Match";
    let text = match one(request, header)?.map(str::trim) {
        None | Some("*") => return Ok(None),
        Some(text) => text,
    };
    let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let digits = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
    let version = digits.then(|| bare.parse().ok()).flatten();
    let bad = || Refusal::InvalidField { field: header, detail: "must be one version such as \"3\"".into() };
    version.map(Some).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn with(headers: &[(&str, &str)]) -> Request {
        let builder = lambda_http::http::Request::builder();
        headers.iter().fold(builder, |b, (n, v)| b.header(*n, *v)).body(Body::Empty).unwrap()
    }

    #[test]
    fn versions_are_read_with_and_without_quotes() {
        for (sent, seen) in [("\"3\"", Some(3)), ("3", Some(3)), ("*", None)] {
            assert_eq!(if_match(&with(&[("if-match", sent)])), Ok(seen), "{sent}");
        }
        for bad in ["", "\"\"", "W/\"3\"", "\"3", "3, 4", "-3", "+3", "99999999999999999999999"] {
            assert!(if_match(&with(&[("if-match", bad)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_idempotency_key_is_short_plain_and_not_a_card() {
        assert_eq!(idempotency_key(&with(&[("idempotency-key", "k-1")])), Ok("k-1".into()));
        assert_eq!(idempotency_key(&with(&[])).unwrap_err().code(), "missing_header");
        for bad in ["", "a b", &"k".repeat(129)] {
            assert_eq!(idempotency_key(&with(&[("idempotency-key", bad)])).unwrap_err().code(), "invalid_field");
        }
        let card = idempotency_key(&with(&[("idempotency-key", "4242424242424242")]));
        assert_eq!(card.unwrap_err().code(), "card_number_refused");
    }

    #[test]
    fn a_header_that_comes_twice_is_refused() {
        let twice = with(&[("idempotency-key", "a"), ("Idempotency-Key", "a")]);
        assert_eq!(idempotency_key(&twice).unwrap_err().code(), "invalid_field");
    }
}
