//! Where the money of a change goes in a contract: the next invoice, a credit note, an invoice now. And what is given back
//! by policies that look at what was charged.

use billing::{
    ids::Cause,
    invoice::{Basis, Invoice, LineKind, compute, explain},
    money::Money,
    proration::{Destination, Profile, ProrationPolicy},
    subscription::{Input, Order, Subscription, When, open, transition_with},
    tax::Taxes,
};
use chrono::TimeDelta;
use proptest::prelude::*;
use strum::IntoEnumIterator;

use crate::{
    adjusted::{Applied, applied, coupon, opened, start, taxed, taxes},
    items::bought,
    sample::{at, order, terms},
};

fn by(policy: ProrationPolicy, price: &str) -> Subscription {
    let (held, ..) = opened(terms("team", "month", price, 1), Vec::new(), &Taxes::default());
    Subscription { proration: policy, ..held }
}

/// Gives `input` to `held` at `now`, and wakes it until nothing is due.
fn give(held: &Subscription, input: Input, now: &str) -> Applied {
    applied(transition_with(held, 7, input, at(now), &Taxes::default().into()).expect("applied"))
}

fn change(held: &Subscription, plan: &str, price: &str, units: i64) -> Input {
    let terms = Box::new(terms(plan, "month", price, units));
    Input::Change { terms, proration: held.proration, when: When::Now }
}

fn amounts(invoice: &Invoice) -> Vec<(LineKind, i64)> {
    invoice.lines.iter().map(|line| (line.kind, line.amount.minor)).collect()
}

fn again(invoice: &Invoice) {
    let stored: Invoice = serde_json::from_str(&serde_json::to_string(invoice).expect("JSON")).expect("an invoice");
    assert_eq!(stored, *invoice);
    assert_eq!(compute(stored.rules, &stored.basis).expect("lines"), invoice.lines, "other lines than before");
}

/// Half of a period of 28 days: from the 14th day on.
const HALF: &str = "2027-02-14T09:00:00Z";
const END: &str = "2027-02-28T09:00:00Z";

#[test]
fn stripe_bills_a_change_with_the_next_invoice() {
    let held = by(Profile::StripeClassic.policy(), "10.00");
    let (changed, invoices, facts) = give(&held, change(&held, "business", "20.00", 1), HALF);
    assert!(invoices.is_empty(), "nothing is invoiced now: {invoices:#?}");
    assert_eq!(facts.len(), 1, "run-rate moves now");
    let waits: Vec<i64> = changed.pending_lines().expect("lines").iter().map(|l| l.amount.minor).collect();
    assert_eq!(waits, [-500, 1_000]);
    let (renewed, invoices, _) = give(&changed, Input::Wake, END);
    let [invoice] = invoices.as_slice() else { panic!("{invoices:#?}") };
    let lines = [(LineKind::ProrationCredit, -500), (LineKind::ProrationCharge, 1_000), (LineKind::Recurring, 2_000)];
    assert_eq!(amounts(invoice), lines);
    assert_eq!((invoice.total.minor, invoice.cause), (2_500, Cause::Period(2)));
    assert!(renewed.pending.is_empty());
    again(invoice);
    let words = explain(invoice).expect("words");
    assert!(words.contains("what waited for it: a change at 2027-02-14"), "{words}");
}

#[test]
fn what_waits_is_billed_at_the_end_and_a_credit_is_kept() {
    let policy = Profile::StripeClassic.policy();
    for (now, when) in [(END, When::PeriodEnd), ("2027-02-20T09:00:00Z", When::Now)] {
        for (price, total, kept) in [("20.00", 500, 0), ("4.00", 0, 300)] {
            let held = by(policy, "10.00");
            let (changed, ..) = give(&held, change(&held, "other", price, 1), HALF);
            let cancel = Input::Cancel { when, reason: None, comment: None };
            let (mut held, mut invoices, _) = give(&changed, cancel, "2027-02-20T09:00:00Z");
            if when == When::PeriodEnd {
                assert!(invoices.is_empty());
                (held, invoices, _) = give(&held, Input::Wake, now);
            }
            assert_eq!(invoices.len(), 1);
            assert_eq!((invoices[0].total.minor, held.credit_minor), (total, kept), "{now} {price}");
            assert!(held.pending.is_empty());
            again(&invoices[0]);
        }
    }
}

