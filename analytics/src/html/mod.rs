//! `report.html`: one file that needs nothing else, for people who decide by it.
//!
//! No script and no network (the page's own policy forbids both); charts are inline SVG, every chart has its numbers in a table under
//! it. All text passes through the template's autoescape, or through the drawings' own.

mod chart;
mod customers;
mod growth;
mod money;
mod view;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::calendar::Month;
use crate::checks::Check;
use crate::cube::Seen;
use crate::error::ReportError;
use crate::figures::Figures;
use crate::format::thousands;
use crate::input::Input;
use crate::options::AsOf;
use crate::tables::Tables;

/// The page.
pub(crate) fn page(
    tables: &Tables,
    figures: &Figures,
    checks: &[Check],
    seen: &Seen,
    input: &Input,
) -> Result<String, ReportError> {
    let currency = figures.currency.as_str();
    let sections = vec![
        growth::run_rate(tables, currency)?,
        growth::movements(tables, currency)?,
        growth::plans(tables, figures)?,
        customers::customers(tables, currency)?,
        customers::churn(tables, currency)?,
        customers::cohorts(tables, currency)?,
        customers::lifetime(tables, currency)?,
        money::payments(tables, currency)?,
        money::dunning(tables, currency)?,
        growth::changes(tables, currency)?,
    ];
    let as_of = instant(seen.as_of);
    let last = Month::of_micros(seen.as_of);
    let partial = (last.next().first_instant() - 1 > seen.as_of).then(|| last.to_string());
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report.html", include_str!("report.html"))?;
    let page = environment.get_template("report.html")?.render(context! {
        style => Value::from_safe_string(include_str!("style.css").to_owned()),
        as_of => as_of.as_str(),
        as_of_date => AsOf::from_micros(seen.as_of).to_string().get(..10),
        currency,
        partial,
        figures => figures.list().map(|figure| tile(figure.label, &figure.value, &figure.note, currency)),
        sections => Value::from(Serde(&sections)),
        passed => checks.iter().filter(|check| check.passed).count(),
        checks => Value::from(Serde(checks)),
        inputs => Value::from(Serde(inputs(seen, input))),
    })?;
    Ok(page)
}

/// An instant for people; a day's last microsecond is that day.
fn instant(micros: i64) -> String {
    let text = AsOf::from_micros(micros).to_string();
    match text.strip_suffix("T23:59:59.999999Z") {
        Some(day) => format!("the end of {day}, UTC"),
        None => text.replace('T', " ").replace('Z', " UTC"),
    }
}

/// A figure with its currency apart, so that the amount stands out.
fn tile(label: &str, value: &str, note: &str, currency: &str) -> Value {
    let (unit, value) = match value.strip_prefix(currency) {
        Some(amount) => (currency, amount.trim_start()),
        None => ("", value),
    };
    context! { label, unit, value, note }
}

/// What the report was made from.
fn inputs(seen: &Seen, input: &Input) -> Vec<(&'static str, String)> {
    let count = |number: u64| thousands(number.into());
    let mut entries = match input {
        Input::Parquet { files } => vec![("Facts from", format!("{} Parquet files", count(files.len() as u64)))],
        Input::Export { id, shards, items, .. } => vec![
            ("Facts from", format!("DynamoDB export {id}")),
            ("Items", format!("{} in {} shards, counted against the manifest", count(*items), count(*shards))),
        ],
    };
    entries.push(("Facts", format!("{} up to the date, of {}", count(seen.facts), count(seen.facts_in_input))));
    entries.push(("State changes", count(seen.state_changes)));
    entries.push(("Customers with a profile", count(seen.customers)));
    entries.push(("First fact", AsOf::from_micros(seen.first_instant).to_string()));
    entries.push((
        "Made by",
        format!("Perennial analytics {}; settings, rates and checks are in manifest.json", env!("CARGO_PKG_VERSION")),
    ));
    entries
}
