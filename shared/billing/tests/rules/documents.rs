//! What holds for all discounts, taxes, documents and credit notes, whatever the policy.
//!
//! Exists because a cent lost in one policy of seventy-two is a cent lost: amounts add up, nothing exceeds, order does not matter
//! where the policy says so.

use billing::{
    allocation::{Split, fine_shares, round_together},
    calendar::Instant,
    discount::{
        CouponCode, CouponDuration, Cut, Discount, DiscountOrder, DiscountPolicy, DiscountableLine, PercentBase, apply,
    },
    document::{
        Charge, CreditAmount, CreditBase, CreditLimit, CreditNote, CreditNotePolicy, CreditRequest, CreditStage,
        DocumentError, DocumentPolicy, DocumentRequest, Grant, LineCredit, Totals, available, compute, credit_note,
        draw, expired,
    },
    money::{Currency, Money, Rounding},
    percent::Percent,
    tax::{TaxBase, TaxLevel, TaxPolicy, TaxRate, TaxTreatment, VatId},
};
use chrono::TimeDelta;
use proptest::{collection::vec, prelude::*, sample::select};
use rust_decimal::Decimal;

use crate::sample::at;

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::try_new(code).expect("a currency"))
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    select(vec![Rounding::HalfEven, Rounding::HalfUp, Rounding::Down])
}

fn any_level() -> impl Strategy<Value = TaxLevel> {
    select(vec![TaxLevel::Document, TaxLevel::Line, TaxLevel::Sum])
}

fn any_discount_policy() -> impl Strategy<Value = DiscountPolicy> {
    let order = select(vec![DiscountOrder::PercentFirst, DiscountOrder::AsGiven]);
    let base = select(vec![PercentBase::Sum, PercentBase::Line]);
    let split = select(vec![Split::LargestRemainder, Split::FineShares]);
    (order, base, split, any_rounding()).prop_map(|(order, percent_of, split, rounding)| DiscountPolicy {
        order,
        percent_of,
        split,
        rounding,
    })
}

fn any_policy() -> impl Strategy<Value = DocumentPolicy> {
    let credit = select(vec![CreditStage::AfterTax, CreditStage::BeforeTax]);
    (any_discount_policy(), any_level(), any_rounding(), credit).prop_map(|(discount, level, rounding, credit)| {
        DocumentPolicy { discount, tax: TaxPolicy { level, rounding }, credit }
    })
}

fn any_note_policy() -> impl Strategy<Value = CreditNotePolicy> {
    let base = select(vec![CreditBase::Exact, CreditBase::Rounded]);
    let limit = select(vec![CreditLimit::Line, CreditLimit::Document]);
    (any_rounding(), any_level(), limit, base).prop_map(|(rounding, level, limit, tax_base)| CreditNotePolicy {
        rounding,
        level,
        limit,
        tax_base,
    })
}

fn any_percent() -> impl Strategy<Value = Percent> {
    let value = prop_oneof![(0_i64..=100).prop_map(|n| n * 1_000_000), 0_i64..=100_000_000];
    value.prop_map(|n| Percent::try_new(Decimal::new(n, 6)).expect("a percentage"))
}

fn any_treatment() -> impl Strategy<Value = TaxTreatment> {
    let on = select(vec![TaxBase::Net, TaxBase::NetAndEarlierTaxes]);
    let name = select(vec!["a", "b"]);
    let rate = (name, select(vec!["5", "8.25", "9.975", "19", "20", "25.5"]), any::<bool>(), on);
    let rate = rate.prop_map(|(name, percent, inclusive, on)| TaxRate {
        name: name.into(),
        percent: Percent::try_new(percent.parse().expect("n")).expect("a rate"),
        inclusive,
        on,
    });
    prop_oneof![
        4 => vec(rate, 0..3).prop_map(|rates| TaxTreatment::Taxed { rates }),
        1 => Just(TaxTreatment::ReverseCharge { vat_id: "ATU13585627".into() }),
    ]
}

fn any_charges(least: i64) -> impl Strategy<Value = Vec<(i64, String, bool, TaxTreatment)>> {
    let minor = prop_oneof![least..100_000, least.max(-20)..20, Just(3333)];
    vec((minor, "[xyz]", prop::bool::weighted(0.8), any_treatment()), 1..7)
}

