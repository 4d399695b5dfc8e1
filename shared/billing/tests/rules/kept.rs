//! Credit notes beside changes and ends: whatever comes first, a period never gives back more than it was charged.

use billing::{
    document::{CreditAmount, CreditRequest, LineCredit},
    invoice::{Invoice, InvoiceState, LineKind, credit, keep},
    money::Money,
    proration::Profile,
    subscription::{Input, Subscription, When, transition_with},
    tax::Taxes,
};
use chrono::TimeDelta;
use proptest::prelude::*;
use strum::IntoEnumIterator;

use crate::{
    adjusted::{applied, coupon, opened, start},
    sample::terms,
};

/// What somebody does with the contract.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Gives back so many hundredths of a line of one of the invoices.
    Note {
        invoice: usize,
        line: usize,
        percent: i64,
    },
    Seats(i64),
    End,
}

struct Life {
    held: Subscription,
    invoices: Vec<Invoice>,
    notes: usize,
}

impl Life {
    fn begin(profile: Profile, percent: u32) -> Self {
        let coupons: Vec<_> = (percent > 0).then(|| coupon(percent, r#"{"is":"forever"}"#)).into_iter().collect();
        let (mut held, issued, _) = opened(terms("team", "month", "33.33", 3), coupons, &Taxes::default());
        held.proration = profile.policy();
        let invoices = issued.into_iter().map(paid).collect();
        Self { held, invoices, notes: 0 }
    }

    fn take(&mut self, step: Step, seconds: i64) {
        let now = start() + TimeDelta::seconds(seconds);
        let input = match step {
            Step::Note { invoice, line, percent } => match self.note(invoice, line, percent) {
                Some(input) => input,
                None => return,
            },
            Step::Seats(seats) => Input::Change {
                terms: Box::new(terms("team", "month", "33.33", seats)),
                proration: self.held.proration,
                when: When::Now,
            },
            Step::End => Input::Cancel { when: When::Now, reason: None, comment: None },
        };
        let version = 9 + self.invoices.len() as u64;
        let Ok(outcome) = transition_with(&self.held, version, input, now, &Taxes::default().into()) else { return };
        if let billing::subscription::Outcome::Applied { .. } = &outcome {
            let (held, issued, _) = applied(outcome);
            self.held = held;
            self.invoices.extend(issued.into_iter().map(paid));
        }
    }

    fn note(&mut self, invoice: usize, line: usize, percent: i64) -> Option<Input> {
        let place = invoice % self.invoices.len();
        let before = self.invoices[place].clone();
        let line = line % before.lines.len().max(1);
        let minor = before.lines.get(line)?.amount.minor * percent / 100;
        let amount = CreditAmount::Gross { amount: Money::new(minor, before.total.currency) };
        let lines = vec![LineCredit { line: (line + 1).to_string(), amount }];
        let (credited, basis) = credit(&before, &CreditRequest::Lines { lines }, start()).ok()?;
        let own: Vec<&Invoice> = self.invoices.iter().collect();
        let kept = keep(&before, credited.credits.last()?, &own, &self.held.pending).ok()?;
        let invoice = before.id;
        self.invoices[place] = credited;
        self.notes += 1;
        Some(Input::CreditNote { basis: Box::new(basis), invoice, reason: None, kept })
    }

    /// What the customer was charged for the period, less all that came back.
    fn left(&self) -> i64 {
        use LineKind::{Credited, Discount, ProrationCharge, ProrationCredit, Recurring};
        let waiting = self.held.pending_lines().expect("lines");
        let lines = self.invoices.iter().flat_map(|invoice| &invoice.lines).chain(&waiting);
        let moved = |kind| matches!(kind, Recurring | ProrationCharge | ProrationCredit | Discount | Credited);
        lines.filter(|line| moved(line.kind)).map(|line| line.amount.minor).sum()
    }
}

fn paid(invoice: Invoice) -> Invoice {
    Invoice { state: InvoiceState::Paid { at: start() }, ..invoice }
}

#[test]
fn what_a_note_gives_back_of_a_fee_is_no_money_of_the_period() {
    let mut bought = terms("team", "month", "10", 1);
    bought.price.setup_fee = Some(rust_decimal::Decimal::from(50));
    let (held, issued, _) = opened(bought, Vec::new(), &Taxes::default());
    let mut life = Life { held, invoices: issued.into_iter().map(paid).collect(), notes: 0 };
    life.take(Step::Note { invoice: 0, line: 1, percent: 100 }, 60);
    assert_eq!((life.notes, life.held.credit_minor, life.held.kept), (1, 5_000, None));
    life.take(Step::Note { invoice: 0, line: 0, percent: 50 }, 120);
    assert_eq!(
        (life.held.credit_minor, life.held.kept.map(|kept| (kept.minor, kept.noted_minor))),
        (5_500, Some((500, 500)))
    );
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..8, 0_usize..4, 1_i64..=100)
            .prop_map(|(invoice, line, percent)| Step::Note { invoice, line, percent }),
        4 => (1_i64..9).prop_map(Step::Seats),
        1 => Just(Step::End),
    ]
}

proptest! {
    #[test]
    fn a_period_never_gives_back_more_than_it_was_charged(
        steps in prop::collection::vec((any_step(), 0_i64..200_000), 1..10),
        percent in prop_oneof![Just(0_u32), Just(50), 1_u32..100],
    ) {
        // Bought days are worth what is unused, whatever a note gave back: decision 30 says so.
        for profile in Profile::iter().filter(|profile| !profile.policy().buys_time()) {
            let (mut life, mut at) = (Life::begin(profile, percent), 0);
            for (step, later) in &steps {
                at += later;
                let before = life.left();
                life.take(*step, at);
                let costs = life.left() - before;
                prop_assert!(!matches!(step, Step::End) || costs <= 0, "{profile:?}: an end costs {costs} cents");
            }
            prop_assert!(life.notes == 0 || life.left() >= 0, "{profile:?}: {} cents left", life.left());
        }
    }
}

#[test]
fn what_a_note_gave_back_is_not_given_back_by_an_end() {
    for (percent, left) in [(100, 0), (20, 3_000)] {
        let mut life = Life::begin(Profile::Killbill, 0);
        life.take(Step::Note { invoice: 0, line: 0, percent }, 0);
        life.take(Step::End, 14 * 86_400);
        assert_eq!(life.left(), left, "{percent} % noted");
    }
}

#[test]
fn what_is_taken_off_once_is_not_taken_off_the_charge_that_follows() {
    // 99.99 for 28 days, 20 % noted; after 7 days two seats for the rest, 50.00; after 14 more what is left of those.
    let mut life = Life::begin(Profile::Lago, 0);
    life.take(Step::Note { invoice: 0, line: 0, percent: 20 }, 0);
    life.take(Step::Seats(2), 7 * 86_400);
    let before = life.left();
    life.take(Step::End, 21 * 86_400);
    assert!(before - life.left() > 1_000, "{before} and then {}", life.left());
}

#[test]
fn under_a_discount_an_end_after_a_note_charges_nothing() {
    let mut life = Life::begin(Profile::Lago, 50);
    life.take(Step::Note { invoice: 0, line: 0, percent: 20 }, 0);
    let before = life.left();
    life.take(Step::End, 2 * 86_400);
    assert!(life.left() < before, "{before} and then {}", life.left());
}
