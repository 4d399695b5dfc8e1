//! Invoices that are issued and not paid: withdrawn, given up, credited, and lowered by what their own period gave back.

use billing::{
    calendar::Instant,
    document::{Account, CreditRequest},
    dunning::Ladder,
    fact::{EventType, Happening},
    gateway::ChargeOutcome,
    invoice::{
        Answer, Invoice, InvoiceEffect, InvoiceInput, InvoiceOutcome, InvoiceState, Kept, LineKind, check_write_off,
        compute, credit, explain, given_back, keep, pay_from_credit, refund, tax_of, transition, withdrawal,
    },
    money::Money,
    proration::Profile,
    subscription::{Effect, Input, Outcome, Subscription, When, transition_with},
    tax::Taxes,
    terms::Terms,
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::{
    adjusted::{coupon, opened, start, taxed, taxes},
    credit_notes::{gross, sold},
    golden::pretty,
    refunds::{REFUNDS, captured},
    sample::{at, terms, usd},
};

/// What somebody does with the contract or with one of its invoices.
#[derive(Clone, Copy, Debug)]
enum Step {
    Seats(i64),
    End,
    /// So many hundredths of a line that is not credited yet.
    Note {
        invoice: usize,
        line: u32,
        percent: i64,
    },
    Void(usize),
    WriteOff(usize),
    /// A transfer of all that is owed on it.
    Pay(usize),
}

/// A contract on account, decided as the use cases decide.
struct Life {
    held: Subscription,
    invoices: Vec<Invoice>,
    taxes: Taxes,
    now: Instant,
    version: u64,
    /// What came in.
    cash: i64,
    /// Credit that voids took back, and credit that was used before they could.
    taken: i64,
    used: i64,
}

impl Life {
    fn begin(profile: Profile, percent: u32, inclusive: Option<bool>) -> Self {
        let coupons: Vec<_> = (percent > 0).then(|| coupon(percent, r#"{"is":"forever"}"#)).into_iter().collect();
        let taxes = inclusive.map(taxes).unwrap_or_default();
        let bought = Self::bought(inclusive.is_some(), 3);
        let (mut held, invoices, _) = opened(bought, coupons, &taxes);
        held.proration = profile.policy();
        let (cash, taken, used) = (0, 0, 0);
        Self { held, invoices, taxes, now: start(), version: 1, cash, taken, used }
    }

    fn bought(is_taxed: bool, seats: i64) -> Terms {
        let terms = terms("team", "month", "33.33", seats);
        if is_taxed { taxed(terms) } else { terms }
    }

    fn own(&self) -> Vec<&Invoice> {
        self.invoices.iter().collect()
    }

    /// Gives an input to the contract; what it gives back of a period lowers what is open of that.
    fn give(&mut self, input: Input) -> bool {
        self.version += 1;
        let (before, known) = (self.held.clone(), self.taxes.clone().into());
        let Ok(outcome) = transition_with(&self.held, self.version, input, self.now, &known) else { return false };
        let Outcome::Applied { next, effects, .. } = outcome else { return false };
        self.held = *next;
        let made: Vec<Invoice> = effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Issue(new) => Some(Invoice::issue(&self.held, *new).expect("an invoice")),
                _ => None,
            })
            .collect();
        self.invoices.extend(made.iter().cloned());
        for given in made.iter().filter_map(|made| given_back(made).expect("amounts")) {
            let currency = given.credit.currency;
            let there = (self.held.credit_in(currency) - before.credit_in(currency)).max(0);
            let paid = pay_from_credit(&given, Money::new(there, currency), &self.own(), self.now).expect("amounts");
            for paid in paid {
                let (invoice, amount, tax_minor) = (paid.invoice.id.clone(), paid.amount, paid.tax_minor);
                self.set(paid.invoice);
                self.give(Input::PayInvoice { invoice, amount, tax_minor });
            }
        }
        true
    }

    fn set(&mut self, after: Invoice) {
        let place = self.invoices.iter().position(|i| i.id == after.id).expect("its place");
        self.invoices[place] = after;
    }

    fn tell(&mut self, invoice: &Invoice, input: InvoiceInput) -> Vec<Happening> {
        let outcome = transition(invoice, &Ladder::standard(), input, self.now);
        let InvoiceOutcome::Applied { next, effects, facts } = outcome else { return Vec::new() };
        self.set(*next);
        for effect in effects {
            match effect {
                InvoiceEffect::Subscription(input) => assert!(self.give(input)),
                InvoiceEffect::Alarm(_) => {}
                other => panic!("{other:?}"),
            }
        }
        facts
    }

    fn note(&mut self, invoice: &Invoice, request: &CreditRequest) {
        let Ok((credited, basis)) = credit(invoice, request, self.now) else { return };
        let note = credited.credits.last().expect("a note");
        let Ok(kept) = keep(invoice, note, &self.own(), &self.held.pending) else { return };
        let id = invoice.id.clone();
        self.set(credited);
        assert!(self.give(Input::CreditNote { basis: Box::new(basis), invoice: id, reason: None, kept }));
    }

    fn void(&mut self, invoice: &Invoice) {
        let Ok(follows) = withdrawal(invoice, &self.held, &self.own()) else { return };
        if invoice.state == InvoiceState::Void {
            return;
        }
        let facts = self.tell(invoice, InvoiceInput::Withdraw { taken_back_minor: follows.taken_net_minor });
        assert_eq!(facts.iter().map(|fact| fact.event_type).collect::<Vec<_>>(), [EventType::Voided]);
        self.taken += follows.taken.minor;
        self.used += follows.used.minor;
        let (id, period) = (invoice.id.clone(), *invoice.basis.period());
        assert!(self.give(Input::VoidInvoice { invoice: id, reason: None, withdrawal: Box::new(follows), period }));
    }

    fn take(&mut self, step: Step, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
        while self.give(Input::Wake) {}
        let pick = |which: usize| self.invoices[which % self.invoices.len()].clone();
        match step {
            Step::Seats(seats) => {
                let terms = Box::new(Self::bought(self.held.terms.conditions.tax.is_some(), seats));
                self.give(Input::Change { terms, proration: self.held.proration, when: When::Now });
            }
            Step::End => {
                self.give(Input::Cancel { when: When::Now, reason: None, comment: None });
            }
            Step::Note { invoice, line, percent } => {
                let invoice = pick(invoice);
                let amount = invoice.lines.get(line as usize).map_or(1, |line| line.amount.minor * percent / 100);
                self.note(&invoice, &gross(line + 1, amount, &invoice));
            }
            Step::Void(which) => self.void(&pick(which)),
            Step::WriteOff(which) => {
                let invoice = pick(which);
                self.tell(&invoice, InvoiceInput::WriteOff);
            }
            Step::Pay(which) => {
                let invoice = pick(which);
                let (amount, reference, at) = (invoice.amount_due(), format!("bank-{}", self.version), self.now);
                if amount.minor > 0 {
                    self.cash += amount.minor;
                    self.tell(&invoice, InvoiceInput::Received { amount, reference, at });
                }
            }
        }
    }

    /// What the documents that stand charge, tax included, less what they give back.
    fn charged(&self) -> i64 {
        use LineKind::{AgainstDue, CreditKept, CreditUsed};
        let stand = self.invoices.iter().filter(|i| i.state != InvoiceState::Void).flat_map(|i| &i.lines);
        let own = stand.filter(|line| !matches!(line.kind, CreditKept | CreditUsed | AgainstDue));
        own.map(|line| line.amount.minor).sum()
    }

    fn owed(&self) -> i64 {
        self.invoices.iter().map(|i| i.amount_due().minor).sum()
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_i64..9).prop_map(Step::Seats),
        1 => Just(Step::End),
        4 => (0_usize..8, 0_u32..3, 1_i64..=100)
            .prop_map(|(invoice, line, percent)| Step::Note { invoice, line, percent }),
        3 => (0_usize..8).prop_map(Step::Void),
        1 => (0_usize..8).prop_map(Step::WriteOff),
        3 => (0_usize..8).prop_map(Step::Pay),
    ]
}