fn any_discounts(code: &'static str) -> impl Strategy<Value = Vec<Discount>> {
    let fixed = prop_oneof![0_i64..500, 0_i64..200_000].prop_map(move |n| Cut::Fixed { amount: money(n, code) });
    let cut = prop_oneof![any_percent().prop_map(|percent| Cut::Percent { percent }), fixed];
    let one = ("[a-e]", cut, vec("[xyz]", 0..2)).prop_map(|(source, cut, only)| Discount {
        source,
        cut,
        only,
        duration: CouponDuration::Forever,
    });
    vec(one, 0..5)
}

fn charges(given: &[(i64, String, bool, TaxTreatment)], code: &str) -> Vec<Charge> {
    let charge = |(n, (minor, item, discountable, treatment)): (usize, &(i64, String, bool, TaxTreatment))| Charge {
        id: n.to_string(),
        item: item.clone(),
        amount: money(*minor, code),
        discountable: *discountable,
        treatment: treatment.clone(),
    };
    given.iter().enumerate().map(charge).collect()
}

fn sum(amounts: impl Iterator<Item = Money>) -> i64 {
    amounts.map(|m| m.minor).sum()
}

fn lines(minors: &[i64]) -> Vec<DiscountableLine> {
    let line = |(n, minor): (usize, &i64)| DiscountableLine {
        item: ["x", "y", "z"][n % 3].into(),
        amount: money(*minor, "USD"),
        discountable: true,
    };
    minors.iter().enumerate().map(line).collect()
}

/// Everything that has to add up in a document.
fn assert_adds_up(done: &Totals) -> Result<(), TestCaseError> {
    for line in &done.lines {
        prop_assert!(line.discount.minor >= 0 && line.credit.minor >= 0);
        let inside = sum(line.taxes.iter().filter(|t| t.rate.inclusive).map(|t| t.amount));
        prop_assert_eq!(line.amount.minor - line.discount.minor - line.credit.minor, line.net.minor + inside);
        prop_assert_eq!(line.net.minor + line.tax.minor, line.gross.minor);
        prop_assert_eq!(sum(line.taxes.iter().map(|t| t.amount)), line.tax.minor);
        prop_assert!(line.discount.minor + line.credit.minor <= line.amount.minor.max(0), "a line below zero");
    }
    prop_assert_eq!(sum(done.lines.iter().map(|l| l.amount)), done.subtotal.minor);
    prop_assert_eq!(sum(done.lines.iter().map(|l| l.discount)), done.discount.minor);
    prop_assert_eq!(sum(done.discounts.iter().map(|d| d.amount)), done.discount.minor);
    prop_assert_eq!(sum(done.lines.iter().map(|l| l.net)), done.net.minor);
    prop_assert_eq!(sum(done.lines.iter().map(|l| l.tax)), done.tax.minor);
    prop_assert_eq!(sum(done.breakdown.iter().map(|t| t.tax)), done.tax.minor);
    prop_assert_eq!(done.net.minor + done.tax.minor, done.total.minor);
    prop_assert_eq!(sum(done.stages.iter().map(|s| s.change)), done.amount_due.minor);
    prop_assert_eq!(done.stages.last().map(|s| s.after), Some(done.amount_due));
    prop_assert!(done.amount_due.minor >= 0 && done.credit_kept.minor >= 0);
    Ok(())
}

/// A credit note for a line of `invoice`, made from numbers.
fn wish(invoice: &Totals, numbers: (usize, u8, i64)) -> CreditRequest {
    let (line, kind, n) = numbers;
    let line = &invoice.lines[line % invoice.lines.len()];
    let amount = match kind % 6 {
        0 => CreditAmount::Rest,
        // The same small share again and again is what rounds beyond the tax.
        1 | 2 => CreditAmount::Share { part: 1, whole: n % 9 + 2 },
        3 => CreditAmount::Net { minor: Decimal::new(n % (line.net.minor.abs() * 100 + 1) + 1, 2) },
        _ => CreditAmount::Gross { amount: Money::new(n % (line.gross.minor.abs() + 1) + 1, line.gross.currency) },
    };
    CreditRequest::Lines { lines: vec![LineCredit { line: line.id.clone(), amount }] }
}

