//! `report.html` with hostile names, with almost nothing to report, and its ten figures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::path::Path;

use analytics::{Options, Summary};
use common::Fact;

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod common;

fn fact(id: &str, customer: &str, event_type: &str, at: &str, plan: &str, mrr12: i64) -> Fact {
    let paid = event_type == "signup";
    Fact {
        event_id: id.to_owned(),
        subscription: format!("sub_{customer}"),
        customer: customer.to_owned(),
        event_type: event_type.to_owned(),
        at: at.to_owned(),
        plan: plan.to_owned(),
        currency: "USD".to_owned(),
        amount: mrr12 / 12,
        mrr12,
        invoice: (paid || event_type.starts_with("payment")).then(|| format!("inv_{customer}")),
        attempt: (paid || event_type.starts_with("payment")).then_some(1),
        reason: (event_type == "cancel").then(|| "<b>bored</b>".to_owned()),
        code: (event_type == "payment_failed").then(|| "<img src=x>".to_owned()),
    }
}

fn run(folder: &Path, facts: &[Fact], channels: &[(&str, &str)], as_of: Option<&str>) -> (Summary, String) {
    common::layout(folder, &mut common::frame(facts), &mut common::customers(channels), None);
    let out = folder.join("out");
    let options = Options { as_of: as_of.map(|text| text.parse().unwrap()), ..Options::new(folder, &out) };
    let summary = analytics::run(&options).unwrap();
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    (summary, page)
}

/// Every element that is opened is closed, in order.
fn assert_balanced(page: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let body = page.split_once("</style>").unwrap().1;
    for tag in body.split('<').skip(1) {
        let name = tag.split(['>', ' ', '/', '\n']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            let Some(expected) = open.pop() else { break };
            assert_eq!(name, expected, "closed out of order");
        } else if !VOID.contains(&name) && !tag.split('>').next().unwrap().ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.iter().all(|name| ["html", "head"].contains(name)), "{open:?} were never closed");
}

