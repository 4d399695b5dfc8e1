//! Typed configuration: the one place where the environment is read.
//!
//! Exists so that a function with a wrong environment fails at start-up, once, and names every variable that is missing
//! or invalid. Values are never quoted: some of them are secrets.

use std::{collections::BTreeMap, fmt, str::FromStr};

use usecases::ports::DueKind;

/// Shards of each lane of the due index, unless the stack says otherwise.
pub const DUE_SHARDS: u16 = 64;

/// Collections admitted each minute, unless the stack says otherwise.
pub const COLLECTIONS_PER_MINUTE: u32 = 1_500;

/// Why a function cannot start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Every variable that is wrong, and what it must be.
    pub problems: Vec<(&'static str, String)>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.problems.iter().map(|(name, must)| format!("{name} {must}")).collect();
        write!(f, "the environment is not complete: {}", all.join("; "))
    }
}

/// Reads variables, and remembers everything that is wrong with them.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<(&'static str, String)>,
}

impl Reader<'_> {
    /// The variable, if it is set to anything.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// The variable, which must be there.
    pub fn required(&mut self, name: &'static str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problem(name, "is missing");
        }
        value
    }

    /// The variable read as `T`, or `default` when it is not set. `must` says what it must be.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, default: T, must: &str) -> Option<T> {
        let Some(text) = self.optional(name) else { return Some(default) };
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.problem(name, must);
        }
        parsed
    }

    /// Notes that a variable is wrong.
    pub fn problem(&mut self, name: &'static str, must: &str) {
        self.problems.push((name, must.to_owned()));
    }
}

/// A part of the configuration. `read` notes every problem in the reader before it gives up.
pub trait Section: Sized {
    /// Reads it; none when something was noted.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Reads what a function needs from the process environment.
///
/// # Errors
/// [`ConfigError`] with every variable that is missing or invalid.
pub fn from_env<S: Section>() -> Result<S, ConfigError> {
    from_lookup(&variable)
}

/// As [`from_env`], from any lookup.
///
/// # Errors
/// [`ConfigError`].
pub fn from_lookup<S: Section>(lookup: &dyn Fn(&str) -> Option<String>) -> Result<S, ConfigError> {
    let mut reader = Reader { lookup, problems: Vec::new() };
    let read = S::read(&mut reader);
    match read {
        Some(section) if reader.problems.is_empty() => Ok(section),
        _ => Err(ConfigError { problems: reader.problems }),
    }
}

/// How much is logged. Lambda's own setting comes first, then `LOG_LEVEL`; anything unreadable is `info`, because a
/// function that only logs wrongly should run.
#[must_use]
pub fn log_level() -> tracing::level_filters::LevelFilter {
    let text = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("LOG_LEVEL"));
    text.and_then(|t| t.parse().ok()).unwrap_or(tracing::level_filters::LevelFilter::INFO)
}

/// The function's name, for logs.
#[must_use]
pub fn function_name() -> String {
    variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "local".into())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The tables, and whether the test clock counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// `TABLE`: everything kept for ever.
    pub table: String,
    /// `OPERATIONS_TABLE`: what churns.
    pub operations_table: String,
    /// `DUE_SHARDS`: shards of each lane.
    pub due_shards: u16,
    /// `TEST_CLOCK`: whether business time may be moved.
    pub test_clock: bool,
}

impl Section for Tables {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let table = reader.required("TABLE");
        let operations_table = reader.required("OPERATIONS_TABLE");
        let must = "must be a whole number from 1 to 65535";
        let due_shards = reader.parsed("DUE_SHARDS", DUE_SHARDS, must);
        if due_shards == Some(0) {
            reader.problem("DUE_SHARDS", must);
        }
        let test_clock = reader.parsed("TEST_CLOCK", OnOff(false), "must be on or off");
        Some(Self {
            table: table?,
            operations_table: operations_table?,
            due_shards: due_shards?,
            test_clock: test_clock?.0,
        })
    }
}

struct OnOff(bool);

impl FromStr for OnOff {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// The payment gateway of new methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// `GATEWAY`: the adapter's name.
    pub name: String,
    /// `GATEWAY_URL`: where it is.
    pub url: String,
}

impl Section for GatewaySettings {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let name = reader.optional("GATEWAY").unwrap_or_else(|| usecases::sandbox::NAME.into());
        let url = reader.required("GATEWAY_URL");
        if url.as_deref().is_some_and(|u| !u.starts_with("https://") && !u.starts_with("http://")) {
            reader.problem("GATEWAY_URL", "must begin with https:// (or http:// for a sandbox)");
        }
        Some(Self { name, url: url? })
    }
}

