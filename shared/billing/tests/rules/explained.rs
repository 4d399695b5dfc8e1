//! Invoices in words: every stored form of one is told as `tests/explained.txt` says; whoever changes a word reads the diff.
//!
//! Exists because support reads these sentences to customers: a wrong one is as bad as a wrong amount. A sentence that was
//! told of one invoice is not repeated for the next.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use billing::{
    catalog::{Catalog, Policy},
    invoice::{Basis, DocumentSide, Invoice, Lowered, Once, OneOff, compute, explain},
    money::Money,
    refusal::Refusal,
    terms::Terms,
};

use crate::{
    adjusted::{opened, taxed, taxes},
    golden::golden_files,
    sample::{at, terms, usd},
};

pub(crate) fn stored(name: &str) -> Invoice {
    let text = fs::read_to_string(format!("tests/golden/invoice-{name}.json")).expect("a golden file");
    serde_json::from_str(&text).expect("an invoice")
}

/// The invoice with another basis, and the lines of that.
fn with(invoice: &Invoice, basis: Basis) -> Result<Invoice, Refusal> {
    let lines = compute(invoice.rules, &basis)?;
    let total = Money::sum(lines[0].amount.currency, lines.iter().map(|line| line.amount))?;
    Ok(Invoice { lines, total, basis, ..invoice.clone() })
}

/// The first invoice for `terms`, of which credit pays `credit_minor`.
fn period(terms: Terms, credit_minor: i64) -> Result<Invoice, Refusal> {
    let due = stored("rules-3-due");
    let Basis::Period { period, .. } = due.basis else { panic!("a period") };
    let (terms, adjustments) = (Box::new(terms), Box::default());
    with(&due, Basis::Period { terms, period, stub: None, credit_minor, adjustments })
}

/// Seven units of every price of the catalog with all price models that units alone are enough for.
fn every_price() -> Vec<Invoice> {
    let text = fs::read_to_string("tests/golden/catalog-price-models.json").expect("a golden file");
    let catalog: Catalog = serde_json::from_str(&text).expect("a catalog");
    let plan = &catalog.plans[0];
    let terms = |price| Terms::try_new(plan, &Policy::standard(), price, false, 7).expect("terms");
    plan.prices.iter().filter_map(|price| period(terms(price), 0).ok()).collect()
}

/// What no stored form shows.
fn made() -> Vec<(String, Invoice)> {
    let (change, due, end) = (stored("rules-3-change"), stored("rules-3-due"), at("2027-02-14T09:00:00Z"));
    let decision = || Box::new(change.basis.clone());
    let arrears = || Basis::Arrears {
        terms: Box::new(terms("team", "month", "10", 3)),
        period: *due.basis.period(),
        at: end,
        credit_minor: 0,
        adjustments: Box::default(),
    };
    let Basis::Metered { usage, .. } = stored("rules-2-usage").basis else { panic!("usage") };
    let training = Once::Charge(OneOff { description: "training".into(), amount: usd(4_990) });
    let trial = vec![Once::Trial { amount: usd(100) }];
    let mut trailing = stored("rules-3-stub").basis;
    if let Basis::Period { stub: Some(of), .. } = &mut trailing {
        of.trailing = true;
    }
    let side = |side| Basis::Side { of: decision(), side, credit_minor: 0 };
    let bases = [
        ("the charges of a change", side(DocumentSide::Charge)),
        ("what a change gives back", side(DocumentSide::Credit)),
        (
            "a period, with a change that waited for it",
            Basis::Carried { base: Box::new(due.basis.clone()), earlier: vec![*decision()] },
        ),
        ("a trial", Basis::Once { base: Box::new(due.basis.clone()), once: trial }),
        ("a charge by itself", Basis::Once { base: Box::new(arrears()), once: vec![training] }),
        ("usage by itself", Basis::Metered { base: Box::new(arrears()), usage, minimums: Vec::new() }),
        ("a stub that ends with the contract", trailing),
    ];
    let mut made: Vec<(String, Invoice)> =
        bases.into_iter().map(|(name, basis)| (name.to_owned(), with(&due, basis).expect("lines"))).collect();
    made.push((
        "a period that credit pays in part".into(),
        period(terms("team", "month", "10", 3), 500).expect("lines"),
    ));
    let (_, mut taxed, _) = opened(taxed(terms("team", "month", "10", 3)), Vec::new(), &taxes(true));
    made.push(("a tax that is in the prices".into(), taxed.remove(0)));
    let both = Lowered { notes_minor: 100, credit_minor: 200, tax_minor: 0 };
    made.push(("lowered twice".into(), Invoice { lowered: both, ..due }));
    made.extend(every_price().into_iter().enumerate().map(|(number, invoice)| (format!("price {number}"), invoice)));
    made
}

fn words() -> String {
    let golden = golden_files().into_iter().filter(|(name, _)| name.starts_with("invoice-"));
    let stored = golden.map(|(name, json)| (name, serde_json::from_str(&json).expect("an invoice")));
    let (mut told, mut text) = (BTreeSet::new(), String::new());
    for (name, invoice) in stored.chain(made()) {
        let _ = writeln!(text, "# {name}");
        for line in explain(&invoice).expect("words").lines().filter(|line| !line.is_empty()) {
            if told.insert(line.to_owned()) {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

#[test]
fn every_stored_invoice_is_told_in_the_reviewed_words() {
    let path = "tests/explained.txt";
    let found = words();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, &found).expect("it can be written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == found, "{path} differs: run UPDATE_EXPECT=1 cargo test -p billing, and review the diff");
}
