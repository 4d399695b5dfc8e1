//! Proration at the edges of its rules: periods that are just no whole months, changes at the very start, debits that have
//! ended, an end under a policy that buys time.
//!
//! Exists beside the properties because those draw instants at random, and an edge is one instant.

use billing::{
    calendar::recurrence::Span,
    money::Unrounded,
    proration::{
        BeyondWhole, ChangeInput, ChangeKind, CreditBase, DayOwner, Debit, Denominator, Destination, Factor,
        FactorPrecision, ItemChange, LineRule, PeriodEnd, Profile, ProrationPolicy, ProrationUnit, Reach, RoundAt,
        Schedule, Segment, Side, Stub, TerminationCredit, Timing, change, factor, leading, parts, trailing, unused,
    },
};
use chrono_tz::Tz;

use crate::sample::{at, day, usd};

fn span(start: &str, end: &str) -> Span {
    Span::new(day(start), day(end))
}

fn fixed_months() -> ProrationPolicy {
    ProrationPolicy { unit: ProrationUnit::FixedMonth, ..ProrationPolicy::default() }
}

fn side(minor: i64) -> Option<Side> {
    Some(Side::plain(Unrounded::from_money(usd(minor))))
}

/// March, paid in advance, and what becomes of it at `when`.
fn march(kind: ChangeKind, when: &str, to: Option<Side>) -> ChangeInput {
    ChangeInput {
        kind,
        timing: Timing::Advance,
        period: span("2026-03-01", "2026-04-01"),
        at: day(when),
        zone: Tz::UTC,
        reach: Reach::Period,
        items: vec![ItemChange::new("plan", side(3_100), to)],
        interval: None,
        contract_start: None,
        balance: usd(0),
    }
}

#[test]
fn only_whole_months_count_thirty_days_each_and_other_periods_as_many_as_they_have() {
    let whole = |start: &str, end: &str| {
        let period = span(start, end);
        factor(&fixed_months(), period, period, Tz::UTC).expect("a factor").denominator()
    };
    let table = [
        ("2026-01-15", "2026-02-15", 30),
        ("2026-01-31", "2026-02-28", 30),
        ("2026-02-28", "2026-03-31", 30),
        ("2026-12-31", "2027-02-28", 60),
        // No whole month: its day is another, and none of the two is cut to the last of a short month.
        ("2026-01-15", "2026-02-20", 35),
        ("2026-01-20", "2026-02-15", 25),
        ("2026-01-12", "2026-02-28", 46),
        ("2026-01-15", "2026-01-25", 10),
    ];
    for (start, end, days) in table {
        assert_eq!(whole(start, end), days, "{start} to {end}");
    }
}

#[test]
fn before_anything_was_used_all_is_left_however_it_is_counted() {
    let period = span("2026-01-31", "2026-02-28");
    let left =
        |owner, when: &str| unused(&fixed_months(), owner, day(when), period, Tz::UTC).expect("a factor").to_string();
    assert_eq!(left(DayOwner::New, "2026-01-31"), "30/30");
    assert_eq!([left(DayOwner::New, "2026-01-30"), left(DayOwner::Old, "2026-01-30")], ["30/30", "30/30"]);
    // The day of the change is the old terms': it was used.
    assert_ne!(left(DayOwner::Old, "2026-01-31"), "30/30");
}

#[test]
fn a_debit_that_has_ended_gives_nothing_back_and_has_no_line() {
    let policy = ProrationPolicy { credit_base: CreditBase::Debited, ..ProrationPolicy::default() };
    let mut input = march(ChangeKind::Terms, "2026-03-17", side(0));
    let debit = |start: &str, end: &str, minor| Debit { span: span(start, end), amount: usd(minor) };
    input.items[0].history.debits =
        vec![debit("2026-03-01", "2026-03-10", 900), debit("2026-03-10", "2026-04-01", 2_200)];
    let lines = change(&policy, &input).expect("a change").lines;
    let told: Vec<_> = lines.iter().map(|line| (line.rule, line.amount.minor)).collect();
    assert_eq!(told, [(LineRule::UnusedDebit, -1_500)], "15 of 22 days of the second");
}

#[test]
fn an_end_buys_no_time_and_waits_for_no_invoice() {
    for destination in [Destination::ExtraTime, Destination::NextInvoice] {
        let policy =
            ProrationPolicy { destination, termination: TerminationCredit::Unused, ..ProrationPolicy::default() };
        let outcome = change(&policy, &march(ChangeKind::Termination, "2026-03-17", None)).expect("an end");
        let to = outcome.settlement;
        assert_eq!((outcome.credit.minor, to.destination), (-1_500, Destination::InvoiceNow));
        assert_eq!((to.credit_left.minor, to.extra_days), (1_500, None));
        assert_eq!(outcome.period, span("2026-03-01", "2026-03-17"));
    }
    let samsung = change(&Profile::Samsung.policy(), &march(ChangeKind::Terms, "2026-03-17", side(3_100)));
    assert_eq!(samsung.expect("a change").settlement.destination, Destination::ExtraTime);
}

#[test]
fn a_segment_that_is_over_is_billed_up_to_its_end_whatever_the_day_of_the_bill() {
    let schedule = Schedule { interval: "year".parse().expect("an interval"), zone: Tz::UTC, timing: Timing::Advance };
    let segment = Segment { start: day("2011-02-01"), end: Some(day("2012-02-01")), anchor_day: 1 };
    let billed = |until: &str| parts(&Profile::Killbill.policy(), &segment, &schedule, day(until)).expect("parts");
    assert_eq!(
        billed("2011-02-01").iter().map(|part| part.span).collect::<Vec<_>>(),
        [span("2011-02-01", "2012-02-01")]
    );
    let short = Segment { end: Some(day("2011-12-15")), ..segment };
    let of_short = |until: &str| parts(&Profile::Killbill.policy(), &short, &schedule, day(until)).expect("parts");
    assert_eq!(of_short("9999-12-31"), of_short("2011-02-01"));
    // No boundary after its end is computed, though none would be left in the calendar.
    assert_eq!(billed("9999-12-31"), billed("2011-02-01"));
}

