//! What proration promises for every input, whatever the policy.

use billing::{
    calendar::{Instant, recurrence::Span},
    money::{Money, Rounding, Unrounded},
    proration::{
        Cadence, ChangeInput, ChangeKind, ChangeLines, CreditBase, CreditCap, DayOwner, Debit, Denominator,
        Destination, Factor, FactorPrecision, FirstPeriod, History, IntervalChange, ItemChange, MonthDays, PeriodEnd,
        Profile, ProratedSides, ProrationPolicy, ProrationUnit, Reach, RoundAt, Schedule, Segment, Side, Stub,
        TerminationCredit, Timing, change, factor, leading, parts, set_off, unused, used,
    },
};
use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::sample::{at, usd};

fn any_unit() -> impl Strategy<Value = ProrationUnit> {
    prop::sample::select(vec![
        ProrationUnit::Day,
        ProrationUnit::Second,
        ProrationUnit::Minute,
        ProrationUnit::Millisecond,
        ProrationUnit::FixedMonth,
    ])
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop::sample::select(vec![Rounding::HalfEven, Rounding::HalfUp, Rounding::Down])
}

fn any_owner() -> impl Strategy<Value = DayOwner> {
    prop::sample::select(vec![DayOwner::New, DayOwner::Old])
}

fn any_precision() -> impl Strategy<Value = FactorPrecision> {
    let decimals = (1_u8..=18).prop_map(FactorPrecision::Decimals);
    prop_oneof![Just(FactorPrecision::Exact), decimals, Just(FactorPrecision::Binary)]
}

fn any_denominator() -> impl Strategy<Value = Denominator> {
    prop::sample::select(vec![
        Denominator::Period,
        Denominator::EndingAtAnchor,
        Denominator::StartingAtAnchor,
        Denominator::StartingAtStart,
        Denominator::Anniversary,
        Denominator::Nominal,
        Denominator::PeriodOrNominal,
    ])
}

/// How it is counted and rounded; a profile, with fields on top.
fn any_counting() -> impl Strategy<Value = ProrationPolicy> {
    let ends = prop::sample::select(vec![PeriodEnd::Exclusive, PeriodEnd::Inclusive]);
    let parts = (any_unit(), any_rounding(), any_owner(), any_precision(), ends, 28_u8..=31);
    parts.prop_map(|(unit, rounding, change_day, precision, period_end, days)| ProrationPolicy {
        unit,
        rounding,
        change_day,
        termination_day: change_day,
        precision,
        period_end,
        month_days: MonthDays::try_new(days).unwrap(),
        ..ProrationPolicy::default()
    })
}

fn any_policy() -> impl Strategy<Value = ProrationPolicy> {
    let bases = prop::sample::select(vec![CreditBase::CurrentPrice, CreditBase::Debited, CreditBase::Smaller]);
    let caps = prop::sample::select(vec![
        CreditCap::None,
        CreditCap::Paid,
        CreditCap::PaidExceptQuantity,
        CreditCap::LessEarlierCredits,
        CreditCap::Allowance,
    ]);
    let ways = prop::sample::select(vec![
        Destination::InvoiceNow,
        Destination::NextInvoice,
        Destination::CreditNote,
        Destination::Balance,
        Destination::ExtraTime,
    ]);
    let intervals = prop::sample::select(vec![
        IntervalChange::Restart,
        IntervalChange::RestartWithoutCredit,
        IntervalChange::KeepAnchor,
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_usize);
    (any_counting(), (any_denominator(), any_denominator()), bases, caps, ways, intervals, flags).prop_map(
        |(counting, (denominator, leading), credit_base, cap, destination, interval_change, flags)| ProrationPolicy {
            denominator,
            leading,
            trailing: leading,
            credit_base,
            cap,
            destination,
            interval_change,
            lines: if flags.0 { ChangeLines::Net } else { ChangeLines::Two },
            round_at: if flags.1 { RoundAt::Document } else { RoundAt::Line },
            termination: if flags.2 { TerminationCredit::Unused } else { TerminationCredit::None },
            sides: [ProratedSides::Both, ProratedSides::Charge, ProratedSides::Neither][flags.3],
            ..counting
        },
    )
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::UTC,
        Tz::America__New_York,
        Tz::Europe__Berlin,
        Tz::Pacific__Apia,
        Tz::Asia__Kathmandu,
    ])
}

