//! Signed news, after the Standard Webhooks specification: headers, signing, verifying, and the body of ours.
//!
//! Exists because anybody can post to a public address. Raw bytes are verified before anything reads them; several
//! secrets are valid at once, so that one can be changed without losing news.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use billing::{calendar::WallTime, gateway::GatewayEvent, ids::CustomerId};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Header: the message's id, the same when it is sent again.
pub const ID: &str = "webhook-id";

/// Header: seconds since 1970 when it was sent.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// Header: `v1,<base64>`, several parted by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// Seconds that a timestamp may be off, in both directions, on wall time.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Most signatures looked at in one header, so that a long one costs nothing.
const SIGNATURES_MAX: usize = 8;

/// Shortest secret, in bytes (the specification asks for 24 to 64).
const SECRET_BYTES_MIN: usize = 24;

/// The body of the sandbox's news: whose invoice it is about, and what happened.
///
/// `{"customer":"cus_ana","event":{"type":"settled","key":"inv_ana-p1:1","outcome":"succeeded",...}}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeBody {
    /// Whose partition; a provider carries it in the payment's metadata.
    pub customer: CustomerId,
    /// The news.
    pub event: GatewayEvent,
}

/// A signing secret; never shown.
#[derive(Clone, Debug)]
pub struct Secret(SecretSlice<u8>);

/// Why a text is not a secret. Quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and at least {SECRET_BYTES_MIN} bytes in base64")]
pub struct BadSecret;

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(BadSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(BadSecret);
        }
        Ok(Self(bytes.into()))
    }
}

impl Secret {
    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length; the error is the trait's, not the algorithm's.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

/// The three headers, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// [`ID`].
    pub id: &'a str,
    /// [`TIMESTAMP`].
    pub timestamp: &'a str,
    /// [`SIGNATURE`].
    pub signature: &'a str,
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// A header is empty or not what it must be.
    #[error("a webhook header cannot be read")]
    Malformed,
    /// Sent too long ago, or in the future: perhaps a recorded message played again.
    #[error("the webhook was not sent within {TOLERANCE_SECONDS} seconds of now")]
    Stale,
    /// No signature fits any secret.
    #[error("no webhook signature fits")]
    Forged,
}

