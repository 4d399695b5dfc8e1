//! Which lines a discount takes something off: not those that must not be discounted, and not those of nothing.
//!
//! Exists beside the table of published cases, because no peer publishes what happens at these edges.

use billing::{
    discount::{Cut, Discount, DiscountPolicy, DiscountableLine, Held, apply, discounts},
    percent::Percent,
};

use crate::sample::{terms, usd};

fn lines(amounts: &[(&str, i64)]) -> Vec<DiscountableLine> {
    amounts
        .iter()
        .map(|(item, minor)| DiscountableLine { item: (*item).into(), amount: usd(*minor), discountable: true })
        .collect()
}

fn discount(source: &str, cut: Cut, only: &[&str]) -> Discount {
    let only = only.iter().map(|item| (*item).into()).collect();
    Discount { source: source.into(), cut, only, duration: billing::discount::CouponDuration::Once }
}

/// What is taken off each line, and by each discount.
fn taken(lines: &[DiscountableLine], discounts: &[Discount]) -> (Vec<i64>, Vec<i64>) {
    let done = apply(lines, discounts, usd(0).currency, DiscountPolicy::default()).expect("discounts");
    (
        done.lines.iter().map(|line| line.amount.minor).collect(),
        done.applied.iter().map(|applied| applied.amount.minor).collect(),
    )
}

/// Those for few lines come first, and a line of nothing is none: else the wider one would use up what the other is for.
#[test]
fn a_line_of_nothing_does_not_make_a_discount_one_for_more_lines() {
    let fixed = Cut::Fixed { amount: usd(1000) };
    let (narrow, wide) = (discount("narrow", fixed, &["b", "c"]), discount("wide", fixed, &["a", "b"]));
    let lines = lines(&[("a", 1000), ("b", 1000), ("c", 0)]);
    assert_eq!(taken(&lines, &[wide, narrow]), (vec![1000, 1000, 0], vec![1000, 1000]));
}

#[test]
fn what_must_not_be_discounted_is_not_whatever_a_discount_is_for() {
    let mut lines = lines(&[("x", 1000), ("y", 1000)]);
    lines[0].discountable = false;
    let tenth = Cut::Percent { percent: Percent::try_new(10.into()).expect("a percentage") };
    for cut in [tenth, Cut::Fixed { amount: usd(100) }] {
        assert_eq!(taken(&lines, &[discount("all", cut, &[])]), (vec![0, 100], vec![100]));
        assert_eq!(taken(&lines, &[discount("one", cut, &["x"])]), (vec![0, 0], vec![0]));
    }
}

#[test]
fn a_coupon_for_some_intervals_or_plans_holds_for_those() {
    let held = |more: &str| {
        let json = format!(r#"{{"id":"ten","benefit":{{"kind":"percent","percent":"10"}}{more}}}"#);
        [Held { periods: 1, ..Held::new(serde_json::from_str(&json).expect("a coupon")) }]
    };
    let holds = |interval: &str, more: &str| {
        !discounts(&terms("team", interval, "10", 1), &held(more), 0).expect("discounts").is_empty()
    };
    for (interval, more, expected) in [
        ("month", "", true),
        ("month", r#","intervals":["month"]"#, true),
        ("month", r#","intervals":["quarter","year"]"#, false),
        ("year", r#","intervals":["quarter","year"]"#, true),
        ("month", r#","plans":["team"]"#, true),
        ("month", r#","plans":["solo"]"#, false),
    ] {
        assert_eq!(holds(interval, more), expected, "{interval} {more}");
    }
}