/// No line, no rate and no whole was credited beyond what was invoiced.
/// Where the document is the limit, a line's tax may be given back with a cent of another's.
fn assert_within(invoice: &Totals, notes: &[CreditNote], limit: CreditLimit) -> Result<(), TestCaseError> {
    for line in &invoice.lines {
        let credited = || notes.iter().flat_map(|n| &n.lines).filter(|l| l.line == line.id);
        prop_assert!(sum(credited().map(|l| l.net)).abs() <= line.net.minor.abs());
        if limit == CreditLimit::Document {
            continue;
        }
        prop_assert!(sum(credited().map(|l| l.gross)).abs() <= line.gross.minor.abs());
        for (place, tax) in line.taxes.iter().enumerate() {
            prop_assert!(sum(credited().map(|l| l.taxes[place].amount)).abs() <= tax.amount.minor.abs());
        }
    }
    for note in notes {
        prop_assert_eq!(sum(note.lines.iter().map(|l| l.gross)), note.total.minor);
        prop_assert_eq!(note.net.minor + note.tax.minor, note.total.minor);
    }
    prop_assert!(sum(notes.iter().map(|n| n.total)) <= invoice.total.minor.max(0));
    Ok(())
}

proptest! {
    #[test]
    fn lines_add_up_to_totals_in_every_policy(
        given in any_charges(-100_000), discounts in any_discounts("KWD"), policy in any_policy(), credit in 0_i64..50_000,
    ) {
        let charges = charges(&given, "KWD");
        let credit = money(credit, "KWD");
        let request = DocumentRequest { currency: credit.currency, charges: &charges, discounts: &discounts, credit };
        let done = compute(&request, policy).unwrap();
        assert_adds_up(&done)?;
        prop_assert!(done.credit_used.minor <= credit.minor);
        prop_assert_eq!(&done, &compute(&request, policy).unwrap(), "the same inputs have the same document");
    }

    #[test]
    fn the_order_of_discounts_does_not_matter_when_percentages_come_first(
        minors in vec(0_i64..100_000, 1..6), discounts in any_discounts("USD"), policy in any_discount_policy(),
        turn in 0_usize..5,
    ) {
        let policy = DiscountPolicy { order: DiscountOrder::PercentFirst, ..policy };
        let mut turned = discounts.clone();
        turned.rotate_left(turn.min(discounts.len()));
        let currency = money(0, "USD").currency;
        let [one, other] = [discounts, turned].map(|d| apply(&lines(&minors), &d, currency, policy).unwrap());
        prop_assert_eq!(one.total, other.total);
        prop_assert_eq!(one.lines, other.lines);
    }

    #[test]
    fn a_percentage_of_the_sum_is_that_percentage_to_the_cent(
        minors in vec(0_i64..100_000, 1..6), percent in any_percent(), rounding in any_rounding(),
    ) {
        let one = Discount { source: "p".into(), cut: Cut::Percent { percent }, only: vec![], duration: CouponDuration::Once };
        let policy = DiscountPolicy { rounding, ..DiscountPolicy::default() };
        let whole = money(minors.iter().sum(), "USD");
        let done = apply(&lines(&minors), &[one], whole.currency, policy).unwrap();
        prop_assert_eq!(done.total, percent.of(whole).unwrap().round(rounding).unwrap());
    }

    #[test]
    fn parts_rounded_together_add_up_and_none_moves_by_a_whole_unit(
        parts in vec(-1_000_000_000_i64..1_000_000_000, 0..12), scale in 0_u32..6, mode in any_rounding(),
    ) {
        let parts: Vec<Decimal> = parts.into_iter().map(|p| Decimal::new(p, scale)).collect();
        let currency = money(0, "JPY").currency;
        let rounded = round_together(&parts, currency, mode).unwrap();
        let whole = billing::money::Unrounded::from_minor(parts.iter().sum(), currency).round(mode).unwrap();
        prop_assert_eq!(sum(rounded.iter().copied()), whole.minor);
        for (part, money) in parts.iter().zip(&rounded) {
            prop_assert!((*part - Decimal::from(money.minor)).abs() < Decimal::ONE);
        }
    }

    #[test]
    fn fine_shares_are_the_whole_but_for_their_last_digit(
        total in 0_i64..1_000_000, more in vec(0_i64..1_000_000, 1..8),
    ) {
        let mut weights: Vec<Decimal> = more.into_iter().map(Decimal::from).collect();
        weights.push(Decimal::from(total + 1));
        let shares = fine_shares(money(total, "USD"), &weights).unwrap();
        let off = (shares.iter().sum::<Decimal>() - Decimal::from(total)).abs();
        prop_assert!(off <= Decimal::new(5, 6) * Decimal::from(shares.len()));
        prop_assert!(shares.iter().zip(&weights).all(|(s, w)| s <= w));
    }

    #[test]
    fn prices_with_tax_are_net_and_tax_again(
        minor in 0_i64..10_000_000_000, percent in any_percent(), level in any_level(), rounding in any_rounding(),
    ) {
        let rates = vec![TaxRate { name: "VAT".into(), percent, inclusive: true, on: TaxBase::Net }];
        let charges = charges(&[(minor, "x".into(), true, TaxTreatment::Taxed { rates })], "JPY");
        let credit = money(0, "JPY");
        let request = DocumentRequest { currency: credit.currency, charges: &charges, discounts: &[], credit };
        let policy = DocumentPolicy { tax: TaxPolicy { level, rounding }, ..DocumentPolicy::default() };
        let done = compute(&request, policy).unwrap();
        prop_assert_eq!((done.total.minor, done.net.minor + done.tax.minor), (minor, minor));
        prop_assert!(done.net.minor >= 0 && done.tax.minor >= 0);
    }

    #[test]
    fn grants_give_what_they_have_and_nothing_twice(
        given in vec((0_i64..1000, 0_i64..1200, 0_i64..100, prop::option::of(0_i64..200)), 0..8), amount in 0_i64..5000, day in 0_i64..200,
    ) {
        let start = at("2027-01-01T00:00:00Z");
        let after = |days: i64| -> Instant { start + TimeDelta::days(days) };
        let grants: Vec<Grant> = given.iter().enumerate().map(|(n, (amount, used, granted, expires))| Grant {
            id: n.to_string(), amount: money(*amount, "USD"), used: money(*used.min(amount), "USD"),
            granted_at: after(*granted), expires_at: expires.map(after),
        }).collect();
        let there = available(&grants, money(0, "USD").currency, after(day)).unwrap();
        let drawn = draw(&grants, money(amount, "USD"), after(day)).unwrap();
        prop_assert_eq!(drawn.covered.minor, amount.min(there.minor));
        prop_assert_eq!(drawn.covered.minor + drawn.missing.minor, amount);
        prop_assert_eq!(sum(drawn.uses.iter().map(|u| u.amount)), drawn.covered.minor);
        let lost = expired(&grants, after(day)).unwrap();
        prop_assert!(lost.iter().all(|l| drawn.uses.iter().all(|u| u.grant != l.grant)));
    }

    #[test]
    fn whatever_is_typed_as_a_code_or_a_vat_number_is_read_or_refused(text in "\\PC{0,20}", digits in "[A-Z]{2}[0-9A-Z]{0,13}") {
        for text in [text, digits] {
            if let Ok(code) = CouponCode::try_new(&text) {
                prop_assert_eq!(CouponCode::try_new(code.as_str()), Ok(code.clone()));
            }
            if let Ok(id) = VatId::try_new(&text) {
                prop_assert_eq!(VatId::try_new(&id.to_string()), Ok(id.clone()));
            }
        }
    }
}