fn instant(seconds: i64) -> Instant {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// A period between a second and three years long, in this century.
fn any_period() -> impl Strategy<Value = Span> {
    (946_684_800_i64..4_102_444_800, 1_i64..94_608_000)
        .prop_map(|(start, length)| Span::new(instant(start), instant(start + length)))
}

fn side(minor: i64) -> Option<Side> {
    Some(Side::plain(Unrounded::from_money(usd(minor))))
}

fn terms(period: Span, at: Instant, from: Option<Side>, to: Option<Side>) -> ChangeInput {
    let mut item = ItemChange::new("plan", from, to);
    let paid = from.map_or(usd(0), |from| from.net.round(Rounding::Down).unwrap());
    item.history = History {
        debits: vec![Debit { span: period, amount: paid }],
        paid: Some(paid),
        credited: None,
        allowance: Some((1, 1)),
    };
    ChangeInput {
        kind: ChangeKind::Terms,
        timing: Timing::Advance,
        period,
        at,
        zone: Tz::UTC,
        reach: Reach::Period,
        items: vec![item],
        interval: None,
        contract_start: Some(period.start),
        balance: usd(0),
    }
}

/// `part`/`whole` of the way through a period.
fn within(period: Span, permille: i64) -> Instant {
    period.start + TimeDelta::milliseconds((period.end - period.start).num_milliseconds() / 1000 * permille)
}

proptest! {
    #[test]
    fn a_factor_lies_between_nothing_and_all_and_used_and_unused_are_all(
        policy in any_counting(), period in any_period(), permille in -500_i64..1500, zone in any_zone(), owner in any_owner(),
    ) {
        let at = within(period, permille);
        let (left, gone) = (unused(&policy, owner, at, period, zone).unwrap(), used(&policy, owner, at, period, zone).unwrap());
        prop_assert_eq!(left.denominator(), gone.denominator());
        prop_assert_eq!(left.numerator() + gone.numerator(), left.denominator());
        for part in [left, gone] {
            let value = part.value().unwrap();
            prop_assert!(Decimal::ZERO <= value && value <= Decimal::ONE, "{}", part);
        }
        let parts = left.value().unwrap() + gone.value().unwrap();
        prop_assert!((parts - Decimal::ONE).abs() <= Decimal::new(1, 1), "each part is a cut decimal: {}", parts);
    }

    #[test]
    fn a_change_at_the_start_leaves_everything_and_one_after_the_end_nothing(
        policy in any_counting(), period in any_period(), zone in any_zone(),
    ) {
        let left = unused(&policy, DayOwner::New, period.start, period, zone).unwrap();
        prop_assert_eq!(left.numerator(), left.denominator());
        // A local day may have 25 hours.
        let after = period.end + TimeDelta::days(2);
        prop_assert_eq!(unused(&policy, DayOwner::New, after, period, zone).unwrap().numerator(), 0);
        if policy.period_end == PeriodEnd::Exclusive {
            prop_assert_eq!(unused(&policy, DayOwner::New, period.end, period, zone).unwrap().numerator(), 0);
        }
    }

    /// Exactly, as fractions: what two parts that meet count is what both count together.
    #[test]
    fn parts_that_meet_add_up(
        unit in any_unit(), period in any_period(), cuts in (1_i64..999, 1_i64..999), zone in any_zone(),
    ) {
        let policy = ProrationPolicy { unit, ..ProrationPolicy::default() };
        let (b, c) = (within(period, cuts.0.min(cuts.1)), within(period, cuts.0.max(cuts.1)));
        let left = |at| unused(&policy, DayOwner::New, at, period, zone).unwrap();
        let (from_b, from_c) = (left(b), left(c));
        prop_assert!(from_b.numerator() >= from_c.numerator(), "later leaves less");
        if b < c && unit != ProrationUnit::FixedMonth {
            let between = factor(&policy, Span::new(b, c), period, zone).unwrap();
            prop_assert_eq!(between.numerator() + from_c.numerator(), from_b.numerator());
        }
    }

    /// Within one minor unit: each of the three amounts is rounded by itself.
    #[test]
    fn a_price_given_back_in_two_steps_is_given_back_once(
        unit in any_unit(), rounding in any_rounding(), period in any_period(), price in 0_i64..100_000_000,
        cuts in (1_i64..999, 1_i64..999),
    ) {
        let policy = ProrationPolicy { unit, rounding, ..ProrationPolicy::default() };
        let (b, c) = (within(period, cuts.0.min(cuts.1)), within(period, cuts.0.max(cuts.1)));
        let money = |factor: Factor| factor.of(Unrounded::from_money(usd(price))).unwrap().round(rounding).unwrap().minor;
        let (all, rest) = (unused(&policy, DayOwner::New, b, period, Tz::UTC).unwrap(), unused(&policy, DayOwner::New, c, period, Tz::UTC).unwrap());
        let first = Factor::clamped(all.numerator() - rest.numerator(), all.denominator(), policy.precision);
        prop_assert!((money(first) + money(rest) - money(all)).abs() <= 1);
    }

    /// Exactly nothing, whatever is counted and rounded: both changes round the same two amounts, once up and once down.
    #[test]
    fn a_change_there_and_back_at_one_instant_owes_nothing(
        policy in any_counting(), lines in any::<bool>(), period in any_period(), permille in 0_i64..1000,
        prices in (0_i64..100_000_000, 0_i64..100_000_000),
    ) {
        let policy = ProrationPolicy { lines: if lines { ChangeLines::Net } else { ChangeLines::Two }, ..policy };
        let at = within(period, permille);
        let net = |from, to| change(&policy, &terms(period, at, side(from), side(to))).unwrap().net.minor;
        prop_assert_eq!(net(prices.0, prices.1) + net(prices.1, prices.0), 0);
        prop_assert_eq!(net(prices.0, prices.0), 0);
    }

    #[test]
    fn a_change_at_the_start_is_the_difference_of_the_full_prices(
        policy in any_counting(), period in any_period(), prices in (0_i64..100_000_000, 0_i64..100_000_000),
    ) {
        let policy = ProrationPolicy { change_day: DayOwner::New, ..policy };
        let outcome = change(&policy, &terms(period, period.start, side(prices.0), side(prices.1))).unwrap();
        prop_assert_eq!((outcome.credit.minor, outcome.charge.minor), (-prices.0, prices.1));
    }

    /// Whatever way the money goes, and time apart: what is due, what comes later and what the balance gains are the worth.
    #[test]
    fn money_is_conserved_on_every_way(
        policy in any_policy(), period in any_period(), permille in 0_i64..1000,
        prices in (0_i64..100_000_000, 0_i64..100_000_000), balance in 0_i64..100_000_000,
    ) {
        let mut input = terms(period, within(period, permille), side(prices.0), side(prices.1));
        input.balance = usd(balance);
        let Ok(outcome) = change(&policy, &input) else { return Ok(()) };
        let to = outcome.settlement;
        let worth = to.due_now.minor + to.next_invoice.minor - (to.credit_left.minor - balance);
        if to.destination != Destination::ExtraTime {
            prop_assert_eq!(worth, outcome.net.minor);
        }
        prop_assert!(to.due_now.minor >= 0 && to.credit_left.minor >= 0 && to.credit_used.minor >= 0);
        let sum: i64 = outcome.lines.iter().map(|l| l.amount.minor).sum();
        prop_assert_eq!(sum, outcome.net.minor, "lines add up");
    }

    /// Rounding on the document: the lines add up to the sum rounded once, and none is a whole unit away from its own.
    #[test]
    fn rounded_on_the_document_lines_add_up_to_the_rounded_sum(
        rounding in any_rounding(), period in any_period(), permille in 0_i64..1000,
        prices in proptest::collection::vec((0_i64..10_000_000, 0_i64..10_000_000), 1..6),
    ) {
        let policy = ProrationPolicy { round_at: RoundAt::Document, rounding, ..ProrationPolicy::default() };
        let mut input = terms(period, within(period, permille), None, None);
        input.items = prices.iter().map(|(from, to)| ItemChange::new("item", side(*from), side(*to))).collect();
        let outcome = change(&policy, &input).unwrap();
        let worth: i64 = prices.iter().map(|(from, to)| to - from).sum();
        let left = unused(&policy, DayOwner::New, input.at, period, Tz::UTC).unwrap();
        prop_assert_eq!(outcome.net, left.of(Unrounded::from_money(usd(worth))).unwrap().round(rounding).unwrap());
        for line in &outcome.lines {
            prop_assert!((Decimal::from(line.amount.minor) - line.unrounded_minor).abs() <= Decimal::ONE);
        }
    }

    #[test]
    fn a_credit_is_never_more_than_was_paid_where_the_policy_says_so(
        counting in any_counting(), period in any_period(), permille in 0_i64..1000,
        price in 0_i64..100_000_000, paid in 0_i64..100_000_000, credited in 0_i64..100_000_000,
    ) {
        let policy = ProrationPolicy { cap: CreditCap::Paid, ..counting };
        let mut input = terms(period, within(period, permille), side(price), side(0));
        input.items[0].history = History { paid: Some(usd(paid)), credited: Some(usd(credited)), ..History::default() };
        let outcome = change(&policy, &input).unwrap();
        prop_assert!(-outcome.credit.minor <= (paid - credited).max(0));
        prop_assert!(-outcome.credit.minor <= price);
    }

}

proptest! {
    #![proptest_config(crate::sample::cases(128))]

    /// Every input gets an answer or a refusal: dates out of every order, amounts at the limits, all policies.
    #[test]
    fn nothing_panics(
        policy in any_policy(), starts in (any::<i64>(), any::<i64>(), any::<i64>()), near in any::<bool>(),
        amounts in (any::<i64>(), any::<i64>(), any::<i64>()), shape in (0..6_usize, 0..3_usize, any::<bool>()),
        zone in any_zone(),
    ) {
        let range = if near { 10_000_000_000 } else { 8_000_000_000_000 };
        let when = |n: i64| instant(n % range);
        let period = Span::new(when(starts.0), when(starts.1));
        let kind = [ChangeKind::Terms, ChangeKind::Quantity, ChangeKind::Termination][shape.1];
        let mut input = terms(period, when(starts.2), side(amounts.0), side(amounts.1));
        if kind == ChangeKind::Termination {
            input.items[0].to = None;
        }
        let interval = "5-months".parse().unwrap();
        input.kind = kind;
        input.zone = zone;
        input.balance = usd(amounts.2);
        input.timing = if shape.2 { Timing::Advance } else { Timing::Arrears };
        input.reach = match shape.0 {
            0 | 1 => Reach::Period,
            2 | 3 => Reach::Interval(interval),
            _ => Reach::Anchor(Stub { span: period, period, interval: Some(interval), contract_start: Some(input.at) }),
        };
        let _ = change(&policy, &input);
        let segment = Segment { start: when(starts.0), end: shape.2.then(|| when(starts.1)), anchor_day: 31 };
        let _ = parts(&policy, &segment, &Schedule { interval, zone, timing: input.timing }, when(starts.2));
    }
}

/// The machine's own floats are the reference here, and only here.
#[test]
fn binary_factors_are_what_the_machine_computes() {
    for d in 1..100_i32 {
        for n in 0..=d {
            for amount in [1, 7, 15, 999, 1050, 123_457, 99_999_999] {
                let expected = (f64::from(amount) * (f64::from(n) / f64::from(d))).round();
                let factor = Factor::clamped(i64::from(n), i64::from(d), FactorPrecision::Binary);
                let ours = factor.of(Unrounded::from_money(usd(i64::from(amount)))).unwrap();
                let ours = ours.round(Rounding::HalfUp).unwrap().minor;
                assert_eq!(ours.to_string(), format!("{expected:.0}"), "{amount} x {n}/{d}");
            }
        }
    }
}

fn march() -> Span {
    Span::new(at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"))
}

#[test]
fn credits_from_debits_know_what_was_really_paid_and_for_when() {
    // 10.00 for March; from the 16th the price is 20.00 and its half month was debited apart; then the price rises.
    let (half, end) = (at("2026-03-16T00:00:00Z"), march().end);
    let mut input = terms(march(), at("2026-03-24T00:00:00Z"), side(9999), side(0));
    let debits =
        vec![Debit { span: march(), amount: usd(1000) }, Debit { span: Span::new(half, end), amount: usd(516) }];
    input.items[0].history = History { debits, ..History::default() };
    let outcome = change(&Profile::StripeFlexible.policy(), &input).unwrap();
    let amounts: Vec<i64> = outcome.lines.iter().map(|l| l.amount.minor).collect();
    assert_eq!(amounts, [-258, -258], "8 of 31 days, and 8 of 16");
    assert_eq!(change(&Profile::StripeClassic.policy(), &input).unwrap().credit.minor, -2580);
    let smaller = ProrationPolicy { credit_base: CreditBase::Smaller, ..Profile::StripeFlexible.policy() };
    assert_eq!(change(&smaller, &input).unwrap().credit.minor, -516);
}

#[test]
fn the_smaller_of_time_and_allowance_left_is_given_back() {
    let policy = ProrationPolicy { cap: CreditCap::Allowance, ..ProrationPolicy::default() };
    let mut input = terms(march(), at("2026-03-02T00:00:00Z"), side(3100), side(0));
    input.items[0].history = History { allowance: Some((1, 10)), ..History::default() };
    let outcome = change(&policy, &input).unwrap();
    assert_eq!(outcome.credit.minor, -310, "30 of 31 days are left, and a tenth of the units");
    assert!(outcome.lines[0].capped);
}

#[test]
fn a_yearly_item_on_a_monthly_contract_is_divided_by_its_year_and_a_fee_that_comes_once_by_nothing() {
    let period = Span::new(at("2025-01-01T00:00:00Z"), at("2025-01-31T00:00:00Z"));
    let of = |cadence, minor| Some(Side { cadence, ..side(minor).unwrap() });
    let mut input = terms(period, period.start, None, None);
    input.items = vec![
        ItemChange::new("support", None, of(Cadence::Every("year".parse().unwrap()), 365_000)),
        ItemChange::new("setup", None, of(Cadence::Once, 100_000)),
        ItemChange::new("old setup", of(Cadence::Once, 100_000), None),
    ];
    let outcome = change(&Profile::Meteroid.policy(), &input).unwrap();
    assert_eq!(outcome.lines.iter().map(|l| l.amount.minor).collect::<Vec<_>>(), [30_000, 100_000]);
}

#[test]
fn a_capped_credit_counts_as_it_is_cut_where_the_sum_is_rounded() {
    let policy = ProrationPolicy {
        cap: CreditCap::Paid,
        round_at: RoundAt::Document,
        rounding: Rounding::HalfUp,
        ..ProrationPolicy::default()
    };
    let mut input = terms(march(), at("2026-03-17T00:00:00Z"), side(3_100), side(1_002));
    input.items[0].history.paid = Some(usd(1_000));
    let lines = change(&policy, &input).unwrap().lines;
    // 15 of 31 days: 1,500 unused, of which 1,000 were paid; 484.84 for the rest, and the sum is -515.16.
    let told = lines.iter().map(|line| (line.amount.minor, line.capped)).collect::<Vec<_>>();
    assert_eq!(told, [(-1_000, true), (485, false)]);
}

#[test]
fn another_interval_restarts_keeps_the_cut_or_restarts_without_credit() {
    let year: billing::calendar::Interval = "year".parse().unwrap();
    let with = |interval_change| {
        let policy =
            ProrationPolicy { interval_change, destination: Destination::NextInvoice, ..ProrationPolicy::default() };
        let mut input = terms(march(), at("2026-03-17T00:00:00Z"), side(3100), side(36_500));
        input.reach = Reach::Interval(year);
        let outcome = change(&policy, &input).unwrap();
        (outcome.credit.minor, outcome.charge.minor, outcome.settlement.due_now.minor, outcome.period.end)
    };
    let next_year = at("2027-03-17T00:00:00Z");
    assert_eq!(with(IntervalChange::Restart), (-1500, 36_500, 35_000, next_year));
    assert_eq!(with(IntervalChange::RestartWithoutCredit), (0, 36_500, 36_500, next_year));
    assert_eq!(with(IntervalChange::KeepAnchor), (-1500, 1500, 0, march().end));
}

#[test]
fn a_stub_up_to_a_new_anchor_is_no_first_period() {
    let until = at("2026-03-20T00:00:00Z");
    let mut input = terms(march(), at("2026-03-10T00:00:00Z"), side(3100), side(2800));
    let stub = Stub::leading(input.at, until, "month".parse().unwrap(), Tz::UTC).unwrap();
    input.reach = Reach::Anchor(stub);
    let full = ProrationPolicy { first_period: FirstPeriod::Full, ..ProrationPolicy::default() };
    assert_eq!(change(&full, &input).unwrap().charge.minor, 1000, "10 of the 28 days that end there");
    assert_eq!(leading(&full, &stub, Tz::UTC), Ok(Factor::WHOLE));
}

#[test]
fn time_left_over_the_usual_length_knows_the_interval_from_the_period_or_asks() {
    let policy = Profile::Recurly.policy();
    let input = terms(march(), at("2026-03-17T00:00:00Z"), side(3000), side(0));
    assert_eq!(change(&policy, &input).unwrap().credit.minor, -1500, "15 of 30 days");
    let weeks = Span::new(march().start, at("2026-03-15T00:00:00Z"));
    let mut input = terms(weeks, at("2026-03-08T00:00:00Z"), side(3000), side(0));
    assert_eq!(change(&policy, &input).unwrap_err().field(), Some("interval"));
    input.interval = Some("2-weeks".parse().unwrap());
    assert_eq!(change(&policy, &input).unwrap().credit.minor, -1500);
}

#[test]
fn the_first_and_the_last_part_of_a_quarter_are_divided_by_their_own_quarters() {
    let day = |text: &str| at(&format!("{text}T00:00:00Z"));
    let segment = Segment { start: day("2011-01-01"), end: Some(day("2011-04-27")), anchor_day: 15 };
    let schedule = Schedule { interval: "quarter".parse().unwrap(), zone: Tz::UTC, timing: Timing::Advance };
    let found = parts(&Profile::Killbill.policy(), &segment, &schedule, day("2011-05-07")).unwrap();
    assert_eq!(found.iter().map(|p| p.factor.to_string()).collect::<Vec<_>>(), ["14/92", "1/1", "12/91"]);
}

#[test]
fn what_the_policy_needs_and_nobody_gave_is_named() {
    let ask = |policy: ProrationPolicy| {
        let mut input = terms(march(), at("2026-03-17T00:00:00Z"), side(3100), side(100));
        input.items[0].history = History::default();
        change(&policy, &input).unwrap_err().field().unwrap().to_owned()
    };
    assert_eq!(ask(Profile::StripeFlexible.policy()), "debits");
    assert_eq!(ask(Profile::Flexprice.policy()), "paid");
    assert_eq!(ask(ProrationPolicy { cap: CreditCap::Allowance, ..ProrationPolicy::default() }), "allowance");
    let mut free = terms(march(), at("2026-03-17T00:00:00Z"), side(3100), side(0));
    free.balance = usd(0);
    assert!(change(&Profile::Samsung.policy(), &free).unwrap_err().to_string().contains("free"));
    free.balance = usd(-1);
    assert_eq!(change(&Profile::Lago.policy(), &free).unwrap_err().field(), Some("balance"));
}

#[test]
fn a_credit_note_pays_the_charge_and_the_rest_is_kept() {
    let mut input = terms(march(), at("2026-03-17T00:00:00Z"), side(6200), side(3100));
    input.balance = usd(10);
    let outcome = change(&Profile::Lago.policy(), &input).unwrap();
    let to = outcome.settlement;
    assert_eq!((to.credit_note.minor, to.due_now.minor, to.credit_left.minor), (3000, 0, 1510));
    assert_eq!(set_off(to.credit_note, Money::zero(usd(0).currency)).unwrap().left, to.credit_note);
}