#[test]
fn a_period_of_exactly_its_interval_is_no_lengthened_one() {
    let policy = ProrationPolicy { beyond: BeyondWhole::Counted, ..ProrationPolicy::default() };
    let week = |until: &str| Stub {
        span: span("2026-03-01", until),
        period: span("2026-03-01", "2026-03-08"),
        interval: Some("week".parse().expect("an interval")),
        contract_start: None,
    };
    assert_eq!(leading(&policy, &week("2026-03-08"), Tz::UTC), Ok(Factor::WHOLE));
    assert_eq!(leading(&policy, &week("2026-03-09"), Tz::UTC).expect("a factor").to_string(), "8/7");
    // A year up to the last day of February is one, though that day is another.
    let policy = ProrationPolicy { leading: Denominator::StartingAtAnchor, ..policy };
    let whole = span("2027-02-28", "2028-02-29");
    let interval = Some("year".parse().expect("an interval"));
    let year = Stub { span: whole, period: whole, interval, contract_start: None };
    assert_eq!(leading(&policy, &year, Tz::UTC), Ok(Factor::WHOLE));
}

#[test]
fn a_stub_on_an_anniversary_lies_in_the_period_that_begins_there() {
    let policy = ProrationPolicy { trailing: Denominator::Anniversary, ..ProrationPolicy::default() };
    let part = |start: &str, end: &str| {
        let stub =
            Stub::trailing(day(start), day(end), "month".parse().expect("an interval"), Tz::UTC).expect("a stub");
        let stub = Stub { contract_start: Some(day("2019-01-15")), ..stub };
        trailing(&policy, &stub, Tz::UTC).expect("a factor").to_string()
    };
    // 15 June to 15 July has 30 days, the period before it 31.
    assert_eq!([part("2026-06-14", "2026-06-24"), part("2026-06-15", "2026-06-25")], ["10/31", "10/30"]);
    assert_eq!(part("2019-01-15", "2019-01-25"), "10/31", "the first one, too");
    // 15 January to 15 April of a leap year.
    let quarter = "quarter".parse().expect("an interval");
    let stub = Stub::trailing(day("2024-02-01"), day("2024-02-11"), quarter, Tz::UTC).expect("a stub");
    let stub = Stub { contract_start: Some(day("2019-01-15")), ..stub };
    assert_eq!(trailing(&policy, &stub, Tz::UTC).expect("a factor").to_string(), "10/91");
    // Ten days of Berlin, one of which has 25 hours: half an hour before their end, ten times 24 hours are over.
    let policy = ProrationPolicy { unit: ProrationUnit::Minute, ..policy };
    let berlin = Tz::Europe__Berlin;
    let (start, end) = (at("2026-10-29T22:30:00Z"), at("2026-10-29T23:00:00Z"));
    let stub = Stub::trailing(start, end, "10-days".parse().expect("an interval"), berlin).expect("a stub");
    let stub = Stub { contract_start: Some(at("2026-10-19T22:00:00Z")), ..stub };
    assert_eq!(trailing(&policy, &stub, berlin).expect("a factor").to_string(), "30/14460");
}

/// New items of a period of thirty days, twenty of which are left.
fn bought(policy: &ProrationPolicy, prices: &[i64]) -> Vec<i64> {
    let mut input = march(ChangeKind::Terms, "2026-04-11", None);
    input.period = span("2026-04-01", "2026-05-01");
    input.items = prices.iter().map(|minor| ItemChange::new("item", None, side(*minor))).collect();
    change(policy, &input).expect("a change").lines.iter().map(|line| line.amount.minor).collect()
}

#[test]
fn what_is_missing_to_a_rounded_sum_goes_to_the_largest_remainder_and_not_to_the_largest_line() {
    let policy = ProrationPolicy { round_at: RoundAt::Document, ..ProrationPolicy::default() };
    // 333.33, 66.67 and 3.33 cents: 403.33 in all.
    assert_eq!(bought(&policy, &[500, 100, 5]), [333, 67, 3]);
    // Seven tenths, as the factor is cut: 70.7, and not 67.33.
    let cut = ProrationPolicy { precision: FactorPrecision::Decimals(1), ..policy };
    assert_eq!(bought(&cut, &[101]), [71]);
}

#[test]
fn an_inclusive_end_counts_the_last_day_of_a_stub_too() {
    let policy = ProrationPolicy {
        period_end: PeriodEnd::Inclusive,
        beyond: BeyondWhole::Counted,
        ..ProrationPolicy::default()
    };
    let part = |stub: &Stub| leading(&policy, stub, Tz::UTC).expect("a factor").to_string();
    let (interval, contract_start) = (None, None);
    let period = span("2026-03-01", "2026-03-31");
    assert_eq!(part(&Stub { span: span("2026-03-15", "2026-03-31"), period, interval, contract_start }), "17/31");
    // A week and two days more.
    let (period, interval) = (span("2026-03-01", "2026-03-07"), Some("week".parse().expect("an interval")));
    assert_eq!(part(&Stub { span: span("2026-03-01", "2026-03-09"), period, interval, contract_start }), "9/7");
}
