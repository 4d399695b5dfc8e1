//! Every report and every mart against figures that were worked out by hand (`golden/README.md`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::path::{Path, PathBuf};

use analytics::{Mart, Options, Report};
use polars::prelude::DataFrame;
use strum::IntoEnumIterator;

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod common;

fn golden() -> PathBuf {
    PathBuf::from("tests/golden")
}

/// Folders with a case of the report.
fn cases(folder: &Path) -> Vec<PathBuf> {
    if folder.join("facts.csv").is_file() {
        return vec![folder.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("facts.csv").is_file()).collect();
    cases.sort();
    cases
}

/// A fraction is the one division it stands for.
fn number(cell: &str) -> Option<f64> {
    match cell.split_once('/') {
        Some((above, below)) => Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?),
        None => cell.parse().ok(),
    }
}

fn compare(expected: &Path, found: &Path) -> Vec<String> {
    let (expected_rows, found_rows) = (common::cells(expected), common::cells(found));
    let mut differences = Vec::new();
    if expected_rows.len() != found_rows.len() {
        differences.push(format!("{} rows expected, {} found", expected_rows.len() - 1, found_rows.len() - 1));
    }
    for (line, (expected, found)) in expected_rows.iter().zip(&found_rows).enumerate() {
        for (position, name) in expected_rows[0].iter().enumerate() {
            let (left, right) = (expected.get(position), found.get(position));
            let equal = left == right
                || left.zip(right).is_some_and(|(left, right)| {
                    let numbers = number(left).zip(number(right));
                    numbers
                        .is_some_and(|(left, right)| left.to_bits() == right.to_bits() || (left == 0.0 && right == 0.0))
                });
            if !equal {
                differences.push(format!("line {}, {name}: {left:?} expected, {right:?} found", line + 1));
            }
        }
    }
    differences
}

fn run(case: &Path, output: &str, reversed: bool) -> Vec<String> {
    let work = tempfile::tempdir().unwrap();
    let mut facts: DataFrame = common::csv(&case.join("facts.csv"), true);
    if reversed {
        facts = facts.reverse();
    }
    let mut customers = common::csv(&golden().join("customers.csv"), false);
    let mut rates = common::csv(&golden().join("fx.csv"), false);
    common::layout(work.path(), &mut facts, &mut customers, Some(&mut rates));
    let out = work.path().join("out");
    match analytics::run(&Options::new(work.path(), &out)) {
        Ok(_) => compare(&case.join("expected.csv"), &out.join(output)),
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn every_report_and_mart_has_golden_figures_and_meets_them() {
    let reports =
        Report::iter().map(|report| (format!("bench/{}", report.name()), format!("bench/{}.csv", report.name())));
    let marts = Mart::iter().map(|mart| (mart.name().to_owned(), format!("{}.csv", mart.name())));
    let mut failures = Vec::new();
    for (name, output) in reports.chain(marts) {
        let cases = cases(&golden().join(&name));
        if cases.is_empty() {
            failures.push(format!("{name}: no golden case in tests/golden/{name}"));
        }
        for (case, reversed) in cases.iter().flat_map(|case| [(case, false), (case, true)]) {
            let differences = run(case, &output, reversed);
            let place = case.strip_prefix(golden()).unwrap_or(case).display();
            failures.extend(
                differences.into_iter().map(|difference| format!("{place} (reversed: {reversed}): {difference}")),
            );
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn columns_are_what_the_reports_say() {
    let work = tempfile::tempdir().unwrap();
    let mut facts = common::csv(&golden().join("mrr_monthly/facts.csv"), true);
    let mut customers = common::csv(&golden().join("customers.csv"), false);
    let mut rates = common::csv(&golden().join("fx.csv"), false);
    common::layout(work.path(), &mut facts, &mut customers, Some(&mut rates));
    let out = work.path().join("out");
    analytics::run(&Options::new(work.path(), &out)).unwrap();
    for report in Report::iter() {
        assert_eq!(common::cells(&out.join(format!("bench/{}.csv", report.name())))[0], report.columns());
    }
    for mart in Mart::iter() {
        let expected = [mart.keys(), &["currency"], mart.values()].concat();
        assert_eq!(common::cells(&out.join(format!("{}.csv", mart.name())))[0], expected);
        assert!(out.join(format!("{}.parquet", mart.name())).is_file());
    }
    let bench = std::fs::read_dir(out.join("bench")).unwrap().count();
    assert_eq!(bench, Report::iter().count(), "bench/ holds the comparison reports and nothing else");
}
