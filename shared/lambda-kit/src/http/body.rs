//! The body: bytes, then JSON, then the verb's own struct; each step refuses without quoting what it refuses.
//!
//! Exists because error texts of parsers quote values, and a value may be a token or worse.

use billing::refusal::Refusal;
use lambda_http::{Body, Request};
use serde::de::DeserializeOwned;

use super::{Problem, card, one_header};

/// Largest body, in bytes, after Lambda's base64 is undone.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// The body as it came, for signatures.
///
/// # Errors
/// [`Refusal::BodyTooLarge`].
pub fn raw_bytes(request: &Request) -> Result<&[u8], Refusal> {
    let bytes: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if bytes.len() > BODY_BYTES_MAX {
        return Err(Refusal::BodyTooLarge { limit_bytes: BODY_BYTES_MAX });
    }
    Ok(bytes)
}

/// The body of a request that says it is JSON, or says nothing.
///
/// # Errors
/// [`Refusal::BodyTooLarge`]; 415 for another type or a compressed body.
pub fn json_bytes(request: &Request) -> Result<&[u8], Problem> {
    let bytes = raw_bytes(request)?;
    let kind = one_header(request, "Content-Type")?.unwrap_or("application/json");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::unsupported("Content-Type", "send application/json"));
    }
    if one_header(request, "Content-Encoding")?.is_some_and(|e| !e.eq_ignore_ascii_case("identity")) {
        return Err(Problem::unsupported("Content-Encoding", "send the body uncompressed"));
    }
    Ok(bytes)
}

/// Reads JSON as the verb's struct, after a look for card numbers in all of it.
///
/// # Errors
/// [`Refusal::InvalidBody`] with the place and what is expected there; [`Refusal::CardNumber`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| broken(bytes, &e))?;
    if let Some(field) = card::find(&value) {
        return Err(Refusal::CardNumber { field });
    }
    // Serde would read a struct from an array, too.
    if !value.is_object() {
        return Err(Refusal::InvalidBody { detail: "it must be an object".into(), path: None });
    }
    // From the bytes again, not from the value: there, a field that comes twice has already vanished.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let detail = expectation(&error.into_inner().to_string());
        Refusal::InvalidBody { detail, path: Some(path).filter(|p| is_plain(p)) }
    })
}

fn broken(bytes: &[u8], error: &serde_json::Error) -> Refusal {
    let detail = match error.classify() {
        _ if bytes.is_empty() => "it is empty; JSON is expected".into(),
        serde_json::error::Category::Eof => "the JSON ends too early".into(),
        _ => format!("it is not JSON at line {}, column {}", error.line(), error.column()),
    };
    Refusal::InvalidBody { detail, path: None }
}

/// A path of fields that could be ours; `.` is the body itself.
fn is_plain(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.[]".contains(&b);
    path != "." && path.len() <= 100 && path.bytes().all(allowed)
}

/// What serde expected, without what it got. Its messages end in `, expected …`; the rest may quote the caller.
fn expectation(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    // The names in these two are ours: they come from the struct.
    if message.starts_with("missing field ") || message.starts_with("duplicate field ") {
        return message.into();
    }
    let got = ["unknown field", "unknown variant", "invalid type", "invalid value", "invalid length"];
    let got = got.into_iter().find(|kind| message.starts_with(kind));
    match (got, message.rsplit_once(", expected ")) {
        (Some(got), Some((_, expected))) => format!("{got}, expected {expected}"),
        (Some(got), None) => got.into(),
        (None, _) => "a value is not allowed here".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Order {
        plan: String,
        #[serde(default)]
        quantity: i64,
        #[serde(default)]
        when: Option<When>,
        #[serde(default)]
        customer: Option<Box<Order>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum When {
        Now,
        PeriodEnd,
    }

    fn refused(body: &str) -> (String, Option<String>) {
        match parse::<Order>(body.as_bytes()) {
            Err(Refusal::InvalidBody { detail, path }) => (detail, path),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_say_where_and_what_is_expected() {
        assert_eq!(refused("{}"), ("missing field `plan`".into(), None));
        assert_eq!(
            refused(r#"{"plan":"a","quantity":1.5}"#),
            ("invalid type, expected i64".into(), Some("quantity".into()))
        );
        let (detail, path) = refused(r#"{"plan":"a","customer":{"plan":7}}"#);
        assert_eq!((detail.as_str(), path.as_deref()), ("invalid type, expected a string", Some("customer.plan")));
        assert_eq!(refused(r#"{"plan":"a","plan":"b"}"#).0, "duplicate field `plan`");
        assert_eq!(refused(r#"{"plan":"a","when":"canary"}"#).0, "unknown variant, expected `now` or `period_end`");
        assert_eq!(refused("").0, "it is empty; JSON is expected");
        assert_eq!(refused("{\"plan\":").0, "the JSON ends too early");
        assert_eq!(refused("{\"plan\" 1}").0, "it is not JSON at line 1, column 9");
    }

    #[test]
    fn no_refusal_quotes_a_value() {
        let bodies = [
            r#"{"plan":"a","quantity":"canary"}"#,
            r#"{"plan":"a","quantity":"canary, expected canary at line 1"}"#,
            r#"{"plan":"a","canary-field!":1}"#,
            r#"{"plan":"a","when":"canary"}"#,
            r#"["canary"]"#,
            "canary",
            r#"{"plan":"a"} canary"#,
        ];
        for body in bodies {
            let (detail, path) = refused(body);
            assert!(!detail.contains("canary") && !path.unwrap_or_default().contains("canary"), "{body}: {detail}");
        }
    }

    #[test]
    fn numbers_that_are_no_numbers_and_deep_nests_are_refused() {
        refused(r#"{"plan":"a","quantity":1e999}"#);
        refused(r#"{"plan":"a","quantity":99999999999999999999999}"#);
        refused(&"[".repeat(60_000));
    }

    #[test]
    fn a_card_number_is_found_before_the_shape_is() {
        let refusal = parse::<Order>(br#"{"nonsense":{"deep":["4242 4242 4242 4242"]}}"#).unwrap_err();
        assert_eq!(refusal, Refusal::CardNumber { field: "nonsense.deep[0]".into() });
    }

    #[test]
    fn other_types_encodings_and_sizes_are_refused() {
        let request = |name: &str, value: &str, body: String| {
            lambda_http::http::Request::builder().header(name, value).body(Body::Text(body)).unwrap()
        };
        let status = |r: Request| json_bytes(&r).map_or_else(|p| p.status(), |_| 200);
        assert_eq!(status(request("content-type", "application/json; charset=utf-8", "{}".into())), 200);
        assert_eq!(status(request("content-type", "text/plain", "{}".into())), 415);
        assert_eq!(status(request("content-encoding", "gzip", "{}".into())), 415);
        assert_eq!(status(request("x-any", "1", "x".repeat(BODY_BYTES_MAX + 1))), 413);
    }
}
