//! Logs: one JSON object a line, every field at the top level, so that a query needs no nesting.
//!
//! Exists because the invocation's ids (request, correlation, message) are fields of the spans around an event, and a
//! search by id must find every line. Names follow Lambda Powertools. Bodies, tokens and e-mails are never fields.

use std::{backtrace::Backtrace, fmt, panic::PanicHookInfo};

use serde_json::{Map, Value};
use tracing::{Event, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter,
        format::{JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// A subscriber that writes flat JSON lines of at least `level` to `writer`.
pub fn subscriber<W>(service: String, level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer)
        .fmt_fields(JsonFields::new())
        .event_format(Flat { service })
        .finish()
}

/// Sets up the logs of a process and reports panics in them. A second call changes nothing.
pub fn init() {
    let subscriber = subscriber(crate::config::function_name(), crate::config::log_level(), std::io::stdout);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(report_panic));
    }
}

/// A panic's place and its message, if the message is a literal: a formatted one may hold customers' data.
fn report_panic(info: &PanicHookInfo<'_>) {
    let literal = info.payload().downcast_ref::<&'static str>().copied();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture().to_string();
    let message = literal.unwrap_or("(message left out: it was made at run time)");
    tracing::error!(panic = message, place, backtrace, "a panic; the request or record fails alone");
}

/// The format: the event's fields over those of its spans, inner over outer.
struct Flat {
    service: String,
}

impl<S, N> FormatEvent<S, N> for Flat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        line.insert("timestamp".into(), time.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("service".into(), self.service.as_str().into());
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map(|f| f.fields.as_str()).unwrap_or_default();
            if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
                line.extend(fields);
            }
        }
        event.record(&mut Collect(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().into(), value);
    }
}

impl tracing::field::Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// An error with its causes, as one text. `Display` never repeats a cause, so none is told twice.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