proptest! {
    #![proptest_config(crate::sample::cases(500))]

    /// Whatever is changed, ended, credited, withdrawn, given up and paid: what came in and what is owed, less credit, is what
    /// the documents charge; and nobody has credit that was neither paid nor is owed, but what was used before a void.
    #[test]
    fn no_money_vanishes_and_none_is_given_that_nobody_paid(
        steps in prop::collection::vec((any_step(), 0_i64..700_000), 1..14),
        percent in prop_oneof![Just(0_u32), Just(50), 1_u32..100],
        inclusive in proptest::option::of(any::<bool>()),
    ) {
        // Bought days are worth what is unused, whatever was paid: decision 30 says so.
        for profile in [Profile::Default, Profile::Killbill, Profile::Lago, Profile::StripeClassic] {
            let mut life = Life::begin(profile, percent, inclusive);
            for (step, later) in &steps {
                life.take(*step, *later);
                for invoice in &life.invoices {
                    let (due, tax) = (invoice.payable(), invoice.payable_tax_minor());
                    prop_assert!((0..=invoice.total.minor).contains(&due.minor) && (0..=due.minor).contains(&tax));
                    prop_assert_eq!(&compute(invoice.rules, &invoice.basis).expect("lines"), &invoice.lines);
                    let account = Account {
                        status: invoice.status(),
                        charges: invoice.total,
                        adjustments: Money::new(-invoice.lowered.notes_minor, due.currency),
                        credits: Money::new(-invoice.lowered.credit_minor, due.currency),
                        paid: if matches!(invoice.state, InvoiceState::Paid { .. }) { due } else { Money::zero(due.currency) },
                        refunded: Money::zero(due.currency),
                    };
                    prop_assert_eq!(account.balance().expect("a balance"), invoice.amount_due());
                }
                let there = life.held.credit_minor;
                prop_assert!(there >= 0, "{profile:?}: credit of {there}");
                let balance = life.cash + life.owed() - there;
                prop_assert_eq!(balance, life.charged() + life.taken, "{:?}: {:?}", profile, step);
                // Shares of tax are rounded once on each document.
                let cents = i64::try_from(life.invoices.len()).expect("few");
                prop_assert!(balance + life.used + cents >= 0, "{profile:?}: {balance} and {} used", life.used);
            }
        }
    }
}