#[test]
fn a_new_interval_does_not_wait() {
    let held = by(Profile::Polar.policy(), "10.00");
    let (changed, ..) = give(&held, change(&held, "team", "10.00", 2), HALF);
    let yearly = Input::Change {
        terms: Box::new(terms("team", "year", "100.00", 2)),
        proration: held.proration,
        when: When::Now,
    };
    let (yearly, invoices, _) = give(&changed, yearly, HALF);
    let [invoice] = invoices.as_slice() else { panic!("{invoices:#?}") };
    // 10.00 more for the second seat's half waited; 20.00 for two seats' half come back; a year of both is charged.
    assert_eq!(invoice.total.minor, (1_000 - 500) - 1_000 + 20_000);
    assert!(yearly.pending.is_empty());
    again(invoice);
}

#[test]
fn more_changes_than_may_wait_are_billed_at_once() {
    let mut held = by(Profile::StripeClassic.policy(), "10.00");
    let mut issued = Vec::new();
    for units in 2..=14 {
        let (next, invoices, _) = give(&held, change(&held, "team", "10.00", units), HALF);
        issued.extend(invoices);
        held = next;
    }
    assert_eq!((issued.len(), held.pending.len()), (1, 0));
    assert_eq!(issued[0].total.minor, 13 * 500);
    again(&issued[0]);
}

#[test]
fn lago_writes_a_credit_note_and_sets_it_off() {
    let held = by(Profile::Lago.policy(), "28.00");
    let (held, invoices, facts) = give(&held, change(&held, "business", "56.00", 1), HALF);
    let [note, invoice] = invoices.as_slice() else { panic!("{invoices:#?}") };
    assert!(note.basis.is_credit_note() && !invoice.basis.is_credit_note());
    assert_eq!((note.id.as_str(), invoice.id.as_str()), ("inv_ana-n7", "inv_ana-c7"));
    assert_eq!(amounts(note), [(LineKind::ProrationCredit, -1_400), (LineKind::CreditKept, 1_400)]);
    assert_eq!(amounts(invoice), [(LineKind::ProrationCharge, 2_800), (LineKind::CreditUsed, -1_400)]);
    assert_eq!((note.total.minor, invoice.total.minor, held.credit_minor), (0, 1_400, 0));
    let credits: i64 =
        facts.iter().filter(|f| f.event_type == billing::fact::EventType::Credit).map(|f| f.amount_minor).sum();
    assert_eq!(credits, 1_400);
    again(note);
    again(invoice);
    // What is given back at an end is a credit note by itself: 14 days of the 28 that the change charged for.
    let (ended, invoices, _) =
        give(&held, Input::Cancel { when: When::Now, reason: None, comment: None }, "2027-02-20T20:00:00Z");
    let [note] = invoices.as_slice() else { panic!("{invoices:#?}") };
    assert!(note.basis.is_credit_note());
    // The day of the end was used: seven of 28 days are left.
    assert_eq!(ended.credit_minor, 1_400);
    again(note);
}

