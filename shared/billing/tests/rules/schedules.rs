//! What holds for the periods of every contract, wherever its customer lives and however it is aligned.

use billing::calendar::{
    Anchor, Instant, Interval, Unit,
    alignment::{Alignment, AlignmentPolicy, BoundaryTime, FirstAnchor, OnAnchor},
    daycount::DayCount,
    group::{RealignWhen, Realignment, align_together},
    periods::Cut,
    recurrence::{DayOfMonth, Recurrence},
    schedule::Schedule,
    trial::{Trial, TrialAnchor, TrialLength},
};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;

/// Changes at midnight and by half an hour, a day left out, rules that came and went, odd offsets, and none at all.
const ZONES: [Tz; 9] = [
    Tz::UTC,
    Tz::America__Juneau,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kolkata,
    Tz::Pacific__Apia,
    Tz::America__Sao_Paulo,
    Tz::Africa__Cairo,
    Tz::America__St_Johns,
    Tz::Europe__Berlin,
];

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(ZONES.to_vec())
}

/// An instant from 1960 to 2100, or within two days of a change of clocks that is hard.
fn instant() -> impl Strategy<Value = Instant> {
    let any = (-315_619_200_i64..4_102_444_800).prop_map(seconds);
    let hard = prop::sample::select(vec![
        "2011-12-30T10:00:00Z", // Apia leaves out a day
        "2018-11-04T03:00:00Z", // Sao Paulo skips midnight
        "2018-02-18T02:00:00Z", // Sao Paulo repeats the hour before midnight
        "2024-04-25T22:00:00Z", // Cairo skips midnight
        "2024-10-31T21:00:00Z", // Cairo repeats the hour before midnight
        "2006-10-29T02:31:00Z", // St. John's changes at a minute past midnight
        "2027-04-03T15:00:00Z", // Lord Howe goes back by half an hour
        "1983-10-30T12:00:00Z", // Juneau changes its zone
    ]);
    let near = (hard, -172_800_i64..172_800)
        .prop_map(|(at, off)| at.parse::<Instant>().expect("an instant") + TimeDelta::seconds(off));
    prop_oneof![any, near]
}

fn seconds(timestamp: i64) -> Instant {
    DateTime::from_timestamp(timestamp, 0).expect("within the calendar")
}

fn interval() -> impl Strategy<Value = Interval> {
    let unit = prop::sample::select(vec![Unit::Day, Unit::Week, Unit::Month, Unit::Year]);
    let count = prop_oneof![4 => Just(1_u32), 2 => Just(3), 2 => 1_u32..=31, 1 => 1_u32..=120];
    (unit, count).prop_map(|(unit, count)| Interval::try_new(unit, count).expect("an interval"))
}

fn day() -> impl Strategy<Value = DayOfMonth> {
    (1_u32..=31).prop_map(|day| day.try_into().expect("a day"))
}

fn alignment() -> impl Strategy<Value = Alignment> {
    let weekday = (0_u8..7).prop_map(|day| Weekday::try_from(day).expect("a weekday"));
    prop_oneof![
        Just(Alignment::Anniversary),
        weekday.clone().prop_map(|first_weekday| Alignment::Calendar { first_weekday }),
        day().prop_map(|day| Alignment::DayOfMonth { day }),
        ((1_u32..=12), day())
            .prop_map(|(month, day)| Alignment::MonthDay { month: month.try_into().expect("a month"), day }),
        weekday.prop_map(|weekday| Alignment::Weekday { weekday }),
        instant().prop_map(|at| Alignment::Anchor { at }),
    ]
}

fn policy() -> impl Strategy<Value = AlignmentPolicy> {
    let first = prop::sample::select(vec![
        FirstAnchor::InStep,
        FirstAnchor::Next,
        FirstAnchor::StartMonth,
        FirstAnchor::LongestStub,
    ]);
    let on_anchor = prop::sample::select(vec![OnAnchor::LocalDay, OnAnchor::Instant]);
    let time = prop_oneof![
        Just(BoundaryTime::OfAlignment),
        Just(BoundaryTime::Midnight),
        Just(BoundaryTime::OfStart),
        (0_u32..86_400).prop_map(|second| BoundaryTime::At {
            time: NaiveTime::from_num_seconds_from_midnight_opt(second, 0).expect("a time")
        }),
    ];
    (alignment(), first, on_anchor, time).prop_map(|(to, first, on_anchor, time)| AlignmentPolicy {
        to,
        first,
        on_anchor,
        time,
    })
}