/// A contract of three units at 33.33 for the 28 days from 31 January, on account, and its open invoice.
fn open() -> (Life, Invoice) {
    let life = Life::begin(Profile::Killbill, 0, None);
    let invoice = life.invoices[0].clone();
    assert_eq!((invoice.total.minor, invoice.amount_due().minor), (9_999, 9_999));
    (life, invoice)
}

#[test]
fn an_end_half_way_leaves_half_of_an_unpaid_period_owed() {
    let (mut life, _) = open();
    life.take(Step::End, 14 * 86_400);
    // 49.995 are unused, rounded half up.
    assert_eq!((life.owed(), life.held.credit_minor), (4_999, 0));
    let lowered = &life.invoices[0];
    assert_eq!((lowered.total.minor, lowered.lowered.credit_minor), (9_999, 5_000));
    let words = explain(lowered).expect("words");
    assert!(words.contains("credit of the same period") && words.contains("49.99 USD"), "{words}");
    life.take(Step::Pay(0), 0);
    assert_eq!((life.cash, life.owed(), life.held.credit_minor), (4_999, 0, 0));
}

#[test]
fn credit_stays_where_an_attempt_on_the_invoice_is_under_way() {
    let (mut life, mut invoice) = open();
    invoice.resend = Some(Box::new(claimed(&invoice)));
    life.set(invoice);
    life.take(Step::End, 14 * 86_400);
    assert_eq!((life.owed(), life.held.credit_minor), (9_999, 5_000));
}

fn claimed(invoice: &Invoice) -> billing::invoice::Claim {
    let method = crate::sample::method();
    let wake = InvoiceInput::Wake { method: Some(method), wall: crate::sample::wall("2027-01-31T09:00:00Z") };
    let due = Invoice { state: InvoiceState::Due { at: start() }, resend: None, ..invoice.clone() };
    let outcome = transition(&due, &Ladder::standard(), wake, start());
    let InvoiceOutcome::Applied { effects, .. } = outcome else { panic!("nothing is due") };
    let Some(InvoiceEffect::Charge(claim)) = effects.into_iter().next() else { panic!("nothing is charged") };
    claim
}