#[test]
fn a_credit_note_gives_back_the_tax_of_its_charge() {
    let taxes = taxes(false);
    let (held, ..) = opened(taxed(terms("team", "month", "28.00", 1)), vec![coupon(50, r#"{"is":"forever"}"#)], &taxes);
    let held = Subscription { proration: Profile::Lago.policy(), ..held };
    let terms = Box::new(taxed(terms("business", "month", "56.00", 1)));
    let input = Input::Change { terms, proration: held.proration, when: When::Now };
    let (held, invoices, _) = applied(transition_with(&held, 7, input, at(HALF), &taxes.into()).expect("a change"));
    let [note, invoice] = invoices.as_slice() else { panic!("{invoices:#?}") };
    // Half of 28.00 less half of that, and 19 % of it; then the same of 56.00.
    let gives = [
        (LineKind::ProrationCredit, -1_400),
        (LineKind::Discount, 700),
        (LineKind::Tax, -133),
        (LineKind::CreditKept, 833),
    ];
    assert_eq!(amounts(note), gives);
    let takes = [
        (LineKind::ProrationCharge, 2_800),
        (LineKind::Discount, -1_400),
        (LineKind::Tax, 266),
        (LineKind::CreditUsed, -833),
    ];
    assert_eq!(amounts(invoice), takes);
    assert_eq!((invoice.total.minor, held.credit_minor), (833, 0));
}

#[test]
fn stripe_flexible_gives_back_what_was_debited() {
    // 28.00 are debited for the second half, so 14.00 of it are left after another quarter.
    let held = by(Profile::StripeFlexible.policy(), "28.00");
    let (mut held, ..) = give(&held, change(&held, "team", "56.00", 1), HALF);
    let quarter = "2027-02-21T09:00:00Z";
    assert_eq!(last_credit(&held, quarter).1, -1_400);
    // Had less been debited, less would come back; the price of today does not count.
    let charged = held.charged.as_mut().expect("noted");
    charged.0[0].debits[0].amount = Money::new(2_000, charged.0[0].debits[0].amount.currency);
    assert_eq!(last_credit(&held, quarter).1, -1_000);
    held.proration = Profile::StripeClassic.policy();
    assert_eq!(last_credit(&held, quarter).1, -1_400);
}

/// The credit line of a change to a free plan at `now`.
fn last_credit(held: &Subscription, now: &str) -> (Subscription, i64) {
    let (next, ..) = give(held, change(held, "free", "0.00", 1), now);
    let lines = next.pending_lines().expect("lines");
    let credit = lines.iter().rfind(|l| l.kind == LineKind::ProrationCredit).expect("a credit").amount.minor;
    (next, credit)
}

#[test]
fn flexprice_never_gives_back_more_than_was_paid() {
    let held = by(Profile::Flexprice.policy(), "28.00");
    let (mut held, ..) = give(&held, change(&held, "business", "56.00", 1), HALF);
    let charged = held.charged.as_mut().expect("noted");
    charged.0[0].debits[0].amount = Money::new(500, charged.0[0].debits[0].amount.currency);
    let (_, invoices, _) = give(&held, change(&held, "team", "28.00", 1), "2027-02-15T09:00:00Z");
    let credit = &invoices[0].lines[0];
    assert_eq!((credit.kind, credit.amount.minor, credit.why.capped), (LineKind::ProrationCredit, -500, true));
    assert!(explain(&invoices[0]).expect("words").contains("cut to what the policy gives back at most"));
    // A change of quantity is not capped there.
    let (_, invoices, _) = give(&held, change(&held, "business", "56.00", 2), "2027-02-15T09:00:00Z");
    assert!(!invoices[0].lines[0].why.capped);
}

#[test]
fn the_named_profiles_of_the_documentation_bill_contracts() {
    for profile in Profile::iter() {
        assert!(profile.policy().not_billed_yet().is_empty(), "{profile}: {:?}", profile.policy().not_billed_yet());
    }
}

fn any_changes() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    proptest::collection::vec((0_i64..2_419_200, 0_i64..50_000, 1_i64..5), 1..5)
}

/// Plays changes (second of the period, price in cents, units) and the renewal; what the customer owes in the end.
fn owed(policy: ProrationPolicy, changes: &[(i64, i64, i64)]) -> (i64, Vec<Invoice>) {
    let mut held = by(policy, "30.00");
    let mut issued = Vec::new();
    for (version, (seconds, cents, units)) in (2..).zip(changes) {
        let price = rust_decimal::Decimal::new(*cents, 2).to_string();
        let now = start() + TimeDelta::seconds(*seconds);
        let input = change(&held, "other", &price, *units);
        let Ok(outcome) = transition_with(&held, version, input, now, &Taxes::default().into()) else { continue };
        let (next, invoices, _) = applied(outcome);
        issued.extend(invoices);
        held = next;
    }
    let (held, invoices, _) = give(&held, Input::Wake, END);
    issued.extend(invoices);
    assert!(held.pending.is_empty());
    (issued.iter().map(|i| i.total.minor).sum::<i64>() - held.credit_minor, issued)
}

proptest! {
    /// Where the money goes does not change how much it is, and every document is computed again from what is stored.
    #[test]
    fn a_destination_changes_no_amount(mut changes in any_changes(), profile in 0..Profile::iter().count()) {
        changes.sort_unstable();
        let policy = Profile::iter().nth(profile).unwrap_or(Profile::Default).policy();
        let destinations = [Destination::NextInvoice, Destination::CreditNote, Destination::Balance];
        let (expected, _) = owed(ProrationPolicy { destination: Destination::InvoiceNow, ..policy }, &changes);
        for destination in destinations {
            let (sum, issued) = owed(ProrationPolicy { destination, ..policy }, &changes);
            prop_assert_eq!(sum, expected, "{}", destination as u8);
            for invoice in &issued {
                again(invoice);
                let carries = matches!(invoice.basis, Basis::Carried { .. });
                prop_assert!(!carries || destination == Destination::NextInvoice);
            }
        }
    }
}

/// Everything at once: several items, a discount, a first period cut short by its anchor, and changes within it.
fn owed_of_items(policy: ProrationPolicy, start_day: u32, changes: &[(i64, i64, usize)]) -> (i64, Vec<Invoice>) {
    const ADD_ONS: [&[(&str, i64)]; 4] =
        [&[], &[("support", 1)], &[("storage", 2), ("sso", 1)], &[("storage", 1), ("support", 1)]];
    let now = at(&format!("2027-03-{start_day:02}T09:00:00Z"));
    let terms = bought("month", 2, ADD_ONS[3]);
    let coupons = vec![coupon(25, r#"{"is":"forever"}"#)];
    let alignment = serde_json::from_str(r#"{"to": {"calendar": {}}}"#).expect("an alignment");
    let order = Order { proration: policy, coupons, alignment: Some(alignment), ..order(terms) };
    let (mut held, mut issued, _) = applied(open(order, now).expect("an order"));
    let end = held.period.expect("a period").end;
    for (version, (minutes, seats, add_ons)) in (2..).zip(changes) {
        let at = (now + TimeDelta::minutes(*minutes)).min(end - TimeDelta::seconds(1));
        let input = Input::Change {
            terms: Box::new(bought("month", *seats, ADD_ONS[*add_ons])),
            proration: held.proration,
            when: When::Now,
        };
        let Ok(outcome) = transition_with(&held, version, input, at, &Taxes::default().into()) else { continue };
        let (next, invoices, _) = applied(outcome);
        issued.extend(invoices);
        held = next;
    }
    let (held, invoices, _) =
        applied(transition_with(&held, 99, Input::Wake, end, &Taxes::default().into()).expect("renewed"));
    issued.extend(invoices);
    assert!(held.pending.is_empty());
    (issued.iter().map(|i| i.total.minor).sum::<i64>() - held.credit_minor, issued)
}

proptest! {
    /// Also with several items in a stub: where the money goes does not change how much it is.
    #[test]
    fn a_destination_changes_no_amount_of_several_items_in_a_stub(
        start_day in 2_u32..28, mut changes in proptest::collection::vec((0_i64..40_000, 1_i64..4, 0_usize..4), 1..5),
        profile in 0..Profile::iter().count(),
    ) {
        changes.sort_unstable();
        let policy = Profile::iter().nth(profile).unwrap_or(Profile::Default).policy();
        let (expected, issued) = owed_of_items(ProrationPolicy { destination: Destination::InvoiceNow, ..policy }, start_day, &changes);
        issued.iter().for_each(again);
        for destination in [Destination::NextInvoice, Destination::CreditNote, Destination::Balance] {
            let (sum, issued) = owed_of_items(ProrationPolicy { destination, ..policy }, start_day, &changes);
            prop_assert_eq!(sum, expected, "{:?}", destination);
            issued.iter().for_each(again);
        }
    }
}