/// Any schedule that there can be; alignments that do not fit the interval are left out.
fn schedule() -> impl Strategy<Value = Schedule> {
    (instant(), interval(), policy(), zone())
        .prop_filter_map("the alignment fits", |(start, interval, policy, zone)| {
            Schedule::try_new(start, interval, &policy, zone).ok()
        })
}

/// The local date that is at most one interval after `date`.
fn one_interval_later(date: NaiveDate, interval: Interval) -> NaiveDate {
    let count = interval.count();
    let later = match interval.unit() {
        Unit::Day => date.checked_add_days(Days::new(count.into())),
        Unit::Week => date.checked_add_days(Days::new(u64::from(count) * 7)),
        Unit::Month => date.checked_add_months(chrono::Months::new(count)),
        Unit::Year => date.checked_add_months(chrono::Months::new(12 * count)),
    };
    later.expect("within the calendar")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..crate::sample::cases(400) })]

    #[test]
    fn periods_have_no_gap_and_no_overlap(schedule in schedule()) {
        let mut end = schedule.start();
        for period in schedule.periods().expect("periods").take(60) {
            let period = period.expect("within the calendar");
            prop_assert_eq!(period.span.start, end);
            prop_assert!(period.span.start < period.span.end);
            prop_assert!(period.whole.start <= period.span.start && period.span.end <= period.whole.end);
            prop_assert_eq!(period.is_stub(), period.span != period.whole);
            prop_assert!(period.index == 0 || !period.is_stub());
            end = period.span.end;
        }
    }

    #[test]
    fn every_instant_lies_in_exactly_the_period_that_says_so(schedule in schedule(), after in 0_i64..2_000_000_000) {
        let at = schedule.start() + TimeDelta::seconds(after);
        let period = schedule.period_at(at).expect("within the calendar").expect("a period");
        prop_assert!(period.span.holds(at));
        prop_assert_eq!(schedule.period(period.index), Ok(Some(period)));
        prop_assert_eq!(schedule.period_at(period.span.start), Ok(Some(period)));
        prop_assert_eq!(schedule.next_boundary(at), Ok(Some(period.span.end)));
        prop_assert_eq!(schedule.boundary(period.index), Ok(period.span.start));
    }

    #[test]
    fn no_first_period_is_longer_than_one_interval(schedule in schedule()) {
        let recurrence = schedule.recurrence();
        let date = |at: Instant| at.with_timezone(&recurrence.zone()).date_naive();
        let first = schedule.period(0).expect("within the calendar").expect("a period");
        // Clamping may put the boundary on the last day of a month when the start was on an earlier one; and a local day
        // that a clock change cuts short may push it by one.
        let latest = one_interval_later(date(schedule.start()), recurrence.interval()) + Days::new(3);
        prop_assert!(date(first.span.end) <= latest, "{} after {}", first.span.end, schedule.start());
    }

    #[test]
    fn the_biller_may_run_whenever_it_likes(schedule in schedule(), mut steps in prop::collection::vec(0_i64..9_000_000, 1..12)) {
        let from = schedule.start() - TimeDelta::seconds(1);
        let (mut last, mut found) = (from, Vec::new());
        steps.push(0);
        for step in steps {
            let now = last + TimeDelta::seconds(step);
            for period in schedule.due_between(last, now).expect("periods") {
                found.push(period.expect("a period").index);
            }
            last = now;
        }
        let once: Vec<_> = schedule.due_between(from, last).expect("periods").map(|p| p.expect("a period").index).collect();
        prop_assert_eq!(found, once);
    }

    #[test]
    fn an_ended_contract_is_cut_off_and_otherwise_the_same(schedule in schedule(), after in 1_i64..400_000_000) {
        let end = schedule.start() + TimeDelta::seconds(after);
        let ended = schedule.ending(end).expect("an end");
        prop_assert_eq!(ended.period_at(end), Ok(None));
        let last = ended.period_at(end - TimeDelta::seconds(1)).expect("within the calendar").expect("a period");
        let full = schedule.period(last.index).expect("within the calendar").expect("a period");
        prop_assert_eq!((last.span.start, last.span.end, last.whole), (full.span.start, end, full.whole));
        prop_assert_eq!(ended.periods().expect("periods").take(9).filter(|p| p.as_ref().is_ok_and(|p| end < p.span.end)).count(), 0);
        prop_assert_eq!(ended.completed(end), schedule.completed(end).map(|n| n + usize::from(last.span.end < full.span.end)));
    }

    #[test]
    fn a_period_begins_on_its_billing_day(schedule in schedule(), index in 0_u32..50) {
        let begins = schedule.boundary(index).expect("within the calendar");
        prop_assert!(schedule.is_billing_day(begins).expect("within the calendar"));
    }

    #[test]
    fn a_moved_anchor_leaves_no_gap(
        old in schedule(),
        to in (interval(), policy()),
        after in 1_i64..200_000_000,
        at_once in any::<bool>(),
    ) {
        let (interval, policy) = to;
        let when = if at_once { RealignWhen::Now } else { RealignWhen::PeriodEnd };
        let at = old.start() + TimeDelta::seconds(after);
        if let Ok(new) = old.realign(at, &Realignment { interval, policy, when }) {
            prop_assert_eq!(new.closed.end(), Some(new.opened.start()));
            prop_assert_eq!(new.closing.span.end, new.opening.span.start);
            prop_assert_eq!(new.closed.start(), old.start());
            prop_assert!(at_once || !matches!(new.closing.cut, Cut::TrailingStub));
        }
    }

    #[test]
    fn contracts_that_were_brought_together_share_the_boundaries_of_the_longer(
        starts in prop::collection::vec(instant(), 3),
        anchor in instant(),
        after in 1_i64..100_000_000,
        zone in zone(),
    ) {
        let make = |(start, interval): (&Instant, &str)| {
            let interval = interval.parse().expect("an interval");
            Schedule::try_new(*start, interval, &AlignmentPolicy::default(), zone).expect("a schedule")
        };
        let contracts: Vec<_> = starts.iter().zip(["month", "quarter", "year"]).map(make).collect();
        let at = *starts.iter().max().expect("three") + TimeDelta::seconds(after);
        let policy = AlignmentPolicy::to(Alignment::Anchor { at: anchor });
        let moved = align_together(&contracts, at, &policy, RealignWhen::Now).expect("one kind, one zone");
        for index in 1..6 {
            let renewal = moved[2].opened.boundary(index).expect("within the calendar");
            for shorter in &moved[..2] {
                let period = shorter.opened.period_at(renewal).expect("within the calendar").expect("a period");
                prop_assert_eq!(period.span.start, renewal);
            }
        }
    }

    #[test]
    fn a_follower_meets_its_leader(leader in schedule(), after in 0_i64..100_000_000, multiple in 1_u32..5) {
        let interval = leader.recurrence().interval();
        let Ok(longer) = Interval::try_new(interval.unit(), interval.count() * multiple) else { return Ok(()) };
        let start = leader.start() + TimeDelta::seconds(after);
        let follower = leader.follow(start, longer, FirstAnchor::InStep).expect("one kind");
        for index in 1..4 {
            let boundary = follower.boundary(index).expect("within the calendar");
            let period = leader.period_at(boundary).expect("within the calendar").expect("a period");
            prop_assert_eq!(period.span.start, boundary);
        }
    }

    #[test]
    fn a_trial_and_its_paid_periods_meet(
        start in instant(), interval in interval(), policy in policy(), days in 0_u32..400, zone in zone(),
    ) {
        for anchor in [TrialAnchor::Start, TrialAnchor::End] {
            let trial = Trial { length: TrialLength::Days { days }, anchor };
            if let Ok(trialed) = trial.schedule(start, interval, &policy, zone) {
                prop_assert_eq!((trialed.trial.start, trialed.trial.end), (start, trialed.schedule.start()));
                let first = trialed.schedule.period(0).expect("within the calendar").expect("a period");
                prop_assert!(trialed.trial.end < first.span.end);
            }
        }
    }

    #[test]
    fn an_anniversary_is_what_the_anchor_of_a_contract_counts(start in instant(), interval in interval(), zone in zone()) {
        let anchor = Anchor::at(start, zone);
        let schedule = Schedule::try_new(start, interval, &AlignmentPolicy::default(), zone).expect("a schedule");
        prop_assert_eq!(schedule.recurrence(), &Recurrence::of_anchor(&anchor, interval));
        for index in 1..20 {
            let boundary = anchor.boundary(interval, index).expect("within the calendar");
            prop_assert_eq!(schedule.recurrence().boundary(index.into()), Ok(boundary));
        }
    }

    #[test]
    fn stored_schedules_and_policies_are_read_as_they_were_written(schedule in schedule(), policy in policy()) {
        let json = serde_json::to_string(&schedule).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Schedule>(&json).expect("a schedule"), schedule);
        let json = serde_json::to_string(&policy).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<AlignmentPolicy>(&json).expect("a policy"), policy);
    }

    #[test]
    fn days_of_adjoining_spans_add_up(days in prop::collection::vec(-200_000_i32..400_000, 3)) {
        let date = |i: usize| NaiveDate::from_num_days_from_ce_opt(719_163 + days[i]).expect("a date");
        for count in [DayCount::Actual, DayCount::Thirty] {
            prop_assert_eq!(
                count.days(date(0), date(1)) + count.days(date(1), date(2)),
                count.days(date(0), date(2))
            );
            prop_assert!(date(0) > date(1) || count.days(date(0), date(1)) >= 0);
        }
    }
}