#[test]
fn names_from_the_data_never_become_markup() {
    let facts = [
        fact("e1", "c1", "signup", "2025-01-03T00:00:00Z", "<script>alert(1)</script>", 12_000),
        fact("e2", "c2", "signup", "2025-01-03T00:00:00Z", "=cmd()", 12_000),
        fact("e3", "c1", "payment_failed", "2025-02-03T00:00:00Z", "<script>alert(1)</script>", 12_000),
        fact("e4", "c1", "cancel", "2025-02-20T00:00:00Z", "<script>alert(1)</script>", 0),
        fact("e5", "c2", "upgrade", "2025-02-21T00:00:00Z", "\" onload=\"x", 24_000),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (_, page) = run(folder.path(), &facts, &[("c1", "<i>ads</i>"), ("c2", "@home")], None);
    for forbidden in ["<script", "<img", "<i>", "<b>", "\" onload=\"", "href=\"http", "url(", "NaN", "inf\""] {
        assert!(!page.contains(forbidden), "{forbidden} is in the page");
    }
    assert!(page.contains("default-src 'none'") && page.contains("&lt;script&gt;"));
    assert_balanced(&page);
    let csv = std::fs::read_to_string(folder.path().join("out/plan_changes.csv")).unwrap();
    assert!(csv.contains("'=cmd()"), "{csv}");
}

#[test]
fn every_drawing_says_what_it_shows_and_has_its_numbers_in_a_table() {
    let facts = [
        fact("e1", "c1", "signup", "2025-01-03T00:00:00Z", "pro", 12_000),
        fact("e2", "c1", "cancel", "2025-03-20T00:00:00Z", "pro", 0),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (_, page) = run(folder.path(), &facts, &[("c1", "ads")], None);
    assert_balanced(&page);
    let drawings = page.matches("<svg ").count();
    assert_eq!(drawings, page.matches("role=\"img\" aria-label=\"").count());
    assert_eq!(page.matches("<svg class=\"wide\"").count() * 2, drawings);
    let sections: Vec<&str> = page.split("<section id=").skip(1).collect();
    assert_eq!(sections.len(), 11);
    for section in sections {
        assert!(section.contains("<table") && section.contains("<h2>"), "{}", &section[..40]);
    }
}

#[test]
fn the_ten_figures_are_exact_and_empty_where_nothing_can_be_said() {
    let mut facts: Vec<Fact> = (0..10)
        .map(|i| fact(&format!("e{i}"), &format!("c{i}"), "signup", "2024-06-15T00:00:00Z", "pro", 12_000))
        .collect();
    facts.push(fact("e90", "c0", "cancel", "2024-09-10T00:00:00Z", "pro", 0));
    facts.push(fact("e91", "c1", "downgrade", "2024-10-10T00:00:00Z", "pro", 6_000));
    facts.push(fact("e92", "c2", "cancel", "2025-01-10T00:00:00Z", "pro", 0));
    let folder = tempfile::tempdir().unwrap();
    // Full months July to December: 10 customers at the start of July, August and September, 9 from October on.
    let (summary, _) = run(folder.path(), &facts, &[], Some("2025-01-05"));
    let figures = summary.figures;
    assert_eq!(figures.window, Some(("2024-07".to_owned(), "2024-12".to_owned())));
    assert_eq!((figures.customers, figures.active, figures.mrr12), (10, 9, 8 * 12_000 + 6_000));
    assert_eq!((figures.customer_churn.numerator, figures.customer_churn.denominator), (1, 3 * 10 + 3 * 9));
    let at_start = 3 * 120_000 + 108_000 + 2 * 102_000;
    assert_eq!((figures.revenue_churn.numerator, figures.revenue_churn.denominator), (12_000 + 6_000, at_start));
    assert_eq!((figures.arpa.numerator, figures.arpa.denominator), (102_000, 12 * 9));
    assert_eq!((figures.ltv.numerator, figures.ltv.denominator), (102_000 * 57, 12 * 9));
    let values: Vec<String> = figures.list().iter().map(|figure| figure.value.clone()).collect();
    let expected =
        ["10", "9", "USD 85.00", "USD 1,020.00", "1.75 %", "2.68 %", "USD 9.44", "USD 538.33", "100.00 %", "–"];
    assert_eq!(values, expected);

    let (summary, page) = run(tempfile::tempdir().unwrap().path(), &facts[..10], &[], None);
    assert_eq!(summary.figures.ltv.value(), None);
    assert_eq!(summary.figures.window, None);
    assert_balanced(&page);
}

#[test]
fn a_stack_without_a_paying_customer_has_a_report_too() {
    let facts = [fact("e1", "c1", "trial_started", "2025-01-03T00:00:00Z", "pro", 0)];
    let folder = tempfile::tempdir().unwrap();
    let (summary, page) = run(folder.path(), &facts, &[("c1", "ads")], None);
    assert_eq!((summary.figures.customers, summary.figures.mrr12), (0, 0));
    assert_balanced(&page);
    assert!(!page.contains("NaN"));
}

#[test]
fn a_date_before_the_first_fact_says_that_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let facts = [fact("e1", "c1", "signup", "2025-01-03T00:00:00Z", "pro", 12_000)];
    common::layout(folder.path(), &mut common::frame(&facts), &mut common::customers(&[]), None);
    let options = Options {
        as_of: Some("2024-01-01".parse().unwrap()),
        ..Options::new(folder.path(), folder.path().join("out"))
    };
    let message = analytics::run(&options).unwrap_err().to_string();
    assert!(message.contains("no facts to report"), "{message}");
}

#[test]
fn contradicting_facts_end_the_run_without_reports() {
    let folder = tempfile::tempdir().unwrap();
    let signup = fact("e1", "c1", "signup", "2025-01-03T00:00:00Z", "pro", 12_000);
    common::layout(folder.path(), &mut common::frame(&[signup.clone(), signup]), &mut common::customers(&[]), None);
    let out = folder.path().join("out");
    let message = analytics::run(&Options::new(folder.path(), &out)).unwrap_err().to_string();
    assert!(message.contains("no state change is there twice"), "{message}");
    assert!(!out.join("mrr_monthly.csv").exists() && !out.join("report.html").exists());
}

/// What went back was never kept: it lowers what customers brought, and is no attempt.
#[test]
fn a_refund_lowers_what_was_collected() {
    let refund = |id: &str, amount: i64| {
        let mut fact = fact(id, "c1", "refund", "2025-02-03T00:00:00Z", "team", 12_000);
        (fact.amount, fact.invoice) = (amount, Some("inv_c1".to_owned()));
        fact
    };
    let signup = fact("e1", "c1", "signup", "2025-01-03T00:00:00Z", "team", 12_000);
    for (refunds, left) in
        [(vec![], "1000"), (vec![refund("e2", 300)], "700"), (vec![refund("e2", 300), refund("e3", -300)], "1000")]
    {
        let folder = tempfile::tempdir().unwrap();
        let facts: Vec<Fact> = [signup.clone()].into_iter().chain(refunds).collect();
        run(folder.path(), &facts, &[("c1", "ads")], Some("2025-02-28"));
        let rows = common::cells(&folder.path().join("out/cltv_segments.csv"));
        assert_eq!(common::column(&rows, "collected_minor"), [left]);
        let attempts = common::cells(&folder.path().join("out/payments.csv"));
        assert_eq!(attempts.len(), 2, "a head and the sign-up's attempt: {attempts:?}");
    }
}