/// The queues of the workers, by what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues(pub BTreeMap<DueKind, String>);

impl Section for Queues {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let urls = DueKind::ALL.map(|kind| {
            let name = match kind {
                DueKind::Renew => "QUEUE_RENEW_URL",
                DueKind::Collect => "QUEUE_COLLECT_URL",
                DueKind::Retry => "QUEUE_RETRY_URL",
                DueKind::Reconcile => "QUEUE_RECONCILE_URL",
            };
            reader.required(name).map(|url| (kind, url))
        });
        urls.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// How fast collections are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// `COLLECTIONS_PER_MINUTE`.
    pub collections_per_minute: u32,
    /// `GATEWAY`: the account that the pace belongs to.
    pub gateway: String,
}

impl Section for Pace {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let must = "must be a whole number of collections";
        let per_minute = reader.parsed("COLLECTIONS_PER_MINUTE", COLLECTIONS_PER_MINUTE, must);
        let gateway = reader.optional("GATEWAY").unwrap_or_else(|| usecases::sandbox::NAME.into());
        Some(Self { collections_per_minute: per_minute?, gateway })
    }
}

/// `SELLER_ZONE`: the zone of the seller, which decides in which year an invoice was issued. UTC unless it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seller(pub chrono_tz::Tz);

impl Section for Seller {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed("SELLER_ZONE", chrono_tz::UTC, "must be a time zone such as Europe/Berlin").map(Self)
    }
}

/// `BUS_NAME`: the bus that facts are announced on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusName(pub String);

impl Section for BusName {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.required("BUS_NAME").map(Self)
    }
}

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports {
    /// `REPORTS_BUCKET`.
    pub bucket: String,
    /// `REPORT_CURRENCY`: the currency that reports are in; without it the reports take the one that the facts have.
    pub currency: Option<String>,
}

impl Section for Reports {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let bucket = reader.required("REPORTS_BUCKET");
        let currency = reader.optional("REPORT_CURRENCY");
        if currency.as_deref().is_some_and(|c| billing::money::Currency::try_new(c).is_err()) {
            reader.problem("REPORT_CURRENCY", "must be an ISO 4217 code such as EUR");
        }
        Some(Self { bucket: bucket?, currency })
    }
}

macro_rules! section_of_sections {
    ($($part:ident),+) => {
        impl<$($part: Section),+> Section for ($($part,)+) {
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                // Every part is read before any is given up, so that all problems are noted.
                #[expect(non_snake_case, reason = "one name for the type and its value")]
                let ($($part,)+) = ($($part::read(reader),)+);
                Some(($($part?,)+))
            }
        }
    };
}

section_of_sections!(A, B);
section_of_sections!(A, B, C);

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn a_complete_environment_is_read_with_its_defaults() {
        let pairs = [("TABLE", "t"), ("OPERATIONS_TABLE", "o"), ("GATEWAY_URL", "http://localhost:1")];
        let (tables, gateway): (Tables, GatewaySettings) = from_lookup(&lookup(&pairs)).unwrap();
        assert_eq!((tables.due_shards, tables.test_clock), (64, false));
        assert_eq!(gateway.name, "sandbox");
    }

    #[test]
    fn every_problem_is_named_at_once_and_no_value_is_quoted() {
        let pairs = [("TABLE", " "), ("DUE_SHARDS", "many-canary"), ("TEST_CLOCK", "yes"), ("GATEWAY_URL", "canary")];
        let error = from_lookup::<(Tables, GatewaySettings, Queues)>(&lookup(&pairs)).unwrap_err();
        let text = error.to_string();
        let named = ["TABLE is", "OPERATIONS_TABLE", "DUE_SHARDS", "TEST_CLOCK", "GATEWAY_URL", "QUEUE_RECONCILE_URL"];
        assert!(named.iter().all(|name| text.contains(name)), "{text}");
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(error.problems.len(), 9);
    }

    #[test]
    fn no_shard_at_all_is_refused() {
        let pairs = [("TABLE", "t"), ("OPERATIONS_TABLE", "o"), ("DUE_SHARDS", "0")];
        assert!(from_lookup::<Tables>(&lookup(&pairs)).unwrap_err().to_string().contains("DUE_SHARDS"));
    }

    #[test]
    fn a_report_currency_must_exist() {
        let pairs = [("REPORTS_BUCKET", "b"), ("REPORT_CURRENCY", "EURO")];
        assert!(from_lookup::<Reports>(&lookup(&pairs)).is_err());
    }
}