/// The three headers of a message with `id`, sent at `at`.
#[must_use]
pub fn sign(secret: &Secret, id: &str, at: WallTime, body: &[u8]) -> [(&'static str, String); 3] {
    let timestamp = at.0.timestamp().to_string();
    let mac = secret.mac(id, &timestamp, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
    let signature = format!("v1,{}", mac.unwrap_or_default());
    [(ID, id.to_owned()), (TIMESTAMP, timestamp), (SIGNATURE, signature)]
}

/// Believes a message, or says why not.
///
/// # Errors
/// [`Reject`].
pub fn verify(headers: Headers<'_>, body: &[u8], secrets: &[Secret], now: WallTime) -> Result<(), Reject> {
    let Headers { id, timestamp, signature } = headers;
    // Only plain digits: the signed text must be the one that was read.
    let digits = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: i64 = timestamp.parse().ok().filter(|_| digits && !id.is_empty()).ok_or(Reject::Malformed)?;
    if sent.abs_diff(now.0.timestamp()) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Reject::Stale);
    }
    let versioned = signature.split(' ').take(SIGNATURES_MAX).filter_map(|s| s.strip_prefix("v1,"));
    let given: Vec<Vec<u8>> = versioned.filter_map(|s| STANDARD.decode(s).ok()).collect();
    let fits = |secret: &Secret| {
        let mac = secret.mac(id, timestamp, body);
        // `verify_slice` compares in constant time and refuses shortened signatures.
        mac.is_some_and(|mac| given.iter().any(|g| mac.clone().verify_slice(g).is_ok()))
    };
    if secrets.iter().any(fits) { Ok(()) } else { Err(Reject::Forged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn secret(text: &str) -> Secret {
        text.parse().unwrap()
    }

    fn at(seconds: i64) -> WallTime {
        WallTime(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
    }

    fn check(signed: &[(&str, String); 3], body: &[u8], secrets: &[&str], now: i64) -> Result<(), Reject> {
        let headers = Headers { id: &signed[0].1, timestamp: &signed[1].1, signature: &signed[2].1 };
        let secrets: Vec<_> = secrets.iter().map(|s| secret(s)).collect();
        verify(headers, body, &secrets, at(now))
    }

    #[test]
    fn the_published_example_verifies() {
        // From the Standard Webhooks reference libraries.
        let headers = Headers {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330",
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        };
        assert_eq!(verify(headers, BODY, &[secret(OLD)], at(1_614_265_330)), Ok(()));
        assert_eq!(sign(&secret(OLD), headers.id, at(1_614_265_330), BODY)[2].1, headers.signature);
    }

    #[test]
    fn five_minutes_both_ways_and_not_a_second_more() {
        let signed = sign(&secret(OLD), "msg_1", at(10_000), BODY);
        for now in [9_700, 10_000, 10_300] {
            assert_eq!(check(&signed, BODY, &[OLD], now), Ok(()), "{now}");
        }
        for now in [9_699, 10_301, 0, 4_000_000_000] {
            assert_eq!(check(&signed, BODY, &[OLD], now), Err(Reject::Stale), "{now}");
        }
    }

    #[test]
    fn while_a_secret_is_changed_both_are_believed() {
        for signer in [OLD, NEW] {
            let signed = sign(&secret(signer), "msg_1", at(0), BODY);
            assert_eq!(check(&signed, BODY, &[NEW, OLD], 0), Ok(()));
        }
        let old = sign(&secret(OLD), "msg_1", at(0), BODY);
        assert_eq!(check(&old, BODY, &[NEW], 0), Err(Reject::Forged));
        // A sender that signs with both.
        let mut both = sign(&secret(NEW), "msg_1", at(0), BODY);
        both[2].1 = format!("v2,AAAA {} {}", old[2].1, both[2].1);
        assert_eq!(check(&both, BODY, &[NEW], 0), Ok(()));
    }

    #[test]
    fn what_is_forged_shortened_or_changed_is_not_believed() {
        let signed = sign(&secret(OLD), "msg_1", at(0), BODY);
        assert_eq!(check(&signed, b"{}", &[OLD], 0), Err(Reject::Forged));
        assert_eq!(check(&signed, BODY, &[], 0), Err(Reject::Forged));
        let with = |i: usize, text: &str| {
            let mut changed = signed.clone();
            changed[i].1 = text.into();
            check(&changed, BODY, &[OLD], 0)
        };
        assert_eq!(with(0, "msg_2"), Err(Reject::Forged));
        assert_eq!(with(1, "1"), Err(Reject::Forged));
        let half = STANDARD.encode(&STANDARD.decode(&signed[2].1[3..]).unwrap()[..16]);
        for signature in ["", "v1,", "v1", &format!("v1,{half}"), &signed[2].1[3..], &signed[2].1.replace("v1", "v2")] {
            assert_eq!(with(2, signature), Err(Reject::Forged), "{signature}");
        }
        for timestamp in ["", "+0", " 0", "0x0", "-1", "99999999999999999999"] {
            assert_eq!(with(1, timestamp), Err(Reject::Malformed), "{timestamp}");
        }
        assert_eq!(with(0, ""), Err(Reject::Malformed));
    }

    #[test]
    fn a_secret_is_long_enough_and_never_shown() {
        for bad in ["", "whsec_", "whsec_AAAA", "whsec_!!!!", &OLD[6..]] {
            assert_eq!(bad.parse::<Secret>().unwrap_err(), BadSecret, "{bad}");
        }
        assert!(!format!("{:?}", secret(OLD)).contains("77"), "{:?}", secret(OLD));
    }

    #[test]
    fn the_body_reads_back() {
        let text = r#"{"customer":"cus_ana","event":{"type":"settled","key":"inv_ana-p1:1","outcome":"succeeded","reference":"ch_1","at":"2027-01-15T09:00:00Z"}}"#;
        let body: NoticeBody = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&body).unwrap(), text);
    }
}