#[test]
fn a_withdrawn_period_gives_nothing_back() {
    for step in [Step::End, Step::Note { invoice: 0, line: 0, percent: 50 }] {
        let (mut life, _) = open();
        life.take(Step::Void(0), 86_400);
        assert_eq!(life.held.kept, Some(Kept { minor: 0, noted_minor: 0, taken_minor: 0 }));
        life.take(step, 86_400);
        assert_eq!((life.owed(), life.held.credit_minor, life.invoices[0].state.name()), (0, 0, "void"));
    }
}

#[test]
fn credit_of_an_unpaid_period_is_taken_back_with_it_as_far_as_it_is_there() {
    for (spent, taken, used) in [(0, 5_000, 0), (2_000, 3_000, 2_000)] {
        let (mut life, mut invoice) = open();
        // An attempt is under way when the contract ends, so the credit stays credit.
        invoice.resend = Some(Box::new(claimed(&invoice)));
        life.set(invoice.clone());
        life.take(Step::End, 14 * 86_400);
        life.held.credit_minor -= spent;
        let (resend, state) = (None, life.invoices[0].state.clone());
        life.set(Invoice { resend, state, ..invoice });
        life.take(Step::Void(0), 0);
        assert_eq!((life.taken, life.used, life.held.credit_minor), (taken, used, 0));
    }
}

#[test]
fn a_decision_that_waits_for_an_invoice_gives_nothing_back_of_a_withdrawn_period() {
    let mut life = Life::begin(Profile::StripeClassic, 0, None);
    life.take(Step::Seats(1), 14 * 86_400);
    let waits = |life: &Life| -> i64 { life.held.pending_lines().expect("lines").iter().map(|l| l.amount.minor).sum() };
    assert!(waits(&life) < -3_000, "{}", waits(&life));
    life.take(Step::Void(0), 0);
    assert_eq!(waits(&life), 0);
}

#[test]
fn credit_of_a_decision_that_waited_is_credit_of_its_period() {
    // The last invoice brings 66.66 back, that of the next period uses 33.33 of it: of nothing that was paid.
    for (later, step, owed) in [(0, Step::End, 3_333), (30 * 86_400, Step::Seats(1), 6_666)] {
        let mut life = Life::begin(Profile::StripeClassic, 0, None);
        life.take(Step::Seats(1), 0);
        life.take(step, later);
        assert_eq!((life.invoices[0].payable().minor, life.held.credit_minor), (owed, 0), "{step:?}");
        assert_eq!(life.owed(), owed);
    }
}

/// 84.00 less half, and 19 % of 42.00, waiting to be collected.
fn due() -> (Subscription, Invoice) {
    let (held, invoice) = sold(2_800, 50, false);
    (held, Invoice { state: InvoiceState::Due { at: start() }, ..invoice })
}

#[test]
fn a_note_on_an_unpaid_invoice_lowers_what_is_collected_and_its_tax() {
    let (held, invoice) = due();
    let (lowered, basis) = credit(&invoice, &gross(1, 1_190, &invoice), start()).expect("a note");
    assert_eq!((lowered.total.minor, lowered.payable().minor, lowered.payable_tax_minor()), (4_998, 3_808, 608));
    assert_eq!((lowered.lines == invoice.lines, claimed(&lowered).amount.minor), (true, 3_808));
    let (held, notes, facts) = crate::refunds::write(&held, &invoice, basis);
    let lines: Vec<_> = notes[0].lines.iter().map(|l| (l.kind, l.amount.minor)).collect();
    assert_eq!(lines, [(LineKind::Credited, -1_000), (LineKind::Tax, -190), (LineKind::AgainstDue, 1_190)]);
    assert_eq!((notes[0].total.minor, held.credit_minor, facts.len()), (0, 0, 0));
    assert!(explain(&notes[0]).expect("words").contains("it was not paid"));
    let stored = serde_json::to_string(&lowered).expect("JSON");
    assert_eq!(serde_json::from_str::<Invoice>(&stored).expect("an invoice"), lowered);
}