proptest! {
    // What rounds beyond is rare: a small tax, given back in many small shares.
    #![proptest_config(crate::sample::cases(3000))]

    #[test]
    fn credit_notes_never_exceed_and_the_last_one_gives_exactly_the_rest(
        given in any_charges(0), discounts in any_discounts("USD"), policy in any_policy(), by in any_note_policy(),
        wishes in vec((0_usize..2, 0_u8..6, 0_i64..i64::MAX / 2), 0..24),
    ) {
        let charges = charges(&given, "USD");
        let credit = money(0, "USD");
        let request = DocumentRequest { currency: credit.currency, charges: &charges, discounts: &discounts, credit };
        let invoice = compute(&request, policy).unwrap();
        let mut notes = Vec::new();
        for numbers in wishes {
            match credit_note(&invoice, &notes, &wish(&invoice, numbers), by) {
                Ok(note) => notes.push(note),
                Err(problem) => prop_assert!(
                    matches!(problem, DocumentError::MoreThanLeft { .. } | DocumentError::NotCreditable { .. }), "{}", problem
                ),
            }
            assert_within(&invoice, &notes, by.limit)?;
        }
        let left = invoice.total.minor - sum(notes.iter().map(|n| n.total));
        match credit_note(&invoice, &notes, &CreditRequest::Whole, by) {
            Ok(rest) => prop_assert_eq!(rest.total.minor, left),
            Err(_) => prop_assert_eq!(left, 0),
        }
    }
}