fn last_day(date: NaiveDate) -> u32 {
    (28..=31).rev().find(|day| date.with_day(*day).is_some()).expect("a month has a last day")
}

#[test]
fn no_anchor_drifts_in_400_years_under_any_alignment_of_months() {
    let start = "2027-02-10T08:00:00Z".parse().expect("an instant");
    for (day, interval) in
        [(28, "month"), (29, "month"), (30, "quarter"), (31, "month"), (31, "half-year"), (29, "year")]
    {
        for zone in ZONES {
            let json = format!(r#"{{"to": {{"month-day": {{"month": 2, "day": {day}}}}}}}"#);
            let policy: AlignmentPolicy = serde_json::from_str(&json).expect("a policy");
            let schedule =
                Schedule::try_new(start, interval.parse().expect("an interval"), &policy, zone).expect("one");
            let until: Instant = "2427-03-01T12:00:00Z".parse().expect("an instant");
            for period in schedule.elapsed(until).expect("periods") {
                let date = period.expect("a period").span.end.with_timezone(&zone).date_naive();
                assert_eq!(date.day(), last_day(date).min(day), "{interval} on {day} in {zone}: {date}");
            }
        }
    }
}

#[test]
fn weekdays_do_not_drift_in_400_years() {
    for zone in [Tz::America__Juneau, Tz::Pacific__Apia, Tz::Africa__Cairo] {
        let policy = AlignmentPolicy::to(Alignment::Weekday { weekday: Weekday::Fri });
        let start = "2027-02-10T08:00:00Z".parse().expect("an instant");
        let weekly = Schedule::try_new(start, "week".parse().expect("an interval"), &policy, zone).expect("a schedule");
        let mut friday = NaiveDate::from_ymd_opt(2027, 2, 12).expect("a date");
        for index in 1..20_872 {
            let boundary = weekly.boundary(index).expect("within the calendar").with_timezone(&zone);
            assert_eq!(boundary.date_naive(), friday, "{zone}");
            friday = friday + Days::new(7);
        }
    }
}

#[test]
fn the_29_of_february_comes_back_and_the_28_is_an_ordinary_day() {
    let year = |start: &str| {
        let start = start.parse().expect("an instant");
        let policy = AlignmentPolicy::default();
        let schedule = Schedule::try_new(start, "year".parse().expect("one"), &policy, Tz::UTC).expect("a schedule");
        [1, 4, 5].map(|i| schedule.boundary(i).expect("within the calendar").date_naive().to_string())
    };
    assert_eq!(year("2020-02-29T00:00:00Z"), ["2021-02-28", "2024-02-29", "2025-02-28"]);
    assert_eq!(year("2023-02-28T00:00:00Z"), ["2024-02-28", "2027-02-28", "2028-02-28"]);
}

#[test]
fn midnights_that_a_clock_change_skips_begin_with_the_first_instant_of_the_day() {
    for (zone, day, begins) in [
        (Tz::America__Sao_Paulo, "2018-11-04", "2018-11-04T03:00:00Z"),
        (Tz::Africa__Cairo, "2024-04-26", "2024-04-25T22:00:00Z"),
    ] {
        let policy: AlignmentPolicy = serde_json::from_str(r#"{"to": {"calendar": {}}}"#).expect("a policy");
        let begins: Instant = begins.parse().expect("an instant");
        let start = begins - TimeDelta::days(3);
        let daily = Schedule::try_new(start, "day".parse().expect("an interval"), &policy, zone).expect("a schedule");
        let period = daily.period_at(begins).expect("within the calendar").expect("a period");
        assert_eq!((period.span.start, period.span.end - begins), (begins, TimeDelta::hours(23)), "{zone} {day}");
    }
}