#[test]
fn the_fact_of_the_payment_has_what_was_paid_and_a_refund_gives_back_no_more() {
    let (_, invoice) = due();
    let (lowered, _) = credit(&invoice, &gross(1, 1_190, &invoice), start()).expect("a note");
    let received = InvoiceInput::Received { amount: usd(4_998), reference: "bank".into(), at: start() };
    let InvoiceOutcome::Applied { next, effects, facts } = transition(&lowered, &Ladder::standard(), received, start())
    else {
        panic!("the money vanished")
    };
    // All of it arrived, also what was not owed any more: that is credit.
    assert_eq!(next.state.name(), "paid");
    assert_eq!((facts[0].amount_minor, facts[0].tax_minor), (4_998 - 608, Some(608)));
    let more = |e: &InvoiceEffect| matches!(e, InvoiceEffect::Subscription(Input::Credit { amount, .. }) if amount.minor == 1_190);
    assert!(effects.iter().any(more), "{effects:?}");
    let paid = captured(*next);
    let back = refund(&paid, &paid, &CreditRequest::Whole, Some(REFUNDS), start()).expect("a refund").0;
    assert_eq!((back.refunds[0].claim.amount.minor, back.refunds[0].tax_minor), (3_808, 608));
    let notes = Money::sum(invoice.total.currency, back.credits.iter().map(|note| note.total)).expect("a sum");
    assert_eq!(notes, invoice.total);
    let tax = tax_of(&invoice.lines, invoice.total.currency).expect("tax").minor;
    assert_eq!(back.credits.iter().map(|note| note.tax.minor).sum::<i64>(), tax);
}

#[test]
fn a_note_on_all_that_is_left_settles_the_invoice_and_access_comes_back() {
    let (_, invoice) = due();
    let invoice = Invoice { suspends: true, ..invoice };
    let (settled, _) = credit(&invoice, &CreditRequest::Whole, start()).expect("a note");
    assert_eq!(settled.state, InvoiceState::Paid { at: start() });
    assert_eq!((settled.suspends, settled.payable().minor, settled.payable_tax_minor()), (false, 0, 0));
    let refusal = credit(&settled, &CreditRequest::Whole, start()).unwrap_err().to_string();
    assert!(refusal.contains("nothing is left"), "{refusal}");
    let refusal = refund(&settled, &settled, &gross(1, 100, &invoice), Some(REFUNDS), start()).unwrap_err();
    assert!(refusal.to_string().contains("nothing is left") || refusal.to_string().contains("cannot be credited"));
}

#[test]
fn what_cannot_be_corrected_is_refused_with_what_to_do() {
    let (held, invoice) = due();
    let refused = |invoice: &Invoice| withdrawal(invoice, &held, &[invoice]).unwrap_err().to_string();
    let claim = claimed(&invoice);
    let climb = None;
    for state in [
        InvoiceState::Collecting { claim: claim.clone(), climb: climb.clone(), since: start() },
        InvoiceState::Unknown {
            claim,
            climb,
            asked: 0,
            ask_at: crate::sample::wall("2027-02-01T00:00:00Z"),
            action: None,
        },
    ] {
        let busy = Invoice { state, ..invoice.clone() };
        let text = "invoice: an attempt to collect it is under way; ask again when that has its answer";
        assert_eq!(refused(&busy), text);
        assert_eq!(check_write_off(&busy).unwrap_err().to_string(), text);
        assert_eq!(credit(&busy, &CreditRequest::Whole, start()).unwrap_err().to_string(), text);
        for input in [InvoiceInput::Withdraw { taken_back_minor: 0 }, InvoiceInput::WriteOff] {
            assert_eq!(transition(&busy, &Ladder::standard(), input, start()), InvoiceOutcome::AlreadyApplied);
        }
    }
    let paid = Invoice { state: InvoiceState::Paid { at: start() }, ..invoice.clone() };
    assert_eq!(refused(&paid), "invoice: it is paid; write a credit note");
    assert_eq!(check_write_off(&paid).unwrap_err().to_string(), "invoice: it is paid; nothing is left to collect");
    let first = Invoice { purpose: billing::invoice::Purpose::Opening, ..invoice.clone() };
    assert!(refused(&first).contains("waits for its money"));
    let document = Some(billing::ids::InvoiceId::try_new("inv_ana-d1").expect("an id"));
    let item = Invoice { state: InvoiceState::Grouped, document, ..invoice.clone() };
    assert!(refused(&item).contains("is on the document inv_ana-d1, which is owed as it stands"));
    assert!(credit(&item, &CreditRequest::Whole, start()).unwrap_err().to_string().contains("inv_ana-d1"));
    let (noted, _) = credit(&invoice, &gross(1, 1_190, &invoice), start()).expect("a note");
    assert!(refused(&noted).contains("has credit notes, which stand"));
    assert!(check_write_off(&noted).is_ok(), "what a note left may be given up");
}

/// What corrections add to the stored forms.
pub(crate) fn samples() -> Vec<(String, String)> {
    let (held, invoice) = due();
    let (lowered, basis) = credit(&invoice, &gross(1, 1_190, &invoice), start()).expect("a note");
    let (_, notes, _) = crate::refunds::write(&held, &lowered, basis);
    let claim = claimed(&lowered);
    let key = claim.key.clone();
    let busy = Invoice { state: InvoiceState::Collecting { claim, climb: None, since: start() }, ..lowered.clone() };
    let outcome = ChargeOutcome::Succeeded { reference: "ch_1".into(), at: start() };
    let wall = crate::sample::wall("2027-01-31T09:00:05Z");
    let answer = InvoiceInput::Answered(Answer { key, outcome, wall });
    let InvoiceOutcome::Applied { next: paid, .. } = transition(&busy, &Ladder::standard(), answer, start()) else {
        panic!("it was not paid")
    };
    let (mut life, _) = open();
    life.take(Step::End, 14 * 86_400);
    life.take(Step::Void(0), 0);
    let by = |input| match transition(&invoice, &Ladder::standard(), input, start()) {
        InvoiceOutcome::Applied { next, .. } => *next,
        InvoiceOutcome::AlreadyApplied => panic!("it was not applied"),
    };
    vec![
        ("invoice-rules-3-lowered".into(), pretty(&lowered)),
        ("invoice-rules-3-lowered-paid".into(), pretty(&paid)),
        ("invoice-rules-3-note-before-payment".into(), pretty(&notes[0])),
        ("invoice-rules-3-taken-back".into(), pretty(&life.invoices[0])),
        ("invoice-rules-3-written-off".into(), pretty(&by(InvoiceInput::WriteOff))),
    ]
}

#[test]
fn what_was_written_off_is_still_paid_by_all_of_its_money() {
    let (_, invoice) = due();
    let InvoiceOutcome::Applied { next, effects, facts } =
        transition(&invoice, &Ladder::standard(), InvoiceInput::WriteOff, start())
    else {
        panic!("it was not given up")
    };
    assert_eq!((next.state.name(), effects.len(), next.amount_due().minor), ("uncollectible", 0, 4_998));
    assert_eq!((facts[0].event_type, facts[0].reason.as_deref()), (EventType::WrittenOff, Some("merchant")));
    assert_eq!(transition(&next, &Ladder::standard(), InvoiceInput::WriteOff, start()), InvoiceOutcome::AlreadyApplied);
    for (minor, state) in [(4_998, "paid"), (4_000, "uncollectible")] {
        let input = InvoiceInput::Received { amount: usd(minor), reference: "late".into(), at: start() };
        let outcome = transition(&next, &Ladder::standard(), input, start());
        let InvoiceOutcome::Applied { next, .. } = outcome else { panic!("the money vanished") };
        assert_eq!(next.state.name(), state);
    }
    // One that its ladder gave up ended its contract: what comes for it is credit.
    let by_ladder = Invoice { written_off: false, ..*next };
    let input = InvoiceInput::Received { amount: usd(4_998), reference: "late".into(), at: at("2027-03-01T00:00:00Z") };
    let outcome = transition(&by_ladder, &Ladder::standard(), input, start());
    assert!(matches!(outcome, InvoiceOutcome::Applied { next, .. } if next.state == InvoiceState::Uncollectible));
}
